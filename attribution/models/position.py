"""Models that weigh the ends of a journey against its middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attribution.errors import ModelError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.models.base import AttributionModel


@dataclass(frozen=True, kw_only=True)
class PositionBased(AttributionModel):
    """Fixed shares for the first and the last touch, the rest shared equally by the middle.

    Two touches share in the ratio first to last; a single one has all.

    Args:
        first, last: shares >= 0 that sum to at most 1.

    >>> paths = [[(0, "Email"), (1, "Organic Search"), (2, "Direct")], [(0, "Email"), (1, "Direct")]]
    >>> PositionBased(first=0.3, last=0.1).shares(Journeys.from_paths(paths)).round(12).tolist()
    [0.3, 0.6, 0.1, 0.75, 0.25]
    """

    name: ClassVar[str] = "position_based"

    first: float = 0.4
    last: float = 0.4

    def _check(self) -> None:
        # 0.7 + 0.2 + 0.1 is not 1 in binary, so the bound has a little room
        if self.first < 0 or self.last < 0 or self.first + self.last > 1 + 1e-9:
            raise ModelError(
                f"{self.name}: first={self.first} and last={self.last} cannot be used; "
                "allowed are shares >= 0 that sum to at most 1"
            )

    def _weights(self, journeys: Journeys) -> FloatArray:
        lengths = journeys.lengths[journeys.nonempty]
        rest = max(1 - self.first - self.last, 0.0)
        weights = np.repeat(rest / np.maximum(lengths - 2, 1), lengths)
        weights[journeys.last] = self.last
        weights[journeys.first] = np.where(lengths == 1, 1.0, self.first)
        return weights


@dataclass(frozen=True, kw_only=True)
class JShaped(PositionBased):
    """Most of the credit to the last touch, some to the first: :class:`PositionBased` with 20/20/60.

    Args:
        first, last: shares >= 0 that sum to at most 1.

    >>> paths = [[(0, "Email"), (1, "Organic Search"), (2, "Direct")], [(0, "Email"), (1, "Direct")]]
    >>> JShaped().shares(Journeys.from_paths(paths)).round(12).tolist()
    [0.2, 0.2, 0.6, 0.25, 0.75]
    """

    name: ClassVar[str] = "j_shaped"

    first: float = 0.2
    last: float = 0.6


@dataclass(frozen=True, kw_only=True)
class InverseJ(PositionBased):
    """Most of the credit to the first touch, some to the last: :class:`PositionBased` with 60/20/20.

    Args:
        first, last: shares >= 0 that sum to at most 1.

    >>> paths = [[(0, "Email"), (1, "Organic Search"), (2, "Direct")], [(0, "Email"), (1, "Direct")]]
    >>> InverseJ().shares(Journeys.from_paths(paths)).round(12).tolist()
    [0.6, 0.2, 0.2, 0.75, 0.25]
    """

    name: ClassVar[str] = "inverse_j"

    first: float = 0.6
    last: float = 0.2
