"""Who is who: people are what the evidence ties together, as far as the rules let it.

A person is a deterministic function of edges and rules: their order of import, their batches and their
repetition change nothing. Most people are simply the connected components of the evidence; where a rule
has a say, the component is worked out edge by edge (:mod:`attribution.identity.disputes`). Both ways give
the same, because a union that stays within the limits as a whole was within them at every step.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from attribution.identifiers import CONTACT
from attribution.identity.disputes import settle
from attribution.identity.graph import ALWAYS, Bools, Graph, Ints, Outline, People
from attribution.identity.rules import Rules
from attribution.identity.sharing import busy


def clusters(outline: Outline) -> npt.NDArray[np.int32]:
    """Return int32[N]: of each node the smallest node that any evidence ties it to.

    >>> from attribution.identity.samples import graph_of
    >>> graph = graph_of([("email a", "visitor v", 1), ("email b", "visitor w", 1)])
    >>> clusters(graph.outline).tolist()
    [0, 1, 0, 1]
    """
    n = outline.n_nodes
    ends = (outline.a.astype(np.int32, copy=False), outline.b.astype(np.int32, copy=False))
    graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(n, n))
    count, component = connected_components(graph, directed=False)
    head = np.full(count, n, np.int32)
    head[component[::-1]] = np.arange(n - 1, -1, -1, dtype=np.int32)  # the last to be written is the smallest
    return head[component]


def find_people(graph: Graph, rules: Rules) -> People:
    """Return who is who.

    Args:
        graph: of whole clusters: all evidence of the identifiers in it.
        rules: of the store.

    >>> from attribution.identity.samples import graph_of
    >>> found = find_people(graph_of([("user u1", "visitor v", 1), ("user u2", "visitor v", 5)]), Rules())
    >>> found.node.tolist(), found.person.tolist(), found.until[2].item()
    ([0, 1, 2, 2], [0, 1, 0, 1], 5)
    """
    cluster = clusters(graph.outline)
    disputed = disputes(graph.outline, rules, cluster)
    plain = np.flatnonzero(~disputed[cluster])
    parts = [
        People(
            plain, np.full(len(plain), ALWAYS[0]), np.full(len(plain), ALWAYS[1]),
            cluster[plain].astype(np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64),
        )
    ]  # fmt: skip
    for nodes, edges in _members(cluster, disputed, graph):
        parts.append(settle(graph, rules, nodes, edges))
    return _in_order(parts)


def disputes(outline: Outline, rules: Rules, cluster: npt.NDArray[np.int32]) -> Bools:
    """Return bool[N], true at the head of a cluster where some rule has a say; all others are one person."""
    disputed = np.zeros(outline.n_nodes, np.bool_)
    for kind, limit in rules.limits.items():
        mine = np.flatnonzero(outline.kind == kind)
        if kind == CONTACT:  # the limit holds in each system
            heads, systems = cluster[mine], outline.system[mine]
            order = np.lexsort((systems, heads))
            heads, systems = heads[order], systems[order]
            starts = np.flatnonzero((np.diff(heads, prepend=-1) != 0) | (np.diff(systems, prepend=-1) != 0))
            sizes = np.diff(starts, append=len(heads))
            disputed[heads[starts[sizes > limit]]] = True
        else:
            disputed |= np.bincount(cluster[mine], minlength=outline.n_nodes) > limit
    busy_ones = busy(outline.kind, outline.a, outline.b, cluster, rules)
    for marked in (outline.shared, outline.blocked, busy_ones, outline.decided):
        disputed[cluster[marked]] = True
    return disputed


def _members(cluster: npt.NDArray[np.int32], disputed: Bools, graph: Graph) -> list[tuple[Ints, Ints]]:
    """Return nodes and edges of each disputed cluster."""
    nodes = np.flatnonzero(disputed[cluster])
    edges = np.flatnonzero(disputed[cluster[graph.a]])
    by_node, by_edge = cluster[nodes], cluster[graph.a[edges]]
    nodes, edges = nodes[np.argsort(by_node, kind="stable")], edges[np.argsort(by_edge, kind="stable")]
    heads, sizes = np.unique(by_node, return_counts=True)
    starts = np.searchsorted(np.sort(by_edge), heads)
    return list(
        zip(np.split(nodes, np.cumsum(sizes)[:-1]), np.split(edges, starts[1:]), strict=True)
        if len(heads)
        else ()
    )


def _in_order(parts: list[People]) -> People:
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(People)
    }
    by_node, by_edge = np.lexsort((columns["since"], columns["node"])), np.argsort(columns["demoted"])
    of_edges = ("demoted", "reason")
    return People(
        **{name: values[by_edge if name in of_edges else by_node] for name, values in columns.items()}
    )
