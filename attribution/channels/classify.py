"""From an origin to its placement: channel, source, medium, campaign, ad group, ad, keyword, and why.

The evidence is ranked in :mod:`attribution.channels.evidence`, the rules are data (``rules.toml``).
Classification never raises on data and never goes to the network: every origin gets exactly one channel.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from typing import Any, Final, NamedTuple

import pandas as pd

from attribution.channels.evidence import LOWER_CASE, NOBODY, Evidence, EvidenceReader, Named, Origin
from attribution.channels.names import LEVELS, PlatformNames
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.channels.rules import RULES_VERSION, UNASSIGNED, Facts, RuleSet, default_rules

__all__ = ["DIRECT", "RULES_VERSION", "UNASSIGNED", "Placed", "classify", "place"]

DIRECT: Final = "Direct"
_AT_ONCE: Final = 500  # placements that are held as rows
_READ_AT_ONCE: Final = 20_000


class Placed(NamedTuple):
    """A placement and the sentence that says which rule decided it on which evidence."""

    channel: str
    source: str | None
    medium: str | None
    campaign: str | None
    ad_group: str | None
    ad: str | None
    keyword: str | None
    rule: str


def classify(
    origins: pd.DataFrame,
    *,
    own_domains: Iterable[str] = (),
    rules: RuleSet | None = None,
    names: PlatformNames | None = None,
) -> pd.DataFrame:
    """Place origins, one row each; give distinct rows, since every row is looked at.

    Args:
        origins: some of the columns ORIGIN_FIELDS as text; a missing column or value is null.
        own_domains: the store's own sites; a referrer within one is no source.
        rules: default the rules of the package.
        names: what the platforms' ids stand for; what carries a known one is placed under its name, however
            it is tagged.

    Returns:
        A frame with the same index and the columns PLACEMENT_FIELDS + ``rule``, None for unknown;
        `channel` and `rule` are never null.

    >>> origins = pd.DataFrame({"utm_source": ["google", None], "utm_medium": ["cpc", None],
    ...                         "referrer_host": [None, "chatgpt.com"]})
    >>> print(classify(origins)[["channel", "source", "medium", "rule"]].to_string(index=False))
         channel  source       medium                                                          rule
     Paid Search  google          cpc Paid Search: utm_source in the URL, source google, medium cpc
    AI Assistant chatgpt ai-assistant            AI Assistant: referrer chatgpt.com, source chatgpt
    """
    chosen = rules or default_rules()
    classifier = _Classifier(chosen, tuple(own_domains), names)
    fields: list[list[str | None]] = [[] for _ in Placed._fields]
    rows = map(classifier.place, read_origins(origins, chosen))
    with _no_collection():
        while placed := list(islice(rows, _AT_ONCE)):
            for values, more in zip(fields, zip(*placed, strict=True), strict=True):
                values.extend(more)
    columns = zip((*PLACEMENT_FIELDS, "rule"), fields, strict=True)
    return pd.DataFrame(
        {name: pd.Series(values, index=origins.index, dtype=object) for name, values in columns},
        index=origins.index,
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector away: nothing here is in a circle, and it takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def read_origins(origins: pd.DataFrame, rules: RuleSet) -> Iterator[Origin]:
    """Yield the rows of a frame as of :func:`classify`, cleaned."""
    clean = _cleaner(rules)
    assert Origin._fields == ORIGIN_FIELDS  # rows are made by position
    for start in range(0, len(origins), _READ_AT_ONCE):
        block = origins.iloc[start : start + _READ_AT_ONCE]
        yield from map(
            Origin._make, zip(*(_column(block, name, clean) for name in ORIGIN_FIELDS), strict=True)
        )


def place(
    origin: Mapping[str, object] | None = None,
    *,
    own_domains: Iterable[str] = (),
    rules: RuleSet | None = None,
    names: PlatformNames | None = None,
    **fields: object,
) -> Placed:
    """Place one origin, given as a mapping or as keywords out of ORIGIN_FIELDS.

    >>> place(click_id_kinds="gclid", referrer_host="www.youtube.com").rule
    'Paid Video: gclid present, source google, network video'
    """
    chosen = rules or default_rules()
    clean = _cleaner(chosen)
    values = {**(origin or {}), **fields}
    row = (clean(values.get(name), name in LOWER_CASE) for name in ORIGIN_FIELDS)
    return _Classifier(chosen, tuple(own_domains), names).place(Origin._make(row))


Cleaner = Callable[[Any, bool], str | None]


def _cleaner(rules: RuleSet) -> Cleaner:
    missing = rules.tables.missing

    def clean(value: Any, lower: bool) -> str | None:
        if not isinstance(value, str):
            if value is None or value is pd.NA or value != value:
                return None
            value = str(value)
        text: str = value.strip()
        lowered = text.lower()
        if lowered in missing:
            return None
        return lowered if lower else text

    return clean


def _column(origins: pd.DataFrame, name: str, clean: Cleaner) -> Iterable[str | None]:
    """Read a column into cleaned texts; each distinct value is cleaned once."""
    if name not in origins:
        return repeat(None, len(origins))
    lower = name in LOWER_CASE
    codes, distinct = pd.factorize(origins[name].astype(object), use_na_sentinel=True)
    if not len(distinct):
        return repeat(None, len(origins))
    cleaned = [clean(value, lower) for value in distinct]
    cleaned.append(None)  # code -1
    return [cleaned[code] for code in codes.tolist()]


class _Draft:
    """A placement that is being filled, best evidence first."""

    __slots__ = (
        "by_label",
        "chosen",
        "ids",
        "label",
        "medium",
        "medium_label",
        "names",
        "paid",
        "source",
        "tagged",
    )

    def __init__(self) -> None:
        self.source: str | None = None
        self.medium: str | None = None
        self.chosen: str | None = None  # the source's canonical name
        self.names: Named = NOBODY
        self.ids: Named = NOBODY
        self.label: str | None = None
        self.medium_label: str | None = None
        self.tagged = False
        self.paid: str | None = None  # the label of what makes it an advertisement for certain
        self.by_label: str | None = None

    def offer(self, piece: Evidence, canonical: Callable[[str], str]) -> None:
        """Take from a piece what is still unknown, if it speaks of the same source."""
        if piece.source:
            name = canonical(piece.source)
            if self.chosen is None:
                self.source, self.chosen, self.label = piece.source, name, piece.label
            elif name != self.chosen:
                return
        if self.by_label is None:
            self.by_label = piece.label
        if piece.paid and self.paid is None:
            self.paid = piece.label
        if self.medium is None and piece.medium is not None:
            self.medium, self.medium_label, self.tagged = piece.medium, piece.label, piece.tagged
        if piece.names is not NOBODY:
            self.names = _filled(self.names, piece.names)
        if piece.ids is not NOBODY:
            self.ids = _filled(self.ids, piece.ids)


def _filled(kept: Named, offered: Named) -> Named:
    if kept is NOBODY:
        return offered
    first, second, third, fourth = (
        theirs if ours is None else ours for ours, theirs in zip(kept, offered, strict=True)
    )
    return first, second, third, fourth


class _Classifier:
    """Places origins by one rule set; holds what is the same for all rows."""

    def __init__(
        self, rules: RuleSet, own_domains: Sequence[str], names: PlatformNames | None = None
    ) -> None:
        self._rules = rules
        self._names = names
        self._reader = EvidenceReader(rules, own_domains)
        self._is_paid = rules.is_paid

    def place(self, origin: Origin) -> Placed:
        """Return the placement of one origin."""
        draft, canonical = _Draft(), self._rules.canonical
        for piece in self._reader.pieces(origin):
            draft.offer(piece, canonical)
        known = self._known_names(origin, draft) if self._names else []
        names, ids = draft.names, draft.ids
        campaign, ad_group, ad, keyword = (
            names[0] or ids[0], names[1] or ids[1], names[2] or ids[2], names[3] or ids[3],
        )  # fmt: skip
        source, medium = draft.source, draft.medium
        if origin.channel:
            channel, rule = origin.channel, f"{origin.channel}: given with the touch"
        else:
            facts = self._facts(origin, draft, campaign, ad_group, ad, keyword)
            channel, looked_at = self._rules.decide(facts)
            rule = self._sentence(channel, looked_at, facts, draft, origin)
            if channel == DIRECT:
                source, medium = "(direct)", "(none)"
        if known:
            rule = "; ".join([rule, *known])
        return Placed(channel, source, medium, campaign, ad_group, ad, keyword, rule)

    def _known_names(self, origin: Origin, draft: _Draft) -> list[str]:
        """Call what carries a platform's id by its name, and what the user renamed so; say so in words."""
        assert self._names is not None
        words: list[str] = []
        platforms: list[str] | None = None
        names = list(draft.names)
        for i, level in enumerate(LEVELS):
            number, name = draft.ids[i], names[i]
            if not (number or name):
                continue
            if platforms is None:
                said = (origin.platform, *self._reader.clicked(origin), draft.chosen)
                platforms = list(dict.fromkeys(self._rules.platform_of(word) for word in said if word))
            found = self._names.find(level, platforms, number, name, of_spend=origin.kind is None)
            if found:
                by = "spend_names" if found.by_user else f"its id {number or name}"
                words.append(f"{level.replace('_', ' ')} {found.name} by {by}")
                names[i] = found.name
        draft.names = (names[0], names[1], names[2], names[3])
        return words

    def _facts(self, origin: Origin, draft: _Draft, *names: str | None) -> Facts:
        sure = draft.paid is not None
        network = None
        if draft.chosen == "google" and self._is_paid(draft.medium, sure):
            network = self._reader.network(origin)
        campaign, ad_group, ad, keyword = names
        return Facts(
            draft.source, draft.medium, campaign, ad_group, ad, keyword, origin.kind, network,
            origin.platform, origin.landing_host, origin.referrer_host, sure,
        )  # fmt: skip

    def _sentence(
        self, channel: str, looked_at: tuple[str, ...], facts: Facts, draft: _Draft, origin: Origin
    ) -> str:
        """Say which evidence gave the source and which values the deciding rule looked at."""
        label = draft.label or draft.by_label
        if label is None:
            return f"{channel}: {self._nothing(origin, looked_at)}"
        parts = [f"{channel}: {label}"]
        if draft.source:
            parts.append(f"source {draft.source}")
        for field in dict.fromkeys(looked_at):
            if field == "medium":
                parts.extend(self._medium_words(draft, label))
            elif field not in ("category", "nothing", "source"):
                value = getattr(facts, field)
                if value:
                    parts.append(f"{field.replace('_', ' ')} {value}")
        return ", ".join(parts)

    def _medium_words(self, draft: _Draft, label: str) -> list[str]:
        words = []
        if draft.medium and draft.tagged:
            words.append(f"medium {draft.medium}")
            if draft.paid and not self._is_paid(draft.medium, False) and self._is_paid(draft.medium, True):
                words.append(draft.paid)
        elif draft.medium_label and draft.medium_label != label:
            words.append(draft.medium_label)
        return words

    def _nothing(self, origin: Origin, looked_at: tuple[str, ...]) -> str:
        if "kind" in looked_at:
            return f"a touch of kind {origin.kind}"
        refused = None
        if origin.referrer_host:
            refused = self._reader.referrer(origin.referrer_host, origin.landing_host).refused
        return refused or "nothing says where it came from"
