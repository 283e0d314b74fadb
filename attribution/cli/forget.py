"""`attribution forget`: a person goes, on request; totals stay."""

from __future__ import annotations

from dataclasses import replace

import click

from attribution.cli.options import given, open_store, output_options
from attribution.cli.progress import progress
from attribution.cli.render import show


@click.command(
    "forget",
    short_help="Erase a person on request; totals stay.",
    epilog="Example: attribution forget --email ella@acme.com --dry-run",
)
@click.option("--email", metavar="ADDRESS", help="The person's e-mail, in any spelling.")
@click.option("--phone", metavar="NUMBER", help="The person's telephone number.")
@click.option("--lead", metavar="ID", help="A lead of the CRM.")
@click.option("--visitor", metavar="ID", help="A visitor, as a first-party cookie knows them.")
@click.option("--user", metavar="ID", help="A login.")
@click.option("--contact", metavar="ID", help="A contact of a CRM, such as hubspot:4711.")
@click.option("--dry-run", is_flag=True, help="Tell what would go, and change nothing.")
@output_options
def command(dry_run: bool, form: str, store: str | None, **named: str | None) -> None:
    """Erase a person: every value, hash and id of theirs, from every table and the files beside the store.

    Name the person by one identifier or by several. What was counted and credited stays as it was, as
    nobody's, and no file that is older than the erasure brings the person back. It cannot be undone.
    """
    with open_store(store) as opened, progress() as report:
        answer = opened.forget(dry_run=dry_run, progress=report, **given(named))
    if form == "table":  # programs know tables by their names, people by what they hold
        columns = {name: unit for name, unit in answer.columns.items() if name != "where"}
        answer = replace(answer, columns=columns)
    show(answer, form)
