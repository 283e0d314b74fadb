"""The figures behind a chart as a table that everybody can read, a screen reader too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx

from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import ALL as DIMENSIONS
from attribution.report.charts.channels import dimensions, judged_roi, row_name
from attribution.report.charts.kpis import part_text
from attribution.report.charts.over_time import MOVEMENTS
from attribution.report.charts.sureness import interval_text
from attribution.report.figures import DASH, count_figure, figure_text, graph_value
from attribution.report.words import column_label, label, model_label, value_label

_UNITS = {
    "value": "money", "spend": "money", "leads": "count", "conversions": "count", "assisted": "count",
    "roi": "ratio", "share": "ratio", "disagreement": "ratio", "kpi": "text", "path": "text",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A caption, the headings with whether their column holds figures, and the written cells."""

    caption: str
    headings: list[tuple[str, bool]]
    rows: list[list[str]]


def table(
    answer: Answer, caption: str, *, rows: list[Row] | None = None, leave_out: tuple[str, ...] = ()
) -> Table:
    """Write an answer's rows (or the given ones of them) as a table, its columns in their order."""
    rows = answer.rows if rows is None else rows
    names = list(answer.columns) or (list(rows[0]) if rows else [])
    names = [name for name in names if name not in leave_out]
    units = {name: answer.columns.get(name) or _UNITS.get(name, _guess(name, answer)) for name in names}
    headings = [(_heading(name, answer), units[name] != "text") for name in names]
    written = [[_cell(row, name, units[name], answer.currency) for name in names] for row in rows]
    return Table(caption, headings, written)


def _guess(name: str, answer: Answer) -> str:
    return "text" if name in DIMENSIONS or answer.verb != "compare" else "money"


def _heading(name: str, answer: Answer) -> str:
    if name == "value" and answer.verb in ("report", "paths"):
        return value_label(answer.goal)
    if answer.verb == "compare" and name not in DIMENSIONS and not name.startswith("disagreement"):
        return model_label(name)
    return column_label(name, answer.verb)


def _cell(row: Row, name: str, unit: str, currency: str | None) -> str:
    value: Any = row.get(name)
    return figure_text(value, str(row.get("unit", "text")) if unit == "mixed" else unit, currency)


def transition_table(graph: nx.DiGraph[str], caption: str) -> Table:
    """Write the steps of a transition graph, those taken most first."""
    asked, edges = graph.graph, sorted(graph.edges(data=True), key=lambda edge: -edge[2]["count"])
    headings = [("From", False), ("To", False), ("Times taken", True), ("Of all steps from there", True)]
    headings += [("Conversions with it", True), (f"{value_label(asked.get('goal'))} of those", True)]
    rows = [
        [
            source,
            target,
            count_figure(step["count"]),
            figure_text(step["probability"], "ratio"),
            count_figure(step["conversions"]),
            graph_value(graph, step["value"]),
        ]
        for source, target, step in edges
    ]
    return Table(caption, headings, rows)


def evidence_table(graph: nx.MultiGraph[str], caption: str) -> Table:
    """Write the observations of a graph of evidence, the earliest first."""
    headings = [(name, False) for name in ("Between", "And", "Source", "When", "Used")]
    edges = sorted(graph.edges(data=True), key=lambda edge: (edge[2]["at"] or "~", edge[0], edge[1]))
    rows = [
        [one, other, tie["source"], tie["day"], "yes" if tie["used"] else f"no: {tie['why_not']}"]
        for one, other, tie in edges
    ]
    return Table(caption, headings, rows)


def kpi_table(kpis: Answer, caption: str) -> Table:
    """Write KPIs: what they are cut by, name, value, interval, and what the value was worked out from.

    A figure that too few conversions stand behind says so beside it, and so does one of an immature cohort.
    """
    dims = [name for name in kpis.columns if name in DIMENSIONS or name == "period"]
    judged = any("too_few" in row for row in kpis.rows)
    compared = any("before" in row for row in kpis.rows)
    headings = [(label(dim), False) for dim in dims]
    headings += [("KPI", False), ("Value", True)]
    headings += [("Before", True), ("Change", True)] if compared else []
    headings += [("Interval", True)] if judged else []
    headings += [("Worked out from", False)]
    rows = []
    for row in kpis.rows:
        unit = str(row.get("unit"))
        written = [str(row[dim]) for dim in dims]
        if row.get("partial"):
            written[0] += " (partial)"  # the period
        stage = f": {row['stage'].replace('_', ' ')}" if row.get("stage") else ""
        young = " (immature)" if row.get("immature") else ""
        written += [
            label(str(row["kpi"])) + stage + young,
            figure_text(row.get("value"), unit, kpis.currency),
        ]
        if compared:
            written.append(figure_text(row.get("before"), unit, kpis.currency))
            points = row.get("change_points")
            changed = (row.get("change"), "ratio") if points is None else (points, "points")
            written.append(figure_text(*changed))
        if judged:
            written.append(interval_text(row, kpis.currency) or DASH)
        rows.append([*written, worked_out(row, kpis.currency)])
    return Table(caption, headings, rows)


def roi_table(report: Answer, sure: Answer | None) -> Table:
    """Write a report's figures with the interval of its ROI, where that is known."""
    made = table(report, "Value, spend and return by channel")
    judged = judged_roi(report, sure)
    if not judged or not made.rows:
        return made
    dims = dimensions(report)
    found = [judged.get(row_name(row, dims), {}) for row in report.rows]
    texts = [interval_text(row, None) or DASH for row in found]
    rows = [[*row, text] for row, text in zip(made.rows, texts, strict=True)]
    return Table(made.caption, [*made.headings, ("ROI's interval", True)], rows)


def cohort_table(cohorts: Answer, figure: str, caption: str) -> Table:
    """Write a figure of a `cohorts` answer: one row a cohort, one column an age."""
    ages = [age for age in (1, 2, 3, 6, 9, 12, 18, 24) if any(row["age"] == age for row in cohorts.rows)]
    found = {(row["cohort"], row["age"]): row for row in cohorts.rows}
    sizes = {row["cohort"]: row["leads"] for row in cohorts.rows}
    unit = cohorts.columns.get(figure, "ratio")
    headings = [("Leads of", False), ("Leads", True)]
    headings += [(f"after {age} month{'' if age == 1 else 's'}", True) for age in ages]
    rows = [
        [
            str(name),
            count_figure(size),
            *(figure_text(found.get((name, age), {}).get(figure), unit, cohorts.currency) for age in ages),
        ]
        for name, size in sizes.items()
    ]
    return Table(caption, headings, rows)


def mrr_table(recurring: Answer, caption: str) -> Table:
    """Write recurring revenue: one row a period, its movements and what it came to."""
    names = [*MOVEMENTS, "monthly_recurring_revenue"]
    periods = {str(row["period"]): " (partial)" * bool(row.get("partial")) for row in recurring.rows}
    found = {(str(row["period"]), row["kpi"]): row.get("value") for row in recurring.rows}
    names = [name for name in names if any((period, name) in found for period in periods)]
    headings = [("Period", False), *((MOVEMENTS[n][0] if n in MOVEMENTS else "MRR", True) for n in names)]
    rows = [
        [
            period + partial,
            *(figure_text(found.get((period, name)), "money", recurring.currency) for name in names),
        ]
        for period, partial in periods.items()
    ]
    return Table(caption, headings, rows)


def worked_out(row: Row, currency: str | None) -> str:
    """Say what a KPI was worked out from.

    >>> worked_out({"unit": "money", "numerator": "1000.00", "denominator": 2}, "GBP")
    '£1,000.00 ÷ 2'
    >>> worked_out({"unit": "days", "denominator": 9, "lower_quartile": 2.0, "upper_quartile": 7.5}, "GBP")
    'median of 9, half of them between 2 and 7.5 days'
    """
    numerator, denominator = row.get("numerator"), row.get("denominator")
    if "lower_quartile" in row:
        low, high = row.get("lower_quartile"), row.get("upper_quartile")
        span = (
            ""
            if low is None
            else f", half of them between {count_figure(low)} and {count_figure(high)} {row['unit']}"
        )
        return f"median of {count_figure(denominator)}{span}"
    if denominator is None and row.get("value") == numerator:
        return ""  # a count is what it is
    return f"{part_text(numerator, currency)} ÷ {part_text(denominator, currency)}"
