"""From an origin to its placement: channel, source, medium, campaign, ad group, ad, keyword, and why.

The evidence is ranked in :mod:`attribution.channels.evidence`, the rules are data (``rules.toml``).
Classification never raises on data and never goes to the network: every origin gets exactly one channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Final, NamedTuple

import pandas as pd

from attribution.channels.evidence import LOWER_CASE, Evidence, EvidenceReader, Origin, canonical
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.channels.rules import RULES_VERSION, UNASSIGNED, Facts, RuleSet, default_rules

__all__ = ["DIRECT", "RULES_VERSION", "UNASSIGNED", "Placed", "classify", "place"]

DIRECT: Final = "Direct"


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
    origins: pd.DataFrame, *, own_domains: Iterable[str] = (), rules: RuleSet | None = None
) -> pd.DataFrame:
    """Place origins, one row each; give distinct rows, since every row is looked at.

    Args:
        origins: some of the columns ORIGIN_FIELDS as text; a missing column or value is null.
        own_domains: the store's own sites; a referrer within one is no source.
        rules: default the rules of the package.

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
    clean = _cleaner(chosen)
    assert Origin._fields == ORIGIN_FIELDS  # rows are made by position
    columns = [_column(origins, name, clean) for name in ORIGIN_FIELDS]
    classifier = _Classifier(chosen, tuple(own_domains))
    rows = zip(*columns, strict=False) if len(origins) else ()
    placed = [classifier.place(Origin._make(row)) for _, row in zip(range(len(origins)), rows, strict=False)]
    fields = list(zip(*placed, strict=True)) or [()] * len(Placed._fields)
    return pd.DataFrame(
        {name: pd.Series(list(values), index=origins.index, dtype=object)
         for name, values in zip((*PLACEMENT_FIELDS, "rule"), fields, strict=True)},
        index=origins.index,
    )  # fmt: skip


def place(
    origin: Mapping[str, object] | None = None,
    *,
    own_domains: Iterable[str] = (),
    rules: RuleSet | None = None,
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
    return _Classifier(chosen, tuple(own_domains)).place(Origin._make(row))


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
        return repeat(None)
    lower = name in LOWER_CASE
    codes, distinct = pd.factorize(origins[name].astype(object), use_na_sentinel=True)
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
        self.names: list[str | None] = [None] * 4
        self.ids: list[str | None] = [None] * 4
        self.label: str | None = None
        self.medium_label: str | None = None
        self.tagged = False
        self.paid: str | None = None  # the label of what makes it an advertisement for certain
        self.by_label: str | None = None

    def offer(self, piece: Evidence) -> None:
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
        for kept, offered in ((self.names, piece.names), (self.ids, piece.ids)):
            if any(offered):
                for i, text in enumerate(offered):
                    if kept[i] is None:
                        kept[i] = text


class _Classifier:
    """Places origins by one rule set; holds what is the same for all rows."""

    def __init__(self, rules: RuleSet, own_domains: Sequence[str]) -> None:
        self._rules = rules
        self._reader = EvidenceReader(rules.tables, own_domains)
        self._is_paid = lru_cache(4_096)(self._paid_medium)

    def place(self, origin: Origin) -> Placed:
        """Return the placement of one origin."""
        draft = _Draft()
        for piece in self._reader.pieces(origin):
            draft.offer(piece)
        campaign, ad_group, ad, keyword = (n or i for n, i in zip(draft.names, draft.ids, strict=True))
        source, medium = draft.source, draft.medium
        if origin.channel:
            channel, rule = origin.channel, f"{origin.channel}: given with the touch"
        else:
            facts = self._facts(origin, draft, campaign, ad_group, ad, keyword)
            channel, looked_at = self._rules.decide(facts)
            rule = self._sentence(channel, looked_at, facts, draft, origin)
            if channel == DIRECT:
                source, medium = "(direct)", "(none)"
        return Placed(channel, source, medium, campaign, ad_group, ad, keyword, rule)

    def _paid_medium(self, medium: str | None, sure: bool) -> bool:
        if medium and self._rules.tables.paid_medium.match(medium):
            return True
        return sure and not (medium and self._rules.knows_medium(medium))

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
