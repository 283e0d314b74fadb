"""JSON Lines in blocks: one object a line, read as text so that no number loses a digit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain
from operator import methodcaller
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import InputError
from attribution.sources.batch import RawBatch, Rejection, raw_line, sorted_by_line
from attribution.sources.csv_blocks import MAX_ROW_BYTES, check_utf8
from attribution.sources.json_array import array_as_lines
from attribution.sources.json_nested import NestedRows
from attribution.sources.layout import Layout
from attribution.sources.report_text import after

Row = dict[str, Any]

_BAD_JSON = 'allowed is one JSON object a line, such as {"lead_id": "L-1"}'
_MISSING = object()


class _Nested(Exception):
    """A value that is a list or an object."""


def json_batches(
    read: Callable[[int], bytes], data: bytes, layout: Layout, unknown: dict[str, None], block_bytes: int
) -> Iterator[RawBatch]:
    """Yield the rows in batches; `data` is what was read already, `unknown` collects other names.

    Raises:
        InputError: not UTF-8, no JSON Lines at all, or a required column that no row of the first block has.
    """
    line, checked, final, empty = 1, False, False, True
    nested = NestedRows(layout.names) if layout.is_nested else None
    if data.lstrip()[:1] == b"[":
        read, data = array_as_lines(after(data, read)), b""
    while not final or data:
        if not final:
            chunk = read(block_bytes)
            final = not chunk
            data += chunk
        end = len(data) if final else data.rfind(b"\n") + 1
        if end == 0 and len(data) > MAX_ROW_BYTES:
            raise InputError(
                f"line {line} is longer than {MAX_ROW_BYTES >> 20} MB; allowed is one JSON object a line"
            )
        if end == 0:
            continue
        block, data = data[:end], data[end:]
        check_utf8(block, line)
        if nested is not None:
            batch, others = nested.block(block, line)
            names = list(dict.fromkeys([*others, *nested.found]))
        else:
            batch, names = _batch(block.decode("utf-8"), line, layout)
        unknown.update(dict.fromkeys(name for name in names if name not in layout.names))
        if not checked and batch.columns.num_rows:
            layout.require(names)
            checked = True
        line += block.count(b"\n")
        empty = empty and not block.strip()
        if batch.columns.num_rows or batch.rejected:
            yield batch
    if empty:
        raise InputError("the file is empty; allowed is one JSON object a line, so export it again")


def _batch(text: str, line: int, layout: Layout) -> tuple[RawBatch, list[str]]:
    rows, lines, rejected = _rows(text, line)
    spellings: dict[str, list[str]] = {}
    for key in dict.fromkeys(chain.from_iterable(rows)):
        spellings.setdefault(key.strip().lower(), []).append(key)
    present = [name for name in layout.names if name in spellings]
    columns = {name: _all_text(rows, spellings[name]) for name in present}
    if any(column is None for column in columns.values()):
        columns, bad = _by_value(rows, {name: spellings[name] for name in present}, lines)
        rejected += bad
        gone = {rejection.line for rejection in bad}
        lines = [number for number in lines if number not in gone]
    table_of = pa.table({name: _no_empty(columns[name]) for name in present})
    return RawBatch(table_of, np.array(lines, np.int64), sorted_by_line(rejected)), list(spellings)


def _rows(text: str, line: int) -> tuple[list[Row], list[int], list[Rejection]]:
    """Decode all lines in one step if they are all well, else one by one."""
    found = text.split("\n")
    lines = [line + place for place, content in enumerate(found) if content and not content.isspace()]
    contents = [content for content in found if content and not content.isspace()]
    try:
        rows = list(map(_DECODE, contents))
    except (ValueError, RecursionError):
        rows = [_decoded(content) for content in contents]
    if set(map(type, rows)) <= {dict}:
        return rows, lines, []
    rejected = [
        Rejection(number, "bad_json", f"this line is no JSON object; {_BAD_JSON}", raw_line(content))
        for row, number, content in zip(rows, lines, contents, strict=True)
        if type(row) is not dict
    ]
    good = [(row, number) for row, number in zip(rows, lines, strict=True) if type(row) is dict]
    return [row for row, _ in good], [number for _, number in good], rejected


def _decoded(content: str) -> Any:
    try:
        return _DECODE(content)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


# numbers stay the text that they were written as: 0.10 is no float, and 20-digit ids keep their digits
_DECODE = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse).decode


def _all_text(rows: list[Row], keys: list[str]) -> pa.Array | None:
    """Take a column in one step; None when a value is no text, or the name is spelt in several ways."""
    if len(keys) != 1:
        return None
    try:
        return pa.array(list(map(methodcaller("get", keys[0]), rows)), pa.string())
    except (pa.ArrowException, TypeError, UnicodeEncodeError):
        return None


def _by_value(
    rows: list[Row], spellings: dict[str, list[str]], lines: list[int]
) -> tuple[dict[str, pa.Array], list[Rejection]]:
    """Take all columns value by value; rows with a value that no column can hold become rejections."""
    columns: dict[str, list[str | None]] = {name: [] for name in spellings}
    rejected: list[Rejection] = []
    for row, line in zip(rows, lines, strict=True):
        texts: dict[str, str | None] = {}
        fault = None
        for name, keys in spellings.items():
            try:
                texts[name] = _first_text(name, row, keys)
            except _Nested:
                fault = (
                    "nested_value",
                    f"{name} is a list or an object; allowed is one value, so flatten it",
                )
            except UnicodeEncodeError:
                fault = ("bad_json", f"{name} holds half a character (a lone surrogate); {_BAD_JSON}")
            if fault is not None:
                rejected.append(Rejection(line, *fault, _raw(row)))
                break
        else:
            for name, text in texts.items():
                columns[name].append(text)
    return {name: pa.array(values, pa.string()) for name, values in columns.items()}, rejected


def _first_text(name: str, row: Row, keys: list[str]) -> str | None:
    for key in keys:
        text = _as_text(name, row.get(key))
        if text:
            return text
    return None


def _as_text(name: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and name == "emails" and all(isinstance(item, str) for item in value):
        value = ";".join(value)
    if value is None or isinstance(value, str):
        if value:
            value.encode("utf-8")
        return value
    raise _Nested


def _raw(row: Row) -> str:
    return raw_line_of(json.dumps(row))


def raw_line_of(text: str) -> str:
    """Keep JSON text as it is, unless it is a runaway: then its beginning, as a JSON string."""
    return text if len(raw_line(text)) - 2 >= len(text) else raw_line(text)


def _no_empty(array: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)
