"""What `explain` reads: touches of a few people, credits of one conversion, milestones.

Everything here is about one deal, lead or touch, so rows are plain objects; bulk work is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, exists, func, select

from attribution import clock
from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.identity.graph import ALWAYS
from attribution.identity.observed import chunks
from attribution.identity.stretches import theirs_then
from attribution.journeys.people import leads_of_deals
from attribution.ledger.allocate import MILLION
from attribution.money import money_text
from attribution.store.schema import (
    credit_set,
    deal,
    deal_contact,
    entry,
    journey_set,
    journey_touch,
    lead,
    membership,
    origin,
    placement,
    touch,
)
from attribution.store.settings import Settings

MILESTONE_KINDS: Final = ("call", "chat", "form", "meeting")
MAX_TOUCHES: Final = 2_000  # in one story; the ledger itself has no such limit
_TIES: Final = 100  # touches of one microsecond that are compared for being last


class Counting(NamedTuple):
    """A person whose touches count, from when to when (microseconds, the end not included)."""

    person: int
    since: int = ALWAYS[0]
    until: int = ALWAYS[1]


@dataclass(frozen=True)
class Seen:
    """One touch as a reader knows it."""

    n: int
    touch_id: str
    at: int
    kind: str
    visitor: int | None
    placement: Mapping[str, str | None]

    @property
    def order(self) -> tuple[int, str]:
        """The order of touches: time, then the id by code point."""
        return self.at, self.touch_id


@dataclass(frozen=True)
class Credits:
    """What each model gave each touch of one conversion; touch 0 is `(unattributed)`."""

    labels: list[str]
    shares: dict[tuple[int, str], int]  # millionths
    amounts: dict[tuple[int, str], int]  # minor units of the conversion's currency

    @property
    def touches(self) -> set[int]:
        """Numbers of the touches that hold any credit."""
        held = [key for part in (self.shares, self.amounts) for key, amount in part.items() if amount]
        return {n for n, _ in held}

    def weights(self, n: int) -> dict[str, float]:
        """Return model -> share of the conversion, 0 to 1."""
        return {label: self.shares.get((n, label), 0) / MILLION for label in self.labels}

    def money(self, n: int, currency: str) -> dict[str, str]:
        """Return model -> amount in major units."""
        return {label: money_text(self.amounts.get((n, label), 0), currency) for label in self.labels}


def journey_sets(connection: Connection, settings: Settings, kind: str) -> list[int]:
    """Return the journey set of the configured lookback, scope and kinds for a kind of conversion, if any."""
    statement = select(journey_set.c.journey_set_id, journey_set.c.kinds).where(
        journey_set.c.kind == kind,
        journey_set.c.lookback == settings.require("lookback"),
        journey_set.c.scope == settings.require("scope"),
    )
    wanted = set(settings.require("kinds").split())
    return [int(n) for n, kinds in connection.execute(statement) if set(kinds.split()) == wanted]


def credits_of(connection: Connection, sets: list[int], conversion_id: int) -> Credits:
    """Add up one conversion's ledger entries by model and touch, for the credit sets of some journey sets."""
    known = select(credit_set.c.credit_set_id, credit_set.c.label).where(
        credit_set.c.journey_set_id.in_(sets)
    )
    # a model's newest version stands for its label
    newest = {
        str(label): int(n) for n, label in connection.execute(known.order_by(credit_set.c.credit_set_id))
    }
    names = {number: label for label, number in newest.items()}
    sums = (
        select(
            entry.c.credit_set_id,
            entry.c.touch,
            func.sum(entry.c.share_millionths),
            func.sum(entry.c.amount_minor),
        )
        .where(entry.c.conversion_id == conversion_id, entry.c.credit_set_id.in_(list(names)))
        .group_by(entry.c.credit_set_id, entry.c.touch)
    )
    shares, amounts = {}, {}
    for number, n, share, amount in connection.execute(sums):
        key = (int(n), names[number])
        shares[key], amounts[key] = int(share), int(amount)
    used = {label for _, label in shares}
    return Credits([label for label in newest if label in used], shares, amounts)


def touches_by_number(connection: Connection, numbers: Iterable[int]) -> list[Seen]:
    """Read touches by their row numbers, in time order."""
    found = []
    for part in chunks(sorted(set(numbers))):
        found += _seen(connection, _touches().where(touch.c.n.in_(part)))
    return sorted(found, key=lambda one: one.order)


def touches_of(
    connection: Connection, people: Iterable[Counting], start: int | None, end: int, kinds: Iterable[str]
) -> list[Seen]:
    """Read the touches of some people in a window, in time order; the last `MAX_TOUCHES` of many."""
    allowed = list(kinds)
    found: dict[int, Seen] = {}
    for statement in _of_people(people, end):
        if start is not None:
            statement = statement.where(touch.c.at >= start)
        statement = statement.where(func.coalesce(origin.c.kind, "session").in_(allowed))
        found.update((one.n, one) for one in _seen(connection, statement.limit(MAX_TOUCHES)))
    return sorted(found.values(), key=lambda one: one.order)[-MAX_TOUCHES:]


def last_touch(connection: Connection, people: Iterable[Counting], end: int | None) -> Seen | None:
    """Return the last touch of any kind of some people at or before an instant: a milestone's touch."""
    if end is None:
        return None
    found = [
        one for statement in _of_people(people, end) for one in _seen(connection, statement.limit(_TIES))
    ]
    return max(found, key=lambda one: one.order, default=None)


def journey_of(
    connection: Connection, sets: list[int], conversion_id: int
) -> dict[int, dict[str, str | None]]:
    """Return the touches of a stored journey, each with the placement that earns its credit.

    A session that a click was merged into earns for a placement that holds what the click knew.
    """
    names = [placement.c[name] for name in PLACEMENT_FIELDS]
    statement = (
        select(journey_touch.c.touch, *names)
        .join(placement, placement.c.placement_id == journey_touch.c.placement_id)
        .where(journey_touch.c.journey_set_id.in_(sets), journey_touch.c.conversion_id == conversion_id)
    )
    return {
        int(n): dict(zip(PLACEMENT_FIELDS, values, strict=True))
        for n, *values in connection.execute(statement)
    }


def contacts_of(connection: Connection, one: Any) -> dict[int, int]:
    """Return identifier -> role (0 lead, 1 contact, 2 account) of those that a deal's record names."""
    statement = select(deal_contact.c.identifier_id, deal_contact.c.role)
    found = connection.execute(statement.where(deal_contact.c.deal_id == one.deal_id))
    roles = {int(number): int(role) for number, role in found}
    if one.lead is not None:
        roles[int(one.lead)] = 0
    if not roles and one.account is not None:
        roles[int(one.account)] = 2
    return roles


def lead_of_deal(connection: Connection, one: Any) -> Any | None:
    """Return the record of a deal's lead, None where there is none."""
    (number,) = leads_of_deals(connection, np.array([one.deal_id]))
    return connection.execute(select(lead).where(lead.c.lead_id == int(number))).one_or_none()


def deals_of_lead(connection: Connection, record: Any) -> list[Any]:
    """Return the deals that name a lead."""
    named = select(deal_contact.c.deal_id).where(deal_contact.c.identifier_id == record.identifier_id)
    statement = select(deal).where((deal.c.lead == record.identifier_id) | deal.c.deal_id.in_(named))
    return list(connection.execute(statement.order_by(deal.c.deal_id)).all())


def touch_rows(
    touches: list[Seen], credits: Credits, milestones: Mapping[str, Seen | None], currency: str | None
) -> list[dict[str, Any]]:
    """Write touches as rows: who, when, where from, each model's weight and credit, the milestone it holds.

    Args:
        touches: in time order.
        credits: of the conversion.
        milestones: name -> touch, in funnel order; a touch that holds several shows the first.
        currency: of the conversion; None where credits are counts.
    """
    names: dict[int, str] = {}
    for name, one in milestones.items():
        if one is not None:
            names.setdefault(one.n, name)
    rows = []
    for one in touches:
        weights = credits.weights(one.n)
        rows.append(
            {
                "touch_id": one.touch_id,
                "at": clock.iso(one.at),
                "kind": one.kind,
                "channel": one.placement["channel"],
                "placement": dict(one.placement),
                "weights": weights,
                "credits": credits.money(one.n, currency) if currency else dict(weights),
                "milestone": names.get(one.n, one.kind if one.kind in MILESTONE_KINDS else None),
            }
        )
    return rows


def milestone_rows(milestones: Mapping[str, Seen | None]) -> dict[str, Any]:
    """Write milestones as name -> touch, or None where no touch precedes it."""
    return {
        name: one and {"touch_id": one.touch_id, "at": clock.iso(one.at), "kind": one.kind}
        for name, one in milestones.items()
    }


def _touches() -> Select[Any]:
    return (
        select(
            touch.c.n,
            touch.c.touch_id,
            touch.c.at,
            func.coalesce(origin.c.kind, "session").label("kind"),
            touch.c.visitor,
            *(placement.c[name] for name in PLACEMENT_FIELDS),
        )
        .join_from(touch, origin, origin.c.origin_id == touch.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
    )


def _of_people(people: Iterable[Counting], end: int) -> Iterable[Select[Any]]:
    """Yield selects of people's touches, the latest first: by membership, and visitors that none names."""
    latest = (touch.c.at.desc(), touch.c.touch_id.desc())
    together: dict[tuple[int, int], set[int]] = {}
    for one in people:
        together.setdefault((one.since, one.until), set()).add(one.person)
    for (since, until), numbers in together.items():
        then = [touch.c.at <= end, touch.c.at >= since, touch.c.at < until]
        for part in chunks(sorted(numbers)):
            joined = _touches().join(membership, membership.c.identifier_id == touch.c.visitor)
            theirs = joined.where(membership.c.person_id.in_(part), theirs_then(touch.c.at))
            yield theirs.where(*then).order_by(*latest)
            named = exists().where(membership.c.identifier_id == touch.c.visitor)
            alone = _touches().where(touch.c.visitor.in_(part), ~named)
            yield alone.where(*then).order_by(*latest)


def _seen(connection: Connection, statement: Select[Any]) -> list[Seen]:
    return [
        Seen(
            int(row.n), str(row.touch_id), int(row.at), str(row.kind), row.visitor,
            {name: getattr(row, name) for name in PLACEMENT_FIELDS},
        )
        for row in connection.execute(statement)
    ]  # fmt: skip
