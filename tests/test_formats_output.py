"""`--format` and `--output`: answers as a table, JSON, CSV, a spreadsheet or a page."""

from __future__ import annotations

import csv as csv_module
import io
import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import report_answers
from click.testing import CliRunner, Result
from openpyxl import load_workbook

from attribution.cli import cli
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.report.csv_text import csv_text, disarmed
from attribution.report.output import answer_bytes, form_of, write_answer

Run = Callable[..., Result]
VERBS = [["report"], ["compare"], ["kpis", "--kpi", "value", "--by", "channel"], ["paths"]]
FORMULA = '=HYPERLINK("http://x.test","click")'


@pytest.fixture
def url(small_shop_url: str) -> str:
    """Where the small shop is; nothing here changes it."""
    return small_shop_url


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(cli, [*args, "--store", url])


def unnumbered(page: str) -> str:
    """Leave out the numbers that the pictures' clips are given as they are drawn."""
    return re.sub(r"clip\d+", "clip", page).strip()


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: str(verb[0]))
def test_files_hold_what_would_be_printed(run: Run, verb: list[str]) -> None:
    """The file's ending names the form; JSON and CSV are those of standard output, byte for byte."""
    for form in ("json", "csv"):
        done = run(*verb, "--output", f"out.{form}")
        assert (done.exit_code, done.stdout) == (0, ""), done.stderr
        assert f"wrote out.{form}" in done.stderr
        assert Path(f"out.{form}").read_text() == run(*verb, "--format", form).stdout
    rows = json.loads(Path("out.json").read_text())["rows"]
    assert len(list(csv_module.DictReader(Path("out.csv").read_text().splitlines()))) == len(rows) > 0
    assert run(*verb, "--output", "out.xlsx").exit_code == 0
    assert load_workbook("out.xlsx").sheetnames[0] == "About"
    assert run(*verb, "--output", "out.html", "--from", "2025-01-01").exit_code == 0
    page = Path("out.html").read_text()
    assert page.lstrip().startswith("<!doctype html>")
    assert "from 2025-01-01 on" in page
    printed = run(*verb, "--format", "html", "--from", "2025-01-01").stdout
    assert unnumbered(printed) == unnumbered(page)


def test_the_form_asked_for_goes_before_the_ending(run: Run) -> None:
    """A file may be called anything."""
    assert run("report", "--format", "csv", "--output", "figures.txt").exit_code == 0
    assert Path("figures.txt").read_text().startswith("channel,value,")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--output", "figures.txt"], "'figures.txt' names no form .* json, csv, xlsx, html"),
        (["--output", "figures"], "give the file such an ending, or name one with --format"),
        (["--format", "table", "--output", "x.csv"], "a table is for a terminal"),
        (["--format", "csv", "--output", "x.xlsx"], "the file 'x.xlsx', which is xlsx by its"),
        (["--format", "json", "--output", "x.csv"], "contradict each other; leave --format out"),
        (["--locale", "xx_YY"], "locale 'xx_YY' is not known"),
        (["--format", "json", "--locale", "xx_YY"], "locale 'xx_YY' is not known"),
        (["--format", "xlsx"], "a spreadsheet is not for a terminal; .*--output"),
        (["--output", "missing/x.csv"], "cannot write missing/x.csv .*give a file in a folder"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_sentence(run: Run, options: list[str], told: str) -> None:
    """Nothing is printed, and no file is left behind."""
    done = run("report", *options)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(done.stderr)
    assert list(Path().iterdir()) == []


def test_a_graph_goes_into_a_file_too(run: Run) -> None:
    """GraphML is a form of `paths`."""
    assert run("paths", "--format", "graphml", "--output", "steps.graphml").exit_code == 0
    assert Path("steps.graphml").read_text() == run("paths", "--format", "graphml").stdout


def test_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An existing file is replaced in one step, can be read by others, and nothing is left beside it."""
    path = tmp_path / "figures.csv"
    path.write_text("old")
    assert write_answer(report_answers.report(), path) == path
    assert path.read_text().startswith("channel,")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    monkeypatch.setattr("os.replace", _fails)
    with pytest.raises(InputError, match="cannot write"):
        write_answer(report_answers.comparison(), path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text().startswith("channel,value")


def _fails(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_forms_have_names() -> None:
    """By their ending, in capitals too."""
    assert form_of("a/b/kpis.XLSX") == "xlsx"
    with pytest.raises(InputError, match="--format pdf names no form"):
        answer_bytes(report_answers.report(), "pdf")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (FORMULA, "'" + FORMULA),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3", "'-2+3"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("-12.50", "-12.50"),
        ("+44 20 7946 0018", "+44 20 7946 0018"),
        ("a=b", "a=b"),
        ("a;=1", "a;=1"),
        ("(not set)", "(not set)"),
    ],
)
def test_no_name_runs_in_a_spreadsheet(name: str, written: str) -> None:
    """Whoever can write a campaign into a URL cannot write a formula into an analyst's sheet."""
    answer = Answer(verb="report", store="", as_of="", rows=[{"campaign": name, "value": "-1.00"}])
    assert disarmed(name) == written
    text = csv_text(answer)
    assert list(csv_module.reader(io.StringIO(text)))[1] == [written, "-1.00"]
    if ";" in name:
        assert '"a;=1"' in text  # where `;` separates cells, it is still one cell
    assert json.loads(answer.to_json())["rows"][0]["campaign"] == name


def test_a_page_of_an_answer_escapes_names_and_warns() -> None:
    """The table, its charts, what it is of; a name is text everywhere."""
    answer = report_answers.campaigns(warnings=["spend of autumn is missing"])
    asked = {"from": "2025-01-01", "where": ["owner=<b>Ann"]}
    page = answer_bytes(replace(answer, asked=asked), "html").decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "spend of autumn is missing" in page
    assert 'data-chart="value"' in page
    assert "<dd>from 2025-01-01 on</dd>" in page
    assert "<dd>owner &lt;b&gt;Ann</dd>" in page


def test_a_page_without_a_chart_carries_no_scripts() -> None:
    """An answer that nothing draws is a table of a few kilobytes."""
    answer = Answer(
        verb="doctor",
        store="",
        as_of="",
        rows=[{"finding": "x"}],
        columns={"finding": "text"},
        title="Doctor",
    )
    page = answer_bytes(answer, "html").decode()
    assert "<script" not in page
    assert len(page) < 20_000
    nothing = answer_bytes(Answer(verb="doctor", store="", as_of=""), "html").decode()
    assert "There are no rows for what was asked." in nothing
