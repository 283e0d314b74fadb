"""The KPIs of a store, cut by any dimensions and by time: one row a group and figure.

The figures are declared in :mod:`attribution.metrics.kpi_catalogue`, what they are made of is counted in
:mod:`attribution.metrics.measures`, and :mod:`attribution.metrics.kpi_table` divides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date as Day  # `date` is an option's name elsewhere
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Integral
from pathlib import Path
from typing import Any, Final

import numpy as np

from attribution import clock
from attribution.clock import DAY
from attribution.errors import InputError
from attribution.labels import NO_LEAD
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.benchmarks import COLUMNS, with_benchmark
from attribution.metrics.dimensions import Dimensions, parse_by, parse_where
from attribution.metrics.findings import EXAMPLES
from attribution.metrics.known_days import known_until, nothing_known
from attribution.metrics.kpi_catalogue import MONEY_MEASURES, Kpi, choose
from attribution.metrics.kpi_intervals import DRAWS, Intervals
from attribution.metrics.kpi_periods import When, compared, compared_columns
from attribution.metrics.kpi_table import KpiTable
from attribution.metrics.measures.context import Asked, Measures
from attribution.metrics.measures.registry import MEASURES
from attribution.metrics.outside import currencies, currency_warnings
from attribution.metrics.periods import as_period
from attribution.metrics.report import ask
from attribution.metrics.selection import (
    JourneySelection,
    find_credits,
    period,
    select_journeys,
    stale_warnings,
    with_goal,
)
from attribution.store.database import Database
from attribution.store.settings import Settings

FIGURES: Final = {
    "kpi": "text", "value": "mixed", "unit": "text", "numerator": "part", "denominator": "part",
}  # fmt: skip
_STAGES: Final = {"lower_quartile": "mixed", "upper_quartile": "mixed"}
_CENTURY: Final = 1_200  # months
_CENSORED: Final = {
    "censored_lower_quartile": "mixed", "censored_median": "mixed", "censored_upper_quartile": "mixed",
    "waiting": "count",
}  # fmt: skip
_LIFETIMES: Final = {"lifetime_months": "months", "median_lifetime_months": "months"}
_IMMATURE: Final = {"immature": "text"}
_PARTIAL: Final = {"partial": "text"}
_INTERVAL: Final = {"low": "mixed", "high": "mixed", "conversions": "count", "too_few": "text"}


@tells_what_was_asked
def kpis(
    db: Database,
    by: str | Iterable[str] = (),
    *,
    names: str | Iterable[str] = (),
    basis: str = "period",
    every: str | None = None,
    against: str | None = None,
    interval: float | str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    unique: bool = False,
    stage: str = "opportunity",
    target: str | None = None,
    horizon: int = 60,
    censored: bool = False,
    benchmark: str | Path | None = None,
    margin: str | float | None = None,
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

    A row has the dimensions and `kpi value unit numerator denominator`; a duration has one row a
    `stage`, its value the median, its denominator how many, beside `lower_quartile upper_quartile` and
    `negative` (how many ended before they began). With `every` a row begins with its `period`, and `partial`
    tells of one that is not wholly asked for, not wholly within the days of the data, or not over; with
    `against` it has `before` and `change` (of the value, as a part of the one before; of a rate in percentage
    points, in `change_points`), and what there was nothing of in one of the two has a row too; with
    `interval` it has `low high conversions too_few`. A cohort's row has `immature`: its youngest leads have
    had less time than three in four won deals took.

    Args:
        db: the store.
        by: dimensions of :data:`attribution.metrics.dimensions.ALL`; none gives one row a figure.
        names: figures or families of :data:`attribution.metrics.kpi_catalogue.KPIS`; none gives all.
        basis: `period` (what happened in it) or `cohort` (the leads created in it, followed to today).
        every: `day`, `week`, `month`, `quarter` or `year`: the figures of each, from `start` (else the
            first that is known) to `end` (else the last run). Where data end over a month before the last
            run, no period has a row that lies wholly after them.
        against: `previous` (the period before, as long) or `year` (the same days a year earlier).
        interval: the share of intervals that are to hold the truth, such as 0.9; spend is taken as it is.
        draws, seed: of the intervals; those of predictions are made of as many draws as in
            :func:`attribution.metrics.predict.predict.predict`.
        unique: leads are people, however many records they have.
        stage: what a lead reaches to be converted: `opportunity`, `won`, `mql`, `sqo`, or one of `stages`.
        target: how soon an inquiry should be answered, such as `3m` (the default) or `1h`.
        horizon: up to how many months customers' lifetimes are looked at.
        censored: durations tell `censored_median` and its quartiles too, and how many are `waiting`: those
            who began in the period and have not arrived count as still on their way, those given up until
            then.
        benchmark: a CSV file `industry, rate`, averages to set beside the lead conversion rate.
        margin: what part of revenue is earned, for ROI and ROAS: 0.6 or `60%`.
        model, lookback, scope, kinds: the credits that marketing dimensions are cut by.
        goal: only told in the envelope, with a warning; a KPI names its own goals.
        start, end, where, currency, restate: as for :func:`attribution.metrics.report.report`.
        date: only `closed`; a KPI counts a record when it happened.

    Raises:
        UnknownNameError: no such dimension, KPI, basis, period, goal or model.
        InputError: nothing has been run, or an option cannot be read.
    """
    chosen, dims, averages = with_benchmark(choose(names), parse_by(by), benchmark, named=bool(names))
    conditions = parse_where(where)
    if date != "closed":
        raise InputError(
            f"date {date!r} has no meaning for KPIs, which count records when they happened; leave it out"
        )
    earned, level = read_margin(margin), read_level(interval)
    question = ask(date, currency, restate)
    with db.read() as connection:
        journeys = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
        question = replace(question, period=period(start, end, journeys.timezone))
        label = model or Settings(connection).require("model").split()[0]
        dimensions = Dimensions(connection, dims, conditions)
        asked = Asked(
            journeys, label, question, basis, unique, stage.strip().lower(),
            horizon_months=read_horizon(horizon), target_minutes=read_target(target),
        )  # fmt: skip
        measures = Measures(connection, asked, dimensions, MEASURES)
        shown = currency or journeys.currency

        def table(of: Measures) -> KpiTable:
            judged = None if level is None else Intervals(of.units, level, draws, seed)
            return KpiTable(of, shown, earned, judged, censored=censored, seed=seed)

        when = When(connection, journeys, question.period, every, against)
        rows: list[Row] = []
        usual = _usual_time(measures)
        young: list[str] = []  # names of cohorts
        for span in when.spans:
            of = measures if span is None else measures.during(as_period(span, journeys.timezone))
            now = table(of)
            if against is None:
                found = now.rows(chosen)
            else:
                during = measures.during(as_period(when.before(span), journeys.timezone))
                found = compared(now, KpiTable(during, shown, earned, censored=censored), chosen, dims)
            if basis == "cohort":
                immature = _immature(of, usual)
                young += [span.name if span else ""] if immature else []
                found = [row | {"immature": _followed(row, dims) and immature} for row in found]
            rows += when.named(span, found)
        if young and usual is not None:
            measures.warn(_immature_text(young, usual))
        whole = [kpi for kpi in chosen if not (every and kpi.nets)]
        totals = KpiTable(measures, shown, earned).totals(whole)
        if len(whole) < len(chosen):
            measures.warn(_no_total(kpi.name for kpi in chosen if kpi.nets))
        if goal is not None:
            measures.warn(f"--goal {goal} changes no KPI: each counts what its own words say")
        unknown = nothing_known(connection, question.period, journeys)
        if currency is not None and any(map(_mixes, chosen)) and {*currencies(connection)} > {currency}:
            measures.warn(
                f"figures per lead divide what there is in {currency} by all leads: a lead has no currency"
            )
        read = find_credits(connection, with_goal(connection, journeys, "revenue"), label)
        warnings = [*(stale_warnings(connection, read) if read else []), *dimensions.warnings]
        warnings += [unknown] if unknown else when.warnings
        warnings += currency_warnings(connection, currency)
    if averages is not None:
        rows = averages.beside(rows)
        warnings += [*averages.warnings, *averages.unmet(rows)]
    return Answer(
        verb="kpis",
        store=db.label,
        **_envelope(journeys, read.model if read else label, shown),
        rows=rows,
        totals=totals,
        warnings=[*warnings, *measures.warnings],
        columns=_columns(dims, chosen, every is not None, against is not None, level is not None)
        | (_CENSORED if censored and any(kpi.stages for kpi in chosen) else {})
        | (COLUMNS if averages is not None else {})
        | (_PARTIAL if every else {})
        | (_IMMATURE if basis == "cohort" else {}),
        title=f"KPIs ({basis})"
        + (f" by {', '.join(dims)}" if dims else "")
        + (f", every {every}" if every else ""),
    )


def _no_total(names: Iterable[str]) -> str:
    return (
        f"{', '.join(names)} have no total: each compares the last day of a period with the day before it, "
        "and what came in one period and went in another would be in neither of all periods together"
    )


def _mixes(kpi: Kpi) -> bool:
    """Tell whether a figure sets money, which may be of one currency, against leads, which have none."""
    return kpi.numerator in MONEY_MEASURES and kpi.denominator in ("leads", "mql", "sqo")


def read_margin(margin: str | float | None) -> Fraction:
    """Read what part of revenue is earned; all of it where nothing is said.

    Raises:
        InputError: not above 0 and at most 1.

    >>> read_margin("60%"), read_margin(0.6)
    (Fraction(3, 5), Fraction(3, 5))
    """
    if margin is None:
        return Fraction(1)
    text = str(margin).strip()
    try:
        value = Fraction(Decimal(text.removesuffix("%").strip())) / (100 if text.endswith("%") else 1)
    except (InvalidOperation, ValueError, OverflowError):
        value = Fraction(0)
    if not 0 < value <= 1:
        raise InputError(
            f"margin {margin!r} cannot be used; allowed is a part of revenue above 0 and up to 1, "
            "such as 0.6 or 60%"
        )
    return value


def read_target(target: str | None) -> float:
    """Read how soon an inquiry should be answered, in minutes; 3 where nothing is said.

    Raises:
        InputError: not a duration.

    >>> read_target("90s"), read_target(None)
    (1.5, 3.0)
    """
    return 3.0 if target is None else clock.parse_duration(target) / clock.MINUTE


def read_horizon(horizon: int) -> int:
    """Check up to how many months lifetimes are looked at.

    Raises:
        InputError: none at all, or more than a century.
    """
    if not (isinstance(horizon, Integral) and 1 <= horizon <= _CENTURY):
        raise InputError(
            f"horizon {horizon!r} cannot be used; allowed are whole months from 1 to {_CENTURY:,}, such as 60"
        )
    return horizon


def read_level(interval: str | float | None) -> float | None:
    """Read the level of intervals; None where none are asked for.

    Raises:
        InputError: not between 0 and 1.

    >>> read_level("90%"), read_level(0.8)
    (0.9, 0.8)
    """
    if interval is None:
        return None
    text = str(interval).strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise InputError(
            f"interval {interval!r} cannot be used; allowed are shares between 0 and 1, such as 0.9 or 90%"
        )
    return value


def _columns(
    dims: Sequence[str], chosen: Sequence[Kpi], every: bool, against: bool, judged: bool
) -> dict[str, str]:
    timed = any(kpi.stages for kpi in chosen)
    columns = {"period": "text"} if every else {}
    columns |= dict.fromkeys(dims, "text") | {"kpi": "text"}
    if timed:
        columns["stage"] = "text"
    columns |= FIGURES
    if judged:
        columns |= _INTERVAL
    if against:
        columns |= compared_columns(chosen)
    if any(kpi.times for kpi in chosen):
        columns |= _LIFETIMES
    return columns | (_STAGES if timed else {})


def _usual_time(measures: Measures) -> float | None:
    """Return within how many microseconds of their leads three in four won deals closed; None without any."""
    deals = measures.dimensions.deals
    deals = deals[(deals["status"] == "won") & (deals["lead_id"] >= 0)]
    took = (deals["closed"] - deals["lead_created"]).to_numpy(np.int64)
    took = took[took >= 0]
    return float(np.quantile(took, 0.75)) if len(took) else None


def _immature(measures: Measures, usual: float | None) -> bool:
    """Tell whether the youngest leads of a cohort have had less than the usual time."""
    created = measures.dimensions.leads["created"].to_numpy(np.int64)
    created = created[measures.in_period(created)]
    if usual is None or not len(created):
        return False
    return known_until(measures.connection, measures.asked.journeys) - int(created.max()) < usual


def _followed(row: Row, dims: Sequence[str]) -> bool:
    """Tell whether a row is of a cohort, and not of deals that belong to none."""
    return not dims or any(row[dim] != NO_LEAD for dim in dims)


def _immature_text(names: Sequence[str], usual: float) -> str:
    cohort, whose = ("the cohort is", "its") if names == [""] else ("cohorts are", "their")
    which = "" if names == [""] else f" ({', '.join(names[:EXAMPLES])}{_more(len(names) - EXAMPLES)})"
    return (
        f"{cohort} immature{which}: {whose} youngest leads have had less than the {usual / DAY:.0f} days in "
        "which three of four won deals close"
    )


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _envelope(journeys: JourneySelection, model: str, currency: str) -> dict[str, Any]:
    return {
        "as_of": clock.iso(journeys.as_of),
        "currency": currency,
        "model": model,
        "goal": journeys.goal.name,
        "lookback": journeys.lookback,
        "scope": journeys.scope,
    }
