"""Where things stand in a TOML file, so that a mistake is told with its line."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

Path = tuple[str, ...]

_NAME: Final = r"(?:\"[^\"]*\"|'[^']*'|[\w-]+)"
_DOTTED: Final = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEAD: Final = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_KEY: Final = re.compile(rf"\s*({_DOTTED})\s*=")


class Lines:
    """The lines of a file by the path of names that leads to them; tables in arrays are numbered from 0.

    >>> lines = Lines('[[spend.leave_out]]\\ncolumn = "Day"\\n\\n[[spend.leave_out]]\\nis = "x"')
    >>> lines.of(("spend", "leave_out", "1", "is")), lines.of(("spend", "leave_out", "0", "starts"))
    (5, 1)
    """

    def __init__(self, text: str) -> None:
        self._found: dict[Path, int] = {}
        head: Path = ()
        arrays: Counter[Path] = Counter()
        for number, line in enumerate(text.splitlines(), 1):
            if found := _HEAD.match(line):
                head = _names(found[2])
                if found[1] == "[[":
                    self._found.setdefault(head, number)
                    arrays[head] += 1
                    head = (*head, str(arrays[head] - 1))
                self._found.setdefault(head, number)
            elif found := _KEY.match(line):
                names = _names(found[1])
                for depth in range(1, len(names) + 1):
                    self._found.setdefault((*head, *names[:depth]), number)

    def of(self, path: Path) -> int:
        """Return the line of what a path leads to, else of the nearest that it leads through; at least 1."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self._found:
                return self._found[path[:depth]]
        return 1


def _names(dotted: str) -> Path:
    return tuple(name.strip("\"'") for name in re.findall(_NAME, dotted))
