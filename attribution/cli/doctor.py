"""`attribution doctor`: what is wrong with the data."""

from __future__ import annotations

import click

from attribution.cli.options import open_store, output_options
from attribution.cli.render import show


@click.command(
    "doctor",
    short_help="What is wrong with the data.",
    epilog="Example: attribution doctor --format json",
)
@output_options
def command(form: str, store: str | None) -> None:
    """Show rejected rows, dangling references, unattributed revenue, unmatched spend, and what to do."""
    with open_store(store) as opened:
        show(opened.doctor(), form)
