"""How long what a touch is credited with takes to come: from the touch to the conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from attribution.journeys.columns import FloatArray
from attribution.ledger.allocate import MILLION
from attribution.metrics.selection import Selection
from attribution.store.columns import Ints, read_ints_once
from attribution.store.schema import conversion, entry, touch
from attribution.trust.intervals import ENOUGH_CONVERSIONS

_ENOUGH: Final = ENOUGH_CONVERSIONS * MILLION


@dataclass(frozen=True)
class Lags:
    """How long credits take, as far as is known.

    Attributes:
        micros: int64[n], sorted, each once.
        upto: float64[n], which part of all credit comes within each; the last is 1.
    """

    micros: Ints
    upto: FloatArray

    @classmethod
    def of(cls, micros: Ints, share: Ints, age: Ints) -> Lags:
        """Return the lags of credits, those of young touches weighed as what can be known of them.

        A touch of last week tells of short lags alone. So a lag is set against what took no longer and is old
        enough to have taken as long; the parts are products of what is left, from the longest lag down
        (Lagakos, Barraj and De Gruttola, Nonparametric Analysis of Truncated Survival Data, 1988). Where
        fewer than ten conversions are old enough, all that took no longer count.

        Args:
            micros: int64[n], from each touch to its conversion.
            share: int64[n], millionths of a conversion; what was taken back is negative.
            age: int64[n], of each touch, microseconds: no less than its lag.

        >>> lags = Lags.of(np.array([30, 10, 30]), np.array([2, 1, 1]), np.array([99, 99, 99]))
        >>> lags.micros.tolist(), lags.upto.tolist()
        ([10, 30], [0.25, 1.0])
        """
        total = pd.Series(share).groupby(micros).sum()
        total = total[total > 0]
        lags, took = total.index.to_numpy(np.int64), total.to_numpy(np.float64)
        order = np.argsort(age, kind="stable")
        younger = np.append(0, np.cumsum(share[order]))[np.searchsorted(age[order], lags, side="left")]
        no_longer = np.cumsum(took)
        known = np.where(no_longer - younger >= _ENOUGH, no_longer - younger, no_longer)
        left = np.append(1 - took / known, 1.0)[1:]
        return cls(lags, np.cumprod(left[::-1])[::-1])

    def within(self, part: float) -> int | None:
        """Return the shortest time in which a part of all comes; None where nothing was ever credited.

        >>> lags = Lags(np.array([10, 20, 90]), np.array([0.25, 0.75, 1.0]))
        >>> lags.within(0.75), lags.within(0.76)
        (20, 90)
        """
        if not len(self.micros):
            return None
        return int(self.micros[int(np.searchsorted(self.upto, part - 1e-9))])

    def come(self, age: Ints) -> FloatArray:
        """Return which part of what touches bring has come at some ages.

        >>> Lags(np.array([10, 20]), np.array([0.75, 1.0])).come(np.array([9, 10, 25])).tolist()
        [0.0, 0.75, 1.0]
        """
        return np.append(0.0, self.upto)[np.searchsorted(self.micros, age, side="right")]


def credit_lags(connection: Connection, selection: Selection) -> Lags:
    """Read how long the credits of a credit set took, each as much as it is of a conversion."""
    statement = (
        select(conversion.c.at, touch.c.at, entry.c.share_millionths)
        .select_from(entry)
        .join(conversion, conversion.c.conversion_id == entry.c.conversion_id)
        .join(touch, touch.c.n == entry.c.touch)
        .where(entry.c.credit_set_id == selection.credit_set_id)
    )
    found = read_ints_once(connection, statement, ("closed", "at", "share"))
    lag = np.maximum(found["closed"] - found["at"], 0)
    # a closing may be dated after the last run
    age = np.maximum(selection.journeys.as_of - found["at"], lag)
    return Lags.of(lag, found["share"], age)
