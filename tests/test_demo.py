"""`attribution demo` makes its own store and page, and touches nobody else's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from attribution.cli import cli
from attribution.demo import demo
from attribution.engine import Store
from attribution.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def test_demo_twice_in_one_folder(tmp_path: Path) -> None:
    """The second demo replaces the first; totals are the deals' own, under every model."""
    answers, page = demo(tmp_path / "demo")
    again, _ = demo(tmp_path / "demo")
    assert page.read_text(encoding="utf-8").startswith("<!")
    report, compare = (answers[2], answers[3])
    totals = {compare.totals[name] for name in compare.model.split(", ")} if compare.model else set()
    assert totals == {report.totals["value"]}
    assert again[2].rows == report.rows


def test_the_demo_can_be_predicted_as_documented(tmp_path: Path) -> None:
    """Its data end long before today: the refusal names the command that README and the guide have."""
    pytest.importorskip("sklearn")
    demo(tmp_path)
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    refused = CliRunner().invoke(cli, ["--store", url, "predict"])
    assert refused.exit_code == 2
    told = " ".join(refused.output.split())
    assert "the last record of leads and deals is of 2025-12-31; there is enough for: " in told
    command = told.partition("there is enough for: ")[2].strip()
    assert command == "attribution predict --as-of 2025-12-31 --horizon 1"
    for page in ("README.md", "docs/predictions.md"):
        assert command in (ROOT / page).read_text(encoding="utf-8")
    for option in ([], ["--reliability"]):
        arguments = ["--store", url, *command.split()[1:], *option, "--format", "json"]
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
    assert min(row["held"] for row in found["rows"]) >= 0.9


def test_demo_leaves_other_files_alone(tmp_path: Path) -> None:
    """A store called attribution.db stays; a demo.db or a report.html that no demo made is refused."""
    with Store.open(f"sqlite:///{tmp_path / 'attribution.db'}") as mine:
        mine.config_set("timezone", "Europe/London")
    before = (tmp_path / "attribution.db").read_bytes()
    demo(tmp_path)
    assert (tmp_path / "attribution.db").read_bytes() == before

    other = tmp_path / "other"
    other.mkdir()
    Store.open(f"sqlite:///{other / 'demo.db'}").close()
    with pytest.raises(InputError, match="was not made by a demo"):
        demo(other)
    page = tmp_path / "page"
    page.mkdir()
    (page / "report.html").write_text("mine")
    with pytest.raises(InputError, match="was not made by a demo"):
        demo(page)
    assert (page / "report.html").read_text() == "mine"
