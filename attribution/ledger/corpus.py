"""What models learn from: the journeys of all conversions of a kind, and those that led nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection, func, select

from attribution import clock
from attribution.journeys.columns import Journeys
from attribution.journeys.people import DEAL_KINDS
from attribution.journeys.read import Window
from attribution.journeys.unconverted import read_unconverted
from attribution.ledger.conversions import Conversions
from attribution.store.schema import touch


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
    """Add the journeys that led nowhere to those of all conversions.

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
    nowhere = read_unconverted(
        connection, kind, conversions.objects[took_place], until, window, dimensions=dimensions
    )
    return Corpus(Journeys.concatenate([converted, nowhere]), until)


def _last_instant(connection: Connection, conversions: Conversions) -> int:
    last_touch = int(connection.execute(select(func.coalesce(func.max(touch.c.at), 0))).scalar_one())
    last = max(last_touch, int(conversions.at[conversions.active].max(initial=0)))
    return min(last, clock.now_micros())
