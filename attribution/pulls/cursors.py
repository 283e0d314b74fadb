"""How far each stream came: written in the transaction of the rows, and never moved back."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from attribution import clock
from attribution.store import schema


@dataclass(frozen=True)
class Key:
    """Which stream of which account of which source."""

    source: str
    account: str
    stream: str


@dataclass(frozen=True)
class Cursor:
    """How far a stream came.

    Attributes:
        upto: everything that changed before this instant, or the figures of all days up to this one.
        since: what was asked for first; None: everything.
        pages: how many were ever stored: who finds more of them than before was overtaken.
        records: likewise.
        pulled_at: when the last page was stored.
    """

    upto: str | None = None
    since: str | None = None
    pages: int = 0
    records: int = 0
    pulled_at: int | None = None


class OvertakenError(Exception):
    """Another pull stored pages of the same stream in the meantime."""


def read_cursor(connection: Connection, key: Key) -> Cursor:
    """Return how far a stream came; an empty cursor where it was never pulled."""
    table = schema.pull_cursor
    row = connection.execute(
        select(table.c.cursor, table.c.since, table.c.pages, table.c.records, table.c.pulled_at).where(
            table.c.source == key.source, table.c.account == key.account, table.c.stream == key.stream
        )
    ).one_or_none()
    return Cursor() if row is None else Cursor(row[0], row[1], row[2], row[3], row[4])


def read_cursors(connection: Connection) -> dict[Key, Cursor]:
    """Return how far every stream came."""
    table = schema.pull_cursor
    rows = connection.execute(
        select(
            table.c.source, table.c.account, table.c.stream,
            table.c.cursor, table.c.since, table.c.pages, table.c.records, table.c.pulled_at,
        ).order_by(table.c.source, table.c.account, table.c.stream)
    )  # fmt: skip
    return {Key(*row[:3]): Cursor(*row[3:]) for row in rows}


def advance(
    connection: Connection, key: Key, before: Cursor, *, cursor: str | None, since: str | None, records: int
) -> Cursor:
    """Write how far a stream came, in the transaction of its rows.

    Args:
        connection: the writer's.
        key: which stream.
        before: what was read before the page was asked for.
        cursor: how far the page goes.
        since: what was asked for.
        records: in the page.

    Raises:
        OvertakenError: the stream moved since `before` was read; the page may be older than what is stored.
    """
    found = read_cursor(connection, key)
    if found.pages != before.pages:
        raise OvertakenError
    known = [text for text in (found.upto, cursor) if text is not None]
    first = since if found.pages == 0 else found.since
    if first is not None and since is not None:
        first = min(first, since)
    after = Cursor(
        max(known, default=None), first, found.pages + 1, found.records + records, clock.now_micros()
    )
    values = {
        "cursor": after.upto,
        "since": after.since,
        "pages": after.pages,
        "records": after.records,
        "pulled_at": after.pulled_at,
    }
    table = schema.pull_cursor
    which = {"source": key.source, "account": key.account, "stream": key.stream}
    if found.pages == 0:
        connection.execute(insert(table).values(**which, **values))
    else:
        connection.execute(
            update(table).where(*(table.c[name] == value for name, value in which.items())).values(values)
        )
    return after
