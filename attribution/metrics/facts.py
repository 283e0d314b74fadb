"""Leads and deals as frames: one row a CRM record, with the attributes that figures are cut by.

A deal's lead is the one it names; else, of the leads among its contacts' people, the one created last at
or before the deal, else the first after it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from attribution.journeys.people import leads_of_deals
from attribution.store.columns import Ints, read_frame, read_ints
from attribution.store.schema import deal, identifier, lead, membership

NEVER: Final = np.iinfo(np.int64).max  # an instant that has not come: after all that have


def leads(connection: Connection) -> pd.DataFrame:
    """Read every lead.

    Returns:
        Columns `lead_id identifier_id person_id created created_start mql sqo` (int64; instants in
        microseconds, `NEVER` where it has not happened; a bare date is its last microsecond, in
        `created_start` its first) and `owner industry account` (text or None), by `lead_id`.
    """
    numbers = (
        lead.c.lead_id,
        lead.c.identifier_id,
        func.coalesce(membership.c.person_id, lead.c.identifier_id),
        lead.c.created_at_end,
        lead.c.created_at,
        func.coalesce(lead.c.mql_at, NEVER),
        func.coalesce(lead.c.sqo_at, NEVER),
    )
    names = ("lead_id", "identifier_id", "person_id", "created", "created_start", "mql", "sqo")
    statement = (
        select(*numbers)
        .outerjoin(membership, membership.c.identifier_id == lead.c.identifier_id)
        .order_by(lead.c.lead_id)
    )
    frame = pd.DataFrame(read_ints(connection, statement, names))
    texts = (
        select(lead.c.owner, lead.c.industry, identifier.c.value.label("account"))
        .outerjoin(identifier, identifier.c.identifier_id == lead.c.account)
        .order_by(lead.c.lead_id)
    )
    return pd.concat([frame, read_frame(connection, texts).astype(object)], axis=1)


def deals(connection: Connection, leads_: pd.DataFrame) -> pd.DataFrame:
    """Read every deal, with its lead; those that were deleted in the CRM are none.

    Returns:
        Columns `deal_id created created_start closed lead_id` (int64; `NEVER` where it has not happened,
        -1 for no lead), `lead_created lead_created_start` (int64, `NEVER` without a lead), `status
        currency`, and `owner industry account deal_kind` (text or None; where the deal has none, its
        lead's).
    """
    numbers = (
        deal.c.deal_id,
        func.coalesce(deal.c.created_at_end, NEVER),
        func.coalesce(deal.c.created_at, NEVER),
        func.coalesce(deal.c.closed_at, NEVER),
    )
    names = ("deal_id", "created", "created_start", "closed")
    there = deal.c.status != "deleted"
    numbered = select(*numbers).where(there).order_by(deal.c.deal_id)
    frame = pd.DataFrame(read_ints(connection, numbered, names))
    texts = (
        select(
            deal.c.status,
            deal.c.currency,
            deal.c.owner,
            deal.c.kind.label("deal_kind"),
            identifier.c.value.label("account"),
        )
        .outerjoin(identifier, identifier.c.identifier_id == deal.c.account)
        .where(there)
        .order_by(deal.c.deal_id)
    )
    frame = pd.concat([frame, read_frame(connection, texts).astype(object)], axis=1)
    lead_ids = leads_of_deals(connection, frame["deal_id"].to_numpy(np.int64))
    frame["lead_id"] = np.where(lead_ids > 0, lead_ids, -1)
    of_lead = leads_.set_index("lead_id").reindex(frame["lead_id"].to_numpy())
    known = frame["lead_id"].to_numpy() >= 0
    for name in ("created", "created_start"):
        # a frame with gaps would turn instants into floats, which lose microseconds
        at = leads_[name].to_numpy()[np.maximum(_rows(leads_, frame), 0)] if known.any() else NEVER
        frame[f"lead_{name}"] = np.where(known, at, NEVER)
    frame["industry"] = _texts(of_lead["industry"])
    for name in ("owner", "account"):
        own = frame[name]
        frame[name] = own.where(own.notna(), _texts(of_lead[name]))
    return frame


def first_records(leads_: pd.DataFrame) -> Ints:
    """Return the row of the first record of each lead's person: of all times, by creation.

    >>> frame = pd.DataFrame({"lead_id": [1, 2, 3], "person_id": [7, 8, 7], "created": [20, 5, 10]})
    >>> first_records(frame).tolist()
    [2, 1, 2]
    """
    created, ids = (leads_[name].to_numpy(np.int64) for name in ("created", "lead_id"))
    order = np.lexsort((ids, created))
    whose, people = pd.factorize(leads_["person_id"].to_numpy(np.int64)[order])
    first = np.empty(len(people), np.int64)
    first[whose[::-1]] = order[::-1]  # the last write wins: the first record
    rows = np.empty(len(leads_), np.int64)
    rows[order] = first[whose]
    return rows


def _rows(leads_: pd.DataFrame, frame: pd.DataFrame) -> Ints:
    """Return the row of each deal's lead, -1 where there is none."""
    rows: Ints = pd.Index(leads_["lead_id"]).get_indexer(frame["lead_id"].to_numpy()).astype(np.int64)
    return rows


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts with None where there is none, numbered from 0."""
    plain = column.astype(object).reset_index(drop=True)
    return plain.where(plain.notna(), None)
