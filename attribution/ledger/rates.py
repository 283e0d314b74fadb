"""Exchange rates: the latest on or before a day, at most a week old; never a silent 1.0."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, select

from attribution import clock
from attribution.money import minor_digits
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints
from attribution.store.schema import rate

MAX_AGE_DAYS: Final = 7
_EXACT: Final = 2**62

Known = npt.NDArray[np.bool_]


class Rates:
    """The rates of one currency into the reporting currency.

    Args:
        connection: where the rates are read.
        currency: of the amounts.
        into: the reporting currency, which the stored rates are for.
    """

    def __init__(self, connection: Connection, currency: str, into: str) -> None:
        self.currency, self.into = currency, into
        rows = connection.execute(
            select(rate.c.day, rate.c.rate).where(rate.c.currency == currency).order_by(rate.c.day)
        ).all()
        self._days = np.array([day for day, _ in rows], np.int64)
        self._rates = [Decimal(text) for _, text in rows]

    def convert(self, minor: Ints, days: Ints) -> tuple[Ints, Known]:
        """Convert amounts, each at the rate of its own day.

        The same figures as :func:`attribution.money.convert`, for whole columns.

        Args:
            minor: amounts in minor units of `currency`.
            days: days since 1970, one an amount.

        Returns:
            Amounts in minor units of `into` (0 where there is no rate), and which of them have a rate.
        """
        if self.currency == self.into:
            return minor, np.ones(len(minor), bool)
        if not len(self._days):
            return np.zeros(len(minor), np.int64), np.zeros(len(minor), bool)
        at = np.searchsorted(self._days, days, side="right") - 1
        known = (at >= 0) & (days - self._days[np.maximum(at, 0)] <= MAX_AGE_DAYS)
        out = np.zeros(len(minor), np.int64)
        out[known] = self._multiply(minor[known], at[known])
        return out, known

    def _multiply(self, minor: Ints, at: Ints) -> Ints:
        """Multiply by rates written as whole numbers over one power of ten, halves away from zero."""
        if not len(minor):
            return minor
        used = [self._rates[i] for i in as_set(at).tolist()]
        decimals = max([0, *(-int(value.as_tuple().exponent) for value in used)])
        shift = decimals + minor_digits(self.currency) - minor_digits(self.into)
        over = 10 ** max(shift, 0)
        whole = np.zeros(len(self._rates), object)
        for i in as_set(at).tolist():
            whole[i] = int(self._rates[i].scaleb(decimals)) * 10 ** max(-shift, 0)
        largest = 2 * int(np.abs(minor).max()) * max(whole.tolist()) + over
        kind = np.int64 if largest < _EXACT else object  # Python's own integers where 64 bits are too few
        product = 2 * np.abs(minor).astype(kind) * whole.astype(kind)[at]
        return np.asarray((product + over) // (2 * over), np.int64) * np.sign(minor)


def days_in_zone(at: Ints, timezone: str) -> Ints:
    """Return the day of each instant in a zone, in days since 1970: the day whose rate counts.

    >>> days_in_zone(np.array([23 * clock.HOUR]), "Europe/Berlin").tolist()
    [1]
    """
    if timezone == "UTC":
        return at // clock.DAY
    local = pd.DatetimeIndex(at.astype("datetime64[us]")).tz_localize("UTC").tz_convert(clock.zone(timezone))
    return np.asarray(local.tz_localize(None).to_numpy().astype("datetime64[D]"), np.int64)
