"""Which touches count for a conversion: those of its person with `T - lookback <= at <= T`."""

from __future__ import annotations

import numpy as np

from attribution.journeys.chunks import over_rows
from attribution.journeys.columns import IntArray

_BLOCK = 1 << 16  # conversions worked on at a time: what is looked up for one bound is there for the other


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
    start, stop = np.empty((2, len(person)), np.int64)

    def find(first: int, last: int) -> None:
        for block in (slice(i, min(i + _BLOCK, last)) for i in range(first, last, _BLOCK)):
            whose = person[block]
            known = np.maximum(whose, 0)
            low = person_offsets.take(known)
            count = person_offsets.take(known + 1, mode="clip") - low
            count[whose < 0] = 0
            start[block] = _first_not_below(at, since[block], low, count)
            stop[block] = np.maximum(_first_not_below(at, until[block] + 1, low, count), start[block])

    over_rows(len(person), find)
    return start, stop


def _first_not_below(at: IntArray, bound: IntArray, low: IntArray, count: IntArray) -> IntArray:
    """Bisect all ranges at once, as many steps as the longest needs: in powers of two, the largest first."""
    passed = np.zeros(len(low), np.int64)  # so many are known to be below
    for power in range(int(count.max(initial=0)).bit_length() - 1, -1, -1):
        further = passed + (1 << power)
        below = at.take(low + (further - 1), mode="clip") < bound
        below &= further <= count
        passed += below.astype(np.int64) << power
    return passed + low
