"""When an identifier was whose: a browser is somebody's from when to when, all others always."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_

from attribution.store.schema import membership


def theirs_then(at: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Return the condition that a membership was in force at an instant."""
    return and_(membership.c.since <= at, membership.c.until > at)
