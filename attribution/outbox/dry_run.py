"""`send --dry-run`: what would be told and by which requests, and why others would not; nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, and_, or_, select

from attribution import clock
from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.request import Refusal
from attribution.metrics.answer import Answer, Row
from attribution.money import money_text
from attribution.outbox.plan import Asked, Plan, plans_of, told_model
from attribution.outbox.queue import of_line
from attribution.outbox.standing import superseded
from attribution.outbox.states import State
from attribution.outbox.target import Target
from attribution.outbox.waiting import waiting
from attribution.store.columns import read_frame
from attribution.store.database import Database
from attribution.store.schema import delivery

CONVERSIONS: Final = "conversions"  # what the answer beside the requests is called
_AT_ONCE: Final = 10_000  # deliveries that are read together
_REQUESTS: Final = dict.fromkeys(("method", "url", "headers", "body"), "text")
_CONVERSIONS: Final = {
    "action": "text", "transaction_id": "text", "change": "text", "value": "money", "currency": "text",
    "click": "text", "at": "time", "told": "text", "reason": "text",
}  # fmt: skip


def dry_run(db: Database, target: Target, asked: Asked) -> Answer:
    """Return a row for each request that `send` would make now, and beside it one for each conversion.

    Args:
        db: the store; what is queued in it is taken back at the end.
        target: who would be told.
        asked: on which terms; `limit` is of what would be sent.

    Returns:
        `method url headers body` of each request. The answer beside, `conversions`, has a row for each
        conversion that is due: `click` is the kind of its click id, `told` says whether it would be told, and
        `reason` why not. The totals count requests, conversions that would be told and others that would
        not, and add up what the first are told to be worth, by currency.

    Raises:
        InputError: as `send` does.
    """
    shown = _Shown(target, asked.limit)
    warnings: list[str] = []
    with db.trial() as connection:
        plans = plans_of(connection, target, asked)
        for plan in plans.values():
            warnings += plan.queue(connection, plan.wanted(connection))[1]
            shown.add(plan.line.action, _due(connection, plan))
        warnings += waiting(connection, target.lines.values())
    answer = Answer(
        verb="send",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        model=told_model(plans.values()),
        rows=shown.requests,
        totals=shown.totals(),
        warnings=[*dict.fromkeys(warnings), *shown.refusals()],
        columns=dict(_REQUESTS),
        title=f"What would be sent to {target.destination.label}",
    )
    beside = replace(answer, rows=shown.conversions, columns=dict(_CONVERSIONS))
    return replace(answer, beside={CONVERSIONS: beside})


@dataclass
class _Shown:
    """What is found so far.

    Attributes:
        target: who would be told.
        left: how many more may be told; None: any.
        requests, conversions: rows.
        refused: code -> conversions and why.
        worth: minor units by currency; of what is taken back, nothing.
        told: how many would be told.
    """

    target: Target
    left: int | None
    requests: list[Row] = field(default_factory=list)
    conversions: list[Row] = field(default_factory=list)
    refused: dict[str, list[tuple[Conversion, Refusal]]] = field(default_factory=dict)
    worth: dict[str, int] = field(default_factory=dict)
    told: int = 0

    def add(self, action: str, due: Iterator[Conversion]) -> None:
        """Add what is due of an action, as far as the limit goes."""
        destination, now = self.target.destination, clock.now_micros()
        sendable: list[Conversion] = []
        for one in due if self.left is None or self.left > 0 else ():
            why = destination.refusal(one, now)
            self.conversions.append(self._row(action, one, why))
            if why is not None:
                self.refused.setdefault(why.code, []).append((one, why))
                continue
            sendable.append(one)
            if (
                one.change is not Change.RETRACTED
                and one.value_minor is not None
                and one.currency is not None
            ):
                self.worth[one.currency] = self.worth.get(one.currency, 0) + one.value_minor
            if self.left is not None and len(sendable) >= self.left:
                break
        self.left = None if self.left is None else self.left - len(sendable)
        self.told += len(sendable)
        self.requests += [self.target.shown(request) for request in destination.requests(sendable)]

    def _row(self, action: str, one: Conversion, why: Refusal | None) -> Row:
        worth = one.value_minor is not None and one.currency is not None
        return {
            "action": action,
            "transaction_id": one.transaction_id,
            "change": str(one.change),
            "value": money_text(one.value_minor or 0, one.currency or "") if worth else None,
            "currency": one.currency,
            "click": one.click_kind(self.target.destination.click_kinds) or None,
            "at": clock.iso(one.at),
            "told": "yes" if why is None else "no",
            "reason": "" if why is None else why.code,
        }

    def totals(self) -> dict[str, Any]:
        """Count, and add up by currency."""
        return {
            "requests": len(self.requests),
            "conversions": self.told,
            "not_sent": sum(map(len, self.refused.values())),
        } | {code: money_text(minor, code) for code, minor in sorted(self.worth.items())}

    def refusals(self) -> list[str]:
        """Say why some would not be sent, with one of each."""
        return [
            f"{len(found)} not sent, {code}: {found[0][1].words}; such as {found[0][0].transaction_id}"
            for code, found in self.refused.items()
        ]


def _due(connection: Connection, plan: Plan) -> Iterator[Conversion]:
    """Yield what `send` would take now, in its order: not what waits, and nothing that newer replaced."""
    records, last, since = plan.records(), 0, plan.asked.since
    open_ = or_(delivery.c.state == State.QUEUED, delivery.c.state == State.SENT)
    due = or_(
        and_(open_, delivery.c.due_at <= clock.now_micros()),
        and_(delivery.c.state == State.HELD, ~superseded()),
    )
    statement = select(delivery).where(of_line(plan.line), due)
    if since is not None:
        statement = statement.where(delivery.c.at >= since)
    while True:
        some = statement.where(delivery.c.delivery_id > last).order_by(delivery.c.delivery_id)
        rows: pd.DataFrame = read_frame(connection, some.limit(_AT_ONCE))
        if not len(rows):
            return
        last = int(rows["delivery_id"].max())
        yield from records(connection, rows)
