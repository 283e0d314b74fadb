"""Journeys out of the store: the touches of a conversion's people within its window, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Column, Connection, case, select

from attribution import clock
from attribution.channels.origin import PLACEMENT_FIELDS, TOUCH_KINDS
from attribution.errors import UnknownNameError
from attribution.identity.stretches import theirs_then
from attribution.journeys.build import TextIds, build, merge_same_touch, sort_order
from attribution.journeys.columns import Dimension, Journeys
from attribution.journeys.dimensions import OWN, folded, joined
from attribution.journeys.milestone_times import milestone_times
from attribution.journeys.milestones import place
from attribution.journeys.people import people_of
from attribution.sorted_sets import as_set, intersection
from attribution.store import platform_clicks, schema
from attribution.store.columns import Ints, read_frame, read_ints, temporary
from attribution.store.dimensions import intern_placements
from attribution.store.keys import look_up

EVER = -(2**61)  # before any touch, and by as much before any conversion
_CLICK, _EMAIL, _SESSION = (TOUCH_KINDS.index(kind) for kind in ("click", "email", "session"))

touch, origin, membership, placement = schema.touch, schema.origin, schema.membership, schema.placement

# the kind of an origin's touches, as a code into TOUCH_KINDS
KIND_CODE: Final = case(
    {name: code for code, name in enumerate(TOUCH_KINDS)}, value=origin.c.kind, else_=_SESSION
)


@dataclass(frozen=True)
class Window:
    """Which touches count; the texts of the settings of the same names."""

    lookback: str
    scope: str
    kinds: str
    impression_lookback: str = "1d"

    def reach(self, lookback: str) -> int | None:
        """Return a lookback in microseconds, None for all touches."""
        return None if lookback == "none" else min(clock.parse_duration(lookback), -EVER)

    @property
    def longest(self) -> int | None:
        """How far back any touch may count: impressions have a lookback of their own."""
        reach, brief = self.reach(self.lookback), self.reach(self.impression_lookback)
        if "impression" in self.kinds.split() and reach is not None and (brief is None or brief > reach):
            return brief
        return reach


@dataclass
class FoundTouches:
    """Touches that may count, one row for each pair of journey and touch, in any order."""

    conversion: Ints
    person: Ints
    at: Ints
    n: Ints
    origin: Ints


@dataclass
class CountedTouches:
    """The touches that count."""

    conversion: Ints
    person: Ints
    at: Ints
    n: Ints
    kind: Ints
    placement: Ints

    def keep(self, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> CountedTouches:
        return CountedTouches(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


def read_journeys(
    connection: Connection,
    kind: str,
    objects: Ints,
    converted_at: Ints,
    value: Ints,
    window: Window,
    *,
    milestones: Sequence[str] = (),
    dimensions: Sequence[str] = (),
) -> Journeys:
    """Read the journeys of conversions.

    Args:
        connection: the writer's (placements of merged touches may be added).
        kind: of conversion.
        objects: int64[J] deal or lead numbers, distinct.
        converted_at: int64[J] microseconds; touches within the lookback before it count, ends included.
        value: int64[J], carried along.
        window: lookback, scope and kinds of touch.
        milestones: which ones to find the touches of: `lead`, `mql`, `sqo`, `opportunity`, names of stages.
        dimensions: fields of placements, or several joined by `/`, to read beside the channel. But for
            channels their names are in lower case: spellings that are one in reports are one to a model.

    Returns:
        J journeys, in the order of `objects`; those without touches are empty. `touch` holds `touch.n`.

    Raises:
        UnknownNameError: a dimension that touches do not have.
    """
    further = [name for name in dimensions if name not in OWN]
    for name in further:
        _parts(name)  # refused before anything is read
    found = _find(connection, kind, objects, converted_at, window)
    touches = counted(connection, found, converted_at, window)
    journeys = made_journeys(connection, touches, converted_at, value, further)
    return with_milestones(connection, kind, objects, journeys, milestones)


def with_milestones(
    connection: Connection, kind: str, objects: Ints, journeys: Journeys, milestones: Sequence[str]
) -> Journeys:
    """Find the touches of milestones; arguments as of :func:`read_journeys`."""
    if not milestones:
        return journeys
    reached = milestone_times(connection, kind, objects, milestones)
    placed = {name: place(journeys, times, person) for name, (times, person) in reached.items()}
    people = {name: person for name, (_, person) in reached.items() if person is not None}
    return replace(journeys, milestones=placed, milestone_person=people)


def made_journeys(
    connection: Connection, touches: CountedTouches, converted_at: Ints, value: Ints,
    dimensions: Sequence[str], rank: Ints | None = None,
) -> Journeys:  # fmt: skip
    """Sort the touches that count into journeys, and name their channels and further dimensions.

    `rank` int64[N] breaks ties of time where it is known; otherwise the touch ids do.
    """
    channel, channels = _channels(connection, touches.placement)
    return build(
        conversion=touches.conversion, at=touches.at, channel=channel, kind=touches.kind.astype(np.int16),
        placement=touches.placement, touch=touches.n, person=touches.person, converted_at=converted_at,
        value=value, channels=channels, tie_rank=rank, text_ids=_text_ids(connection, touches.n),
        dimensions=_dimensions(connection, touches.placement, [d for d in dimensions if d not in OWN]),
    )  # fmt: skip


def _find(
    connection: Connection, kind: str, objects: Ints, converted_at: Ints, window: Window
) -> FoundTouches:
    reach = window.longest
    at, person, since, until = people_of(connection, kind, objects, window.scope)
    until = np.minimum(converted_at[at], until - 1)
    since = np.maximum(converted_at[at] - reach if reach is not None else EVER, since)
    # people in order: the index is walked once, not jumped through
    order = np.argsort(person, kind="stable")
    order = order[since[order] <= until[order]]
    at, person, since, until = (values[order] for values in (at, person, since, until))
    with temporary(connection, position=at, person=person, since=since, until=until) as wanted:
        rows = read_ints(
            connection,
            select(wanted.c.position, wanted.c.person, touch.c.at, touch.c.n, touch.c.origin_id)
            .select_from(wanted)
            .join(membership, membership.c.person_id == wanted.c.person)
            .join(touch, touch.c.visitor == membership.c.identifier_id)
            .where(touch.c.at.between(wanted.c.since, wanted.c.until), theirs_then(touch.c.at)),
            ["conversion", "person", "at", "n", "origin"],
        )
    return FoundTouches(**rows)


def counted(connection: Connection, found: FoundTouches, until: Ints, window: Window) -> CountedTouches:
    """Keep the touches of the window's kinds and lookbacks, what is one and the same once.

    Args:
        connection: the writer's.
        found: touches that may count.
        until: int64[J] microseconds, where each journey ends.
        window: lookback, scope and kinds of touch.
    """
    codes, used = np.unique(found.origin, return_inverse=True)
    with temporary(connection, wanted=codes) as probe:
        known = read_ints(
            connection,
            select(
                origin.c.origin_id, KIND_CODE, origin.c.placement_id,
                case((origin.c.click_id_kinds.is_not(None), 1), else_=0),
            ).join(probe, probe.c.wanted == origin.c.origin_id).order_by(origin.c.origin_id),
            ["origin", "kind", "placement", "clicked"],
        )  # fmt: skip
    kind_code = known["kind"][used] if len(codes) else found.n
    touches = CountedTouches(
        found.conversion, found.person, found.at, found.n, kind_code,
        known["placement"][used] if len(codes) else found.n,
    )  # fmt: skip
    keep = np.isin(kind_code, [TOUCH_KINDS.index(name) for name in window.kinds.split()])
    end = until[found.conversion]
    seen = kind_code == TOUCH_KINDS.index("impression")
    lookbacks = ((seen, window.impression_lookback), (~seen, window.lookback))
    for mask, length in ((mask, window.reach(text)) for mask, text in lookbacks):
        if length is not None:
            keep &= ~mask | (found.at >= end - length)
    touches = _merge_same(connection, touches.keep(keep))
    if len(codes) and not platform_clicks.is_empty(connection):
        _name_by_clicks(connection, touches, as_set(found.n[known["clicked"][used] == 1]))
    return touches


def _name_by_clicks(connection: Connection, touches: CountedTouches, clicked: Ints) -> None:
    """Fill the blanks of touches from what a platform logged under their click ids.

    Args:
        connection: the writer's.
        touches: are changed in their place.
        clicked: int64, ascending: numbers of the touches that have a click id.
    """
    rows = np.flatnonzero(np.isin(touches.n, clicked))
    if not len(rows):
        return
    with temporary(connection, wanted=as_set(touches.n[rows])) as probe:
        frame = read_frame(
            connection, select(touch.c.n, touch.c.click_id).join(probe, probe.c.wanted == touch.c.n)
        )
    place = look_up(frame["n"].to_numpy(np.int64), np.arange(len(frame)), touches.n[rows])
    clicks = pa.array(frame["click_id"], pa.string()).take(pa.array(place))
    known = platform_clicks.logged_of(connection, clicks)
    into, gone = rows[known["row"].to_numpy(np.int64)], known["placement_id"].to_numpy(np.int64)
    while len(into):  # of several clicks the earliest fills a blank first
        _, first = np.unique(into, return_index=True)
        touches.placement[into[first]] = _fill(connection, touches.placement[into[first]], gone[first])
        into, gone = np.delete(into, first), np.delete(gone, first)


def _merge_same(connection: Connection, found: CountedTouches) -> CountedTouches:
    """Drop clicks and e-mails that a session stands for already; it fills its blanks from them."""
    opened = np.isin(found.kind, (_CLICK, _EMAIL))
    if not opened.any():
        return found
    # only journeys that hold both can hold a pair
    mixed = intersection(found.conversion[opened], found.conversion[found.kind == _SESSION])
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
    mask[_of_other_ids(connection, found, rows[same.keep])] = False
    return found.keep(mask)


def _of_other_ids(connection: Connection, found: CountedTouches, rows: Ints) -> Ints:
    """Return the clicks whose id a session had beside the one that it keeps.

    Of an address with several click ids one is kept, of the others the kinds: a click of such a kind by the
    same person within 30 minutes of the session is it. It fills nothing: the session is another platform's.
    """
    with temporary(connection, wanted=as_set(found.n[rows])) as probe:
        frame = read_frame(
            connection,
            select(touch.c.n, touch.c.click_id, origin.c.click_id_kinds)
            .join(probe, probe.c.wanted == touch.c.n)
            .join(origin, origin.c.origin_id == touch.c.origin_id)
            .where(touch.c.click_id.is_not(None), origin.c.click_id_kinds.is_not(None)),
        )
    several = frame["click_id_kinds"].str.contains(";", regex=False)
    gone = [np.zeros(0, np.int64)]
    if not len(frame) or not several.any():
        return gone[0]
    kept, kinds = frame["click_id"].str.partition(":")[0], frame["click_id_kinds"].str.split(";")
    none = np.full(len(rows), -1)
    is_session = found.kind[rows] == _SESSION
    for name in sorted(set(kinds[several].explode())):
        beside = several & (kept != name) & kinds.map(lambda names, name=name: name in names)
        with_it = np.isin(found.n[rows], frame["n"][beside]) & is_session
        of_it = np.isin(found.n[rows], frame["n"][kept == name]) & ~is_session
        same = merge_same_touch(
            journey=found.conversion[rows], person=found.person[rows], at=found.at[rows],
            kind=found.kind[rows].astype(np.int16), campaign=np.where(with_it | of_it, 0, -1), click_id=none,
        )  # fmt: skip
        gone.append(rows[~same.keep])
    return np.concatenate(gone)


def _fill(connection: Connection, stays: Ints, other: Ints) -> Ints:
    """Return the placements of `stays` with their blanks filled from `other`."""
    pairs, inverse = np.unique(np.stack([stays, other]), axis=1, return_inverse=True)
    numbers = as_set(pairs)
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
    numbers = as_set(placements)
    names = _by_number(connection, placement.c.placement_id, placement.c.channel, numbers)
    channels = tuple(sorted({name for name in names.values() if name is not None}))
    code = {name: i for i, name in enumerate(channels)}
    codes = np.array([code.get(names[p] or "", -1) for p in numbers.tolist()], np.int64)
    return look_up(numbers, codes, placements).astype(np.int32), channels


def _parts(name: str) -> list[str]:
    """Return the fields that a dimension is made of."""
    parts = [part.strip() for part in name.split("/")]
    for part in parts:
        if part not in PLACEMENT_FIELDS:
            raise UnknownNameError(f"field in the dimension {name!r}:", part, PLACEMENT_FIELDS)
    return parts


def _dimensions(connection: Connection, placements: Ints, names: Sequence[str]) -> dict[str, Dimension]:
    """Return what touches of these placements are called in each dimension."""
    if not names:
        return {}
    numbers, at = np.unique(placements, return_inverse=True)
    fields = sorted({part for name in names for part in _parts(name)})
    with temporary(connection, wanted=numbers) as probe:
        frame = read_frame(
            connection,
            select(placement.c.placement_id, *(placement.c[name] for name in fields))
            .join(probe, probe.c.wanted == placement.c.placement_id)
            .order_by(placement.c.placement_id),
        )
    found = {}
    for name in names:
        codes, texts = joined([_coded(frame[field]) for field in _parts(name)])
        found[name] = Dimension(codes[at], texts)
    return found


def _coded(column: pd.Series[Any]) -> Dimension:
    """Number the texts of a field; -1 where it is blank."""
    if column.name != "channel":
        column = folded(column)
    codes, names = pd.factorize(column.where(column.notna() & (column != ""), None), sort=True)
    return Dimension(codes.astype(np.int32), tuple(map(str, names)))


def _by_number(
    connection: Connection, key: Column[Any], column: Column[Any], numbers: Ints
) -> dict[int, str | None]:
    """Read one text of each of some rows."""
    with temporary(connection, wanted=as_set(numbers)) as probe:
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
    with temporary(connection, wanted=as_set(numbers)) as probe:
        frame = read_frame(
            connection,
            select(key, column).join(probe, probe.c.wanted == key).where(column.is_not(None)),
        )
    if frame.empty:
        return np.full(len(numbers), -1, np.int64)
    codes, _ = pd.factorize(frame[column.name].str.casefold())
    return look_up(frame[key.name].to_numpy(np.int64), codes.astype(np.int64), numbers)
