"""Rows that did not load and name a person, for an export; whoever else they name is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, select

from attribution.identifiers import ACCOUNT, COLUMN_KINDS, CONTACT, EMAIL, LEAD, PHONE, VISITOR
from attribution.loading.tombstones import mentions
from attribution.privacy.export_holder import HIDDEN, Row
from attribution.store.identifiers import comparable
from attribution.store.schema import rejected_row

_KINDS: Final = {**COLUMN_KINDS, "merged_contact_id": CONTACT, "caller": PHONE}
_LEFT_OUT: Final = ("owner",)  # who works for the owner of the store
_BATCH: Final = 10_000


def rejected_rows(
    connection: Connection, known: Collection[tuple[int, str]], region: str | None
) -> list[Row]:
    """Return the rows that did not load and name somebody.

    Args:
        connection: inside a transaction.
        known: kind and value, as compared, of what the person is known by.
        region: of telephone numbers without a country.
    """
    statement = select(rejected_row).order_by(rejected_row.c.rejected_id)
    rows = connection.execute(statement.execution_options(yield_per=_BATCH))
    known = frozenset(known)
    return [
        {
            "table": one.table_name, "line": one.line, "code": one.code,
            "row": _own_cells(one.table_name, one.raw, known, region),
        }
        for one in rows
        if mentions(lambda kind, value: (kind, value) in known, region, one.table_name, "", one.raw)
    ]  # fmt: skip


def _own_cells(table: str, raw: str, known: frozenset[tuple[int, str]], region: str | None) -> Any:
    row = json.loads(raw)
    if not isinstance(row, dict):
        return HIDDEN  # it was never split into columns: others may stand in it
    cells = {}
    for name, cell in row.items():
        kind = LEAD if name == "id" and table == "stages" else _KINDS.get(name)
        if name in _LEFT_OUT:
            continue
        if name == "emails":
            parts = [part.strip() for part in re.split("[;,]", str(cell)) if part.strip()]
            cells[name] = ";".join(p if _is_known(EMAIL, p, known, region) else HIDDEN for p in parts)
        elif kind in (None, ACCOUNT) or _is_known(kind, str(cell), known, region):
            cells[name] = cell
        else:
            cells[name] = HIDDEN
    return cells


def _is_known(kind: int | None, text: str, known: frozenset[tuple[int, str]], region: str | None) -> bool:
    assert kind is not None
    value = text if kind == VISITOR else comparable(kind, text.strip(), region)
    return value is not None and (kind, value) in known
