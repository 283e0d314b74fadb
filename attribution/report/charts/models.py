"""The models side by side: how much the answer depends on the model that was picked."""

from __future__ import annotations

from typing import Any

import altair as alt

from attribution.metrics.answer import Answer
from attribution.report.charts import theme
from attribution.report.charts.bars import COUNT_TICKS, money_ticks
from attribution.report.charts.channels import dimensions, is_remainder, row_name, subject
from attribution.report.charts.theme import Chart
from attribution.report.figures import as_float, currency_sign, money_figure
from attribution.report.words import model_label, value_label

_LANE = 11  # pixels of a model within its channel's row


def model_names(compare: Answer) -> list[str]:
    """Return the models that a `compare` answer has a column for.

    >>> model_names(Answer(verb="compare", store="", as_of="", rows=[
    ...     {"channel": "Email", "linear": "1.00", "markov": "2.00", "disagreement": 0.5}]))
    ['linear', 'markov']
    """
    names = list(compare.columns) or (list(compare.rows[0]) if compare.rows else [])
    dims = dimensions(compare)
    return [name for name in names if name not in dims and not name.startswith("disagreement")]


def models_side_by_side(compare: Answer) -> Chart:
    """Draw one row a channel and one mark a model; the grey band runs from the lowest to the highest.

    Rows are read as `compare` answers them: the dimensions and one decimal string a model.

    >>> compare = Answer(verb="compare", store="", as_of="", currency="GBP", rows=[
    ...     {"channel": "Email", "linear": "100.00", "first_touch": "40.00"}])
    >>> models_side_by_side(compare).to_dict()["title"]["text"]
    ['Revenue by channel under each model (GBP)']
    """
    models = model_names(compare)
    counts = any(compare.columns.get(name) == "count" for name in models)
    unit = None if counts else compare.currency
    what = value_label(compare.goal)
    title = f"{what} by {subject(compare)} under each model ({'count' if counts else unit or 'value'})"
    marks, bands = _values(compare, models, unit)
    if not marks:
        return theme.sentence(f"No {what.lower()} was credited by any model in this period.", title)
    names = list(dict.fromkeys(str(band["label"]) for band in bands))
    labels = [model_label(model) for model in models]
    ticks = COUNT_TICKS if counts else money_ticks(currency_sign(unit))
    y_scale = alt.Scale(domain=names, paddingInner=0.18, paddingOuter=0.1)
    y_axis = alt.Axis(title=None, labelExpr="split(datum.label, '\\n')", grid=False)
    axis = alt.Axis(title=None, labelExpr=ticks, tickCount=alt.expr("max(2, width / 90)"))
    band = (
        alt.Chart(alt.InlineData(values=bands))
        .mark_rect(color=theme.GREY, opacity=0.2, cornerRadius=3)
        .encode(
            y=alt.Y("label", type="nominal", scale=y_scale, axis=y_axis, bandPosition=0),
            y2=alt.Y2("label", bandPosition=1),
            x=alt.X("low", type="quantitative", axis=axis),
            x2=alt.X2("high"),
        )
    )
    colours = [theme.SEQUENCE[i % len(theme.SEQUENCE)] for i in range(len(models))]
    shapes = [theme.SHAPES[i % len(theme.SHAPES)] for i in range(len(models))]
    legend, layout = theme.legend(labels, names)
    points = (
        alt.Chart(alt.InlineData(values=marks))
        .mark_point(filled=True, size=75, opacity=1)
        .encode(
            y=alt.Y("label", type="nominal", scale=y_scale, axis=y_axis),
            yOffset=alt.YOffset("model", type="nominal", scale=alt.Scale(domain=labels, paddingOuter=0.4)),
            x=alt.X("value", type="quantitative", axis=axis),
            color=alt.Color(
                "model", type="nominal", scale=alt.Scale(domain=labels, range=colours), legend=legend
            ),
            shape=alt.Shape(
                "model", type="nominal", scale=alt.Scale(domain=labels, range=shapes), legend=legend
            ),
            tooltip=[
                alt.Tooltip(field="name", type="nominal", title="Channel"),
                alt.Tooltip(field="model", type="nominal", title="Model"),
                alt.Tooltip(field="text", type="nominal", title=what),
            ],
        )
    )
    widest = max(bands, key=lambda item: item["high"] - item["low"])
    return theme.finish(
        alt.LayerChart(layer=[band, points]),
        title=title,
        subtitle="The longer the grey band, the more the choice of model matters",
        description=f"{title}: one row a channel, one mark a model ({', '.join(labels)}). "
        f"The models disagree most on {widest['name']}: {widest['text']}.",
        height=len(names) * (max(2, len(models)) * _LANE + 12),
        layout=layout,
    )


def _values(
    compare: Answer, models: list[str], unit: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    dims = dimensions(compare)
    marks: list[dict[str, Any]] = []
    bands: list[dict[str, Any]] = []
    for row in compare.rows:
        name = row_name(row, dims)
        found = {model: value for model in models if (value := as_float(row.get(model))) is not None}
        if not found:
            continue
        place = {"name": name, "label": theme.wrap(name, 24)}
        low, high = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
        span = f"from {money_figure(row[low], unit)} to {money_figure(row[high], unit)}"
        bands.append({**place, "low": found[low], "high": found[high], "text": span})
        for model, value in found.items():
            text = money_figure(row[model], unit)
            marks.append({**place, "model": model_label(model), "value": value, "text": text})
    bands.sort(key=lambda band: (is_remainder(band["name"]), -band["high"]))
    return marks, bands
