"""Horizontal bars, the one form that keeps long names whole at the width of a phone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import altair as alt

from attribution.report.charts.theme import GREY, Chart, finish, legend, room, wrap
from attribution.report.figures import sign_leads

_LANE: Final = 17  # pixels of a bar and its gap
_GAP: Final = 12  # pixels between groups
_LINE: Final = 15  # pixels of a line of text
_NAME: Final = 24  # characters of a line beside the bars
_PATH: Final = 44  # characters of a line above the bars


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar: where it stands, how long it is, what is written at its end and in its tooltip.

    `low` and `high` are its interval. A figure that is `too_few` is a hollow mark: the end of a bar would
    promise more than it knows.
    """

    name: str
    series: str
    length: float
    text: str
    tooltip: dict[str, str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    too_few: bool = False

    @property
    def end(self) -> float:
        """Where what is drawn ends, and its text begins."""
        reach = [self.length, *(bound for bound in (self.low, self.high) if bound is not None)]
        return min(reach) if self.length < 0 else max(reach)


def money_ticks(sign: str) -> str:
    """Return the Vega expression that labels an axis of money."""
    # the sign is a currency's symbol out of Babel's tables, never text of a user
    number = "replace(format(abs(datum.value), '~s'), 'G', 'B')"
    minus = "(datum.value < 0 ? '−' : '')"
    if sign_leads():
        return f"{minus} + '{sign}' + {number}"
    return f"{minus} + {number} + '\N{NO-BREAK SPACE}{sign.strip()}'"


PERCENT_TICKS: Final = "format(datum.value, ',.0%')"
COUNT_TICKS: Final = "datum.value % 1 ? '' : format(datum.value, '~s')"  # no half deals on an axis


def bars(
    rows: list[Bar],
    *,
    colours: dict[str, str],
    ticks: str,
    title: str,
    subtitle: str,
    description: str,
    above: bool = False,
) -> Chart:
    """Draw bars in the order given, one lane a series; `above` writes long names over their bars.

    `colours` maps each series to its colour; a series in grey shares the lane of the first one.
    """
    labels = {bar.name: wrap(bar.name, _PATH if above else _NAME) for bar in rows}
    used = {bar.series for bar in rows}
    palette = {series: colour for series, colour in colours.items() if series in used}
    lanes = _lanes(rows, list(colours))
    order = list(dict.fromkeys(lanes[series] for series in palette))
    keys = list(rows[0].tooltip)
    values: list[dict[str, Any]] = [
        {
            "label": labels[bar.name], "series": bar.series, "lane": lanes[bar.series], "length": bar.length,
            "text": bar.text, "end": bar.end, "few": bar.too_few, "low": bar.low, "high": bar.high,
            **{f"t{i}": bar.tooltip.get(key, "") for i, key in enumerate(keys)},
        }
        for bar in rows
    ]  # fmt: skip
    names = list(dict.fromkeys(labels.values()))
    # at the end of an interval a figure would read as that end's: it stands in a column of its own
    aside = any(bar.low is not None and bar.high is not None for bar in rows)
    behind = 14 if any(bar.end < 0 or bar.length < 0 for bar in rows) else 0
    left = behind if aside else room([bar.text for bar in rows if bar.length < 0])
    right = room([bar.text for bar in rows if aside or bar.length >= 0])
    axis = alt.Axis(title=None, labelExpr=ticks, tickCount=alt.expr("max(2, width / 90)"))
    scale = alt.Scale(range=[left, alt.expr(f"width - {right}")], zero=True, nice=True)
    x = alt.X("length", type="quantitative", scale=scale, axis=axis)
    entries, layout = legend(list(palette), [] if above else names)
    colour = alt.Color(
        "series",
        type="nominal",
        scale=alt.Scale(domain=list(palette), range=list(palette.values())),
        legend=entries if len(palette) > 1 else None,
    )
    tooltip = [alt.Tooltip(field=f"t{i}", type="nominal", title=key) for i, key in enumerate(keys)]
    layers, height = (_stacked if above else _banded)(values, names, order, x)
    ends = alt.X("end", type="quantitative", scale=scale, axis=axis)
    marks, texts = layers[0], layers[1]
    layers[0] = marks.encode(color=colour, tooltip=tooltip)
    written = texts.encode(x=ends, text=alt.Text("text", type="nominal"), tooltip=tooltip)
    if aside:
        written = written.mark_text(align="right").encode(x=alt.value("width"))
    layers[1] = written
    if any(bar.too_few for bar in rows):
        # unseen, not left out: bars of nothing at all would have no scale
        seen = alt.condition("datum.few", alt.value(0), alt.value(1))
        layers[0] = layers[0].encode(opacity=seen)
        layers.append(_hollow(texts).encode(x=x, tooltip=tooltip))
    if aside:
        low = alt.X("low", type="quantitative", scale=scale, axis=axis)
        layers += [whisker.encode(tooltip=tooltip) for whisker in _whiskers(texts, low)]
    if left or any(bar.length < 0 for bar in rows):
        layers.append(alt.Chart(alt.InlineData(values=[{}])).mark_rule().encode(x=alt.datum(0)))
    chart = alt.LayerChart(layer=layers)
    return finish(
        chart, title=title, subtitle=subtitle, description=description, height=height, layout=layout
    )


def _figures(base: alt.Chart) -> alt.Chart:
    """Write the figures at the ends of the bars, left of a negative one."""
    texts: alt.Chart = base.mark_text(
        align=alt.expr("datum.length < 0 ? 'right' : 'left'"),
        dx=alt.expr("(datum.length < 0 ? -1 : 1) * (datum.few ? 9 : 5)"),
    )
    return texts


def _again(texts: alt.Chart) -> alt.Chart:
    """Return a chart without a mark yet, each row where its text stands."""
    places = texts.to_dict()["encoding"]
    kept = {name: getattr(texts.encoding, name) for name in ("y", "yOffset") if name in places}
    again: alt.Chart = alt.Chart(texts.data).encode(**kept)
    return again


def _hollow(texts: alt.Chart) -> alt.Chart:
    """Mark figures that too few conversions stand behind."""
    marks: alt.Chart = (
        _again(texts)
        .transform_filter("datum.few")
        .mark_point(filled=False, size=75, strokeWidth=2, opacity=1, color=GREY)
    )
    return marks


def _whiskers(texts: alt.Chart, low: alt.X) -> list[alt.Chart]:
    """Draw intervals: a line from end to end, with a cap on each."""
    base = _again(texts).transform_filter("isValid(datum.low) && isValid(datum.high)")
    high = low.copy()
    high.shorthand = "high"
    return [
        base.mark_rule(style="whisker", strokeWidth=1.75).encode(x=low, x2=alt.X2("high")),
        *(base.mark_tick(style="whisker", thickness=1.75, size=9).encode(x=cap) for cap in (low, high)),
    ]


def _banded(
    values: list[dict[str, Any]], names: list[str], order: list[str], x: alt.X
) -> tuple[list[alt.Chart], int]:
    """Return bars and their figures, the names on an axis beside them."""
    lines = max(name.count("\n") + 1 for name in names)
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y(
            "label",
            type="nominal",
            scale=alt.Scale(domain=names, paddingInner=0.22, paddingOuter=0.1),
            axis=alt.Axis(title=None, labelExpr="split(datum.label, '\\n')", grid=False),
        ),
        yOffset=alt.YOffset("lane", type="nominal", scale=alt.Scale(domain=order, paddingInner=0.12)),
    )
    height = len(names) * max(len(order) * _LANE + _GAP, lines * _LINE + 8)
    return [base.mark_bar().encode(x=x), _figures(base)], height


def _stacked(
    values: list[dict[str, Any]], names: list[str], order: list[str], x: alt.X
) -> tuple[list[alt.Chart], int]:
    """Return bars, their figures and the names above them, each as tall as its name needs."""
    written: list[dict[str, Any]] = []
    tops: dict[str, int] = {}
    height = _GAP // 2
    for name in names:
        for line in name.split("\n"):  # a mark a line: Vega grows texts of several lines over the bars
            written.append({"line": line, "middle": height + _LINE // 2})
            height += _LINE
        tops[name] = height + 2
        present = [order.index(value["lane"]) for value in values if value["label"] == name]
        height += (max(present) + 1) * _LANE + _GAP
    for value in values:
        top = tops[value["label"]] + order.index(value["lane"]) * _LANE
        value |= {"zero": 0, "top": top, "bottom": top + _LANE - 2, "middle": top + _LANE // 2 - 1}
    pixels = alt.Scale(domain=[0, height], range=[0, height], zero=False, nice=False)

    def y(place: str) -> alt.Y:
        return alt.Y(place, type="quantitative", scale=pixels, axis=None)

    base = alt.Chart(alt.InlineData(values=values))
    rects = base.mark_rect().encode(x=x, x2=alt.X2("zero"), y=y("top"), y2=alt.Y2("bottom"))
    texts = _figures(base).encode(y=y("middle"))
    above: alt.Chart = (
        alt.Chart(alt.InlineData(values=written))
        .mark_text(align="left", fontSize=12)
        .encode(x=alt.value(0), y=y("middle"), text=alt.Text("line", type="nominal"))
    )
    return [rects, texts, above], height


def _lanes(rows: list[Bar], series: list[str]) -> dict[str, str]:
    """Let series that never meet on one name share a lane (such as revenue and unattributed revenue)."""
    on = {name: {bar.name for bar in rows if bar.series == name} for name in series}
    lanes: dict[str, str] = {}
    for name in series:
        taken = (other for other in lanes if other == lanes[other] and not on[other] & on[name])
        lanes[name] = next(taken, name)
        on[lanes[name]] |= on[name]
    return lanes
