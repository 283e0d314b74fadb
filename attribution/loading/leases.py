"""Who held a tracking number when: calls matched to leases, on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

OPEN: Final = 2**62  # the end of a lease that has none yet


@dataclass(frozen=True, eq=False)
class Leases:
    """Leases in any order, one for each number, begin and visitor.

    Attributes:
        number: int64[L], of the tracking number.
        begin, end: int64[L] microseconds, the end not included; OPEN where it is still on.
        visitor: int64[L], above 0.
    """

    number: Ints
    begin: Ints
    end: Ints
    visitor: Ints

    def sorted(self) -> Leases:
        """Return them by number, begin and end."""
        order = np.lexsort((self.end, self.begin, self.number))
        return Leases(self.number[order], self.begin[order], self.end[order], self.visitor[order])


class Held(NamedTuple):
    """Whose number each call reached: int64[n], 0 for nobody's; and bool[n], whether two leases say so."""

    visitor: Ints
    ambiguous: Bools


def held_by(number: Ints, at: Ints, leases: Leases) -> Held:
    """Return who held the number that each call reached.

    A call is of the lease that was on then and began last. Where two of them began at one instant, it is
    ambiguous, and nobody's.

    Args:
        number: int64[n], numbered as in `leases`.
        at: int64[n] microseconds.
        leases: of all these numbers.

    >>> one = np.ones(3, np.int64)
    >>> leases = Leases(one[:2], np.array([0, 10]), np.array([20, 30]), np.array([7, 8]))
    >>> held_by(one, np.array([5, 15, 40]), leases)
    Held(visitor=array([7, 8, 0]), ambiguous=array([False, False, False]))
    """
    if not len(leases.number):
        return Held(np.zeros(len(at), np.int64), np.zeros(len(at), np.bool_))
    leases = leases.sorted()
    place = _last_begun(number, at, leases)
    earlier = _earlier_that_ends_later(leases)
    active = np.flatnonzero(place >= 0)
    while len(active):  # over by then: only one that began earlier and ends later can be on
        active = active[leases.end[place[active]] <= at[active]]
        place[active] = earlier[place[active]]
        active = active[place[active] >= 0]
    held = place >= 0
    twin = place - 1  # of those that begin at one instant the one that ends last comes last
    ambiguous = held & (twin >= 0)
    mine, other = place[ambiguous], twin[ambiguous]
    same = (leases.number[mine] == leases.number[other]) & (leases.begin[mine] == leases.begin[other])
    ambiguous[ambiguous] = same & (leases.end[other] > at[ambiguous])
    visitor = np.zeros(len(at), np.int64)
    known = held & ~ambiguous
    visitor[known] = leases.visitor[place[known]]
    return Held(visitor, ambiguous)


def _last_begun(number: Ints, at: Ints, leases: Leases) -> Ints:
    """Return for each call the last lease of its number that began at or before it, -1 for none."""
    size = len(leases.number)
    whose = np.concatenate([leases.number, number])
    is_call = np.arange(len(whose)) >= size
    order = np.lexsort((is_call, np.concatenate([leases.begin, at]), whose))
    latest = np.maximum.accumulate(
        np.where(is_call[order], -1, order)
    )  # leases are sorted: the last is largest
    found = np.empty(len(whose), np.int64)
    found[order] = latest
    place = found[size:]
    place[(place >= 0) & (leases.number[place] != number)] = -1
    return place


def _earlier_that_ends_later(leases: Leases) -> Ints:
    """Return for each lease the nearest one before it, of its number, that ends later; -1 for none.

    Whatever lies between the two ends no later than the lease itself.
    """
    earlier = np.arange(len(leases.number)) - 1
    earlier[np.flatnonzero(np.diff(leases.number, prepend=-1) != 0)] = -1
    while True:
        wrong = earlier >= 0
        wrong[wrong] = leases.end[earlier[wrong]] <= leases.end[wrong]
        if not wrong.any():
            return earlier
        earlier[wrong] = earlier[earlier[wrong]]
