"""One JSON array, as APIs give it, as JSON Lines: item by item, in bounded memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from attribution.errors import InputError
from attribution.sources.csv_blocks import MAX_ROW_BYTES

Read = Callable[[int], bytes]

_CHUNK: Final = 1 << 20
_BETWEEN: Final = re.compile(r"[\s,]*")
_BREAKS: Final = str.maketrans("\r\n", "  ")  # in JSON they stand between values only
_BROKEN: Final = "allowed is a JSON array of objects, or one object a line, so export it again"


def array_as_lines(read: Read) -> Read:
    """Return a reader of one item a line, for a file that holds one JSON array. Sizes asked for are no limit.

    Raises:
        InputError: from the reader: the array is broken or cut short; says in which line of the file.

    >>> import io
    >>> array_as_lines(io.BytesIO(b'[{"a": 1},\\n {"a":\\n 2}]').read)(100)
    b'{"a": 1}\\n{"a":  2}\\n'
    """
    items = _items(read)

    def lines(size: int) -> bytes:
        data = b""
        for item in items:
            data += item
            if len(data) >= size:
                break
        return data

    return lines


def _items(read: Read) -> Iterator[bytes]:
    """Yield the items in chunks of lines."""
    decoder, decode = codecs.getincrementaldecoder("utf-8")(), json.JSONDecoder().raw_decode
    text, line, final, begun = "", 1, False, False
    while True:
        chunk = read(_CHUNK)
        final = not chunk
        try:
            text += decoder.decode(chunk, final=final)
        except UnicodeDecodeError:
            raise InputError(f"the JSON array behind line {line} is not UTF-8; {_BROKEN}") from None
        place, whole = 0, []
        if not begun:
            text = text.lstrip("\ufeff \t\r\n")
            if not text and not final:
                continue
            begun, place = True, 1
        while True:
            start = _between(text, place)
            if text[start : start + 1] in ("", "]"):
                place = start
                break
            try:
                _, end = decode(text, start)
            except (ValueError, RecursionError):
                break
            if end == len(text) and not final:  # a number may go on
                break
            whole.append(text[start:end].translate(_BREAKS))
            place = end
        if whole:
            yield ("\n".join(whole) + "\n").encode("utf-8", "surrogatepass")
        if text[place : place + 1] == "]":
            if text[place + 1 :].strip():
                raise InputError(f"something stands behind the JSON array; {_BROKEN}")
            return
        line += text.count("\n", 0, place)
        text = text[place:]
        if final or len(text) > MAX_ROW_BYTES:
            raise InputError(f"the JSON array is broken or cut short behind line {line}; {_BROKEN}")


def _between(text: str, place: int) -> int:
    match = _BETWEEN.match(text, place)
    return match.end() if match is not None else place
