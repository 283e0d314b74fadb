"""`attribution predict`: what open leads are expected to bring."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import answer_options, by_option, given, open_store


@click.command(
    "predict",
    short_help="What open leads are expected to bring.",
    epilog="Example: attribution predict --horizon 3 --by channel --output expected.xlsx",
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
@answer_options
def command(
    by: list[str], form: str | None, output: str | None, locale: str | None, store: str | None, **options: Any
) -> None:
    """Show the expected revenue of each open lead, learned from what such leads brought in the past."""
    form = chosen_form(form, output, locale)
    with open_store(store) as opened:
        answer = opened.predict(by, **given(options))
    deliver(answer, form, output, locale)
