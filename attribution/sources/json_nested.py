"""JSON Lines with objects in objects, taken along paths: only what is wanted becomes columns.

The first rows are decoded one by one, and tell how the file spells its names and of what type they are.
What follows is read as columns, many times as fast; one that does not fit is decoded row by row again,
so that both ways give the same rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from attribution.sources.batch import RawBatch, Rejection, raw_line, sorted_by_line
from attribution.sources.checked import mask_of
from attribution.sources.parquet import values_as_text
from attribution.sources.paths import TOO_MANY_DIGITS, Seen, Step, decode, steps_of, text_at, text_in
from attribution.sources.shapes import NewNames, Shape, wanted_by

__all__ = ["NestedRows"]

Row = dict[str, Any]
Lines = npt.NDArray[np.int64]

_BAD_JSON: Final = 'allowed is one JSON object a line, such as {"user": {"id": "7"}}'
_PARSED_AT_ONCE: Final = 1 << 22  # bytes; no row that is read as columns may be longer
_LEARNT_FROM: Final = 1 << 18  # bytes
_NULL_BEHIND: Final = re.compile(rb"\}[ \t]*n")
_LF, _CR, _OPENS, _CLOSES = b"\n\r{}"
_BEGINS: Final = np.isin(np.arange(256), [_LF, _CR, _OPENS])
_BLANK_OR_N: Final = np.isin(np.arange(256), list(b" \tn"))


class NestedRows:
    """The blocks of one file, each as columns of text.

    Args:
        names: what is wanted, plain names or paths.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        # a plain name with dots wins over the path
        self._paths = {name: _ways(name) for name in names}
        self._wanted = wanted_by(chain.from_iterable(self._paths.values()))
        self._shape = Shape()
        self._new = NewNames()
        self._found: dict[str, None] = {}  # wanted names that the file had so far
        self._first = True

    @property
    def found(self) -> tuple[str, ...]:
        """The wanted names that any row had so far."""
        return tuple(name for name in self._names if name in self._found)

    def block(self, data: bytes, line: int) -> tuple[RawBatch, list[str]]:
        """Read a block of whole lines, the first of which has a number; also return other names in it."""
        if self._first and (cut := data.find(b"\n", _LEARNT_FROM) + 1):
            batch, others = self._row_by_row(data[:cut].decode("utf-8"), line)
            rest, more = self.block(data[cut:], line + data.count(b"\n", 0, cut))
            return _joined(batch, rest), others + more
        if not self._first and (columns := self._as_columns(data, line)) is not None:
            return columns, []
        return self._row_by_row(data.decode("utf-8"), line)

    # --- row by row ---------------------------------------------------------------------------------

    def _row_by_row(self, text: str, line: int) -> tuple[RawBatch, list[str]]:
        rows, lines, rejected = _rows(text, line)
        for row in rows:
            self._shape.learn(row, self._wanted)
        self._new.add(text, self._shape, self._wanted)
        self._first = self._first and not rows
        self._note_found()
        columns: dict[str, pa.Array] = {}
        bad: set[int] = set()
        for name in self.found:
            ways = self._paths[name]
            texts = [_first_text(row, ways) for row in rows]
            try:
                columns[name] = pa.array(texts, pa.string())
            except UnicodeEncodeError:
                halves = [place for place, one in enumerate(texts) if one is not None and _is_half(one)]
                rejected += [
                    Rejection(
                        lines[place],
                        "bad_json",
                        f"{name} holds half a character (a lone surrogate); {_BAD_JSON}",
                        raw_line(json.dumps(rows[place])),
                    )
                    for place in halves
                    if place not in bad
                ]
                bad.update(halves)
                columns[name] = pa.array([None if i in bad else t for i, t in enumerate(texts)], pa.string())
        table = pa.table(columns) if columns else pa.table({"": pa.nulls(len(rows), pa.string())})
        numbers = np.array(lines, np.int64)
        if bad:
            keep = np.ones(len(rows), np.bool_)
            keep[list(bad)] = False
            table, numbers = table.filter(pa.array(keep)), numbers[keep]
        others = dict.fromkeys(key.strip().lower() for row in rows for key in row)
        return RawBatch(table, numbers, sorted_by_line(rejected)), list(others)

    def _note_found(self) -> None:
        for name, ways in self._paths.items():
            if any(self._shape.leads(steps) for steps in ways):
                self._found[name] = None

    def _learn_lines(self, lines: Iterable[bytes]) -> None:
        text = b"\n".join(lines).decode("utf-8")
        for row in _rows(text, 1)[0]:
            self._shape.learn(row, self._wanted)
        self._new.add(text, self._shape, self._wanted)
        self._note_found()

    # --- as columns ---------------------------------------------------------------------------------

    def _as_columns(self, data: bytes, line: int) -> RawBatch | None:
        """Read a block as columns; None where it does not fit what the rows before it were like."""
        kind = self._shape.arrow()
        if kind is None or not self._found or not _begin_well(data):
            return None
        if self._new.are_in(data, self._shape, self._wanted):
            self._learn_lines(self._new.lines(data, self._shape, self._wanted))
            if self._new.are_in(data, self._shape, self._wanted):
                return None
            kind = self._shape.arrow()
            if kind is None:
                return None
        lines = _numbers(data, line)
        try:
            table = pa_json.read_json(
                pa.BufferReader(data),
                read_options=pa_json.ReadOptions(block_size=_PARSED_AT_ONCE),
                parse_options=pa_json.ParseOptions(
                    explicit_schema=pa.schema(list(kind)), unexpected_field_behavior="ignore"
                ),
            )
        except pa.ArrowException:
            return None
        if table.num_rows != len(lines):
            return None
        rows, seen = _struct(table), Seen()
        columns: dict[str, pa.Array] = {}
        try:
            for name in self.found:
                columns[name] = pc.coalesce(*(text_at(rows, way, _exact, seen) for way in self._paths[name]))
        except _TooManyDigits:
            return None
        return RawBatch(pa.table(columns), lines)


def _begin_well(data: bytes) -> bool:
    """Tell whether every line begins as an object does, and no null stands behind one, which pyarrow refuses.

    It would take several objects on a line for rows too, and those are counted later.
    """
    block = np.frombuffer(data, np.uint8)
    begins = block[np.flatnonzero(block[:-1] == _LF) + 1]
    if block[0] != _OPENS or not _BEGINS[begins].all():
        return False
    behind = block[np.flatnonzero(block[:-1] == _CLOSES) + 1]
    return not (_BLANK_OR_N[behind].any() and _NULL_BEHIND.search(data))


def _joined(first: RawBatch, second: RawBatch) -> RawBatch:
    columns = pa.concat_tables([first.columns, second.columns], promote_options="default").combine_chunks()
    lines = np.concatenate([first.lines, second.lines])
    return RawBatch(columns, lines, [*first.rejected, *second.rejected])


class _TooManyDigits(Exception):
    """A number that a float does not surely keep."""


def _exact(array: pa.Array) -> pa.Array:
    texts = values_as_text(array)
    if pa.types.is_floating(array.type) and mask_of(pc.match_substring_regex(texts, TOO_MANY_DIGITS)).any():
        raise _TooManyDigits
    return texts


def _struct(table: pa.Table) -> pa.Array:
    """Return the rows as one column of objects."""
    columns = [column.combine_chunks() for column in table.columns]
    return pa.StructArray.from_arrays(columns, fields=list(table.schema))


def _numbers(data: bytes, line: int) -> Lines:
    """Return the numbers of the lines that are not empty."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LF)
    if len(ends) == 0 or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    size = np.diff(ends, prepend=-1) - 1
    lines: Lines = np.flatnonzero(size > 0) + line
    if data.count(b"\n\r\n"):  # a line of nothing but a carriage return
        block = np.frombuffer(data, np.uint8)
        alone = (size == 1) & (block[np.maximum(ends - 1, 0)] == _CR)
        lines = np.flatnonzero((size > 0) & ~alone) + line
    return lines


def _ways(name: str) -> list[tuple[Step, ...]]:
    """Return how a name is read: a plain name with dots in it counts before the path."""
    plain, path = (Step(name),), steps_of(name)
    return [plain] if plain == path else [plain, path]


def _first_text(row: Row, ways: Sequence[tuple[Step, ...]]) -> str | None:
    for steps in ways:
        text = text_in(row, steps)
        if text is not None:
            return text
    return None


def _rows(text: str, line: int) -> tuple[list[Row], list[int], list[Rejection]]:
    """Decode all lines; what is no object is a rejection."""
    rows: list[Row] = []
    lines: list[int] = []
    rejected: list[Rejection] = []
    for number, content in enumerate(text.split("\n"), line):
        if not content or content.isspace():
            continue
        try:
            row = decode(content)
        except (ValueError, RecursionError):
            row = None
        if type(row) is dict:
            rows.append(row)
            lines.append(number)
        else:
            says = f"this line is no JSON object; {_BAD_JSON}"
            rejected.append(Rejection(number, "bad_json", says, raw_line(content)))
    return rows, lines, rejected


def _is_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
