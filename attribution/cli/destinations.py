"""`attribution destinations`: what can be told, and whether it is set up."""

from __future__ import annotations

import click

from attribution.cli.errors import USAGE
from attribution.cli.options import output_options
from attribution.cli.render import show


@click.group(
    "destinations",
    short_help="List what `send` can tell, and try whether one is set up.",
    epilog="Example: attribution destinations check google",
)
def command() -> None:
    """List the destinations of `attribution send`, and try whether one lets us in."""


@command.command("list", epilog="Example: attribution destinations list")
@output_options
def list_(form: str, store: str | None) -> None:
    """Show every destination, what it needs, and whether it has that."""
    from attribution.outbox.check import destination_list

    show(destination_list(), form)


@command.command("check", epilog="Example: attribution destinations check google")
@click.argument("destination")
@output_options
def check_(destination: str, form: str, store: str | None) -> int:
    """Try whether DESTINATION lets us in, by a request that counts nothing where it has such; needs no store.

    The exit code is 2 where it refused.
    """
    from attribution.outbox.check import check

    answer = check(destination)
    show(answer, form)
    return USAGE if answer.totals["refused"] else 0
