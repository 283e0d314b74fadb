"""What a store holds of calls, by the names that people know."""

from __future__ import annotations

from sqlalchemy import select

from attribution import clock
from attribution.engine import Store
from attribution.identifiers import KIND_NAMES
from attribution.store import schema
from attribution.store.identifiers import spelled

ELLA, BEN = "+442079460018", "+442079460099"
LEASED, OTHER = "+448081570001", "+448081570002"


def ties(store: Store) -> set[tuple[str, str, str, str]]:
    """Return the evidence as the two identifiers by name, when, and the source."""
    one, other = schema.identifier.alias(), schema.identifier.alias()
    edge, source = schema.edge, schema.evidence_source
    statement = (
        select(one.c.kind, spelled(one), other.c.kind, spelled(other), edge.c.at, source.c.source)
        .join_from(edge, one, one.c.identifier_id == edge.c.a)
        .join(other, other.c.identifier_id == edge.c.b)
        .join(source, source.c.evidence_source_id == edge.c.evidence_source_id)
    )
    with store.db.read() as connection:
        rows = connection.execute(statement).all()
    found = set()
    for kind, value, its_kind, its, at, source in rows:
        ends = sorted((f"{KIND_NAMES[kind]} {value}", f"{KIND_NAMES[its_kind]} {its}"))
        found.add((*ends, clock.iso(at), source))
    assert len(found) == len(rows)
    return found


def tied(store: Store) -> set[tuple[str, str]]:
    """Return who is tied to whom by calls."""
    return {(one, other) for one, other, _, source in ties(store) if source == "call"}


def touches(store: Store) -> set[tuple[str, str, str | None, str, str | None, str | None]]:
    """Return touches as id, kind, whose, when, source and campaign."""
    touch, origin, identifier = schema.touch, schema.origin, schema.identifier
    statement = (
        select(
            touch.c.touch_id, origin.c.kind, identifier.c.kind, spelled(), touch.c.at, origin.c.source,
            origin.c.campaign,
        )
        .join_from(touch, origin, origin.c.origin_id == touch.c.origin_id)
        .outerjoin(identifier, identifier.c.identifier_id == touch.c.visitor)
    )  # fmt: skip
    with store.db.read() as connection:
        rows = connection.execute(statement).all()
    return {
        (touch_id, kind, f"{KIND_NAMES[of]} {value}" if of else None, clock.iso(at), source, campaign)
        for touch_id, kind, of, value, at, source, campaign in rows
    }
