"""Intervals of figures: people are drawn again, with all their leads, deals and money; spend stands.

From the same parts as the figure itself, so that both are about the same records. Sums and ratios of sums are
drawn as such; see :mod:`attribution.trust.bootstrap` for who is drawn how often and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
_SUMS_AT_A_TIME: Final = 50_000  # whose draws are held at once: 160 MB of 400 draws
_RUN_ROWS: Final = 256


class Bounds(NamedTuple):
    """The interval of one figure; None where too few conversions stand behind it."""

    low: float | None
    high: float | None
    conversions: int

    @property
    def too_few(self) -> bool:
        """Whether fewer conversions than can be judged stand behind the figure."""
        return self.conversions < ENOUGH_CONVERSIONS


class Figure(NamedTuple):
    """What a figure is made of: a sum, or one over another."""

    numerator: Parts
    denominator: Parts | None


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
        return self.of_all({"": Figure(numerator, denominator)}, groups)[""]

    def of_all(self, figures: Mapping[str, Figure], groups: Sequence[int]) -> dict[str, dict[int, Bounds]]:
        """Return the intervals of several figures, as :meth:`of` does: all are drawn once for all figures.

        Args:
            figures: name -> what it is made of; the same parts in several figures are read once.
            groups: those that are shown.
        """
        found: dict[str, dict[int, Bounds]] = {}
        for some in _batches(figures, max(len(groups), 1)):
            found |= self._of_batch(some, groups)
        return found

    def _of_batch(self, figures: Mapping[str, Figure], groups: Sequence[int]) -> dict[str, dict[int, Bounds]]:
        parts = _distinct(figures.values())
        place = {id(one): i for i, one in enumerate(parts)}
        keys, matrix, fixed = self._sums(parts, np.array(groups, np.int64))
        shape = (len(parts), len(groups))
        point = np.asarray(matrix.sum(axis=0)).reshape(shape) + fixed
        [drawn] = draw_sums([matrix], keys, self._draws, self._seed)
        samples = drawn.reshape(self._draws, *shape) + fixed
        columns = sparse.csc_array(matrix)
        own = [columns[:, i * len(groups) : (i + 1) * len(groups)] for i in range(len(parts))]
        found = {}
        for name, (numerator, denominator) in figures.items():
            top = place[id(numerator)]
            below = None if denominator is None else place[id(denominator)]
            counted = numerator if numerator.kind != NOBODY or denominator is None else denominator
            conversions = counted.conversions()
            figure, drawn_figure, influence = point[top], samples[:, top], own[top]
            if below is not None:
                with np.errstate(divide="ignore", invalid="ignore"):
                    figure, drawn_figure = figure / point[below], drawn_figure / samples[:, below]
                    whole = np.where(point[below] != 0, 1 / point[below], 0.0)
                ratio = np.where(point[below] != 0, figure, 0.0)
                influence = sparse.csc_array((influence - own[below] * ratio) * whole)
                drawn_figure = np.where(np.isfinite(drawn_figure), drawn_figure, np.nan)
                figure = np.where(np.isfinite(figure), figure, 0.0)
            weights = sparse.coo_array(influence)
            even = spread(weights.data, weights.col.astype(np.int64), len(groups))
            low, high = bca_bounds(figure, drawn_figure, even, self.level)
            known = np.isfinite(low) & np.isfinite(high)
            if below is not None:
                known &= point[below] != 0
            found[name] = {
                group: self._bounds(low[i], high[i], conversions.get(group, 0), bool(known[i]))
                for i, group in enumerate(groups)
            }
        return found

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
        value, weights = value[order], weight[order].astype(np.float64)
        units = self._units(kind, record[order])
        middle = _middles(units, weights, self._draws, self._seed)
        medians = np.where(middle >= 0, value[middle].astype(np.float64), np.nan)
        point = float(value[int(np.searchsorted(np.cumsum(weights), weights.sum() / 2))])
        # a median is not moved smoothly by any one unit: no acceleration
        keys = as_set(units)
        per_unit = np.bincount(np.searchsorted(keys, units), weights, len(keys))
        even = Spread(np.zeros(1), np.array([per_unit.sum() ** 2 / (per_unit**2).sum()]))
        low, high = bca_bounds(np.array([point]), medians[:, None], even, self.level)
        return self._bounds(low[0], high[0], len(record), bool(np.isfinite(low[0]) and np.isfinite(high[0])))

    @staticmethod
    def _bounds(low: float, high: float, conversions: int, known: bool) -> Bounds:
        if not known or conversions < ENOUGH_CONVERSIONS:
            return Bounds(None, None, conversions)
        return Bounds(float(low), float(high), conversions)

    def _sums(self, parts: Sequence[Parts], column: Ints) -> tuple[Ints, sparse.csr_array, FloatArray]:
        """Return the units, [U, P x G] of what each adds to each sum, and [P, G] of what no draw changes."""
        order = np.argsort(column)
        fixed = np.zeros((len(parts), len(column)))
        units, places, values = ([np.empty(0, np.int64)] for _ in range(3))
        for i, of in enumerate(parts):
            if not len(column):
                continue
            at = np.searchsorted(column[order], of.group).clip(0, len(column) - 1)
            there = (of.group >= 0) & (column[order][at] == of.group)
            place, value = order[at[there]], of.value[there]
            if of.kind == NOBODY:
                fixed[i] = np.bincount(place, value, len(column))
                continue
            units.append(self._units(of.kind, of.record[there]))
            places.append(place + i * len(column))
            values.append(value)
        unit = np.concatenate(units)
        keys = as_set(unit)
        at_unit = np.searchsorted(keys, unit)
        entries = np.concatenate(values).astype(np.float64), (at_unit, np.concatenate(places))
        shape = (len(keys), len(parts) * len(column))
        return keys, sparse.csr_array(sparse.coo_array(entries, shape=shape)), fixed


def _distinct(figures: Iterable[Figure]) -> list[Parts]:
    return list({id(part): part for figure in figures for part in figure if part is not None}.values())


def _batches(figures: Mapping[str, Figure], n_groups: int) -> Iterator[dict[str, Figure]]:
    """Yield figures in lots whose draws fit into memory."""
    batch: dict[str, Figure] = {}
    for name, figure in figures.items():
        if batch and len(_distinct([*batch.values(), figure])) * n_groups > _SUMS_AT_A_TIME:
            yield batch
            batch = {}
        batch[name] = figure
    if batch:
        yield batch


def _middles(units: Ints, weights: FloatArray, draws: int, seed: int) -> Ints:
    """Return int64[R]: the row at which half of each draw's weight is reached; -1 where nobody is drawn.

    Runs of rows are added up first, and only the run in the middle of a draw is looked at row by row.

    Args:
        units: int64[n], whom each row belongs to.
        weights: float64[n], of each row.
    """
    keys = as_set(units)
    run_rows = max(_RUN_ROWS, len(units) // _RUN_ROWS)
    run = np.arange(len(units)) // run_rows
    shape = (len(keys), int(run[-1]) + 1)
    runs = sparse.csr_array(sparse.coo_array((weights, (np.searchsorted(keys, units), run)), shape=shape))
    [sums] = draw_sums([runs], keys, draws, seed)
    upto = np.cumsum(sums, axis=1)
    half = upto[:, -1] / 2
    middle = (upto < half[:, None]).sum(axis=1)
    before = upto[np.arange(draws), middle] - sums[np.arange(draws), middle]
    found = np.empty(draws, np.int64)
    for one in as_set(middle):
        mine = np.flatnonzero(middle == one)
        rows = slice(int(one) * run_rows, (int(one) + 1) * run_rows)
        inside = np.cumsum(draw_times(units[rows], draws, seed)[:, mine] * weights[rows, None], axis=0)
        found[mine] = one * run_rows + (inside < (half - before)[mine]).sum(axis=0)
    return np.where(half > 0, found.clip(0, len(units) - 1), -1)
