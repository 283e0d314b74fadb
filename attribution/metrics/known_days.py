"""From which day to which a store knows of anything that figures count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from attribution import clock
from attribution.metrics.selection import JourneySelection, Period, period
from attribution.store.schema import (
    adjustment,
    deal,
    email_stat,
    lead,
    meeting,
    social_stat,
    spend,
    stage,
    touch,
    touch_count,
)


class _Dated(NamedTuple):
    """Records that figures count, and when: in microseconds, or in days."""

    name: str
    columns: Sequence[ColumnElement[int]]
    days: bool = False


def _decided(column: ColumnElement[int]) -> ColumnElement[Any]:
    """Return the closing of deals that were decided: of open ones it is a wish."""
    return case((deal.c.status.in_(["won", "lost"]), column))


def _there(column: ColumnElement[int]) -> ColumnElement[Any]:
    return case((deal.c.status != "deleted", column))


_DATED: Final = (
    _Dated("leads", [lead.c[name] for name in ("created_at", "mql_at", "sqo_at", "requested_at")]),
    _Dated("deals", [_there(deal.c.created_at), _decided(deal.c.closed_at)]),
    _Dated("stages", [stage.c.at]),
    _Dated("adjustments", [adjustment.c.at]),
    _Dated("meetings", [meeting.c.booked_at, meeting.c.held_at]),
    _Dated("touches", [touch.c.at]),
    _Dated("counts of removed touches", [touch_count.c.day], days=True),
    _Dated("rows of spend", [spend.c.day], days=True),
    _Dated("rows of email_stats", [email_stat.c.day], days=True),
    _Dated("rows of social_stats", [social_stat.c.day], days=True),
)
# contracts run from their first day; later ones are not counted before it
_BEGINS: Final = _Dated("contracts", [_there(deal.c.recurring_from)])


def known_days(connection: Connection, asked: Period, journeys: JourneySelection) -> tuple[date, date]:
    """Return the days of a period; an open one is from the first that is known of to the last run.

    Args:
        connection: inside a transaction.
        asked: the period.
        journeys: which hold the reporting timezone and when the last run was.
    """
    last = _last_run(journeys) if asked.end_day is None else clock.day_of(asked.end_day)
    if asked.start_day is not None:
        return clock.day_of(asked.start_day), last
    found = []
    for of in (*_DATED, _BEGINS):
        least = connection.execute(select(*(func.min(column) for column in of.columns))).one()
        found += [_day(at, of, journeys) for at in least if at is not None]
    return min(found, default=last), last


def after_last_run(connection: Connection, journeys: JourneySelection) -> str | None:
    """Say what is dated after the day of the last run, where an open period ends; None where nothing is.

    Args:
        connection: inside a transaction.
        journeys: which hold the reporting timezone and when the last run was.
    """
    last = _last_run(journeys)
    until = period(None, last, journeys.timezone)
    counts, latest = [], [last]
    for of in _DATED:
        limit = until.end_day if of.days else until.end
        later = or_(*(column > limit for column in of.columns))
        columns = [func.max(column) for column in of.columns]
        found = connection.execute(select(func.count(), *columns).where(later)).one()
        if found[0]:
            counts.append(f"{of.name} ({found[0]:,})")
            latest += [_day(at, of, journeys) for at in found[1:] if at is not None]
    if not counts:
        return None
    return (
        f"the last run was on {last}; dated later are {', '.join(counts)}: totals count them, no period "
        f"does; --to {max(latest)} shows them"
    )


def _last_run(journeys: JourneySelection) -> date:
    return clock.from_micros(journeys.as_of).astimezone(clock.zone(journeys.timezone)).date()


def _day(at: int, of: _Dated, journeys: JourneySelection) -> date:
    if of.days:
        return clock.day_of(at)
    return clock.from_micros(at).astimezone(clock.zone(journeys.timezone)).date()
