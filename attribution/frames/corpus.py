"""What models learn from where there is no store: all conversions, and everybody who never converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from attribution.frames.codes import blanks, plain
from attribution.frames.journeys import NOTHING_ELSE, LookedAt, make_journeys, select
from attribution.frames.read import read_instants
from attribution.journeys.columns import (
    IntArray,
    Journeys,
)


def frame_corpus(
    touches: pd.DataFrame,
    conversions: pd.DataFrame,
    value: IntArray,
    lookback: str,
    kinds: Sequence[str],
    looked_at: LookedAt = NOTHING_ELSE,
) -> Journeys:
    """Make the journeys that a model learns from: all conversions, and everybody who never converted.

    Who never converted has one journey, up to the last touch or conversion of all; its value is 0.
    """
    buyers, people = plain(conversions["person_id"]), plain(touches["person_id"])
    others = people[~blanks(people) & ~people.isin(buyers).to_numpy()].drop_duplicates()
    at, converted_at = (
        read_instants(touches["at"], "touches"),
        read_instants(conversions["at"], "conversions"),
    )
    last = max(int(at.max(initial=0)), int(converted_at.max(initial=0)))
    until = np.concatenate((converted_at, np.full(len(others), last)))
    everybody = pd.DataFrame(
        {
            "person_id": pd.concat([buyers, others], ignore_index=True),
            "at": pd.to_datetime(until, unit="us", utc=True),
        }
    )
    values = np.concatenate((value, np.zeros(len(others), np.int64)))
    selection = select(touches, everybody, lookback, kinds)
    journeys = make_journeys(selection, touches, values, looked_at.padded(len(others)))
    return replace(journeys, converted=np.arange(len(values)) < len(value))
