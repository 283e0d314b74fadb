"""Meetings: booked and held ones, credited as the lead is that they are with."""

from __future__ import annotations

from typing import Final

import numpy as np

from attribution.ledger.allocate import MILLION
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.meetings import meetings


def _counted(name: str, column: str) -> Measure:
    def measure(measures: Measures) -> Parts | None:
        found = measures.once("meetings", lambda: meetings(measures.connection, measures.dimensions.leads))
        at = found[column].to_numpy(np.int64)
        counted = measures.counts(at, found["lead_created"].to_numpy(np.int64))
        if measures.asked.basis == "cohort":
            alone = measures.in_period(at) & (found["lead_id"].to_numpy() < 0)
            left = measures.dimensions.record_groups("lead", found["lead_id"].to_numpy(np.int64)[alone])
            measures.without_lead[name] = int((left >= 0).sum()) * MILLION
        chosen = found[counted]
        cells = measures.spread_as(
            "leads", chosen["meeting_id"].to_numpy(np.int64), chosen["lead_id"].to_numpy(np.int64)
        )
        return None if cells is None else Parts("meeting", *cells)

    return measure


MEASURES: Final[dict[str, Measure]] = {
    "meetings_booked": _counted("meetings_booked", "booked"),
    "meetings_attended": _counted("meetings_attended", "held"),
}
