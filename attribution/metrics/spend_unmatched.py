"""Spend on campaigns that no touch has: how much, and which campaign of touches may be meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from attribution.channels.names import name_key
from attribution.money import money_text
from attribution.store.schema import origin, placement

HINT: Final = (
    "if it is the same campaign under another name, say so in the table spend_names "
    "(platform, level, reported, name) and import that"
)
_ALIKE: Final = 0.5
_NEAR: Final = 2


class Unmatched(NamedTuple):
    """A campaign of spend, its minor units by currency, and campaigns of touches that are called alike."""

    campaign: str
    minor: Mapping[str, int]
    near: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The campaign, what went to it, and what may be meant."""
        near = " or ".join(repr(name) for name in self.near)
        return f"{self.campaign!r} ({money(self.minor)}{f'; did you mean {near}?' if near else ''})"


class Lost(NamedTuple):
    """All of them, those that went the dearest first, and how to look for what may be meant."""

    campaigns: list[Unmatched]
    known: Mapping[str, str]  # campaigns of touches by name_key

    @property
    def minor(self) -> dict[str, int]:
        """What they cost in all, by currency."""
        total: dict[str, int] = {}
        for one in self.campaigns:
            for currency, minor in one.minor.items():
                total[currency] = total.get(currency, 0) + minor
        return total

    def told(self, count: int) -> str:
        """Name the first few, each with the nearest campaigns of touches."""
        shown = [self._with_near(one).words for one in self.campaigns[:count]]
        more = len(self.campaigns) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")

    def _with_near(self, one: Unmatched) -> Unmatched:
        near = get_close_matches(name_key(one.campaign), self.known, n=_NEAR, cutoff=_ALIKE)
        return one._replace(near=tuple(self.known[name] for name in near))


def unmatched(connection: Connection, media: Mapping[tuple[int, str], int]) -> Lost:
    """Return the campaigns of spend that no touch has.

    Args:
        connection: inside a transaction.
        media: minor units by placement and currency.
    """
    columns = select(placement.c.placement_id, placement.c.campaign).where(placement.c.campaign.is_not(None))
    names = {int(key): str(name) for key, name in connection.execute(columns)}
    of_touches = select(origin.c.placement_id).where(origin.c.kind.is_not(None)).distinct()  # spend has none
    known = _spellings(names[key] for key in connection.execute(of_touches).scalars() if key in names)
    amounts: dict[str, dict[str, int]] = {}
    for (place, currency), minor in media.items():
        key = name_key(names.get(place, ""))
        if key and minor and key not in known:
            own = amounts.setdefault(key, {})
            own[currency] = own.get(currency, 0) + minor
    spelled = _spellings(names[place] for place, _ in media if place in names)
    found = [Unmatched(spelled[key], minor) for key, minor in amounts.items()]
    return Lost(sorted(found, key=lambda one: (-max(one.minor.values()), one.campaign)), known)


def _spellings(names: Iterable[str]) -> dict[str, str]:
    """Return one spelling of each name, by the form in which names compare."""
    found: dict[str, str] = {}
    for name in names:
        key = name_key(name)
        found[key] = min(found.get(key, name), name)
    return found


def money(minor: Mapping[str, int]) -> str:
    """Write amounts of several currencies."""
    return " and ".join(f"{money_text(amount, code)} {code}" for code, amount in sorted(minor.items()))
