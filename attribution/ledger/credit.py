"""From journeys to money: every model's shares of a journey, at once made whole minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from attribution.errors import ModelError
from attribution.journeys.chunks import over_chunks
from attribution.journeys.columns import IntArray, Journeys
from attribution.ledger.allocate import allocate_normalised
from attribution.models.base import AttributionModel


@dataclass(frozen=True)
class Credited:
    """What a model gives.

    Attributes:
        amounts: int64[N] minor units of each touch, summing exactly to the value of every journey.
        shared_equally: int64, the journeys whose weights were all zero.
    """

    amounts: IntArray
    shared_equally: IntArray


def credit(models: Mapping[str, AttributionModel], journeys: Journeys) -> dict[str, Credited]:
    """Distribute the value of journeys under every model.

    A model sees a chunk of the journeys at a time, in either of two threads: what it makes of one journey
    must not depend on the others, which :func:`attribution.testing.check_model` makes sure of.

    Raises:
        ModelError: a weight is negative or not finite; NotFittedError: a model wants a fit.

    >>> from attribution.models.registry import get_model
    >>> journeys = Journeys.from_paths([[(0, "Email"), (1, "Direct"), (2, "Email")]], values=[1000])
    >>> credit({"linear": get_model("linear")}, journeys)["linear"].amounts.tolist()
    [334, 333, 333]
    """
    amounts = {label: np.zeros(journeys.n_touches, np.int64) for label in models}
    equal: dict[str, list[IntArray]] = {label: [] for label in models}

    def fill(start: int, stop: int) -> None:
        some = journeys.between(start, stop)
        first = int(journeys.offsets[start])
        for label, model in models.items():
            shares = model.shares_and_fallbacks(some)
            out = amounts[label][first : first + some.n_touches]
            allocate_normalised(
                shares.values, some.first, some.nonempty_of_touch, some.value[some.nonempty], out
            )
            if shares.shared_equally.size:
                equal[label].append(shares.shared_equally + start)

    try:
        over_chunks(journeys.offsets, fill)
    except ModelError:
        for model in models.values():  # again on all at once: the message then names the journey rightly
            model.shares(journeys)
        raise
    none = np.zeros(0, np.int64)
    return {
        label: Credited(found, np.sort(np.concatenate([none, *equal[label]])))
        for label, found in amounts.items()
    }
