"""The funnel: how many came, became leads, and were won."""

from __future__ import annotations

from typing import Final

from attribution.metrics.answer import Answer, Row
from attribution.report.charts import bars, theme
from attribution.report.charts.bars import Bar
from attribution.report.charts.theme import Chart
from attribution.report.figures import as_float, count_figure, percent_figure
from attribution.report.words import label

STEPS: Final = ("sessions", "leads", "mql", "sqo", "opportunities", "won_deals")


def funnel_rows(kpis: Answer) -> list[Row]:
    """Return the steps that a `kpis` answer of the whole counts, from the first to the last."""
    found = {str(row.get("kpi")): row for row in kpis.rows}
    return [found[step] for step in STEPS if as_float(found.get(step, {}).get("value"))]


def funnel(kpis: Answer) -> Chart:
    """Draw how many a `kpis` answer of the whole counts at each step, and per how many of the step before.

    A step that was not counted, or that nothing reached, is left out.

    >>> rows = [{"kpi": "leads", "value": 200}, {"kpi": "won_deals", "value": 20}]
    >>> spec = funnel(Answer(verb="kpis", store="", as_of="", rows=rows)).to_dict()
    >>> [row["text"] for row in next(iter(spec["datasets"].values()))]
    ['200', '20 (10% of leads)']
    """
    title = "From the first visit to the won deal (count)"
    found = funnel_rows(kpis)
    if len(found) < 2:
        return theme.sentence("Fewer than two steps were counted in this period.", title)
    drawn: list[Bar] = []
    for before, row in zip([None, *found], found, strict=False):
        name, value = label(str(row["kpi"])), as_float(row["value"]) or 0
        text, tooltip = count_figure(row["value"]), {"Step": name, "Count": count_figure(row["value"])}
        tooltip["Of the step before"] = "—"
        if before is not None:
            share = percent_figure(value / (as_float(before["value"]) or 1))
            text += f" ({share} of {_short(before)})"
            tooltip["Of the step before"] = f"{share} of {_short(before)}"
        drawn.append(Bar(name=name, series="Count", length=value, text=text, tooltip=tooltip))
    listed = "; ".join(f"{bar.name}: {bar.text}" for bar in drawn)
    return bars.bars(
        drawn,
        colours={"Count": theme.BLUE},
        ticks=bars.COUNT_TICKS,
        title=title,
        subtitle="",
        description=f"Horizontal bars: {title}. {listed}.",
        above=True,
    )


def _short(row: Row) -> str:
    name = str(row["kpi"])
    return name.upper() + "s" if name in ("mql", "sqo") else label(name).lower()
