"""CSV in blocks of whole rows, each row with its physical line number.

Where rows end is found here, because quoted line breaks, blank lines and lines without a closing quote
decide the line numbers that people look up; pyarrow then splits and converts the block.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from attribution.errors import InputError
from attribution.sources.batch import RawBatch, Rejection, raw_line, sorted_by_line

MAX_ROW_BYTES = 1 << 24  # a row longer than this is a missing quote or no CSV at all

Positions = npt.NDArray[np.int64]
Read = Callable[[int], bytes]

_LF, _CR, _QUOTE = b'\n\r"'
_LINE_BREAK = re.compile(rb"\r\n?|\n")
_WORDS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}


@dataclass(frozen=True)
class Dialect:
    """How the values of a row are parted.

    Attributes:
        separator: between two of them.
        quotes: whether one may stand in quotes; else a quote is a character like any other.
    """

    separator: str = ","
    quotes: bool = True

    @cached_property
    def opens_after(self) -> npt.NDArray[np.bool_]:
        """The bytes that may stand before and behind a value in quotes."""
        return np.isin(np.arange(256), [_LF, _CR, _QUOTE, *self.separator.encode()])

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        """One field, for the rare block whose quotes do not pair up.

        Quoted text (group 1: its end), then plain text.
        """
        plain = rb"([^" + re.escape(self.separator.encode()) + rb"\r\n]*)"
        return re.compile(rb'(?:"[^"]*(?:""[^"]*)*("|\Z))?' + plain)

    @property
    def word(self) -> str:
        """What the separator is called."""
        return _WORDS.get(self.separator, repr(self.separator))


COMMAS = Dialect()


@dataclass(frozen=True)
class _Rows:
    """Whole rows of a block: where they start and stop, how many lines precede each, where to go on.

    `open_lines` are lines among them (start, stop) whose quote is known to be a slip.
    """

    starts: Positions
    stops: Positions
    lines_before: Positions
    end: int
    line_ends: Positions
    quoted: bool
    open_quote: bool
    open_lines: list[tuple[int, int]]


def read_header(line: bytes, dialect: Dialect = COMMAS) -> list[str]:
    """Split a header line into names, trimmed and in small letters."""
    text = line.decode("utf-8")
    if dialect.quotes:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator, strict=False)
        fields = next(reader, [])
    else:
        fields = text.split(dialect.separator)
    return [name.strip().lower() for name in fields]


def csv_batches(
    read: Read,
    data: bytes,
    line: int,
    header: list[str],
    wanted: list[str],
    block_bytes: int,
    dialect: Dialect = COMMAS,
) -> Iterator[RawBatch]:
    """Yield the rows after the header in batches.

    `data` is what was already read behind the header, `line` the number of its first line.

    Raises:
        InputError: not UTF-8, or a row that never ends.
    """
    final = False
    while not final or data:
        if not final:
            chunk = read(block_bytes)
            final = not chunk
            data += chunk
        rows = _find_rows(data, final, dialect)
        rest = len(data) - rows.end
        if rows.open_quote and (rest > MAX_ROW_BYTES or (final and rest)):
            rows = _drop_open_line(data, rows)
        elif rest > MAX_ROW_BYTES:
            raise InputError(
                f"line {line + int(np.searchsorted(rows.line_ends, rows.end))} is longer than "
                f"{MAX_ROW_BYTES >> 20} MB; allowed is one row a line, so check that this is a CSV file"
            )
        if rows.end:
            batch = _batch(data[: rows.end], rows, line, header, wanted, dialect)
            if batch.columns.num_rows or batch.rejected:
                yield batch
            line += int(np.searchsorted(rows.line_ends, rows.end - 1, side="right"))
        data = data[rows.end :]


def _find_rows(data: bytes, final: bool, dialect: Dialect) -> _Rows:
    block = np.frombuffer(data, dtype=np.uint8)
    line_ends = _line_ends(data, block, final)
    row_ends, quoted, open_quote = line_ends, False, False
    open_lines: list[tuple[int, int]] = []
    if dialect.quotes and _QUOTE in data:
        quoted = True
        quotes = np.flatnonzero(block == _QUOTE)
        if _pair_up(block, quotes, dialect):
            row_ends = line_ends[np.searchsorted(quotes, line_ends) % 2 == 0]
            open_quote = len(quotes) % 2 == 1
        else:
            row_ends, open_lines, open_quote = _row_ends_one_by_one(data, final, dialect.field)
    if final and len(data) and not open_quote and (len(row_ends) == 0 or row_ends[-1] < len(data) - 1):
        row_ends = np.append(row_ends, len(data))
    starts = np.append(0, row_ends + 1)[:-1]
    end = min(int(row_ends[-1]) + 1, len(data)) if len(row_ends) else 0
    size = row_ends - starts
    carriage = (
        (size == 1) & (block[np.minimum(starts, max(len(block) - 1, 0))] == _CR) if len(size) else size > 0
    )
    filled = (size > 0) & ~carriage & ~np.isin(starts, [start for start, _ in open_lines])
    starts, stops = starts[filled], row_ends[filled]
    lines_before = np.searchsorted(line_ends, starts)
    return _Rows(starts, stops, lines_before, end, line_ends, quoted, open_quote, open_lines)


def _line_ends(data: bytes, block: npt.NDArray[np.uint8], final: bool) -> Positions:
    """Find where physical lines end: at LF, or at a CR that no LF follows."""
    feeds = np.flatnonzero(block == _LF)
    if _CR not in data:
        return feeds
    returns = np.flatnonzero(block == _CR)
    if not final:  # the LF of a CR at the very end may be still to come
        returns = returns[returns < len(block) - 1]
    following = block[np.minimum(returns + 1, len(block) - 1)]
    alone = returns[(following != _LF) | (returns == len(block) - 1)]
    return np.sort(np.concatenate([feeds, alone])) if len(alone) else feeds


def _pair_up(block: npt.NDArray[np.uint8], quotes: Positions, dialect: Dialect) -> bool:
    """Tell whether every quote opens behind, or closes before, a separator or another quote.

    Then counting quotes tells what is inside them; a stray quote in plain text needs a closer look.
    """
    before = block[np.maximum(quotes[0::2] - 1, 0)]
    opens = dialect.opens_after[before] | (quotes[0::2] == 0)
    closing = quotes[1::2]
    closes = dialect.opens_after[block[np.minimum(closing + 1, len(block) - 1)]] | (closing == len(block) - 1)
    return bool(opens.all() and closes.all())


def _row_ends_one_by_one(
    data: bytes, final: bool, field: re.Pattern[bytes]
) -> tuple[Positions, list[tuple[int, int]], bool]:
    """Find row ends field by field; lines whose quote is a slip count as rows here and are listed apart.

    A slip is a quote that never closes, or that would close on a later line in the middle of a field: that
    one is the next line's own opening quote. The third result tells whether to wait for more data.
    """
    ends: list[int] = []
    open_lines: list[tuple[int, int]] = []
    start = place = 0
    while place < len(data):
        match = field.match(data, place)
        assert match is not None  # every part of the pattern is optional
        never_closes = match[1] == b""
        if never_closes and not final and len(data) - start <= MAX_ROW_BYTES:
            return np.array(ends, dtype=np.int64), open_lines, True
        stray = match[1] == b'"' and match[2] != b"" and _LINE_BREAK.search(data, place, match.end(1))
        if never_closes or stray:
            line_break = _LINE_BREAK.search(data, place)
            place = line_break.end() if line_break else len(data)
            open_lines.append((start, place))
            ends.append(place - 1 if line_break else place)
            start = place
            continue
        place = match.end()
        if place == len(data):
            break
        if data[place] == _CR:
            if place + 1 == len(data) and not final:
                break
            place += data[place + 1 : place + 2] == b"\n"
        if data[place] in b"\r\n":
            ends.append(place)
            start = place + 1
        place += 1
    return np.array(ends, dtype=np.int64), open_lines, False


def _drop_open_line(data: bytes, rows: _Rows) -> _Rows:
    """List the line whose quote never closes, and go on with the next: one slip must not eat the file."""
    index = int(np.searchsorted(rows.line_ends, rows.end))
    stop = int(rows.line_ends[index]) + 1 if index < len(rows.line_ends) else len(data)
    return replace(rows, end=stop, open_quote=False, open_lines=[*rows.open_lines, (rows.end, stop)])


def _open_line(data: bytes, span: tuple[int, int], rows: _Rows, line: int) -> Rejection:
    return Rejection(
        line + int(np.searchsorted(rows.line_ends, span[0])),
        "unclosed_quote",
        'a quoted value has no closing "; allowed is "text" with any " inside doubled, so close or remove it',
        raw_line(data[slice(*span)].decode("utf-8", "replace").rstrip("\r\n")),
    )


def _batch(
    data: bytes, rows: _Rows, line: int, header: list[str], wanted: list[str], dialect: Dialect
) -> RawBatch:
    check_utf8(data, line)
    lines = line + rows.lines_before
    rejected = [_open_line(data, span, rows, line) for span in rows.open_lines]
    if rejected:
        spans = zip(rows.starts.tolist(), rows.stops.tolist(), strict=True)
        data = b"".join(data[start : stop + 1] for start, stop in spans)
    table, wrong = _split(data, header, wanted, rows.quoted, dialect)
    if wrong:
        keep = np.ones(len(lines), dtype=bool)
        keep[[number - 1 for number, _, _ in wrong]] = False
        rejected += [
            Rejection(
                int(lines[number - 1]),
                "wrong_number_of_fields",
                f"this row has {fields} fields; allowed are {len(header)}, as in the header: "
                f"check for a missing or unquoted {dialect.word}",
                raw_line(text),
            )
            for number, fields, text in wrong
        ]
        lines = lines[keep]
    assert len(lines) == table.num_rows, "rows found and rows split must agree, or line numbers would lie"
    return RawBatch(table, lines, sorted_by_line(rejected))


def _split(
    data: bytes, header: list[str], wanted: list[str], quoted: bool, dialect: Dialect
) -> tuple[pa.Table, list[tuple[int, int, str]]]:
    """Split whole rows into text columns; rows of another width come back as (number, width, text)."""
    wrong: list[tuple[int, int, str]] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        wrong.append((row.number, row.actual_columns, row.text))
        return "skip"

    names = [f"{index}" for index in range(len(header))]  # the header may repeat blank names
    used = [names[header.index(name)] for name in wanted]
    if not data:
        return pa.table({name: pa.array([], pa.string()) for name in wanted}), wrong
    table = pa_csv.read_csv(
        pa.BufferReader(data),
        # one thread: only then does pyarrow number the rows it refuses
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        parse_options=pa_csv.ParseOptions(
            delimiter=dialect.separator,
            quote_char='"' if dialect.quotes else False,
            double_quote=dialect.quotes,
            newlines_in_values=quoted,
            invalid_row_handler=skip,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(used, pa.string()),
            include_columns=used,
            null_values=[""],
            strings_can_be_null=True,
            check_utf8=False,  # checked above, with the line
        ),
    )
    return table.rename_columns(wanted), wrong


def check_utf8(data: bytes, line: int) -> None:
    """Raise InputError with the line of the first byte that is not UTF-8."""
    if data.isascii():
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = line + data.count(b"\n", 0, error.start)
        raise InputError(
            f"line {at} is not UTF-8 (byte 0x{data[error.start]:02x}); allowed is UTF-8, "
            "so save or convert the file as UTF-8, for example with: "
            "iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv"
        ) from None
