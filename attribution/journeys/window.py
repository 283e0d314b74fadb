"""Which touches count for a conversion: those of its person with `T - lookback <= at <= T`."""

from __future__ import annotations

import numpy as np

from attribution.journeys.columns import IntArray
from attribution.journeys.threads import both

_BLOCK = 1 << 15  # conversions worked on at a time


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
    start, stop = both(
        lambda: _first_not_below(at, since, low, high), lambda: _first_not_below(at, until + 1, low, high)
    )
    return start, np.maximum(start, stop)


def _first_not_below(at: IntArray, bound: IntArray, low: IntArray, high: IntArray) -> IntArray:
    """Bisect all ranges at once, as many steps as the longest needs; in blocks that stay in the cache."""
    found = low.copy()
    for block in (slice(i, i + _BLOCK) for i in range(0, len(low) if len(at) else 0, _BLOCK)):
        first, count, sought = found[block], high[block] - low[block], bound[block]
        while count.any():
            half = count >> 1
            below = (at.take(first + half, mode="clip") < sought) & (count > 0)
            first += np.where(below, half + 1, 0)
            count = np.where(below, count - half - 1, half)
    return found
