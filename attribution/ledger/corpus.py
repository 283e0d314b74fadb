"""What models learn from: the journeys of all conversions of a kind, and null journeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.journeys.columns import Journeys
from attribution.journeys.null_journeys import read_null_journeys
from attribution.journeys.people import DEAL_KINDS
from attribution.journeys.read import Window, read_journeys
from attribution.ledger.conversions import Conversions, refresh
from attribution.store.schema import touch
from attribution.store.settings import Settings


@dataclass(frozen=True)
class Corpus:
    """Journeys to learn from; those that converted come first, in the order of their conversions.

    Attributes:
        journeys: values in minor units of the reporting currency, or 1 where the goal has no money.
        as_of: the instant up to which they were looked at, in microseconds.
    """

    journeys: Journeys
    as_of: int


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
        as_of: microseconds; by default the last touch or conversion that the store knows, but not later than
            now: the same data make the same corpus tomorrow.
    """
    until = _last_instant(connection, conversions) if as_of is None else as_of
    took_place = np.flatnonzero(conversions.active & (conversions.at <= until))
    value = conversions.reporting_minor if kind in DEAL_KINDS else np.ones(len(conversions), np.int64)
    converted = replace(journeys, value=value).take(took_place)
    converted = converted.take(converted.lengths > 0)
    null = read_null_journeys(
        connection, kind, conversions.objects[took_place], until, window, dimensions=dimensions
    )
    return Corpus(Journeys.concatenate([converted, null]), until)


def read_corpus(
    connection: Connection,
    settings: Settings,
    kind: str,
    window: Window,
    *,
    milestones: Sequence[str] = (),
    dimensions: Sequence[str] = (),
) -> Corpus:
    """Read the corpus as a run of today would."""
    conversions = refresh(connection, settings, kind, None)
    journeys = read_journeys(
        connection, kind, conversions.objects, conversions.at, conversions.value_minor, window,
        milestones=milestones, dimensions=dimensions,
    )  # fmt: skip
    return make_corpus(connection, kind, conversions, journeys, window, dimensions=dimensions)


def _last_instant(connection: Connection, conversions: Conversions) -> int:
    last_touch = int(connection.execute(select(func.coalesce(func.max(touch.c.at), 0))).scalar_one())
    last = max(last_touch, int(conversions.at[conversions.active].max(initial=0)))
    return min(last, clock.now_micros())
