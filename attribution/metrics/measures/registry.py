"""Every measure by its name."""

from __future__ import annotations

from typing import Final

from attribution.metrics.measures import money, records
from attribution.metrics.measures.context import Measure

MEASURES: Final[dict[str, Measure]] = {**records.MEASURES, **money.MEASURES}
