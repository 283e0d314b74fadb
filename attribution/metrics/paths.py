"""`paths`: the commonest journeys, how long they are, how long they take, and which step follows which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from numbers import Integral
from typing import Final

import numpy as np
import numpy.typing as npt

from attribution import clock
from attribution.errors import InputError
from attribution.labels import ARROW, CONVERSION, START, UNATTRIBUTED
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.chosen_journeys import (
    ChosenJourneys,
    Steps,
    check_transform,
    choose_journeys,
    dense_codes,
    exact_sums,
    transformed,
)
from attribution.metrics.transitions import count_transitions
from attribution.sorted_sets import union
from attribution.store.columns import Ints
from attribution.store.database import Database
from attribution.store.keys import mix

OTHER: Final = "(other)"
MAX_LENGTH: Final = 10  # longer journeys share one row
LAG_DAYS: Final = (1, 8, 15, 31, 61, 91, 181, 366)  # the first day of each bucket but the first
_LAGS: Final = (
    "under 1 day", "1 to 7 days", "8 to 14 days", "15 to 30 days", "31 to 60 days",
    "61 to 90 days", "91 to 180 days", "181 to 365 days", "over 365 days",
)  # fmt: skip
_TIES: Final = 2_000  # equal journeys that are put in the order of their names

U64 = npt.NDArray[np.uint64]


@tells_what_was_asked
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
    check_transform(transform)
    check_limit(limit)
    chosen = choose_journeys(
        db, by=by, goal=goal, lookback=lookback, scope=scope, kinds=kinds, start=start, end=end, where=where
    )
    return paths_of(chosen, transform=transform, limit=limit)


def paths_of(chosen: ChosenJourneys, *, transform: str | None = None, limit: int = 20) -> Answer:
    """Return what :func:`paths` does, of journeys that have been read."""
    transform = check_transform(transform)
    check_limit(limit)
    asked, sections = chosen.asked, _Sections(chosen)
    rows = [
        *sections.journey_rows(transform, limit),
        *sections.length_rows(),
        *sections.lag_rows(),
        *sections.transition_rows(transform, limit),
    ]
    return Answer(
        verb="paths",
        store=chosen.store,
        as_of=clock.iso(asked.as_of),
        currency=asked.currency,
        goal=asked.goal.name,
        lookback=asked.lookback,
        scope=asked.scope,
        rows=rows,
        totals=sections.totals(),
        warnings=list(chosen.warnings),
        columns={
            "section": "text",
            "path": "text",
            "conversions": "count",
            "value": "money" if asked.goal.money else "count",
            "share": "ratio",
        },
        title=f"Journeys by {', '.join(chosen.by)}: {asked.goal.label}",
    )


def check_limit(limit: int) -> None:
    """Raise InputError where a limit leaves nothing."""
    if not (isinstance(limit, Integral) and limit >= 1):
        raise InputError(f"a limit of {limit!r} journeys was asked for; allowed are 1 and more")


class _Sections:
    """The sections made of the journeys asked for."""

    def __init__(self, chosen: ChosenJourneys) -> None:
        self.chosen = chosen
        self.steps, self.value = chosen.steps, chosen.value

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
        counts, values = np.bincount(inverse), exact_sums(inverse, self.value, len(first))
        order = np.lexsort((-values, -counts))
        best = order[: min(limit, len(order))]
        if len(best) < len(order):  # those that tie with the last one compete by name
            worst = best[-1]
            ties = (counts[order] == counts[worst]) & (values[order] == values[worst])
            best = union(best, order[ties][:_TIES])
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
        days = np.where(touched, self.chosen.at - self.chosen.first_at, 0) // clock.DAY
        buckets = np.where(touched, np.searchsorted(LAG_DAYS, days, side="right") + 1, 0)
        return self._bucket_rows("time_lag", buckets, [UNATTRIBUTED, *_LAGS])

    def transition_rows(self, transform: str, limit: int) -> list[Row]:
        """Return the commonest steps from one touch to the next, each conversion counted once a step."""
        found = count_transitions(transformed(self.steps, transform), self.value)
        labels = [*(self._path(np.array([group])) for group in found.groups), START, CONVERSION]
        named = sorted(
            (-int(count), -int(value), labels[source] + ARROW + labels[target])
            for count, value, source, target in zip(
                found.conversions, found.value, found.source, found.target, strict=True
            )
        )
        return [self._row("transition", path, -count, -value) for count, value, path in named[:limit]]

    def _bucket_rows(self, section: str, buckets: Ints, names: Sequence[str]) -> list[Row]:
        counts = np.bincount(buckets, minlength=len(names))
        values = exact_sums(buckets, self.value, len(names))
        return [
            self._row(section, name, int(count), int(value))
            for name, count, value in zip(names, counts, values, strict=True)
            if count
        ]

    def _row(self, section: str, path: str, count: int, value: int) -> Row:
        return {
            "section": section,
            "path": path,
            "conversions": count,
            "value": self.chosen.value_shown(value),
            "share": count / len(self.value) if len(self.value) else None,
        }

    def _path(self, groups: Ints) -> str:
        return ARROW.join(self.chosen.name(group) for group in groups) or UNATTRIBUTED


def path_hashes(steps: Steps, journeys: int) -> U64:
    """Return a number for each journey that equal journeys share; one without touches has 0.

    Each touch's group and position are mixed into 64 bits (splitmix64) and added up: among a million
    distinct journeys the chance of one collision is about 3 in 100 million.
    """
    lengths = steps.lengths(journeys)
    position = np.arange(len(steps.journey)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    codes, _ = dense_codes(steps.group)
    # counted from 1: the mixture of 0 is 0, which would add nothing
    mixed = mix(mix(codes.astype(np.uint64) + np.uint64(1)) + position.astype(np.uint64))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])  # wraps, on purpose
    ends = np.cumsum(lengths)
    hashes: U64 = sums[ends] - sums[ends - lengths]
    return hashes
