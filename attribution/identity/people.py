"""Who is who: people are what the evidence ties together, as far as the rules let it.

A person is a deterministic function of edges and rules: their order of import, their batches and their
repetition change nothing. Most people are simply the connected components of the evidence; where a rule
has a say, the component is worked out edge by edge (:mod:`attribution.identity.disputes`). Both ways give
the same, because a union that stays within the limits as a whole was within them at every step.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from attribution.identifiers import CONTACT
from attribution.identity.disputes import settle
from attribution.identity.graph import ALWAYS, Bools, Graph, Ints, People
from attribution.identity.rules import Rules
from attribution.identity.sharing import busy


def clusters(n_nodes: int, a: Ints, b: Ints) -> Ints:
    """Return int64[N]: of each node the smallest node that any evidence ties it to.

    >>> clusters(4, np.array([3]), np.array([1])).tolist()
    [0, 1, 2, 1]
    """
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n_nodes, n_nodes))
    count, component = connected_components(graph, directed=False)
    head = np.full(count, n_nodes, np.int64)
    head[component[::-1]] = np.arange(n_nodes - 1, -1, -1)  # the last to be written is the smallest
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
    cluster = clusters(graph.n_nodes, graph.a, graph.b)
    disputed = _disputed(graph, rules, cluster)
    plain = np.flatnonzero(~disputed[cluster])
    parts = [
        People(
            plain, np.full(len(plain), ALWAYS[0]), np.full(len(plain), ALWAYS[1]), cluster[plain],
            cluster[plain], np.zeros(0, np.int64), np.zeros(0, np.int64),
        )
    ]  # fmt: skip
    for nodes, edges in _members(cluster, disputed, graph):
        parts.append(settle(graph, rules, nodes, edges))
    return _in_order(parts)


def _disputed(graph: Graph, rules: Rules, cluster: Ints) -> Bools:
    """Return bool[N], true at the head of a cluster where some rule has a say."""
    disputed = np.zeros(graph.n_nodes, np.bool_)
    for kind, limit in rules.limits.items():
        mine = np.flatnonzero(graph.kind == kind)
        if kind == CONTACT:  # the limit holds in each system
            heads, systems = cluster[mine], graph.system[mine]
            order = np.lexsort((systems, heads))
            heads, systems = heads[order], systems[order]
            starts = np.flatnonzero((np.diff(heads, prepend=-1) != 0) | (np.diff(systems, prepend=-1) != 0))
            sizes = np.diff(starts, append=len(heads))
            disputed[heads[starts[sizes > limit]]] = True
        else:
            disputed |= np.bincount(cluster[mine], minlength=graph.n_nodes) > limit
    for marked in (graph.shared, graph.blocked, busy(graph.kind, graph.a, graph.b, rules)):
        disputed[cluster[marked]] = True
    disputed[cluster[graph.a[graph.forced]]] = True
    disputed[cluster[graph.apart.ravel()]] = True
    return disputed


def _members(cluster: Ints, disputed: Bools, graph: Graph) -> list[tuple[Ints, Ints]]:
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
