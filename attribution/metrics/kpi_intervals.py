"""Intervals of figures: people are drawn again, with all their leads, deals and money; spend stands.

From the same parts as the figure itself, so that both are about the same records. Sums and ratios of sums are
drawn as such; see :mod:`attribution.trust.bootstrap` for who is drawn how often and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import sparse

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray
from attribution.metrics.measures.parts import NOBODY, Parts
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints
from attribution.trust.bca import Spread, bca_bounds, check_level, spread
from attribution.trust.bootstrap import FEWEST_DRAWS
from attribution.trust.draws import draw_times
from attribution.trust.intervals import ENOUGH_CONVERSIONS
from attribution.trust.sums import draw_sums

DRAWS: Final = 400
_LARGEST_SEED: Final = 2**63 - 1
_MEDIANS_AT_A_TIME: Final = 40  # draws that are held at once, a multiple of 4


class Bounds(NamedTuple):
    """The interval of one figure; None where too few conversions stand behind it."""

    low: float | None
    high: float | None
    conversions: int

    @property
    def too_few(self) -> bool:
        """Whether fewer conversions than can be judged stand behind the figure."""
        return self.conversions < ENOUGH_CONVERSIONS


class Intervals:
    """Makes intervals for the figures of one question.

    Args:
        units: given what records are and their numbers, who each is drawn with.
        level: the share of intervals that are to hold the truth.
        draws: how many, a multiple of 4.
        seed: another one gives other draws.

    Raises:
        InputError: level, draws or seed cannot be used.
    """

    def __init__(
        self, units: Callable[[str, Ints], Ints], level: float, draws: int = DRAWS, seed: int = 0
    ) -> None:
        check_level(level)
        if draws < FEWEST_DRAWS:
            raise InputError(
                f"draws={draws} are too few for an interval; allowed are {FEWEST_DRAWS} and more"
            )
        if not 0 <= seed <= _LARGEST_SEED:
            raise InputError(
                f"seed={seed} cannot be used; allowed are whole numbers from 0 to {_LARGEST_SEED}"
            )
        self._units, self.level, self._draws, self._seed = units, level, draws, seed

    def of(self, numerator: Parts, denominator: Parts | None, groups: Sequence[int]) -> dict[int, Bounds]:
        """Return the interval of each group's sum, or ratio of sums, in the units of the parts.

        Args:
            numerator, denominator: whose sums are meant; None: the numerator's sum is the figure.
            groups: those that are shown.

        >>> won = Parts("deal", np.arange(40), np.zeros(40, int), np.full(40, 100_00))
        >>> found = Intervals(lambda kind, records: records, 0.9).of(won, None, [0])[0]
        >>> found.conversions, 2500_00 < found.low < 4000_00 < found.high < 6000_00
        (40, True)
        """
        column = np.array(groups, np.int64)
        counted = numerator if numerator.kind != NOBODY or denominator is None else denominator
        conversions = counted.conversions()
        asked = [numerator] if denominator is None else [numerator, denominator]
        keys, matrices, fixed = self._matrices(asked, column)
        drawn = draw_sums(matrices, keys, self._draws, self._seed)
        point = [np.asarray(m.sum(axis=0)).ravel() + f for m, f in zip(matrices, fixed, strict=True)]
        samples = [s + f for s, f in zip(drawn, fixed, strict=True)]
        figure, drawn_figure = point[0], samples[0]
        influence = sparse.csc_array(matrices[0])
        if denominator is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                figure, drawn_figure = point[0] / point[1], samples[0] / samples[1]
                whole = np.where(point[1] != 0, 1 / point[1], 0.0)
            ratio = np.where(point[1] != 0, figure, 0.0)
            influence = sparse.csc_array((matrices[0] - matrices[1] * ratio) * whole)
            drawn_figure = np.where(np.isfinite(drawn_figure), drawn_figure, np.nan)
            figure = np.where(np.isfinite(figure), figure, 0.0)
        weights = sparse.coo_array(influence)
        low, high = bca_bounds(
            figure, drawn_figure, spread(weights.data, weights.col.astype(np.int64), len(column)), self.level
        )
        known = np.isfinite(low) & np.isfinite(high)
        if denominator is not None:
            known &= point[1] != 0
        return {
            group: self._bounds(low[i], high[i], conversions.get(group, 0), bool(known[i]))
            for i, group in enumerate(groups)
        }

    def of_median(self, kind: str, record: Ints, value: Ints, weight: Ints) -> Bounds:
        """Return the interval of a weighted median.

        Args:
            kind: of what the records are.
            record: int64[n], each once.
            value: int64[n], whose median is meant.
            weight: int64[n], positive: how much of each counts.
        """
        if len(record) < ENOUGH_CONVERSIONS:
            return Bounds(None, None, len(record))
        order = np.argsort(value, kind="stable")
        value, weight = value[order], weight[order].astype(np.float64)
        units = self._units(kind, record[order])
        keys = as_set(units)
        of_unit = np.searchsorted(keys, units)
        medians = []
        for start in range(0, self._draws, _MEDIANS_AT_A_TIME):
            stop = min(start + _MEDIANS_AT_A_TIME, self._draws)
            times = draw_times(keys, stop - start, self._seed, start=start)
            upto = np.cumsum(times[of_unit] * weight[:, None], axis=0)
            at = (upto < upto[-1] / 2).sum(axis=0).clip(0, len(value) - 1)
            medians.append(np.where(upto[-1] > 0, value[at].astype(np.float64), np.nan))
        point = float(value[int(np.searchsorted(np.cumsum(weight), weight.sum() / 2))])
        # a median is not moved smoothly by any one unit: no acceleration
        per_unit = np.bincount(of_unit, weight, len(keys))
        even = Spread(np.zeros(1), np.array([per_unit.sum() ** 2 / (per_unit**2).sum()]))
        low, high = bca_bounds(np.array([point]), np.concatenate(medians)[:, None], even, self.level)
        return self._bounds(low[0], high[0], len(record), bool(np.isfinite(low[0]) and np.isfinite(high[0])))

    @staticmethod
    def _bounds(low: float, high: float, conversions: int, known: bool) -> Bounds:
        if not known or conversions < ENOUGH_CONVERSIONS:
            return Bounds(None, None, conversions)
        return Bounds(float(low), float(high), conversions)

    def _matrices(
        self, asked: Sequence[Parts], column: Ints
    ) -> tuple[Ints, list[sparse.csr_array], list[FloatArray]]:
        """Return the units, [U, G] of what each adds to each sum, and [G] of what no draw changes."""
        order = np.argsort(column)
        found = []
        for parts in asked:
            at = np.searchsorted(column[order], parts.group).clip(0, max(len(column) - 1, 0))
            there = (
                (parts.group >= 0) & (column[order][at] == parts.group)
                if len(column)
                else np.zeros(len(at), bool)
            )
            units = (
                np.zeros(int(there.sum()), np.int64)
                if parts.kind == NOBODY
                else self._units(parts.kind, parts.record[there])
            )
            found.append((parts, units, order[at[there]], parts.value[there].astype(np.float64)))
        drawn = [units for parts, units, _, _ in found if parts.kind != NOBODY]
        keys = as_set(np.concatenate(drawn)) if drawn else np.empty(0, np.int64)
        matrices: list[sparse.csr_array] = []
        fixed: list[FloatArray] = []
        for parts, units, place, value in found:
            if parts.kind == NOBODY:
                matrices.append(sparse.csr_array((len(keys), len(column)), dtype=np.float64))
                fixed.append(np.bincount(place, value, len(column)).astype(np.float64))
            else:
                entries = (value, (np.searchsorted(keys, units), place))
                shape = (len(keys), len(column))
                matrices.append(sparse.csr_array(sparse.coo_array(entries, shape=shape)))
                fixed.append(np.zeros(len(column)))
        return keys, matrices, fixed
