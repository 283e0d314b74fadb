"""Journeys: the commonest ways to a conversion, how long they take and how many touches they have."""

from __future__ import annotations

from attribution.metrics.answer import Answer, Row
from attribution.metrics.paths import OTHER
from attribution.report.charts import bars, theme
from attribution.report.charts.bars import Bar
from attribution.report.charts.channels import NOT_ATTRIBUTED, is_remainder
from attribution.report.charts.theme import Chart
from attribution.report.figures import as_float, count_figure, figure_text, percent_figure
from attribution.report.words import value_label


def section(paths: Answer, *names: str) -> list[Row]:
    """Return the rows of a `paths` answer that belong to a section, in their order."""
    return [row for row in paths.rows if row.get("section") in names]


def top_journeys(paths: Answer, *, limit: int = 10) -> Chart:
    """Draw the commonest journeys of a `paths` answer by how many conversions each led to.

    >>> paths = Answer(verb="paths", store="", as_of="", currency="GBP", rows=[{"section": "journey",
    ...     "path": "Email > Direct", "conversions": 3, "value": "900.00", "share": 0.3}])
    >>> top_journeys(paths).to_dict()["title"]["text"]
    ['The commonest journeys (conversions)']
    """
    rows = [row for row in section(paths, "journey") if row["path"] != OTHER]
    rows = sorted(rows, key=lambda row: is_remainder(str(row["path"])))[:limit]  # stable: commonest first
    return _distribution(
        rows, paths, "The commonest journeys (conversions)", "No journey led to a conversion in this period.",
        colour=theme.BLUE, above=True,
    )  # fmt: skip


def time_lag(paths: Answer) -> Chart:
    """Draw how long it took from the first touch to the conversion, in the answer's own buckets."""
    return _distribution(
        section(paths, "time_lag"), paths, "Time from the first touch to the conversion (conversions)",
        "No conversion in this period, so no time can be shown.", colour=theme.GREEN,
    )  # fmt: skip


def path_length(paths: Answer) -> Chart:
    """Draw how many touches came before a conversion, in the answer's own buckets."""
    return _distribution(
        section(paths, "length", "path_length"), paths, "Touches before the conversion (conversions)",
        "No conversion in this period, so no touches can be counted.", colour=theme.PURPLE,
    )  # fmt: skip


def _distribution(
    rows: list[Row], paths: Answer, title: str, nothing: str, *, colour: str, above: bool = False
) -> Chart:
    if not any(as_float(row.get("conversions")) for row in rows):
        return theme.sentence(nothing, title)
    drawn = []
    unit = paths.columns.get("value", "money")
    for row in rows:
        share = f" ({percent_figure(row['share'])})" if row.get("share") is not None else ""
        tooltip = {
            "Journey" if above else "Group": str(row["path"]),
            "Conversions": count_figure(row["conversions"]),
            "Share of conversions": percent_figure(row.get("share")),
            value_label(paths.goal): figure_text(row.get("value"), unit, paths.currency),
        }
        text = count_figure(row["conversions"]) + share
        length = as_float(row["conversions"]) or 0
        series = NOT_ATTRIBUTED if is_remainder(str(row["path"])) else "Conversions"
        drawn.append(Bar(name=str(row["path"]), series=series, length=length, text=text, tooltip=tooltip))
    listed = "; ".join(f"{bar.name}: {bar.text}" for bar in drawn[:8])
    return bars.bars(
        drawn,
        colours={"Conversions": colour, NOT_ATTRIBUTED: theme.GREY},
        ticks=bars.COUNT_TICKS,
        title=title,
        subtitle="",
        description=f"Horizontal bars: {title}. {listed}.",
        above=above,
    )
