"""Touches out of the store for good: nothing of them stays but a hash of each id, so that an old file that is
imported again neither brings them back nor counts them twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from sqlalchemy import Connection, select, update

from attribution.sorted_sets import difference
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, remove, temporary
from attribution.store.keys import ERASED
from attribution.store.platform_clicks import remove_lost
from attribution.store.settings import Settings
from attribution.store.touch_numbers import keep_last_touch

Progress = Callable[[str, int, int | None], None]
_AT_ONCE: Final = 250_000

touch, touch_key = schema.touch, schema.touch_key


def remove_touches(
    connection: Connection, settings: Settings, numbers: Ints, *, progress: Progress | None = None
) -> None:
    """Delete touches, but for the hashes of their ids.

    Args:
        connection: the writer's.
        settings: the store's.
        numbers: int64, of `touch.n`, distinct.
        progress: called as the work goes on.
    """
    keep_last_touch(connection, settings)
    with temporary(connection, n=numbers) as gone:
        mine = touch_key.c.n.in_(select(gone.c.n))
        connection.execute(update(touch_key).where(mine).values(digest=ERASED))
    numbers = np.sort(numbers)
    for start in range(0, len(numbers), _AT_ONCE):
        if progress is not None:
            progress("removing touches", start, len(numbers))
        remove(connection, touch.c.n, numbers[start : start + _AT_ONCE])
    remove_lost(connection)


def remove_unused(connection: Connection) -> dict[str, int]:
    """Delete pages and browsers' names that neither touch nor view has; returns how many, by table."""
    counts = {}
    for table, number in ((schema.page, schema.page.c.page_id), (schema.agent, schema.agent.c.agent_id)):
        there = read_ints(connection, select(number), ["i"])["i"]
        in_use = [
            read_ints(connection, select(used).where(used.is_not(None)).distinct(), ["i"])["i"]
            for used in (touch.c[number.name], schema.page_view.c[number.name])
        ]
        unused = difference(there, np.concatenate(in_use))
        remove(connection, number, unused)
        counts[table.name] = len(unused)
    return counts
