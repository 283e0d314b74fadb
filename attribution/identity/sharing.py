"""Switchboards and shared mailboxes: a phone or e-mail that ties too many people within too short a time.

The people are counted as they would be without it: those among the components of the rest of the evidence
that hold what names a person (a login, a CRM contact, an e-mail for a phone, a phone for an e-mail). So a
customer with many cookies, or with many forms under one e-mail, is one person, and twenty callers of one
reception desk are twenty.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from attribution.identifiers import CONTACT, EMAIL, PHONE, USER
from attribution.identity.graph import Bools, Graph, Ints
from attribution.identity.rules import Rules


def shared_nodes(graph: Graph, rules: Rules, nodes: Ints, edges: Ints) -> set[int]:
    """Return the nodes of a cluster that are several people's: known to be, or found to be.

    Args:
        graph: all evidence.
        rules: of the store.
        nodes, edges: the cluster's own; `nodes` ascending.
    """
    known = graph.shared[nodes]
    a, b = np.searchsorted(nodes, graph.a[edges]), np.searchsorted(nodes, graph.b[edges])
    at, kind = graph.at[edges], graph.kind[nodes]
    alive = ~(graph.blocked[nodes] | known)[a] & ~(graph.blocked[nodes] | known)[b]
    a, b, at = a[alive], b[alive], at[alive]
    candidates = np.flatnonzero(busy(kind, a, b, rules)).tolist()
    found = [node for node in candidates if _is_shared(node, a, b, at, kind, rules)]
    return set(nodes[known].tolist()) | set(nodes[found].tolist())


def busy(kind: Ints, a: Ints, b: Ints, rules: Rules) -> Bools:
    """Return bool[N]: phones and e-mails with so many edges that they may be a switchboard."""
    degree = np.bincount(np.concatenate((a, b)), minlength=len(kind))
    found: Bools = ((kind == EMAIL) | (kind == PHONE)) & (degree > rules.shared_people)
    return found


def _is_shared(node: int, a: Ints, b: Ints, at: Ints, kind: Ints, rules: Rules) -> bool:
    mine = (a == node) | (b == node)
    rest = coo_array((np.ones(int((~mine).sum()), np.int8), (a[~mine], b[~mine])), shape=(len(kind),) * 2)
    count, component = connected_components(rest, directed=False)
    names: Bools = np.zeros(count, np.bool_)
    names[component[np.isin(kind, (USER, CONTACT, PHONE if kind[node] == EMAIL else EMAIL))]] = True
    person = component[np.where(a[mine] == node, b[mine], a[mine])]
    counts = names[person]
    return _most_within(person[counts], at[mine][counts], rules.shared_within) > rules.shared_people


def _most_within(person: Ints, at: Ints, within: int) -> int:
    """Return the largest number of distinct people in any stretch of that length, ends included.

    >>> _most_within(np.array([1, 2, 1, 3]), np.array([0, 5, 6, 20]), 10)
    2
    """
    order = np.argsort(at, kind="stable")
    people, times = person[order].tolist(), at[order].tolist()
    inside: dict[int, int] = {}
    most, first = 0, 0
    for who, when in zip(people, times, strict=True):
        inside[who] = inside.get(who, 0) + 1
        while times[first] < when - within:
            left = people[first]
            inside[left] -= 1
            if not inside[left]:
                del inside[left]
            first += 1
        most = max(most, len(inside))
    return most
