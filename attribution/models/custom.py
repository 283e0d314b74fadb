"""A milestone model of one's own, without a line of code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from attribution.channels.origin import TOUCH_KINDS
from attribution.errors import ModelError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.journeys.milestones import milestone_name
from attribution.models.base import AttributionModel
from attribution.models.milestones import ENDS, TOLERANCE, spread
from attribution.models.presets import MIDDLE


@dataclass(frozen=True, kw_only=True)
class Custom(AttributionModel):
    """Shares for any milestones and for the middle, times a factor per channel or kind of touch.

    The rules of milestone models hold (:mod:`attribution.models.milestones`); where none of the milestones
    is there, all touches share equally. Factors are applied last, and the shares of each journey then sum
    to 1 again; a journey whose factors are all 0 is shared equally, which runs report.

    Args:
        weights: `first`, `lead`, `mql`, `sqo`, `opportunity`, `close`, the name of any stage, and `middle` to
            shares >= 0 that sum to 1. Names are compared without regard to case.
        channel_factors: channel to a factor >= 0; 1 for all others.
        kind_factors: kind of touch to a factor >= 0; 1 for all others.

    >>> path = [(0, "Email"), (1, "Direct"), (2, "Email")]
    >>> journeys = Journeys.from_paths([path], milestones={"demo booked": [1]})
    >>> Custom(weights={"Demo booked": 0.5, "middle": 0.5}).shares(journeys).tolist()
    [0.25, 0.5, 0.25]
    >>> Custom(weights={"middle": 1.0}, channel_factors={"Direct": 0.5}).shares(journeys).tolist()
    [0.4, 0.2, 0.4]
    """

    name: ClassVar[str] = "custom"

    # mappings have no hash; models of equal parameters are equal all the same
    weights: Mapping[str, float] = field(hash=False)
    channel_factors: Mapping[str, float] = field(default_factory=dict, hash=False)
    kind_factors: Mapping[str, float] = field(default_factory=dict, hash=False)

    def _check(self) -> None:
        total = sum(self.weights.values())
        if min(self.weights.values(), default=0.0) < 0 or abs(total - 1) > TOLERANCE:
            written = ";".join(f"{name}={share}" for name, share in self.weights.items())
            raise ModelError(
                f"{self.name}: weights={written} sum to {total:.12g}; allowed are shares >= 0 that sum "
                "to 1, such as first=0.3;lead=0.3;middle=0.4"
            )
        names = [milestone_name(name) for name in self.weights]
        if "" in names or len(set(names)) < len(names):
            raise ModelError(
                f"{self.name}: weights of {', '.join(map(repr, self.weights))} cannot be used; allowed are "
                "the names of milestones and stages, each once, whatever its case"
            )
        for factors in (self.channel_factors, self.kind_factors):
            for name, factor in factors.items():
                if factor < 0:
                    raise ModelError(
                        f"{self.name}: the factor {factor} of {name!r} is negative; allowed is >= 0"
                    )
        for kind in self.kind_factors:
            if kind not in TOUCH_KINDS:
                raise ModelError(
                    f"{self.name}: {kind!r} is no kind of touch; allowed are {', '.join(TOUCH_KINDS)}"
                )

    @property
    def _shares(self) -> dict[str, float]:
        return {milestone_name(name): share for name, share in self.weights.items()}

    @property
    def milestones(self) -> tuple[str, ...]:
        """Those that `weights` names, but for the first and the last touch; in lower case."""
        return tuple(name for name in self._shares if name not in (*ENDS, MIDDLE))

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = spread(journeys, self._shares)
        if self.channel_factors:
            weights *= _factors(journeys.channels, self.channel_factors)[journeys.channel]
        if self.kind_factors:
            weights *= _factors(journeys.kinds, self.kind_factors)[journeys.kind]
        return weights


def _factors(names: tuple[str, ...], factors: Mapping[str, float]) -> FloatArray:
    """Return the factor of each code; the code -1, which has no name, meets the 1 at the end."""
    return np.array([*(factors.get(name, 1.0) for name in names), 1.0])
