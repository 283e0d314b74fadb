"""`attribution demo` makes its own store and page, and touches nobody else's files."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from attribution.cli import cli
from attribution.demo import demo
from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Made:
    """A demo, which is only read."""

    folder: Path
    answers: list[Answer]
    page: Path
    mine: bytes  # what lay beside it before it was made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A demo in a folder that holds somebody's own store."""
    folder = tmp_path_factory.mktemp("demo")
    with Store.open(f"sqlite:///{folder / 'attribution.db'}") as mine:
        mine.config_set("timezone", "Europe/London")
    before = (folder / "attribution.db").read_bytes()
    return Made(folder, *demo(folder), before)


def test_demo_twice_in_one_folder(made: Made, tmp_path: Path) -> None:
    """The second demo replaces the first; totals are the deals' own, under every model."""
    shutil.copytree(made.folder, tmp_path / "demo")
    (tmp_path / "demo" / "report.html").write_text("of the first")
    again, page = demo(tmp_path / "demo")
    assert made.page.read_text(encoding="utf-8").startswith("<!")
    assert page.read_text(encoding="utf-8").startswith("<!")
    report, compare = (made.answers[2], made.answers[3])
    totals = {compare.totals[name] for name in compare.model.split(", ")} if compare.model else set()
    assert totals == {report.totals["value"]}
    assert again[2].rows == report.rows


def test_the_demo_can_be_predicted_as_documented(made: Made) -> None:
    """Its data end long before today: the refusal names the command that README and the guide have."""
    pytest.importorskip("sklearn")
    url = f"sqlite:///{made.folder / 'demo.db'}"
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


def test_demo_leaves_other_files_alone(made: Made, tmp_path: Path) -> None:
    """A store called attribution.db stays; a demo.db or a report.html that no demo made is refused."""
    assert (made.folder / "attribution.db").read_bytes() == made.mine

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
