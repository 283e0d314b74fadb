"""What deserves a look in who is who: evidence that does not count, and browsers of several people."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select

from attribution.identifiers import KIND_NAMES
from attribution.identity.graph import Demotion
from attribution.metrics.findings import EXAMPLES, Finding, Look, listed
from attribution.store.schema import demoted_edge, edge, identifier, membership

_WHY: Final = {
    Demotion.LIMIT: (
        "warning",
        "observations do not count, since one person would hold more than anybody has",
        "two people may have used one e-mail, phone or browser; `explain` shows who is who",
    ),
    Demotion.SHARED: (
        "notice",
        "observations tie nobody, since a mailbox or phone in them is several people's",
        "give the leads an e-mail or phone of their own where they have one",
    ),
    Demotion.EXCLUDED: ("notice", "observations do not count, since they are said to be of two people", ""),
    Demotion.BLOCKED: ("notice", "observations do not count, since one end is said to be nobody's", ""),
}


def unused_evidence(look: Look) -> list[Finding]:
    """Name the evidence that is kept and not used, by reason."""
    counts = (
        select(demoted_edge.c.reason, func.count())
        .group_by(demoted_edge.c.reason)
        .order_by(demoted_edge.c.reason)
    )
    found = []
    for reason, count in look.connection.execute(counts).all():
        severity, what, hint = _WHY[Demotion(reason)]
        found.append(Finding(severity, count, f"{what}: {listed(_examples(look, reason))}", hint))
    return found


def _examples(look: Look, reason: int) -> list[str]:
    one, other = identifier.alias(), identifier.alias()
    ties = (
        select(one.c.kind, one.c.value, other.c.kind, other.c.value)
        .select_from(demoted_edge)
        .join(edge, edge.c.edge_id == demoted_edge.c.edge_id)
        .join(one, one.c.identifier_id == edge.c.a)
        .join(other, other.c.identifier_id == edge.c.b)
        .where(demoted_edge.c.reason == reason)
        .order_by(demoted_edge.c.edge_id)
        .limit(EXAMPLES + 1)
    )
    return [
        f"{KIND_NAMES[kind]} {value} with {KIND_NAMES[another]} {its}"
        for kind, value, another, its in look.connection.execute(ties)
    ]


def shared_browsers(look: Look) -> list[Finding]:
    """Name the visitors whose touches are split by time."""
    split = (
        select(identifier.c.value)
        .join(membership, membership.c.identifier_id == identifier.c.identifier_id)
        .group_by(identifier.c.identifier_id, identifier.c.value)
        .having(func.count() > 1)
        .order_by(identifier.c.value)
    )
    return look.finding(
        "notice",
        split,
        "visitors that several people used",
        "each has the touches from a login of theirs to the next login of another",
    )
