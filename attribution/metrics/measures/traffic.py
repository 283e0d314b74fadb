"""Traffic: sessions, visitors, new ones, and who left at once; by where each session itself came from.

Nothing is credited here: a session has its own placement, page and kind. A visit is a touch of kind
`session`, or a `click` that no session of the same visitor stands for within half an hour. Touches of robots
and the like are none. Visitors are browsers: whose consent was denied has sessions, and is no visitor.

Of touches that were removed with `retain`, the daily counts that it kept are sessions, and visitors once a
day; of the same instant, the first session of a visitor is whichever has the smaller hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import BigInteger, Connection, and_, case, cast, func, or_, select

from attribution.clock import MINUTE, SECOND, parse_duration
from attribution.journeys.build import SAME_TOUCH_WITHIN_MINUTES
from attribution.ledger.allocate import MILLION
from attribution.metrics.credits import sums
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_ints
from attribution.store.schema import lead, membership, origin, touch, touch_count, touch_flag
from attribution.store.settings import Settings

Mask = npt.NDArray[np.bool_]

SHORT_SECONDS: Final = 10  # a visit to one page that is shorter bounced
_SESSION, _CLICK = 1, 2
_KNOWN, _SHORT = 1, 2  # state of a session: its page views are known; it is one short view
_SAME: Final = SAME_TOUCH_WITHIN_MINUTES * MINUTE


@dataclass(frozen=True)
class Visits:
    """Every visit of a store, in any order: parallel arrays of int64.

    Attributes:
        visitor: identifier, 0 where nobody may be known.
        at: microseconds.
        origin: `origin_id`.
        page: `page_id`, -1 for none; None where pages were not asked for.
        state: 0 where page views are not known, else `_KNOWN` or `_SHORT`.
        rank: of the origin, the same in every store with the same touches.
    """

    visitor: Ints
    at: Ints
    origin: Ints
    page: Ints | None
    state: Ints
    rank: Ints

    @cached_property
    def first(self) -> Mask:
        """Which are the first ones of their visitors."""
        best = self.visitor > 0  # sorting by all three would take ten times as long
        for values in (self.at, self.rank, np.arange(len(self.at))):
            least = np.full(int(self.visitor.max(initial=0)) + 1, np.iinfo(np.int64).max)
            np.minimum.at(least, self.visitor[best], values[best])
            best = best & (values == least[self.visitor])
        return best

    def keep(self, mask: Mask) -> Visits:
        """Return some of the visits."""
        page = None if self.page is None else self.page[mask]
        return Visits(
            self.visitor[mask], self.at[mask], self.origin[mask], page, self.state[mask], self.rank[mask]
        )


def read_visits(connection: Connection, *, pages: bool) -> Visits:
    """Read every visit, without text: a few numbers a touch, two of them in one.

    Args:
        connection: inside a transaction.
        pages: whether pages are wanted too.
    """
    short = and_(touch.c.page_views == 1, func.coalesce(touch.c.engaged_seconds, 0) < SHORT_SECONDS)
    state = case((touch.c.page_views.is_(None), 0), (short, _SHORT), else_=_KNOWN)
    whose = func.coalesce(touch.c.visitor, 0)
    # numbers of 31, 29 and 2 bits in one: what costs time is how many values are handed over
    packed = cast(whose, BigInteger) * 2**32 + cast(touch.c.origin_id, BigInteger) * 4 + state
    columns: list[Any] = [touch.c.at, packed]
    columns += [func.coalesce(touch.c.page_id, -1)] if pages else []
    named = or_(touch.c.visitor.is_not(None), touch.c.n.not_in(select(touch_flag.c.n)))
    names = ("at", "packed", "page")[: len(columns)]
    found = read_ints(connection, select(*columns).where(named), names)
    origins = (found["packed"] & 0xFFFFFFFF) >> 2
    code, rank = _kinds(connection)
    visits = Visits(
        found["packed"] >> 32, found["at"], origins, found.get("page"), found["packed"] & 3, rank[origins]
    )
    kind = code[origins]
    if not kind.all():
        visits, kind = visits.keep(kind > 0), kind[kind > 0]
    return _without_doubles(visits, kind == _SESSION) if (kind == _CLICK).any() else visits


def _kinds(connection: Connection) -> tuple[Ints, Ints]:
    """Return by `origin_id` the code of each origin (0: no visit), and its rank by hash."""
    code = case(
        (func.coalesce(origin.c.kind, "session") == "session", _SESSION),
        (origin.c.kind == "click", _CLICK),
        else_=0,
    )
    found = read_ints(connection, select(origin.c.origin_id, code, origin.c.hash), ("origin", "code", "hash"))
    codes, ranks = np.zeros((2, int(found["origin"].max(initial=0)) + 1), np.int64)
    codes[found["origin"]] = found["code"]
    ranks[found["origin"]] = np.argsort(np.argsort(found["hash"]))
    return codes, ranks


def _without_doubles(visits: Visits, is_session: Mask) -> Visits:
    """Leave out clicks that a session of the same visitor stands for."""
    order = np.lexsort((visits.at, visits.visitor))
    visitor, at, sessions_ = visits.visitor[order], visits.at[order], is_session[order]
    place, count = np.arange(len(order)), len(order)
    before = np.maximum.accumulate(np.where(sessions_, place, -1))
    after = np.minimum.accumulate(np.where(sessions_, place, count)[::-1])[::-1]
    stands = np.zeros(count, bool)
    for beside in (before, after):
        there = (beside >= 0) & (beside < count) & (visitor > 0)
        other = np.where(there, beside, 0)
        stands |= there & (np.abs(at - at[other]) <= _SAME) & (visitor == visitor[other])
    doubles = np.zeros(count, bool)
    doubles[order] = stands & ~sessions_
    return visits.keep(~doubles)


def _visits(measures: Measures) -> Visits:
    pages = "page_id" in measures.dimensions.touch_keys
    return measures.once("visits", lambda: read_visits(measures.connection, pages=pages))


def _unknown(measures: Measures) -> bool:
    """Tell, with a warning, whether a dimension is none of sessions'."""
    plain = measures.dimensions.plain
    if plain:
        measures.warn(f"traffic is left empty: sessions are not known by {', '.join(plain)}")
    return bool(plain)


def _groups(measures: Measures, visits: Visits, chosen: Mask) -> Ints:
    """Return the group of each chosen visit, -1 where a condition leaves it out."""
    groups = measures.once("visit groups", lambda: _groups_of(measures, visits.origin, visits.page))
    return groups[chosen]


def _groups_of(measures: Measures, origins: Ints, pages: Ints | None) -> Ints:
    dims: Dimensions = measures.dimensions
    found = read_ints(
        measures.connection,
        select(origin.c.origin_id, origin.c.placement_id).order_by(origin.c.origin_id),
        ("origin_id", "placement_id"),
    )
    table = np.zeros(int(found["origin_id"].max(initial=0)) + 1, np.int64)
    if "page_id" not in dims.touch_keys:  # once an origin, which are few
        table[found["origin_id"]] = dims.touch_groups(found, len(found["origin_id"]))
        return table[origins]
    table[found["origin_id"]] = found["placement_id"]
    placements = table[origins]
    page = np.full(len(origins), -1) if pages is None else pages
    return dims.touch_groups(
        {"placement_id": placements, "origin_id": origins, "page_id": page}, len(origins)
    )


def _removed(measures: Measures) -> dict[str, Ints]:
    """Return the daily counts of the period that `retain` kept of visits: origin, touches, visitors."""
    period = measures.asked.question.period
    kind = func.coalesce(origin.c.kind, "session")
    statement = (
        select(touch_count.c.origin_id, touch_count.c.touches, touch_count.c.visitors)
        .join(origin, origin.c.origin_id == touch_count.c.origin_id)
        .where(kind == "session")
    )
    if period.start_day is not None:
        statement = statement.where(touch_count.c.day >= period.start_day)
    if period.end_day is not None:
        statement = statement.where(touch_count.c.day <= period.end_day)
    return read_ints(measures.connection, statement, ("origin", "touches", "visitors"))


def sessions(measures: Measures) -> Parts | None:
    if _unknown(measures):
        return None
    visits, gone = _visits(measures), _removed(measures)
    groups = _groups(measures, visits, measures.in_period(visits.at))
    counts = np.bincount(groups[groups >= 0])
    some = np.flatnonzero(counts)
    old = _groups_of(measures, gone["origin"], None)
    values = np.r_[counts[some], gone["touches"]] * MILLION
    return Parts.of_groups(sums(np.r_[some, old], values))


def visitors(measures: Measures) -> Parts | None:
    """Who came in two ways is in two groups, and once in the whole."""
    if _unknown(measures):
        return None
    visits, gone = _visits(measures), _removed(measures)
    chosen = measures.in_period(visits.at) & (visits.visitor > 0)
    groups = _groups(measures, visits, chosen)
    width = int(groups.max(initial=-1)) + 2
    pairs = as_set(visits.visitor[chosen] * width + groups + 1)  # -1 is 0
    old = _groups_of(measures, gone["origin"], None)
    if len(old):
        measures.warn(
            "visitors of touches that were removed are counted once a day: nobody knows who came again"
        )
    came = pairs[pairs % width > 0]
    together = len(as_set(came // width)) + int(gone["visitors"][old >= 0].sum())
    counts = np.r_[np.ones(len(came), np.int64), gone["visitors"]] * MILLION
    return Parts.of_groups(sums(np.r_[came % width - 1, old], counts), together * MILLION)


def new_visitors(measures: Measures) -> Parts | None:
    if _unknown(measures):
        return None
    visits = _visits(measures)
    return _counted(_groups(measures, visits, measures.in_period(visits.at) & visits.first))


def known_sessions(measures: Measures) -> Parts | None:
    if _unknown(measures):
        return None
    visits = _visits(measures)
    return _counted(_groups(measures, visits, measures.in_period(visits.at) & (visits.state > 0)))


def bounced_sessions(measures: Measures) -> Parts | None:
    if _unknown(measures):
        return None
    visits = _visits(measures)
    bounced = measures.once(
        "bounced", lambda: (visits.state == _SHORT) & ~_with_lead(measures.connection, visits)
    )
    return _counted(_groups(measures, visits, measures.in_period(visits.at) & bounced))


def _counted(groups: Ints) -> Parts:
    counts = np.bincount(groups[groups >= 0])
    some = np.flatnonzero(counts)
    return Parts.of_groups(dict(zip(some.tolist(), (counts[some] * MILLION).tolist(), strict=True)))


def _with_lead(connection: Connection, visits: Visits) -> Mask:
    """Tell in which short visits a lead of the same person was made: until a session would have ended."""
    gap = parse_duration(Settings(connection).require("session_gap"))
    lasts = max(gap, SHORT_SECONDS * SECOND)
    theirs = membership.alias()
    of_people = (
        select(
            theirs.c.identifier_id, lead.c.created_at, lead.c.created_at_end, theirs.c.since, theirs.c.until
        )
        .select_from(lead)
        .join(membership, membership.c.identifier_id == lead.c.identifier_id)
        .join(theirs, theirs.c.person_id == membership.c.person_id)
    )
    names = ("visitor", "created", "created_end", "since", "until")
    pairs = pd.DataFrame(read_ints(connection, of_people, names))
    out = np.zeros(len(visits.visitor), bool)
    short = np.flatnonzero((visits.state == _SHORT) & np.isin(visits.visitor, pairs["visitor"].to_numpy()))
    frame = pd.DataFrame({"place": short, "visitor": visits.visitor[short], "at": visits.at[short]})
    both = frame.merge(pairs, on="visitor")
    at = both["at"]
    made = (both["created_end"] >= at) & (both["created"] <= at + lasts)
    made &= (both["since"] <= at) & (at < both["until"])
    out[both["place"].to_numpy(np.int64)[made.to_numpy(bool)]] = True
    return out


MEASURES: Final[dict[str, Measure]] = {
    "sessions": sessions,
    "visitors": visitors,
    "new_visitors": new_visitors,
    "known_sessions": known_sessions,
    "bounced_sessions": bounced_sessions,
}
