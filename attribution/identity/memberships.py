"""Who is whose, as rows of the store: read, compared, and replaced where they differ."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection, select

from attribution.identity.graph import ALWAYS, Ints
from attribution.sorted_sets import difference, union
from attribution.store.columns import insert_columns, pack, packed, read_ints, remove, unpack, without_indexes
from attribution.store.keys import find, row_hash
from attribution.store.schema import membership

_MANY: Final = 500_000  # from here on an index is made faster than it is kept up to date
_COLUMNS: Final = ("identifier_id", "since", "until", "person_id")


@dataclass(frozen=True)
class Memberships:
    """Who is whose.

    Nearly every identifier is one person's for ever, and two numbers in one say it.

    Attributes:
        always: int64, `identifier * 2^32 + person`, ascending.
        split: name -> int64[S], the columns of the store, for browsers that were several people's.
    """

    always: Ints
    split: dict[str, Ints]

    @classmethod
    def plain(cls, identifiers: Ints, people: Ints) -> Memberships:
        """Return memberships for ever; identifiers ascending."""
        none = np.zeros(0, np.int64)
        return cls(pack(identifiers, people), dict.fromkeys(_COLUMNS, none))

    @classmethod
    def of(cls, identifiers: Ints, since: Ints, until: Ints, people: Ints) -> Memberships:
        """Return memberships of any kind, in any order."""
        ever = (since == ALWAYS[0]) & (until == ALWAYS[1])
        rest = {
            name: values[~ever]
            for name, values in zip(_COLUMNS, (identifiers, since, until, people), strict=True)
        }
        return cls(np.sort(pack(identifiers[ever], people[ever])), rest)

    def with_(self, other: Memberships) -> Memberships:
        """Return these and others."""
        always = np.concatenate([self.always, other.always])
        always.sort(kind="stable")  # two sorted runs: one pass
        split = {name: np.concatenate([self.split[name], other.split[name]]) for name in _COLUMNS}
        return Memberships(always, split)

    @property
    def people(self) -> Ints:
        """Who is named here, ascending."""
        return union(unpack(self.always)[1], self.split["person_id"])

    @property
    def everybody(self) -> Ints:
        """The same of memberships that hold whole people, without sorting: a person is one of its own."""
        identifiers, people = unpack(self.always)
        heads = people[identifiers == people]
        return union(heads, self.split["person_id"]) if len(self.split["since"]) else heads

    def but(self, others: Memberships) -> Memberships:
        """Return those that are not among others."""
        always = difference(self.always, others.always)
        mine, theirs = self._hashes(), others._hashes()
        keep = ~np.isin(mine, theirs)
        return Memberships(always, {name: values[keep] for name, values in self.split.items()})

    def _hashes(self) -> Ints:
        return row_hash(dict(self.split), len(self.split["since"]))

    @property
    def identifiers(self) -> Ints:
        """The identifiers of these, ascending."""
        return union(unpack(self.always)[0], self.split["identifier_id"])

    def of_identifiers(self, wanted: Ints) -> Memberships:
        """Return those of some identifiers."""
        mine = np.isin(self.split["identifier_id"], wanted)
        return Memberships(
            self.always[np.isin(unpack(self.always)[0], wanted)],
            {name: values[mine] for name, values in self.split.items()},
        )


def replace(connection: Connection, wanted: Memberships, about: Ints | None) -> Ints:
    """Make the store say what is wanted of some identifiers (None: of all).

    Returns:
        int64, ascending: people who had something that somebody else has now, and who have something new.
    """
    before = _read(connection, about)
    if not len(before.always) and not len(before.split["since"]):
        _insert(connection, wanted, afresh=about is None)
        return wanted.everybody
    gone, new = before.but(wanted), wanted.but(before)
    stale = union(gone.identifiers, new.identifiers)
    if not len(stale):
        return stale
    remove(connection, membership.c.identifier_id, stale)
    # a split browser's rows go and come together
    _insert(connection, wanted.of_identifiers(stale), afresh=False)
    return union(gone.people, new.people)


def _read(connection: Connection, about: Ints | None) -> Memberships:
    if about is not None:
        rows = find(connection, membership, membership.c.identifier_id, list(_COLUMNS[1:]), about, exact=True)
        return Memberships.of(*(rows[name] for name in _COLUMNS))
    ever = (membership.c.since == ALWAYS[0]) & (membership.c.until == ALWAYS[1])
    pairs = select(packed(membership.c.identifier_id, membership.c.person_id)).where(ever)
    always = np.sort(read_ints(connection, pairs, ["i"])["i"])
    columns = [membership.c[name] for name in _COLUMNS]
    return Memberships(always, read_ints(connection, select(*columns).where(~ever), _COLUMNS))


def _insert(connection: Connection, rows: Memberships, *, afresh: bool) -> None:
    identifiers, people = unpack(rows.always)
    always = {
        "identifier_id": identifiers, "since": ALWAYS[0], "until": ALWAYS[1],
        "person_id": people,
    }  # fmt: skip
    with without_indexes(connection, membership) if afresh and len(rows.always) >= _MANY else nullcontext():
        insert_columns(connection, membership, always)
        insert_columns(connection, membership, rows.split)
