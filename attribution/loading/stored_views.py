"""Page views as they are stored, and what sessions they are."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from attribution.loading.session_origins import Cutting
from attribution.loading.session_touches import Clicks
from attribution.loading.sessions import CONSENT_BITS, UNKNOWN, Sessions, Views, sessions_of
from attribution.store import schema
from attribution.store.columns import FEW, Ints, Values, insert_columns, read_frame, read_ints, temporary
from attribution.store.keys import look_up, row_hash, text_hash
from attribution.store.settings import Settings

_KEYED: Final = "_page_views_keyed"  # by what views are told from one another; missing in older stores
_MANY: Final = 50_000  # from here on views are read from the first visitor to the last

page_view = schema.page_view

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class StoredViews:
    """Page views: int64[n] columns, 0 where there is nothing.

    Attributes:
        visitor, at, hash: the key.
        origin, page, agent: numbers.
        session, click: hashes.
        engaged: seconds, UNKNOWN where nobody counted.
        consent: packed bits.
        prefetch: 1 where nobody had asked for the page yet.
    """

    visitor: Ints
    at: Ints
    hash: Ints
    origin: Ints
    page: Ints
    agent: Ints
    session: Ints
    click: Ints
    engaged: Ints
    consent: Ints
    prefetch: Ints

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints | Bools) -> StoredViews:
        """Return some of them."""
        return StoredViews(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concat(cls, *parts: StoredViews) -> StoredViews:
        """Put views together."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def places(self, views: StoredViews, *, older: bool = False) -> Ints:
        """Return where other views stand among these, -1 where they do not: int64[m].

        By the hash, which is of visitor, time, page, origin and click; in `older` stores it is of all that a
        view says, and those that are left are found by what they hold.
        """
        found = look_up(self.hash, np.arange(len(self)), views.hash)
        left = np.flatnonzero((found < 0) & (views.visitor > 0)) if older else found[:0]
        if len(left):
            mine, theirs = self._contents(), views.take(left)._contents()
            same = look_up(mine, np.arange(len(self)), theirs)
            _, first = np.unique(same, return_index=True)  # one view is told once
            first = first[(same[first] >= 0) & ~np.isin(same[first], found)]
            found[left[first]] = same[first]
        return found

    def _contents(self) -> Ints:
        names = ("visitor", "at", "origin", "page", "click")
        return row_hash({name: getattr(self, name) for name in names}, len(self))

    def told_more(self, place: Ints, again: StoredViews) -> tuple[StoredViews, Bools]:
        """Return what becomes of views that are told again and say more, and which of them do: bool[m].

        Args:
            place: int64[m], which of these views are told again.
            again: m views; what they do not say stays.
        """
        blank = {"agent": 0, "session": 0, "engaged": UNKNOWN, "prefetch": 0}
        now: dict[str, Ints] = {}
        for name, nothing in blank.items():
            before, told = getattr(self, name)[place], getattr(again, name)
            now[name] = np.where(told != nothing, told, before)
        known = np.zeros(len(again), np.int64)
        for shift in range(0, CONSENT_BITS, 2):
            known |= np.where(again.consent >> shift & 0b11, 0b11 << shift, 0)
        now["consent"] = self.consent[place] & ~known | again.consent & known
        changed = np.zeros(len(again), np.bool_)
        for name, values in now.items():
            changed |= values != getattr(self, name)[place]
        others = {name: values[changed] for name, values in now.items()}
        return replace(self.take(place[changed]), **others), changed

    @classmethod
    def none(cls) -> StoredViews:
        """Return no views at all."""
        return cls(*[np.zeros(0, np.int64)] * len(fields(cls)))


@dataclass(frozen=True, eq=False)
class SessionCut:
    """How page views are cut into sessions.

    Attributes:
        cutting: what their origins mean.
        crawlers: numbers of agents.
        gap: microseconds.
    """

    cutting: Cutting
    crawlers: Ints
    gap: int

    def views(self, stored: StoredViews) -> Views:
        """Return views as they are cut."""
        robots = np.isin(stored.agent, self.crawlers)
        early = stored.prefetch * schema.FLAG_PREFETCH
        spam = self.cutting.spam[stored.origin] * schema.FLAG_SPAM
        return Views(
            visitor=stored.visitor, at=stored.at, hash=stored.hash,
            place=self.cutting.place[stored.origin], rank=self.cutting.rank[stored.origin],
            click=stored.click, session=stored.session,
            stream=np.where(robots, schema.FLAG_CRAWLER, np.where(early > 0, early, spam)),
            inside=self.cutting.inside[stored.origin], origin=stored.origin, page=stored.page,
            agent=stored.agent, engaged=stored.engaged, consent=stored.consent,
        )  # fmt: skip

    def sessions(self, stored: StoredViews) -> Sessions:
        """Return the sessions of all views of some visitors."""
        return sessions_of(self.views(stored), self.gap)


def insert_views(connection: Connection, views: StoredViews, clicks: Clicks, batch_id: int) -> None:
    """Store new page views, sorted by their key."""
    insert_columns(
        connection,
        page_view,
        {
            "visitor": views.visitor, "at": views.at, "hash": views.hash, "origin_id": views.origin,
            "page_id": _plain(views.page, 0), "agent_id": _plain(views.agent, 0),
            "session": _plain(views.session, 0),
            "click_id": clicks.named(views.click) if views.click.any() else None,
            "engaged_seconds": _plain(views.engaged, UNKNOWN),
            "consent": views.consent if views.consent.any() else 0,
            "prefetch": views.prefetch if views.prefetch.any() else 0,
            "batch_id": batch_id,
        },
    )  # fmt: skip


def has_older_keys(connection: Connection, settings: Settings) -> bool:
    """Tell whether views are stored by hashes of all that they say, as versions before this one did."""
    if settings.internal(_KEYED) is None:
        if connection.execute(select(page_view.c.at).limit(1)).first() is not None:
            return True
        settings.put_raw(_KEYED, "2")
    return False


def update_views(connection: Connection, views: StoredViews) -> None:
    """Write what stored views say by now besides their keys."""
    if not len(views):
        return
    told = ("agent", "session", "engaged", "consent", "prefetch")
    columns = {name: getattr(views, name) for name in ("visitor", "at", "hash", *told)}
    with temporary(connection, **columns) as now:
        view = page_view.c
        connection.execute(
            update(page_view)
            .where(view.visitor == now.c.visitor, view.at == now.c.at, view.hash == now.c.hash)
            .values(
                agent_id=func.nullif(now.c.agent, 0),
                session=func.nullif(now.c.session, 0),
                engaged_seconds=func.nullif(now.c.engaged, UNKNOWN),
                consent=now.c.consent,
                prefetch=now.c.prefetch,
            )
        )


def _plain(numbers: Ints, nothing: int) -> Values:
    """Return numbers with null for nothing; as they are where there is no null, which is stored faster."""
    missing = numbers == nothing
    if not missing.any():
        return numbers
    return None if missing.all() else pa.array(numbers, mask=missing)


def read_views(
    connection: Connection, visitors: Ints, since: int | None = None, until: int | None = None
) -> tuple[StoredViews, Clicks]:
    """Read the page views of some visitors, in any order, and what their click ids are.

    Args:
        connection: inside a transaction.
        visitors: int64, distinct and ascending; 0 is nobody.
        since, until: microseconds, ends included; None: at any time.
    """
    view = page_view.c
    bounds = [view.at >= since] if since is not None else []
    bounds += [view.at <= until] if until is not None else []
    whole = (
        view.visitor, view.at, view.hash, view.origin_id, func.coalesce(view.page_id, 0),
        func.coalesce(view.agent_id, 0), func.coalesce(view.session, 0),
        func.coalesce(view.engaged_seconds, UNKNOWN), view.consent, view.prefetch,
    )  # fmt: skip
    names = ["visitor", "at", "hash", "origin", "page", "agent", "session", "engaged", "consent", "prefetch"]
    clicked = select(view.visitor, view.hash, view.click_id).where(view.click_id.is_not(None))

    def read(which: ColumnElement[bool]) -> tuple[StoredViews, Clicks]:
        found = read_ints(connection, select(*whole).where(which), names)
        texts = read_frame(connection, clicked.where(which))
        named = pa.array(texts["click_id"], pa.string())
        hashes = text_hash(named)
        click = np.zeros(len(found["at"]), np.int64)
        if len(hashes):
            order = np.argsort(texts["hash"].to_numpy(np.int64))
            known = texts["hash"].to_numpy(np.int64)[order]
            at = np.minimum(np.searchsorted(known, found["hash"]), len(known) - 1)
            click = np.where(known[at] == found["hash"], hashes[order][at], 0)
        views = StoredViews(click=click, **found)
        if len(visitors) >= _MANY:
            views = views.take(np.isin(views.visitor, visitors))
        return views, Clicks.of(hashes, named)

    if not len(visitors):
        return StoredViews.none(), Clicks.of(np.zeros(0, np.int64), pa.array([], pa.string()))
    if len(visitors) <= FEW:
        return read(and_(view.visitor.in_(visitors.tolist()), *bounds))
    if len(visitors) >= _MANY:
        return read(and_(view.visitor.between(int(visitors[0]), int(visitors[-1])), *bounds))
    with temporary(connection, visitor=visitors) as wanted:
        return read(and_(view.visitor.in_(select(wanted.c.visitor)), *bounds))
