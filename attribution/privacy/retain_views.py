"""Page views that `retain` removes: those of the visits whose touches it removes."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, bindparam, delete, select

from attribution.loading.flags import read_crawlers
from attribution.loading.session_origins import gap_of, read_cutting
from attribution.loading.stored_views import SessionCut, read_views
from attribution.privacy.forget_views import session_starts
from attribution.sorted_sets import intersection
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.settings import Settings

_VISITORS_AT_ONCE: Final = 200_000

page_view = schema.page_view


def remove_old_views(
    connection: Connection, settings: Settings, strangers: Ints, before: int
) -> tuple[Ints, int]:
    """Delete the page views of visits that began before an instant; returns whose they were, and how many.

    Args:
        connection: the writer's.
        settings: the store's.
        strangers: the visitors whose visits go, ascending; nobody's go too.
        before: microseconds.
    """
    if connection.execute(select(page_view.c.visitor).limit(1)).first() is None:
        return np.zeros(0, np.int64), 0
    how = SessionCut(read_cutting(connection, settings), read_crawlers(connection), gap_of(settings))
    old = page_view.c.at < before
    gone, count = [np.zeros(0, np.int64)], 0
    for start in range(0, len(strangers), _VISITORS_AT_ONCE):
        some = strangers[start : start + _VISITORS_AT_ONCE]
        early, late = (_visitors(connection, some, which) for which in (old, ~old))
        count += _remove_over_midnight(connection, how, intersection(early, late), before)
        with temporary(connection, visitor=early) as wanted:
            mine = page_view.c.visitor.in_(select(wanted.c.visitor))
            count += connection.execute(delete(page_view).where(mine, old)).rowcount
        gone.append(early)
    count += connection.execute(delete(page_view).where(page_view.c.visitor == 0, old)).rowcount
    return np.concatenate(gone), count


def _visitors(connection: Connection, among: Ints, which: ColumnElement[bool]) -> Ints:
    with temporary(connection, visitor=among) as wanted:
        mine = page_view.c.visitor.in_(select(wanted.c.visitor))
        statement = select(page_view.c.visitor).where(mine, which).distinct()
        return np.sort(read_ints(connection, statement, ["visitor"])["visitor"])


def _remove_over_midnight(connection: Connection, how: SessionCut, visitors: Ints, before: int) -> int:
    """Delete later views of visits that began before: what is left of a visit would be another one."""
    views, _ = read_views(connection, visitors)
    if not len(views):
        return 0
    over = views.take((views.at >= before) & (session_starts(views, how) < before))
    if not len(over):
        return 0
    key = {"visitor": over.visitor, "at": over.at, "hash": over.hash}
    names = list(key)
    statement = delete(page_view).where(*(page_view.c[name] == bindparam(f"its_{name}") for name in names))
    rows = zip(*(key[name].tolist() for name in names), strict=True)
    connection.execute(statement, [{f"its_{n}": v for n, v in zip(names, row, strict=True)} for row in rows])
    return len(over)
