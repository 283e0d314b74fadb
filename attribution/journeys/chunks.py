"""Long loops of numpy: in chunks whose temporaries stay in the cache, and in two threads beside each other.

Memory that a process touches for the first time costs more than most arithmetic on it, so a chain of array
operations over millions of touches runs through chunk by chunk, and only its result is as long as the input.
Numpy lets go of the interpreter in long loops.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from attribution.journeys.columns import IntArray

Number = TypeVar("Number", bound=np.generic)

_CHUNK = 1 << 18
_ALONE = 1 << 16  # so many rows are not worth a thread
_THREADS = 2


def chunk_starts(offsets: IntArray) -> list[int]:
    """Return the journeys at which chunks for long loops begin, and the number of journeys.

    Chunks are about equal, and as many as both threads can share.

    >>> chunk_starts(np.array([0, 100_000, 200_000, 300_000, 400_000]))
    [0, 2, 4]
    """
    total, n_journeys = int(offsets[-1]), len(offsets) - 1
    cuts = np.searchsorted(offsets, _cuts(total)[1:-1])
    return sorted({0, *cuts.tolist(), n_journeys})


def _cuts(n: int) -> IntArray:
    """Return where n rows are cut into chunks, 0 and n included."""
    parts = 1 if n <= _ALONE else min(-(-n // (_THREADS * _CHUNK)) * _THREADS, n)
    return np.arange(parts + 1) * n // parts


def over_chunks(offsets: IntArray, work: Callable[[int, int], None]) -> None:
    """Call `work(start, stop)` for all chunks of journeys, in threads where there are many.

    What it writes must be its own journeys' alone. The first exception of a call is raised.

    >>> doubled = np.zeros(900_000)
    >>> def double(start, stop):
    ...     doubled[offsets[start] : offsets[stop]] = 2
    >>> offsets = np.array([0, 100_000, 200_000, 900_000])
    >>> over_chunks(offsets, double)
    >>> int(doubled.sum())
    1800000
    """
    _each(list(pairwise(chunk_starts(offsets))), work)


def over_rows(n: int, work: Callable[[int, int], None]) -> None:
    """Call `work(start, stop)` for all blocks of n rows, in threads where there are many.

    >>> over_rows(50_000, print)
    0 50000
    """
    if n:
        _each(list(pairwise(_cuts(n).tolist())), work)


def gathered(column: npt.NDArray[Number], rows: IntArray) -> npt.NDArray[Number]:
    """Return `column[rows]`.

    >>> gathered(np.array([1.5, 2.5]), np.array([1, 1, 0])).tolist()
    [2.5, 2.5, 1.5]
    """
    found = np.empty(len(rows), column.dtype)

    def take(start: int, stop: int) -> None:
        column.take(rows[start:stop], out=found[start:stop], mode="clip")

    over_rows(len(rows), take)
    return found


def _each(chunks: list[tuple[int, int]], work: Callable[[int, int], None]) -> None:
    if len(chunks) <= 1:
        for chunk in chunks:
            work(*chunk)
        return
    with ThreadPoolExecutor(_THREADS) as threads:
        for _ in threads.map(lambda chunk: work(*chunk), chunks):
            pass
