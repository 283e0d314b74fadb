"""Whom an export is about, what they are known by, and what may be told of whoever else is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, select

from attribution import clock
from attribution.identifiers import ACCOUNT, EMAIL, KIND_NAMES, PHONE, VISITOR
from attribution.identity.graph import ALWAYS, Demotion, Ints
from attribution.privacy.forget_person import Person
from attribution.store import schema
from attribution.store.columns import read_frame, read_ints, temporary
from attribution.store.identifiers import A_ROLES, spelled

Row = dict[str, Any]
HIDDEN: Final = "(somebody else's)"
_LOOSE: Final = (EMAIL, PHONE, VISITOR)  # that name nobody by themselves

demoted_edge, edge, identifier = schema.demoted_edge, schema.edge, schema.identifier


class Observation(NamedTuple):
    """Two identifiers seen together, or one with a company; `reason` is a Demotion where that counts not."""

    a: int
    b: int
    at: int
    source: str
    reason: int


@dataclass(frozen=True)
class Holder:
    """Somebody, and what is theirs.

    Attributes:
        person: number, as resolved.
        always: identifiers that are nobody else's at any time.
        shared: browsers that are somebody else's at other times, and when they are theirs.
    """

    person: int
    always: frozenset[int]
    shared: dict[int, list[tuple[int, int]]]

    @classmethod
    def of(cls, person: Person) -> Holder:
        """Take what was found of a person."""
        shared: dict[int, list[tuple[int, int]]] = {}
        for _, number, since, until in zip(*map(np.ndarray.tolist, person.shared), strict=True):
            shared.setdefault(number, []).append((since, until))
        return cls(person.number, frozenset(person.identifiers.tolist()), shared)

    @property
    def numbers(self) -> list[int]:
        """All identifiers that are theirs at any time, ascending."""
        return sorted(self.always | self.shared.keys())

    def has(self, number: int | None, at: int | None) -> bool:
        """Tell whether an identifier is theirs at an instant (None: at all)."""
        if number in self.always:
            return True
        stretches = self.shared.get(number, []) if number is not None else []
        return any(at is None or since <= at < until for since, until in stretches)

    def spans(self) -> dict[str, Ints]:
        """Return `number since until`, a row for each identifier and stretch."""
        rows = [(number, *ALWAYS) for number in sorted(self.always)]
        rows += [(number, *one) for number, stretches in self.shared.items() for one in stretches]
        columns = np.array(rows, np.int64).reshape(-1, 3).T
        return dict(zip(("number", "since", "until"), columns, strict=True))


@dataclass
class Sightings:
    """When each identifier was seen first and last, and by which sources."""

    times: dict[int, list[int]] = field(default_factory=dict)
    sources: dict[int, set[str]] = field(default_factory=dict)

    def note(self, number: int | None, at: int | None, source: str) -> None:
        """Take one sighting."""
        if number is None:
            return
        self.sources.setdefault(number, set()).add(source)
        if at is not None:
            first, last = self.times.setdefault(number, [at, at])
            self.times[number] = [min(first, at), max(last, at)]


class Names:
    """What identifiers are called, as far as an export may tell.

    Told are the person's own, companies, phones and mailboxes that several people share, and what nothing
    ties to anybody else. All others are :data:`HIDDEN`.
    """

    def __init__(self, holder: Holder, known: dict[int, tuple[int, str]], told: frozenset[int]) -> None:
        self._holder, self._known, self._told = holder, known, told

    @classmethod
    def read(
        cls, connection: Connection, holder: Holder, observed: Sequence[Observation], others: Iterable[int]
    ) -> Names:
        """Read the names of what observations and records (`others`) name."""
        mine = frozenset(holder.numbers)
        strangers = {end for one in observed for end in (one.a, one.b)} | set(others)
        strangers -= mine
        known, roles = _texts(connection, mine | strangers)
        return cls(holder, known, _may_be_told(connection, mine, strangers, observed, known, roles))

    def known_as(self) -> set[tuple[int, str]]:
        """Return kind and value of what is nobody else's at any time."""
        return {self._known[number] for number in self._holder.always if number in self._known}

    def kind(self, number: int) -> str:
        """Return the kind of an identifier in words."""
        return KIND_NAMES[self._known[number][0]]

    def value(self, number: int | None, at: int | None = None) -> str | None:
        """Return what an identifier is called, :data:`HIDDEN` where it is somebody else's then."""
        if number is None or number not in self._known:
            return None
        told = number in self._told or self._holder.has(number, at)
        return self._known[number][1] if told else HIDDEN

    def row(self, number: int, at: int | None = None) -> Row:
        """Return kind and value."""
        return {"kind": self.kind(number), "value": self.value(number, at)}


def iso(at: int | None) -> str | None:
    """Write an instant; None where there is none, also where a stretch has no end."""
    return None if at is None or at in ALWAYS else clock.iso(at)


def _texts(connection: Connection, numbers: Iterable[int]) -> tuple[dict[int, tuple[int, str]], set[int]]:
    """Return kind and value of identifiers, and which of them are mailboxes of roles."""
    with temporary(connection, number=np.array(sorted(numbers), np.int64)) as wanted:
        frame = read_frame(
            connection,
            select(identifier.c.identifier_id, identifier.c.kind, spelled().label("text"), identifier.c.trait)
            .join(wanted, wanted.c.number == identifier.c.identifier_id),
        )  # fmt: skip
    rows = list(frame.itertuples(index=False, name=None))
    known = {number: (kind, str(text)) for number, kind, text, _ in rows}
    return known, {number for number, kind, _, trait in rows if kind == EMAIL and trait == A_ROLES}


def _may_be_told(
    connection: Connection,
    mine: frozenset[int],
    strangers: set[int],
    observed: Sequence[Observation],
    known: dict[int, tuple[int, str]],
    roles: set[int],
) -> frozenset[int]:
    told = {number for number in strangers if number in known and known[number][0] == ACCOUNT}
    people = strangers - told
    refused: Counter[int] = Counter()  # observations that do not count since one end is several people's
    with_others = _named_in_deals(connection, people)
    for a, b, reason in _pairs_of(connection, people | mine):
        for end, far in ((a, b), (b, a)):
            refused[end] += reason == Demotion.SHARED
            if end in people and far not in mine:
                with_others.add(end)
    for one in observed:
        for end, far in ((one.a, one.b), (one.b, one.a)):
            if end not in people or far not in mine:
                continue
            # of the two it is the one that is refused more often
            is_shared = end in roles or refused[end] > refused[far]
            if one.reason == Demotion.SHARED and is_shared:
                told.add(end)
            elif one.reason != Demotion.LIMIT:
                with_others.add(end)
    return frozenset(
        told | {number for number in people - with_others if number in known and known[number][0] in _LOOSE}
    )


def _named_in_deals(connection: Connection, numbers: set[int]) -> set[int]:
    with temporary(connection, number=np.array(sorted(numbers), np.int64)) as wanted:
        contact = schema.deal_contact
        statement = select(wanted.c.number).join(contact, contact.c.identifier_id == wanted.c.number)
        return set(read_ints(connection, statement.distinct(), ["n"])["n"].tolist())


def _pairs_of(connection: Connection, numbers: set[int] | frozenset[int]) -> set[tuple[int, int, int]]:
    """Return what was observed beside some identifiers: pairs, and why they do not count (0: they do)."""
    found: set[tuple[int, int, int]] = set()
    with temporary(connection, number=np.array(sorted(numbers), np.int64)) as wanted:
        for end in (edge.c.a, edge.c.b):
            statement = (
                select(edge.c.a, edge.c.b, demoted_edge.c.reason)
                .join(wanted, wanted.c.number == end)
                .outerjoin(demoted_edge, demoted_edge.c.edge_id == edge.c.edge_id)
            )
            found |= {(a, b, reason or 0) for a, b, reason in connection.execute(statement)}
    return found
