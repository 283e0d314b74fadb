"""How often a bootstrap draws whom: Poisson numbers from seed, draw and unit, and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from attribution.journeys.columns import FloatArray, IntArray

_GOLDEN, _MIX_1, _MIX_2 = (
    np.uint64(number) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
# Poisson(1) in steps of 2**-16, rounded so that the mean is 1 exactly and the variance to 5 digits
_TIMES = np.repeat(np.arange(9.0), (24109, 24110, 12055, 4018, 1004, 201, 33, 5, 1))


def draw_times(keys: IntArray, draws: int, seed: int = 0, *, start: int = 0) -> FloatArray:
    """Return float64[U, R]: how often each unit is in each of the draws from `start` on, a multiple of 4.

    >>> times = draw_times(np.array([7, 8, 9]), 8)
    >>> bool((draw_times(np.array([9, 7]), 4, start=4) == times[[2, 0], 4:]).all())
    True
    """
    state = _mixed(keys.astype(np.uint64) + _mixed(np.array([seed % 2**64], np.uint64) + _GOLDEN))
    # a 64-bit word decides four draws
    steps = np.arange(start // 4 + 1, (start + draws + 3) // 4 + 1, dtype=np.uint64) * _GOLDEN
    return _TIMES[_mixed(state[:, None] + steps).view(np.uint16)[:, :draws]]


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Mix 64-bit words as SplitMix64 does (Steele et al., Fast Splittable Pseudorandom Generators, 2014)."""
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    return words ^ (words >> np.uint64(31))
