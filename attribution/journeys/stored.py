"""Journeys as a run kept them, whoever their people are today."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select

from attribution.journeys.columns import Journeys
from attribution.journeys.read import KIND_CODE, CountedTouches, made_journeys, with_milestones
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.schema import journey_touch, origin, touch


def stored_journeys(
    connection: Connection,
    journey_set_id: int,
    kind: str,
    conversions: Ints,
    objects: Ints,
    converted_at: Ints,
    value: Ints,
    *,
    milestones: Sequence[str] = (),
    dimensions: Sequence[str] = (),
) -> Journeys:
    """Read the kept journeys of conversions.

    Args:
        connection: the writer's.
        journey_set_id: of which window.
        kind: of conversion.
        conversions: int64[J] their numbers, distinct.
        objects, converted_at, value, milestones, dimensions: as of
            :func:`attribution.journeys.read.read_journeys`.

    Returns:
        J journeys, in the order of `conversions`; those of which nothing is kept are empty.
    """
    with temporary(connection, place=np.arange(len(conversions)), wanted=conversions) as probe:
        rows = read_ints(
            connection,
            select(
                probe.c.place, journey_touch.c.person_id, journey_touch.c.at, journey_touch.c.touch,
                KIND_CODE, journey_touch.c.placement_id, journey_touch.c.position,
            )
            .select_from(probe)
            .join(journey_touch, journey_touch.c.conversion_id == probe.c.wanted)
            .outerjoin(touch, touch.c.n == journey_touch.c.touch)
            .outerjoin(origin, origin.c.origin_id == touch.c.origin_id)
            .where(journey_touch.c.journey_set_id == journey_set_id),
            ["conversion", "person", "at", "n", "kind", "placement", "position"],
        )  # fmt: skip
    rank = rows.pop("position")
    journeys = made_journeys(connection, CountedTouches(**rows), converted_at, value, dimensions, rank)
    return with_milestones(connection, kind, objects, journeys, milestones)
