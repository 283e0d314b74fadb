"""The evidence as arrays, and the people that come of it: what the rules of identity work on.

Nodes are identifiers, numbered 0 to N-1 in the order of their numbers in the store; edges are observations
that two of them belonged to one person. Nothing here knows of a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
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
class Outline:
    """As much of the evidence as tells which clusters are plain: one person each, whatever is in them.

    Attributes:
        a, b: int32 or int64[E], nodes; those of decisions that join are among them.
        kind: int8 or int64[N], of identifier.
        system: int64[N], of a contact: which CRM it is from; 0 for all others.
        shared: bool[N], identifiers known to be several people's, whatever else is known.
        blocked: bool[N], identifiers that are nobody's.
        decided: int64[D], nodes that somebody decided about.
    """

    a: npt.NDArray[np.integer]
    b: npt.NDArray[np.integer]
    kind: npt.NDArray[np.integer]
    system: Ints
    shared: Bools
    blocked: Bools
    decided: Ints

    @property
    def n_nodes(self) -> int:
        """The number of identifiers, N."""
        return len(self.kind)


@dataclass(frozen=True, eq=False)
class Graph:
    """Evidence.

    Attributes:
        a, b: int64[E], nodes.
        at: int64[E], microseconds: when it was observed.
        key: int64[E], a hash of what was observed: what comes first of two edges at one instant must not
            depend on which was imported first.
        forced: bool[E], what the CRM itself says, that two contacts of it are one: beyond limits.
        joined: bool[E], what somebody decided at that time: whose the ends are then is one person.
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
    joined: Bools
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

    @cached_property
    def apart_from(self) -> dict[int, set[int]]:
        """Of each node that somebody split from others: those others."""
        others: dict[int, set[int]] = {}
        for one, other in self.apart.tolist():
            others.setdefault(one, set()).add(other)
            others.setdefault(other, set()).add(one)
        return others

    @property
    def outline(self) -> Outline:
        """What tells plain clusters from those in which a rule has a say."""
        decided = np.concatenate([self.a[self.forced | self.joined], self.apart.ravel()])
        return Outline(self.a, self.b, self.kind, self.system, self.shared, self.blocked, decided)


@dataclass(frozen=True, eq=False)
class People:
    """Who is who: each node's person, from when to when.

    A person is the smallest of its nodes that was never anybody else's. A node has one row, and a browser
    that several people used one for each of them, without gaps between.

    Attributes:
        node: int64[M], ascending, then by `since`.
        since, until: int64[M], microseconds, the end not included; :data:`ALWAYS` where there is one row.
        person: int64[M].
        demoted: int64[D], ascending: edges that are not used.
        reason: int64[D], a :class:`Demotion` each.
    """

    node: Ints
    since: Ints
    until: Ints
    person: Ints
    demoted: Ints
    reason: Ints
