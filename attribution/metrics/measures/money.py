"""Revenue as the ledger credits it, and what was spent.

A refund counts when it was given: the revenue of a period holds refunds of older deals too.
Averages over deals take the revenue of the deals that they divide by, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from attribution.metrics.credits import Question, entries_by_object, entries_by_time, unrated_credits
from attribution.metrics.findings import EXAMPLES
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.measures.records import deal_ids, unrated_deals
from attribution.metrics.selection import Selection
from attribution.metrics.spend import Spend, spend_by_group
from attribution.money import money_words
from attribution.store.columns import Ints
from attribution.store.database import remembered


def revenue(measures: Measures) -> Parts | None:
    of = measures.credits("revenue", required=True)
    if of is None:
        return None
    question, dims = measures.asked.question, measures.dimensions
    cells = _cells(measures, of)
    in_period = measures.in_period(cells["at"].to_numpy(np.int64))
    if measures.asked.basis == "cohort":
        deals = dims.deals
        _tell_leadless(measures, "revenue", cells[in_period])
        followed = measures.in_period(measures.lead_created())
        ids = deals["deal_id"].to_numpy(np.int64)[followed]
        counted = cells["object_id"].isin(ids).to_numpy(bool)
        warn_unrated(measures, "revenue", _unrated_of(measures, of, ids))
    else:
        counted = in_period
        lost = unrated_credits(measures.connection, of, dims, question)
        warn_unrated(measures, "revenue", lost.no_rate, lost.no_rate_groups)
    cells = cells[counted]
    records = cells["object_id"].to_numpy(np.int64)
    return Parts("deal", records, _groups(measures, cells), cells["value"].to_numpy(np.int64))


def _cells(measures: Measures, of: Selection) -> pd.DataFrame:
    """Return the entries of every period."""
    question, keys = measures.asked.question, measures.dimensions.touch_keys
    return remembered(
        measures.connection,
        ("money", of.credit_set_id, keys, question.date, question.currency, question.restate),
        lambda: entries_by_time(measures.connection, of, keys, question),
    )


def _groups(measures: Measures, cells: pd.DataFrame) -> Ints:
    dims = measures.dimensions
    groups = dims.touch_groups({key: cells[key].to_numpy() for key in dims.touch_keys}, len(cells))
    records = cells["object_id"].to_numpy(np.int64)
    return dims.add(groups, dims.record_groups("won", records)) if dims.plain else groups


def deal_revenue(measures: Measures) -> Parts | None:
    """Revenue of the deals that an average is over: of those won in the period, what they brought in it."""
    earned, of = measures.parts("revenue"), measures.credits("revenue", required=True)
    if earned is None or of is None:
        return None
    if measures.asked.basis == "cohort":
        deals, cells = measures.dimensions.deals, _cells(measures, of)
        won = (deals["status"] == "won").to_numpy(bool)
        ids = deals["deal_id"][won & measures.in_period(deals["closed"].to_numpy(np.int64))]
        in_period = measures.in_period(cells["at"].to_numpy(np.int64))
        _tell_leadless(measures, "deal_revenue", cells[in_period & cells["object_id"].isin(ids)])
    kept = np.isin(earned.record, deal_ids(measures, "valued_deals"))
    return Parts(earned.kind, earned.record[kept], earned.group[kept], earned.value[kept])


def _unrated_of(measures: Measures, of: Selection, ids: Ints) -> dict[str, int]:
    """Return what nothing converts of some deals, by its currency in minor units of that."""
    deals, dims = measures.dimensions.deals, measures.dimensions
    lost = deals[deals["deal_id"].isin(unrated_deals(measures)) & deals["deal_id"].isin(ids)]
    found = {}
    for currency in sorted(lost["currency"].dropna().unique().tolist()):
        cells = entries_by_object(measures.connection, of, dims.touch_keys, Question(currency=currency))
        cells = cells[cells["object_id"].isin(lost["deal_id"])]
        minor = int(cells["value"].to_numpy(np.int64)[_groups(measures, cells) >= 0].sum())
        if minor:
            found[currency] = minor
    return found


def _tell_leadless(measures: Measures, name: str, cells: pd.DataFrame) -> None:
    """Note the revenue of deals that belong to no cohort, as a measure has it."""
    deals = measures.dimensions.deals
    records = cells["object_id"].to_numpy(np.int64)
    lost = np.isin(records, deals["deal_id"].to_numpy(np.int64)[deals["lead_id"].to_numpy() < 0])
    lost &= measures.dimensions.record_groups("won", records) >= 0
    measures.without_lead[name] = int(cells["value"].to_numpy(np.int64)[lost].sum())


def spend(measures: Measures) -> Parts | None:
    if measures.dimensions.not_of_spend:
        names = ", ".join(measures.dimensions.not_of_spend)
        measures.warn(f"spend and its ratios are left empty: spend is not known by {names}")
        return None
    spent: Spend = spend_by_group(
        measures.connection,
        measures.dimensions,
        measures.asked.question.period,
        timezone=measures.asked.journeys.timezone,
        into=measures.asked.journeys.currency,
        only=measures.asked.question.currency,
    )
    warn_unrated(measures, "spend", spent.no_rate, spent.no_rate_groups)
    return Parts.of_groups(spent.by_group)


def warn_unrated(measures: Measures, what: str, amounts: dict[str, int], groups: Iterable[int] = ()) -> None:
    """Tell what money is left out because nothing converts it, and in which groups it is missing."""
    if not amounts:
        return
    measures.no_rate[what] = amounts
    money = ", ".join(money_words(minor, c) for c, minor in sorted(amounts.items()))
    dims = measures.dimensions
    names = sorted(" / ".join(dims.names(group).values()) for group in groups) if dims.by else []
    more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
    where = f" (of {', '.join(names[:EXAMPLES])}{more})" if names else ""
    measures.warn(f"{what} leaves out {money}{where}: no rate within 7 days; import rates, then run again")


MEASURES: Final[dict[str, Measure]] = {"revenue": revenue, "deal_revenue": deal_revenue, "spend": spend}
