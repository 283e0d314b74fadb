"""How far the figures of a model can be trusted: people are drawn again, with all their journeys.

Each unit (the person of a journey's first touch, unless the caller says otherwise) is in each draw a
Poisson(1) number of times, which no other unit changes: the draws are those of a world in which as many come
*on average*, so that intervals hold the chance of how many deals there were, also where people who never
converted are not in the data (drawing a fixed number of converted people leaves that out, and covers too
little). The numbers come from a hash of seed, draw
and unit: order, blocks and other units change nothing, and all models see the same draws.
(Hanley and MacGibbon, Creating non-parametric bootstrap samples using Poisson frequencies, 2006;
Chamandy et al., Estimating uncertainty for massive data streams, 2012.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray, IntArray, Journeys, sums_by
from attribution.models.base import AttributionModel
from attribution.trust.bca import bca_bounds, check_level, spread
from attribution.trust.draws import draw_times
from attribution.trust.intervals import ENOUGH_CONVERSIONS, ENOUGH_UNITS, LARGEST_RANKED, Intervals
from attribution.trust.ranks import ahead_of_next, rank_agreement, rank_bounds
from attribution.trust.sums import draw_sums

FEWEST_DRAWS = 100

Progress = Callable[[str, int, int | None], None]

_BLOCK_BYTES = 1 << 26  # draws of all journeys that are held for the models that learn
_DIGITS = 1e9  # what differs less than this part of the largest figure is a tie
_UNKNOWN_UNITS = -(1 << 62)  # units that no touch names are numbered from here


class _Cells(NamedTuple):
    """The converted journeys, and their pairs of journey and group."""

    journeys: Journeys
    of_touch: IntArray  # int64[N'], -1 where a touch has no group
    journey: IntArray
    group: IntArray
    unit: IntArray  # index into the units
    value: FloatArray
    n_groups: int


def bootstrap(
    models: Sequence[AttributionModel],
    journeys: Journeys,
    *,
    group: npt.NDArray[np.integer] | None = None,
    n_groups: int | None = None,
    unit: IntArray | None = None,
    value: IntArray | None = None,
    level: float = 0.9,
    draws: int = 400,
    seed: int = 0,
    refit: bool = True,
    progress: Progress | None = None,
) -> dict[str, Intervals]:
    """Return for each model, by its label, what it credits to each group, with intervals.

    A model that learns is fitted on these journeys, and again on every draw; the models given stay as they
    are. Journeys that did not convert matter to such models only.

    Args:
        models: of different labels.
        journeys: all of them, converted or not.
        group: integers [N], the group of each touch, -1 for none; default the channel.
        n_groups: how many groups there are; default the number of channels.
        unit: int64[J], who is drawn; equal numbers are drawn together, and the number decides how often.
            By default the person of the first touch, and each journey without touches by itself.
        value: int64[J], what is credited; by default the journeys' own value, which models learn from.
        level: the share of intervals that are to hold the truth.
        draws: how many.
        seed: another one gives other draws.
        refit: whether models that learn do so again; if not, the fit that they have is taken as given.
        progress: called with what is done, how much, and of how many.

    Raises:
        InputError: level, draws, seed, groups or units cannot be used.
        NotFittedError: `refit` is false, and a model that learns has no fit.

    >>> from attribution.models.rules import Linear
    >>> paths = [[(0, "Email"), (1, "Direct")]] * 30 + [[(0, "Email")]] * 10
    >>> found = bootstrap([Linear()], Journeys.from_paths(paths))["linear"]
    >>> found.credited.tolist(), found.conversions.tolist(), found.too_few.tolist()
    ([2500.0, 1500.0], [40, 30], [False, False])
    >>> bool(found.low[0] < 2500 < found.high[0]), found.rank_best.tolist(), found.rank_worst.tolist()
    (True, [1, 2], [1, 2])
    """
    if group is None:
        group, n_groups = journeys.channel, len(journeys.channels)
    unit = _units(journeys) if unit is None else np.asarray(unit, np.int64)
    n_groups = int(group.max(initial=-1)) + 1 if n_groups is None else n_groups
    _refuse_bad(models, journeys, group, n_groups, unit, level, draws, seed)
    keys, unit = np.unique(unit, return_inverse=True)
    credited = journeys if value is None else replace(journeys, value=value)
    cells = _cells(credited, np.asarray(group, np.int64), n_groups, unit)
    learning = [refit and model.needs_fit for model in models]
    fitted = [
        replace(model).fit(journeys) if learns else model
        for model, learns in zip(models, learning, strict=True)
    ]
    per_cell = [_share_of_cells(model, cells) for model in fitted]
    sums = [_sums(cells, shares, len(keys)) for shares in per_cell]
    fixed = [i for i, learns in enumerate(learning) if not learns]
    samples = dict(zip(fixed, draw_sums([sums[i] for i in fixed], keys, draws, seed, progress), strict=True))
    for i, learns in enumerate(learning):
        if learns:
            samples[i] = _draw_fits(models[i], journeys, cells, keys, unit, draws, seed, progress)
    total = float(credited.value[credited.converted].sum(dtype=np.float64))
    return {
        model.label: _judged(sums[i], samples[i], _conversions(cells, per_cell[i]), total, level)
        for i, model in enumerate(models)
    }


def _units(journeys: Journeys) -> IntArray:
    """Return the person of each journey's first touch; the untouched are numbered by what they are."""
    unit = np.zeros(journeys.n_journeys, np.int64)
    unit[journeys.nonempty] = journeys.person[journeys.first]
    empty = np.flatnonzero(journeys.lengths == 0)
    order = np.lexsort((journeys.converted[empty], journeys.value[empty], journeys.converted_at[empty]))
    unit[empty[order]] = _UNKNOWN_UNITS + np.arange(len(empty))
    return unit


def _refuse_bad(
    models: Sequence[AttributionModel],
    journeys: Journeys,
    group: npt.NDArray[np.integer],
    n_groups: int,
    unit: IntArray,
    level: float,
    draws: int,
    seed: int,
) -> None:
    check_level(level)
    if draws < FEWEST_DRAWS:
        raise InputError(f"draws={draws} are too few for an interval; allowed are {FEWEST_DRAWS} and more")
    if seed < 0:
        raise InputError(f"seed={seed} cannot be used; allowed are whole numbers from 0")
    labels = [model.label for model in models]
    if len(set(labels)) < len(labels):
        raise InputError(f"models {', '.join(labels)} are not all different; name each once")
    for name, column, size in (("group", group, journeys.n_touches), ("unit", unit, journeys.n_journeys)):
        if column.shape != (size,):
            raise InputError(f"{name} has shape {column.shape}, expected ({size},)")
    if group.size and not (group.min() >= -1 and group.max() < n_groups):
        raise InputError(f"a group lies outside -1 to {n_groups - 1}; n_groups={n_groups} must hold them all")


def _cells(journeys: Journeys, group: IntArray, n_groups: int, unit: IntArray) -> _Cells:
    credited = journeys.converted & (journeys.lengths > 0)
    if not credited.all():
        group = group[np.repeat(credited, journeys.lengths)]
        unit = unit[credited]
        journeys = journeys.take(credited)
    key = journeys.journey_of_touch * (n_groups + 1) + group + 1
    cells, of_touch = np.unique(key, return_inverse=True)
    journey, group = cells // (n_groups + 1), cells % (n_groups + 1) - 1
    kept = group >= 0  # touches of no group are credited too, and counted nowhere
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    journey, group = journey[kept], group[kept]
    value = journeys.value[journey].astype(np.float64)
    return _Cells(journeys, place[of_touch], journey, group, unit[journey], value, n_groups)


def _share_of_cells(model: AttributionModel, cells: _Cells) -> FloatArray:
    shares = model.shares(cells.journeys)
    inside = cells.of_touch >= 0
    place = cells.of_touch
    if not inside.all():
        place, shares = place[inside], shares[inside]
    # without touches bincount counts, and would return integers
    return np.bincount(place, shares, len(cells.group)).astype(np.float64)


def _conversions(cells: _Cells, shares: FloatArray) -> IntArray:
    return np.bincount(cells.group[shares > 0], minlength=cells.n_groups)


def _sums(cells: _Cells, shares: FloatArray, n_units: int) -> sparse.csr_array:
    """Return [U, G]: what each unit's journeys add to each group, their shares held fixed."""
    some = shares > 0
    entries = (shares[some] * cells.value[some], (cells.unit[some], cells.group[some]))
    return sparse.csr_array(sparse.coo_array(entries, shape=(n_units, cells.n_groups)))


def _draw_fits(
    model: AttributionModel,
    journeys: Journeys,
    cells: _Cells,
    keys: IntArray,
    unit: IntArray,
    draws: int,
    seed: int,
    progress: Progress | None,
) -> FloatArray:
    """Return [R, G]: the model fitted on each draw, crediting the draw's conversions."""
    found = np.zeros((draws, cells.n_groups))
    at_once = max(_BLOCK_BYTES // (8 * max(journeys.n_journeys, 1)) // 4, 1) * 4
    for start in range(0, draws, at_once):
        times = draw_times(keys, min(at_once, draws - start), seed, start=start).T
        # a draw without a conversion credits nothing, and may be nothing that a model can learn from
        some = np.flatnonzero((times[:, cells.unit] > 0).any(axis=1))
        refits = model.refits(journeys, times[some].astype(np.int64)[:, unit])
        for i, fitted in zip(some.tolist(), refits, strict=True):
            credit = _share_of_cells(fitted, cells) * cells.value * times[i, cells.unit]
            found[start + i] = np.bincount(cells.group, credit, cells.n_groups)
            if progress is not None:
                progress(f"fitting {model.name}", start + i + 1, draws)
    return found


def _judged(
    sums: sparse.csr_array, samples: FloatArray, conversions: IntArray, total: float, level: float
) -> Intervals:
    columns = sums.indices.astype(np.int64)
    units = np.bincount(columns, minlength=sums.shape[1])
    credited = sums_by(columns, sums.data, sums.shape[1])
    # for a model that learns, the influence through what it learns is left out here: it is in the draws
    low, high = bca_bounds(credited, samples, spread(sums.data, columns, sums.shape[1]), level)
    # figures that differ by rounding only are tied
    top = max(float(np.abs(samples).max(initial=0)), float(np.abs(credited).max(initial=0))) or 1.0
    point, drawn = (np.rint(figures / top * _DIGITS) for figures in (credited, samples))
    ranks = rank_bounds(drawn[:, conversions > 0], level)  # what gets no credit has no place
    rank_best, rank_worst = (np.zeros(len(point), np.int64) for _ in range(2))
    rank_best[conversions > 0], rank_worst[conversions > 0] = ranks
    ranked = (conversions > 0) & (pd.Series(-point).rank(method="first").to_numpy() <= LARGEST_RANKED)
    return Intervals(
        credited=credited, low=low, high=high, conversions=conversions, units=units, rank_best=rank_best,
        rank_worst=rank_worst, ahead_of_next=ahead_of_next(point, drawn),
        too_few=(conversions < ENOUGH_CONVERSIONS) | (units < ENOUGH_UNITS),
        rank_agreement=rank_agreement(point, drawn, ranked),
        samples=samples, total=total, level=level,
    )  # fmt: skip
