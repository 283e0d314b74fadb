"""Why two identifiers are one person: the shortest chain of evidence, each hop with its source.

The graph holds one person, or the few people of one deal, never the store: it is for reading.
Bulk resolution works on sparse matrices; networkx is used where a person looks at the graph.
An account is where a chain may end, never what ties two people: colleagues are not one person.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

import networkx as nx
from sqlalchemy import Connection, select

from attribution import clock
from attribution.identifiers import KIND_NAMES
from attribution.identity.decisions import EXCLUDE, JOIN, SPLIT, Decision, standing
from attribution.identity.graph import Demotion
from attribution.identity.observed import (
    WAITS,
    Identifier,
    Tie,
    chunks,
    people_at_any_time,
    read_identifiers,
    ties_of_person,
)
from attribution.identity.rules import RANKS
from attribution.identity.stretches import theirs_then
from attribution.store.schema import affiliation, membership

MAX_EDGES: Final = 5_000  # of one person: more is no story that anybody reads
_STRENGTH: Final = {KIND_NAMES[kind]: -rank for kind, rank in RANKS.items()}
_WHY_NOT: Final[dict[int, str]] = {
    0: "it was somebody else's then",
    WAITS: "it came since people were last resolved, and waits for the next run",
    Demotion.LIMIT: "one person would hold more of a kind than identity_limits allows",
    Demotion.SHARED: "a mailbox or phone of several people",
    Demotion.EXCLUDED: "two people, by a decision",
    Demotion.BLOCKED: "one of the two is nobody's",
}


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


class Observation(NamedTuple):
    """One observation or decision for a reader, the weaker end first; `why` says why it is not used."""

    start: Identifier
    end: Identifier
    tie: Tie
    why: str | None

    def sentence(self, zone: str) -> str:
        """Write it as `visitor v1 —identities: form, 3 May 2024→ email ella@acme.com`."""
        arrow = Hop(str(self.start), self.tie.source, self.tie.at, str(self.end)).arrow(zone)
        return f"{self.start} {arrow}"


class Evidence:
    """The evidence graph of a few people, with targets (a deal, a lead) tied to some of its nodes.

    Load it with :meth:`load`; `cut` tells that a person had more evidence than is shown. `graph` holds what
    is used, one edge a pair; `ties` everything, also what no rule lets count.
    """

    def __init__(self, nodes: Iterable[Identifier], *, cut: bool = False, zone: str = "UTC") -> None:
        self.nodes = {node.number: node for node in nodes}
        self.cut = cut
        self.zone = zone
        self.graph: nx.Graph[Hashable] = nx.Graph()
        self.graph.add_nodes_from(self.nodes)
        self.ties: list[Tie] = []
        self.targets: list[tuple[str, str, int]] = []  # a record, what says so, an identifier that it names
        self.decisions: list[Decision] = []  # in force, about these people
        self._apart: dict[frozenset[int], Decision] = {}  # two people that a split keeps apart
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
            own, found, more = ties_of_person(connection, person, MAX_EDGES)
            for number in own:
                members.setdefault(number, []).append(person)
            ties += found
            cut = cut or more
        for person in people:
            members.setdefault(person, [person])  # an identifier alone is its own person
        decisions = standing(connection)
        own_joins = [one for one in decisions if one.verb == JOIN and one.ends <= members.keys()]
        ties += [Tie(min(one.ends), max(one.ends), None, one.source, 0, one.number) for one in own_joins]
        ends = {end for tie in ties for end in tie[:2]} | set(keep)
        evidence = cls(read_identifiers(connection, members, ends), cut=cut, zone=zone)
        evidence._obey(connection, decisions, members)
        evidence.add_ties(dict.fromkeys(ties))  # people who share a browser share its evidence
        return evidence

    def _obey(
        self, connection: Connection, decisions: Sequence[Decision], members: Mapping[int, Sequence[int]]
    ) -> None:
        """Keep the decisions that are about these people, and whom each split keeps apart."""
        self.decisions = [
            one
            for one in decisions
            if one.ends & (self.nodes.keys() if one.verb == EXCLUDE else members.keys())
        ]
        splits = [one for one in self.decisions if one.verb == SPLIT and one.b is not None]
        people = people_at_any_time(connection, {end for one in splits for end in one.ends})
        for one in splits:
            for a, b in product(people[one.a], people[one.b or 0]):
                self._apart.setdefault(frozenset({a, b}), one)

    def add_identifiers(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Read identifiers that are somebody else's, or a company's, and hold them as nodes."""
        for node in read_identifiers(connection, {}, set(numbers) - self.nodes.keys()):
            self.nodes[node.number] = node
            self.graph.add_node(node.number)

    def add_ties(self, ties: Iterable[Tie | tuple[int, int, int | None, str]]) -> None:
        """Add observations `(a, b, at, source)`; of several of one pair the earliest is shown."""
        known = [tie for tie in (Tie(*tie) for tie in ties) if {tie.a, tie.b} <= self.nodes.keys()]
        # by content, never by row number: chains are the same whatever was imported first
        known.sort(
            key=lambda tie: (
                tie.at is None, tie.at or 0, tie.source, *sorted((self._text(tie.a), self._text(tie.b)))
            )
        )  # fmt: skip
        self.ties += known
        for tie in known:
            if not self._is_used(tie):
                continue
            if self.graph.has_edge(tie.a, tie.b):
                self.graph.edges[tie.a, tie.b]["more"] += 1
            else:
                self.graph.add_edge(tie.a, tie.b, at=tie.at, source=tie.source, more=0)

    def observations(self) -> list[Observation]:
        """Return what was observed or decided, in order of time, and why what is not used is not."""
        found = []
        for tie in self.ties:
            one, other = self.nodes[tie.a], self.nodes[tie.b]
            if (_strength(other), str(other)) < (_strength(one), str(one)):
                one, other = other, one
            found.append(Observation(one, other, tie, self._why_not(tie)))
        return found

    def tie(self, target: str, source: str, numbers: Iterable[int]) -> None:
        """Tie a deal or lead, named in words, to the identifiers that its record names."""
        self.graph.add_node(target)
        for number in sorted(numbers, key=self._text):  # of two shortest chains always the same one
            if number in self.nodes:
                self.targets.append((target, source, number))
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

    def _is_used(self, tie: Tie) -> bool:
        """Tell whether a tie counts: no rule refused it, and its ends are one person's or a company's."""
        first, second = self.nodes[tie.a], self.nodes[tie.b]
        one_person = {first.person, *first.also} & {second.person, *second.also}
        return not tie.reason and (bool(one_person) or "account" in (first.kind, second.kind))

    def _why_not(self, tie: Tie) -> str | None:
        """Say why a tie is not used; None where it is."""
        if self._is_used(tie):
            return None
        if tie.reason == Demotion.EXCLUDED:
            first, second = self.nodes[tie.a], self.nodes[tie.b]
            for a, b in product({first.person, *first.also}, {second.person, *second.also}):
                said = self._apart.get(frozenset({abs(a), abs(b)}))
                if said is not None:
                    return f"two people, says {said.source}"
        if tie.reason == Demotion.BLOCKED:
            for one in self.decisions:
                if one.verb == EXCLUDE and one.a in (tie.a, tie.b):
                    return f"{self._text(one.a)} is nobody's, says {one.source}"
        return _WHY_NOT[tie.reason]

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


def _strength(node: Identifier) -> int:
    """Return what orders the ends of a sentence: the weaker kind stands first, a company last."""
    return _STRENGTH.get(node.kind, 1)


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
    members = select(affiliation.c.identifier_id).where(affiliation.c.account == account).distinct()
    return sorted(map(int, connection.execute(members.limit(limit)).scalars()))
