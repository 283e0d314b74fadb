"""How long stages take when those still on their way are counted too: Kaplan-Meier, they are censored.

Of those who began in the period, whoever has not arrived by the last run is still on the way, and censored
there. Whoever was given up before has not waited since: a deal is censored when it was lost, a lead when it
was disqualified or, on the way to a win, when the last of its deals was lost. So the curve is that of those
who are not given up; how many are is told by conversion and win rates. A quartile that it never reaches is
not known. Whole records are counted: credit has no curve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import func, select

from attribution.metrics.facts import NEVER
from attribution.metrics.measures.context import Measures
from attribution.metrics.measures.lifetimes import survival
from attribution.metrics.measures.responses import requests
from attribution.store.columns import Ints, read_ints
from attribution.store.keys import look_up
from attribution.store.schema import lead


class Waiting(NamedTuple):
    """One stage of one group; None where the curve does not reach it."""

    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None
    waiting: int  # how many are still on their way


class _Spans(NamedTuple):
    """Parallel arrays: records, when each began, arrived and was given up (`NEVER`: it has not)."""

    record: Ints
    began: Ints
    arrived: Ints
    gone: Ints


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
    censored = spans.arrived > today
    # what was given up before it began, as far as a bare date tells, has waited for no time at all
    gone = np.maximum(spans.gone, np.minimum(spans.began, today))
    until = np.where(censored, np.minimum(gone, today), spans.arrived)
    frame = pd.DataFrame(
        {
            "group": cells[1], "took": until - spans.began, "censored": censored,
            "waiting": censored & (spans.gone > today),
        }
    )  # fmt: skip
    frame = frame[(frame["group"] >= 0) & (frame["took"] >= 0)]
    return {int(str(group)): _quartiles(part, unit) for group, part in frame.groupby("group")}


def _quartiles(part: pd.DataFrame, unit: int) -> Waiting:
    curve = survival(part["took"].to_numpy(np.float64) / unit, part["censored"].to_numpy(bool))
    lower, median, upper = (curve.quantile(quarter) for quarter in (0.25, 0.5, 0.75))
    return Waiting(lower, median, upper, int(part["waiting"].sum()))


def _arrived(began: Ints, arrived: Ints, end_of_day: Ints) -> Ints:
    """Return when each arrived: one known by its day only, on the day of its begin, took no time."""
    found: Ints = np.where((arrived < began) & (end_of_day >= began), began, arrived)
    return found


def _given_up(measures: Measures, lead_ids: Ints) -> Ints:
    """Return when each lead was disqualified."""

    def read() -> dict[str, Ints]:
        at = func.coalesce(lead.c.disqualified_at, NEVER)
        return read_ints(
            measures.connection, select(lead.c.lead_id, at).order_by(lead.c.lead_id), ["lead_id", "at"]
        )

    known = measures.once("disqualified", read)
    return look_up(known["lead_id"], known["at"], lead_ids)


def _lost(measures: Measures, lead_ids: Ints) -> Ints:
    """Return when the last deal of each lead was lost; `NEVER` where one is open, or there is none."""
    deals = measures.dimensions.deals
    closed = np.where(deals["status"] == "lost", deals["closed"].to_numpy(np.int64), NEVER)
    last = pd.Series(closed).groupby(deals["lead_id"].to_numpy(np.int64)).max()
    at = pd.Index(last.index).get_indexer(lead_ids)
    found: Ints = np.append(last.to_numpy(np.int64), NEVER)[at]  # -1 finds the last
    return found


def _of_leads(measures: Measures, deals: pd.DataFrame, column: str, end: str) -> _Spans:
    """Return the leads created in the period, and when the first of some of their deals was."""
    leads = measures.dimensions.leads
    leads = leads[measures.in_period(leads["created"].to_numpy(np.int64))]
    first = deals[deals["lead_id"] >= 0].groupby("lead_id")[[column, end]].min()
    at = pd.Index(first.index).get_indexer(leads["lead_id"].to_numpy())
    arrived, end_of_day = (np.append(first[name].to_numpy(np.int64), NEVER)[at] for name in (column, end))
    began = leads["created_start"].to_numpy(np.int64)
    ids = leads["lead_id"].to_numpy(np.int64)
    return _Spans(ids, began, _arrived(began, arrived, end_of_day), _given_up(measures, ids))


def _lead_to_opportunity(measures: Measures) -> _Spans:
    return _of_leads(measures, measures.dimensions.deals, "created_start", "created")


def _lead_to_won(measures: Measures) -> _Spans:
    deals = measures.dimensions.deals
    found = _of_leads(measures, deals[deals["status"] == "won"], "closed", "closed")
    return found._replace(gone=np.minimum(found.gone, _lost(measures, found.record)))


def _opportunity_to_won(measures: Measures) -> _Spans:
    deals = measures.dimensions.deals
    deals = deals[measures.in_period(deals["created"].to_numpy(np.int64))]
    closed = deals["closed"].to_numpy(np.int64)
    won, lost = (np.where(deals["status"] == status, closed, NEVER) for status in ("won", "lost"))
    return _Spans(deals["deal_id"].to_numpy(np.int64), deals["created_start"].to_numpy(np.int64), won, lost)


def _request_to_response(measures: Measures) -> _Spans:
    found = requests(measures)
    ids, asked, answered = (found[name].to_numpy(np.int64) for name in ("lead_id", "requested", "responded"))
    return _Spans(ids, asked, answered, _given_up(measures, ids))


# of the others nobody knows who began and has not arrived
_SPANS: Final[dict[str, tuple[str, Callable[[Measures], _Spans]]]] = {
    "lead_to_opportunity": ("leads", _lead_to_opportunity),
    "opportunity_to_won": ("revenue", _opportunity_to_won),
    "lead_to_won": ("leads", _lead_to_won),
    "request_to_response": ("leads", _request_to_response),
}
