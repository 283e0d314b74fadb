"""`attribution send`: what the ledger says, told to an ad platform, and corrected when it changes."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.errors import REJECTED, USAGE, Interrupted
from attribution.cli.options import given, open_store, output_options
from attribution.cli.progress import progress
from attribution.cli.render import show


@click.command(
    "send",
    short_help="Tell ad platforms what their clicks brought, and a CRM what brought its deals.",
    epilog="Example: attribution send google --dry-run --limit 3 --format json",
)
@click.argument("destination", required=False)
@click.option(
    "--dry-run", is_flag=True, help="Print what would be told (json: the requests); queue and send nothing."
)
@click.option("--status", is_flag=True, help="Show how many deliveries stand where, and why.")
@click.option("--list", "listed", is_flag=True, help="Name each of them; with --status.")
@click.option(
    "--value", metavar="WHAT",
    help="full (default): a deal's net value, by its last click there; credited: what the model gives it.",
)  # fmt: skip
@click.option("--split", is_flag=True, help="Tell each credited click by itself; with --value credited.")
@click.option(
    "--lead-value", metavar="WHAT",
    help="What leads, mql and sqo are worth: none (default), or predicted: the revenue expected of the lead.",
)  # fmt: skip
@click.option(
    "--match", metavar="HOW",
    help="click: conversions with a click of the platform (default); contacts: those without one too.",
)  # fmt: skip
@click.option("--model", metavar="MODEL", help="Whose credit; default: the store's.")
@click.option(
    "--retry",
    is_flag=True,
    help="Tell again what was refused for good or given up, and what waits for its time.",
)
@click.option("--since", metavar="DATE", help="Leave conversions before this day alone.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Tell at most so many.")
@output_options
def command(
    destination: str | None,
    dry_run: bool,
    retry: bool,
    status: bool,
    listed: bool,
    form: str,
    store: str | None,
    **options: Any,
) -> int:
    """Tell DESTINATION (google, google_ads, meta, microsoft, ...) what became of its clicks.

    Each conversion is told once, by its last click there; a refund restates it, a deal that is won no more
    takes it back. Only what people consented to is sent, hashed. On deals and leads of a CRM (hubspot,
    salesforce, pipedrive) it writes what brought them. Whatever stops it, nothing is lost: repeat the command
    and it goes on; platforms know by the transaction id what they have, if they keep ids. The exit code is 3
    where something was refused, 2 where a delivery was given up or nobody is let in.
    """
    if status:
        others = [
            f"--{name.replace('_', '-')}" for name in given(options | {"dry_run": dry_run, "retry": retry})
        ]
        if others:
            raise click.UsageError(f"--status shows what was told already: leave {', '.join(others)} out")
        with open_store(store) as opened:
            show(opened.send_status(destination, listed=listed), form)
        return 0
    if listed:
        raise click.UsageError("--list lists deliveries: add --status")
    if destination is None:
        raise click.UsageError("name a DESTINATION, or see --status")
    with open_store(store) as opened:
        try:
            with progress() as report:
                answer = opened.send(
                    destination, dry_run=dry_run, retry=retry, progress=report, **given(options)
                )
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; what was sent is noted: repeat `attribution send {destination}` to go on"
            ) from None
    # people read what is told of which deal; programs read the requests
    show(answer.beside.get("conversions", answer) if form != "json" else answer, form)
    if answer.totals.get("dead") or answer.totals.get("stopped"):
        return USAGE
    return REJECTED if answer.totals.get("rejected") else 0
