"""What money went to, as `recommend` looks at it: how much of it is old enough, and what cannot be judged.

What a touch brings comes later, when the deal closes. So days on which less than three quarters of it have
come by the last run are not judged, and a row that most was spent on in these days is not either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from attribution import clock
from attribution.clock import DAY
from attribution.labels import NOT_SET, OTHER, UNATTRIBUTED
from attribution.ledger.rates import days_in_zone
from attribution.metrics.credit_lags import Lags
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.selection import JourneySelection, Period
from attribution.metrics.spend import Spend, spend_of_rows, spend_rows

USUAL: Final = 0.75  # of what touches bring

Names = Mapping[str, str]


@dataclass(frozen=True)
class Spent:
    """Spend of a period by group, in minor units of the reporting currency.

    Attributes:
        whole: all of it.
        old, young: what was spent on days that are judged, and what later.
        come: which part of what the old brings has come by the last run, if it comes as fast as all has.
        fees: the groups that nothing but fees stands in.
    """

    whole: Spend
    old: dict[int, int]
    young: dict[int, int]
    come: dict[int, float]
    fees: set[int]

    @property
    def groups(self) -> list[int]:
        """What money was spent on, whether its amount can be told or not."""
        paid = {group for group, minor in self.whole.by_group.items() if minor > 0}
        return sorted(paid | self.whole.no_rate_groups)


def judged_days(asked: Period, lags: Lags, journeys: JourneySelection) -> Period:
    """Return the days of a period by whose end three quarters of what touches bring have come."""
    usual = lags.within(USUAL)
    if usual is None:
        return asked
    last = int(days_in_zone(np.array([journeys.as_of - usual + 1]), journeys.timezone)[0]) - 1
    if asked.end_day is not None and asked.end_day <= last:
        return asked
    return replace(asked, end_day=last, end=clock.day_bounds(clock.day_of(last), journeys.timezone)[1])


def read_spent(
    connection: Connection,
    dimensions: Dimensions,
    asked: Period,
    judged: Period,
    lags: Lags,
    journeys: JourneySelection,
) -> Spent:
    """Read what was spent in a period.

    Args:
        connection: inside a transaction.
        dimensions: spend is known by all of them.
        asked: the period.
        judged: its days that are judged.
        lags: how long what touches bring takes.
        journeys: of the credits that spend is set against.
    """
    currency = journeys.currency
    rows = spend_rows(connection, dimensions, asked, timezone=journeys.timezone, into=currency)
    whole = spend_of_rows(rows, currency)
    rows = rows[(rows["group"] >= 0) & (rows["minor"] != 0)]
    of_fees = rows.groupby("group")["fee"].all()
    rows = rows[rows["currency"] == currency]
    is_old = rows["day"] <= (np.iinfo(np.int64).max if judged.end_day is None else judged.end_day)
    today = int(days_in_zone(np.array([journeys.as_of]), journeys.timezone)[0])
    old = rows[is_old].assign(weight=rows["minor"].clip(lower=0))
    old = old.assign(come=lags.come((today - old["day"].to_numpy(np.int64)) * DAY) * old["weight"])
    sums = old.groupby("group")[["come", "weight"]].sum()
    sums = sums[sums["weight"] > 0]
    return Spent(
        whole,
        _by_group(old),
        _by_group(rows[~is_old]),
        dict(zip(sums.index.tolist(), (sums["come"] / sums["weight"]).tolist(), strict=True)),
        set(of_fees.index[of_fees].tolist()),
    )


def _by_group(rows: pd.DataFrame) -> dict[int, int]:
    added = rows.groupby("group")["minor"].sum()
    return dict(zip(added.index.tolist(), added.tolist(), strict=True))


def nameless(spent: Mapping[int, Names], valued: Iterable[Names], fees: set[int]) -> dict[int, str]:
    """Tell of what nobody knows where it went, why it is not judged.

    Args:
        spent: what the groups that money was spent on are called, by dimension.
        valued: what those are called that value is credited to.
        fees: the groups that nothing but fees stands in.

    >>> nameless({1: {"ad": "(other)"}, 2: {"ad": "x"}}, [], set())
    {1: 'no touch is credited to (other): it is what finer rows leave of a total'}
    """
    named = [names for names in valued if UNATTRIBUTED not in names.values()]
    finer: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    found = {}
    for group, names in spent.items():
        if OTHER in names.values():
            found[group] = f"no touch is credited to {OTHER}: it is what finer rows leave of a total"
            continue
        open_ = tuple(dim for dim, name in names.items() if name == NOT_SET)
        if not open_:
            continue
        if open_ not in finer:
            finer[open_] = {_without(of, open_) for of in named if any(of[dim] != NOT_SET for dim in open_)}
        told = " and ".join(open_)
        if group in fees:
            found[group] = f"these are fees for no {told} in particular: no value can be set against them"
        elif _without(names, open_) in finer[open_]:
            found[group] = (
                f"this was spent without saying on which {told}, and value is known by it: the two do not "
                "meet here"
            )
    return found


def _without(names: Names, dims: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for dim, name in names.items() if dim not in dims)
