"""Switchboards and shared mailboxes: a phone or e-mail that ties too many people within too short a time.

The people are counted as they would be without it: those among the components of the rest of the evidence
that hold what names a person (a login, a CRM contact, an e-mail for a phone, a phone for an e-mail). So a
customer with many cookies, or with many forms under one e-mail, is one person, and twenty callers of one
reception desk are twenty.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from attribution.identifiers import CONTACT, EMAIL, PHONE, USER
from attribution.identity.graph import Bools, Graph, Ints
from attribution.identity.rules import Rules

Whole = npt.NDArray[np.integer]


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
    observed = ~graph.joined[edges][alive]  # a decision is no observation
    candidates = np.flatnonzero(busy(kind, a, b, np.zeros(len(kind), np.int64), rules)).tolist()
    found = [node for node in candidates if _is_shared(node, a, b, at, observed, kind, rules)]
    return set(nodes[known].tolist()) | set(nodes[found].tolist())


def busy(kind: Whole, a: Whole, b: Whole, cluster: Whole, rules: Rules) -> Bools:
    """Return bool[N]: phones and e-mails that may be a switchboard, by what they are tied to.

    They have more observations than people may share one, and their cluster names as many people.
    """
    n = len(kind)
    degree = np.bincount(a, minlength=n) + np.bincount(b, minlength=n)
    found = np.zeros(n, np.bool_)
    for mine in (EMAIL, PHONE):
        nodes = np.flatnonzero((kind == mine) & (degree > rules.shared_people))
        if len(nodes):
            names = np.bincount(cluster[np.isin(kind, _naming(mine))], minlength=n)
            found[nodes] = names[cluster[nodes]] > rules.shared_people
    return found


def _naming(kind: int) -> tuple[int, int, int]:
    """Return the kinds that name a person beside a phone or an e-mail."""
    return (USER, CONTACT, PHONE if kind == EMAIL else EMAIL)


def _is_shared(
    node: int, a: Ints, b: Ints, at: Ints, observed: Bools, kind: Ints, rules: Rules
) -> bool:  # fmt: skip
    mine = (a == node) | (b == node)
    rest = coo_array((np.ones(int((~mine).sum()), np.int8), (a[~mine], b[~mine])), shape=(len(kind),) * 2)
    count, component = connected_components(rest, directed=False)
    names: Bools = np.zeros(count, np.bool_)
    names[component[np.isin(kind, _naming(kind[node]))]] = True
    mine &= observed
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
