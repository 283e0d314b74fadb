"""Which touches count for a conversion: those of its person with `T - lookback <= at <= T`."""

from __future__ import annotations

import numpy as np

from attribution.journeys.columns import IntArray


def touches_between(
    person_offsets: IntArray, at: IntArray, person: IntArray, since: IntArray, until: IntArray
) -> tuple[IntArray, IntArray]:
    """Return per conversion the range `start, stop` of its person's touches in the window, ends included.

    Args:
        person_offsets: int64[P+1]; the touches of person p are `person_offsets[p]:person_offsets[p + 1]`.
        at: int64[N], ascending within each person.
        person: int64[J], -1 for a conversion whose person is not known: its range is empty.
        since, until: int64[J], the first and the last microsecond that count.

    >>> start, stop = touches_between(
    ...     np.array([0, 3]), np.array([10, 20, 30]), np.array([0, -1]), np.array([20, 0]), np.array([30, 99])
    ... )
    >>> start.tolist(), stop.tolist()
    ([1, 0], [3, 0])
    """
    known = np.maximum(person, 0)
    low = np.where(person < 0, 0, person_offsets[known])
    high = np.where(person < 0, 0, person_offsets[np.minimum(known + 1, len(person_offsets) - 1)])
    start = _first_not_below(at, since, low, high)
    stop = _first_not_below(at, until + 1, low, high)
    return start, np.maximum(start, stop)


def _first_not_below(at: IntArray, bound: IntArray, low: IntArray, high: IntArray) -> IntArray:
    """Bisect all ranges at once: as many steps as the longest range needs."""
    low, high = low.copy(), high.copy()
    while (active := low < high).any():
        middle = (low + high) // 2
        below = np.zeros(len(low), np.bool_)
        below[active] = at[middle[active]] < bound[active]
        low = np.where(active & below, middle + 1, low)
        high = np.where(active & ~below, middle, high)
    return low
