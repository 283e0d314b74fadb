"""One answer as one page that works offline: what it is of, its charts where there are any, its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from attribution.metrics.answer import Answer, Row
from attribution.metrics.kpi_catalogue import KPIS
from attribution.metrics.kpi_words import formula
from attribution.report import charts
from attribution.report.page import about, render
from attribution.report.sections import Figure, Section, figure
from attribution.report.tables import Table, kpi_table, table
from attribution.report.words import label, model_meaning

# how to read a chart, where its title does not say it
_HOW: Final = {
    "recommend roi": "0% is break-even. The line is how far chance may have moved the return: a row is "
    "scaled or cut only where all of it lies on one side of the target. A hollow mark is not "
    "judged: too few conversions, or money too young or unknown. The rule with its figures stands above, the "
    "reason of each row in the table.",
    "predict value": "What open leads bring on average of all that may happen to them: one that is expected "
    "to bring 500 brings mostly nothing, and sometimes 8,000. What a single one may bring is in the table. "
    "The line of a group is where the average lies, as far as the past tells.",
    "predict reliability": "Months that are over were predicted by what was known then. A mark is a fifth of "
    "the leads, 5 the most promising. On the dashed line the predictions were right; below it they promised "
    "too much.",
    "predict revenue": "The same in money: where the bars of a fifth differ much, so may its predictions.",
}


def answer_page(answer: Answer) -> str:
    """Return an answer as a self-contained HTML page; names are escaped, and no script but its own may run.

    Args:
        answer: of any verb.
    """
    figures, others = _figures(answer), _beside(answer)
    context = {
        "title": answer.title or answer.verb.capitalize(),
        "about": about(answer),
        "model_meaning": model_meaning(answer.model),
        "warnings": list(dict.fromkeys(answer.warnings)),
        "sections": [
            *([Section("charts", "", "", figures)] if figures else []), *_tables(answer), *others,
        ],
        "nothing": not answer.rows,
    }  # fmt: skip
    return render("answer.html.j2", context, [*figures, *(drawn for one in others for drawn in one.figures)])


def _figures(answer: Answer) -> list[Figure]:
    """Return the charts that there are of an answer itself, each with something to show."""
    alone = replace(answer, beside={})
    drawn = [
        figure(key, chart, _HOW.get(f"{answer.verb} {key}", ""), None, wide=True)
        for key, chart in charts.drawn(alone).items()
    ]
    return [found for found in drawn if found.sentence is None]


def _beside(answer: Answer) -> list[Section]:
    """Return what an answer leans on, each with its charts and its rows."""
    return [
        replace(_section(name, label(name), _whole(other)), figures=_figures(other))
        for name, other in answer.beside.items()
    ]


def _whole(answer: Answer) -> Table:
    """Write the rows, and below them what they come to."""
    made = table(answer, answer.title or answer.verb)
    known = {name: value for name, value in answer.totals.items() if name in answer.columns}
    if not made.rows or not known:
        return made
    written = table(answer, made.caption, rows=[known]).rows[0]
    return replace(made, rows=[*made.rows, ["Total", *written[1:]]])


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
    return [_section("rows", "Figures", _whole(answer))]


def _kpi_section(answer: Answer, family: str) -> Section:
    names = dict.fromkeys(str(row["kpi"]) for row in answer.rows)
    terms = [(KPIS[name].label, formula(KPIS[name], answer.asked)) for name in names if name in KPIS]
    made = _section(family, label(family), kpi_table(answer, label(family)))
    return replace(made, terms=terms)


def _section(key: str, heading: str, rows: Table) -> Section:
    return Section(f"rows-{key.replace('_', '-')}", heading, "", [], rows)
