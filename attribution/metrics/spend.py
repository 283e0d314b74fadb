"""What was spent, per group of placements, in the reporting currency.

Spend rows are classified like touches, so they join value by placement. A touch's own cost counts only
where no spend row covers its platform, campaign and day: the platform's report is the better source.
Amounts in another currency are converted row by row at the rate of their day; those without a rate are
kept apart and never taken as 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Column, Connection, and_, select, union

from attribution.ledger.rates import Known, Rates, days_in_zone
from attribution.metrics.dimensions import Dimensions, name_key
from attribution.metrics.selection import Period
from attribution.store.columns import Ints, read_ints
from attribution.store.schema import origin, placement, spend, touch, touch_cost

Query = Any  # a select: its type parameters differ between SQLAlchemy 2.0 and 2.1

_COLUMNS = ("day", "placement_id", "minor")


@dataclass
class Spend:
    """Spend by group, in minor units; what has no rate by its own currency."""

    by_group: dict[int, int] = field(default_factory=dict)
    no_rate: dict[str, int] = field(default_factory=dict)


def spend_by_group(
    connection: Connection,
    dimensions: Dimensions,
    period: Period,
    *,
    timezone: str,
    into: str,
    only: str | None = None,
) -> Spend:
    """Sum spend by the groups of some dimensions.

    Args:
        connection: inside a transaction.
        dimensions: none may be among `dimensions.not_of_spend`.
        period: days to count.
        timezone: the reporting timezone, for the day of a touch's own cost.
        into: the reporting currency.
        only: count only spend of this currency, in its own amounts.
    """
    total = Spend()
    own = _own_costs(connection, period, timezone)
    for currency in sorted({*connection.execute(select(spend.c.currency).distinct()).scalars(), *own}):
        if only is not None and currency != only:
            continue
        media = pd.DataFrame(read_ints(connection, _media(currency, period), _COLUMNS))
        rows = pd.concat([media, own[currency]]) if currency in own else media
        groups = dimensions.touch_groups({"placement_id": rows["placement_id"].to_numpy()}, len(rows))
        minor = rows["minor"].to_numpy(np.int64)
        rates = Rates(connection, currency, only or into)
        values, known = rates.convert(minor, rows["day"].to_numpy(np.int64))
        _add(total, currency, groups, minor, values, known)
    return total


def _add(total: Spend, currency: str, groups: Ints, minor: Ints, values: Ints, known: Known) -> None:
    kept, lost = known & (groups >= 0), ~known & (groups >= 0)
    sums = pd.Series(values[kept]).groupby(groups[kept]).sum()
    for group, value in zip(sums.index.tolist(), sums.tolist(), strict=True):
        total.by_group[group] = total.by_group.get(group, 0) + value
    if lost.any():
        total.no_rate[currency] = total.no_rate.get(currency, 0) + int(minor[lost].sum())


def _media(currency: str, period: Period) -> Query:
    statement = (
        select(spend.c.day, origin.c.placement_id, spend.c.cost_minor)
        .join(origin, origin.c.origin_id == spend.c.origin_id)
        .where(spend.c.currency == currency)
    )
    return _between(statement, spend.c.day, period.start_day, period.end_day)


def _between(statement: Query, column: Column[int], first: int | None, last: int | None) -> Query:
    if first is not None:
        statement = statement.where(column >= first)
    return statement if last is None else statement.where(column <= last)


def _own_costs(connection: Connection, period: Period, timezone: str) -> dict[str, pd.DataFrame]:
    """Return what touches cost themselves, by currency, where no spend row covers it.

    Touches that were removed are among them: what they cost a day is kept.
    """
    priced = and_(touch.c.cost_minor.is_not(None), touch.c.cost_minor != 0)
    own, removed = select(touch.c.currency).where(priced), select(touch_cost.c.currency)
    currencies = connection.execute(union(own, removed)).scalars().all()
    if not currencies:
        return {}
    covered = _Coverage(connection)
    found = {}
    for currency in currencies:
        statement: Query = select(touch.c.at, touch.c.origin_id, touch.c.cost_minor).where(
            priced, touch.c.currency == currency
        )
        statement = _between(statement, touch.c.at, period.start, period.end)
        columns = read_ints(connection, statement, ("at", "origin_id", "minor"))
        kept_costs: Query = select(touch_cost.c.day, touch_cost.c.origin_id, touch_cost.c.cost_minor).where(
            touch_cost.c.currency == currency
        )
        kept_costs = _between(kept_costs, touch_cost.c.day, period.start_day, period.end_day)
        daily_costs = read_ints(connection, kept_costs, ("day", "origin_id", "minor"))
        columns["day"] = days_in_zone(columns.pop("at"), timezone)
        frame = pd.DataFrame({name: np.r_[columns[name], daily_costs[name]] for name in columns})
        # one amount per origin and day, as a platform's report has it: rounded once
        daily = frame.groupby(["origin_id", "day"])["minor"].sum().reset_index()
        kept = daily.loc[~covered.of(daily)]
        places = kept["origin_id"].map(covered.placement_of).to_numpy(np.int64)
        found[currency] = kept.assign(placement_id=places)[list(_COLUMNS)]
    return found


class _Coverage:
    """Which (campaign, day, platform) the spend rows speak for."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(
            select(origin.c.origin_id, origin.c.placement_id, origin.c.platform, placement.c.campaign).join(
                placement, placement.c.placement_id == origin.c.placement_id
            )
        ).all()
        self.placement_of = {key: place for key, place, _, _ in rows}
        self._place = {key: (name_key(c or ""), name_key(p or "")) for key, _, p, c in rows}
        self._platforms: dict[tuple[str, int], set[str]] = {}
        for key, day in connection.execute(select(spend.c.origin_id, spend.c.day).distinct()):
            campaign, platform = self._place[key]
            self._platforms.setdefault((campaign, day), set()).add(platform)

    def of(self, daily: pd.DataFrame) -> Known:
        """Tell which rows of `origin_id day` are covered; a platform that one side leaves open matches."""
        out = np.zeros(len(daily), bool)
        for i, (key, day) in enumerate(zip(daily["origin_id"].tolist(), daily["day"].tolist(), strict=True)):
            campaign, platform = self._place[key]
            platforms = self._platforms.get((campaign, day), set())
            # without a campaign two rows share nothing but their day: only one platform ties them
            loose = bool(campaign) and bool(platforms) and (not platform or "" in platforms)
            out[i] = loose or bool(platform and platform in platforms)
        return out
