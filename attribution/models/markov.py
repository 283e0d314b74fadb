"""The Markov model: what a channel is worth is what would be lost without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from attribution.errors import ModelError
from attribution.journeys.columns import IntArray, Journeys, sums_by
from attribution.labels import ARROW, CONVERSION, NULL, START
from attribution.models.base import Unit
from attribution.models.by_dimension import LearnedWorth
from attribution.models.chain import Chain, make_chain, removal_effects
from attribution.models.windows import count, count_draws, require_room
from attribution.sorted_sets import as_set

MAX_ORDER = 8


@dataclass(frozen=True, kw_only=True)
class Markov(LearnedWorth):
    """Credit by removal effect in a Markov chain of the journeys, solved exactly.

    States are windows of `order` consecutive touches (the whole path where it is shorter), the start, the
    conversion, and null, where journeys without a conversion end. The removal effect of a channel is the
    share of conversions lost if every state that contains it led to null (Anderl et al., Mapping the
    customer journey, 2016). Within a journey a touch weighs its channel's effect, divided by how many
    touches of that channel there are.

    Args:
        order: how many touches make a state, 1 to 8.

    >>> paths = [[(0, "Email"), (1, "Direct")], [(0, "Direct")], [(0, "Email")]]
    >>> model = Markov().fit(Journeys.from_paths(paths, converted=[True, True, False]))
    >>> model.channels()["removal_effect"].round(6).to_dict()
    {'Email': 0.5, 'Direct': 1.0}
    >>> round(model.conversion_probability, 6)
    0.666667
    """

    name: ClassVar[str] = "markov"

    order: int = 1

    def _check(self) -> None:
        if not 1 <= self.order <= MAX_ORDER:
            raise ModelError(f"{self.name}: order={self.order} cannot be used; allowed are 1 to {MAX_ORDER}")

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        codes, names = self._names(journeys)
        require_room(self.order, len(names), self.name)
        counted = count(journeys, codes, len(names), self.order)
        chain = make_chain(counted)
        return self._learned(names, chain) | {"states": _states(chain), "steps": _steps(chain)}

    def _refits(self, journeys: Journeys, draws: IntArray) -> Iterator[Mapping[str, Any]]:
        codes, names = self._names(journeys)
        require_room(self.order, len(names), self.name)
        for counted in count_draws(journeys, codes, len(names), self.order, draws):
            # of a draw nobody asks for the steps
            yield self._learned(names, make_chain(counted)) | {"states": [], "steps": [[], [], []]}

    def _learned(self, names: tuple[str, ...], chain: Chain) -> dict[str, Any]:
        # a name that no journey holds has no effect, and is not spoken of
        seen = as_set(chain.states[chain.states >= 0])
        solved = removal_effects(chain, len(names))
        return {
            "names": [names[i] for i in seen.tolist()],
            "removal_effect": solved.effects[seen, 0].tolist(),
            "removal_effect_value": solved.effects[seen, 1].tolist(),
            "conversion_probability": float(solved.earned[0]),
            "journeys": float(chain.started.sum()),
            "conversions": float(chain.converted.sum()),
            "value": float(chain.value.sum()),
        }

    def _worth(self) -> dict[str, float]:
        column = "removal_effect" if self.reward == "conversions" else "removal_effect_value"
        return dict(zip(self.fitted["names"], self.fitted[column], strict=True))

    @property
    def units(self) -> dict[str, Unit]:
        """The units of :meth:`channels`."""
        return {
            "removal_effect": "ratio",
            "conversions_by_effect": "conversions",
            "removal_effect_value": "ratio",
            "value_by_effect": "value",
        }

    @property
    def conversion_probability(self) -> float:
        """The chance that a journey of the fitted corpus converts."""
        return float(self.fitted["conversion_probability"])

    def channels(self) -> pd.DataFrame:
        """Return what was learned of each channel (or other name), in the order of its code.

        Returns:
            Index `channel` (the dimension's name); float64 `removal_effect`, `conversions_by_effect`,
            `removal_effect_value`, `value_by_effect`: the effects, and all conversions and their value (in
            the unit of the journeys) in the ratio of the effects. With values of both signs an effect on
            value can exceed 1.
        """
        fitted = self.fitted
        frame = pd.DataFrame(index=pd.Index(fitted["names"], name=self.by, dtype=object))
        for effect, total in (("removal_effect", "conversions"), ("removal_effect_value", "value")):
            effects = np.array(fitted[effect], np.float64)
            everything = effects.sum()
            frame[effect] = effects
            frame[f"{total}_by_effect"] = (
                effects / everything * fitted[total] if everything else np.zeros(len(effects))
            )
        return frame

    def transitions(self) -> pd.DataFrame:
        """Return the steps between states: `source target count probability`, by source and target.

        Steps from a state to itself are left out; the probabilities of leaving a state sum to 1.

        >>> paths = [[(0, "Email"), (1, "Direct")], [(0, "Email")]]
        >>> model = Markov().fit(Journeys.from_paths(paths, converted=[True, False]))
        >>> print(model.transitions().to_string(index=False))
         source       target  count  probability
        (start)        Email    2.0          1.0
          Email       Direct    1.0          0.5
          Email       (null)    1.0          0.5
         Direct (conversion)    1.0          1.0
        """
        fitted = self.fitted
        names = [*fitted["names"], ""]
        labels = [ARROW.join(names[i] for i in state if i >= 0) for state in fitted["states"]]
        labels += [START, CONVERSION, NULL]
        source, target = (np.array(column, np.int64) for column in fitted["steps"][:2])
        times = np.array(fitted["steps"][2], np.float64)
        left = sums_by(source, times, len(labels))  # by state: two can read the same
        return pd.DataFrame(
            {
                "source": [labels[i] for i in source.tolist()],
                "target": [labels[i] for i in target.tolist()],
                "count": times,
                "probability": times / left[source],
            }
        )


def _states(chain: Chain) -> list[list[int]]:
    """List the states, each as places among the names that occur; -1 before a shorter path."""
    seen, place = np.unique(chain.states, return_inverse=True)
    before = int(seen.size > 0 and seen[0] < 0)
    return [row.tolist() for row in place.reshape(chain.states.shape) - before]


def _steps(chain: Chain) -> list[list[float]]:
    """List all steps as source, target and count; behind the states stand start, conversion and null."""
    n = len(chain.states)
    parts = [(np.full(n, n), np.arange(n), chain.started), (chain.source, chain.target, chain.times)]
    parts += [
        (np.arange(n), np.full(n, n + 1 + i), gone) for i, gone in enumerate((chain.converted, chain.null))
    ]
    source, target, times = (np.concatenate(column) for column in zip(*parts, strict=True))
    taken = times > 0
    source, target, times = source[taken], target[taken], times[taken]
    order = np.lexsort((target, np.where(source == n, -1, source)))
    return [source[order].tolist(), target[order].tolist(), times[order].tolist()]
