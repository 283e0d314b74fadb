"""Deliveries as conversions: what a destination is told is read from the store when it is told.

So a person who was erased, or who took consent back since something was queued, is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, and_, select

from attribution.destinations.conversion import Change, Consent, Contact, Conversion, Signal, Visit
from attribution.identifiers import EMAIL, PHONE
from attribution.identity.consent import SIGNAL_NAMES, consent_of
from attribution.identity.stretches import theirs_then
from attribution.journeys.people import people_of
from attribution.sorted_sets import as_set
from attribution.sources.fields import PURPOSES
from attribution.store import schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.schema import agent, contact, conversion, identifier, membership, page

NOBODY: Final = -1
# what Google Analytics calls a browser: visitors are called so where its export was imported
_GA_CLIENT: Final = re.compile(r"(GA1\.\d+\.)?\d+\.\d+")
_MOST_CONTACTS: Final = 5  # of each kind: what people gave first


def conversions_of(connection: Connection, rows: pd.DataFrame) -> list[Conversion]:
    """Return the conversion of each delivery, in their order.

    Args:
        connection: inside a transaction.
        rows: deliveries with their columns of :data:`attribution.store.schema.delivery`; `queued_at` is when
            a change became known.

    Returns:
        One for each row; without a click id or contact where the store knows none any more.
    """
    clicks = _clicks(connection, as_set(rows["touch"].dropna().to_numpy(np.int64)))
    person = _people(connection, rows, clicks)
    people = as_set(person[person != NOBODY])
    contacts, consents = _contacts(connection, people), _consents(connection, people)
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return [
        conversion_of(
            row,
            source="crm",
            share_millionths=row["share_millionths"],
            model=row["model"],
            contact=contacts.get(who, Contact()),
            consent=consents.get(who, Consent()),
            **_click_of(clicks.get(row["touch"])),
        )
        for row, who in zip(records, person.tolist(), strict=True)
    ]


def conversion_of(row: Mapping[Any, Any], **known: Any) -> Conversion:
    """Return what a delivery itself says of its conversion, with what is known besides."""
    return Conversion(
        transaction_id=row["transaction_id"],
        action=row["action"],
        at=row["at"],
        value_minor=row["value_minor"],
        currency=row["currency"],
        change=Change(row["change"]),
        changed_at=None if row["change"] == Change.NEW else row["queued_at"],
        revision=row["revision"],
        **known,
    )


def _click_of(found: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a conversion says of its click, or of the visit that it is told by."""
    if found is None:
        return {}
    url = f"https://{found['host']}{found['path'] or '/'}" if found["host"] else ""
    browser = found["visitor_key"] or ""
    known = {"_ga": browser} if _GA_CLIENT.fullmatch(browser) else {}
    visit = Visit(url=url, user_agent=found["user_agent"] or "", client_ids=known)
    if not found["click_id"]:
        return {"visit": visit}
    kind, _, value = found["click_id"].partition(":")
    return {"clicks": {kind: value}, "clicked_at": found["at"], "visit": visit}


def _clicks(connection: Connection, touches: Ints) -> dict[int, dict[str, Any]]:
    """Return click, page and browser of touches by their numbers; those that are gone are left out."""
    touch = schema.touch
    with temporary(connection, n=touches) as asked:
        frame = read_frame(
            connection,
            select(
                touch.c.n, touch.c.click_id, touch.c.at, touch.c.visitor, page.c.host, page.c.path,
                agent.c.user_agent, identifier.c.value.label("visitor_key"),
            )
            .select_from(asked)
            .join(touch, touch.c.n == asked.c.n)
            .outerjoin(page, page.c.page_id == touch.c.page_id)
            .outerjoin(agent, agent.c.agent_id == touch.c.agent_id)
            .outerjoin(identifier, identifier.c.identifier_id == touch.c.visitor),
        )  # fmt: skip
    frame = frame.astype(object).where(frame.notna(), None)
    return {row["n"]: {str(name): value for name, value in row.items()} for row in frame.to_dict("records")}


def _people(connection: Connection, rows: pd.DataFrame, clicks: dict[int, dict[str, Any]]) -> Ints:
    """Return the person of each delivery: whose click it was, else whose deal or lead it is."""
    person = np.full(len(rows), NOBODY, np.int64)
    found = [clicks.get(touch, {}) for touch in rows["touch"].tolist()]
    visitor = np.array([one.get("visitor") or NOBODY for one in found], np.int64)
    at = np.array([one.get("at") or 0 for one in found], np.int64)
    clicked = np.flatnonzero(visitor != NOBODY)
    with temporary(connection, position=clicked, visitor=visitor[clicked], at=at[clicked]) as asked:
        theirs = read_ints(
            connection,
            select(asked.c.position, membership.c.person_id).join(
                membership, and_(membership.c.identifier_id == asked.c.visitor, theirs_then(asked.c.at))
            ),
            ["position", "person"],
        )
    person[clicked] = visitor[clicked]  # a visitor nobody knows is a person by itself
    person[theirs["position"]] = theirs["person"]
    alone = np.flatnonzero(rows["touch"].isna().to_numpy())
    if len(alone):
        _of_objects(connection, rows, alone, person)
    return person


def _of_objects(connection: Connection, rows: pd.DataFrame, alone: Ints, person: Ints) -> None:
    """Fill in whose deal or lead deliveries without a click are."""
    ids = rows["conversion_id"].to_numpy(np.int64)[alone]
    with temporary(connection, position=alone, conversion=ids) as asked:
        about = read_frame(
            connection,
            select(asked.c.position, conversion.c.kind, conversion.c.object_id).join(
                conversion, conversion.c.conversion_id == asked.c.conversion
            ),
        )
    for kind, mine in about.groupby("kind"):
        objects = as_set(mine["object_id"].to_numpy(np.int64))
        party = people_of(connection, str(kind), objects, "primary")
        first = pd.Series(party.person, index=objects[party.position])
        first = first[~first.index.duplicated()]
        known = mine["object_id"].map(first).fillna(NOBODY).to_numpy(np.int64)
        person[mine["position"].to_numpy(np.int64)] = known


def _contacts(connection: Connection, people: Ints) -> dict[int, Contact]:
    """Return the addresses and numbers of people, the first ones known."""
    with temporary(connection, person=people) as asked:
        frame = read_frame(
            connection,
            # a list, not a join: SQLite would go through all memberships
            select(membership.c.person_id.label("person"), contact.c.identifier_id, contact.c.value)
            .join(contact, contact.c.identifier_id == membership.c.identifier_id)
            .where(membership.c.person_id.in_(select(asked.c.person)))
            .distinct(),
        )
    with temporary(connection, number=as_set(frame["identifier_id"].to_numpy(np.int64))) as asked:
        kinds = read_ints(
            connection,
            select(asked.c.number, identifier.c.kind)
            .join(identifier, identifier.c.identifier_id == asked.c.number)
            .where(identifier.c.kind.in_([EMAIL, PHONE]), identifier.c.trait == 0),  # 1: a role's mailbox
            ["identifier_id", "kind"],
        )
    frame = frame.merge(pd.DataFrame(kinds), on="identifier_id").sort_values(["person", "identifier_id"])
    found: dict[int, dict[int, list[str]]] = {}
    for person, kind, value in frame[["person", "kind", "value"]].itertuples(index=False):
        found.setdefault(person, {}).setdefault(kind, []).append(value)
    return {
        person: Contact(
            emails=tuple(kinds.get(EMAIL, ())[:_MOST_CONTACTS]),
            phones=tuple(kinds.get(PHONE, ())[:_MOST_CONTACTS]),
        )
        for person, kinds in found.items()
    }


def _consents(connection: Connection, people: Ints) -> dict[int, Consent]:
    if not len(people):
        return {}
    state = consent_of(connection, people).state
    user_data, personal = (PURPOSES.index(name) for name in ("ad_user_data", "ad_personalization"))
    return {
        person: Consent(Signal(SIGNAL_NAMES[of[user_data]]), Signal(SIGNAL_NAMES[of[personal]]))
        for person, of in zip(people.tolist(), state.tolist(), strict=True)
    }
