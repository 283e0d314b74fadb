"""One answer as one page that works offline: what it is of, its charts where there are any, its rows."""

from __future__ import annotations

from dataclasses import replace

from attribution.metrics.answer import Answer, Row
from attribution.metrics.kpi_catalogue import KPIS
from attribution.report import charts
from attribution.report.page import about, render
from attribution.report.sections import Figure, Section, figure
from attribution.report.tables import Table, kpi_table, table
from attribution.report.words import label, model_meaning


def answer_page(answer: Answer, *, period: str | None = None) -> str:
    """Return an answer as a self-contained HTML page; names are escaped, and no script but its own may run.

    Args:
        answer: of any verb.
        period: the period in words; None reads as all time.
    """
    figures = _figures(answer)
    context = {
        "title": answer.title or answer.verb.capitalize(),
        "about": about(answer, period, counted=answer.verb != "kpis"),
        "model_meaning": model_meaning(answer.model),
        "warnings": list(dict.fromkeys(answer.warnings)),
        "sections": [*([Section("charts", "", "", figures)] if figures else []), *_tables(answer)],
        "nothing": not answer.rows,
    }
    return render("answer.html.j2", context, figures)


def _figures(answer: Answer) -> list[Figure]:
    """Return the charts that there are of an answer, each with something to show."""
    drawn = [figure(key, chart, "", None, wide=True) for key, chart in charts.drawn(answer).items()]
    return [found for found in drawn if found.sentence is None]


def _tables(answer: Answer) -> list[Section]:
    if answer.verb == "kpis":
        families: dict[str, list[Row]] = {}
        for row in answer.rows:
            kpi = KPIS.get(str(row.get("kpi")))
            families.setdefault(kpi.family if kpi else "kpis", []).append(row)
        return [_kpi_section(replace(answer, rows=rows), family) for family, rows in families.items()]
    if answer.verb == "paths":
        parts: dict[str, list[Row]] = {}
        for row in answer.rows:
            parts.setdefault(str(row.get("section")), []).append(row)
        return [
            _section(name, label(name), table(answer, label(name), rows=rows, leave_out=("section",)))
            for name, rows in parts.items()
        ]
    rows = answer.rows
    if answer.totals and answer.columns:
        first = next(iter(answer.columns))
        known = {name: value for name, value in answer.totals.items() if name in answer.columns}
        rows = [*rows, {first: "Total"} | known] if rows and known else rows
    caption = answer.title or answer.verb
    return [_section("rows", "Figures", table(answer, caption, rows=rows))]


def _kpi_section(answer: Answer, family: str) -> Section:
    names = dict.fromkeys(str(row["kpi"]) for row in answer.rows)
    terms = [(KPIS[name].label, KPIS[name].formula) for name in names if name in KPIS]
    made = _section(family, label(family), kpi_table(answer, label(family)))
    return replace(made, terms=terms)


def _section(key: str, heading: str, rows: Table) -> Section:
    return Section(f"rows-{key.replace('_', '-')}", heading, "", [], rows)
