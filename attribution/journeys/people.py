"""Whose touches count for a conversion: the people behind a deal's contacts, its account or a lead."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import Column, Connection, Select, Table, and_, func, select

from attribution.identity.accounts import accounts_of, members_of
from attribution.identity.graph import ALWAYS
from attribution.sorted_sets import as_set, difference
from attribution.store import schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.keys import look_up

DEAL_KINDS = ("won", "created")

contact, deal, lead, membership = schema.deal_contact, schema.deal, schema.lead, schema.membership


class Party(NamedTuple):
    """Whose touches count for some deals or leads, and from when to when.

    Attributes:
        position: int64[P], index of the deal or lead among those that were asked about.
        person: int64[P]; one may have several rows, whose times do not overlap.
        since, until: int64[P], microseconds, the end not included: a member of an account counts while it is
            one, everybody else always.
    """

    position: Ints
    person: Ints
    since: Ints
    until: Ints


def people_of(connection: Connection, kind: str, objects: Ints, scope: str) -> Party:
    """Return the people whose touches count.

    Args:
        connection: inside a transaction, after identity was resolved.
        kind: of conversion; `won` and `created` are deals, the others leads.
        objects: int64[n] deal or lead numbers, distinct.
        scope: for deals `contacts` (every contact; where it names none, the members of its account),
            `account` (contacts and members) or `primary` (its lead only). Of a lead its own person counts.
    """
    with temporary(connection, position=np.arange(len(objects)), object=objects) as wanted:
        if kind not in DEAL_KINDS:
            return _always(read_ints(connection, _lead_person(wanted), ["position", "person"]))
        if scope == "primary":
            return _always(_primary(connection, objects))
        named = _always(read_ints(connection, _named(wanted), ["position", "person"]))
        position, accounts = (
            _own_accounts(connection, objects) if scope == "account" else _accounts_alone(connection, wanted)
        )
    members = members_of(connection, accounts)
    position = position[members.of]
    # whoever the deal names counts anyhow
    others = np.flatnonzero(~np.isin(_pairs(position, members.person), _pairs(named.position, named.person)))
    theirs = (position, members.person, members.since, members.until)
    return Party(*(np.concatenate([one, other[others]]) for one, other in zip(named, theirs, strict=True)))


def _always(found: dict[str, Ints]) -> Party:
    count = len(found["person"])
    return Party(found["position"], found["person"], np.full(count, ALWAYS[0]), np.full(count, ALWAYS[1]))


def _pairs(position: Ints, person: Ints) -> Ints:
    return position * 2**32 + person  # identifiers are fewer than 2^32


def _named(wanted: Table) -> Select[tuple[int, int]]:
    """Select the people whom deals name."""
    return (
        select(wanted.c.position, membership.c.person_id)
        .select_from(wanted)
        .join(contact, and_(contact.c.deal_id == wanted.c.object, contact.c.role != schema.ROLE_ACCOUNT))
        .join(membership, membership.c.identifier_id == contact.c.identifier_id)
        .distinct()
    )


def _accounts_alone(connection: Connection, wanted: Table) -> tuple[Ints, Ints]:
    """Return the accounts of deals that name nobody else."""
    statement: Select[Any] = select(wanted.c.position, contact.c.identifier_id).join_from(
        wanted, contact, and_(contact.c.deal_id == wanted.c.object, contact.c.role == schema.ROLE_ACCOUNT)
    )
    found = read_ints(connection, statement, ["position", "account"])
    return found["position"], found["account"]


def _own_accounts(connection: Connection, deals: Ints) -> tuple[Ints, Ints]:
    accounts = accounts_of_deals(connection, deals)
    position = np.flatnonzero(accounts > 0)
    return position, accounts[position]


def accounts_of_deals(connection: Connection, deals: Ints) -> Ints:
    """Return each deal's account: its own, else its lead's, else the one of its lead's person.

    The lead's is what its record says; its person's is where that person belonged when the deal was created
    (when it was closed, where nobody knows).

    Returns:
        int64[n] identifiers of kind account, 0 where there is none.
    """
    accounts = _whole(connection, deal.c.deal_id, deal.c.account, deals, missing=0)
    open_ = np.flatnonzero(accounts == 0)
    accounts[open_] = _whole(
        connection, lead.c.lead_id, lead.c.account, leads_of_deals(connection, deals[open_]), missing=0
    )
    open_ = np.flatnonzero(accounts == 0)
    closed = _whole(connection, deal.c.deal_id, deal.c.closed_at, deals[open_], missing=ALWAYS[1] - 1)
    created = _whole(connection, deal.c.deal_id, deal.c.created_at_end, deals[open_], missing=ALWAYS[1])
    at = np.where(created < ALWAYS[1], created, closed)
    asked = pd.DataFrame(_primary(connection, deals[open_]))
    asked["at"] = at[asked["position"].to_numpy(np.int64)]
    known = pd.DataFrame(accounts_of(connection, asked["person"].unique())._asdict())
    then = asked.merge(known, on="person").query("since <= at < until")
    accounts[open_[then["position"].to_numpy(np.int64)]] = then["account"]
    return accounts


def _whole(
    connection: Connection, key: Column[Any], column: Column[Any], wanted: Ints, *, missing: int
) -> Ints:
    """Read a number of some rows (wanted 0 is none), `missing` where there is none."""
    chosen = as_set(wanted[wanted > 0])
    with temporary(connection, wanted=chosen) as probe:
        statement: Select[Any] = (
            select(key, column).join(probe, probe.c.wanted == key).where(column.is_not(None))
        )
        found = read_ints(connection, statement, ["key", "value"])
    return look_up(found["key"], found["value"], wanted, missing=missing)


def _primary(connection: Connection, deals: Ints) -> dict[str, Ints]:
    """Return `position person` of the person of each deal's lead, where there is one."""
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
    others = difference(np.arange(len(deals)), named["position"])
    leads = leads_of_deals(connection, deals[others])
    known = as_set(leads[leads > 0])
    own = people_of(connection, "lead", known, "primary")
    theirs = look_up(known[own.position], own.person, leads, missing=0)
    found = theirs > 0
    return {
        "position": np.r_[named["position"], others[found]],
        "person": np.r_[named["person"], theirs[found]],
    }


def _lead_person(wanted: Table) -> Select[tuple[int, int]]:
    return (
        select(wanted.c.position, membership.c.person_id)
        .select_from(wanted)
        .join(lead, lead.c.lead_id == wanted.c.object)
        .join(membership, membership.c.identifier_id == lead.c.identifier_id)
    )


def leads_of_deals(connection: Connection, deals: Ints) -> Ints:
    """Return each deal's lead: the one it names, else the contact lead created last at or before the deal's
    creation, else the first after it. Leads of a contact that files call primary come before all others.

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
            .add_columns(deal.c.created_at_end.label("deal_at"), contact.c.is_primary)
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
    ranked = candidates.assign(
        other=1 - candidates["is_primary"], after=~before, rank=np.where(before, -lead_at, lead_at)
    ).sort_values(["position", "other", "after", "rank", "key"])
    first = ranked.drop_duplicates("position")
    return look_up(
        first["position"].to_numpy(np.int64),
        first["lead_id"].to_numpy(np.int64),
        np.arange(len(deals)),
        missing=0,
    )
