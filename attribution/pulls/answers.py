"""What pulls answer: a row for each stream, and the list of what can be pulled from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attribution import clock
from attribution.metrics.answer import Answer, Row
from attribution.pulls.credentials import credentials_path, variable
from attribution.pulls.cursors import Cursor, Key
from attribution.pulls.pull import StreamResult
from attribution.pulls.registry import get_source, source_names
from attribution.pulls.source import Source, Stream

_SHOWN = ("accepted", "updated", "duplicate", "conflict", "rejected")


def pulled(store: str, results: Sequence[StreamResult]) -> Answer:
    """Return a row for each account and stream.

    Args:
        store: its label.
        results: what became of each.
    """
    rows = [
        {
            "source": r.source,
            "account": r.account,
            "stream": r.stream,
            "state": r.state,
            "pages": r.pages,
            "records": r.records,
            **{name: r.counts[name] for name in _SHOWN},
            "from": _shown(r.start),
            "to": _shown(r.upto),
        }
        for r in results
    ]
    numbers = ("pages", "records", *_SHOWN)
    return Answer(
        verb="pull",
        store=store,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={name: sum(row[name] for row in rows) for name in numbers},
        warnings=[f"{r.source} {r.account} {r.stream}: {note}" for r in results for note in r.notes],
        columns={
            **dict.fromkeys(("source", "account", "stream", "state"), "text"),
            **dict.fromkeys(numbers, "count"),
            **dict.fromkeys(("from", "to"), "text"),
        },
        title="Pulled",
    )


def pull_list(store: str, cursors: Mapping[Key, Cursor], name: str | None = None) -> Answer:
    """Return what can be pulled from, what each source needs, and how far each stream came.

    Args:
        store: its label; nothing where there is none.
        cursors: how far each stream of each account came.
        name: only this source.

    Raises:
        UnknownNameError: there is no such source.
    """
    names = source_names() if name is None else (name,)
    example = get_source(names[0]).needs[0].name
    rows: list[Row] = []
    for kind in map(get_source, names):
        for stream in kind.streams:
            rows += _rows(kind, stream, cursors)
    return Answer(
        verb="pull",
        store=store,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        warnings=[
            f"what a source needs is read from the environment, {example} of {names[0]} as "
            f"{variable(names[0], example)}, or from {credentials_path()}: "
            f'`[{names[0]}]` and below it `{example} = "..."`; what stands in brackets not always'
        ],
        columns=dict.fromkeys(
            ("source", "stream", "fills", "about", "needs", "account", "to", "pulled_at"), "text"
        ),
        title="Sources",
    )


def _rows(kind: type[Source], stream: Stream, cursors: Mapping[Key, Cursor]) -> list[Row]:
    which = (kind.name, stream.name)
    came: list[tuple[str | None, Cursor]] = [
        (key.account, cursor) for key, cursor in cursors.items() if (key.source, key.stream) == which
    ]
    return [
        {
            "source": kind.name,
            "stream": stream.name,
            "fills": ", ".join(stream.tables),
            "about": f"{kind.label}: {stream.about}",
            "needs": " ".join(need.name if need.required else f"({need.name})" for need in kind.needs),
            "account": account,
            "to": _shown(cursor.upto),
            "pulled_at": _second(cursor.pulled_at),
        }
        for account, cursor in came or [(None, Cursor())]
    ]


def _shown(cursor: str | None) -> str | None:
    """Write an instant as short as it is."""
    return None if cursor is None else cursor.replace(".000000Z", "Z")


def _second(at: int | None) -> str | None:
    """Write an instant to the second."""
    return None if at is None else clock.iso(at - at % clock.SECOND)
