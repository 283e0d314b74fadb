"""Null journeys: what people did who had not converted, which is how models learn what leads nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection, and_, func, or_, select

from attribution.identity.stretches import theirs_then
from attribution.journeys.columns import Journeys
from attribution.journeys.people import people_of
from attribution.journeys.read import EVER, FoundTouches, Window, counted, made_journeys
from attribution.store import schema
from attribution.store.columns import Ints, read_ints

deal, membership, touch = schema.deal, schema.membership, schema.touch


def read_null_journeys(
    connection: Connection,
    kind: str,
    converted: Ints,
    as_of: int,
    window: Window,
    *,
    dimensions: Sequence[str] = (),
) -> Journeys:
    """Read one journey for each person, or visitor nobody knows, who had not converted by then.

    People behind a deal that was open then are left out: they may convert yet. Touches of people who did
    convert make no null journey, also those after their last conversion.

    Args:
        connection: the writer's.
        kind: of conversion.
        converted: int64 deals or leads that had converted by `as_of`.
        as_of: microseconds; touches within the lookback before it count, ends included.
        window: lookback, scope and kinds of touch.
        dimensions: those that models look at, beside the channel.

    Returns:
        Journeys with `converted` false and value 0, in the order of the person's number.
    """
    reach = window.longest
    since = EVER if reach is None else as_of - reach
    person = func.coalesce(membership.c.person_id, touch.c.visitor)
    rows = read_ints(
        connection,
        select(person, touch.c.at, touch.c.n, touch.c.origin_id)
        .select_from(touch)
        .join(
            membership,
            and_(membership.c.identifier_id == touch.c.visitor, theirs_then(touch.c.at)),
            isouter=True,
        )
        .where(touch.c.visitor.is_not(None), touch.c.at.between(since, as_of)),
        ["person", "at", "n", "origin"],
    )
    began = func.coalesce(deal.c.created_at_end, deal.c.closed_at, as_of) <= as_of
    still_open = or_(deal.c.status == "open", deal.c.closed_at > as_of)
    open_then = select(deal.c.deal_id).where(began, still_open, deal.c.status != "deleted")
    open_deals = read_ints(connection, open_then, ["deal"])["deal"]
    # whoever had a part in it, also where only its lead's touches count
    scope = "contacts" if window.scope == "primary" else window.scope
    parties = (
        people_of(connection, kind, converted, scope),
        people_of(connection, "created", open_deals, scope),
    )
    theirs = np.concatenate([party.person[party.since <= as_of] for party in parties])
    mine = ~np.isin(rows["person"], theirs)
    people, place = np.unique(rows["person"][mine], return_inverse=True)
    until = np.full(len(people), as_of)
    found = FoundTouches(
        conversion=place.astype(np.int64), person=rows["person"][mine], at=rows["at"][mine],
        n=rows["n"][mine], origin=rows["origin"][mine],
    )  # fmt: skip
    touches = counted(connection, found, until, window)
    journeys = made_journeys(connection, touches, until, np.zeros(len(people), np.int64), dimensions)
    journeys = journeys.take(journeys.lengths > 0)
    return replace(journeys, converted=np.zeros(journeys.n_journeys, np.bool_))
