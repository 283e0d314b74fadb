"""`attribution compare`: models side by side."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import answer_options, by_option, given, many, open_store, question_options


@click.command(
    "compare",
    short_help="Models side by side.",
    epilog="Example: attribution compare --by channel --models first_touch,linear,last_touch",
)
@by_option("channel")
@click.option("--model", metavar="NAME[:param=value,...]", multiple=True, help="Model; repeat it for more.")
@many("--models", "NAME,NAME", "Bare names of models, joined by commas.")
@question_options
@answer_options
def command(
    by: list[str],
    model: tuple[str, ...],
    models: list[str],
    form: str | None,
    output: str | None,
    locale: str | None,
    store: str | None,
    **options: Any,
) -> None:
    """Show one column a model, and how much the models disagree."""
    form = chosen_form(form, output, locale)
    with open_store(store) as opened:
        answer = opened.compare(by, [*model, *models] or None, **given(options))
    deliver(answer, form, output, locale)
