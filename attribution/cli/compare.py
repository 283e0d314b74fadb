"""`attribution compare`: models side by side."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.options import by_option, given, many, open_store, output_options, question_options
from attribution.cli.render import show


@click.command(
    "compare",
    short_help="Models side by side.",
    epilog="Example: attribution compare --by channel --models first_touch,linear,last_touch",
)
@by_option("channel")
@click.option("--model", metavar="NAME[:param=value,...]", multiple=True, help="Model; repeat it for more.")
@many("--models", "NAME,NAME", "Bare names of models, joined by commas.")
@question_options
@output_options
def command(
    by: list[str], model: tuple[str, ...], models: list[str], form: str, store: str | None, **options: Any
) -> None:
    """Show one column a model, and how much the models disagree."""
    with open_store(store) as opened:
        answer = opened.compare(by, [*model, *models] or None, **given(options))
    show(answer, form)
