"""The command line from files to answers: tables for people, JSON and CSV for programs."""

from __future__ import annotations

import csv as csv_module
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from attribution.cli import cli

FILES = {
    "touches": """touch_id,visitor_id,at,kind,url,referrer,colour
t-search,v1,2025-03-03T10:15:00Z,session,https://acme.com/pricing,https://www.google.com/,red
t-email,v1,2025-04-14T08:30:00+01:00,session,https://acme.com/?utm_source=list&utm_medium=email&utm_campaign=spring,,
t-call,v1,2025-04-14T08:41:00+01:00,call,,,
t-bad,v1,yesterday,session,,,
""",
    "identities": "visitor_id,phone,at,source\nv1,+442079460018,2025-04-14T08:41:00+01:00,call\n",
    "leads": "lead_id,created_at,phone\nL-1,2025-04-14T09:00:00+01:00,+442079460018\n",
    "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
    "D-1,won,2025-04-20,2025-06-12,5000.00,GBP,L-1\n",
    "spend": "date,cost,currency,channel,campaign\n2025-04-01,100.00,GBP,Email,spring\n",
}
ENVELOPE = [
    "verb", "store", "as_of", "currency", "model", "goal", "lookback", "scope", "asked", "rows", "totals",
    "warnings",
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """A function that runs the command line in a folder that holds the files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return lambda *args, **options: CliRunner().invoke(cli, list(args), **options)


@pytest.fixture
def loaded(run: Callable[..., Result]) -> Callable[..., Result]:
    """The same, after importing and running everything."""
    for table in FILES:
        assert run("import", table, f"{table}.csv").exit_code == (3 if table == "touches" else 0)
    assert run("run").exit_code == 0
    return run


def answer(result: Result) -> dict[str, Any]:
    """Return the envelope of a JSON answer."""
    assert result.exit_code == 0, result.stderr
    envelope: dict[str, Any] = json.loads(result.stdout)
    assert list(envelope) == ENVELOPE
    return envelope


def test_import_counts_rows_and_names_what_it_ignored(run: Callable[..., Result]) -> None:
    """A row a file, a total, notices on standard error, exit 3 for the rejected row."""
    result = run("import", "touches", "touches.csv", "touches.csv")
    assert result.exit_code == 3
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines[1] == "table file read accepted updated duplicate conflict rejected"
    assert lines[3] == "touches touches.csv 4 3 0 0 0 1"
    assert lines[4] == "touches touches.csv 4 0 0 3 0 1"
    assert lines[-1] == "Total 8 3 0 3 0 2"
    assert "unknown columns were ignored: colour" in result.stderr
    assert "rejected/" in result.stderr


def test_dry_run_makes_no_store(run: Callable[..., Result], tmp_path: Path) -> None:
    """A dry run counts, and leaves the folder as it was."""
    before = sorted(path.name for path in tmp_path.iterdir())
    result = run("import", "leads", "leads.csv", "--dry-run", "--format", "json")
    assert answer(result)["totals"]["accepted"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_import_reads_standard_input(run: Callable[..., Result]) -> None:
    """`-` is CSV on standard input."""
    result = run("import", "leads", "-", "--format", "json", input=FILES["leads"])
    assert answer(result)["totals"]["accepted"] == 1


@pytest.mark.parametrize("where", ["before", "after", "environment"])
def test_store_is_named_before_or_after_the_verb_or_by_the_environment(
    run: Callable[..., Result], tmp_path: Path, where: str
) -> None:
    """All three ways lead to the same store; the default is not made."""
    url = "sqlite:///own.db"
    args = ["import", "leads", "leads.csv"]
    if where == "environment":
        result = run(*args, env={"ATTRIBUTION_STORE": url})
    else:
        result = run("--store", url, *args) if where == "before" else run(*args, "--store", url)
    assert result.exit_code == 0
    assert (tmp_path / "own.db").exists()
    assert not (tmp_path / "attribution.db").exists()


def test_report_as_table_json_and_csv(loaded: Callable[..., Result]) -> None:
    """The same figures in three dresses."""
    envelope = answer(loaded("report", "--by", "channel", "--model", "linear", "--format", "json"))
    assert envelope["verb"] == "report"
    assert (envelope["model"], envelope["goal"], envelope["currency"]) == ("linear", "revenue", "GBP")
    values = {row["channel"]: (row["value"], row["spend"], row["roi"]) for row in envelope["rows"]}
    assert values == {"Organic Search": ("2500.00", "0.00", None), "Email": ("2500.00", "100.00", 24.0)}
    assert envelope["totals"]["value"] == "5000.00"

    rows = list(csv_module.DictReader(io.StringIO(loaded("report", "--format", "csv").stdout)))
    assert {row["channel"]: row["value"] for row in rows} == {"Organic Search": "2500.00", "Email": "2500.00"}
    assert {row["roi"] for row in rows} == {"", "24.0"}

    table = loaded("report").stdout
    assert "(GBP)" in table.splitlines()[0]
    (email,) = (line.split() for line in table.splitlines() if line.startswith("Email"))
    assert email[1:3] == ["2,500.00", "100.00"]
    assert "2400.0%" in email
    assert "—" in next(line for line in table.splitlines() if line.startswith("Organic Search"))
    assert next(line for line in table.splitlines() if line.startswith("Total")).split()[1] == "5,000.00"


def test_compare_takes_models_both_ways(loaded: Callable[..., Result]) -> None:
    """Repeated `--model` and `--models a,b` are one list."""
    arguments = ("compare", "--models", "first_touch,last_touch", "--model", "linear", "--format", "json")
    (email,) = (row for row in answer(loaded(*arguments))["rows"] if row["channel"] == "Email")
    assert (email["first_touch"], email["last_touch"], email["linear"]) == ("0.00", "5000.00", "2500.00")


def test_kpis_show_each_part_in_its_own_unit(loaded: Callable[..., Result]) -> None:
    """The return is a percentage, what it was divided from is money."""
    line = next(
        line.split() for line in loaded("kpis", "--kpi", "roi").stdout.splitlines() if line.startswith("roi")
    )
    assert "4900.0%" in line
    assert "100.00" in line
    envelope = answer(loaded("kpis", "--kpi", "lead_value,roi", "--format", "json"))
    assert {row["kpi"] for row in envelope["rows"]} == {"lead_value", "roi"}


def test_kpis_by_channel_end_with_the_whole(loaded: Callable[..., Result]) -> None:
    """Cut by a dimension, each figure has a line for the whole."""
    lines = loaded("kpis", "--kpi", "cost_per_lead", "--by", "channel").stdout.splitlines()
    assert lines[-1].split()[:3] == ["Total", "cost_per_lead", "100.00"]


def test_explain_tells_the_story(loaded: Callable[..., Result]) -> None:
    """Evidence in words, touches with one column a model, the call as milestone."""
    story = loaded("explain", "deal", "D-1").stdout
    assert "visitor v1 —identities: call, 14 April 2025→ phone +442079460018 —CRM lead" in story
    (call,) = (line for line in story.splitlines() if " t-call " in line)
    assert " lead " in call
    assert "2,500.00 (50.0%)" in story
    (row,) = answer(loaded("explain", "deal", "D-1", "--format", "json"))["rows"]
    assert {"deal", "identifiers", "touches"} <= set(row)
    flat = csv_module.DictReader(io.StringIO(loaded("explain", "deal", "D-1", "--format", "csv").stdout))
    assert [line["credit linear"] for line in flat] == ["2500.00", "2500.00", "0.00"]
    assert "by rule" in loaded("explain", "touch", "t-email").stdout
    assert "lead L-1" in loaded("explain", "lead", "L-1").stdout


def test_paths_changes_and_doctor_answer(loaded: Callable[..., Result]) -> None:
    """The other answers, through the door."""
    journeys = answer(loaded("paths", "--transform", "exposure", "--format", "json"))["rows"]
    assert journeys[0]["path"] == "Organic Search > Email"
    assert answer(loaded("changes", "--since", "7d", "--model", "linear", "--format", "json"))["rows"][0][
        "value"
    ] == ("5000.00")
    checks = {row["check"]: row for row in answer(loaded("doctor", "--format", "json"))["rows"]}
    assert checks["rejected_rows"]["count"] == 1
    assert checks["conservation"]["severity"] == "ok"
    assert "rejected_rows" in loaded("doctor").stdout


def test_second_run_posts_nothing(loaded: Callable[..., Result]) -> None:
    """Incremental: the second run has no entries to post."""
    assert answer(loaded("run", "--format", "json"))["totals"]["entries"] == 0


def test_run_takes_models_goals_and_windows(loaded: Callable[..., Result]) -> None:
    """Another credit set is posted, and can be reported by the same options."""
    window = ("--lookback", "30d", "--model", "last_touch", "--goal", "revenue")
    assert loaded("run", *window).exit_code == 0
    envelope = answer(loaded("report", *window, "--format", "json"))
    assert (envelope["lookback"], envelope["model"]) == ("30d", "last_touch")


def test_config_by_name_and_by_file(run: Callable[..., Result], tmp_path: Path) -> None:
    """Settings are set one by one or from a file, and shown."""
    assert run("config", "set", "models", "linear", "last_touch").exit_code == 0
    (tmp_path / "attribution.toml").write_text('timezone = "Europe/London"\ngoals = ["revenue", "leads"]\n')
    assert run("config", "--file", "attribution.toml").exit_code == 0
    settings = {
        row["setting"]: row["value"] for row in answer(run("config", "list", "--format", "json"))["rows"]
    }
    assert settings["models"] == "linear last_touch"
    assert settings["timezone"] == "Europe/London"
    assert settings["goals"] == "revenue leads"
    assert "Europe/London" in run("config", "get", "timezone").stdout
    both = run("config", "--file", "attribution.toml", "list")
    assert both.exit_code == 2


def test_channels_test_needs_no_store(run: Callable[..., Result], tmp_path: Path) -> None:
    """The rules can be tried before there is any data."""
    url = "https://acme.com/?utm_source=google&utm_medium=cpc&utm_campaign=brand"
    (row,) = answer(run("channels", "test", url, "--format", "json"))["rows"]
    assert (row["channel"], row["source"], row["campaign"]) == ("Paid Search", "google", "brand")
    assert not (tmp_path / "attribution.db").exists()


def test_demo_prints_everything_and_writes_a_page(run: Callable[..., Result], tmp_path: Path) -> None:
    """One command shows what there is: imports, reports, KPIs, Ella's story, a page."""
    result = run("demo", "here")
    assert result.exit_code == 0, result.stderr
    for words in ("Total", "Organic Search", "lead_value", "2,500.00 (50.0%)", "—CRM lead"):
        assert words in result.stdout
    assert (tmp_path / "here" / "report.html").stat().st_size > 10_000
    assert "{" not in result.stdout
