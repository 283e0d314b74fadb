"""What was spent, per group of placements, in the reporting currency.

Spend rows are classified like touches, so they join value by placement. Reports of several levels count once
(:mod:`attribution.metrics.spend_levels`). A touch's own cost counts only where no spend row covers its
platform, campaign and day: the platform's report is the better source. Amounts in another currency are
converted row by row at the rate of their day, before levels are compared where a platform's day is told in
several currencies; those without a rate are kept apart and never taken as 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
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

    `no_rate_groups` are the groups that what has no rate is missing in. `media` are the amounts of media that
    count, by placement and currency, without touches' own costs: in the reporting currency, those without a
    rate in their own.
    """

    by_group: dict[int, int] = field(default_factory=dict)
    no_rate: dict[str, int] = field(default_factory=dict)
    no_rate_groups: set[int] = field(default_factory=set)
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
    rows = spend_rows(connection, dimensions, period, timezone=timezone, into=into, only=only)
    return spend_of_rows(rows, only or into)


def spend_of_rows(rows: pd.DataFrame, currency: str) -> Spend:
    """Add up amounts of spend by group.

    Args:
        rows: as :func:`spend_rows` returns them.
        currency: what those with a rate are in.
    """
    total = Spend()
    for name, of in rows[rows["group"] >= 0].groupby("currency"):
        if name == currency:
            total.by_group = _sums(of, "group")
        else:
            total.no_rate[str(name)] = int(of["minor"].sum())
            total.no_rate_groups |= {group for group, minor in _sums(of, "group").items() if minor}
        for place, minor in _sums(of[of["media"]], "placement_id").items():
            total.media[place, str(name)] = minor
    return total


def spend_rows(
    connection: Connection,
    dimensions: Dimensions,
    period: Period,
    *,
    timezone: str,
    into: str,
    only: str | None = None,
) -> pd.DataFrame:
    """Return every amount of spend that counts, with its group.

    Args:
        connection, dimensions, period, timezone, into, only: as for :func:`spend_by_group`.

    Returns:
        int64 `day placement_id minor group` (-1 where a condition leaves it out); `currency` (text), the one
        asked for, or where there is no rate its own; bool `media rest fee`: of media, what media exceed finer
        rows by, of fees. A touch's own cost is none of these.
    """
    reports = Reports(connection)
    rows = reports.rows(period, into=only or into, only=only)
    own = _own_costs(reports, period, timezone)
    for currency in sorted(own):
        if only not in (None, currency):
            continue
        costs = own[currency]
        minor, day = (costs[name].to_numpy(np.int64) for name in ("minor", "day"))
        values, known = Rates(connection, currency, only or into).convert(minor, day)
        names = _names([currency], only or into, known, np.zeros(len(minor), np.int64))
        costs = costs.assign(minor=np.where(known, values, minor), currency=names)
        rows = pd.concat([rows, costs.assign(media=False, rest=False, fee=False)], ignore_index=True)
    places, rest = rows["placement_id"].to_numpy(np.int64), rows["rest"].to_numpy(bool)
    return rows.assign(group=dimensions.spend_groups(places, rest))


def _sums(rows: pd.DataFrame, key: str) -> dict[int, int]:
    added = rows.groupby(key)["minor"].sum()
    return dict(zip(added.index.tolist(), added.tolist(), strict=True))


def _converted(rates: Mapping[str, Rates], minor: Ints, day: Ints, own: Ints) -> tuple[Ints, Known]:
    """Convert amounts of several currencies, `own` the place of each one's in `rates`."""
    values, known = np.zeros(len(minor), np.int64), np.zeros(len(minor), bool)
    for code, rate in enumerate(rates.values()):
        mine = own == code
        values[mine], known[mine] = rate.convert(minor[mine], day[mine])
    return values, known


def _names(currencies: Sequence[str], into: str | None, converted: Known, own: Ints) -> npt.NDArray[Any]:
    """Return what currency each amount is in once it is converted."""
    names = np.array([*currencies, into], dtype=object)
    return names[np.where(converted & (into is not None), len(currencies), own)]


def _in_several(day: Ints, partition: Ints, own: Ints, rows: Known) -> Known:
    """Tell which of some rows are of a day of a platform that is told in several currencies."""
    keys = row_hash({"day": day[rows], "partition": partition[rows]}, int(rows.sum()))
    codes = pd.Series(own[rows]).groupby(keys)
    return (codes.transform("min") != codes.transform("max")).to_numpy(bool)


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

    @cached_property
    def currencies(self) -> list[str]:
        """Which currencies spend is in."""
        return sorted(self.connection.execute(select(spend.c.currency).distinct()).scalars())

    def rows(
        self, period: Period = ALWAYS, *, into: str | None = None, only: str | None = None
    ) -> pd.DataFrame:
        """Return what counts of the spend: `day placement_id minor currency media rest fee`.

        `rest` is what a row of media exceeds finer ones by; a row that nothing is left of is not there.

        Args:
            period: days to count.
            into: a currency to convert to; what has no rate keeps its own, and covers nothing in another.
                None: nothing is converted.
            only: count only spend of this currency.
        """
        wanted = [currency for currency in self.currencies if only in (None, currency)]
        rows = pd.concat([self._read(name, i, period) for i, name in enumerate(wanted or [""])])
        day, minor, own = (rows[name].to_numpy(np.int64, copy=True) for name in ("day", "minor", "currency"))
        said = self.origins
        at = np.searchsorted(said["origin_id"].to_numpy(np.int64), rows["origin_id"])
        partition = said["partition"].to_numpy(np.int64)[at]
        rates = {name: Rates(self.connection, name, into or name) for name in wanted}
        media, rest, mixed = rows["media"].to_numpy() == 1, np.zeros(len(at), bool), np.zeros(len(at), bool)
        if len(wanted) > 1 and into is not None:
            values, known = _converted(rates, minor, day, own)
            mixed[media & known] = _in_several(day, partition, own, media & known)
            minor = np.where(mixed, values, minor)
        which = said.iloc[at[media]]
        minor[media], rest[media] = counted(
            day[media],
            (partition * (len(wanted) + 1) + np.where(mixed, len(wanted), own))[media],
            which[list(LEVELS)].to_numpy(np.int64),
            minor[media],
            which["hash"].to_numpy(np.int64),
            which["is_platform"].to_numpy(bool),
            ids=which[list(IDS)].to_numpy(np.int64),
            network=which["network"].to_numpy(np.int64),
        )
        # what stands in one currency is converted once it is counted: no rounding looks like a rest
        values, known = _converted(rates, minor, day, own)
        columns = {
            "day": day,
            "placement_id": said["placement_id"].to_numpy(np.int64)[at],
            "minor": np.where(known & ~mixed, values, minor),
            "currency": _names(wanted, into, known, own),
            "media": media,
            "rest": rest,
            "fee": ~media,
        }
        kept = ~(rest & (minor == 0))
        return pd.DataFrame({name: column[kept] for name, column in columns.items()})

    def _read(self, currency: str, code: int, period: Period) -> pd.DataFrame:
        """Return the spend of one currency: `day origin_id minor media currency`, the last as a number."""
        statement = select(spend.c.day, spend.c.origin_id, spend.c.cost_minor, _is_media()).where(
            spend.c.currency == currency
        )
        statement = _between(statement, spend.c.day, period.start_day, period.end_day)
        rows = pd.DataFrame(read_ints(self.connection, statement, ("day", "origin_id", "minor", "media")))
        return rows.assign(currency=code)

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
