"""The page views and flagged touches of somebody who is erased: no figure rests on them, so they go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, and_, delete, func, select, update

from attribution.loading.flags import read_crawlers
from attribution.loading.session_origins import gap_of, read_cutting
from attribution.loading.sessions import Views, cut
from attribution.loading.stored_views import SessionCut, StoredViews, read_views
from attribution.loading.tombstones import anonymous_ids
from attribution.privacy.forget_person import Person
from attribution.privacy.forget_receipt import Receipt
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.keys import ERASED
from attribution.store.settings import Settings

page_view, touch, touch_flag, touch_key = (
    schema.page_view, schema.touch, schema.touch_flag, schema.touch_key,
)  # fmt: skip


class Seen(NamedTuple):
    """Pages and browsers' names that what was removed had, and that may be nobody's any more: int64."""

    pages: Ints
    agents: Ints


def remove_views(connection: Connection, settings: Settings, person: Person, receipt: Receipt) -> Seen:
    """Remove page views, and take out of flagged touches whatever may tell whose they were.

    Of a browser that several people used those sessions go that began while it was the person's: their
    touches are the person's.
    """
    mine, _ = read_views(connection, person.identifiers)
    shared = _of_shared(connection, settings, person)
    flagged = _flagged(connection, person)
    removed = 0
    for number in as_set(mine.visitor).tolist():
        removed += connection.execute(delete(page_view).where(page_view.c.visitor == number)).rowcount
    if len(shared):
        key = (page_view.c.visitor, page_view.c.at, page_view.c.hash)
        for row in zip(shared.visitor.tolist(), shared.at.tolist(), shared.hash.tolist(), strict=True):
            same = and_(*(column == value for column, value in zip(key, row, strict=True)))
            removed += connection.execute(delete(page_view).where(same)).rowcount
    receipt.add(page_view.name, "removed", removed)
    _anonymise(connection, flagged["n"], receipt)
    return Seen(
        *(
            as_set(numbers[numbers > 0])
            for numbers in (
                np.concatenate([mine.page, shared.page, flagged["page"]]),
                np.concatenate([mine.agent, shared.agent, flagged["agent"]]),
            )
        )
    )


def _of_shared(connection: Connection, settings: Settings, person: Person) -> StoredViews:
    """Return the views of sessions that began in the person's stretches of shared browsers."""
    shared = person.shared
    views, _ = read_views(connection, as_set(shared.identifier))
    if not len(views):
        return views
    how = SessionCut(read_cutting(connection, settings), read_crawlers(connection), gap_of(settings))
    began = session_starts(views, how)
    theirs = np.zeros(len(views), np.bool_)
    for number, since, until in zip(shared.identifier, shared.since, shared.until, strict=True):
        of_them = (views.visitor == number) & (began >= since) & (began < until)
        theirs |= of_them | ((views.visitor == number) & (views.at >= since) & (views.at < until))
    return views.take(theirs)


def session_starts(stored: StoredViews, how: SessionCut) -> Ints:
    """Return when the session of each view began: int64[n]."""
    views: Views = how.views(stored)
    row = np.arange(len(views))
    numbered = Views(**{**vars(views), "engaged": row})
    ordered, first = cut(numbered, how.gap)
    began = np.empty(len(views), np.int64)
    began[ordered.engaged] = np.repeat(ordered.at[first], np.diff(np.append(first, len(views))))
    return began


def _flagged(connection: Connection, person: Person) -> dict[str, Ints]:
    """Return `n page agent` of flagged touches, 0 where there is none."""
    shared = person.shared
    ever = np.full(len(person.identifiers), 2**62)
    with temporary(
        connection,
        identifier=np.concatenate([person.identifiers, shared.identifier]),
        since=np.concatenate([-ever, shared.since]),
        until=np.concatenate([ever, shared.until]),
    ) as theirs:
        known = (func.coalesce(touch.c.page_id, 0), func.coalesce(touch.c.agent_id, 0))
        statement = (
            select(touch.c.n, *known)
            .join(touch_flag, touch_flag.c.n == touch.c.n)
            .join(theirs, theirs.c.identifier == touch_flag.c.visitor)
            .where(touch.c.at >= theirs.c.since, touch.c.at < theirs.c.until)
        )
        return read_ints(connection, statement, ["n", "page", "agent"])


def _anonymise(connection: Connection, numbers: Ints, receipt: Receipt) -> None:
    take_out(connection, numbers)
    with temporary(connection, n=numbers) as mine:
        of_them = select(mine.c.n)
        connection.execute(update(touch_flag).where(touch_flag.c.n.in_(of_them)).values(visitor=None))
    receipt.add(touch_flag.name, "id, visitor, page, click id and browser taken out", len(numbers))


def take_out(connection: Connection, numbers: Ints) -> None:
    """Take out of touches that are nobody's whatever may tell whose they were."""
    for n, name in zip(numbers.tolist(), anonymous_ids(len(numbers)), strict=True):
        connection.execute(
            update(touch)
            .where(touch.c.n == n)
            .values(touch_id=name, page_id=None, click_id=None, agent_id=None)
        )
    with temporary(connection, n=numbers) as mine:
        of_them = select(mine.c.n)
        connection.execute(update(touch_key).where(touch_key.c.n.in_(of_them)).values(digest=ERASED))
