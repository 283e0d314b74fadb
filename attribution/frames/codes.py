"""Columns of frames as numbers: which value each row has, and which of given values each row equals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution.journeys.columns import IntArray

Column: TypeAlias = "pd.Series[Any]"
Codes: TypeAlias = npt.NDArray[np.integer[Any]]

_HEAD = 1 << 16  # rows that are likely to show every category there is


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


class Encoding(NamedTuple):
    """A column as numbers, not yet in order.

    Attributes:
        codes: one for each row.
        renumber: what each code becomes, the last what -1 becomes; None where they stay.
        values: what the codes then stand for; -1 is for blanks.
    """

    codes: Codes
    renumber: Codes | None
    values: pd.Index[Any]

    def numbered(self, codes: Codes) -> Codes:
        """Return what some of the codes become."""
        return codes if self.renumber is None else self.renumber.take(codes)


def encoding(column: Column) -> Encoding:
    """Number the values of a column in order of appearance; a categorical one is not looked at as text."""
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
        return Encoding(codes, None, values)
    renumber = np.full(len(values) + 1, -1, np.int32)
    renumber[appeared] = np.arange(len(appeared))
    return Encoding(codes, renumber, values[appeared])


def encode(column: Column) -> tuple[Codes, pd.Index[Any]]:
    """Number the values of a column in order of appearance: codes, -1 for blanks, and the values.

    >>> codes, values = encode(pd.Series(["b", None, "a", "", "b"]))
    >>> codes.tolist(), list(values)
    ([0, -1, 1, -1, 0], ['b', 'a'])
    """
    found = encoding(column)
    return found.numbered(found.codes), found.values


def _in_order_of_appearance(codes: Codes, size: int) -> npt.NDArray[np.int64]:
    seen = pd.unique(codes[:_HEAD])
    if np.count_nonzero(seen >= 0) < size:
        seen = pd.unique(codes)
    return seen[seen >= 0].astype(np.int64)


class Hits(NamedTuple):
    """The rows of a part that were found, and the number of each."""

    rows: IntArray
    numbers: Codes


Matches: TypeAlias = Callable[[int, int], Hits]


def match(column: Column, values: Column) -> tuple[Matches, Codes]:
    """Number the distinct values of one column, and find the rows of another that equal them.

    Args:
        column: of any type; what is looked through.
        values: of any type.

    Returns:
        A function that answers for rows `start` to `stop`, and the number of each of the values, -1 for
        blanks. Numbers are >= 0, in any order and with gaps.

    >>> matches, numbers = match(pd.Series([7, 9, 5]), pd.Series([9, 7, 9]))
    >>> hits = matches(0, 3)
    >>> hits.rows.tolist(), hits.numbers.tolist(), numbers.tolist()
    ([0, 1], [0, 2], [2, 0, 2])
    """
    # few categories are matched instead of their rows
    column, values = (
        one if isinstance(one.dtype, pd.CategoricalDtype) else plain(one) for one in (column, values)
    )
    if _is_int64(column.dtype) and _is_int64(values.dtype) and len(values):
        rows, sought = column.to_numpy(), values.to_numpy().astype(np.int64, copy=False)
        low, high = int(sought.min()), int(sought.max())
        if high - low < 2 * (len(column) + len(values)):
            return _match_close(rows, sought, low, high)
    numbers, distinct = encode(values)
    found = _places(column, distinct)

    def hits(start: int, stop: int) -> Hits:
        part = found[start:stop]
        chosen = np.flatnonzero(part >= 0)
        return Hits(chosen + start, part.take(chosen))

    return hits, numbers


def _places(column: Column, values: pd.Index[Any]) -> npt.NDArray[np.int32]:
    """Return which of the values each row equals, -1 where it is none of them: int32[N]."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        place = np.append(_places(pd.Series(column.cat.categories), values), np.int32(-1))
        found: npt.NDArray[np.int32] = place[column.cat.codes.to_numpy()]
        return found
    column = plain(column)
    if isinstance(column.dtype, pd.StringDtype) and isinstance(values.dtype, pd.StringDtype):
        texts = pa.array(column)
        places = pc.index_in(texts, value_set=pa.array(values, type=texts.type), skip_nulls=True)
        return np.asarray(places.fill_null(-1), np.int32)
    return values.get_indexer(pd.Index(column)).astype(np.int32)


def _is_int64(dtype: Any) -> bool:
    """Tell whether a column holds whole numbers and nothing else: no blank, and none beyond int64."""
    return isinstance(dtype, np.dtype) and np.can_cast(dtype, np.int64) and dtype.kind in "iu"


def _match_close(rows: npt.NDArray[Any], values: IntArray, low: int, high: int) -> tuple[Matches, IntArray]:
    """Look integers up in a table of all between the lowest and the highest: no hash beats that."""
    outside = high - low + 1
    numbers = values - low
    occurs = np.zeros(outside + 1, np.bool_)
    occurs[numbers] = True

    def hits(start: int, stop: int) -> Hits:
        distance = np.subtract(rows[start:stop], low, dtype=np.int64)
        # below the lowest wraps round to above the highest
        bounded = np.minimum(distance.view(np.uint64), np.uint64(outside)).view(np.int64)
        chosen = np.flatnonzero(occurs.take(bounded))
        return Hits(chosen + start, distance.take(chosen))

    return hits, numbers
