"""Page views, for an export: every column that is held."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from attribution import clock
from attribution.channels.origin import ORIGIN_FIELDS
from attribution.privacy.export_holder import Holder, Names, Row, Sightings
from attribution.privacy.export_touches import page_of, words_of
from attribution.store.columns import temporary
from attribution.store.schema import agent, origin, page, page_view


def read_views(connection: Connection, holder: Holder, seen: Sightings) -> list[Any]:
    """Read the page views of a person, those of a shared browser in their own stretches, in order of time."""
    with temporary(connection, **holder.spans()) as wanted:
        statement = (
            select(
                page_view,
                *(origin.c[name].label(f"origin_{name}") for name in ORIGIN_FIELDS),
                page.c.host, page.c.path, page.c.query, agent.c.user_agent,
            )
            .select_from(wanted)
            .join(page_view, page_view.c.visitor == wanted.c.number)
            .join(origin, origin.c.origin_id == page_view.c.origin_id)
            .outerjoin(page, page.c.page_id == page_view.c.page_id)
            .outerjoin(agent, agent.c.agent_id == page_view.c.agent_id)
            .where(page_view.c.at >= wanted.c.since, page_view.c.at < wanted.c.until)
            .order_by(page_view.c.at, page_view.c.hash)
        )  # fmt: skip
        found = list(connection.execute(statement).all())
    for one in found:
        seen.note(one.visitor, one.at, "page views")
    return found


def page_view_rows(views: list[Any], names: Names) -> list[Row]:
    """Write page views as rows; `session` is a number that stands for the session that the export knew."""
    return [
        {
            "at": clock.iso(one.at),
            "of": names.row(one.visitor, one.at),
            "page": page_of(one),
            "origin": {
                name: value for name in ORIGIN_FIELDS if (value := getattr(one, f"origin_{name}")) is not None
            },
            "session": one.session,
            "click_id": one.click_id,
            "engaged_seconds": one.engaged_seconds,
            "user_agent": one.user_agent,
            "consent": words_of(one.consent),
            "prefetch": bool(one.prefetch),
        }
        for one in views
    ]
