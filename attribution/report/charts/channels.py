"""What each channel (or campaign, keyword, ...) brought and what it cost."""

from __future__ import annotations

import math
from typing import Final

from attribution.labels import NO_LEAD, NO_RATE, UNATTRIBUTED
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import ALL as DIMENSIONS
from attribution.report.charts import bars, theme
from attribution.report.charts.bars import Bar
from attribution.report.charts.sureness import TOO_FEW, bounds, interval_text, sureness
from attribution.report.charts.theme import Chart
from attribution.report.figures import (
    DASH,
    as_float,
    count_figure,
    currency_sign,
    money_figure,
    percent_figure,
)
from attribution.report.words import label, model_label, value_label
from attribution.store.settings import GOALS

_REMAINDERS: Final = (UNATTRIBUTED, NO_RATE, NO_LEAD)
NOT_ATTRIBUTED: Final = "Not attributed"


def dimensions(answer: Answer) -> list[str]:
    """Return which dimensions the rows of an answer are cut by, in their order."""
    names = list(answer.columns) or (list(answer.rows[0]) if answer.rows else [])
    if answer.verb in ("report", "compare"):  # of frames, any column can be a dimension
        return [name for name in names if name in DIMENSIONS or answer.columns.get(name) == "text"]
    return [name for name in names if name in DIMENSIONS]


def row_name(row: Row, dims: list[str]) -> str:
    """Name a row by its dimensions, the finest first: a campaign is looked for by its own name.

    >>> row_name({"channel": "Email", "campaign": "Spring"}, ["channel", "campaign"])
    'Spring · Email'
    """
    parts = [str(row[dim]) for dim in reversed(dims) if row.get(dim) not in (None, "")]
    return " · ".join(dict.fromkeys(parts)) or "(blank)"


def is_remainder(name: str) -> bool:
    """Tell whether a row is what could not be attributed; `(not set)` is a campaign like any other.

    >>> is_remainder("(unattributed)"), is_remainder("(not set)")
    (True, False)
    """
    return name in _REMAINDERS


def by_value(answer: Answer) -> list[tuple[str, Row]]:
    """Return the named rows, most value first, what is left over last."""
    dims = dimensions(answer)
    named = [(row_name(row, dims), row) for row in answer.rows]
    key = measure(answer)
    return sorted(named, key=lambda item: (is_remainder(item[0]), -(as_float(item[1].get(key)) or 0)))


def subject(answer: Answer) -> str:
    """Say by what an answer is cut: `channel`, or `campaign and channel`."""
    return " and ".join(label(dim).lower() for dim in reversed(dimensions(answer))) or "channel"


def measure(answer: Answer) -> str:
    """Return which figure of a `report` row its goal asks for: money, or how many.

    >>> measure(Answer(verb="report", store="", as_of="", goal="leads"))
    'conversions'
    """
    goal = GOALS.get(answer.goal or "revenue")
    return "value" if goal is None or goal.money else "conversions"


def _unit(answer: Answer) -> str | None:
    """Return the currency of what is drawn, None where that is counts."""
    return answer.currency if measure(answer) == "value" else None


def _tooltip(name: str, row: Row, answer: Answer) -> dict[str, str]:
    return {
        label(subject(answer)): name,
        value_label(answer.goal): money_figure(row.get(measure(answer)), _unit(answer)),
        "Spend": money_figure(row.get("spend"), answer.currency),
        "ROI": percent_figure(row.get("roi")),
        "Leads": count_figure(row.get("leads")),
        "Conversions": count_figure(row.get("conversions")),
    }


def _unconverted(row: Row) -> str:
    """Write the money of a `(no rate)` row, which has no value in the answer's currency."""
    parts = row.get("unconverted", ())
    return ", ".join(money_figure(part["value"], part["currency"], short=True) for part in parts)


def revenue_by_channel(report: Answer, *, limit: int | None = None) -> Chart:
    """Draw the value credited to each row of a `report` answer, with what was spent on it.

    Rows are read as `report` answers them (`value` and `spend` decimal strings in major units of the
    answer's currency); any dimensions will do, two or more are written above their bars. `limit` keeps
    the first rows by value.

    >>> report = Answer(verb="report", store="", as_of="2026-04-01T00:00:00Z", currency="GBP",
    ...     rows=[{"channel": "Email", "value": "250.00", "spend": "100.00", "roi": 1.5}])
    >>> revenue_by_channel(report).to_dict()["title"]["text"]
    ['Revenue and spend by channel (GBP)']
    """
    what, unit, key = value_label(report.goal), _unit(report), measure(report)
    spent = unit and (not report.rows or any("spend" in row for row in report.rows))
    heading = f"{what} and spend by {subject(report)}" if spent else f"{what} by {subject(report)}"
    title = f"{heading} ({unit or 'count'})"
    named = by_value(report)[:limit]
    rows: list[Bar] = []
    for name, row in named:
        tooltip = _tooltip(name, row, report)
        value, spend = as_float(row.get(key)), as_float(row.get("spend")) if unit else None
        if value is not None:
            series = NOT_ATTRIBUTED if is_remainder(name) else what
            text = _unconverted(row) or money_figure(row[key], unit, short=True)
            rows.append(Bar(name=name, series=series, length=value, text=text, tooltip=tooltip))
        if spend:
            text = money_figure(row["spend"], report.currency, short=True)
            rows.append(Bar(name=name, series="Spend", length=spend, text=text, tooltip=tooltip))
    if not rows:
        return theme.sentence(f"No {what.lower()} and no spend in this period.", title)
    listed = "; ".join(f"{name} {money_figure(row.get(key), unit, short=True)}" for name, row in named[:5])
    return bars.bars(
        rows,
        colours={what: theme.BLUE, NOT_ATTRIBUTED: theme.GREY, "Spend": theme.ORANGE},
        ticks=bars.money_ticks(currency_sign(unit)) if unit else bars.COUNT_TICKS,
        title=title,
        subtitle=f"{model_label(report.model)} model",
        description=f"Horizontal bars: {heading}. The largest: {listed}.",
        above=len(dimensions(report)) > 1
        or dimensions(report)[-1:] in (["keyword"], ["landing_page"], ["ad"]),
    )


def roi_by_channel(report: Answer, sure: Answer | None = None) -> Chart:
    """Draw the return on investment of each row of a `report` answer; rows without spend say so.

    ROI is (value - spend) / spend, a ratio: -1.0 lost all that was spent, 0 broke even. `sure` is a `kpis`
    answer with `roi` of the same rows and its intervals; one of another value than the row's is not drawn.

    >>> report = Answer(verb="report", store="", as_of="2026-04-01T00:00:00Z", currency="GBP",
    ...     rows=[{"channel": "Email", "value": "250.00", "spend": "100.00", "roi": 1.5}])
    >>> roi_by_channel(report).to_dict()["title"]["text"]
    ['Return on investment by channel (percent of spend)']
    """
    title = f"Return on investment by {subject(report)} (percent of spend)"
    named = [item for item in by_value(report) if not (is_remainder(item[0]) and item[1].get("roi") is None)]
    ranked = [(as_float(row.get("roi")), name, row) for name, row in named]
    ranked.sort(key=lambda item: math.inf if item[0] is None else -item[0])
    if all(roi is None for roi, _, _ in ranked):
        return theme.sentence("No spend is known in this period, so there is no return to show.", title)
    judged = judged_roi(report, sure)
    shown: list[Row] = []
    rows = []
    for roi, name, row in ranked:
        found = judged.get(name, {})
        found = found if roi is not None and as_float(found.get("value")) == roi else {}
        shown.append(found)
        series = "No spend" if roi is None else "Loss" if roi < 0 else "Gain"
        text = "no spend" if roi is None else percent_figure(row["roi"])
        if found.get("too_few"):
            text = TOO_FEW
        tooltip = _tooltip(name, row, report)
        if judged:
            tooltip["ROI's interval"] = interval_text(found, None) or DASH
        rows.append(
            Bar(name=name, series=series, length=roi or 0, text=text, tooltip=tooltip, **bounds(found))
        )
    listed = "; ".join(f"{bar.name} {bar.text}" for bar in rows[:12])
    return bars.bars(
        rows,
        colours={"Gain": theme.GREEN, "Loss": theme.VERMILION, "No spend": theme.GREY},
        ticks=bars.PERCENT_TICKS,
        title=title,
        subtitle=". ".join(filter(None, (f"{model_label(report.model)} model", sureness(shown)))),
        description=f"Horizontal bars: {title}. {listed}.",
        above=len(dimensions(report)) > 1,
    )


def judged_roi(report: Answer, sure: Answer | None) -> dict[str, Row]:
    """Return what a `kpis` answer says of the ROI of a report's rows, by their names."""
    if sure is None:
        return {}
    dims = dimensions(report)
    return {row_name(row, dims): row for row in sure.rows if row.get("kpi") == "roi" and "too_few" in row}
