"""What was known of each open lead at an instant, and what became of it: nothing looks past the instant."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.clock import DAY
from attribution.metrics.facts import NEVER
from attribution.metrics.predict.records import Records
from attribution.store.columns import Ints

STAGES: Final = ("lead", "mql", "sqo", "opportunity")
RECENT_DAYS: Final = 30
NOTHING: Final = "(none)"
MOST_APART: Final = 0.1  # how much rarer an attribute may be among leads that are open than among those won
MOST_WON: Final = 0.9  # of the deals, where lost and open ones are recorded too

Mask = npt.NDArray[np.bool_]


def open_at(records: Records, at: int) -> Ints:
    """Return the rows of the leads that are open at an instant: created, not disqualified, no deal decided.

    By the times, not by today's status: a deal that was won later is open.
    """
    leads, deals = records.leads, records.deals
    there: Mask = (leads["created"] <= at).to_numpy(bool) & (leads["disqualified"] > at).to_numpy(bool)
    there[deals["lead"].to_numpy(np.int64)[(deals["closed"] <= at).to_numpy(bool)]] = False
    return np.flatnonzero(there)


def known_at(records: Records, at: int, *, deals_count: bool = True) -> pd.DataFrame:
    """Return what was known at an instant of the leads that were open then.

    The amount of an open deal is not among it: no history tells what it was then, only what it is now
    (:func:`open_amounts`). Neither are owners, who change. The industry has no history either, see
    :func:`is_told_late`.

    Args:
        records: of all leads.
        at: microseconds.
        deals_count: deals and their stages are among what was known, see :func:`are_deals_told_late`.

    Returns:
        `lead` (row), `stage` (the furthest of :data:`STAGES`), `named` (the stage of the history reached
        last), `age`, `since` (days since creation, since anything was last reached), `touches`, `recent` (of
        the last 30 days), `first`, `last` (channels) and `industry`.
    """
    rows = open_at(records, at)
    leads = records.leads.iloc[rows]
    n = len(records.leads)
    created = leads["created"].to_numpy(np.int64)
    began = _first_opportunity(records, n)[rows] if deals_count else np.full(len(rows), NEVER)
    reached = np.stack([created, leads["mql"].to_numpy(np.int64), leads["sqo"].to_numpy(np.int64), began])
    there = reached <= at
    furthest = len(STAGES) - 1 - there[::-1].argmax(axis=0)
    last = np.where(there, reached, created).max(axis=0)

    counted = (records.stages["at"] <= at) & (deals_count | ~records.stages["of_deal"])
    stages = records.stages[counted.to_numpy(bool)].drop_duplicates("lead", keep="last")
    named = np.full(n, NOTHING, dtype=object)
    named[stages["lead"].to_numpy(np.int64)] = stages["stage"].to_numpy(object)
    of_stage = np.full(n, np.iinfo(np.int64).min)
    of_stage[stages["lead"].to_numpy(np.int64)] = stages["at"].to_numpy(np.int64)
    last = np.maximum(last, of_stage[rows])

    count, recent, first, final = _touched(records, at, n)
    channels = np.array([*records.channels, NOTHING], dtype=object)  # -1 finds the last
    industry = leads["industry"].astype(object)
    return pd.DataFrame(
        {
            "lead": rows,
            "stage": np.array(STAGES, dtype=object)[furthest],
            "named": named[rows],
            "age": (at - created) / DAY,
            "since": (at - last) / DAY,
            "touches": count[rows],
            "recent": recent[rows],
            "first": channels[first[rows]],
            "last": channels[final[rows]],
            "industry": industry.where(industry.notna(), NOTHING).to_numpy(object),
        }
    )


def _first_opportunity(records: Records, n: int) -> Ints:
    out = np.full(n, NEVER)
    first = records.deals.groupby("lead")["created"].min()
    out[first.index.to_numpy(np.int64)] = first.to_numpy(np.int64)
    return out


def _touched(records: Records, at: int, n: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return for each lead how many touches were known, how many recent ones, the first and last channel."""
    touches = records.touches
    seen = touches[(touches["seen"] <= at).to_numpy(bool)]
    lead, channel = seen["lead"].to_numpy(np.int64), seen["channel"].to_numpy(np.int64)
    late = (seen["at"] > at - RECENT_DAYS * DAY).to_numpy(bool)
    first, last = np.full(n, -1), np.full(n, -1)
    last[lead] = channel  # the last write wins: touches are in order of time
    first[lead[::-1]] = channel[::-1]
    return np.bincount(lead, minlength=n), np.bincount(lead[late], minlength=n), first, last


def outcome(records: Records, rows: Ints, after: int, until: int) -> tuple[Ints, Ints]:
    """Return what leads brought after an instant and up to another one.

    Args:
        records: of all leads.
        rows: int64[n], rows of leads.
        after, until: microseconds; deals that closed after the first and up to the second count, with what
            was given back of them by then.

    Returns:
        int64[n]: won deals, and their revenue in minor units of the reporting currency.
    """
    n = len(records.leads)
    deals, money = records.deals, records.money
    closed = deals["closed"]
    won = ((deals["won"] == 1) & (closed > after) & (closed <= until)).to_numpy(bool)
    paid = ((money["closed"] > after) & (money["closed"] <= until) & (money["at"] <= until)).to_numpy(bool)
    wins = np.bincount(deals["lead"].to_numpy(np.int64)[won], minlength=n)
    value = np.zeros(n, np.int64)
    np.add.at(value, money["lead"].to_numpy(np.int64)[paid], money["value"].to_numpy(np.int64)[paid])
    return wins[rows], value[rows]


def open_amounts(records: Records) -> tuple[Ints, Ints]:
    """Return what the open deals of each lead come to as last imported, and how many have an amount.

    Returns:
        int64[L], int64[L]: minor units of the reporting currency, and deals.
    """
    n = len(records.leads)
    known = records.deals[(records.deals["closed"] == NEVER) & (records.deals["minor"] > 0)]
    rows = known["lead"].to_numpy(np.int64)
    value = np.zeros(n, np.int64)
    np.add.at(value, rows, known["minor"].to_numpy(np.int64))
    return value, np.bincount(rows, minlength=n)


def is_told_late(records: Records, at: int) -> bool:
    """Tell whether the industry is filled in once a lead is won: then it is no news of open leads.

    It has no history. Where it is known of won leads more often than of open ones, by ten points or more,
    it was written after what it would predict.
    """
    known = records.leads["industry"].notna().to_numpy(bool)
    won = records.deals["lead"][(records.deals["won"] == 1) & (records.deals["closed"] <= at)]
    open_ = open_at(records, at)
    if not len(won) or not len(open_):
        return False
    winners = np.flatnonzero(np.bincount(won.to_numpy(np.int64), minlength=len(known)))
    return bool(known[winners].mean() - known[open_].mean() >= MOST_APART)


def are_deals_told_late(records: Records, at: int) -> bool:
    """Tell whether deals enter the CRM once they are won: then an opportunity is no news of open leads.

    So it is where more than nine in ten deals of leads that were created by then have been won.
    """
    deals = records.deals[records.deals["created"] <= at]
    won = (deals["won"] == 1) & (deals["closed"] <= at)
    return bool(len(deals) and won.mean() > MOST_WON)
