"""Asks a destination what became of what it took: counted, refused after all, or to be told again.

Only destinations that tell are asked (those with `answers_after`), by the reference that they gave when they
took a request; what they say holds for all of it. Nothing is marked meanwhile: what was not answered is asked
again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from attribution import clock
from attribution.destinations.conversion import Change
from attribution.destinations.destination import Destination
from attribution.destinations.request import Outcome, Verdict
from attribution.outbox.deliver import Progress
from attribution.outbox.lot import ATTEMPTS, Delivered
from attribution.outbox.queue import Line, of_line
from attribution.outbox.standing import superseded
from attribution.outbox.states import ENDED, State
from attribution.outbox.telling import CutError, Sender
from attribution.store.database import Database
from attribution.store.schema import delivery

ASKING: Final = 7 * clock.DAY  # who has not said by then will not
_MOST: Final = 1_000  # that are asked for at once; the rest at the next time
_LONGEST_WAIT: Final = clock.DAY
_OF_THE_REFERENCE: Final = frozenset({400, 404, 410})  # what another one need not get
_SETTLED: Final = {Verdict.CONFIRMED: State.CONFIRMED, Verdict.REJECTED: State.REJECTED}


@dataclass(frozen=True)
class _Asked:
    """What is asked for together: a reference, the span of its deliveries, when it was taken."""

    reference: str
    first: int
    last: int
    taken_at: int


@dataclass
class Polled:
    """What became of what was accepted.

    Attributes:
        ended: how many deliveries ended how; `sent` are to be told again.
        trouble: why not everything could be asked for; empty: it could.
    """

    ended: Delivered = field(default_factory=Delivered)
    trouble: str = ""


def poll(
    db: Database, destination: Destination, line: Line, sender: Sender, progress: Progress | None = None
) -> Polled:
    """Ask what became of deliveries, and write it down.

    Args:
        db: the store.
        destination: which writes inquiries and reads replies.
        line: whose deliveries.
        sender: takes requests there.
        progress: called with what is done, how much, and of how many.
    """
    polled = Polled()
    if destination.answers_after is None:
        return polled
    open_ = _open(db, line, destination.answers_after)
    for number, asked in enumerate(open_, 1):
        try:
            reply = sender.send(destination.inquiry(asked.reference))
        except CutError as error:
            polled.trouble = str(error)
            return polled
        fate = destination.fate(reply)
        if fate is None:
            refused = not 200 <= reply.status < 300
            polled.trouble = f"status {reply.status}" if refused else polled.trouble
            if refused and reply.status not in _OF_THE_REFERENCE:
                return polled
            _ask_later(db, line, asked)
            continue
        # it may quote people
        kept = replace(fate, code=sender.clean(fate.code), words=sender.clean(fate.words))
        _settle(db, line, asked, kept, polled.ended)
        if progress is not None:
            progress(f"asked {destination.label}", number, len(open_))
    return polled


def _open(db: Database, line: Line, after: int) -> list[_Asked]:
    """Return what nothing was said of yet, the longest waiting first."""
    now = clock.now_micros()
    taken_at = func.min(delivery.c.settled_at)
    statement = (
        select(
            delivery.c.reference, func.min(delivery.c.delivery_id), func.max(delivery.c.delivery_id), taken_at
        )
        .where(
            of_line(line),
            delivery.c.state == State.ACCEPTED,
            delivery.c.reference.is_not(None),
            delivery.c.code.is_(None),  # of those with a code it has said what it can say
            delivery.c.due_at <= now,
            delivery.c.settled_at.between(now - ASKING, now - after),
        )
        .group_by(delivery.c.reference)
        .order_by(taken_at, delivery.c.reference)
        .limit(_MOST)
    )
    with db.read() as connection:
        return [_Asked(*row) for row in connection.execute(statement)]


def _of(line: Line, asked: _Asked) -> ColumnElement[bool]:
    return and_(
        of_line(line),
        delivery.c.delivery_id.between(asked.first, asked.last),  # or each is looked for among all
        delivery.c.reference == asked.reference,
        delivery.c.state == State.ACCEPTED,
    )


def _ask_later(db: Database, line: Line, asked: _Asked) -> None:
    """Wait as long again as it has been waited for, a day at most."""
    now = clock.now_micros()
    due_at = now + min(now - asked.taken_at, _LONGEST_WAIT)
    with db.write() as connection:
        connection.execute(update(delivery).where(_of(line, asked)).values(due_at=due_at))


def _settle(db: Database, line: Line, asked: _Asked, fate: Outcome, ended: Delivered) -> None:
    mine, now = _of(line, asked), clock.now_micros()
    said = {"code": fate.code or None, "words": fate.words or None}
    with db.write() as connection:
        if fate.verdict is Verdict.RETRY:
            _tell_again(connection, mine, said, now, ended)
            return
        state = _SETTLED.get(fate.verdict, State.ACCEPTED)
        when = {"settled_at": now} if state is not State.ACCEPTED else {}
        if state is State.CONFIRMED and fate.code:  # it was there already: of a change nobody knows
            changes = and_(mine, delivery.c.change != Change.NEW)
            _write(connection, changes, State.ACCEPTED, said, ended)
        _write(connection, and_(mine, delivery.c.code.is_(None)), state, said | when, ended)


def _tell_again(
    connection: Connection, mine: ColumnElement[bool], said: dict[str, Any], now: int, ended: Delivered
) -> None:
    """Have what passes told again, unless something newer was told since or it was tried too often.

    Some of it may be counted already, so it is under way, and neither changed nor withdrawn meanwhile.
    """
    changed = superseded(but=(State.WITHDRAWN, *ENDED))
    settled = said | {"settled_at": now}
    _write(connection, and_(mine, changed), State.REJECTED, settled, ended)
    _write(connection, and_(mine, delivery.c.attempts >= ATTEMPTS), State.DEAD, settled, ended)
    again = said | {"settled_at": None, "due_at": now, "reference": None}
    _write(connection, mine, State.SENT, again, ended)


def _write(
    connection: Connection, which: ColumnElement[bool], state: State, values: dict[str, Any], ended: Delivered
) -> None:
    done = connection.execute(update(delivery).where(which).values(state=str(state), **values))
    ended.add(state, values["code"] or "", done.rowcount, values["words"] or "")
