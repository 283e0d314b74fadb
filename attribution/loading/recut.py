"""Sessions cut anew, and touches flagged anew, where what decides is another than the last time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, select, true

from attribution.loading import flags, session_origins
from attribution.loading.flags import flag_again, mark_agents, read_crawlers
from attribution.loading.session_origins import Moved, gap_of, note_changes, read_cutting
from attribution.loading.session_touches import PAGEVIEWS, keep_sessions, replace_sessions
from attribution.loading.sessions import possible_sessions
from attribution.loading.stored_views import SessionCut, read_views
from attribution.sorted_sets import difference, union
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.settings import Settings

_VISITORS_AT_ONCE: Final = 250_000

page_view = schema.page_view

Progress = Callable[[str, int, int | None], None]


def bring_up_to_date(connection: Connection, settings: Settings, *, progress: Progress | None = None) -> None:
    """Cut sessions and flag touches anew where rules, own sites, lists or the gap changed.

    To be called when origins are placed. Only the sessions of those visitors are cut whom it may concern, and
    only what differs is written.
    """
    agents = mark_agents(connection, settings)
    moved = note_changes(connection, settings)
    if moved is not None or len(agents):
        _cut_again(connection, settings, moved, agents, progress)
    flag_again(connection, settings)


def is_behind(settings: Settings) -> bool:
    """Tell whether the next run cuts sessions or flags touches anew."""
    return flags.is_behind(settings) or session_origins.is_behind(settings)


def _cut_again(
    connection: Connection, settings: Settings, moved: Moved | None, agents: Ints, progress: Progress | None
) -> None:
    crawlers = read_crawlers(connection)
    # each of those that moved was on the list and is not, or the other way round
    crawlers_before = union(difference(crawlers, agents), difference(agents, crawlers))
    cutting, gap = read_cutting(connection, settings), gap_of(settings)
    before = SessionCut(
        cutting if moved is None else moved.before, crawlers_before, gap if moved is None else moved.gap[0]
    )
    after = SessionCut(cutting, crawlers, gap)
    visitors = _concerned(connection, moved, agents)
    batch = schema.batch
    last = select(func.coalesce(func.max(batch.c.batch_id), 0)).where(batch.c.table_name == PAGEVIEWS)
    batch_id = int(connection.execute(last).scalar_one())
    for done, some in _chunks(visitors):
        if progress is not None:
            progress("cutting sessions anew", done, len(visitors))
        views, clicks = read_views(connection, some)
        if moved is not None and moved.anew:
            possible = possible_sessions(after.views(views))
            replace_sessions(connection, settings, batch_id, possible, after.sessions(views), clicks)
            continue
        keep_sessions(connection, settings, batch_id, before.sessions(views), after.sessions(views), clicks)


def _chunks(visitors: Ints) -> Iterator[tuple[int, Ints]]:
    for start in range(0, len(visitors), _VISITORS_AT_ONCE):
        yield start, visitors[start : start + _VISITORS_AT_ONCE]


def _concerned(connection: Connection, moved: Moved | None, agents: Ints) -> Ints:
    """Return the visitors, ascending, whose sessions may be others now."""
    if moved is not None and (moved.anew or moved.gap[0] != moved.gap[1]):
        return _visitors(connection, true())
    found = np.zeros(0, np.int64)
    if moved is not None and len(moved.origins):
        with temporary(connection, number=moved.origins) as wanted:
            found = _visitors(connection, page_view.c.origin_id.in_(select(wanted.c.number)))
    if len(agents):
        with temporary(connection, number=agents) as wanted:
            robots = _visitors(connection, page_view.c.agent_id.in_(select(wanted.c.number)))
        found = union(found, robots)
    return found


def _visitors(connection: Connection, which: ColumnElement[bool]) -> Ints:
    found = read_ints(connection, select(page_view.c.visitor).where(which).distinct(), ["visitor"])
    return np.sort(found["visitor"])
