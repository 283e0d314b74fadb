"""Counting: how often which window of consecutive touches follows which, packed into integers.

With K names and B = K + 1, a window of k touches is the number whose digits in base B are their codes plus
one; 0 stands before the start. The last k + 1 touches at a place are then a step from one state to the next,
and a step whose leading digit is 0 is a start. A path shorter than k is one state, the whole path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from attribution.errors import ModelError
from attribution.journeys.chunks import chunk_starts
from attribution.journeys.columns import FloatArray, IntArray, Journeys, sums_by

_BINS = 1 << 19  # so many possible steps are counted in an array, more by sorting


@dataclass(frozen=True)
class Windows:
    """Counts of steps and ends; additive over parts of a corpus.

    Attributes:
        order: k, touches in a state.
        base: B.
        step, times: int64[E] packed steps (ascending) and float64[E] how often each was taken.
        end: int64[F] packed states (ascending) in which journeys ended, with `converted`, `null` and `value`
            float64[F]: conversions, journeys without one, and the value of the conversions.
    """

    order: int
    base: int
    step: IntArray
    times: FloatArray
    end: IntArray
    converted: FloatArray
    null: FloatArray
    value: FloatArray


def require_room(order: int, n_names: int, what: str) -> None:
    """Refuse windows that 63 bits cannot number.

    Raises:
        ModelError: too many names for this order.
    """
    if (n_names + 1) ** (order + 1) >= 2**62:
        raise ModelError(
            f"{what}: order {order} over {n_names:,} names has more windows than can be numbered; "
            "choose a lower order or a coarser dimension"
        )


def count(journeys: Journeys, codes: IntArray, n_names: int, order: int) -> Windows:
    """Count the steps and ends of journeys with touches.

    Args:
        journeys: converted or not.
        codes: int64[N], the name of each touch, 0 to n_names - 1.
        n_names: K.
        order: k >= 1.

    >>> path = Journeys.from_paths([[(0, "Email"), (1, "Direct")]])
    >>> counted = count(path, path.channel.astype(np.int64), 2, 1)
    >>> counted.step.tolist(), counted.end.tolist()  # start > 1 is 01, 1 > 2 is 12, in base 3
    ([1, 5], [2])
    """
    base = n_names + 1
    steps = base ** (order + 1)
    dense = steps <= _BINS
    total = np.zeros(steps if dense else 0, np.int64)
    found: list[IntArray] = []
    ends = np.empty(len(journeys.nonempty), np.int64)
    for rows, places, packed, last in _chunks(journeys, codes, base, order):
        taken = packed[places]
        if dense:
            total += np.bincount(taken, minlength=steps)
        else:
            found.append(taken)
        ends[rows] = last
    if dense:
        step = np.flatnonzero(total)
        times = total[step].astype(np.float64)
    else:
        step, counted = np.unique(np.concatenate([*found, np.empty(0, np.int64)]), return_counts=True)
        times = counted.astype(np.float64)
    some = journeys.nonempty
    end, which = np.unique(ends, return_inverse=True) if steps // base > _BINS else _by_bins(ends)
    return Windows(order, base, step, times, end, *_ends(which, len(end), journeys, some, None))


def count_draws(
    journeys: Journeys, codes: IntArray, n_names: int, order: int, draws: IntArray
) -> list[Windows]:
    """Count once for each draw of a bootstrap.

    Args:
        draws: int64[R, J], how often each journey counts.
    """
    base = n_names + 1
    owner, packed_all, ends = [], [], np.empty(len(journeys.nonempty), np.int64)
    for rows, places, packed, last in _chunks(journeys, codes, base, order):
        journey = np.repeat(journeys.nonempty[rows], journeys.lengths[journeys.nonempty[rows]])
        owner.append(journey[places])
        packed_all.append(packed[places])
        ends[rows] = last
    some = journeys.nonempty
    nothing = np.empty(0, np.int64)
    step, column = np.unique(np.concatenate([*packed_all, nothing]), return_inverse=True)
    row = np.concatenate([*owner, nothing])
    shape = (journeys.n_journeys, len(step))
    design = csr_array((np.ones(len(row)), (row, column)), shape=shape)  # adds up what occurs twice
    times = (design.T @ draws.T.astype(np.float64)).T
    end, which = np.unique(ends, return_inverse=True)
    return [
        Windows(order, base, step, taken, end, *_ends(which, len(end), journeys, some, drawn))
        for taken, drawn in zip(times, draws, strict=True)
    ]


def _by_bins(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Do what `np.unique(codes, return_inverse=True)` does, without sorting."""
    present = np.bincount(codes) > 0 if codes.size else np.zeros(0, np.bool_)
    return np.flatnonzero(present), (np.cumsum(present) - 1)[codes]


def _ends(
    which: IntArray, size: int, journeys: Journeys, some: IntArray, drawn: IntArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    converted = journeys.converted[some].astype(np.float64)
    times = np.ones(len(some)) if drawn is None else drawn[some].astype(np.float64)
    value = journeys.value[some] * converted
    return (
        sums_by(which, converted * times, size),
        sums_by(which, (1 - converted) * times, size),
        sums_by(which, value * times, size),
    )


class _Chunk(NamedTuple):
    rows: slice  # of the nonempty journeys
    places: IntArray | slice  # of the chunk's touches, where a step ends
    packed: IntArray
    last: IntArray  # the last state of each journey


def _chunks(journeys: Journeys, codes: IntArray, base: int, order: int) -> Iterator[_Chunk]:
    starts, lengths = journeys.first, journeys.lengths[journeys.nonempty]
    offsets = np.append(starts, journeys.n_touches)  # empty journeys take no room between
    state = base**order
    for start, stop in pairwise(chunk_starts(offsets)):
        first, end = int(offsets[start]), int(offsets[stop])
        names = codes[first:end] + 1
        long = lengths[start:stop]
        at = offsets[start:stop] - first
        packed = _pack(names, at, base, order)
        places = _places(at, long, order, end - first)
        yield _Chunk(slice(start, stop), places, packed, packed[at + long - 1] % state)


def _pack(names: IntArray, at: IntArray, base: int, order: int) -> IntArray:
    """Return at every touch the last `order + 1` touches of its journey as one number."""
    packed = names.copy()
    earlier = names
    power = 1
    for _ in range(order):
        power *= base
        shifted = np.empty_like(names)
        shifted[0] = 0
        shifted[1:] = earlier[:-1]
        shifted[at] = 0  # before the first touch there is nothing
        packed += shifted * power
        earlier = shifted
    return packed


def _places(at: IntArray, long: IntArray, order: int, size: int) -> IntArray | slice:
    """Return where a step ends: at touch k - 1 and later; at the last touch of a shorter path."""
    if order == 1:
        return slice(None)
    mask = np.ones(size, np.bool_)
    for early in range(order - 1):
        mask[at[long > early] + early] = False
    mask[(at + long - 1)[long < order]] = True
    return np.flatnonzero(mask)
