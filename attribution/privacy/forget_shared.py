"""What a request for erasure takes out of other people's records too: shared phones, mailboxes of roles."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, select

from attribution.identifiers import EMAIL, KIND_NAMES, PHONE
from attribution.privacy.forget_person import Person
from attribution.sorted_sets import as_set, difference, union
from attribution.store.columns import Ints, read_ints
from attribution.store.identifiers import A_ROLES
from attribution.store.keys import find
from attribution.store.schema import edge, membership


def notes_of_shared(connection: Connection, person: Person) -> list[str]:
    """Say which e-mails and phones that go are in the records of several people; no value is named.

    Args:
        connection: inside a transaction, after identity was resolved.
        person: before anything of it is removed.
    """
    notes = []
    mine = person.known[person.known["kind"].isin([EMAIL, PHONE])]
    for number, kind, trait in mine[["identifier_id", "kind", "trait"]].itertuples(index=False, name=None):
        others = len(_people_beside(connection, person, int(number)))
        people = others + (len(person.known) > 1)
        if kind == EMAIL and trait == A_ROLES:
            many = f" (here {people:,})" if people > 1 else ""
            notes.append(
                f"an email that goes is a role's mailbox, which several people{many} read: "
                "it is taken out of all their records"
            )
        elif people > 1 and others:
            notes.append(
                f"a {KIND_NAMES[kind]} that goes is shared by {people:,} people: "
                "it is taken out of all their records"
            )
    return notes


def _people_beside(connection: Connection, person: Person, number: int) -> Ints:
    """Return the other people whom any evidence names with an identifier, also such as does not count."""
    ends = [
        read_ints(connection, select(other).where(one == number), ["i"])["i"]
        for one, other in ((edge.c.a, edge.c.b), (edge.c.b, edge.c.a))
    ]
    theirs = difference(as_set(np.concatenate(ends)), person.identifiers)
    rows = find(connection, membership, membership.c.identifier_id, ["person_id"], theirs, exact=True)
    people = union(rows["person_id"], difference(theirs, rows["identifier_id"]))
    return difference(people, np.array([person.number]))
