"""The channel rules as data: an ordered list read from ``rules.toml``, and the small interpreter of it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from attribution.channels.hosts import Source, clean_host, find_source, is_within
from attribution.errors import InputError, UnknownNameError

UNASSIGNED: Final = "Unassigned"


class Facts(NamedTuple):
    """What the rules look at: source and medium in lower case, None for unknown.

    `network` is set for paid clicks of Google only; `paid` says that a paid click id or a platform stands
    behind the source, which counts only where no rule knows the medium.
    """

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    ad_group: str | None = None
    ad: str | None = None
    keyword: str | None = None
    kind: str | None = None
    network: str | None = None
    platform: str | None = None
    landing_host: str | None = None
    referrer_host: str | None = None
    paid: bool = False


class Decision(NamedTuple):
    """The channel, and the fields that the deciding rule looked at."""

    channel: str
    looked_at: tuple[str, ...]


_TEXT_FIELDS: Final = tuple(name for name in Facts._fields if name != "paid")
_MEANINGFUL: Final = ("source", "medium", "campaign", "ad_group", "ad", "keyword")
_OFFLINE_KINDS: Final = frozenset(("call", "meeting", "offline"))
CATEGORIES: Final = ("search", "social", "video", "shopping", "ai", "mail", "other")


class Condition(NamedTuple):
    """One condition: what it looks at, and its test.

    `what` is `text` (of the field), `category` (of the source), `paid` or `nothing`; `key` is equal for
    conditions that ask the same.
    """

    field: str
    what: str
    key: tuple[str, frozenset[str]]
    test: Callable[[str], bool]


class Alternative(NamedTuple):
    """One way for a rule to hold: every condition must."""

    conditions: tuple[Condition, ...]

    @property
    def looked_at(self) -> tuple[str, ...]:
        """The fields that it looks at."""
        return tuple(condition.field for condition in self.conditions)


@dataclass(frozen=True)
class Rule:
    """A channel, when a touch belongs to it (in words too), and whether the rule is a store's own."""

    channel: str
    alternatives: tuple[Alternative, ...]
    words: str = ""
    own: bool = False


class ClickId(NamedTuple):
    """What a click id says; `paid` is None where it is no advertisement, False where it may be."""

    source: str
    medium: str
    paid: bool | None


@dataclass(frozen=True)
class Tables:
    """The tables beside the rules: words, click ids, platforms, networks, referrers."""

    missing: frozenset[str]
    direct_sources: frozenset[str]
    direct_mediums: frozenset[str]
    paid_medium: re.Pattern[str]
    paid_campaign: re.Pattern[str]
    click_ids: Mapping[str, ClickId]
    platforms: Mapping[str, tuple[str, str]]
    networks: Mapping[str, str]
    referrer_networks: Mapping[str, str]
    referrer_mediums: Mapping[str, str]
    handback_hosts: frozenset[str]
    shown_by: Mapping[str, str]  # source -> the platform whose ads it shows and whose ids those carry
    platform_names: Mapping[str, str]  # every word for a platform -> the one that all of them count as
    own_sources: Mapping[str, Source] = field(default_factory=dict)  # a store's, by host and by name

    def platform_name(self, word: str) -> str:
        """Return the one word for a platform, however it is written; a word that is none as it compares.

        >>> default_rules().tables.platform_name("Microsoft Advertising")
        'microsoft'
        """
        key = "_".join(word.lower().replace("-", " ").split())
        return self.platform_names.get(key, word.strip().lower())

    def network_name(self, word: str) -> str:
        """Return what the words of a platform's API and reports call one network.

        >>> default_rules().tables.network_name("CONTENT")
        'display'
        """
        key = word.strip().lower()
        return self.networks.get(key, key)


class RuleSet:
    """An ordered set of channel rules with its tables; immutable.

    >>> default_rules().decide(Facts(source="google", medium="cpc")).channel
    'Paid Search'
    >>> ours = default_rules().with_rules(before=[{"channel": "Partners", "source": "acme-partner"}])
    >>> ours.decide(Facts(source="acme-partner", medium="referral")).channel
    'Partners'
    """

    def __init__(self, version: int, rules: Iterable[Rule], tables: Tables) -> None:
        self.version = version
        self.rules = tuple(rules)
        self.tables = tables
        #: the known source of a host, URL, app or name; None where there is none
        self.find_source = lru_cache(65_536)(self._find_source) if tables.own_sources else find_source
        #: the name under which sources compare: fb, facebook.com and facebook are one
        self.canonical = lru_cache(65_536)(self._canonical)
        self.knows_medium = lru_cache(4_096)(self._knows_medium)
        #: whether a medium is paid, given whether a paid click id or platform stands behind it
        self.is_paid = lru_cache(4_096)(self._paid)
        # A field's tests are asked once for each of its values; what they say, as the bits of a number, is
        # all that rules see of it. So millions of campaigns are a few decisions.
        tests: dict[str, dict[tuple[str, frozenset[str]], Callable[[str], bool]]] = {}
        for condition in self._conditions():
            if condition.what == "text":
                tests.setdefault(condition.field, {}).setdefault(condition.key, condition.test)
        self._fields = [
            (Facts._fields.index(name), lru_cache(65_536)(_answers(tuple(asked.values()))))
            for name, asked in tests.items()
        ]
        self._bits = {
            key: (place, bit) for place, asked in enumerate(tests.values()) for bit, key in enumerate(asked)
        }
        self._decided = lru_cache(65_536)(self._decide)

    def _conditions(self) -> Iterator[Condition]:
        return (one for rule in self.rules for way in rule.alternatives for one in way.conditions)

    def decide(self, facts: Facts) -> Decision:
        """Return the first channel whose rule holds, Unassigned when none does."""
        found = self.find_source(facts.source) if facts.source else None
        return self._decided(
            self.is_paid(facts.medium, facts.paid),
            found.category if found else None,
            _is_nothing(facts),
            tuple([answers(facts[index] or "") for index, answers in self._fields]),
        )

    def _decide(self, paid: bool, category: str | None, nothing: bool, answers: tuple[int, ...]) -> Decision:
        def holds(condition: Condition) -> bool:
            if condition.what == "text":
                place, bit = self._bits[condition.key]
                return bool(answers[place] >> bit & 1)
            if condition.what == "category":
                return condition.test(category or "")
            return paid if condition.what == "paid" else nothing

        for rule in self.rules:
            for way in rule.alternatives:
                if all(map(holds, way.conditions)):
                    return Decision(rule.channel, way.looked_at)
        return Decision(UNASSIGNED, ("medium", "campaign"))

    def _paid(self, medium: str | None, sure: bool) -> bool:
        if medium and self.tables.paid_medium.match(medium):
            return True
        return sure and not (medium and self.knows_medium(medium))

    def _knows_medium(self, medium: str) -> bool:
        """Tell whether some rule (Direct aside) goes by this medium alone."""
        paid = bool(self.tables.paid_medium.match(medium))
        return paid or any(
            all(condition.what == "text" and condition.test(medium) for condition in way.conditions)
            for rule in self.rules
            for way in rule.alternatives
            if set(way.looked_at) == {"medium"}
        )

    def _find_source(self, text: str) -> Source | None:
        own, theirs = self.tables.own_sources, find_source(text)
        lowered = text.strip().lower()
        if lowered in own:
            return own[lowered]
        labels = clean_host(lowered).split(".")
        for start in range(len(labels) - 1):
            found = own.get(".".join(labels[start:]))
            if found:  # the longest host wins here too
                longer = theirs is not None and theirs.key.count(".") > found.key.count(".")
                return theirs if longer else found
        return theirs

    def _canonical(self, source: str) -> str:
        found = self.find_source(source)
        return found.name if found else source.lower()

    def platform_of(self, word: str) -> str:
        """Return the platform whose ids count, by the name of a platform or of a source.

        >>> default_rules().platform_of("meta_ads"), default_rules().platform_of("instagram")
        ('facebook', 'facebook')
        """
        known = self.tables.platforms.get(self.tables.platform_name(word))
        name = known[0] if known else self.canonical(word.strip().lower())
        return self.tables.shown_by.get(name, name)

    def with_rules(
        self,
        *,
        before: Iterable[Rule | Mapping[str, Any]] = (),
        after: Iterable[Rule | Mapping[str, Any]] = (),
        handback_hosts: Iterable[str] = (),
        sources: Iterable[Source] = (),
    ) -> RuleSet:
        """Return a set with a store's own rules before or after these, and with its hosts.

        Args:
            before, after: rules that decide before these, and where none of these holds.
            handback_hosts: hosts that are no origin; `-HOST` takes one out that is.
            sources: known hosts, besides those of the package or better.

        Raises:
            InputError: a rule that cannot be read, see :func:`parse_rule`.
        """
        rules = (*map(_as_own, before), *self.rules, *map(_as_own, after))
        hosts = set(self.tables.handback_hosts)
        for host in handback_hosts:
            if host.startswith("-"):
                hosts -= {known for known in hosts if is_within(known, (host[1:],))}
            else:
                hosts.add(clean_host(host))
        own = {key: source for source in sources for key in (source.name, source.key)}
        tables = replace(self.tables, handback_hosts=frozenset(hosts), own_sources=own)
        return RuleSet(self.version, rules, tables)


def _as_own(rule: Rule | Mapping[str, Any]) -> Rule:
    return replace(rule if isinstance(rule, Rule) else parse_rule(rule), own=True)


def parse_rule(entry: Mapping[str, Any]) -> Rule:
    """Read one rule: ``channel`` with either ``when`` (alternatives) or the conditions themselves.

    Conditions are FIELD (value or list of values), FIELD_contains, FIELD_starts, FIELD_ends, FIELD_matches,
    ``category``, ``paid = true`` and ``nothing = true``; fields are those of :class:`Facts`. Letter case does
    not matter; an empty value stands for a missing field.

    Raises:
        InputError: no channel, no condition, or a value that is no text.
        UnknownNameError: a condition or category that does not exist.

    >>> parse_rule({"channel": "Podcast", "medium_contains": ["podcast", "audio"]}).channel
    'Podcast'
    """
    channel = entry.get("channel")
    if not isinstance(channel, str) or not channel.strip():
        raise InputError(
            f"the rule {dict(entry)!r} names no channel; give channel as a text, such as 'Partners'"
        )
    alternatives = entry.get("when", [{k: v for k, v in entry.items() if k != "channel"}])
    if not isinstance(alternatives, list) or not alternatives or not all(alternatives):
        raise InputError(
            f"the rule for {channel!r} has no condition; give at least one, such as source = 'acme'"
        )
    parsed = tuple(_alternative(channel, conditions) for conditions in alternatives)
    return Rule(channel.strip(), parsed, " or ".join(map(_in_words, alternatives)))


def _in_words(conditions: Mapping[str, Any]) -> str:
    """Write the conditions of an alternative as they stand in a file."""
    return " and ".join(f"{key} = {_toml(value)}" for key, value in conditions.items())


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)


def _alternative(channel: str, conditions: Any) -> Alternative:
    if not isinstance(conditions, Mapping):
        raise InputError(
            f"the rule for {channel!r} has {conditions!r} where a table of conditions is allowed"
        )
    return Alternative(tuple(_condition(channel, str(key), value) for key, value in conditions.items()))


def _condition(channel: str, key: str, value: Any) -> Condition:
    if key in ("paid", "nothing"):
        if value is not True:
            raise InputError(f"{key} = {value!r} in the rule for {channel!r}; only true is allowed")
        return Condition("medium" if key == "paid" else "nothing", key, (key, frozenset()), bool)
    values = _texts(channel, key, value)
    if key == "category":
        for unknown in values - set(CATEGORIES):
            raise UnknownNameError("source category", unknown, CATEGORIES)
        return Condition("category", "category", (key, values), values.__contains__)
    field, test = _field_test(channel, key, values)
    return Condition(field, "text", (key, values), test)


def _answers(tests: tuple[Callable[[str], bool], ...]) -> Callable[[str], int]:
    """Return a function that asks all tests of a field about a text: bit i says what test i says."""

    bits = [(1 << bit, test) for bit, test in enumerate(tests)]

    def answers(text: str) -> int:
        lowered, found = text.lower(), 0
        for bit, test in bits:
            if test(lowered):
                found |= bit
        return found

    return answers


def _is_nothing(facts: Facts) -> bool:
    if facts.source or facts.campaign or facts.ad_group or facts.ad or facts.keyword:
        return False
    return facts.medium in (None, "", "(none)") and facts.kind not in _OFFLINE_KINDS


def _texts(channel: str, key: str, value: Any) -> frozenset[str]:
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    if not values or not all(isinstance(item, str) for item in values):
        raise InputError(
            f"{key} = {value!r} in the rule for {channel!r}; a text or a list of texts is allowed"
        )
    return frozenset(item if key.endswith("_matches") else item.lower() for item in values)


def _field_test(channel: str, key: str, values: frozenset[str]) -> tuple[str, Callable[[str], bool]]:
    """Split a condition's name into field and comparison."""
    field, _, how = key.rpartition("_")
    if key in _TEXT_FIELDS:
        return key, values.__contains__
    if field not in _TEXT_FIELDS or how not in ("contains", "starts", "ends", "matches"):
        endings = ("", "_contains", "_starts", "_ends", "_matches")
        allowed = ("category", "paid", "nothing", *(f + e for f in _TEXT_FIELDS for e in endings))
        raise UnknownNameError("condition", key, allowed)
    texts = tuple(sorted(values))
    if how == "starts":
        return field, lambda text: text.startswith(texts)
    if how == "ends":
        return field, lambda text: text.endswith(texts)
    if how == "contains" and len(texts) == 1:
        return field, lambda text: texts[0] in text
    if how == "contains":
        found = re.compile("|".join(map(re.escape, texts))).search
        return field, lambda text: found(text) is not None
    try:
        patterns = [re.compile(text, re.IGNORECASE | re.DOTALL) for text in texts]
    except re.error as error:
        raise InputError(f"{key} in the rule for {channel!r} is no regular expression: {error}") from None
    if len(patterns) == 1:
        whole = patterns[0].fullmatch
        return field, lambda text: whole(text) is not None
    return field, lambda text: any(pattern.fullmatch(text) for pattern in patterns)


@cache
def default_rules() -> RuleSet:
    """Return the rules that ship with the package.

    >>> default_rules().version
    1
    """
    data = tomllib.loads(files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))
    return RuleSet(data["version"], map(parse_rule, data["rule"]), _tables(data))


def _tables(data: Mapping[str, Any]) -> Tables:
    values = data["values"]
    platforms = {name: (entry["source"], entry["medium"]) for name, entry in data["platform"].items()}
    words = {name: [name, *entry.get("also", ())] for name, entry in data["platform"].items()}
    return Tables(
        missing=frozenset(values["missing"]),
        direct_sources=frozenset(values["direct_sources"]),
        direct_mediums=frozenset(values["direct_mediums"]),
        paid_medium=re.compile(values["paid_medium"], re.DOTALL),
        paid_campaign=re.compile(values["paid_campaign"]),
        click_ids={k: ClickId(v["source"], v["medium"], v.get("paid")) for k, v in data["click_id"].items()},
        platforms=platforms,
        networks=_inverted(data["network"]),
        referrer_networks=_inverted(data["referrer_network"]),
        referrer_mediums=data["referrer_medium"],
        handback_hosts=frozenset(data["referrer"]["handback_hosts"]),
        shown_by=data["shown_by"],
        platform_names=_inverted(words),
    )


def _inverted(table: Mapping[str, list[str]]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words}


RULES_VERSION: Final[int] = default_rules().version
