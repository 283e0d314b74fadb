"""Stand-ins: random numbers in the place of somebody who is erased, so that what is counted stays as it was.

Journeys, credits and figures are of numbers and times; who it was is in none of them. A stand-in visitor
keeps the touches of one person together, a stand-in lead each lead with its deals, and a company keeps its
member: so every figure, and what models learn from those who did not buy, is the same before and after. In a
browser that somebody else used too, a stand-in login keeps the times that were the person's from becoming
the other one's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, select

from attribution.identifiers import EMAIL, LEAD, USER, VISITOR
from attribution.loading.evidence import (
    add_affiliations,
    add_edges,
    intern_sources,
    note_holders,
    resolve_again,
)
from attribution.loading.tombstones import anonymous_ids
from attribution.privacy.forget_person import Person
from attribution.sorted_sets import as_set
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, next_id, read_ints
from attribution.store.identifiers import A_STAND_IN, hashes
from attribution.store.keys import find, look_up
from attribution.store.settings import Settings

SOURCE = "erasure"

affiliation, edge, identifier = schema.affiliation, schema.edge, schema.identifier


@dataclass(frozen=True)
class StandIn:
    """What stands for somebody.

    Attributes:
        visitor: the identifier that stands for the person.
        user: a login that stands for theirs in browsers of several people; None where there is none.
        of: int64, identifiers that go.
        by: int64, what stands for each: a lead of its own for a lead, the visitor for everything else.
        called: what the stand-in of each lead is called, by the number of the lead that goes.
    """

    visitor: int
    user: int | None
    of: Ints
    by: Ints
    called: dict[int, str]

    def instead_of(self, numbers: Ints) -> Ints:
        """Return what stands for some identifiers; those that stay stand for themselves."""
        found = look_up(self.of, self.by, numbers)
        return np.where(found < 0, numbers, found)


@dataclass(frozen=True)
class _Membership:
    """What ties a person to companies: int64 columns."""

    links: dict[str, Ints]  # identifier_id account at evidence_source_id
    emails: dict[str, Ints]  # company at, of e-mails


def make(connection: Connection, settings: Settings, person: Person) -> StandIn:
    """Make the stand-ins of a person; what they are for is moved to them by :mod:`.forget_rows`."""
    leads = person.of_kind(LEAD)
    first = next_id(connection, identifier.c.identifier_id)
    kinds = [VISITOR, *[LEAD] * len(leads), *[USER] * (len(person.shared.identifier) > 0)]
    names = anonymous_ids(len(kinds))
    insert_columns(
        connection,
        identifier,
        {
            "identifier_id": np.arange(first, first + len(names)),
            "hash": np.concatenate(
                [hashes(settings, kind, pa.array([name])) for kind, name in zip(kinds, names, strict=True)]
            ),
            "kind": np.array(kinds),
            "value": names,
            "trait": A_STAND_IN,
        },
    )
    gone = person.identifiers
    by = np.full(len(gone), first)
    by[np.searchsorted(gone, leads)] = first + 1 + np.arange(len(leads))
    user = first + len(kinds) - 1 if kinds[-1] == USER else None
    called = dict(zip(leads.tolist(), names[1 : 1 + len(leads)], strict=True))
    return StandIn(first, user, gone, by, called)


def read_logins(connection: Connection, person: Person) -> dict[str, Ints]:
    """Read what tied a person to browsers of several people, before it is removed: `browser at`."""
    unused = select(schema.demoted_edge.c.edge_id)
    browsers, gone = as_set(person.shared.identifier), person.identifiers.tolist()
    parts = [
        read_ints(
            connection,
            select(browser, edge.c.at)
            .where(browser.in_(browsers.tolist()), other.in_(gone), edge.c.edge_id.not_in(unused))
            .distinct(),
            ["browser", "at"],
        )
        for browser, other in ((edge.c.a, edge.c.b), (edge.c.b, edge.c.a))
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in ("browser", "at")}


def read_membership(connection: Connection, person: Person) -> _Membership:
    """Read what ties a person to companies, before it is removed."""
    columns = ["account", "at", "evidence_source_id"]
    links = find(
        connection, affiliation, affiliation.c.identifier_id, columns, person.identifiers, exact=True
    )
    mails = person.known[(person.known["kind"] == EMAIL) & person.known["company"].notna()]
    mails = mails[mails["trait"] == 0]
    parts = [{"email": np.zeros(0, np.int64), "at": np.zeros(0, np.int64)}]
    for end in (edge.c.a, edge.c.b):
        numbers = mails["identifier_id"].to_numpy(np.int64)
        statement = select(end, edge.c.at).where(end.in_(numbers.tolist())).distinct()
        parts.append(read_ints(connection, statement, ["email", "at"]))
    dated = pd.concat([pd.DataFrame(part) for part in parts])
    dated = dated.merge(mails, left_on="email", right_on="identifier_id")[["company", "at"]].drop_duplicates()
    missing = mails[~mails["company"].isin(dated["company"])][["company"]].assign(at=0)
    emails = pd.concat([dated, missing]).sort_values(["company", "at"])
    return _Membership(links, {str(name): emails[name].to_numpy(np.int64) for name in emails})


def tie(
    connection: Connection, settings: Settings, person: Person, stand_in: StandIn, companies: _Membership,
    logins: dict[str, Ints],
) -> None:  # fmt: skip
    """Make one person of the stand-ins, and a member of the companies that the person was a member of."""
    links, emails = companies.links, companies.emails
    add_affiliations(
        connection, stand_in.instead_of(links["identifier_id"]), links["account"], links["at"],
        links["evidence_source_id"],
    )  # fmt: skip
    numbers, place = np.unique(emails["company"], return_inverse=True)
    addresses = _addresses(connection, settings, numbers)
    own = stand_in.by[stand_in.by != stand_in.visitor]
    if stand_in.user is not None:
        own = np.append(own, stand_in.user)
    ends = np.concatenate([own, addresses[place]])
    at = np.concatenate([np.zeros(len(own), np.int64), emails["at"]])
    if len(ends):
        source = np.full(len(ends), intern_sources(connection, pa.array([SOURCE]))[0])
        if stand_in.user is not None:
            user = np.full(len(logins["at"]), stand_in.user)
            seen = np.full(len(user), source[0])
            add_edges(connection, user, logins["browser"], logins["at"], seen)
        add_edges(connection, np.full(len(ends), stand_in.visitor), ends, at, source)
    elif person.is_resolved:
        note_holders(connection, np.array([stand_in.visitor]))
    resolve_again(connection, np.array([stand_in.visitor]))


def _addresses(connection: Connection, settings: Settings, companies: Ints) -> Ints:
    """Make an address of nobody at each company: it tells what its domain means, as the person's did."""
    if not len(companies):
        return companies
    domains = dict(
        connection.execute(
            select(identifier.c.identifier_id, identifier.c.value).where(
                identifier.c.identifier_id.in_(companies.tolist())
            )
        ).all()
    )
    names = [
        f"{name}@{domains[number]}"
        for name, number in zip(anonymous_ids(len(companies)), companies.tolist(), strict=True)
    ]
    numbers = np.arange(len(companies)) + next_id(connection, identifier.c.identifier_id)
    insert_columns(
        connection,
        identifier,
        {
            "identifier_id": numbers, "hash": hashes(settings, EMAIL, pa.array(names)), "kind": EMAIL,
            "value": names, "company": companies,
        },
    )  # fmt: skip
    return numbers
