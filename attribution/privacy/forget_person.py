"""Who is to be forgotten: the person behind what a request names, and all that person is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from attribution.errors import InputError, UnknownNameError
from attribution.identifiers import ACCOUNT, KIND_NAMES, why_nobody
from attribution.identity.stretches import Stretches, stretches_of, theirs_then
from attribution.sorted_sets import as_set, difference
from attribution.store import schema
from attribution.store.columns import Ints
from attribution.store.identifiers import comparable, find_identifiers, spelled
from attribution.store.keys import find, find_texts
from attribution.store.settings import Settings

NAMES: Final = {name: kind for kind, name in KIND_NAMES.items() if kind != ACCOUNT}

identifier, membership = schema.identifier, schema.membership


class Given(NamedTuple):
    """An identifier that a request names: its kind, as compared, and its number (0: not held)."""

    kind: int
    value: str
    number: int


@dataclass(frozen=True)
class Person:
    """Somebody, and what they are known by.

    Attributes:
        number: of the person, as resolved.
        known: `identifier_id kind value company trait` of the identifiers that are nobody else's at any time.
        shared: the identifiers that are somebody else's at other times (browsers), and when they are theirs.
        is_resolved: whether evidence makes it a person; otherwise it is an identifier that nothing names.
    """

    number: int
    known: pd.DataFrame
    shared: Stretches
    is_resolved: bool

    @property
    def identifiers(self) -> Ints:
        """Numbers of what is nobody else's, ascending."""
        numbers: Ints = self.known["identifier_id"].to_numpy(np.int64)
        return numbers

    def of_kind(self, kind: int) -> Ints:
        """Return the numbers of one kind."""
        mine: Ints = self.identifiers[self.known["kind"].to_numpy(np.int64) == kind]
        return mine


def read_given(connection: Connection, settings: Settings, named: Mapping[str, str]) -> list[Given]:
    """Read what a request names.

    Args:
        connection: inside a transaction.
        settings: the store's.
        named: kind (`email`, `phone`, `user`, `lead`, `contact`, `visitor`) to value.

    Raises:
        InputError: nothing is named, or a value names nobody.
        UnknownNameError: no such kind.
    """
    if not named:
        raise InputError(
            "nobody was named; name whom to forget by one or several of "
            f"{', '.join(NAMES)}, such as --email ella@acme.com"
        )
    found = []
    for name, text in named.items():
        if name not in NAMES:
            raise UnknownNameError("kind of identifier", name, NAMES)
        kind = NAMES[name]
        value = comparable(kind, text, settings.get("region"))
        if value is None:
            raise InputError(
                f"{name} names nobody ({why_nobody(kind, text)}); give the one that stands in your data"
            )
        number = int(find_identifiers(connection, settings, kind, [text])[0])
        found.append(Given(kind, value, number))
    return found


def find_person(connection: Connection, given: list[Given], now: int) -> Person | None:
    """Return whom a request means; None where the store knows none of the identifiers.

    Args:
        connection: the writer's, after identity was resolved.
        given: of the request.
        now: microseconds; a browser of several people means whoever has it now.

    Raises:
        InputError: the request names several people.
    """
    held = np.array([one.number for one in given if one.number], np.int64)
    if not len(held):
        return None
    statement = select(membership.c.person_id).where(
        membership.c.identifier_id.in_(held.tolist()), theirs_then(now)
    )
    people = {int(number) for number in connection.execute(statement).scalars()}
    named = find(connection, membership, membership.c.identifier_id, [], held, exact=True)["identifier_id"]
    alone = set(difference(held, named).tolist())  # no evidence names it: it is its own person
    if len(people | alone) > 1:
        raise InputError(
            f"the identifiers belong to {len(people | alone)} people; forget them one by one, or join them "
            "before: attribution identity join"
        )
    (number,) = people | alone
    return _person(connection, int(number), bool(people))


def _person(connection: Connection, number: int, is_resolved: bool) -> Person:
    theirs = stretches_of(connection, np.array([number]))
    rows = find(
        connection, membership, membership.c.identifier_id, ["person_id"], as_set(theirs.identifier),
        exact=True,
    )  # fmt: skip
    others = as_set(rows["identifier_id"][rows["person_id"] != number])
    known = find_texts(
        connection, identifier, identifier.c.identifier_id, ["kind", "company", "trait"],
        difference(theirs.identifier, others),
    )  # fmt: skip
    mine = identifier.c.identifier_id.in_(known["identifier_id"].tolist())
    named = connection.execute(select(identifier.c.identifier_id, spelled()).where(mine))
    texts: dict[int, str] = {number: text for number, text in named}  # noqa: C416  # rows are no pairs to mypy
    known["value"] = [texts[n] for n in known["identifier_id"].tolist()]
    is_shared = np.isin(theirs.identifier, others)
    return Person(
        number,
        known.sort_values("identifier_id", ignore_index=True),
        Stretches(*(column[is_shared] for column in theirs)),
        is_resolved,
    )
