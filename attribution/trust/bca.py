"""From the draws of a bootstrap to an interval: bias-corrected, accelerated, honest when there is little."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray, IntArray, sums_by

_LARGEST_BIAS = 3.0  # standard deviations; more cannot be told from a few hundred draws
_ROUNDING = 1e-12


def bca_interval(
    point: FloatArray, draws: FloatArray, influence: FloatArray, level: float = 0.9
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of the BCa interval of each figure.

    As Efron (Better Bootstrap Confidence Intervals, 1987) has it: percentiles of the draws, moved by how far
    their median lies off the point (bias) and by how the spread grows with the figure (acceleration, the
    skewness of the influence over 6). In the place of the normal quantiles stand Student's, at
    the units of :func:`spread` less one, as Hesterberg (What Teachers Should Know About the Bootstrap, 2015)
    has them for the mean: where one deal weighs as much as all others, the interval is that of few. Measured
    by `benchmarks/coverage.py` beside plain percentiles, BCa with normal quantiles and the log scale, this
    comes nearest to what it claims.

    Args:
        point: float64[G], the figures.
        draws: float64[R, G], the same figures in each draw; those that are not finite are set aside.
        influence: float64[U, G], by how much each unit moves the figure: for a sum what it adds; for a
            ratio of sums, (numerator - ratio x denominator) / all denominators.
        level: the share of intervals that are to hold the truth, between 0 and 1.

    Returns:
        Lower and upper bounds, float64[G]; equal where all draws are, NaN where none is finite.

    Raises:
        InputError: the level is not between 0 and 1, or the shapes do not fit.

    >>> draws = np.arange(1.0, 1000.0)[:, None]  # 999 draws, nothing skewed, and 10,000 units
    >>> even = np.tile([1.0, -1.0], 5000)[:, None]
    >>> [bound.round(1).tolist() for bound in bca_interval(np.array([500.0]), draws, even)]
    [[50.0], [950.0]]
    >>> won, leads = np.array([1.0, 0.0, 2.0]), np.array([4.0, 3.0, 5.0])  # a rate: 3 of 12
    >>> times = np.array([[1, 1, 1], [2, 0, 1], [0, 2, 1], [1, 0, 2], [0, 1, 2]])
    >>> influence = (won - 0.25 * leads) / leads.sum()
    >>> rates = times @ won / (times @ leads)
    >>> low, high = bca_interval(np.array([0.25]), rates[:, None], influence[:, None])
    """
    check_level(level)
    if draws.ndim != 2 or draws.shape[1] != len(point) or influence.shape[1:] != point.shape:
        raise InputError(
            f"figures of shape {point.shape}, draws of {draws.shape} and influences of {influence.shape} do "
            "not fit; expected [G], [R, G] and [U, G]"
        )
    column = np.tile(np.arange(len(point)), len(influence))
    return bca_bounds(point, draws, spread(influence.ravel(), column, len(point)), level)


class Spread(NamedTuple):
    """How the units of each figure weigh on it.

    Attributes:
        acceleration: float64[G], the skewness of the units' influence over 6.
        units: float64[G], how many equal units would weigh as these do (Kish, Survey Sampling, 1965).
    """

    acceleration: FloatArray
    units: FloatArray


def spread(influence: FloatArray, figure: IntArray, n_figures: int) -> Spread:
    """Return the spread of each figure from its units' influence, of which zeros may be left out.

    Args:
        influence: float64[E], by how much a unit moves a figure.
        figure: integers [E], which one.
        n_figures: G.

    >>> found = spread(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 0]), 1)
    >>> found.acceleration.round(5).tolist(), found.units.round(5).tolist()  # 36 / (6 x 14^1.5), 36 / 14
    ([0.11454], [2.57143])
    """
    size = np.abs(influence)
    top = np.zeros(n_figures)
    np.maximum.at(top, figure, size)
    # minor units to the third power leave the range in which sums are good
    scaled = influence / np.where(top > 0, top, 1)[figure]
    squares = sums_by(figure, scaled**2, n_figures)
    some = np.where(squares > 0, squares, 1)
    skewness = sums_by(figure, scaled**3, n_figures) / some**1.5
    return Spread(skewness / 6, sums_by(figure, np.abs(scaled), n_figures) ** 2 / some)


def bca_bounds(
    point: FloatArray, draws: FloatArray, spread: Spread, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of :func:`bca_interval`, the spread of the figures being known."""
    ordered = np.sort(draws, axis=0)  # NaN last
    finite = np.isfinite(ordered)
    ordered = np.where(finite, ordered, np.nan)
    n = finite.sum(axis=0)
    # what differs by rounding is equal: sums of the same figures in another order
    off = ordered - point
    slack = _ROUNDING * np.maximum(np.abs(ordered).max(axis=0, initial=0, where=finite), np.abs(point))
    below, above = (off < -slack).sum(axis=0), (off > slack).sum(axis=0)
    bias = ndtri((n + below - above) / (2 * np.maximum(n, 1))).clip(-_LARGEST_BIAS, _LARGEST_BIAS)
    reach = stdtrit(np.maximum(spread.units - 1, 1), (1 + level) / 2)
    bounds = []
    for sign in (-1.0, 1.0):
        step = bias + sign * reach
        room = 1 - spread.acceleration * step
        # beyond that pole the formula turns around; what it means there is the outermost draw
        moved = np.where(room > 0, bias + step / np.where(room > 0, room, 1), sign * np.inf)
        bounds.append(_quantile(ordered, n, ndtr(moved)))
    return bounds[0], bounds[1]


def check_level(level: float) -> None:
    """Raise InputError where a level is not between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(
            f"an interval of {level} cannot be made; allowed are shares between 0 and 1, such as 0.9 for 90 %"
        )


def _quantile(ordered: FloatArray, n: IntArray, level: FloatArray) -> FloatArray:
    """Return the quantile of each column at its own level, between the draws around (n + 1) x level."""
    if not len(ordered):
        return np.full(ordered.shape[1], np.nan)
    at = ((n + 1) * level - 1).clip(0, np.maximum(n - 1, 0))
    lower = at.astype(np.int64)
    column = np.arange(ordered.shape[1])
    a, b = ordered[lower, column], ordered[np.minimum(lower + 1, np.maximum(n - 1, 0)), column]
    return np.asarray(a + (b - a) * (at - lower))
