"""The text of reports that web pages export, as UTF-8 with commas: files "for Excel" are UTF-16 with tabs.

Both work in blocks, on a reader, and leave text that is as it should be alone.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Collection

from attribution.errors import InputError

Read = Callable[[int], bytes]

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HEAD_BYTES = 1 << 16
_HEAD_LINES = 30  # among which the header is
_SEPARATORS = (",", "\t", ";")


def as_utf8(read: Read) -> Read:
    """Return a reader of UTF-8: of UTF-16, where the content begins with its mark, else of what there is.

    Raises:
        InputError: from the reader: no UTF-16 after all, or cut short.

    >>> as_utf8(io.BytesIO("Day\\tCost".encode("utf-16")).read)(100)
    b'Day\\tCost'
    """
    first = read(2)
    if first not in _MARKS:
        return after(first, read)
    decoder = codecs.getincrementaldecoder("utf-16")()
    decoder.decode(first)

    def decoded(size: int) -> bytes:
        while True:
            chunk = read(size)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError:
                raise InputError(
                    "the content is UTF-16 text that is damaged or cut short; export it again"
                ) from None
            if text or not chunk:
                return text.encode()

    return decoded


def with_commas(read: Read, names: Collection[str]) -> Read:
    """Return a reader of text whose columns are parted by commas, whatever parts them in the file.

    Args:
        read: the file.
        names: columns that are looked for: what parts most of them in any of the first lines parts columns.

    >>> with_commas(io.BytesIO(b'A report\\nDay\\tCost\\n2024-05-03\\t"1,50"\\n').read, ["day", "cost"])(100)
    b'A report\\nDay,Cost\\n2024-05-03,"1,50"\\n'
    """
    head = b""
    while len(head) < _HEAD_BYTES and (more := read(_HEAD_BYTES)):
        head += more
    separator = _separator(head, frozenset(names))
    if separator == ",":
        return after(head, read)
    read_on, rest = after(head, read), b""

    def parted(size: int) -> bytes:
        nonlocal rest
        while True:
            chunk = read_on(size)
            rest += chunk
            end = _whole_rows(rest) if chunk else len(rest)
            rows, rest = rest[:end], rest[end:]
            if rows or not chunk:
                return _with_commas(rows, separator)

    return parted


def _separator(head: bytes, names: frozenset[str]) -> str:
    lines = head.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()[:_HEAD_LINES]

    def known(separator: str) -> int:
        found = ({part.strip('" ').lower() for part in line.split(separator)} for line in lines)
        return max((len(parts & names) for parts in found), default=0)

    return max(_SEPARATORS, key=known)  # the first of equal ones


def _whole_rows(data: bytes) -> int:
    """Return where the last row ends that is there as a whole; a row may hold line breaks in quotes."""
    end = data.rfind(b"\n") + 1
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


def _with_commas(data: bytes, separator: str) -> bytes:
    text = io.StringIO(data.decode("utf-8", "surrogateescape"), newline="")  # what is no UTF-8 is told later
    out = io.StringIO(newline="")
    try:
        csv.writer(out, lineterminator="\n").writerows(csv.reader(text, delimiter=separator))
    except csv.Error as error:
        raise InputError(f"the content is no table ({error}); export the report again, as CSV") from None
    return out.getvalue().encode("utf-8", "surrogateescape")


def after(first: bytes, read: Read) -> Read:
    """Return a reader that begins with what was read already."""
    waiting = [first] if first else []

    def read_on(size: int) -> bytes:
        return waiting.pop() if waiting else read(size)

    return read_on
