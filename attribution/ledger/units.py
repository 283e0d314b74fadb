"""Who is drawn together when figures are judged: accounts with all their people, else persons.

Deals of one account rise and fall together, so drawing its contacts one by one would make intervals too
narrow. Units are numbered by hashes of what they are called, so that the same data draw the same in whatever
order they were imported.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from attribution.journeys.columns import Journeys
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, read_ints_once
from attribution.store.identifiers import KEYED
from attribution.store.keys import look_up

contact, deal, identifier, lead, membership = (
    schema.deal_contact, schema.deal, schema.identifier, schema.lead, schema.membership,
)  # fmt: skip


def units_of(connection: Connection, journeys: Journeys) -> Ints:
    """Return int64[J]: the account of the person of each journey's first touch, else that person.

    Args:
        connection: inside a transaction.
        journeys: with touches, each.
    """
    return units_of_people(connection, journeys.person[journeys.first])


def units_of_people(connection: Connection, person: Ints) -> Ints:
    """Return int64[n]: the account of each person, else the person; numbered by what they are called.

    Args:
        connection: inside a transaction.
        person: int64[n], persons, or identifiers of visitors that nobody knows.
    """
    known = _hashes_of_people(connection)
    accounts = _accounts_of_people(connection)
    own = look_up(known["person"], known["hash"], person)
    alone = ~np.isin(person, known["person"])  # a visitor nobody knows is a person by itself
    own[alone] = _hashes_of_identifiers(connection, person[alone])
    theirs = look_up(accounts["person"], accounts["hash"], person)
    return np.where(np.isin(person, accounts["person"]), theirs, own)


def _hashes_of_people(connection: Connection) -> dict[str, Ints]:
    """Return for each person the smallest hash of what it is known by, but for those that differ by store."""
    statement = (
        select(membership.c.person_id, func.min(identifier.c.hash))
        .join(identifier, identifier.c.identifier_id == membership.c.identifier_id)
        .where(identifier.c.kind.not_in(KEYED))
        .group_by(membership.c.person_id)
        .order_by(membership.c.person_id)
    )
    return read_ints_once(connection, statement, ["person", "hash"])


def _hashes_of_identifiers(connection: Connection, numbers: Ints) -> Ints:
    if not len(numbers):
        return numbers
    statement = (
        select(identifier.c.identifier_id, identifier.c.hash)
        .where(identifier.c.identifier_id.between(int(numbers.min()), int(numbers.max())))
        .order_by(identifier.c.identifier_id)
    )
    found = read_ints(connection, statement, ["identifier", "hash"])
    return look_up(found["identifier"], found["hash"], numbers)


def _accounts_of_people(connection: Connection) -> dict[str, Ints]:
    """Return for each person that a lead or a deal ties to an account the smallest hash of those."""
    of_leads = (
        select(membership.c.person_id, identifier.c.hash)
        .select_from(lead)
        .join(membership, membership.c.identifier_id == lead.c.identifier_id)
        .join(identifier, identifier.c.identifier_id == lead.c.account)
    )
    of_deals = (
        select(membership.c.person_id, identifier.c.hash)
        .select_from(deal)
        .join(contact, contact.c.deal_id == deal.c.deal_id)
        .join(membership, membership.c.identifier_id == contact.c.identifier_id)
        .join(identifier, identifier.c.identifier_id == deal.c.account)
    )
    found = [read_ints_once(connection, statement, ["person", "hash"]) for statement in (of_leads, of_deals)]
    frame = pd.concat([pd.DataFrame(columns) for columns in found])
    smallest = frame.groupby("person")["hash"].min().sort_index()
    return {"person": smallest.index.to_numpy(np.int64), "hash": smallest.to_numpy(np.int64)}
