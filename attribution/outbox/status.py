"""`send --status`: where conversions stand with destinations, why, and what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, case, cast, func, or_, select

from attribution import clock
from attribution.destinations.crm import Crm
from attribution.destinations.registry import destination_names, get_destination
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.answer import Answer
from attribution.metrics.asked import tells_what_was_asked
from attribution.money import money_text, money_words
from attribution.outbox.standing import Standing, standing
from attribution.outbox.states import THERE, State
from attribution.store.database import Database
from attribution.store.schema import delivery

_COLUMNS: Final = {
    "destination": "text", "account": "text", "action": "text", "goal": "text", "state": "text",
    "reason": "text", "deliveries": "count", "there": "count", "value": "money", "currency": "text",
    "attempts": "count", "next_try": "time", "example": "text", "words": "text",
}  # fmt: skip
_LISTED: Final = {
    "destination": "text", "account": "text", "action": "text", "goal": "text", "transaction_id": "text",
    "key": "text", "change": "text", "value": "money", "currency": "text", "state": "text", "reason": "text",
    "superseded": "text", "attempts": "count", "next_try": "time", "settled_at": "time", "words": "text",
}  # fmt: skip


@tells_what_was_asked
def status(db: Database, name: str | None = None, *, listed: bool = False) -> Answer:
    """Return where conversions stand with destinations, and what is there.

    Args:
        db: the store.
        name: only this destination.
        listed: a row for each delivery, instead of a count.

    Returns:
        Counted: a row for each destination, account, action, goal, state and reason. `deliveries` are
        conversions (or touches' parts of them) whose newest delivery stands there; `there` says how many of
        these the destination has, and `value` and `currency` what these are worth there; `attempts` is the
        most, `next_try` the soonest, `example` the transaction of one. What newer deliveries have replaced is
        the total `superseded`. Warnings say for each action what to compare with the destination's own count.

        Listed: a row for each thing that was ever told or is to be told, in the order in which it was queued;
        `key` is the id of the deal or lead, `superseded` whether a newer one has replaced it.

    Raises:
        UnknownNameError: there is no such destination, and nothing was ever told to one of that name.
    """
    which = () if name is None else (delivery.c.destination == name,)
    with db.read() as connection:
        told = connection.execute(select(func.count()).select_from(delivery).where(*which)).scalar_one()
        if not told:
            return _nothing(db, name, _LISTED if listed else _COLUMNS)
        answers = _listed if listed else _counted
        return answers(db, connection, standing(*which), told)


def _nothing(db: Database, name: str | None, columns: Mapping[str, str]) -> Answer:
    if name is None:
        words = "nothing was told to anybody yet; `attribution destinations list` says who can be"
    elif name in destination_names():
        words = f"nothing was told to {name} yet; `attribution send {name} --dry-run` shows what would be"
    else:
        raise UnknownNameError("destination", name, destination_names())
    return _answer(db, [], {"deliveries": 0}, [words], columns)


def _answer(
    db: Database,
    rows: list[dict[str, Any]],
    totals: dict[str, Any],
    warnings: list[str],
    columns: Mapping[str, str],
) -> Answer:
    return Answer(
        verb="send",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals=totals,
        warnings=warnings,
        columns=dict(columns),
        title="Deliveries",
    )


# --- counted --------------------------------------------------------------------------------------------


def _counted(db: Database, connection: Connection, found: Standing, told: int) -> Answer:
    mine, there = found.rows.c, found.there.c
    waits = or_(mine.state == State.QUEUED, mine.state == State.SENT)
    by = (mine.destination, mine.account, mine.action, mine.goal, mine.state, mine.code, there.currency)
    statement = (
        select(
            *by[:5],
            mine.code.label("reason"),
            func.count().label("deliveries"),
            func.count(there.delivery_id).label("there"),
            cast(func.sum(there.value_minor), BigInteger).label("value"),
            there.currency,
            func.max(mine.attempts).label("attempts"),
            func.min(case((waits, mine.due_at))).label("next_try"),
            func.min(mine.transaction_id).label("example"),
            func.max(mine.words).label("words"),
            func.count(case((there.state == State.CONFIRMED, 1))).label("confirmed"),
        )
        .select_from(found.beside())
        .where(mine.place == 1)
        .group_by(*by)
        .order_by(*by)
    )
    groups = connection.execute(statement).all()
    rows = [_row(group, _COLUMNS) for group in groups]
    counts = {str(state): sum(row["deliveries"] for row in rows if row["state"] == state) for state in THERE}
    stands = sum(row["deliveries"] for row in rows)
    totals = {"deliveries": stands, "there": sum(row["there"] for row in rows)} | counts
    return _answer(db, rows, totals | {"superseded": told - stands}, _to_compare(groups), _COLUMNS)


def _to_compare(groups: Sequence[Any]) -> list[str]:
    """Say for each action what its destination has, which is what its own reports should show."""
    lines: dict[tuple[str, str, str, str], list[Any]] = {}
    for group in groups:
        line = (group.destination, group.account, group.action, group.goal or "")
        lines.setdefault(line, []).append(group)
    return [_compared(*line, of_line) for line, of_line in lines.items()]


def _compared(name: str, account: str, action: str, goal: str, groups: Sequence[Any]) -> str:
    number = sum(group.there for group in groups)
    worth: dict[str, int] = {}
    for group in groups:
        if group.currency is not None:
            worth[group.currency] = worth.get(group.currency, 0) + group.value
    writes_back, tells = _habits(name)
    what = "records written on" if writes_back else "conversions there"
    where = ", ".join(filter(None, (account, action, goal)))
    parts = [f"{name} ({where}): {what}: {number:,}"]
    if worth and not writes_back:
        parts.append(f"worth {' and '.join(money_words(worth[code], code) for code in sorted(worth))}")
    confirmed = sum(group.confirmed for group in groups)
    if tells or confirmed:
        parts.append(f"counted by the platform (confirmed): {confirmed:,}")
    return ", ".join(parts)


def _habits(name: str) -> tuple[bool, bool]:
    """Tell whether a destination is a CRM, and whether it says later what it counted."""
    try:
        kind = get_destination(name)
    except InputError:  # another package's that is not installed any more
        return False, False
    return issubclass(kind, Crm), kind.answers_after is not None


# --- listed ---------------------------------------------------------------------------------------------


def _listed(db: Database, connection: Connection, found: Standing, told: int) -> Answer:
    mine = found.rows.c
    statement = select(
        mine.destination, mine.account, mine.action, mine.goal, mine.transaction_id, mine.key, mine.change,
        mine.value_minor.label("value"), mine.currency, mine.state, mine.code.label("reason"),
        case((mine.place == 1, "no"), else_="yes").label("superseded"), mine.attempts,
        case((mine.state.in_([State.QUEUED, State.SENT]), mine.due_at)).label("next_try"), mine.settled_at,
        mine.words,
    ).order_by(mine.destination, mine.account, mine.action, mine.delivery_id)  # fmt: skip
    rows = [_row(one, _LISTED) for one in connection.execute(statement)]
    return _answer(db, rows, {"deliveries": told}, [], _LISTED)


def _row(found: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    """Return a row as answers have it: money and times as texts, no reason as an empty one."""
    row = {name: getattr(found, name) for name in columns}
    if row["value"] is not None and row["currency"] is not None:
        row["value"] = money_text(row["value"], row["currency"])
    times = {name: row[name] for name, unit in columns.items() if unit == "time" and row[name] is not None}
    return row | {name: clock.iso(at) for name, at in times.items()} | {"reason": row["reason"] or ""}
