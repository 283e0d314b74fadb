"""From the draws of a bootstrap to an interval: bias-corrected, accelerated, honest when there is little."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from attribution.errors import InputError
from attribution.journeys.columns import FloatArray, IntArray

_LONGEST_BIAS = 3.0  # standard deviations; more cannot be told from a few hundred draws
_ROUNDING = 1e-12


def bca_interval(
    point: FloatArray, draws: FloatArray, influence: FloatArray, level: float = 0.9
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of the BCa interval of each figure.

    As Efron (Better Bootstrap Confidence Intervals, 1987) has it: percentiles of the draws, moved by how far
    their median lies off the point (bias) and by how the spread grows with the figure (acceleration, the
    skewness of the influence over 6). In the place of the normal quantiles stand Student's, at
    :func:`effective_units` less one, as Hesterberg (What Teachers Should Know About the Bootstrap, 2015) has
    them for the mean: where one deal weighs as much as all others, the interval is that of few. Measured by
    `benchmarks/coverage.py` beside plain percentiles, BCa with normal quantiles and the log scale, this comes
    nearest to what it claims.

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
    scaled = _scaled(influence)
    squares = (scaled**2).sum(axis=0)
    return bca_bounds(
        point, draws, _skewness(squares, (scaled**3).sum(axis=0)) / 6,
        _effective(np.abs(scaled).sum(axis=0), squares), level,
    )  # fmt: skip


def bca_bounds(
    point: FloatArray, draws: FloatArray, acceleration: FloatArray, units: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of :func:`bca_interval` from acceleration and effective units, float64[G] each."""
    ordered = np.sort(draws, axis=0)  # NaN last
    finite = np.isfinite(ordered)
    ordered = np.where(finite, ordered, np.nan)
    n = finite.sum(axis=0)
    # what differs by rounding is equal: sums of the same figures in another order
    off = ordered - point
    slack = _ROUNDING * np.maximum(np.abs(ordered).max(axis=0, initial=0, where=finite), np.abs(point))
    below, above = (off < -slack).sum(axis=0), (off > slack).sum(axis=0)
    bias = ndtri((n + below - above) / (2 * np.maximum(n, 1))).clip(-_LONGEST_BIAS, _LONGEST_BIAS)
    reach = stdtrit(np.maximum(units - 1, 1), (1 + level) / 2)
    bounds = []
    for sign in (-1.0, 1.0):
        step = bias + sign * reach
        room = 1 - acceleration * step
        # beyond that pole the formula turns around; what it means there is the outermost draw
        moved = np.where(room > 0, bias + step / np.where(room > 0, room, 1), sign * np.inf)
        bounds.append(_quantile(ordered, n, ndtr(moved)))
    return bounds[0], bounds[1]


def acceleration(influence: FloatArray) -> FloatArray:
    """Return the acceleration of each figure: the skewness of its units' influence, over 6.

    >>> acceleration(np.array([[1.0], [2.0], [3.0]])).round(5).tolist()  # 36 / (6 x 14^1.5)
    [0.11454]
    """
    scaled = _scaled(influence)
    return _skewness((scaled**2).sum(axis=0), (scaled**3).sum(axis=0)) / 6


def effective_units(influence: FloatArray) -> FloatArray:
    """Return how many equal units would weigh as these do (Kish, Survey Sampling, 1965); 0 where none does.

    >>> effective_units(np.array([[1.0, 100.0], [1.0, 1.0], [0.0, 1.0]])).round(2).tolist()
    [2.0, 1.04]
    """
    scaled = _scaled(influence)
    return _effective(np.abs(scaled).sum(axis=0), (scaled**2).sum(axis=0))


def check_level(level: float) -> None:
    """Raise InputError where a level is not between 0 and 1."""
    if not 0 < level < 1:
        raise InputError(f"level={level} cannot be used; allowed are shares between 0 and 1, such as 0.9")


def _scaled(influence: FloatArray) -> FloatArray:
    # minor units to the third power leave the range in which sums are good
    top = np.abs(influence).max(axis=0, initial=0)
    return influence / np.where(top > 0, top, 1)


def _skewness(squares: FloatArray, cubes: FloatArray) -> FloatArray:
    return np.asarray(cubes / np.where(squares > 0, squares, 1) ** 1.5)


def _effective(sums: FloatArray, squares: FloatArray) -> FloatArray:
    return np.asarray(sums**2 / np.where(squares > 0, squares, 1))


def _quantile(ordered: FloatArray, n: IntArray, level: FloatArray) -> FloatArray:
    """Return the quantile of each column at its own level, between the draws around (n + 1) x level."""
    if not len(ordered):
        return np.full(ordered.shape[1], np.nan)
    at = ((n + 1) * level - 1).clip(0, np.maximum(n - 1, 0))
    lower = at.astype(np.int64)
    column = np.arange(ordered.shape[1])
    a, b = ordered[lower, column], ordered[np.minimum(lower + 1, np.maximum(n - 1, 0)), column]
    return np.asarray(a + (b - a) * (at - lower))
