"""Advice, predictions and what else a store answers, as files: bounds in columns, the rule beside them."""

from __future__ import annotations

import csv as csv_module
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from test_charts_advice import predict, recommend

from attribution.cli import cli
from attribution.metrics.answer import Answer
from attribution.report.output import answer_bytes

FORMULA = '=HYPERLINK("http://x.test","click")'
RULE = "rule: scale where the interval of ROI lies wholly above the target of 0%"


@pytest.fixture
def url(small_shop_url: str) -> str:
    """Where the small shop is; nothing here changes it."""
    return small_shop_url


def book(answer: Answer, *, values: bool = False) -> Any:
    return load_workbook(io.BytesIO(answer_bytes(answer, "xlsx")), data_only=values)


def cells(sheet: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize(
    "verb",
    [
        ["recommend", "--by", "campaign"],
        ["changes", "--since", "3650d"],
        ["doctor"],
        ["model", "show", "linear"],
        ["model", "trust", "linear", "--draws", "100"],
    ],
    ids=lambda verb: " ".join(verb[:2]),
)
def test_verbs_write_files(
    url: str, verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be printed, byte for byte; a spreadsheet that opens; a page."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> Any:
        done = CliRunner().invoke(cli, [*verb, *options, "--store", url])
        assert done.exit_code == 0, done.output
        return done

    assert run("--output", "out.csv").stdout == ""
    assert Path("out.csv").read_text() == run("--format", "csv").stdout
    written = run("--output", "out.xlsx", "--locale", "de_DE")
    assert "wrote out.xlsx" in written.stderr
    about, rows, *_ = load_workbook("out.xlsx").worksheets
    assert (about.title, rows.max_row > 1) == ("About", True)
    run("--output", "out.html")
    assert Path("out.html").read_text().lstrip().startswith("<!doctype html>")


def test_the_rule_goes_with_the_advice(url: str, tmp_path: Path) -> None:
    """In the page, in the spreadsheet and in the JSON."""
    shop = CliRunner().invoke(cli, ["--store", url, "recommend", "--format", "json"])
    assert RULE in json.loads(shop.stdout)["warnings"][0]
    for form in ("xlsx", "html"):
        path = tmp_path / f"advice.{form}"
        done = CliRunner().invoke(cli, ["--store", url, "recommend", "--output", str(path)])
        assert done.exit_code == 0, done.output
        assert RULE in done.stderr
    assert RULE in (tmp_path / "advice.html").read_text()
    about = cells(load_workbook(tmp_path / "advice.xlsx")["About"])
    assert any(cell.startswith(RULE) for row in about for cell in row if cell)


def test_advice_as_a_spreadsheet() -> None:
    """Bounds are columns of their own, ROI a formula, the totals sums; one bound may be missing."""
    whole = {"spend": "13450.00", "value": "7500.00", "roi": 7500 / 13450 - 1}
    answer = dataclasses.replace(recommend(), totals=whole)
    head, dear, waste, *rest = cells(book(answer)["Recommend"])
    assert head == [
        "Campaign", "Spend", "Value", "ROI", "ROI at least", "ROI at most", "Conversions", "Advice", "Why",
    ]  # fmt: skip
    assert dear == [
        "dear", 9000, 3000, '=IF(B2=0,"",(C2-B2)/B2)', -0.8, -0.5, 30, "cut", "as dear has it",
    ]  # fmt: skip
    assert waste[4:6] == [None, -0.75]
    assert rest[-1][:4] == ["Total", "=SUM(B2:B6)", "=SUM(C2:C6)", '=IF(B8=0,"",(C8-B8)/B8)']
    assert book(answer, values=True)["Recommend"]["D8"].value == pytest.approx(7500 / 13450 - 1)


def test_a_prediction_carries_its_reliability() -> None:
    """A sheet and a section of its own; the totals' bounds are no sums of the bounds above them."""
    sheets = book(predict())
    assert sheets.sheetnames == ["About", "Predict", "Reliability"]
    head, first, *_, total = cells(sheets["Predict"])
    assert head[3:] == ["Expected revenue", "At least", "At most"]
    assert first == ["L-2", "mql", "Email", 300, 180, 420]
    assert total == ["Total", None, None, "=SUM(D2:D3)", 200, 450]
    assert cells(sheets["Reliability"])[5] == [5, 20, 0.5, 0.4, 1200, 900]
    told = {row[0] for row in cells(sheets["About"])}
    assert "Period" not in told  # it looks ahead
    page = answer_bytes(predict(), "html").decode()
    assert page.index("Expected revenue by open lead") < page.index('id="rows-reliability"')
    assert all(f'data-chart="{name}"' in page for name in ("value", "reliability", "revenue"))
    assert '<th scope="row">Total</th>' in page
    assert ">Period<" not in page
    assert "beside" not in json.loads(predict().to_json())


@pytest.mark.parametrize("answer", [recommend(), predict()], ids=lambda answer: answer.verb)
def test_names_are_never_formulas(answer: Answer) -> None:
    """A campaign, or a lead's id, may be called anything: it comes as text."""
    name = next(iter(answer.columns))
    hostile = dataclasses.replace(answer, rows=[answer.rows[0] | {name: FORMULA}], totals={})
    cell = book(hostile).worksheets[1]["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (FORMULA, "s", None)
    text = answer_bytes(hostile, "csv").decode()
    assert list(csv_module.reader(io.StringIO(text)))[1][0] == "'" + FORMULA
    page = answer_bytes(
        dataclasses.replace(hostile, rows=[hostile.rows[0] | {name: "<b>x"}]), "html"
    ).decode()
    assert "&lt;b&gt;x" in page
    assert "<b>x" not in page
