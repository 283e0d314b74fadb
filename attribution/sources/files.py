"""Open an input file of any allowed format and read it in blocks, in bounded memory.

A file that cannot be read at all raises :class:`InputError`; a row that cannot is a rejection in its
batch. Header names are taken without surrounding space and in small letters.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from attribution.errors import InputError, UnknownNameError
from attribution.sources.batch import RawBatch, Rejection, reject_control_characters
from attribution.sources.csv_blocks import COMMAS, MAX_ROW_BYTES, Dialect, csv_batches, read_header
from attribution.sources.json_lines import json_batches
from attribution.sources.layout import Layout
from attribution.sources.parquet import nested_batches, parquet_batches, paths_in
from attribution.sources.report_text import as_utf8, with_commas

__all__ = ["BLOCK_BYTES", "EXTENSIONS", "FORMS", "Layout", "RawBatch", "Reader", "Rejection", "read"]

BLOCK_BYTES = 1 << 24
_HEAD_BYTES = 1 << 16
_LINES_ABOVE = 20  # that may stand above the header of a report
EXTENSIONS = (
    ".csv", ".csv.gz", ".tsv", ".tsv.gz",
    ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz", ".parquet",
)  # fmt: skip
FORMS = tuple(extension.removeprefix(".") for extension in EXTENSIONS)

Progress = Callable[[int, int | None], None]

_MAGIC = {
    b"\x1f\x8b": "a gzip archive; name it .csv.gz, .tsv.gz or .jsonl.gz",
    b"PK\x03\x04": "a zip archive or an Excel workbook; save the sheet as CSV (UTF-8)",
    b"PAR1": "a Parquet file; name it .parquet",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


class Reader(Iterator[RawBatch]):
    """The batches of one file, in order.

    `unknown_columns` are the names in the file that the layout does not have (for JSON Lines complete only
    at the end); `bytes_done` and `bytes_total` (None for standard input) are counted in the file as it lies
    on disk. The header is read, and a missing column raised, on construction.
    """

    def __init__(
        self,
        path: str | Path,
        layout: Layout,
        block_bytes: int,
        stdin: BinaryIO | None,
        progress: Progress | None,
        form: str | None = None,
    ) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self.layout = layout
        self.bytes_done = 0
        self.bytes_total: int | None = None
        self._block_bytes = block_bytes
        self._progress = progress
        self._unknown: dict[str, None] = {}
        self._file: IO[bytes] | None = None
        with self._telling():
            self._batches = self._open(path, stdin, form)

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """Names in the file that the table does not have."""
        return tuple(name for name in self._unknown if name)

    def __iter__(self) -> Iterator[RawBatch]:
        return self

    def __next__(self) -> RawBatch:
        with self._telling():
            try:
                batch = next(self._batches)
            except StopIteration:
                self.close()
                raise
        self._report()
        return reject_control_characters(batch)

    def close(self) -> None:
        """Close the file; reading to the end does so by itself."""
        if self._file is not None and self.name != "standard input":
            self._file.close()

    def _open(self, path: str | Path, stdin: BinaryIO | None, form: str | None) -> Iterator[RawBatch]:
        if str(path) == "-":
            self._file = stdin if stdin is not None else sys.stdin.buffer
            return self._open_form(form or "csv", self._counting(self._file))
        form = form or self._form(Path(path))
        self._file = open(path, "rb")  # noqa: SIM115 - closed at the end of the iteration
        self.bytes_total = os.fstat(self._file.fileno()).st_size
        if self.bytes_total == 0:
            raise InputError("the file is empty; allowed is a header row and rows, so export it again")
        return self._open_form(form, self._file.read)

    def _open_form(self, form: str, read_on: Callable[[int], bytes]) -> Iterator[RawBatch]:
        assert self._file is not None  # opened just now
        if form == "parquet":
            lies_on_disk = self.bytes_total is not None
            return self._open_parquet(self._file if lies_on_disk else io.BytesIO(read_on(-1)))
        if form.endswith(".gz"):
            read_on = gzip.GzipFile(fileobj=cast(BinaryIO, _Packed(read_on)), mode="rb").read
        if form.startswith(("csv", "tsv")):
            separator = "\t" if form.startswith("tsv") else self.layout.separator
            return self._open_csv(read_on, Dialect(separator, self.layout.quotes or separator != "\t"))
        head = self._head(read_on)
        return json_batches(read_on, head, self.layout, self._unknown, self._block_bytes)

    def _counting(self, source: IO[bytes]) -> Callable[[int], bytes]:
        def read_on(size: int) -> bytes:
            data = source.read(size)
            self.bytes_done += len(data)
            return data

        return read_on

    @staticmethod
    def _form(path: Path) -> str:
        name = path.name.lower()
        for extension in sorted(EXTENSIONS, key=len, reverse=True):
            if name.endswith(extension):
                return extension.removeprefix(".")
        hint = "; save the sheet as CSV (UTF-8)" if name.endswith((".xlsx", ".xls", ".ods")) else ""
        raise InputError(
            f"the extension {path.suffix or '(none)'} is unknown; allowed are {', '.join(EXTENSIONS)}, "
            f"or - for standard input{hint}"
        )

    def _head(self, read: Callable[[int], bytes]) -> bytes:
        head = read(min(self._block_bytes, _HEAD_BYTES))
        while 0 < len(head) < 4 and (more := read(self._block_bytes)):  # enough to know the format by
            head += more
        for magic, what in _MAGIC.items():
            if head.startswith(magic):
                raise InputError(f"the content is {what}")
        if b"\x00" in head[:4]:
            raise InputError(
                "the content is not UTF-8 text (it may be UTF-16); allowed is UTF-8, so save it as UTF-8"
            )
        return head.removeprefix(b"\xef\xbb\xbf")

    def _open_csv(self, read: Callable[[int], bytes], dialect: Dialect) -> Iterator[RawBatch]:
        if self.layout.find_header:  # what web pages export
            read, dialect = with_commas(as_utf8(read), self.layout.names), COMMAS
        data = self._head(read)
        line = 1
        if self.layout.find_header:
            data, line = self._from_header(data)
        while True:
            data, blank_lines = _without_blank_lines(data)
            line += blank_lines
            end = _end_of_line(data, dialect)
            if end is not None:
                break
            more = read(self._block_bytes)
            if not more:
                end = len(data)
                break
            if len(data) > MAX_ROW_BYTES:
                raise InputError(
                    f"the first line is longer than {MAX_ROW_BYTES >> 20} MB; allowed is a header row"
                )
            data += more
        if not data:
            raise InputError("the file is empty; allowed is a header row and rows, so export it again")
        header = self._header(data[:end], dialect)
        if self.layout.header and not set(header) & set(self.layout.names):  # the first line is a row
            header, end = list(self.layout.header), 0
        self._check_names(header)
        wanted = [name for name in self.layout.names if name in header]
        line += data.count(b"\n", 0, end)  # a quoted name may hold one
        return csv_batches(read, data[end:], line, header, wanted, self._block_bytes, dialect)

    def _from_header(self, data: bytes) -> tuple[bytes, int]:
        """Leave out the lines above the header (a title, a range of days); also return the header's line."""
        rest, best = data, (0, data, 1)
        for number in range(1, _LINES_ABOVE + 2):
            end = _end_of_line(rest, COMMAS)
            try:
                names = set(read_header(rest[:end]))
            except UnicodeDecodeError:
                names = set()
            known = len(names & set(self.layout.names))
            if known > best[0]:
                best = (known, rest, number)
            if end is None:
                break
            rest = rest[end:].removeprefix(b"\r").removeprefix(b"\n")
        return best[1], best[2]

    @staticmethod
    def _header(line: bytes, dialect: Dialect) -> list[str]:
        try:
            return read_header(line, dialect)
        except UnicodeDecodeError:
            raise InputError("the header is not UTF-8; allowed is UTF-8, so save the file as UTF-8") from None

    def _check_names(self, names: list[str]) -> None:
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise InputError(
                f"the header names {', '.join(twice)} more than once; allowed is once each, so rename one"
            )
        self.layout.require(names)
        self._unknown.update(dict.fromkeys(name for name in names if name not in self.layout.names))

    def _open_parquet(self, file: IO[bytes]) -> Iterator[RawBatch]:
        parquet = pq.ParquetFile(file)
        if self.layout.is_nested:
            paths = paths_in(parquet.schema_arrow, self.layout.names)
            plain = [name.strip().lower() for name in parquet.schema_arrow.names]
            self._check_names(list(dict.fromkeys([*plain, *paths])))
            return nested_batches(parquet, paths)
        found = {name.strip().lower(): name for name in parquet.schema_arrow.names}
        self._check_names([name.strip().lower() for name in parquet.schema_arrow.names])
        return parquet_batches(parquet, {name: found[name] for name in self.layout.names if name in found})

    def _report(self) -> None:
        if self._file is not None and self.bytes_total is not None:
            self.bytes_done = self._file.tell()
        if self._progress is not None:
            self._progress(self.bytes_done, self.bytes_total)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn whatever the libraries raise into one sentence with the file's name."""
        try:
            yield
        except InputError as error:
            self.close()
            raise InputError(f"{self.name}: {error}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.close()
            raise InputError(
                f"{self.name}: the gzip archive is damaged or cut short ({error}); copy or export it again"
            ) from None
        except pa.ArrowException as error:
            self.close()
            raise InputError(
                f"{self.name}: the file is damaged or cut short ({_one_line(error)}); copy or export it again"
            ) from None
        except IsADirectoryError:
            raise InputError(
                f"{self.name}: this is a directory; allowed are files, so name those in it"
            ) from None
        except FileNotFoundError:
            raise InputError(f"{self.name}: there is no such file; check the path") from None
        except PermissionError:
            raise InputError(f"{self.name}: no permission to read this file; ask its owner") from None
        except OSError as error:
            self.close()
            raise InputError(f"{self.name}: cannot be read ({_one_line(error)})") from None


def read(
    path: str | Path,
    layout: Layout,
    *,
    block_bytes: int = BLOCK_BYTES,
    stdin: BinaryIO | None = None,
    progress: Progress | None = None,
    form: str | None = None,
) -> Reader:
    """Open a file (`-` reads `stdin`, by default the process's) for reading in batches.

    Args:
        path: the file.
        layout: what it should look like.
        block_bytes: bounds the memory.
        stdin: what `-` reads.
        progress: `progress(bytes_done, bytes_total)` is called after every batch.
        form: one of FORMS, whatever the extension says; without it, standard input is CSV.

    Raises:
        UnknownNameError: there is no such form.
        InputError: here or from the iteration: the file cannot be read, and nothing of it may be loaded.

    >>> import io
    >>> from attribution.sources.tables import get_table
    >>> piped = io.BytesIO(b"date,currency,rate,x\\n2024-05-03,USD,0.79,1\\n")
    >>> rows = read("-", get_table("rates"), stdin=piped)
    >>> rows.unknown_columns, next(rows).columns.to_pylist()
    (('x',), [{'date': '2024-05-03', 'currency': 'USD', 'rate': '0.79'}])
    """
    if form is not None and form not in FORMS:
        raise UnknownNameError("form of a file", form, FORMS)
    return Reader(path, layout, block_bytes, stdin, progress, form)


def _without_blank_lines(data: bytes) -> tuple[bytes, int]:
    rest = data.lstrip(b"\r\n")
    skipped = data[: len(data) - len(rest)]
    return rest, len(skipped.replace(b"\r\n", b"\n"))


class _Packed:
    """What gzip needs of a file."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.read = read


def _end_of_line(data: bytes, dialect: Dialect) -> int | None:
    """Find the end of the header: the first line break outside quotes."""
    quoted = False
    for place, byte in enumerate(data):
        if byte == 0x22 and dialect.quotes:
            quoted = not quoted
        elif not quoted and byte in b"\r\n":
            return place
    return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
