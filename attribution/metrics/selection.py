"""Which figures are asked for: goal, model and window resolved to a credit set, and a period of days.

Options that are left out come from the store's settings; the resolved ones are printed in every
envelope. A credit set that was never run is an error that names the command to type: reports read the
ledger and never compute.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.defaults import DEFAULT_KINDS
from attribution.errors import InputError, UnknownNameError
from attribution.models.registry import get_model
from attribution.notation import in_list
from attribution.store.schema import change, credit_set, journey_set, run, touch
from attribution.store.settings import GOALS, RAN_AT, SETTINGS, Goal, Settings

_EPOCH: Final = date(1970, 1, 1)
NO_CURRENCY: Final = "XXX"  # ISO 4217's code for none
_NOTHING_RUN: Final = "nothing has been run in this store yet; run: attribution run"


@dataclass(frozen=True)
class JourneySelection:
    """One goal's journeys under one window: what :func:`select_journeys` resolved.

    `journey_set_id` is None where such journeys have not been built.
    """

    goal: Goal
    lookback: str
    scope: str
    kinds: str  # joined by blanks
    journey_set_id: int | None
    currency: str  # the reporting currency
    timezone: str
    as_of: int  # when the last run posted, in microseconds

    def envelope(self) -> dict[str, Any]:
        """Return the envelope's keys that tell what was read."""
        return {
            "as_of": clock.iso(self.as_of),
            "currency": None if self.currency == NO_CURRENCY else self.currency,
            "goal": self.goal.name,
            "lookback": self.lookback,
            "scope": self.scope,
        }


@dataclass(frozen=True)
class Selection:
    """One credit set, resolved: whose credits a report reads."""

    journeys: JourneySelection
    model: str  # the label: name and non-default parameters
    credit_set_id: int
    journey_set_id: int
    seen_touch: int
    seen_change: int

    @property
    def goal(self) -> Goal:
        """What counts as a conversion."""
        return self.journeys.goal

    @property
    def currency(self) -> str:
        """The reporting currency."""
        return self.journeys.currency

    def envelope(self) -> dict[str, Any]:
        """Return the envelope's keys that tell what was read."""
        return self.journeys.envelope() | {"model": self.model}


def select_journeys(
    connection: Connection,
    *,
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
) -> JourneySelection:
    """Resolve a goal and its window from options, else from the store's settings.

    Raises:
        UnknownNameError: no such goal, scope or touch kind.
        InputError: no such duration, or nothing has been run yet.
    """
    settings = Settings(connection)
    goal_name = goal or settings.require("goal")
    if goal_name not in GOALS:
        raise UnknownNameError("goal", goal_name, GOALS)
    chosen = {"lookback": lookback, "scope": scope, "kinds": _joined(kinds)}
    window = {
        name: settings.require(name) if value is None else SETTINGS[name].parse(value)
        for name, value in chosen.items()
    }
    as_of = settings.internal(RAN_AT) or connection.execute(select(func.max(run.c.posted_at))).scalar()
    currency = settings.get("reporting_currency")
    if as_of is None:
        raise InputError(_NOTHING_RUN)
    return with_goal(
        connection,
        JourneySelection(
            goal=GOALS[goal_name],
            **window,
            journey_set_id=None,
            # a store whose deals hold no money at all still counts leads
            currency=currency or NO_CURRENCY,
            timezone=settings.require("timezone"),
            as_of=int(as_of),
        ),
        goal_name,
    )


def with_goal(connection: Connection, journeys: JourneySelection, goal: str) -> JourneySelection:
    """Return the journeys of another goal under the same window."""
    rows = connection.execute(
        select(journey_set.c.journey_set_id, journey_set.c.kinds).where(
            journey_set.c.kind == GOALS[goal].kind,
            journey_set.c.lookback == journeys.lookback,
            journey_set.c.scope == journeys.scope,
        )
    )
    wanted = set(journeys.kinds.split())
    found = next((int(key) for key, kinds in rows if set(kinds.split()) == wanted), None)
    return replace(journeys, goal=GOALS[goal], journey_set_id=found)


def select_credits(
    connection: Connection,
    *,
    model: str | None = None,
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
) -> Selection:
    """Resolve options and settings to the one credit set that they mean.

    Raises:
        UnknownNameError: no such goal, model, scope or touch kind.
        InputError: the credit set has never been run; the message names what has been, and what to type.
    """
    journeys = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
    label = model or Settings(connection).require("model").split()[0]
    found = find_credits(connection, journeys, label)
    if found is None:
        raise _never_run(connection, journeys, label)
    return found


def find_credits(connection: Connection, journeys: JourneySelection, model: str) -> Selection | None:
    """Return the credits of a model for these journeys, None where it was never run for them.

    Raises:
        UnknownNameError: no model is called so.
        ModelError: a parameter is unknown or out of range.
    """
    if journeys.journey_set_id is None:
        labels = connection.execute(select(credit_set.c.label).distinct()).scalars()
        if in_list(model) not in map(in_list, labels):
            get_model(model)  # a misspelt name is told as such
        return None
    rows = connection.execute(
        select(
            credit_set.c.credit_set_id, credit_set.c.label, credit_set.c.seen_touch, credit_set.c.seen_change
        )
        .where(credit_set.c.journey_set_id == journeys.journey_set_id)
        .order_by(credit_set.c.version.desc(), credit_set.c.credit_set_id.desc())
    ).all()
    # written as settings write it; the latest version of a label wins
    by_label = {in_list(row.label): row for row in reversed(rows)}
    # a label of the store needs no model any more: its package may have been removed
    row = by_label.get(in_list(model)) or by_label.get(in_list(get_model(model).label))
    if row is None:
        return None
    key = int(row.credit_set_id)
    return Selection(journeys, row.label, key, journeys.journey_set_id, row.seen_touch, row.seen_change)


def _never_run(connection: Connection, journeys: JourneySelection, model: str) -> InputError:
    rows = connection.execute(
        select(
            credit_set.c.label,
            journey_set.c.kind,
            journey_set.c.lookback,
            journey_set.c.scope,
            journey_set.c.kinds,
        )
        .join(journey_set, journey_set.c.journey_set_id == credit_set.c.journey_set_id)
        .order_by(credit_set.c.credit_set_id)
    ).all()
    if not rows:
        return InputError(_NOTHING_RUN)
    goals = {row.kind: "/".join(g.name for g in GOALS.values() if g.kind == row.kind) for row in rows}
    done: dict[str, list[str]] = {}
    for label, kind, lookback, scope, kinds in rows:
        plain = set(kinds.split()) == set(DEFAULT_KINDS) == set(journeys.kinds.split())
        own = "" if plain else f", kinds {kinds.replace(' ', ',')}"
        done.setdefault(f"{goals[kind]} ({lookback}, {scope}{own})", []).append(label)
    runs = "; ".join(f"{where}: {', '.join(dict.fromkeys(labels))}" for where, labels in done.items())
    return InputError(
        f"no credits of model {model!r} for goal {journeys.goal.name!r} with lookback {journeys.lookback}, "
        f"scope {journeys.scope} and kinds {journeys.kinds.replace(' ', ',')}; run so far are {runs}; "
        f"run it with: {run_command(journeys, model)}"
    )


def run_command(journeys: JourneySelection, model: str) -> str:
    """Return the command that makes a credit set.

    >>> from attribution.store.settings import GOALS
    >>> asked = JourneySelection(GOALS["mql"], "90d", "contacts", "session click", None, "GBP", "UTC", 0)
    >>> run_command(asked, "linear")
    'attribution run --model linear --goal mql --lookback 90d --kinds session,click'
    >>> run_command(asked, "linear:ignore=Direct;Organic Search").partition(" --goal")[0]
    "attribution run --model 'linear:ignore=Direct;Organic Search'"
    """
    text = f"attribution run --model {shlex.quote(model)} --goal {journeys.goal.name}"
    given = {
        "lookback": journeys.lookback,
        "scope": journeys.scope,
        "kinds": journeys.kinds.replace(" ", ","),
    }
    defaults = {name: SETTINGS[name].default for name in given} | {
        "kinds": (SETTINGS["kinds"].default or "").replace(" ", ",")
    }
    return text + "".join(f" --{name} {value}" for name, value in given.items() if value != defaults[name])


def stale_warnings(connection: Connection, selection: Selection) -> list[str]:
    """Tell what has been imported since the credit set was last run."""
    changes = connection.execute(
        select(func.count()).select_from(change).where(change.c.change_id > selection.seen_change)
    ).scalar_one()
    newest = connection.execute(select(func.coalesce(func.max(touch.c.n), 0))).scalar_one()
    count = int(changes) + max(int(newest) - selection.seen_touch, 0)
    if not count:
        return []
    noun = "change" if count == 1 else "changes"
    return [f"{count:,} {noun} since the last run; bring these figures up to date with: attribution run"]


@dataclass(frozen=True)
class Period:
    """Days of the reporting timezone, both included; None is open on that side."""

    start_day: int | None = None  # days since 1970
    end_day: int | None = None
    start: int | None = None  # first microsecond
    end: int | None = None  # last microsecond


def period(start: date | str | None, end: date | str | None, timezone: str) -> Period:
    """Turn two days into a period.

    Raises:
        InputError: not a day, or the end lies before the start.

    >>> period("2025-03-01", "2025-03-31", "UTC").end_day - period("2025-03-01", None, "UTC").start_day
    30
    """
    first, last = read_day(start, "--from"), read_day(end, "--to")
    if first and last and last < first:
        raise InputError(f"the period ends on {last} before it starts on {first}; exchange --from and --to")
    return Period(
        (first - _EPOCH).days if first else None,
        (last - _EPOCH).days if last else None,
        clock.day_bounds(first, timezone)[0] if first else None,
        clock.day_bounds(last, timezone)[1] if last else None,
    )


def day_text(day: int) -> str:
    """Write days since 1970 as an ISO date.

    >>> day_text(31)
    '1970-02-01'
    """
    return clock.day_of(day).isoformat()


def read_day(value: date | str | None, option: str) -> date | None:
    """Return an option's day, None where it was not given.

    Raises:
        InputError: not a day.
    """
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise InputError(f"{option} {value!r} is not a day; write one as YYYY-MM-DD") from None


def _joined(kinds: str | Iterable[str] | None) -> str | None:
    if kinds is None or isinstance(kinds, str):
        return kinds
    listed: Sequence[str] = list(kinds)
    return " ".join(listed) if listed else None
