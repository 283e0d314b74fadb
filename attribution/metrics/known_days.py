"""From which day to which a store knows of anything that figures count."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.metrics.selection import JourneySelection, Period
from attribution.store.schema import deal, lead, spend, touch


def known_days(connection: Connection, asked: Period, journeys: JourneySelection) -> tuple[date, date]:
    """Return the days of a period; an open one is from the first that is known of to the last run.

    Args:
        connection: inside a transaction.
        asked: the period.
        journeys: which hold the reporting timezone and when the last run was.
    """
    zone = clock.zone(journeys.timezone)
    last = clock.from_micros(journeys.as_of).astimezone(zone).date()
    if asked.end_day is not None:
        last = clock.day_of(asked.end_day)
    if asked.start_day is not None:
        return clock.day_of(asked.start_day), last
    instants = [
        connection.execute(select(func.min(column))).scalar_one()
        for column in (lead.c.created_at, deal.c.created_at, deal.c.closed_at, touch.c.at)
    ]
    found = [clock.from_micros(at).astimezone(zone).date() for at in instants if at is not None]
    day = connection.execute(select(func.min(spend.c.day))).scalar_one()
    found += [] if day is None else [clock.day_of(day)]
    return min(found, default=last), last
