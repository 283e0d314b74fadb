"""What waits for its time: it failed in passing, or somebody else is about to tell it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, func, select

from attribution import clock
from attribution.outbox.queue import Line, of_line
from attribution.outbox.states import State
from attribution.store.schema import delivery


def waiting(connection: Connection, lines: Iterable[Line]) -> list[str]:
    """Say of each line how many deliveries wait, and until when; nothing where none does.

    Args:
        connection: inside a transaction.
        lines: of a destination.
    """
    found = []
    for line in lines:
        statement = select(func.count(), func.min(delivery.c.due_at), func.max(delivery.c.due_at)).where(
            _is_open(line), delivery.c.due_at > clock.now_micros()
        )
        number, first, last = connection.execute(statement).one()
        if number:
            begin, end = (clock.iso(-(-at // clock.SECOND) * clock.SECOND) for at in (first, last))
            until = begin if begin == end else f"{begin} to {end}"
            them = "waits" if number == 1 else "wait"
            found.append(
                f"{number} of {line.goal} {them} until {until}; a send after that tells "
                f"{'it' if number == 1 else 'them'} again"
            )
    return found


def untold(connection: Connection, lines: Iterable[Line]) -> list[str]:
    """Say of each line how many deliveries are due and were not come to: for a limit, or as it went wrong.

    Args:
        connection: inside a transaction.
        lines: of a destination.
    """
    found = []
    for line in lines:
        statement = select(func.count()).where(_is_open(line), delivery.c.due_at <= clock.now_micros())
        number = connection.scalar(statement) or 0
        if number:
            found.append(f"{number} of {line.goal} {'is' if number == 1 else 'are'} not told yet; send again")
    return found


def _is_open(line: Line) -> ColumnElement[bool]:
    return and_(of_line(line), delivery.c.state.in_([State.QUEUED, State.SENT]))
