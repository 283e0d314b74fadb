"""docs/cli.md names every verb and every option, and none that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from attribution.cli import VERBS, cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every verb with its subcommands."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, f"{path} {name}".strip())


OPTIONS = sorted(
    {
        name
        for _, command in commands(cli, "")
        for option in command.params
        for name in option.opts
        if name[:2] == "--"
    }
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_section(verb: str) -> None:
    """A heading of its own."""
    assert f"\n### {verb}\n" in PAGE.read_text(encoding="utf-8")


def test_every_option_is_named_and_no_other() -> None:
    """Options in the page are the options of the program."""
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE.read_text(encoding="utf-8")))
    assert named - {"--help"} == set(OPTIONS) - {"--help"}
