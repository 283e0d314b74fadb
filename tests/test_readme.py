"""What the README tells people to type works from its own example folder, and prints what it shows."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from attribution.cli import cli

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path = ROOT / "README.md") -> list[tuple[str, str]]:
    """Return each command of a page with the output that it shows (nothing: not shown)."""
    found: list[tuple[str, str]] = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def test_readme_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The five-minute path, then the one from exports, each with the store in its folder."""
    monkeypatch.delenv("ATTRIBUTION_STORE", raising=False)
    shutil.copytree(ROOT / "docs" / "examples", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "own_csv")
    told = commands()
    assert len(told) >= 12
    for command, output in told:
        program, *arguments = shlex.split(command)
        if program == "cd":
            monkeypatch.chdir(arguments[0])
            continue
        assert program == "attribution"
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, (command, result.output)
        if output:
            assert words(result.stdout) == words(output), command


def words(text: str) -> list[list[str]]:
    """Compare what is said, not how wide the columns are."""
    return [line.split() for line in text.splitlines() if line.strip()]
