"""What a target is to be told of one goal: whose clicks, whose credit, which value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.destinations.crm import Crm
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.predict.expected import Expected, expected_revenue
from attribution.metrics.selection import (
    JourneySelection,
    Selection,
    find_credits,
    run_command,
    select_journeys,
    stale_warnings,
)
from attribution.outbox.deliver import Records
from attribution.outbox.queue import Line, Queued, of_line, queue
from attribution.outbox.records import conversions_of
from attribution.outbox.states import THERE
from attribution.outbox.target import Target
from attribution.outbox.wanted import MONEY_KINDS, VALUES, Wish, wanted
from attribution.outbox.write_back import records_of, wanted_records
from attribution.store.schema import conversion, delivery
from attribution.store.settings import GOALS, Settings

MATCHES: Final = ("click", "contacts")
LEAD_VALUES: Final = ("none", "predicted")


@dataclass(frozen=True)
class Asked:
    """What is sent, and how it is counted.

    Attributes:
        value: `full` or `credited`.
        split: whether each credited touch is a conversion of its own.
        lead_value: what goals without an amount are worth: `none` or `predicted`.
        match: `click`: conversions with a click of the destination; `contacts`: those without one too.
        model: whose credit; None: the store's.
        since: microseconds; conversions before it are left alone.
        limit: how many are told at most.
        retry: whether what was refused for good or given up is told again.

    Raises:
        UnknownNameError: no such value, lead value or match.
        InputError: what is asked for does not go together.
    """

    value: str = "full"
    split: bool = False
    lead_value: str = "none"
    match: str = "click"
    model: str | None = None
    since: int | None = None
    limit: int | None = None
    retry: bool = False

    def __post_init__(self) -> None:
        for what, given, allowed in (
            ("value", self.value, VALUES),
            ("lead value", self.lead_value, LEAD_VALUES),
            ("match", self.match, MATCHES),
        ):
            if given not in allowed:
                raise UnknownNameError(what, given, allowed)
        if self.split and self.value != "credited":
            raise InputError("--split tells what a model credits to each touch: add --value credited")

    def suits(self, target: Target) -> None:
        """Refuse what a destination has no use for.

        Raises:
            InputError: says what to leave out.
        """
        label = target.destination.label
        plain = Asked(model=self.model, since=self.since, limit=self.limit, retry=self.retry)
        if target.writes_back and self != plain:
            raise InputError(
                f"{label} is not told conversions by clicks: "
                "leave --value, --split, --lead-value and --match out"
            )
        if self.split and not target.destination.click_kinds:
            raise InputError(f"{label} gave no click ids by which touches could be told: leave --split out")


@dataclass(frozen=True)
class Plan:
    """What a target is to be told of one goal.

    Attributes:
        target: who is told.
        line: as what.
        asked: on which terms.
        journeys: of the goal.
        credits: whose credit is told; None: nobody's was run, and none is needed.
        expected: what open leads are worth; None: they are told without a value.
    """

    target: Target
    line: Line
    asked: Asked
    journeys: JourneySelection
    credits: Selection | None
    expected: Expected | None

    def wanted(self, connection: Connection) -> pd.DataFrame:
        """Return what the target should have: out of all of the ledger, so no writer should wait for it."""
        told, asked = self.target.destination, self.asked
        if isinstance(told, Crm) and self.credits is not None:
            found = wanted_records(connection, self.credits, asked.since)
            # a store may hold records of several CRMs
            mine = np.array([told.is_id(self.line.action, key) for key in found["key"].tolist()], bool)
            begins = found["begins"].to_numpy(bool)
            return found.assign(begins=begins & mine, others=begins & ~mine)
        alone = asked.match == "contacts" or not told.click_kinds or told.without_click
        split = asked.split and not _is_of_leads(self.line.goal)  # which have no value to be split
        wish = Wish(told.click_kinds, asked.value, split, alone, asked.since, self._oldest)
        known = select(delivery.c.conversion_id).where(of_line(self.line))
        return wanted(connection, self.journeys, self.credits, wish, self.expected, known)

    def queue(self, connection: Connection, wanted: pd.DataFrame) -> tuple[Queued, list[str]]:
        """Put the difference into the outbox; what was noticed is told besides."""
        first = not connection.execute(
            select(delivery.c.delivery_id).where(of_line(self.line)).limit(1)
        ).all()
        made = queue(connection, self.line, wanted, clock.now_micros(), retry=self.asked.retry)
        left = [*(self._left_alone(connection) if first else ()), *self._others(wanted)]
        return made, [*self._noticed(connection, made), *left]

    def records(self) -> Records:
        """Return what makes of deliveries what the destination is told."""
        if not self.target.writes_back or self.credits is None:
            return conversions_of
        return partial(records_of, credits=self.credits)

    def _noticed(self, connection: Connection, made: Queued) -> list[str]:
        label, goal = self.target.destination.label, self.line.goal
        found = stale_warnings(connection, self.credits) if self.credits is not None else []
        if made.cannot_change:
            found.append(
                f"{made.cannot_change} of {goal} changed since {label} took them; "
                "it has no way to be told, and keeps what it has"
            )
        if made.postponed:
            found.append(
                f"{made.postponed} of {goal} wait until what {label} has of them the other way, whole or by "
                "touch, is taken back; send again, and where it cannot be taken back it stays as it was told"
            )
        if self.asked.split and made.new and not _is_of_leads(goal):
            found.append(
                f"each touch of {goal} is a conversion of its own: {label} counts more conversions than "
                "there are; their values add up, their number does not"
            )
        before = self._elsewhere(connection) if made.new else {}
        for action, number in before.items():
            found.append(
                f"{number} of {goal} were told before as {action}, and are told again as {self.line.action}; "
                f"{label} keeps both"
            )
        if self.expected is not None and made.without_value:
            found.append(
                f"{made.without_value} of {goal} are told without a value: these leads are decided already, "
                "so nothing is predicted of them"
            )
        return found

    @property
    def _oldest(self) -> int | None:
        """From when on conversions are taken there; None: no limit is known."""
        days = self.target.destination.age_days
        return None if days is None else clock.now_micros() - days * clock.DAY

    def _left_alone(self, connection: Connection) -> list[str]:
        """Say at the first time that what is too old is not told."""
        oldest, since = self._oldest, self.asked.since
        if oldest is None or (since is not None and since >= oldest):
            return []
        old = select(conversion.c.conversion_id).where(
            conversion.c.kind == GOALS[self.line.goal].kind,
            conversion.c.active == 1,
            conversion.c.at < oldest,
        )
        if not connection.execute(old.limit(1)).all():
            return []
        told = self.target.destination
        return [
            f"{self.line.goal} before {clock.iso(oldest)[:10]} are left alone: {told.label} takes none older "
            f"than {told.age_days} days"
        ]

    def _others(self, wanted: pd.DataFrame) -> list[str]:
        """Say which records are of another system, by their ids."""
        if "others" not in wanted or not wanted["others"].any():
            return []
        keys = wanted.loc[wanted["others"], "key"]
        what = f"{self.line.action} in {self.target.destination.label}"
        return [
            f"{len(keys)} of {self.line.goal}, such as {keys.iloc[0]}, have no id of {what} and are left "
            "alone: they came from elsewhere"
        ]

    def _elsewhere(self, connection: Connection) -> dict[str, int]:
        """Return how many the destination has as something else, by what: an action that was renamed."""
        line = self.line
        mine = [other.action for other in self.target.lines.values()]
        statement = (
            select(delivery.c.action, func.count(delivery.c.conversion_id.distinct()))
            .join(conversion, conversion.c.conversion_id == delivery.c.conversion_id)
            .where(
                delivery.c.destination == line.destination,
                delivery.c.account == line.account,
                delivery.c.action.not_in(mine),
                delivery.c.state.in_(THERE),
                conversion.c.kind == GOALS[line.goal].kind,
            )
            .group_by(delivery.c.action)
        )
        return {row[0]: row[1] for row in connection.execute(statement)}


def told_model(plans: Iterable[Plan]) -> str | None:
    """Return whose credit is told, None where nobody's is."""
    credited = (one for one in plans if one.asked.value == "credited" or one.target.writes_back)
    return next((one.credits.model for one in credited if one.credits is not None), None)


def plans_of(connection: Connection, target: Target, asked: Asked) -> dict[str, Plan]:
    """Return what is to be told of each goal.

    Raises:
        InputError: a goal or its model was never run, or values cannot be predicted.
    """
    model = asked.model or Settings(connection).require("model").split()[0]
    needs_credit = asked.value == "credited" or target.writes_back
    expected: Expected | None = None
    plans = {}
    for goal, line in target.lines.items():
        journeys = select_journeys(connection, goal=goal)
        if journeys.journey_set_id is None:
            raise InputError(f"{goal} was never run; run: {run_command(journeys, model)}")
        credits = find_credits(connection, journeys, model)
        if credits is None and needs_credit:
            raise InputError(f"{goal} was never run for {model}; run: {run_command(journeys, model)}")
        of_leads = asked.lead_value == "predicted" and _is_of_leads(goal)
        if of_leads and expected is None:
            expected = _expected(connection)
        plans[goal] = Plan(target, line, asked, journeys, credits, expected if of_leads else None)
    if asked.lead_value == "predicted" and expected is None:
        named = ", ".join(f"action_{goal}" for goal in GOALS if _is_of_leads(goal))
        raise InputError(
            f"--lead-value is of leads, and {target.destination.label} is told of none: say what they count "
            f"as there ({named})"
        )
    return plans


def _expected(connection: Connection) -> Expected:
    try:
        return expected_revenue(connection)
    except InputError as error:
        raise InputError(
            f"--lead-value predicted: {error}; leave it out, and leads are told without a value"
        ) from error


def _is_of_leads(goal: str) -> bool:
    return GOALS[goal].kind not in MONEY_KINDS
