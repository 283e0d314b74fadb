"""Customers with revenue in the period, and the months that they were looked at.

A customer is an account, else a person, else the deal itself; it counts where what its deals brought in the
period is more than nothing. It is one in all: shared evenly by its deals with revenue in the period, and of
each deal by the journey to its closing, so that customers add up over any dimension.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd

from attribution import clock
from attribution.ledger.allocate import MILLION
from attribution.ledger.rates import days_in_zone
from attribution.metrics.known_days import known_days
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.measures.records import customers
from attribution.metrics.measures.shared_out import share_out
from attribution.metrics.periods import add_months


def months_between(first: date, last: date) -> Fraction:
    """Return how many months some days are, both ends included: a part of a month by its days.

    >>> months_between(date(2025, 1, 1), date(2025, 3, 31))
    Fraction(3, 1)
    >>> months_between(date(2025, 2, 15), date(2025, 3, 31))
    Fraction(3, 2)
    """
    months = Fraction(0)
    day = first
    while day <= last:
        after = add_months(day.replace(day=1), 1)
        length = (after - day.replace(day=1)).days
        months += Fraction((min(after, last + timedelta(days=1)) - day).days, length)
        day = after
    return months


def revenue_customers(measures: Measures) -> Parts | None:
    earned = measures.parts("revenue")
    if earned is None:
        return None
    deals = measures.dimensions.deals
    by_deal = pd.Series(earned.value).groupby(earned.record).sum()
    by_deal = by_deal[by_deal != 0]
    ids = by_deal.index.to_numpy(np.int64)
    frame = pd.DataFrame({"value": by_deal.to_numpy(np.int64)})
    frame["customer"] = customers(measures)[pd.Index(deals["deal_id"]).get_indexer(ids)]
    of_customer = frame.groupby("customer")["value"]
    pays = (of_customer.transform("sum") > 0).to_numpy(bool)
    size = of_customer.transform("size").to_numpy(np.int64)
    place = of_customer.cumcount().to_numpy(np.int64)
    part = MILLION // size + (place < MILLION % size)  # they add up to one customer
    shared = share_out(measures, ids[pays], part[pays])
    return None if shared is None else shared[0]


def customer_months(measures: Measures) -> Parts | None:
    counted = measures.parts("revenue_customers")
    if counted is None:
        return None
    asked = measures.asked
    first, last = known_days(measures.connection, asked.question.period, asked.journeys)
    if asked.basis == "cohort":  # it is followed to the last run
        today = int(days_in_zone(np.array([asked.journeys.as_of]), asked.journeys.timezone)[0])
        last = max(last, clock.day_of(today))
    months = months_between(first, last)
    # rounded as they add up, so that the whole is not off by a part of each
    upto = np.cumsum(counted.value) * months.numerator // months.denominator
    return Parts(counted.kind, counted.record, counted.group, np.diff(upto, prepend=0))


MEASURES: Final[dict[str, Measure]] = {
    "revenue_customers": revenue_customers,
    "customer_months": customer_months,
}
