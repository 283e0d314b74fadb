"""Touches and what was agreed to, for an export: every column that is held."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from attribution import clock
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.identity.consent import consent_words, signals_of
from attribution.loading.flags import REASONS
from attribution.money import money_text
from attribution.privacy.export_holder import Holder, Names, Row, Sightings
from attribution.store.columns import Ints, temporary
from attribution.store.schema import (
    agent,
    identifier,
    lead,
    origin,
    page,
    placement,
    refusal,
    touch,
    touch_flag,
)


class Touches(NamedTuple):
    """Touches of a person, in order of time.

    Attributes:
        n: int64[T], numbers.
        found: one row of the store each.
    """

    n: Ints
    found: list[Any]


def read_touches(connection: Connection, holder: Holder, seen: Sightings) -> Touches:
    """Read the touches of a person, those of a shared browser in their own stretches."""
    found: list[Any] = []
    with temporary(connection, **holder.spans()) as wanted:
        own = wanted.join(touch, touch.c.visitor == wanted.c.number)
        flagged = wanted.join(touch_flag, touch_flag.c.visitor == wanted.c.number)
        for theirs in (
            own.outerjoin(touch_flag, touch_flag.c.n == touch.c.n),
            flagged.join(touch, touch.c.n == touch_flag.c.n),  # its visitor stands in the flag
        ):
            statement = (
                select(
                    touch,
                    wanted.c.number.label("whose"),
                    touch_flag.c.reason,
                    *(origin.c[name].label(f"origin_{name}") for name in ORIGIN_FIELDS),
                    *(placement.c[name].label(f"placed_{name}") for name in PLACEMENT_FIELDS),
                    page.c.host, page.c.path, page.c.query, agent.c.user_agent,
                )
                .select_from(theirs)
                .join(origin, origin.c.origin_id == touch.c.origin_id)
                .join(placement, placement.c.placement_id == origin.c.placement_id)
                .outerjoin(page, page.c.page_id == touch.c.page_id)
                .outerjoin(agent, agent.c.agent_id == touch.c.agent_id)
                .where(touch.c.at >= wanted.c.since, touch.c.at < wanted.c.until)
            )  # fmt: skip
            found += connection.execute(statement).all()
    found.sort(key=lambda one: (one.at, one.touch_id))
    for one in found:
        seen.note(one.whose, one.at, "touches")
    return Touches(np.array([one.n for one in found], np.int64), found)


def touch_rows(touches: Touches, names: Names) -> list[Row]:
    """Write touches as rows."""
    return [
        {
            "touch_id": one.touch_id,
            "at": clock.iso(one.at),
            "kind": one.origin_kind or "session",
            "of": names.row(one.whose, one.at),
            "placement": {name: getattr(one, f"placed_{name}") for name in PLACEMENT_FIELDS},
            "origin": {
                name: value for name in ORIGIN_FIELDS if (value := getattr(one, f"origin_{name}")) is not None
            },
            "page": page_of(one),
            "click_id": one.click_id,
            "page_views": one.page_views,
            "engaged_seconds": one.engaged_seconds,
            "user_agent": one.user_agent,
            "consent": words_of(one.consent),
            "flag": None if one.reason is None else REASONS[one.reason],
            "cost": None if one.cost_minor is None else money_text(one.cost_minor, one.currency),
            "currency": one.currency,
        }
        for one in touches.found
    ]


def page_of(one: Any) -> str | None:
    """Write the address of a row with host, path and query of a page."""
    return f"{one.host or ''}{one.path or ''}" + (f"?{one.query}" if one.query else "") or None


def signal_rows(
    connection: Connection, holder: Holder, touches: Touches, names: Names, seen: Sightings
) -> list[Row]:
    """Return everything that a person said about consent, in order of time."""
    said: list[tuple[int, str, int]] = [
        (one.at, f"touch {one.touch_id}", one.consent) for one in touches.found if one.consent
    ]
    with temporary(connection, **holder.spans()) as wanted:
        leads = select(lead.c.created_at, lead.c.key, lead.c.consent).join(
            wanted, wanted.c.number == lead.c.identifier_id
        )
        said += [
            (at, f"lead {key}", consent)
            for at, key, consent in connection.execute(leads.where(lead.c.consent != 0))
        ]
        refused = (
            select(refusal.c.at, refusal.c.consent, identifier.c.identifier_id)
            .join(identifier, identifier.c.hash == refusal.c.identifier_hash)
            .join(wanted, wanted.c.number == identifier.c.identifier_id)
            .where(refusal.c.at >= wanted.c.since, refusal.c.at < wanted.c.until)
        )
        for at, consent, number in connection.execute(refused):
            seen.note(number, at, "a touch that denied analytics")
            said.append((at, f"a touch of {names.kind(number)} {names.value(number, at)} "
                             "that denied analytics, and is kept as nobody's", consent))  # fmt: skip
    return [{"at": clock.iso(at), "said_in": where, **words_of(bits)} for at, where, bits in sorted(said)]


def words_of(consent: int) -> dict[str, str]:
    """Write consent as stored in words.

    >>> words_of(2)
    {'analytics': 'denied', 'ad_user_data': 'unknown', 'ad_personalization': 'unknown'}
    """
    return consent_words(signals_of(np.array([consent]))[0])
