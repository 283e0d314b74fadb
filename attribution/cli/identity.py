"""`attribution identity`: who is who and why; and what people who know say of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from attribution.cli.graphs import (
    check_early,
    draw_evidence,
    graph_format_option,
    picture_option,
    print_graph,
)
from attribution.cli.options import GRAPHML, given, open_store, output_options, store_option
from attribution.cli.render import clean, console, headline, new_table, notices, print_table, show

if TYPE_CHECKING:
    from rich.console import Console

    from attribution.metrics.answer import Answer, Row

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN: Final = 200  # observations of a person on a screen; JSON has all
_IDENTIFIER: Final = "KIND:VALUE"


def _reasons(function: F) -> F:
    """Add `--why`, `--who` and the options of output to a verb that decides."""
    why = click.option("--why", metavar="TEXT", required=True, help="The reason; it is kept.")
    who = click.option(
        "--who", metavar="NAME", help="Whose decision it is.  [default: the user of this system]"
    )
    return why(who(output_options(function)))


@click.group(
    "identity",
    short_help="Who is who and why, and how to put it right.",
    epilog="Example: attribution identity show email:ella@acme.com",
)
def command() -> None:
    """Show who is who and why, and put right what evidence got wrong; every decision can be taken back.

    An identifier is written as KIND:VALUE, with a kind of visitor, email, phone, user, lead or contact, such
    as email:ella@acme.com or contact:hubspot:12; a bare VALUE serves where one kind alone has it.
    """


@command.command("show", epilog="Example: attribution identity show visitor:v1 --picture v1.html")
@click.argument("identifier", metavar=_IDENTIFIER)
@click.option("--at", metavar="TIME", help="Whose it was then, of a browser that several people used.")
@picture_option("the evidence")
@graph_format_option("the evidence")
@store_option
def show_(identifier: str, at: str | None, picture: str | None, form: str, store: str | None) -> None:
    """Show the person of an identifier: what it is known by, by which evidence, and what is not used."""
    check_early(picture)
    answer, graph = None, None
    with open_store(store) as opened:
        if form != GRAPHML:
            answer = opened.identity_show(identifier, at=at)
        if form == GRAPHML or picture is not None:
            graph = opened.identity_graph(identifier, at=at)
    if answer is None and graph is not None:
        print_graph(graph, "")
    elif answer is not None and form == "table":
        show_people(answer)
        notices(answer)
    elif answer is not None:
        show(_flat(answer) if form == "csv" else answer, form)
    if picture is not None and graph is not None:
        draw_evidence(graph, picture)


@command.command(
    "split",
    epilog="Example: attribution identity split email:ann@acme.com email:bob@acme.com --why 'two colleagues'",
)
@click.argument("one", metavar=_IDENTIFIER)
@click.argument("other", metavar=_IDENTIFIER)
@_reasons
def split(one: str, other: str, form: str, store: str | None, **said: Any) -> None:
    """Let two identifiers be two people's: what ties them together is not used any more."""
    with open_store(store) as opened:
        answer = opened.identity_split(one, other, **given(said))
    show(answer, form)


@command.command(
    "join",
    epilog="Example: attribution identity join email:ann@acme.com email:ann@home.example --why 'she said'",
)
@click.argument("one", metavar=_IDENTIFIER)
@click.argument("other", metavar=_IDENTIFIER)
@_reasons
def join(one: str, other: str, form: str, store: str | None, **said: Any) -> None:
    """Let two identifiers be one person's, beyond all limits; a split of the two is taken back."""
    with open_store(store) as opened:
        answer = opened.identity_join(one, other, **given(said))
    show(answer, form)


@command.command(
    "exclude", epilog="Example: attribution identity exclude visitor:kiosk-1 --why 'in the lobby'"
)
@click.argument("identifier", metavar=_IDENTIFIER)
@_reasons
def exclude(identifier: str, form: str, store: str | None, **said: Any) -> None:
    """Let an identifier be nobody's, as that of a kiosk or an agency's phone: it ties nobody together."""
    with open_store(store) as opened:
        answer = opened.identity_exclude(identifier, **given(said))
    show(answer, form)


@command.command("undo", epilog="Example: attribution identity undo 3 --why 'a mix-up'")
@click.argument("number", type=int)
@_reasons
def undo(number: int, form: str, store: str | None, **said: Any) -> None:
    """Take the decision of a number back; it stays on record."""
    with open_store(store) as opened:
        answer = opened.identity_undo(number, **given(said))
    show(answer, form)


@command.command("decisions", epilog="Example: attribution identity decisions")
@output_options
def decisions(form: str, store: str | None) -> None:
    """List every decision: what was said of whom, by whom and why, and whether it holds."""
    with open_store(store) as opened:
        answer = opened.identity_decisions()
    show(answer, form)


def _flat(answer: Answer) -> Answer:
    """Return one row an identifier."""
    rows = [
        {"known_as": row["known_as"], **one, "others": "; ".join(other["person"] for other in one["others"])}
        for row in answer.rows
        for one in row["identifiers"]
    ]
    names = ("known_as", "kind", "value", "from", "until", "first_seen", "last_seen", "touches", "others")
    return replace(answer, rows=rows, columns=dict.fromkeys(names, "text"))


def show_people(answer: Answer) -> None:
    """Print an answer of `identity show` for a reader."""
    out = console()
    _line(out, headline(answer), "bold")
    for row in answer.rows:
        if len(answer.rows) > 1:
            _line(out, "")
            _line(out, row["known_as"], "bold")
        _identifiers(out, row["identifiers"])
        records = [f"{row['touches']:,} touch{'' if row['touches'] == 1 else 'es'}"]
        records += [f"{name} {', '.join(row[name])}" for name in ("leads", "deals") if row[name]]
        records += [f"company {_account(one)}" for one in row["accounts"]]
        _line(out, "")
        _line(out, " · ".join(records))
        used = [one["sentence"] for one in row["evidence"] if one["used"]]
        unused = [f"{one['sentence']}: {one['why_not']}" for one in row["evidence"] if not one["used"]]
        _section(out, "What ties it together", used or ["nothing was observed beside this one identifier"])
        _section(out, "What is not used", unused)
        _section(out, "Decisions", [_decision(one) for one in row["decisions"]])


def _identifiers(out: Console, identifiers: Sequence[Row]) -> None:
    from rich.text import Text

    table = new_table()
    for name in ("kind", "value", "first seen", "last seen"):
        table.add_column(name, overflow="fold")
    table.add_column("touches", justify="right")
    table.add_column("also used by", overflow="fold")
    for one in identifiers:
        when = _when(one)
        also = ", ".join(dict.fromkeys(other["person"] for other in one["others"]))
        texts = (
            one["kind"], one["value"] + (f" ({when})" if when else ""), one["first_seen"] or "",
            one["last_seen"] or "", f"{one['touches']:,}" if one["touches"] else "", also,
        )  # fmt: skip
        table.add_row(*(Text(clean(text)) for text in texts))
    print_table(out, table)


def _when(row: Row) -> str:
    """Write from when to when something holds, nothing where it always does."""
    return " ".join(f"{word} {row[word]}" for word in ("from", "until") if row[word])


def _account(row: Row) -> str:
    when = _when(row)
    return f"{row['account']} ({when})" if when else str(row["account"])


def _decision(row: Row) -> str:
    about = " and ".join(filter(None, (row["one"], row["other"])))
    return (
        f"{row['decision']}: {row['verb']} {about}, {row['state']}; {row['who']}, {row['at']}: {row['why']}"
    )


def _section(out: Console, heading: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    _line(out, "")
    _line(out, heading, "bold")
    for line in lines[:_SHOWN]:
        _line(out, f"  {line}")
    if len(lines) > _SHOWN:
        _line(out, f"  and {len(lines) - _SHOWN:,} more; --format json has all")


def _line(out: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    out.print(Text(clean(text), style=style), soft_wrap=True)
