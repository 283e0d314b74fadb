"""What is advised of each row that money was spent on: its return with bounds, and the advice in words."""

from __future__ import annotations

from typing import Final

from attribution.metrics.answer import Answer, Row
from attribution.report.charts import bars, theme
from attribution.report.charts.bars import Bar
from attribution.report.charts.channels import dimensions, row_name, subject
from attribution.report.charts.theme import Chart
from attribution.report.figures import DASH, as_float, count_figure, money_figure, percent_figure
from attribution.report.words import label, model_label

ADVICE: Final = {
    "scale": ("Scale", theme.GREEN),
    "hold": ("Hold", theme.SKY),
    "cut": ("Cut", theme.VERMILION),
    "not enough data": ("Not enough data", theme.GREY),
}
_UNKNOWN: Final = "not enough data"


def roi_with_advice(recommend: Answer, *, limit: int | None = None) -> Chart:
    """Draw the return of each row of a `recommend` answer with its bounds, and the advice beside it.

    The rows that most was spent on come first, `limit` of them. A row of which too little is known is a
    hollow mark without its figure.

    >>> row = {"channel": "Email", "spend": "100.00", "value": "300.00", "roi": 2.0, "low": 0.5, "high": 3.8}
    >>> row |= {"conversions": 12, "advice": "scale", "because": "..."}
    >>> columns = {"channel": "text", "roi": "ratio"}
    >>> answer = Answer(verb="recommend", store="", as_of="", rows=[row], columns=columns)
    >>> [bar["text"] for bar in next(iter(roi_with_advice(answer).to_dict()["datasets"].values()))]
    ['200% · scale']
    """
    title = f"Return on investment by {subject(recommend)}, and what to do (percent of spend)"
    if not recommend.rows:
        return theme.sentence("No spend is known in this period, so there is nothing to advise.", title)
    dims, shown = dimensions(recommend), recommend.rows[:limit]
    drawn = [_bar(row, dims, recommend.currency) for row in shown]
    told = [f"{model_label(recommend.model)} model"]
    if any(bar.low is not None for bar in drawn):
        told.append("Line: how far the return may lie from it, with all rows judged together")
    if any(bar.too_few for bar in drawn):
        told.append("Hollow: not judged, the table says why")
    if len(recommend.rows) > len(shown):
        told.append(f"{len(recommend.rows) - len(shown)} more in the table")
    listed = "; ".join(f"{bar.name} {bar.text}" for bar in drawn[:12])
    return bars.bars(
        drawn,
        colours=dict(ADVICE.values()),
        ticks=bars.PERCENT_TICKS,
        title=title,
        subtitle=". ".join(told),
        description=f"Horizontal bars: {title}. {listed}.",
        above=len(dims) > 1 or dims[-1:] in (["keyword"], ["ad"]),
    )


def _bar(row: Row, dims: list[str], currency: str | None) -> Bar:
    advice = str(row["advice"])
    few = advice == _UNKNOWN
    low, high = as_float(row.get("low")), as_float(row.get("high"))
    name = row_name(row, dims)
    return Bar(
        name=name,
        series=ADVICE[advice][0],
        length=as_float(row.get("roi")) or 0,
        text=advice if few else f"{percent_figure(row.get('roi'))} · {advice}",
        tooltip={
            " and ".join(label(dim) for dim in reversed(dims)): name,
            "Advice": advice,
            "ROI": percent_figure(row.get("roi")),
            "Bounds": _bounds(low, high),
            "Spend": money_figure(row.get("spend"), currency),
            "Value": money_figure(row.get("value"), currency),
            "Conversions": count_figure(row.get("conversions")),
            "Why": str(row.get("because") or ""),
        },
        low=None if few or high is None else low,
        high=None if few or low is None else high,
        too_few=few,
    )


def _bounds(low: float | None, high: float | None) -> str:
    if high is None:
        return DASH
    return f"{'up' if low is None else percent_figure(low)} to {percent_figure(high)}"
