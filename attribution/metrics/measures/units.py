"""Who is drawn together when a figure's interval is made: the account behind a record, else its person.

A lead belongs to its account, else to its person; a deal to its customer, and who that is stands here once
for all figures; a meeting to whoever it is with.
Numbers are hashes of names, so that the same data draw the same in any store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Column, Connection, func, select

from attribution.ledger.units import units_of_people
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.meetings import meetings
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, read_ints
from attribution.store.keys import find_texts, look_up, text_hash
from attribution.store.schema import ROLE_ACCOUNT, contact, deal, deal_contact, identifier, lead, membership

Records = tuple[Ints, Ints]  # their numbers, and the unit of each


def units_of_records(connection: Connection, dimensions: Dimensions, kind: str) -> Records:
    """Return the records of a kind in order of their numbers, and the unit of each.

    Args:
        connection: inside a transaction.
        dimensions: which hold the leads and deals.
        kind: `lead`, `deal`, `meeting` or `person`.
    """
    return _OF[kind](connection, dimensions)


def customers_of_deals(connection: Connection, dimensions: Dimensions) -> Ints:
    """Return who the customer of each deal is, who is drawn with it too.

    An account: the deal's own, else its lead's, else the one that records tie its person to. Else the person:
    its lead's, else its first contact's. Else nobody but the deal.

    Returns:
        int64[deals], in the order of `dimensions.deals`.
    """
    deals = dimensions.deals
    ids = deals["deal_id"].to_numpy(np.int64)
    ways = (
        _first_contacts(connection, dimensions),
        _of_known_leads(connection, dimensions),
        _accounts(connection, deal.c.deal_id, deal.c.account),
    )
    found, known = np.zeros(len(ids), np.int64), np.zeros(len(ids), bool)
    for record, unit in ways:  # what comes later counts more
        there = np.isin(ids, record)
        found[there] = look_up(record, unit, ids[there])
        known |= there
    found[~known] = _alone(connection, ids[~known])
    return found


def _of_leads(connection: Connection, dimensions: Dimensions) -> Records:
    leads = dimensions.leads
    ids, unit = leads["lead_id"].to_numpy(np.int64), leads["person_id"].to_numpy(np.int64)
    unit = units_of_people(connection, unit)
    record, account = _accounts(connection, lead.c.lead_id, lead.c.account)
    there = np.isin(ids, record)
    unit[there] = look_up(record, account, ids[there])
    return ids, unit


def _of_deals(connection: Connection, dimensions: Dimensions) -> Records:
    return dimensions.deals["deal_id"].to_numpy(np.int64), customers_of_deals(connection, dimensions)


def _of_known_leads(connection: Connection, dimensions: Dimensions) -> Records:
    """Return the deals that have a lead, and the unit of that."""
    deals = dimensions.deals[dimensions.deals["lead_id"] >= 0]
    unit = look_up(*_of_leads(connection, dimensions), deals["lead_id"].to_numpy(np.int64))
    return deals["deal_id"].to_numpy(np.int64), unit


def _first_contacts(connection: Connection, dimensions: Dimensions) -> Records:
    """Return the deals without a lead that name anybody, and the unit of whom they name first.

    That is whom files call primary, else a lead without a record, else the first by name: in which order a
    file named them is not kept.
    """
    deals = dimensions.deals
    person = func.coalesce(membership.c.person_id, deal_contact.c.identifier_id)
    named = (deal_contact.c.deal_id, -deal_contact.c.is_primary, deal_contact.c.role)
    statement = (
        select(*named, deal_contact.c.identifier_id, person)
        .outerjoin(membership, membership.c.identifier_id == deal_contact.c.identifier_id)
        .where(deal_contact.c.role != ROLE_ACCOUNT)
        .order_by(*named, deal_contact.c.identifier_id, person)
    )
    found = pd.DataFrame(read_ints(connection, statement, ["deal", "primary", "role", "contact", "person"]))
    leadless = deals["deal_id"].to_numpy(np.int64)[deals["lead_id"].to_numpy() < 0]
    found = found[np.isin(found["deal"], leadless)]
    rank = ["deal", "primary", "role"]
    found = found.merge(found.drop_duplicates("deal")[rank], on=rank).drop_duplicates(["deal", "person"])
    several = found["deal"].duplicated(keep=False)
    if several.any():
        names = _names(connection, as_set(found["contact"][several].to_numpy(np.int64)))
        found = found.assign(name=found["contact"].map(names)).sort_values(["deal", "name", "contact"])
        found = found.drop_duplicates("deal")
    return found["deal"].to_numpy(np.int64), units_of_people(connection, found["person"].to_numpy(np.int64))


def _names(connection: Connection, numbers: Ints) -> pd.Series[str]:
    """Return what identifiers are called, by their number."""
    found = [
        find_texts(connection, table, table.c.identifier_id, ["value"], numbers).dropna()
        for table in (contact, identifier)
    ]
    return pd.concat(found).drop_duplicates("identifier_id").set_index("identifier_id")["value"]


def _accounts(connection: Connection, record: Column[Any], account: Column[Any]) -> Records:
    """Return the records that name an account, and that."""
    statement = (
        select(record, identifier.c.hash)
        .join(identifier, identifier.c.identifier_id == account)
        .order_by(record)
    )
    found = read_ints(connection, statement, ["record", "account"])
    return found["record"], found["account"]


def _alone(connection: Connection, ids: Ints) -> Ints:
    """Return a unit of its own for each of some deals."""
    if not len(ids):
        return ids
    keys = find_texts(connection, deal, deal.c.deal_id, ["key"], ids)
    return look_up(keys["deal_id"].to_numpy(np.int64), text_hash(pa.array(keys["key"], pa.string())), ids)


def _of_people(connection: Connection, dimensions: Dimensions) -> Records:
    people = np.sort(pd.unique(dimensions.leads["person_id"].to_numpy(np.int64)))
    return people, units_of_people(connection, people)


def _of_meetings(connection: Connection, dimensions: Dimensions) -> Records:
    found = meetings(connection, dimensions.leads)
    people = found["person_id"].to_numpy(np.int64)
    return found["meeting_id"].to_numpy(np.int64), units_of_people(connection, people)


_OF: Final[Mapping[str, Callable[[Connection, Dimensions], Records]]] = {
    "lead": _of_leads,
    "deal": _of_deals,
    "meeting": _of_meetings,
    "person": _of_people,
}
