"""Inquiries of leads: how soon they were answered, and what came of it.

An inquiry counts in the period in which it was made, answered or not. A request known by its day only is the
start of that day, an answer known by its day only the last microsecond of it.

An outcome is what came of talking to somebody. Words that say that nobody was reached, such as `no answer`
and `voicemail`, are none (:data:`NOBODY_REACHED`); any other text is one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, Integer, case, func, select

from attribution.clock import MINUTE
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.store.columns import Ints, read_ints
from attribution.store.schema import lead

Mask = npt.NDArray[np.bool_]

# no outcome, however they are written: capitals, blanks, hyphens and underscores are the same
NOBODY_REACHED: Final = (
    "no answer", "unanswered", "voicemail", "left voicemail", "busy", "missed", "not reached", "unreachable",
)  # fmt: skip
_COLUMNS: Final = ("lead_id", "created", "requested", "responded", "outcome")


def requests(measures: Measures) -> pd.DataFrame:
    """Return the inquiries that count.

    Returns:
        int64 columns `lead_id requested responded outcome`: instants in microseconds, `NEVER` where nobody
        answered; outcome 1 where somebody was reached and something came of it, else 0.
    """
    found = measures.once("requests", lambda: _read(measures.connection))
    counted = measures.counts(found["requested"].to_numpy(np.int64), found["created"].to_numpy(np.int64))
    return found[counted].reset_index(drop=True)


def _read(connection: Connection) -> pd.DataFrame:
    said = func.lower(func.coalesce(lead.c.response_outcome, ""))
    for sign in " -_":
        said = func.replace(said, sign, "")
    none = ["", *(words.replace(" ", "") for words in NOBODY_REACHED)]
    outcome = case((said.in_(none), 0), else_=1)
    statement = (
        select(
            lead.c.lead_id,
            lead.c.created_at_end,
            lead.c.requested_at,
            func.coalesce(lead.c.responded_at, NEVER),
            outcome.cast(Integer),
        )
        .where(lead.c.requested_at.is_not(None))
        .order_by(lead.c.lead_id)
    )
    return pd.DataFrame(read_ints(connection, statement, _COLUMNS))


def response_times(measures: Measures) -> tuple[Ints, Ints]:
    """Return the leads that were answered, and after how many microseconds (negative: before they asked)."""
    found = requests(measures)
    answered = found[found["responded"] != NEVER]
    took = answered["responded"].to_numpy(np.int64) - answered["requested"].to_numpy(np.int64)
    return answered["lead_id"].to_numpy(np.int64), took


def _timed(found: pd.DataFrame) -> Mask:
    """Tell whose wait is known: not of those who were answered before they asked."""
    return found["responded"].to_numpy(np.int64) >= found["requested"].to_numpy(np.int64)


def _requests(measures: Measures) -> Parts | None:
    return _parts(measures, requests(measures))


def _with_outcome(measures: Measures) -> Parts | None:
    found = requests(measures)
    return _parts(measures, found[found["outcome"] == 1])


def _timed_requests(measures: Measures) -> Parts | None:
    found = requests(measures)
    known = _timed(found)
    if not known.all():
        measures.warn(
            f"{int((~known).sum()):,} inquiries were answered before they were made; "
            "shares within the target leave them out"
        )
    return _parts(measures, found[known])


def _within_target(measures: Measures) -> Parts | None:
    found = requests(measures)
    took = found["responded"].to_numpy(np.int64) - found["requested"].to_numpy(np.int64)
    target = round(measures.asked.target_minutes * MINUTE)
    answered = found["responded"].to_numpy(np.int64) != NEVER
    return _parts(measures, found[_timed(found) & answered & (took <= target)])


def _parts(measures: Measures, found: pd.DataFrame) -> Parts | None:
    cells = measures.spread("leads", found["lead_id"].to_numpy(np.int64))
    return None if cells is None else Parts("lead", *cells)


MEASURES: Final[dict[str, Measure]] = {
    "requests": _requests,
    "requests_with_outcome": _with_outcome,
    "timed_requests": _timed_requests,
    "requests_within_target": _within_target,
}
