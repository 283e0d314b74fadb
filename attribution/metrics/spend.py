"""What was spent, per group of placements, in the reporting currency.

Spend rows are classified like touches, so they join value by placement. Reports of several levels count once
(:mod:`attribution.metrics.spend_levels`). A touch's own cost counts only where no spend row covers its
platform, campaign and day: the platform's report is the better source. Amounts in another currency are
converted row by row at the rate of their day; those without a rate are kept apart and never taken as 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Column, Connection, Integer, and_, case, select, union

from attribution.channels.names import LEVELS, name_key
from attribution.channels.rules import RuleSet
from attribution.ledger.rates import Known, Rates, days_in_zone
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.selection import Period
from attribution.metrics.spend_levels import counted
from attribution.store.columns import Ints, read_frame, read_ints
from attribution.store.database import remembered
from attribution.store.dimensions import store_rules
from attribution.store.keys import row_hash
from attribution.store.schema import origin, placement, spend, touch, touch_cost
from attribution.store.settings import Settings

Query = Any  # a select: its type parameters differ between SQLAlchemy 2.0 and 2.1

ALWAYS: Final = Period()
IDS: Final = tuple(f"{level}_id" for level in LEVELS)
_COLUMNS = ("day", "placement_id", "minor")


@dataclass
class Spend:
    """Spend by group, in minor units; what has no rate by its own currency; what went to whose campaigns.

    `media` are the amounts of media that count, by placement and currency, without touches' own costs.
    """

    by_group: dict[int, int] = field(default_factory=dict)
    no_rate: dict[str, int] = field(default_factory=dict)
    media: dict[tuple[int, str], int] = field(default_factory=dict)


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
    reports = Reports(connection)
    own = _own_costs(reports, period, timezone)
    for currency in sorted({*connection.execute(select(spend.c.currency).distinct()).scalars(), *own}):
        if only is not None and currency != only:
            continue
        rows = reports.rows(currency, period)
        if currency in own:
            rows = pd.concat([rows, own[currency].assign(rest=False, media=False)], ignore_index=True)
        placements = rows["placement_id"].to_numpy(np.int64)
        groups = dimensions.spend_groups(placements, rows["rest"].to_numpy(bool))
        minor = rows["minor"].to_numpy(np.int64)
        rates = Rates(connection, currency, only or into)
        values, known = rates.convert(minor, rows["day"].to_numpy(np.int64))
        _add(total, currency, groups, minor, values, known)
        media = rows["media"].to_numpy(bool) & (groups >= 0)
        for place, amount in pd.Series(minor[media]).groupby(placements[media]).sum().items():
            total.media[int(str(place)), currency] = int(amount)
    return total


def _add(total: Spend, currency: str, groups: Ints, minor: Ints, values: Ints, known: Known) -> None:
    kept, lost = known & (groups >= 0), ~known & (groups >= 0)
    sums = pd.Series(values[kept]).groupby(groups[kept]).sum()
    for group, value in zip(sums.index.tolist(), sums.tolist(), strict=True):
        total.by_group[group] = total.by_group.get(group, 0) + value
    if lost.any():
        total.no_rate[currency] = total.no_rate.get(currency, 0) + int(minor[lost].sum())


def _between(statement: Query, column: Column[int], first: int | None, last: int | None) -> Query:
    if first is not None:
        statement = statement.where(column >= first)
    return statement if last is None else statement.where(column <= last)


class Reports:
    """The spend of a store: which platform and level its rows are of, and what they count."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @cached_property
    def rules(self) -> RuleSet:
        """The channel rules, which know the platforms."""
        return store_rules(Settings(self.connection))

    def rows(self, currency: str, period: Period = ALWAYS) -> pd.DataFrame:
        """Return what counts of the spend in a currency: `day placement_id minor media rest`.

        `rest` is what a row of media exceeds finer ones by; a row that nothing is left of is not there.
        """
        statement = select(spend.c.day, spend.c.origin_id, spend.c.cost_minor, _is_media()).where(
            spend.c.currency == currency
        )
        statement = _between(statement, spend.c.day, period.start_day, period.end_day)
        rows = read_ints(self.connection, statement, ("day", "origin_id", "minor", "media"))
        said = self.origins
        at = np.searchsorted(said["origin_id"].to_numpy(np.int64), rows.pop("origin_id"))
        media = rows["media"] == 1
        minor, rest = rows["minor"].copy(), np.zeros(len(at), bool)
        which = said.iloc[at[media]]
        minor[media], rest[media] = counted(
            rows["day"][media],
            which["partition"].to_numpy(np.int64),
            which[list(LEVELS)].to_numpy(np.int64),
            minor[media],
            which["hash"].to_numpy(np.int64),
            which["is_platform"].to_numpy(bool),
            ids=which[list(IDS)].to_numpy(np.int64),
            network=which["network"].to_numpy(np.int64),
        )
        places = said["placement_id"].to_numpy(np.int64)[at]
        kept = ~(rest & (minor == 0))
        columns = {"day": rows["day"], "placement_id": places, "minor": minor, "media": media, "rest": rest}
        return pd.DataFrame({name: values[kept] for name, values in columns.items()})

    @cached_property
    def origins(self) -> pd.DataFrame:
        """Every origin of spend by its number: partition, what it says of each level, placement.

        A level is a number of its name, and one of its id where the platform gave one: two campaigns may be
        called alike. An id whose name nobody says has a name of its own. `called` is the campaign as a text,
        `own` says which of source, medium and channel the row gave itself (bits).
        """
        of_spend = select(spend.c.origin_id).distinct().subquery()
        frame = read_frame(
            self.connection,
            select(
                origin.c.origin_id, origin.c.hash, origin.c.placement_id, origin.c.platform, origin.c.source,
                origin.c.medium, origin.c.channel, origin.c.network, *(origin.c[name] for name in IDS),
                *(placement.c[level] for level in LEVELS),
            )
            .join_from(of_spend, origin, origin.c.origin_id == of_spend.c.origin_id)
            .join(placement, placement.c.placement_id == origin.c.placement_id)
            .order_by(origin.c.origin_id),
        )  # fmt: skip
        frame["called"] = frame["campaign"]
        for level, name in zip(LEVELS, IDS, strict=True):
            frame[level], frame[name] = _codes(frame[level]), _codes(frame[name])
            nameless = (frame[level] == 0) & (frame[name] > 0)
            frame[level] = frame[level].mask(nameless, -frame[name])
        frame["network"] = _codes(_mapped(frame["network"], self.rules.tables.network_name))
        platform = self.platforms(frame["platform"], frame["source"])
        frame["whose"], frame["is_platform"] = platform, platform != ""
        own = frame[["source", "medium", "channel"]].notna().to_numpy()
        frame["own"] = (own << np.arange(3)).sum(axis=1)
        apart = (
            frame["source"].fillna("") + "|" + frame["medium"].fillna("") + "|" + frame["channel"].fillna("")
        )
        # without a platform rows are of one thing where they say the same of where they are from
        frame["partition"] = pd.factorize(platform.where(platform != "", "|" + apart.str.lower()))[0]
        return frame

    def platforms(self, platform: pd.Series[Any], source: pd.Series[Any]) -> pd.Series[Any]:
        """Return the platform of each row: the given one, else the source, where it is one.

        A platform is called as its source is; rows of none have an empty text.
        """
        known = {self.rules.platform_of(name) for name, _ in self.rules.tables.platforms.values()}

        def of_source(word: str) -> str:
            found = self.rules.platform_of(word)
            return found if found in known else ""

        by_platform = _mapped(platform, self.rules.platform_of)
        return by_platform.where(by_platform != "", _mapped(source, of_source))


def _mapped(texts: pd.Series[Any], read: Any) -> pd.Series[Any]:
    """Apply a function to each distinct text, and write an empty one where there is none."""
    codes, known = pd.factorize(texts)
    return pd.Series(np.array([*map(read, known), ""], dtype=object)[codes], index=texts.index)


def _codes(names: pd.Series[Any]) -> Ints:
    """Number names from 1 by the form in which they compare; 0 where there is none."""
    codes, _ = pd.factorize(_mapped(names, name_key).replace("", None))
    return codes + 1


def _is_media() -> Any:
    return case((spend.c.kind == "media", 1), else_=0).cast(Integer)


def _own_costs(reports: Reports, period: Period, timezone: str) -> dict[str, pd.DataFrame]:
    """Return what touches cost themselves, by currency, where no spend row covers it.

    Touches that were removed are among them: what they cost a day is kept.
    """
    connection = reports.connection
    priced = and_(touch.c.cost_minor.is_not(None), touch.c.cost_minor != 0)
    own, removed = select(touch.c.currency).where(priced), select(touch_cost.c.currency)
    currencies = remembered(
        connection, "currencies of touches", lambda: connection.execute(union(own, removed)).scalars().all()
    )
    if not currencies:
        return {}
    covered = _Coverage(reports, period)
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
        found[currency] = covered.without(daily)[list(_COLUMNS)]
    return found


class _Coverage:
    """Which (campaign, day, platform) the spend rows of media speak for."""

    def __init__(self, reports: Reports, period: Period) -> None:
        rows = read_frame(
            reports.connection,
            select(
                origin.c.origin_id, origin.c.placement_id, origin.c.platform, placement.c.source,
                *(placement.c[level] for level in LEVELS),
            ).join(placement, placement.c.placement_id == origin.c.placement_id),
        )  # fmt: skip
        platforms = reports.platforms(rows["platform"], rows["source"])
        self._origins = pd.DataFrame(
            {
                "placement_id": rows["placement_id"],
                "campaign": _codes(rows["campaign"]),
                "platform": _codes(platforms),
                "is_total": rows[list(LEVELS)].isna().all(axis=1),
            }
        ).set_index(rows["origin_id"])
        spent: Query = select(spend.c.origin_id, spend.c.day).where(spend.c.kind == "media").distinct()
        spent = _between(spent, spend.c.day, period.start_day, period.end_day)
        covering = pd.DataFrame(read_ints(reports.connection, spent, ("origin_id", "day")))
        self._spent = covering.join(self._origins, on="origin_id")

    def without(self, daily: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `origin_id day` that nothing covers, with their placements.

        A platform that one side leaves open matches where the campaign is the same; the total of a platform
        covers all of it.
        """
        rows, spent = daily.join(self._origins, on="origin_id"), self._spent
        named = (rows["campaign"] > 0).to_numpy()
        open_spend, totals = spent[spent["platform"] == 0], spent[spent["is_total"] & (spent["platform"] > 0)]
        covered = _among(rows, spent, "day", "campaign", "platform") & (rows["platform"] > 0).to_numpy()
        covered |= named & _among(rows, open_spend, "day", "campaign")
        covered |= named & (rows["platform"] == 0).to_numpy() & _among(rows, spent, "day", "campaign")
        covered |= _among(rows, totals, "day", "platform")
        return rows[~covered]


def _among(rows: pd.DataFrame, others: pd.DataFrame, *columns: str) -> Known:
    """Tell which rows agree with any of the others."""
    mine, theirs = (
        row_hash({name: frame[name].to_numpy(np.int64) for name in columns}, len(frame))
        for frame in (rows, others)
    )
    return np.isin(mine, theirs)
