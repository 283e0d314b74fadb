"""Spend on campaigns that no touch has: how much, and which campaign of touches may be meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, select

from attribution.metrics.near_names import NearNames, name_keys
from attribution.money import money_words
from attribution.store.columns import read_ints
from attribution.store.schema import origin, placement

HINT: Final = (
    "if it is the same campaign under another name, say so in the table spend_names "
    "(platform, level, reported, name) and import that"
)


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
    known: NearNames  # campaigns of touches

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
        return one._replace(near=self.known.nearest(one.campaign))


def unmatched(connection: Connection, media: Mapping[tuple[int, str], int]) -> Lost:
    """Return the campaigns of spend that no touch has.

    Args:
        connection: inside a transaction.
        media: minor units by placement and currency.
    """
    columns = select(placement.c.placement_id, placement.c.campaign).where(placement.c.campaign.is_not(None))
    rows = connection.execute(columns).all()
    places = np.array([place for place, _ in rows], np.int64)
    all_names = pa.array([name for _, name in rows], pa.string())
    of_touches = select(origin.c.placement_id).where(origin.c.kind.is_not(None))  # spend has no kind
    touched = read_ints(connection, of_touches, ("place",))["place"]
    known = NearNames(all_names.filter(pa.array(np.isin(places, touched))))
    spent = np.flatnonzero(np.isin(places, [place for place, _ in media]))
    of_spend = all_names.take(pa.array(spent))
    names = dict(
        zip(
            places[spent].tolist(),
            zip(name_keys(of_spend).to_pylist(), of_spend.to_pylist(), strict=True),
            strict=True,
        )
    )
    amounts: dict[str, dict[str, int]] = {}
    spelled: dict[str, str] = {}
    for (place, currency), minor in media.items():
        key, name = names.get(place, ("", ""))
        if not key:
            continue
        spelled[key] = min(spelled.get(key, name), name)
        if minor:
            own = amounts.setdefault(key, {})
            own[currency] = own.get(currency, 0) + minor
    lost = ~known.known(pa.array(amounts, pa.string())).to_numpy(zero_copy_only=False)
    found = [
        Unmatched(spelled[key], minor)
        for (key, minor), is_lost in zip(amounts.items(), lost, strict=True)
        if is_lost
    ]
    return Lost(sorted(found, key=lambda one: (-max(one.minor.values()), one.campaign)), known)


def money(minor: Mapping[str, int]) -> str:
    """Write amounts of several currencies."""
    return " and ".join(money_words(amount, code) for code, amount in sorted(minor.items()))
