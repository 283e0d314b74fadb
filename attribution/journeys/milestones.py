"""Milestones: moments of a sale, and the touch that each of them rests on.

A milestone's touch is the last one at or before its time. What is later than the conversion is no exception:
its touch is then the last of the journey.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from attribution.journeys.columns import IntArray, Journeys

# a time that is not there, before any touch: a figure takes it for long ago (there it is `facts.NEVER`)
UNREACHED: Final = -(2**62)
ANYBODY: Final = -1  # a person number that stands for all


def milestone_name(text: str) -> str:
    """Return the form in which names of milestones and stages are compared.

    >>> milestone_name(" Demo Booked ")
    'demo booked'
    """
    return text.strip().casefold()


def place(journeys: Journeys, times: IntArray, person: IntArray | None = None) -> IntArray:
    """Return the touch that each journey's milestone rests on: the last one at or before its time.

    Args:
        journeys: in order, as :func:`attribution.journeys.build.build` makes them.
        times: int64[J] microseconds, UNREACHED where the milestone was not reached.
        person: int64[J], whose touches count (ANYBODY: all of the journey's); None for all everywhere.

    Returns:
        int64[J], flat indices; -1 where there is no such touch.

    >>> journeys = Journeys.from_paths([[(0, "Email"), (10, "Direct"), (20, "Email")], [(5, "Email")], []])
    >>> place(journeys, np.array([15, UNREACHED, 9])).tolist()
    [1, -1, -1]
    """
    found = np.full(journeys.n_journeys, -1, np.int64)
    if not journeys.n_touches:
        return found
    some, lengths = journeys.nonempty, journeys.lengths[journeys.nonempty]
    counts = journeys.at <= np.repeat(times[some], lengths)
    if person is not None:
        whose = np.repeat(person[some], lengths)
        counts &= (journeys.person == whose) | (whose == ANYBODY)
    position = np.where(counts, np.arange(journeys.n_touches), -1)
    found[some] = np.maximum.reduceat(position, journeys.first)
    return found
