"""Shares become whole minor units: integer largest remainder, so a deal's credits always add up to the deal.

Per journey: every share times the total is rounded to 1e-6 of a minor unit (half to even, of the exact
product), each touch gets the floor of that, and the units left go one each to the largest remainders, ties
to the earlier touch. The rounding makes shares tie that are equal but for the last bit of a float.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from attribution.errors import LedgerError
from attribution.journeys.chunks import over_chunks
from attribution.journeys.columns import BoolArray, FloatArray, IntArray

MILLION = 1_000_000
LARGEST_TOTAL = 2**62

_TOLERANCE = 1e-9  # how far the shares of a journey may be from 1 together
_EXACT_IN_FLOAT = 2**32  # below it a total times a million is a float without rounding
_REMAINDER_BITS = 20  # of a number up to a million, the rank of who is given nothing
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
        chunk, its_offsets = shares[first:last], offsets[start : stop + 1] - first
        lengths = np.diff(its_offsets)
        touched = np.flatnonzero(lengths)
        starts = its_offsets[touched]
        _refuse_bad_shares(chunk, starts, start + touched)
        of_touch = np.repeat(np.arange(len(touched)), lengths[touched])
        allocate_normalised(chunk, starts, of_touch, totals[start:stop][touched], credits[first:last])

    over_chunks(offsets, fill)
    return credits


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


def allocate_normalised(
    shares: FloatArray, starts: IntArray, of_touch: IntArray, totals: IntArray, out: IntArray
) -> None:
    """Do what :func:`allocate` does with what is known to be right, all at once.

    Args:
        shares: float64[N].
        starts: int64[J], the first touch of each journey; all have touches.
        of_touch: int64[N], the journey of each touch.
        totals: int64[J].
        out: int64[N] zeros, which become the whole units.
    """
    if not starts.size:
        return
    some = shares > 0
    n_some = np.count_nonzero(some)
    if n_some == len(starts):  # they sum to 1, so one touch of each journey has all
        out[np.flatnonzero(some)] = totals
        return
    amounts = np.abs(totals)
    remainders = _floors(shares, amounts, of_touch, out)
    left = amounts - _sums(out, starts)
    most = np.diff(starts, append=len(shares))
    if n_some < len(shares):
        # a touch without a share is never given a unit, so it ranks behind those with one that came out even
        remainders[~some] = -1
        most = _sums(some, starts)
    odd = np.flatnonzero((left < 0) | (left > most))
    if odd.size:
        left = _settle_odd(out, shares, starts, left, most, odd)
    _give_by_remainder(out, remainders, starts, of_touch, left)
    if totals.min() < 0:
        out *= np.where(totals < 0, -1, 1).take(of_touch)


def _sums(of_touch: IntArray | BoolArray, starts: IntArray) -> IntArray:
    """Add up integers by journey; a sum beyond 64 bits wraps round and comes back in the difference."""
    running = np.cumsum(of_touch, dtype=np.int64)
    sums: IntArray = np.diff(running[np.append(starts[1:], len(of_touch)) - 1], prepend=0)
    return sums


def _refuse_bad_shares(shares: FloatArray, starts: IntArray, journeys: IntArray) -> None:
    if not starts.size:
        return
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


def _floors(shares: FloatArray, amounts: IntArray, of_touch: IntArray, units: IntArray) -> IntArray:
    """Put into `units` the whole ones of each share x amount; return, in millionths, what is left of it."""
    large = amounts >= _EXACT_IN_FLOAT
    if not large.any():
        return _floors_small(shares, (amounts.astype(np.float64) * MILLION).take(of_touch), units)
    remainders = np.empty(len(shares), np.int64)
    small, big = np.flatnonzero(~large.take(of_touch)), np.flatnonzero(large.take(of_touch))
    found = np.empty(len(small), np.int64)
    millionths = amounts.take(of_touch.take(small)).astype(np.float64) * MILLION
    remainders[small] = _floors_small(shares[small], millionths, found)
    units[small] = found
    found = np.zeros(len(big), np.int64)
    remainders[big] = _floors_large(shares[big], amounts.take(of_touch.take(big)), found)
    units[big] = found
    return remainders


def _floors_small(shares: FloatArray, millionths: FloatArray, units: IntArray) -> IntArray:
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
    np.floor_divide(micro, MILLION, out=units)
    micro -= units * MILLION
    return micro


def _floors_large(shares: FloatArray, amounts: IntArray, units: IntArray) -> IntArray:
    """Work on both 31-bit halves of the amount, each product with its exact rounding error beside it."""
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
    return remainders


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
    units: IntArray, shares: FloatArray, starts: IntArray, left: IntArray, most: IntArray, odd: IntArray
) -> IntArray:
    """Put on the largest share what no round of single units can settle; return what is still left.

    It takes a total so large that the last bit of a share is worth more than a unit.
    """
    still = np.clip(left, 0, most)
    ends = np.append(starts[1:], len(shares))
    for journey in odd.tolist():
        start = int(starts[journey])
        largest = start + int(np.argmax(shares[start : ends[journey]]))
        units[largest] += left[journey] - still[journey]
    return still


def _give_by_remainder(
    units: IntArray, remainders: IntArray, starts: IntArray, of_touch: IntArray, left: IntArray
) -> None:
    """Add one unit to the `left` largest remainders of each journey, ties to the earlier touch.

    Journey, remainder and place are packed into one integer a touch: a sort of bare integers is several
    times faster than any argsort, and leaves every journey where it was.
    """
    if not left.any():
        return
    touch = np.arange(len(units), dtype=np.int64)
    receives = touch < (starts + left).take(of_touch)  # of the places in order of merit
    place_bits = (len(units) - 1).bit_length()
    keys = of_touch << _REMAINDER_BITS
    keys -= remainders
    keys += MILLION - 1
    keys <<= place_bits
    keys |= touch
    if (keys[1:] > keys[:-1]).all():  # equal shares are in order as they are
        units += receives
        return
    keys.sort()
    keys &= (1 << place_bits) - 1
    units[keys.take(np.flatnonzero(receives))] += 1
