"""Flags: touches of crawlers and of referrer spam are stored without their visitor, who stands in the flag.

So nothing that reads journeys pays for them, and a flag can be taken back where a later list knows better.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, func, or_, select, update

from attribution.channels.crawlers import crawlers_among, crawlers_version
from attribution.channels.spam import spam_among, spam_list
from attribution.identifiers import VISITOR
from attribution.loading.evidence import note_holders, remove_edges
from attribution.loading.merge import log_changes, nullable
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_frame, read_ints, remove, temporary
from attribution.store.keys import find, intern, look_up, text_hash
from attribution.store.schema import FLAG_CRAWLER, FLAG_PREFETCH, FLAG_REPLACED, FLAG_SPAM
from attribution.store.settings import Settings

#: what each reason is called
REASONS: Final = {
    FLAG_CRAWLER: "crawler", FLAG_SPAM: "spam", FLAG_PREFETCH: "prefetch", FLAG_REPLACED: "replaced",
}  # fmt: skip
_FLAGGED_BY: Final = "_flagged_by"  # versions of the lists
_FROM_LISTS: Final = (FLAG_CRAWLER, FLAG_SPAM)

agent, edge, origin, sources, touch, touch_flag = (
    schema.agent, schema.edge, schema.origin, schema.evidence_source, schema.touch, schema.touch_flag,
)  # fmt: skip

Bools = npt.NDArray[np.bool_]


def intern_agents(connection: Connection, settings: Settings, hashes: Ints, rows: pa.Table) -> Ints:
    """Number browsers' names (column `user_agent`); whether one is a crawler's is looked up once."""
    if settings.internal(_FLAGGED_BY) is None and _is_empty(connection):  # older stores are behind
        settings.put_raw(_FLAGGED_BY, _state())
    agents = rows.column("user_agent")

    def columns(new: Ints) -> dict[str, pa.Array | pa.ChunkedArray]:
        names = agents.take(pa.array(new))
        return {"user_agent": names, "crawler": pa.array(crawlers_among(names).astype(np.int64))}

    return intern(connection, agent, "agent_id", hashes, columns)[0]


def _is_empty(connection: Connection) -> bool:
    return connection.execute(select(agent.c.agent_id).limit(1)).first() is None


def read_crawlers(connection: Connection) -> Ints:
    """Return the numbers of agents that are crawlers', ascending."""
    found = read_ints(connection, select(agent.c.agent_id).where(agent.c.crawler == 1), ["agent"])["agent"]
    return np.sort(found)


def reasons(crawler: Bools, spam: Bools) -> Ints:
    """Return why touches are flagged: int64[n] of `schema.FLAG_*`, 0 where they are not."""
    return np.where(crawler, FLAG_CRAWLER, np.where(spam, FLAG_SPAM, 0)).astype(np.int64)


def insert_flags(connection: Connection, n: Ints, visitor: Ints, reason: Ints) -> None:
    """Flag touches by number, ascending; visitor 0: nobody's."""
    insert_columns(connection, touch_flag, {"n": n, "visitor": nullable(visitor), "reason": reason})


def is_behind(settings: Settings) -> bool:
    """Tell whether touches were flagged by other lists than those of today."""
    return settings.internal(_FLAGGED_BY) not in (None, _state())


def mark_agents(connection: Connection, settings: Settings) -> Ints:
    """Look browsers' names up again where the list is another; returns those that moved."""
    if settings.internal(_FLAGGED_BY) == _state():
        return np.zeros(0, np.int64)
    known = read_frame(connection, select(agent.c.agent_id, agent.c.user_agent, agent.c.crawler))
    now = crawlers_among(pa.array(known["user_agent"], pa.string())).astype(np.int64)
    before = known["crawler"].fillna(-1).to_numpy(np.int64)
    moved = np.flatnonzero(now != before)
    if not len(moved):
        return moved
    numbers = known["agent_id"].to_numpy(np.int64)[moved]
    with temporary(connection, number=numbers, crawler=now[moved]) as new:
        connection.execute(
            update(agent).where(agent.c.agent_id == new.c.number).values(crawler=new.c.crawler)
        )
    others: Ints = numbers[np.maximum(before[moved], 0) != now[moved]]
    return others


def flag_again(connection: Connection, settings: Settings) -> None:
    """Flag touches, and take flags back, where a list is another than the last time; see :func:`mark_agents`.

    Sessions of page views are cut anew before: they are flagged alike.
    """
    if settings.internal(_FLAGGED_BY) == _state():
        return
    settings.put_raw(_FLAGGED_BY, _state())
    wanted = _wanted(connection)
    statement = select(touch_flag.c.n, touch_flag.c.reason)
    flagged = read_ints(connection, statement, ["n", "reason"])
    before = look_up(flagged["n"], flagged["reason"], wanted["n"], missing=0)
    _flag(connection, settings, {name: values[before == 0] for name, values in wanted.items()})
    other = (before != wanted["reason"]) & np.isin(before, _FROM_LISTS)
    with temporary(connection, n=wanted["n"][other], reason=wanted["reason"][other]) as new:
        connection.execute(update(touch_flag).where(touch_flag.c.n == new.c.n).values(reason=new.c.reason))
    ours = np.isin(flagged["reason"], _FROM_LISTS)
    _take_back(connection, flagged["n"][ours & ~np.isin(flagged["n"], wanted["n"])])


def _state() -> str:
    return f"{crawlers_version()} {spam_list().version}"


def _wanted(connection: Connection) -> dict[str, Ints]:
    """Return the touches that lists say are to be flagged: `n visitor reason`, visitor 0 for nobody's."""
    crawlers = read_crawlers(connection)
    hosts = read_frame(
        connection,
        select(origin.c.origin_id, origin.c.referrer_host).where(origin.c.referrer_host.is_not(None)),
    )
    spam = spam_among(pa.array(hosts["referrer_host"], pa.string()))
    spamming = hosts["origin_id"].to_numpy(np.int64)[spam]
    with temporary(connection, agent=crawlers) as robots, temporary(connection, origin=spamming) as senders:
        statement = select(
            touch.c.n,
            func.coalesce(touch.c.visitor, 0),
            func.coalesce(touch.c.agent_id, 0),
            touch.c.origin_id,
        ).where(
            or_(
                touch.c.agent_id.in_(select(robots.c.agent)),
                touch.c.origin_id.in_(select(senders.c.origin)),
            )
        )
        found = read_ints(connection, statement, ["n", "visitor", "agent", "origin"])
    reason = reasons(np.isin(found["agent"], crawlers), np.isin(found["origin"], spamming))
    return {"n": found["n"], "visitor": found["visitor"], "reason": reason}


def _flag(connection: Connection, settings: Settings, new: dict[str, Ints]) -> None:
    if not len(new["n"]):
        return
    order = np.argsort(new["n"])
    n, visitor, reason = (new[name][order] for name in ("n", "visitor", "reason"))
    _remove_evidence(connection, settings, n)
    with temporary(connection, n=n) as flagged:
        connection.execute(update(touch).where(touch.c.n.in_(select(flagged.c.n))).values(visitor=None))
    insert_flags(connection, n, visitor, reason)
    log_changes(connection, schema.CHANGE_PERSON, as_set(visitor[visitor > 0]))


def _remove_evidence(connection: Connection, settings: Settings, n: Ints) -> None:
    """Take back what touches tied together: what a robot types into a form is no evidence."""
    with temporary(connection, n=n) as flagged:
        statement = (
            select(touch.c.visitor, touch.c.at, func.coalesce(origin.c.kind, "session").label("kind"))
            .join(flagged, flagged.c.n == touch.c.n)
            .join(origin, origin.c.origin_id == touch.c.origin_id)
            .where(touch.c.visitor.is_not(None))
        )
        said = read_frame(connection, statement)
    for kind, rows in said.groupby("kind"):
        label = text_hash(pa.array([f"touch: {kind}"]))
        known = find(connection, sources, sources.c.hash, ["evidence_source_id"], label, exact=True)
        if not len(known["hash"]):
            continue  # none of that kind ever named two
        source = int(known["evidence_source_id"][0])
        ends, at = rows["visitor"].to_numpy(np.int64), rows["at"].to_numpy(np.int64)
        for _ in range(2):  # what a row names is tied to the strongest of it, not each to each
            edges = _edges_of(connection, ends, at, source)
            ends, at = np.concatenate([edges["a"], edges["b"]]), np.concatenate([edges["at"]] * 2)
            every = np.full(len(edges["a"]), source)
            remove_edges(connection, settings, edges["a"], edges["b"], edges["at"], every)


def _edges_of(connection: Connection, ends: Ints, at: Ints, source: int) -> dict[str, Ints]:
    """Read the observations of a source that tie identifiers at given instants: `a b at`."""
    parts = []
    with temporary(connection, identifier=ends, at=at) as mine:
        for end in (edge.c.a, edge.c.b):
            statement = (
                select(edge.c.a, edge.c.b, edge.c.at)
                .join(mine, (mine.c.identifier == end) & (mine.c.at == edge.c.at))
                .where(edge.c.evidence_source_id == source)
                .distinct()
            )
            parts.append(read_ints(connection, statement, ["a", "b", "at"]))
    return {name: np.concatenate([part[name] for part in parts]) for name in ("a", "b", "at")}


def _take_back(connection: Connection, n: Ints) -> None:
    if not len(n):
        return
    with temporary(connection, n=n) as flagged:
        whose = read_ints(
            connection,
            select(touch_flag.c.n, func.coalesce(touch_flag.c.visitor, 0)).join(
                flagged, flagged.c.n == touch_flag.c.n
            ),
            ["n", "visitor"],
        )
    with temporary(connection, **whose) as back:
        connection.execute(
            update(touch).where(touch.c.n == back.c.n).values(visitor=func.nullif(back.c.visitor, 0))
        )
    remove(connection, touch_flag.c.n, n)
    visitor = as_set(whose["visitor"][whose["visitor"] > 0])
    known = schema.identifier
    kinds = find(connection, known, known.c.identifier_id, ["kind"], visitor, exact=True)
    note_holders(connection, kinds["identifier_id"][kinds["kind"] != VISITOR])
    log_changes(connection, schema.CHANGE_PERSON, visitor)
