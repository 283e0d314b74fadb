"""`attribution changes`: what moved in the ledger, and why."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import answer_options, given, open_store


@click.command(
    "changes",
    short_help="What moved in the ledger, and why.",
    epilog="Example: attribution changes --since 7d --model linear",
)
@click.option("--since", required=True, metavar="T", help="A time, a date, or how long ago: 7d, 12h.")
@click.option("--model", metavar="NAME", help="Only this model.  [default: every model that was run]")
@click.option("--goal", metavar="GOAL", help="Only this goal.  [default: every goal that was run]")
@click.option("--limit", type=int, default=100, show_default=True, help="How many changes, largest first.")
@answer_options
def command(
    since: str, form: str | None, output: str | None, locale: str | None, store: str | None, **options: Any
) -> None:
    """Show what was posted since a moment: first postings in one line, then late touches and so on."""
    form = chosen_form(form, output, locale)
    with open_store(store) as opened:
        answer = opened.changes(since, **given(options))
    deliver(answer, form, output, locale)
