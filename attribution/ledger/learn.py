"""Fitting a model to a store's journeys, and judging at once how far the fit can be trusted."""

from __future__ import annotations

from typing import Any

from attribution.ledger.corpus import Corpus
from attribution.models.base import AttributionModel
from attribution.trust.bootstrap import Progress, bootstrap
from attribution.trust.intervals import doubts

DRAWS = 100  # enough to see whether the order of channels holds; `model trust` draws more


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
    fitted = model.with_fitted({}).fit(journeys)
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
