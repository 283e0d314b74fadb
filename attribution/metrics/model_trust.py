"""How far the models' figures can be trusted: intervals, and how stable the order of the channels is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.journeys.read import Window
from attribution.ledger.corpus import read_corpus
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import Dimensions, parse_by
from attribution.metrics.model_show import together
from attribution.metrics.selection import JourneySelection, select_journeys
from attribution.models.base import AttributionModel
from attribution.models.registry import get_models
from attribution.money import money_text
from attribution.store.database import Database
from attribution.store.settings import Settings
from attribution.trust.bootstrap import Progress, bootstrap
from attribution.trust.intervals import Intervals, doubts


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

    An account (else a person) is drawn with all its journeys, converted or not; a model that learns is fitted
    anew on every draw, so that its interval holds what it might have learned otherwise.

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
        ten, or where they are of fewer than ten who are drawn, low and high are null. `value` is what a run
        of today would credit with a fit of today, in floats, so it can be a penny beside the ledger's.

    Raises:
        UnknownNameError, ModelError, InputError: something asked for cannot be meant.
    """
    dims = parse_by(by, PLACEMENT_FIELDS)
    name = "/".join(dims)
    with db.trial() as connection:  # a look at what a run would find; only a run may keep it
        asked = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
        settings = Settings(connection)
        chosen = get_models(models or settings.require("models").split())
        chosen = list({model.label: model for model in chosen}.values())
        window = Window(asked.lookback, asked.scope, asked.kinds, settings.require("impression_lookback"))
        corpus = read_corpus(
            connection, settings, asked.goal.kind, window,
            milestones=tuple(dict.fromkeys(m for one in chosen for m in one.milestones)),
            dimensions=tuple(dict.fromkeys(d for one in chosen for d in one.dimensions)),
        )  # fmt: skip
        journeys = corpus.journeys
        dimensions = Dimensions(connection, dims, ())
        groups = dimensions.touch_groups({"placement_id": journeys.placement}, journeys.n_touches)
        numbers, group = np.unique(groups, return_inverse=True)
        names = [together(dimensions.names(int(number)).values()) for number in numbers]
    found = bootstrap(
        chosen, journeys, group=group.astype(np.int64), n_groups=len(names), unit=corpus.unit,
        value=None if asked.goal.money else np.ones(journeys.n_journeys, np.int64),
        level=level, draws=draws, seed=seed, progress=progress,
    )  # fmt: skip
    unit = "money" if asked.goal.money else "count"
    warnings = [text for label, one in found.items() for text in doubts(one, label, names, name)]
    if corpus.unrated and asked.goal.money:
        warnings.append(f"{corpus.unrated:,} conversions without an exchange rate count with a value of 0")
    return Answer(
        verb="model trust",
        store=db.label,
        **_envelope(asked, found),
        rows=[row for label, one in found.items() for row in _rows(label, one, names, name, asked)],
        totals={"journeys": journeys.n_journeys, "converted": int(journeys.converted.sum())},
        warnings=warnings,
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
                "rank_best": min(int(found.rank_best[i]), rank),  # where figures tie, places are means
                "rank_worst": max(int(found.rank_worst[i]), rank),
                "too_few": few,
                "rank_agreement": found.rank_agreement,
            }
        )
    return rows
