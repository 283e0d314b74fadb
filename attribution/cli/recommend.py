"""`attribution recommend`: what to scale, hold and cut."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import (
    answer_options,
    by_option,
    given,
    model_option,
    open_store,
    period_options,
    where_option,
    window_options,
)


@click.command(
    "recommend",
    short_help="What to scale, hold and cut, where that is no noise.",
    epilog="Example: attribution recommend --by campaign --margin 0.6 --from 2025-01-01 --to 2025-06-30",
)
@by_option("channel", "Dimensions to judge by, joined by commas.")
@click.option("--target", metavar="ROI", help="The return that spend has to bring: 0.5 or 50%.  [default: 0]")
@click.option("--margin", metavar="PART", help="Value revenue at its margin: 0.6 or 60%.")
@click.option("--interval", metavar="LEVEL", help="How sure all advice together has to be.  [default: 0.9]")
@click.option("--seed", type=click.IntRange(min=0), help="Another one draws intervals anew.")
@model_option()
@window_options
@period_options
@where_option
@answer_options
def command(
    by: list[str], form: str | None, output: str | None, locale: str | None, store: str | None, **options: Any
) -> None:
    """Show what each channel, campaign or ad cost and brought, and whether to scale, hold or cut it.

    Advice is given only where it would be right of all rows together as often as the interval says; the rule
    is printed with it.
    """
    form = chosen_form(form, output, locale)
    with open_store(store) as opened:
        answer = opened.recommend(by, **given(options))
    deliver(answer, form, output, locale)
