"""The stored journeys that a question asks for, read once, as columns.

A journey is a stored one, as of the last run, of a conversion that stands; its value is the conversion's,
net of adjustments. Path transformations have the meaning they have in the field (Google's fractribution,
Snowplow's packages): `unique` leaves every touch where it is, `exposure` makes one of repeats in a row,
`first` keeps the first occurrence of each value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Select, case, func, select

from attribution.errors import InputError, UnknownNameError
from attribution.metrics.dimensions import MARKETING, Dimensions, parse_by, parse_where
from attribution.metrics.selection import (
    JourneySelection,
    Period,
    Selection,
    period,
    run_command,
    select_journeys,
    stale_warnings,
)
from attribution.money import money_text
from attribution.store.columns import Ints, read_ints
from attribution.store.database import Database
from attribution.store.schema import conversion, credit_set, journey_touch, touch

TRANSFORMS: Final = ("unique", "exposure", "first")


@dataclass(frozen=True)
class Steps:
    """Journeys as columns: `journey` (0 to J-1, ascending) and the group of each touch, in order."""

    journey: Ints
    group: Ints

    def lengths(self, journeys: int) -> Ints:
        """Return how many touches each journey has."""
        return np.bincount(self.journey, minlength=journeys).astype(np.int64)


@dataclass(frozen=True)
class ChosenJourneys:
    """Journeys as columns, one element a conversion (J of them) but for `steps`, which has one a touch.

    Attributes:
        asked: goal and window.
        by: the dimensions that stand for a touch.
        steps: the touches; a journey without any has none.
        value: minor units of the reporting currency, or 1 where the goal only counts.
        first_at, at: of the first touch and of the conversion, in microseconds.
        dimensions: names the groups of `steps`.
        warnings: what the reader must know about them.
        store: the label of the store they were read from.
    """

    asked: JourneySelection
    by: tuple[str, ...]
    steps: Steps
    value: Ints
    first_at: Ints
    at: Ints
    dimensions: Dimensions
    warnings: list[str]
    store: str

    def name(self, group: int) -> str:
        """Return what a touch of a group is called."""
        return " / ".join(self.dimensions.names(int(group)).values())

    def value_shown(self, value: int) -> str | int:
        """Write a sum of values: a decimal text where the goal is money, else a count."""
        return money_text(value, self.asked.currency) if self.asked.goal.money else value


def choose_journeys(
    db: Database,
    *,
    by: str | Iterable[str] = "channel",
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    where: Iterable[str] = (),
) -> ChosenJourneys:
    """Read the journeys that some options ask for.

    Args:
        db: the store.
        by: the dimension that stands for a touch.
        goal, lookback, scope, kinds: which journeys; the store's own by default.
        start, end: days of the reporting timezone in which they converted, both included.
        where: `DIM=VALUE`: journeys that hold such a touch, or conversions with such an owner and so on.

    Raises:
        UnknownNameError: no such dimension, goal, scope or kind.
        InputError: such journeys have not been built yet; the message says what to run.
    """
    dims = parse_by(by, MARKETING)
    with db.read() as connection:
        asked = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
        if asked.journey_set_id is None:
            raise InputError(
                f"journeys for goal {asked.goal.name!r} with lookback {asked.lookback} and scope "
                f"{asked.scope} have not been built; run: {run_command(asked, 'linear')}"
            )
        days = period(start, end, asked.timezone)
        return _read(connection, asked, dims, parse_where(where), days, db.label)


def _read(
    connection: Connection,
    asked: JourneySelection,
    by: tuple[str, ...],
    where: Sequence[tuple[str, str]],
    days: Period,
    store: str,
) -> ChosenJourneys:
    dimensions = Dimensions(connection, by, [pair for pair in where if pair[0] not in MARKETING])
    held = [pair for pair in where if pair[0] in MARKETING]
    holds = Dimensions(connection, (), held)
    found = _conversions(connection, asked, days)
    keys = tuple(dict.fromkeys((*dimensions.touch_keys, *holds.touch_keys)))
    touches = _touches(connection, asked, days, keys)
    place = np.searchsorted(found["conversion_id"], touches["conversion_id"])
    keep = dimensions.record_groups(asked.goal.kind, found["object_id"]) >= 0
    if held:
        meets = holds.touch_groups(touches, len(place)) >= 0
        keep &= np.bincount(place[meets], minlength=len(keep)) > 0
    number = np.cumsum(keep) - 1  # of each conversion that stays
    mine = keep[place]
    steps = Steps(number[place[mine]], dimensions.touch_groups(touches, len(place))[mine])
    value = found["value"][keep] if asked.goal.money else np.ones(int(keep.sum()), np.int64)
    first_at = np.full(len(value), np.iinfo(np.int64).max)
    np.minimum.at(first_at, steps.journey, touches["at"][mine])
    warnings = [*dimensions.warnings, *holds.warnings]
    unrated = int(found["unrated"][keep].sum())
    if asked.goal.money and unrated:
        warnings.append(
            f"no exchange rate for {unrated:,} of these conversions: they count with a value of 0; "
            "import rates to value them"
        )
    warnings += _stale(connection, asked)
    return ChosenJourneys(asked, by, steps, value, first_at, found["at"][keep], dimensions, warnings, store)


def check_transform(transform: str | None) -> str:
    """Return a transformation's name, `unique` for None.

    Raises:
        UnknownNameError: there is no such one.
    """
    transform = transform or "unique"
    if transform not in TRANSFORMS:
        raise UnknownNameError("transformation", transform, TRANSFORMS)
    return transform


def transformed(steps: Steps, transform: str) -> Steps:
    """Apply a path transformation.

    >>> steps = Steps(np.array([0, 0, 0, 0]), np.array([7, 7, 8, 7]))
    >>> [transformed(steps, name).group.tolist() for name in TRANSFORMS]
    [[7, 7, 8, 7], [7, 8, 7], [7, 8]]
    """
    if transform == "unique" or not len(steps.journey):
        return steps
    if transform == "exposure":
        keep = (np.diff(steps.journey, prepend=-1) != 0) | (np.diff(steps.group, prepend=-1) != 0)
        return Steps(steps.journey[keep], steps.group[keep])
    codes, names = dense_codes(steps.group)
    _, first = np.unique(steps.journey * len(names) + codes, return_index=True)
    first.sort()
    return Steps(steps.journey[first], steps.group[first])


def dense_codes(groups: Ints) -> tuple[Ints, Ints]:
    """Number groups from 0 in their order; returns each touch's number and the groups."""
    names, codes = np.unique(groups, return_inverse=True)
    return codes.astype(np.int64), names


def exact_sums(codes: Ints, values: Ints, size: int) -> Ints:
    """Add integers up by code, exactly (a float `bincount` is not, above 2**53)."""
    out = np.zeros(size, np.int64)
    np.add.at(out, codes, values)
    return out


def _within(statement: Select[Any], days: Period) -> Select[Any]:
    if days.start is not None:
        statement = statement.where(conversion.c.at >= days.start)
    return statement if days.end is None else statement.where(conversion.c.at <= days.end)


def _conversions(connection: Connection, asked: JourneySelection, days: Period) -> dict[str, Ints]:
    unrated = case((conversion.c.reporting_minor.is_(None), 1), else_=0)
    statement = select(
        conversion.c.conversion_id,
        conversion.c.object_id,
        conversion.c.at,
        func.coalesce(conversion.c.reporting_minor, 0),
        unrated,
    ).where(conversion.c.kind == asked.goal.kind, conversion.c.active == 1)
    names = ("conversion_id", "object_id", "at", "value", "unrated")
    return read_ints(connection, _within(statement, days).order_by(conversion.c.conversion_id), names)


def _touches(
    connection: Connection, asked: JourneySelection, days: Period, keys: Sequence[str]
) -> dict[str, Ints]:
    known = {
        "placement_id": journey_touch.c.placement_id,
        "page_id": func.coalesce(touch.c.page_id, -1),
        "origin_id": touch.c.origin_id,
    }
    source = journey_touch.join(conversion, conversion.c.conversion_id == journey_touch.c.conversion_id)
    if {"page_id", "origin_id"} & set(keys):
        source = source.join(touch, touch.c.n == journey_touch.c.touch)
    statement = (
        select(journey_touch.c.conversion_id, journey_touch.c.at, *(known[key] for key in keys))
        .select_from(source)
        .where(
            journey_touch.c.journey_set_id == asked.journey_set_id,
            conversion.c.kind == asked.goal.kind,
            conversion.c.active == 1,
        )
        .order_by(journey_touch.c.conversion_id, journey_touch.c.position)
    )
    return read_ints(connection, _within(statement, days), ("conversion_id", "at", *keys))


def _stale(connection: Connection, asked: JourneySelection) -> list[str]:
    """Tell what came since these journeys were built: the newest of their credit sets knows."""
    seen = select(func.max(credit_set.c.seen_touch), func.max(credit_set.c.seen_change))
    mine = connection.execute(seen.where(credit_set.c.journey_set_id == asked.journey_set_id)).one()
    if mine[0] is None:
        return []
    return stale_warnings(
        connection, Selection(asked, "", 0, asked.journey_set_id or 0, int(mine[0]), int(mine[1]))
    )
