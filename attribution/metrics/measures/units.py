"""Who is drawn together when a figure's interval is made: the account behind a record, else its person.

A lead belongs to its person, a deal to its lead's, else to its account, else to its first contact's person, a
meeting to whoever it is with.
Numbers are hashes of names, so that the same data draw the same in any store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, func, select

from attribution.ledger.units import units_of_people
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.meetings import meetings
from attribution.store.columns import Ints, read_frame, read_ints
from attribution.store.keys import look_up, text_hash
from attribution.store.schema import deal, deal_contact, identifier, membership


def units_of_records(connection: Connection, dimensions: Dimensions, kind: str) -> tuple[Ints, Ints]:
    """Return the records of a kind in order of their numbers, and the unit of each.

    Args:
        connection: inside a transaction.
        dimensions: which hold the leads and deals.
        kind: `lead`, `deal`, `meeting` or `person`.
    """
    return _OF[kind](connection, dimensions)


def _of_leads(connection: Connection, dimensions: Dimensions) -> tuple[Ints, Ints]:
    leads = dimensions.leads
    people = leads["person_id"].to_numpy(np.int64)
    return leads["lead_id"].to_numpy(np.int64), units_of_people(connection, people)


def _of_deals(connection: Connection, dimensions: Dimensions) -> tuple[Ints, Ints]:
    lead_ids, of_lead = _of_leads(connection, dimensions)
    deals = dimensions.deals
    ids, lead_id = deals["deal_id"].to_numpy(np.int64), deals["lead_id"].to_numpy(np.int64)
    keys = read_frame(connection, select(deal.c.key).order_by(deal.c.deal_id))["key"]
    unit = text_hash(pa.array(keys, pa.string()))  # a deal that nobody is known of stands alone
    for known in (_contacts(connection), _accounts(connection)):  # what comes later counts more
        there = np.isin(ids, known["deal"])
        unit[there] = look_up(known["deal"], known["unit"], ids[there])
    there = lead_id >= 0
    unit[there] = look_up(lead_ids, of_lead, lead_id[there])
    return ids, unit


def _contacts(connection: Connection) -> dict[str, Ints]:
    """Return the unit of the first contact's person of each deal that names any."""
    person = func.coalesce(membership.c.person_id, deal_contact.c.identifier_id)
    statement = (
        select(deal_contact.c.deal_id, func.min(person))
        .outerjoin(membership, membership.c.identifier_id == deal_contact.c.identifier_id)
        .group_by(deal_contact.c.deal_id)
        .order_by(deal_contact.c.deal_id)
    )
    found = read_ints(connection, statement, ["deal", "person"])
    return {"deal": found["deal"], "unit": units_of_people(connection, found["person"])}


def _accounts(connection: Connection) -> dict[str, Ints]:
    statement = (
        select(deal.c.deal_id, identifier.c.hash)
        .join(identifier, identifier.c.identifier_id == deal.c.account)
        .order_by(deal.c.deal_id)
    )
    return read_ints(connection, statement, ["deal", "unit"])


def _of_people(connection: Connection, dimensions: Dimensions) -> tuple[Ints, Ints]:
    people = np.sort(pd.unique(dimensions.leads["person_id"].to_numpy(np.int64)))
    return people, units_of_people(connection, people)


def _of_meetings(connection: Connection, dimensions: Dimensions) -> tuple[Ints, Ints]:
    found = meetings(connection, dimensions.leads)
    people = found["person_id"].to_numpy(np.int64)
    return found["meeting_id"].to_numpy(np.int64), units_of_people(connection, people)


_OF: Final[Mapping[str, Callable[[Connection, Dimensions], tuple[Ints, Ints]]]] = {
    "lead": _of_leads,
    "deal": _of_deals,
    "meeting": _of_meetings,
    "person": _of_people,
}
