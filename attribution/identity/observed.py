"""What was observed of one person, out of the store: identifiers and ties, used or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Connection, Select, false, select

from attribution.identifiers import ACCOUNT, KIND_NAMES
from attribution.loading.evidence import RESOLVED_EDGE
from attribution.store.identifiers import spelled
from attribution.store.schema import (
    affiliation,
    demoted_edge,
    edge,
    evidence_source,
    identifier,
    membership,
    setting,
)

OF_DOMAIN: Final = "domain of the address"
_ERASURE: Final = "erasure"  # the source of what ties stand-ins; without a time, where none was known
WAITS: Final = -1
_CHUNK: Final = 500  # both databases take an IN list of this size gladly


class Identifier(NamedTuple):
    """One identifier as a reader knows it.

    Attributes:
        number: of the store.
        kind, value: in words.
        person: whose it is; of somebody else's the negative of that person, of a company 0.
        also: who else used the same browser, at another time.
    """

    number: int
    kind: str
    value: str
    person: int
    also: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Tie(NamedTuple):
    """One observation that two identifiers belong together, or a decision that they do.

    Attributes:
        a, b: their numbers.
        at: microseconds; None of a decision, of what the text of an address says, and of stand-ins.
        source: which says so.
        reason: a number of :class:`attribution.identity.graph.Demotion` where a rule does not let it count;
            WAITS where it came since people were last resolved.
        decision: the number of the decision; 0 of an observation.
    """

    a: int
    b: int
    at: int | None
    source: str
    reason: int = 0
    decision: int = 0


def chunks(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    """Cut a list into parts that fit an IN list."""
    return (numbers[start : start + _CHUNK] for start in range(0, len(numbers), _CHUNK))


def people_at_any_time(connection: Connection, numbers: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return everybody whose an identifier ever was; one that no evidence names is its own person."""
    wanted = sorted(set(numbers))
    people: dict[int, set[int]] = {number: set() for number in wanted}
    for part in chunks(wanted):
        statement = select(membership.c.identifier_id, membership.c.person_id)
        for number, person in connection.execute(statement.where(membership.c.identifier_id.in_(part))):
            people[int(number)].add(int(person))
    return {number: frozenset(found or {number}) for number, found in people.items()}


def ties_of_person(connection: Connection, person: int, limit: int) -> tuple[list[int], list[Tie], bool]:
    """Read a person's identifiers and ties, the earliest first, and whether there were more than `limit`."""
    mine = membership.c.person_id == person
    own = select(membership.c.identifier_id).where(mine).distinct().order_by(membership.c.identifier_id)
    numbers = [int(n) for n in connection.execute(own.limit(limit + 1)).scalars()]
    known = select(setting.c.value).where(setting.c.name == RESOLVED_EDGE)
    resolved = int(connection.execute(known).scalar() or 0)
    ties: dict[tuple[str, int], Tie] = {}
    for number, one, other in (
        (edge.c.edge_id, edge.c.a, edge.c.b),
        (edge.c.edge_id, edge.c.b, edge.c.a),
        (affiliation.c.affiliation_id, affiliation.c.identifier_id, affiliation.c.account),
    ):
        statement = _ties(mine, number, one, other, limit)
        for key, mine_, theirs, at, source, reason in connection.execute(statement):
            ends = (int(mine_), int(theirs))
            waits = number.table is edge and int(key) > resolved
            why = WAITS if waits else int(reason or 0)
            when = None if source == _ERASURE and not at else int(at)
            tie = Tie(min(ends), max(ends), when, str(source), why)
            ties[number.table.name, int(key)] = tie
    cut = len(numbers) > limit or len(ties) > limit
    first = sorted(ties.values(), key=lambda tie: tie.at or 0)[:limit]
    return numbers, first + _domains(connection, person, alone=not numbers, limit=limit), cut


def _ties(mine: Any, number: Column[Any], own: Column[Any], other: Column[Any], limit: int) -> Select[Any]:
    table = number.table
    return (
        select(number, own, other, table.c.at, evidence_source.c.source, demoted_edge.c.reason)
        .join_from(membership, table, membership.c.identifier_id == own)
        .join(evidence_source, evidence_source.c.evidence_source_id == table.c.evidence_source_id)
        .outerjoin(demoted_edge, demoted_edge.c.edge_id == number if table is edge else false())
        .where(mine)
        .order_by(table.c.at, number)
        .limit(limit + 1)
    )


def _domains(connection: Connection, person: int, *, alone: bool, limit: int) -> list[Tie]:
    """Return what e-mail addresses say of companies by their domains."""
    addresses = select(identifier.c.identifier_id, identifier.c.company).where(
        identifier.c.company.is_not(None)
    )
    if alone:  # an identifier that no evidence names is its own person
        addresses = addresses.where(identifier.c.identifier_id == person)
    else:
        addresses = (
            addresses.join(membership, membership.c.identifier_id == identifier.c.identifier_id)
            .where(membership.c.person_id == person)
            .distinct()
        )
    rows = connection.execute(addresses.order_by(identifier.c.identifier_id).limit(limit))
    return [Tie(int(one), int(company), None, OF_DOMAIN) for one, company in rows]


def read_identifiers(
    connection: Connection, members: Mapping[int, Sequence[int]], ends: Iterable[int]
) -> list[Identifier]:
    """Read identifiers: those of `members` with the people whose they are, and strangers among `ends`."""
    wanted = sorted({*ends, *members})
    strangers = [number for number in wanted if number not in members]
    whose = {}
    for part in chunks(strangers):
        statement = select(membership.c.identifier_id, membership.c.person_id)
        theirs = statement.where(membership.c.identifier_id.in_(part)).order_by(membership.c.since.desc())
        for number, person in connection.execute(theirs):
            whose[int(number)] = int(person)  # of a browser of several, the first one's
    nodes = []
    for part in chunks(wanted):
        texts = select(identifier.c.identifier_id, identifier.c.kind, spelled())
        for number, kind, value in connection.execute(texts.where(identifier.c.identifier_id.in_(part))):
            # an account is no person at all
            other = [-whose.get(int(number), int(number))]
            person, *also = [0] if kind == ACCOUNT else members.get(number, other)
            nodes.append(Identifier(int(number), KIND_NAMES[kind], str(value), person, frozenset(also)))
    return nodes
