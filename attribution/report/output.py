"""Answers as files: JSON, CSV, a spreadsheet, or a page of their own; written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from attribution.errors import InputError

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer

FORMS: Final = ("json", "csv", "xlsx", "html")
ENDINGS: Final = (*FORMS, "graphml")  # those that promise a form


def form_of(path: str | Path, form: str | None = None) -> str:
    """Return the form to write a file in: the one asked for, else the one that its ending names.

    Raises:
        InputError: neither names one of :data:`FORMS`, the ending names another one than was asked for, or it
            is `xlsx` and XlsxWriter is not installed.

    >>> form_of("kpis.JSON"), form_of("kpis.txt", "csv")
    ('json', 'csv')
    """
    found = form or Path(path).suffix.lower().removeprefix(".")
    if found not in FORMS:
        received = f"--format {form}" if form else f"the file {str(path)!r}"
        raise InputError(
            f"{received} names no form that a file can be written in; allowed are {', '.join(FORMS)}: "
            "give the file such an ending, or name one with --format"
        )
    check_ending(path, found)
    if found == "xlsx":
        require_xlsx()
    return found


def check_ending(path: str | Path, form: str) -> None:
    """Raise InputError where a file's ending promises another form than it is to be written in.

    >>> check_ending("kpis.txt", "csv")
    """
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending in ENDINGS and ending != form:
        raise InputError(
            f"--format {form} and the file {str(path)!r}, which is {ending} by its ending, contradict each "
            f"other; leave --format out, or let the file end in .{form}"
        )


def require_xlsx() -> None:
    """Raise InputError where the writer of spreadsheets is not installed."""
    try:
        import xlsxwriter  # noqa: F401
    except ImportError:
        raise InputError(
            "spreadsheets need the package XlsxWriter, which is not installed; "
            "run: pip install 'closed-loop-attribution[xlsx]'"
        ) from None


def answer_bytes(answer: Answer, form: str) -> bytes:
    """Return an answer in one of :data:`FORMS`.

    Args:
        answer: of any verb.
        form: one of them.

    Raises:
        InputError: no such form, or it needs a package that is not installed.
    """
    form = form_of("", form)
    if form == "json":
        return (answer.to_json() + "\n").encode()
    if form == "csv":
        from attribution.report.csv_text import csv_text

        return csv_text(answer).encode()
    if form == "xlsx":
        from attribution.report.workbook import workbook

        return workbook(answer)
    from attribution.report.answer_page import answer_page

    return answer_page(answer).encode()


def write_answer(answer: Answer, path: str | Path, form: str | None = None) -> Path:
    """Write an answer into a file, whole or not at all; an existing one is replaced.

    Args:
        answer: of any verb.
        path: the file.
        form: one of :data:`FORMS`; None: what the file's ending names.

    Raises:
        InputError: the form is not known, or the file cannot be written there.
    """
    from attribution.report.files import replace_file

    return replace_file(Path(path), answer_bytes(answer, form_of(path, form)))
