"""`attribution predict`: what open leads are expected to bring."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.options import by_option, given, open_store, output_options
from attribution.cli.render import show


@click.command(
    "predict",
    short_help="What open leads are expected to bring.",
    epilog="Example: attribution predict --horizon 3 --by channel",
)
@by_option(None, "Sum by stage, channel, industry, owner or account, joined by commas.")
@click.option(
    "--horizon", metavar="MONTHS", help="How far ahead.  [default: until 80 % of the won deals had closed]"
)
@click.option("--interval", metavar="LEVEL", help="How sure the bounds are.  [default: 0.9]")
@click.option("--as-of", metavar="DAY", help="Predict as at the end of this day, by what was known then.")
@click.option(
    "--reliability", "judge", is_flag=True, help="Show what was predicted in the past beside what came of it."
)
@click.option("--seed", type=click.IntRange(min=0), help="Another one draws intervals anew.")
@output_options
def command(by: list[str], form: str, store: str | None, **options: Any) -> None:
    """Show the expected revenue of each open lead, learned from what such leads brought in the past."""
    with open_store(store) as opened:
        answer = opened.predict(by, **given(options))
    show(answer, form)
