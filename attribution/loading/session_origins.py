"""What sessions are cut by: where each origin of page views is placed, and whether it says where from.

It is kept as it was when sessions were cut: so it is known which sessions to cut anew when rules, own sites
or the names of campaigns change, and how they were cut before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, select

from attribution import clock
from attribution.channels.arrivals import Arrival, arrivals
from attribution.channels.names import name_key
from attribution.channels.origin import ORIGIN_FIELDS, PLACEMENT_FIELDS
from attribution.channels.spam import spam_among, spam_list
from attribution.sorted_sets import as_set, difference
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_ints, remove
from attribution.store.dimensions import channel_rules_version, own_domains, store_rules
from attribution.store.keys import distinct, find, find_texts, look_up, row_hash
from attribution.store.settings import Settings

_METHOD: Final = 2  # how views are cut, whatever origins mean: another number cuts all sessions anew
_CUT_BY: Final = "_sessions_cut_by"  # method and rules, spam list, own sites
_GAP: Final = "_sessions_gap"
_COLUMNS: Final = ("placement_id", "arrival", "spam")

origin, placement, session_origin = schema.origin, schema.placement, schema.session_origin


class Cutting(NamedTuple):
    """What origins of page views mean to their sessions, by `origin_id`: int64[largest number + 1] each.

    Attributes:
        place: a placement that compares equal to that of each origin which says where from, else 0: names and
            sources are spelled in several ways.
        rank: of several that came at one instant the smallest was the first: a campaign, a click, another
            site, nothing, a page of the site itself.
        inside: 1 of origins that lead from one page of the site to the next.
        spam: 1 of origins whose referrer is spam.
    """

    place: Ints
    rank: Ints
    inside: Ints
    spam: Ints

    @classmethod
    def of(cls, rows: dict[str, Ints], places: Places) -> Cutting:
        """Spread rows of `session_origin`."""
        size = int(rows["origin_id"].max(initial=0)) + 1
        place, rank, inside, spam = np.zeros((4, size), np.int64)
        numbers, arrival, placed = rows["origin_id"], rows["arrival"], rows["placement_id"]
        elsewhere = (arrival == Arrival.ELSEWHERE) | (arrival == Arrival.TAGGED)
        place[numbers] = np.where(elsewhere, look_up(places.numbers, places.equal, placed), 0)
        named = look_up(places.numbers, places.named, placed) == 1
        rank[numbers] = _RANKS[arrival] - (named & (arrival == Arrival.TAGGED))
        inside[numbers] = arrival == Arrival.WITHIN
        spam[numbers] = rows["spam"]
        return cls(place, rank, inside, spam)


# by Arrival; 0 is a campaign that has a name
_RANKS: Final = np.array([3, 2, 4, 1])


class Places(NamedTuple):
    """Placements as sessions compare them: int64[p] each.

    Attributes:
        numbers: of placements.
        equal: the smallest number of a placement that compares equal.
        named: 1 of those that name a campaign.
    """

    numbers: Ints
    equal: Ints
    named: Ints


def _read_places(connection: Connection, settings: Settings, *numbers: Ints) -> Places:
    """Compare placements: names as spend and tags are compared, sources by what they are spellings of."""
    wanted = as_set(np.concatenate(numbers))
    rules, known = store_rules(settings), placement.c.placement_id
    frame = find_texts(connection, placement, known, list(PLACEMENT_FIELDS), wanted)
    frame = frame.sort_values("placement_id", ignore_index=True)
    found = frame["placement_id"].to_numpy(np.int64)
    spelled: dict[str, Callable[[str], str]] = {
        "channel": str.casefold, "source": rules.canonical, "medium": str.casefold,
    }  # fmt: skip
    keys = {name: _compared(frame[name], spelled.get(name, name_key)) for name in PLACEMENT_FIELDS}
    codes, first = distinct(row_hash(keys, len(frame)))
    return Places(found, found[first[codes]], frame["campaign"].notna().to_numpy().astype(np.int64))


def _compared(column: pd.Series, key: Callable[[str], str]) -> pa.Array:
    """Return texts in the form in which they are compared; each distinct one is looked at once."""
    codes, values = pd.factorize(column)
    keys = pa.array([key(str(value)) for value in values], pa.string())
    return keys.take(pa.array(codes, mask=codes < 0))


def gap_of(settings: Settings) -> int:
    """Return the pause, in microseconds, that the store's sessions were cut by."""
    known = settings.internal(_GAP)
    if known is None:
        known = settings.require("session_gap")
        settings.put_raw(_GAP, known)
    return clock.parse_duration(known)


def read_cutting(connection: Connection, settings: Settings) -> Cutting:
    """Return what all origins of page views mean, as sessions were cut."""
    names = ["origin_id", *_COLUMNS]
    rows = read_ints(connection, select(*(session_origin.c[name] for name in names)), names)
    return Cutting.of(rows, _read_places(connection, settings, rows["placement_id"]))


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
        anew: whether how sessions are cut is another, so that nothing tells how they were cut before.
    """

    origins: Ints
    before: Cutting
    after: Cutting
    gap: tuple[int, int]
    anew: bool


def note_changes(connection: Connection, settings: Settings) -> Moved | None:
    """Keep what origins mean by now; None where none means anything else and the gap is the same."""
    if settings.internal(_GAP) is None:
        return None
    names = ["origin_id", *_COLUMNS]
    stored = read_ints(connection, select(*(session_origin.c[name] for name in names)), names)
    before_gap, after_gap = gap_of(settings), clock.parse_duration(settings.require("session_gap"))
    settings.put_raw(_GAP, settings.require("session_gap"))
    state, cut_by = _state(settings), settings.internal(_CUT_BY) or ""
    anew = cut_by.partition(" ")[0] != state.partition(" ")[0]
    if cut_by == state:  # what sessions are placed under may have moved all the same
        placed = find(connection, origin, origin.c.origin_id, ["placement_id"], stored["origin_id"])
        now = look_up(placed["origin_id"], placed["placement_id"], stored["origin_id"])
        changed = stored["origin_id"][now != stored["placement_id"]]
    else:
        settings.put_raw(_CUT_BY, state)
        changed = stored["origin_id"]
    wanted = _meanings(connection, settings, changed)
    place = look_up(stored["origin_id"], np.arange(len(stored["origin_id"])), wanted["origin_id"])
    moved = np.logical_or.reduce([wanted[name] != stored[name][place] for name in _COLUMNS])
    if not moved.any() and before_gap == after_gap and not anew:
        return None
    new = {name: values[moved] for name, values in wanted.items()}
    remove(connection, session_origin.c.origin_id, new["origin_id"])
    insert_columns(connection, session_origin, new)
    after = {name: values.copy() for name, values in stored.items()}
    for name in _COLUMNS:
        after[name][place[moved]] = new[name]
    places = _read_places(connection, settings, stored["placement_id"], after["placement_id"])
    cuttings = (Cutting.of(stored, places), Cutting.of(after, places))
    return Moved(new["origin_id"], *cuttings, (before_gap, after_gap), anew)


def is_behind(settings: Settings) -> bool:
    """Tell whether sessions were cut by other rules, sites or pauses than those of today."""
    if settings.internal(_GAP) is None:
        return False
    return settings.internal(_GAP) != settings.require("session_gap") or (
        settings.internal(_CUT_BY) != _state(settings)
    )


def _state(settings: Settings) -> str:
    own = " ".join(own_domains(settings))
    # rules say which sources compare equal
    return f"{_METHOD}:{channel_rules_version(settings)} {spam_list().version} {own}"


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
