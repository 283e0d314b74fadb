"""Bounds of a single lead are of what it brings, and hold it as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.metrics.predict.learn import Fit, Sample
from attribution.metrics.predict.outcomes import lead_bounds, spread_of

RATIOS = np.array([0.25, 0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("chance", "level", "bounds"),
    [
        # nothing in 96 of 100: also at the 95th percentile, but never below the average
        (0.04, 0.9, (0.0, 4.0)),
        # nothing in 80 of 100, so the 90th percentile is the middle of what is won: 2.5 of 5, the third
        (0.2, 0.8, (0.0, 100.0)),
        # the 95th leaves a quarter of what is won above it: 3.75 of 5, the fourth
        (0.2, 0.9, (0.0, 200.0)),
        # 0.45 of 5: below the first of four; 4.49 of 5: beyond the last, of which no more is known
        (0.99, 0.8, (0.0, 200.0)),
        # 1.06 of 5 and 3.92 of 5
        (0.99, 0.58, (25.0, 200.0)),
        (1.0, 0.2, (50.0, 100.0)),
    ],
)
def test_percentiles_of_nothing_or_an_amount(
    chance: float, level: float, bounds: tuple[float, float]
) -> None:
    """Worked by hand: one more than were seen counts, so that few do not look like certainty."""
    low, high = lead_bounds(np.array([chance]), np.array([100.0]), RATIOS, level)
    assert (low.item(), high.item()) == pytest.approx(bounds)


def test_without_any_win_the_amount_is_all_that_is_known() -> None:
    """No spread, no width."""
    low, high = lead_bounds(np.array([0.5]), np.array([100.0]), np.empty(0), 0.9)
    assert (low.item(), high.item()) == (0.0, 100.0)


def test_the_spread_is_what_came_over_what_was_expected() -> None:
    """Of those won in the months that calibrate; money given back whole is nothing, never less."""
    later = Sample(
        np.zeros((4, 1)), np.array([3, 3, 3, 0]), np.array([1, 1, 1, 0]), np.array([300.0, 50.0, -5.0, 0.0]),
        np.ones(4), np.arange(4),
    )  # fmt: skip
    fit = Fit(np.zeros(2), None, np.array([10.0, 10.0, 10.0, 50.0]), 50.0, factor=2.0)
    assert spread_of(fit, later).tolist() == [0.0, 0.5, 3.0]


def test_they_hold_what_comes() -> None:
    """Among leads whose law is known, for any chance: at least as often as claimed, less a little luck."""
    rng = np.random.default_rng(2)
    n = 20_000
    spread = np.sort(rng.lognormal(-0.125, 0.5, 2000))
    for chance in (0.02, 0.1, 0.3, 0.7, 0.98):
        came = np.where(rng.random(n) < chance, 100 * rng.lognormal(-0.125, 0.5, n), 0.0)
        for level in (0.8, 0.9):
            low, high = lead_bounds(np.full(n, chance), np.full(n, 100.0), spread, level)
            assert ((low <= came) & (came <= high)).mean() > level - 0.02
