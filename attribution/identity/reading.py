"""Evidence out of the store: all of it, or what hangs together with a few identifiers.

Two numbers come as one where they fit into 64 bits: what costs is the number of values, not their width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, Dialect, Select, select, true, union_all

from attribution.identifiers import CONTACT, EMAIL
from attribution.identity.decisions import Decisions
from attribution.identity.graph import Graph, Ints, Outline
from attribution.sorted_sets import difference, union
from attribution.store.columns import FEW, listed, packed, read_ints, read_statement, unpack
from attribution.store.identifiers import KEYED
from attribution.store.keys import find, find_texts, identifier_hash, look_up, row_hash
from attribution.store.schema import affiliation, contact, edge, identifier, touch_holder

_KINDS = 16


@dataclass(frozen=True)
class Nearby:
    """Whole clusters of evidence.

    Attributes:
        nodes: int64[N], identifiers, ascending; what `outline` calls 0 to N-1.
        outline: which of them are tied.
        edges: int64, the numbers of all evidence of theirs; None: of all there is.
    """

    nodes: Ints
    outline: Outline
    edges: Ints | None


@dataclass(frozen=True)
class Said:
    """What counts beside evidence.

    Attributes:
        decisions: of people.
        nobody: int64, identifiers that the settings say name nobody.
    """

    decisions: Decisions
    nobody: Ints

    @property
    def blocked(self) -> Ints:
        """Identifiers that are nobody's, whoever says so."""
        return np.concatenate([self.nobody, self.decisions.excluded])


def read_everything(connection: Connection, said: Said) -> Nearby:
    """Return all evidence there is."""
    pairs = unpack(read_ints(connection, select(packed(edge.c.a, edge.c.b)), ["pair"])["pair"])
    joined = said.decisions.joined
    a, b = (
        np.concatenate([end.astype(np.int32), joined[:, i].astype(np.int32)]) for i, end in enumerate(pairs)
    )
    del pairs
    alone = np.concatenate(
        [
            read_ints(connection, select(affiliation.c.identifier_id).distinct(), ["i"])["i"],
            read_ints(connection, select(touch_holder.c.identifier_id), ["i"])["i"],
        ]
    )
    present = np.zeros(max(int(ends.max(initial=0)) for ends in (a, b, alone)) + 1, np.bool_)
    for ends in (a, b, alone):
        present[ends] = True
    nodes = np.flatnonzero(present)
    place = np.cumsum(present, dtype=np.int32) - 1
    a, b = place[a], place[b]
    known = read_ints(connection, select(identifier.c.identifier_id * _KINDS + identifier.c.kind), ["i"])["i"]
    number = known // _KINDS
    mine = number < len(present)
    mine[mine] = present[number[mine]]
    kind = np.zeros(len(nodes), np.int8)
    kind[place[number[mine]]] = known[mine] % _KINDS
    marked = read_ints(
        connection,
        select(identifier.c.identifier_id, identifier.c.trait).where(identifier.c.trait != 0),
        ["i", "trait"],
    )
    trait = np.zeros(len(nodes), np.int64)
    inside = marked["i"] < len(present)
    inside[inside] = present[marked["i"][inside]]
    trait[place[marked["i"][inside]]] = marked["trait"][inside]
    return Nearby(nodes, _outline(nodes, a, b, kind, trait, said), None)


def read_around(connection: Connection, seeds: Ints, said: Said) -> Nearby:
    """Return the clusters of some identifiers: what any evidence or decision ties to them, step by step.

    An identifier that nothing names (any more) is left out.
    """
    joined = said.decisions.joined
    if len(seeds) <= FEW and not len(joined):
        known, ties, edges = _walk_in_one(connection, seeds)
    else:
        known, ties, edges = _walk(connection, seeds, joined)
    ties = np.concatenate([ties, joined[np.isin(joined[:, 0], known)]])
    lone = difference(known, ties)
    if len(lone):
        for table in (affiliation, touch_holder):
            named = find(connection, table, table.c.identifier_id, [], lone, exact=True)["identifier_id"]
            lone = difference(lone, named)
        known = difference(known, lone)
    found = find(connection, identifier, identifier.c.identifier_id, ["kind", "trait"], known)
    kind, trait = (look_up(found["identifier_id"], found[name], known) for name in ("kind", "trait"))
    a, b = np.searchsorted(known, ties[:, 0]), np.searchsorted(known, ties[:, 1])
    return Nearby(known, _outline(known, a, b, kind, trait, said), edges)


def _walk(connection: Connection, seeds: Ints, joined: Ints) -> tuple[Ints, Ints, Ints]:
    """Walk step by step over evidence and joins.

    Returns:
        what was reached, ascending; int64[n, 2], the ends of the evidence there; and its numbers.
    """
    known = frontier = seeds
    pairs, edges = [joined[:0]], [seeds[:0]]
    while len(frontier):
        onward = find(connection, edge, edge.c.a, ["b", "edge_id"], frontier, exact=True)
        back = find(connection, edge, edge.c.b, ["a"], frontier, exact=True)["a"]
        pairs.append(np.stack([onward["a"], onward["b"]], axis=1))  # each edge once: from its first end
        edges.append(onward["edge_id"])
        mates = joined[np.isin(joined, frontier).any(axis=1)].ravel()
        frontier = difference(np.concatenate([onward["b"], back, mates]), known)
        known = union(known, frontier)
    return known, np.concatenate(pairs), np.concatenate(edges)


def _walk_in_one(connection: Connection, seeds: Ints) -> tuple[Ints, Ints, Ints]:
    """Do the same over evidence alone, in one statement: a new observation is taken up in milliseconds."""
    found = read_statement(connection, _walking(connection.dialect), seeds, ("a", "b", "edge_id"))
    ties = np.stack([found["a"], found["b"]], axis=1)
    return union(seeds, ties), ties, found["edge_id"]


@cache
def _walking(dialect: Dialect) -> Select[Any]:
    """Return the statement that walks from some identifiers as far as evidence leads."""
    near = select(listed(dialect).label("i")).cte("near", recursive=True)
    onward = select(edge.c.b.label("i")).where(edge.c.a == near.c.i)
    back = select(edge.c.a.label("i")).where(edge.c.b == near.c.i)
    if dialect.name == "sqlite":
        reached = near.union(onward, back)
    else:  # PostgreSQL names what it walks over once only
        ends = union_all(onward.correlate(near), back.correlate(near)).lateral("ends")
        reached = near.union(select(ends.c.i).select_from(near.join(ends, true())))
    return select(edge.c.a, edge.c.b, edge.c.edge_id).join_from(reached, edge, edge.c.a == reached.c.i)


def _outline(
    nodes: Ints, a: npt.NDArray[np.integer], b: npt.NDArray[np.integer],
    kind: npt.NDArray[np.integer], trait: Ints, said: Said,
) -> Outline:  # fmt: skip
    named = np.concatenate([said.decisions.joined.ravel(), said.decisions.apart.ravel()])
    return Outline(
        a, b, kind, system=np.where(kind == CONTACT, trait, 0), shared=(kind == EMAIL) & (trait != 0),
        blocked=_marks(nodes, said.blocked), decided=np.flatnonzero(_marks(nodes, named)),
    )  # fmt: skip


def _marks(nodes: Ints, some: Ints) -> npt.NDArray[np.bool_]:
    """Return bool[N]: which nodes are among some identifiers."""
    marks = np.zeros(len(nodes), np.bool_)
    at = np.searchsorted(nodes, some)
    there = at < len(nodes)
    there[there] = nodes[at[there]] == some[there]
    marks[at[there]] = True
    return marks


def read_graph(connection: Connection, nearby: Nearby, chosen: Ints, said: Said) -> tuple[Graph, Ints]:
    """Return the evidence of some clusters with all that the rules ask for, and the number of each edge.

    Args:
        connection: inside a transaction.
        nearby: what the clusters are of.
        chosen: int64, nodes of whole clusters, ascending.
        said: what counts beside evidence; an edge of a decision has the number 0.
    """
    nodes, outline = nearby.nodes[chosen], nearby.outline
    ties = find(connection, edge, edge.c.a, ["b", "edge_id", "at"], nodes, exact=True)
    apart = said.decisions.apart
    apart = apart[np.isin(apart, nodes).all(axis=1)]
    here = np.isin(said.decisions.joined, nodes).all(axis=1)
    joined, joined_at = said.decisions.joined[here], said.decisions.joined_at[here]
    a = np.searchsorted(nodes, np.concatenate([ties["a"], joined[:, 0]]))
    b = np.searchsorted(nodes, np.concatenate([ties["b"], joined[:, 1]]))
    kind, system = outline.kind[chosen].astype(np.int64), outline.system[chosen]
    said_so = np.arange(len(a)) >= len(ties["a"])
    # two contacts of one CRM are one where it says so itself: a merge there
    merged = (kind[a] == CONTACT) & (kind[b] == CONTACT) & (system[a] == system[b])
    content = _content(connection, nodes)
    one, other = content[a], content[b]
    key = row_hash({"one": np.minimum(one, other), "other": np.maximum(one, other)}, len(a))
    graph = Graph(
        a=a, b=b, at=np.concatenate([ties["at"], joined_at]), key=key,
        forced=merged & ~said_so, joined=said_so, kind=kind, system=system, shared=outline.shared[chosen],
        blocked=outline.blocked[chosen], apart=np.searchsorted(nodes, apart),
    )  # fmt: skip
    return graph, np.concatenate([ties["edge_id"], np.zeros(len(joined), np.int64)])


def _content(connection: Connection, nodes: Ints) -> Ints:
    """Hash what identifiers are, in the clear: numbers and keyed hashes differ from store to store."""
    found = find(connection, identifier, identifier.c.identifier_id, ["kind", "hash"], nodes)
    kind, content = (look_up(found["identifier_id"], found[name], nodes) for name in ("kind", "hash"))
    texts = find_texts(connection, contact, contact.c.identifier_id, ["value"], nodes[np.isin(kind, KEYED)])
    at = np.searchsorted(nodes, texts["identifier_id"].to_numpy(np.int64))
    clear = pa.array(texts["value"], pa.string())
    for one in KEYED:
        mine = kind[at] == one
        content[at[mine]] = identifier_hash(one, clear.filter(pa.array(mine)))
    return content
