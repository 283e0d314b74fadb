"""Seeded touches, conversions and journeys of any size, as Parquet, kept between runs: input of `benchmarks.models`.

Everything is made in columns from one seed, so a size names its data. Channels are twelve, as skewed as those
of a shop: a few carry most touches, and each hands on to some more than to others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from attribution.journeys.columns import Journeys, offsets_of, ragged_ranges

CHANNELS = (
    "Direct", "Paid Search", "Organic Search", "Email", "Paid Social", "Display", "Referral", "Affiliate",
    "Organic Social", "Organic Video", "SMS", "Audio",
)  # fmt: skip
DAY = 86_400_000_000
START = 1_672_531_200_000_000  # 2023-01-01, in microseconds
SPAN = 730 * DAY


def cached(folder: Path, name: str, make: Callable[[], pa.Table]) -> Path:
    """Return the Parquet file of that name, made now unless an earlier run left it."""
    path = folder / f"{name}.parquet"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        pq.write_table(make(), partial)
        partial.rename(path)
    return path


def touches(n: int, people: int, seed: int = 1) -> pa.Table:
    """Make n touches in no order over two years: `person_id at channel`, the channel dictionary-encoded."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(len(CHANNELS), n, p=_popularity(len(CHANNELS))).astype(np.int32)
    return pa.table(
        {
            "person_id": rng.integers(0, people, n),
            "at": pa.array(START + rng.integers(0, SPAN, n), pa.timestamp("us", "UTC")),
            "channel": pa.DictionaryArray.from_arrays(codes, pa.array(CHANNELS)),
        }
    )


def conversions(n: int, people: int, a_person: int, seed: int = 2) -> pa.Table:
    """Make n conversions in the second year, `a_person` of them for each person who has any."""
    rng = np.random.default_rng(seed)
    buyers = rng.choice(people, -(-n // a_person), replace=False)
    return pa.table(
        {
            "conversion_id": np.arange(n),
            "person_id": rng.permutation(np.repeat(buyers, a_person))[:n],
            "at": pa.array(START + rng.integers(SPAN // 2, SPAN, n), pa.timestamp("us", "UTC")),
            "value": rng.integers(1_000, 5_000_000, n) / 100,
        }
    )


def journeys_in_memory(n_touches: int, n_journeys: int, seed: int = 3) -> Journeys:
    """Make journeys with ragged lengths (1 upwards) that sum to n_touches exactly."""
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.choice(n_touches - 1, n_journeys - 1, replace=False) + 1)
    offsets = np.concatenate(([0], cuts, [n_touches]))
    lengths = np.diff(offsets)
    at = np.sort(rng.integers(0, 90 * DAY, n_touches))  # sorted as a whole, hence within each journey
    return Journeys(
        offsets=offsets, at=START + at,
        channel=rng.choice(len(CHANNELS), n_touches, p=_popularity(len(CHANNELS))).astype(np.int32),
        kind=np.zeros(n_touches, np.int16), placement=np.arange(n_touches), touch=np.arange(n_touches),
        person=np.repeat(np.arange(n_journeys), lengths), converted_at=START + at[offsets[1:] - 1],
        value=rng.integers(1_000, 5_000_000, n_journeys), converted=rng.random(n_journeys) < 0.3,
        channels=CHANNELS,
    )  # fmt: skip


def _popularity(n: int) -> np.ndarray:
    falling = 1 / np.arange(1, n + 1) ** 1.2
    return falling / falling.sum()
