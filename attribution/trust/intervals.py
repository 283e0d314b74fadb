"""What a bootstrap says of a model's figures, and when they should not be relied on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attribution.journeys.columns import BoolArray, FloatArray, IntArray

ENOUGH_CONVERSIONS = 10
ENOUGH_UNITS = 10  # accounts, or people, that conversions are of
STABLE = 0.9  # agreement below which an order is not to be relied on
LARGEST_RANKED = 500  # groups whose pairs are compared: those with the most credit

_NAMED = 3  # groups that a warning names


@dataclass(frozen=True, eq=False, kw_only=True)
class Intervals:
    """What a model credits to each group, and how far that can be trusted.

    Attributes:
        credited: float64[G], share x value over all converted journeys, in the unit of the values.
        low, high: float64[G], the bounds of the interval at `level`.
        conversions: int64[G], in how many conversions the model credits the group at all.
        rank_best, rank_worst: int64[G], the places among the groups (1 = most) that `level` of the
            draws span.
        ahead_of_next: float64[G], in how many draws the group stays ahead of the one that follows it; NaN
            for the last.
        units: int64[G], whose conversions these are: how many of those that are drawn.
        too_few: bool[G], under :data:`ENOUGH_CONVERSIONS`, or of under :data:`ENOUGH_UNITS`: no interval is
            to be relied on.
        rank_agreement: in how many draws two groups keep their order, meant over all pairs of groups
            that are credited (of the :data:`LARGEST_RANKED` largest); a tie counts half.
        samples: float64[R, G], what is credited in each draw; the same draws under every model.
        total: the value of all conversions, those without touches too.
    """

    credited: FloatArray
    low: FloatArray
    high: FloatArray
    conversions: IntArray
    units: IntArray
    rank_best: IntArray
    rank_worst: IntArray
    ahead_of_next: FloatArray
    too_few: BoolArray
    rank_agreement: float
    samples: FloatArray
    total: float
    level: float


def doubts(found: Intervals, label: str, names: Sequence[str], dimension: str = "channel") -> list[str]:
    """Say in sentences why the figures of a model should not be relied on; none if they can be.

    Args:
        found: of :func:`attribution.trust.bootstrap.bootstrap`.
        label: the model's.
        names: of the groups.
        dimension: what the groups are.
    """
    credited = np.flatnonzero(found.conversions)
    if not credited.size:
        return [f"{label} credits no conversion to any {dimension}: there is nothing to judge"]
    sentences = []
    few = credited[found.too_few[credited]]
    if few.size:
        least = few[np.argsort(-found.credited[few], kind="stable")]
        listed = [f"{names[i]} ({_behind(found, i)})" for i in least[:_NAMED].tolist()]
        alone = (found.conversions[few] >= ENOUGH_CONVERSIONS).any()
        whose = f" or of fewer than {ENOUGH_UNITS} customers" if alone else ""
        more = [f"{len(few) - _NAMED} more"] * (len(few) > _NAMED)
        sentences.append(
            f"under {label} too few conversions for an interval, fewer than {ENOUGH_CONVERSIONS}{whose}: "
            f"{', '.join(listed + more)}"
        )
    if found.rank_agreement < STABLE:
        sentences.append(_unstable(found, label, names, dimension))
    return sentences


def _behind(found: Intervals, group: int) -> str:
    conversions, units = int(found.conversions[group]), int(found.units[group])
    return f"{conversions} of {units}" if conversions >= ENOUGH_CONVERSIONS else str(conversions)


def _unstable(found: Intervals, label: str, names: Sequence[str], dimension: str) -> str:
    order = np.argsort(-found.credited, kind="stable")
    order = order[found.conversions[order] > 0]
    least = int(np.argmin(found.ahead_of_next[order[:-1]]))
    one, other = order[least], order[least + 1]
    return (
        f"the order by {dimension} under {label} is not stable: two keep theirs in "
        f"{found.rank_agreement:.0%} of the draws (wanted {STABLE:.0%}), {names[one]} and {names[other]} "
        f"in {found.ahead_of_next[one]:.0%}"
    )
