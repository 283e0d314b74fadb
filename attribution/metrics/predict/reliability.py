"""How far predictions were right: on months later than those that calibrated them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.outcomes import lead_bounds, spread_of
from attribution.metrics.predict.past import Past, learn_from, slices
from attribution.money import money_words
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
        held: float64[5], the share that brought what lies within the bounds of what a lead may bring.
    """

    months: int
    leads: Ints
    chance: FloatArray
    won: FloatArray
    predicted: FloatArray
    observed: FloatArray
    held: FloatArray

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


def reliability(past: Past, level: float = 0.9) -> Reliability:
    """Predict months of which nothing was learned, and compare.

    Args:
        past: examples.
        level: how often bounds are to hold what leads bring.

    Raises:
        TooLittlePast: the past is too short or too thin.
    """
    cut = slices(past.known, past.horizon, judged=True)
    learned = learn_from(past, cut)
    frame = past.examples(cut.test)
    test = past.sample(frame, learned.encoding)
    chance = learned.fit.chances(test.x)
    amount = learned.fit.amounts(test.x, test.stage)
    low, high = lead_bounds(chance, amount, spread_of(learned.fit, learned.calibrate), level)
    held = (low <= test.value) & (test.value <= high)
    return compared(len(cut.test), chance, chance * amount, test.wins, test.value, held)


def compared(
    months: int,
    chance: FloatArray,
    expected: FloatArray,
    wins: Ints,
    value: FloatArray,
    held: npt.NDArray[np.bool_],
) -> Reliability:
    """Cut predictions into fifths of as many leads each.

    >>> held = np.ones(10, bool)
    >>> found = compared(1, np.full(10, 0.5), np.arange(10.0), np.tile([0, 1], 5), np.arange(10.0), held)
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
        np.bincount(part, held, PARTS) / of_each,
    )


def sentence(judged: Reliability, currency: str) -> str:
    """Say in one sentence how reliable predictions are."""
    predicted, observed = (
        money_words(round(float(sums.sum())), currency) for sums in (judged.predicted, judged.observed)
    )
    text = (
        f"reliability: at the {judged.months} latest month-ends whose outcome is known, open leads were "
        f"expected to bring {predicted} and brought {observed}"
    )
    if judged.ratio is None or judged.error is None:
        return text
    return f"{text} ({judged.ratio:.0%} of it; by fifths of the prediction the error is {judged.error:.0%})"
