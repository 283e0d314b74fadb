"""Logged clicks of somebody who is erased: nobody's touches with the person's click ids."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, select

from attribution.privacy.forget_person import Person
from attribution.privacy.forget_receipt import Receipt
from attribution.privacy.forget_views import take_out
from attribution.store import schema
from attribution.store.columns import Ints, temporary
from attribution.store.platform_clicks import nobodys_of, remove_clicks

page_view, touch, touch_flag = schema.page_view, schema.touch, schema.touch_flag


def clicks_of(connection: Connection, person: Person, touches: pd.DataFrame) -> pa.Array:
    """Return the click ids of somebody's touches and page views; to be asked before those go."""
    found = set(touches["click_id"].dropna().tolist())
    with temporary(connection, visitor=person.identifiers) as theirs:
        mine = select(theirs.c.visitor)
        flagged = (
            select(touch.c.click_id)
            .join(touch_flag, touch_flag.c.n == touch.c.n)
            .where(touch_flag.c.visitor.in_(mine))
        )
        views = select(page_view.c.click_id).where(page_view.c.visitor.in_(mine))
        for statement in (flagged, views):
            found |= set(connection.execute(statement.distinct()).scalars())
    return pa.array(sorted(found - {None}), pa.string())


def empty_clicks(connection: Connection, own: Ints, clicks: pa.Array, receipt: Receipt) -> None:
    """Take whatever tells whose they were out of clicks that a platform logged.

    Args:
        connection: the writer's.
        own: int64, numbers of the person's own touches, which a platform may have logged as well.
        clicks: the person's click ids.
        receipt: is added to.
    """
    numbers = nobodys_of(connection, clicks)
    take_out(connection, numbers)
    for gone in (numbers, own):
        remove_clicks(connection, gone)
    receipt.add(schema.platform_click.name, "touch id, page, click id and browser taken out", len(numbers))
