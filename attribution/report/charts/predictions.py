"""What open leads are expected to bring, and how near such expectations came to what was brought."""

from __future__ import annotations

from typing import Any, Final

import altair as alt

from attribution.metrics.answer import Answer, Row
from attribution.report.charts import bars, theme
from attribution.report.charts.bars import PERCENT_TICKS, Bar
from attribution.report.charts.theme import Chart
from attribution.report.figures import as_float, count_figure, currency_sign, money_figure, percent_figure
from attribution.report.words import label

_FIGURES: Final = ("value", "low", "high")
_HEIGHT: Final = 320
_APART: Final = 0.03  # of an axis: marks that are nearer share their text


def expected_revenue(predict: Answer, *, limit: int | None = None) -> Chart:
    """Draw what each open lead or group of leads of a `predict` answer is expected to bring, and its bounds.

    The most valuable come first, `limit` of them.

    >>> rows = [{"stage": "mql", "leads": 4, "value": "900.00", "low": "500.00", "high": "1400.00"}]
    >>> columns = {"stage": "text", "leads": "count", "value": "money", "low": "money", "high": "money"}
    >>> answer = Answer(verb="predict", store="", as_of="", currency="GBP", rows=rows, columns=columns)
    >>> expected_revenue(answer).to_dict()["title"]["text"]
    ['Expected revenue by stage (GBP)']
    """
    dims = ["lead_id"] if "lead_id" in predict.columns else _dims(predict)
    by = " and ".join(label(dim).lower() for dim in reversed(dims)) if dims != ["lead_id"] else "open lead"
    title = f"Expected revenue by {by} ({predict.currency or 'value'})"
    if not predict.rows:
        return theme.sentence("No lead is open.", title)
    shown = predict.rows[:limit]
    drawn = [_bar(row, dims, predict) for row in shown]
    told = ["Bar: what such leads bring on average; most of them bring nothing, and few bring more"]
    if any(bar.low is not None for bar in drawn):
        told = ["Line: where the expectation lies, as far as a short past tells; not what one lead may bring"]
    if len(predict.rows) > len(shown):
        told.append(f"{len(predict.rows) - len(shown)} more in the table")
    listed = "; ".join(f"{bar.name} {bar.text}" for bar in drawn[:5])
    return bars.bars(
        drawn,
        colours={"Expected": theme.BLUE},
        ticks=bars.money_ticks(currency_sign(predict.currency)),
        title=title,
        subtitle=". ".join(told),
        description=f"Horizontal bars: {title}. The largest: {listed}.",
        above=len(dims) > 1,
    )


def _dims(predict: Answer) -> list[str]:
    return [name for name, unit in predict.columns.items() if unit == "text"]


def _bar(row: Row, dims: list[str], predict: Answer) -> Bar:
    name = " · ".join(str(row[dim]) for dim in reversed(dims))
    value, low, high = (as_float(row.get(figure)) for figure in _FIGURES)
    tooltip = {" and ".join(label(dim) for dim in reversed(dims)): name}
    tooltip |= {label(dim): str(row[dim]) for dim in ("stage", "channel") if dim in row and dim not in dims}
    if "leads" in row:
        tooltip["Leads"] = count_figure(row["leads"])
    tooltip["Expected"] = money_figure(row.get("value"), predict.currency)
    for name_of, ends in (("Bounds", ("low", "high")), ("Brings", ("outcome_low", "outcome_high"))):
        if all(row.get(at) is not None for at in ends):
            tooltip[name_of] = " to ".join(money_figure(row[at], predict.currency) for at in ends)
    text = money_figure(row.get("value"), predict.currency, short=True)
    return Bar(
        name=name, series="Expected", length=value or 0, text=text, tooltip=tooltip, low=low, high=high
    )


def reliability_curve(judged: Answer) -> Chart:
    """Draw the chance of a win that was predicted beside the share that was won, a mark a fifth of the leads.

    On the straight line both are the same; below it, too much was promised.

    >>> rows = [{"fifth": 5, "leads": 40, "chance": 0.4, "won": 0.35}]
    >>> chart = reliability_curve(Answer(verb="predict", store="", as_of="", rows=rows))
    >>> chart.to_dict()["title"]["text"]
    ['Won, by the chance that was predicted (percent of leads)']
    """
    title = "Won, by the chance that was predicted (percent of leads)"
    values: list[dict[str, Any]] = [
        {
            "fifth": f"{row['fifth']}", "chance": as_float(row["chance"]), "won": as_float(row["won"]),
            "leads": count_figure(row["leads"]), "said": percent_figure(row["chance"]),
            "came": percent_figure(row["won"]),
        }
        for row in judged.rows
        if row.get("leads") and row.get("chance") is not None and row.get("won") is not None
    ]  # fmt: skip
    if not values:
        return theme.sentence("Nothing was predicted whose outcome is known.", title)
    top = max(*(value[name] for value in values for name in ("chance", "won")), 0.01) * 1.08
    _name(values, top * _APART)
    scale = alt.Scale(domain=[0, top], nice=False)

    def axis(text: str) -> alt.Axis:
        return alt.Axis(title=text, labelExpr=PERCENT_TICKS, tickCount=5)

    x = alt.X("chance", type="quantitative", scale=scale, axis=axis("chance that was predicted"))
    y = alt.Y("won", type="quantitative", scale=scale, axis=axis("won"))
    tooltip = [
        alt.Tooltip(field=field, type="nominal", title=text)
        for field, text in (
            ("fifth", "Fifth"), ("leads", "Leads"), ("said", "Predicted chance"), ("came", "Won"),
        )
    ]  # fmt: skip
    even = alt.Chart(alt.InlineData(values=[{"chance": 0, "won": 0}, {"chance": top, "won": top}]))
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x, y=y)
    listed = "; ".join(f"{value['said']} predicted, {value['came']} won" for value in values)
    return theme.finish(
        alt.LayerChart(
            layer=[
                even.mark_line(strokeDash=[5, 4], color=theme.GREY, strokeWidth=1.5).encode(x=x, y=y),
                base.mark_line(strokeWidth=2, color=theme.BLUE),
                base.mark_point(filled=True, size=60, opacity=1, color=theme.BLUE).encode(tooltip=tooltip),
                base.mark_text(align="left", baseline="bottom", dx=7, dy=-3).encode(
                    text=alt.Text("mark", type="nominal")
                ),
            ]
        ),
        title=title,
        subtitle="A mark a fifth of the leads, 5 the most promising. On the dashed line the predictions were "
        "right; below it they promised too much",
        description=f"Line: {title}. {listed}.",
        height=_HEIGHT,
    )


def _name(values: list[dict[str, Any]], apart: float) -> None:
    """Write which fifths a mark is of; those that lie on one another are told at the first of them."""
    told: dict[str, Any] = {}
    for value in values:
        if told and all(abs(value[name] - told[name]) < apart for name in ("chance", "won")):
            told["mark"] += f", {value['fifth']}"
            value["mark"] = ""
        else:
            told = value
            value["mark"] = value["fifth"]


def predicted_and_observed(judged: Answer) -> Chart:
    """Draw the revenue that each fifth of past predictions was expected to bring, and what it brought.

    >>> rows = [{"fifth": 5, "leads": 40, "predicted": "900.00", "observed": "850.00"}]
    >>> answer = Answer(verb="predict", store="", as_of="", currency="GBP", rows=rows)
    >>> predicted_and_observed(answer).to_dict()["title"]["text"]
    ['Revenue that was predicted, and what came of it (GBP)']
    """
    title = f"Revenue that was predicted, and what came of it ({judged.currency or 'value'})"
    drawn = []
    for row in judged.rows:
        name = f"Fifth {row['fifth']}"
        money = {at: money_figure(row.get(at), judged.currency) for at in ("predicted", "observed")}
        tooltip = {
            "Fifth": str(row["fifth"]), "Leads": count_figure(row["leads"]), "Predicted": money["predicted"],
            "Observed": money["observed"],
        }  # fmt: skip
        for at in ("predicted", "observed"):
            text = money_figure(row.get(at), judged.currency, short=True)
            length = as_float(row.get(at)) or 0
            drawn.append(Bar(name=name, series=at.capitalize(), length=length, text=text, tooltip=tooltip))
    if not any(bar.length for bar in drawn):
        return theme.sentence("Nothing was predicted whose outcome is known.", title)
    return bars.bars(
        drawn,
        colours={"Predicted": theme.ORANGE, "Observed": theme.BLUE},
        ticks=bars.money_ticks(currency_sign(judged.currency)),
        title=title,
        subtitle="Of months that are over; fifths of the leads by what was expected of them, 5 the most",
        description=f"Horizontal bars: {title}. "
        + "; ".join(f"{bar.name} {bar.series.lower()} {bar.text}" for bar in drawn)
        + ".",
    )
