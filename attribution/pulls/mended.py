"""Rows that an earlier pull could not load give way when their record, or their day, is pulled again.

What is still wrong with it is written anew with the page that it came in; what was mended is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from attribution.pulls.cursors import Key
from attribution.pulls.source import Record
from attribution.store import schema
from attribution.store.database import Database

# what a rejected row of a table is about, and where records of the systems say it
_SUBJECTS: Final = {
    "deals": "deal_id",
    "deal_contacts": "deal_id",
    "stages": "id",
    "leads": "lead_id",
    "identities": "lead_id",
    "touches": "lead_id",
    "spend": "date",
}
_PLACES: Final = ("id", "Id", "deal_id", "OpportunityId", "segments.date", "date_start", "day", "TimePeriod")
_KEYS: Final = 500  # in a query


class Earlier:
    """The rejected rows of one stream, as they were before a pull.

    Args:
        db: the store.
        key: which stream.
    """

    def __init__(self, db: Database, key: Key) -> None:
        self._rows: dict[tuple[str, str], list[int]] = {}
        table = schema.rejected_row
        begins = page_name(key, "")
        query = select(table.c.rejected_id, table.c.table_name, table.c.raw).where(
            table.c.file.startswith(begins, autoescape=True)
        )
        with db.read() as connection:
            for number, name, raw in connection.execute(query):
                subject = _subject(name, raw)
                if subject is not None:
                    self._rows.setdefault((name, subject), []).append(number)

    def give_way(self, connection: Connection, rows: Mapping[str, Sequence[Record]]) -> None:
        """Delete the rows that speak of what a page brings again, in the page's transaction."""
        if not self._rows:
            return
        gone: list[int] = []
        for name, records in rows.items():
            for text in _texts(records):
                gone += self._rows.pop((name, text), ())
        table = schema.rejected_row
        for first in range(0, len(gone), _KEYS):
            connection.execute(delete(table).where(table.c.rejected_id.in_(gone[first : first + _KEYS])))


def page_name(key: Key, number: int | str) -> str:
    """Return what a page is called where files have names.

    >>> page_name(Key("hubspot", "4711", "deals"), 3)
    'hubspot 4711 deals page 3'
    """
    return f"{key.source} {key.account} {key.stream} page {number}"


def _subject(table: str, raw: str) -> str | None:
    try:
        row: Any = json.loads(raw)
    except ValueError:
        return None
    text = row.get(_SUBJECTS.get(table, "")) if isinstance(row, dict) else None
    return str(text) if text else None


def _texts(records: Sequence[Record]) -> Iterable[str]:
    """Return all that records may be about, each once."""
    return dict.fromkeys(
        str(record[place]) for record in records for place in _PLACES if record.get(place) is not None
    )
