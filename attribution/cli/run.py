"""`attribution run`: identities, journeys, credits."""

from __future__ import annotations

import click

from attribution.cli.options import many, open_store, output_options, window_options
from attribution.cli.progress import progress
from attribution.cli.render import show


@click.command(
    "run",
    short_help="Post credits to the ledger.",
    epilog="Example: attribution run --model linear --model time_decay:half_life=14d --lookback 90d",
)
@click.option(
    "--model", "model", metavar="NAME[:param=value,...]", multiple=True,
    help="Model to post credits for; repeat it for more.  [default: setting `models`]",
)  # fmt: skip
@many("--models", "NAME,NAME", "Bare names of models, joined by commas.")
@many("--goal", "GOAL", "Goal to post credits for; repeat it for more.  [default: setting `goals`]")
@window_options
@click.option("--full", is_flag=True, help="Look at every conversion, not only at what changed.")
@output_options
def command(
    model: tuple[str, ...], models: list[str], goal: list[str], lookback: str | None, scope: str | None,
    kinds: str | None, full: bool, form: str, store: str | None,
) -> None:  # fmt: skip
    """Resolve identities, build journeys and post credits to the ledger; only what changed is posted."""
    with open_store(store) as opened, progress() as report:
        answer = opened.run(
            models=[*model, *models] or None, goals=goal or None, lookback=lookback, scope=scope, kinds=kinds,
            full=full, progress=report,
        )  # fmt: skip
    show(answer, form)
