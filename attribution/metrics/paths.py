"""`paths`: the commonest journeys, how long they are, how long they take, and which step follows which.

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
import numpy.typing as npt
from sqlalchemy import Connection, Select, case, func, select

from attribution import clock
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import MARKETING, UNATTRIBUTED, Dimensions, parse_by, parse_where
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
from attribution.store.keys import mix
from attribution.store.schema import conversion, credit_set, journey_touch, touch

TRANSFORMS: Final = ("unique", "exposure", "first")
ARROW: Final = " > "
START: Final = "(start)"
CONVERSION: Final = "(conversion)"
OTHER: Final = "(other)"
MAX_LENGTH: Final = 10  # longer journeys share one row
LAG_DAYS: Final = (1, 8, 15, 31, 61, 91, 181, 366)  # the first day of each bucket but the first
_LAGS: Final = (
    "under 1 day", "1 to 7 days", "8 to 14 days", "15 to 30 days", "31 to 60 days",
    "61 to 90 days", "91 to 180 days", "181 to 365 days", "over 365 days",
)  # fmt: skip
_TIES: Final = 2_000  # equal journeys that are put in the order of their names

U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Steps:
    """Journeys as columns: `journey` (0 to J-1, ascending) and the group of each touch, in order."""

    journey: Ints
    group: Ints

    def lengths(self, journeys: int) -> Ints:
        """Return how many touches each journey has."""
        return np.bincount(self.journey, minlength=journeys).astype(np.int64)


def paths(
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
    transform: str | None = None,
    limit: int = 20,
) -> Answer:
    """Return the commonest journeys, path lengths, time lags and steps.

    Args:
        db: the store.
        by: the dimension that stands for a touch.
        goal, lookback, scope, kinds: which journeys; the store's own by default.
        start, end: days of the reporting timezone in which they converted, both included.
        where: `DIM=VALUE`: journeys that hold such a touch, or conversions with such an owner and so on.
        transform: `unique` (default), `exposure` or `first`.
        limit: how many journeys and steps to name; the rest stand in one row `(other)`.

    Returns:
        rows `section path conversions value share`. The sections `journey`, `length` and `time_lag` each
        add up to the totals; `transition` counts the conversions in which a step occurs, so it does not.

    Raises:
        UnknownNameError: no such dimension, goal, scope, kind or transformation.
        InputError: such journeys have not been built yet; the message says what to run.
    """
    transform = transform or "unique"
    if transform not in TRANSFORMS:
        raise UnknownNameError("transformation", transform, TRANSFORMS)
    if limit < 1:
        raise InputError(f"a limit of {limit} journeys was asked for; allowed are 1 and more")
    dims = parse_by(by, MARKETING)
    with db.read() as connection:
        asked = select_journeys(connection, goal=goal, lookback=lookback, scope=scope, kinds=kinds)
        if asked.journey_set_id is None:
            raise InputError(
                f"journeys for goal {asked.goal.name!r} with lookback {asked.lookback} and scope "
                f"{asked.scope} have not been built; run: {run_command(asked, 'linear')}"
            )
        days = period(start, end, asked.timezone)
        table = _Table(connection, asked, dims, parse_where(where), days)
        rows = [
            *table.journey_rows(transform, limit),
            *table.length_rows(),
            *table.lag_rows(),
            *table.transition_rows(transform, limit),
        ]
        return Answer(
            verb="paths",
            store=db.label,
            as_of=clock.iso(asked.as_of),
            currency=asked.currency,
            goal=asked.goal.name,
            lookback=asked.lookback,
            scope=asked.scope,
            rows=rows,
            totals=table.totals(),
            warnings=[*table.warnings, *_stale(connection, asked)],
            columns={
                "section": "text",
                "path": "text",
                "conversions": "count",
                "value": "money" if asked.goal.money else "count",
                "share": "ratio",
            },
            title=f"Journeys by {', '.join(dims)}: {asked.goal.label}",
        )


class _Table:
    """The journeys asked for, read once, and the sections made of them."""

    def __init__(
        self,
        connection: Connection,
        asked: JourneySelection,
        by: Sequence[str],
        where: Sequence[tuple[str, str]],
        days: Period,
    ) -> None:
        self.asked = asked
        plain = [pair for pair in where if pair[0] not in MARKETING]
        held = [pair for pair in where if pair[0] in MARKETING]
        self.dimensions = Dimensions(connection, by, plain)
        holds = Dimensions(connection, (), held)
        self.warnings = [*self.dimensions.warnings, *holds.warnings]
        found = _conversions(connection, asked, days)
        keys = tuple(dict.fromkeys((*self.dimensions.touch_keys, *holds.touch_keys)))
        touches = _touches(connection, asked, days, keys)
        place = np.searchsorted(found["conversion_id"], touches["conversion_id"])
        keep = self.dimensions.record_groups(asked.goal.kind, found["object_id"]) >= 0
        if held:
            meets = holds.touch_groups(touches, len(place)) >= 0
            keep &= np.bincount(place[meets], minlength=len(keep)) > 0
        number = np.cumsum(keep) - 1  # of each conversion that stays
        mine = keep[place]
        groups = self.dimensions.touch_groups(touches, len(place))
        self.steps = Steps(number[place[mine]], groups[mine])
        self.value = found["value"][keep] if asked.goal.money else np.ones(int(keep.sum()), np.int64)
        self.first_at = np.full(len(self.value), np.iinfo(np.int64).max)
        np.minimum.at(self.first_at, self.steps.journey, touches["at"][mine])
        self.at = found["at"][keep]
        unrated = int(found["unrated"][keep].sum())
        if asked.goal.money and unrated:
            self.warnings.append(
                f"no exchange rate for {unrated:,} of these conversions: they count with a value of 0; "
                "import rates to value them"
            )

    def totals(self) -> Row:
        """Return what each of the first three sections adds up to."""
        row = self._row("", "", len(self.value), int(self.value.sum()))
        return {name: row[name] for name in ("conversions", "value", "share")}

    def journey_rows(self, transform: str, limit: int) -> list[Row]:
        """Return the commonest journeys, and all others in one row."""
        steps = transformed(self.steps, transform)
        _, first, inverse = np.unique(
            path_hashes(steps, len(self.value)), return_index=True, return_inverse=True
        )
        counts, values = np.bincount(inverse), _sums(inverse, self.value, len(first))
        order = np.lexsort((-values, -counts))
        best = order[: min(limit, len(order))]
        if len(best) < len(order):  # those that tie with the last one compete by name
            worst = best[-1]
            ties = (counts[order] == counts[worst]) & (values[order] == values[worst])
            best = np.union1d(best, order[ties][:_TIES])
        starts = np.searchsorted(steps.journey, first[best])
        ends = np.searchsorted(steps.journey, first[best], side="right")
        named = [
            (-int(counts[i]), -int(values[i]), self._path(steps.group[a:b]))
            for i, a, b in zip(best, starts, ends, strict=True)
        ]
        named.sort()
        rows = [self._row("journey", path, -count, -value) for count, value, path in named[:limit]]
        rest = len(self.value) - sum(row["conversions"] for row in rows)
        if rest:
            shown = -sum(value for _, value, _ in named[:limit])
            rows.append(self._row("journey", OTHER, rest, int(self.value.sum()) - shown))
        return rows

    def length_rows(self) -> list[Row]:
        """Return conversions by the number of touches, longest ones together."""
        lengths = np.minimum(self.steps.lengths(len(self.value)), MAX_LENGTH)
        names = [UNATTRIBUTED, "1 touch", *(f"{n} touches" for n in range(2, MAX_LENGTH))]
        return self._bucket_rows("length", lengths, [*names, f"{MAX_LENGTH} touches or more"])

    def lag_rows(self) -> list[Row]:
        """Return conversions by the days from the first touch to the conversion."""
        touched = self.steps.lengths(len(self.value)) > 0
        days = np.where(touched, self.at - self.first_at, 0) // clock.DAY
        buckets = np.where(touched, np.searchsorted(LAG_DAYS, days, side="right") + 1, 0)
        return self._bucket_rows("time_lag", buckets, [UNATTRIBUTED, *_LAGS])

    def transition_rows(self, transform: str, limit: int) -> list[Row]:
        """Return the commonest steps from one touch to the next, each conversion counted once a step."""
        steps = transformed(self.steps, transform)
        if not len(steps.journey):
            return []
        codes, names = _codes(steps.group)
        n = len(names) + 2  # two more codes: the start and the conversion
        begins = np.flatnonzero(np.diff(steps.journey, prepend=-1))
        ends = np.append(begins[1:], len(codes)) - 1
        before = np.append(len(names), codes[:-1])
        before[begins] = len(names)
        pairs = np.concatenate([before * n + codes, codes[ends] * n + len(names) + 1])
        owner = np.concatenate([steps.journey, steps.journey[ends]])
        once = np.unique(owner * (n * n) + pairs)
        found, inverse = np.unique(once % (n * n), return_inverse=True)
        counts = np.bincount(inverse)
        values = _sums(inverse, self.value[once // (n * n)], len(found))
        labels = [*(self._path(np.array([group])) for group in names), START, CONVERSION]
        named = sorted(
            (-int(count), -int(value), labels[pair // n] + ARROW + labels[pair % n])
            for count, value, pair in zip(counts, values, found, strict=True)
        )
        return [self._row("transition", path, -count, -value) for count, value, path in named[:limit]]

    def _bucket_rows(self, section: str, buckets: Ints, names: Sequence[str]) -> list[Row]:
        counts = np.bincount(buckets, minlength=len(names))
        values = _sums(buckets, self.value, len(names))
        return [
            self._row(section, name, int(count), int(value))
            for name, count, value in zip(names, counts, values, strict=True)
            if count
        ]

    def _row(self, section: str, path: str, count: int, value: int) -> Row:
        money = self.asked.goal.money
        return {
            "section": section,
            "path": path,
            "conversions": count,
            "value": money_text(value, self.asked.currency) if money else value,
            "share": count / len(self.value) if len(self.value) else None,
        }

    def _path(self, groups: Ints) -> str:
        names = (" / ".join(self.dimensions.names(int(group)).values()) for group in groups)
        return ARROW.join(names) or UNATTRIBUTED


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
    codes, names = _codes(steps.group)
    _, first = np.unique(steps.journey * len(names) + codes, return_index=True)
    first.sort()
    return Steps(steps.journey[first], steps.group[first])


def path_hashes(steps: Steps, journeys: int) -> U64:
    """Return a number for each journey that equal journeys share; one without touches has 0.

    Each touch's group and position are mixed into 64 bits (splitmix64) and added up: among a million
    distinct journeys the chance of one collision is about 3 in 100 million.
    """
    lengths = steps.lengths(journeys)
    position = np.arange(len(steps.journey)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    codes, _ = _codes(steps.group)
    # counted from 1: the mixture of 0 is 0, which would add nothing
    mixed = mix(mix(codes.astype(np.uint64) + np.uint64(1)) + position.astype(np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])  # wraps, on purpose
    ends = np.cumsum(lengths)
    hashes: U64 = sums[ends] - sums[ends - lengths]
    return hashes


def _codes(groups: Ints) -> tuple[Ints, Ints]:
    names, codes = np.unique(groups, return_inverse=True)
    return codes.astype(np.int64), names


def _sums(codes: Ints, values: Ints, size: int) -> Ints:
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
