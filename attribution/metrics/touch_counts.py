"""The daily counts that `retain` keeps of touches of visitors who were never identified."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, cast, func, select

from attribution import clock
from attribution.metrics.answer import Answer
from attribution.store.database import Database
from attribution.store.schema import origin, placement, touch_count

_PLACED: Final = ("channel", "source", "medium", "campaign")


def touch_counts(db: Database) -> Answer:
    """Return `day kind channel source medium campaign touches visitors`, in the order of days.

    A day is one of the timezone that the reports had when `retain` ran. A visitor counts once a day and
    origin.
    """
    kind = func.coalesce(origin.c.kind, "session")
    names = [placement.c[name] for name in _PLACED]
    sums = [cast(func.sum(touch_count.c[name]), BigInteger) for name in ("touches", "visitors")]
    statement = (
        select(touch_count.c.day, kind, *names, *sums)
        .join(origin, origin.c.origin_id == touch_count.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
        .group_by(touch_count.c.day, kind, *names)
    )
    columns = ("day", "kind", *_PLACED, "touches", "visitors")
    with db.read() as connection:
        found = connection.execute(statement).all()
    rows = [
        {"day": clock.day_of(day).isoformat(), **dict(zip(columns[1:], values, strict=True))}
        for day, *values in found
    ]
    rows.sort(key=lambda row: [str(row[name] or "") for name in columns[:-2]])
    return Answer(
        verb="retain",
        store=db.label,
        as_of=clock.iso(clock.now_micros()),
        rows=rows,
        totals={"touches": sum(row["touches"] for row in rows)},
        columns={name: "count" if name in ("touches", "visitors") else "text" for name in columns},
        title="Daily counts of removed touches",
    )
