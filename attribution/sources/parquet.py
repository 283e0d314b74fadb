"""Parquet to text columns: every type in the one spelling that the parsers read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attribution.sources.batch import RawBatch, Rejection, raw_rows
from attribution.sources.checked import Mask, given, mask_of
from attribution.sources.paths import Seen, Step, leads_into, steps_of, text_at

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


def paths_in(schema: pa.Schema, names: Sequence[str]) -> dict[str, tuple[Step, ...]]:
    """Return the columns of a file that names mean: a plain name before what it may be as a path."""
    kind = pa.struct([(field.name, _bare_kind(field.type)) for field in schema])
    plain = {field.name.strip().lower() for field in schema}
    found = {name: (Step(name),) if name in plain else steps_of(name) for name in names}
    return {name: steps for name, steps in found.items() if leads_into(kind, steps)}


def nested_batches(parquet: pq.ParquetFile, paths: dict[str, tuple[Step, ...]]) -> Iterator[RawBatch]:
    """Yield rows in batches, taken along paths; only what is on them is read. Lines are row numbers."""
    line = 1
    for batch in parquet.iter_batches(batch_size=_ROWS, columns=_wanted(parquet.schema_arrow, paths)):
        bare = [_bare(column) for column in batch.columns]
        rows, seen = pa.StructArray.from_arrays(bare, batch.schema.names), Seen()
        columns = {name: text_at(rows, steps, values_as_text, seen) for name, steps in paths.items()}
        lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
        line += batch.num_rows
        yield RawBatch(pa.table(columns), lines)


def _bare_kind(kind: pa.DataType) -> pa.DataType:
    """Return the type of arrays without the `list` and `element` that some tables keep around them."""
    if not (pa.types.is_struct(kind) and kind.num_fields == 1 and kind.field(0).name == "list"):
        return kind
    inner = kind.field(0).type
    if not (pa.types.is_list(inner) and pa.types.is_struct(inner.value_type)):
        return kind
    item = inner.value_type
    wrapped = item.num_fields == 1 and item.field(0).name in ("element", "item")
    return pa.list_(item.field(0).type) if wrapped else kind


def _bare(array: pa.Array) -> pa.Array:
    """Return arrays without what is kept around them, as :func:`_bare_kind` tells."""
    if _bare_kind(array.type) is array.type:
        return array
    lists = pc.struct_field(array, [0])
    ends = np.cumsum(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False))
    items = pc.struct_field(pc.list_flatten(lists), [0])
    return pa.ListArray.from_arrays(pa.array(np.append(0, ends), pa.int32()), items)


def values_as_text(array: pa.Array) -> pa.Array:
    """Write values of any type as text; those that no text can stand for are missing."""
    return _texts(array, "")[0]


def _wanted(schema: pa.Schema, paths: dict[str, tuple[Step, ...]]) -> list[str]:
    """Return the columns to read, as Parquet calls them: a dot between a struct and its field."""
    wanted: dict[str, None] = {}
    for steps in paths.values():
        for field in schema:
            name = field.name
            if name.strip().lower() != steps[0].name:
                continue
            kind, rest = field.type, list(steps)
            while rest[0].key is None and len(rest) > 1 and pa.types.is_struct(kind):
                rest.pop(0)
                inner = [field for field in kind if field.name.strip().lower() == rest[0].name]
                if len(inner) != 1:
                    break
                name, kind = f"{name}.{inner[0].name}", inner[0].type
            wanted[name] = None
    return list(wanted)


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
