"""Stand-ins: numbers in the place of somebody who was erased, so that what is counted stays as it was.

A stand-in is an identifier like any other, called by a random text. No row names it: a record that comes
again keeps the stand-ins that it has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from attribution.identifiers import LEAD, VISITOR
from attribution.loading.tombstones import was_anybody_erased
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.identifiers import A_STAND_IN
from attribution.store.keys import look_up
from attribution.store.schema import deal, deal_contact, identifier
from attribution.store.settings import Settings

_ARE_STAND_INS = identifier.c.kind.in_((VISITOR, LEAD)) & (identifier.c.trait == A_STAND_IN)


class Named(NamedTuple):
    """The stand-ins among the contacts of deals: int64[n] each, and the lead of each deal that has one."""

    deal: Ints
    contact: Ints
    role: Ints
    led: Ints
    lead: Ints

    def leads(self, deals: Ints, named: Ints) -> Ints:
        """Return the lead of each deal: the one that its row names, else the stand-in that it had, else 0."""
        return np.where(named > 0, named, look_up(self.led, self.lead, deals, missing=0))


def named_by(connection: Connection, settings: Settings, deals: Ints) -> Named:
    """Return the stand-ins that stored deals name."""
    if len(deals) == 0 or not was_anybody_erased(settings):
        return Named(*np.zeros((5, 0), np.int64))
    with temporary(connection, wanted=deals) as wanted:
        contacts = read_ints(
            connection,
            select(deal_contact.c.deal_id, deal_contact.c.identifier_id, deal_contact.c.role)
            .join(wanted, wanted.c.wanted == deal_contact.c.deal_id)
            .join(identifier, identifier.c.identifier_id == deal_contact.c.identifier_id)
            .where(_ARE_STAND_INS),
            ["deal", "contact", "role"],
        )
        leads = read_ints(
            connection,
            select(deal.c.deal_id, deal.c.lead)
            .join(wanted, wanted.c.wanted == deal.c.deal_id)
            .join(identifier, identifier.c.identifier_id == deal.c.lead)
            .where(_ARE_STAND_INS),
            ["led", "lead"],
        )
    return Named(**contacts, **leads)
