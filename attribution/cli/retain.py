"""`attribution retain`: old touches of visitors never identified go; daily counts stay."""

from __future__ import annotations

import click

from attribution.cli.options import open_store, output_options
from attribution.cli.progress import progress
from attribution.cli.render import show


@click.command(
    "retain",
    short_help="Remove old touches of visitors never identified.",
    epilog="Example: attribution retain --anonymous 400d --dry-run",
)
@click.option("--anonymous", metavar="AGE", help="Remove what is older, such as 400d.")
@click.option("--counts", is_flag=True, help="Show the daily counts that are kept, and remove nothing.")
@click.option("--dry-run", is_flag=True, help="Count what would go, and change nothing.")
@output_options
def command(anonymous: str | None, counts: bool, dry_run: bool, form: str, store: str | None) -> None:
    """Remove touches of visitors who were never identified, and keep how many there were a day.

    Known people, and whatever a journey or the ledger refers to, stay; no figure of a report changes.
    """
    if (anonymous is None) != counts:
        raise click.UsageError("give either --anonymous AGE, such as 400d, or --counts")
    with open_store(store) as opened, progress() as report:
        if anonymous is None:
            answer = opened.touch_counts()
        else:
            answer = opened.retain(anonymous=anonymous, dry_run=dry_run, progress=report)
    show(answer, form)
