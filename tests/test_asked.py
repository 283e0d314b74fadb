"""Whoever sees an answer sees what it is of: the options beyond those that a verb takes by itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from attribution.cli import cli
from attribution.cli.render import headline
from attribution.engine import Store
from attribution.metrics.answer import ENVELOPE
from attribution.metrics.asked import in_words, where_text

SPRING = {"start": "2025-01-01", "end": "2025-03-31"}
DAYS = {"from": "2025-01-01", "to": "2025-03-31"}
Ask = Callable[[Store], Any]


@pytest.fixture
def url(small_shop_url: str) -> str:
    """Where the small shop is; nothing here changes it."""
    return small_shop_url


@pytest.fixture
def shop(url: str) -> Any:
    with Store.open(url) as store:
        yield store


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (lambda s: s.report("channel"), {}),
        (lambda s: s.report("channel", start=date(2025, 1, 1), date="closed"), {"from": "2025-01-01"}),
        (
            lambda s: s.report("channel", **SPRING, where="owner=Ann", date="touch", restate=True),
            {**DAYS, "where": ["owner=Ann"], "date": "touch", "restate": True},
        ),
        (lambda s: s.report("channel", goal="leads", model="linear", lookback="365d"), {}),
        (lambda s: s.compare("channel", ["linear", "last_touch"], currency="GBP"), {"currency": "GBP"}),
        (
            lambda s: s.kpis(
                names="roi", margin="60%", interval=0.9, stage="won", unique=True, basis="cohort",
                every="month", **SPRING,
                against="year", target="1h", horizon=24, where=iter(["owner=Ann", "owner=Bob"]),
            ),
            {
                "basis": "cohort", "every": "month", "against": "year", "interval": 0.9, "unique": True,
                "stage": "won", "target": "1h", "horizon": 24, "margin": 0.6, **DAYS,
                "where": ["owner=Ann", "owner=Bob"],
            },
        ),
        (lambda s: s.kpis(names="roi", basis="period", horizon=60, seed=0, stage="opportunity"), {}),
        (lambda s: s.cohorts(every="year", ages=3, start=SPRING["start"]), {
            "every": "year", "ages": 3, "from": "2025-01-01",
        }),
        (lambda s: s.paths(transform="first", limit=5, **SPRING), {**DAYS, "transform": "first", "limit": 5}),
        (
            lambda s: s.recommend("channel", target="50%", margin="0.5", interval="90%", **SPRING),
            {"target": 0.5, "margin": 0.5, **DAYS},
        ),
    ],
)  # fmt: skip
def test_every_verb_tells_what_it_was_given(shop: Store, ask: Ask, asked: dict[str, Any]) -> None:
    """Nothing that it takes by itself, nothing that the envelope names already; shares are numbers."""
    answer = ask(shop)
    assert answer.asked == asked
    assert list(answer.envelope()) == list(ENVELOPE)
    assert json.loads(answer.to_json())["asked"] == asked


def test_words() -> None:
    """The period first; values of one dimension are alternatives."""
    asked = {
        "margin": 0.125, "to": "2025-03-31", "where": ["channel=Email", "owner=Ann", "channel=Direct"],
        "unique": True, "against": "previous", "target": 0.5, "kinds": ["session", "click"], "seed": 7,
        "horizon": 1, "currency": "USD",
    }  # fmt: skip
    assert [(told.heading, told.words) for told in in_words(asked)] == [
        ("Period", "up to 2025-03-31"),
        ("Only", "channel Email or Direct, and owner Ann"),
        ("Compared with", "the period before"),
        ("Margin", "12.5 %"),
        ("Leads", "people, each once"),
        ("Target", "ROI 50 %"),
        ("Only currency", "USD, in its own amounts"),
        ("Kinds of touch", "session, click"),
        ("Horizon", "1 month"),
        ("Seed", "7"),
    ]
    assert in_words({}) == []
    assert where_text(["campaign=a=b"]) == "campaign a=b"


def test_the_first_line_of_a_table(shop: Store) -> None:
    """Period, conditions and margin; KPIs name their own goals, so that of the store is not told."""
    kpis = shop.kpis(names="roi", where=["channel=Email"], margin=0.6, every="month", goal="leads", **SPRING)
    assert headline(kpis) == (
        "KPIs (period), every month (GBP) · 2025-01-01 to 2025-03-31 · only channel Email · margin 60 % · "
        "model linear · lookback 365d · scope contacts"
    )
    assert "--goal leads changes no KPI: each counts what its own words say" in kpis.warnings
    report = shop.report("channel", model="linear", start="2025-01-01")
    assert headline(report) == (
        "Revenue of won deals by channel (linear) (GBP) · from 2025-01-01 on · goal revenue · "
        "lookback 365d · scope contacts"
    )


def test_files_say_it(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The spreadsheet's first sheet, the page of an answer, and the whole report."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> None:
        done = CliRunner().invoke(cli, [*args, "--store", url])
        assert done.exit_code == 0, done.stderr

    only = ("--where", "owner=Ann", "--from", "2025-01-01", "--to", "2025-03-31")
    run("kpis", "--kpi", "roi,lead_value", "--margin", "60%", *only, "--output", "k.xlsx")
    sheet = load_workbook("k.xlsx")["About"]
    told = {row[0].value: row[1].value for row in sheet.iter_rows() if row[0].value}
    assert (told["Period"], told["Only"], told["Margin"]) == ("2025-01-01 to 2025-03-31", "owner Ann", "60 %")
    assert "Goal" not in told
    assert told["Return on investment (ROI)"] == "(value at 60 % margin - spend) / spend"
    assert told["Lead value"] == "sales value / leads; at full value: the margin is of ROI and ROAS alone"
    run("kpis", "--kpi", "roi", "--margin", "60%", *only, "--output", "k.html")
    page = Path("k.html").read_text(encoding="utf-8")
    for text in ("<dd>2025-01-01 to 2025-03-31</dd>", "<dd>owner Ann</dd>", "(value at 60 % margin - spend)"):
        assert text in page
    run("report", *only, "--html", "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    for text in ("<dd>2025-01-01 to 2025-03-31</dd>", "<dt>Only</dt><dd>owner Ann</dd>"):
        assert text in page
