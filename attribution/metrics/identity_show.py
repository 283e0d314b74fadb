"""`identity show`: one person, everything that ties it together, and what is not let count."""

from __future__ import annotations

import re
from datetime import date, datetime

import networkx as nx
import numpy as np
from sqlalchemy import Connection, select

from attribution import clock
from attribution.errors import InputError
from attribution.identity.accounts import accounts_of
from attribution.identity.evidence import Evidence, Observation
from attribution.identity.graph import ALWAYS
from attribution.identity.naming import Named, find_named, named
from attribution.identity.network import network_of
from attribution.identity.resolve import is_behind
from attribution.metrics.answer import Answer, Row
from attribution.metrics.decision_rows import decision_rows
from attribution.metrics.evidence_of import CUT, about
from attribution.metrics.person_records import (
    Stretch,
    deals_of,
    known_as,
    leads_of,
    others_of,
    stretches_of,
    tie_deals,
)
from attribution.store.database import Database
from attribution.store.schema import membership
from attribution.store.settings import Settings

BEHIND = "evidence came, or rules changed, since people were last resolved: attribution run"


def identity_show(db: Database, identifier: str, *, at: str | None = None) -> Answer:
    """Return the person of an identifier, or the people who had a browser one after the other.

    Args:
        db: the store.
        identifier: `email:ella@acme.com` and the like, or a bare value that one kind alone has.
        at: an instant (ISO 8601, or a date: its first moment in the reporting timezone): whose it was then.

    Returns:
        a row a person, nested: `person` (a number that a merge may change), `known_as`, `identifiers` (`kind
        value from until first_seen last_seen touches others`), `evidence` (each observation with `sentence
        source at used why_not`), `decisions` in force, `accounts` (`account from until`), `touches` (their
        number), `leads` and `deals` (their ids). `from` and `until` are null where there is no bound.

    Raises:
        InputError: nobody is known by it, several kinds have the value, or `at` is no instant.
    """
    with db.read() as connection:
        settings = Settings(connection)
        asked = find_named(connection, settings, identifier)
        people = _people(connection, settings, asked, at)
        rows, warnings = [], []
        for person in people:
            evidence = _evidence(connection, settings, person, asked)
            rows.append(_row(connection, settings, person, evidence))
            if evidence.cut:
                warnings.append(CUT)
        if is_behind(connection, settings):
            warnings.append(BEHIND)
    known = {(one["kind"], one["value"]) for row in rows for one in row["identifiers"]}
    counts = {name: len({key for row in rows for key in row[name]}) for name in ("leads", "deals")}
    counts |= {"identifiers": len(known), "touches": sum(row["touches"] for row in rows)}
    return Answer(
        verb="identity show", store=db.label, as_of=clock.iso(clock.now_micros()), rows=rows,
        totals={"people": len(rows), **counts}, warnings=warnings,
        columns=dict.fromkeys(rows[0], "mixed"), title=f"Who is {asked}",
    )  # fmt: skip


def identity_graph(db: Database, identifier: str, *, at: str | None = None) -> nx.MultiGraph[str]:
    """Return the evidence of an identifier's person (or people) as a graph, up to their deals.

    Nodes and edges are those of :func:`attribution.identity.network.network_of`.
    """
    with db.read() as connection:
        settings = Settings(connection)
        asked = find_named(connection, settings, identifier)
        people = _people(connection, settings, asked, at)
        evidence = Evidence.load(connection, people, keep=[asked.number], zone=settings.require("timezone"))
        ends = [end for person in people for end in tie_deals(connection, evidence, person)]
        warnings = [BEHIND] if is_behind(connection, settings) else []
    warnings += [CUT] if evidence.cut else []
    return network_of(evidence, ends=tuple(ends), title=f"Who is {asked}", about=about(db, warnings))


def parse_instant(text: str, zone: str) -> int:
    """Read an instant into microseconds: ISO 8601 (the store's timezone where it names none), or a date.

    Raises:
        InputError: neither.

    >>> parse_instant("1970-01-02", "UTC") == parse_instant("1970-01-02T01:00+01:00", "UTC") == clock.DAY
    True
    """
    text = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return clock.day_bounds(date.fromisoformat(text), zone)[0]
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is not an instant; allowed are a date such as 2025-03-01 and a time such as "
            "2025-03-01T09:00:00Z"
        ) from None
    return clock.to_micros(moment if moment.tzinfo else moment.replace(tzinfo=clock.zone(zone)))


def _people(connection: Connection, settings: Settings, asked: Named, at: str | None) -> list[int]:
    """Return whose an identifier is, or was at an instant; in order of time."""
    instant = None if at is None else parse_instant(at, settings.require("timezone"))
    columns = (membership.c.person_id, membership.c.since, membership.c.until)
    rows = connection.execute(
        select(*columns).where(membership.c.identifier_id == asked.number).order_by(membership.c.since)
    ).all()
    then = [int(person) for person, since, until in rows if instant is None or since <= instant < until]
    return list(dict.fromkeys(then)) or [asked.number]  # what no evidence names is its own person


def _evidence(connection: Connection, settings: Settings, person: int, asked: Named) -> Evidence:
    return Evidence.load(connection, [person], keep=[asked.number], zone=settings.require("timezone"))


def _row(connection: Connection, settings: Settings, person: int, evidence: Evidence) -> Row:
    stretches = stretches_of(connection, person)
    observations = evidence.observations()
    leads, deals = leads_of(connection, person), deals_of(connection, person)
    return {
        "person": person,
        "known_as": str(known_as(connection, [person])[person]),
        "identifiers": _identifiers(connection, person, stretches, observations),
        "evidence": [_observation(one, evidence.zone) for one in observations],
        "decisions": decision_rows(connection, evidence.decisions),
        "accounts": _accounts(connection, person),
        "touches": sum(one.touches for one in stretches),
        "leads": [key for key, _ in leads],
        "deals": list(dict.fromkeys(key for key, *_ in deals)),
    }


def _identifiers(
    connection: Connection, person: int, stretches: list[Stretch], observations: list[Observation]
) -> list[Row]:
    numbers = sorted({one.identifier for one in stretches})
    names = named(connection, numbers)
    others = others_of(connection, numbers, person)
    people = known_as(connection, [one.identifier for found in others.values() for one in found])
    seen: dict[int, list[int]] = {}
    for observed in observations:
        for end in (observed.start.number, observed.end.number):
            seen.setdefault(end, []).extend([] if observed.tie.at is None else [observed.tie.at])
    rows = []
    for one in stretches:
        name = names[one.identifier]
        at = [*seen.get(one.identifier, []), *(t for t in (one.first_touch, one.last_touch) if t is not None)]
        at = [t for t in at if one.since <= t < one.until]
        rows.append(
            {
                "kind": name.kind,
                "value": name.value,
                **_bounds(one.since, one.until),
                "first_seen": clock.iso(min(at)) if at else None,
                "last_seen": clock.iso(max(at)) if at else None,
                "touches": one.touches,
                "others": [
                    {"person": str(people[other.identifier]), **_bounds(other.since, other.until)}
                    for other in others.get(one.identifier, [])
                ],
            }
        )
    return sorted(rows, key=lambda row: (row["kind"], row["value"], row["from"] or ""))


def _bounds(since: int, until: int) -> Row:
    """Return `from` and `until`, the end not included; null where there is none."""
    return {
        "from": None if since == ALWAYS[0] else clock.iso(since),
        "until": None if until == ALWAYS[1] else clock.iso(until),
    }


def _observation(one: Observation, zone: str) -> Row:
    return {
        "sentence": one.sentence(zone),
        "source": one.tie.source,
        "at": None if one.tie.at is None else clock.iso(one.tie.at),
        "used": one.why is None,
        "why_not": one.why,
    }


def _accounts(connection: Connection, person: int) -> list[Row]:
    found = accounts_of(connection, np.array([person], np.int64))
    names = named(connection, found.account.tolist())
    rows = zip(found.account.tolist(), found.since.tolist(), found.until.tolist(), strict=True)
    return [{"account": names[number].value, **_bounds(since, until)} for number, since, until in rows]
