"""One timed piece of work a process: `python -m benchmarks.models_jobs JOB ARGUMENTS...`.

What is read beforehand is not in the time; what is in it, each function's docstring says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from attribution.frames.journeys import make_journeys, select
from attribution.frames.read import as_frame, read_amounts
from attribution.journeys.columns import Journeys
from attribution.ledger.allocate import allocate
from attribution.library import attribute
from attribution.models.registry import get_model
from benchmarks.measure import tell
from benchmarks.models_data import CHANNELS, journeys_in_memory, journeys_of

FOUR = ("first_touch", "last_touch", "linear", "time_decay")

# the same four, in floats; the last touch is the one that no other follows
SQL = """
WITH journey AS (
    SELECT c.conversion_id, c.value, t.channel, t."at",
           row_number() OVER w AS i, count(*) OVER (PARTITION BY c.conversion_id) AS n,
           max(t."at") OVER (PARTITION BY c.conversion_id) AS last_at
    FROM {conversions} c JOIN {touches} t USING (person_id)
    WHERE t."at" BETWEEN c."at" - INTERVAL 365 DAY AND c."at"
    WINDOW w AS (PARTITION BY c.conversion_id ORDER BY t."at")
), decayed AS (
    SELECT *, pow(2, -(epoch_us(last_at) - epoch_us("at")) / (7 * 86400e6)) AS decay FROM journey
), credits AS (
    SELECT channel, CASE WHEN i = 1 THEN value ELSE 0 END AS first_touch,
           CASE WHEN i = n THEN value ELSE 0 END AS last_touch, value / n AS linear,
           value * decay / sum(decay) OVER (PARTITION BY conversion_id) AS time_decay
    FROM decayed
)
SELECT channel::VARCHAR, sum(first_touch), sum(last_touch), sum(linear), sum(time_decay), count(*)
FROM credits GROUP BY channel
"""

Totals = dict[str, Any]


def rule(spec: str, touches: str, journeys: str) -> None:
    """Shares of one rule model, from journeys in memory."""
    model, corpus = get_model(spec), journeys_in_memory(int(touches), int(journeys))
    tell(lambda: {"sum": float(model.shares(corpus).sum())}, repeat=3)


def allocation(spec: str, touches: str, journeys: str) -> None:
    """Exact minor units from the shares of one model."""
    corpus = journeys_in_memory(int(touches), int(journeys))
    shares = get_model(spec).shares(corpus)
    tell(lambda: {"sum": int(allocate(shares, corpus.offsets, corpus.value).sum())}, repeat=3)


def fit_and_share(spec: str, walked: str) -> None:
    """Fit a model on all journeys, and give each touch its share."""
    corpus = journeys_of(pq.read_table(walked))

    def work() -> Totals:
        return {"sum": float(get_model(spec).fit(corpus).shares(corpus).sum()), "touches": corpus.n_touches}

    tell(work, repeat=3)


def _journeys(touches: Any, conversions: Any) -> Journeys:
    touches, conversions = as_frame(touches, "touches"), as_frame(conversions, "conversions")
    value = read_amounts(conversions["value"], 2, conversions["conversion_id"], "GBP")
    return make_journeys(select(touches, conversions, "365d", ["session"]), touches, value)


def build(touches: str, conversions: str) -> None:
    """From two Parquet files to journeys in order."""

    def work() -> Totals:
        journeys = _journeys(pq.read_table(touches, memory_map=True), pq.read_table(conversions))
        return {"touches": journeys.n_touches, "journeys": journeys.n_journeys}

    tell(work, repeat=3)


def four_floats(touches: str, conversions: str, where: str) -> None:
    """Four models to channel totals in floats, without cents: just what the query of DuckDB does."""
    read = _reader(touches, conversions, where)

    def work() -> Totals:
        journeys = _journeys(*read())
        of_touch = np.repeat(journeys.value / 100, journeys.lengths)

        def total(spec: str) -> list[float]:
            weights = get_model(spec).shares(journeys)
            weights *= of_touch
            return np.bincount(journeys.channel, weights, len(journeys.channels)).tolist()

        totals = {spec: total(spec) for spec in FOUR}
        return _by_channel(totals, journeys.channels) | {"touches": journeys.n_touches}

    tell(work, repeat=5)


def four_exact(touches: str, conversions: str, where: str) -> None:
    """Four models by the public function, every credit in whole cents, to the table by channel."""
    read = _reader(touches, conversions, where)

    def work() -> Totals:
        result = attribute(*read(), models=FOUR, lookback="365d", currency="GBP")
        table = result.by("channel").drop(index="(unattributed)")
        return _by_channel({name: list(map(float, table[name])) for name in FOUR}, list(table.index))

    tell(work, repeat=5)


def four_cents(touches: str, conversions: str) -> None:
    """The exact allocation of four models alone."""
    journeys = _journeys(pq.read_table(touches), pq.read_table(conversions))
    shares = [get_model(spec).shares(journeys) for spec in FOUR]

    def work() -> Totals:
        return {"sum": sum(int(allocate(each, journeys.offsets, journeys.value).sum()) for each in shares)}

    tell(work, repeat=3)


def four_duckdb(touches: str, conversions: str, where: str) -> None:
    """Four models as window functions in DuckDB on two threads, to channel totals in floats."""
    import duckdb

    db = duckdb.connect(config={"threads": 2})
    names = {"touches": f"read_parquet('{touches}')", "conversions": f"read_parquet('{conversions}')"}
    if where == "memory":
        for name, source in names.items():
            db.execute(f"CREATE TABLE {name} AS SELECT * FROM {source}")
        names = {name: name for name in names}

    def work() -> Totals:
        rows = db.execute(SQL.format(**names)).fetchall()
        columns = {name: [float(row[1 + i]) for row in rows] for i, name in enumerate(FOUR)}
        return _by_channel(columns, [row[0] for row in rows]) | {"touches": sum(row[-1] for row in rows)}

    tell(work, repeat=5)


def _reader(touches: str, conversions: str, where: str) -> Callable[[], tuple[Any, Any]]:
    """Return what reads the files; or frames, which are to us in memory what its own tables are to DuckDB."""

    def read() -> tuple[Any, Any]:
        return pq.read_table(touches, memory_map=True), pq.read_table(conversions)

    if where != "memory":
        return read
    touches_frame, conversions_frame = (table.to_pandas() for table in read())
    return lambda: (touches_frame, conversions_frame)


def _by_channel(columns: dict[str, list[float]], channels: Any) -> Totals:
    return {name: dict(zip(channels, totals, strict=True)) for name, totals in columns.items()}


def corpus(spec: str, walked: str) -> None:
    """A corpus model's channel totals in conversions, from journeys in memory: counting and solving."""
    journeys = journeys_of(pq.read_table(walked))

    def work() -> Totals:
        model = get_model(spec).fit(journeys)
        if not model.needs_fit:
            weights = model.shares(journeys) * np.repeat(journeys.converted, journeys.lengths)
            return dict(zip(CHANNELS, np.bincount(journeys.channel, weights, 12).tolist(), strict=True))
        table: Any = model.channels()  # type: ignore[attr-defined]
        return dict(table["total" if "total" in table else "conversions_by_effect"])

    tell(work, repeat=2)


def exact_markov(order: str, walked: str) -> None:
    """Channel totals by a plain dense chain: every state a row, every removal a solve of its own."""
    tell(lambda: _dense_markov(journeys_of(pq.read_table(walked)), int(order)))


def _dense_markov(journeys: Journeys, k: int) -> Totals:
    codes, lengths, base = journeys.channel, journeys.lengths, len(CHANNELS) + 1
    within = np.arange(len(codes)) - np.repeat(journeys.offsets[:-1], lengths)
    key = np.zeros(len(codes), np.int64)
    for back in range(k):  # the window that ends at each touch, as digits
        reach = np.flatnonzero(within >= back)
        key[reach] += (codes[reach - back] + 1) * base**back
    is_state = within >= np.minimum(k, np.repeat(lengths, lengths)) - 1
    journey = np.repeat(np.arange(len(lengths)), lengths)[is_state]
    keys, state = np.unique(key[is_state], return_inverse=True)
    n = len(keys)
    starts = np.flatnonzero(np.diff(journey, prepend=-1))
    ends = np.append(starts[1:], len(journey)) - 1
    same = journey[1:] == journey[:-1]
    steps = np.bincount(state[:-1][same] * n + state[1:][same], minlength=n * n).reshape(n, n).astype(float)
    won = np.bincount(state[ends][journeys.converted], minlength=n)
    out = steps.sum(1) + np.bincount(state[ends], minlength=n)
    enter = np.bincount(state[starts], minlength=n) / len(starts)
    system, reward = np.eye(n) - steps / out[:, None], won / out
    whole = enter @ np.linalg.solve(system, reward)
    effects = []
    for code in range(len(CHANNELS)):
        kept = np.ones(n, bool)
        for digit in range(k):
            kept &= keys // base**digit % base != code + 1
        effects.append(1 - enter[kept] @ np.linalg.solve(system[np.ix_(kept, kept)], reward[kept]) / whole)
    shares = np.array(effects) / np.sum(effects)
    return dict(zip(CHANNELS, (shares * journeys.converted.sum()).tolist(), strict=True))


def _sets(journeys: Journeys) -> np.ndarray:
    held = np.zeros((journeys.n_journeys, len(CHANNELS)), bool)
    held[journeys.journey_of_touch, journeys.channel] = True
    return held


def exact_shapley(walked: str) -> None:
    """Channel totals: each conversion shared equally by the distinct channels of its journey."""
    journeys = journeys_of(pq.read_table(walked))
    held = _sets(journeys)
    totals = (journeys.converted / held.sum(1)) @ held
    tell(lambda: dict(zip(CHANNELS, totals.tolist(), strict=True)))


def exact_shapley_rate(walked: str) -> None:
    """Channel totals by the definition of Shapley's value, every set worked out from its subsets."""
    journeys = journeys_of(pq.read_table(walked))
    n = len(CHANNELS)
    mask = _sets(journeys) @ (1 << np.arange(n))
    count, won = np.bincount(mask, minlength=1 << n), np.bincount(mask, journeys.converted, 1 << n)
    every = np.arange(1 << n)
    inside = [(every & ~of) == 0 for of in every]
    worth = np.array([won[i].sum() / max(count[i].sum(), 1) for i in inside])
    phi = np.zeros(n)
    for channel in range(n):
        others = [other for other in range(n) if other != channel]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            sets = np.array([sum(1 << one for one in chosen) for chosen in combinations(others, size)])
            phi[channel] += weight * (worth[sets | 1 << channel] - worth[sets]).sum()
    totals = phi / phi.sum() * journeys.converted.sum()
    tell(lambda: dict(zip(CHANNELS, totals.tolist(), strict=True)))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
