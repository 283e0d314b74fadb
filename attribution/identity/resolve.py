"""Who is who: people are the connected components of the evidence, computed and never stored as truth.

A person's number is the smallest identifier number of its component, so that a merge is a renaming of
the other components' members and the same edges give the same people in any order. Resolution reads only
the edges that are new; that equals resolving everything at once, since components only ever grow here.
(Guards, limits and exclusions, which can demote an edge, are to come between the reading of the edges and
their union.)
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlalchemy import Connection, delete, func, select

from attribution.identifiers import ACCOUNT
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_ints, temporary
from attribution.store.keys import look_up
from attribution.store.settings import Settings

IDENTITY_VERSION: Final = 1  # of the rules; recorded with each run
_WATERMARK: Final = "_resolved_edge"

edge, identifier, membership, change = schema.edge, schema.identifier, schema.membership, schema.change


def resolve(connection: Connection, settings: Settings) -> int:
    """Take up the evidence that came since the last time; returns how many people changed.

    Logs one change for each person that gained an identifier, so that runs look at their conversions again.
    """
    seen = int(settings.internal(_WATERMARK) or 0)
    last = int(connection.execute(select(func.coalesce(func.max(edge.c.edge_id), 0))).scalar_one())
    if last == seen:
        return 0
    new = read_ints(
        connection,
        select(edge.c.a, edge.c.b).where(edge.c.edge_id > seen, edge.c.edge_id <= last),
        ["a", "b"],
    )
    accounts = _accounts(connection, seen)
    companies = np.isin(new["a"], accounts) | np.isin(new["b"], accounts)
    # evidence that names a company ties nobody together, but a deal may count on that company's members:
    # each is a person, even where nothing else is known of it
    touched = np.unique(np.concatenate([new["a"][companies], new["b"][companies]]))
    members = np.setdiff1d(touched, accounts, assume_unique=True)
    changed = _union(
        connection,
        np.concatenate([new["a"][~companies], members]),
        np.concatenate([new["b"][~companies], members]),
    )
    _log(connection, np.concatenate([changed, touched]))
    settings.put_raw(_WATERMARK, str(last))
    return len(changed)


def _accounts(connection: Connection, seen: int) -> Ints:
    """Return the account identifiers among the ends of new edges."""
    ends = [
        select(column.label("i")).join(identifier, identifier.c.identifier_id == column)
        .where(edge.c.edge_id > seen, identifier.c.kind == ACCOUNT)
        for column in (edge.c.a, edge.c.b)
    ]  # fmt: skip
    return read_ints(connection, ends[0].union(ends[1]), ["i"])["i"]


def _union(connection: Connection, a: Ints, b: Ints) -> Ints:
    """Unite the people at the two ends of each edge; returns the people that changed."""
    ends = np.unique(np.concatenate([a, b]))
    if len(ends) == 0:
        return ends
    with temporary(connection, wanted=ends) as probe:
        known = read_ints(
            connection,
            select(membership.c.identifier_id, membership.c.person_id).join(
                probe, probe.c.wanted == membership.c.identifier_id
            ),
            ["identifier", "person"],
        )
    person_of_end = look_up(known["identifier"], known["person"], ends)
    strangers = person_of_end < 0
    person_of_end[strangers] = ends[strangers]  # nobody knew it: a person of its own so far

    people = np.unique(person_of_end)
    left = np.searchsorted(people, look_up(ends, person_of_end, a))
    right = np.searchsorted(people, look_up(ends, person_of_end, b))
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(people), len(people)))
    _, component = connected_components(graph, directed=False)
    head = np.full(component.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(head, component, people)
    united = head[component]  # the new number of each person

    moved = people != united
    _rename(connection, people[moved], united[moved])
    insert_columns(
        connection,
        membership,
        {
            "identifier_id": ends[strangers],
            "person_id": united[np.searchsorted(people, person_of_end[strangers])],
        },
    )
    changed = np.concatenate([united[moved], united[np.searchsorted(people, person_of_end[strangers])]])
    return np.unique(changed)


def _rename(connection: Connection, old: Ints, new: Ints) -> None:
    """Move all members of some people to others."""
    if len(old) == 0:
        return
    with temporary(connection, old=old, new=new) as moves:
        members = read_ints(
            connection,
            select(membership.c.identifier_id, moves.c.new).join(
                moves, moves.c.old == membership.c.person_id
            ),
            ["identifier", "person"],
        )
        connection.execute(delete(membership).where(membership.c.person_id.in_(select(moves.c.old))))
    insert_columns(
        connection, membership, {"identifier_id": members["identifier"], "person_id": members["person"]}
    )


def _log(connection: Connection, identifiers: Ints) -> None:
    insert_columns(connection, change, {"kind": schema.CHANGE_PERSON, "ref": identifiers})
