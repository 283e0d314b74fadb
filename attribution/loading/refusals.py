"""What people said who denied analytics: their touches are nobody's, and their word counts all the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection

from attribution.identifiers import COLUMN_KINDS, VISITOR
from attribution.loading.tombstones import Erased, dated
from attribution.sources.tables import TOUCH_IDENTIFIERS
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns
from attribution.store.identifiers import comparable, hashes
from attribution.store.keys import distinct, find, row_hash
from attribution.store.settings import Settings

_KINDS = {name: COLUMN_KINDS[name] for name in ("visitor_id", *TOUCH_IDENTIFIERS)}


class Refusals:
    """Takes touches chunk by chunk, and keeps who denied analytics when, and what else they said then.

    Of who it was only a hash is kept: that of an identifier which the store may know, or may come to know.
    So whoever withdraws consent is heard, and a stranger who denies it leaves nothing to be known by.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._named: dict[int, tuple[list[Ints], list[pa.ChunkedArray]]] = {}

    def add(self, touches: pa.Table) -> None:
        """Take the rows of a chunk that name somebody who denied analytics, as parsed."""
        for name, kind in _KINDS.items():
            if f"denied_{name}" in touches.column_names:
                values = touches.column(f"denied_{name}")
                rows = np.flatnonzero(values.is_valid().to_numpy())
                of_kind = self._named.setdefault(kind, ([], []))
                of_kind[0].append(rows + self._rows)
                of_kind[1].append(values.take(pa.array(rows)))
        self._rows += touches.num_rows

    def keep(
        self, connection: Connection, settings: Settings, own: pa.Table, new: npt.NDArray[np.bool_],
        erased: Erased | None,
    ) -> None:  # fmt: skip
        """Store what was said in new touches.

        Args:
            connection: the writer's.
            settings: the store's.
            own: `at` and `consent` of all rows, in the order in which they were added.
            new: bool[n], which of them are new.
            erased: who was erased: of them nothing is kept again.
        """
        for kind, (parts, texts) in self._named.items():
            rows, values = np.concatenate(parts), pa.concat_arrays([text.combine_chunks() for text in texts])
            told = new[rows]
            if erased is not None:
                told &= ~erased.among(kind, values, dated("touches", own.take(pa.array(rows))))
            known = [
                text if kind == VISITOR else comparable(kind, text, settings.get("region"))
                for text in values.to_pylist()
            ]
            told &= np.array([text is not None for text in known], np.bool_)
            said = own.select(["at", "consent"]).take(pa.array(rows[told]))
            usable = pa.array(
                [text for text, one in zip(known, told.tolist(), strict=True) if one], pa.string()
            )
            _insert(
                connection,
                identifier_hash=hashes(settings, kind, usable),
                at=said.column("at").to_numpy().astype(np.int64),
                consent=said.column("consent").to_numpy().astype(np.int64),
            )


def _insert(connection: Connection, **columns: Ints) -> None:
    row = row_hash(columns, len(columns["at"]))
    _, first = distinct(row)
    known = find(connection, schema.refusal, schema.refusal.c.hash, [], row[first])["hash"]
    new = first[~np.isin(row[first], known)]
    new = new[np.argsort(row[new])]  # in hash order: the table grows from left to right
    insert_columns(
        connection, schema.refusal,
        {"hash": row[new], **{name: values[new] for name, values in columns.items()}},
    )  # fmt: skip
