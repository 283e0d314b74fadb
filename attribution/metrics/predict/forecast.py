"""The expected revenue of today's open leads, and how sure that expectation is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.journeys.columns import FloatArray
from attribution.metrics.predict.learn import Fit, learn
from attribution.metrics.predict.outcomes import lead_bounds, spread_of
from attribution.metrics.predict.past import Learned, Past, learn_from, slices, stage_codes
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints
from attribution.trust.draws import draw_times

DRAWS: Final = 64


@dataclass(frozen=True)
class Forecast:
    """Open leads, and what each is expected to bring.

    Attributes:
        leads: a row an open lead (:func:`attribution.metrics.predict.features.known_at`), with `chance`, of a
            win; `amount`, expected if it is won; `minor`, the expected revenue in whole minor units; and
            `open_minor`, what its open deals come to, 0 where that is not known.
        drawn: float64[R, n], the same in each draw; R is 0 where no intervals were asked for.
        wins: how many leads were won in the months learned from.
        winners: of how many accounts, else persons, these were.
        spread: what past wins brought over what was expected of them
            (:func:`attribution.metrics.predict.outcomes.spread_of`).
    """

    leads: pd.DataFrame
    drawn: FloatArray
    wins: int = 0
    winners: int = 0
    spread: FloatArray = field(default_factory=lambda: np.empty(0))

    def lead_bounds(self, level: float) -> tuple[Ints, Ints]:
        """Return the bounds of what each lead will bring, in whole minor units."""
        chance, amount = (self.leads[name].to_numpy(np.float64) for name in ("chance", "amount"))
        low, high = lead_bounds(chance, amount, self.spread, level)
        return np.rint(low).astype(np.int64), np.rint(high).astype(np.int64)

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
    value, deals = past.open_amounts(frame["lead"].to_numpy(np.int64))
    own = value / np.maximum(deals, 1)
    chance, amount = _expected(learned.fit, x, stage, own)
    frame = frame.assign(
        chance=chance, amount=amount, minor=np.rint(chance * amount).astype(np.int64), open_minor=value
    )
    found = _drawn(learned, x, stage, own, draws, seed) if draws and len(frame) else []
    drawn = np.array(found).reshape(len(found), len(frame))
    winners = len(as_set(learned.train.unit[learned.train.wins > 0]))
    return Forecast(frame, drawn, learned.wins, winners, spread_of(learned.fit, learned.calibrate))


def _expected(fit: Fit, x: FloatArray, stage: Ints, own: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the chance of a win of each, and its amount if it is won: that of its own deal where known."""
    return fit.chances(x), np.where(own > 0, own, fit.amounts(x, stage))


def _drawn(
    learned: Learned, x: FloatArray, stage: Ints, own: FloatArray, draws: int, seed: int
) -> list[FloatArray]:
    """Learn anew from accounts, else persons, drawn with all their leads."""
    train, calibrate = learned.train, learned.calibrate
    keys = as_set(np.concatenate([train.unit, calibrate.unit]))
    times = draw_times(keys, draws, seed)
    of_train, of_calibrate = np.searchsorted(keys, train.unit), np.searchsorted(keys, calibrate.unit)
    fits = (
        learn(
            train, calibrate, regressed=learned.fit.amount is not None, start=learned.fit,
            times=times[of_train, r], calibrate_times=times[of_calibrate, r],
        )
        for r in range(draws)
    )  # fmt: skip
    return [np.multiply(*_expected(fit, x, stage, own)) for fit in fits]
