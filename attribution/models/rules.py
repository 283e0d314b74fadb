"""Rule models: weights from a touch's place, time or channel within its own journey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attribution.clock import parse_duration
from attribution.errors import InputError, ModelError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.models.base import DIRECT, AttributionModel


@dataclass(frozen=True, kw_only=True)
class FirstTouch(AttributionModel):
    """All credit to the first touch.

    >>> FirstTouch().shares(Journeys.from_paths([[(0, "Email"), (1, "Direct")]])).tolist()
    [1.0, 0.0]
    """

    name: ClassVar[str] = "first_touch"

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.zeros(journeys.n_touches)
        weights[journeys.first] = 1.0
        return weights


@dataclass(frozen=True, kw_only=True)
class LastTouch(AttributionModel):
    """All credit to the last touch.

    >>> LastTouch().shares(Journeys.from_paths([[(0, "Email"), (1, "Direct")]])).tolist()
    [0.0, 1.0]
    """

    name: ClassVar[str] = "last_touch"

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.zeros(journeys.n_touches)
        weights[journeys.last] = 1.0
        return weights


@dataclass(frozen=True, kw_only=True)
class LastNonDirect(AttributionModel):
    """All credit to the last touch whose channel is not Direct; to the last touch where all are.

    >>> LastNonDirect().shares(Journeys.from_paths([[(0, "Email"), (1, "Direct")]])).tolist()
    [1.0, 0.0]
    """

    name: ClassVar[str] = "last_non_direct"

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.zeros(journeys.n_touches)
        if journeys.n_touches:
            direct = np.isin(journeys.channel, journeys.channel_codes((DIRECT,)))
            position = np.where(direct, -1, np.arange(journeys.n_touches))
            chosen = np.maximum.reduceat(position, journeys.first)
            weights[np.where(chosen < 0, journeys.last, chosen)] = 1.0
        return weights


@dataclass(frozen=True, kw_only=True)
class Linear(AttributionModel):
    """Equal credit to every touch.

    >>> Linear().shares(Journeys.from_paths([[(0, "Email"), (1, "Direct")]])).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "linear"

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.ones(journeys.n_touches)


@dataclass(frozen=True, kw_only=True)
class TimeDecay(AttributionModel):
    """Credit halves with every half-life before the journey's last touch: 2^(-(t_last - at) / half_life).

    Counting from the last touch gives the same shares as counting from the conversion, and can never
    underflow to nothing for the whole journey.

    Args:
        half_life: a duration such as 7d or 12h.

    >>> from attribution.clock import DAY
    >>> paths = [[(0, "Email"), (10 * DAY, "Organic Search"), (20 * DAY, "Direct")]]
    >>> (TimeDecay(half_life="10d").shares(Journeys.from_paths(paths)) * 7).round(12).tolist()
    [1.0, 2.0, 4.0]
    """

    name: ClassVar[str] = "time_decay"

    half_life: str = "7d"

    def _check(self) -> None:
        try:
            parse_duration(self.half_life)
        except InputError as error:
            raise ModelError(f"{self.name}: half_life: {error}") from None

    def _weights(self, journeys: Journeys) -> FloatArray:
        end = journeys.at[journeys.last].take(journeys.nonempty_of_touch)
        weights = (journeys.at - end).astype(np.float64)
        weights /= parse_duration(self.half_life)
        return np.exp2(weights, out=weights)
