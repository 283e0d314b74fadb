"""Page views cut into sessions, on plain arrays.

A visitor's views in order of time are one session until they pause for longer than the gap, or until a view
comes from elsewhere than the session did: by another click, or without a click from another place. A view
that says nothing of where it came from continues. Where the export knows its sessions, those count. Of the
views of one instant that one is the first which says most of where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from attribution.store.keys import row_hash

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNKNOWN = -1  # seconds that nobody counted
CONSENT_BITS = 6  # two for each purpose
_STREAMS = range(4)  # whoever's doing a view is


@dataclass(frozen=True, eq=False)
class Views:
    """Page views in any order: int64[n] each.

    Attributes:
        visitor: an identifier; 0: nobody's, each of which is by itself.
        at: microseconds.
        hash: of what tells a view from every other, its visitor too.
        place: where the view came from, the same for what compares equal; 0 where it does not say.
        rank: which of the views of one instant was the first: the one with the smallest.
        click: a hash of the click id; 0: none.
        session: a hash of visitor and session, where the export knows it; else 0.
        stream: why the view is nobody's doing (a reason of `touch_flag`), 0 where it is somebody's: a
            crawler's views, those with a spam referrer, and pages that were fetched early, are in sessions
            of their own.
        inside: 1 where the view came from a page of the site itself.
        origin, page, agent: numbers; 0: none.
        engaged: seconds, UNKNOWN where nobody counted.
        consent: packed bits.
    """

    visitor: Ints
    at: Ints
    hash: Ints
    place: Ints
    rank: Ints
    click: Ints
    session: Ints
    stream: Ints
    inside: Ints
    origin: Ints
    page: Ints
    agent: Ints
    engaged: Ints
    consent: Ints

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints | Bools | slice) -> Views:
        """Return some of them."""
        return Views(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concat(cls, *parts: Views) -> Views:
        """Put views together."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions, each a touch: int64[m] columns.

    Attributes:
        id: a hash; the same for the same session whenever and in whatever order its views came.
        visitor: 0: nobody's.
        at, origin, page, agent, click: of the first view.
        views: how many; UNKNOWN where views are nobody's.
        engaged: seconds, UNKNOWN where nobody counted.
        consent: the last known signal of each purpose.
        stream: as of the views.
    """

    id: Ints
    visitor: Ints
    at: Ints
    origin: Ints
    page: Ints
    agent: Ints
    click: Ints
    views: Ints
    engaged: Ints
    consent: Ints
    stream: Ints

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Ints | Bools) -> Sessions:
        """Return some of them."""
        return Sessions(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def digest(self) -> Ints:
        """Return a hash of what each touch holds."""
        return row_hash({field.name: getattr(self, field.name) for field in fields(self)}, len(self))


def cut(views: Views, gap: int) -> tuple[Views, Ints]:
    """Cut views into sessions.

    Args:
        views: all views of their visitors, distinct.
        gap: microseconds; a longer pause ends a session.

    Returns:
        The views, those of a session side by side in order of time, and int64[m], where each session begins.
    """
    views = _sorted(views)
    if not len(views):
        return views, np.zeros(0, np.int64)
    begins = np.ones(len(views), np.bool_)
    begins[1:] = (
        (views.visitor[1:] != views.visitor[:-1])
        | (views.stream[1:] != views.stream[:-1])
        | (views.session[1:] != views.session[:-1])
    )
    ruled = views.session == 0
    begins[1:] |= ruled[1:] & ((np.diff(views.at) > gap) | (views.visitor[1:] == 0))
    # what may open a session: a view after a pause, and one that says where it came from
    may = np.flatnonzero(begins | (ruled & (views.place > 0)))
    begins[may[_from_elsewhere(begins[may], views.place[may], views.click[may])]] = True
    return views, np.flatnonzero(begins)


def _from_elsewhere(begins: Bools, place: Ints, click: Ints) -> Bools:
    """Tell which views came by another click, or without one from another place, than the open session.

    The click of a session, told again, is that session wherever the view says that it came from: a redirect
    may drop tags and keep the click id. Such a view says the session's place, which is known once it is known
    where sessions begin: so this is done until nothing moves, which is twice where any click is told again.
    """
    number = np.arange(len(place))
    said = place
    while True:
        found = _other(begins, said, click)
        start = np.maximum.accumulate(np.where(begins | found, number, 0))
        now = np.where((click != 0) & (start < number), place[start], place)
        if (now == said).all():
            return found
        said = now


def _other(begins: Bools, place: Ints, click: Ints) -> Bools:
    """Do :func:`_from_elsewhere` for views that say the place of their session.

    Whatever opens no session says the place of the open one: so each view is compared with the one before it.
    """
    elsewhere = ~begins & (click == 0)
    elsewhere[1:] &= place[1:] != place[:-1]
    number = np.arange(len(place))
    start = np.maximum.accumulate(np.where(begins | elsewhere, number, 0))
    clicked = np.maximum.accumulate(np.where(click != 0, number, -1))
    before = np.concatenate([[-1], clicked[:-1]])  # the last view with a click id before each
    again = (before >= start) & (click[before] == click)
    found: Bools = elsewhere | (~begins & (click != 0) & ~again)
    return found


def _sorted(views: Views) -> Views:
    """Sort views by session where the export knows those, then time; views that are in order are left."""
    same = np.ones(max(len(views) - 1, 0), np.bool_)
    in_order = same.copy()
    for key in (views.visitor, views.stream, views.session, views.at):
        in_order &= ~same | (key[1:] >= key[:-1])
        same &= key[1:] == key[:-1]
    if not in_order.all():
        return views.take(
            np.lexsort((views.hash, views.rank, views.at, views.session, views.stream, views.visitor))
        )
    if not same.any():
        return views
    # most are in order: only views of one instant change places
    tied = np.zeros(len(views), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    some = np.flatnonzero(tied)
    group = np.cumsum(np.concatenate([[True], ~same]))[some]
    order = np.arange(len(views))
    order[some] = some[np.lexsort((views.hash[some], views.rank[some], group))]
    return views.take(order)


def sessions_of(views: Views, gap: int) -> Sessions:
    """Return the sessions that views are; arguments as of :func:`cut`.

    Views that are nobody's are put together with no others: each that came from elsewhere, or directly, is a
    session by itself, and one that came from within the site is none.
    """
    views, first = cut(views, gap)
    if not len(views):
        return Sessions(*[np.zeros(0, np.int64)] * len(fields(Sessions)))
    head = views.take(first)
    counts = np.diff(np.append(first, len(views)))
    known = np.maximum.reduceat(views.engaged, first) >= 0
    seconds = np.add.reduceat(np.maximum(views.engaged, 0), first)
    own = row_hash({"session": head.session, "stream": head.stream}, len(head))
    nobody = head.visitor == 0
    found = Sessions(
        id=np.where(head.session != 0, own, head.hash),
        visitor=head.visitor, at=head.at, origin=head.origin, page=head.page, agent=head.agent,
        click=head.click, views=np.where(nobody, UNKNOWN, counts),
        engaged=np.where(known, seconds, UNKNOWN), consent=_last_signals(views.consent, first),
        stream=head.stream,
    )  # fmt: skip
    inside = nobody & (head.inside == 1)
    return found.take(~inside) if inside.any() else found


def possible_sessions(views: Views) -> tuple[Ints, Ints]:
    """Return the ids, distinct, and the visitors of all sessions that views can be cut into in any way."""
    known = views.session != 0
    ids, visitors = [views.hash], [views.visitor]
    for stream in _STREAMS if known.any() else ():
        session = views.session[known]
        ids.append(row_hash({"session": session, "stream": np.full(len(session), stream)}, len(session)))
        visitors.append(views.visitor[known])
    _, first = np.unique(np.concatenate(ids), return_index=True)
    return np.concatenate(ids)[first], np.concatenate(visitors)[first]


def _last_signals(consent: Ints, first: Ints) -> Ints:
    """Return the last known signal of each purpose in each session, packed."""
    found = np.zeros(len(first), np.int64)
    if not consent.any():
        return found
    number = np.arange(len(consent))
    for shift in range(0, CONSENT_BITS, 2):
        signal = consent >> shift & 0b11
        last = np.maximum.reduceat(np.where(signal > 0, number, -1), first)
        found |= np.where(last >= first, signal[last], 0) << shift
    return found
