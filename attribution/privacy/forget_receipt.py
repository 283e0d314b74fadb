"""What a request for erasure removed, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """So many rows of a table or file, and what became of them."""

    where: str
    what: str
    rows: int


@dataclass
class Receipt:
    """What went, or would go; no value of the person is in it.

    Attributes:
        lines: a line for each table or file, in the order in which they were worked on.
        is_held: whether the store knew the person.
        tombstones: how many identifiers may not come back with an old file.
        frozen: how many conversions no run will split anew.
        notes: what else to know or to do, in sentences.
    """

    lines: list[Line] = field(default_factory=list)
    is_held: bool = False
    tombstones: int = 0
    frozen: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, where: str, what: str, rows: int) -> None:
        """Note what became of some rows; none is not worth a line."""
        if rows:
            self.lines.append(Line(where, what, rows))
