"""Touches that say who somebody is: a form with an e-mail, a chat with a login, a list of a trade fair."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from attribution.identifiers import COLUMN_KINDS
from attribution.loading.evidence import add_edges, intern_sources, note_holders, strongest
from attribution.store.columns import Ints
from attribution.store.identifiers import intern_identifiers
from attribution.store.settings import Settings


def identify(
    connection: Connection, settings: Settings, said: pa.Table, kind: pa.ChunkedArray, at: Ints,
    visitor: Ints, counts: npt.NDArray[np.bool_], *, tally: bool = True,
) -> Ints:  # fmt: skip
    """Keep what rows tie together, and return whose touch each is.

    A row is evidence that its visitor and whatever else it names are one person, under the source
    `touch: form` (its kind). It is the visitor's touch; where there is none, the touch of the strongest
    identifier given.

    Args:
        connection: the writer's.
        settings: the store's.
        said: n rows with some of the columns of TOUCH_IDENTIFIERS, as received.
        kind: string[n] of touch.
        at: int64[n] microseconds.
        visitor: int64[n], 0 where there is none.
        counts: bool[n]; what the others say, as a robot in a form does, ties nobody.
        tally: keep count of values that name nobody.

    Returns:
        int64[n] identifiers; 0: nobody's.
    """
    ids = {
        name: visitor
        if name == "visitor_id"
        else intern_identifiers(connection, settings, of_kind, said.column(name), tally=tally)
        for name, of_kind in COLUMN_KINDS.items()  # in this order: the strongest kind first
        if name == "visitor_id" or name in said.column_names
    }
    head = strongest(ids.values())
    several = np.flatnonzero(counts & (np.sum([values > 0 for values in ids.values()], axis=0) > 1))
    if len(several):
        label = pc.binary_join_element_wise("touch", kind.take(pa.array(several)), ": ")
        source = intern_sources(connection, label)
        for values in ids.values():
            add_edges(connection, head[several], values[several], at[several], source)
    note_holders(connection, head[counts & (visitor == 0)])
    return np.where(visitor > 0, visitor, head)
