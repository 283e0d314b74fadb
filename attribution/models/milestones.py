"""Models that look at milestones: the touches at which a person became a lead, and a lead a deal.

The rules they share (:func:`spread`): a touch with several milestones gets their sum; the share of a
missing milestone goes to those that are there, pro rata; what is left is shared equally by all other
touches, and goes to the milestones, pro rata, where there are no others. `first` and `close` are a journey's
first and last touch; all other milestones are in `Journeys.milestones`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attribution.errors import ModelError
from attribution.journeys.columns import BoolArray, FloatArray, IntArray, Journeys
from attribution.journeys.milestones import milestone_name
from attribution.models.base import AttributionModel
from attribution.models.parameters import parameter_defaults
from attribution.models.presets import MIDDLE, PRESETS, Preset

ENDS = ("first", "close")  # milestones that every journey has
TOLERANCE = 1e-9  # 0.3 + 0.3 + 0.3 + 0.1 is not 1 in binary, so sums have a little room


def spread(journeys: Journeys, shares: Mapping[str, float], *, between: bool = False) -> FloatArray:
    """Return float64[N]: weights by milestones and, for all other touches, by `middle`.

    Where none of the milestones that have a share is there, the middle has all: the other touches share
    equally. A milestone named with the share 0 keeps its touch out of the middle.

    Args:
        journeys: what a model sees.
        shares: name of a milestone, or `middle`, to its share.
        between: only touches before the last milestone that is there are middle.

    >>> path = [(0, "Email"), (1, "Direct"), (2, "Email")]
    >>> journeys = Journeys.from_paths([path], milestones={"lead": [1]})
    >>> spread(journeys, {"first": 0.25, "lead": 0.25, "middle": 0.5}).tolist()
    [0.25, 0.25, 0.5]
    """
    lengths = journeys.lengths[journeys.nonempty]
    held: list[tuple[float, slice | BoolArray, IntArray]] = []  # share, which journeys, their touches
    present = np.zeros(len(lengths))  # the shares of the milestones that are there
    marked = np.zeros(journeys.n_touches, np.bool_)
    others = lengths.copy()  # how many touches have no milestone
    end = np.full(len(lengths), -1)  # the last milestone that is there
    for name, share in shares.items():
        if name == MIDDLE:
            continue
        at = touches_of(journeys, name)
        there = slice(None) if name in ENDS else at >= 0
        touches = at[there]  # of different journeys: none occurs twice
        held.append((share, there, touches))
        present[there] += share
        others[there] -= ~marked[touches]
        marked[touches] = True
        np.maximum(end, at, out=end)
    if between:
        end = np.where(end < 0, journeys.last, end)
        others -= journeys.last - end
    weights = np.repeat(shares.get(MIDDLE, 0.0) / np.maximum(others, 1), lengths)
    weights[marked] = 0.0
    if between:
        weights[np.arange(journeys.n_touches) > np.repeat(end, lengths)] = 0.0
    total = sum(share for share, _, _ in held)
    scale = np.divide(total, present, out=np.zeros(len(lengths)), where=present > 0)
    for share, there, touches in held:
        weights[touches] += share * scale[there]
    return weights


def touches_of(journeys: Journeys, name: str) -> IntArray:
    """Return the touch of a milestone in each of `journeys.nonempty`, -1 where it is missing."""
    if name in ENDS:
        return journeys.first if name == "first" else journeys.last
    for known, at in journeys.milestones.items():
        if milestone_name(known) == name:
            return at[journeys.nonempty]
    return np.full(len(journeys.nonempty), -1, np.int64)


@dataclass(frozen=True, kw_only=True)
class LeadCreation(AttributionModel):
    """All credit to the lead touch: the last one at or before the creation of the lead.

    Where it is missing, the last touch has all.

    >>> journeys = Journeys.from_paths([[(0, "Email"), (1, "Direct")]] * 2, milestones={"lead": [0, -1]})
    >>> LeadCreation().shares(journeys).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """

    name: ClassVar[str] = "lead_creation"

    @property
    def milestones(self) -> tuple[str, ...]:
        """The lead."""
        return ("lead",)

    def _weights(self, journeys: Journeys) -> FloatArray:
        weights = np.zeros(journeys.n_touches)
        lead = touches_of(journeys, "lead")
        weights[np.where(lead < 0, journeys.last, lead)] = 1.0
        return weights


@dataclass(frozen=True, kw_only=True)
class ShapedModel(AttributionModel):
    """What `u_shaped`, `w_shaped` and `full_path` have in common: parameters that are shares of milestones.

    Args:
        preset: a vendor's dialect (:data:`attribution.models.presets.PRESETS`), in place of shares.
    """

    preset: str | None = None

    @property
    @abstractmethod
    def _given(self) -> Mapping[str, float]:
        """Return the parameters that are shares."""

    def _check(self) -> None:
        given = self._given
        if min(given.values()) < 0 or sum(given.values()) > 1 + TOLERANCE:
            written = ", ".join(f"{name}={share}" for name, share in given.items())
            raise ModelError(
                f"{self.name}: {written} cannot be used; allowed are shares >= 0 that sum to at most 1"
            )
        if self.preset is None:
            return
        presets = PRESETS[self.name]
        if self.preset not in presets:
            raise ModelError(
                f"{self.name}: preset={self.preset!r} is not known; allowed are {', '.join(sorted(presets))}"
            )
        defaults = parameter_defaults(type(self))
        changed = [name for name, share in given.items() if share != defaults[name]]
        if changed:
            raise ModelError(
                f"{self.name}: preset={self.preset} and {changed[0]}={given[changed[0]]} contradict each "
                "other; give a preset or shares"
            )

    @property
    def shares_of_milestones(self) -> Preset:
        """The shares that hold, whether from a preset or from parameters."""
        if self.preset is not None:
            return PRESETS[self.name][self.preset]
        given = dict(self._given)
        return Preset(given | {MIDDLE: max(1 - sum(given.values()), 0.0)}, "parameters")

    @property
    def milestones(self) -> tuple[str, ...]:
        """Those that have a share, but for the first and the last touch."""
        return tuple(n for n in self.shares_of_milestones.shares if n not in (*ENDS, MIDDLE))

    def _weights(self, journeys: Journeys) -> FloatArray:
        meant = self.shares_of_milestones
        return spread(journeys, meant.shares, between=meant.between)


@dataclass(frozen=True, kw_only=True)
class UShaped(ShapedModel):
    """Fixed shares for the first touch and the lead touch, the rest shared equally by all others.

    Args:
        first, lead: shares >= 0 that sum to at most 1.
        preset: `hubspot` (as the defaults), `marketo` (50/50 and no rest), `ruler` (first and mql, 40/40/20)
            or `salesforce` (first and last touch, 40/40/20).

    >>> path = [(0, "Email"), (1, "Direct"), (2, "Email"), (3, "Direct")]
    >>> journeys = Journeys.from_paths([path], milestones={"lead": [1]})
    >>> UShaped().shares(journeys).round(12).tolist()
    [0.4, 0.4, 0.1, 0.1]
    >>> UShaped(preset="marketo").shares(journeys).tolist()
    [0.5, 0.5, 0.0, 0.0]
    """

    name: ClassVar[str] = "u_shaped"

    first: float = 0.4
    lead: float = 0.4

    @property
    def _given(self) -> Mapping[str, float]:
        return {"first": self.first, "lead": self.lead}


@dataclass(frozen=True, kw_only=True)
class WShaped(ShapedModel):
    """Fixed shares for the touches of first contact, lead and deal creation, the rest shared by all others.

    Args:
        first, lead, opportunity: shares >= 0 that sum to at most 1.
        preset: `hubspot` (as the defaults), `marketo` (the same, but touches after the last of the three have
            nothing) or `ruler` (first, mql and last touch, 30/30/30/10).

    >>> path = [(0, "Email"), (1, "Direct"), (2, "Email")]
    >>> journeys = Journeys.from_paths([path], milestones={"lead": [1], "opportunity": [1]})
    >>> WShaped().shares(journeys).round(12).tolist()
    [0.3, 0.6, 0.1]
    """

    name: ClassVar[str] = "w_shaped"

    first: float = 0.3
    lead: float = 0.3
    opportunity: float = 0.3

    @property
    def _given(self) -> Mapping[str, float]:
        return {"first": self.first, "lead": self.lead, "opportunity": self.opportunity}


@dataclass(frozen=True, kw_only=True)
class FullPath(ShapedModel):
    """Fixed shares for first contact, lead, deal creation and the last touch, the rest shared by all others.

    Args:
        first, lead, opportunity, close: shares >= 0 that sum to at most 1.
        preset: `hubspot`, `marketo` or `ruler`, which all mean the defaults.

    >>> path = [(0, "Email"), (1, "Direct"), (2, "Email"), (3, "Direct")]
    >>> journeys = Journeys.from_paths([path], milestones={"lead": [0], "opportunity": [2]})
    >>> FullPath().shares(journeys).round(12).tolist()
    [0.45, 0.1, 0.225, 0.225]
    """

    name: ClassVar[str] = "full_path"

    first: float = 0.225
    lead: float = 0.225
    opportunity: float = 0.225
    close: float = 0.225

    @property
    def _given(self) -> Mapping[str, float]:
        return {"first": self.first, "lead": self.lead, "opportunity": self.opportunity, "close": self.close}
