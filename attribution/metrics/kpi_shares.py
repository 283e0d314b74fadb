"""Which figures are shares: the numerator counts some of the very records that the denominator counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.journeys.columns import FloatArray
from attribution.metrics.measures.parts import NOBODY, Parts
from attribution.store.columns import Ints


def shares_of(part: Parts, whole: Parts, groups: Ints) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Tell in which groups one measure is a part of another, record by record, and of how many records.

    Args:
        part, whole: in the same unit, such as counts.
        groups: int64[G].

    Returns:
        bool[G], whether each record of the part is one of the whole and counts there no less; float64[G], how
        many records of equal weight the whole is worth (Kish, Survey Sampling, 1965).

    >>> leads = Parts("lead", np.arange(4), np.array([0, 0, 1, 1]), np.full(4, 10))
    >>> won = Parts("lead", np.array([0, 3, 9]), np.array([0, 1, 1]), np.full(3, 10))
    >>> [found.tolist() for found in shares_of(won, leads, np.array([0, 1]))]  # 9 is a lead of another year
    [[True, False], [2.0, 2.0]]
    """
    if part.kind != whole.kind or part.kind == NOBODY:
        return np.zeros(len(groups), bool), np.zeros(len(groups))
    frame = pd.concat([_cells(part, groups, "part"), _cells(whole, groups, "whole")])
    cells = frame.groupby(["group", "record"]).sum()  # a record may have several cells of a group
    within = (cells["part"] >= 0) & (cells["part"] <= cells["whole"])
    by_group = pd.DataFrame(
        {
            "outside": ~within,
            "sum": cells["whole"].astype(np.float64),
            "squares": cells["whole"].astype(np.float64) ** 2,
        }
    )
    found = by_group.groupby("group").sum().reindex(groups, fill_value=0)
    squares = found["squares"].to_numpy(np.float64)
    worth = found["sum"].to_numpy(np.float64) ** 2 / np.where(squares > 0, squares, 1)
    return (found["outside"] == 0).to_numpy(bool) & (squares > 0), worth


def _cells(parts: Parts, groups: Ints, name: str) -> pd.DataFrame:
    there = np.isin(parts.group, groups)
    columns = {"group": parts.group[there], "record": parts.record[there], "part": 0, "whole": 0}
    return pd.DataFrame(columns | {name: parts.value[there]})
