"""Leads and deals: which of them each measure counts, credited where a marketing dimension is asked for."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import select

from attribution.journeys.milestone_times import milestone_times
from attribution.journeys.milestones import UNREACHED
from attribution.ledger.allocate import MILLION
from attribution.metrics.facts import NEVER, first_records
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
    at = leads[column].to_numpy(np.int64) if column else converted_at(measures, measures.asked.stage)
    counted = measures.counts(of_people(measures, at), leads["created"].to_numpy(np.int64))
    return leads["lead_id"].to_numpy(np.int64)[counted]


def of_people(measures: Measures, at: Ints) -> Ints:
    """Return when something happened to each lead; where leads are people, to each person at its first.

    Args:
        measures: of the question.
        at: int64[leads] instants, `NEVER` where it has not happened.

    Returns:
        The same; of people the earliest of all their records, which their first one has, `NEVER` elsewhere.
    """
    if not measures.asked.unique:
        return at
    found: Ints = np.full(len(at), NEVER)
    np.minimum.at(found, first_records(measures.dimensions.leads), at)
    return found


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
        status = won & ~deals["deal_id"].isin(unrated_deals(measures)).to_numpy(bool)
    only = asked.question.currency
    if only is not None:
        status = status & (deals["currency"] == only).to_numpy(bool)
    at = opportunity_at(measures) if name == "opportunities" else deals["closed"].to_numpy(np.int64)
    counted = status & measures.counts(at, measures.lead_created())
    if asked.basis == "cohort":
        lost = status & measures.in_period(at) & (deals["lead_id"].to_numpy() < 0)
        kept = dimensions.record_groups("won", deals["deal_id"].to_numpy(np.int64)[lost]) >= 0
        measures.without_lead[name] = int(kept.sum()) * MILLION
    return deals["deal_id"].to_numpy()[counted]


def opportunity_at(measures: Measures) -> Ints:
    """Return when each deal was created; one that does not say so, at its closing: it was there by then."""
    deals = measures.dimensions.deals
    created, closed = (deals[name].to_numpy(np.int64) for name in ("created", "closed"))
    unsaid = created == NEVER
    if not unsaid.any():
        return created
    # what an open deal has for a closing is a wish
    decided = unsaid & deals["status"].isin(["won", "lost"]).to_numpy(bool)
    measures.warn(
        f"deals without created_at: {int(decided.sum()):,} count as opportunities at their closing, "
        f"{int((unsaid & ~decided).sum()):,} that are open as none; import created_at"
    )
    return np.where(decided, closed, created)


def converted_at(measures: Measures, stage: str) -> Ints:
    """Return when each lead reached a stage, itself or by its deals; `NEVER` where it has not."""
    return measures.once(f"leads that reached {stage}", lambda: _reached_at(measures, stage))


def _reached_at(measures: Measures, stage: str) -> Ints:
    leads, deals = measures.dimensions.leads, measures.dimensions.deals
    counted = deals["lead_id"].to_numpy() >= 0
    found: Ints = np.full(len(leads), NEVER)
    if stage == "opportunity":
        of_deals = opportunity_at(measures)
    elif stage == "won":
        of_deals = deals["closed"].to_numpy(np.int64)
        counted &= (deals["status"] == "won").to_numpy(bool)
    else:
        found = _stage_times(measures, "lead", leads["lead_id"].to_numpy(np.int64), stage)
        of_deals = _stage_times(measures, "won", deals["deal_id"].to_numpy(np.int64), stage)
        if (found == NEVER).all() and (of_deals == NEVER).all():
            measures.warn(f"no lead and no deal ever reached the stage {stage!r}; see the table stages")
    rows = pd.Index(leads["lead_id"]).get_indexer(deals["lead_id"].to_numpy()[counted])
    np.minimum.at(found, rows, of_deals[counted])
    return found


def _stage_times(measures: Measures, kind: str, objects: Ints, stage: str) -> Ints:
    """Return when records reached a stage of their history, `NEVER` where they have not."""
    times = milestone_times(measures.connection, kind, objects, [stage])[stage].times
    found: Ints = np.where(times == UNREACHED, NEVER, times)
    return found


def customers(measures: Measures) -> Ints:
    """Return the customer of each deal: an account, else a person, else the deal itself; numbered."""
    ids = measures.dimensions.deals["deal_id"].to_numpy(np.int64)
    return measures.once("customers", lambda: measures.units("deal", ids))


def _first_won(measures: Measures, won: Mask) -> Mask:
    """Mark each customer's first won deal."""
    deals = measures.dimensions.deals
    frame = pd.DataFrame({"customer": customers(measures), "closed": deals["closed"].to_numpy(np.int64)})
    frame = frame.assign(row=np.arange(len(deals)))[won]
    first = frame.sort_values(["closed", "row"]).drop_duplicates("customer")["row"].to_numpy()
    out = np.zeros(len(deals), bool)
    out[first] = True
    return out


def unrated_deals(measures: Measures) -> Ints:
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
