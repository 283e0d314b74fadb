"""Records that name a person, for an export: leads, deals, stages, meetings, calls, leases, credits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import BigInteger, Connection, Table, cast, func, or_, select

from attribution import clock
from attribution.ledger.allocate import MILLION
from attribution.money import money_text
from attribution.privacy.export_holder import HIDDEN, Holder, Names, Row, Sightings, iso
from attribution.privacy.export_touches import words_of
from attribution.store import schema
from attribution.store.columns import Ints, temporary
from attribution.store.schema import (
    adjustment,
    call,
    contact_of_deal,
    conversion,
    credit_set,
    deal,
    deal_contact,
    entry,
    journey_set,
    lead,
    lease,
    meeting,
    stage,
)

_ROLES: Final = {schema.ROLE_LEAD: "lead", schema.ROLE_CONTACT: "contact"}
_LEAD_TIMES: Final = ("created_at", "mql_at", "sqo_at", "disqualified_at", "requested_at", "responded_at")
_LEAD_NAMES: Final = ("visitor", "email", "phone", "account")


class Records:
    """What the store holds on record of a person; `mentioned` are the identifiers that the records name."""

    def __init__(self, connection: Connection, holder: Holder, seen: Sightings) -> None:
        self._connection, self._holder = connection, holder
        with temporary(connection, **holder.spans()) as mine:
            self._mine = mine
            self.leads = self._of(lead, lead.c.identifier_id, order="created_at")
            # a record may name them that is somebody else's by now
            named = or_(
                lead.c.email == mine.c.number,
                lead.c.phone == mine.c.number,
                self._then(lead, "visitor", "created_at"),
            )
            naming = select(lead, mine.c.number.label("by")).join(mine, named)
            own = {one.lead_id for one in self.leads}
            self.others_leads = [one for one in connection.execute(naming).all() if one.lead_id not in own]
            self.roles = self._roles()
            self.filed = self._of(contact_of_deal, contact_of_deal.c.identifier_id, order="deal_key")
            self.meetings = self._of(meeting, meeting.c.holder, order="booked_at")
            called = or_(call.c.caller == mine.c.number, self._then(call, "visitor", "at"))
            self.calls = list(
                connection.execute(select(call).join(mine, called).distinct().order_by(call.c.at)).all()
            )
            shown = self._then(lease, "visitor", "leased_at")
            self.leases = list(
                connection.execute(select(lease).join(mine, shown).order_by(lease.c.leased_at)).all()
            )
        self.deals = self._read(deal, deal.c.deal_id, self.roles)
        self.mentioned = self._mentioned()
        self._note(seen)

    # --- read ---------------------------------------------------------------------------------------

    def _of(self, table: Table, column: Any, order: str) -> list[Any]:
        statement = select(table).join(self._mine, self._mine.c.number == column)
        return list(self._connection.execute(statement.order_by(table.c[order])).all())

    def _then(self, table: Table, column: str, at: str) -> Any:
        """Return the condition that a record is of an identifier while that was theirs."""
        mine, when = self._mine, table.c[at]
        return (table.c[column] == mine.c.number) & (when >= mine.c.since) & (when < mine.c.until)

    def _roles(self) -> dict[int, str]:
        """Return the deals that name the person, and as what."""
        mine = self._mine
        named = select(deal_contact.c.deal_id, deal_contact.c.role).join(
            mine, mine.c.number == deal_contact.c.identifier_id
        )
        roles = dict(sorted((int(number), _ROLES.get(role, "contact")) for number, role in
                            self._connection.execute(named)))  # fmt: skip
        as_lead = select(deal.c.deal_id).join(mine, mine.c.number == deal.c.lead)
        return roles | {int(number): "lead" for number in self._connection.execute(as_lead).scalars()}

    def _read(self, table: Table, key: Any, wanted: Any) -> list[Any]:
        with temporary(self._connection, wanted=np.array(sorted(wanted), np.int64)) as probe:
            statement = select(table).join(probe, probe.c.wanted == key).order_by(key)
            return list(self._connection.execute(statement).all())

    def _mentioned(self) -> set[int]:
        numbers = {getattr(one, name) for one in self.leads for name in _LEAD_NAMES}
        numbers |= {one.account for one in self.deals} | {one.lead for one in self.deals}
        numbers |= {number for one in self.calls for number in (one.caller, one.visitor)}
        return numbers - {None}

    def _note(self, seen: Sightings) -> None:
        for one in self.leads:
            seen.note(one.identifier_id, one.created_at, "leads")
            for name in ("visitor", "email", "phone"):
                if self._holder.has(getattr(one, name), one.created_at):
                    seen.note(getattr(one, name), one.created_at, "leads")
        for one in self.others_leads:
            seen.note(one.by, one.created_at, "leads")
        for one in self.deals:
            seen.note(one.lead if self._holder.has(one.lead, None) else None, one.created_at, "deals")
        for one in self.meetings:
            seen.note(one.holder, one.booked_at, "meetings")
        for one in self.calls:
            seen.note(one.caller if self._holder.has(one.caller, one.at) else None, one.at, "calls")
            seen.note(one.visitor if self._holder.has(one.visitor, one.at) else None, one.at, "calls")
        for one in self.leases:
            seen.note(one.visitor, one.leased_at, "leases")

    # --- written ------------------------------------------------------------------------------------

    def sections(self, names: Names) -> dict[str, list[Row]]:
        """Write the records; people who work for the owner of the store (`owner`) are not told of."""
        return {
            "leads": [self._lead(one, names) for one in self.leads]
            + [
                {"lead_id": HIDDEN, "created_at": iso(one.created_at), "named_as": names.row(one.by)}
                for one in self.others_leads
            ],
            "deals": [self._deal(one, names) for one in self.deals],
            "deal_contacts": [
                {
                    "deal_id": one.deal_key, "named_as": names.row(one.identifier_id), "role": one.role,
                    "is_primary": bool(one.is_primary),
                }
                for one in self.filed
            ],
            "stages": self._stages(),
            "meetings": [
                {
                    "meeting_id": one.key, "named_as": names.row(one.holder),
                    "booked_at": iso(one.booked_at), "held_at": iso(one.held_at),
                }
                for one in self.meetings
            ],
            "calls": [
                {
                    "call_id": one.key, "at": iso(one.at), "tracking_number": one.tracking_number,
                    "caller": names.value(one.caller, one.at), "visitor": names.value(one.visitor, one.at),
                    "duration_seconds": one.duration_seconds,
                    "answered": None if one.answered is None else bool(one.answered),
                }
                for one in self.calls
            ],
            "leases": [
                {
                    "tracking_number": one.tracking_number,
                    "visitor": names.value(one.visitor, one.leased_at),
                    "leased_at": iso(one.leased_at),
                    "released_at": iso(one.released_at),
                }
                for one in self.leases
            ],
        }  # fmt: skip

    def _lead(self, one: Any, names: Names) -> Row:
        return {
            "lead_id": one.key,
            **{name: names.value(getattr(one, name), one.created_at) for name in _LEAD_NAMES},
            "industry": one.industry,
            **{name: iso(getattr(one, name)) for name in _LEAD_TIMES},
            "response_outcome": one.response_outcome,
            "consent": words_of(one.consent),
        }

    def _deal(self, one: Any, names: Names) -> Row:
        changes = select(adjustment).where(adjustment.c.deal_key == one.key).order_by(adjustment.c.at)
        return {
            "deal_id": one.key,
            "named_as": self.roles[one.deal_id],
            "lead_id": names.value(one.lead),
            "account": names.value(one.account),
            "status": one.status,
            "kind": one.kind,
            "created_at": iso(one.created_at),
            "closed_at": iso(one.closed_at),
            "amount": _money(one.amount_minor, one.currency),
            "currency": one.currency,
            "recurring_amount": _money(one.recurring_minor, one.currency),
            "recurring_interval": one.recurring_interval,
            "recurring_from": iso(one.recurring_from),
            "recurring_until": iso(one.recurring_until),
            "adjustments": [
                {
                    "adjustment_id": row.key, "at": clock.iso(row.at), "currency": row.currency,
                    "amount": money_text(row.amount_minor, row.currency),
                }
                for row in self._connection.execute(changes)
            ],
        }  # fmt: skip

    def _stages(self) -> list[Row]:
        found: list[Any] = []
        for name, records in (("lead", self.leads), ("deal", self.deals)):
            found += self._stages_of(name, [one.key for one in records])
        found.sort(key=lambda one: (one.at, one.stage))
        return [
            {"object": one.object, "id": one.object_key, "stage": one.stage, "at": clock.iso(one.at)}
            for one in found
        ]

    def _stages_of(self, name: str, keys: Sequence[str]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(keys), 500):
            statement = select(stage).where(
                stage.c.object == name, stage.c.object_key.in_(keys[start : start + 500])
            )
            found += self._connection.execute(statement).all()
        return found


def credit_rows(connection: Connection, touches: Ints) -> list[Row]:
    """Add up what the ledger gave to some touches, by conversion and model."""
    columns = (
        conversion.c.kind, conversion.c.key, conversion.c.at, conversion.c.currency, credit_set.c.label,
        journey_set.c.lookback, journey_set.c.scope, journey_set.c.kinds,
    )  # fmt: skip
    with temporary(connection, n=touches) as mine:
        statement = (
            select(
                *columns,
                cast(func.sum(entry.c.share_millionths), BigInteger).label("share"),
                cast(func.sum(entry.c.amount_minor), BigInteger).label("amount"),
            )
            .select_from(entry)
            .join(credit_set, credit_set.c.credit_set_id == entry.c.credit_set_id)
            .join(journey_set, journey_set.c.journey_set_id == credit_set.c.journey_set_id)
            .join(conversion, conversion.c.conversion_id == entry.c.conversion_id)
            .where(entry.c.touch.in_(select(mine.c.n)))
            .group_by(*columns)
            .order_by(*columns)
        )
        rows = connection.execute(statement).all()
    return [
        {
            "conversion": row.kind, "id": row.key, "at": clock.iso(row.at), "model": row.label,
            "lookback": row.lookback, "scope": row.scope, "kinds": row.kinds,
            "weight": row.share / MILLION, "credit": _money(row.amount, row.currency),
            "currency": row.currency,
        }
        for row in rows
        if row.share or row.amount
    ]  # fmt: skip


def _money(minor: int | None, currency: str | None) -> str | None:
    return None if minor is None or currency is None else money_text(minor, currency)
