"""What was observed of a person, for an export: used or not, and why not."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, false, select

from attribution import clock
from attribution.identity.accounts import accounts_of
from attribution.identity.decisions import Decision, recorded
from attribution.identity.graph import Demotion
from attribution.privacy.export_holder import Holder, Names, Observation, Row, Sightings, iso
from attribution.store.columns import temporary
from attribution.store.schema import affiliation, demoted_edge, edge, evidence_source

_WHY_NOT: Final[dict[int, str]] = {
    Demotion.LIMIT: "one person would hold more identifiers of a kind than identity_limits allows",
    Demotion.SHARED: "a mailbox or phone of several people ties nobody",
    Demotion.EXCLUDED: "two people, by a decision",
    Demotion.BLOCKED: "one of the two is nobody's",
}


def read_observations(connection: Connection, holder: Holder, seen: Sightings) -> list[Observation]:
    """Read the observations that are about a person, in order of time.

    An observation in a shared browser is about whoever had it then, or whoever it names beside it.
    """
    found: dict[tuple[str, int], Observation] = {}
    with temporary(connection, number=np.array(holder.numbers, np.int64)) as mine:
        for key, own, other in (
            (edge.c.edge_id, edge.c.a, edge.c.b),
            (edge.c.edge_id, edge.c.b, edge.c.a),
            (affiliation.c.affiliation_id, affiliation.c.identifier_id, affiliation.c.account),
        ):
            table: Any = key.table
            statement = (
                select(key, own, other, table.c.at, evidence_source.c.source, demoted_edge.c.reason)
                .join(mine, mine.c.number == own)
                .join(evidence_source, evidence_source.c.evidence_source_id == table.c.evidence_source_id)
                .outerjoin(demoted_edge, demoted_edge.c.edge_id == key if table is edge else false())
            )
            for number, one, far, at, source, reason in connection.execute(statement):
                if holder.has(one, at) or far in holder.always:
                    found[table.name, number] = Observation(one, far, at, source, reason or 0)
    observed = sorted(found.values(), key=lambda one: (one.at, one.source, sorted((one.a, one.b))))
    for one in observed:
        for end in (one.a, one.b):
            if holder.has(end, one.at) or end in holder.shared:
                seen.note(end, one.at, one.source)
    return observed


def evidence_rows(observed: list[Observation], names: Names, holder: Holder) -> list[Row]:
    """Write observations as rows."""
    rows = []
    for one in observed:
        is_one = holder.has(one.b, None) or names.kind(one.b) == "account"
        why = _WHY_NOT.get(one.reason) or (None if is_one else "it was somebody else's then")
        rows.append(
            {
                "at": clock.iso(one.at),
                "source": one.source,
                "identifiers": [names.row(end, one.at) for end in (one.a, one.b)],
                "used": why is None,
                "why_not": why,
            }
        )
    return rows


def account_rows(connection: Connection, holder: Holder, names: Names) -> list[Row]:
    """Return the companies that a person belongs to, from when to when."""
    found = accounts_of(connection, np.array([holder.person], np.int64))
    columns = (column.tolist() for column in (found.account, found.since, found.until))
    return [
        {"account": names.value(account), "since": iso(since), "until": iso(until)}
        for account, since, until in zip(*columns, strict=True)
    ]


def decision_rows(connection: Connection, holder: Holder, names: Names) -> list[Row]:
    """Return the decisions about a person; what was said for one that names somebody else is left out."""
    return [
        {
            "decision": one.number,
            "verb": one.verb,
            "at": clock.iso(one.at),
            "about": [names.row(end) for end in sorted(one.ends)],
            "why": one.why if one.ends <= set(holder.numbers) else None,
            "taken_back_at": iso(one.undone_at),
        }
        for one in decisions_about(connection, holder)
    ]


def decisions_about(connection: Connection, holder: Holder) -> list[Decision]:
    """Return the decisions about a person, those taken back too; not those about others of its browsers."""
    return [
        one for one in recorded(connection) if one.ends & holder.always or one.ends <= holder.shared.keys()
    ]
