"""Sums of what units add, over the draws of a bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from attribution.journeys.columns import FloatArray, IntArray
from attribution.trust.draws import draw_times

_UNITS_AT_A_TIME = 2048  # their draws stay in the cache

Progress = Callable[[str, int, int | None], None]


def draw_sums(
    sums: Sequence[sparse.csr_array], keys: IntArray, draws: int, seed: int, progress: Progress | None = None
) -> list[FloatArray]:
    """Return float64[R, G] for each matrix [U, G]: its units summed as often as each is drawn.

    Args:
        sums: what each unit adds to each figure.
        keys: int64[U], what decides how often a unit is drawn.
        draws: R, a multiple of 4.
        seed: another one gives other draws.
        progress: called with what is done, how much, and of how many.

    >>> ones = sparse.csr_array(np.ones((1000, 1)))
    >>> [drawn] = draw_sums([ones], np.arange(1000), 400, seed=0)
    >>> drawn.shape, bool(995 < drawn.mean() < 1005)
    ((400, 1), True)
    """
    found = [np.zeros((matrix.shape[1], draws)) for matrix in sums]
    if not sums:
        return []
    used = np.flatnonzero(sum(np.diff(matrix.indptr) for matrix in sums))  # the others add nothing
    rows = [matrix[used] for matrix in sums] if len(used) < len(keys) else sums
    for start in range(0, len(used), _UNITS_AT_A_TIME):
        stop = min(start + _UNITS_AT_A_TIME, len(used))
        times = draw_times(keys[used[start:stop]], draws, seed)
        for total, matrix in zip(found, rows, strict=True):
            total += matrix[start:stop].T @ times
        if progress is not None:
            progress("drawing people", stop, len(used))
    return [total.T for total in found]
