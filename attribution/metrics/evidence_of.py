"""Whose evidence stands behind a deal, a lead or a touch, tied up to the record that it leads to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection

from attribution import clock
from attribution.identity.accounts import accounts_of, meanings_of
from attribution.identity.evidence import MAX_EDGES, Evidence, people_of
from attribution.identity.observed import OF_DOMAIN, Tie
from attribution.journeys.people import accounts_of_deals
from attribution.journeys.people import people_of as party_of
from attribution.metrics import evidence_rows as read
from attribution.metrics.answer import Row
from attribution.metrics.evidence_rows import Counting
from attribution.metrics.person_records import SOURCES
from attribution.store.database import Database
from attribution.store.schema import ROLE_ACCOUNT
from attribution.store.settings import Settings

MAX_PEOPLE: Final = 200  # of one deal: an account may have thousands of members
CUT: Final = f"a person here has more than {MAX_EDGES:,} observations; the chains are drawn from the first"


class Behind(NamedTuple):
    """The evidence behind a record.

    Attributes:
        evidence: tied to the record.
        target: what the record is called in it.
        counting: the people whose touches count for it, and when.
        everybody: the people whom it names or who count.
    """

    evidence: Evidence
    target: Hashable
    counting: list[Counting]
    everybody: list[Counting]


def behind_deal(connection: Connection, settings: Settings, one: Any, warnings: list[str]) -> Behind:
    """Return what stands behind a deal, given its row, under the configured scope."""
    roles = read.contacts_of(connection, one)
    scope = settings.require("scope")
    party = party_of(connection, "won", np.array([one.deal_id]), scope)
    found = zip(party.person.tolist(), party.since.tolist(), party.until.tolist(), strict=True)
    counting = [Counting(*row) for row in found]
    own = people_of(connection, [number for number, role in roles.items() if role != ROLE_ACCOUNT])
    named = [Counting(person) for person in own.values()]
    if scope != "primary" or not counting:  # an identifier alone is its own person
        counting += [person for person in named if person.person not in party.person]
    counting = _few(dict.fromkeys(counting), warnings)
    everybody = list(dict.fromkeys([*counting, *named]))[:MAX_PEOPLE]
    accounts = [number for number, role in roles.items() if role == ROLE_ACCOUNT]
    if scope == "account":
        accounts = [int(n) for n in accounts_of_deals(connection, np.array([one.deal_id])) if n]
    people = sorted({one.person for one in everybody})
    evidence = _load(connection, settings, people, warnings, keep=accounts)
    target = f"deal {one.key}"
    for role, source in SOURCES.items():
        evidence.tie(target, source, [number for number, held in roles.items() if held == role])
    tie_to_account(connection, evidence, target, accounts)
    return Behind(evidence, target, counting, everybody)


def behind_lead(connection: Connection, settings: Settings, one: Any, warnings: list[str]) -> Behind:
    """Return what stands behind a lead, given its row."""
    people = sorted(set(people_of(connection, [one.identifier_id]).values()))
    evidence = _load(connection, settings, people, warnings, keep=[one.identifier_id])
    counting = [Counting(person) for person in people]
    return Behind(evidence, one.identifier_id, counting, counting)


def behind_touch(
    connection: Connection, settings: Settings, visitor: int, at: int, warnings: list[str]
) -> tuple[Evidence, int]:
    """Return the evidence of the person of a touch, and the person."""
    person = people_of(connection, [visitor], at)[visitor]
    return _load(connection, settings, [person], warnings, keep=[visitor]), person


def tie_to_account(connection: Connection, evidence: Evidence, target: str, accounts: Sequence[int]) -> None:
    """Tie a deal to its company, and to that the people who belong to it by a domain that means it."""
    if not accounts:
        return
    meant = meanings_of(connection, np.array(accounts, np.int64))
    accounts = list(
        dict.fromkeys([*accounts, *meant.tolist()])
    )  # a deal may name a domain that means another
    people = np.array(sorted({node.person for node in evidence.nodes.values() if node.person > 0}), np.int64)
    found = accounts_of(connection, people)
    members = set(found.person[np.isin(found.account, accounts)].tolist())
    of_domain = [tie for tie in evidence.ties if tie.source == OF_DOMAIN]
    domains = np.array([tie.b for tie in of_domain], np.int64)
    means = [
        Tie(tie.a, meaning, None, OF_DOMAIN)
        for tie, meaning in zip(of_domain, meanings_of(connection, domains).tolist(), strict=True)
        if meaning in accounts and meaning != tie.b and evidence.nodes[tie.a].person in members
    ]
    evidence.add_identifiers(connection, accounts)
    evidence.add_ties(dict.fromkeys(means))
    evidence.tie(target, SOURCES[ROLE_ACCOUNT], accounts)


def about(db: Database, warnings: Iterable[str]) -> dict[str, str]:
    """Return what a graph of evidence tells of itself: `store`, `as_of` and `warnings`, a line each."""
    return {"store": db.label, "as_of": clock.iso(clock.now_micros()), "warnings": "\n".join(warnings)}


def unused_rows(evidence: Evidence) -> list[Row]:
    """Return what was observed and is not used: `sentence source at why_not`."""
    return [
        {
            "sentence": one.sentence(evidence.zone),
            "source": one.tie.source,
            "at": None if one.tie.at is None else clock.iso(one.tie.at),
            "why_not": one.why,
        }
        for one in evidence.observations()
        if one.why is not None
    ]


def _load(
    connection: Connection,
    settings: Settings,
    people: Iterable[int],
    warnings: list[str],
    keep: Sequence[int],
) -> Evidence:
    evidence = Evidence.load(connection, people, keep=keep, zone=settings.require("timezone"))
    if evidence.cut:
        warnings.append(CUT)
    return evidence


def _few(people: Iterable[Counting], warnings: list[str]) -> list[Counting]:
    few = sorted(people)
    if len(few) > MAX_PEOPLE:
        warnings.append(f"{len(few):,} people belong to this deal; the first {MAX_PEOPLE} are shown")
    return few[:MAX_PEOPLE]
