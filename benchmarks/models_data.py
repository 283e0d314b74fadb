"""Seeded touches, conversions and journeys of any size, as Parquet that is kept between runs.

Everything is made in columns from one seed, so a size names its data. Channels are twelve, as skewed as those
of a shop: a few carry most touches, and each hands on to some more than to others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attribution.journeys.columns import Journeys, offsets_of

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
    """Make journeys with ragged lengths (1 upwards) that sum to n_touches exactly; few lack a milestone."""
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.choice(n_touches - 1, n_journeys - 1, replace=False) + 1)
    offsets = np.concatenate(([0], cuts, [n_touches]))
    lengths = np.diff(offsets)
    at = np.sort(rng.integers(0, 90 * DAY, n_touches))  # sorted as a whole, hence within each journey
    stages = np.sort(rng.random((4, n_journeys)), axis=0)
    reached = offsets[:-1] + (stages * lengths).astype(np.int64)
    reached[rng.random((4, n_journeys)) < 0.05] = -1
    return Journeys(
        offsets=offsets, at=START + at,
        channel=rng.choice(len(CHANNELS), n_touches, p=_popularity(len(CHANNELS))).astype(np.int32),
        kind=np.zeros(n_touches, np.int16), placement=np.arange(n_touches), touch=np.arange(n_touches),
        person=np.repeat(np.arange(n_journeys), lengths), converted_at=START + at[offsets[1:] - 1],
        value=rng.integers(1_000, 5_000_000, n_journeys), converted=rng.random(n_journeys) < 0.3,
        channels=CHANNELS, milestones=dict(zip(("lead", "mql", "sqo", "opportunity"), reached, strict=True)),
    )  # fmt: skip


def _popularity(n: int) -> np.ndarray:
    falling = 1 / np.arange(1, n + 1) ** 1.2
    return falling / falling.sum()


def walks(n: int, seed: int = 4) -> pa.Table:
    """Make n journeys as walks over the channels: `channels` (a list of codes), `converted`, `value` (minor).

    Each channel hands on to some more than to others, ends the journey in its own share of cases, and
    converts its own share of those; about one journey in seven converts, after some four touches.
    """
    rng = np.random.default_rng(seed)
    k = len(CHANNELS)
    onward = np.cumsum(0.5 * _popularity(k) + 0.5 * rng.dirichlet(np.full(k, 0.4), k), axis=1)
    ends, converts = rng.uniform(0.15, 0.35, k), rng.uniform(0.02, 0.3, k)
    alive, state = np.arange(n), rng.choice(k, n, p=_popularity(k)).astype(np.int8)
    steps, lengths, last = [], np.zeros(n, np.int64), np.zeros(n, np.int8)
    while alive.size:
        steps.append((alive, state))
        lengths[alive] += 1
        last[alive] = state
        stays = rng.random(len(alive)) >= (ends[state] if len(steps) < 40 else 1.0)
        alive, state = alive[stays], state[stays]
        state = np.minimum((rng.random(len(alive))[:, None] > onward[state]).sum(1), k - 1).astype(np.int8)
    offsets = offsets_of(lengths)
    codes = np.empty(offsets[-1], np.int8)
    for step, (journeys, states) in enumerate(steps):
        codes[offsets[journeys] + step] = states
    converted = rng.random(n) < converts[last]
    value = np.where(converted, rng.lognormal(8, 1, n), 0).astype(np.int64)
    lists = pa.ListArray.from_arrays(offsets.astype(np.int32), codes)
    return pa.table({"channels": lists, "converted": converted, "value": value})


def path_table(walked: pa.Table) -> pa.Table:
    """Sum journeys to a row a path, as other packages want them: `path conversions value nulls`."""
    lists = walked["channels"].combine_chunks()
    texts = pa.array(CHANNELS).take(lists.values)
    joined = pc.binary_join(pa.ListArray.from_arrays(lists.offsets, texts), ">")
    converted = walked["converted"].cast(pa.int64())
    table = pa.table(
        {
            "path": joined,
            "conversions": converted,
            "value": walked["value"],
            "nulls": pc.subtract(1, converted),
        }
    )
    summed = table.group_by("path").aggregate([(name, "sum") for name in ("conversions", "value", "nulls")])
    return summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names])


def journeys_of(walked: pa.Table) -> Journeys:
    """Return walks as the journeys that a model sees."""
    lists = walked["channels"].combine_chunks()
    codes = lists.values.to_numpy().astype(np.int32)
    offsets = lists.offsets.to_numpy().astype(np.int64)
    n = len(codes)
    return Journeys(
        offsets=offsets, at=np.arange(n), channel=codes, kind=np.zeros(n, np.int16), placement=np.arange(n),
        touch=np.arange(n), person=np.zeros(n, np.int64), converted_at=offsets[1:],
        value=walked["value"].to_numpy(), converted=walked["converted"].to_numpy(), channels=CHANNELS,
    )  # fmt: skip
