"""A store's own channel rules, hosts and sources: how they stand in a file, and how they are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import xxhash

from attribution.channels.hosts import Source, clean_host
from attribution.channels.rules import CATEGORIES, RuleSet, default_rules, parse_rule
from attribution.errors import InputError, UnknownNameError

POSITIONS: Final = ("before", "after")
RULES_IN_FILES: Final = "channel_rule"  # as in [[channel_rule]]; the setting is channel_rules
_HEAD: Final = re.compile(r"\s*\[\[\s*[\"']?channel_rules?[\"']?\s*\]\]")
_SOURCE: Final = re.compile(r"(?P<host>[\w.-]+)=(?:(?P<name>[^:=]+):)?(?P<category>[a-z]+)")


def parse_rules(text: str) -> str:
    """Check rules given as a JSON list, as the store keeps them.

    Raises:
        InputError: says which rule is wrong, and how.
    """
    if not text.strip():
        return ""
    try:
        rules = json.loads(text)
    except ValueError as error:
        raise InputError(
            f"channel_rules is no JSON list ({error}); write [[channel_rule]] tables into a file and read it "
            "with: attribution config --file attribution.toml"
        ) from None
    return rules_text(rules)


def rules_text(rules: Any, lines: Sequence[str] = ()) -> str:
    """Check rules as they come out of a TOML file, and write them as the store keeps them.

    Args:
        rules: tables of `channel`, conditions (:func:`attribution.channels.rules.parse_rule`) and `position`,
            which is `before` the package's rules unless it says `after` them.
        lines: of the file, so that a message can say where.

    Raises:
        InputError: says which rule is wrong, and where.
    """
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise InputError(f"this is {rules!r}; allowed are tables, each under the line [[{RULES_IN_FILES}]]")
    heads = [number for number, line in enumerate(lines, 1) if _HEAD.match(line)]
    kept = []
    for i, rule in enumerate(rules):
        place = f"rule {i + 1}" + (f" (line {heads[i]})" if len(heads) == len(rules) else "")
        position = rule.get("position", POSITIONS[0])
        try:
            if position not in POSITIONS:
                raise UnknownNameError("position", str(position), POSITIONS)
            parse_rule({name: value for name, value in rule.items() if name != "position"})
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
        kept.append({"position": position} | dict(rule))
    return json.dumps(kept, ensure_ascii=False) if kept else ""


def parse_sources(text: str) -> str:
    """Check sources such as `forum.acme.io=social news.acme.io=acme-news:other`."""
    words = dict.fromkeys(text.replace(",", " ").lower().split())
    for word in words:
        found = _SOURCE.fullmatch(word)
        if not found or not clean_host(found["host"]):
            raise InputError(
                f"{word!r} is no source; allowed are HOST=CATEGORY and HOST=NAME:CATEGORY, such as "
                "forum.acme.io=social"
            )
        if found["category"] not in CATEGORIES:
            raise UnknownNameError("source category", found["category"], CATEGORIES)
    return " ".join(words)


def rules_version(rules: str | None, handback_hosts: str | None, sources: str | None) -> str:
    """Name the rules: the package's version, and a mark of what the store adds to them."""
    own = [rules or "", handback_hosts or "", sources or ""]
    mark = f"+{xxhash.xxh3_64_hexdigest(json.dumps(own).encode())[:8]}" if any(own) else ""
    return f"{default_rules().version}{mark}"


@lru_cache(16)
def rule_set(rules: str | None, handback_hosts: str | None, sources: str | None) -> RuleSet:
    """Return the rules of a store from its settings; the package's own where it has none."""
    if not (rules or handback_hosts or sources):
        return default_rules()
    own: dict[str, list[dict[str, Any]]] = {position: [] for position in POSITIONS}
    for rule in json.loads(rules) if rules else ():
        own[rule.pop("position")].append(rule)
    return default_rules().with_rules(
        before=own["before"], after=own["after"], handback_hosts=(handback_hosts or "").split(),
        sources=[_source(word) for word in (sources or "").split()],
    )  # fmt: skip


def _source(word: str) -> Source:
    found = _SOURCE.fullmatch(word)
    assert found is not None  # it was checked when it was set
    host = clean_host(found["host"])
    return Source(host, found["name"] or host, found["category"])
