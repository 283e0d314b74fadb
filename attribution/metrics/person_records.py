"""What a person has in a store beside evidence: touches, leads, deals."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import CompoundSelect, Connection, and_, func, select

from attribution.identifiers import KIND_NAMES
from attribution.identity.evidence import Evidence
from attribution.identity.graph import ALWAYS
from attribution.identity.naming import Named
from attribution.identity.observed import chunks
from attribution.identity.rules import RANKS
from attribution.store.identifiers import spelled
from attribution.store.schema import (
    ROLE_ACCOUNT,
    ROLE_LEAD,
    deal,
    deal_contact,
    identifier,
    lead,
    membership,
    touch,
)

MAX_RECORDS: Final = 50  # leads and deals that one person's story ends at
SOURCES: Final = {ROLE_LEAD: "CRM deal", 1: "CRM deal contact", ROLE_ACCOUNT: "CRM deal account"}


class Stretch(NamedTuple):
    """An identifier of a person for a time (microseconds, the end not included), and its touches then."""

    identifier: int
    since: int
    until: int
    touches: int = 0
    first_touch: int | None = None
    last_touch: int | None = None


def stretches_of(connection: Connection, person: int) -> list[Stretch]:
    """Return a person's identifiers with their touches; one that no evidence names is its own person."""
    theirs = and_(
        touch.c.visitor == membership.c.identifier_id,
        touch.c.at >= membership.c.since,
        touch.c.at < membership.c.until,
    )
    counts = (func.count(touch.c.n), func.min(touch.c.at), func.max(touch.c.at))
    columns = (membership.c.identifier_id, membership.c.since, membership.c.until)
    statement = (
        select(*columns, *counts)
        .select_from(membership)
        .outerjoin(touch, theirs)
        .where(membership.c.person_id == person)
        .group_by(*columns)
        .order_by(*columns[:2])
    )
    found = [Stretch(*map(int, row[:4]), *row[4:]) for row in connection.execute(statement)]
    if found:
        return found
    alone = select(*counts).where(touch.c.visitor == person)
    number, first, last = connection.execute(alone).one()
    return [Stretch(person, *ALWAYS, int(number), first, last)]


def others_of(connection: Connection, numbers: list[int], person: int) -> dict[int, list[Stretch]]:
    """Return who else had identifiers of a person, by identifier: in each stretch `identifier` is who."""
    found: dict[int, list[Stretch]] = {}
    for part in chunks(numbers):
        statement = select(
            membership.c.identifier_id, membership.c.person_id, membership.c.since, membership.c.until
        ).where(membership.c.identifier_id.in_(part), membership.c.person_id != person)
        for number, other, since, until in connection.execute(statement.order_by(membership.c.since)):
            found.setdefault(int(number), []).append(Stretch(int(other), int(since), int(until)))
    return found


def known_as(connection: Connection, people: list[int]) -> dict[int, Named]:
    """Return what each person is best known by: its strongest identifier, the first by name of several."""
    wanted = sorted(set(people))
    best: dict[int, tuple[int, str, Named]] = {}
    members = select(membership.c.person_id, identifier.c.identifier_id, identifier.c.kind, spelled()).join(
        membership, membership.c.identifier_id == identifier.c.identifier_id
    )
    alone = select(identifier.c.identifier_id, identifier.c.identifier_id, identifier.c.kind, spelled())
    for part in chunks(wanted):
        rows = [
            *connection.execute(members.where(membership.c.person_id.in_(part))),
            *connection.execute(alone.where(identifier.c.identifier_id.in_(part))),
        ]
        for person, number, kind, value in rows:
            rank = (RANKS.get(int(kind), len(RANKS)), str(value))
            one = (*rank, Named(int(number), KIND_NAMES[kind], str(value)))
            best[int(person)] = min(best.get(int(person), one), one)
    return {person: one[2] for person, one in best.items()}


def deals_of(connection: Connection, person: int, limit: int | None = None) -> list[tuple[str, int, int]]:
    """Return the deals that name a person: key, by which identifier, and its role, in order of the key."""
    named = (
        select(deal.c.key, deal_contact.c.identifier_id, deal_contact.c.role)
        .join_from(deal_contact, deal, deal.c.deal_id == deal_contact.c.deal_id)
        .where(deal_contact.c.identifier_id.in_(_identifiers(person)), deal_contact.c.role != ROLE_ACCOUNT)
        .order_by(deal.c.key, deal_contact.c.identifier_id)
        .limit(limit)
    )
    return [(str(key), int(number), int(role)) for key, number, role in connection.execute(named)]


def leads_of(connection: Connection, person: int, limit: int | None = None) -> list[tuple[str, int]]:
    """Return a person's leads: key and identifier, in order of the key."""
    own = select(lead.c.key, lead.c.identifier_id).where(lead.c.identifier_id.in_(_identifiers(person)))
    rows = connection.execute(own.order_by(lead.c.key).limit(limit))
    return [(str(key), int(number)) for key, number in rows]


def tie_deals(connection: Connection, evidence: Evidence, person: int) -> list[str]:
    """Tie a person's deals into its evidence; returns what they are called there."""
    targets = []
    for key, number, role in deals_of(connection, person, MAX_RECORDS):
        evidence.tie(f"deal {key}", SOURCES[role], [number])
        targets.append(f"deal {key}")
    return list(dict.fromkeys(targets))


def _identifiers(person: int) -> CompoundSelect[Any]:
    mine = select(membership.c.identifier_id).where(membership.c.person_id == person)
    return mine.union(select(identifier.c.identifier_id).where(identifier.c.identifier_id == person))
