"""`attribution model`: which models there are, what they learned, how far to trust them."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import (
    answer_options,
    given,
    goal_option,
    many,
    open_store,
    output_options,
    store_url,
    window_options,
)
from attribution.cli.progress import progress
from attribution.cli.render import show


@click.group(
    "model",
    short_help="What models learned, and how far to trust them.",
    epilog="Example: attribution model show markov",
)
def command() -> None:
    """List models, show what they learned, let them learn again, see how far to trust them."""


@command.command("list", epilog="Example: attribution model list")
@output_options
def list_(form: str, store: str | None) -> None:
    """List every model that is installed, with its parameters; needs no store."""
    from attribution.metrics.model_list import model_list

    show(model_list(store_url(store)), form)


@command.command("show", epilog="Example: attribution model show markov:order=2 --transitions")
@click.argument("model", metavar="NAME[:param=value,...]")
@click.option("--transitions", is_flag=True, help="The steps between states, with their probabilities.")
@goal_option
@window_options
@answer_options
def show_(
    model: str,
    transitions: bool,
    form: str | None,
    output: str | None,
    locale: str | None,
    store: str | None,
    **options: Any,
) -> None:
    """Show what a model learned of each channel, beside what the ledger credits by it."""
    form = chosen_form(form, output, locale)
    with open_store(store) as opened:
        answer = opened.model_show(model, what="transitions" if transitions else "channels", **given(options))
    deliver(answer, form, output, locale)


@command.command("fit", epilog="Example: attribution model fit markov")
@click.argument("models", metavar="[NAME[:param=value,...]]...", nargs=-1)
@many(
    "--goal",
    "GOAL",
    "Goal whose journeys to learn from; repeat it for more.  [default: setting `goals`]",
    "goals",
)
@window_options
@click.option("--as-of", metavar="DAY", help="Learn from touches and conversions up to this day only.")
@output_options
def fit(models: tuple[str, ...], form: str, store: str | None, **options: Any) -> None:
    """Let models learn again, post what that moves, and show it by channel and month.

    Without a name: all models of the setting `models` that learn.
    """
    with open_store(store) as opened, progress() as report:
        answer = opened.model_fit(models or None, progress=report, **given(options))
    show(answer, form)


@command.command("trust", epilog="Example: attribution model trust linear markov --by campaign")
@click.argument("models", metavar="[NAME[:param=value,...]]...", nargs=-1)
@many("--by", "DIM[,DIM]", "Dimensions to cut by, joined by commas.  [default: channel]")
@goal_option
@window_options
@click.option("--interval", "level", type=float, metavar="SHARE", help="How sure to be.  [default: 0.9]")
@click.option("--draws", type=int, metavar="N", help="How often people are drawn.  [default: 400]")
@click.option("--seed", type=int, metavar="N", help="Another one gives other draws.  [default: 0]")
@answer_options
def trust(
    models: tuple[str, ...],
    form: str | None,
    output: str | None,
    locale: str | None,
    store: str | None,
    **options: Any,
) -> None:
    """Show intervals of what models credit, and how stable the order is.

    People are drawn again and again with all their journeys; a model that learns does so on every draw.
    Without a name: all models of the setting `models`.
    """
    form = chosen_form(form, output, locale)
    with open_store(store) as opened, progress() as report:
        answer = opened.model_trust(models or None, progress=report, **given(options))
    deliver(answer, form, output, locale)
