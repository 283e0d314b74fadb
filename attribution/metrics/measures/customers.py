"""Customers with revenue in the period, and the months in which they were customers.

A customer (:func:`attribution.metrics.measures.units.customers_of_deals`) counts where what its deals
brought in the period is more than nothing. It is one in all: shared evenly by its deals with revenue in the
period, and of each deal by the journey to its closing, so that customers add up over any dimension.

It is a customer from the day of its first won deal to the last day of its last contract; without a contract,
or with a deal won after the last one, nobody knows an end. Months are the period's, up to the last run.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.ledger.allocate import MILLION
from attribution.ledger.rates import days_in_zone
from attribution.metrics.facts import NEVER
from attribution.metrics.known_days import known
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.measures.records import customers
from attribution.metrics.measures.recurring import contract_ends
from attribution.metrics.measures.shared_out import share_out
from attribution.store.columns import Ints
from attribution.store.keys import look_up

PARTS: Final = 4 * 7 * 29 * 3 * 5 * 31  # of a month: a day of any month is a whole number of them


def months_between(first: Ints, last: Ints) -> Ints:
    """Return how many months some days are, both ends included: a part of a month by its days.

    Args:
        first, last: days since 1970.

    Returns:
        int64[n] in parts of `PARTS`; 0 where the last day is before the first.

    >>> days = [np.array([day], "datetime64[D]").astype(np.int64) for day in ("2025-02-15", "2025-03-31")]
    >>> (months_between(*days) / PARTS).tolist()
    [1.5]
    """
    months: Ints = np.maximum(_months_until(last + 1) - _months_until(first), 0)
    return months


def _months_until(day: Ints) -> Ints:
    """Return the months from 1970 to the beginning of a day."""
    at = day.astype("datetime64[D]")
    month = at.astype("datetime64[M]")
    begins, ends = month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]")
    into = (at - begins).astype(np.int64) * (PARTS // (ends - begins).astype(np.int64))
    found: Ints = month.astype(np.int64) * PARTS + into
    return found


def _of_payers(measures: Measures) -> tuple[Ints, Ints] | None:
    """Return the deals of customers who count, those with revenue, and what part of a customer each is."""
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
    return ids[pays], part[pays]


def revenue_customers(measures: Measures) -> Parts | None:
    payers = _of_payers(measures)
    shared = None if payers is None else share_out(measures, *payers)
    return None if shared is None else shared[0]


def customer_revenue(measures: Measures) -> Parts | None:
    """Revenue of the customers that an average is over: not what others were paid back."""
    earned, payers = measures.parts("revenue"), _of_payers(measures)
    if earned is None or payers is None:
        return None
    kept = np.isin(earned.record, payers[0])
    return Parts(earned.kind, earned.record[kept], earned.group[kept], earned.value[kept])


def customer_months(measures: Measures) -> Parts | None:
    counted = measures.parts("revenue_customers")
    if counted is None:
        return None
    asked, deals = measures.asked, measures.dimensions.deals
    period = asked.question.period
    end = _day(asked.journeys.as_of, asked.journeys.timezone)
    days = known(measures.connection, asked.journeys)
    if days.stale and period.end_day is None:
        measures.warn(
            f"months as a customer are counted up to the last run on {days.last_run}, though data end on "
            f"{days.latest}: give --to {days.latest} to count as far as data go"
        )
    if asked.basis == "period" and period.end_day is not None:  # a cohort is followed to the last run
        end = min(end, period.end_day)
    began, ended = measures.once("days as customers", lambda: _days_as_customers(measures))
    rows = pd.Index(deals["deal_id"]).get_indexer(counted.record)
    first = began[rows] if period.start_day is None else np.maximum(began[rows], period.start_day)
    months = months_between(first, np.minimum(ended[rows], end))
    # rounded as they add up, so that the whole is not off by a part of each
    whole, rest = np.divmod(counted.value * months, PARTS)
    upto = np.cumsum(whole) + np.cumsum(rest) // PARTS
    return Parts(counted.kind, counted.record, counted.group, np.diff(upto, prepend=0))


def _days_as_customers(measures: Measures) -> tuple[Ints, Ints]:
    """Return the first and the last day on which each deal's customer was one, `NEVER` for no end known."""
    deals, zone = measures.dimensions.deals, measures.asked.journeys.timezone
    ends = contract_ends(measures)
    ids, closed = deals["deal_id"].to_numpy(np.int64), deals["closed"].to_numpy(np.int64)
    frame = pd.DataFrame({
        "customer": customers(measures),
        "closed": closed,
        "ended": look_up(ends["deal"], ends["ended"], ids, missing=np.iinfo(np.int64).min),
    })  # fmt: skip
    won = frame[(deals["status"] == "won").to_numpy(bool) & (closed != NEVER)]
    found = won.groupby("customer").agg(
        first=("closed", "min"), last=("closed", "max"), ended=("ended", "max")
    )
    first, last, ended = (found[name].to_numpy(np.int64) for name in found)
    ended = np.where(ended < last, NEVER, ended)
    there = ended != NEVER
    ended[there] = days_in_zone(ended[there], zone)
    rows = found.index.get_indexer(pd.Index(frame["customer"]))  # -1, the last, of those without: nobody asks
    if not len(found):
        return closed, closed
    return days_in_zone(first, zone)[rows], ended[rows]


def _day(at: int, zone: str) -> int:
    return int(days_in_zone(np.array([at]), zone)[0])


MEASURES: Final[dict[str, Measure]] = {
    "revenue_customers": revenue_customers,
    "customer_revenue": customer_revenue,
    "customer_months": customer_months,
}
