"""`attribution export-person`: everything held about one person, as one JSON document."""

from __future__ import annotations

import os
from pathlib import Path

import click

from attribution.cli.options import given, open_store, store_option
from attribution.cli.render import notice


@click.command(
    "export-person",
    short_help="Everything held about one person.",
    epilog="Example: attribution export-person --email ella@acme.com --output ella.json",
)
@click.option("--email", metavar="ADDRESS", help="The person's e-mail, in any spelling.")
@click.option("--phone", metavar="NUMBER", help="The person's telephone number.")
@click.option("--lead", metavar="ID", help="A lead of the CRM.")
@click.option("--visitor", metavar="ID", help="A visitor, as a first-party cookie knows them.")
@click.option("--user", metavar="ID", help="A login.")
@click.option("--contact", metavar="ID", help="A contact of a CRM, such as hubspot:4711.")
@click.option("--output", metavar="FILE", help="Write it to a file that only you may read.")
@click.option("--format", "form", type=click.Choice(["json"]), default="json", help="It is JSON.")
@store_option
def command(output: str | None, form: str, store: str | None, **named: str | None) -> None:
    """Print everything that the store holds about one person, in the clear, as one JSON document.

    Name the person by one identifier or by several. What belongs to other people is left out. Somebody whom
    the store does not know gets the same document with "held_nothing": true.
    """
    del form
    with open_store(store) as opened:
        answer = opened.export_person(**given(named))
    text = answer.to_json() + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    _write(Path(output), text)
    for warning in answer.warnings:
        notice(warning)


def _write(path: Path, text: str) -> None:
    """Write a file that nobody else may read, also where there was one that others could."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        if os.name == "posix":
            os.fchmod(number, 0o600)  # before anything is in it
        file.truncate()
        file.write(text)
