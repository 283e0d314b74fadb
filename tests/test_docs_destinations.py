"""The pages of destinations: the example prints what it shows, every destination and code is explained."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from loopback import Asked, Loopback
from test_readme import commands

from attribution.cli import cli
from attribution.destinations.registry import destination_names, get_destination
from attribution.outbox.states import State
from attribution.store.settings import GOALS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "destinations.md"
PAGES = sorted((ROOT / "docs" / "destinations").glob("*.md"))
CODE = ROOT / "attribution" / "destinations"
# these two speak their own words: their pages say so themselves
OF_THEIR_OWN = ("file", "webhook")
CREDENTIALS = """
[send_google]
customer_id = "123-456-7890"
client_id = "id"
client_secret = "secret"
refresh_token = "refresh"
action_revenue = "987654321"
"""
Serve = Callable[..., AbstractContextManager[Loopback]]


def google(asked: Asked) -> Any:
    """Take whatever comes."""
    return {"access_token": "access"} if asked.path == "/token" else {"requestId": "r-1"}


def test_the_example_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """Of a dry run the address is Google's own, since nothing goes there."""
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)
    shutil.copytree(ROOT / "docs" / "examples" / "send", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    given = tmp_path / "credentials.toml"
    given.write_text(CREDENTIALS)
    given.chmod(0o600)
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", str(given))
    told = commands(PAGE)
    assert len(told) >= 10
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with freeze_time("2026-11-15T12:00:00Z"), serve("send_google", google) as server:
        for command, output in told:
            program, *arguments = shlex.split(command)
            assert program == "attribution"
            with monkeypatch.context() as patch:
                if "--dry-run" in arguments:
                    patch.delenv("ATTRIBUTION_SEND_GOOGLE_BASE_URL")
                result = CliRunner().invoke(cli, arguments)
            assert result.exit_code == 0, (command, result.output)
            if output:
                same = doctest.OutputChecker().check_output(_plain(output), _plain(result.output), flags)
                assert same, (command, result.output)
    events = [one.body["events"] for one in server.asked if one.path != "/token"]
    assert [[event["conversionValue"] for event in sent] for sent in events] == [[5000.0, 9000.0], [5000.0]]


def test_every_destination_has_a_page() -> None:
    names = {page.stem for page in PAGES}
    assert names <= set(destination_names())
    assert set(destination_names()) - set(OF_THEIR_OWN) <= names


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.stem not in OF_THEIR_OWN], ids=lambda p: p.stem
)
def test_a_page_explains_what_its_code_can_say(page: Path) -> None:
    """Its name, the tables of what it needs and takes, why it refuses, and the codes that it knows."""
    name, text = page.stem, page.read_text(encoding="utf-8")
    kind = get_destination(name)
    assert text.startswith(f"# {kind.label}") or kind.label in text.partition("\n")[0]
    assert f"(`{name}`)" in text.partition("\n")[0]
    for part in ("send_needs", "send_limits"):
        assert f"<!-- generated: {part} {name} -->" in text
    assert ("## What it says later" in text) == (kind.answers_after is not None)
    refusals = _refusals((CODE / f"{name}.py").read_text(encoding="utf-8"))
    module = importlib.import_module(kind.__module__)
    codes = [str(code) for known in ("_AGAIN", "_DONE") for code in getattr(module, known, ())]
    assert [code for code in sorted({*refusals, *codes}) if f"`{code}`" not in text] == []


def test_the_page_of_all_explains_states_goals_and_refusals() -> None:
    text = PAGE.read_text(encoding="utf-8")
    outbox = text.partition("\n## The outbox")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", outbox, re.MULTILINE)) == {str(state) for state in State}
    assert [goal for goal in GOALS if f"`action_{goal}`" not in text] == []
    refused = _refusals((CODE / "destination.py").read_text(encoding="utf-8"))
    table = text.partition("\n## Refusals")[2]
    assert [code for code in refused if f"`{code}`" not in table] == []


def _plain(output: str) -> str:
    """Return an output whatever the width of its rules."""
    return re.sub("─+", "─", output)


def _refusals(code: str) -> set[str]:
    """Return the codes that a module refuses conversions by; those made of a change are two."""
    found = set(re.findall(r"Refusal\(\s*f?\"([\w{}.]+)\"", code))
    made = {word for word in found if "{" in word}
    assert made <= {"not_{conversion.change}"}
    return (found - made) | ({"not_restated", "not_retracted"} if made else set())
