"""Where each conversion stands with a destination: its newest delivery, and what the destination has of it.

Everything that was ever told stays in the outbox. What stands of a conversion, or of a touch's part of it, is
the newest that was not withdrawn; what the destination has is the newest that it took.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, case, exists, func, literal, null, or_, select
from sqlalchemy.sql.selectable import Subquery

from attribution.destinations.conversion import Change
from attribution.outbox.states import THERE, State
from attribution.store.schema import conversion, delivery
from attribution.store.settings import GOALS

_LINE: Final = (delivery.c.destination, delivery.c.account, delivery.c.action)


class Standing(NamedTuple):
    """Deliveries with what stands beside each.

    Attributes:
        rows: columns of :data:`attribution.store.schema.delivery`, and `goal` (null: nobody can tell), `key`
            (of the deal or lead; null: it is nobody's any more), `place` (1: it is where its
            conversion stands) and `there_id` (the delivery that the destination has; null: none).
        there: the delivery of `there_id`, all null where there is none or it was a retraction.
    """

    rows: Subquery
    there: Subquery

    def beside(self) -> Any:
        """Return each delivery with what the destination has of its conversion."""
        return self.rows.outerjoin(self.there, self.there.c.delivery_id == self.rows.c.there_id)


def standing(*which: ColumnElement[bool]) -> Standing:
    """Return deliveries with where they stand.

    Args:
        which: conditions that take a conversion's deliveries all or none.
    """
    slot = (*_LINE, delivery.c.conversion_id, delivery.c.split, _part())
    newest = (case((delivery.c.state == State.WITHDRAWN, 1), else_=0), delivery.c.delivery_id.desc())
    taken = case((delivery.c.state.in_(THERE), delivery.c.delivery_id))
    told = _goal()
    statement: Select[Any] = (
        select(
            delivery,
            func.coalesce(told, func.max(told).over(partition_by=_LINE)).label("goal"),
            case((conversion.c.frozen.is_(None), conversion.c.key)).label("key"),
            func.row_number().over(partition_by=slot, order_by=newest).label("place"),
            func.max(taken).over(partition_by=slot).label("there_id"),
        )
        .select_from(delivery)
        .outerjoin(conversion, conversion.c.conversion_id == delivery.c.conversion_id)
        .where(*which)
    )
    there = select(delivery).where(delivery.c.state.in_(THERE), delivery.c.change != Change.RETRACTED)
    return Standing(statement.subquery("standing"), there.subquery("there"))


def newer(*which: Callable[[Any], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that a delivery of the same conversion or part was queued later.

    For few deliveries it is found faster than all that stand.

    Args:
        which: conditions of that one, each of its columns.
    """
    later = delivery.alias()
    same = (later.c[name] == delivery.c[name] for name in ("destination", "account", "action"))
    return exists().where(
        later.c.conversion_id == delivery.c.conversion_id,
        later.c.split == delivery.c.split,
        or_(delivery.c.split == 0, later.c.touch == delivery.c.touch),
        later.c.delivery_id > delivery.c.delivery_id,
        *same,
        *(condition(later.c) for condition in which),
    )


def superseded(but: Collection[State] = (State.WITHDRAWN,)) -> ColumnElement[bool]:
    """Return the condition that there is a newer delivery of the same conversion or part.

    Args:
        but: newer ones in these states are none.
    """
    return newer(lambda later: later.state.not_in(list(but)))


def _part() -> ColumnElement[Any]:
    """Return whose part it is; of somebody who was erased nobody knows, and each is one by itself."""
    return case((delivery.c.split == 1, func.coalesce(delivery.c.touch, -delivery.c.delivery_id)))


def _goal() -> ColumnElement[Any]:
    """Return whose conversions a delivery is of, out of its transaction: `D-1:revenue`, `D-1:revenue:2`."""
    begins = conversion.c.key + literal(":", String)
    mine = func.substr(delivery.c.transaction_id, 1, func.length(begins)) == begins
    rest = func.substr(delivery.c.transaction_id, func.length(begins) + 1)
    return case(
        *((and_(mine, or_(rest == goal, rest.startswith(f"{goal}:"))), goal) for goal in GOALS), else_=null()
    )
