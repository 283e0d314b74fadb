"""Frames at the door of the library: instants, exact amounts and texts in, exact decimals out."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import InputError
from attribution.frames.codes import Column, plain
from attribution.journeys.columns import FloatArray, IntArray

_LARGEST_MINOR = 2**62
_CERTAIN_FLOAT = 10.0**15  # up to 15 digits a float and its decimal determine each other
_WITH_OFFSET = (
    r"^\s*[0-9-]+[T ][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?)?"
    r"\s*(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)\s*$"
)


def as_frame(table: Any, what: str) -> pd.DataFrame:
    """Return a pandas frame, or one made from anything with the Arrow C interface.

    Raises:
        InputError: it is neither.

    >>> as_frame(pa.table({"at": [1]}), "touches").columns.tolist()
    ['at']
    """
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        frame: pd.DataFrame = pa.table(table).to_pandas()
        return frame
    raise InputError(
        f"{what} is a {type(table).__name__}; allowed are a pandas DataFrame and anything with the Arrow C "
        "interface (Arrow, Polars, DuckDB)"
    )


def require_columns(frame: pd.DataFrame, what: str, names: tuple[str, ...]) -> None:
    """Refuse a frame that lacks a column, or has one twice.

    Raises:
        InputError: names what is missing.
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise InputError(
            f"{what} has no column {missing[0]!r}; needed are {', '.join(names)}: rename yours to these"
        )
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"{what} has two columns named {twice!r}; column names must differ, so rename one")


def read_instants(column: Column, what: str) -> IntArray:
    """Return aware times as int64 microseconds since the epoch, UTC.

    Raises:
        InputError: a time is missing, has no offset, or is no time.

    >>> read_instants(pd.Series(["1970-01-01T01:00:01+01:00"], name="at"), "touches").tolist()
    [1000000]
    """
    column = plain(column)
    if column.isna().any():
        row = int(np.flatnonzero(column.isna().to_numpy())[0])
        raise InputError(
            f"{what}: {column.name} is missing in row {row}; give every row a time, or drop the row"
        )
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise InputError(
            f"{what}: {column.name} holds numbers; allowed are times, so convert them first: "
            f"pd.to_datetime({what}[{str(column.name)!r}], unit='s', utc=True)"
        )
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = _parsed(column, what)
    elif column.dt.tz is None:
        raise _naive(column, what, column.iloc[0] if len(column) else "")
    if column.dt.unit != "us":
        column = column.dt.as_unit("us")
    return column.to_numpy("datetime64[us]").view(np.int64)


def _parsed(column: Column, what: str) -> Column:
    if not len(column):
        return pd.to_datetime(column, utc=True)
    types = set(map(type, column.tolist())) if column.dtype == object else set()
    if types == {str}:
        column = column.astype("str")
    if column.dtype != object and pd.api.types.is_string_dtype(column.dtype):
        aware = column.str.match(_WITH_OFFSET).to_numpy(np.bool_)
    elif types and all(issubclass(one, datetime) for one in types):
        aware = pd.Series(list(map(attrgetter("tzinfo"), column.tolist())), dtype=object).notna().to_numpy()
    elif types and all(issubclass(one, date) for one in types):
        aware = np.zeros(len(column), np.bool_)  # a bare date has no zone either
    else:
        raise InputError(
            f"{what}: {column.name} holds values that are no times; allowed are aware times or ISO 8601 text"
        )
    if not aware.all():
        raise _naive(column, what, column.iloc[int(np.flatnonzero(~aware)[0])])
    try:
        return pd.to_datetime(column, utc=True, format="ISO8601" if column.dtype != object else None)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{what}: {column.name} has a value that is no time ({str(error).splitlines()[0]}); allowed are "
            "aware times or ISO 8601 text with an offset"
        ) from None


def _naive(column: Column, what: str, example: Any) -> InputError:
    return InputError(
        f"{what}: {column.name} has times without an offset, such as {example}; times need one, so name "
        f"their zone first: pd.to_datetime({what}[{str(column.name)!r}]).dt.tz_localize('Europe/London')"
    )


def read_amounts(column: Column, digits: int, names: Column, what: str) -> IntArray:
    """Return amounts in major units as int64 minor units, exactly; floats count as what they print as.

    Args:
        column: numbers, decimals or plain text.
        digits: how many decimals an amount may have.
        names: one name a row, for the message.
        what: whose decimals these are, for the message.

    Raises:
        InputError: an amount is missing, no number, or has more decimals.

    >>> read_amounts(pd.Series([0.1, 19.99]), 2, pd.Series(["a", "b"]), "GBP").tolist()
    [10, 1999]
    """
    column = plain(column)
    factor = 10**digits
    if column.isna().any():
        row = int(np.flatnonzero(column.isna().to_numpy())[0])
        raise InputError(
            f"value of {names.iloc[row]!r} is missing; give every conversion a value, 0 where it has none"
        )
    if pd.api.types.is_bool_dtype(column.dtype):
        raise InputError("the values of conversions are true and false; allowed are amounts such as 1234.50")
    if pd.api.types.is_integer_dtype(column.dtype):
        if not len(column) or max(int(column.max()), -int(column.min())) * factor <= _LARGEST_MINOR:
            whole: IntArray = column.to_numpy(np.int64) * factor
            return whole
    elif pd.api.types.is_float_dtype(column.dtype):
        floats: FloatArray = column.to_numpy(np.float64)
        with np.errstate(all="ignore"):
            scaled = np.rint(floats * factor)
            if (np.abs(scaled) <= _CERTAIN_FLOAT).all() and (scaled / factor == floats).all():
                exact: IntArray = scaled.astype(np.int64)
                return exact
    else:
        try:
            decimals = pa.array(column, from_pandas=True).cast(pa.decimal128(38, digits))
            if len(decimals) and pc.max(pc.abs(decimals)).as_py() * factor <= _LARGEST_MINOR:
                return _unscaled(decimals)
        except (pa.ArrowException, TypeError):
            pass  # the slow way reads more forms, or says what is wrong
    codes, distinct = pd.factorize(column)
    minor = [_minor(value, digits, factor, names, codes, code, what) for code, value in enumerate(distinct)]
    return np.array(minor, np.int64)[codes]


def _minor(value: Any, digits: int, factor: int, names: Column, codes: Any, code: int, what: str) -> int:
    try:
        text = repr(float(value)) if isinstance(value, float) else str(value).strip()
        scaled = Decimal(text) * factor
        if not scaled.is_finite():
            raise ValueError(text)
    except (ArithmeticError, ValueError):
        problem = f"{value!r} is not a plain number such as 1234.50"
    else:
        if scaled == scaled.to_integral_value() and abs(scaled) <= _LARGEST_MINOR:
            return int(scaled)
        problem = f"{text} has more decimals than {what} has ({digits}), so round it first"
        if abs(scaled) > _LARGEST_MINOR:
            problem = f"{text} is out of range; allowed are at most 2**62 minor units"
    name = names.iloc[int(np.flatnonzero(codes == code)[0])]
    raise InputError(f"value of {name!r} cannot be used: {problem}")


def _unscaled(decimals: Any) -> IntArray:
    """Return the integers behind decimals that fit into 64 bits."""
    chunks = decimals.chunks if isinstance(decimals, pa.ChunkedArray) else [decimals]
    # a decimal128 is a little-endian integer of 16 bytes: the lower 8 are the int64
    parts = [
        np.frombuffer(chunk.buffers()[1], np.int64)[2 * chunk.offset : 2 * (chunk.offset + len(chunk)) : 2]
        for chunk in chunks
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def to_decimals(minor: IntArray, digits: int) -> pd.api.extensions.ExtensionArray:
    """Return minor units as exact decimals in major units, an Arrow-backed pandas array.

    >>> list(to_decimals(np.array([250000, -7]), 2))
    [Decimal('2500.00'), Decimal('-0.07')]
    """
    words = np.empty((len(minor), 2), np.int64)
    words[:, 0] = minor
    words[:, 1] = minor >> 63  # the sign fills the upper half
    kind = pa.decimal128(38, digits)
    decimals = pa.Array.from_buffers(kind, len(minor), [None, pa.py_buffer(words.tobytes())])
    return pd.array(decimals, dtype=pd.ArrowDtype(kind))
