"""`attribution paths`: the commonest journeys."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.options import (
    by_option,
    given,
    goal_option,
    open_store,
    output_options,
    period_options,
    where_option,
    window_options,
)
from attribution.cli.render import show


@click.command(
    "paths",
    short_help="The commonest journeys.",
    epilog="Example: attribution paths --transform exposure --goal leads --limit 10",
)
@by_option("channel", "What stands for a touch.")
@goal_option
@window_options
@period_options
@where_option
@click.option(
    "--transform", metavar="unique|exposure|first",
    help="Keep every touch (unique, the default), fold repeats in a row, or keep first occurrences.",
)  # fmt: skip
@click.option("--limit", type=int, default=20, show_default=True, help="How many journeys and steps to name.")
@output_options
def command(by: list[str], form: str, store: str | None, **options: Any) -> None:
    """Show the commonest journeys, their lengths, the days they took, and which step follows which."""
    with open_store(store) as opened:
        answer = opened.paths(by=by, **given(options))
    show(answer, form)
