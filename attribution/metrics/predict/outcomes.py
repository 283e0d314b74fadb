"""What a single lead may bring: nothing, or an amount about as far from its expectation as past ones were.

A lead that is expected to bring 500 brings mostly nothing, and sometimes 8,000. So its bounds are those of
what may come, not of the expectation: percentiles of nothing, with the chance that it is not won, else of its
amount times what won amounts of the months that calibrate were of what had been expected of them, as split
conformal prediction takes residuals (Lei and others, Distribution-Free Predictive Inference for Regression,
2018; here they are ratios, since amounts spread with their size).
"""

from __future__ import annotations

import numpy as np

from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.learn import Fit, Sample


def spread_of(fit: Fit, later: Sample) -> FloatArray:
    """Return what leads that were won brought, over what was expected of them if they were; ascending.

    Args:
        fit: calibrated.
        later: the months that it was calibrated on.
    """
    won = later.won
    told = np.maximum(fit.amounts(later.x[won], later.stage[won]), 1e-9)
    return np.asarray(np.sort(later.value[won].clip(0) / told))


def lead_bounds(
    chance: FloatArray, amount: FloatArray, spread: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds between which each lead brings as much as it will, so often.

    Args:
        chance: float64[n], of a win.
        amount: float64[n], expected of it if it is won.
        spread: float64[m], ascending: what was brought over what was expected; empty: just that.
        level: how often, as a part of one.

    Returns:
        float64[n], float64[n]: what is expected of it on average lies always between them.

    >>> chance, amount = np.array([0.02, 0.5, 0.99]), np.array([100.0, 100.0, 100.0])
    >>> low, high = lead_bounds(chance, amount, np.array([0.5, 1.0, 2.0]), 0.4)
    >>> low.tolist(), high.tolist()
    ([0.0, 0.0, 50.0], [2.0, 100.0, 200.0])
    """
    ratios = np.append(0.0, spread if len(spread) else 1.0)  # below all that were seen lies nothing
    n = len(ratios) - 1

    def place(part: float) -> FloatArray:
        """Return between which wins a percentile lies: the next one is as likely between any two."""
        return np.asarray((part - (1 - chance)) / np.maximum(chance, 1e-12) * (n + 1))

    nearly = 1e-9  # of a float that should be whole
    lower = np.floor(place((1 - level) / 2) + nearly).clip(0, n).astype(np.int64)
    upper = np.ceil(place((1 + level) / 2) - nearly).clip(0, n).astype(np.int64)
    low, high, value = amount * ratios[lower], amount * ratios[upper], chance * amount
    return np.minimum(low, value), np.maximum(high, value)
