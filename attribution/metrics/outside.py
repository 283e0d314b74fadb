"""What is asked for that a store knows nothing of: days without data, and a currency that nothing is in."""

from __future__ import annotations

from sqlalchemy import Connection, select, union

from attribution.metrics.credits import Question
from attribution.metrics.known_days import nothing_known
from attribution.metrics.selection import JourneySelection
from attribution.store.schema import deal, spend


def outside_warnings(connection: Connection, journeys: JourneySelection, question: Question) -> list[str]:
    """Say which days there are data of, and in which currencies, where none are of what was asked for.

    Args:
        connection: inside a transaction.
        journeys: which hold the reporting timezone and when the last run was.
        question: its period, and the one currency that it is of, if any.
    """
    unknown = nothing_known(connection, question.period, journeys)
    return [*([unknown] if unknown else []), *currency_warnings(connection, question.currency)]


def currencies(connection: Connection) -> list[str]:
    """Return the currencies that deals and spend are in, by name."""
    both = union(select(deal.c.currency), select(spend.c.currency)).subquery()
    known = select(both.c.currency).where(both.c.currency.is_not(None)).order_by(both.c.currency)
    return [str(name) for name in connection.execute(known).scalars()]


def currency_warnings(connection: Connection, currency: str | None) -> list[str]:
    """Say that nothing is in the one currency that is asked for, and in which there is something."""
    known = [] if currency is None else currencies(connection)
    if currency is None or currency in known:
        return []
    there = f"there are {', '.join(known)}" if known else "nothing is in any"
    return [f"no deal and no spend is in {currency}; {there}"]
