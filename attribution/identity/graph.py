"""The evidence as arrays, and the people that come of it: what the rules of identity work on.

Nodes are identifiers, numbered 0 to N-1 in the order of their numbers in the store; edges are observations
that two of them belonged to one person. Nothing here knows of a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ALWAYS: Final = (-(2**62), 2**62)  # since and until of who was never anybody else


class Demotion(IntEnum):
    """Why an edge is kept and not used."""

    LIMIT = 1  # one person would have held more of a kind than a person may
    SHARED = 2  # one end is a switchboard or a mailbox of several people
    EXCLUDED = 3  # somebody said that these are two people
    BLOCKED = 4  # somebody said that one end is nobody's


@dataclass(frozen=True, eq=False)
class Graph:
    """Evidence.

    Attributes:
        a, b: int64[E], nodes.
        at: int64[E], microseconds: when it was observed.
        key: int64[E], a hash of what was observed: what comes first of two edges at one instant must not
            depend on which was imported first.
        forced: bool[E], what somebody who knows said (a merge in the CRM, `identity join`): beyond limits.
        kind: int64[N], of identifier.
        system: int64[N], of a contact: which CRM it is from; 0 for all others.
        shared: bool[N], identifiers known to be several people's, whatever else is known.
        blocked: bool[N], identifiers that are nobody's.
        apart: int64[X, 2], pairs of nodes that are two people.
    """

    a: Ints
    b: Ints
    at: Ints
    key: Ints
    forced: Bools
    kind: Ints
    system: Ints
    shared: Bools
    blocked: Bools
    apart: Ints

    @property
    def n_nodes(self) -> int:
        """The number of identifiers, N."""
        return len(self.kind)

    @property
    def n_edges(self) -> int:
        """The number of observations, E."""
        return len(self.a)


@dataclass(frozen=True, eq=False)
class People:
    """Who is who: each node's person, from when to when.

    A person is the smallest of its nodes that was never anybody else's. A node has one row, and a browser
    that several people used one for each of them, without gaps between.

    Attributes:
        node: int64[M], ascending, then by `since`.
        since, until: int64[M], microseconds, the end not included; :data:`ALWAYS` where there is one row.
        person: int64[M].
        cluster: int64[M], the smallest node that any evidence ties it to, used or not.
        demoted: int64[D], ascending: edges that are not used.
        reason: int64[D], a :class:`Demotion` each.
    """

    node: Ints
    since: Ints
    until: Ints
    person: Ints
    cluster: Ints
    demoted: Ints
    reason: Ints
