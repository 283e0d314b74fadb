"""Whether an order can be trusted: ranks in the draws of a bootstrap, and how often they agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from attribution.journeys.columns import BoolArray, FloatArray, IntArray


def rank_agreement(point: FloatArray, draws: FloatArray, among: BoolArray) -> float:
    """Return in how many draws two figures keep the order of the point estimate, meant over all pairs.

    A tie, in the draw or in the estimate, counts half; fewer than two figures agree always.

    Args:
        point: float64[G].
        draws: float64[R, G].
        among: bool[G], those that are compared.

    >>> draws = np.array([[3.0, 2.0, 1.0], [2.0, 3.0, 1.0]])  # one pair of three turns around, once in two
    >>> round(rank_agreement(np.array([9.0, 8.0, 7.0]), draws, np.ones(3, bool)), 6)
    0.833333
    """
    place = np.flatnonzero(among)
    if len(place) < 2 or not len(draws):
        return 1.0
    order = place[np.argsort(-point[place], kind="stable")]
    kept = 0.0
    for i in range(len(order) - 1):
        one, others = order[i], order[i + 1 :]
        ahead = np.sign(draws[:, [one]] - draws[:, others])
        kept += float(((1 + ahead * np.sign(point[one] - point[others])) / 2).mean(axis=0).sum())
    return kept / (len(order) * (len(order) - 1) / 2)


def rank_bounds(draws: FloatArray, level: float) -> tuple[IntArray, IntArray]:
    """Return the best and the worst place (1 = the largest figure) that `level` of the draws span.

    >>> draws = np.array([[3.0, 2.0, 1.0], [2.0, 3.0, 1.0]])
    >>> [places.tolist() for places in rank_bounds(draws, 0.9)]
    [[1, 1, 3], [2, 2, 3]]
    """
    if not draws.size:
        return np.ones(draws.shape[1], np.int64), np.ones(draws.shape[1], np.int64)
    places = pd.DataFrame(-draws).rank(axis=1).to_numpy()  # scipy.stats takes half a second to import
    best = np.quantile(places, (1 - level) / 2, axis=0, method="lower")
    worst = np.quantile(places, (1 + level) / 2, axis=0, method="higher")
    return np.floor(best).astype(np.int64), np.ceil(worst).astype(np.int64)


def ahead_of_next(point: FloatArray, draws: FloatArray) -> FloatArray:
    """Return float64[G]: in how many draws each figure stays ahead of the next smaller one; NaN for the last.

    A tie counts half.

    >>> draws = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 3.0], [1.0, 1.0]])
    >>> ahead_of_next(np.array([7.0, 9.0]), draws).tolist()
    [nan, 0.625]
    """
    ahead = np.full(len(point), np.nan)
    order = np.argsort(-point, kind="stable")
    one, following = order[:-1], order[1:]
    ahead[one] = ((1 + np.sign(draws[:, one] - draws[:, following])) / 2).mean(axis=0)
    return ahead
