"""`attribution demo` makes its own store and page, and touches nobody else's files."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.demo import demo
from attribution.engine import Store
from attribution.errors import InputError


def test_demo_twice_in_one_folder(tmp_path: Path) -> None:
    """The second demo replaces the first; totals are the deals' own, under every model."""
    answers, page = demo(tmp_path / "demo")
    again, _ = demo(tmp_path / "demo")
    assert page.read_text(encoding="utf-8").startswith("<!")
    report, compare = (answers[2], answers[3])
    totals = {compare.totals[name] for name in compare.model.split(", ")} if compare.model else set()
    assert totals == {report.totals["value"]}
    assert again[2].rows == report.rows


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
