"""Fitting a model to a store's journeys, and judging at once how far the fit can be trusted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from attribution.errors import InputError
from attribution.ledger.corpus import Corpus
from attribution.models.base import AttributionModel
from attribution.models.registry import list_models, model_class
from attribution.trust.bootstrap import Progress, bootstrap
from attribution.trust.intervals import doubts

DRAWS = 100  # enough to see whether the order of channels holds; `model trust` draws more
PATIENCE_SECONDS = 30  # a run holds the store's only writer


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

    Where the draws would take minutes they are left to whoever asks for them.

    Returns:
        The fitted model; and what to remember of its trust: `journeys conversions rank_agreement too_few`
        (names with too few conversions) and `warnings`, in sentences. `rank_agreement` is None where it was
        not looked at.
    """
    journeys = corpus.journeys
    by = next(iter(model.dimensions), "channel")
    codes, names = journeys.dimension(by)
    began = perf_counter()
    fitted = replace(model).fit(journeys)
    seconds = (perf_counter() - began) * DRAWS
    trust: dict[str, Any] = {
        "journeys": journeys.n_journeys,
        "conversions": int(journeys.converted.sum()),
        "rank_agreement": None,
        "too_few": [],
        "warnings": [],
    }
    if corpus.unrated:
        trust["warnings"].append(
            f"{model.label} learned from {corpus.unrated:,} conversions without an exchange rate as if they "
            "were worth 0; import rates and let it learn again"
        )
    if seconds > PATIENCE_SECONDS:
        trust["warnings"].append(
            f"whether the order by {by} under {model.label} is stable was not looked at, as that takes "
            f"about {seconds / 60:.0f} minutes: attribution model trust {shlex.quote(model.label)}"
        )
        return fitted, trust
    found = bootstrap(
        [model], journeys, group=codes, n_groups=len(names), unit=corpus.unit, draws=DRAWS, progress=progress
    )[model.label]  # fmt: skip
    few = np.flatnonzero(found.too_few & (found.conversions > 0))
    trust["rank_agreement"] = found.rank_agreement
    trust["too_few"] = [names[i] for i in few.tolist()]
    trust["warnings"] += doubts(found, model.label, names, by)
    return fitted, trust
