"""Page views and the sessions that they become, as plain values, for the tests of sessions."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select

from attribution import clock
from attribution.engine import Store
from attribution.store.identifiers import spelled
from attribution.store.schema import identifier, origin, page, placement, touch, touch_flag

SITE = "https://www.acme.com"


class Session(NamedTuple):
    """One session touch; `flag` is the reason why it is in no journey."""

    visitor: str | None
    at: str
    channel: str
    campaign: str | None
    page: str | None
    page_views: int | None
    engaged: int | None
    click_id: str | None
    consent: int
    flag: int | None
    touch_id: str


def sessions(store: Store) -> list[Session]:
    """Read all touches of page views, in order of visitor and time; those of nobody first."""
    whose = select(
        touch.c.touch_id, touch.c.at, placement.c.channel, placement.c.campaign, page.c.path,
        touch.c.page_views, touch.c.engaged_seconds, touch.c.click_id, touch.c.consent, touch_flag.c.reason,
        spelled().label("visitor"), touch_flag.c.visitor.label("flagged"),
    ).select_from(
        touch.join(origin, origin.c.origin_id == touch.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
        .outerjoin(page, page.c.page_id == touch.c.page_id)
        .outerjoin(identifier, identifier.c.identifier_id == touch.c.visitor)
        .outerjoin(touch_flag, touch_flag.c.n == touch.c.n)
    )  # fmt: skip
    with store.db.read() as connection:
        known = dict(connection.execute(select(identifier.c.identifier_id, spelled())).all())
        found = connection.execute(whose).all()
    rows = [
        Session(
            one.visitor or known.get(one.flagged), clock.iso(one.at), one.channel, one.campaign, one.path,
            one.page_views, one.engaged_seconds, one.click_id, one.consent, one.reason, one.touch_id,
        )
        for one in found
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row.visitor or "", row.at, row.touch_id))


def brief(store: Store) -> list[tuple[Any, ...]]:
    """Return `visitor time channel pages` of each session."""
    return [(one.visitor, one.at[11:19], one.channel, one.page_views) for one in sessions(store)]


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as CSV."""
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(listed)
    return path
