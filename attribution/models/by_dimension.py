"""What the models that learn share: states of a chosen dimension, and how often a journey repeats one."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from attribution.journeys.chunks import over_chunks
from attribution.journeys.columns import FloatArray, IntArray, Journeys
from attribution.labels import NOT_SET
from attribution.models.base import AttributionModel
from attribution.sorted_sets import as_set

_BINS = 1 << 22


@dataclass(frozen=True, kw_only=True)
class ByDimension(AttributionModel):
    """A model that sees a journey as a row of names in one dimension.

    Args:
        by: `channel`, or what else is to take the channel's place: `campaign`, `source/medium`, ...
    """

    by: str = "channel"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimension that takes the channel's place, where one does."""
        return () if self.by == "channel" else (self.by,)

    def _names(self, journeys: Journeys) -> tuple[IntArray, tuple[str, ...]]:
        """Return the code of each touch, all >= 0, and the names of the codes."""
        narrow, names = journeys.dimension(self.by)
        codes = narrow.astype(np.int64)
        if codes.size and codes.min() < 0:
            if NOT_SET not in names:
                names = (*names, NOT_SET)
            codes = np.where(codes < 0, names.index(NOT_SET), codes)
        return codes, names


@dataclass(frozen=True, kw_only=True)
class LearnedWorth(ByDimension):
    """A model that learns what each name is worth, and shares a journey in that ratio among its names.

    Touches of one name share its part equally. What the model never saw is worth nothing to it.

    Args:
        reward: what the names are judged by, `conversions` or their `value`.
    """

    needs_fit: ClassVar[bool] = True

    reward: Literal["conversions", "value"] = "conversions"

    @abstractmethod
    def _worth(self) -> dict[str, float]:
        """Return what each name is worth, from what :meth:`fit` learned."""

    def unseen(self, journeys: Journeys) -> tuple[str, ...]:
        """Return the names in journeys that the fit never saw: they are worth nothing to it."""
        codes, names = self._names(journeys)
        present = as_set(codes).tolist()
        known = {*self._worth(), *self.ignore}
        return tuple(names[code] for code in present if names[code] not in known)

    def _weights(self, journeys: Journeys) -> FloatArray:
        codes, names = self._names(journeys)
        worth = self._worth()
        of_code = np.array([max(worth.get(name, 0.0), 0.0) for name in names])
        if not codes.size:
            return np.zeros(0)
        return of_code[codes] / repeats(codes, journeys.offsets, len(names))


def repeats(codes: IntArray, offsets: IntArray, n_codes: int) -> IntArray:
    """Return int64[N]: how many touches of its journey have the same code as each touch.

    >>> repeats(np.array([0, 1, 0, 0]), np.array([0, 3, 4]), 2).tolist()
    [2, 1, 2, 1]
    """
    counted = np.empty(len(codes), np.int64)

    def count(start: int, stop: int) -> None:
        first, last = int(offsets[start]), int(offsets[stop])
        journey = np.repeat(np.arange(stop - start), np.diff(offsets[start : stop + 1]))
        key = journey * n_codes + codes[first:last]
        if (stop - start) * n_codes <= _BINS:
            counted[first:last] = np.bincount(key)[key] if key.size else 0
        else:
            _, inverse, times = np.unique(key, return_inverse=True, return_counts=True)
            counted[first:last] = times[inverse]

    over_chunks(offsets, count)
    return counted
