"""When an identifier was whose: a browser is somebody's from when to when, all others always."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, and_, select

from attribution.identity.graph import ALWAYS, Ints
from attribution.sorted_sets import difference
from attribution.store.columns import read_ints, temporary
from attribution.store.schema import membership


def theirs_then(at: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Return the condition that a membership was in force at an instant."""
    return and_(membership.c.since <= at, membership.c.until > at)


class Stretches(NamedTuple):
    """Which identifiers are whose, and when.

    Attributes:
        position: int64[S], ascending: index into the people asked for.
        identifier: int64[S].
        since, until: int64[S], microseconds, the end not included; `ALWAYS` for all but shared browsers.
    """

    position: Ints
    identifier: Ints
    since: Ints
    until: Ints


def stretches_of(connection: Connection, people: Ints) -> Stretches:
    """Return the identifiers of people; one that no evidence names is its own person, and for ever.

    Args:
        connection: inside a transaction.
        people: int64[n], distinct.
    """
    with temporary(connection, position=np.arange(len(people)), person=people) as wanted:
        named = read_ints(
            connection,
            select(wanted.c.position, membership.c.identifier_id, membership.c.since, membership.c.until)
            .select_from(wanted)
            .join(membership, membership.c.person_id == wanted.c.person),
            Stretches._fields,
        )
    alone = difference(np.arange(len(people)), named["position"])
    found = Stretches(
        np.concatenate([named["position"], alone]),
        np.concatenate([named["identifier"], people[alone]]),
        np.concatenate([named["since"], np.full(len(alone), ALWAYS[0])]),
        np.concatenate([named["until"], np.full(len(alone), ALWAYS[1])]),
    )
    order = np.lexsort((found.since, found.identifier, found.position))
    return Stretches(*(column[order] for column in found))
