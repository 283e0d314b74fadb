"""What a store holds, table by table, as plain values: two stores with equal dumps are the same store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from attribution.engine import Store
from attribution.store import schema
from attribution.store.identifiers import spelled

Dump = dict[str, list[dict[str, Any]]]


def dump(store: Store, without: Iterable[str] = ()) -> Dump:
    """Read every row of every table; `without` names tables (`batch`) or columns (`touch.n`) to leave out."""
    left_out = set(without)
    tables: Dump = {}
    with store.db.read() as connection:
        for table in schema.metadata.sorted_tables:
            if table.name in left_out:
                continue
            columns = [c for c in table.c if not {f"{table.name}.{c.name}", f"*.{c.name}"} & left_out]
            rows = [dict(row) for row in connection.execute(select(*columns)).mappings()]
            tables[table.name] = sorted(rows, key=lambda row: repr(list(row.values())))
    return tables


def rows(store: Store, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Read columns of one table, sorted."""
    chosen = schema.metadata.tables[table]
    with store.db.read() as connection:
        found = connection.execute(select(*(chosen.c[name] for name in columns))).all()
    return sorted((tuple(row) for row in found), key=repr)


def names(store: Store) -> dict[int, str]:
    """Read what identifiers are called, e-mails and phones too."""
    with store.db.read() as connection:
        found = connection.execute(select(schema.identifier.c.identifier_id, spelled()))
        return {int(number): str(text) for number, text in found}


def counts(totals: Mapping[str, int]) -> tuple[int, ...]:
    """Write the counts of an import as (read, accepted, updated, duplicate, conflict, rejected)."""
    return tuple(
        totals[name] for name in ("read", "accepted", "updated", "duplicate", "conflict", "rejected")
    )
