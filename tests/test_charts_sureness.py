"""Charts that say how sure they are: intervals as lines, too few conversions as hollow marks."""

from __future__ import annotations

import dataclasses
from typing import Any

import report_answers
import vl_convert

from attribution.metrics.answer import Answer, Row
from attribution.report import charts
from attribution.report.charts.sureness import interval_text
from attribution.report.tables import kpi_table, roi_table


def judged(name: str = "lead_value", unit: str = "money") -> Answer:
    """Email is known within bounds, Fax by three deals, Direct without spend."""
    values: list[tuple[Any, ...]] = [("500.00", "400.00", "650.00"), ("900.00", None, None)]
    if unit == "ratio":
        values = [(1.5, -0.25, 3.0), (-0.5, None, None)]
    rows: list[Row] = [
        {"channel": "Email", "too_few": False, "conversions": 40},
        {"channel": "Fax", "too_few": True, "conversions": 3},
        {"channel": "Direct", "too_few": None, "conversions": None},
    ]
    for row, (value, low, high) in zip(rows, [*values, (None, None, None)], strict=True):
        row |= {"kpi": name, "value": value, "unit": unit, "low": low, "high": high}
        row |= {"numerator": "5.00", "denominator": 1}
    columns = {"channel": "text", "kpi": "text", "value": "mixed", "unit": "text"}
    columns |= {"low": "mixed", "high": "mixed", "conversions": "count", "too_few": "text"}
    return Answer(verb="kpis", store="", as_of="", currency="GBP", rows=rows, columns=columns)


def marks(spec: dict[str, Any]) -> list[str]:
    return [layer["mark"]["type"] for layer in spec["layer"]]


def data(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return max(spec["datasets"].values(), key=len)


def test_intervals_are_lines_with_caps_and_figures_stand_aside() -> None:
    """A figure at the end of an interval would read as that end's, so all stand in one column."""
    spec = charts.lead_value_by_channel(judged()).to_dict()
    assert marks(spec) == ["bar", "text", "point", "rule", "tick", "tick"]
    rule, text = spec["layer"][3]["encoding"], spec["layer"][1]
    assert (rule["x"]["field"], rule["x2"]["field"]) == ("low", "high")
    assert (text["encoding"]["x"], text["mark"]["align"]) == ({"value": "width"}, "right")
    email = next(row for row in data(spec) if row["label"] == "Email")
    assert (email["length"], email["low"], email["high"], email["text"]) == (500, 400, 650, "£500")
    assert "£400.00 to £650.00" in email.values()  # in the tooltip
    assert " ".join(spec["title"]["subtitle"]).startswith("Line: where the true figure lies")


def test_too_few_is_a_hollow_mark_and_no_bar() -> None:
    """Three deals never look like a trend: no bar, no figure in the picture; the tooltip has it."""
    spec = charts.lead_value_by_channel(judged()).to_dict()
    bar, point = spec["layer"][0], spec["layer"][2]
    assert bar["encoding"]["opacity"] == {"condition": {"test": "datum.few", "value": 0}, "value": 1}
    assert point["transform"] == [{"filter": "datum.few"}]
    assert point["mark"]["filled"] is False
    fax = next(row for row in data(spec) if row["label"] == "Fax")
    assert (fax["few"], fax["text"], fax["low"]) == (True, "too few", None)
    assert {"£900.00", "too few to tell (3 conversions)"} <= {*map(str, fax.values())}
    assert "£900" not in [row["text"] for row in data(spec)]


def test_without_intervals_nothing_changes() -> None:
    """An answer that was not asked how sure it is draws bars with their figures."""
    assert marks(charts.lead_value_by_channel(report_answers.kpis_by_channel()).to_dict()) == ["bar", "text"]


def test_roi_takes_its_intervals_from_the_kpis_where_the_value_is_the_same() -> None:
    """Another goal's return, or one at a margin, has other bounds than the bar beside it."""
    report = Answer(
        verb="report", store="", as_of="", currency="GBP", model="linear",
        columns={"channel": "text", "value": "money", "spend": "money", "roi": "ratio"},
        rows=[
            {"channel": "Email", "value": "250.00", "spend": "100.00", "roi": 1.5},
            {"channel": "Fax", "value": "50.00", "spend": "100.00", "roi": -0.5},
            {"channel": "Direct", "value": "50.00", "spend": "0.00", "roi": None},
        ],
    )  # fmt: skip
    sure = judged("roi", "ratio")
    spec = charts.roi_by_channel(report, sure).to_dict()
    email, fax, direct = data(spec)
    assert (email["low"], email["high"], email["text"]) == (-0.25, 3.0, "150%")
    assert (fax["few"], fax["text"], direct["text"]) == (True, "too few", "no spend")
    assert spec["layer"][0]["encoding"]["x"]["scale"]["range"][0] == 14  # room for what lies below zero
    other = [row | {"value": row["value"] and row["value"] + 0.01} for row in sure.rows]
    spec = charts.roi_by_channel(report, dataclasses.replace(sure, rows=other)).to_dict()
    assert [row["low"] for row in data(spec)] == [None, None, None]
    told = roi_table(report, sure)
    assert told.headings[-1] == ("ROI's interval", True)
    assert [row[-1] for row in told.rows] == ["-25% to 300%", "too few to tell (3 conversions)", "—"]
    assert "NaN" not in vl_convert.vegalite_to_svg(spec)


def test_tables_say_it_too() -> None:
    """The interval stands beside the value, `too few to tell` in its place."""
    table = kpi_table(judged(), "Lead value")
    at = [name for name, _ in table.headings].index("Interval")
    assert [row[at] for row in table.rows] == [
        "£400.00 to £650.00",
        "too few to tell (3 conversions)",
        "—",
    ]


def test_counts_have_whole_bounds() -> None:
    """Half a lead is no bound of leads."""
    row = {"unit": "count", "low": 434.14, "high": 520.29, "too_few": False}
    assert interval_text(row, None) == "434 to 520"
    assert interval_text({"unit": "count"}, None) is None
    assert interval_text({"unit": "count", "too_few": True, "conversions": 1}, None) == (
        "too few to tell (1 conversion)"
    )
