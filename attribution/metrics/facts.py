"""Leads and deals as frames: one row a CRM record, with the attributes that figures are cut by.

A deal's lead is the one it names; else, of the leads among its contacts' people, the one created last at
or before the deal, else the first after it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from attribution.store.columns import Ints, read_frame, read_ints
from attribution.store.schema import deal, deal_contact, identifier, lead, membership

NEVER = np.iinfo(np.int64).max  # an instant that has not come


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
    """Read every deal, with its lead.

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
        func.coalesce(deal.c.lead, -1),
    )
    names = ("deal_id", "created", "created_start", "closed", "lead")
    frame = pd.DataFrame(read_ints(connection, select(*numbers).order_by(deal.c.deal_id), names))
    texts = (
        select(
            deal.c.status,
            deal.c.currency,
            deal.c.owner,
            deal.c.kind.label("deal_kind"),
            identifier.c.value.label("account"),
        )
        .outerjoin(identifier, identifier.c.identifier_id == deal.c.account)
        .order_by(deal.c.deal_id)
    )
    frame = pd.concat([frame, read_frame(connection, texts).astype(object)], axis=1)
    frame["lead_id"] = _lead_of(connection, frame, leads_)
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
    return frame.drop(columns=["lead"])


def _rows(leads_: pd.DataFrame, frame: pd.DataFrame) -> Ints:
    """Return the row of each deal's lead, -1 where there is none."""
    rows: Ints = pd.Index(leads_["lead_id"]).get_indexer(frame["lead_id"].to_numpy()).astype(np.int64)
    return rows


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return texts with None where there is none, numbered from 0."""
    plain = column.astype(object).reset_index(drop=True)
    return plain.where(plain.notna(), None)


def _lead_of(connection: Connection, frame: pd.DataFrame, leads_: pd.DataFrame) -> Ints:
    """Return the lead of each deal, -1 where there is none."""
    by_identifier = pd.Series(leads_["lead_id"].to_numpy(), index=leads_["identifier_id"].to_numpy())
    own = by_identifier.reindex(frame["lead"].to_numpy()).fillna(-1).to_numpy(np.int64)
    open_deals = frame.loc[own < 0, ["deal_id", "created"]]
    if open_deals.empty or leads_.empty:
        return own
    found = _contact_leads(connection, leads_).merge(open_deals, on="deal_id")
    found["after"] = found["lead_created"] > found["created"]
    # the last one at or before the deal wins, then the first one after it
    rank = np.where(found["after"], found["lead_created"], -found["lead_created"])
    found = found.assign(rank=rank).sort_values(["deal_id", "after", "rank", "lead_id"])
    first = found.drop_duplicates("deal_id").set_index("deal_id")["lead_id"]
    contact = first.reindex(frame["deal_id"].to_numpy()).fillna(-1).to_numpy(np.int64)
    joined: Ints = np.where(own < 0, contact, own)
    return joined


def _contact_leads(connection: Connection, leads_: pd.DataFrame) -> pd.DataFrame:
    """Return `deal_id lead_id lead_created` for every lead of a contact's person."""
    person = func.coalesce(membership.c.person_id, deal_contact.c.identifier_id)
    contacts = read_ints(
        connection,
        select(deal_contact.c.deal_id, person)
        .outerjoin(membership, membership.c.identifier_id == deal_contact.c.identifier_id)
        .where(deal_contact.c.role < 2),
        ("deal_id", "person_id"),
    )
    people = leads_[["lead_id", "person_id", "created"]].rename(columns={"created": "lead_created"})
    found = pd.DataFrame(contacts).merge(people, on="person_id")
    return found[["deal_id", "lead_id", "lead_created"]]
