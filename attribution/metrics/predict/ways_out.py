"""Where the past is too short or too thin: the day and the horizon with which there is enough of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date as Day
from itertools import product

from attribution import clock
from attribution.errors import InputError
from attribution.metrics.known_days import SILENCE_DAYS
from attribution.metrics.predict.features import open_at, outcome
from attribution.metrics.predict.months import LONGEST, month_ends
from attribution.metrics.predict.past import Past, TooLittlePast, needs, slices
from attribution.store.columns import Ints


def last_day(past: Past) -> Day | None:
    """Return the last day on which anything happened in the CRM."""
    if past.latest is None:
        return None
    return clock.from_micros(past.latest).astimezone(clock.zone(past.timezone)).date()


def ended(past: Past) -> Day | None:
    """Return the last day of the CRM's data, where they ended long before the day that is asked about."""
    day = last_day(past)
    if day is None or past.latest is None or past.as_of - past.latest <= SILENCE_DAYS * clock.DAY:
        return None
    return day


@contextmanager
def with_way_out(past: Past) -> Iterator[None]:
    """Add to a refusal when the data ended, and with which options there is enough of them.

    Raises:
        TooLittlePast: as the body does, with a sentence more.
    """
    try:
        yield
    except TooLittlePast as error:
        raise TooLittlePast(f"{error}; {_advice(past)}") from None


def _advice(past: Past) -> str:
    day = last_day(past)
    if day is None:
        return "neither leads nor deals were known by then"
    said = f"the last record of leads and deals is of {day}"
    end = min(clock.day_bounds(day, past.timezone)[1], past.ran_at or past.as_of)
    first = int(past.records.leads["created"].min())
    then = replace(past, as_of=end, ends=month_ends(first, end, past.timezone), kept={})
    own = clock.from_micros(past.as_of).astimezone(clock.zone(past.timezone)).date()
    asked = "" if past.ran_at is None or past.as_of == past.ran_at else f"--as-of {own} "
    ways = [(asked, past), (f"--as-of {day} ", then)]
    if ended(past):  # what was not recorded is not what did not happen
        ways = ways[1:]
    months = sorted(range(1, LONGEST + 1), key=lambda ahead: (abs(ahead - past.horizon), ahead))
    opened: dict[int, Ints] = {}
    for (option, of), ahead in product(ways, months):
        if _enough(replace(of, horizon=ahead, kept={}), opened):
            return f"{said}; there is enough for: attribution predict {option}--horizon {ahead}"
    return f"{said}, and no --horizon is short enough by then: a longer history is needed"


def _enough(past: Past, opened: dict[int, Ints]) -> bool:
    """Tell whether there are enough months, and wins in each slice of them, to predict and to judge."""
    try:
        cuts = [slices(past.known, past.horizon, judged=judged) for judged in (True, False)]
    except InputError:
        return False
    winners = {}
    for number in {number for cut in cuts for _, of, _ in needs(cut) for number in of}:
        at, until = int(past.ends[number]), int(past.ends[number + past.horizon])
        if at not in opened:
            opened[at] = open_at(past.records, at)
        winners[number] = opened[at][outcome(past.records, opened[at], at, until)[0] > 0]
    return all(
        len(set().union(*(winners[number].tolist() for number in of))) >= least
        for cut in cuts
        for _, of, least in needs(cut)
    )
