"""Every measure by its name."""

from __future__ import annotations

from typing import Final

from attribution.metrics.measures import (
    customers,
    meetings,
    money,
    predictions,
    records,
    recurring,
    responses,
    statistics,
    traffic,
)
from attribution.metrics.measures.context import Measure

MEASURES: Final[dict[str, Measure]] = {
    **records.MEASURES,
    **money.MEASURES,
    **meetings.MEASURES,
    **responses.MEASURES,
    **traffic.MEASURES,
    **statistics.MEASURES,
    **recurring.MEASURES,
    **customers.MEASURES,
    **predictions.MEASURES,
}
