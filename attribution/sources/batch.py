"""What passes from reading to parsing: a block of rows as text, and rows that could not be used."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

RAW_CHARACTERS = 20_000  # a runaway row is shown by its beginning; the file still has all of it


@dataclass(frozen=True)
class Rejection:
    """One row that did not load, with its line, a stable code, a sentence, and the row as JSON text.

    `raw` is an object of the known columns, or a JSON string of the line where it could not be split.
    """

    line: int
    code: str
    message: str
    raw: str


@dataclass(frozen=True)
class RawBatch:
    """One block of a file: the table's columns as `string`, missing values null, known columns only.

    `lines` (int64) holds each row's line in the file: 1 is the header; Parquet counts rows from 1.
    `rejected` are the block's rows that could not even be split into columns.
    """

    columns: pa.Table
    lines: npt.NDArray[np.int64]
    rejected: list[Rejection] = field(default_factory=list)


def raw_line(text: str) -> str:
    """Write a line that could not be split as JSON text, a very long one by its beginning.

    >>> raw_line('a,"b')
    '"a,\\\\"b"'
    """
    return json.dumps(text[:RAW_CHARACTERS], ensure_ascii=False)


def raw_rows(columns: pa.Table, rows: npt.NDArray[np.int64]) -> list[str]:
    """Write the given rows as JSON objects, without their missing values."""
    return [
        json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)
        for row in columns.take(pa.array(rows)).to_pylist()
    ]


_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"


def reject_control_characters(batch: RawBatch) -> RawBatch:
    """Turn rows with control characters (tab and line breaks apart) into rejections.

    PostgreSQL refuses NUL, and none of the others was ever typed by a person.
    """
    bad = np.zeros(batch.columns.num_rows, dtype=bool)
    where: dict[int, str] = {}
    for name, column in zip(batch.columns.column_names, batch.columns.columns, strict=True):
        array = column.combine_chunks()
        if not _has_byte_below(array, 32):
            continue
        hit = pc.match_substring_regex(array, _CONTROL).fill_null(False).to_numpy(zero_copy_only=False)
        where.update((int(row), name) for row in np.flatnonzero(hit & ~bad))
        bad |= hit
    if not where:
        return batch
    rows = np.flatnonzero(bad)
    rejected = [
        Rejection(
            int(batch.lines[row]),
            "control_character",
            f"{where[int(row)]} holds a control character such as NUL, which no database accepts; remove it",
            raw,
        )
        for row, raw in zip(rows, raw_rows(batch.columns, rows), strict=True)
    ]
    return RawBatch(
        batch.columns.filter(pa.array(~bad)), batch.lines[~bad], sorted_by_line([*batch.rejected, *rejected])
    )


def sorted_by_line(rejected: list[Rejection]) -> list[Rejection]:
    """Order rejections as a reader meets them in the file."""
    return sorted(rejected, key=lambda rejection: rejection.line)


def text_bytes(array: pa.Array) -> npt.NDArray[np.uint8]:
    """View the bytes of all values of a `string` array, in order, without copying."""
    buffers = array.buffers()
    if len(array) == 0 or buffers[2] is None:
        return np.zeros(0, dtype=np.uint8)
    offsets = text_offsets(array)
    return np.frombuffer(buffers[2], dtype=np.uint8)[offsets[0] : offsets[-1]]


def text_offsets(array: pa.Array) -> npt.NDArray[np.int32]:
    """View where each value of a `string` array begins and ends in its buffer, without copying."""
    return np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]


def _has_byte_below(array: pa.Array, limit: int) -> bool:
    return bool((text_bytes(array) < limit).any())
