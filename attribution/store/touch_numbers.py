"""Numbers of touches, which never come back: they say how far a run has read, and what an entry is for."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from attribution.store import schema
from attribution.store.columns import next_id
from attribution.store.settings import Settings

_LAST: Final = "_last_touch"


def next_touch(connection: Connection, settings: Settings) -> int:
    """Return the first number that no touch has or had."""
    return max(next_id(connection, schema.touch.c.n), int(settings.internal(_LAST) or 0) + 1)


def keep_last_touch(connection: Connection, settings: Settings) -> None:
    """Remember the last number given; to be called before touches are deleted."""
    last = str(next_touch(connection, settings) - 1)
    if settings.internal(_LAST) != last:
        settings.put_raw(_LAST, last)
