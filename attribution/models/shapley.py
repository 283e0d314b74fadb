"""Shapley values: credit by what a channel adds to the others, over all orders in which they could join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd

from attribution.errors import ModelError
from attribution.journeys.columns import FloatArray, IntArray, Journeys, sums_by
from attribution.models.base import Unit
from attribution.models.by_dimension import ByDimension, LearnedWorth, repeats
from attribution.models.subset_game import sampled_rate_values, shapley_values, subset_sums
from attribution.sorted_sets import as_set

EXACT_NAMES = 20  # up to so many every set is looked at: a million of them


@dataclass(frozen=True, kw_only=True)
class Shapley(ByDimension):
    """Each journey shared equally among its distinct channels, a channel's part among its touches.

    That is the exact Shapley value of the game in which a set of channels is worth the value of the journeys
    whose channels all lie within it: such a game is a sum of unanimity games, one a journey (Zhao et al.,
    Shapley Value Methods for Attribution Modeling in Online Advertising, 2018). Nothing is learned.

    >>> path = [(0, "Email"), (1, "Direct"), (2, "Email")]
    >>> Shapley().shares(Journeys.from_paths([path])).tolist()
    [0.25, 0.5, 0.25]
    """

    name: ClassVar[str] = "shapley"

    def _weights(self, journeys: Journeys) -> FloatArray:
        codes, names = self._names(journeys)
        return 1.0 / repeats(codes, journeys.offsets, len(names))


class _Sets(NamedTuple):
    """The distinct sets of names among journeys with touches, the names renumbered to those that occur."""

    names: tuple[str, ...]
    of_journey: IntArray  # int64[J'], which set each journey with touches has
    members: IntArray  # int64[M]
    starts: IntArray  # int64[S]


@dataclass(frozen=True, kw_only=True)
class ShapleyRate(LearnedWorth):
    """Credit by Shapley values of the game in which journeys that did not convert count too.

    A set of channels is worth the converted value per journey among the journeys, converted or not, whose
    channels all lie within it (0 where there is none). A channel's value phi can be negative: it is then in
    journeys that do worse than the others, and gets no credit where others are. Up to 20 channels all
    sets are looked at; beyond, random orders are drawn.

    Args:
        reward: `value` (default) or `conversions`.
        permutations: how many orders to draw beyond 20 names.
        seed: of those orders.

    >>> paths = [[(0, "Email")], [(0, "Direct")], [(0, "Email"), (1, "Direct")]]
    >>> corpus = Journeys.from_paths(paths, converted=[False, False, True], values=[0, 0, 900])
    >>> ShapleyRate().fit(corpus).channels()["total"].to_dict()
    {'Direct': 450.0, 'Email': 450.0}
    """

    name: ClassVar[str] = "shapley_rate"

    reward: Literal["conversions", "value"] = "value"
    permutations: int = 2000
    seed: int = 0

    def _check(self) -> None:
        if self.permutations < 4 or self.seed < 0:
            raise ModelError(
                f"{self.name}: permutations={self.permutations} and seed={self.seed} cannot be used; "
                "allowed are 4 permutations or more, and a seed >= 0"
            )

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        codes, names = self._names(journeys)
        sets = _distinct_sets(journeys, codes, names)
        return self._learned(sets, journeys, np.ones(len(sets.of_journey)))

    def _refits(self, journeys: Journeys, draws: IntArray) -> Iterator[Mapping[str, Any]]:
        codes, names = self._names(journeys)
        sets = _distinct_sets(journeys, codes, names)
        for drawn in draws:
            yield self._learned(sets, journeys, drawn[journeys.nonempty].astype(np.float64))

    def _learned(self, sets: _Sets, journeys: Journeys, times: FloatArray) -> dict[str, Any]:
        some = journeys.nonempty
        converted = journeys.converted[some] * times
        value = converted * (journeys.value[some] if self.reward == "value" else 1.0)
        n_sets, n_names = len(sets.starts), len(sets.names)
        per_set = sums_by(sets.of_journey, times, n_sets)
        value_per_set = sums_by(sets.of_journey, value, n_sets)
        if n_names <= EXACT_NAMES:
            phi = self._exact(sets, per_set, value_per_set)
            error = None
        else:
            sampled = sampled_rate_values(
                sets.members, sets.starts, per_set, value_per_set, n_names,
                permutations=self.permutations, seed=self.seed,
            )  # fmt: skip
            phi, error = sampled.values, sampled.standard_error.tolist()
        return {
            "names": list(sets.names),
            "phi": phi.tolist(),
            "standard_error": error,
            "journeys": float(times.sum()),
            "conversions": float(converted.sum()),
            "total": float(value.sum()),  # of the reward, whichever it is
        }

    def _exact(self, sets: _Sets, per_set: FloatArray, value_per_set: FloatArray) -> FloatArray:
        n_names = len(sets.names)
        if not n_names:
            return np.zeros(0)
        masks = np.bitwise_or.reduceat(np.int64(1) << sets.members, sets.starts)
        within = subset_sums(sums_by(masks, per_set, 1 << n_names), n_names)
        earned = subset_sums(sums_by(masks, value_per_set, 1 << n_names), n_names)
        worth = np.divide(earned, within, out=np.zeros_like(earned), where=within > 0)
        return shapley_values(worth, n_names)

    def _worth(self) -> dict[str, float]:
        return dict(zip(self.fitted["names"], self.fitted["phi"], strict=True))

    @property
    def units(self) -> dict[str, Unit]:
        """The units of :meth:`channels`: all are in what the model is told to explain."""
        unit: Unit = "value" if self.reward == "value" else "conversions"
        each: Unit = "value_each" if self.reward == "value" else "number"
        return {"phi": each, "standard_error": each, "raw": unit, "total": unit}

    def channels(self) -> pd.DataFrame:
        """Return what was learned of each channel (or other name).

        Returns:
            Index `channel` (the dimension's name); float64 `phi` (value per journey, or conversions),
            `standard_error` (0 where phi is exact), `raw` = phi x journeys, and `total`, raw scaled to the
            whole converted value.
        """
        fitted = self.fitted
        phi = np.array(fitted["phi"], np.float64)
        raw = phi * fitted["journeys"]
        scale = fitted["total"] / raw.sum() if raw.sum() else 0.0
        error = fitted["standard_error"] or [0.0] * len(phi)
        columns = {"phi": phi, "standard_error": np.array(error), "raw": raw, "total": raw * scale}
        return pd.DataFrame(columns, index=pd.Index(fitted["names"], name=self.by, dtype=object))


def _distinct_sets(journeys: Journeys, codes: IntArray, names: tuple[str, ...]) -> _Sets:
    """Find the distinct sets of names; a set is known by the sum of random numbers of its names."""
    present = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    # in the order of names: the orders that are drawn must not depend on how names are numbered
    order = sorted(present.tolist(), key=names.__getitem__)
    shown = tuple(names[code] for code in order)
    place_of = np.zeros(len(names), np.int64)
    place_of[order] = np.arange(len(order))
    codes = place_of[codes]
    if not codes.size:
        nothing = np.zeros(0, np.int64)
        return _Sets(shown, nothing, nothing, nothing)
    if len(shown) <= EXACT_NAMES:
        masks = np.bitwise_or.reduceat((np.int64(1) << np.arange(len(shown)))[codes], journeys.first)
        taken = np.bincount(masks) > 0
        distinct = np.flatnonzero(taken)
        held = (distinct[:, None] >> np.arange(len(shown))) & 1
        rows, members = np.nonzero(held)
        starts = np.searchsorted(rows, np.arange(len(distinct)))
        return _Sets(shown, (np.cumsum(taken) - 1)[masks], members.astype(np.int64), starts.astype(np.int64))
    place = np.repeat(np.arange(len(journeys.nonempty)), journeys.lengths[journeys.nonempty])
    pair = as_set(place * len(shown) + codes)  # each name of a journey once
    place, codes = pair // len(shown), pair % len(shown)
    begins = np.flatnonzero(np.diff(place, prepend=-1))
    mark = np.random.default_rng(0).integers(0, 2**63, len(shown)).astype(np.uint64)
    marks = np.add.reduceat(mark[codes], begins)
    _, first, of_journey = np.unique(marks, return_index=True, return_inverse=True)
    sizes = np.diff(np.append(begins, len(codes)))
    own = np.isin(place, first)
    starts = np.cumsum(sizes[np.sort(first)]) - sizes[np.sort(first)]
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return _Sets(shown, rank[of_journey], codes[own], starts.astype(np.int64))
