"""Who belongs to a company, from when to when: computed from evidence whenever it is asked, never stored.

A person whom a CRM (or a row of `identities`) ties to a company belongs to companies by such links only, any
other by the domains of its e-mails. At an instant it is where the last evidence up to then says, and before
all evidence where the first does: the visits that led to the form that first named the company count too.

A domain is an account of its own; but where everybody of that domain whom links tie to a company is tied to
one and the same, the domain means that one, and colleagues known by an e-mail alone belong to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sqlalchemy import Column, Connection, Select, exists, func, or_, select

from attribution.identity.graph import ALWAYS, Ints
from attribution.identity.stretches import theirs_then
from attribution.loading.evidence import FROM_LEADS
from attribution.sorted_sets import as_set, difference, union
from attribution.store import schema
from attribution.store.columns import FEW, read_ints, temporary
from attribution.store.keys import find_texts, look_up

affiliation, demoted_edge, edge, evidence_source, identifier, lead, membership = (
    schema.affiliation, schema.demoted_edge, schema.edge, schema.evidence_source, schema.identifier,
    schema.lead, schema.membership,
)  # fmt: skip


class Members(NamedTuple):
    """Who belongs to companies: a row for each company that was asked about, person and stretch of time.

    Attributes:
        of: int64[M], index into those companies.
        person: int64[M].
        since, until: int64[M], microseconds, the end not included; :data:`~attribution.identity.graph.ALWAYS`
            where there is none.
    """

    of: Ints
    person: Ints
    since: Ints
    until: Ints


class Belonging(NamedTuple):
    """Where people belong, by person and time, without gaps; times as of :class:`Members`."""

    person: Ints
    account: Ints
    since: Ints
    until: Ints


def members_of(connection: Connection, accounts: Ints) -> Members:
    """Return the members of companies.

    Args:
        connection: inside a transaction, after identity was resolved.
        accounts: int64[A] identifiers of kind account, repeats allowed; a domain that means another account
            has that one's members too.

    Returns:
        Rows by company, person and time; a person may have several stretches with one company.
    """
    meanings = _Meanings(connection)
    place = np.arange(len(accounts))
    means = meanings.of(accounts)
    other = np.flatnonzero(means != accounts)
    asked = pd.DataFrame({"of": np.r_[place, place[other]], "account": np.r_[accounts, means[other]]})
    targets = asked["account"].unique()
    linked = _people_tied_to(connection, targets)
    domains = union(targets, _domains_of(connection, linked)["company"].to_numpy(np.int64))
    ours = domains[np.isin(meanings.of(domains), targets)]
    people = union(linked, meanings.people_at(ours))
    known = pd.DataFrame(accounts_of(connection, people, meanings)._asdict())
    found = asked.merge(known, on="account").sort_values(["of", "person", "since"])
    return Members(*(found[name].to_numpy(np.int64) for name in Members._fields))


def meanings_of(connection: Connection, accounts: Ints) -> Ints:
    """Return int64[A]: the account that each account means: itself, if it is no domain that means another."""
    return _Meanings(connection).of(accounts)


def accounts_of(connection: Connection, people: Ints, meanings: _Meanings | None = None) -> Belonging:
    """Return where people belong; who belongs nowhere has no row.

    Args:
        connection: inside a transaction, after identity was resolved.
        people: int64, distinct.
        meanings: of domains, as far as they are known already.
    """
    links = _links_of(connection, people)
    others = difference(people, links["person"].to_numpy(np.int64))
    emails = _emails_of(connection, others)
    meanings = meanings or _Meanings(connection)
    emails["account"] = meanings.of(emails["company"].to_numpy(np.int64))
    moved = _several(emails, "person", "account")
    stayed = emails[~moved][["person", "account"]].drop_duplicates().assign(at=ALWAYS[0])
    dated = emails[moved].merge(_dates_of(connection, emails["email"][moved].unique()), on="email")
    names = ["person", "account", "at"]
    found = pd.concat([links[names], stayed[names], dated[names]], ignore_index=True)
    return _belonging(found, _order(connection, found["account"][_several(found, "person", "account")]))


def _belonging(links: pd.DataFrame, order: pd.Series[int]) -> Belonging:
    """Put links in order of time: each begins a stretch, unless it names the company where a person is.

    Of several at one instant the one counts whose company's name comes first.
    """
    links = links.assign(rank=links["account"].map(order).fillna(0)).sort_values(["person", "at", "rank"])
    links = links.drop_duplicates(["person", "at"])
    person, account, at = (links[name].to_numpy(np.int64) for name in ("person", "account", "at"))
    first = np.diff(person, prepend=-1) != 0
    begins = first | (np.diff(account, prepend=-1) != 0)
    person, account, first = person[begins], account[begins], first[begins]
    since = np.where(first, ALWAYS[0], at[begins])
    last = np.r_[first[1:], np.ones(min(len(first), 1), np.bool_)]
    until = np.where(last, ALWAYS[1], np.r_[since[1:], since[:1]])
    return Belonging(person, account, since, until)


def _order(connection: Connection, accounts: pd.Series[int]) -> pd.Series[int]:
    """Return the place of accounts among each other by what they are called."""
    numbers = accounts.unique().astype(np.int64)
    texts = find_texts(connection, identifier, identifier.c.identifier_id, ["value"], numbers)
    return texts.set_index("identifier_id")["value"].rank().astype(np.int64)


def _several(frame: pd.DataFrame, key: str, value: str) -> pd.Series[bool]:
    """Tell for each row whether its key stands with several values."""
    pairs = frame[[key, value]].drop_duplicates()
    return frame[key].isin(pairs[key][pairs[key].duplicated()])


class _Meanings:
    """Which account a domain means: each is worked out once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known = self._means = np.zeros(0, np.int64)
        self._here = _people_at(connection, self._known)

    def of(self, accounts: Ints) -> Ints:
        """Return the account that each account means: itself, if it is no domain that means another."""
        new = difference(accounts, self._known)
        if len(new):
            self._means = np.r_[self._means, self._work_out(new)]
            self._known = np.r_[self._known, new]
        return look_up(self._known, self._means, accounts)

    def people_at(self, domains: Ints) -> Ints:
        """Return who has an e-mail of some domains, whose meanings were asked for before: ascending."""
        return as_set(self._here["person"].to_numpy(np.int64)[self._here["company"].isin(domains)])

    def _work_out(self, domains: Ints) -> Ints:
        here = _people_at(self._connection, domains)
        self._here = pd.concat([self._here, here], ignore_index=True)
        people = here["person"].unique()
        links = _links_of(self._connection, people)
        # who was tied to several companies, or has e-mails of several, does not tell which of them is meant
        links = links[~_several(links, "person", "account")]
        emails = _domains_of(self._connection, links["person"].unique())
        links = links[~links["person"].isin(emails["person"][_several(emails, "person", "company")])]
        named = here.merge(links, on="person")
        named = named[~_several(named, "company", "account")].drop_duplicates("company")
        company, account = (named[name].to_numpy(np.int64) for name in ("company", "account"))
        return np.where(np.isin(domains, company), look_up(company, account, domains), domains)


def near(connection: Connection, numbers: Ints) -> Ints:
    """Return the accounts whose members may be others now that something is known of some people or accounts.

    Also those of which a person is a member no more: what evidence ever tied it to.

    Args:
        connection: inside a transaction, after identity was resolved.
        numbers: int64, people and accounts, distinct.
    """
    own = [_ties_of(connection, numbers)["account"], _domains_of(connection, numbers)["company"]]
    reached = as_set(np.concatenate([numbers, *own]))
    # what a domain means hangs on all who are of it ...
    here = _people_at(connection, reached)["person"].unique()
    reached = union(reached, _ties_of(connection, here)["account"].to_numpy(np.int64))
    # ... and other domains may mean the same
    linked = _people_tied_to(connection, reached)
    return union(reached, _domains_of(connection, linked)["company"].to_numpy(np.int64))


def people_near(connection: Connection, accounts: Ints) -> Ints:
    """Return the people whom any evidence ties to some accounts, or whose e-mails are of such domains."""
    return union(
        _people_tied_to(connection, accounts), _people_at(connection, accounts)["person"].to_numpy(np.int64)
    )


def moving(connection: Connection, numbers: Ints) -> Ints:
    """Return whose e-mails among some identifiers are of a person with e-mails of several companies.

    When such an e-mail was used tells where the person was then.
    """
    named = select(identifier.c.identifier_id, membership.c.person_id).join(
        membership, membership.c.identifier_id == identifier.c.identifier_id
    )
    of_company = named.where(identifier.c.company.is_not(None))
    people = _read(connection, of_company, numbers, ["email", "person"])["person"]
    emails = _domains_of(connection, people.unique())
    return emails["person"][_several(emails, "person", "company")].unique()


# --- what evidence says -------------------------------------------------------------------------------


def _links_of(connection: Connection, people: Ints) -> pd.DataFrame:
    """Read `person account at` of what ties people to companies, as far as it holds.

    What the record of a lead says holds as long as the record says so; what was observed holds for ever.
    """
    of_leads = select(func.coalesce(func.max(evidence_source.c.evidence_source_id), 0)).where(
        evidence_source.c.source == FROM_LEADS
    )
    holds = or_(
        affiliation.c.evidence_source_id != of_leads.scalar_subquery(),
        exists().where(
            lead.c.identifier_id == affiliation.c.identifier_id,
            lead.c.account == affiliation.c.account,
            lead.c.created_at == affiliation.c.at,
        ),
    )
    statement = (
        _ties(membership.c.person_id, affiliation.c.account, affiliation.c.at)
        .join(identifier, identifier.c.identifier_id == affiliation.c.account)
        .where(identifier.c.trait == 0, holds)  # a mail provider is nobody's company, whoever says so
    )
    return _read(connection, statement, people, ["person", "account", "at"])


def _ties_of(connection: Connection, people: Ints) -> pd.DataFrame:
    """Read `person account` of what ever tied people to companies."""
    statement = _ties(membership.c.person_id, affiliation.c.account)
    return _read(connection, statement, people, ["person", "account"])


def _people_tied_to(connection: Connection, accounts: Ints) -> Ints:
    """Return the people whom evidence ever tied to companies, ascending."""
    statement = _ties(affiliation.c.account, membership.c.person_id)
    found = _read(connection, statement, accounts, ["account", "person"])
    return as_set(found["person"].to_numpy(np.int64))


def _ties(*columns: Column[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(membership)
        .join(affiliation, affiliation.c.identifier_id == membership.c.identifier_id)
        .where(theirs_then(affiliation.c.at))
    )


def _emails_of(connection: Connection, people: Ints) -> pd.DataFrame:
    """Read `person email company` of people's own e-mails with companies."""
    statement = _own_emails(membership.c.person_id, identifier.c.identifier_id, identifier.c.company)
    return _read(connection, statement, people, ["person", "email", "company"])


def _domains_of(connection: Connection, people: Ints) -> pd.DataFrame:
    """Read `person company` of the same."""
    statement = _own_emails(membership.c.person_id, identifier.c.company)
    return _read(connection, statement, people, ["person", "company"])


def _people_at(connection: Connection, domains: Ints) -> pd.DataFrame:
    """Read `company person` of those with e-mails of some domains."""
    statement = _own_emails(identifier.c.company, membership.c.person_id)
    return _read(connection, statement, domains, ["company", "person"])


def _own_emails(*columns: Column[Any]) -> Select[Any]:
    """Select of e-mails that have a company; a mailbox of a role is nobody's own."""
    return (
        select(*columns)
        .select_from(membership)
        .join(identifier, identifier.c.identifier_id == membership.c.identifier_id)
        .where(identifier.c.company.is_not(None), identifier.c.trait == 0)  # e-mails alone have one
    )


def _dates_of(connection: Connection, emails: Ints) -> pd.DataFrame:
    """Read `email at` of the observations that count; an e-mail that none names is from the beginning."""
    counts = ~exists().where(demoted_edge.c.edge_id == edge.c.edge_id)
    found = pd.concat(
        _read(connection, select(end, edge.c.at).where(counts), emails, ["email", "at"])
        for end in (edge.c.a, edge.c.b)
    )
    alone = difference(emails, found["email"].to_numpy(np.int64))
    return pd.concat([found, pd.DataFrame({"email": alone, "at": np.full(len(alone), ALWAYS[0])})])


def _read(connection: Connection, statement: Select[Any], wanted: Ints, names: Sequence[str]) -> pd.DataFrame:
    """Read the rows of a statement whose first column is among some numbers, each once."""
    key = statement.selected_columns[0]
    if len(wanted) == 0:
        return pd.DataFrame({name: np.zeros(0, np.int64) for name in names})
    if len(wanted) <= FEW:
        rows = read_ints(connection, statement.where(key.in_(wanted.tolist())), names)
    else:
        with temporary(connection, wanted=np.sort(wanted)) as probe:
            rows = read_ints(connection, statement.where(key.in_(select(probe.c.wanted))), names)
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)
