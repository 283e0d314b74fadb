"""KPIs period by period: which periods, how far data reach into them, and what changed between two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from attribution.errors import InputError
from attribution.metrics.answer import Row
from attribution.metrics.known_days import after_last_run, known, known_days
from attribution.metrics.kpi_catalogue import Kpi
from attribution.metrics.kpi_table import KpiTable
from attribution.metrics.periods import Span, before, spans
from attribution.metrics.selection import JourneySelection, Period


class When:
    """The periods that are asked for, and those that they are compared with.

    Args:
        connection: inside a transaction.
        journeys: which hold the reporting timezone and when the last run was.
        asked: the days.
        every: a period of :data:`attribution.metrics.periods.EVERY`, None for one of all days.
        against: with which to compare, None for none.

    Attributes:
        spans: the periods, one None where figures are of all days at once.
        warnings: what lies outside of them.

    Raises:
        InputError: a comparison of days that are not given.
        UnknownNameError: no such period.
    """

    def __init__(
        self,
        connection: Connection,
        journeys: JourneySelection,
        asked: Period,
        every: str | None,
        against: str | None,
    ) -> None:
        self._against, self._every = against, every
        self.warnings: list[str] = []
        self.spans: list[Span | None] = [None]
        if every is None and against is None:
            return
        if every is None and (asked.start_day is None or asked.end_day is None):
            raise InputError(
                f"against {against!r} compares a period with another; give its days with --from and --to, "
                "or --every month"
            )
        self._known = known(connection, journeys)
        first, last = known_days(connection, asked, journeys)
        if every is not None:
            self._to_the_end(list(spans(first, last, every)), asked.end_day is None)
            later = after_last_run(connection, journeys) if asked.end_day is None else None
            self.warnings += [later] if later else []
        else:
            self.spans = [Span(first, last, "")]

    def _to_the_end(self, every: list[Span], open_end: bool) -> None:
        """Keep the periods that anything can be known of, and say where data end."""
        known, last = self._known, self._known.end
        if not open_end and known.newest is not None:  # of after the last run, where it is asked for
            last = max(last, known.newest)
        self.spans = [span for span in every if span.first <= last]
        left = len(every) - len(self.spans)
        if known.ended() and (open_end or any(span.last > last for span in every)):
            self.warnings.append(str(known.ended()))
        elif left:
            self.warnings.append(
                f"{left:,} period{'s' * (left > 1)} after the last run on {known.last_run} "
                f"{'are' if left > 1 else 'is'} left out: nothing is dated then"
            )

    def named(self, span: Span | None, rows: list[Row]) -> list[Row]:
        """Put the period before each row, and whether it is a partial one."""
        if self._every is None or span is None:
            return rows
        partial = self._known.partial(span, self._every)
        return [{"period": span.name} | row | {"partial": partial} for row in rows]

    def before(self, span: Span | None) -> Span:
        """Return what a period is compared with."""
        assert span is not None
        assert self._against is not None
        return before(span, self._against)


def compared(now: KpiTable, earlier: KpiTable, chosen: list[Kpi], dims: Sequence[str]) -> list[Row]:
    """Add what each figure was before, and how it changed; what is no more, or was not yet, has a row too.

    Args:
        now, earlier: the period, and the one before it.
        chosen: the figures.
        dims: the names of the dimensions.

    Returns:
        Rows of the first with `before`, `change` (a part of what was before) and, where any figure is a rate,
        `change_points`: rates change by percentage points.
    """

    def key(row: Row) -> tuple[Any, ...]:
        return (*(row[dim] for dim in dims), row["kpi"], row.get("stage"))

    both = now.groups(chosen) | earlier.groups(chosen)
    points = any(kpi.unit == "ratio" for kpi in chosen)
    leadless = now.leadless(chosen) or earlier.leadless(chosen)
    was = {key(row): row["value"] for row in earlier.rows(chosen, both, leadless=leadless)}
    out = []
    for row in now.rows(chosen, both, leadless=leadless):
        then = was.get(key(row))
        out.append(row | {"before": then} | _change(row, then, points=points))
    return out


def compared_columns(chosen: Sequence[Kpi]) -> dict[str, str]:
    """Return the columns that :func:`compared` adds, with their units."""
    rates = any(kpi.unit == "ratio" for kpi in chosen)
    return {"before": "mixed", "change": "ratio"} | ({"change_points": "points"} if rates else {})


def _change(row: Row, then: Any, *, points: bool) -> Row:
    """Return how a value changed: a rate by percentage points, all others as a part of what they were."""
    change = by_points = None
    if then is not None and row["value"] is not None:
        if row["unit"] == "ratio":
            by_points = 100 * (float(row["value"]) - float(then))
        elif float(then) != 0:
            change = (float(row["value"]) - float(then)) / abs(float(then))
    return {"change": change} | ({"change_points": by_points} if points else {})
