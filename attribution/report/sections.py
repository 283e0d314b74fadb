"""What the page shows, from top to bottom: each chart with a sentence on how to read it and its figures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import networkx as nx

from attribution.labels import NO_RATE, NOT_SET, UNATTRIBUTED
from attribution.metrics.answer import Answer
from attribution.metrics.kpi_catalogue import KPIS
from attribution.metrics.kpi_words import formula
from attribution.report import charts
from attribution.report.charts.channels import by_value, dimensions
from attribution.report.charts.evidence import how_much as evidence_drawn
from attribution.report.charts.funnel import STEPS
from attribution.report.charts.journeys import section as rows_of
from attribution.report.charts.models import model_names
from attribution.report.charts.theme import Chart, empty_sentence
from attribution.report.charts.transitions import DRAWN, how_much
from attribution.report.figures import as_float
from attribution.report.tables import (
    Table,
    cohort_table,
    evidence_table,
    kpi_table,
    mrr_table,
    roi_table,
    table,
    transition_table,
)
from attribution.report.words import label, model_label, model_meaning

_UNNAMED = (NOT_SET, NO_RATE, UNATTRIBUTED, None, "")
_LIMIT = 15  # campaigns and keywords drawn
_LISTED, _SPENT = 400, 100  # of those in a table: by what they brought, and of the rest by what they cost


@dataclass(frozen=True)
class Figure:
    """One chart on the page; `sentence` stands in its place when there is nothing to draw."""

    key: str
    heading: str
    how_to_read: str
    description: str
    sentence: str | None
    spec: dict[str, Any]
    table: Table | None
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """A heading with its charts, and a table of its own where there is one."""

    key: str
    heading: str
    intro: str
    figures: list[Figure] = field(default_factory=list)
    table: Table | None = None
    terms: list[tuple[str, str]] = field(default_factory=list)


def figure(key: str, chart: Chart, how_to_read: str, figures: Table | None, *, wide: bool = False) -> Figure:
    """Put a chart on the page: its title becomes the heading, its description the alternative text."""
    spec = chart.to_dict(validate=False)  # the charts are ours: each was checked as it was made
    heading = " ".join(spec["title"]["text"])
    shown = figures if figures is not None and figures.rows else None
    return Figure(key, heading, how_to_read, spec["description"], empty_sentence(chart), spec, shown, wide)


def channel_section(overview: Answer, sure: Answer | None = None) -> Section:
    """Return revenue, spend and ROI by channel; `sure` has the intervals of ROI, where they are known."""
    figures = table(overview, "Value, spend and return by channel")
    return Section(
        "channels", "Which channels brought the money", "",
        [
            figure(
                "revenue", charts.revenue_by_channel(overview),
                "A channel earns its keep where the revenue bar is longer than the spend bar. Grey is "
                "revenue of deals for which no touch is known; it is part of the total.",
                figures, wide=True,
            ),
            figure(
                "roi", charts.roi_by_channel(overview, sure),
                "0% is break-even, 100% means that every 1 spent came back with 1 on top, −100% means that "
                "nothing came back. Channels without known spend have no return."
                + how_sure(sure, "roi", "Where it crosses 0%, it is not known whether the channel pays."),
                roi_table(overview, sure), wide=True,
            ),
        ],
    )  # fmt: skip


def model_section(comparison: Answer) -> Section:
    """Return the models side by side, with a sentence on each."""
    chart = charts.models_side_by_side(comparison)
    names = model_names(comparison)
    return Section(
        "models", "Does the answer depend on the model?",
        "A model is the rule by which a deal's revenue is shared between the touches that came before it.",
        [
            figure(
                "models", chart,
                "Each mark is one model's answer for the channel. Where the marks lie close together, the "
                "finding does not depend on the model; where the grey band is long, decide with care.",
                table(comparison, "Value by channel under each model"), wide=True,
            ),
        ],
        terms=[(model_label(name), model_meaning(name)) for name in names if model_meaning(name)],
    )  # fmt: skip


def finer_section(key: str, heading: str, answer: Answer, dimension: str) -> Section:
    """Return the most valuable campaigns or keywords; what has none stands in the table only.

    Direct visits and the like have no campaign or keyword: drawn, they would dwarf all that have.
    """
    ordered = [row for _, row in by_value(answer)]
    named = [row for row in ordered if row.get(dimension) not in _UNNAMED]
    chart = charts.revenue_by_channel(replace(answer, rows=named), limit=_LIMIT)
    how = "Compare revenue with spend line by line: money spent without revenue stays in the list. "
    if len(named) > _LIMIT:
        how += f"The {_LIMIT} with the most revenue are drawn, "
        how += f"the table has all {len(named)}. " if len(ordered) <= _LISTED else "the table has more. "
    if len(named) < len(ordered):
        how += f"What came without a {dimension} is in the table only. "
    listed = ordered
    if len(ordered) > _LISTED:  # nobody reads ten thousand lines, and no phone holds them
        spent = sorted(ordered[_LISTED:], key=lambda row: -(as_float(row.get("spend")) or 0))[:_SPENT]
        listed = [*ordered[:_LISTED], *spent]
        how += (
            f"Listed are the {_LISTED} with the most revenue and {_SPENT} more with the most spend, of "
            f"{len(ordered)}; all: attribution report --by {','.join(dimensions(answer))} --output FILE.csv"
        )
    figures = table(answer, heading, rows=listed)
    return Section(key, heading, "", [figure(key, chart, how.strip(), figures, wide=True)])


def transition_figure(graph: nx.DiGraph[str], *, limit: int = DRAWN) -> Figure:
    """Return the graph of which touch follows which, with the sentence on how to read it."""
    return figure(
        "transitions", charts.transitions(graph, limit=limit),
        "Follow an arrow from one touch to the next: the wider, the more often the step was taken; the "
        "percentage is its share of all steps from where it starts. Touches that open journeys stand on top, "
        f"those that close them at the bottom; steps back up run on the left. {how_much(graph, limit)}",
        transition_table(graph, "Steps from one touch to the next"), wide=True,
    )  # fmt: skip


def evidence_figure(graph: nx.MultiGraph[str], *, limit: int) -> Figure:
    """Return the evidence of a person, or of the people of a deal, with the sentence on how to read it."""
    return figure(
        "evidence", charts.evidence(graph, limit=limit),
        "Read from top to bottom: every identifier is joined by a line to what it was tied to, with who says "
        "so and when, down to the record that all leads to. Further ties run on the right. A thick line is a "
        f"decision of somebody who knows. {evidence_drawn(graph, limit)}",
        evidence_table(graph, "Every observation"), wide=True,
    )  # fmt: skip


def journey_section(paths: Answer, graph: nx.DiGraph[str] | None = None) -> Section:
    """Return the commonest journeys, which touch follows which, time lag and path length."""

    def part(caption: str, *names: str) -> Table:
        return table(paths, caption, rows=rows_of(paths, *names), leave_out=("section",))

    return Section(
        "journeys", "How customers came to you",
        "A journey is the row of touches (visits, clicks, e-mails, calls) before a deal was won.",
        [
            figure(
                "top-journeys", charts.top_journeys(paths),
                "Read a journey from left to right, first touch to last; the number is how many "
                "conversions came this way, with their share of all.",
                part("The commonest journeys", "journey"), wide=True,
            ),
            *([] if graph is None else [transition_figure(graph)]),
            figure(
                "time-lag", charts.time_lag(paths),
                "How long people took to decide: a campaign younger than this cannot have shown its full "
                "revenue yet.", part("Time from first touch to conversion", "time_lag"),
            ),
            figure(
                "path-length", charts.path_length(paths),
                "How many touches it took: the more, the less the first or the last one alone tells.",
                part("Touches before the conversion", "length", "path_length"),
            ),
        ],
    )  # fmt: skip


def how_sure(answer: Answer | None, name: str, crossing: str = "") -> str:
    """Say what intervals and hollow marks mean, of those that an answer has of a KPI."""
    rows = [row for row in answer.rows if row.get("kpi") == name] if answer is not None else []
    told = ""
    if any(row.get("low") is not None for row in rows):
        told += " The thin line is the interval: had it all gone with other customers, nine times in ten "
        told += f"the figure would lie within it. {crossing}".rstrip()
    if any(row.get("too_few") for row in rows):
        told += " A hollow mark has under ten conversions behind it, or those of under ten customers, too "
        told += "few to tell anything from; its figure stands in the table."
    return told


def funnel_section(kpis: Answer, cohorts: Answer | None) -> Section:
    """Return the funnel, and how leads convert and pay as they grow older."""
    rows = [row for row in kpis.rows if row.get("kpi") in STEPS]
    drawn = [
        figure(
            "funnel", charts.funnel(kpis),
            "How many got how far. Each step is counted as it happened in the period: a deal won in it may "
            "have come in as a lead before it, and not every deal passes through every step.",
            kpi_table(replace(kpis, rows=rows), "Counts of each step"),
            wide=True,
        ),
    ]  # fmt: skip
    if cohorts is not None:
        texts = {
            "conversion_rate": "Follow a line to see how long the leads of a month took to become "
            "opportunities. Where younger (darker) lines run below older ones, fewer leads convert now.",
            "revenue_per_lead": "What the leads of a month had brought by then, each on average. Compare "
            "months at the same age: young ones have not had the time to pay.",
        }
        captions = {
            "conversion_rate": "Leads by month and age",
            "revenue_per_lead": "Revenue by month and age",
        }
        for name, text in texts.items():
            drawn.append(
                figure(
                    name.replace("_", "-"), charts.cohort_curves(cohorts, name), text,
                    cohort_table(cohorts, name, captions[name]),
                )
            )  # fmt: skip
    return Section(
        "funnel", "How leads become customers",
        "A lead converts when it becomes an opportunity: a deal that sales works on.", drawn,
    )  # fmt: skip


def recurring_section(recurring: Answer) -> Section:
    """Return what recurring revenue gained and lost, month by month."""
    return Section(
        "recurring", "Recurring revenue", "",
        [
            figure(
                "mrr", charts.mrr_movement(recurring),
                "New customers and those who pay more stand above the line, those who pay less and those who "
                "left below it: recurring revenue grows where the upper part is the larger.",
                mrr_table(recurring, "Recurring revenue by month"), wide=True,
            ),
        ],
    )  # fmt: skip


def kpi_section(kpis: Answer, by_channel: Answer) -> Section:
    """Return lead value and costs by channel, and the table of every KPI."""
    names = dict.fromkeys(str(row["kpi"]) for row in by_channel.rows)
    wanted = {
        "lead_value": "What a lead of this channel is worth on average: compare it with what a lead costs.",
        "cost_per_lead": "Lower is cheaper, but only good where leads are worth it: compare with lead value.",
        "cost_per_acquisition": "What winning a deal through this channel cost; none means no deal was won.",
        "lead_conversion_rate": "The share of this channel's leads that went on to become an opportunity.",
    }  # fmt: skip
    drawn: list[Figure] = []
    chosen = [name for name in wanted if name in names or name == "lead_value"]
    for name in chosen:
        chart = (
            charts.lead_value_by_channel(by_channel)
            if name == "lead_value"
            else charts.kpi_by_channel(by_channel, name)
        )
        rows = [row for row in by_channel.rows if row["kpi"] == name]
        figures = kpi_table(replace(by_channel, rows=rows), f"{label(name)} by channel")
        # the first takes the whole width where the rest make pairs
        wide = not drawn and len(chosen) % 2 == 1
        how = wanted[name] + (how_sure(by_channel, name) if name == "lead_value" else "")
        drawn.append(figure(name.replace("_", "-"), chart, how, figures, wide=wide))
    every = kpi_table(kpis, "Every key figure of this period") if kpis.rows else None
    shown = dict.fromkeys(str(row["kpi"]) for row in kpis.rows)
    terms = [(KPIS[name].label, formula(KPIS[name], kpis.asked)) for name in shown if name in KPIS]
    return Section("kpis", "Key figures (KPIs)", "", drawn, every, terms)
