"""The expected revenue of today's open leads, and how sure that expectation is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.learn import learn
from attribution.metrics.predict.past import Learned, Past, learn_from, slices, stage_codes
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints
from attribution.trust.draws import draw_times

DRAWS: Final = 64


@dataclass(frozen=True)
class Forecast:
    """Open leads, and what each is expected to bring.

    Attributes:
        leads: a row an open lead (:func:`attribution.metrics.predict.features.known_at`), with `minor`, the
            expected revenue in whole minor units.
        drawn: float64[R, n], the same in each draw; R is 0 where no intervals were asked for.
    """

    leads: pd.DataFrame
    drawn: FloatArray

    def bounds(self, group: npt.NDArray[np.integer[Any]], groups: int, level: float) -> tuple[Ints, Ints]:
        """Return the bounds of sums over groups of leads, in whole minor units.

        They are percentiles of the sums over the draws: of the expectation, not of what will be.
        """
        value = np.bincount(group, self.leads["minor"].to_numpy(np.float64), groups)
        if not len(self.drawn):
            whole = value.astype(np.int64)
            return whole, whole
        sums = np.stack([np.bincount(group, one, groups) for one in self.drawn])
        low, high = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2], axis=0)
        # percentiles of few draws may leave the figure itself out
        return (
            np.rint(np.minimum(low, value)).astype(np.int64),
            np.rint(np.maximum(high, value)).astype(np.int64),
        )


def forecast(past: Past, *, draws: int = DRAWS, seed: int = 0) -> Forecast:
    """Predict every open lead.

    Args:
        past: examples, and the leads of now.
        draws: a multiple of 4; 0 makes no intervals.
        seed: another one gives other draws.

    Raises:
        InputError: the past is too short or too thin.
    """
    learned = learn_from(past, slices(past.known, past.horizon, judged=False))
    frame = past.known_at(past.as_of)
    x, stage = learned.encoding.matrix(frame), stage_codes(frame)
    expected = learned.fit.expected(x, stage)
    found = _drawn(learned, x, stage, draws, seed) if draws and len(frame) else []
    drawn = np.array(found).reshape(len(found), len(frame))
    return Forecast(frame.assign(minor=np.rint(expected).astype(np.int64)), drawn)


def _drawn(learned: Learned, x: FloatArray, stage: Ints, draws: int, seed: int) -> list[FloatArray]:
    """Learn anew from accounts, else persons, drawn with all their leads."""
    train, calibrate = learned.train, learned.calibrate
    keys = as_set(np.concatenate([train.unit, calibrate.unit]))
    times = draw_times(keys, draws, seed)
    of_train, of_calibrate = np.searchsorted(keys, train.unit), np.searchsorted(keys, calibrate.unit)
    return [
        learn(
            train, calibrate, regressed=learned.fit.amount is not None, start=learned.fit,
            times=times[of_train, r], calibrate_times=times[of_calibrate, r],
        ).expected(x, stage)
        for r in range(draws)
    ]  # fmt: skip
