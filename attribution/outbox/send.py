"""`send`: what a destination is to be told is queued, and what is due is delivered; or only shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Final

from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.selection import read_day
from attribution.outbox.deliver import Progress, deliver
from attribution.outbox.dry_run import dry_run as shown_only
from attribution.outbox.lot import Delivered
from attribution.outbox.plan import Asked, plans_of, told_model
from attribution.outbox.poll import Polled, poll
from attribution.outbox.queue import Queued
from attribution.outbox.states import THERE, State
from attribution.outbox.target import Target, prepared
from attribution.outbox.waiting import untold, waiting
from attribution.pulls.http import Waits
from attribution.store.database import Database
from attribution.store.schema import conversion, run
from attribution.store.settings import Settings

_TOLD: Final = ("new", "restated", "retracted")
_ENDS: Final = (
    State.ACCEPTED, State.CONFIRMED, State.QUEUED, State.SENT, State.HELD, State.REJECTED, State.DEAD,
)  # fmt: skip
_SAYS: Final = {
    State.SENT: "under way", State.QUEUED: "wait", State.DEAD: "given up", State.ACCEPTED: "counted in part",
}  # fmt: skip
_LATER: Final = (State.CONFIRMED, State.REJECTED, State.DEAD)  # what a destination can say afterwards


@tells_what_was_asked
def send(
    db: Database,
    name: str,
    *,
    value: str = "full",
    split: bool = False,
    lead_value: str = "none",
    match: str = "click",
    model: str | None = None,
    since: date | str | None = None,
    limit: int | None = None,
    retry: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    waits: Waits | None = None,
) -> Answer:
    """Tell a destination what the ledger says, and what has changed of what it was told.

    Args:
        db: the store, after a run.
        name: of the destination.
        value: `full`: a deal's net value, by its last click of this destination; `credited`: what the model
            credits to its clicks.
        split: each of these clicks is a conversion of its own.
        lead_value: `predicted`: leads, mql and sqo are told with the revenue that is expected of the lead;
            what was told of one stays.
        match: `click`: only conversions with a click of it; `contacts`: those without one too, by who it was.
        model: whose credit; None: the store's.
        since: a day; conversions before it are left alone.
        limit: tell so many at most.
        retry: tell again what was refused for good or given up, once its reason is mended, and what waits.
        dry_run: show the requests, and send and queue nothing.
        progress: called as the work goes on.
        waits: how to wait for tokens.

    Returns:
        A row for each action with what was queued and what became of it; of a dry run a row for each request.

    Raises:
        UnknownNameError: no such destination, value, lead value or match.
        InputError: something that it needs is missing, or nothing was run.
    """
    day = read_day(since, "--since")
    waits = waits or Waits()
    if progress is not None:
        tell = progress
        waits.tell = lambda words: tell(words, 0, None)
    target = prepared(name)
    with db.read() as connection:
        zone = Settings(connection).require("timezone")
    from_instant = None if day is None else clock.day_bounds(day, zone)[0]
    asked = Asked(value, split, lead_value, match, model, from_instant, limit, retry)
    asked.suits(target)
    if dry_run:
        return shown_only(db, target, asked)
    with db.read() as connection:
        plans = plans_of(connection, target, asked)
    queued: dict[str, Queued] = {}
    warnings: list[str] = []
    delivered: dict[str, Delivered] = {}
    polled: dict[str, Polled] = {}
    with closing(target.sender(waits)) as sender:
        # before anything is queued: what was not counted is part of the difference
        for goal, plan in plans.items():
            polled[goal] = poll(db, target.destination, plan.line, sender, progress)
            if polled[goal].trouble:
                warnings.append(_silent(target, polled[goal].trouble))
        for goal, plan in plans.items():
            with db.read() as connection:
                seen, wanted = _ledger(connection), plan.wanted(connection)
            with db.write() as connection:
                if _ledger(connection) != seen:  # while the lock was waited for
                    wanted = plan.wanted(connection)
                queued[goal], noticed = plan.queue(connection, wanted)
            warnings += noticed
        left = limit
        for goal, plan in plans.items():
            delivered[goal] = deliver(
                db, target.destination, plan.line, sender, limit=left, since=asked.since, retry=retry,
                progress=progress, records=plan.records(), waits=waits,
            )  # fmt: skip
            if delivered[goal].closed:
                warnings.append(_closed(target, delivered[goal]))
            left = None if left is None else left - delivered[goal].told
    with db.read() as connection:
        warnings += waiting(connection, target.lines.values())
        warnings += untold(connection, target.lines.values())
    answer = _sent(db, target, queued, delivered, polled, list(dict.fromkeys(warnings)))
    return replace(answer, model=told_model(plans.values()))


def _ledger(connection: Connection) -> tuple[int, ...]:
    """Return what changes when anything does of which conversions there are and what they are worth."""
    runs = select(func.coalesce(func.max(run.c.run_id), 0))
    erased = select(func.count()).where(conversion.c.frozen.is_not(None))
    return connection.scalar(runs) or 0, connection.scalar(erased) or 0


def _reason(goal: str, what: tuple[State, str], how: tuple[int, str]) -> str:
    (state, code), (number, words) = what, how
    return f"{number} of {goal} {_SAYS.get(state, state)}, {': '.join(filter(None, (code, words)))}"


def _is_stopped(one: Delivered) -> bool:
    """Tell whether somebody should look: nobody is let in, or nothing at all was taken."""
    return bool(one.closed) and (one.shut_out or not any(one.counts.get(state) for state in THERE))


def _closed(target: Target, delivered: Delivered) -> str:
    name, label = target.destination.name, target.destination.label
    if delivered.shut_out:
        return (
            f"{label} lets nobody in ({delivered.closed}); mend what `attribution destinations check {name}` "
            "says; what waits goes out with the next send"
        )
    return f"{label} takes nothing more now ({delivered.closed}); what waits goes out with the next send"


def _silent(target: Target, trouble: str) -> str:
    return (
        f"{target.destination.label} does not say what became of what it took ({trouble}); "
        "the next send asks again"
    )


def _sent(
    db: Database,
    target: Target,
    queued: Mapping[str, Queued],
    delivered: Mapping[str, Delivered],
    polled: Mapping[str, Polled],
    warnings: Sequence[str],
) -> Answer:
    rows: list[Row] = []
    reasons: list[str] = []
    for goal, line in target.lines.items():
        made, ended, later = queued[goal], delivered[goal], polled[goal].ended
        states = {str(state): ended.counts.get(state, 0) for state in _ENDS}
        for state in _LATER:
            states[str(state)] += later.counts.get(state, 0)
        rows.append(
            {"destination": line.destination, "goal": goal, "action": line.action}
            | {name: getattr(made, name) for name in _TOLD}
            | states
        )
        reasons += [_reason(goal, *one) for one in (*ended.reasons.items(), *later.reasons.items())]
    numbers = (*_TOLD, *map(str, _ENDS))
    return Answer(
        verb="send",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={name: sum(row[name] for row in rows) for name in numbers}
        | {"stopped": sum(map(_is_stopped, delivered.values()))},
        warnings=[*warnings, *reasons],
        columns=dict.fromkeys(("destination", "goal", "action"), "text") | dict.fromkeys(numbers, "count"),
        title=f"Sent to {target.destination.label}",
    )
