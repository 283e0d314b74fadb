"""Answers on standard output as table, JSON or CSV; notices on standard error."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from attribution.report.csv_text import csv_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from attribution.metrics.answer import Answer, Row

DASH: Final = "—"
_WIDE: Final = 100_000  # nothing is ever cut
_DIGITS: Final = {"factor": 2, "days": 1, "minutes": 1, "months": 1, "points": 1}
_MONEY: Final = re.compile(r"-?\d+\.\d{2,}")  # how answers write it
_SHARES: Final = ("ratio", "calibration_error", "conversion_probability", "rank_agreement")  # totals of none
_TITLED: Final = ("basis", "every", "destination", "dry_run", "list")  # the title says them
_NUMBERS: Final = ("money", "count", "ratio", *_DIGITS, "mixed", "part")


class Signs(NamedTuple):
    """How a reader's figures are written."""

    group: str = ","
    decimal: str = "."
    percent: str = "%"


_ENGLISH: Final = Signs()


def signs_of(locale: str | None) -> Signs:
    """Return the signs of a locale, English ones for None.

    Raises:
        InputError: no such locale.

    >>> cell("1234.50", "money", signs_of("de_DE")), cell(0.2333, "ratio", signs_of("de_DE"))
    ('1.234,50', '23,3\xa0%')
    """
    if locale is None:
        return _ENGLISH
    from attribution.report.figures import number_locale, read_in

    with read_in(locale):
        found = number_locale()
    return Signs(found["thousands"], found["decimal"], found["percent"])


def show(answer: Answer, form: str, locale: str | None = None) -> None:
    """Print an answer; its warnings go to standard error, unless the JSON holds them.

    Args:
        answer: what to print.
        form: `table`, `json` or `csv`.
        locale: how a table writes figures, None: as in English.
    """
    if form == "json":
        click.echo(answer.to_json())
        return
    if form == "csv":
        click.echo(csv_text(answer), nl=False)
    else:
        show_table(answer, locale)
    notices(answer)


def notices(answer: Answer) -> None:
    """Print an answer's warnings to standard error."""
    for warning in answer.warnings:
        notice(warning)


def notice(text: str) -> None:
    """Print a notice to standard error."""
    click.echo(f"note: {clean(text)}", err=True)


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def show_table(answer: Answer, locale: str | None = None) -> None:
    """Print the rows as a table with totals, numbers to the right."""
    from rich.text import Text

    out, signs = console(), signs_of(locale)
    out.print(Text(headline(answer), style="bold"), soft_wrap=True)
    if not answer.rows:
        out.print("no rows")
        return
    table = new_table()
    for name, unit in answer.columns.items():
        right = unit in _NUMBERS
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in answer.rows:
        table.add_row(*(Text(text) for text in _cells(answer, row, signs).values()))
    totals = {name: value for name, value in answer.totals.items() if name in answer.columns}
    if totals:
        table.add_section()
        known = {name: text for name, text in _cells(answer, totals, signs).items() if name in totals}
        texts = {next(iter(answer.columns)): "Total"} | known
        table.add_row(*(Text(texts.get(name, "")) for name in answer.columns), style="bold")
    print_table(out, table)
    # totals that are rows already (KPIs of the whole) are not said twice
    said = {*answer.columns, *(row.get(next(iter(answer.columns))) for row in answer.rows)}
    rest = {name: value for name, value in answer.totals.items() if name not in said}
    if rest:
        out.print(Text(", ".join(f"{name} {_apart(name, value, signs)}" for name, value in rest.items())))


def _apart(name: str, value: Any, signs: Signs) -> str:
    """Write a total that no column is of: money as money, a share as percent."""
    if isinstance(value, str) and _MONEY.fullmatch(value):
        return cell(value, "money", signs)
    return cell(value, "ratio" if name in _SHARES else "count", signs)


def _cells(answer: Answer, row: Row, signs: Signs = _ENGLISH) -> dict[str, str]:
    """Write a row; in a `mixed` column the row's own unit says what the value is."""
    own = str(row.get("unit", "text"))
    return {
        name: cell(row.get(name), own if unit == "mixed" else unit, signs)
        for name, unit in answer.columns.items()
    }


def headline(answer: Answer) -> str:
    """Say in one line what is shown, of what, and under which model, goal and window."""
    from attribution.metrics.asked import in_words

    model, goal = answer.model, answer.goal
    if model is not None and (model in answer.title or "," in model):
        model = None  # the title or the columns say it
    if answer.verb == "kpis":
        goal = None  # each names its own
    told = {"model": model, "goal": goal, "lookback": answer.lookback, "scope": answer.scope}
    title = answer.title or answer.verb
    parts = [title + (f" ({answer.currency})" if answer.currency else "")]
    for one in in_words(answer.asked):
        if one.option not in _TITLED:
            parts.append(one.words if one.option == "period" else f"{one.heading.lower()} {one.words}")
    return clean(" · ".join([*parts, *(f"{name} {value}" for name, value in told.items() if value)]))


def cell(value: Any, unit: str, signs: Signs = _ENGLISH) -> str:
    """Write one value for people: thousands, percent, and a dash for what there is not.

    >>> cell("1234.50", "money"), cell(0.2333, "ratio"), cell(None, "ratio"), cell(2.5, "count")
    ('1,234.50', '23.3%', '—', '2.5')
    """
    if value is None:
        return DASH
    if unit == "money" or (unit == "part" and isinstance(value, str)):
        return _signed(f"{Decimal(value):,f}", signs)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _signed(_number(value, unit), signs)
    return clean(value if isinstance(value, str) else _plain(value))


def _number(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{value:.1%}"
    if isinstance(value, int):
        return f"{value:,}"
    digits = _DIGITS.get(unit, 4)
    text = f"{value:,.{digits}f}"
    return text if unit in _DIGITS else text.rstrip("0").rstrip(".")


def _signed(text: str, signs: Signs) -> str:
    """Exchange the signs of an English figure for a reader's."""
    if signs == _ENGLISH:
        return text
    theirs = dict(zip(_ENGLISH, signs, strict=True))
    return "".join(theirs.get(letter, letter) for letter in text)


def clean(text: Any) -> str:
    """Return a text without control characters: data must not steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def new_table(**options: Any) -> Table:
    """Return an empty table in the house style."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, **options)


def console() -> Console:
    """Return standard output, as wide as it takes: a figure that is cut is a wrong figure.

    A table that is wider than the terminal wraps there as any long line does, and a pager shows it whole.
    """
    from rich.console import Console

    return Console(file=sys.stdout, width=_WIDE, highlight=False, markup=False, emoji=False)


def print_table(out: Console, table: Table) -> None:
    """Print a table without the blanks that fill its last column."""
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
