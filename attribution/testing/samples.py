"""Journeys to try a model on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import DAY
from attribution.journeys.build import build
from attribution.journeys.columns import Dimension, Journeys
from attribution.models.base import DIRECT

SAMPLE_CHANNELS = (DIRECT, "Email", "Organic Search", "Paid Search", "Referral")
_CAMPAIGNS = ("autumn", "brand", "launch", "spring")
_MILESTONES = ("lead", "mql", "sqo", "opportunity", "close")
_OWN_DIMENSIONS = ("channel", "touch_kind")  # every Journeys carries these


def sample_journeys(
    seed: int = 0, n: int = 200, *, milestones: Sequence[str] = (), dimensions: Sequence[str] = ()
) -> Journeys:
    """Return journeys as they come: empty, single, long, all Direct, at one instant, refunded, not converted.

    Touches are of several kinds, and some have no channel (code -1).

    Args:
        seed: of all that is drawn.
        n: how many journeys.
        milestones: beside `lead`, `mql`, `sqo`, `opportunity` and `close`; about a third are not reached.
        dimensions: beside `campaign`; some touches have no name in them.

    >>> journeys = sample_journeys(seed=1, n=50, milestones=["demo booked"])
    >>> journeys.n_journeys, bool((journeys.lengths == 0).any()), bool((journeys.value < 0).any())
    (50, True, True)
    >>> sorted(journeys.milestones)
    ['close', 'demo booked', 'lead', 'mql', 'opportunity', 'sqo']
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 9, n)
    lengths[: min(n, 4)] = (0, 1, 2, 3)[: min(n, 4)]
    total = int(lengths.sum())
    conversion = np.repeat(np.arange(n), lengths)
    channel = rng.integers(0, len(SAMPLE_CHANNELS), total)
    all_direct = np.isin(conversion, np.arange(5, n, 10))
    day = rng.integers(0, 90, total)
    day[np.isin(conversion, np.arange(6, n, 10))] = 30
    first = np.cumsum(lengths) - lengths
    reached = {}
    for name in dict.fromkeys((*_MILESTONES, *milestones)):
        held = (lengths > 0) & (rng.random(n) < 0.7)
        reached[name] = np.where(held, first + rng.integers(0, np.maximum(lengths, 1)), -1)
    value = rng.integers(-50_000, 500_000, n)
    value[:: max(n // 10, 1)] = 0
    value[1 :: max(n // 10, 2)] *= np.int64(-1)
    if n:
        value[-1] = -12_345
    named = {
        name: Dimension(rng.integers(-1, len(_CAMPAIGNS), total).astype(np.int32), _CAMPAIGNS)
        for name in dict.fromkeys(("campaign", *dimensions))
        if name not in _OWN_DIMENSIONS
    }
    return build(
        conversion=conversion, at=day * DAY + rng.integers(0, 3, total),
        channel=np.where(all_direct, 0, np.where(rng.random(total) < 0.05, -1, channel)).astype(np.int32),
        kind=rng.integers(0, len(TOUCH_KINDS), total).astype(np.int16), placement=channel,
        touch=np.arange(total), person=conversion, converted_at=np.full(n, 100 * DAY), value=value,
        channels=SAMPLE_CHANNELS, kinds=TOUCH_KINDS, converted=rng.random(n) < 0.8, tie_rank=np.arange(total),
        milestones=reached, dimensions=named,
    )  # fmt: skip
