"""One cluster of evidence in which a rule has a say, edge by edge, the strongest evidence first.

Edges are taken by the rank of their weaker end, then of their stronger one, then by time, then by key. An
edge whose union would break a limit is demoted: kept, and not used. Where one end is a browser, the browser
is split by time instead: it belonged to who logged in first up to the next login, and so on; what else was
observed in it belongs to whom it was at that time.

What somebody decided comes last: the two people whose the ends are, as evidence has them, are one, whatever
the limits say. So a join takes nothing from anybody; and one that a split contradicts has no effect.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from attribution.identifiers import VISITOR
from attribution.identity.graph import ALWAYS, Demotion, Graph, Ints, People
from attribution.identity.rules import RANKS, Rules
from attribution.identity.sharing import shared_nodes


def settle(graph: Graph, rules: Rules, nodes: Ints, edges: Ints) -> People:
    """Return the people of one cluster.

    Args:
        graph: all evidence.
        rules: of the store.
        nodes, edges: the cluster's own; `nodes` ascending.
    """
    cluster = _Cluster(graph, rules, nodes.tolist())
    shared = shared_nodes(graph, rules, nodes, edges)
    demoted: dict[int, Demotion] = {}
    usable = []
    for e in edges.tolist():
        ends = (int(graph.a[e]), int(graph.b[e]))
        if any(graph.blocked[end] for end in ends):
            demoted[e] = Demotion.BLOCKED
        elif any(end in shared for end in ends):
            demoted[e] = Demotion.SHARED
        else:
            usable.append(e)
    for e in sorted(usable, key=cluster.rank):
        why = cluster.take(e)
        if why is not None:
            demoted[e] = why
    if graph.joined[edges].any():  # what broke a limit between two people does not, where they are one
        demoted = {e: why for e, why in demoted.items() if why != Demotion.LIMIT or not cluster.is_inside(e)}
    node, since, until, person = np.array(cluster.rows(), np.int64).T
    refused = sorted(demoted)
    reasons = [demoted[e] for e in refused]
    return People(
        node, since, until, person, np.array(refused, np.int64), np.array(reasons, np.int64),
    )  # fmt: skip


@dataclass(eq=False)
class _Person:
    """What is known so far to be one person; one that was united with another points to it."""

    kinds: Counter[tuple[int, int]]
    nodes: set[int]
    into: _Person | None = None


@dataclass(eq=False)
class _Stretch:
    """A browser for some time; `login` is when its first evidence came, None before there is any."""

    since: int
    person: _Person
    login: int | None = None


@dataclass(eq=False)
class _Cluster:
    graph: Graph
    rules: Rules
    nodes: list[int]
    people: dict[int, _Person] = field(default_factory=dict)
    browsers: dict[int, list[_Stretch]] = field(default_factory=dict)
    apart: dict[int, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes:
            self.people[node] = self._alone(node)
            if self.graph.kind[node] == VISITOR:
                self.browsers[node] = [_Stretch(ALWAYS[0], self.people[node])]
        if self.graph.apart_from:
            self.apart = {n: self.graph.apart_from[n] for n in self.nodes if n in self.graph.apart_from}

    def rank(self, e: int) -> tuple[int, int, int, int, int]:
        """Return what edges are sorted by."""
        graph = self.graph
        strong, weak = sorted(RANKS[int(graph.kind[end])] for end in (graph.a[e], graph.b[e]))
        turn = 2 if graph.joined[e] else 0 if graph.forced[e] else 1
        return (turn, weak, strong, int(graph.at[e]), int(graph.key[e]))

    def take(self, e: int) -> Demotion | None:
        """Use an edge; or say why not."""
        graph, at = self.graph, int(self.graph.at[e])
        forced = bool(graph.forced[e])
        ends = (int(graph.a[e]), int(graph.b[e]))
        if graph.joined[e]:
            if self._owners(ends[0]) & self._owners(ends[1]):
                return None
            return self._unite(self._owner(ends[0], at), self._owner(ends[1], at), forced=True)
        used = {end: self._stretch(end, at) for end in ends if end in self.browsers}
        one, two = (_last(used[end].person if end in used else self.people[end]) for end in ends)
        why = self._unite(one, two, forced)
        if why is None:
            for stretch in used.values():
                stretch.login = at if stretch.login is None else min(stretch.login, at)
            return None
        if len(used) != 1:  # no browser, or nothing but browsers
            return why
        ((node, stretch),) = used.items()
        (other,) = {*ends} - {node}
        return self._split(node, stretch, other, at, why)

    def _split(self, node: int, stretch: _Stretch, other: int, at: int, why: Demotion) -> Demotion | None:
        """Give the browser to the other side from its login on, or up to the login that came after."""
        theirs, fresh = _last(self.people[other]), self._alone(node)
        if node in theirs.nodes:
            fresh.kinds.clear()  # they have used it before: it is not one more
        if stretch.login is None or self._unite(theirs, fresh, forced=False) is not None:
            return why
        stretches = self.browsers[node]
        place = stretches.index(stretch)
        if at >= stretch.login:
            stretches.insert(place + 1, _Stretch(at, fresh, at))
        else:
            stretches.insert(place, _Stretch(stretch.since, fresh, at))
            stretch.since = stretch.login
        return None

    def is_inside(self, e: int) -> bool:
        """Tell whether an edge ties what is one person's by now."""
        graph, at = self.graph, int(self.graph.at[e])
        return self._owner(int(graph.a[e]), at) is self._owner(int(graph.b[e]), at)

    def _owner(self, node: int, at: int) -> _Person:
        return _last(self._stretch(node, at).person if node in self.browsers else self.people[node])

    def _owners(self, node: int) -> set[_Person]:
        """Return everybody whose an identifier is at any time."""
        stretches = self.browsers.get(node)
        return {_last(one.person) for one in stretches} if stretches else {_last(self.people[node])}

    def _stretch(self, node: int, at: int) -> _Stretch:
        stretches = self.browsers[node]
        return stretches[bisect_right(stretches, at, key=lambda one: one.since) - 1]

    def _alone(self, node: int) -> _Person:
        kind, system = int(self.graph.kind[node]), int(self.graph.system[node])
        return _Person(Counter({(kind, system): 1}), {node})

    def _unite(self, one: _Person, other: _Person, forced: bool) -> Demotion | None:
        if one is other:
            return None
        why = self._refusal(one, other, forced)
        if why is not None:
            return why
        if len(one.nodes) < len(other.nodes):
            one, other = other, one
        said_twice = one.kinds.keys() & other.kinds.keys() if forced else ()
        one.kinds.update(other.kinds)
        for key in said_twice:  # one contact, one user, whatever their keys
            one.kinds[key] -= 1
        one.nodes |= other.nodes
        other.into = one
        return None

    def _refusal(self, one: _Person, other: _Person, forced: bool = False) -> Demotion | None:
        few, many = (one, other) if len(one.nodes) < len(other.nodes) else (other, one)
        if self.apart and any(self.apart.get(node, set()) & many.nodes for node in few.nodes):
            return Demotion.EXCLUDED
        if forced:
            return None
        for key, count in few.kinds.items():
            if count + many.kinds[key] > self.rules.limits.get(key[0], count + many.kinds[key]):
                return Demotion.LIMIT
        return None

    def rows(self) -> list[tuple[int, int, int, int]]:
        """Return node, since, until and person of every node and stretch."""
        places: list[tuple[int, int, int, _Person]] = []
        for node in self.nodes:
            stretches = self.browsers.get(node)
            if stretches is None:
                places.append((node, *ALWAYS, _last(self.people[node])))
                continue
            ends = [one.since for one in stretches[1:]] + [ALWAYS[1]]
            mine: list[tuple[int, int, int, _Person]] = []
            for one, end in zip(stretches, ends, strict=True):
                owner = _last(one.person)
                if one.since == end:
                    continue
                since = mine.pop()[1] if mine and mine[-1][3] is owner else one.since  # joined since
                mine.append((node, since, end, owner))
            places += mine
        number: dict[_Person, int] = {}
        for node, since, until, person in places:
            if (since, until) == ALWAYS:
                number.setdefault(person, node)  # nodes ascend, so the first is the smallest
        return [(node, since, until, number.get(person, node)) for node, since, until, person in places]


def _last(person: _Person) -> _Person:
    while person.into is not None:
        person = person.into
    return person
