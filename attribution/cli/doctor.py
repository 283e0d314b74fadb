"""`attribution doctor`: what is wrong with the data."""

from __future__ import annotations

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import answer_options, open_store


@click.command(
    "doctor",
    short_help="What is wrong with the data.",
    epilog="Example: attribution doctor --format json",
)
@answer_options
def command(form: str | None, output: str | None, locale: str | None, store: str | None) -> None:
    """Show rejected rows, dangling references, unattributed revenue, unmatched spend, and what to do."""
    form = chosen_form(form, output, locale)
    with open_store(store) as opened:
        answer = opened.doctor()
    deliver(answer, form, output, locale)
