"""What models learn from: the journeys of all conversions of a kind, and null journeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.identity.resolve import resolve
from attribution.journeys.columns import Journeys
from attribution.journeys.null_journeys import read_null_journeys
from attribution.journeys.people import DEAL_KINDS
from attribution.journeys.read import Window
from attribution.ledger.conversions import Conversions, refresh
from attribution.ledger.frozen import journeys_of
from attribution.ledger.units import units_of
from attribution.store.columns import Ints
from attribution.store.dimensions import reclassify
from attribution.store.schema import touch
from attribution.store.settings import Settings


@dataclass(frozen=True)
class Corpus:
    """Journeys to learn from; those that converted come first, in the order of their conversions.

    Attributes:
        journeys: values in minor units of the reporting currency, or 1 where the goal has no money.
        unit: int64[J], who is drawn together (:mod:`attribution.ledger.units`).
        as_of: the instant up to which they were looked at, in microseconds.
        unrated: conversions that count with a value of 0, because there is no exchange rate.
    """

    journeys: Journeys
    unit: Ints
    as_of: int
    unrated: int


def make_corpus(
    connection: Connection,
    kind: str,
    conversions: Conversions,
    journeys: Journeys,
    window: Window,
    *,
    dimensions: Sequence[str] = (),
    as_of: int | None = None,
) -> Corpus:
    """Add null journeys to those of all conversions.

    Args:
        connection: the writer's.
        kind: of conversion.
        conversions: all of the kind.
        journeys: theirs.
        window: lookback, scope and kinds of touch.
        dimensions: those that models look at, beside the channel; `journeys` carries them.
        as_of: microseconds, not later than the last touch or conversion that the store knows, which is the
            default: the same data make the same corpus tomorrow.
    """
    until = _last_instant(connection, conversions)
    until = until if as_of is None else min(as_of, until)
    took_place = np.flatnonzero(conversions.active & (conversions.at <= until))
    money = kind in DEAL_KINDS
    value = _value_by(conversions, until) if money else np.ones(len(conversions), np.int64)
    converted = replace(journeys, value=value).take(took_place)
    touched = converted.lengths > 0
    unrated = int((~conversions.has_rate[took_place][touched]).sum()) if money else 0
    converted = converted.take(touched)
    if not converted.n_journeys:  # nothing can be learned, so nothing more need be read
        return Corpus(converted, np.zeros(0, np.int64), until, 0)
    null = read_null_journeys(
        connection, kind, conversions.objects[took_place], until, window, dimensions=dimensions
    )
    both = Journeys.concatenate([converted, null])
    return Corpus(both, units_of(connection, both), until, unrated)


def _value_by(conversions: Conversions, until: int) -> Ints:
    """Return what each conversion was worth by then: refunds that came later were not known."""
    value = np.zeros(len(conversions), np.int64)
    known = conversions.step_at <= until
    # steps of a conversion stand in order of time, so the last one known stays
    value[conversions.step_of[known]] = conversions.step_reporting_minor[known]
    return value


def read_corpus(
    connection: Connection,
    settings: Settings,
    kind: str,
    window: Window,
    *,
    milestones: Sequence[str] = (),
    dimensions: Sequence[str] = (),
) -> Corpus:
    """Read the corpus as a run of now would: channels, people and conversions are brought up to date first.

    What that writes is for the caller to keep or to take back.
    """
    reclassify(connection, settings)
    resolve(connection, settings)
    conversions = refresh(connection, settings, kind, None)
    journeys, _ = journeys_of(
        connection, kind, conversions, window, milestones=milestones, dimensions=dimensions
    )
    return make_corpus(connection, kind, conversions, journeys, window, dimensions=dimensions)


def _last_instant(connection: Connection, conversions: Conversions) -> int:
    last_touch = int(connection.execute(select(func.coalesce(func.max(touch.c.at), 0))).scalar_one())
    last = max(last_touch, int(conversions.at[conversions.active].max(initial=0)))
    return min(last, clock.now_micros())
