"""The interval of a share near 0 or 1, where draws of what was seen show nothing of what was not.

Of twelve deals won of twelve every draw is 100 %, and so would be an interval made of them. There Wilson's
interval (Probable Inference, 1927) says what is left open, at the number of independent records that the
clustered ones are worth: as many as there are over the design effect (Kish, Survey Sampling, 1965), less for
the few accounts that tell it (Korn and Graubard, Confidence Intervals for Proportions with Small Expected
Number of Positive Counts Estimated from Survey Data, 1998).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import ndtri, stdtrit

from attribution.journeys.columns import BoolArray, FloatArray
from attribution.trust.intervals import ENOUGH_UNITS

_PRIOR_UNITS: Final = 0.25  # with 0.5, `benchmarks/kpi_coverage.py` has 97 % where 90 % was said


def near_edge(part: sparse.csc_array, whole: sparse.csc_array) -> BoolArray:
    """Tell which shares are near 0 or 1: fewer than ENOUGH_UNITS units have, or lack, anything of the whole.

    Args:
        part: [U, G], what each unit has of each share's numerator.
        whole: [U, G], and of its denominator.

    >>> won = sparse.csc_array(np.r_[np.ones(90), np.zeros(10)][:, None])
    >>> near_edge(won, sparse.csc_array(np.ones((100, 1)))).tolist()
    [False]
    >>> near_edge(won[:99], sparse.csc_array(np.ones((99, 1)))).tolist()
    [True]
    """
    return _scarcer(part, whole) < ENOUGH_UNITS


def share_bounds(
    part: sparse.csc_array, whole: sparse.csc_array, records: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of shares from Wilson's interval, for records that come in clusters.

    The design effect is that of the linearised ratio. Of few units on one side it is hardly known, of none
    not at all. So a quarter of a unit is added to those that tell it, as of one kind throughout: thirty
    accounts that won all of their 12 deals count as 30 and not as 360.

    Args:
        part, whole: [U, G] as for :func:`near_edge`, 0 <= part <= whole.
        records: float64[G], how many the whole is made of.
        level: the share of intervals that are to hold the truth.

    Returns:
        float64[G] twice, within 0 and 1; NaN where fewer than two units have anything of the whole.

    >>> alone, twelve = sparse.csc_array(np.ones((12, 1))), np.array([12.0])
    >>> [bound.round(4).tolist() for bound in share_bounds(alone, alone, twelve, 0.9)]
    [[0.816], [1.0]]
    >>> [bound.round(4).tolist() for bound in share_bounds(12 * alone, 12 * alone, 12 * twelve, 0.9)]
    [[0.7903], [1.0]]
    """
    total = whole.sum(axis=0)
    units = units_behind(whole)
    enough = (total > 0) & (units > 1)
    n, units = np.where(enough, records, 2.0), np.where(enough, units, 2)
    share = np.where(enough, part.sum(axis=0) / np.where(total > 0, total, 1), 0.0).clip(0, 1)
    off = sparse.csc_array(part - whole * share)
    squares = np.where(enough, whole.power(2).sum(axis=0), 1.0)
    variance = off.power(2).sum(axis=0) / np.where(enough, total, 1) ** 2 * units / (units - 1)
    simple = share * (1 - share) / n
    alike = np.maximum(n * squares / np.where(enough, total, 1) ** 2, 1)  # if each unit were of one kind
    effect = np.where(simple > 0, variance / np.where(simple > 0, simple, 1), alike).clip(1, alike)
    told = _scarcer(part, whole)
    effect = (told * effect + _PRIOR_UNITS * alike) / (told + _PRIOR_UNITS)
    upper = (1 + level) / 2
    n = n / effect * (stdtrit(np.maximum(n - 1, 1), upper) / stdtrit(units - 1, upper)) ** 2
    reach = ndtri(upper)
    middle, spread = (
        share + reach**2 / (2 * n),
        reach * np.sqrt(share * (1 - share) / n + (reach / n / 2) ** 2),
    )
    low, high = ((middle + sign * spread) / (1 + reach**2 / n) for sign in (-1, 1))
    low, high = np.where(share > 0, low, 0.0), np.where(share < 1, high, 1.0)  # exactly, whatever is rounded
    return np.where(enough, low, np.nan), np.where(enough, high, np.nan)


def _scarcer(part: sparse.csc_array, whole: sparse.csc_array) -> npt.NDArray[np.int64]:
    """Return int64[G]: how many units have something of the part or of the rest, whichever are fewer."""
    return np.minimum(units_behind(part), units_behind(sparse.csc_array(whole - part)))


def units_behind(sums: sparse.csc_array) -> npt.NDArray[np.int64]:
    """Return int64[G]: how many units add anything to each sum.

    >>> units_behind(sparse.csc_array(np.array([[2.0, 0.0], [1.0, 3.0]]))).tolist()
    [2, 1]
    """
    entries = sparse.coo_array(sums)
    return np.bincount(entries.col[entries.data != 0], minlength=sums.shape[1]).astype(np.int64)
