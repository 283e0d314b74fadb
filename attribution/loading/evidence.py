"""Evidence on its way in: edges between identifiers, each kept once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection

from attribution.store import schema
from attribution.store.columns import Ints
from attribution.store.keys import intern, row_hash, text_hash


def intern_sources(connection: Connection, sources: pa.Array) -> Ints:
    """Number where evidence comes from, such as `CRM lead`."""
    return intern(
        connection,
        schema.evidence_source,
        "evidence_source_id",
        text_hash(sources),
        lambda new: {"source": sources.take(pa.array(new))},
    )[0]


def add_edges(connection: Connection, a: Ints, b: Ints, at: Ints, source: Ints) -> npt.NDArray[np.bool_]:
    """Keep what ties identifiers together; the same observation is kept once.

    Args:
        connection: the writer's.
        a, b: int64[n] identifier ids; rows where either is 0 or both are one identifier are passed over.
        at: int64[n] microseconds.
        source: int64[n] of :func:`intern_sources`.

    Returns:
        bool[n]: which rows added an edge.
    """
    fresh = np.zeros(len(a), np.bool_)
    use = np.flatnonzero((a > 0) & (b > 0) & (a != b))
    if len(use) == 0:
        return fresh
    low, high = np.minimum(a[use], b[use]), np.maximum(a[use], b[use])
    columns = {"a": low, "b": high, "at": at[use], "evidence_source_id": source[use]}
    hashes = row_hash(columns, len(use))
    _, new = intern(
        connection,
        schema.edge,
        "edge_id",
        hashes,
        lambda taken: {name: values[taken] for name, values in columns.items()},
    )
    fresh[use[new]] = True
    return fresh
