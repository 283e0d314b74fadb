"""How long customers stay: Kaplan-Meier, those who are still active censored.

A customer's life is from its first won deal to the last `recurring_until` of its contracts; with one that is
still running at the last run it is active, and its life so far is all that is known of it. Averages of those
who left would be too short: they left early. The estimator is `scipy.stats.ecdf` of
`scipy.stats.CensoredData` (Kaplan and Meier, Nonparametric Estimation from Incomplete Observations, 1958).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.clock import DAY
from attribution.metrics.measures.context import Measures
from attribution.metrics.measures.records import customers
from attribution.metrics.measures.recurring import contracts

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MONTH: Final = 365.25 / 12 * DAY  # microseconds


@dataclass(frozen=True)
class Survival:
    """A curve: what part is still there after each time; `reach` is how long anybody was seen at most."""

    time: Floats
    part: Floats
    reach: float

    def quantile(self, gone: float) -> float | None:
        """Return when so large a part was gone; None where the curve does not reach it.

        >>> survival(np.array([2.0, 4.0]), np.array([False, True])).quantile(0.5)
        2.0
        >>> survival(np.array([2.0, 4.0]), np.array([False, True])).quantile(0.75) is None
        True
        """
        reached = np.flatnonzero(self.part <= 1 - gone + 1e-12)  # sums of floats
        return float(self.time[reached[0]]) if len(reached) else None

    def mean(self, horizon: float) -> float:
        """Return the mean of times cut off at a horizon: the area below the curve, as far as it is known.

        >>> survival(np.array([2.0, 4.0]), np.array([False, False])).mean(3.0)
        2.5
        """
        end = min(horizon, self.reach) if self.part[-1] > 0 else horizon
        edges = np.append(np.minimum(np.append(0.0, self.time), end), end)
        return float((np.diff(edges) * np.append(1.0, self.part)).sum())


def survival(time: Floats, censored: Mask) -> Survival:
    """Estimate a survival curve.

    Args:
        time: float64[n], n > 0: how long each was there, or has been so far.
        censored: bool[n], who still is.
    """
    from scipy.stats import CensoredData, ecdf  # half a second, which no other figure should take

    if censored.all():
        return Survival(np.zeros(1), np.ones(1), float(time.max()))
    found = ecdf(CensoredData(uncensored=time[~censored], right=time[censored])).sf
    return Survival(found.quantiles, found.probabilities, float(time.max()))


@dataclass(frozen=True)
class Lifetime:
    """How long customers stay, in months; `median` None where the curve does not reach it."""

    mean: float  # up to the horizon
    median: float | None
    customers: int
    left: int


def lifetime(measures: Measures) -> Lifetime | None:
    """Return how long customers with contracts stay; None, with a warning, where there are none."""
    return measures.once("lifetime", lambda: _lifetime(measures))


def _lifetime(measures: Measures) -> Lifetime | None:
    held, deals, today = contracts(measures), measures.dimensions.deals, measures.asked.journeys.as_of
    horizon = measures.asked.horizon_months
    won = (deals["status"] == "won").to_numpy(bool)
    closed = pd.Series(deals["closed"].to_numpy(np.int64)[won])
    began = closed.groupby(customers(measures)[won]).min()
    ended = pd.Series(held.ended).groupby(held.customer).max()
    frame = pd.DataFrame({"began": began.reindex(ended.index).to_numpy(np.int64), "ended": ended})
    frame = frame[frame["began"] <= np.minimum(frame["ended"], today)]
    if not len(frame):
        measures.warn(
            "customer lifetimes are not known: no won deal has a recurring amount; import deals with "
            "recurring_amount, recurring_interval and recurring_until"
        )
        return None
    active = (frame["ended"] > today).to_numpy(bool)
    lived = (np.minimum(frame["ended"], today) - frame["began"]).to_numpy(np.float64) / MONTH
    curve = survival(lived, active)
    if curve.part[-1] > 0 and curve.reach < horizon:
        measures.warn(
            f"customer lifetimes were seen for {curve.reach:.1f} of {horizon} months: what comes after is "
            "not in them"
        )
    return Lifetime(curve.mean(horizon), curve.quantile(0.5), len(frame), int((~active).sum()))
