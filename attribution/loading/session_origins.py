"""What sessions are cut by: where each origin of page views is placed, and whether it says where from.

It is kept as it was when sessions were cut: so it is known which sessions to cut anew when rules, own sites
or the names of campaigns change, and how they were cut before.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, select

from attribution import clock
from attribution.channels.arrivals import Arrival, arrivals
from attribution.channels.origin import ORIGIN_FIELDS
from attribution.channels.spam import spam_among, spam_list
from attribution.sorted_sets import as_set, difference
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_ints, remove
from attribution.store.dimensions import channel_rules_version, own_domains, store_rules
from attribution.store.keys import find, find_texts, look_up
from attribution.store.settings import Settings

_CUT_BY: Final = "_sessions_cut_by"  # rules, own sites and spam list
_GAP: Final = "_sessions_gap"
_COLUMNS: Final = ("placement_id", "arrival", "spam")

origin, session_origin = schema.origin, schema.session_origin


class Cutting(NamedTuple):
    """What origins of page views mean to their sessions, by `origin_id`: int64[largest number + 1] each.

    Attributes:
        place: the placement of origins that say where from, else 0.
        inside: 1 of origins that lead from one page of the site to the next.
        spam: 1 of origins whose referrer is spam.
    """

    place: Ints
    inside: Ints
    spam: Ints

    @classmethod
    def of(cls, rows: dict[str, Ints]) -> Cutting:
        """Spread rows of `session_origin`."""
        size = int(rows["origin_id"].max(initial=0)) + 1
        place, inside, spam = np.zeros((3, size), np.int64)
        numbers, arrival = rows["origin_id"], rows["arrival"]
        place[numbers] = np.where(arrival == Arrival.ELSEWHERE, rows["placement_id"], 0)
        inside[numbers] = arrival == Arrival.WITHIN
        spam[numbers] = rows["spam"]
        return cls(place, inside, spam)


def gap_of(settings: Settings) -> int:
    """Return the pause, in microseconds, that the store's sessions were cut by."""
    known = settings.internal(_GAP)
    if known is None:
        known = settings.require("session_gap")
        settings.put_raw(_GAP, known)
    return clock.parse_duration(known)


def read_cutting(connection: Connection) -> Cutting:
    """Return what all origins of page views mean, as sessions were cut."""
    names = ["origin_id", *_COLUMNS]
    return Cutting.of(read_ints(connection, select(*(session_origin.c[name] for name in names)), names))


def note_origins(connection: Connection, settings: Settings, numbers: Ints) -> None:
    """Keep what origins mean that sessions have not been cut by yet."""
    if settings.internal(_CUT_BY) is None:
        settings.put_raw(_CUT_BY, _state(settings))
    wanted = as_set(numbers)
    known = find(connection, session_origin, session_origin.c.origin_id, [], wanted)["origin_id"]
    new = difference(wanted, known)
    if len(new):
        insert_columns(connection, session_origin, _meanings(connection, settings, new))


class Moved(NamedTuple):
    """What is cut otherwise from now on.

    Attributes:
        origins: int64, those that mean something else.
        before, after: what all origins meant and mean.
        gap: microseconds before and after.
    """

    origins: Ints
    before: Cutting
    after: Cutting
    gap: tuple[int, int]


def note_changes(connection: Connection, settings: Settings) -> Moved | None:
    """Keep what origins mean by now; None where none means anything else and the gap is the same."""
    if settings.internal(_GAP) is None:
        return None
    names = ["origin_id", *_COLUMNS]
    stored = read_ints(connection, select(*(session_origin.c[name] for name in names)), names)
    before_gap, after_gap = gap_of(settings), clock.parse_duration(settings.require("session_gap"))
    settings.put_raw(_GAP, settings.require("session_gap"))
    state = _state(settings)
    if settings.internal(_CUT_BY) == state:  # what sessions are placed under may have moved all the same
        placed = find(connection, origin, origin.c.origin_id, ["placement_id"], stored["origin_id"])
        now = look_up(placed["origin_id"], placed["placement_id"], stored["origin_id"])
        changed = stored["origin_id"][now != stored["placement_id"]]
    else:
        settings.put_raw(_CUT_BY, state)
        changed = stored["origin_id"]
    wanted = _meanings(connection, settings, changed)
    place = look_up(stored["origin_id"], np.arange(len(stored["origin_id"])), wanted["origin_id"])
    moved = np.logical_or.reduce([wanted[name] != stored[name][place] for name in _COLUMNS])
    if not moved.any() and before_gap == after_gap:
        return None
    new = {name: values[moved] for name, values in wanted.items()}
    remove(connection, session_origin.c.origin_id, new["origin_id"])
    insert_columns(connection, session_origin, new)
    after = {name: values.copy() for name, values in stored.items()}
    for name in _COLUMNS:
        after[name][place[moved]] = new[name]
    return Moved(new["origin_id"], Cutting.of(stored), Cutting.of(after), (before_gap, after_gap))


def is_behind(settings: Settings) -> bool:
    """Tell whether sessions were cut by other rules, sites or pauses than those of today."""
    if settings.internal(_GAP) is None:
        return False
    return settings.internal(_GAP) != settings.require("session_gap") or (
        settings.internal(_CUT_BY) != _state(settings)
    )


def _state(settings: Settings) -> str:
    own = " ".join(own_domains(settings))
    return f"{channel_rules_version(settings)} {spam_list().version} {own}"


def _meanings(connection: Connection, settings: Settings, numbers: Ints) -> dict[str, Ints]:
    """Return rows of `session_origin` for some origins, ascending."""
    if not len(numbers):
        return {name: np.zeros(0, np.int64) for name in ("origin_id", *_COLUMNS)}
    names = ["placement_id", *ORIGIN_FIELDS]
    frame = find_texts(connection, origin, origin.c.origin_id, names, numbers)
    frame = frame.sort_values("origin_id", ignore_index=True)
    found = arrivals(
        frame[list(ORIGIN_FIELDS)], own_domains=own_domains(settings), rules=store_rules(settings)
    )
    hosts = pa.array(frame["referrer_host"].astype(object), pa.string())
    return {
        "origin_id": frame["origin_id"].to_numpy(np.int64),
        "placement_id": frame["placement_id"].to_numpy(np.int64),
        "arrival": found,
        "spam": spam_among(hosts).astype(np.int64),
    }
