"""Rows that did not load: kept in the store for `doctor`, and in a file beside the store for people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, delete

from attribution import clock
from attribution.loading.result import CONFLICT, Status
from attribution.money import money_text
from attribution.sources.fields import PURPOSES, SIGNALS
from attribution.sources.files import EXTENSIONS
from attribution.sources.parse import Parsed, Rejection
from attribution.sources.tables import Column, get_table
from attribution.store import schema
from attribution.store.columns import insert_columns

_DERIVED: Final = ("created_at_end", "click_id_kinds")  # made at parsing: nobody wrote them


def keep(
    connection: Connection, batch_id: int, table: str, file: str, rejections: Sequence[Rejection]
) -> None:
    """Store bad rows; those of an earlier import of the same file give way (the file was mended)."""
    rejected = schema.rejected_row
    if file != "-":
        connection.execute(delete(rejected).where(rejected.c.table_name == table, rejected.c.file == file))
    insert_columns(
        connection,
        rejected,
        {
            "batch_id": batch_id,
            "table_name": table,
            "file": file,
            "line": np.array([r.line for r in rejections], np.int64),
            "code": [r.code for r in rejections],
            "message": [r.message for r in rejections],
            "raw": [r.raw for r in rejections],
        },
    )


def write_file(folder: Path, batch_id: int, table: str, file: str, rejections: Sequence[Rejection]) -> Path:
    """Write bad rows as CSV (line, code, message, raw) into `rejected/`; returns where.

    The name begins with the number of the import. Files of earlier imports stay, for a file that is
    overwritten every day is another file every day; only one that says the very same gives way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(batch_id, table, file)
    name = path.name.partition("-")[2]
    content = pd.DataFrame(
        {
            "line": [r.line for r in rejections],
            "code": [r.code for r in rejections],
            "message": [r.message for r in rejections],
            "raw": [r.raw for r in rejections],
        }
    ).to_csv(index=False)
    earlier = [p for p in folder.iterdir() if re.fullmatch(r"\d{6,}-" + re.escape(name), p.name)]
    path.write_text(content, encoding="utf-8", newline="")
    for other in earlier:
        if other != path and other.read_bytes() == content.encode():
            other.unlink()
    return path


def file_name(batch_id: int, table: str, file: str) -> str:
    """Return what the bad rows of an import are kept under in `rejected/`."""
    return f"{batch_id:06d}-{table}-{_stem(file)}.csv"


def _stem(file: str) -> str:
    if file == "-":
        return "stdin"
    name = Path(file).name
    for extension in sorted(EXTENSIONS, key=len, reverse=True):
        if name.lower().endswith(extension) and len(name) > len(extension):
            name = name[: -len(extension)]
            break
    return re.sub(r"[^\w.-]+", "_", name)


def contradictions(table: str, parsed: Parsed, status: Status) -> list[Rejection]:
    """Put rows that contradict a stored record, or an earlier row of their file, into words."""
    rows = np.flatnonzero(status == CONFLICT)
    return conflicts(table, parsed.columns.take(pa.array(rows)), parsed.lines[rows])


def conflicts(table: str, columns: pa.Table, lines: npt.NDArray[np.int64]) -> list[Rejection]:
    """Put conflicting rows, given as parsed, into words."""

    def message(row: dict[str, str]) -> str:
        if table == "rates":
            which = f"{row['currency']} on {row['date']}"
            return f"another rate of {which} stands in this file; the first one counts"
        key = get_table(table).key[0]
        return f"{key} {row[key]!r} is already stored with other content; the stored row stays as it is"

    return in_words(table, columns, lines, "conflict", message)


def in_words(
    table: str,
    columns: pa.Table,
    lines: npt.NDArray[np.int64],
    code: str,
    message: Callable[[dict[str, str]], str],
) -> list[Rejection]:
    """Explain rows that were parsed and still do not load, each with the row as a file would write it."""
    rows = [_as_written(table, row) for row in columns.to_pylist()]
    return [
        Rejection(int(line), code, message(row), json.dumps(row, ensure_ascii=False))
        for line, row in zip(lines, rows, strict=True)
    ]


def _as_written(table: str, row: dict[str, Any]) -> dict[str, str]:
    """Write a parsed row as a file would: times in ISO 8601, money in major units, no missing values."""
    columns = {column.output: column for column in get_table(table).columns}
    written = {}
    for name, value in row.items():
        if value is None or name in _DERIVED:
            continue
        column = columns.get(name)
        written[column.name if column else name] = _text(column, value, row.get("currency"))
    return written


def _text(column: Column | None, value: Any, currency: str | None) -> str:
    match column.kind if column else "text":
        case "instant":
            return clock.iso(value)
        case "date":
            return clock.day_of(value).isoformat()
        case "amount" if currency is not None:
            return money_text(value, currency)
        case "consent":
            words = {number: signal for signal, number in SIGNALS.items()}
            return ";".join(f"{purpose}:{words[value >> 2 * i & 3]}" for i, purpose in enumerate(PURPOSES))
        case _:
            return str(value)
