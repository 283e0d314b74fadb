"""What a check of `doctor` sees and says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, select

from attribution.store.settings import Settings

SEVERITIES: Final = ("error", "warning", "notice", "ok")
EXAMPLES: Final = 3


class Finding(NamedTuple):
    """One thing that is wrong: how bad, how often, what, and what to do."""

    severity: str
    count: int  # type: ignore[assignment]  # a tuple's own `count` is nothing that anybody calls here
    detail: str
    hint: str = ""


@dataclass
class Look:
    """One state of the store, and its settings."""

    connection: Connection
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(self.connection)

    def count(self, statement: Select[Any]) -> int:
        """Return how many rows a select has."""
        rows = select(func.count()).select_from(statement.subquery())
        return int(self.connection.execute(rows).scalar_one())

    def examples(self, statement: Select[Any]) -> str:
        """Write the first values of a select's first column, as `D-1, D-2, ...`."""
        return listed(self.connection.execute(statement.limit(EXAMPLES + 1)).scalars())

    def finding(self, severity: str, statement: Select[Any], what: str, hint: str) -> list[Finding]:
        """Return a finding that names the rows of a select (its first column), none where it has none."""
        count = self.count(statement)
        return [Finding(severity, count, f"{what}: {self.examples(statement)}", hint)] if count else []


def listed(values: Iterable[Any]) -> str:
    """Write a few values, and `...` where there are more.

    >>> listed(["a", "b", "c", "d"])
    'a, b, c, ...'
    """
    texts = [str(value) for value in values]
    return ", ".join(texts[:EXAMPLES]) + (", ..." if len(texts) > EXAMPLES else "")
