"""Where an answer goes: onto standard output, or into a file in the form that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from attribution.cli.options import GRAPHML
from attribution.cli.render import notice, notices, show
from attribution.errors import InputError

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer

TABLE: Final = "table"
_OF_NO_READER: Final = {
    "json": "figures in JSON are for programs",
    "csv": "figures in CSV are for programs",
    "xlsx": "a spreadsheet writes figures as the program that opens it does",
}


def chosen_form(form: str | None, output: str | None, locale: str | None = None) -> str:
    """Return the form of an answer, before anything is read.

    Args:
        form: what `--format` says.
        output: the file of `--output`, whose ending says it otherwise.
        locale: what `--locale` says.

    Raises:
        InputError: the form cannot be written there, or not without a package, or there is no such locale.
    """
    if locale is not None:
        from attribution.report.figures import read_in

        with read_in(locale):  # whatever the form
            pass
    if output is None:
        if form == "xlsx":
            raise InputError("a spreadsheet is not for a terminal; give it a file with --output kpis.xlsx")
        return form or TABLE
    from attribution.report.output import check_ending, form_of

    if form == GRAPHML:
        check_ending(output, GRAPHML)
        return GRAPHML
    if form == TABLE:
        raise InputError(
            "a table is for a terminal and no form of a file; allowed with --output are json, csv, xlsx "
            "and html"
        )
    return form_of(output, form)


def deliver(answer: Answer, form: str, output: str | None, locale: str | None = None) -> None:
    """Print an answer, or write it into a file and say so; warnings go to standard error, as ever.

    Args:
        answer: what to show.
        form: of :func:`chosen_form`.
        output: the file, None for standard output.
        locale: how tables and pages write figures.
    """
    if locale is not None and form in _OF_NO_READER:
        notice(f"--locale {locale} changes nothing here: {_OF_NO_READER[form]}")
    if output is None and form != "html":
        show(answer, form, locale)
        return
    from attribution.report.figures import read_in
    from attribution.report.output import answer_bytes, write_answer

    with read_in(locale):
        if output is None:
            click.echo(answer_bytes(answer, form))
        else:
            write_answer(answer, output, form)
    if output is not None:
        click.echo(f"wrote {output}", err=True)
    if form != "json":
        notices(answer)
