"""Meetings with leads and contacts: records, and touches of those that were held."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from attribution.identifiers import COLUMN_KINDS
from attribution.loading.evidence import note_holders
from attribution.loading.made_touches import Made, bare_origin, contradicted, keep_touches
from attribution.loading.merge import digest_of, merge_rows, write_records
from attribution.loading.result import CONFLICT, Outcome
from attribution.sources.parse import Parsed
from attribution.store import schema
from attribution.store.identifiers import intern_identifiers
from attribution.store.settings import Settings


def load_meetings(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store meetings, and make a touch of each that was held: whoever it was with, when it was held."""
    rows = parsed.columns
    digest = digest_of(rows)
    key = rows.column("meeting_id")
    merge = merge_rows(connection, "meetings", schema.meeting, "meeting_id", key, digest)
    taken = rows.take(pa.array(merge.last))
    holder = np.zeros(taken.num_rows, np.int64)
    for name in ("lead_id", "contact_id", "email"):  # the best that a row says of who it was
        ids = intern_identifiers(connection, settings, COLUMN_KINDS[name], taken.column(name), tally=True)
        holder = np.where(holder > 0, holder, ids)
    write_records(
        connection,
        schema.meeting,
        "meeting_id",
        merge,
        {
            "key": taken.column("meeting_id"),
            "digest": digest[merge.last],
            "holder": holder,
            "booked_at": taken.column("booked_at"),
            "held_at": taken.column("held_at"),
            "batch_id": batch_id,
        },
    )
    status = merge.status
    clash = merge.last[:0]
    if len(merge.last):
        held = taken.column("held_at").is_valid().to_numpy()
        at = pc.coalesce(taken.column("held_at"), taken.column("booked_at"))
        made = Made(
            ids=pc.binary_join_element_wise("meeting", taken.column("meeting_id").combine_chunks(), ":"),
            holder=holder,
            at=at.to_numpy().astype(np.int64),
            origin=np.full(len(holder), bare_origin(connection, settings, "meeting")),
            there=held,
        )
        clash = merge.last[keep_touches(connection, settings, batch_id, made)]
        note_holders(connection, holder[held])
        status[clash] = CONFLICT
    return Outcome(
        status,
        conflicts=contradicted("meeting", rows.take(pa.array(clash)), parsed.lines[clash]),
        fingerprint=merge.fingerprint(digest),
    )
