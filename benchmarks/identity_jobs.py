"""One piece of the identity benchmark in a process of its own: make the evidence, resolve, add one edge.

python -m benchmarks.identity_jobs make|resolve|one|networkx URL EDGES
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
from sqlalchemy import func, select

from attribution.identifiers import EMAIL, LEAD, PHONE, USER, VISITOR
from attribution.identity.resolve import resolve
from attribution.loading.evidence import add_edges, intern_sources
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, without_indexes
from attribution.store.database import Database
from attribution.store.keys import mix, row_hash
from attribution.store.settings import Settings
from benchmarks.measure import tell

SHAPE = (
    "2 people to 11 edges, each with a lead, an e-mail and two browsers, half with a phone, three in ten "
    "with a login; 2 % of browsers with a second login, 200 switchboards of twenty callers, and the rest "
    "said again"
)
_START, _END = 1_600_000_000_000_000, 1_700_000_000_000_000
_ONCE = 200


def evidence(edges: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return kinds of the identifiers 1, 2, ... and edges: lower end, higher end, time (microseconds)."""
    rng = np.random.default_rng(4)
    people = edges * 2 // 11
    kinds: list[Ints] = []

    def block(count: int, kind: int) -> Ints:
        start = sum(map(len, kinds))
        kinds.append(np.full(count, kind))
        return np.arange(start, start + count)

    lead, email, visitor = block(people, LEAD), block(people, EMAIL), block(2 * people, VISITOR)
    phone, user = block(people // 2, PHONE), block(people * 3 // 10, USER)
    switchboard = block(200, PHONE)
    again = people // 50
    pairs = [
        (lead, email),
        (lead, visitor[:people]),
        (email, visitor[people:]),
        (lead[: len(phone)], phone),
        (user, email[: len(user)]),
        (user[:again], visitor[rng.integers(0, len(visitor), again)]),
        (lead[rng.integers(0, people, 4_000)], np.repeat(switchboard, 20)),
    ]
    a, b = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    more = rng.integers(0, len(a), edges - len(a))
    a, b = np.concatenate([a, a[more]]), np.concatenate([b, b[more]])
    number = rng.permutation(sum(map(len, kinds))) + 1  # numbers as files come, not as people are
    order = rng.permutation(edges)
    a, b = number[a][order], number[b][order]
    kind = np.empty(len(number), np.int64)
    kind[number - 1] = np.concatenate(kinds)
    return kind, np.minimum(a, b), np.maximum(a, b), rng.integers(_START, _END, edges)


def make(url: str, edges: int) -> dict[str, Any]:
    """Fill an empty store, past the parsing of files, which other benchmarks measure."""
    kind, low, high, at = evidence(edges)
    number = np.arange(1, len(kind) + 1)
    texts = pa.array(np.char.add("k", number.astype(str)))
    clear = np.isin(kind, (EMAIL, PHONE))
    hashes = row_hash({"a": low, "b": high, "at": at, "evidence_source_id": np.ones(edges, np.int64)}, edges)
    order = np.argsort(hashes)  # as imports write them
    low, high, at, hashes = low[order], high[order], at[order], hashes[order]
    with Database.open(url) as db, db.write() as connection:
        settings = Settings(connection)
        settings.put_raw("_identity_key", "00" * 32)
        intern_sources(connection, pa.array(["CRM lead"]))
        values = pa.array(np.asarray(texts), mask=clear)
        insert_columns(
            connection, schema.identifier,
            {"identifier_id": number, "hash": mix(number.astype(np.uint64)).view(np.int64), "kind": kind,
             "value": values, "trait": 0},
        )  # fmt: skip
        insert_columns(
            connection, schema.contact,
            {"identifier_id": number[clear], "value": texts.filter(pa.array(clear))},
        )  # fmt: skip
        with without_indexes(connection, schema.edge):
            insert_columns(
                connection, schema.edge,
                {"edge_id": np.arange(1, edges + 1), "hash": hashes, "a": low, "b": high, "at": at,
                 "evidence_source_id": 1},
            )  # fmt: skip
    return {"identifiers": len(kind)}


def resolve_all(url: str, edges: int) -> dict[str, Any]:
    """Resolve everything from nothing, and commit it."""
    del edges
    with Database.open(url) as db:
        with db.write() as connection:
            people = resolve(connection, Settings(connection))
        with db.read() as connection:
            demoted = connection.execute(select(func.count()).select_from(schema.demoted_edge)).scalar_one()
    return {"people": people, "demoted": demoted}


def one_edge(url: str, edges: int) -> dict[str, Any]:
    """Add one edge between any two identifiers, resolve and commit, 200 times; the median in milliseconds."""
    del edges
    rng = np.random.default_rng(9)
    times = []
    with Database.open(url) as db:
        with db.read() as connection:
            last = connection.execute(select(func.max(schema.identifier.c.identifier_id))).scalar_one()
        for i in range(_ONCE):
            a, b = rng.integers(1, last, 2)
            start = time.perf_counter()
            with db.write() as connection:
                source = intern_sources(connection, pa.array(["CRM lead"]))
                add_edges(connection, np.array([a]), np.array([b]), np.array([_END + i]), source)
                resolve(connection, Settings(connection))
            times.append((time.perf_counter() - start) * 1000)
    return {"median": statistics.median(times), "slowest": max(times)}


def components(url: str, edges: int) -> dict[str, Any]:
    """Let networkx find the components of the same evidence in memory: no store, no rules, no batches."""
    del url
    _, low, high, _ = evidence(edges)
    start = time.perf_counter()
    graph: nx.Graph[int] = nx.Graph()
    graph.add_edges_from(zip(low.tolist(), high.tolist(), strict=True))
    count = nx.number_connected_components(graph)
    return {"people": count, "seconds": time.perf_counter() - start}


_JOBS = {"make": make, "resolve": resolve_all, "one": one_edge, "networkx": components}

if __name__ == "__main__":
    _, job, where, size = sys.argv
    tell(lambda: _JOBS[job](where, int(size)))
