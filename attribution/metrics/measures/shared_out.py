"""Whole amounts of records, shared out over groups as the model credits those records."""

from __future__ import annotations

import numpy as np

from attribution.ledger.allocate import MILLION, allocate
from attribution.metrics.measures.context import Measures
from attribution.metrics.measures.parts import Parts
from attribution.store.columns import Ints


def share_out(measures: Measures, ids: Ints, *values: Ints) -> list[Parts] | None:
    """Share amounts of deals out, each by the journey to its closing, by largest remainder.

    Args:
        measures: of the question.
        ids: deal_id, each once.
        values: one amount a deal (minor units or millionths); several are shared out alike.

    Returns:
        The parts of each; they add up to the amounts. None where credits are unknown.
    """
    cells = measures.spread("revenue", ids)
    if cells is None:
        return None
    record, group, share = cells
    order = np.lexsort((-share, record))  # of equal shares as they come: whatever is asked for, they come so
    record, group, share = record[order], group[order], share[order]
    starts = np.flatnonzero(np.diff(record, prepend=record[:1] - 1))
    offsets = np.append(starts, len(record))
    by_id = np.argsort(ids, kind="stable")
    return [
        Parts("deal", record, group, allocate(share / MILLION, offsets, np.asarray(value, np.int64)[by_id]))
        for value in values
    ]
