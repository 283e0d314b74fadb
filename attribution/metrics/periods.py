"""Periods that follow each other, and those to compare with: days of the reporting timezone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final, NamedTuple

from attribution.errors import InputError, UnknownNameError
from attribution.metrics.selection import Period, period

MOST: Final = 1_000  # periods of one answer
AGAINST: Final = ("previous", "year")


class Span(NamedTuple):
    """Some days, both included, and what they are called."""

    first: date
    last: date
    name: str


def _day(day: date) -> Span:
    return Span(day, day, day.isoformat())


def _week(day: date) -> Span:
    year, week, weekday = day.isocalendar()
    monday = day - timedelta(days=weekday - 1)
    return Span(monday, monday + timedelta(days=6), f"{year}-W{week:02d}")


def _months(day: date, count: int, name: Callable[[date], str]) -> Span:
    first = day.replace(month=(day.month - 1) // count * count + 1, day=1)
    return Span(first, add_months(first, count) - timedelta(days=1), name(first))


def add_months(first: date, count: int) -> date:
    """Return the first day of the month that comes so many after that of a first day; fewer than 0 is before.

    >>> add_months(date(2025, 11, 1), 3), add_months(date(2025, 1, 1), -1)
    (datetime.date(2026, 2, 1), datetime.date(2024, 12, 1))
    """
    month = first.month - 1 + count
    return date(first.year + month // 12, month % 12 + 1, 1)


_SPANS: Final[dict[str, Callable[[date], Span]]] = {
    "day": _day,
    "week": _week,
    "month": lambda day: _months(day, 1, lambda first: f"{first:%Y-%m}"),
    "quarter": lambda day: _months(day, 3, lambda first: f"{first.year}-Q{first.month // 3 + 1}"),
    "year": lambda day: _months(day, 12, lambda first: f"{first.year}"),
}
EVERY: Final = tuple(_SPANS)


def spans(first: date, last: date, every: str) -> list[Span]:
    """Return the periods from one day to another, both included; the first and the last may be cut short.

    Raises:
        UnknownNameError: no such period.
        InputError: more than :data:`MOST`.

    >>> [span.name for span in spans(date(2025, 11, 20), date(2026, 1, 3), "month")]
    ['2025-11', '2025-12', '2026-01']
    >>> spans(date(2025, 11, 20), date(2025, 12, 24), "month")[0].first.isoformat()
    '2025-11-20'
    """
    if every not in _SPANS:
        raise UnknownNameError("period", every, EVERY)
    found: list[Span] = []
    day = first
    while day <= last:
        span = _SPANS[every](day)
        found.append(Span(max(span.first, first), min(span.last, last), span.name))
        if len(found) > MOST:
            raise InputError(
                f"{first} to {last} are more than {MOST:,} periods of a {every}; "
                "ask for longer ones with --every, or for fewer days with --from and --to"
            )
        day = span.last + timedelta(days=1)
    return found


def cut_short(span: Span, every: str) -> bool:
    """Tell whether a period of :func:`spans` is not a whole one.

    >>> [cut_short(span, "month") for span in spans(date(2025, 1, 3), date(2025, 2, 28), "month")]
    [True, False]
    """
    whole = _SPANS[every](span.first)
    return (span.first, span.last) != (whole.first, whole.last)


def as_period(span: Span, timezone: str) -> Period:
    """Return a span as what figures are asked for."""
    return period(span.first, span.last, timezone)


def before(span: Span, against: str) -> Span:
    """Return what a period is compared with: as many days before it, or the same days a year earlier.

    Whole months, quarters and years are compared with whole ones. 29 February is 28 February a year earlier,
    and the other way round only at the end of whole months.

    Raises:
        UnknownNameError: no such comparison.

    >>> before(spans(date(2025, 3, 1), date(2025, 3, 31), "month")[0], "previous")
    Span(first=datetime.date(2025, 2, 1), last=datetime.date(2025, 2, 28), name='2025-02')
    >>> before(Span(date(2024, 2, 29), date(2024, 3, 9), ""), "year").first.isoformat()
    '2023-02-28'
    >>> before(Span(date(2025, 2, 22), date(2025, 2, 28), ""), "year").name
    '2024-02-22 to 2024-02-28'
    """
    if against not in AGAINST:
        raise UnknownNameError("comparison", against, AGAINST)
    if against == "year":
        first, last = _year_earlier(span.first), _year_earlier(span.last)
        if _whole_months(span):  # the end of a month stays one
            last = add_months(last.replace(day=1), 1) - timedelta(days=1)
        return _named(first, last)
    months = _whole_months(span)
    if months:
        return _named(add_months(span.first, -months), span.first - timedelta(days=1))
    length = span.last - span.first
    last = span.first - timedelta(days=1)
    return _named(last - length, last)


def _whole_months(span: Span) -> int:
    """Return how many months a span is, 0 where it is not made of whole ones."""
    after = span.last + timedelta(days=1)
    if span.first.day != 1 or after.day != 1:
        return 0
    return (after.year - span.first.year) * 12 + after.month - span.first.month


def _year_earlier(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)


def _named(first: date, last: date) -> Span:
    """Return a span under the name of the period that it is, else under its days."""
    for every in ("day", "week", "month", "quarter", "year"):
        span = _SPANS[every](first)
        if (span.first, span.last) == (first, last):
            return span
    return Span(first, last, f"{first} to {last}")
