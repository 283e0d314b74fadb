"""What became of the rows of one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from attribution.sources.parse import Rejection

# what became of one row
ACCEPTED: Final = 0
DUPLICATE: Final = 1
CONFLICT: Final = 2
UPDATED: Final = 3
REJECTED: Final = 4

# what is counted for each file, in the order in which it is told
COUNTS: Final = ("read", "accepted", "updated", "duplicate", "conflict", "rejected")

Status = npt.NDArray[np.int8]


@dataclass
class Outcome:
    """What a loader did: the fate of each row that it was given, and in words what did not load."""

    status: Status
    conflicts: list[Rejection] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fingerprint: int = 0  # sum of the digests of what was new: the same whatever the order of files

    def count(self, fate: int) -> int:
        """Return how many rows met a fate."""
        return int((self.status == fate).sum())


@dataclass
class FileResult:
    """What became of one file; `rejected_file` is where its bad rows were written, if it had any."""

    file: str
    table: str
    read: int = 0
    accepted: int = 0
    updated: int = 0
    duplicate: int = 0
    conflict: int = 0
    rejected: int = 0
    unknown_columns: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rejected_file: Path | None = None
    dry_run: bool = False
