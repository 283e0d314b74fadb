"""`retain`: visitors who were never identified go after a while; how many there were a day stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Column, Connection, Table, delete, exists, func, select

from attribution import clock
from attribution.identifiers import VISITOR
from attribution.ledger.rates import days_in_zone
from attribution.models.registry import get_models
from attribution.privacy.retain_views import remove_old_views
from attribution.privacy.touches import Progress, remove_touches, remove_unused
from attribution.sorted_sets import as_set, union
from attribution.store import schema
from attribution.store.columns import (
    Ints,
    insert_columns,
    packed,
    read_frame,
    read_ints,
    remove,
    temporary,
    unpack,
)
from attribution.store.database import Database
from attribution.store.platform_clicks import needed
from attribution.store.settings import Settings

_VISITORS_AT_ONCE: Final = 200_000

touch, touch_flag, identifier, refusal = (
    schema.touch, schema.touch_flag, schema.identifier, schema.refusal,
)  # fmt: skip


@dataclass(frozen=True)
class Retention:
    """What went, or would go.

    Attributes:
        before: microseconds: what is older went; the start of a day of the reporting timezone.
        counts: `day origin_id touches visitors`, what the touches were added to the daily counts as.
        visitors, views, pages, agents, leases, refusals: rows that went besides the touches.
        notes: what else to know, in sentences.
    """

    before: int
    counts: pd.DataFrame
    visitors: int
    views: int
    pages: int
    agents: int
    leases: int
    refusals: int
    notes: list[str]


def retain(
    db: Database, anonymous: str, *, dry_run: bool = False, progress: Progress | None = None
) -> Retention:
    """Remove the touches of visitors who were never identified, and keep daily counts of them.

    A visitor is identified by any evidence, also such as does not count, by a company, a lead, a call or a
    decision; by a number that was leased to them only while the lease is not as old. Touches without a
    visitor (consent was denied) are folded into the counts as well. What a journey or an entry of the ledger
    refers to stays.

    Args:
        db: the store.
        anonymous: a duration such as `400d`; a day goes when all of it is older.
        dry_run: do all of it and take it back.
        progress: called as the work goes on.

    Raises:
        InputError: not a duration.
    """
    age = clock.parse_duration(anonymous)
    with db.trial() if dry_run else db.write() as connection:
        settings = Settings(connection)
        timezone = settings.require("timezone")
        before = start_of_day(clock.now_micros() - age, timezone)
        strangers = _strangers(connection, before)
        old = _old_touches(connection, strangers, before, timezone, progress)
        counts = old.counts()
        with temporary(connection, n=old.n) as gone:
            costs = _costs(connection, gone, timezone)
        _add(connection, schema.touch_count, counts, ["day", "origin_id"])
        _add(connection, schema.touch_cost, costs, ["day", "origin_id", "currency"])
        remove_touches(connection, settings, old.n, progress=progress)
        remove(connection, touch_flag.c.n, old.n)
        viewers, views = remove_old_views(connection, settings, strangers, before)
        leases = _old_leases(connection, strangers, before)
        remove(connection, schema.lease.c.lease_id, leases["lease"])
        visitors = _remove_visitors(connection, union(old.visitor, leases["visitor"], viewers))
        unused = remove_unused(connection)
        is_known = exists().where(identifier.c.hash == refusal.c.identifier_hash)
        refusals = connection.execute(delete(refusal).where(refusal.c.at < before, ~is_known)).rowcount
        notes = _of_models(settings) + _of_lookback(settings, age) if visitors else []
    if not dry_run and (len(old.n) or views or len(leases["lease"]) or refusals):
        if progress is not None:
            progress("giving back space", 0, None)
        problem = db.reclaim()
        notes += [problem] if problem else []
    return Retention(
        before, counts, visitors, views, unused["page"], unused["agent"], len(leases["lease"]), refusals,
        notes,
    )  # fmt: skip


def start_of_day(at: int, timezone: str) -> int:
    """Return the first microsecond of the day of an instant in a zone.

    >>> clock.iso(start_of_day(clock.HOUR, "Europe/Berlin"))
    '1969-12-31T23:00:00Z'
    """
    return clock.day_bounds(clock.from_micros(at).astimezone(clock.zone(timezone)).date(), timezone)[0]


@dataclass(frozen=True)
class _Old:
    """Touches to remove; `visitor` is 0 where there is none. Those that are flagged do not `count`."""

    n: Ints
    visitor: Ints
    count: npt.NDArray[np.bool_]
    day: npt.NDArray[np.int32]
    origin: npt.NDArray[np.int32]

    def counts(self) -> pd.DataFrame:
        """Count touches and visitors by day and origin; a visitor counts once in each."""
        days, day = np.unique(self.day[self.count], return_inverse=True)
        origins, origin = np.unique(self.origin[self.count], return_inverse=True)
        cell = day.astype(np.int64) * len(origins) + origin
        cells, place, touches = np.unique(cell, return_inverse=True, return_counts=True)
        visitor = self.visitor[self.count]
        named = visitor > 0
        visits = np.sort(visitor[named] * len(cells) + place[named])
        once = visits[np.diff(visits, prepend=-1) != 0]  # numpy's own `unique` is slower than a sort here
        visitors = np.bincount(once % max(len(cells), 1), minlength=len(cells))
        at, which = np.divmod(cells, max(len(origins), 1))
        return pd.DataFrame(
            {"day": days[at], "origin_id": origins[which], "touches": touches, "visitors": visitors},
            dtype=np.int64,
        )


def _old_touches(
    connection: Connection, strangers: Ints, before: int, timezone: str, progress: Progress | None
) -> _Old:  # fmt: skip
    parts = list(_read_old(connection, strangers, before, timezone, progress))
    old = _Old(*(np.concatenate([getattr(part, name) for part in parts]) for name in _Old.__annotations__))
    # a click that names a visit which stays is as old as that visit is
    referred = union(_referred(connection, old.n), needed(connection, old.n))
    if not len(referred):
        return old
    keep = ~np.isin(old.n, referred)
    return _Old(old.n[keep], old.visitor[keep], old.count[keep], old.day[keep], old.origin[keep])


def _read_old(
    connection: Connection, strangers: Ints, before: int, timezone: str, progress: Progress | None
) -> Iterator[_Old]:
    def part(rows: dict[str, Ints], visitor: Ints, count: bool = True) -> _Old:
        day = days_in_zone(rows["at"], timezone).astype(np.int32)
        counts = np.full(len(rows["n"]), count)
        return _Old(rows["n"], visitor, counts, day, rows["origin"].astype(np.int32))

    columns = (touch.c.n, touch.c.at, touch.c.origin_id)
    is_flagged = exists().where(touch_flag.c.n == touch.c.n)
    nobody = select(*columns).where(touch.c.visitor.is_(None), touch.c.at < before, ~is_flagged)
    rows = read_ints(connection, nobody, ["n", "at", "origin"])
    yield part(rows, np.zeros(len(rows["n"]), np.int64))
    flagged = select(*columns, func.coalesce(touch_flag.c.visitor, 0)).join(
        touch_flag, touch_flag.c.n == touch.c.n
    )
    rows = read_ints(connection, flagged.where(touch.c.at < before), ["n", "at", "origin", "visitor"])
    theirs = (rows["visitor"] == 0) | np.isin(rows["visitor"], strangers)
    rows = {name: values[theirs] for name, values in rows.items()}
    yield part(rows, rows["visitor"], count=False)
    for start in range(0, len(strangers), _VISITORS_AT_ONCE):
        if progress is not None:
            progress("looking for old touches", start, len(strangers))
        with temporary(connection, visitor=strangers[start : start + _VISITORS_AT_ONCE]) as wanted:
            theirs = (
                select(*columns, touch.c.visitor)
                .select_from(wanted)
                .join(touch, touch.c.visitor == wanted.c.visitor)
                .where(touch.c.at < before)
            )
            rows = read_ints(connection, theirs, ["n", "at", "origin", "visitor"])
        yield part(rows, rows["visitor"])


def _strangers(connection: Connection, before: int) -> Ints:
    """Return the visitors that nothing but touches names, or numbers leased to them long ago; ascending."""
    lead, call, lease, decision = schema.lead, schema.call, schema.lease, schema.decision
    # what stands for somebody who was erased keeps their figures together
    every = select(identifier.c.identifier_id).where(identifier.c.kind == VISITOR, identifier.c.trait == 0)
    visitors = read_ints(connection, every, ["i"])["i"]
    ends = select(packed(schema.edge.c.a, schema.edge.c.b))
    named = [*unpack(read_ints(connection, ends, ["pair"])["pair"])]
    leased = select(lease.c.visitor).where(lease.c.leased_at >= before).distinct()
    named.append(read_ints(connection, leased, ["i"])["i"])
    for column in (
        schema.affiliation.c.identifier_id, schema.membership.c.identifier_id, lead.c.visitor,
        call.c.visitor, decision.c.a, decision.c.b,
    ):  # fmt: skip
        statement = select(column).where(column.is_not(None)).distinct()
        named.append(read_ints(connection, statement, ["i"])["i"])
    known = np.zeros(int(visitors.max(initial=0)) + 1, np.bool_)
    for numbers in named:
        known[numbers[numbers < len(known)]] = True
    return np.sort(visitors[~known[visitors]])


def _old_leases(connection: Connection, strangers: Ints, before: int) -> dict[str, Ints]:
    lease = schema.lease
    statement = select(lease.c.lease_id, lease.c.visitor).where(lease.c.leased_at < before)
    found = read_ints(connection, statement, ["lease", "visitor"])
    theirs = np.isin(found["visitor"], strangers)
    return {name: values[theirs] for name, values in found.items()}


def _referred(connection: Connection, numbers: Ints) -> Ints:
    """Return which touches a journey or an entry of the ledger refers to."""
    if not len(numbers):
        return numbers
    columns: tuple[Column[Any], ...] = (schema.journey_touch.c.touch, schema.entry.c.touch)
    with temporary(connection, n=numbers) as wanted:
        found = [
            read_ints(connection, select(column).where(column.in_(select(wanted.c.n))).distinct(), ["n"])["n"]
            for column in columns
        ]
    return union(*found)


def _costs(connection: Connection, gone: Table, timezone: str) -> pd.DataFrame:
    """Add up what touches cost by day, origin and currency."""
    statement = (
        select(touch.c.at, touch.c.origin_id, touch.c.currency, touch.c.cost_minor)
        .join(gone, gone.c.n == touch.c.n)
        .where(touch.c.cost_minor.is_not(None), touch.c.cost_minor != 0)
    )
    frame = read_frame(connection, statement)
    if frame.empty:
        return frame
    day = days_in_zone(frame["at"].to_numpy(np.int64), timezone)
    sums = frame.assign(day=day).groupby(["day", "origin_id", "currency"])["cost_minor"].sum()
    return sums.reset_index()


def _add(connection: Connection, table: Table, rows: pd.DataFrame, keys: list[str]) -> None:
    """Add daily figures to those that are there."""
    if rows.empty:
        return
    days = as_set(rows["day"].to_numpy(np.int64))
    with temporary(connection, day=days) as wanted:
        before = read_frame(connection, select(table).join(wanted, wanted.c.day == table.c.day))
    both = rows if before.empty else pd.concat([before, rows])
    sums = both.groupby(keys, as_index=False).sum()
    remove(connection, table.c.day, days)
    insert_columns(connection, table, {str(name): values.to_list() for name, values in sums.items()})


def _remove_visitors(connection: Connection, visitors: Ints) -> int:
    """Forget visitors of whom neither a touch, a page view nor a lease is left."""
    visitors = visitors[visitors > 0]
    with temporary(connection, visitor=visitors) as wanted:
        visits = exists().where(touch.c.visitor == wanted.c.visitor)
        others = [
            exists().where(column == wanted.c.visitor)
            for column in (schema.lease.c.visitor, touch_flag.c.visitor, schema.page_view.c.visitor)
        ]
        statement = select(wanted.c.visitor).where(~visits, *(~other for other in others))
        gone = read_ints(connection, statement, ["i"])["i"]
    remove(connection, identifier.c.identifier_id, gone)
    return len(gone)


def _of_models(settings: Settings) -> list[str]:
    """Say what models that learn will miss."""
    learning = [model.label for model in get_models(settings.require("models").split()) if model.needs_fit]
    if not learning:
        return []
    return [
        f"{', '.join(learning)} learned from these visitors too, as from journeys that led nowhere: what was "
        "learned stays as it is, and the next `attribution model fit` learns without them"
    ]


def _of_lookback(settings: Settings, age: int) -> list[str]:
    """Say what journeys will miss."""
    lookback = settings.require("lookback")
    if lookback != "none" and clock.parse_duration(lookback) <= age:
        return []
    return [
        f"the lookback is {lookback}: journeys of visitors who become known yet begin "
        f"{clock.duration_text(age)} back at most"
    ]
