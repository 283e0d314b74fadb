"""Journeys out of the store: the touches of a conversion's people within its window, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Column, Connection, case, select

from attribution import clock
from attribution.channels.origin import PLACEMENT_FIELDS, TOUCH_KINDS
from attribution.journeys.build import TextIds, build, merge_same_touch, sort_order
from attribution.journeys.columns import Journeys
from attribution.journeys.people import people_of
from attribution.store import schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.dimensions import intern_placements
from attribution.store.keys import look_up

_EVER = -(2**61)  # before any touch, and by as much before any conversion
_CLICK, _EMAIL, _SESSION = (TOUCH_KINDS.index(kind) for kind in ("click", "email", "session"))

touch, origin, membership, placement = schema.touch, schema.origin, schema.membership, schema.placement


@dataclass(frozen=True)
class Window:
    """Which touches count; the texts of the settings of the same names."""

    lookback: str
    scope: str
    kinds: str
    impression_lookback: str = "1d"

    def reach(self, lookback: str) -> int | None:
        """Return a lookback in microseconds, None for all touches."""
        return None if lookback == "none" else min(clock.parse_duration(lookback), -_EVER)


@dataclass
class _Touches:
    """Flat columns of the touches found, one row for each pair of conversion and touch."""

    conversion: Ints
    person: Ints
    at: Ints
    n: Ints
    kind: Ints
    placement: Ints

    def keep(self, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> _Touches:
        return _Touches(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


def read_journeys(
    connection: Connection, kind: str, objects: Ints, converted_at: Ints, value: Ints, window: Window
) -> Journeys:
    """Read the journeys of conversions.

    Args:
        connection: the writer's (placements of merged touches may be added).
        kind: of conversion.
        objects: int64[J] deal or lead numbers, distinct.
        converted_at: int64[J] microseconds; touches within the lookback before it count, ends included.
        value: int64[J], carried along.
        window: lookback, scope and kinds of touch.

    Returns:
        J journeys, in the order of `objects`; those without touches are empty. `touch` holds `touch.n`.
    """
    found = _find(connection, kind, objects, converted_at, window)
    found = _merge_same(connection, found)
    channel, channels = _channels(connection, found.placement)

    return build(
        conversion=found.conversion, at=found.at, channel=channel, kind=found.kind.astype(np.int16),
        placement=found.placement, touch=found.n, person=found.person, converted_at=converted_at,
        value=value, channels=channels, text_ids=_text_ids(connection, found.n),
    )  # fmt: skip


def _find(connection: Connection, kind: str, objects: Ints, converted_at: Ints, window: Window) -> _Touches:
    reach = window.reach(window.lookback)
    brief = window.reach(window.impression_lookback)
    wanted_kinds = window.kinds.split()
    if "impression" in wanted_kinds and reach is not None and (brief is None or brief > reach):
        reach = brief  # impressions may look back further; the others are cut below
    at, person = people_of(connection, kind, objects, window.scope)
    order = np.argsort(person, kind="stable")  # people in order: the index is walked once, not jumped through
    at, person = at[order], person[order]
    until = converted_at[at]
    since = until - reach if reach is not None else np.full(len(at), _EVER)
    with temporary(connection, position=at, person=person, since=since, until=until) as wanted:
        rows = read_ints(
            connection,
            select(wanted.c.position, wanted.c.person, touch.c.at, touch.c.n, touch.c.origin_id)
            .select_from(wanted)
            .join(membership, membership.c.person_id == wanted.c.person)
            .join(touch, touch.c.visitor == membership.c.identifier_id)
            .where(touch.c.at.between(wanted.c.since, wanted.c.until)),
            ["conversion", "person", "at", "n", "origin"],
        )
    kinds = case({name: code for code, name in enumerate(TOUCH_KINDS)}, value=origin.c.kind, else_=_SESSION)
    codes, used = np.unique(rows["origin"], return_inverse=True)
    with temporary(connection, wanted=codes) as probe:
        known = read_ints(
            connection,
            select(origin.c.origin_id, kinds, origin.c.placement_id).join(
                probe, probe.c.wanted == origin.c.origin_id
            ).order_by(origin.c.origin_id),
            ["origin", "kind", "placement"],
        )  # fmt: skip
    kind_code = known["kind"][used] if len(codes) else rows["n"]
    found = _Touches(
        rows["conversion"], rows["person"], rows["at"], rows["n"], kind_code,
        known["placement"][used] if len(codes) else rows["n"],
    )  # fmt: skip
    keep = np.isin(kind_code, [TOUCH_KINDS.index(name) for name in wanted_kinds])
    until = converted_at[rows["conversion"]]
    seen = kind_code == TOUCH_KINDS.index("impression")
    for mask, length in ((seen, brief), (~seen, window.reach(window.lookback))):
        if length is not None:
            keep &= ~mask | (rows["at"] >= until - length)
    return found.keep(keep)


def _merge_same(connection: Connection, found: _Touches) -> _Touches:
    """Drop clicks and e-mails that a session stands for already; it fills its blanks from them."""
    opened = np.isin(found.kind, (_CLICK, _EMAIL))
    if not opened.any():
        return found
    # only journeys that hold both can hold a pair
    mixed = np.intersect1d(found.conversion[opened], found.conversion[found.kind == _SESSION])
    rows = np.flatnonzero(np.isin(found.conversion, mixed) & (opened | (found.kind == _SESSION)))
    if len(rows) == 0:
        return found
    # in the order of journeys, not of storage: the earlier of two clicks fills a blank first
    names = _text_ids(connection, found.n[rows])
    rows = rows[sort_order(found.conversion[rows], found.at[rows], text_ids=names)]
    same = merge_same_touch(
        journey=found.conversion[rows], person=found.person[rows], at=found.at[rows],
        kind=found.kind[rows].astype(np.int16),
        campaign=_codes(connection, placement.c.placement_id, placement.c.campaign, found.placement[rows]),
        click_id=_codes(connection, touch.c.n, touch.c.click_id, found.n[rows]),
    )  # fmt: skip
    gone = rows[~same.keep]
    into = rows[same.merged_into[~same.keep]]
    absorbed = gone
    while len(gone):  # a session that absorbs several takes them one after the other
        _, first = np.unique(into, return_index=True)
        found.placement[into[first]] = _fill(
            connection, found.placement[into[first]], found.placement[gone[first]]
        )
        gone, into = np.delete(gone, first), np.delete(into, first)
    mask = np.ones(len(found.n), np.bool_)
    mask[absorbed] = False
    return found.keep(mask)


def _fill(connection: Connection, stays: Ints, other: Ints) -> Ints:
    """Return the placements of `stays` with their blanks filled from `other`."""
    pairs, inverse = np.unique(np.stack([stays, other]), axis=1, return_inverse=True)
    numbers = np.unique(pairs)
    with temporary(connection, wanted=numbers) as probe:
        frame = read_frame(
            connection, select(placement).join(probe, probe.c.wanted == placement.c.placement_id)
        ).set_index("placement_id")
    fields = list(PLACEMENT_FIELDS)
    mine = frame.loc[pairs[0], fields].reset_index(drop=True)
    theirs = frame.loc[pairs[1], fields].reset_index(drop=True)
    filled = mine.where(mine.notna(), theirs)
    return intern_placements(connection, filled.where(filled.notna(), None))[np.ravel(inverse)]


def _channels(
    connection: Connection, placements: Ints
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], tuple[str, ...]]:
    """Return a channel code for each placement, -1 for none, and the names of the codes."""
    numbers = np.unique(placements)
    names = _by_number(connection, placement.c.placement_id, placement.c.channel, numbers)
    channels = tuple(sorted({name for name in names.values() if name is not None}))
    code = {name: i for i, name in enumerate(channels)}
    codes = np.array([code.get(names[p] or "", -1) for p in numbers.tolist()], np.int64)
    return look_up(numbers, codes, placements).astype(np.int32), channels


def _by_number(
    connection: Connection, key: Column[Any], column: Column[Any], numbers: Ints
) -> dict[int, str | None]:
    """Read one text of each of some rows."""
    with temporary(connection, wanted=np.unique(numbers)) as probe:
        frame = read_frame(connection, select(key, column).join(probe, probe.c.wanted == key))
    return dict(zip(frame[key.name].tolist(), frame[column.name].tolist(), strict=True))


def _text_ids(connection: Connection, numbers: Ints) -> TextIds:
    """Return a function that reads the touch ids of some of the touches, which breaks ties of time."""

    def read(rows: Ints) -> list[str]:
        names = _by_number(connection, touch.c.n, touch.c.touch_id, numbers[rows])
        return [names[n] or "" for n in numbers[rows].tolist()]

    return read


def _codes(connection: Connection, key: Column[Any], column: Column[Any], numbers: Ints) -> Ints:
    """Number a text of some rows, whatever its case; -1 where there is none."""
    with temporary(connection, wanted=np.unique(numbers)) as probe:
        frame = read_frame(
            connection,
            select(key, column).join(probe, probe.c.wanted == key).where(column.is_not(None)),
        )
    if frame.empty:
        return np.full(len(numbers), -1, np.int64)
    codes, _ = pd.factorize(frame[column.name].str.casefold())
    return look_up(frame[key.name].to_numpy(np.int64), codes.astype(np.int64), numbers)
