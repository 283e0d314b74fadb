"""Freezing the conversions of somebody who is erased: their journeys and splits stand from then on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sqlalchemy import Connection, or_, select, update

from attribution.identifiers import LEAD
from attribution.journeys.people import DEAL_KINDS
from attribution.ledger.conversions import refresh
from attribution.privacy.forget_person import Person
from attribution.sorted_sets import difference, union
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.settings import Settings

contact, conversion, deal, journey_touch, lead = (
    schema.deal_contact, schema.conversion, schema.deal, schema.journey_touch, schema.lead,
)  # fmt: skip


def freeze(connection: Connection, settings: Settings, person: Person, touches: pd.DataFrame) -> int:
    """Freeze every conversion whose contacts or kept journeys hold a person; returns how many were not yet.

    Also what no run has looked at yet, so that the first run is the last one that splits it.

    Args:
        connection: the writer's.
        settings: the store's.
        person: before anything of it is removed.
        touches: theirs.
    """
    objects = _objects(connection, person)
    kinds = connection.execute(select(schema.journey_set.c.kind).distinct()).scalars().all()
    for kind in kinds:
        mine = objects["deal" if kind in DEAL_KINDS else "lead"]
        known = read_ints(connection, select(conversion.c.object_id).where(conversion.c.kind == kind), ["i"])[
            "i"
        ]
        new = difference(mine, known)
        if len(new):
            refresh(connection, settings, kind, new)
    number = conversion.c.conversion_id
    is_deal = conversion.c.kind.in_(DEAL_KINDS)
    with (
        temporary(connection, n=touches["n"].to_numpy(np.int64)) as own,
        temporary(connection, i=objects["deal"]) as deals,
        temporary(connection, i=objects["lead"]) as leads,
    ):
        held = select(journey_touch.c.conversion_id).where(
            or_(journey_touch.c.person_id == person.number, journey_touch.c.touch.in_(select(own.c.n)))
        )
        theirs = or_(
            number.in_(held),
            is_deal & conversion.c.object_id.in_(select(deals.c.i)),
            ~is_deal & conversion.c.object_id.in_(select(leads.c.i)),
        )
        frozen = update(conversion).where(theirs, conversion.c.frozen.is_(None)).values(frozen=1)
        return connection.execute(frozen).rowcount


def _objects(connection: Connection, person: Person) -> dict[str, Ints]:
    """Return the deals that name a person, and the person's leads."""
    gone = person.identifiers.tolist()
    named = select(contact.c.deal_id).where(contact.c.identifier_id.in_(gone))
    led = select(deal.c.deal_id).where(deal.c.lead.in_(gone))
    own = select(lead.c.lead_id).where(lead.c.identifier_id.in_(person.of_kind(LEAD).tolist()))
    found = [read_ints(connection, statement, ["i"])["i"] for statement in (named, led)]
    return {"deal": union(*found), "lead": read_ints(connection, own, ["i"])["i"]}
