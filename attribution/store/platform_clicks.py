"""Clicks and impressions that platforms logged, by their click ids.

A platform knows a click by its id and not by the visitor; whatever touch carries the same id is that click,
and takes what the platform knows of it. Which touches those are is asked by a hash: no text is indexed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, delete, func, select

from attribution.sorted_sets import as_set
from attribution.store.columns import Ints, insert_columns, read_frame, read_ints, remove, temporary
from attribution.store.keys import text_hash
from attribution.store.schema import origin, platform_click, touch


def click_key(clicks: pa.Array | pa.ChunkedArray) -> Ints:
    """Hash click ids, whatever their capitals; a null hashes to 0.

    >>> one, other, none = click_key(pa.array(["gclid:Cj0", "GCLID:CJ0", None]))
    >>> bool(one == other), int(none)
    (True, 0)
    """
    return text_hash(pc.ascii_lower(clicks))


def is_empty(connection: Connection) -> bool:
    """Tell whether no platform logged any click."""
    return connection.execute(select(platform_click.c.n).limit(1)).first() is None


def note_clicks(connection: Connection, n: Ints, clicks: pa.Array) -> Ints:
    """Keep the click ids of touches that a platform logged.

    Args:
        connection: the writer's.
        n: int64, numbers of touches, ascending.
        clicks: their click ids, none of them null.

    Returns:
        int64, ascending: the visitors of touches that have one of those click ids.
    """
    if not len(n):
        return n
    insert_columns(connection, platform_click, {"n": n, "hash": click_key(clicks)})
    with temporary(connection, click=pc.unique(pc.ascii_lower(clicks))) as wanted:
        theirs = (
            select(touch.c.visitor)
            .join(wanted, func.lower(touch.c.click_id) == wanted.c.click)
            .where(touch.c.click_id.is_not(None), touch.c.visitor.is_not(None))
            .distinct()
        )
        return np.sort(read_ints(connection, theirs, ["visitor"])["visitor"])


def logged_of(connection: Connection, clicks: pa.Array) -> pd.DataFrame:
    """Find what platforms logged of click ids.

    Returns:
        `row placement_id`: a row of `clicks`, and the placement of a click that was logged under its id; of
        several the earliest comes first.
    """
    keys = click_key(clicks)
    wanted = as_set(keys[keys != 0])
    with temporary(connection, hash=wanted) as probe:
        found = read_frame(
            connection,
            select(platform_click.c.hash, origin.c.placement_id, touch.c.click_id)
            .join(probe, probe.c.hash == platform_click.c.hash)
            .join(touch, touch.c.n == platform_click.c.n)
            .join(origin, origin.c.origin_id == touch.c.origin_id)
            .where(touch.c.click_id.is_not(None))
            .order_by(touch.c.at, touch.c.touch_id),
        )
    found["click"] = found.pop("click_id").str.lower()
    found["order"] = np.arange(len(found))
    there = np.flatnonzero(np.isin(keys, found["hash"].to_numpy(np.int64)))
    texts = pc.ascii_lower(clicks.take(pa.array(there))).to_pandas()
    mine = pd.DataFrame({"hash": keys[there], "row": there, "click": texts.astype(object)})
    both = mine.merge(found, on=["hash", "click"]).sort_values("order", kind="stable")
    return both[["row", "placement_id"]].reset_index(drop=True)


def unmet(connection: Connection) -> Ints:
    """Return the numbers of nobody's logged clicks whose id no visitor's touch has, ascending."""
    nobody = _nobodys(connection)
    if nobody.empty:
        return np.zeros(0, np.int64)
    met = _met(connection, nobody, touch.c.visitor.is_not(None))
    return np.sort(nobody["n"].to_numpy(np.int64)[~met])


def needed(connection: Connection, gone: Ints) -> Ints:
    """Return which of some touches are nobody's clicks that name touches which stay.

    Args:
        connection: the writer's.
        gone: int64, numbers of touches that are to be removed.
    """
    nobody = _nobodys(connection)
    nobody = nobody[np.isin(nobody["n"].to_numpy(np.int64), gone)]
    if nobody.empty:
        return np.zeros(0, np.int64)
    with temporary(connection, n=gone) as going:
        stays = touch.c.visitor.is_not(None) & touch.c.n.not_in(select(going.c.n))
        met = _met(connection, nobody, stays)
    return np.sort(nobody["n"].to_numpy(np.int64)[met])


def nobodys_of(connection: Connection, clicks: pa.Array) -> Ints:
    """Return the numbers of nobody's touches that were logged under some click ids, ascending."""
    keys = click_key(clicks)
    with temporary(connection, hash=as_set(keys[keys != 0])) as probe:
        statement = (
            select(platform_click.c.n)
            .join(probe, probe.c.hash == platform_click.c.hash)
            .join(touch, touch.c.n == platform_click.c.n)
            .where(touch.c.visitor.is_(None))
        )
        return np.sort(read_ints(connection, statement, ["n"])["n"])


def remove_clicks(connection: Connection, n: Ints) -> None:
    """Forget the click ids of touches."""
    remove(connection, platform_click.c.n, n)


def remove_lost(connection: Connection) -> None:
    """Forget the click ids of touches that are none any more."""
    connection.execute(delete(platform_click).where(platform_click.c.n.not_in(select(touch.c.n))))


def _nobodys(connection: Connection) -> pd.DataFrame:
    """Return `n click` of logged clicks that are nobody's."""
    return read_frame(
        connection,
        select(touch.c.n, func.lower(touch.c.click_id).label("click"))
        .join(platform_click, platform_click.c.n == touch.c.n)
        .where(touch.c.visitor.is_(None), touch.c.click_id.is_not(None)),
    )


def _met(connection: Connection, logged: pd.DataFrame, which: ColumnElement[bool]) -> npt.NDArray[np.bool_]:
    """Tell which logged clicks have an id that one of some touches has: bool[n]."""
    ids = pa.array(logged["click"].unique().tolist(), pa.string())
    with temporary(connection, click=ids) as wanted:
        statement = (
            select(wanted.c.click)
            .join(touch, func.lower(touch.c.click_id) == wanted.c.click)
            .where(touch.c.click_id.is_not(None), which)
            .distinct()
        )
        known = connection.execute(statement).scalars().all()
    found: npt.NDArray[np.bool_] = logged["click"].isin(known).to_numpy(np.bool_)
    return found
