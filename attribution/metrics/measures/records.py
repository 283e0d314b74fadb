"""Leads and deals: which of them each measure counts, credited where a marketing dimension is asked for."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import select

from attribution.journeys.milestone_times import milestone_times
from attribution.ledger.allocate import MILLION
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.store.columns import Ints, read_ints
from attribution.store.schema import conversion

Mask = npt.NDArray[np.bool_]

# measure -> whose journeys credit it
OF_LEADS: Final = {"leads": "leads", "converted_leads": "leads", "mql": "mql", "sqo": "sqo"}
OF_DEALS: Final = {
    "opportunities": "opportunities", "decided": "opportunities", "decided_won": "opportunities",
    "won_deals": "revenue", "valued_deals": "revenue", "customers": "revenue",
}  # fmt: skip


def lead_ids(measures: Measures, name: str) -> Ints:
    """Return the leads that a measure of OF_LEADS counts."""
    leads = measures.dimensions.leads
    column = {"leads": "created", "mql": "mql", "sqo": "sqo"}.get(name)
    at = np.asarray(leads[column] if column else converted_at(measures), np.int64)
    counted = measures.counts(at, leads["created"].to_numpy(np.int64))
    if measures.asked.unique:
        counted[counted] = _first_of_person(leads[counted], at[counted])
    return leads["lead_id"].to_numpy()[counted]


def deal_ids(measures: Measures, name: str) -> Ints:
    """Return the deals that a measure of OF_DEALS counts."""
    asked, dimensions = measures.asked, measures.dimensions
    deals = dimensions.deals
    won = (deals["status"] == "won").to_numpy(bool)
    status = won
    if name == "opportunities":
        status = np.ones(len(deals), bool)
    elif name == "decided":
        status = won | (deals["status"] == "lost").to_numpy(bool)
    elif name == "customers":
        status = _first_won(measures, won)
    elif name == "valued_deals":  # an average leaves out on both sides what lacks a rate
        status = won & ~deals["deal_id"].isin(_unrated(measures)).to_numpy(bool)
    only = asked.question.currency
    if only is not None:
        status = status & (deals["currency"] == only).to_numpy(bool)
    at = deals["created" if name == "opportunities" else "closed"].to_numpy(np.int64)
    counted = status & measures.counts(at, deals["lead_created"].to_numpy(np.int64))
    if asked.basis == "cohort":
        lost = status & measures.in_period(at) & (deals["lead_id"].to_numpy() < 0)
        kept = dimensions.record_groups("won", deals["deal_id"].to_numpy(np.int64)[lost]) >= 0
        measures.without_lead[name] = int(kept.sum()) * MILLION
    return deals["deal_id"].to_numpy()[counted]


def converted_at(measures: Measures) -> pd.Series[int]:
    """Return when each lead reached the stage that makes it converted, `NEVER` where it has not."""
    stage = measures.asked.stage
    leads, deals = measures.dimensions.leads, measures.dimensions.deals
    of_deals = deals["created" if stage == "opportunity" else "closed"].to_numpy(np.int64)
    counted = deals["lead_id"].to_numpy() >= 0
    own: Ints = np.full(len(leads), NEVER)
    if stage == "won":
        counted &= (deals["status"] == "won").to_numpy(bool)
    elif stage != "opportunity":
        ids = leads["lead_id"].to_numpy(np.int64)
        own = milestone_times(measures.connection, "lead", ids, [stage])[stage].times
        of_deals = milestone_times(measures.connection, "won", deals["deal_id"].to_numpy(np.int64), [stage])[
            stage
        ].times
        if (own == NEVER).all() and (of_deals == NEVER).all():
            measures.warn(f"no lead and no deal ever reached the stage {stage!r}; see the table stages")
    reached = pd.DataFrame({"lead_id": deals["lead_id"].to_numpy(np.int64)[counted], "at": of_deals[counted]})
    first = reached.groupby("lead_id")["at"].min()
    at = pd.Index(first.index).get_indexer(leads["lead_id"].to_numpy())
    values = np.append(first.to_numpy(np.int64), NEVER)  # -1 finds the last
    return pd.Series(np.minimum(values[at], own), index=leads.index)


def customers(measures: Measures) -> Ints:
    """Return the customer of each deal, numbered: an account, else a person, else the deal itself."""
    deals, leads = measures.dimensions.deals, measures.dimensions.leads
    rows = pd.Index(leads["lead_id"]).get_indexer(deals["lead_id"].to_numpy())
    person = np.append(leads["person_id"].to_numpy(np.int64), -1)[rows]
    accounts = deals["account"].tolist()
    ids = zip(accounts, person.tolist(), deals["deal_id"].tolist(), strict=True)
    named = [(0, a) if a is not None else (1, p) if p >= 0 else (2, d) for a, p, d in ids]
    codes: Ints = pd.factorize(pd.Series(named, dtype=object))[0].astype(np.int64)
    return codes


def _first_of_person(leads: pd.DataFrame, at: Ints) -> Mask:
    """Mark the first record of each person."""
    frame = pd.DataFrame({"person": leads["person_id"].to_numpy(np.int64), "at": at})
    return ~frame.sort_values("at", kind="stable").duplicated("person").sort_index().to_numpy(bool)


def _first_won(measures: Measures, won: Mask) -> Mask:
    """Mark each customer's first won deal."""
    deals = measures.dimensions.deals
    frame = pd.DataFrame({"customer": customers(measures), "closed": deals["closed"].to_numpy(np.int64)})
    frame = frame.assign(row=np.arange(len(deals)))[won]
    first = frame.sort_values(["closed", "row"]).drop_duplicates("customer")["row"].to_numpy()
    out = np.zeros(len(deals), bool)
    out[first] = True
    return out


def _unrated(measures: Measures) -> Ints:
    """Return the won deals whose money nothing converts; none where one currency alone is asked for."""
    if measures.asked.question.currency is not None:
        return np.empty(0, np.int64)
    statement = select(conversion.c.object_id).where(
        conversion.c.kind == "won", conversion.c.reporting_minor.is_(None), conversion.c.active == 1
    )
    return read_ints(measures.connection, statement, ["deal_id"])["deal_id"]


def _leads(name: str) -> Measure:
    def measure(measures: Measures) -> Parts | None:
        cells = measures.spread(OF_LEADS[name], lead_ids(measures, name))
        return None if cells is None else Parts("lead", *cells)

    return measure


def _deals(name: str) -> Measure:
    def measure(measures: Measures) -> Parts | None:
        cells = measures.spread(OF_DEALS[name], deal_ids(measures, name))
        return None if cells is None else Parts("deal", *cells)

    return measure


MEASURES: Final[dict[str, Measure]] = {
    **{name: _leads(name) for name in OF_LEADS},
    **{name: _deals(name) for name in OF_DEALS},
}
