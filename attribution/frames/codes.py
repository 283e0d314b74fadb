"""Columns of frames as numbers: which value each row has, and which of given values each row equals."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = "pd.Series[Any]"
Codes: TypeAlias = npt.NDArray[np.integer[Any]]

_HEAD = 1 << 16  # rows that are likely to show every category there is
_BLOCK = 1 << 16  # rows worked on at a time: the temporaries stay in the cache


def plain(column: Column) -> Column:
    """Return a column of Arrow or categorical type as one of the ordinary types, the same otherwise."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if isinstance(column.dtype, pd.ArrowDtype):
        ordinary: Column = pa.chunked_array(pa.array(column)).to_pandas()
        ordinary.index, ordinary.name = column.index, column.name
        return ordinary
    return column


def blanks(column: Column) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return where a column has nothing: null, or empty text."""
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = column.isna().to_numpy(np.bool_)
    if not pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_datetime64_any_dtype(
        column.dtype
    ):
        found = found | (column == "").fillna(False).to_numpy(np.bool_)
    return found


def encode(column: Column) -> tuple[Codes, pd.Index[Any]]:
    """Number the values of a column in order of appearance: codes, -1 for blanks, and the values.

    A categorical column keeps its small codes, so that no row is looked at as text.

    >>> codes, values = encode(pd.Series(["b", None, "a", "", "b"]))
    >>> codes.tolist(), list(values)
    ([0, -1, 1, -1, 0], ['b', 'a'])
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes: Codes = column.cat.codes.to_numpy()
        values = pd.Index(plain(pd.Series(column.cat.categories)))
        appeared = _in_order_of_appearance(codes, len(values))
    else:
        codes, values = pd.factorize(plain(column))
        appeared = np.arange(len(values))
    if not pd.api.types.is_numeric_dtype(values.dtype):
        appeared = appeared[(values[appeared] != "").astype(np.bool_)]
    if np.array_equal(appeared, np.arange(len(values))):
        return codes, values
    renumbered = np.full(len(values) + 1, -1, codes.dtype)  # the -1 of a blank takes the last
    renumbered[appeared] = np.arange(len(appeared))
    return renumbered[codes], values[appeared]


def _in_order_of_appearance(codes: Codes, size: int) -> npt.NDArray[np.int64]:
    seen = pd.unique(codes[:_HEAD])
    if np.count_nonzero(seen >= 0) < size:
        seen = pd.unique(codes)
    return seen[seen >= 0].astype(np.int64)


def match(column: Column, values: pd.Index[Any]) -> npt.NDArray[np.int32]:
    """Return which of the values each row equals, -1 where it is none of them: int32[N].

    Args:
        column: of any type.
        values: distinct, none of them null.

    >>> match(pd.Series([7, 9, 7]), pd.Index([9, 8])).tolist()
    [-1, 0, -1]
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        place = np.append(match(pd.Series(column.cat.categories), values), np.int32(-1))
        found: npt.NDArray[np.int32] = place[column.cat.codes.to_numpy()]
        return found
    column = plain(column)
    if _is_int64(column.dtype) and _is_int64(values.dtype) and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < 2 * (len(column) + len(values)):
            return _match_close(column.to_numpy(), values.to_numpy(), low, high)
    if isinstance(column.dtype, pd.StringDtype) and isinstance(values.dtype, pd.StringDtype):
        texts = pa.array(column)
        places = pc.index_in(texts, value_set=pa.array(values, type=texts.type), skip_nulls=True)
        return np.asarray(places.fill_null(-1), np.int32)
    return values.get_indexer(pd.Index(column)).astype(np.int32)


def _is_int64(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and np.can_cast(dtype, np.int64) and dtype.kind in "iu"


def _match_close(
    rows: npt.NDArray[Any], values: npt.NDArray[Any], low: int, high: int
) -> npt.NDArray[np.int32]:
    """Look integers up in a table of all between the lowest and the highest: no hash beats that."""
    outside = high - low + 1
    place = np.full(outside + 1, -1, np.int32)
    place[values.astype(np.int64) - low] = np.arange(len(values), dtype=np.int32)
    found = np.empty(len(rows), np.int32)
    for block in (slice(i, i + _BLOCK) for i in range(0, len(rows), _BLOCK)):
        # below the lowest wraps round to above the highest
        distance = np.subtract(rows[block], low, dtype=np.int64).view(np.uint64)
        np.minimum(distance, np.uint64(outside), out=distance)
        place.take(distance.view(np.int64), out=found[block], mode="clip")
    return found
