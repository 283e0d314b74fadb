"""The KPIs of a store, cut by any dimensions: one row a group and figure.

The figures are declared in :mod:`attribution.metrics.kpi_catalogue`; this module divides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date as Day  # `date` is an option's name elsewhere
from typing import Any, Final

import numpy as np

from attribution import clock
from attribution.clock import DAY
from attribution.errors import InputError
from attribution.labels import NO_LEAD
from attribution.ledger.allocate import MILLION
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import Dimensions, parse_by, parse_where
from attribution.metrics.kpi_catalogue import MONEY_MEASURES, Kpi, choose
from attribution.metrics.measures.context import Asked, Measures
from attribution.metrics.measures.durations import STAGES, Duration, durations
from attribution.metrics.measures.registry import MEASURES
from attribution.metrics.report import ask, count
from attribution.metrics.selection import (
    JourneySelection,
    find_credits,
    period,
    select_journeys,
    stale_warnings,
    with_goal,
)
from attribution.money import money_text
from attribution.store.database import Database
from attribution.store.settings import Settings

FIGURES: Final = {
    "kpi": "text", "value": "mixed", "unit": "text", "numerator": "part", "denominator": "part",
}  # fmt: skip


def kpis(
    db: Database,
    by: str | Iterable[str] = (),
    *,
    names: str | Iterable[str] = (),
    basis: str = "period",
    model: str | None = None,
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
    start: Day | str | None = None,
    end: Day | str | None = None,
    where: Iterable[str] = (),
    date: str = "closed",
    currency: str | None = None,
    restate: bool = False,
) -> Answer:
    """Compute KPIs.

    A row has the dimensions and `kpi value unit numerator denominator`; `time_to_conversion` has one row a
    `stage`, its value the median, its denominator how many, beside `lower_quartile upper_quartile` and
    `negative` (how many ended before they began).

    Args:
        db: the store.
        by: dimensions of :data:`attribution.metrics.dimensions.ALL`; none gives one row a figure.
        names: figures of :data:`attribution.metrics.kpi_catalogue.KPIS`; none gives all.
        basis: `period` (what happened in it) or `cohort` (the leads created in it, followed to today).
        model, lookback, scope, kinds: the credits that marketing dimensions are cut by.
        goal: only told in the envelope; a KPI names its own goals.
        start, end, where, currency, restate: as for :func:`attribution.metrics.report.report`.
        date: only `closed`; a KPI counts a record when it happened.

    Raises:
        UnknownNameError: no such dimension, KPI, basis, goal or model.
        InputError: nothing has been run, or an option cannot be read.
    """
    dims, chosen, conditions = parse_by(by), choose(names), parse_where(where)
    if date != "closed":
        raise InputError(
            f"date {date!r} has no meaning for KPIs, which count records when they happened; leave it out"
        )
    question = ask(date, currency, restate)
    with db.read() as connection:
        journeys = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
        when = period(start, end, journeys.timezone)
        question = replace(question, period=when)
        label = model or Settings(connection).require("model").split()[0]
        dimensions = Dimensions(connection, dims, conditions)
        measures = Measures(connection, Asked(journeys, label, question, basis), dimensions, MEASURES)
        table = _Table(measures, currency or journeys.currency)
        rows = table.rows(chosen)
        totals = table.totals(chosen)
        immature = basis == "cohort" and _immature(measures)
        read = find_credits(connection, with_goal(connection, journeys, "revenue"), label)
        warnings = [*(stale_warnings(connection, read) if read else []), *dimensions.warnings]
    if immature:
        rows = [row | {"immature": True} for row in rows]
    timed = any(kpi.name == "time_to_conversion" for kpi in chosen)
    stages = {"lower_quartile": "days", "upper_quartile": "days"} if timed else {}
    columns = dict.fromkeys(dims, "text") | FIGURES | stages
    if timed:
        columns = dict.fromkeys(dims, "text") | {"kpi": "text", "stage": "text"} | columns
    return Answer(
        verb="kpis",
        store=db.label,
        **_envelope(journeys, read.model if read else label, table.currency),
        rows=rows,
        totals=totals,
        warnings=[*warnings, *measures.warnings],
        columns=columns,
        title=f"KPIs ({basis})" + (f" by {', '.join(dims)}" if dims else ""),
    )


def divide(kpi: Kpi, numerator: int, denominator: int) -> int | float | None:
    """Divide two measures: minor units (rounded half up, away from zero) for money, else a float.

    Args:
        kpi: which figure; it tells whether a measure is money or a count in millionths.
        numerator: minor units or millionths.
        denominator: minor units or millionths.

    Returns:
        None where the denominator is zero.

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> divide(KPIS["lead_value"], 8_500_000, 60_000_000)
    141667
    >>> round(divide(KPIS["lead_conversion_rate"], 35_000_000, 150_000_000), 4)
    0.2333
    """
    if denominator == 0:
        return None
    if kpi.unit != "money":
        return numerator / denominator
    twice = 2 * abs(numerator) * MILLION + abs(denominator)
    value = twice // (2 * abs(denominator))
    return value if (numerator < 0) == (denominator < 0) else -value


class _Table:
    """Rows and totals, from measures."""

    def __init__(self, measures: Measures, currency: str) -> None:
        self.measures, self.currency = measures, currency
        self.dimensions = measures.dimensions

    def rows(self, chosen: list[Kpi]) -> list[Row]:
        """Return one row a group and figure, the groups with most revenue first."""
        counted = [kpi for kpi in chosen if kpi.numerator]
        found = {name: self.measures.get(name) for kpi in counted for name in _measures_of(kpi)}
        timed = len(counted) < len(chosen)
        times = {stage: durations(self.measures, stage) for stage in STAGES} if timed else {}
        groups = {g for sums in (*found.values(), *times.values()) for g in sums or {}}
        if not self.dimensions.by:
            groups = {0}
        rows = []
        for group in self._sorted(groups, found):
            shown = self.dimensions.names(group)
            for kpi in chosen:
                if kpi.numerator:
                    rows.append(shown | self._row(kpi, _at(found, group)))
                else:
                    rows += [shown | self._stage(name, of, group) for name, of in times.items()]
        self._tell(found, times)
        return rows + (self._leadless(counted) if self.measures.asked.basis == "cohort" else [])

    def totals(self, chosen: list[Kpi]) -> Row:
        """Return each figure over all groups (medians do not add up, and are left out)."""
        found: Row = {}
        for kpi in chosen:
            if kpi.numerator:
                sums = {name: self.measures.get(name) for name in _measures_of(kpi)}
                whole = {n: None if s is None else sum(s.values()) for n, s in sums.items()}
                found[kpi.name] = self._row(kpi, whole)["value"]
        return found

    def _sorted(self, groups: set[int], found: Mapping[str, Mapping[int, int] | None]) -> list[int]:
        order = [found.get(name) or {} for name in ("revenue", "spend", "leads")]
        kept = groups
        if self.dimensions.by:
            all_ = [sums or {} for sums in found.values()]
            timed = not all_
            kept = {g for g in groups if timed or any(sums.get(g) for sums in all_)}
        return sorted(
            kept, key=lambda g: (*(-sums.get(g, 0) for sums in order), *self.dimensions.names(g).values())
        )

    def _row(self, kpi: Kpi, found: Mapping[str, int | None]) -> Row:
        top = found[kpi.numerator]
        if kpi.denominator is None:
            counted = None if top is None else count(top)
            return _figure(kpi, counted, counted, None)
        below = found[kpi.denominator]
        if kpi.less_spend and top is not None:
            top = None if below is None else top - below
        value: Any = None if top is None or below is None else divide(kpi, top, below)
        if kpi.unit == "money" and value is not None:
            value = money_text(value, self.currency)
        shown_top, shown_below = self._shown(kpi.numerator, top), self._shown(kpi.denominator, below)
        return _figure(kpi, value, shown_top, shown_below)

    def _shown(self, measure: str, value: int | None) -> str | int | float | None:
        if value is None:
            return None
        return money_text(value, self.currency) if measure in MONEY_MEASURES else count(value)

    def _stage(self, stage: str, of: Mapping[int, Duration] | None, group: int) -> Row:
        nobody = Duration(None, None, None, 0, 0)
        took = nobody if of is None else of.get(group, nobody)
        return {
            "kpi": "time_to_conversion",
            "stage": stage,
            "value": took.median,
            "unit": "days",
            "numerator": None,
            "denominator": None if of is None else count(took.share),
            "lower_quartile": took.lower_quartile,
            "upper_quartile": took.upper_quartile,
            "negative": count(took.negative),
        }

    def _leadless(self, counted: list[Kpi]) -> list[Row]:
        """Return what deals without a lead amount to: they belong to no cohort, and are not in the totals."""
        lost = {name: value for name, value in self.measures.without_lead.items() if value}
        if not lost:
            return []
        self.measures.warn(
            f"deals without a lead belong to no cohort; those of the period stand in {NO_LEAD} "
            "and in no total"
        )
        if not self.dimensions.by:
            return []
        names = self.dimensions.all_as(NO_LEAD)
        whole: dict[str, int | None] = dict.fromkeys(
            {name for kpi in counted for name in _measures_of(kpi)}, 0
        )
        return [names | self._row(kpi, whole | lost) for kpi in counted]

    def _tell(
        self,
        found: Mapping[str, Mapping[int, int] | None],
        times: Mapping[str, Mapping[int, Duration] | None],
    ) -> None:
        """Say what a reader would stumble over."""
        leads, converted = found.get("leads") or {}, found.get("converted_leads") or {}
        if any(share > leads.get(group, 0) > 0 for group, share in converted.items()):
            self.measures.warn(
                "a lead conversion rate passes 100 %: in a period, the leads that convert may be older than "
                "those that come in; --basis cohort follows the same leads"
            )
        for stage, of in times.items():
            negative = sum(took.negative for took in (of or {}).values())
            if negative:
                self.measures.warn(
                    f"{count(negative)} of {stage} ended before they began; their durations are left out"
                )


def _measures_of(kpi: Kpi) -> list[str]:
    return [kpi.numerator, *([kpi.denominator] if kpi.denominator else [])]


def _at(found: Mapping[str, Mapping[int, int] | None], group: int) -> dict[str, int | None]:
    return {name: None if sums is None else sums.get(group, 0) for name, sums in found.items()}


def _figure(kpi: Kpi, value: Any, numerator: Any, denominator: Any) -> Row:
    return {
        "kpi": kpi.name,
        "value": value,
        "unit": kpi.unit,
        "numerator": numerator,
        "denominator": denominator,
    }


def _immature(measures: Measures) -> bool:
    """Tell whether the youngest leads of a cohort have had less time than three in four deals took."""
    dimensions, asked = measures.dimensions, measures.asked
    deals = dimensions.deals[(dimensions.deals["status"] == "won") & (dimensions.deals["lead_id"] >= 0)]
    took = (deals["closed"] - deals["lead_created"]).to_numpy(np.int64)
    took = took[took >= 0]
    created = dimensions.leads["created"].to_numpy(np.int64)
    created = created[measures.in_period(created)]
    if not len(took) or not len(created):
        return False
    usual = float(np.quantile(took, 0.75))
    if asked.journeys.as_of - int(created.max()) >= usual:
        return False
    measures.warn(
        f"the cohort is immature: its youngest leads have had less than the {usual / DAY:.0f} days in which "
        "three of four won deals close"
    )
    return True


def _envelope(journeys: JourneySelection, model: str, currency: str) -> dict[str, Any]:
    return {
        "as_of": clock.iso(journeys.as_of),
        "currency": currency,
        "model": model,
        "goal": journeys.goal.name,
        "lookback": journeys.lookback,
        "scope": journeys.scope,
    }
