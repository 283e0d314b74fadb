"""How long stages take when those still on their way are counted too: Kaplan-Meier, they are censored.

Of those who began in the period, whoever has not arrived by the last run is still on the way, lost deals and
disqualified leads too: they will not arrive, so the curve stays above them, and a quartile that it never
reaches is not known. Whole records are counted: credit has no curve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from attribution.metrics.facts import NEVER
from attribution.metrics.measures.context import Measures
from attribution.metrics.measures.lifetimes import survival
from attribution.metrics.measures.responses import requests
from attribution.store.columns import Ints


class Waiting(NamedTuple):
    """One stage of one group; None where the curve does not reach it."""

    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    waiting: int  # how many have not arrived


class _Spans(NamedTuple):
    """Parallel arrays: records, when each began, and when it arrived (`NEVER`: not yet)."""

    record: Ints
    began: Ints
    arrived: Ints


def waiting(measures: Measures, stage: str, unit: int) -> dict[int, Waiting] | None:
    """Return the quartiles of a stage by group, in a unit of so many microseconds; None where unknown."""
    if stage not in _SPANS:
        return None
    if measures.dimensions.marketing:
        names = ", ".join(measures.dimensions.marketing)
        measures.warn(f"censored durations are left empty: they count whole records, not credit by {names}")
        return None
    goal, spans_of = _SPANS[stage]
    spans = spans_of(measures)
    cells = measures.spread(goal, spans.record)
    if cells is None:
        return None
    today = measures.asked.journeys.as_of
    took = np.minimum(spans.arrived, today) - spans.began
    frame = pd.DataFrame({"group": cells[1], "took": took, "open": spans.arrived > today})
    frame = frame[(frame["group"] >= 0) & (frame["took"] >= 0)]
    return {int(str(group)): _quartiles(part, unit) for group, part in frame.groupby("group")}


def _quartiles(part: pd.DataFrame, unit: int) -> Waiting:
    open_ = part["open"].to_numpy(bool)
    curve = survival(part["took"].to_numpy(np.float64) / unit, open_)
    return Waiting(curve.quantile(0.25), curve.quantile(0.5), curve.quantile(0.75), int(open_.sum()))


def _arrived(began: Ints, arrived: Ints, end_of_day: Ints) -> Ints:
    """Return when each arrived: one known by its day only, on the day of its begin, took no time."""
    found: Ints = np.where((arrived < began) & (end_of_day >= began), began, arrived)
    return found


def _of_leads(measures: Measures, deals: pd.DataFrame, column: str, end: str) -> _Spans:
    """Return the leads created in the period, and when the first of some of their deals was."""
    leads = measures.dimensions.leads
    leads = leads[measures.in_period(leads["created"].to_numpy(np.int64))]
    first = deals[deals["lead_id"] >= 0].groupby("lead_id")[[column, end]].min()
    at = pd.Index(first.index).get_indexer(leads["lead_id"].to_numpy())
    arrived, end_of_day = (np.append(first[name].to_numpy(np.int64), NEVER)[at] for name in (column, end))
    began = leads["created_start"].to_numpy(np.int64)
    return _Spans(leads["lead_id"].to_numpy(np.int64), began, _arrived(began, arrived, end_of_day))


def _lead_to_opportunity(measures: Measures) -> _Spans:
    return _of_leads(measures, measures.dimensions.deals, "created_start", "created")


def _lead_to_won(measures: Measures) -> _Spans:
    deals = measures.dimensions.deals
    return _of_leads(measures, deals[deals["status"] == "won"], "closed", "closed")


def _opportunity_to_won(measures: Measures) -> _Spans:
    deals = measures.dimensions.deals
    deals = deals[measures.in_period(deals["created"].to_numpy(np.int64))]
    closed = np.where(deals["status"] == "won", deals["closed"].to_numpy(np.int64), NEVER)
    return _Spans(deals["deal_id"].to_numpy(np.int64), deals["created_start"].to_numpy(np.int64), closed)


def _request_to_response(measures: Measures) -> _Spans:
    found = requests(measures)
    return _Spans(*(found[name].to_numpy(np.int64) for name in ("lead_id", "requested", "responded")))


# of the others nobody knows who began and has not arrived
_SPANS: Final[dict[str, tuple[str, Callable[[Measures], _Spans]]]] = {
    "lead_to_opportunity": ("leads", _lead_to_opportunity),
    "opportunity_to_won": ("revenue", _opportunity_to_won),
    "lead_to_won": ("leads", _lead_to_won),
    "request_to_response": ("leads", _request_to_response),
}
