"""Intervals of figures: people are drawn again, with all their leads, deals and money; spend stands.

From the same parts as the figure itself, so that both are about the same records. Sums and ratios of sums are
drawn as such; see :mod:`attribution.trust.bootstrap` for who is drawn how often and why. Only the bounds of a
share that few have, or few lack, are not made of draws: :mod:`attribution.trust.shares` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import sparse

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray, sums_by
from attribution.metrics.kpi_shares import shares_of
from attribution.metrics.measures.parts import NOBODY, Parts
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints
from attribution.trust.bca import Spread, bca_bounds, check_level, spread
from attribution.trust.bootstrap import FEWEST_DRAWS
from attribution.trust.draws import draw_times
from attribution.trust.intervals import ENOUGH_CONVERSIONS, ENOUGH_UNITS
from attribution.trust.shares import near_edge, share_bounds, units_behind
from attribution.trust.sums import draw_sums

DRAWS: Final = 400
_LARGEST_SEED: Final = 2**63 - 1
_SUMS_AT_A_TIME: Final = 50_000  # whose draws are held at once: 160 MB of 400 draws
_RUN_ROWS: Final = 256


class Bounds(NamedTuple):
    """The interval of one figure; None where too few stand behind it.

    Attributes:
        low, high: in the units of the parts.
        conversions: how many records stand behind the figure.
        units: of how many accounts, or people, these are.
        edge: whether it is a share near 0 or 1, whose bounds are not made of draws.
    """

    low: float | None
    high: float | None
    conversions: int
    units: int
    edge: bool = False

    @property
    def too_few(self) -> bool:
        """Whether fewer conversions stand behind the figure than can be judged, or those of fewer units."""
        return self.conversions < ENOUGH_CONVERSIONS or self.units < ENOUGH_UNITS


class Figure(NamedTuple):
    """What a figure is made of: a sum, or one over another.

    Attributes:
        numerator, denominator: whose sums are meant.
        share: whether both count the same things, so that where the numerator's records are some of the
            denominator's, the figure is the share that they are of those.
    """

    numerator: Parts
    denominator: Parts | None
    share: bool = False

    @property
    def parts(self) -> tuple[Parts, ...]:
        """Both, or the one that there is."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)

    @property
    def counted(self) -> Parts:
        """Those whose records are the conversions behind the figure."""
        return self.parts[-1] if self.numerator.kind == NOBODY else self.numerator


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

    def of(
        self, numerator: Parts, denominator: Parts | None, groups: Sequence[int], *, share: bool = False
    ) -> dict[int, Bounds]:
        """Return the interval of each group's sum, or ratio of sums, in the units of the parts.

        Args:
            numerator, denominator: whose sums are meant; None: the numerator's sum is the figure.
            groups: those that are shown.
            share: as for :class:`Figure`.

        >>> won = Parts("deal", np.arange(40), np.zeros(40, int), np.full(40, 100_00))
        >>> found = Intervals(lambda kind, records: records, 0.9).of(won, None, [0])[0]
        >>> found.conversions, 2500_00 < found.low < 4000_00 < found.high < 6000_00
        (40, True)
        """
        return self.of_all({"": Figure(numerator, denominator, share)}, groups)[""]

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
        for name, asked in figures.items():
            top = place[id(asked.numerator)]
            below = None if asked.denominator is None else place[id(asked.denominator)]
            conversions = asked.counted.conversions()
            units = units_behind(own[place[id(asked.counted)]])
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
            edges: set[int] = set()
            if below is not None:
                if asked.share:
                    edges = self._mend_edges(asked, own[top], own[below], groups, low, high)
                low[point[below] == 0] = np.nan
            found[name] = {
                group: self._bounds(low[i], high[i], conversions.get(group, 0), int(units[i]), i in edges)
                for i, group in enumerate(groups)
            }
        return found

    def _mend_edges(
        self,
        asked: Figure,
        part: sparse.csc_array,
        whole: sparse.csc_array,
        groups: Sequence[int],
        low: FloatArray,
        high: FloatArray,
    ) -> set[int]:
        """Put in place the bounds of shares near 0 or 1, of which draws say too little; return where."""
        edges = np.flatnonzero(near_edge(part, whole))
        if not len(edges) or asked.denominator is None:
            return set()
        really, records = shares_of(asked.numerator, asked.denominator, np.array(groups, np.int64)[edges])
        edges = edges[really]
        low[edges], high[edges] = share_bounds(part[:, edges], whole[:, edges], records[really], self.level)
        return set(edges.tolist())

    def of_median(self, kind: str, record: Ints, value: Ints, weight: Ints) -> Bounds:
        """Return the interval of a weighted median.

        It is that of Hyndman and Fan's type 2, in every draw as in the figure itself: the mean of the two
        middle values where half of the weight lies on either side.

        Args:
            kind: of what the records are.
            record: int64[n]; one with several weights is one record, with their sum.
            value: int64[n], whose median is meant; the same for the same record.
            weight: int64[n], positive: how much of each counts.

        >>> judged = Intervals(lambda kind, records: records, 0.9)
        >>> even = np.full(40, 1_000_000)
        >>> found = judged.of_median("deal", np.arange(40), np.arange(40), even)
        >>> found.conversions, 10 <= found.low < 19.5 < found.high <= 30
        (40, True)
        """
        record, first, place = np.unique(record, return_index=True, return_inverse=True)
        order = np.argsort(value[first], kind="stable")
        values = value[first][order].astype(np.float64)
        weights = sums_by(place, weight.astype(np.float64), len(record))[order]
        units = self._units(kind, record[order])
        keys = as_set(units)
        if len(keys) < ENOUGH_UNITS:
            return Bounds(None, None, len(record), len(keys))
        lower, upper = _middles(units, weights, self._draws, self._seed)
        medians = np.where(lower >= 0, (values[lower] + values[upper]) / 2, np.nan)
        upto = np.cumsum(weights)
        at = [int(np.searchsorted(upto, upto[-1] / 2, side)) for side in ("left", "right")]
        # a median is not moved smoothly by any one unit: no acceleration
        per_unit = np.bincount(np.searchsorted(keys, units), weights, len(keys))
        even = Spread(np.zeros(1), np.array([per_unit.sum() ** 2 / (per_unit**2).sum()]))
        low, high = bca_bounds(values[at].mean(keepdims=True), medians[:, None], even, self.level)
        return self._bounds(low[0], high[0], len(record), len(keys))

    @staticmethod
    def _bounds(low: float, high: float, conversions: int, units: int, edge: bool = False) -> Bounds:
        found = Bounds(float(low), float(high), conversions, units, edge)
        known = np.isfinite(low) and np.isfinite(high)
        return found if known and not found.too_few else found._replace(low=None, high=None)

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
    return list({id(part): part for figure in figures for part in figure.parts}.values())


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


def _middles(units: Ints, weights: FloatArray, draws: int, seed: int) -> tuple[Ints, Ints]:
    """Return int64[R] twice: the rows where half of each draw's weight is reached, and where it is passed.

    -1 where nobody is drawn. Runs of rows are added up first, and only the runs in the middle of a draw are
    looked at row by row.

    Args:
        units: int64[n], whom each row belongs to.
        weights: float64[n], of each row; whole numbers, whose sums are exact.
    """
    keys = as_set(units)
    run_rows = max(_RUN_ROWS, len(units) // _RUN_ROWS)
    run = np.arange(len(units)) // run_rows
    shape = (len(keys), int(run[-1]) + 1)
    runs = sparse.csr_array(sparse.coo_array((weights, (np.searchsorted(keys, units), run)), shape=shape))
    [sums] = draw_sums([runs], keys, draws, seed)
    upto = np.cumsum(sums, axis=1)
    half = upto[:, -1] / 2
    some = half > 0
    runs_of = (upto < half[:, None]).sum(axis=1), (upto <= half[:, None]).sum(axis=1)
    found = np.full((2, draws), -1)
    for one in as_set(np.concatenate(runs_of)[np.tile(some, 2)]):
        mine = np.flatnonzero(some & ((runs_of[0] == one) | (runs_of[1] == one)))
        rows = slice(int(one) * run_rows, (int(one) + 1) * run_rows)
        left = (half - upto[:, one] + sums[:, one])[mine]
        inside = np.cumsum(draw_times(units[rows], draws, seed)[:, mine] * weights[rows, None], axis=0)
        for which, before in enumerate((inside < left, inside <= left)):
            here = runs_of[which][mine] == one
            found[which, mine[here]] = one * run_rows + before.sum(axis=0)[here]
    return found[0].clip(-1, len(units) - 1), found[1].clip(-1, len(units) - 1)
