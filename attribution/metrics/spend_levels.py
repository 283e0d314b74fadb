"""Reports of several levels at once: what a campaign cost in all, beside what its ads cost, counts once.

A row's level is the finest of campaign, ad group, ad and keyword that it says. Within a platform and day the
rows of a level count what exceeds the finer rows that they cover. Keywords and ads cut an ad group in two
ways: where rows of both are given the keywords count, and the ads what exceeds them.

The same level in other columns is the same money, too: of rows of one level those count first that say more
of the levels above it, then those by network, then those with ids. Ids tell apart what is called alike; where
one of two rows has none, its name covers whatever is called so.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from attribution.ledger.allocate import allocate
from attribution.store.columns import Ints
from attribution.store.keys import distinct, look_up, row_hash

Mask = npt.NDArray[np.bool_]

N_LEVELS: Final = 4
_LEVELS: Final = (1 << N_LEVELS) - 1  # of a pattern: bit i says level i, then the network, then the ids
_NETWORK: Final = N_LEVELS
_IDS: Final = N_LEVELS + 1
_BITS: Final = _IDS + N_LEVELS


def counted(
    day: Ints,
    partition: Ints,
    levels: Ints,
    minor: Ints,
    order: Ints,
    is_platform: Mask,
    *,
    ids: Ints | None = None,
    network: Ints | None = None,
) -> tuple[Ints, Mask]:
    """Return what each row of media counts, and which rows are the rest of something finer.

    Args:
        day: int64[n].
        partition: int64[n], rows of one may speak of the same money: a platform.
        levels: int64[n, 4], a number for what a row calls its campaign, ad group, ad and keyword; 0: nothing.
        minor: int64[n], within a partition all of one currency.
        order: int64[n], whatever the rows' own order is not: of equal claims to an odd unit the first wins.
        is_platform: whether the partition is known to be one: then a row without a campaign is its total, and
            a finer row that leaves a level out may be of anything there.
        ids: int64[n, 4], a number for the platform's id of each; 0: none. What has an id has a name.
        network: int64[n], a number for the network; 0: none.

    Returns:
        int64[n] minor units, which never add up to less than the rows of any one kind do, and bool[n].

    >>> levels = np.array([[1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 2, 0]])
    >>> same, minor = np.zeros(3, np.int64), np.array([100, 30, 50])
    >>> counted(same, same, levels, minor, np.arange(3), np.ones(3, bool))[0].tolist()
    [20, 30, 50]
    """
    ids = np.zeros((len(minor), N_LEVELS), np.int64) if ids is None else ids
    network = np.zeros(len(minor), np.int64) if network is None else network
    out, rest = minor.copy(), np.zeros(len(minor), bool)
    says = np.column_stack([levels, network, ids])
    pattern = ((says != 0) << np.arange(_BITS)).sum(axis=1)
    said = sorted(np.flatnonzero(np.bincount(pattern, minlength=2**_BITS)).tolist(), key=_fineness)
    place = {one: number for number, one in enumerate(said)}
    pairs = [(coarse, finer) for coarse, finer in product(said, said) if _covers(coarse, finer)]
    # the finest first, since what they leave is what coarser ones compare with; then who agrees in most
    pairs.sort(key=lambda pair: (-place[pair[0]], -(pair[0] & pair[1]).bit_count(), place[pair[1]]))
    for coarse, finer in pairs:
        # elsewhere a row without campaign may be something of its own, and what is left out is left open
        above, below_it = coarse & _LEVELS, finer & _LEVELS
        known = is_platform if above == 0 or above & ~below_it else np.True_
        at, below = np.flatnonzero((pattern == coarse) & known), np.flatnonzero((pattern == finer) & known)
        if len(at) and len(below):
            _reduce(out, rest, at, below, _keys(day, partition, says, coarse & finer), order)
    return out, rest


def _fineness(pattern: int) -> tuple[int, int, int, int]:
    """Rank what rows say: by level, how much above it, network, ids."""
    levels = pattern & _LEVELS
    return levels.bit_length(), levels.bit_count(), pattern >> _NETWORK & 1, pattern >> _IDS


def _covers(coarse: int, finer: int) -> bool:
    """Tell whether rows that say `coarse` may be the sum of rows that say `finer`."""
    above, below = _fineness(coarse), _fineness(finer)
    return above[0] < below[0] or (above < below and not coarse & ~finer & _LEVELS and above[0] == below[0])


def _keys(day: Ints, partition: Ints, says: Ints, shared: int) -> Ints:
    """Number what rows agree in: ids where both have them, else names."""
    columns = {"day": day, "partition": partition}
    for i in range(N_LEVELS + 1):  # the levels and the network
        if shared >> i & 1:
            by_id = i < N_LEVELS and shared >> _IDS + i & 1
            columns[str(i)] = says[:, _IDS + i] if by_id else says[:, i]
    return row_hash(columns, len(day))


def _reduce(out: Ints, rest: Mask, at: Ints, below: Ints, keys: Ints, order: Ints) -> None:
    """Take from the coarser rows `at` what the finer rows `below` of the same key say already."""
    codes, first = distinct(keys[below])
    finer = np.zeros(len(first), np.int64)
    np.add.at(finer, codes, out[below])
    place = look_up(keys[below][first], np.arange(len(first)), keys[at])
    at, place = at[place >= 0], place[place >= 0]
    if not len(at):
        return
    by_key = np.lexsort((order[at], place))
    at, place = at[by_key], place[by_key]
    starts = np.flatnonzero(np.r_[True, place[1:] != place[:-1]])
    sums = np.add.reduceat(out[at], starts)
    left = np.maximum(sums - finer[place[starts]], 0)
    lengths = np.diff(np.r_[starts, len(at)])
    weights = np.maximum(out[at], 0).astype(np.float64)
    totals = np.repeat(np.add.reduceat(weights, starts), lengths)
    shares = np.where(totals > 0, weights / np.maximum(totals, 1), 1 / np.repeat(lengths, lengths))
    out[at] = allocate(shares, np.r_[starts, len(at)], left)
    rest[at] = True
