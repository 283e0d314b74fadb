"""Charts of advice and of predictions: the figures of the answer, with bounds and in words."""

from __future__ import annotations

from typing import Any

import pytest
import vl_convert

from attribution.errors import UnknownNameError
from attribution.metrics.answer import Answer
from attribution.report import charts

COMMON: dict[str, Any] = {
    "store": "", "as_of": "2026-04-01T00:00:00Z", "currency": "GBP", "goal": "revenue", "lookback": "365d",
    "scope": "contacts",
}  # fmt: skip
ADVICE = [
    ("dear", "9000.00", "3000.00", -2 / 3, -0.8, -0.5, 30, "cut"),
    ("waste", "2000.00", "0.00", -1.0, None, -0.75, 0, "cut"),
    ("even", "1200.00", "1200.00", 0.0, -0.5, 1.0, 12, "hold"),
    ("good", "1000.00", "3000.00", 2.0, 0.75, 3.5, 30, "scale"),
    ("small", "250.00", "300.00", 0.2, None, None, 3, "not enough data"),
]


def recommend(*names: str) -> Answer:
    """Advice by campaign; by channel and campaign where a channel is named."""
    keys = ("campaign", "spend", "value", "roi", "low", "high", "conversions", "advice")
    rows = [dict(zip(keys, row, strict=True)) | {"because": f"as {row[0]} has it"} for row in ADVICE]
    rows = [dict.fromkeys(names, "Paid Search") | row for row in rows]
    columns = dict.fromkeys([*names, "campaign"], "text")
    columns |= {"spend": "money", "value": "money", "roi": "ratio", "low": "ratio", "high": "ratio"}
    columns |= {"conversions": "count", "advice": "text", "because": "text"}
    return Answer(verb="recommend", model="linear", rows=rows, columns=columns, **COMMON)


def judged() -> Answer:
    """Five fifths, the two least promising on one another."""
    figures = [
        (1, 0.0, 0.0, "0.00", "0.00"), (2, 0.01, 0.0, "5.00", "0.00"), (3, 0.1, 0.15, "90.00", "120.00"),
        (4, 0.2, 0.2, "300.00", "310.00"), (5, 0.5, 0.4, "1200.00", "900.00"),
    ]  # fmt: skip
    keys = ("fifth", "chance", "won", "predicted", "observed")
    rows = [dict(zip(keys, row, strict=True)) | {"leads": 20} for row in figures]
    columns = {"fifth": "count", "leads": "count", "chance": "ratio", "won": "ratio"}
    columns |= {"predicted": "money", "observed": "money"}
    totals = {"leads": 100, "predicted": "1595.00", "observed": "1330.00", "ratio": 0.83}
    return Answer(verb="predict", rows=rows, columns=columns, totals=totals, **COMMON)


def predict() -> Answer:
    """Two open leads, with the reliability of such predictions."""
    rows = [
        {"lead_id": "L-2", "stage": "mql", "channel": "Email", "value": "300.00", "low": "180.00",
         "high": "420.00"},
        {"lead_id": "L-1", "stage": "lead", "channel": "Direct", "value": "20.00", "low": "5.00",
         "high": "60.00"},
    ]  # fmt: skip
    columns = {"lead_id": "text", "stage": "text", "channel": "text"}
    columns |= {"value": "money", "low": "money", "high": "money"}
    totals = {"leads": 2, "value": "320.00", "low": "200.00", "high": "450.00"}
    return Answer(
        verb="predict", title="Expected revenue", rows=rows, columns=columns, totals=totals,
        beside={"reliability": judged()}, **COMMON,
    )  # fmt: skip


def data(chart: Any) -> list[dict[str, Any]]:
    return max(chart.to_dict()["datasets"].values(), key=len)


def test_advice_is_written_beside_the_return_and_its_bounds() -> None:
    """The largest spend first; what nothing is known of is hollow and has no figure."""
    chart = recommend().plot()
    bars = {row["label"]: row for row in data(chart)}
    assert list(bars) == ["dear", "waste", "even", "good", "small"]
    assert [row["text"] for row in bars.values()] == [
        "-66.7% · cut", "-100% · cut", "0% · hold", "200% · scale", "not enough data",
    ]  # fmt: skip
    assert (bars["good"]["length"], bars["good"]["low"], bars["good"]["high"]) == (2.0, 0.75, 3.5)
    # one bound alone is no line; the pointer tells it, and the reason
    assert (bars["waste"]["low"], bars["waste"]["high"]) == (None, None)
    assert {"up to -75%", "as waste has it", "£2,000.00"} <= set(map(str, bars["waste"].values()))
    assert [row["few"] for row in bars.values()] == [False, False, False, False, True]
    assert "NaN" not in vl_convert.vegalite_to_svg(chart.to_dict())


def test_advice_by_two_dimensions_stands_under_its_names() -> None:
    """And what is not drawn is counted."""
    chart = charts.roi_with_advice(recommend("channel"), limit=2)
    assert [row["label"] for row in data(chart)] == ["dear · Paid Search", "waste · Paid Search"]
    assert "3 more in the table" in " ".join(chart.to_dict()["title"]["subtitle"])


def test_open_leads_with_bounds() -> None:
    """The first chart of a prediction; groups of leads have one bar each."""
    assert [(row["label"], row["low"], row["length"], row["high"]) for row in data(predict().plot())] == [
        ("L-2", 180.0, 300.0, 420.0),
        ("L-1", 5.0, 20.0, 60.0),
    ]
    columns = {"channel": "text", "stage": "text", "leads": "count", "value": "money"}
    rows = [row | {"leads": 1} for row in predict().rows]
    grouped = charts.expected_revenue(
        Answer(verb="predict", rows=rows, columns=columns, **COMMON), limit=1
    ).to_dict()
    assert grouped["title"]["text"] == ["Expected revenue by stage and channel (GBP)"]
    assert " ".join(grouped["title"]["subtitle"]).endswith("1 more in the table")


@pytest.mark.parametrize("answer", [predict(), judged()], ids=["beside a prediction", "asked for"])
def test_how_often_it_came_true(answer: Answer) -> None:
    """Chance beside what was won, and revenue; fifths on one another are told once."""
    curve = answer.plot("reliability")
    points = data(curve)
    assert [(point["chance"], point["won"]) for point in points] == [
        (0.0, 0.0), (0.01, 0.0), (0.1, 0.15), (0.2, 0.2), (0.5, 0.4),
    ]  # fmt: skip
    assert [point["mark"] for point in points] == ["1, 2", "", "3", "4", "5"]
    even = next(found for found in curve.to_dict()["datasets"].values() if len(found) == 2)
    assert [point["chance"] for point in even] == [point["won"] for point in even]
    bars = [(row["label"], row["series"], row["length"]) for row in data(answer.plot("revenue"))]
    assert bars[-2:] == [("Fifth 5", "Predicted", 1200.0), ("Fifth 5", "Observed", 900.0)]


def test_nothing_to_draw_is_a_sentence() -> None:
    """No spend, no open lead, nothing judged."""
    for verb, columns, told in (
        ("recommend", {"channel": "text"}, "there is nothing to advise"),
        ("predict", {"lead_id": "text"}, "No lead is open."),
        ("predict", {"fifth": "count"}, "Nothing was predicted"),
    ):
        chart = Answer(verb=verb, columns=columns, **COMMON).plot()
        assert told in str(charts.empty_sentence(chart))
    with pytest.raises(UnknownNameError, match="unknown chart 'reliabilty'; did you mean 'reliability'"):
        predict().plot("reliabilty")
