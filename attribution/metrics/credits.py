"""Sums over the ledger by group: credited money, credited counts, assists.

Entries come out of the database as columns, per placement, page, origin or record, and are mapped to
groups and added up here; nothing walks them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import BigInteger, ColumnElement, Connection, FromClause, and_, case, cast, func, select

from attribution.metrics.dimensions import Dimensions
from attribution.metrics.selection import Period, Selection
from attribution.store.columns import Ints, read_ints_once
from attribution.store.schema import conversion, entry, journey_touch, touch

DATES: Final = ("closed", "touch")
Query = Any  # a select: its type parameters differ between SQLAlchemy 2.0 and 2.1

_MONEY: Final = ("won", "created")  # kinds of conversion that hold money


@dataclass(frozen=True)
class Question:
    """When and in what money: what selects entries beside the credit set and the dimensions."""

    period: Period = field(default_factory=Period)
    date: str = "closed"  # or `touch`: credit counts when its touch happened
    restate: bool = False  # adjustments count at their deal's closing
    currency: str | None = None  # only this currency, in its own amounts


@dataclass
class Credits:
    """Sums by group; what has no rate is kept apart.

    `value` is in minor units, `share` in millionths of a conversion.
    """

    value: dict[int, int] = field(default_factory=dict)
    share: dict[int, int] = field(default_factory=dict)
    no_rate: dict[str, int] = field(default_factory=dict)  # currency -> minor units of its own
    no_rate_share: int = 0
    no_rate_groups: set[int] = field(default_factory=set)  # whose it is


def credits_by_group(
    connection: Connection, selection: Selection, dimensions: Dimensions, question: Question
) -> Credits:
    """Sum a credit set's entries by the groups of some dimensions."""
    keys = (*dimensions.touch_keys, *(("object_id",) if dimensions.plain else ()))
    unrated = _has_unrated(connection, selection) and question.currency is None
    out = Credits()
    amount = entry.c.amount_minor if question.currency else func.coalesce(entry.c.reporting_minor, 0)
    statement = _entries(selection, keys, question, rated=True if unrated else None, amount=amount)
    columns = _read(connection, statement, keys)
    groups = _groups(dimensions, selection, columns)
    out.value = sums(groups, columns["value"])
    out.share = sums(groups, columns["share"])
    if unrated:
        _add_unrated(connection, selection, dimensions, question, keys, out)
    return out


def entries_by_object(
    connection: Connection, selection: Selection, keys: Sequence[str], question: Question
) -> pd.DataFrame:
    """Sum a credit set's entries per record and touch key.

    Returns:
        int64 columns `object_id`, the keys, `value` (0 without a rate) and `share`; one row per record and
        keys where anything was ever taken back.
    """
    names = ("object_id", *keys)
    amount = entry.c.amount_minor if question.currency else func.coalesce(entry.c.reporting_minor, 0)
    statement = _entries(selection, names, question, rated=None, amount=amount)
    found = pd.DataFrame(_read(connection, statement, names))
    if (found["share"] >= 0).all():
        return found
    return found.groupby(list(names))[["value", "share"]].sum().reset_index()


def entries_by_time(
    connection: Connection, selection: Selection, keys: Sequence[str], question: Question
) -> pd.DataFrame:
    """Read a credit set's entries with when they count: for money of several periods in one reading.

    Returns:
        int64 columns `object_id`, the keys, `at` (microseconds), `value` and `share`; conversions without a
        rate are left out, unless one currency alone is asked for.
    """
    names = ("at", "object_id", *keys)
    amount = entry.c.amount_minor if question.currency else func.coalesce(entry.c.reporting_minor, 0)
    only_rated = question.currency is None and _has_unrated(connection, selection)
    always = replace(question, period=Period())
    statement = _entries(selection, names, always, rated=True if only_rated else None, amount=amount)
    return pd.DataFrame(_read(connection, statement, names))


def unrated(
    connection: Connection, selection: Selection, dimensions: Dimensions, question: Question
) -> dict[str, int]:
    """Return what nothing converts, by its currency in minor units of that."""
    return unrated_credits(connection, selection, dimensions, question).no_rate


def unrated_credits(
    connection: Connection, selection: Selection, dimensions: Dimensions, question: Question
) -> Credits:
    """Return what nothing converts: `no_rate`, `no_rate_share` and `no_rate_groups` alone are filled."""
    out = Credits()
    if question.currency is None and _has_unrated(connection, selection):
        keys = (*dimensions.touch_keys, *(("object_id",) if dimensions.plain else ()))
        _add_unrated(connection, selection, dimensions, question, keys, out)
    return out


def assisted_by_group(
    connection: Connection, selection: Selection, dimensions: Dimensions, question: Question
) -> dict[int, int]:
    """Count, for each group, the conversions that it touched without being their last touch.

    With `date="touch"` a touch assists in the period in which it happened.
    """
    keys = (*dimensions.touch_keys, *(("object_id",) if dimensions.plain else ()))
    by_touch = question.date == "touch"
    names = ("conversion_id", *keys, *(("at",) if by_touch else ()))
    columns = _read_journeys(connection, _journeys(selection, names, question), names)
    ids = columns["conversion_id"]
    if not len(ids):
        return {}
    groups = _groups(dimensions, selection, columns)
    starts = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
    journey = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(ids)))
    last = groups[np.append(starts[1:], len(ids)) - 1]
    helped = (groups >= 0) & (groups != last[journey])
    if by_touch:
        helped &= _inside(columns["at"], question.period)
    codes, names_of = pd.factorize(groups[helped])
    width = max(len(names_of), 1)
    pairs = np.sort(journey[helped] * width + codes)
    once = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]  # np.unique hashes, ten times slower here
    counts = np.bincount(once % width, minlength=len(names_of))
    return dict(zip(names_of.tolist(), counts.tolist(), strict=True))


def sums(groups: Ints, values: Ints) -> dict[int, int]:
    """Add values up by group; group -1 is left out."""
    kept = groups >= 0
    added = pd.Series(values[kept]).groupby(groups[kept]).sum()
    return dict(zip(added.index.tolist(), added.tolist(), strict=True))


def _groups(dimensions: Dimensions, selection: Selection, columns: dict[str, Ints]) -> Ints:
    groups = dimensions.touch_groups(columns, len(next(iter(columns.values()))))
    if dimensions.plain:
        records = dimensions.record_groups(selection.goal.kind, columns["object_id"])
        groups = dimensions.add(groups, records)
    return groups


# a conversion's state tells, not its entries': those of before a rate came in hold none
_UNRATED: Final = and_(conversion.c.reporting_minor.is_(None), conversion.c.currency.is_not(None))


def _has_unrated(connection: Connection, selection: Selection) -> bool:
    if selection.goal.kind not in _MONEY:
        return False
    statement = select(conversion.c.conversion_id).where(conversion.c.kind == selection.goal.kind, _UNRATED)
    return connection.execute(statement.limit(1)).first() is not None


def _add_unrated(
    connection: Connection,
    selection: Selection,
    dimensions: Dimensions,
    question: Question,
    keys: Sequence[str],
    out: Credits,
) -> None:
    found = connection.execute(
        select(conversion.c.currency).where(conversion.c.kind == selection.goal.kind, _UNRATED).distinct()
    )
    for currency in sorted(found.scalars()):
        statement = _entries(selection, keys, question, rated=False, amount=entry.c.amount_minor).where(
            conversion.c.currency == currency
        )
        columns = _read(connection, statement, keys)
        groups = _groups(dimensions, selection, columns)
        kept = groups >= 0
        out.no_rate_groups |= {group for group, minor in sums(groups, columns["value"]).items() if minor}
        value, share = int(columns["value"][kept].sum()), int(columns["share"][kept].sum())
        if value or share:
            out.no_rate[currency] = value
            out.no_rate_share += share


def _entries(
    selection: Selection,
    keys: Sequence[str],
    question: Question,
    *,
    rated: bool | None,
    amount: ColumnElement[int],
) -> Query:
    """Select keys, amount and share of one credit set's entries; `rated` None takes all."""
    expressions: dict[str, ColumnElement[int]] = {
        "placement_id": entry.c.placement_id,
        "page_id": func.coalesce(touch.c.page_id, case((entry.c.touch == 0, 0), else_=-1)),
        "origin_id": func.coalesce(touch.c.origin_id, 0),
        "object_id": conversion.c.object_id,
    }
    source: FromClause = entry
    at: ColumnElement[int] = entry.c.effective_at
    only_money = question.currency is not None and selection.goal.kind in _MONEY
    if rated is not None or only_money or question.restate or "object_id" in keys:
        source = source.join(conversion, conversion.c.conversion_id == entry.c.conversion_id)
    if question.restate:
        at = conversion.c.at
    if question.date == "touch" or {"page_id", "origin_id"} & set(keys):
        source = source.outerjoin(touch, touch.c.n == entry.c.touch)
    if question.date == "touch":
        at = func.coalesce(touch.c.at, at)
    expressions["at"] = at
    columns = [expressions[key] for key in keys]
    statement: Query = (
        select(*columns, amount, entry.c.share_millionths)
        .select_from(source)
        .where(entry.c.credit_set_id == selection.credit_set_id)
    )
    if rated is not None:
        statement = statement.where(~_UNRATED if rated else _UNRATED)
    if only_money:
        statement = statement.where(conversion.c.currency == question.currency)
    return _within(statement, at, question.period)


def _read(connection: Connection, statement: Query, keys: Sequence[str]) -> dict[str, Ints]:
    """Read entries as columns: the keys, `value` and `share`; summed by key where that is faster.

    SQLite sorts to group, which takes longer than handing over the rows with two numbers in one
    (1.5 M entries: 1.8 s against 0.6 s); PostgreSQL groups by hashing.
    """
    columns = list(statement.selected_columns)
    if connection.dialect.name != "sqlite":
        summed = [cast(func.coalesce(func.sum(column), 0), BigInteger) for column in columns[len(keys) :]]
        grouped = statement.with_only_columns(*columns[: len(keys)], *summed).group_by(*columns[: len(keys)])
        return read_ints_once(connection, grouped, (*keys, "value", "share"))
    if not keys:
        return read_ints_once(connection, statement, ("value", "share"))
    *others, key, value, share = columns
    statement = statement.with_only_columns(*others, _pair(key, share), value)
    found = read_ints_once(connection, statement, (*keys[:-1], "pair", "value"))
    found[keys[-1]], found["share"] = _unpair(found.pop("pair"))
    return found


def _pair(high: ColumnElement[int], low: ColumnElement[int]) -> ColumnElement[int]:
    """Write two numbers of 31 bits as one of 64: what costs time is how many values are handed over."""
    return cast(high, BigInteger) * 2**32 + low


def _unpair(pairs: Ints) -> tuple[Ints, Ints]:
    low = (pairs & 0xFFFFFFFF).astype(np.uint32).view(np.int32).astype(np.int64)
    return (pairs - low) >> 32, low


def _within(statement: Query, at: ColumnElement[int], period: Period) -> Query:
    if period.start is not None:
        statement = statement.where(at >= period.start)
    return statement if period.end is None else statement.where(at <= period.end)


def _inside(at: Ints, period: Period) -> Any:
    return (at >= (period.start if period.start is not None else at)) & (
        at <= (period.end if period.end is not None else at)
    )


def _read_journeys(connection: Connection, statement: Query, names: Sequence[str]) -> dict[str, Ints]:
    """Read touches as columns; of two columns, as one number each."""
    if len(names) != 2:
        return read_ints_once(connection, statement, names)
    pair = statement.with_only_columns(_pair(*statement.selected_columns))
    return dict(zip(names, _unpair(read_ints_once(connection, pair, ("pair",))["pair"]), strict=True))


def _journeys(selection: Selection, names: Sequence[str], question: Question) -> Query:
    """Select the touches of the journeys of active conversions, in order."""
    expressions: dict[str, ColumnElement[int]] = {
        "conversion_id": journey_touch.c.conversion_id,
        "placement_id": journey_touch.c.placement_id,
        "page_id": func.coalesce(touch.c.page_id, -1),
        "origin_id": touch.c.origin_id,
        "object_id": conversion.c.object_id,
        "at": journey_touch.c.at,
    }
    source: FromClause = journey_touch.join(
        conversion, conversion.c.conversion_id == journey_touch.c.conversion_id
    )
    if {"page_id", "origin_id"} & set(names):
        source = source.join(touch, touch.c.n == journey_touch.c.touch)
    statement: Query = (
        select(*(expressions[name] for name in names))
        .select_from(source)
        .where(journey_touch.c.journey_set_id == selection.journey_set_id, conversion.c.active == 1)
        .order_by(journey_touch.c.conversion_id, journey_touch.c.position)
    )
    if question.currency is not None and selection.goal.kind in _MONEY:
        statement = statement.where(conversion.c.currency == question.currency)
    if question.date == "touch":
        return statement
    return _within(statement, conversion.c.at, question.period)
