"""Fitting a model to a store's journeys, and judging at once how far the fit can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from attribution.errors import InputError
from attribution.ledger.corpus import Corpus
from attribution.models.base import AttributionModel
from attribution.models.registry import list_models, model_class
from attribution.trust.bootstrap import Progress, bootstrap
from attribution.trust.intervals import doubts

DRAWS = 100  # enough to see whether the order of channels holds; `model trust` draws more


def require_learning(models: Sequence[AttributionModel]) -> None:
    """Refuse to fit where there is nothing to fit.

    Raises:
        InputError: no model, or one that learns nothing.
    """
    dull = [model.label for model in models if not model.needs_fit]
    if not dull and models:
        return
    learning = ", ".join(name for name in list_models() if model_class(name).needs_fit)
    what = (
        f"{', '.join(dull)} learns nothing, so there is nothing to fit"
        if dull
        else ("no model of the setting `models` learns anything, so there is nothing to fit")
    )
    raise InputError(f"{what}; models that learn are {learning}")


def learn(
    model: AttributionModel, corpus: Corpus, *, progress: Progress | None = None
) -> tuple[AttributionModel, dict[str, Any]]:
    """Fit a model, and find out how stable the order of its channels is.

    Returns:
        The fitted model; and what to remember of its trust: `journeys conversions draws rank_agreement
        too_few` (names with too few conversions) and `warnings`, in sentences.
    """
    journeys = corpus.journeys
    by = next(iter(model.dimensions), "channel")
    codes, names = journeys.dimension(by)
    fitted = replace(model).fit(journeys)
    found = bootstrap(
        [model], journeys, group=codes, n_groups=len(names), draws=DRAWS, progress=progress
    )[model.label]  # fmt: skip
    trust = {
        "journeys": journeys.n_journeys,
        "conversions": int(journeys.converted.sum()),
        "draws": DRAWS,
        "rank_agreement": found.rank_agreement,
        "too_few": [names[i] for i in (found.too_few & (found.conversions > 0)).nonzero()[0].tolist()],
        "warnings": doubts(found, model.label, names, by),
    }
    return fitted, trust
