"""Touches that records make: a call, a meeting that was held.

They follow their records: a touch whose record changes is changed in its place, and the next run looks at
whose it was and whose it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection, case, func, select, update

from attribution.loading.merge import log_changes, nullable
from attribution.loading.rejects import in_words
from attribution.loading.result import ACCEPTED, CONFLICT
from attribution.loading.touches import fates, insert_touches
from attribution.sorted_sets import union
from attribution.sources.parse import Rejection
from attribution.store import schema
from attribution.store.columns import Ints, read_ints, temporary
from attribution.store.dimensions import intern_origins
from attribution.store.keys import find, look_up, row_hash, text_hash
from attribution.store.settings import Settings

Bools = npt.NDArray[np.bool_]

touch, touch_key = schema.touch, schema.touch_key


class Made(NamedTuple):
    """What records make of themselves.

    Attributes:
        ids: string[n], distinct touch ids.
        holder: int64[n] identifiers, 0 for nobody.
        at: int64[n] microseconds.
        origin: int64[n].
        there: bool[n]; where not, there is no touch, and one that was made belongs to nobody from now on.
    """

    ids: pa.Array
    holder: Ints
    at: Ints
    origin: Ints
    there: Bools


def keep_touches(connection: Connection, settings: Settings, batch_id: int | None, made: Made) -> Bools:
    """Make the touches of records, and bring those up to date that were made before.

    Args:
        connection: the writer's.
        settings: the store's.
        batch_id: of the import; None where none is made, as all were.
        made: what there should be.

    Returns:
        bool[n]: whose id belongs to a touch that somebody imported; that one stays as it is.
    """
    holder = np.where(made.there, made.holder, 0)
    digest = row_hash({"holder": holder, "at": made.at, "origin": made.origin}, len(holder))
    status, key = fates(connection, text_hash(made.ids), digest, pa.chunked_array([made.ids]))
    new = np.flatnonzero((status == ACCEPTED) & made.there)
    if len(new) and batch_id is not None:
        new = new[np.lexsort((made.at[new], holder[new]))]
        columns = {
            "touch_id": made.ids.take(pa.array(new)), "visitor": nullable(holder[new]), "at": made.at[new],
            "origin_id": made.origin[new], "consent": 0, "batch_id": batch_id,
        }  # fmt: skip
        insert_touches(connection, settings, columns, key[new], digest[new])
    return _change(connection, made._replace(holder=holder), np.flatnonzero(status == CONFLICT), key, digest)


def _change(connection: Connection, made: Made, rows: Ints, key: Ints, digest: Ints) -> Bools:
    """Bring touches up to date; returns bool[n] as :func:`keep_touches` does."""
    imported = np.zeros(len(made.holder), np.bool_)
    if not len(rows):
        return imported
    stored = find(connection, touch_key, touch_key.c.hash, ["n"], key[rows], exact=True)
    n = look_up(stored["hash"], stored["n"], key[rows])
    batch = schema.batch
    with temporary(connection, n=n) as wanted:
        before = read_ints(
            connection,
            select(
                touch.c.n,
                func.coalesce(touch.c.visitor, 0),
                case((batch.c.table_name == "touches", 1), else_=0),
            )
            .join_from(wanted, touch, touch.c.n == wanted.c.n)
            .join(batch, batch.c.batch_id == touch.c.batch_id),
            ["n", "holder", "imported"],
        )
    imported[rows] = look_up(before["n"], before["imported"], n) != 0
    ours = ~imported[rows]
    rows, n = rows[ours], n[ours]
    with temporary(
        connection, n=n, holder=made.holder[rows], at=made.at[rows], origin=made.origin[rows]
    ) as new:
        connection.execute(
            update(touch)
            .where(touch.c.n == new.c.n)
            .values(visitor=func.nullif(new.c.holder, 0), at=new.c.at, origin_id=new.c.origin)
        )
    with temporary(connection, hash=key[rows], digest=digest[rows]) as new:
        connection.execute(
            update(touch_key).where(touch_key.c.hash == new.c.hash).values(digest=new.c.digest)
        )
    whose = union(look_up(before["n"], before["holder"], n), made.holder[rows])
    log_changes(connection, schema.CHANGE_PERSON, whose[whose > 0])
    return imported


def bare_origin(connection: Connection, settings: Settings, kind: str) -> int:
    """Return the origin of touches of which nothing is known but their kind."""
    known = pa.table({"kind": [kind]})
    return int(intern_origins(connection, row_hash({"kind": known.column("kind")}, 1), known, settings)[0])


def contradicted(what: str, columns: pa.Table, lines: npt.NDArray[np.int64]) -> list[Rejection]:
    """Put calls or meetings into words whose touch could not be made, as somebody imported one of that id."""
    return in_words(
        f"{what}s",
        columns,
        lines,
        "conflict",
        lambda row: (
            f"this {what} would be the touch '{what}:{row[f'{what}_id']}', which the table touches has "
            f"already; that one stays as it is, and the {what} is stored without a touch of its own"
        ),
    )
