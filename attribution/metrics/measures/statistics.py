"""What platforms and mailing tools report themselves: likes and comments, mails opened, a list that grows.

The rows name a source and a campaign, mailings a campaign only; nothing else is known of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Column, Table, and_, case, func, or_, select

from attribution.ledger.allocate import MILLION
from attribution.metrics.credits import sums
from attribution.metrics.measures.context import Measure, Measures
from attribution.metrics.measures.parts import Parts
from attribution.metrics.selection import Period
from attribution.store.columns import Ints, read_frame
from attribution.store.schema import email_stat, social_stat

_CARRIED: Final = {"social_stat": ("source", "campaign"), "email_stat": ("campaign",)}
_OF_MAILS: Final = ("opens", "clicks", "forwards")
_CALLED: Final = {"social_stat": "engagement", "email_stat": "email performance"}


def _unknown(measures: Measures, table: Table) -> bool:
    """Tell, with a warning, whether a dimension is none of the table's."""
    dims = measures.dimensions
    names = [dim for dim in (*dims.marketing, *dims.plain) if dim not in _CARRIED[table.name]]
    if names:
        measures.warn(
            f"{_CALLED[table.name]} is left empty: its statistics are not known by {', '.join(names)}"
        )
    return bool(names)


def _read(measures: Measures, table: Table, *values: Any) -> pd.DataFrame:
    """Read the rows of a table once: `day`, what they name, and the values (0 where there is none)."""

    def read() -> pd.DataFrame:
        names = [table.c[name] for name in _CARRIED[table.name]]
        statement = select(table.c.day, *names, *values).order_by(table.c.day, table.c.hash)
        frame = read_frame(measures.connection, statement)
        frame["group"] = measures.dimensions.named_groups(frame[list(_CARRIED[table.name])])
        return frame

    return measures.once(" ".join([table.name, *(value.name for value in values)]), read)


def _within(days: Ints, period: Period) -> Any:
    inside = np.ones(len(days), bool)
    if period.start_day is not None:
        inside &= days >= period.start_day
    return inside if period.end_day is None else inside & (days <= period.end_day)


def _in_period(measures: Measures, found: pd.DataFrame) -> pd.DataFrame:
    inside = _within(found["day"].to_numpy(np.int64), measures.asked.question.period)
    kept: pd.DataFrame = found[inside]
    return kept


def _sum(table: Table, columns: Sequence[str]) -> Measure:
    def measure(measures: Measures) -> Parts | None:
        if _unknown(measures, table):
            return None
        own: list[Column[Any]] = [table.c[name] for name in columns]
        total: Any = func.coalesce(own[0], 0)
        for column in own[1:]:
            total = total + func.coalesce(column, 0)
        found = _in_period(measures, _read(measures, table, total.label("+".join(columns))))
        values = found["+".join(columns)].to_numpy(np.int64) * MILLION
        return Parts.of_groups(sums(found["group"].to_numpy(np.int64), values))

    return measure


def _of_delivered(name: str) -> Measure:
    """Add up what came of mails, of the rows alone that tell how many were delivered: a rate is of both."""
    unknown, own = email_stat.c.delivered.is_(None), email_stat.c[name]
    counted: Any = case((unknown, 0), else_=func.coalesce(own, 0))
    left_out: Any = case((and_(unknown, or_(*(email_stat.c[one] > 0 for one in _OF_MAILS))), 1), else_=0)

    def measure(measures: Measures) -> Parts | None:
        if _unknown(measures, email_stat):
            return None
        found = _in_period(measures, _read(measures, email_stat, counted.label(f"{name} of delivered")))
        lost = _in_period(measures, _read(measures, email_stat, left_out.label("not delivered")))
        if lost.loc[lost["group"] >= 0, "not delivered"].any():
            measures.warn(
                "open, click-through and forward rates leave out the rows of email_stats that do not tell "
                "how many mails were delivered; import them again with `delivered`"
            )
        values = found[f"{name} of delivered"].to_numpy(np.int64) * MILLION
        return Parts.of_groups(sums(found["group"].to_numpy(np.int64), values))

    return measure


def list_change(measures: Measures) -> Parts | None:
    came, left = _sum(email_stat, ["subscribes"])(measures), _sum(email_stat, ["unsubscribes"])(measures)
    if came is None or left is None:
        return None
    more, less = came.sums(), left.sums()
    return Parts.of_groups({group: more.get(group, 0) - less.get(group, 0) for group in {*more, *less}})


def list_at_start(measures: Measures) -> Parts | None:
    """Read the last known size of each list before the period, else that of its first day.

    Rows do not name a list: of several campaigns that tell a size on one day, the largest is that of the
    whole.
    """
    if _unknown(measures, email_stat):
        return None
    sizes = _read(measures, email_stat, func.coalesce(email_stat.c.list_size, -1).label("list_size"))
    sizes = sizes[(sizes["list_size"] >= 0) & (sizes["group"] >= 0)]
    period = measures.asked.question.period
    start = period.start_day
    if start is None:
        start = int(sizes["day"].min()) if len(sizes) else 0
    last = start if period.end_day is None else min(start, period.end_day)
    known = sizes[sizes["day"] <= last]
    known = known.assign(group=known["group"].astype(np.int64))
    by_group = {int(str(group)): _latest(part, start) for group, part in known.groupby("group")}
    whole = _latest(known, start) if len(known) else 0
    return Parts.of_groups(by_group, whole)


def _latest(sizes: pd.DataFrame, start: int) -> int:
    """Return the largest size of the last day before the start, in millionths; else of the start itself."""
    before = sizes[sizes["day"] < start]
    found = before if len(before) else sizes
    return int(found.loc[found["day"] == found["day"].max(), "list_size"].max()) * MILLION


MEASURES: Final[dict[str, Measure]] = {
    "engagement": _sum(social_stat, ["likes", "comments", "shares"]),
    "engagement_clicks": _sum(social_stat, ["clicks"]),
    "mails_delivered": _sum(email_stat, ["delivered"]),
    "mails_opened": _of_delivered("opens"),
    "mail_clicks": _of_delivered("clicks"),
    "mail_forwards": _of_delivered("forwards"),
    "list_change": list_change,
    "list_at_start": list_at_start,
}
