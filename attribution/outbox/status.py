"""`send --status`: how many deliveries stand where, and why."""

from __future__ import annotations

from sqlalchemy import func, select

from attribution import clock
from attribution.metrics.answer import Answer
from attribution.outbox.states import THERE
from attribution.store.database import Database
from attribution.store.schema import delivery


def status(db: Database, name: str | None = None) -> Answer:
    """Return how many deliveries stand where, by destination and action, and the reasons of those that wait.

    Args:
        db: the store.
        name: only this destination.
    """
    statement = (
        select(
            delivery.c.destination, delivery.c.action, delivery.c.state, func.coalesce(delivery.c.code, ""),
            func.count(), func.max(delivery.c.words),
        )
        .group_by(delivery.c.destination, delivery.c.action, delivery.c.state, delivery.c.code)
        .order_by(delivery.c.destination, delivery.c.action, delivery.c.state)
    )  # fmt: skip
    if name is not None:
        statement = statement.where(delivery.c.destination == name)
    with db.read() as connection:
        found = connection.execute(statement).all()
    names = ("destination", "action", "state", "reason", "deliveries", "words")
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return Answer(
        verb="send",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={"deliveries": sum(row["deliveries"] for row in rows)}
        | {str(state): sum(row["deliveries"] for row in rows if row["state"] == state) for state in THERE},
        columns=dict.fromkeys(names, "text") | {"deliveries": "count"},
        title="Deliveries",
    )
