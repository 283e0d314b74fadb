"""A model that learns: a channel weighs what the journeys that it was part of came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from attribution import AttributionModel, Journeys
from attribution.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class ConversionRate(AttributionModel):
    """Credit by the conversion rate of each channel's journeys, pulled towards the rate of all of them.

    rate(c) = (conversions of journeys with c + prior x rate of all) / (journeys with c + prior). A channel of
    few journeys stays near the common rate, as does a touch whose channel is unknown or new.

    Args:
        prior: how many journeys of the common rate each channel starts with, above 0.

    >>> paths = [[(0, "Email"), (1, "Direct")], [(0, "Direct")]]
    >>> corpus = Journeys.from_paths(paths, converted=[True, False])
    >>> model = ConversionRate(prior=1.0).fit(corpus)
    >>> model.fitted["rates"]
    {'Email': 0.75, 'Direct': 0.5}
    >>> model.shares(corpus).tolist()
    [0.6, 0.4, 1.0]
    """

    name: ClassVar[str] = "conversion_rate"
    needs_fit: ClassVar[bool] = True

    prior: float = 10.0

    def _check(self) -> None:
        if self.prior <= 0:
            raise ModelError(f"{self.name}: prior={self.prior} cannot be used; allowed are numbers above 0")

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        n = len(journeys.channels)
        known = journeys.channel >= 0
        # one key a journey and channel, so that two touches of a channel in a journey count once
        pairs = np.unique(journeys.journey_of_touch[known] * n + journeys.channel[known])
        converted = journeys.converted[pairs // n] if n else np.zeros(0, np.bool_)
        channel = pairs % n if n else pairs
        tried = np.bincount(channel, minlength=n)
        won = np.bincount(channel[converted], minlength=n)
        common = float(journeys.converted[journeys.nonempty].mean()) if journeys.nonempty.size else 0.0
        rates = (won + self.prior * common) / (tried + self.prior)
        # names, not codes (they differ tomorrow), and lists, not arrays (a store keeps this as JSON)
        return {"common": common, "rates": dict(zip(journeys.channels, rates.tolist(), strict=True))}

    def _weights(self, journeys: Journeys) -> npt.NDArray[np.float64]:
        common, rates = self.fitted["common"], self.fitted["rates"]
        # the code -1, a touch without a channel, meets the common rate at the end
        weights = np.array([*(rates.get(name, common) for name in journeys.channels), common])
        return weights[journeys.channel]
