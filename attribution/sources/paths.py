"""Names that lead into objects: `context.page.url`, and `event_params[page_location]` into arrays of records.

Dots lead into objects (in Parquet: structs). `NAME[KEY]` leads into an array of records of a key and a value,
as GA4 has them, into a map, or into an object; `NAME[0]` is the first item of an array. A path through an
array of objects (`results.id`) is read in each of them, and the values are joined by `;`. Text that is JSON
itself is read like what it says. Names are compared without case. An object or an array where a path ends is
no value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.sources.checked import given

__all__ = [
    "KEYS",
    "TYPED",
    "VALUES",
    "Decimals",
    "Seen",
    "Step",
    "Whole",
    "among",
    "as_text",
    "decode",
    "is_encoded",
    "leads_into",
    "steps_of",
    "text_at",
    "text_in",
]

_STEP: Final = re.compile(r"([^.\[\]]+)(?:\[([^\]]+)\])?(?:\.|$)")
KEYS: Final = ("key", "name")  # what a record may call its key
VALUES: Final = ("value",)
# more than a float surely keeps
TOO_MANY_DIGITS: Final = r"^-?[0.]*[1-9](\.?\d){15}|inf"
TYPED: Final = (
    "string_value",
    "int_value",
    "float_value",
    "double_value",
)  # a value by its type, as GA4 has it
_NO_TEXT: Final = pa.scalar(None, pa.string())


class Whole(str):
    """A whole number of JSON, as it is written."""

    __slots__ = ()


class Decimals(str):
    """Any other number of JSON, as it is written."""

    __slots__ = ()


# NaN, which some writers know, is no value
decode: Final = json.JSONDecoder(parse_float=Decimals, parse_int=Whole, parse_constant=lambda _: None).decode


class Step(NamedTuple):
    """One step into an object: the name, and where it holds records, the key of the one that is meant."""

    name: str
    key: str | None = None


def steps_of(name: str) -> tuple[Step, ...]:
    """Return the steps of a path; one step without a key for a plain name, and for what is no path.

    >>> steps_of("event_params[page.title].string_value")
    (Step(name='event_params', key='page.title'), Step(name='string_value', key=None))
    >>> steps_of("cost [total")
    (Step(name='cost [total', key=None),)
    """
    steps, place = [], 0
    while place < len(name) and (match := _STEP.match(name, place)) is not None:
        steps.append(Step(match[1], match[2]))
        place = match.end()
    whole = place == len(name) and not name.endswith(".")
    return tuple(steps) if whole and steps else (Step(name),)


def among(names: Iterable[str], wanted: str) -> list[str]:
    """Return the spellings of a name."""
    return [name for name in names if name == wanted or _plain(name) == wanted]


@lru_cache(10_000)
def _plain(name: str) -> str:
    return name.strip().lower()


# --- in an object of Python --------------------------------------------------------------------------


def text_in(value: Any, steps: tuple[Step, ...]) -> str | None:
    """Return the text that a path leads to in a decoded object, None where there is none.

    >>> text_in({"Geo": {"country": "FR"}}, steps_of("geo.country"))
    'FR'
    >>> text_in({"p": [{"key": "a", "value": {"int_value": "7"}}]}, steps_of("p[a]"))
    '7'
    >>> text_in({"to": {"results": [{"id": "7"}, {"id": "8"}]}}, steps_of("to.results.id"))
    '7;8'
    """
    if isinstance(value, list):
        found = [text for one in value if (text := text_in(one, steps)) is not None] if steps else []
        return ";".join(found) or None
    if not steps:
        return as_text(value)
    if is_encoded(value):
        return text_in(decoded(value), steps)
    if not isinstance(value, dict):
        return None
    step, rest = steps[0], steps[1:]
    for name in among(value, step.name):
        inner = value[name]
        if step.key is not None:
            inner = _record(inner, step.key, plain=not rest)
        text = text_in(inner, rest)
        if text is not None:
            return text
    return None


def is_encoded(value: Any) -> bool:
    """Tell whether a value is text that may be JSON."""
    return isinstance(value, str) and value[:1] in ("{", "[")


def decoded(text: str) -> Any:
    """Decode JSON, with numbers as they are written; None where it is none."""
    try:
        return decode(text)
    except (ValueError, RecursionError):
        return None


def as_text(value: Any) -> str | None:
    """Return a value as text; an object, an array and nothing are none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimals):
        return plain_decimals(value)
    return str(value) if isinstance(value, str) and value else None  # numbers are read as text


def plain_decimals(text: str) -> str:
    """Write a number as columns of floats are written, unless it has more digits than those keep.

    >>> plain_decimals("0.10"), plain_decimals("1e3"), plain_decimals("0.12345678901234567")
    ('0.1', '1000', '0.12345678901234567')
    """
    number = float(text)
    if not isfinite(number):
        return text
    plain = f"{Decimal(repr(number)):f}".removesuffix(".0")
    return text if re.match(TOO_MANY_DIGITS, plain) else plain


def _record(value: Any, key: str, *, plain: bool) -> Any:
    """Return what an array of records, or an object, has for a key."""
    if is_encoded(value):
        value = decoded(value)
    if isinstance(value, dict):
        found = [value[name] for name in among(value, key)]
    elif isinstance(value, list) and key.isdecimal():
        found = value[int(key) : int(key) + 1]
    elif isinstance(value, list):
        records = [one for one in value if isinstance(one, dict)]
        found = [
            _first(one, VALUES)
            for one in records
            if isinstance(name := _first(one, KEYS), str) and name.strip().lower() == key
        ]
    else:
        return None
    for one in found:
        inner = _first(one, TYPED) if plain and isinstance(one, dict) else one
        if inner is not None:
            return inner
    return None


def _first(record: dict[str, Any], names: Iterable[str]) -> Any:
    for wanted in names:
        for name in among(record, wanted):
            if record[name] is not None:
                return record[name]
    return None


# --- in a column of Arrow ----------------------------------------------------------------------------


class Taken(NamedTuple):
    """The records of a column, one after another: of which row, their keys, and their values."""

    row: np.ndarray[tuple[int], np.dtype[np.int64]]
    codes: np.ndarray[tuple[int], np.dtype[np.int32]]
    words: list[str]
    values: pa.Array


# what was taken apart already, by where it lies in memory; with it, so that nothing else comes to lie there
Seen = dict[tuple[int, ...], tuple[pa.Array, Any]]


def text_at(
    array: pa.Array,
    steps: tuple[Step, ...],
    texts: Callable[[pa.Array], pa.Array],
    seen: Seen | None = None,
) -> pa.Array:
    """Return the texts that a path leads to in a column of structs, lists and maps; as :func:`text_in`.

    Args:
        array: the column.
        steps: the path from there on.
        texts: how a column without anything nested is written as text.
        seen: what was taken apart already; give the same for several paths into the same columns.

    >>> column = pa.array([[{"key": "a", "value": 1}], None])
    >>> rows = pa.StructArray.from_arrays([column], ["p"])
    >>> text_at(rows, steps_of("p[a]"), lambda one: one.cast("string")).to_pylist()
    ['1', None]
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return text_at(array.dictionary_decode(), steps, texts)
    if not steps:
        return pa.nulls(len(array), pa.string()) if pa.types.is_nested(kind) else _no_empty(texts(array))
    if _is_list(kind):
        return _through_list(array, steps, texts)
    if _is_text(kind):
        return _in_texts(array, steps, {} if seen is None else seen)
    if not pa.types.is_struct(kind):
        return pa.nulls(len(array), pa.string())
    step, rest = steps[0], steps[1:]
    found = []
    for name in among((field.name for field in kind), step.name):
        inner = pc.struct_field(array, [kind.get_field_index(name)])
        found.append(
            text_at(inner, rest, texts, seen)
            if step.key is None
            else keyed(inner, step.key, rest, texts, seen)
        )
    return pc.coalesce(*found) if found else pa.nulls(len(array), pa.string())


def keyed(
    array: pa.Array,
    key: str,
    rest: tuple[Step, ...],
    texts: Callable[[pa.Array], pa.Array],
    seen: Seen | None = None,
) -> pa.Array:
    """Return the texts of a key in a column of records, of maps, or of structs."""
    if pa.types.is_struct(array.type):
        return text_at(array, (Step(key), *rest), texts, seen)
    if _is_text(array.type):
        return _in_texts(array, rest, {} if seen is None else seen, key)
    if key.isdecimal():
        return _item(array, int(key), rest, texts)
    taken = _records(array, {} if seen is None else seen)
    if taken is None:
        return pa.nulls(len(array), pa.string())
    codes = [code for code, word in enumerate(taken.words) if word.strip().lower() == key]
    hits = np.flatnonzero(np.isin(taken.codes, codes))
    values = taken.values.take(pa.array(hits))
    if not rest and pa.types.is_struct(values.type):
        typed = [text_at(values, (Step(name),), texts) for name in TYPED]
        found = pc.coalesce(*typed)
    else:
        found = text_at(values, rest, texts)
    some = given(found)
    rows = taken.row[hits][some]
    first = np.ones(len(rows), np.bool_)  # of several records with the key, the first with a value
    first[1:] = rows[1:] != rows[:-1]
    place = np.full(len(array), -1, np.int64)
    place[rows[first]] = np.flatnonzero(some)[first]
    return found.take(pa.array(place, mask=place < 0))


def _records(array: pa.Array, seen: Seen) -> Taken | None:
    """Take a column of records apart, once for all of its keys; None where it holds none."""
    which = _where(array)
    if which not in seen:
        seen[which] = array, _taken(array)
    taken: Taken | None = seen[which][1]
    return taken


def _where(array: pa.Array) -> tuple[int, ...]:
    """Return where a column lies in memory."""
    return (array.offset, len(array), *(one.address for one in array.buffers() if one is not None))


def _taken(array: pa.Array) -> Taken | None:
    if pa.types.is_map(array.type):
        record = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
        array = array.cast(pa.list_(record))
    if not _is_list(array.type) or not pa.types.is_struct(array.type.value_type):
        return None
    flat = pc.list_flatten(array)
    keys, values = _field(flat, KEYS), _field(flat, VALUES)
    if keys is None or values is None or pa.types.is_nested(keys.type):
        return None
    encoded = keys.cast(pa.string()).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    row = pc.list_parent_indices(array).to_numpy(zero_copy_only=False).astype(np.int64)
    return Taken(row, codes, encoded.dictionary.to_pylist(), values)


def _field(records: pa.Array, names: Iterable[str]) -> pa.Array | None:
    fields = [field.name for field in records.type]
    for wanted in names:
        for name in among(fields, wanted):
            return pc.struct_field(records, [records.type.get_field_index(name)])
    return None


def _item(
    array: pa.Array, number: int, rest: tuple[Step, ...], texts: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    """Return the texts of the item with a number in a column of lists."""
    if not _is_list(array.type):
        return pa.nulls(len(array), pa.string())
    row = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
    begins = np.searchsorted(row, np.arange(len(array)))
    place = begins + number
    there = place < np.searchsorted(row, np.arange(len(array)), side="right")
    items = pc.list_flatten(array).take(pa.array(np.where(there, place, 0), mask=~there))
    if not rest and pa.types.is_struct(items.type):
        return pc.coalesce(*(text_at(items, (Step(name),), texts) for name in TYPED))
    return text_at(items, rest, texts)


def _in_texts(array: pa.Array, steps: tuple[Step, ...], seen: Seen, key: str | None = None) -> pa.Array:
    """Return the texts that a path leads to in a column of JSON."""
    which = _where(array)
    if which not in seen:
        seen[which] = array, [decoded(text) if is_encoded(text) else None for text in array.to_pylist()]
    _, rows = seen[which]
    if key is not None:
        rows = [_record(row, key, plain=not steps) for row in rows]
    return pa.array([text_in(row, steps) for row in rows], pa.string())


def _through_list(
    array: pa.Array, steps: tuple[Step, ...], texts: Callable[[pa.Array], pa.Array]
) -> pa.Array:
    found = text_at(pc.list_flatten(array), steps, texts)
    some = given(found)
    row = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)[some]
    ends = np.cumsum(np.bincount(row, minlength=len(array)))
    lists = pa.ListArray.from_arrays(pa.array(np.append(0, ends), pa.int32()), found.filter(pa.array(some)))
    return _no_empty(pc.binary_join(lists, ";"))


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ) and not pa.types.is_map(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _no_empty(texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(texts, ""), _NO_TEXT, texts)


def leads_into(kind: pa.DataType, steps: tuple[Step, ...]) -> bool:
    """Tell whether a path leads to something that a type has.

    >>> leads_into(pa.struct([("geo", pa.struct([("country", pa.string())]))]), steps_of("geo.country"))
    True
    """
    if _is_list(kind):
        return bool(steps) and leads_into(kind.value_type, steps)
    if not steps or _is_text(kind):  # the text may be JSON
        return True
    if not pa.types.is_struct(kind):
        return False
    step, rest = steps[0], steps[1:]
    inner = [kind.field(kind.get_field_index(name)).type for name in among((f.name for f in kind), step.name)]
    if step.key is None:
        return any(leads_into(one, rest) for one in inner)
    return any(
        leads_into(one, (Step(step.key), *rest)) if pa.types.is_struct(one) else not _is_plain(one)
        for one in inner
    )


def _is_plain(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or _is_text(kind))
