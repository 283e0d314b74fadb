"""Days of figures, and how they are cut into pages: a day is never in two of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple


class Span(NamedTuple):
    """Days, both included."""

    first: date
    last: date


def spans(start: str | None, end: str, days: int) -> Iterator[Span]:
    """Cut days into pieces of so many, the earliest first.

    >>> [f"{a}/{b}" for a, b in spans("2026-11-01", "2026-11-10", 7)]
    ['2026-11-01/2026-11-07', '2026-11-08/2026-11-10']
    """
    first, end_day = date.fromisoformat(start or end), date.fromisoformat(end)
    while first <= end_day:
        last = min(first + timedelta(days=days - 1), end_day)
        yield Span(first, last)
        first = last + timedelta(days=1)
