"""Charts: what is drawn from an answer, how it reads, and what happens when there is nothing to draw."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest
import report_answers
import vl_convert

from attribution.errors import UnknownNameError
from attribution.metrics.answer import Answer
from attribution.report import charts
from attribution.report.charts import theme

DRAWN: list[tuple[str, Callable[[Answer], charts.Chart], Callable[..., Answer]]] = [
    ("revenue", charts.revenue_by_channel, report_answers.report),
    ("campaigns", charts.revenue_by_channel, report_answers.campaigns),
    ("keywords", charts.revenue_by_channel, report_answers.keywords),
    ("roi", charts.roi_by_channel, report_answers.report),
    ("models", charts.models_side_by_side, report_answers.comparison),
    ("journeys", charts.top_journeys, report_answers.paths),
    ("time lag", charts.time_lag, report_answers.paths),
    ("path length", charts.path_length, report_answers.paths),
    ("lead value", charts.lead_value_by_channel, report_answers.kpis_by_channel),
]
each_chart = pytest.mark.parametrize(("chart", "answer"), [d[1:] for d in DRAWN], ids=[d[0] for d in DRAWN])


def data(spec: dict[str, Any], layer: int = 0) -> list[dict[str, Any]]:
    """Return the rows that a layer draws."""
    named = spec["layer"][layer].get("data", spec.get("data"))["name"]
    return list(spec["datasets"][named])


def titled(spec: dict[str, Any]) -> str:
    return " ".join(spec["title"]["text"])


@each_chart
def test_every_chart_has_title_unit_description_tooltip(chart: Any, answer: Any) -> None:
    """A chart says its subject and unit, is described for screen readers and answers the pointer."""
    spec = chart(answer()).to_dict()
    assert titled(spec).endswith(("(GBP)", "(percent of spend)", "(conversions)"))
    assert len(spec["description"]) > 40
    assert '"tooltip"' in json.dumps(spec)


@each_chart
def test_every_chart_renders_without_warnings(chart: Any, answer: Any) -> None:
    """The chart library accepts each chart and draws something."""
    svg = vl_convert.vegalite_to_svg(chart(answer()).to_dict(), allowed_base_urls=[])
    assert svg.count("<path") > 5
    assert "<script>" not in svg


@each_chart
def test_names_are_never_cut(chart: Any, answer: Any) -> None:
    """No limit on labels: a cut name could be two channels."""
    spec = chart(answer()).to_dict()
    assert spec["config"]["axis"]["labelLimit"] == 0
    svg = vl_convert.vegalite_to_svg(spec)
    assert "…</text>" not in svg


@each_chart
def test_an_empty_answer_gives_a_sentence(chart: Any, answer: Any) -> None:
    """Nothing to draw is said in words, in a chart that still renders."""
    full = answer()
    empty = Answer(verb=full.verb, store="", as_of=full.as_of, currency="GBP", columns=full.columns)
    drawn = chart(empty)
    sentence = charts.empty_sentence(drawn)
    assert sentence is not None
    assert sentence.endswith(".")
    assert sentence in vl_convert.vegalite_to_svg(drawn.to_dict()).replace("\N{NO-BREAK SPACE}", " ")
    assert charts.empty_sentence(chart(full)) is None


@each_chart
def test_drawing_changes_no_answer(chart: Any, answer: Any) -> None:
    """A chart is a pure function: the same answer gives the same chart, and stays as it was."""
    given = answer()
    first, second = chart(given).to_dict(), chart(given).to_dict()
    assert first == second
    assert given == answer()


def placed(spec: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return the texts of the graph of steps in their places, from top to bottom."""
    texts = [layer for layer in spec["layer"] if layer["mark"]["type"] == "text"]
    rows = [row for layer in texts for row in spec["datasets"][layer["data"]["name"]] if "text" in row]
    return sorted({(row["text"], row["x"], row["y"]) for row in rows}, key=lambda row: row[2])


def test_steps_are_drawn_with_their_direction_and_share() -> None:
    """Openers stand above closers; every arrow ends at its target; the strongest step is the widest."""
    graph = report_answers.transitions()
    chart = charts.transitions(graph)
    spec = chart.to_dict()
    names = [text for text, x, _ in placed(spec) if x == 4.5 and not text.startswith("in ")]
    assert names[0] == "<script>alert('x')</"  # nobody's last touch
    assert names[2] == "Mobile Push"
    assert names[-1] == "Email"
    lines, arrows = (
        spec["datasets"][layer["data"]["name"]]
        for layer in spec["layer"]
        if layer["mark"].get("interpolate") or layer["mark"].get("shape")
    )
    assert len(arrows) == graph.number_of_edges() == len({row["step"] for row in lines})
    widest = max(arrows, key=lambda row: row["width"])
    assert (widest["t0"], widest["t1"], widest["width"]) == ("Email → (conversion)", "70", 7.0)
    kinds = {row["t0"]: row["kind"] for row in arrows}
    assert kinds["Organic Search → Email"] == "On to"
    assert kinds["Email → Organic Search"] == "Back to"
    assert kinds["Organic Search → Organic Search"] == "Same again"
    assert [text for text, x, _ in placed(spec) if x == 1] == ["10%", "30%", "60%"]
    assert charts.transitions(graph).to_dict() == spec


def test_weak_steps_are_left_out_and_told() -> None:
    """A picture of everything shows nothing: the strongest are drawn, and the subtitle says so."""
    spec = charts.transitions(report_answers.transitions(), limit=3).to_dict()
    assert " ".join(spec["title"]["subtitle"]).startswith(
        "Drawn: the strongest 3 of 11 steps, which make 58.5% of all that were taken."
    )
    assert "Mobile Push" not in [text for text, _, _ in placed(spec)]
    assert charts.empty_sentence(charts.transitions(nx.DiGraph())) is not None


@pytest.mark.parametrize("name", ["W" * 60, "generic-attribution-software-uk", "アトリビューション" * 3, "a"])
def test_long_names_fit_their_field(name: str) -> None:
    """Names are broken into lines, never cut: no letter is lost and no line is wider than its field."""
    graph = nx.relabel_nodes(report_answers.transitions(), {"Email": name})
    spec = charts.transitions(graph).to_dict()
    texts = [text for text, x, _ in placed(spec) if x == 4.5]
    assert name in "".join(texts)
    heights = sorted(y for _, x, y in placed(spec) if x == 4.5)
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 12
    svg = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    assert "…</text>" not in svg


def test_revenue_bars_show_value_and_spend_as_people_write_them() -> None:
    """Bars are as long as the money, labelled with the currency, most revenue first, remainder last."""
    spec = charts.revenue_by_channel(report_answers.report()).to_dict()
    rows = data(spec)
    assert titled(spec) == "Revenue and spend by channel (GBP)"
    assert [(r["label"], r["series"], r["length"], r["text"]) for r in rows[:2]] == [
        ("Organic Search", "Revenue", 182450.0, "£182,450"),
        ("Organic Search", "Spend", 12000.0, "£12,000"),
    ]
    assert rows[-1]["label"] == "(unattributed)"
    paid_video = [r["text"] for r in rows if r["label"] == "Paid Video"]
    assert paid_video == ["£0", "£8,650"]  # money spent with nothing to show for it stays


def test_unattributed_revenue_is_grey() -> None:
    """What no channel earned does not look like a channel."""
    spec = charts.revenue_by_channel(report_answers.report()).to_dict()
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    colours = dict(zip(scale["domain"], scale["range"], strict=True))
    assert colours[data(spec)[-1]["series"]] == theme.GREY


def test_series_differ_in_lightness_and_models_in_shape() -> None:
    """Revenue and spend are told apart in a black-and-white print, models by more than their colour."""

    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert abs(lightness(theme.BLUE) - lightness(theme.ORANGE)) > 50
    spec = charts.models_side_by_side(report_answers.comparison()).to_dict()
    shapes = spec["layer"][1]["encoding"]["shape"]["scale"]["range"]
    assert len(set(shapes)) == len(shapes) == 6


def test_roi_of_no_spend_is_words_and_a_loss_is_no_gain() -> None:
    """ROI null says `no spend`; lost money has its own colour; rows go from best to worst."""
    rows = data(charts.roi_by_channel(report_answers.report()).to_dict())
    drawn = {row["label"].replace("\n", " "): (row["series"], row["text"]) for row in rows}
    assert next(iter(drawn)) == "Email"
    assert drawn["Direct"] == ("No spend", "no spend")
    assert drawn["Paid Video"] == ("Loss", "-100%")
    assert drawn["Paid Search"] == ("Gain", "224%")
    assert "(unattributed)" not in drawn


def test_models_band_runs_from_lowest_to_highest() -> None:
    """The band behind a channel's marks is the range of the models' answers."""
    spec = charts.models_side_by_side(report_answers.comparison()).to_dict()
    email = next(row for row in data(spec) if row["name"] == "Email")
    assert (email["low"], email["high"]) == (36129.20, 154210.00)
    assert "most on Email: from £36,129.20 to £154,210.00" in spec["description"]
    models = {row["model"] for row in data(spec, 1)}
    assert "Time decay (half life = 14d)" in models
    assert "Disagreement" not in models


def test_counts_are_no_money() -> None:
    """A goal that counts is drawn without a currency and without spend."""
    rows = [{"channel": "Email", "value": "0.00", "spend": "100.00", "leads": 12.5, "conversions": 12.5}]
    columns = {"channel": "text", "value": "money", "spend": "money", "conversions": "count"}
    answer = Answer(
        verb="report", store="", as_of="", currency="GBP", goal="leads", rows=rows, columns=columns
    )
    spec = charts.revenue_by_channel(answer).to_dict()
    assert titled(spec) == "Leads by channel (count)"
    assert [(row["series"], row["text"]) for row in data(spec)] == [("Leads", "12.5")]


def test_a_refund_draws_to_the_left_with_room_for_its_figure() -> None:
    """Negative value in a period is drawn, not dropped."""
    rows = [
        {"channel": "Email", "value": "-250.00", "spend": "0.00", "roi": None},
        {"channel": "Direct", "value": "100.00", "spend": "0.00", "roi": None},
    ]
    answer = Answer(verb="report", store="", as_of="", currency="GBP", rows=rows)
    spec = charts.revenue_by_channel(answer).to_dict()
    assert [(row["label"], row["text"]) for row in data(spec)] == [("Direct", "£100"), ("Email", "-£250")]
    assert spec["layer"][0]["encoding"]["x"]["scale"]["range"][0] > 0


def test_limit_keeps_the_most_valuable_rows() -> None:
    """Of many campaigns the first by value are drawn."""
    spec = charts.revenue_by_channel(report_answers.campaigns(), limit=2).to_dict()
    assert len({row["label"] for row in data(spec)}) == 2
    assert data(spec)[0]["label"].startswith("Brand | Exact")


def test_plot_picks_the_chart_of_the_verb() -> None:
    """A notebook needs one function; a verb without a chart is told which have one."""
    for answer in (report_answers.report(), report_answers.comparison(), report_answers.paths()):
        assert charts.empty_sentence(charts.plot(answer)) is None
    with pytest.raises(UnknownNameError, match="compare, kpis, paths, predict, recommend, report"):
        charts.plot(Answer(verb="doctor", store="", as_of=""))


def test_a_campaign_not_set_is_no_remainder() -> None:
    """Revenue of a known channel without a campaign name keeps its colour and its place by value."""
    rows = [
        {"channel": "(unattributed)", "campaign": "(unattributed)", "value": "900.00", "spend": "0.00"},
        {"channel": "Email", "campaign": "Spring", "value": "100.00", "spend": "0.00"},
        {"channel": "Email", "campaign": "(not set)", "value": "300.00", "spend": "0.00"},
    ]
    answer = Answer(verb="report", store="", as_of="", currency="GBP", rows=rows)
    drawn = data(charts.revenue_by_channel(answer).to_dict())
    assert [(row["label"], row["series"]) for row in drawn] == [
        ("(not set) · Email", "Revenue"),
        ("Spring · Email", "Revenue"),
        ("(unattributed)", "Not attributed"),
    ]


def test_what_has_no_rate_is_told_in_its_own_money() -> None:
    """A `(no rate)` row has no value in the report's currency; its figure says how much waits for a rate."""
    rows = [
        {"channel": "Email", "value": "100.00", "spend": "0.00"},
        {
            "channel": "(no rate)", "value": "0.00", "spend": "0.00",
            "unconverted": [{"currency": "CHF", "value": "2500.00", "spend": "0.00"}],
        },
    ]  # fmt: skip
    answer = Answer(verb="report", store="", as_of="", currency="GBP", rows=rows)
    drawn = data(charts.revenue_by_channel(answer).to_dict())
    assert drawn[-1]["text"].replace("\N{NO-BREAK SPACE}", " ") == "CHF 2,500"
