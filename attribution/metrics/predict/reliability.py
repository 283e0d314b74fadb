"""How far predictions were right: on months later than those that calibrated them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.past import Past, learn_from, slices
from attribution.store.columns import Ints

PARTS: Final = 5


@dataclass(frozen=True)
class Reliability:
    """Predicted beside observed, by fifth of the prediction, the lowest first.

    Attributes:
        months: how many month-ends judged.
        leads: int64[5]; a lead that was open at several month-ends is several.
        chance, won: float64[5], the mean chance of a win, and the share that was won.
        predicted, observed: float64[5], minor units.
    """

    months: int
    leads: Ints
    chance: FloatArray
    won: FloatArray
    predicted: FloatArray
    observed: FloatArray

    @property
    def ratio(self) -> float | None:
        """Observed over predicted revenue."""
        whole = float(self.predicted.sum())
        return float(self.observed.sum()) / whole if whole else None

    @property
    def error(self) -> float | None:
        """How far the fifths are off together, as a part of what was predicted."""
        whole = float(self.predicted.sum())
        return float(np.abs(self.predicted - self.observed).sum()) / whole if whole else None


def reliability(past: Past) -> Reliability:
    """Predict months of which nothing was learned, and compare.

    Raises:
        InputError: the past is too short or too thin.
    """
    cut = slices(past.known, past.horizon, judged=True)
    learned = learn_from(past, cut)
    frame = past.examples(cut.test)
    test = past.sample(frame, learned.encoding)
    chance = learned.fit.chances(test.x)
    expected = chance * learned.fit.amounts(test.x, test.stage)
    return compared(len(cut.test), chance, expected, test.wins, test.value)


def compared(
    months: int, chance: FloatArray, expected: FloatArray, wins: Ints, value: FloatArray
) -> Reliability:
    """Cut predictions into fifths of as many leads each.

    >>> found = compared(1, np.full(10, 0.5), np.arange(10.0), np.tile([0, 1], 5), np.arange(10.0))
    >>> found.leads.tolist(), found.predicted.tolist(), found.ratio, found.error
    ([2, 2, 2, 2, 2], [1.0, 5.0, 9.0, 13.0, 17.0], 1.0, 0.0)
    """
    order = np.argsort(expected, kind="stable")
    part = np.empty(len(order), np.int64)
    part[order] = np.arange(len(order)) * PARTS // max(len(order), 1)
    leads = np.bincount(part, minlength=PARTS)
    of_each = np.maximum(leads, 1)
    return Reliability(
        months,
        leads,
        np.bincount(part, chance, PARTS) / of_each,
        np.bincount(part, wins > 0, PARTS) / of_each,
        np.asarray(np.bincount(part, expected, PARTS), np.float64),
        np.asarray(np.bincount(part, value, PARTS), np.float64),
    )
