"""What a file should look like: the columns that are read, and those without which no row can load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from attribution.errors import InputError

_SHOWN = 30  # names of columns in a message


class Layout(Protocol):
    """The layout of a file: of a canonical table, or of another system's export."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read, in small letters; dots lead into objects."""
        ...

    @property
    def separator(self) -> str:
        """What stands between two columns of a text file."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns where the file itself has no header, else nothing."""
        ...

    @property
    def find_header(self) -> bool:
        """Whether lines may stand above the header."""
        ...

    @property
    def is_nested(self) -> bool:
        """Whether names with dots lead into objects; else a value that is an object rejects its row."""
        ...

    @property
    def quotes(self) -> bool:
        """Whether values in text parted by tabs may stand in quotes."""
        ...

    def require(self, found: Iterable[str]) -> None:
        """Raise InputError where columns are absent without which no row can load."""
        ...


def refuse_missing(what: str, missing: Sequence[str], found: Iterable[str], hint: str) -> None:
    """Raise InputError where required columns are absent, saying which and what was found.

    >>> refuse_missing("rates", ["rate"], ["date"], "add it")
    Traceback (most recent call last):
    ...
    attribution.errors.InputError: the required column rate is missing; found: date; add it
    """
    if not missing:
        return
    names = [name for name in found if name]
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    several = len(missing) > 1
    raise InputError(
        f"the required column{'s' * several} {', '.join(missing)} {'are' if several else 'is'} missing; "
        f"found: {shown or '(none)'}; {hint}{_separator_hint(names)}"
    )


def _separator_hint(found: Sequence[str]) -> str:
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(found) == 1 and mark in found[0]:
            way = "name it .tsv, or " if mark == "\t" else ""
            return f" (the columns are parted by {name}; allowed are commas: {way}export it with commas)"
    return ""
