"""The page of the KPIs: each command prints what it shows, and every figure is in its family's table."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_readme import commands, words

from attribution.cli import cli
from attribution.engine import Store
from attribution.metrics.kpi_catalogue import FAMILIES, KPIS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "kpis.md"


def test_commands_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the four small files of the README, by both bases."""
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///attribution.db") as store:
        for table in ("touches", "leads", "deals", "spend"):
            store.import_table(table, ROOT / "docs" / "examples" / "own_csv" / f"{table}.csv")
        store.run()
    told = commands(PAGE)
    assert any("--basis cohort" in command for command, _ in told)
    assert len(told) >= 7
    for command, output in told:
        program, *arguments = shlex.split(command)
        assert program == "attribution"
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, (command, result.output)
        assert words(result.stdout) == words(output), command


def test_every_figure_stands_in_its_family() -> None:
    """A table a family, its figures in the order of the catalogue."""
    text = PAGE.read_text(encoding="utf-8").partition("<!-- generated: kpis -->")[2]
    found = {
        part.partition("\n")[0]: re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        for part in text.split("\n### ")[1:]
    }
    assert found == {
        family: [kpi.name for kpi in KPIS.values() if kpi.family == family] for family in FAMILIES
    }
