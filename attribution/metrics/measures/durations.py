"""How long each stage took, of those that reached it: median and quartiles, by group.

The median and quartiles are Hyndman and Fan's type 2 (the mean of the two middle values where they tie),
which weights carry over to credited counts. A creation known by its day only is the start of that day,
a closing known by its day only the last microsecond of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import select

from attribution.clock import DAY, MINUTE
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.context import Measures
from attribution.metrics.measures.records import converted_at, deal_ids, lead_ids, of_people
from attribution.metrics.measures.responses import response_times
from attribution.metrics.selection import with_goal
from attribution.store.columns import Ints, read_ints
from attribution.store.schema import conversion, journey_touch, lead


@dataclass(frozen=True)
class Duration:
    """One stage of one group, in the unit that was asked for; None where nobody reached it."""

    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    share: int  # how many, in millionths
    negative: int  # how many ended before they began, in millionths: their duration is unknown


Times = tuple[Ints, Ints]  # record, microseconds (negative: it ended before it began)


@dataclass(frozen=True)
class Timed:
    """The durations of one stage, parallel arrays: record, its group (-1: none), its part of one, how long.

    `share` is in millionths, `micros` in microseconds, negative where it ended before it began; `kind` says
    what the records are.
    """

    kind: str
    record: Ints
    group: Ints
    share: Ints
    micros: Ints

    def by_group(self, unit: int = DAY) -> dict[int, Duration]:
        """Return the medians and quartiles of each group, in a unit of so many microseconds."""
        frame = pd.DataFrame({"group": self.group, "micros": self.micros, "share": self.share})
        frame = frame.loc[frame["group"] >= 0]
        return {int(str(group)): _summary(part, unit) for group, part in frame.groupby("group")}


def timed(measures: Measures, stage: str) -> Timed | None:
    """Return the durations of a stage; None where they are unknown."""
    goal, kind, times_of = STAGES[stage]
    found = times_of(measures)
    if found is None:
        return None
    records, micros = found
    cells = measures.spread(goal, records)
    if cells is None:
        return None
    ids, groups, share = cells
    at = pd.Index(records).get_indexer(pd.Index(ids))
    return Timed(kind, ids, groups, share, micros[at] if len(micros) else np.empty(0, np.int64))


def quantile(micros: Ints, weights: Ints, quarter: int, unit: int = DAY) -> float | None:
    """Return a quartile of weighted durations; None without any.

    Args:
        micros: durations in microseconds.
        weights: one positive whole number each.
        quarter: 1, 2 (the median) or 3.
        unit: of the result, in microseconds.

    >>> quantile(np.array([1, 2, 3, 10]) * DAY, np.ones(4, np.int64), 2)
    2.5
    """
    if not len(micros):
        return None
    order = np.argsort(micros, kind="stable")
    upto = np.cumsum(weights[order])
    target = quarter * int(upto[-1])
    at = int(np.searchsorted(upto * 4, target))
    beside = at + 1 if int(upto[at]) * 4 == target else at
    return (int(micros[order[at]]) + int(micros[order[beside]])) / 2 / unit


def _summary(part: pd.DataFrame, unit: int) -> Duration:
    known = part.loc[part["micros"] >= 0]
    micros, share = known["micros"].to_numpy(np.int64), known["share"].to_numpy(np.int64)
    lower, median, upper = (quantile(micros, share, quarter, unit) for quarter in (1, 2, 3))
    total = int(share.sum())
    return Duration(median, lower, upper, total, int(part["share"].sum()) - total)


def _between(end: Ints, start: Ints, end_of_day: Ints | None = None) -> Ints:
    """Subtract; where the end is a bare date, its day may hold the start: that is no time at all."""
    late = end - start
    if end_of_day is not None:
        late = np.where((late < 0) & (end_of_day >= start), 0, late)
    micros: Ints = late
    return micros


def _column(frame: pd.DataFrame, name: str) -> Any:
    return frame[name].to_numpy(np.int64)


def _first_touch_to_lead(measures: Measures) -> Times | None:
    asked = measures.asked
    journeys = with_goal(measures.connection, asked.journeys, "leads")
    if journeys.journey_set_id is None:
        measures.warn("time from first touch to lead is left empty: the goal leads was not run")
        return None
    statement = (
        select(conversion.c.object_id, lead.c.created_at, journey_touch.c.at, conversion.c.at)
        .join(journey_touch, journey_touch.c.conversion_id == conversion.c.conversion_id)
        .join(lead, lead.c.lead_id == conversion.c.object_id)
        .where(journey_touch.c.journey_set_id == journeys.journey_set_id, journey_touch.c.position == 0)
    )
    found = read_ints(measures.connection, statement, ("lead_id", "created", "touched", "end_of_day"))
    micros = _between(found["created"], found["touched"], found["end_of_day"])
    counted = np.isin(found["lead_id"], lead_ids(measures, "leads"))
    return found["lead_id"][counted], micros[counted]


def _lead_to_opportunity(measures: Measures) -> Times:
    leads, deals = measures.dimensions.leads, measures.dimensions.deals
    first = deals[deals["lead_id"] >= 0].groupby("lead_id")[["created_start", "created"]].min()
    rows = pd.Index(first.index).get_indexer(leads["lead_id"].to_numpy())
    begun, end_of_day = (  # -1 finds the last
        of_people(measures, np.append(_column(first, name), NEVER)[rows])
        for name in ("created_start", "created")
    )
    # whatever makes a lead converted: this stage ends with an opportunity
    at = of_people(measures, converted_at(measures, "opportunity"))
    # where another deal was closed before the first that says when it was created, it is not known
    known = measures.counts(at, _column(leads, "created")) & (end_of_day == at)
    start = _column(leads, "created_start")[known]
    return _column(leads, "lead_id")[known], _between(begun[known], start, end_of_day[known])


def _opportunity_to_won(measures: Measures) -> Times:
    return _to_won(measures, "created_start")


def _lead_to_won(measures: Measures) -> Times:
    return _to_won(measures, "lead_created_start")


def _to_won(measures: Measures, begins: str) -> Times:
    deals = measures.dimensions.deals
    ids, start = _column(deals, "deal_id"), _column(deals, begins)
    counted = np.isin(ids, deal_ids(measures, "won_deals")) & (start != NEVER)
    return ids[counted], _between(_column(deals, "closed")[counted], start[counted])


UNITS: Final = {"days": DAY, "minutes": MINUTE}

# stage -> whose journeys credit it, what its records are, and its times
STAGES: Final[dict[str, tuple[str, str, Callable[[Measures], Times | None]]]] = {
    "first_touch_to_lead": ("leads", "lead", _first_touch_to_lead),
    "lead_to_opportunity": ("leads", "lead", _lead_to_opportunity),
    "opportunity_to_won": ("revenue", "deal", _opportunity_to_won),
    "lead_to_won": ("revenue", "deal", _lead_to_won),
    "request_to_response": ("leads", "lead", response_times),
}
