"""Figures per lead and per deal, one bar a channel."""

from __future__ import annotations

from attribution.metrics.answer import Answer, Row
from attribution.report.charts import bars, theme
from attribution.report.charts.bars import Bar
from attribution.report.charts.channels import NOT_ATTRIBUTED, dimensions, is_remainder, row_name, subject
from attribution.report.charts.sureness import TOO_FEW, bounds, interval_text, sureness
from attribution.report.charts.theme import Chart
from attribution.report.figures import (
    as_float,
    count_figure,
    currency_sign,
    figure_text,
    money_figure,
)
from attribution.report.words import label


def lead_value_by_channel(kpis: Answer) -> Chart:
    """Draw what a lead of each channel is worth: its credited revenue divided by its leads.

    >>> row = {"channel": "Email", "kpi": "lead_value", "value": "500.00", "unit": "money"}
    >>> kpis = Answer(verb="kpis", store="", as_of="", currency="GBP", rows=[row])
    >>> lead_value_by_channel(kpis).to_dict()["title"]["text"]
    ['Lead value by channel (GBP)']
    """
    return kpi_by_channel(kpis, "lead_value", colour=theme.BLUE)


def kpi_by_channel(kpis: Answer, name: str, *, colour: str = theme.SKY, limit: int | None = None) -> Chart:
    """Draw one KPI of a `kpis` answer that is cut by channel (or any other dimension).

    Rows whose denominator is zero have no value; they stay in the chart and say so. An interval is a line
    over the bar; a figure of too few conversions is a hollow mark without a bar. `limit` keeps the first
    rows of the answer, those with most revenue.
    """
    dims = dimensions(kpis)
    found = [(row_name(row, dims), row) for row in kpis.rows if row.get("kpi") == name][:limit]
    if name.startswith("cost_per_"):  # where nothing was spent, nothing cost little
        found = [(who, row) for who, row in found if as_float(row.get("numerator")) != 0]
    unit = str(found[0][1].get("unit", "")) if found else ""
    shown = {"money": kpis.currency or "money", "ratio": "percent"}.get(unit, unit or "value")
    title = f"{label(name)} by {subject(kpis)} ({shown})"
    if not any(as_float(row.get("value")) is not None for _, row in found):
        return theme.sentence(f"{label(name)} cannot be told for any {subject(kpis)} in this period.", title)
    found.sort(key=lambda item: (is_remainder(item[0]), -(as_float(item[1].get("value")) or 0)))
    rows = [_bar(item, row, unit, kpis.currency, subject(kpis)) for item, row in found]
    listed = "; ".join(f"{bar.name} {bar.text}" for bar in rows[:12])
    ticks = {"money": bars.money_ticks(currency_sign(kpis.currency)), "ratio": bars.PERCENT_TICKS}
    return bars.bars(
        rows,
        colours={label(name): colour, NOT_ATTRIBUTED: theme.GREY},
        ticks=ticks.get(unit, bars.COUNT_TICKS),
        title=title,
        subtitle=sureness(row for _, row in found),
        description=f"Horizontal bars: {title}. {listed}.",
        above=len(dims) > 1,
    )


def _bar(name: str, row: Row, unit: str, currency: str | None, cut_by: str) -> Bar:
    value = as_float(row.get("value"))
    if unit == "money" and value is not None:
        text = money_figure(row["value"], currency, short=True)
    else:
        text = "none" if value is None else figure_text(row["value"], unit, currency)
    if row.get("too_few") and value is not None:
        text = TOO_FEW
    sure = interval_text(row, currency)
    tooltip = {
        label(cut_by): name,
        "Value": figure_text(row.get("value"), unit, currency),
        "Of": " / ".join(part_text(row.get(part), currency) for part in ("numerator", "denominator")),
        **({} if sure is None else {"Interval": sure}),
    }
    series = NOT_ATTRIBUTED if is_remainder(name) else label(str(row["kpi"]))
    return Bar(name=name, series=series, length=value or 0, text=text, tooltip=tooltip, **bounds(row))


def part_text(value: object, currency: str | None) -> str:
    """Write a numerator or denominator: money comes as a decimal string, counts as numbers.

    >>> part_text("1000.00", "GBP"), part_text(2, "GBP"), part_text(None, "GBP")
    ('£1,000.00', '2', '—')
    """
    return money_figure(value, currency) if isinstance(value, str) else count_figure(value)
