"""Interning of what touches and spend share: origins with their placements, pages, agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, bindparam, select, update

from attribution.channels.classify import RULES_VERSION, classify
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_frame
from attribution.store.keys import intern, row_hash
from attribution.store.settings import Settings

NO_DIMENSIONS: Final = "no dimension given"
_CLASSIFIED: Final = "_classified_with"  # rules version and own sites that origins were placed by


def texts(values: pd.Series) -> pa.Array:
    """Turn a frame's column into Arrow text, whatever stands for missing in it into null."""
    return pa.array(values.astype(object).where(values.notna(), None), pa.string())


def intern_origins(connection: Connection, hashes: Ints, origins: pa.Table, settings: Settings) -> Ints:
    """Number distinct origins, classifying those that the store has not seen.

    Args:
        connection: the writer's.
        hashes: int64[n], :func:`attribution.store.keys.row_hash` over ORIGIN_FIELDS.
        origins: n rows with (some of) the columns ORIGIN_FIELDS.
        settings: the store's; `own_domains` matters to the rules.

    Returns:
        int64[n] origin ids.
    """
    if settings.internal(_CLASSIFIED) is None:  # the first origins: nothing was placed by other rules
        settings.put_raw(_CLASSIFIED, _classification(settings))

    def rows(new: Ints) -> dict[str, pa.Array | Ints]:
        taken = origins.take(new)
        frame = taken.to_pandas(types_mapper=lambda _: pd.ArrowDtype(pa.string())).astype(object)
        frame = frame.where(frame.notna(), None)
        placed = place(frame, own_domains(settings))
        return {
            "placement_id": intern_placements(connection, placed),
            "rule": texts(placed["rule"]),
            **{name: taken.column(name) for name in ORIGIN_FIELDS if name in taken.column_names},
        }

    return intern(connection, schema.origin, "origin_id", hashes, rows)[0]


def _classification(settings: Settings) -> str:
    """Name what placements depend on besides the origins themselves."""
    return f"{RULES_VERSION} {' '.join(own_domains(settings))}"


def own_domains(settings: Settings) -> Sequence[str]:
    """Return the store's own sites."""
    return (settings.get("own_domains") or "").split()


def place(origins: pd.DataFrame, own: Sequence[str]) -> pd.DataFrame:
    """Classify origins; one that says nothing at all (spend without dimensions) stays without a channel."""
    placed = classify(origins, own_domains=own)
    blank = origins.isna().all(axis=1)  # a touch always has a kind
    placed.loc[blank, list(PLACEMENT_FIELDS)] = None
    placed.loc[blank, "rule"] = NO_DIMENSIONS
    return placed


def intern_placements(connection: Connection, placed: pd.DataFrame) -> Ints:
    """Number placements (columns PLACEMENT_FIELDS)."""
    columns = {name: texts(placed[name]) for name in PLACEMENT_FIELDS}
    hashes = row_hash(columns, len(placed))
    return intern(
        connection,
        schema.placement,
        "placement_id",
        hashes,
        lambda new: {name: values.take(pa.array(new)) for name, values in columns.items()},
    )[0]


def intern_pages(connection: Connection, hashes: Ints, pages: pa.Table) -> Ints:
    """Number pages (columns landing_host, landing_path, query)."""
    names = {"host": "landing_host", "path": "landing_path", "query": "query"}
    return intern(
        connection,
        schema.page,
        "page_id",
        hashes,
        lambda new: {ours: pages.column(theirs).take(pa.array(new)) for ours, theirs in names.items()},
    )[0]


def reclassify(connection: Connection, settings: Settings) -> bool:
    """Place every origin anew where the rules or the store's own sites changed since the last time.

    Touches are not touched; runs look at every conversion again, since models may depend on channels.
    """
    state = _classification(settings)
    if settings.internal(_CLASSIFIED) == state:
        return False
    origins = read_frame(connection, select(schema.origin))
    settings.put_raw(_CLASSIFIED, state)
    if origins.empty:
        return False
    placed = place(origins[list(ORIGIN_FIELDS)], own_domains(settings))
    numbers = intern_placements(connection, placed)
    moved = np.flatnonzero(numbers != origins["placement_id"].to_numpy(np.int64))
    if len(moved) == 0:
        return False
    connection.execute(
        update(schema.origin)
        .where(schema.origin.c.origin_id == bindparam("number"))
        .values(placement_id=bindparam("placement"), rule=bindparam("why")),
        [
            {
                "number": int(origins["origin_id"].iloc[i]),
                "placement": int(numbers[i]),
                "why": placed["rule"].iloc[i],
            }
            for i in moved.tolist()
        ],
    )
    insert_columns(connection, schema.change, {"kind": schema.CHANGE_ALL, "ref": np.zeros(1, np.int64)})
    return True
