"""Calls and the visitors whose number they reached: matched anew when calls, leases or numbers come in.

A match is written to the call and is evidence that the caller's phone is that visitor's. It depends on what
is stored and on nothing else: what a file takes back is taken back here.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, func, or_, select, update

from attribution import clock
from attribution.loading.evidence import add_edges, intern_sources, remove_edges
from attribution.loading.leases import OPEN, Leases, held_by
from attribution.loading.made_touches import Bools, Made, bare_origin, keep_touches
from attribution.store import schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.keys import ERASED, row_hash
from attribution.store.settings import Settings

SOURCE: Final = "call"  # of the evidence
_GRACE: Final = "_calls_matched_with"  # the grace period by which all calls were matched
_FEW_NUMBERS: Final = 500  # up to here numbers are named in a statement, beyond all are read

call, lease, tracking_number = schema.call, schema.lease, schema.tracking_number


class Why(IntEnum):
    """What became of a call that somebody might be tied by."""

    HELD = 0  # somebody held the number
    NEVER_LEASED = 1  # a number that is shown to everybody, as one in print is
    NO_LEASE = 2  # a number that is leased, and was not then
    FALLBACK = 3  # the number that is shown when the pool has run dry
    AMBIGUOUS = 4  # two leases began at one instant


class Tie(NamedTuple):
    """Who called, who held the number, and when: int64[n] each; 0 where that is not known."""

    caller: Ints
    visitor: Ints
    at: Ints

    @property
    def hashes(self) -> Ints:
        """What says whether two ties are one."""
        return row_hash(self._asdict(), len(self.at))

    def where(self, mask: Bools) -> Tie:
        """Return some of them."""
        return Tie(*(values[mask] for values in self))


class Matched(NamedTuple):
    """Whose number each call reached (0: nobody's), why, and the origin of the number (0: not known)."""

    visitor: Ints
    why: Ints
    origin: Ints


def read_calls(
    connection: Connection,
    *,
    ids: Ints | None = None,
    numbers: Collection[str] | None = None,
    since: int | None = None,
) -> pd.DataFrame:
    """Read calls: `call_id key tracking_number at caller visitor`, 0 where one of the latter is not known.

    Those of somebody who was erased are left out: nobody is matched to them again.

    Args:
        connection: inside a transaction.
        ids: only these.
        numbers: only those to these numbers.
        since: only those at or after this instant, in microseconds.
    """
    statement = select(
        call.c.call_id, call.c.key, call.c.tracking_number, call.c.at,
        func.coalesce(call.c.caller, 0).label("caller"), func.coalesce(call.c.visitor, 0).label("visitor"),
    ).where(call.c.digest != ERASED)  # fmt: skip
    if since is not None:
        statement = statement.where(call.c.at >= since)
    if numbers is not None and len(numbers) <= _FEW_NUMBERS:
        statement = statement.where(call.c.tracking_number.in_(list(numbers)))
    if ids is not None:
        with temporary(connection, wanted=ids) as wanted:
            found = read_frame(connection, statement.join(wanted, wanted.c.wanted == call.c.call_id))
    else:
        found = read_frame(connection, statement)
    if numbers is not None and len(numbers) > _FEW_NUMBERS:
        found = found[found["tracking_number"].isin(list(numbers))]
    return found.astype(dict.fromkeys(("call_id", "at", "caller", "visitor"), np.int64))


def ties_of(calls: pd.DataFrame) -> Tie:
    """Return what the store says of calls, as :func:`read_calls` reads them."""
    return Tie(*(calls[name].to_numpy(np.int64) for name in Tie._fields))


def match(connection: Connection, settings: Settings, calls: pd.DataFrame) -> Matched:
    """Return whose number calls reached, as :func:`read_calls` reads them."""
    at = calls["at"].to_numpy(np.int64)
    codes, names = pd.factorize(calls["tracking_number"])
    code = codes.astype(np.int64)
    grace = clock.parse_duration(settings.require("call_grace"), least=0)
    leases, leased = _read_leases(connection, pd.Index(names), at, grace)
    held = held_by(code, at, leases)
    fallback, origin = _read_numbers(connection, pd.Index(names))
    shown = fallback[code]
    visitor = np.where(shown, 0, held.visitor)
    why = np.select(
        [shown, held.ambiguous, visitor > 0, leased[code]],
        [Why.FALLBACK, Why.AMBIGUOUS, Why.HELD, Why.NO_LEASE],
        Why.NEVER_LEASED,
    )
    return Matched(visitor, why.astype(np.int64), origin[code])


def _read_leases(connection: Connection, names: pd.Index, at: Ints, grace: int) -> tuple[Leases, Bools]:
    """Return the leases that may have been on at some instants, and which numbers were ever leased."""
    whole = select(lease.c.tracking_number).distinct()
    until = func.coalesce(lease.c.released_at + grace, OPEN)
    near = select(
        lease.c.tracking_number, lease.c.leased_at, until.label("until"), lease.c.visitor
    ).where(or_(lease.c.released_at.is_(None), until > int(at.min(initial=OPEN))))  # fmt: skip
    near = near.where(lease.c.leased_at <= int(at.max(initial=-OPEN)))
    if len(names) <= _FEW_NUMBERS:
        whole = whole.where(lease.c.tracking_number.in_(names.tolist()))
        near = near.where(lease.c.tracking_number.in_(names.tolist()))
    ever = np.isin(names.to_numpy(object), read_frame(connection, whole)["tracking_number"].to_numpy(object))
    found = read_frame(connection, near)
    number = names.get_indexer(pd.Index(found["tracking_number"], dtype=object)).astype(np.int64)
    mine = number >= 0
    begin, end, visitor = (found[name].to_numpy(np.int64)[mine] for name in ("leased_at", "until", "visitor"))
    return Leases(number[mine], begin, end, visitor), ever


def _read_numbers(connection: Connection, names: pd.Index) -> tuple[Bools, Ints]:
    """Return which numbers are shown when a pool has run dry, and their origins."""
    statement = select(tracking_number.c.key, tracking_number.c.fallback, tracking_number.c.origin_id)
    if len(names) <= _FEW_NUMBERS:
        statement = statement.where(tracking_number.c.key.in_(names.tolist()))
    known = read_frame(connection, statement)
    at = pd.Index(known["key"], dtype=object).get_indexer(names)
    # -1, where a number is in no file, picks the 0 at the end
    fallback, origin = (
        np.append(known[name].to_numpy(np.int64), 0)[at] for name in ("fallback", "origin_id")
    )
    return fallback != 0, origin


def retie(
    connection: Connection,
    settings: Settings,
    batch_id: int | None,
    calls: pd.DataFrame,
    before: Tie | None = None,
) -> pd.Series:
    """Match calls anew and bring evidence and touches up to date.

    Args:
        connection: the writer's.
        settings: the store's.
        batch_id: of the import; None where no call is new.
        calls: as :func:`read_calls` reads them.
        before: what was known of them until now; None: what is stored.

    Returns:
        the numbers of calls that have no touch of their own: somebody imported a touch of that id.
    """
    if settings.internal(_GRACE) is None:
        settings.put_raw(_GRACE, settings.require("call_grace"))
    if calls.empty:
        return calls["call_id"]
    stored = ties_of(calls)
    matched = match(connection, settings, calls)
    moved = np.flatnonzero(matched.visitor != stored.visitor)
    if len(moved):
        numbers = calls["call_id"].to_numpy(np.int64)[moved]
        with temporary(connection, number=numbers, visitor=matched.visitor[moved]) as new:
            whose = func.nullif(new.c.visitor, 0)
            connection.execute(update(call).where(call.c.call_id == new.c.number).values(visitor=whose))
    _keep_evidence(
        connection, settings, stored if before is None else before, stored._replace(visitor=matched.visitor)
    )
    bare = bare_origin(connection, settings, "call")
    own = (matched.visitor == 0) & (matched.origin > 0)
    made = Made(
        ids=touch_ids(calls["key"]),
        holder=np.where(stored.caller > 0, stored.caller, matched.visitor),
        at=stored.at,
        origin=np.where(own, matched.origin, bare),
        there=np.ones(len(calls), np.bool_),
    )
    return calls["call_id"][keep_touches(connection, settings, batch_id, made)]


def touch_ids(keys: pd.Series) -> pa.Array:
    """Return the ids of the touches of calls."""
    return pa.array("call:" + keys.astype(object), pa.string())


def _keep_evidence(connection: Connection, settings: Settings, before: Tie, now: Tie) -> None:
    before, now = (tie.where((tie.caller > 0) & (tie.visitor > 0)) for tie in (before, now))
    gone = before.where(~np.isin(before.hashes, now.hashes))
    new = now.where(~np.isin(now.hashes, before.hashes))
    source = int(intern_sources(connection, pa.array([SOURCE]))[0]) if len(gone.at) or len(new.at) else 0
    if len(gone.at):
        gone = gone.where(~np.isin(gone.hashes, _still(connection, gone).hashes))
        remove_edges(connection, settings, *gone, np.full(len(gone.at), source))
    if len(new.at):
        add_edges(connection, *new, np.full(len(new.at), source))


def _still(connection: Connection, ties: Tie) -> Tie:
    """Return those of some ties that other calls at the same instant say as well."""
    with temporary(connection, **ties._asdict()) as asked:
        found = read_ints(
            connection,
            select(call.c.caller, call.c.visitor, call.c.at).join_from(
                asked,
                call,
                (call.c.caller == asked.c.caller)
                & (call.c.visitor == asked.c.visitor)
                & (call.c.at == asked.c.at),
            ),
            list(Tie._fields),
        )
    return Tie(**found)


def is_grace_behind(settings: Settings) -> bool:
    """Tell whether calls were matched by another grace period than that of today."""
    return settings.internal(_GRACE) not in (None, settings.require("call_grace"))


def retie_if_grace_changed(connection: Connection, settings: Settings) -> None:
    """Match all calls anew where the grace period is another than they were matched by."""
    if not is_grace_behind(settings):
        return
    settings.put_raw(_GRACE, settings.require("call_grace"))
    retie(connection, settings, None, read_calls(connection))
