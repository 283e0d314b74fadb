"""The touches of somebody who is erased: times, origins and counts stay, for a stand-in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Column, Connection, or_, select, update

from attribution.loading.tombstones import anonymous_ids
from attribution.privacy.forget_person import Person
from attribution.privacy.forget_receipt import Receipt
from attribution.privacy.forget_views import Seen
from attribution.sorted_sets import difference, union
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_frame, read_ints, remove, temporary
from attribution.store.keys import ERASED

journey_touch, page_view, touch, touch_key = (
    schema.journey_touch, schema.page_view, schema.touch, schema.touch_key,
)  # fmt: skip


def read_touches(connection: Connection, person: Person) -> pd.DataFrame:
    """Read the touches of a person with all their columns, in order."""
    always = person.identifiers
    shared = person.shared
    ever = np.full(len(always), 2**62)
    with temporary(
        connection,
        identifier=np.concatenate([always, shared.identifier]),
        since=np.concatenate([-ever, shared.since]),
        until=np.concatenate([ever, shared.until]),
    ) as theirs:
        found = read_frame(
            connection,
            select(touch)
            .join_from(theirs, touch, touch.c.visitor == theirs.c.identifier)
            .where(touch.c.at >= theirs.c.since, touch.c.at < theirs.c.until),
        )
    return found.sort_values(["at", "touch_id"], ignore_index=True)


def anonymise(connection: Connection, touches: pd.DataFrame, stand_in: int, receipt: Receipt) -> None:
    """Give touches to a stand-in, and take out whatever may tell whose they were.

    A page that others saw too tells nothing; one that nobody else saw goes, as the browsers' names do. What
    one click id ties together stays tied, by a text that says nothing.

    Args:
        connection: the writer's.
        touches: of :func:`read_touches`.
        stand_in: the visitor that they are of from now on.
        receipt: is added to.
    """
    if touches.empty:
        return
    numbers = touches["n"].to_numpy(np.int64)
    clicks = touches["click_id"].str.casefold() if touches["click_id"].notna().any() else touches["click_id"]
    codes, ids = pd.factorize(clicks)
    names = np.array([*anonymous_ids(len(ids)), None], object)
    with temporary(connection, n=numbers) as mine:
        seen = _seen_by_others(connection, touches["page_id"], mine.c.n)
        changed = connection.execute(
            update(touch_key).where(touch_key.c.n.in_(select(mine.c.n))).values(digest=ERASED)
        ).rowcount
    pages = [number if number in seen else None for number in touches["page_id"].tolist()]
    remove(connection, touch.c.n, numbers)
    whole = ("page_views", "engaged_seconds", "cost_minor")
    insert_columns(
        connection,
        touch,
        {
            **{
                name: touches[name].to_numpy(np.int64)
                for name in ("n", "at", "origin_id", "consent", "batch_id")
            },
            **{name: pa.array(touches[name].tolist(), pa.int64()) for name in whole},
            "touch_id": anonymous_ids(len(touches)),
            "visitor": stand_in,
            "page_id": pa.array(pages, pa.int64()),
            "click_id": pa.array(names[codes], pa.string()),
            "currency": pa.array(touches["currency"].tolist(), pa.string()),
        },
    )
    receipt.add(
        "touch", "id, visitor, page, click id and browser taken out; time, origin, counts stay", len(numbers)
    )
    receipt.add("touch_key", "content hash taken out", changed)


def rename_in_journeys(connection: Connection, touches: pd.DataFrame, person: int, stand_in: int) -> int:
    """Let the stand-in be the person of kept journeys; returns how many of their touches that were."""
    with temporary(connection, n=touches["n"].to_numpy(np.int64)) as mine:
        theirs = or_(journey_touch.c.person_id == person, journey_touch.c.touch.in_(select(mine.c.n)))
        return connection.execute(update(journey_touch).where(theirs).values(person_id=stand_in)).rowcount


def _used(connection: Connection, column: Column[Any], candidates: Ints) -> Ints:
    with temporary(connection, wanted=candidates) as wanted:
        statement = select(column).where(column.in_(select(wanted.c.wanted))).distinct()
        return read_ints(connection, statement, ["i"])["i"]


def _seen_by_others(connection: Connection, pages: pd.Series, mine: Column[int]) -> set[int]:
    theirs_seen = pages.dropna().astype(np.int64).unique()
    by_views = _used(connection, page_view.c.page_id, theirs_seen)  # the person's own are gone
    with temporary(connection, page=theirs_seen) as theirs:
        statement = (
            select(touch.c.page_id)
            .where(touch.c.page_id.in_(select(theirs.c.page)), touch.c.n.not_in(select(mine)))
            .distinct()
        )
        return {*read_ints(connection, statement, ["page"])["page"].tolist(), *by_views.tolist()}


def remove_unused(connection: Connection, touches: pd.DataFrame, seen: Seen, receipt: Receipt) -> None:
    """Remove the pages and browsers' names of touches and of views that none has any more."""
    for table, number, more in (
        (schema.page, "page_id", seen.pages), (schema.agent, "agent_id", seen.agents),
    ):  # fmt: skip
        candidates = union(touches[number].dropna().astype(np.int64).unique(), more)
        used = [_used(connection, column, candidates) for column in (touch.c[number], page_view.c[number])]
        unused = difference(candidates, np.concatenate(used))
        remove(connection, table.c[number], unused)
        receipt.add(table.name, "removed: nobody else's", len(unused))
