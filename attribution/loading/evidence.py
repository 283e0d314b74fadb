"""Evidence on its way in: edges between identifiers, each kept once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, Table, func, select

from attribution.sorted_sets import as_set, difference
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, remove
from attribution.store.keys import find, intern, row_hash, text_hash
from attribution.store.settings import Settings

FROM_LEADS: Final = "CRM lead"  # the source of what records of leads tie together
RESOLVED_EDGE: Final = "_resolved_edge"  # up to which edge people were worked out
RESOLVED_AFFILIATION: Final = "_resolved_affiliation"


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
    return _add(
        connection, schema.edge, "edge_id", ("a", "b"), np.minimum(a, b), np.maximum(a, b), at, source
    )


def add_affiliations(
    connection: Connection, identifiers: Ints, accounts: Ints, at: Ints, source: Ints
) -> npt.NDArray[np.bool_]:
    """Keep what ties identifiers to companies; arguments and answer as of :func:`add_edges`."""
    names = ("identifier_id", "account")
    return _add(connection, schema.affiliation, "affiliation_id", names, identifiers, accounts, at, source)


def remove_edges(
    connection: Connection, settings: Settings, a: Ints, b: Ints, at: Ints, source: Ints
) -> None:
    """Take observations back; whom they tied is worked out again at the next run.

    Args:
        connection: the writer's.
        settings: the store's.
        a, b, at, source: int64[n], as they were given to :func:`add_edges`; those not there are passed over.
    """
    edge, demoted = schema.edge, schema.demoted_edge
    hashes = as_set(_hashes(a, b, at, source))
    gone = find(connection, edge, edge.c.hash, ["edge_id", "a", "b"], hashes, exact=True)
    if not len(gone["edge_id"]):
        return
    remove(connection, demoted.c.edge_id, gone["edge_id"])
    remove(connection, edge.c.edge_id, gone["edge_id"])
    resolve_again(connection, np.concatenate([gone["a"], gone["b"]]))
    lower_watermarks(connection, settings)


def lower_watermarks(connection: Connection, settings: Settings) -> None:
    """Remember no number beyond the highest: the next evidence gets it, and must not pass for seen.

    To be called after evidence was deleted and before any is added.
    """
    for name, column in (
        (RESOLVED_EDGE, schema.edge.c.edge_id),
        (RESOLVED_AFFILIATION, schema.affiliation.c.affiliation_id),
    ):
        last = int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one())
        if int(settings.internal(name) or 0) > last:
            settings.put_raw(name, str(last))


def strongest(ids: Iterable[Ints]) -> Ints:
    """Return what each row is best known by.

    Args:
        ids: int64[n] for each kind of identifier, the strongest kind first; 0 where a row has none.

    Returns:
        int64[n], 0 where a row has nothing.
    """
    found: Ints | None = None
    for values in ids:
        found = values if found is None else np.where(found == 0, values, found)
    return np.zeros(0, np.int64) if found is None else found


def resolve_again(connection: Connection, identifiers: Ints) -> None:
    """Have the next run work out whose these identifiers are, new evidence or not."""
    asked = schema.unresolved
    wanted = as_set(identifiers[identifiers > 0])
    known = find(connection, asked, asked.c.identifier_id, [], wanted, exact=True)["identifier_id"]
    insert_columns(connection, asked, {"identifier_id": difference(wanted, known)})


def note_holders(connection: Connection, identifiers: Ints) -> None:
    """Keep which identifiers besides visitors have touches: somebody, even where nothing else is known."""
    holder = schema.touch_holder
    wanted = as_set(identifiers[identifiers > 0])
    known = find(connection, holder, holder.c.identifier_id, [], wanted, exact=True)["identifier_id"]
    new = difference(wanted, known)
    insert_columns(connection, holder, {"identifier_id": new})
    resolve_again(connection, new)


def _add(
    connection: Connection, table: Table, number: str, names: tuple[str, str],
    one: Ints, other: Ints, at: Ints, source: Ints,
) -> npt.NDArray[np.bool_]:  # fmt: skip
    fresh = np.zeros(len(one), np.bool_)
    use = np.flatnonzero((one > 0) & (other > 0) & (one != other))
    if len(use) == 0:
        return fresh
    values = (one[use], other[use], at[use], source[use])
    hashes = _hashes(*values)
    columns = dict(zip((*names, "at", "evidence_source_id"), values, strict=True))
    _, new = intern(
        connection, table, number, hashes,
        lambda taken: {name: values[taken] for name, values in columns.items()},
    )  # fmt: skip
    fresh[use[new]] = True
    return fresh


def _hashes(one: Ints, other: Ints, at: Ints, source: Ints) -> Ints:
    # whatever the columns are called: what is known by its hash stays known
    said = (np.minimum(one, other), np.maximum(one, other), at, source)
    return row_hash(dict(zip(("a", "b", "at", "evidence_source_id"), said, strict=True)), len(at))
