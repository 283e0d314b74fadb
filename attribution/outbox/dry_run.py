"""`send --dry-run`: the requests that would leave, and why others would not; nothing is queued or sent."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, or_, select

from attribution import clock
from attribution.destinations.conversion import Conversion
from attribution.metrics.answer import Answer, Row
from attribution.outbox.plan import Asked, plans_of
from attribution.outbox.queue import Line, of_line
from attribution.outbox.states import State
from attribution.outbox.target import Target
from attribution.store.columns import read_frame
from attribution.store.database import Database
from attribution.store.schema import delivery


def dry_run(db: Database, target: Target, asked: Asked) -> Answer:
    """Return a row for each request that `send` would make now.

    Args:
        db: the store; what is queued in it is taken back at the end.
        target: who would be told.
        asked: on which terms; `limit` is of what would be sent.

    Raises:
        InputError: as `send` does.
    """
    rows: list[Row] = []
    refusals: dict[str, list[str]] = {}  # code -> the sentence of each
    warnings: list[str] = []
    left = asked.limit
    with db.trial() as connection:
        for plan in plans_of(connection, target, asked).values():
            warnings += plan.queue(connection)[1]
            sendable: list[Conversion] = []
            for one in plan.records()(connection, _due(connection, plan.line)):
                if left is not None and len(sendable) >= left:
                    break
                why = target.destination.refusal(one, clock.now_micros())
                if why is None:
                    sendable.append(one)
                else:
                    refusals.setdefault(why.code, []).append(why.words)
            left = None if left is None else left - len(sendable)
            rows += [target.shown(request) for request in target.destination.requests(sendable)]
    return Answer(
        verb="send",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={"requests": len(rows), "not_sent": sum(map(len, refusals.values()))},
        warnings=[
            *dict.fromkeys(warnings),
            *(f"{len(words)} not sent, {code}: {words[0]}" for code, words in refusals.items()),
        ],
        columns=dict.fromkeys(("method", "url", "headers", "body"), "text"),
        title=f"What would be sent to {target.destination.label}",
    )


def _due(connection: Connection, line: Line) -> pd.DataFrame:
    statement = (
        select(delivery)
        .where(of_line(line), or_(delivery.c.state == State.QUEUED, delivery.c.state == State.HELD))
        .order_by(delivery.c.delivery_id)
    )
    return read_frame(connection, statement)
