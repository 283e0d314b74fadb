"""Whose touches count for a conversion: the people behind a deal's contacts, or behind a lead."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, Select, Table, and_, func, select, union

from attribution.store import schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.keys import look_up

DEAL_KINDS = ("won", "created")

contact, deal, edge, lead, membership = (
    schema.deal_contact, schema.deal, schema.edge, schema.lead, schema.membership,
)  # fmt: skip


def people_of(connection: Connection, kind: str, objects: Ints, scope: str) -> tuple[Ints, Ints]:
    """Return the people whose touches count.

    Args:
        connection: inside a transaction.
        kind: of conversion; `won` and `created` are deals, the others leads.
        objects: int64[n] deal or lead numbers, distinct.
        scope: `contacts` (every contact of a deal) or `primary` (its lead only).

    Returns:
        Index into `objects` and person number, one pair for each person of each object.
    """
    if kind in DEAL_KINDS and scope == "primary":
        return _primary(connection, objects)
    with temporary(connection, position=np.arange(len(objects)), object=objects) as wanted:
        statement = union(*_members(wanted)) if kind in DEAL_KINDS else _lead_person(wanted)
        found = read_ints(connection, statement, ["position", "person"])
    return found["position"], found["person"]


def _primary(connection: Connection, deals: Ints) -> tuple[Ints, Ints]:
    """Return the person of each deal's lead, where there is one."""
    with temporary(connection, position=np.arange(len(deals)), object=deals) as wanted:
        # evidence may know the person of a lead whose record is not there (yet)
        named = read_ints(
            connection,
            select(wanted.c.position, membership.c.person_id)
            .select_from(wanted)
            .join(deal, deal.c.deal_id == wanted.c.object)
            .join(membership, membership.c.identifier_id == deal.c.lead),
            ["position", "person"],
        )
    others = np.setdiff1d(np.arange(len(deals)), named["position"])
    leads = leads_of_deals(connection, deals[others])
    known = np.unique(leads[leads > 0])
    at, person = people_of(connection, "lead", known, "primary")
    theirs = look_up(known[at], person, leads, missing=0)
    found = theirs > 0
    return np.r_[named["position"], others[found]], np.r_[named["person"], theirs[found]]


def _lead_person(wanted: Table) -> Select[tuple[int, int]]:
    return (
        select(wanted.c.position, membership.c.person_id)
        .select_from(wanted)
        .join(lead, lead.c.lead_id == wanted.c.object)
        .join(membership, membership.c.identifier_id == lead.c.identifier_id)
    )


def _members(wanted: Table) -> list[Select[tuple[int, int]]]:
    """People named by the deal; for a deal that names nobody, the members of its account."""
    named = (
        select(wanted.c.position, membership.c.person_id)
        .select_from(wanted)
        .join(contact, and_(contact.c.deal_id == wanted.c.object, contact.c.role != schema.ROLE_ACCOUNT))
        .join(membership, membership.c.identifier_id == contact.c.identifier_id)
    )
    of_account = [
        select(wanted.c.position, membership.c.person_id)
        .select_from(wanted)
        .join(contact, and_(contact.c.deal_id == wanted.c.object, contact.c.role == schema.ROLE_ACCOUNT))
        .join(edge, here == contact.c.identifier_id)
        .join(membership, membership.c.identifier_id == there)
        for here, there in ((edge.c.a, edge.c.b), (edge.c.b, edge.c.a))
    ]
    return [named, *of_account]


def leads_of_deals(connection: Connection, deals: Ints) -> Ints:
    """Return each deal's lead: the one it names, else the contact lead created last at or before the deal's
    creation, else the first after it.

    Returns:
        int64[n] lead numbers, 0 where there is none, or none yet: a lead that a deal names is its lead,
        also before its record was imported.
    """
    with temporary(connection, position=np.arange(len(deals)), object=deals) as wanted:
        named = read_ints(
            connection,
            select(wanted.c.position, func.coalesce(lead.c.lead_id, 0))
            .select_from(wanted)
            .join(deal, deal.c.deal_id == wanted.c.object)
            .outerjoin(lead, lead.c.identifier_id == deal.c.lead)
            .where(deal.c.lead.is_not(None)),
            ["position", "lead"],
        )
    chosen = look_up(named["position"], named["lead"], np.arange(len(deals)))
    unnamed = np.flatnonzero(chosen < 0)
    if len(unnamed):
        chosen[unnamed] = _contact_leads(connection, deals[unnamed])
    return chosen


def _contact_leads(connection: Connection, deals: Ints) -> Ints:
    """Return the lead that counts among those of each deal's contacts, 0 where there is none."""
    whose, theirs = membership.alias(), membership.alias()
    with temporary(connection, position=np.arange(len(deals)), object=deals) as wanted:
        candidates = read_frame(
            connection,
            select(wanted.c.position, lead.c.lead_id, lead.c.key, lead.c.created_at_end)
            .add_columns(deal.c.created_at_end.label("deal_at"))
            .select_from(wanted)
            .join(deal, deal.c.deal_id == wanted.c.object)
            .join(contact, and_(contact.c.deal_id == deal.c.deal_id, contact.c.role != schema.ROLE_ACCOUNT))
            .join(whose, whose.c.identifier_id == contact.c.identifier_id)
            .join(theirs, theirs.c.person_id == whose.c.person_id)
            .join(lead, lead.c.identifier_id == theirs.c.identifier_id)
            .distinct(),
        )
    if candidates.empty:
        return np.zeros(len(deals), np.int64)
    # no creation time: any lead is before it
    deal_at = candidates["deal_at"].fillna(np.iinfo(np.int64).max).to_numpy(np.int64)
    lead_at = candidates["created_at_end"].to_numpy(np.int64)
    before = lead_at <= deal_at
    # before the deal's creation the latest ranks first, after it the earliest; the id breaks ties
    ranked = candidates.assign(after=~before, rank=np.where(before, -lead_at, lead_at)).sort_values(
        ["position", "after", "rank", "key"]
    )
    first = ranked.drop_duplicates("position")
    return look_up(
        first["position"].to_numpy(np.int64),
        first["lead_id"].to_numpy(np.int64),
        np.arange(len(deals)),
        missing=0,
    )
