"""A rule: what somebody did counts by the effort it took, and fades with every touch that came after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from attribution import AttributionModel, Journeys
from attribution.errors import ModelError

EFFORT = {
    "meeting": 8.0,
    "call": 5.0,
    "form": 4.0,
    "chat": 3.0,
    "event": 3.0,
    "offline": 2.0,
    "impression": 0.1,
}


@dataclass(frozen=True, kw_only=True)
class Engagement(AttributionModel):
    """Credit by kind of touch and by place in the journey: effort(kind) x fade^(touches that came after).

    Args:
        effort: kind of touch to its weight >= 0; 1 for all others (sessions, clicks, e-mails).
        fade: what a touch keeps when another one follows, above 0 and at most 1; 1 for no fading.

    >>> journeys = Journeys.from_paths([[(0, "Email"), (1, "Direct"), (2, "Email")]])
    >>> (Engagement(fade=0.5).shares(journeys) * 7).round(12).tolist()
    [1.0, 2.0, 4.0]
    """

    name: ClassVar[str] = "engagement"

    # a mapping has no hash; models of equal parameters are equal all the same
    effort: Mapping[str, float] = field(default_factory=EFFORT.copy, hash=False)
    fade: float = 0.8

    def _check(self) -> None:
        for kind, weight in self.effort.items():
            if weight < 0:
                raise ModelError(f"{self.name}: the effort of {kind!r} is {weight}; allowed are numbers >= 0")
        if not 0 < self.fade <= 1:
            raise ModelError(f"{self.name}: fade={self.fade} cannot be used; allowed is above 0, at most 1")

    def _weights(self, journeys: Journeys) -> npt.NDArray[np.float64]:
        # all touches at once: a loop over journeys would take minutes where this takes moments
        ends = np.repeat(journeys.offsets[1:] - 1, journeys.lengths)
        after = ends - np.arange(journeys.n_touches)
        effort = np.array([self.effort.get(kind, 1.0) for kind in journeys.kinds])
        weights: npt.NDArray[np.float64] = effort[journeys.kind] * np.power(self.fade, after)
        return weights
