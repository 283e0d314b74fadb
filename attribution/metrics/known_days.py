"""From which day to which a store knows of anything that figures count.

Data that end long before the last run leave months of which nobody knows whether nothing happened or nothing
was imported: they are no zeros. What is open ends with the data then, and what lies beyond them has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, literal, or_, select

from attribution import clock
from attribution.metrics.periods import Span, cut_short
from attribution.metrics.selection import JourneySelection, Period, period
from attribution.store.database import remembered
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

SILENCE_DAYS: Final = 31  # days without anything, up to the last run, in which it may just be quiet


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


class Known(NamedTuple):
    """The days that a store knows of; None where it knows of nothing.

    `first` and `latest` are of records, none of `latest` after `last_run`; `newest` may be. Contracts begin
    with their first day and end nothing.
    """

    first: date | None
    latest: date | None
    newest: date | None
    last_run: date

    @property
    def stale(self) -> bool:
        """Whether data end more than :data:`SILENCE_DAYS` days before the last run."""
        return self.latest is not None and (self.last_run - self.latest).days > SILENCE_DAYS

    @property
    def end(self) -> date:
        """The last day that figures can tell of: of the last run, or of data that end long before it."""
        return self.latest if self.latest is not None and self.stale else self.last_run

    def partial(self, span: Span, every: str) -> bool:
        """Tell whether a period is not wholly asked for, or not wholly within what is known.

        The day of the last run is not over.
        """
        whole = self.end if self.stale else self.end - timedelta(days=1)
        early = self.first is not None and span.first < self.first
        return early or span.last > whole or cut_short(span, every)

    def ended(self) -> str | None:
        """Say that data end long before the last run; None where they do not."""
        if not self.stale or self.latest is None:
            return None
        gap = (self.last_run - self.latest).days
        return (
            f"data end on {self.latest}, {gap:,} days before the last run on {self.last_run}: what came "
            "after is not known, and periods after it are left out"
        )


def known(connection: Connection, journeys: JourneySelection) -> Known:
    """Return the days that a store knows of.

    Args:
        connection: inside a transaction.
        journeys: which hold the reporting timezone and when the last run was.
    """
    key = ("known days", journeys.as_of, journeys.timezone)
    return remembered(connection, key, lambda: _known(connection, journeys))


def _known(connection: Connection, journeys: JourneySelection) -> Known:
    last = _last_run(journeys)
    until = period(None, last, journeys.timezone)
    first: list[date] = []
    upto: list[date] = []
    newest: list[date] = []
    for of in (*_DATED, _BEGINS):
        limit = until.end_day if of.days else until.end
        wanted = [
            (func.min(column), func.max(case((column <= limit, column))), func.max(column))
            for column in of.columns
        ]
        found = connection.execute(select(*(one for three in wanted for one in three))).one()
        days = [None if at is None else _day(at, of, journeys) for at in found]
        first += [day for day in days[::3] if day is not None]
        if of is not _BEGINS:
            upto += [day for day in days[1::3] if day is not None]
            newest += [day for day in days[2::3] if day is not None]
    return Known(min(first, default=None), max(upto, default=None), max(newest, default=None), last)


def known_days(connection: Connection, asked: Period, journeys: JourneySelection) -> tuple[date, date]:
    """Return the days of a period; an open one is from the first that is known of to the last run.

    Where data end long before the last run, it ends with them.

    Args:
        connection: inside a transaction.
        asked: the period.
        journeys: which hold the reporting timezone and when the last run was.
    """
    days = known(connection, journeys)
    last = days.end if asked.end_day is None else clock.day_of(asked.end_day)
    if asked.start_day is not None:
        return clock.day_of(asked.start_day), last
    return days.first or last, last


def known_until(connection: Connection, journeys: JourneySelection) -> int:
    """Return up to when what became of leads is known, in microseconds: the last run, or where data end."""
    days = known(connection, journeys)
    ended = period(None, days.end, journeys.timezone).end
    return journeys.as_of if ended is None else min(journeys.as_of, ended)


def nothing_known(connection: Connection, asked: Period, journeys: JourneySelection) -> str | None:
    """Say that nothing is dated in a period, and which days there are data of; None where anything is.

    An open period is not looked for.

    Args:
        connection: inside a transaction.
        asked: the period.
        journeys: which hold the reporting timezone and when the last run was.
    """
    if asked == Period():
        return None
    for of in sorted(_DATED, key=lambda dated: dated.name == "touches"):  # the largest last
        low, high = (asked.start_day, asked.end_day) if of.days else (asked.start, asked.end)
        for column in of.columns:
            inside: list[ColumnElement[bool]] = [column.is_not(None)]
            inside += [column >= low] if low is not None else []
            inside += [column <= high] if high is not None else []
            if connection.execute(select(literal(1)).where(*inside).limit(1)).first() is not None:
                return None
    days = known(connection, journeys)
    from_, to = (None if day is None else clock.day_of(day) for day in (asked.start_day, asked.end_day))
    when = " ".join([*([f"from {from_}"] if from_ else []), *([f"to {to}"] if to else [])])
    if days.first is None or days.newest is None:
        return f"nothing is known of the days {when}: the store has no dated records"
    return f"nothing is known of the days {when}: there are data of {days.first} to {days.newest}"


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
