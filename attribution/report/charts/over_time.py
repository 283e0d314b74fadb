"""Figures from period to period, and leads by their age: lines, with the figures at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import in_words
from attribution.report.charts import theme
from attribution.report.charts.bars import COUNT_TICKS, PERCENT_TICKS, money_ticks
from attribution.report.charts.channels import dimensions, is_remainder, row_name
from attribution.report.charts.sureness import interval_text, sureness
from attribution.report.charts.theme import Chart
from attribution.report.figures import as_float, currency_sign, figure_text, percent_figure
from attribution.report.words import label

MOVEMENTS: Final = {
    "mrr_new": ("New", 1, theme.BLUE),
    "mrr_expansion": ("Expansion", 1, theme.SKY),
    "mrr_contraction": ("Contraction", -1, theme.ORANGE),
    "mrr_churned": ("Churned", -1, theme.VERMILION),
}
_GROUPS: Final = 6  # lines that can be told apart
_COHORTS: Final = 12  # the youngest
_PARTIAL: Final = 3  # that are named: in the usual answer the first and the last
_HEIGHT: Final = 280


def _ticks(unit: str, currency: str | None) -> str:
    """Return the Vega expression that labels an axis of a unit."""
    known = {"money": money_ticks(currency_sign(currency)), "ratio": PERCENT_TICKS}
    return known.get(unit, "format(datum.value, '~s')" if unit != "count" else COUNT_TICKS)


def kpi_over_time(kpis: Answer, name: str) -> Chart:
    """Draw one KPI of a `kpis` answer with `every`, a line a group (the six that are made of most).

    A period without a figure breaks its line. Of a single line, bars are the intervals, where they were
    asked for; a figure of too few conversions is hollow.

    >>> rows = [{"period": "2025-01", "kpi": "leads", "value": 3, "unit": "count"}]
    >>> kpis = Answer(verb="kpis", store="", as_of="", rows=rows, columns={"period": "text"})
    >>> kpi_over_time(kpis, "leads").to_dict()["title"]["text"]
    ['Leads by period (count)']
    """
    dims = dimensions(kpis)
    rows = [row for row in kpis.rows if row.get("kpi") == name and not row.get("stage")]
    unit = str(rows[0].get("unit", "")) if rows else ""
    shown = {"money": kpis.currency or "money", "ratio": "percent"}.get(unit, unit or "value")
    cut = f" and {' and '.join(label(dim).lower() for dim in dims)}" if dims else ""
    title = f"{label(name)} by period{cut} ({shown})"
    if not any(as_float(row.get("value")) is not None for row in rows):
        return theme.sentence(f"{label(name)} cannot be told in any of these periods.", title)
    every = _largest(rows, dims) if dims else [label(name)]
    groups = every[:_GROUPS]
    values: list[dict[str, Any]] = []
    for row in rows:
        group = row_name(row, dims) if dims else label(name)
        if group not in groups:
            continue
        values.append(
            {
                "period": str(row["period"]), "series": group, "value": as_float(row.get("value")),
                "low": as_float(row.get("low")), "high": as_float(row.get("high")),
                "few": bool(row.get("too_few")), "text": figure_text(row.get("value"), unit, kpis.currency),
                "sure": interval_text(row, kpis.currency) or "not asked for",
            }
        )  # fmt: skip
    names = list(dict.fromkeys(str(row["period"]) for row in kpis.rows))
    x = alt.X(
        "period", type="ordinal", scale=alt.Scale(domain=names),
        axis=alt.Axis(title=None, labelAngle=0, labelOverlap="greedy", labelSeparation=6, offset=8),
    )  # fmt: skip
    axis = alt.Axis(title=None, labelExpr=_ticks(unit, kpis.currency), tickCount=6)
    y = alt.Y("value", type="quantitative", axis=axis, scale=alt.Scale(zero=True, nice=True))
    colours = [theme.GREY if is_remainder(group) else theme.SEQUENCE[i] for i, group in enumerate(groups)]
    legend, layout = theme.legend(groups, [])
    colour = alt.Color(
        "series", type="nominal", scale=alt.Scale(domain=groups, range=colours),
        legend=legend if len(groups) > 1 else None,
    )  # fmt: skip
    shape = alt.Shape(
        "series", type="nominal", scale=alt.Scale(domain=groups, range=list(theme.SHAPES[: len(groups)])),
        legend=legend if len(groups) > 1 else None,
    )  # fmt: skip
    tooltip = [
        alt.Tooltip(field="period", type="nominal", title="Period"),
        alt.Tooltip(field="series", type="nominal", title=label(dims[0]) if dims else "Figure"),
        alt.Tooltip(field="text", type="nominal", title=label(name)),
        alt.Tooltip(field="sure", type="nominal", title="Interval"),
    ]
    base = alt.Chart(alt.InlineData(values=values)).encode(x=x, color=colour, tooltip=tooltip)
    layers = [base.mark_line(strokeWidth=2).encode(y=y)]
    one = len(groups) == 1  # intervals of several would hide each other: the pointer tells them
    if one and any(value["low"] is not None for value in values):
        low = alt.Y("low", type="quantitative", axis=axis)
        layers.insert(0, base.mark_rule(strokeWidth=5, opacity=0.35).encode(y=low, y2=alt.Y2("high")))
    layers.append(
        base.transform_filter("!datum.few")
        .mark_point(filled=True, size=45, opacity=1)
        .encode(y=y, shape=shape)
    )
    if any(value["few"] for value in values):
        layers.append(
            base.transform_filter("datum.few").mark_point(filled=False, size=50).encode(y=y, shape=shape)
        )
    left_out = len(every) - len(groups)
    subtitle = [f"{left_out} more in the table"] if left_out > 0 else []
    subtitle += partial_periods(rows)
    told = sureness(row if one else row | {"low": None} for row in rows).replace("Line:", "Bars:")
    last = next(value for value in reversed(values) if value["value"] is not None)
    return theme.finish(
        alt.LayerChart(layer=layers),
        title=title,
        subtitle=". ".join([*subtitle, *([told] if told else [])]),
        description=f"Lines: {title}, {names[0]} to {names[-1]}. In {last['period']}: {last['text']}.",
        height=_HEIGHT,
        layout=layout,
    )


def partial_periods(rows: Sequence[Row]) -> list[str]:
    """Name the periods that are not wholly asked for, not wholly within the data, or not over."""
    names = list(dict.fromkeys(str(row["period"]) for row in rows if row.get("partial")))
    return [f"Partial: {', '.join(names)}"] if 0 < len(names) <= _PARTIAL else []


def _largest(rows: list[Row], dims: list[str]) -> list[str]:
    """Name the groups, those first whose figures are made of most; what is left over last."""
    sums: dict[str, float] = {}
    for row in rows:
        if row.get("value") is None:
            continue
        name = row_name(row, dims)
        sums[name] = sums.get(name, 0) + abs(as_float(row.get("numerator", row.get("value"))) or 0)
    return sorted(sums, key=lambda name: (is_remainder(name), -sums[name]))


def recurring_rows(kpis: Answer) -> list[Row]:
    """Return the movements of recurring revenue in a `kpis` answer, none where nothing moved or it is cut."""
    dims = dimensions(kpis)
    found = [row for row in kpis.rows if row.get("kpi") in MOVEMENTS]
    return found if not dims and any(as_float(row.get("value")) for row in found) else []


def mrr_movement(kpis: Answer) -> Chart:
    """Draw what recurring revenue gained and lost, from `kpis` of its family: in each period with `every`.

    Gains stand above the line, losses below it.

    >>> rows = [{"period": "2025-01", "kpi": "mrr_churned", "value": "20.00", "unit": "money"}]
    >>> spec = mrr_movement(Answer(verb="kpis", store="", as_of="", currency="GBP", rows=rows)).to_dict()
    >>> next(iter(spec["datasets"].values()))[0]["value"]
    -20.0
    """
    title = f"Recurring revenue gained and lost ({kpis.currency or 'per month'} a month)"
    rows = recurring_rows(kpis)
    if not rows:
        return theme.sentence("No recurring revenue is known in this period.", title)
    whole = next((told.words for told in in_words(kpis.asked) if told.option == "period"), "All time")
    values: list[dict[str, Any]] = []
    for row in rows:
        name, sign, _ = MOVEMENTS[str(row["kpi"])]
        value = as_float(row.get("value")) or 0
        text = figure_text(row.get("value"), "money", kpis.currency)
        values.append(
            {
                "period": str(row.get("period", whole)),
                "series": name,
                "value": sign * value,
                "text": text,
                "rank": list(MOVEMENTS).index(str(row["kpi"])),
            }
        )
    every = list(dict.fromkeys(value["period"] for value in values))
    moved = [every.index(value["period"]) for value in values if value["value"]]
    names = every[min(moved) : max(moved) + 1]
    values = [value for value in values if value["period"] in names]
    shown = [row for row in rows if row.get("period") in names]
    since = "" if names[-1] == every[-1] else f". Nothing moved from {names[-1]} to {every[-1]}"
    used = [name for name, _, _ in MOVEMENTS.values() if any(value["series"] == name for value in values)]
    palette = {name: colour for name, _, colour in MOVEMENTS.values() if name in used}
    legend, layout = theme.legend(used, [])
    base = alt.Chart(alt.InlineData(values=values))
    ticks = money_ticks(currency_sign(kpis.currency))
    marks = base.mark_bar(cornerRadiusEnd=0).encode(
        x=alt.X(
            "period", type="ordinal", scale=alt.Scale(domain=names, paddingInner=0.25),
            axis=alt.Axis(title=None, labelAngle=0, labelOverlap="greedy", labelSeparation=6),
        ),
        y=alt.Y(
            "value", type="quantitative", stack="zero",
            axis=alt.Axis(title=None, labelExpr=ticks, tickCount=6),
        ),
        color=alt.Color(
            "series", type="nominal", legend=legend,
            scale=alt.Scale(domain=list(palette), range=list(palette.values())),
        ),
        order=alt.Order("rank", type="quantitative"),
        tooltip=[
            alt.Tooltip(field="period", type="nominal", title="Period"),
            alt.Tooltip(field="series", type="nominal", title="Movement"),
            alt.Tooltip(field="text", type="nominal", title="MRR"),
        ],
    )  # fmt: skip
    line = alt.Chart(alt.InlineData(values=[{}])).mark_rule().encode(y=alt.datum(0))
    net = sum(value["value"] for value in values)
    return theme.finish(
        alt.LayerChart(layer=[marks, line]),
        title=title,
        subtitle=". ".join([f"Above the line: gained. Below it: lost{since}", *partial_periods(shown)]),
        description=f"Bars by period, {names[0]} to {names[-1]}: {title}. Gains less losses: "
        f"{figure_text(round(net, 2), 'money', kpis.currency)}.",
        height=_HEIGHT,
        layout=layout,
    )


def cohort_curves(cohorts: Answer, figure: str = "conversion_rate") -> Chart:
    """Draw a figure of a `cohorts` answer by the age of the leads, a line a cohort, the youngest the darkest.

    `figure` is `conversion_rate` or `revenue_per_lead`. A line ends at the age that all leads of its cohort
    have reached, by the last run or the end of data. Twelve cohorts are drawn, the youngest.

    >>> rows = [{"cohort": "2025-01", "age": 1, "leads": 40, "conversion_rate": 0.25}]
    >>> answer = Answer(verb="cohorts", store="", as_of="", rows=rows)
    >>> cohort_curves(answer).to_dict()["title"]["text"]
    ['Share of leads that had converted, by age (percent)']
    """
    rate = figure == "conversion_rate"
    unit = "ratio" if rate else "money"
    title = (
        "Share of leads that had converted, by age (percent)"
        if rate
        else f"Revenue per lead, by the age of the leads ({cohorts.currency or 'value'})"
    )
    if not any(as_float(row.get(figure)) for row in cohorts.rows):
        return theme.sentence("No leads are old enough to follow, or none of them has converted.", title)
    every = list(dict.fromkeys(str(row["cohort"]) for row in cohorts.rows))
    names = every[-_COHORTS:]
    values: list[dict[str, Any]] = [
        {"cohort": name, "age": 0, "value": 0, "text": figure_text(0, unit, cohorts.currency), "leads": "—"}
        for name in names
    ]
    for row in cohorts.rows:
        if str(row["cohort"]) in names:
            text = percent_figure(row[figure]) if rate else figure_text(row[figure], unit, cohorts.currency)
            values.append(
                {"cohort": str(row["cohort"]), "age": row["age"], "value": as_float(row[figure]),
                 "text": text, "leads": figure_text(row.get("leads"), "count")}
            )  # fmt: skip
    colours = _ramp(len(names))
    legend, layout = theme.legend(names, [])
    axis = alt.Axis(title=None, labelExpr=_ticks(unit, cohorts.currency), tickCount=6)
    ages = alt.Axis(title="months since the lead came", tickMinStep=1, format="d", grid=False)
    base = alt.Chart(alt.InlineData(values=values)).encode(
        x=alt.X("age", type="quantitative", axis=ages, scale=alt.Scale(nice=False)),
        y=alt.Y("value", type="quantitative", axis=axis, scale=alt.Scale(zero=True, nice=True)),
        color=alt.Color(
            "cohort", type="nominal", scale=alt.Scale(domain=names, range=colours), legend=legend
        ),
        tooltip=[
            alt.Tooltip(field="cohort", type="nominal", title="Leads of"),
            alt.Tooltip(field="leads", type="nominal", title="Leads"),
            alt.Tooltip(field="age", type="nominal", title="Age in months"),
            alt.Tooltip(field="text", type="nominal", title="Converted" if rate else "Revenue per lead"),
        ],
    )
    layers = [
        base.mark_line(strokeWidth=2, interpolate="linear"),
        base.mark_point(filled=True, size=28, opacity=1),
    ]
    youngest = next(value for value in reversed(values) if value["cohort"] == names[-1])
    left_out = f" The {len(names)} youngest of {len(every)} are drawn." if len(every) > len(names) else ""
    return theme.finish(
        alt.LayerChart(layer=layers),
        title=title,
        subtitle=f"A line a month of creation, the younger the darker, as far as it has come.{left_out}",
        description=f"Lines: {title}, leads of {names[0]} to {names[-1]}. Leads of {youngest['cohort']} "
        f"after {youngest['age']} months: {youngest['text']}.",
        height=_HEIGHT,
        layout=layout,
    )


def _ramp(count: int) -> list[str]:
    """Return colours from light orange to dark blue, each darker than the one before, in print too."""
    stops = ((246, 193, 101), (86, 180, 140), (0, 114, 178), (24, 36, 84))
    out = []
    for i in range(count):
        place = (i / (count - 1) if count > 1 else 1) * (len(stops) - 1)
        low = min(int(place), len(stops) - 2)
        mixed = (round(a + (b - a) * (place - low)) for a, b in zip(stops[low], stops[low + 1], strict=True))
        out.append("#" + "".join(f"{part:02X}" for part in mixed))
    return out
