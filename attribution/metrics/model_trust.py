"""How far the models' figures can be trusted: intervals, and how stable the order of the channels is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.journeys.read import Window
from attribution.labels import NOT_SET
from attribution.ledger.corpus import read_corpus
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import parse_by
from attribution.metrics.selection import JourneySelection, select_journeys
from attribution.models.base import AttributionModel
from attribution.models.registry import get_model
from attribution.money import money_text
from attribution.store.database import Database
from attribution.store.settings import Settings
from attribution.trust.bootstrap import Progress, bootstrap
from attribution.trust.intervals import Intervals, doubts

_ALLOWED = (*PLACEMENT_FIELDS, "touch_kind")


def model_trust(
    db: Database,
    models: Sequence[str | AttributionModel] | None = None,
    *,
    by: str | Iterable[str] = "channel",
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | None = None,
    level: float = 0.9,
    draws: int = 400,
    seed: int = 0,
    progress: Progress | None = None,
) -> Answer:
    """Draw people again and again, and see how much each model's figures move.

    A person is drawn with all their journeys, converted or not; a model that learns is fitted anew on every
    draw, so that its interval holds what it might have learned otherwise.

    Args:
        db: the store.
        models: names with parameters; none: those of the setting `models`.
        by: a dimension of touches, or several.
        goal, lookback, scope, kinds: which journeys; the store's own by default.
        level: the share of intervals that are to hold the truth.
        draws: how many, 100 or more.
        seed: another one gives other draws.
        progress: called as the work goes on.

    Returns:
        rows of a model and a value of the dimension: `value low high in_conversions rank rank_best rank_worst
        too_few rank_agreement`. `in_conversions` counts those in which the model credits it at all; below
        ten, low and high are null. `value` is what a run of today would credit with a fit of today, in
        floats, so it can be a penny beside the ledger's.

    Raises:
        UnknownNameError, ModelError, InputError: something asked for cannot be meant.
    """
    dims = parse_by(by, _ALLOWED)
    name = "/".join(dims)
    with db.trial() as connection:  # what is looked at is brought up to date, which only a run may keep
        asked = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
        settings = Settings(connection)
        chosen = [get_model(spec) for spec in (models or settings.require("models").split())]
        chosen = list({model.label: model for model in chosen}.values())
        window = Window(asked.lookback, asked.scope, asked.kinds, settings.require("impression_lookback"))
        corpus = read_corpus(
            connection, settings, asked.goal.kind, window,
            milestones=tuple(dict.fromkeys(m for one in chosen for m in one.milestones)),
            dimensions=tuple(dict.fromkeys([*(d for one in chosen for d in one.dimensions), name])),
        )  # fmt: skip
    journeys = corpus.journeys
    codes, names = journeys.dimension(name)
    group = np.where(codes < 0, len(names), codes).astype(np.int64)
    names = (*names, NOT_SET)
    found = bootstrap(
        chosen, journeys, group=group, n_groups=len(names), level=level, draws=draws, seed=seed,
        progress=progress,
    )  # fmt: skip
    unit = "money" if asked.goal.money else "count"
    return Answer(
        verb="model trust",
        store=db.label,
        **_envelope(asked, found),
        rows=[row for label, one in found.items() for row in _rows(label, one, names, name, asked)],
        totals={"conversions": int(journeys.converted.sum()), "journeys": journeys.n_journeys},
        warnings=[text for label, one in found.items() for text in doubts(one, label, names, name)],
        columns={
            "model": "text", name: "text", "value": unit, "low": unit, "high": unit,
            "in_conversions": "count", "rank": "count", "rank_best": "count", "rank_worst": "count",
            "too_few": "text", "rank_agreement": "ratio",
        },
        title=f"{asked.goal.label} by {name}, with {level:.0%} intervals of {draws} draws",
    )  # fmt: skip


def _envelope(asked: JourneySelection, found: Iterable[str]) -> dict[str, Any]:
    return asked.envelope() | {"model": ", ".join(found)}


def _rows(
    label: str, found: Intervals, names: Sequence[str], dimension: str, asked: JourneySelection
) -> list[Row]:
    def shown(value: float) -> Any:
        return money_text(round(value), asked.currency) if asked.goal.money else round(value, 6)

    order = np.argsort(-found.credited, kind="stable")
    rows = []
    for rank, i in enumerate(order[found.conversions[order] > 0].tolist(), start=1):
        few = bool(found.too_few[i])
        rows.append(
            {
                "model": label,
                dimension: names[i],
                "value": shown(found.credited[i]),
                "low": None if few else shown(found.low[i]),
                "high": None if few else shown(found.high[i]),
                "in_conversions": int(found.conversions[i]),
                "rank": rank,
                "rank_best": int(found.rank_best[i]),
                "rank_worst": int(found.rank_worst[i]),
                "too_few": few,
                "rank_agreement": found.rank_agreement,
            }
        )
    return rows
