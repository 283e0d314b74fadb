"""What a new fit moved: credit by channel and month, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, case, func, select

from attribution import clock
from attribution.journeys.people import DEAL_KINDS
from attribution.labels import NOT_SET, UNATTRIBUTED
from attribution.ledger import reasons
from attribution.ledger.rates import days_in_zone
from attribution.ledger.run import FitMade, RunResult
from attribution.metrics.answer import Answer, Row
from attribution.metrics.report import count
from attribution.metrics.selection import NO_CURRENCY
from attribution.money import money_text
from attribution.store.columns import read_ints
from attribution.store.database import Database
from attribution.store.schema import credit_set, entry, journey_set, placement
from attribution.store.settings import Settings


def model_fit(db: Database, result: RunResult) -> Answer:
    """Tell what a run with new fits moved.

    Returns:
        rows `model goals channel month before after moved` where anything moved (all, for a first fit):
        money for deals, credited counts for leads; a total for each model is in `totals`.
    """
    rows: list[Row] = []
    warnings = list(result.notes)
    with db.read() as connection:
        settings = Settings(connection)
        currency = settings.get("reporting_currency") or NO_CURRENCY
        timezone = settings.require("timezone")
        for made in result.fits:
            rows += _moves(connection, made, result.run_id, currency, timezone)
            warnings += [f"{' '.join(made.goals)}: {text}" for text in made.fit.trust["warnings"]]
            warnings.append(_told(made))
    return Answer(
        verb="model fit",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        currency=None if currency == NO_CURRENCY else currency,
        model=", ".join(dict.fromkeys(made.model for made in result.fits)),
        lookback=result.lookback,
        scope=result.scope,
        rows=rows,
        totals={"entries": sum(p.entries for p in result.posted)},
        warnings=warnings,
        columns={
            "model": "text", "goals": "text", "channel": "text", "month": "text", "before": "part",
            "after": "part", "moved": "part",
        },
        title="What the new fits moved",
    )  # fmt: skip


def _told(made: FitMade) -> str:
    trust = made.fit.trust
    first = "the first fit" if made.fit.number == 1 else f"fit {made.fit.number}"
    converted, others = trust["conversions"], trust["journeys"] - trust["conversions"]
    return (
        f"{made.model}, {' '.join(made.goals)}: {first}, of {converted:,} "
        f"{'conversion' if converted == 1 else 'conversions'} and {others:,} "
        f"{'journey' if others == 1 else 'journeys'} without one up to {clock.iso(made.fit.as_of)}"
    )


def _moves(
    connection: Connection, made: FitMade, run_id: int | None, currency: str, timezone: str
) -> list[Row]:
    kind = connection.execute(
        select(journey_set.c.kind)
        .join(credit_set, credit_set.c.journey_set_id == journey_set.c.journey_set_id)
        .where(credit_set.c.credit_set_id == made.credit_set_id)
    ).scalar_one()
    money = kind in DEAL_KINDS
    amount = func.coalesce(entry.c.reporting_minor, 0) if money else entry.c.share_millionths
    # of a first fit everything is new; of a later one only what was posted for its sake
    ours = entry.c.run_id == (run_id or 0)
    if made.fit.number > 1:
        ours = ours & (entry.c.reason == reasons.REFIT)
    columns = read_ints(
        connection,
        select(
            entry.c.placement_id,
            entry.c.effective_at,
            func.sum(amount),
            func.sum(case((ours, amount), else_=0)),
        )
        .where(entry.c.credit_set_id == made.credit_set_id)
        .group_by(entry.c.placement_id, entry.c.effective_at),
        ["placement", "at", "after", "moved"],
    )
    frame = pd.DataFrame(columns)
    frame["channel"] = _channels(connection, columns["placement"])
    frame["month"] = _months(columns["at"], timezone)
    sums = frame.groupby(["channel", "month"], as_index=False)[["after", "moved"]].sum()
    sums = sums[sums["moved"] != 0]

    def shown(value: Any) -> Any:
        return money_text(int(value), currency) if money else count(int(value))

    return [
        {
            "model": made.model,
            "goals": " ".join(made.goals),
            "channel": channel,
            "month": month,
            "before": shown(after - moved),
            "after": shown(after),
            "moved": shown(moved),
        }
        for channel, month, after, moved in sums.itertuples(index=False)
    ]


def _channels(connection: Connection, placements: np.ndarray[Any, np.dtype[np.int64]]) -> Sequence[str]:
    found = connection.execute(select(placement.c.placement_id, placement.c.channel)).all()
    names = {int(number): name or NOT_SET for number, name in found} | {0: UNATTRIBUTED}
    return [names[number] for number in placements.tolist()]


def _months(at: np.ndarray[Any, np.dtype[np.int64]], timezone: str) -> Any:
    days = days_in_zone(at, timezone)
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(str)
