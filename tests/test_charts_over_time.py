"""Funnel, cohorts, recurring revenue and figures by period: what is drawn, in which order and units."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
import vl_convert

from attribution.metrics.answer import Answer, Row
from attribution.report import charts
from attribution.report.charts import theme
from attribution.report.charts.over_time import MOVEMENTS, _ramp
from attribution.report.tables import cohort_table, kpi_table, mrr_table

PERIODS = {"period": "text", "kpi": "text", "value": "mixed", "unit": "text"}


def answer(verb: str, rows: list[Row], columns: dict[str, str] | None = None) -> Answer:
    return Answer(verb=verb, store="", as_of="", currency="GBP", rows=rows, columns=columns or {})


def data(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return max(spec["datasets"].values(), key=len)


def titled(spec: dict[str, Any]) -> str:
    return " ".join(spec["title"]["text"])


def drawn(chart: charts.Chart) -> dict[str, Any]:
    """Return a chart's specification, after the library has drawn it without a complaint."""
    spec = chart.to_dict()
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    assert "NaN" not in svg
    assert svg.count("<path") > 3
    assert len(spec["description"]) > 40
    return spec


def cohorts() -> Answer:
    rows: list[Row] = []
    for cohort, size, ages in (("2025-01", 40, 3), ("2025-02", 20, 2)):
        for age in range(1, ages + 1):
            rows.append(
                {
                    "cohort": cohort, "age": age, "leads": size, "converted": 4 * age,
                    "conversion_rate": 4 * age / size, "revenue": f"{1000 * age}.00",
                    "revenue_per_lead": f"{1000 * age / size:.2f}",
                }
            )  # fmt: skip
    units = {"cohort": "text", "age": "count", "conversion_rate": "ratio", "revenue_per_lead": "money"}
    return answer("cohorts", rows, units)


def recurring(*values: tuple[str, str, str]) -> Answer:
    rows = [{"period": p, "kpi": kpi, "value": value, "unit": "money"} for p, kpi, value in values]
    return answer("kpis", rows, PERIODS)


def test_the_funnel_has_its_steps_in_their_order() -> None:
    """Each step with its share of the one before; what was not counted, or is nothing, is left out."""
    found = [("won_deals", 8), ("leads", 50), ("mql", 0), ("sessions", 400), ("roi", 2), ("sqo", None)]
    rows: list[Row] = [{"kpi": name, "value": value, "unit": "count"} for name, value in found]
    spec = drawn(charts.funnel(answer("kpis", rows)))
    assert [row["text"] for row in data(spec)] == ["400", "50 (12.5% of sessions)", "8 (16% of leads)"]
    assert titled(spec) == "From the first visit to the won deal (count)"
    assert charts.empty_sentence(charts.funnel(answer("kpis", rows[:1]))) is not None


def test_cohorts_are_lines_from_nothing_to_their_own_age() -> None:
    """A line a month, each from 0; the younger ends earlier and is darker."""
    spec = drawn(charts.cohort_curves(cohorts()))
    assert titled(spec) == "Share of leads that had converted, by age (percent)"
    ages = {
        name: [row["age"] for row in data(spec) if row["cohort"] == name] for name in ("2025-01", "2025-02")
    }
    assert ages == {"2025-01": [0, 1, 2, 3], "2025-02": [0, 1, 2]}
    assert data(spec)[-1]["text"] == "40%"
    encoding = spec["layer"][0]["encoding"]
    assert (encoding["x"]["field"], encoding["y"]["field"]) == ("age", "value")
    spec = drawn(charts.cohort_curves(cohorts(), "revenue_per_lead"))
    assert titled(spec) == "Revenue per lead, by the age of the leads (GBP)"
    assert data(spec)[-1]["text"] == "£100.00"
    assert charts.empty_sentence(charts.cohort_curves(answer("cohorts", []))) is not None


def test_cohorts_as_a_table_leave_open_what_is_not_known_yet() -> None:
    """One row a month, one column an age."""
    table = cohort_table(cohorts(), "conversion_rate", "By age")
    assert [name for name, _ in table.headings] == [
        "Leads of", "Leads", "after 1 month", "after 2 months", "after 3 months",
    ]  # fmt: skip
    assert table.rows == [["2025-01", "40", "10%", "20%", "30%"], ["2025-02", "20", "20%", "40%", "—"]]


def test_recurring_revenue_gained_stands_above_the_line() -> None:
    """Losses point down; months before the first movement and after the last one are not drawn."""
    given = recurring(
        ("2025-01", "mrr_new", "0.00"), ("2025-02", "mrr_new", "100.00"), ("2025-02", "mrr_churned", "0.00"),
        ("2025-03", "mrr_expansion", "20.00"), ("2025-03", "mrr_contraction", "5.00"),
        ("2025-03", "mrr_churned", "30.00"), ("2025-04", "mrr_new", "0.00"),
    )  # fmt: skip
    spec = drawn(charts.mrr_movement(given))
    assert [(row["period"], row["series"], row["value"]) for row in data(spec) if row["value"]] == [
        ("2025-02", "New", 100), ("2025-03", "Expansion", 20), ("2025-03", "Contraction", -5),
        ("2025-03", "Churned", -30),
    ]  # fmt: skip
    assert spec["layer"][0]["encoding"]["x"]["scale"]["domain"] == ["2025-02", "2025-03"]
    assert "Nothing moved from 2025-03 to 2025-04" in " ".join(spec["title"]["subtitle"])
    assert spec["description"].endswith("Gains less losses: £85.00.")
    assert mrr_table(given, "MRR").rows[2] == ["2025-03", "—", "£20.00", "£5.00", "£30.00"]


def test_recurring_revenue_of_one_period() -> None:
    """Without `every` there is one bar, named by the days that were asked for."""
    rows = [
        {"kpi": "leads", "value": 4, "unit": "count"}, {"kpi": "won_deals", "value": 1, "unit": "count"},
        {"kpi": "mrr_new", "value": "100.00", "unit": "money"},
        {"kpi": "mrr_churned", "value": "30.00", "unit": "money"},
    ]  # fmt: skip
    asked = {"from": "2025-01-01", "to": "2025-03-31"}
    given = Answer(verb="kpis", store="", as_of="", currency="GBP", rows=rows, asked=asked)
    assert list(charts.drawn(given)) == ["funnel", "mrr"]
    values = max(given.plot("mrr").to_dict()["datasets"].values(), key=len)
    assert [(row["period"], row["series"], row["value"]) for row in values] == [
        ("2025-01-01 to 2025-03-31", "New", 100.0), ("2025-01-01 to 2025-03-31", "Churned", -30.0),
    ]  # fmt: skip
    assert list(charts.drawn(dataclasses.replace(given, rows=rows[:2]))) == ["funnel"]


def test_without_recurring_revenue_a_sentence_says_so() -> None:
    """No empty axes."""
    for given in (recurring(), recurring(("2025-01", "mrr_new", "0.00"))):
        assert charts.empty_sentence(charts.mrr_movement(given)) == (
            "No recurring revenue is known in this period."
        )


def test_a_figure_by_period_breaks_where_it_is_not_known() -> None:
    """Null is no zero: the line has a gap, and months stand in their order."""
    found = [("2025-01", 0.5, 0.1, 0.9, False), ("2025-02", None, None, None, None)]
    found += [("2025-03", 1.5, None, None, True)]
    names = ("period", "value", "low", "high", "too_few")
    rows: list[Row] = [dict(zip(names, row, strict=True)) | {"kpi": "roi", "unit": "ratio"} for row in found]
    spec = drawn(charts.kpi_over_time(answer("kpis", rows, PERIODS), "roi"))
    assert titled(spec) == "ROI by period (percent)"
    assert [row["value"] for row in data(spec)] == [0.5, None, 1.5]
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["rule", "line", "point", "point"]
    assert spec["layer"][3]["mark"]["filled"] is False
    assert [row["sure"] for row in data(spec)] == ["10% to 90%", "—", "too few to tell (— conversions)"]


def test_groups_by_period_are_lines_of_their_own_and_few() -> None:
    """More than six lines are none: the others stand in the table."""
    names = [f"channel {i}" for i in range(8)]
    rows: list[Row] = [
        {"period": month, "channel": name, "kpi": "leads", "value": i, "unit": "count"}
        for month in ("2025-01", "2025-02")
        for i, name in enumerate(names)
    ]
    spec = drawn(charts.kpi_over_time(answer("kpis", rows, {"channel": "text"} | PERIODS), "leads"))
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == names[:1:-1]
    assert spec["title"]["subtitle"] == ["2 more in the table"]


# --- colours ------------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), deuteranopia of severity 1, on linear RGB
_DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)


def _linear(colour: str) -> list[float]:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _lightness(linear: list[float]) -> float:
    """CIE L* of linear RGB."""
    y = sum(weight * max(part, 0) for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def _seen(colour: str) -> list[float]:
    linear = _linear(colour)
    return [sum(w * part for w, part in zip(row, linear, strict=True)) for row in _DEUTERANOPIA]


def test_cohorts_darken_in_print_and_for_the_colour_blind() -> None:
    """Younger is darker, by steps of two and more of L*, whoever looks."""
    for lightness in (
        [_lightness(_linear(colour)) for colour in _ramp(12)],
        [_lightness(_seen(colour)) for colour in _ramp(12)],
    ):
        assert all(a - b > 2 for a, b in pairwise(lightness))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MOVEMENTS["mrr_new"][2], MOVEMENTS["mrr_expansion"][2]),
        (MOVEMENTS["mrr_contraction"][2], MOVEMENTS["mrr_churned"][2]),
        (theme.BLUE, theme.ORANGE),
    ],
)
def test_neighbours_differ_in_lightness(one: str, other: str) -> None:
    """What is stacked or stands side by side is told apart in black and white, and with deuteranopia."""
    assert abs(_lightness(_linear(one)) - _lightness(_linear(other))) > 14
    assert abs(_lightness(_seen(one)) - _lightness(_seen(other))) > 14


def test_partial_periods_are_named() -> None:
    """Those that a line or a bar is not the whole of; of many nobody reads a list."""
    rows: list[Row] = [
        {
            "period": f"2025-0{month}",
            "kpi": "mrr_new",
            "value": "5.00",
            "unit": "money",
            "partial": month != 2,
        }
        for month in (1, 2, 3)
    ]
    for spec in (
        charts.kpi_over_time(answer("kpis", rows, PERIODS), "mrr_new").to_dict(),
        charts.mrr_movement(answer("kpis", rows, PERIODS)).to_dict(),
    ):
        assert "Partial: 2025-01, 2025-03" in " ".join(spec["title"]["subtitle"])
    days = [row | {"period": f"2025-01-0{day}", "partial": True} for day, row in enumerate(rows * 2, 1)]
    spec = charts.kpi_over_time(answer("kpis", days, PERIODS), "mrr_new").to_dict()
    assert "Partial" not in str(spec["title"])


def test_partial_periods_are_marked_in_tables() -> None:
    """The words stand beside the period, whole ones are as they were."""
    rows: list[Row] = [
        {"period": period, "kpi": "mrr_new", "value": "5.00", "unit": "money", "partial": partial}
        for period, partial in (("2025-01", False), ("2025-02", True))
    ]
    made = mrr_table(answer("kpis", rows, PERIODS), "")
    assert made.rows == [["2025-01", "£5.00"], ["2025-02 (partial)", "£5.00"]]
    written = kpi_table(answer("kpis", rows, PERIODS), "")
    assert [row[0] for row in written.rows] == ["2025-01", "2025-02 (partial)"]
