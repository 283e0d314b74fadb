"""Which contract a renewal takes the place of: else a customer would pay for both.

Nothing in the data ties a renewal to a contract, so that each takes, in the order in which renewals begin,
one contract of its customer that began before it and that no other has taken: one that ends about when it
begins, else the oldest without an end, else the one that would end first, and an expansion only where there
is nothing else. That contract ends on the day before; one that had ended by then ended when it did.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.metrics.facts import NEVER
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints

NEW, EXPANSION, RENEWAL = range(3)  # kinds of contracts; those without one are new
ABOUT: Final = 92  # days: a renewal may be signed a quarter early or late


def renewed_by(customer: Ints, kind: Ints, first: Ints, last: Ints) -> Ints:
    """Return the place of the renewal that takes each contract's place, -1 where none does.

    Args:
        customer: int64[n], whose contract it is.
        kind: int64[n], `NEW`, `EXPANSION` or `RENEWAL`.
        first, last: int64[n], the days on which it runs; `NEVER` for no end.

    >>> kind, first = np.array([NEW, NEW, RENEWAL]), np.array([10, 20, 40])
    >>> renewed_by(np.zeros(3, np.int64), kind, first, np.array([NEVER, 39, NEVER])).tolist()
    [-1, 2, -1]
    """
    by: Ints = np.full(len(customer), -1)
    renewals = np.flatnonzero((kind == RENEWAL) & (first != NEVER))
    renewals = renewals[np.lexsort((renewals, first[renewals], customer[renewals]))]
    turn = pd.Series(customer[renewals]).groupby(customer[renewals]).cumcount().to_numpy(np.int64)
    theirs = np.flatnonzero(np.isin(customer, as_set(customer[renewals])))
    for number in range(
        int(turn.max(initial=-1)) + 1
    ):  # the first renewal of every customer, the second, ...
        now = renewals[turn == number]
        theirs = theirs[np.isin(customer[theirs], customer[now])]
        renewal = now[np.searchsorted(customer[now], customer[theirs])]
        begins = first[renewal]
        free = (by[theirs] < 0) & (first[theirs] < begins) & (last[theirs] >= begins - 1 - ABOUT)
        place, renewal, begins = theirs[free], renewal[free], begins[free]
        open_end = last[place] == NEVER
        left = np.where(open_end, 0, last[place] - begins + 1)
        about = ~open_end & (np.abs(left) <= ABOUT)
        rank = np.select([kind[place] == EXPANSION, about, open_end], [3, 0, 1], 2)
        within = np.where((rank == 1) | (rank == 3), first[place], np.abs(left))
        order = np.lexsort((place, within, rank, customer[place]))
        whose = customer[place][order]
        chosen = order[np.append(True, whose[1:] != whose[:-1])[: len(order)]]  # the best of each customer
        by[place[chosen]] = renewal[chosen]
    return by
