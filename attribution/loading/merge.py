"""Rows with an id meet what is stored: which are new, which say it again, which say something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Table, select

from attribution.loading.result import ACCEPTED, CONFLICT, DUPLICATE, UPDATED, Status
from attribution.sources.tables import get_table
from attribution.store import schema
from attribution.store.columns import Ints, Values, insert_columns, next_id, read_frame, remove
from attribution.store.keys import row_hash

Keys = np.ndarray[tuple[int], np.dtype[np.object_]]
_FEW_KEYS: Final = 2_000  # up to here records are looked up one by one, beyond by reading all keys


@dataclass(frozen=True)
class Merge:
    """How a file's rows meet what is stored."""

    status: Status  # fate of each row
    last: Ints  # the rows whose content is to be stored, one for each new or changed key
    ids: Ints  # their record numbers
    known: np.ndarray[tuple[int], np.dtype[np.bool_]]  # which of them replace a stored record

    def fingerprint(self, digest: Ints) -> int:
        """Sum up the content that is stored (it wraps)."""
        return int(digest[self.last].sum())


def merge_rows(
    connection: Connection,
    name: str,
    table: Table,
    number: str,
    keys: pa.ChunkedArray | pa.Array,
    digest: Ints,
) -> Merge:
    """Decide the fate of each row, as if the rows were taken one by one and as the input table says."""
    update = get_table(name).on_change == "update"
    codes, names = pd.factorize(keys.to_pandas().to_numpy(object))
    ids, stored_digest = stored_records(connection, table, number, names)
    there = ids > 0

    order = np.argsort(codes, kind="stable")  # rows of one key side by side, in file order
    code, mine = codes[order], digest[order]
    starts = np.r_[True, code[1:] != code[:-1]]
    if update:  # each row against the one before it
        before = np.r_[np.int64(0), mine[:-1]]
        fresh = starts & ~there[code]
        before = np.where(starts, stored_digest[code], before)
    else:  # each row against the first, or against what is stored
        first = mine[np.maximum.accumulate(np.where(starts, np.arange(len(code)), 0))]
        fresh = starts & ~there[code]
        before = np.where(there[code], stored_digest[code], first)
    status = np.full(len(codes), UPDATED if update else CONFLICT, np.int8)
    status[order[mine == before]] = DUPLICATE
    status[order[fresh]] = ACCEPTED

    if update:
        ends = np.r_[starts[1:], True]
        final = order[ends]  # in the order of codes
        write = ~there | (digest[final] != stored_digest)
    else:
        final = order[starts]
        write = ~there
    ids[~there] = np.arange(int((~there).sum())) + (
        next_id(connection, table.c[number]) if (~there).any() else 0
    )
    return Merge(status, final[write], ids[write], there[write])


def stored_records(connection: Connection, table: Table, number: str, names: Keys) -> tuple[Ints, Ints]:
    """Return the number (0 where it is new) and the digest of the stored record of each name."""
    statement = select(table.c.key, table.c[number], table.c.digest)
    if len(names) <= _FEW_KEYS:
        statement = statement.where(table.c.key.in_(names.tolist()))
    frame = read_frame(connection, statement)
    at = pd.Index(frame["key"], dtype=object).get_indexer(names)
    # at is -1 where a name is missing, which picks the 0 at the end; a reindex would round digests to floats
    numbers, digests = (np.append(frame[name].to_numpy(np.int64), 0)[at] for name in (number, "digest"))
    return numbers, digests


def write_records(
    connection: Connection, table: Table, number: str, merge: Merge, columns: Mapping[str, Values]
) -> None:
    """Store new records and replace changed ones, under their old numbers."""
    remove(connection, table.c[number], merge.ids[merge.known])
    insert_columns(connection, table, {number: merge.ids, **columns})


def digest_of(columns: pa.Table) -> Ints:
    """Hash what each row says: int64[n]."""
    return row_hash({name: columns.column(name) for name in columns.column_names}, columns.num_rows)


def nullable(ids: Ints) -> pa.Array:
    """Return numbers with null for 0, which stands for nobody."""
    return pa.array(ids, mask=ids == 0)


def log_changes(connection: Connection, kind: int, refs: Ints) -> None:
    """Tell later runs what to look at again; `kind` is one of `schema.CHANGE_*`."""
    insert_columns(connection, schema.change, {"kind": kind, "ref": refs})
