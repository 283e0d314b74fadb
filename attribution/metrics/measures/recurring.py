"""Monthly recurring revenue: what contracts bring in a month, and how it moved.

A won deal with a recurring amount counts in the periods on whose last day it runs, from `recurring_from`
(else its closing) to `recurring_until`, both days included; a quarter's amount by a third, a year's by a
twelfth. What a customer pays is rounded once, half up, and what its deals have of it by largest remainder.
A renewal takes the place of a contract (:mod:`attribution.metrics.measures.renewals`), which ends on the day
before. Currencies are converted at the rate of the day on which the deal was closed: exchange rates move
nothing.

Movements compare a customer's last day of the period with the last day before it: nothing before is new,
nothing after is churned, else more is expansion and less is contraction. So the amount before, plus new, plus
expansion, less contraction, less churned is the amount after, in every group too. A customer who comes back
after a day of paying nothing is new again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import case, func, select

from attribution.ledger.rates import Rates, days_in_zone
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.measures.records import customers
from attribution.metrics.measures.renewals import EXPANSION, NEW, RENEWAL, renewed_by
from attribution.metrics.measures.shared_out import share_out
from attribution.money import money_words
from attribution.store.columns import Ints, read_frame, read_ints
from attribution.store.schema import deal

Mask = npt.NDArray[np.bool_]

MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_YEAR: Final = 12
_KINDS: Final = {"renewal": RENEWAL, "expansion": EXPANSION}
_RECURS: Final = (deal.c.status == "won") & deal.c.recurring_minor.is_not(None) & deal.c.currency.is_not(None)
_MOVES: Final = ("mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churned")


@dataclass(frozen=True)
class Contracts:
    """Won deals with a recurring amount, by `deal_id`: parallel arrays of int64.

    Attributes:
        deal: `deal_id`.
        customer: number (:func:`attribution.metrics.measures.records.customers`).
        twelfths: what it brings in a month, in twelfths of a minor unit of the answer's currency.
        first, last: the days on which it runs, both included, since 1970; `NEVER` for no end.
        ended: `recurring_until` in microseconds, or when a renewal began; `NEVER` for no end.
        lead_created: microseconds, `NEVER` without a lead.
    """

    deal: Ints
    customer: Ints
    twelfths: Ints
    first: Ints
    last: Ints
    ended: Ints
    lead_created: Ints

    def monthly(self, runs: Mask) -> Ints:
        """Return what each deal brings in a month, 0 where it does not run; rounded once a customer."""
        twelfths = np.where(runs, self.twelfths, 0)
        whole, rest = np.divmod(twelfths, _YEAR)
        of_customer = pd.Series(twelfths).groupby(self.customer).transform("sum").to_numpy(np.int64)
        total = (2 * of_customer + _YEAR) // (2 * _YEAR)  # half up
        left = total - pd.Series(whole).groupby(self.customer).transform("sum").to_numpy(np.int64)
        order = np.lexsort((self.deal, -rest, self.customer))
        rank = np.empty(len(order), np.int64)
        rank[order] = pd.Series(self.customer[order]).groupby(self.customer[order]).cumcount().to_numpy()
        out: Ints = whole + (rank < left)
        return out

    def runs(self, day: int | None) -> Mask:
        """Tell which run on a day; none where there is no day."""
        nothing = np.zeros(len(self.deal), bool)
        return nothing if day is None else (self.first <= day) & (day <= self.last)


def contracts(measures: Measures) -> Contracts:
    """Return the recurring deals of a store; those in a currency without a rate are left out, and told."""
    return measures.once("contracts", lambda: _read(measures))


def _read(measures: Measures) -> Contracts:
    asked = measures.asked
    held = _held(measures)
    texts = select(deal.c.currency).where(_RECURS).order_by(deal.c.deal_id)
    currency = read_frame(measures.connection, texts)["currency"].to_numpy(object)
    only = asked.question.currency
    minor, known = np.zeros(len(currency), np.int64), np.zeros(len(currency), bool)
    for name in sorted(set(currency.tolist())):
        own = np.flatnonzero(currency == name)
        if only is not None and name != only:
            continue
        rates = Rates(measures.connection, name, only or asked.journeys.currency)
        minor[own], known[own] = rates.convert(held["minor"][own], held["closed"][own])
        lost = int(held["minor"][own][~known[own]].sum())
        if lost:
            measures.warn(
                f"recurring revenue leaves out {money_words(lost, name)}: no rate within 7 days of the "
                "closing; import rates, then run again"
            )
    at = pd.Index(measures.dimensions.deals["deal_id"]).get_indexer(held["deal"])
    return Contracts(
        deal=held["deal"][known],
        customer=held["customer"][known],
        twelfths=(minor * (_YEAR // held["months"]))[known],
        first=held["first"][known],
        last=held["last"][known],
        ended=held["ended"][known],
        lead_created=measures.lead_created()[at][known],
    )


def contract_ends(measures: Measures) -> dict[str, Ints]:
    """Return when contracts end, whatever their currency: `deal` and `ended`, `NEVER` for no end."""
    held = _held(measures)
    return {name: held[name] for name in ("deal", "ended")}


def _held(measures: Measures) -> dict[str, Ints]:
    """Read the recurring deals of a store in any currency; those that were renewed end with that."""
    return measures.once("recurring deals", lambda: _read_held(measures))


def _read_held(measures: Measures) -> dict[str, Ints]:
    zone = measures.asked.journeys.timezone
    columns = (
        deal.c.deal_id, deal.c.recurring_minor, case(MONTHS, value=deal.c.recurring_interval),
        case(_KINDS, value=deal.c.kind, else_=NEW), func.coalesce(deal.c.closed_at, NEVER),
        func.coalesce(deal.c.recurring_from, deal.c.closed_at, NEVER),
        func.coalesce(deal.c.recurring_until, NEVER),
    )  # fmt: skip
    names = ("deal", "minor", "months", "kind", "closed", "from", "ended")
    held = read_ints(measures.connection, select(*columns).where(_RECURS).order_by(deal.c.deal_id), names)
    at = pd.Index(measures.dimensions.deals["deal_id"]).get_indexer(held["deal"])
    held["customer"] = customers(measures)[at]
    held |= {"first": _days(held["from"], zone), "last": _days(held["ended"], zone)}
    by = renewed_by(held["customer"], held["kind"], held["first"], held["last"])
    renewed = np.flatnonzero(by >= 0)
    for name, begins in (("last", "first"), ("ended", "from")):
        held[name][renewed] = np.minimum(held[name][renewed], held[begins][by[renewed]] - 1)
    held["closed"] = _days(held["closed"], zone)
    return held


def _days(at: Ints, zone: str) -> Ints:
    days = np.full(len(at), NEVER)
    there = at != NEVER
    days[there] = days_in_zone(at[there], zone)
    return days


def _monthly(measures: Measures) -> tuple[Contracts, Ints, Ints]:
    """Return what each contract brought in a month before the period, and at its end."""
    found, asked = contracts(measures), measures.asked
    period = asked.question.period
    today = int(days_in_zone(np.array([asked.journeys.as_of]), asked.journeys.timezone)[0])
    before = None if period.start_day is None else period.start_day - 1
    after = today if period.end_day is None else period.end_day
    followed = np.ones(len(found.deal), bool)
    if asked.basis == "cohort":  # it began with nothing, and is followed to today
        before, after, followed = None, today, measures.in_period(found.lead_created)
    return found, found.monthly(found.runs(before) & followed), found.monthly(found.runs(after) & followed)


def monthly_recurring_revenue(measures: Measures) -> Parts | None:
    found, _, after = _monthly(measures)
    some = after != 0
    shared = share_out(measures, found.deal[some], after[some])
    return None if shared is None else shared[0]


def _moves(measures: Measures) -> dict[str, Parts] | None:
    """Share out the change of each deal, and say which movement its customer made."""
    found, before, after = _monthly(measures)
    sums = pd.DataFrame({"before": before, "after": after}).groupby(found.customer)
    had, has = (sums[name].transform("sum").to_numpy(np.int64) for name in ("before", "after"))
    # who pays the same for other deals has moved between groups: an expansion by nothing in all
    which = np.select([had == 0, has == 0, has >= had], [0, 3, 1], 2)
    some = (before != 0) | (after != 0)
    shared = share_out(measures, found.deal[some], before[some], after[some])
    if shared is None:
        return None
    was, now = shared
    of_deal = which[np.searchsorted(found.deal, was.record)]
    out = {}
    for code, name in enumerate(_MOVES):
        change = (now.value - was.value) * (-1 if name in ("mrr_contraction", "mrr_churned") else 1)
        kept = (of_deal == code) & (change != 0)
        out[name] = Parts("deal", was.record[kept], was.group[kept], change[kept])
    return out


def _move(name: str) -> Measure:
    def measure(measures: Measures) -> Parts | None:
        found = measures.once(f"movements of {measures.asked.question.period}", lambda: _moves(measures))
        return None if found is None else found[name]

    return measure


MEASURES: Final[dict[str, Measure]] = {
    "monthly_recurring_revenue": monthly_recurring_revenue,
    **{name: _move(name) for name in _MOVES},
}
