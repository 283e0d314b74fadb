"""Shares become whole minor units: integer largest remainder, so a deal's credits always add up to the deal.

Per journey: every share times the total is rounded to 1e-6 of a minor unit (half to even, of the exact
product), each touch gets the floor of that, and the units left go one each to the largest remainders, ties
to the earlier touch. The rounding makes shares tie that are equal but for the last bit of a float.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise

import numpy as np

from attribution.errors import LedgerError
from attribution.journeys.columns import FloatArray, IntArray

MILLION = 1_000_000
LARGEST_TOTAL = 2**62

_TOLERANCE = 1e-9  # how far the shares of a journey may be from 1 together
_EXACT_IN_FLOAT = 2**32  # below it a total times a million is a float without rounding
_CHUNK = 1 << 17  # touches worked on at a time: all temporaries together stay in the cache
_FEW = 4  # so many chunks are not worth a thread
_SPLIT = float(2**27 + 1)  # Veltkamp's constant: cuts a float into two halves of 26 bits


def allocate(shares: FloatArray, offsets: IntArray, totals: IntArray) -> IntArray:
    """Return int64[N]: the whole units of each touch, summing exactly to the total of every journey.

    A negative total mirrors the positive one. A journey without touches gives nothing to anybody.

    Args:
        shares: float64[N], finite, >= 0 and summing to 1 (within 1e-9) in every journey with touches.
        offsets: int64[J+1]; the touches of journey j are `offsets[j]:offsets[j + 1]`.
        totals: int64[J] in minor units (or any other unit that must not be lost), at most 2**62 either way.

    Raises:
        LedgerError: shares, offsets or totals are not that; nothing is allocated then.

    >>> allocate(np.full(3, 1 / 3), np.array([0, 3]), np.array([100_000])).tolist()
    [33334, 33333, 33333]
    >>> allocate(np.array([1, 2, 4]) / 7, np.array([0, 3]), np.array([-100_000])).tolist()
    [-14286, -28571, -57143]
    """
    shares, offsets, totals = _checked(shares, offsets, totals)
    credits = np.zeros(len(shares), np.int64)

    def fill(start: int, stop: int) -> None:
        first, last = int(offsets[start]), int(offsets[stop])
        if last > first:
            credits[first:last] = _allocate_chunk(
                shares[first:last], offsets[start : stop + 1] - first, totals[start:stop], start
            )

    starts = _chunk_starts(offsets)
    if len(starts) <= _FEW:
        for start, stop in pairwise(starts):
            fill(start, stop)
        return credits
    with ThreadPoolExecutor(2) as threads:  # numpy lets go of the interpreter in long loops
        for _ in threads.map(fill, starts[:-1], starts[1:]):
            pass
    return credits


def _chunk_starts(offsets: IntArray) -> list[int]:
    """Return the journeys at which chunks begin, and the number of journeys."""
    starts, n_journeys = [0], len(offsets) - 1
    while starts[-1] < n_journeys:
        stop = int(np.searchsorted(offsets, offsets[starts[-1]] + _CHUNK, side="right")) - 1
        starts.append(min(max(stop, starts[-1] + 1), n_journeys))
    return starts


def shares_in_millionths(shares: FloatArray, offsets: IntArray) -> IntArray:
    """Return int64[N]: the shares as whole millionths that sum to exactly 1,000,000 in every journey.

    >>> shares_in_millionths(np.full(3, 1 / 3), np.array([0, 3])).tolist()
    [333334, 333333, 333333]
    """
    return allocate(shares, offsets, np.full(max(len(offsets) - 1, 0), MILLION, np.int64))


def _checked(
    shares: FloatArray, offsets: IntArray, totals: IntArray
) -> tuple[FloatArray, IntArray, IntArray]:
    shares, offsets, totals = np.asarray(shares, np.float64), np.asarray(offsets), np.asarray(totals)
    for name, array in (("offsets", offsets), ("totals", totals)):
        if array.size and array.dtype.kind not in "iu":
            raise LedgerError(
                f"{name} are {array.dtype}; allowed are whole numbers, so give money in minor units"
            )
    if offsets.shape != (len(totals) + 1,) or offsets[0] != 0 or offsets[-1] != len(shares):
        raise LedgerError(
            f"{len(shares)} shares, {len(totals)} totals and {len(offsets)} offsets do not fit together; "
            "allowed are offsets from 0 to the number of shares, one more of them than totals"
        )
    if (np.diff(offsets) < 0).any():
        raise LedgerError("offsets fall; allowed are offsets that rise or stay, one journey after the other")
    if len(totals) and max(int(totals.max()), -int(totals.min())) > LARGEST_TOTAL:
        worst = max((int(totals.max()), int(totals.min())), key=abs)
        raise LedgerError(
            f"the total {worst} is out of range; allowed are at most 2**62 minor units either way"
        )
    return shares, offsets.astype(np.int64, copy=False), totals.astype(np.int64, copy=False)


def _allocate_chunk(shares: FloatArray, offsets: IntArray, totals: IntArray, first_journey: int) -> IntArray:
    nonempty = np.flatnonzero(offsets[1:] > offsets[:-1])
    starts, lengths = offsets[nonempty], offsets[nonempty + 1] - offsets[nonempty]
    _refuse_bad_shares(shares, starts, first_journey + nonempty)
    signed = totals[nonempty]
    if np.count_nonzero(shares) == len(nonempty):  # they sum to 1, so one touch of each journey has all
        return np.where(shares > 0, np.repeat(signed, lengths), 0)
    amounts = np.abs(signed)
    units, remainders = _floors(shares, amounts, lengths)
    left = amounts - np.add.reduceat(units, starts)
    # a touch without a share is never given a unit, so it ranks behind those with one that came out even
    remainders[shares == 0] = -1
    touches_with_share = lengths if shares.all() else np.add.reduceat((shares > 0).astype(np.int64), starts)
    odd = np.flatnonzero((left < 0) | (left > touches_with_share))
    if odd.size:
        left = _settle_odd(units, shares, starts, lengths, left, touches_with_share, odd)
    _give_by_remainder(units, remainders, starts, lengths, left)
    if signed.min() < 0:
        units *= np.repeat(np.where(signed < 0, -1, 1), lengths)
    return units


def _refuse_bad_shares(shares: FloatArray, starts: IntArray, journeys: IntArray) -> None:
    if not (shares.min() >= 0 and shares.max() < np.inf):  # a NaN makes both comparisons false
        bad = int(np.flatnonzero(~(np.isfinite(shares) & (shares >= 0)))[0])
        journey = int(journeys[np.searchsorted(starts, bad, side="right") - 1])
        raise LedgerError(
            f"a touch of journey {journey} has the share {shares[bad]}; allowed are numbers >= 0"
        )
    sums = np.add.reduceat(shares, starts)
    off = np.abs(sums - 1) > _TOLERANCE
    if off.any():
        worst = int(np.flatnonzero(off)[0])
        raise LedgerError(
            f"the shares of journey {int(journeys[worst])} sum to {float(sums[worst])!r}; allowed is 1 "
            "(within 1e-9), so divide them by their sum"
        )


def _floors(shares: FloatArray, amounts: IntArray, lengths: IntArray) -> tuple[IntArray, IntArray]:
    """Return of each share x amount the whole units and, in millionths, what is left of it."""
    large = amounts >= _EXACT_IN_FLOAT
    if not large.any():
        return _floors_small(shares, np.repeat(amounts.astype(np.float64) * MILLION, lengths))
    units, remainders = np.empty(len(shares), np.int64), np.empty(len(shares), np.int64)
    touch_is_large = np.repeat(large, lengths)
    small, big = np.flatnonzero(~touch_is_large), np.flatnonzero(touch_is_large)
    of_touch = np.repeat(amounts, lengths)
    units[small], remainders[small] = _floors_small(
        shares[small], of_touch[small].astype(np.float64) * MILLION
    )
    units[big], remainders[big] = _floors_large(shares[big], of_touch[big])
    return units, remainders


def _floors_small(shares: FloatArray, millionths: FloatArray) -> tuple[IntArray, IntArray]:
    product = shares * millionths
    rounded = np.rint(product)
    # a float product can land on a half that the exact one only comes near: there the error term decides
    half = np.flatnonzero(np.abs(product - rounded) == 0.5)
    if half.size:
        error = _product_error(shares[half], millionths[half], product[half])
        below = np.floor(product[half])
        up = (error > 0) | ((error == 0) & (below % 2 == 1))
        rounded[half] = below + up
    micro = rounded.astype(np.int64)
    units = micro // MILLION
    micro -= units * MILLION
    return units, micro


def _floors_large(shares: FloatArray, amounts: IntArray) -> tuple[IntArray, IntArray]:
    """Work on both 31-bit halves of the amount, each product with its exact rounding error beside it."""
    units = np.zeros(len(shares), np.int64)
    fraction = np.zeros(len(shares))
    for half in ((amounts >> 31 << 31), (amounts & (2**31 - 1))):
        factor = half.astype(np.float64)  # exact: at most 31 significant bits
        product = shares * factor
        for part in (product, _product_error(shares, factor, product)):
            whole = np.floor(part)
            units += whole.astype(np.int64)
            fraction += part - whole
    whole = np.floor(fraction)
    units += whole.astype(np.int64)
    micro = (fraction - whole) * MILLION
    rounded = np.rint(micro)
    remainders = rounded.astype(np.int64)
    # the four fractions were added in floats; where that could turn the rounding, integers decide
    for i in np.flatnonzero(np.abs(np.abs(micro - rounded) - 0.5) < 1e-8).tolist():
        exact = round(Fraction(float(shares[i])) * int(amounts[i]) * MILLION)
        units[i], remainders[i] = divmod(exact, MILLION)
    carried = remainders == MILLION
    units[carried] += 1
    remainders[carried] = 0
    return units, remainders


def _product_error(a: FloatArray, b: FloatArray, product: FloatArray) -> FloatArray:
    """Return `a * b - product` exactly: Dekker, A floating-point technique for extending precision, 1971."""
    scaled = _SPLIT * a
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = _SPLIT * b
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    error: FloatArray = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return error


def _settle_odd(
    units: IntArray,
    shares: FloatArray,
    starts: IntArray,
    lengths: IntArray,
    left: IntArray,
    most: IntArray,
    odd: IntArray,
) -> IntArray:
    """Put on the largest share what no round of single units can settle; return what is still left.

    It takes a total so large that the last bit of a share is worth more than a unit.
    """
    still = np.clip(left, 0, most)
    for journey in odd.tolist():
        start = int(starts[journey])
        largest = start + int(np.argmax(shares[start : start + int(lengths[journey])]))
        units[largest] += left[journey] - still[journey]
    return still


def _give_by_remainder(
    units: IntArray, remainders: IntArray, starts: IntArray, lengths: IntArray, left: IntArray
) -> None:
    """Add one unit to the `left` largest remainders of each journey, in blocks of equally long journeys."""
    waiting = np.flatnonzero(left > 0)
    if not waiting.size:
        return
    # bare integers sort several times faster than any argsort
    packed = np.sort(lengths[waiting] << 32 | waiting)
    waiting, by_length = packed & (2**32 - 1), packed >> 32
    block_starts = np.flatnonzero(np.diff(by_length)) + 1
    for block in np.split(waiting, block_starts):
        length = int(lengths[block[0]])
        touches = starts[block][:, None] + np.arange(length)
        # remainder and place in one integer: all keys of a journey differ, the earlier of equals is larger
        keys = remainders[touches] * length + np.arange(length - 1, -1, -1)
        threshold = np.sort(keys, axis=1)[np.arange(len(block)), length - left[block]]
        units[touches] += keys >= threshold[:, None]
