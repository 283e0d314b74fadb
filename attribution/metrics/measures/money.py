"""Revenue as the ledger credits it, and what was spent."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from attribution.metrics.credits import entries_by_time, unrated
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.spend import Spend, spend_by_group
from attribution.money import money_text
from attribution.store.database import remembered


def revenue(measures: Measures) -> Parts | None:
    of = measures.credits("revenue", required=True)
    if of is None:
        return None
    question, dims = measures.asked.question, measures.dimensions
    cells = remembered(
        measures.connection,
        ("money", of.credit_set_id, dims.touch_keys, question.currency, question.restate),
        lambda: entries_by_time(measures.connection, of, dims.touch_keys, question),
    )
    in_period = measures.in_period(cells["at"].to_numpy(np.int64))
    if measures.asked.basis == "cohort":
        deals = dims.deals
        _tell_leadless(measures, cells[in_period])
        followed = measures.in_period(deals["lead_created"].to_numpy(np.int64))
        counted = cells["object_id"].isin(deals["deal_id"][followed]).to_numpy(bool)
    else:
        counted = in_period
        _warn_unrated(measures, "revenue", unrated(measures.connection, of, dims, question))
    cells = cells[counted]
    records = cells["object_id"].to_numpy(np.int64)
    groups = dims.touch_groups({key: cells[key].to_numpy() for key in dims.touch_keys}, len(cells))
    groups = dims.add(groups, dims.record_groups("won", records)) if dims.plain else groups
    return Parts("deal", records, groups, cells["value"].to_numpy(np.int64))


def _tell_leadless(measures: Measures, cells: pd.DataFrame) -> None:
    """Note the revenue of deals that belong to no cohort."""
    deals = measures.dimensions.deals
    records = cells["object_id"].to_numpy(np.int64)
    lost = np.isin(records, deals["deal_id"].to_numpy(np.int64)[deals["lead_id"].to_numpy() < 0])
    lost &= measures.dimensions.record_groups("won", records) >= 0
    measures.without_lead["revenue"] = int(cells["value"].to_numpy(np.int64)[lost].sum())


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
    _warn_unrated(measures, "spend", spent.no_rate)
    return Parts.of_groups(spent.by_group)


def _warn_unrated(measures: Measures, what: str, amounts: dict[str, int]) -> None:
    if amounts:
        money = ", ".join(f"{money_text(minor, c)} {c}" for c, minor in sorted(amounts.items()))
        measures.warn(f"{what} leaves out {money}: no rate within 7 days; import rates, then run again")


MEASURES: Final[dict[str, Measure]] = {"revenue": revenue, "spend": spend}
