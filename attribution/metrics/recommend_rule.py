"""The rule of `recommend`: from what was spent, what it brought and how sure that is, to one word and why.

Bounds are wide enough for all rows that are judged together (Bonferroni): where nothing is better or worse
than the target, some row of all is called so at most as often as the level leaves room for.

People drawn again cannot show the large deal that a row happened not to get. So a row's bounds are the wider
of two: those of its own people drawn again, and those of a value that comes in lumps as large as the whole
store's. By the first alone up to 60 % of worlds in which every campaign breaks even had one cut
(`benchmarks/recommendations.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scipy.stats import chi2

from attribution.trust.intervals import ENOUGH_CONVERSIONS, ENOUGH_UNITS

SCALE, HOLD, CUT, UNKNOWN = "scale", "hold", "cut", "not enough data"
ADVICE: Final = (SCALE, HOLD, CUT, UNKNOWN)


@dataclass(frozen=True)
class Judged:
    """One row as the rule sees it, money in minor units at the margin asked for.

    Attributes:
        value, spend: spend is above 0.
        low, high: bounds of the value from its own people; None where too few conversions stand behind it,
            or those of too few accounts or people.
        conversions: behind the value.
        come: which part of what the spend brings has come by now, as far as is known; above 0.
    """

    value: float
    spend: int
    low: float | None
    high: float | None
    conversions: int
    come: float = 1.0


@dataclass(frozen=True)
class Verdict:
    """What is advised, with the bounds of the return that it rests on."""

    advice: str
    low: float | None
    high: float | None
    because: str


def row_level(level: float, rows: int) -> float:
    """Return how sure each of some rows has to be, so that all are at a level.

    >>> round(row_level(0.9, 4), 3)
    0.975
    """
    return 1 - (1 - level) / max(rows, 1)


def lump_bounds(value: float, lump: float, level: float) -> tuple[float, float]:
    """Return what a value that came in lumps may be on average.

    A sum of a random number of amounts has about the law of a Poisson number of equal lumps, each as large as
    the mean of the squares over the mean (Bohm and Zech, Statistics of Weighted Poisson Events, 2014); the
    bounds of that number are Garwood's (Fiducial Limits for the Poisson Distribution, 1936).

    Args:
        value: what came; below 0 is 0.
        lump: above 0.
        level: of the bounds.

    >>> [round(bound) for bound in lump_bounds(0, 100, 0.9)]
    [0, 300]
    >>> [round(bound) for bound in lump_bounds(500, 100, 0.9)]
    [197, 1051]
    """
    number = max(value, 0.0) / lump
    low = chi2.ppf((1 - level) / 2, 2 * number) / 2 if number > 0 else 0.0
    return float(low) * lump, float(chi2.ppf((1 + level) / 2, 2 * (number + 1)) / 2) * lump


def judge(row: Judged, *, target: float, level: float, lump: float | None) -> Verdict:
    """Judge one row.

    Args:
        row: what it cost and brought.
        target: the return that spend has to bring.
        level: of this row's bounds.
        lump: of what customers of the whole store bring to rows, minor units at the margin; None: too few to
            tell.

    >>> judge(Judged(300.0, 100, 150.0, 480.0, 12), target=0, level=0.9, lump=20.0).because
    'ROI 200 % lies with 50 % to 380 % wholly above the target of 0 %, from 12 conversions'
    >>> judge(Judged(0.0, 100, None, None, 0), target=0, level=0.9, lump=30.0).advice
    'cut'
    >>> judge(Judged(0.0, 80, None, None, 0), target=0, level=0.9, lump=30.0).advice
    'not enough data'

    What still comes can lift a row above the target, and never below: the upper bound allows for it.

    >>> judge(Judged(0.0, 100, None, None, 0, come=0.8), target=0, level=0.9, lump=30.0).advice
    'not enough data'
    """
    of = f"{row.conversions} conversion{'' if row.conversions == 1 else 's'}"
    if lump is None or lump <= 0:
        return Verdict(
            UNKNOWN, None, None, f"{of}, and too few in the whole store to tell what a customer brings"
        )
    least, most = lump_bounds(row.value, lump, level)
    most /= row.come
    if row.low is None or row.high is None or row.conversions < ENOUGH_CONVERSIONS:
        return _of_few(row, of, target, most)
    low, high = min(row.low, least) / row.spend - 1, max(row.high / row.come, most) / row.spend - 1
    told = f"ROI {_percent(row.value / row.spend - 1)} lies with {_percent(low)} to {_percent(high)}"
    of += _to_come(row)
    if low > target:
        return Verdict(SCALE, low, high, f"{told} wholly above the target of {_percent(target)}, from {of}")
    if high < target:
        return Verdict(CUT, low, high, f"{told} wholly below the target of {_percent(target)}, from {of}")
    return Verdict(HOLD, low, high, f"{told} on both sides of the target of {_percent(target)}, from {of}")


def _to_come(row: Judged) -> str:
    """Tell how much the upper bound allows for that has not come yet, where that is a percent or more."""
    missing = 1 - row.come
    return f"; the upper bound allows for {_percent(missing)} still to come" if missing >= 0.005 else ""


def _of_few(row: Judged, of: str, target: float, most: float) -> Verdict:
    """Judge what few conversions stand behind: only that even the most there could be is too little."""
    few = row.conversions < ENOUGH_CONVERSIONS
    fewer = f"fewer than {ENOUGH_CONVERSIONS}" if few else f"of fewer than {ENOUGH_UNITS} customers"
    short, high = f"{of}, {fewer}", most / row.spend - 1
    if high < target:
        return Verdict(
            CUT, None, high,
            f"{short}; but for this spend even the most that so little can stand for is an ROI of "
            f"{_percent(high)}, below the target of {_percent(target)}{_to_come(row)}",
        )  # fmt: skip
    return Verdict(
        UNKNOWN, None, None,
        f"{short}; so little can stand for an ROI of up to {_percent(high)}",
    )  # fmt: skip


def _percent(part: float) -> str:
    return f"{part * 100:,.0f} %"
