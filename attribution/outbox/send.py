"""`send`: what a destination is to be told is queued, and what is due is delivered; or only shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, func, or_, select

from attribution import clock
from attribution.destinations.conversion import Conversion
from attribution.destinations.crm import Crm
from attribution.destinations.destination import Destination
from attribution.destinations.file import File
from attribution.destinations.registry import get_destination
from attribution.destinations.request import Request
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.answer import Answer, Row
from attribution.metrics.selection import (
    JourneySelection,
    Selection,
    find_credits,
    read_day,
    run_command,
    select_journeys,
    stale_warnings,
)
from attribution.outbox.deliver import Delivered, Progress, Records, deliver
from attribution.outbox.file_sender import FileSender, shown_file
from attribution.outbox.poll import Polled, poll
from attribution.outbox.queue import Line, Queued, of_line, queue
from attribution.outbox.records import conversions_of
from attribution.outbox.sender import HttpSender, shown
from attribution.outbox.states import State
from attribution.outbox.wanted import Wish, wanted
from attribution.outbox.write_back import records_of, wanted_records
from attribution.pulls.credentials import BASE_URL, Credentials, Need, load_credentials
from attribution.pulls.http import Waits
from attribution.store.columns import read_frame
from attribution.store.database import Database
from attribution.store.schema import delivery
from attribution.store.settings import GOALS, Settings

MATCHES: Final = ("click", "contacts")
_SECTION: Final = "send_{}"
_ACTION: Final = "action_{}"
_TOLD: Final = ("new", "restated", "retracted")
_ENDS: Final = (
    State.ACCEPTED, State.CONFIRMED, State.QUEUED, State.SENT, State.HELD, State.REJECTED, State.DEAD,
)  # fmt: skip
_LATER: Final = (State.CONFIRMED, State.REJECTED, State.DEAD)  # what a destination can say afterwards
_TOTALS: Final = (State.ACCEPTED, State.CONFIRMED)


@dataclass(frozen=True)
class Asked:
    """What is sent, and how it is counted.

    Attributes:
        value: `full` or `credited`.
        match: `click`: conversions with a click of the destination; `contacts`: those without one too.
        model: whose credit; None: the store's.
        since: microseconds; conversions before it are left alone.
        limit: how many are told at most.
    """

    value: str = "full"
    match: str = "click"
    model: str | None = None
    since: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Target:
    """A destination with all that it has to be told, and a line for each goal."""

    destination: Destination
    credentials: Credentials
    lines: Mapping[str, Line]  # by goal


def send(
    db: Database,
    name: str,
    *,
    value: str = "full",
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
        match: `click`: only conversions with a click of it; `contacts`: those without one too, by who it was.
        model: whose credit; None: the store's.
        since: a day; conversions before it are left alone.
        limit: tell so many at most.
        retry: tell again what was refused for good or given up, once its reason is mended.
        dry_run: show the requests, and send and queue nothing.
        progress: called as the work goes on.
        waits: how to wait for tokens.

    Returns:
        A row for each action with what was queued and what became of it; of a dry run a row for each request.

    Raises:
        UnknownNameError: no such destination, value or match.
        InputError: something that it needs is missing, or nothing was run.
    """
    if match not in MATCHES:
        raise UnknownNameError("match", match, MATCHES)
    target = prepared(name)
    if isinstance(target.destination, Crm) and (value != "full" or match != "click"):
        raise InputError(
            f"{target.destination.label} is not told conversions by clicks: leave --value and --match out"
        )
    with db.read() as connection:
        zone = Settings(connection).require("timezone")
    day = read_day(since, "--since")
    asked = Asked(value, match, model, None if day is None else clock.day_bounds(day, zone)[0], limit)
    if dry_run:
        return _dry_run(db, target, asked)
    queued: dict[str, Queued] = {}
    warnings: list[str] = []
    delivered: dict[str, Delivered] = {}
    polled: dict[str, Polled] = {}
    with closing(sender_of(target, waits)) as sender:
        # before anything is queued: what was not counted is part of the difference
        for goal, line in target.lines.items():
            polled[goal] = poll(db, target.destination, line, sender, progress)
            if polled[goal].trouble:
                warnings.append(_silent(target, polled[goal].trouble))
        with db.write() as connection:
            for goal, line in target.lines.items():
                queued[goal], told = _queue(connection, target, goal, line, asked)
                warnings += told
        left = limit
        for goal, line in target.lines.items():
            with db.read() as connection:
                records = _records(connection, target, goal, asked)
            delivered[goal] = deliver(
                db, target.destination, line, sender, limit=left, retry=retry, progress=progress,
                records=records,
            )  # fmt: skip
            left = None if left is None else left - sum(delivered[goal].counts.values())
    return _sent(db, target, queued, delivered, polled, list(dict.fromkeys(warnings)))


def prepared(name: str) -> Target:
    """Find what a destination needs, and what each goal counts as there.

    Raises:
        UnknownNameError: no such destination.
        InputError: something is missing; says where it may stand.
    """
    kind = get_destination(name)
    actions = tuple(
        Need(_ACTION.format(goal), f"what {of.label.lower()} count as there", required=False, secret=False)
        for goal, of in GOALS.items()
    )
    needs = (*kind.settings, *kind.secrets, *actions)
    credentials = load_credentials(_SECTION.format(name), needs)
    values = credentials.values
    settings = {need.name: values[need.name] for need in kind.settings if need.name in values}
    destination = kind(settings)
    named = {goal: credentials.value(_ACTION.format(goal)) or "" for goal in GOALS}
    actions_by_goal = destination.actions_for({goal: action for goal, action in named.items() if action})
    chosen = {goal: actions_by_goal.get(goal, "") for goal in GOALS}
    lines = {
        goal: Line(name, destination.account, action, goal, destination.changes, destination.revives)
        for goal, action in chosen.items()
        if action
    }
    if not lines:
        raise credentials.lacking([_ACTION.format("revenue")])
    _told_once(name, list(lines))
    return Target(destination, credentials, lines)


def _told_once(name: str, goals: Sequence[str]) -> None:
    """Refuse goals that are of the same leads or deals: each would count twice."""
    of_kind: dict[str, str] = {}
    for goal in goals:
        other = of_kind.setdefault(GOALS[goal].kind, goal)
        if other != goal:
            raise InputError(
                f"{name}: {_ACTION.format(other)} and {_ACTION.format(goal)} are of the same deals, each of "
                "which would count twice; name one of them"
            )


def sender_of(target: Target, waits: Waits | None) -> HttpSender | FileSender:
    if isinstance(target.destination, File):
        return FileSender(target.destination)
    return HttpSender(target.destination, target.credentials, waits)


def _shown(target: Target, request: Request) -> Row:
    if isinstance(target.destination, File):
        return shown_file(target.destination, request)
    base_url = target.credentials.value(BASE_URL) or target.destination.home
    return shown(target.destination, request, base_url)


def _queue(
    connection: Connection, target: Target, goal: str, line: Line, asked: Asked
) -> tuple[Queued, list[str]]:
    journeys, credits = _credits(connection, target, goal, asked)
    told = target.destination
    alone = asked.match == "contacts" or not told.click_kinds or told.without_click
    wish = Wish(told.click_kinds, asked.value, alone, asked.since)
    if isinstance(told, Crm) and credits is not None:
        due = wanted_records(connection, credits, asked.since)
    else:
        due = wanted(connection, journeys, credits, wish)
    made = queue(connection, line, due, clock.now_micros())
    warnings = stale_warnings(connection, credits) if isinstance(credits, Selection) else []
    if made.cannot_change:
        warnings.append(
            f"{made.cannot_change} of {goal} changed since {target.destination.label} took them; "
            "it has no way to be told, and keeps what it has"
        )
    return made, warnings


def _credits(
    connection: Connection, target: Target, goal: str, asked: Asked
) -> tuple[JourneySelection, Selection | None]:
    """Return the journeys of a goal, and whose credits are told; a CRM is told those always."""
    journeys = select_journeys(connection, goal=goal)
    model = asked.model or Settings(connection).require("model").split()[0]
    if journeys.journey_set_id is None:
        raise InputError(f"{goal} was never run; run: {run_command(journeys, model)}")
    credits = find_credits(connection, journeys, model)
    if credits is None and (asked.value == "credited" or isinstance(target.destination, Crm)):
        raise InputError(f"{goal} was never run for {model}; run: {run_command(journeys, model)}")
    return journeys, credits


def _records(connection: Connection, target: Target, goal: str, asked: Asked) -> Records:
    """Return what makes of deliveries what the destination is told."""
    credits = _credits(connection, target, goal, asked)[1]
    if not isinstance(target.destination, Crm) or credits is None:
        return conversions_of
    return partial(records_of, credits=credits)


def _silent(target: Target, trouble: str) -> str:
    return (
        f"{target.destination.label} does not say what became of what it took ({trouble}); "
        "the next send asks again"
    )


def _dry_run(db: Database, target: Target, asked: Asked) -> Answer:
    rows: list[Row] = []
    refusals: dict[str, list[str]] = {}  # code -> the sentence of each
    warnings: list[str] = []
    left = asked.limit
    with db.trial() as connection:
        for goal, line in target.lines.items():
            warnings += _queue(connection, target, goal, line, asked)[1]
            sendable: list[Conversion] = []
            records = _records(connection, target, goal, asked)
            for one in records(connection, _due(connection, line)):
                if left is not None and len(sendable) >= left:
                    break
                why = target.destination.refusal(one, clock.now_micros())
                if why is None:
                    sendable.append(one)
                else:
                    refusals.setdefault(why.code, []).append(why.words)
            left = None if left is None else left - len(sendable)
            rows += [_shown(target, request) for request in target.destination.requests(sendable)]
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


def _due(connection: Connection, line: Line) -> Any:
    statement = (
        select(delivery)
        .where(of_line(line), or_(delivery.c.state == State.QUEUED, delivery.c.state == State.HELD))
        .order_by(delivery.c.delivery_id)
    )
    return read_frame(connection, statement)


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
        whys = Counter(ended.reasons) + Counter(later.reasons)
        reasons += [f"{count} of {goal}: {code}" for code, count in sorted(whys.items())]
    numbers = (*_TOLD, *map(str, _ENDS))
    return Answer(
        verb="send",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={name: sum(row[name] for row in rows) for name in numbers},
        warnings=[*warnings, *reasons],
        columns=dict.fromkeys(("destination", "goal", "action"), "text") | dict.fromkeys(numbers, "count"),
        title=f"Sent to {target.destination.label}",
    )


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
        | {str(state): sum(row["deliveries"] for row in rows if row["state"] == state) for state in _TOTALS},
        columns=dict.fromkeys(names, "text") | {"deliveries": "count"},
        title="Deliveries",
    )
