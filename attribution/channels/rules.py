"""The channel rules as data: an ordered list read from ``rules.toml``, and the small interpreter of it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from attribution.channels.hosts import clean_host, find_source
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
_CATEGORIES: Final = ("search", "social", "video", "shopping", "ai", "mail", "other")

Test = Callable[[Facts, bool, str | None], bool]


class Alternative(NamedTuple):
    """One way for a rule to hold: every test must pass."""

    looked_at: tuple[str, ...]
    tests: tuple[Test, ...]
    medium_only: bool


@dataclass(frozen=True)
class Rule:
    """A channel and the alternatives under which a touch belongs to it."""

    channel: str
    alternatives: tuple[Alternative, ...]


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
        # Most rows repeat a few thousand sets of facts; the caches live and die with the rule set.
        self._cached = lru_cache(65_536)(self._decide)
        self.knows_medium = lru_cache(4_096)(self._knows_medium)
        read = {field for rule in self.rules for way in rule.alternatives for field in way.looked_at}
        self._unread: dict[str, Any] = {name: None for name in _TEXT_FIELDS if name not in read}

    def decide(self, facts: Facts) -> Decision:
        """Return the first channel whose rule holds, Unassigned when none does."""
        # What no rule reads must not fill the cache; with a source or campaign, `nothing` is settled.
        return self._cached(facts._replace(**self._unread) if facts.source or facts.campaign else facts)

    def _decide(self, facts: Facts) -> Decision:
        medium, tables = facts.medium, self.tables
        if medium and tables.paid_medium.match(medium):
            paid = True
        else:
            paid = facts.paid and not (medium and self.knows_medium(medium))
        found = find_source(facts.source) if facts.source else None
        category = found.category if found else None
        for rule in self.rules:
            for looked_at, tests, _ in rule.alternatives:
                if all(test(facts, paid, category) for test in tests):
                    return Decision(rule.channel, looked_at)
        return Decision(UNASSIGNED, ("medium", "campaign"))

    def _knows_medium(self, medium: str) -> bool:
        """Tell whether some rule (Direct aside) goes by this medium alone."""
        facts = Facts(medium=medium)
        paid = bool(self.tables.paid_medium.match(medium))
        return paid or any(
            alternative.medium_only and all(test(facts, paid, None) for test in alternative.tests)
            for rule in self.rules
            for alternative in rule.alternatives
        )

    def with_rules(
        self,
        *,
        before: Iterable[Rule | Mapping[str, Any]] = (),
        after: Iterable[Rule | Mapping[str, Any]] = (),
        handback_hosts: Iterable[str] = (),
    ) -> RuleSet:
        """Return a set with a store's own rules before or after these, and more hosts that are no origin.

        Raises:
            InputError: a rule that cannot be read, see :func:`parse_rule`.
        """
        rules = (*map(_as_rule, before), *self.rules, *map(_as_rule, after))
        hosts = self.tables.handback_hosts | {clean_host(host) for host in handback_hosts}
        return RuleSet(self.version, rules, replace(self.tables, handback_hosts=hosts))


def _as_rule(rule: Rule | Mapping[str, Any]) -> Rule:
    return rule if isinstance(rule, Rule) else parse_rule(rule)


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
    return Rule(channel.strip(), tuple(_alternative(channel, conditions) for conditions in alternatives))


def _alternative(channel: str, conditions: Any) -> Alternative:
    if not isinstance(conditions, Mapping):
        raise InputError(
            f"the rule for {channel!r} has {conditions!r} where a table of conditions is allowed"
        )
    parsed = [_condition(channel, str(key), value) for key, value in conditions.items()]
    # Rules that go by the medium and nothing else are those that know a medium.
    medium_only = all(field == "medium" for field, _ in parsed)
    return Alternative(tuple(field for field, _ in parsed), tuple(test for _, test in parsed), medium_only)


def _condition(channel: str, key: str, value: Any) -> tuple[str, Test]:
    if key in ("paid", "nothing"):
        if value is not True:
            raise InputError(f"{key} = {value!r} in the rule for {channel!r}; only true is allowed")
        return ("medium", _is_paid) if key == "paid" else ("nothing", _is_nothing)
    values = _texts(channel, key, value)
    if key == "category":
        for unknown in values - set(_CATEGORIES):
            raise UnknownNameError("source category", unknown, _CATEGORIES)
        return "category", lambda facts, paid, category: category in values
    field, test = _field_test(channel, key, values)
    index = Facts._fields.index(field)
    if field in ("source", "medium", "kind", "network"):  # are in lower case already
        return field, lambda facts, paid, category: test(facts[index] or "")
    return field, lambda facts, paid, category: test(str(facts[index] or "").lower())


def _is_paid(facts: Facts, paid: bool, category: str | None) -> bool:
    return paid


def _is_nothing(facts: Facts, paid: bool, category: str | None) -> bool:
    medium = None if facts.medium == "(none)" else facts.medium
    known = facts.source or medium or facts.campaign or facts.ad_group or facts.ad or facts.keyword
    return not known and facts.kind not in _OFFLINE_KINDS


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
    if how == "contains":
        return field, lambda text: any(part in text for part in texts)
    try:
        patterns = [re.compile(text, re.IGNORECASE | re.DOTALL) for text in texts]
    except re.error as error:
        raise InputError(f"{key} in the rule for {channel!r} is no regular expression: {error}") from None
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
    )


def _inverted(table: Mapping[str, list[str]]) -> dict[str, str]:
    return {word: name for name, words in table.items() for word in words}


RULES_VERSION: Final[int] = default_rules().version
