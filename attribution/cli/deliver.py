"""Where an answer goes: onto standard output, or into a file in the form that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from attribution.cli.options import GRAPHML
from attribution.cli.render import notices, show
from attribution.errors import InputError

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer

TABLE: Final = "table"


def chosen_form(form: str | None, output: str | None) -> str:
    """Return the form of an answer, before anything is read.

    Args:
        form: what `--format` says.
        output: the file of `--output`, whose ending says it otherwise.

    Raises:
        InputError: the form cannot be written there, or not without a package.
    """
    if output is None:
        if form == "xlsx":
            raise InputError("a spreadsheet is not for a terminal; give it a file with --output kpis.xlsx")
        return form or TABLE
    if form == GRAPHML:
        return GRAPHML
    if form == TABLE:
        raise InputError(
            "a table is for a terminal and no form of a file; allowed with --output are json, csv, xlsx "
            "and html"
        )
    from attribution.report.output import form_of

    return form_of(output, form)


def deliver(
    answer: Answer, form: str, output: str | None, options: dict[str, Any], locale: str | None = None
) -> None:
    """Print an answer, or write it into a file and say so; warnings go to standard error, as ever.

    Args:
        answer: what to show.
        form: of :func:`chosen_form`.
        output: the file, None for standard output.
        locale: how a page writes figures.
        options: of the verb; its first and last day are told in the file.
    """
    if output is None and form != "html":
        show(answer, form)
        return
    from attribution.report.figures import read_in
    from attribution.report.output import answer_bytes, write_answer
    from attribution.report.words import period_text

    period = period_text(options.get("start"), options.get("end"))
    with read_in(locale):
        if output is None:
            click.echo(answer_bytes(answer, form, period=period))
        else:
            write_answer(answer, output, form, period=period)
    if output is not None:
        click.echo(f"wrote {output}", err=True)
    if form != "json":
        notices(answer)
