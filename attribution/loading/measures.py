"""Tables without an id: spend, statistics, rates. Keyed by every column that is not a measure.

Equal keys within one file are summed (rates: a conflict); a later file's sum replaces the earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Table

from attribution.channels.origin import ORIGIN_FIELDS
from attribution.loading.rejects import contradictions
from attribution.loading.result import ACCEPTED, CONFLICT, DUPLICATE, UPDATED, Outcome
from attribution.sorted_sets import as_set
from attribution.sources.parse import Parsed
from attribution.sources.tables import get_table
from attribution.store import schema
from attribution.store.columns import Ints, Values, insert_columns, remove
from attribution.store.dimensions import intern_origins
from attribution.store.keys import distinct, find, look_up, row_hash
from attribution.store.settings import Settings

Extra = Callable[[pa.Table], Mapping[str, Values]]


def load_spend(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store spend, each key's dimensions interned as an origin, so that the channel rules place it."""

    def extra(rows: pa.Table) -> Mapping[str, Values]:
        # `kind` of spend (media, fee) is not the touch kind of an origin
        fields = [name for name in ORIGIN_FIELDS if name in rows.column_names and name != "kind"]
        origins = rows.select(fields)
        hashes = row_hash({name: origins.column(name) for name in fields}, rows.num_rows)
        return {"origin_id": intern_origins(connection, hashes, origins, settings)}

    return _replace(connection, schema.spend, "spend", batch_id, parsed, ("day", "kind", "currency"), extra)


def load_email_stats(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store e-mail statistics by day and campaign."""
    del settings
    return _replace(connection, schema.email_stat, "email_stats", batch_id, parsed, ("day", "campaign"))


def load_social_stats(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store social statistics by day, source and campaign."""
    del settings
    plain = ("day", "source", "campaign")
    return _replace(connection, schema.social_stat, "social_stats", batch_id, parsed, plain)


def load_rates(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store exchange rates; what closed near their days is looked at again at the next run."""
    del settings
    outcome = _replace(connection, schema.rate, "rates", batch_id, parsed, ("day", "currency"))
    moved = np.isin(outcome.status, (ACCEPTED, UPDATED))
    days = as_set(np.asarray(parsed.columns.column("day"), np.int64)[moved])
    insert_columns(connection, schema.change, {"kind": schema.CHANGE_RATE, "ref": days})
    return outcome


def _replace(
    connection: Connection,
    table: Table,
    name: str,
    batch_id: int,
    parsed: Parsed,
    plain: tuple[str, ...],
    extra: Extra | None = None,
) -> Outcome:
    rows = parsed.columns
    declared = get_table(name)
    keys = [c for c in rows.column_names if c in declared.key]
    measures = [c for c in rows.column_names if c not in declared.key]
    hashes = row_hash({c: rows.column(c) for c in keys}, rows.num_rows)
    codes, first = distinct(hashes)
    status = np.full(rows.num_rows, ACCEPTED, np.int8)
    heads = rows.take(pa.array(first))
    if declared.repeats == "conflict":  # of equal keys the first counts, another value is a conflict
        sums = {m: heads.column(m) for m in measures}
        own = row_hash({m: rows.column(m) for m in measures}, rows.num_rows)
        repeated = np.arange(len(codes)) != first[codes]
        status[repeated] = np.where(own == own[first[codes]], DUPLICATE, CONFLICT)[repeated]
    else:
        sums = {m: _sum(rows.column(m), codes, len(first)) for m in measures}
    digest = row_hash(sums, len(first))

    stored = find(connection, table, table.c.hash, ["digest"], hashes[first])
    there = np.isin(hashes[first], stored["hash"])
    before = look_up(stored["hash"], stored["digest"], hashes[first], missing=0)
    fate = np.where(there, np.where(digest == before, DUPLICATE, UPDATED), ACCEPTED)
    open_rows = status == ACCEPTED
    status[open_rows] = fate[codes][open_rows]

    write = np.flatnonzero(fate != DUPLICATE)
    remove(connection, table.c.hash, hashes[first][fate == UPDATED])
    taken = heads.take(pa.array(write))
    insert_columns(
        connection,
        table,
        {
            "hash": hashes[first][write],
            "digest": digest[write],
            **{c: taken.column(c) for c in plain},
            **{m: values.take(pa.array(write)) for m, values in sums.items()},
            **(extra(taken) if extra is not None and len(write) else {}),
            "batch_id": batch_id,
        },
    )
    stored_now = row_hash({"key": hashes[first][write], "digest": digest[write]}, len(write))
    conflicts = contradictions(name, parsed, status)
    return Outcome(status, conflicts, fingerprint=int(stored_now.sum()))


def _sum(values: pa.ChunkedArray, codes: Ints, size: int) -> pa.Array:
    """Sum a measure over the rows of each key; a key without any value stays without."""
    present = values.is_valid().to_numpy()
    filled = values.fill_null(0).to_numpy().astype(np.int64)
    total = np.zeros(size, np.int64)
    np.add.at(total, codes, filled)
    any_value = np.zeros(size, np.bool_)
    np.logical_or.at(any_value, codes, present)
    return pa.array(total, mask=~any_value)
