"""Entries: what the ledger should say of a conversion, less what it says already.

What it should say is a pure function of today's inputs: the deal's amount split over its journey at the time
it closed, and each adjustment as the difference of two splits, effective when it happened. So the ledger ends
up the same whatever the order in which things became known, and only differences are ever posted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, func, select

from attribution.journeys.columns import FloatArray, Journeys
from attribution.ledger import frozen, reasons
from attribution.ledger.allocate import MILLION, allocate
from attribution.ledger.conversions import Conversions
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_ints, temporary

entry = schema.entry

_KEY = ["conversion_id", "effective_at", "touch", "placement_id"]
_AMOUNTS = ["amount_minor", "reporting_minor", "share_millionths"]


@dataclass(frozen=True)
class Posting:
    """Where entries go, and why."""

    credit_set_id: int
    run_id: int
    is_first: bool  # the credit set holds nothing yet
    why: Ints  # int64[C], the reason of each conversion, should its credit move


def wanted_entries(conversions: Conversions, journeys: Journeys, shares: FloatArray) -> pd.DataFrame:
    """Split every conversion over its journey.

    Returns:
        A row for each conversion, effective time and touch that gets something (touch 0 and placement 0 are
        `(unattributed)`), columns `conversion` (index), `effective_at touch placement_id amount_minor
        reporting_minor share_millionths`, all int64.
    """
    parts = []
    share_of_journey = allocate(shares, journeys.offsets, np.where(conversions.active, MILLION, 0))
    before: dict[str, Ints] = {}
    for rank in range(int(conversions.step_rank.max(initial=-1)) + 1):
        at_rank = np.flatnonzero(conversions.step_rank == rank)
        of = conversions.step_of[at_rank]
        whole = len(of) == journeys.n_journeys and rank == 0
        some = journeys if whole else journeys.take(of)
        touched = np.flatnonzero(np.repeat(_marks(of, len(conversions)), journeys.lengths))
        columns: dict[str, Ints] = {}
        for name, values in (
            ("amount_minor", conversions.step_value_minor),
            ("reporting_minor", conversions.step_reporting_minor),
        ):  # fmt: skip
            split = np.zeros(journeys.n_touches, np.int64)
            split[touched] = allocate(shares[touched], some.offsets, values[at_rank])
            columns[name] = split[touched] - (before[name][touched] if rank else 0)
            if rank == 0:
                before[name] = split
            else:
                before[name][touched] = split[touched]
        parts.append(
            pd.DataFrame(
                {
                    "conversion": np.repeat(of, some.lengths),
                    "effective_at": np.repeat(conversions.step_at[at_rank], some.lengths),
                    "touch": some.touch,
                    "placement_id": some.placement,
                    **columns,
                    "share_millionths": share_of_journey[touched] if rank == 0 else 0,
                }
            )
        )
    parts.append(_unattributed(conversions, journeys))
    frame = pd.concat(parts, ignore_index=True)
    return frame[(frame[_AMOUNTS] != 0).any(axis=1)]


def _marks(of: Ints, size: int) -> npt.NDArray[np.bool_]:
    marks = np.zeros(size, np.bool_)
    marks[of] = True
    return marks


def _unattributed(conversions: Conversions, journeys: Journeys) -> pd.DataFrame:
    """What has no touch keeps its value, step by step."""
    steps = np.flatnonzero(journeys.lengths[conversions.step_of] == 0)
    first = conversions.step_rank[steps] == 0

    def rise(values: Ints) -> Ints:
        # steps of a conversion lie side by side, in order
        earlier = np.r_[np.int64(0), values[:-1]][steps] if len(values) else values
        return values[steps] - np.where(first, 0, earlier)

    of = conversions.step_of[steps]
    return pd.DataFrame(
        {
            "conversion": of,
            "effective_at": conversions.step_at[steps],
            "touch": np.int64(0),
            "placement_id": np.int64(0),
            "amount_minor": rise(conversions.step_value_minor),
            "reporting_minor": rise(conversions.step_reporting_minor),
            "share_millionths": np.where(first & conversions.active[of], MILLION, 0),
        }
    )


def post(connection: Connection, conversions: Conversions, entries: pd.DataFrame, posting: Posting) -> int:
    """Write the difference between what the ledger should say and what it says; returns how many entries.

    Args:
        connection: the writer's.
        conversions: what was looked at.
        entries: of :func:`wanted_entries`.
        posting: credit set, run and reasons.
    """
    stands = frozen.held(connection, posting.credit_set_id, conversions)
    wanted = entries.assign(conversion_id=conversions.ids[entries["conversion"].to_numpy()])
    if stands.any():
        wanted = wanted[~stands[wanted["conversion"].to_numpy()]]
    # adjustments at one instant are one entry
    if conversions.step_rank.max(initial=0) > 0:
        wanted = wanted.groupby(_KEY, as_index=False, sort=False)[_AMOUNTS].sum()
    if posting.is_first:
        difference = wanted
        known_conversions = np.empty(0, np.int64)
        known_times = np.empty(0, np.int64)
    else:
        posted = _posted(connection, posting.credit_set_id, conversions.ids[~stands])
        known_conversions = posted["conversion_id"].to_numpy(np.int64)
        known_times = posted["effective_at"].to_numpy(np.int64)
        # what nets to nothing was posted all the same: a deal won again is no first posting
        posted = posted[(posted[_AMOUNTS] != 0).any(axis=1)]
        posted[_AMOUNTS] = -posted[_AMOUNTS]
        both = pd.concat([wanted[[*_KEY, *_AMOUNTS]], posted], ignore_index=True)
        difference = both.groupby(_KEY, as_index=False, sort=False)[_AMOUNTS].sum()
        difference = difference[(difference[_AMOUNTS] != 0).any(axis=1)]
    n_live = len(difference)
    if stands.any():
        more = frozen.changes(connection, posting.credit_set_id, conversions, stands)
        difference = pd.concat([difference, more], ignore_index=True)
    if difference.empty:
        return 0
    ids = difference["conversion_id"].to_numpy(np.int64)
    order = np.argsort(conversions.ids)
    index = order[np.searchsorted(conversions.ids, ids, sorter=order)]
    at = difference["effective_at"].to_numpy(np.int64)
    reason = np.where(np.isin(ids, known_conversions), posting.why[index], reasons.CLOSED)
    later = at != conversions.at[index]
    fresh_time = ~np.isin(_pair(ids, at), _pair(known_conversions, known_times))
    reason = np.where(later & fresh_time, reasons.ADJUSTMENT, reason)
    reason[n_live:] = reasons.FROZEN
    rated = conversions.has_rate[index] | (difference["reporting_minor"].to_numpy() != 0)
    insert = difference.assign(reason=reason, rated=rated).sort_values(_KEY)
    return insert_columns(
        connection,
        entry,
        {
            "credit_set_id": posting.credit_set_id,
            "run_id": posting.run_id,
            **{
                name: insert[name].to_numpy(np.int64)
                for name in [*_KEY, "amount_minor", "share_millionths", "reason"]
            },
            "reporting_minor": pa.array(
                insert["reporting_minor"].to_numpy(np.int64), mask=~insert["rated"].to_numpy(np.bool_)
            ),
        },
    )


def _pair(ids: Ints, at: Ints) -> npt.NDArray[np.complex128]:
    """Pair two columns into one that can be looked up; instants are below 2^53, so nothing is lost."""
    return ids.astype(np.float64) + 1j * at.astype(np.float64)


def _posted(connection: Connection, credit_set_id: int, conversion_ids: Ints) -> pd.DataFrame:
    """Sum what the ledger says of some conversions."""
    sums = [func.sum(func.coalesce(entry.c[name], 0)) for name in _AMOUNTS]
    keys = [entry.c[name] for name in _KEY]
    with temporary(connection, wanted=conversion_ids) as wanted:
        columns = read_ints(
            connection,
            select(*keys, *sums)
            .select_from(wanted)
            .join(entry, entry.c.conversion_id == wanted.c.wanted)
            .where(entry.c.credit_set_id == credit_set_id)
            .group_by(*keys),
            [*_KEY, *_AMOUNTS],
        )
    return pd.DataFrame(columns)
