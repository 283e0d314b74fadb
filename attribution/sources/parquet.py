"""Parquet to text columns: every type in the one spelling that the parsers read."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attribution.sources.batch import RawBatch, Rejection, raw_rows
from attribution.sources.checked import Mask, given, mask_of

_ROWS = 1 << 16
_NO_TEXT = pa.scalar(None, pa.string())


def parquet_batches(parquet: pq.ParquetFile, names: dict[str, str]) -> Iterator[RawBatch]:
    """Yield rows in batches; `names` maps the table's column names to the file's. Lines are row numbers."""
    line = 1
    for batch in parquet.iter_batches(batch_size=_ROWS, columns=list(names.values())):
        columns: dict[str, pa.Array] = {}
        nested: Mask = np.zeros(batch.num_rows, dtype=bool)
        where = np.full(batch.num_rows, "", dtype=object)
        for name, theirs in names.items():
            array = batch.column(batch.schema.get_field_index(theirs))
            texts, bad = _texts(array, name)
            where[bad & ~nested] = name
            nested |= bad
            columns[name] = pc.if_else(pc.equal(texts, ""), _NO_TEXT, texts)
        lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
        line += batch.num_rows
        yield _without(pa.table(columns), lines, nested, where)


def _without(columns: pa.Table, lines: np.ndarray, nested: Mask, where: np.ndarray) -> RawBatch:
    if not nested.any():
        return RawBatch(columns, lines)
    rows = np.flatnonzero(nested)
    rejected = [
        Rejection(
            int(lines[row]),
            "nested_value",
            f"{where[row]} is a list, an object or bytes; allowed is one value, so flatten it",
            raw,
        )
        for row, raw in zip(rows.tolist(), raw_rows(columns, rows), strict=True)
    ]
    return RawBatch(columns.filter(pa.array(~nested)), lines[~nested], rejected)


def _texts(array: pa.Array, name: str) -> tuple[pa.Array, Mask]:
    """Return the values as text, and which of them no text can stand for."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    fine = np.zeros(len(array), dtype=bool)
    if name == "emails" and _is_text_list(kind):
        return pc.binary_join(array.cast(pa.list_(pa.string())), ";"), fine
    if pa.types.is_nested(kind):
        return pa.nulls(len(array), pa.string()), given(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            return array.cast(pa.binary()).cast(pa.string()), fine  # writers without a text type
        except pa.ArrowInvalid:
            return pa.nulls(len(array), pa.string()), given(array)
    if pa.types.is_timestamp(kind):
        return _timestamps(array), fine
    if pa.types.is_date(kind):
        return array.cast(pa.date32()).cast(pa.string()), fine
    if pa.types.is_floating(kind):
        return _floats(array), fine
    if pa.types.is_decimal(kind):
        return _plain(array.cast(pa.string())), fine
    return array.cast(pa.string()), fine


def _is_text_list(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    return bool(pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type))


def _timestamps(array: pa.Array) -> pa.Array:
    """Write timestamps as ISO 8601, with Z where the column has a zone."""
    unit, zone = array.type.unit, array.type.tz
    instants = array.cast(pa.timestamp(unit)) if zone is None else array.cast(pa.timestamp(unit, "UTC"))
    texts = instants.cast(pa.timestamp(unit)).cast(pa.string())
    return texts if zone is None else pc.binary_join_element_wise(texts, "Z", "")


def _floats(array: pa.Array) -> pa.Array:
    """Write floats with the fewest digits that give them back; pandas' NaN is a missing value."""
    array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return _plain(array.cast(pa.string()))


def _plain(texts: pa.Array) -> pa.Array:
    """Write out exponents (1e-07) where they are few enough digits to be a number people use."""
    odd = mask_of(pc.match_substring_regex(texts, "[eE]"))
    if not odd.any():
        return texts
    return pa.array([_written_out(text) for text in texts.to_pylist()], pa.string())


def _written_out(text: str | None) -> str | None:
    return text if text is None or text in ("inf", "-inf") else f"{Decimal(text):f}"
