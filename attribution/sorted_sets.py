"""Sets of whole numbers as ascending arrays.

numpy's own `unique`, `union1d` and `setdiff1d` hash (since numpy 2.3) and take fifty times as long as a sort
where there are millions: 9 M numbers in 10.7 s against 0.16 s.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Whole = TypeVar("Whole", bound=np.integer[Any])


def as_set(values: npt.NDArray[Whole]) -> npt.NDArray[Whole]:
    """Return the distinct numbers of an array of any shape, ascending.

    >>> as_set(np.array([3, 1, 3])).tolist()
    [1, 3]
    """
    ordered = np.sort(values, axis=None)
    if len(ordered) < 2:
        return ordered
    first = np.empty(len(ordered), np.bool_)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def union(*sets: npt.NDArray[Whole]) -> npt.NDArray[Whole]:
    """Return the numbers that are in any of some arrays, ascending.

    >>> union(np.array([3, 1]), np.array([2, 3])).tolist()
    [1, 2, 3]
    """
    return as_set(np.concatenate([values.ravel() for values in sets]))


def difference(values: npt.NDArray[Whole], without: npt.NDArray[Whole]) -> npt.NDArray[Whole]:
    """Return the numbers of one array that are not in another, ascending.

    >>> difference(np.array([3, 1, 2, 2]), np.array([1, 5])).tolist()
    [2, 3]
    """
    mine = as_set(values)
    return mine[~np.isin(mine, without)]


def intersection(values: npt.NDArray[Whole], others: npt.NDArray[Whole]) -> npt.NDArray[Whole]:
    """Return the numbers that are in both arrays, ascending.

    >>> intersection(np.array([3, 1, 3]), np.array([3, 5])).tolist()
    [3]
    """
    mine = as_set(values)
    return mine[np.isin(mine, others)]
