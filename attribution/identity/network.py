"""The evidence of a few people as a graph to hand on: for GraphML, and to be drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping
from itertools import count
from typing import Any, Final

import networkx as nx

from attribution import clock
from attribution.identity.evidence import Evidence, day_text

# what XML cannot hold, and what would steer a terminal
_UNWRITABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def network_of(
    evidence: Evidence,
    *,
    ends: tuple[Hashable, ...] = (),
    title: str = "",
    about: Mapping[str, Any] | None = None,
) -> nx.MultiGraph[str]:
    """Return the evidence graph of a few people.

    Args:
        evidence: with the records that its identifiers lead to.
        ends: the records and identifiers that the story ends at, which are marked.
        title: of the whole.
        about: further attributes of the graph: texts and numbers.

    Returns:
        a graph whose nodes are named as `email ella@acme.com`. A node has `kind`, `value`, `person` (a
        number; 0 of a company or a record), `own` (false: somebody else's, known by evidence that is not
        used), `shared` (a browser of several of these people) and `end`. There is an edge an observation,
        with `source`, `at` (ISO 8601 UTC; empty: no time), `day` (in the store's timezone), `used`, `why_not`
        (empty where it is used) and `decision` (0: none).

    >>> from attribution.identity.observed import Identifier
    >>> evidence = Evidence([Identifier(1, "visitor", "v1", 1), Identifier(2, "lead", "L-7", 1)])
    >>> evidence.add_ties([(1, 2, 0, "identities: call")])
    >>> list(network_of(evidence).edges(data="source"))
    [('lead L-7', 'visitor v1', 'identities: call')]
    """
    graph: nx.MultiGraph[str] = nx.MultiGraph()
    graph.graph.update({"title": _clean(title)} | dict(about or {}))
    names: dict[Hashable, str] = {}
    taken: Counter[str] = Counter()
    order = sorted(evidence.nodes.values(), key=lambda node: (node.kind, node.value, node.number))
    for node in order:
        names[node.number] = name = _distinct(_clean(str(node)), taken)
        graph.add_node(
            name, kind=node.kind, value=_clean(node.value), person=abs(node.person),
            own=node.person >= 0, shared=bool(node.also), end=node.number in ends,
        )  # fmt: skip
    numbers = count(1)  # GraphML knows an edge by its key alone
    for one in evidence.observations():
        at, zone = one.tie.at, evidence.zone
        graph.add_edge(
            names[one.start.number], names[one.end.number], key=next(numbers), source=_clean(one.tie.source),
            at="" if at is None else clock.iso(at), day="" if at is None else day_text(at, zone),
            used=one.why is None, why_not=_clean(one.why or ""), decision=one.tie.decision,
        )  # fmt: skip
    for target, source, number in evidence.targets:
        if target not in names:
            names[target] = name = _distinct(_clean(target), taken)
            kind, _, value = target.partition(" ")
            graph.add_node(
                name, kind=kind, value=_clean(value), person=0, own=True, shared=False, end=target in ends
            )
        graph.add_edge(
            names[number], names[target], key=next(numbers), source=source, at="", day="", used=True,
            why_not="", decision=0,
        )  # fmt: skip
    return graph


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _distinct(name: str, taken: Counter[str]) -> str:
    """Return a name that no other node has: two that differ in what cannot be written get numbers."""
    taken[name] += 1
    return name if taken[name] == 1 else _distinct(f"{name} ({taken[name]})", taken)
