"""What a run must look at again: conversions whose inputs changed since a credit set last read them.

Touches are seen by their number, everything else by the change log; both only grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Select, Table, func, or_, select

from attribution import clock
from attribution.identity.accounts import near, people_near
from attribution.identity.stretches import theirs_then
from attribution.journeys.people import DEAL_KINDS
from attribution.ledger import reasons
from attribution.ledger.rates import MAX_AGE_DAYS
from attribution.sorted_sets import as_set, union
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.keys import find

adjustment, change, contact, deal, lead, membership, touch = (
    schema.adjustment, schema.change, schema.deal_contact, schema.deal, schema.lead, schema.membership,
    schema.touch,
)  # fmt: skip


@dataclass(frozen=True)
class Watermark:
    """How far somebody has read."""

    touch: int = 0
    change: int = 0


@dataclass(frozen=True)
class Affected:
    """Deals or leads to look at again, and why (a number of :mod:`attribution.ledger.reasons`)."""

    objects: Ints | None  # None: all of them
    reasons: Ints  # one an object; empty where all are meant


def watermark(connection: Connection) -> Watermark:
    """Return how far the store has come."""
    return Watermark(
        int(connection.execute(select(func.coalesce(func.max(touch.c.n), 0))).scalar_one()),
        int(connection.execute(select(func.coalesce(func.max(change.c.change_id), 0))).scalar_one()),
    )


EVERYTHING = Affected(None, np.empty(0, np.int64))


def affected(connection: Connection, kind: str, seen: Watermark, scope: str = "contacts") -> Affected:
    """Find the objects of a kind of conversion whose value or journey may have changed.

    Args:
        connection: inside a transaction, after identity was resolved.
        kind: of conversion.
        seen: how far the asking credit set has read.
        scope: whose touches count in it.
    """
    new = change.c.change_id > seen.change
    everything = select(func.count()).where(new, change.c.kind == schema.CHANGE_ALL)
    if seen == Watermark() or connection.execute(everything).scalar_one():
        return EVERYTHING
    refs = {
        code: read_ints(
            connection, select(change.c.ref).where(new, change.c.kind == code).distinct(), ["ref"]
        )["ref"]
        for code in (
            schema.CHANGE_DEAL, schema.CHANGE_LEAD, schema.CHANGE_PERSON, schema.CHANGE_ADJUSTMENT,
            schema.CHANGE_RATE,
        )
    }  # fmt: skip
    late = read_ints(
        connection,
        select(membership.c.person_id)
        .join(touch, touch.c.visitor == membership.c.identifier_id)
        .where(touch.c.n > seen.touch, theirs_then(touch.c.at))
        .distinct(),
        ["person"],
    )["person"]
    merged = _of_people(connection, kind, _people(connection, refs[schema.CHANGE_PERSON]), scope)
    touched = _of_people(connection, kind, late, scope)
    if kind in DEAL_KINDS:
        changed = refs[schema.CHANGE_DEAL]
        adjusted = _deals_of_adjustments(connection, refs[schema.CHANGE_ADJUSTMENT])
        # the dates of a contact's lead decide whether it is the deal's lead, its account where people belong
        led = _deals_of_leads(connection, kind, refs[schema.CHANGE_LEAD], scope)
        rated = _deals_near(connection, kind, refs[schema.CHANGE_RATE])
    else:  # leads have no money, and no deal's dates
        changed = refs[schema.CHANGE_LEAD]
        adjusted = led = rated = np.empty(0, np.int64)
    # the strongest reason comes last and stays
    why: dict[int, int] = {}
    for objects, reason in (
        (rated, reasons.RECOMPUTED), (led, reasons.DEAL_CHANGED),
        (touched, reasons.LATE_TOUCH), (merged, reasons.PEOPLE_CHANGED),
        (adjusted, reasons.ADJUSTMENT), (changed, reasons.DEAL_CHANGED),
    ):  # fmt: skip
        why.update(dict.fromkeys(objects.tolist(), reason))
    return Affected(np.array(list(why), np.int64), np.array(list(why.values()), np.int64))


def _people(connection: Connection, identifiers: Ints) -> Ints:
    """Return the people that identifiers belong to now; a company, which is nobody, stands for itself."""
    known = membership.c.identifier_id
    found = find(connection, membership, known, ["person_id"], identifiers, exact=True)["person_id"]
    return union(found, identifiers)


def _of_people(connection: Connection, kind: str, people: Ints, scope: str) -> Ints:
    """Return the deals or leads of people, and the deals of accounts whose members may be others by them.

    Accounts may be among the people.
    """
    if len(people) == 0:
        return people
    if kind not in DEAL_KINDS:
        with temporary(connection, wanted=people) as wanted:
            return _objects(
                connection, select(lead.c.lead_id).where(lead.c.identifier_id.in_(_members(wanted)))
            )
    named = select(contact.c.deal_id)
    with temporary(connection, wanted=people) as wanted:
        theirs = or_(
            contact.c.identifier_id.in_(_members(wanted)),
            contact.c.identifier_id.in_(select(wanted.c.wanted)),
        )
        found = [_objects(connection, named.where(theirs))]
    if scope == "account":
        found += _of_accounts(connection, near(connection, people))
    alone = named.where(contact.c.role == schema.ROLE_ACCOUNT)
    if scope == "contacts" and connection.execute(alone.limit(1)).first() is not None:
        with temporary(connection, wanted=near(connection, people)) as wanted:
            chosen = alone.where(contact.c.identifier_id.in_(select(wanted.c.wanted)))
            found.append(_objects(connection, chosen))
    return as_set(np.concatenate(found))


def _of_accounts(connection: Connection, accounts: Ints) -> list[Ints]:
    """Return the deals that name accounts, and those without one whose contacts may belong to these."""
    with temporary(connection, wanted=accounts) as wanted:
        own = select(deal.c.deal_id).where(deal.c.account.in_(select(wanted.c.wanted)))
        found = [_objects(connection, own)]
    with temporary(connection, wanted=people_near(connection, accounts)) as wanted:
        theirs = (
            select(contact.c.deal_id)
            .join(deal, deal.c.deal_id == contact.c.deal_id)
            .where(contact.c.identifier_id.in_(_members(wanted)), deal.c.account.is_(None))
        )
        return [*found, _objects(connection, theirs)]


def _members(people: Table) -> Select[tuple[int]]:
    return select(membership.c.identifier_id).join(people, people.c.wanted == membership.c.person_id)


def _objects(connection: Connection, statement: Select[tuple[int]]) -> Ints:
    return read_ints(connection, statement.distinct(), ["object"])["object"]


def _deals_of_adjustments(connection: Connection, adjustments: Ints) -> Ints:
    with temporary(connection, wanted=adjustments) as wanted:
        return read_ints(
            connection,
            select(deal.c.deal_id)
            .join(adjustment, adjustment.c.deal_key == deal.c.key)
            .join(wanted, wanted.c.wanted == adjustment.c.adjustment_id)
            .distinct(),
            ["deal"],
        )["deal"]


def _deals_of_leads(connection: Connection, kind: str, leads: Ints, scope: str) -> Ints:
    """Return the deals that have the person of a lead, or the lead itself, among those who count."""
    with temporary(connection, wanted=leads) as wanted:
        own = read_ints(
            connection,
            select(lead.c.identifier_id).join(wanted, wanted.c.wanted == lead.c.lead_id),
            ["identifier"],
        )["identifier"]
    return _of_people(connection, kind, _people(connection, own), scope)


def _deals_near(connection: Connection, kind: str, days: Ints) -> Ints:
    """Return the deals whose money some exchange rates may convert: those dated up to a week after one."""
    if len(days) == 0:
        return days
    at = deal.c.closed_at if kind == "won" else deal.c.created_at_end
    day_after = clock.DAY  # a zone's day begins and ends up to a day beside UTC's
    with temporary(connection, day=days) as rates:
        start = rates.c.day * clock.DAY
        near = at.between(start - day_after, start + (MAX_AGE_DAYS + 1) * clock.DAY + day_after)
        statement = select(deal.c.deal_id).select_from(rates).join(deal, near).distinct()
        return read_ints(connection, statement, ["deal"])["deal"]
