"""Cooperative games over sets of names: exact through the subset transform, or sampled.

A set is a bit mask: bit i is name i. Sums over all subsets are made in n x 2^n steps (Yates, The design and
analysis of factorial experiments, 1937); a Shapley value is the mean marginal contribution over all orders
in which the names can arrive (Shapley, A value for n-person games, 1953).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np

from attribution.journeys.columns import FloatArray, IntArray, sums_by


def subset_sums(values: FloatArray, n_names: int) -> FloatArray:
    """Return float64[2^n]: for every set the sum of `values` over its subsets, itself included.

    >>> subset_sums(np.array([0.0, 1.0, 2.0, 4.0]), 2).tolist()
    [0.0, 1.0, 2.0, 7.0]
    """
    sums = values.astype(np.float64)
    for name in range(n_names):
        halves = sums.reshape(-1, 2, 1 << name)  # sets without the name, and with it
        halves[:, 1] += halves[:, 0]
    return sums


def shapley_values(worth: FloatArray, n_names: int) -> FloatArray:
    """Return float64[n], the Shapley value of each name in a game given for all 2^n sets.

    >>> shapley_values(np.array([0.0, 7, 6, 15, 4, 7, 9, 19]), 3).round(6).tolist()
    [7.666667, 8.166667, 3.166667]
    """
    size = np.zeros(1, np.int64)
    for _ in range(n_names):
        size = np.concatenate((size, size + 1))  # bits set in 0, 1, ..., 2^n - 1
    orders = [factorial(k) * factorial(n_names - k - 1) / factorial(n_names) for k in range(n_names)]
    values = np.empty(n_names)
    for name in range(n_names):
        halves = worth.reshape(-1, 2, 1 << name)
        sizes = size.reshape(-1, 2, 1 << name)[:, 0]
        values[name] = (np.array(orders)[sizes] * (halves[:, 1] - halves[:, 0])).sum()
    return values


@dataclass(frozen=True)
class Sampled:
    """Estimated Shapley values float64[n], with the standard error of each."""

    values: FloatArray
    standard_error: FloatArray


def sampled_rate_values(
    members: IntArray,
    starts: IntArray,
    journeys: FloatArray,
    value: FloatArray,
    n_names: int,
    *,
    permutations: int,
    seed: int,
) -> Sampled:
    """Estimate the Shapley values of the game "value per journey among the journeys within a set".

    Names arrive in random orders; a journey counts from when the last of its names is there. Every order
    is followed by its reverse, which takes away most of the noise; the standard error is that of the
    pairs' means.

    Args:
        members: int64[M], the names of each distinct set of journeys, one set after the other.
        starts: int64[S], where each set begins among `members`.
        journeys, value: float64[S], how many journeys have the set, and what they are worth together.
        n_names: n.
        permutations: orders to draw, in pairs.
        seed: of the orders.
    """
    rng = np.random.default_rng(seed)
    pairs = max(permutations // 2, 2)
    mean, squares = np.zeros(n_names), np.zeros(n_names)
    for pair in range(1, pairs + 1):
        order = rng.permutation(n_names)
        both = np.zeros(n_names)
        for arrival in (order, order[::-1]):
            place = np.empty(n_names, np.int64)
            place[arrival] = np.arange(n_names)
            complete = np.maximum.reduceat(place[members], starts)
            within = np.cumsum(sums_by(complete, journeys, n_names))
            earned = np.cumsum(sums_by(complete, value, n_names))
            worth = np.divide(earned, within, out=np.zeros(n_names), where=within > 0)
            both[arrival] += np.diff(worth, prepend=0.0) / 2
        # running mean and spread: Welford, Note on a method for calculating corrected sums, 1962
        apart = both - mean
        mean += apart / pair
        squares += apart * (both - mean)
    return Sampled(mean, np.sqrt(squares / (pairs - 1) / pairs))
