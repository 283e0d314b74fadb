"""Why two identifiers are one person: the shortest chain of evidence, each hop with its source.

The graph holds one person, or the few people of one deal, never the store: it is for reading.
Bulk resolution works on sparse matrices; networkx is used where a person looks at the graph.
An account is where a chain may end, never what ties two people: colleagues are not one person.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import networkx as nx
from sqlalchemy import Connection, Select, select

from attribution import clock
from attribution.identifiers import ACCOUNT, KIND_NAMES
from attribution.identity.stretches import theirs_then
from attribution.store.schema import edge, evidence_source, identifier, membership

MAX_EDGES: Final = 5_000  # of one person: more is no story that anybody reads
Tie = tuple[int, int, int, str]  # two identifiers, when (microseconds), and by which source
_CHUNK: Final = 500  # both databases take an IN list of this size gladly


class Identifier(NamedTuple):
    """One identifier as a reader knows it."""

    number: int
    kind: str
    value: str
    person: int
    also: frozenset[int] = frozenset()  # who else used the same browser, at another time

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Hop(NamedTuple):
    """One step of a chain: what was tied to what, by which source and when (microseconds, or None)."""

    start: str
    source: str
    at: int | None
    end: str

    def arrow(self, zone: str) -> str:
        """Write the step without its start, as `—CRM lead, 3 May 2024→ lead L-7`."""
        when = f", {day_text(self.at, zone)}" if self.at is not None else ""
        return f"—{self.source}{when}→ {self.end}"


class Evidence:
    """The evidence graph of a few people, with targets (a deal, a lead) tied to some of its nodes.

    Load it with :meth:`load`; `cut` tells that a person had more evidence than is shown.
    """

    def __init__(self, nodes: Iterable[Identifier], *, cut: bool = False, zone: str = "UTC") -> None:
        self.nodes = {node.number: node for node in nodes}
        self.cut = cut
        self.zone = zone
        self.graph: nx.Graph[Hashable] = nx.Graph()
        self.graph.add_nodes_from(self.nodes)
        self._parents: dict[Hashable, dict[Hashable, Hashable]] = {}

    @classmethod
    def load(
        cls, connection: Connection, people: Iterable[int], *, keep: Iterable[int] = (), zone: str = "UTC"
    ) -> Evidence:
        """Read the evidence of some people, by their person ids (an identifier alone is its own person).

        `keep` names identifiers that shall be nodes even where a person's evidence is cut.
        """
        people = sorted(set(people))
        members: dict[int, list[int]] = {}
        ties: list[Tie] = []
        cut = False
        for person in people:
            own, found, more = _read_person(connection, person)
            for number in own:
                members.setdefault(number, []).append(person)
            ties += found
            cut = cut or more
        for person in people:
            members.setdefault(person, [person])  # an identifier alone is its own person
        ends = {end for a, b, *_ in ties for end in (a, b)} | set(keep)
        evidence = cls(_read_nodes(connection, members, ends), cut=cut, zone=zone)
        evidence.add_ties(dict.fromkeys(ties))  # people who share a browser share its evidence
        return evidence

    def add_ties(self, ties: Iterable[Tie]) -> None:
        """Add observations `(a, b, at, source)`; of several of one pair the earliest is shown."""
        known = [tie for tie in ties if self._is_usable(tie[0], tie[1])]
        # by content, never by row number: chains are the same whatever was imported first
        known.sort(key=lambda tie: (tie[2], tie[3], *sorted((self._text(tie[0]), self._text(tie[1])))))
        for a, b, at, source in known:
            if self.graph.has_edge(a, b):
                self.graph.edges[a, b]["more"] += 1
            else:
                self.graph.add_edge(a, b, at=at, source=source, more=0)

    def tie(self, target: str, source: str, numbers: Iterable[int]) -> None:
        """Tie a deal or lead, named in words, to the identifiers that its record names."""
        self.graph.add_node(target)
        for number in sorted(numbers, key=self._text):  # of two shortest chains always the same one
            if number in self.nodes:
                self.graph.add_edge(number, target, at=None, source=source, more=0)
        self._parents.pop(target, None)

    def chain(self, start: int, target: Hashable) -> list[Hop]:
        """Return the shortest chain from an identifier to a target; empty where none is known."""
        parents = self._towards(target)
        hops: list[Hop] = []
        node: Hashable = start
        while node != target:
            if node not in parents:
                return []
            onward = parents[node]
            data = self.graph.edges[node, onward]
            source = data["source"] + (f" and {data['more']} more" if data["more"] else "")
            hops.append(Hop(self._text(node), source, data["at"], self._text(onward)))
            node = onward
        return hops

    def sentences(self, start: int, target: Hashable) -> list[str]:
        """Return one sentence a hop: `visitor v1 —identities: form, 3 May 2024→ email ella@acme.com`."""
        return [f"{hop.start} {hop.arrow(self.zone)}" for hop in self.chain(start, target)]

    def story(self, start: int, target: Hashable) -> str:
        """Return a whole chain in one line.

        >>> nodes = [Identifier(1, "visitor", "v1", 1), Identifier(2, "lead", "L-7", 1)]
        >>> evidence = Evidence(nodes)
        >>> evidence.add_ties([(1, 2, 0, "identities: call")])
        >>> evidence.tie("deal D-12", "CRM deal", [2])
        >>> evidence.story(1, "deal D-12")
        'visitor v1 —identities: call, 1 January 1970→ lead L-7 —CRM deal→ deal D-12'
        """
        hops = self.chain(start, target)
        if not hops:
            why = f"longer than the first {MAX_EDGES:,} observations" if self.cut else "unknown"
            return f"{self._text(start)} (chain of evidence {why})"
        return " ".join([hops[0].start, *(hop.arrow(self.zone) for hop in hops)])

    def _towards(self, target: Hashable) -> dict[Hashable, Hashable]:
        """Return each node's next step to a target: one breadth-first search serves every start."""
        if target not in self._parents:

            def is_passable(node: Hashable) -> bool:
                account = isinstance(node, int) and node in self.nodes and self.nodes[node].kind == "account"
                return not account or node == target or self.graph.has_edge(node, target)

            view = nx.subgraph_view(self.graph, filter_node=is_passable)
            found = nx.bfs_predecessors(view, target) if target in view else ()
            self._parents[target] = dict(found)
        return self._parents[target]

    def _is_usable(self, a: int, b: int) -> bool:
        """Tell whether resolution used this tie: its ends are one person, or one of them is an account."""
        first, second = self.nodes.get(a), self.nodes.get(b)
        if first is None or second is None:
            return False
        one_person = {first.person, *first.also} & {second.person, *second.also}
        return bool(one_person) or "account" in (first.kind, second.kind)

    def _text(self, node: Hashable) -> str:
        known = self.nodes.get(node) if isinstance(node, int) else node
        return str(known) if known is not None else f"identifier {node}"


def day_text(at: int, zone: str) -> str:
    """Write the day of an instant for a reader.

    >>> day_text(0, "UTC")
    '1 January 1970'
    """
    day = clock.from_micros(at).astimezone(clock.zone(zone))
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"  # not strftime: the locale must not matter


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def people_of(connection: Connection, numbers: Iterable[int], at: int = 0) -> dict[int, int]:
    """Return the person of each identifier at an instant, which matters for browsers alone.

    One that no evidence names is its own person.
    """
    numbers = sorted(set(numbers))
    people = {number: number for number in numbers}
    for part in chunks(numbers):
        statement = select(membership.c.identifier_id, membership.c.person_id)
        found = connection.execute(statement.where(membership.c.identifier_id.in_(part), theirs_then(at)))
        people.update((int(number), int(person)) for number, person in found)
    return people


def account_members(connection: Connection, account: int, limit: int = MAX_EDGES) -> list[int]:
    """Return the identifiers that evidence ties to an account."""
    a = select(edge.c.b).where(edge.c.a == account).limit(limit)
    b = select(edge.c.a).where(edge.c.b == account).limit(limit)
    return sorted({int(n) for statement in (a, b) for n in connection.execute(statement).scalars()})


def chunks(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    """Cut a list into parts that fit an IN list."""
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))


def _read_person(connection: Connection, person: int) -> tuple[list[int], list[Tie], bool]:
    """Read a person's identifiers and ties, and whether there were more than are read."""
    mine = membership.c.person_id == person
    own = select(membership.c.identifier_id).where(mine).distinct().order_by(membership.c.identifier_id)
    numbers = [int(n) for n in connection.execute(own.limit(MAX_EDGES + 1)).scalars()]
    ties: dict[int, Tie] = {}
    for end in (edge.c.a, edge.c.b):
        for row in connection.execute(_ties_of(mine, end)):
            ties[int(row.edge_id)] = (int(row.a), int(row.b), int(row.at), str(row.source))
    cut = len(numbers) > MAX_EDGES or len(ties) > MAX_EDGES
    return numbers, sorted(ties.values(), key=lambda tie: tie[2])[:MAX_EDGES], cut


def _ties_of(mine: Any, end: Any) -> Select[Any]:
    return (
        select(edge.c.edge_id, edge.c.a, edge.c.b, edge.c.at, evidence_source.c.source)
        .join_from(membership, edge, membership.c.identifier_id == end)
        .join(evidence_source, evidence_source.c.evidence_source_id == edge.c.evidence_source_id)
        .where(mine)
        .order_by(edge.c.at, edge.c.edge_id)
        .limit(MAX_EDGES + 1)
    )


def _read_nodes(connection: Connection, members: dict[int, list[int]], ends: set[int]) -> list[Identifier]:
    nodes = []
    for part in chunks(sorted(ends | set(members))):
        statement = select(identifier.c.identifier_id, identifier.c.kind, identifier.c.value)
        for number, kind, value in connection.execute(statement.where(identifier.c.identifier_id.in_(part))):
            # a stranger at the far end of a tie is nobody's; an account is no person at all
            person, *also = [0] if kind == ACCOUNT else members.get(number, [-number])
            nodes.append(Identifier(int(number), KIND_NAMES[kind], str(value), person, frozenset(also)))
    return nodes
