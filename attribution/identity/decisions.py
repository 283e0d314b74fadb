"""What people who know decided: that identifiers are two people, one person, or nobody's."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, insert, select

from attribution.identity.graph import Ints
from attribution.store.schema import decision

SPLIT: Final = "split"
JOIN: Final = "join"
EXCLUDE: Final = "exclude"


class Decisions(NamedTuple):
    """Decisions that were not taken back, by the numbers of identifiers.

    Attributes:
        joined: int64[J, 2], pairs that are one person.
        joined_at: int64[J], when each of these was decided, microseconds.
        apart: int64[S, 2], pairs that are two.
        excluded: int64[X], identifiers that are nobody's.
    """

    joined: Ints
    joined_at: Ints
    apart: Ints
    excluded: Ints


class Decision(NamedTuple):
    """One decision, as it was recorded; `b` is None where it is about one identifier."""

    number: int
    verb: str
    a: int
    b: int | None
    at: int  # microseconds
    who: str
    why: str
    undone_at: int | None = None
    undone_by: str | None = None
    undone_why: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it was not taken back."""
        return self.undone_at is None

    @property
    def ends(self) -> frozenset[int]:
        """The identifiers that it is about."""
        return frozenset({self.a} if self.b is None else {self.a, self.b})

    @property
    def source(self) -> str:
        """Who says so, as a source of evidence.

        >>> Decision(3, JOIN, 1, 2, 0, "maria", "same customer").source
        'decision 3 by maria: same customer'
        """
        return f"decision {self.number} by {self.who}: {self.why}"


NO_DECISIONS: Final = Decisions(
    np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int64), np.zeros(0, np.int64)
)


def in_force(connection: Connection) -> Decisions:
    """Return what holds now."""
    rows = connection.execute(
        select(decision.c.verb, decision.c.a, decision.c.b, decision.c.at)
        .where(decision.c.undone_at.is_(None))
        .order_by(decision.c.decision_id)
    ).all()

    def pairs(verb: str) -> Ints:
        return np.array([(a, b) for said, a, b, _ in rows if said == verb], np.int64).reshape(-1, 2)

    joined_at = [at for said, *_, at in rows if said == JOIN]
    excluded = [a for said, a, *_ in rows if said == EXCLUDE]
    return Decisions(pairs(JOIN), np.array(joined_at, np.int64), pairs(SPLIT), np.array(excluded, np.int64))


def record(connection: Connection, verb: str, a: int, b: int | None, *, at: int, who: str, why: str) -> int:
    """Keep a decision; returns its number. Whom it is about must be resolved again."""
    newest = select(func.coalesce(func.max(decision.c.decision_id), 0))
    number = int(connection.execute(newest).scalar_one()) + 1
    connection.execute(
        insert(decision).values(decision_id=number, verb=verb, a=a, b=b, at=at, who=who, why=why)
    )
    return number


def recorded(connection: Connection) -> list[Decision]:
    """Return every decision ever made, those taken back among them, in their order."""
    rows = connection.execute(select(decision).order_by(decision.c.decision_id))
    return [Decision(*row) for row in rows]


def standing(connection: Connection) -> list[Decision]:
    """Return the decisions that hold now, in their order."""
    rows = connection.execute(
        select(decision).where(decision.c.undone_at.is_(None)).order_by(decision.c.decision_id)
    )
    return [Decision(*row) for row in rows]
