"""Meetings as a frame: who each is with, and which of that person's leads it counts for.

A meeting that names its lead is that lead's. Of one with a contact or an e-mail it is the lead of that person
which was created last when the meeting was booked, else the first after it; where there is none, nobody is
credited.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, and_, func, select

from attribution.metrics.facts import NEVER
from attribution.store.columns import Ints, read_ints
from attribution.store.keys import look_up
from attribution.store.schema import meeting, membership

_COLUMNS: Final = ("meeting_id", "holder", "person_id", "booked", "held")


def meetings(connection: Connection, leads: pd.DataFrame) -> pd.DataFrame:
    """Read every meeting, with its lead.

    Args:
        connection: inside a transaction.
        leads: of :func:`attribution.metrics.facts.leads`.

    Returns:
        int64 columns `meeting_id holder person_id booked held lead_id lead_created`, by `meeting_id`:
        instants in microseconds, `NEVER` for what has not happened, -1 for no lead; a holder whom nobody
        knows is a person of its own.
    """
    then = and_(
        membership.c.identifier_id == meeting.c.holder,
        membership.c.since <= meeting.c.booked_at,
        membership.c.until > meeting.c.booked_at,
    )
    statement = (
        select(
            meeting.c.meeting_id,
            meeting.c.holder,
            func.coalesce(membership.c.person_id, meeting.c.holder),
            meeting.c.booked_at,
            func.coalesce(meeting.c.held_at, NEVER),
        )
        .outerjoin(membership, then)
        .order_by(meeting.c.meeting_id)
    )
    frame = pd.DataFrame(read_ints(connection, statement, _COLUMNS))
    named = look_up(
        leads["identifier_id"].to_numpy(np.int64),
        leads["lead_id"].to_numpy(np.int64),
        frame["holder"].to_numpy(np.int64),
    )
    frame["lead_id"] = np.where(named >= 0, named, _leads_of_people(frame, leads))
    created = np.append(leads["created"].to_numpy(np.int64), NEVER)  # -1 finds the last
    frame["lead_created"] = created[pd.Index(leads["lead_id"]).get_indexer(frame["lead_id"].to_numpy())]
    return frame


def _leads_of_people(frame: pd.DataFrame, leads: pd.DataFrame) -> Ints:
    """Return the lead of each meeting's person that counts when it was booked, -1 where there is none."""
    pairs = frame[["meeting_id", "person_id", "booked"]].merge(
        leads[["lead_id", "person_id", "created"]], on="person_id"
    )
    created, after = pairs["created"], pairs["created"] > pairs["booked"]
    # at or before the booking the latest counts, after it the earliest
    ranked = pairs.assign(after=after, rank=created.where(after, -created))
    first = ranked.sort_values(["meeting_id", "after", "rank", "lead_id"]).drop_duplicates("meeting_id")
    return look_up(
        first["meeting_id"].to_numpy(np.int64),
        first["lead_id"].to_numpy(np.int64),
        frame["meeting_id"].to_numpy(np.int64),
    )
