"""Frames of touches and conversions become journeys: whose touches, of which kinds, in which window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import DAY, parse_duration
from attribution.errors import InputError, UnknownNameError
from attribution.frames.codes import Column, blanks, encode, match, plain
from attribution.frames.read import read_instants
from attribution.journeys.build import build, merge_same_touch, sort_order
from attribution.journeys.columns import (
    BoolArray,
    CodeArray,
    Dimension,
    IntArray,
    Journeys,
    KindArray,
    offsets_of,
    ragged_ranges,
)
from attribution.journeys.dimensions import OWN, folded, joined
from attribution.journeys.milestones import NEVER, milestone_name, place
from attribution.journeys.threads import both
from attribution.journeys.window import touches_between

IMPRESSION_LOOKBACK = 1 * DAY

_EVER = 2**61  # further back than any touch
_SESSION = TOUCH_KINDS.index("session")
_IMPRESSION = TOUCH_KINDS.index("impression")


@dataclass(frozen=True, eq=False)
class Selection:
    """The touches that count: one place for each pair of conversion and touch, by conversion and time.

    Attributes:
        conversion, row: int64[K], which conversion and which row of the touches.
        at, kind, person: [K], of that row.
        absorbing, absorbed: int64[M]; the place of a session, and the row of a touch that went into it.
        converted_at: of all conversions.
        notes: what was left out, in sentences.
    """

    conversion: IntArray
    row: IntArray
    at: IntArray
    kind: KindArray
    person: IntArray
    absorbing: IntArray
    absorbed: IntArray
    converted_at: IntArray
    notes: tuple[str, ...]
    _coded: dict[str, tuple[CodeArray, pd.Index[Any]]] = field(default_factory=dict)

    def codes(self, column: Column) -> tuple[CodeArray, pd.Index[Any]]:
        """Return the codes of the places, -1 for blank, and what they stand for.

        Where a session's is blank, the first touch it absorbed fills it.

        Args:
            column: of the touches; each is encoded once.
        """
        name = str(column.name)
        if name not in self._coded:
            codes, labels = encode(column)
            filled = codes.take(self.row).astype(np.int32, copy=False)
            offered = codes[self.absorbed]
            useful = (offered >= 0) & (filled[self.absorbing] < 0)
            places, first = np.unique(self.absorbing[useful], return_index=True)
            filled[places] = offered[useful][first]
            self._coded[name] = filled, labels
        return self._coded[name]


def select(
    touches: pd.DataFrame, conversions: pd.DataFrame, lookback: str, kinds: Sequence[str]
) -> Selection:
    """Find the touches of every conversion: its person's, of these kinds, with `T - lookback <= at <= T`.

    Raises:
        InputError: a time, a kind or the lookback cannot be used.
    """
    reach = _EVER if lookback.strip() == "none" else min(parse_duration(lookback), _EVER)
    at, converted_at = (
        read_instants(touches["at"], "touches"),
        read_instants(conversions["at"], "conversions"),
    )
    kind_of_row = _kinds(touches)
    person, who, notes = _people(touches["person_id"], conversions["person_id"])
    rows = np.flatnonzero((person >= 0) & _wanted(kinds)[kind_of_row])
    if len(rows) < len(at):
        person, at = person.take(rows), at.take(rows)
        order = sort_order(person, at)
        rows, at = rows.take(order), at.take(order)
    else:
        rows = sort_order(person, at)
        at = at.take(rows)
    # impressions have a lookback of their own, which may be the longer one
    longest = max(reach, IMPRESSION_LOOKBACK) if "impression" in kinds else reach
    start, stop = touches_between(
        offsets_of(np.bincount(person, minlength=int(who.max(initial=0)) + 1)),
        at, who, converted_at - longest, converted_at,
    )  # fmt: skip
    conversion, whose = np.repeat(np.arange(len(who)), stop - start), np.repeat(who, stop - start)
    places = ragged_ranges(start, stop - start)
    row, at = both(lambda: rows.take(places), lambda: at.take(places))
    kind = kind_of_row[row] if kind_of_row.ndim else np.full(len(row), kind_of_row)
    if (kind == _IMPRESSION).any():
        within = np.where(kind == _IMPRESSION, IMPRESSION_LOOKBACK, reach)
        near = at >= converted_at[conversion] - within
        conversion, row, at, kind, whose = (
            conversion[near], row[near], at[near], kind[near], whose[near]
        )  # fmt: skip
    merged = _merge(touches, conversion, row, whose, at, kind)
    if merged.absorbed.size:
        keep = merged.keep
        conversion, row, at, kind, whose = (
            conversion[keep], row[keep], at[keep], kind[keep], whose[keep]
        )  # fmt: skip
    return Selection(
        conversion=conversion, row=row, at=at, kind=kind, person=whose,
        absorbing=merged.absorbing, absorbed=merged.absorbed, converted_at=converted_at, notes=tuple(notes),
    )  # fmt: skip


def _kinds(touches: pd.DataFrame) -> KindArray:
    """Return the kind of each touch; a single one, without a dimension, where there is no such column."""
    if "kind" not in touches.columns:
        return np.array(_SESSION, np.int16)
    codes, names = encode(touches["kind"])
    return np.append(_codes_of(names), _SESSION).astype(np.int16)[codes]  # the -1 of a blank takes the last


def _wanted(kinds: Sequence[str]) -> BoolArray:
    wanted = np.zeros(len(TOUCH_KINDS), np.bool_)
    wanted[_codes_of(kinds)] = True
    return wanted


def _codes_of(kinds: Iterable[str]) -> IntArray:
    if isinstance(kinds, str):
        raise InputError(f"kinds is the text {kinds!r}; allowed is a list of kinds, such as [{kinds!r}]")
    names = list(kinds)
    for name in names:
        if name not in TOUCH_KINDS:
            raise UnknownNameError("touch kind", str(name), TOUCH_KINDS)
    return np.array([TOUCH_KINDS.index(name) for name in names], np.int64)


def _people(touches: Column, deals: Column) -> tuple[CodeArray, IntArray, list[str]]:
    """Return a number for each touch's and conversion's person, -1 for none and for who never converted."""
    here, there = plain(touches.iloc[:0]).dtype, plain(deals.iloc[:0]).dtype
    numeric = pd.api.types.is_numeric_dtype
    if len(touches) and len(deals) and numeric(here) != numeric(there):
        raise InputError(
            f"person_id is {here} in touches and {there} in conversions, so nothing would "
            "match; give both the same type"
        )
    who, people = encode(deals)
    notes = []
    for count, thing, result in (
        (int(blanks(touches).sum()), "touches", "in no journey"),
        (int((who < 0).sum()), "conversions", "under (unattributed)"),
    ):
        if count:
            notes.append(f"{count} {thing} without a person_id: {result}")
    return match(touches, people), who.astype(np.int64, copy=False), notes


class _Merged(NamedTuple):
    """Which touches stay, the new places of sessions that absorbed others, and those others' rows."""

    keep: BoolArray
    absorbing: IntArray
    absorbed: IntArray


def _merge(
    touches: pd.DataFrame,
    conversion: IntArray,
    row: IntArray,
    person: IntArray,
    at: IntArray,
    kind: KindArray,
) -> _Merged:
    sessions = kind == _SESSION
    if sessions.all() or not sessions.any():
        return _Merged(np.ones(len(row), np.bool_), *np.zeros((2, 0), np.int64))
    campaign, click_id = (
        encode(touches[name])[0][row].astype(np.int64) if name in touches.columns else np.full(len(row), -1)
        for name in ("campaign", "click_id")
    )
    same = merge_same_touch(
        journey=conversion, person=person, at=at, kind=kind, campaign=campaign, click_id=click_id
    )
    gone = np.flatnonzero(~same.keep)
    place = np.cumsum(same.keep) - 1
    return _Merged(same.keep, place[same.merged_into[gone]], row[gone])


@dataclass(frozen=True)
class LookedAt:
    """What models look at beside the touches: times of milestones (int64[C], NEVER for none), dimensions."""

    milestones: Mapping[str, IntArray]
    dimensions: Sequence[str]

    def padded(self, more: int) -> LookedAt:
        """Return the same for so many further journeys, which reached no milestone."""
        none = np.full(more, NEVER)
        times = {name: np.concatenate((at, none)) for name, at in self.milestones.items()}
        return replace(self, milestones=times)


NOTHING_ELSE = LookedAt({}, ())


def milestone_column(conversions: pd.DataFrame, name: str) -> IntArray | None:
    """Return the times of a milestone: those of the column `<name>_at`, NEVER where it is blank.

    Returns:
        int64[C] microseconds, or None where there is no such column.

    Raises:
        InputError: a time cannot be used.
    """
    wanted = f"{milestone_name(name)}_at"
    column = next((one for one in conversions.columns if milestone_name(str(one)) == wanted), None)
    if column is None:
        return None
    given = ~blanks(conversions[column])
    times = np.full(len(conversions), NEVER)
    if given.any():
        times[given] = read_instants(conversions[column][given], "conversions")
    return times


def _dimension(selection: Selection, touches: pd.DataFrame, name: str) -> Dimension:
    columns = [name] if name in touches.columns else [part.strip() for part in name.split("/")]
    parts = []
    for column in columns:
        if column not in touches.columns:
            raise UnknownNameError("column of touches", column, map(str, touches.columns))
        codes, names = selection.codes(touches[column])
        if column == "channel":
            parts.append(Dimension(codes, tuple(map(str, names))))
            continue
        # spellings that are one in a store's reports are one to a model here too
        same, distinct = pd.factorize(folded(pd.Series(names, dtype=object).map(str)), sort=True)
        parts.append(Dimension(np.append(same, -1)[codes].astype(np.int32), tuple(map(str, distinct))))
    return joined(parts)


def make_journeys(
    selection: Selection, touches: pd.DataFrame, value: IntArray, looked_at: LookedAt = NOTHING_ELSE
) -> Journeys:
    """Sort a selection into journeys; `touch` holds places of the selection, `placement` rows.

    Raises:
        UnknownNameError: a dimension that `touches` has no column of.
    """
    row = selection.row
    channel = np.full(len(row), -1, np.int32)
    channels: tuple[str, ...] = ()
    if "channel" in touches.columns:
        channel, names = selection.codes(touches["channel"])
        channels = tuple(str(name) for name in names)
    ids = touches["touch_id"] if "touch_id" in touches.columns else None
    names_of = [name for name in looked_at.dimensions if name not in OWN]
    journeys = build(
        conversion=selection.conversion, at=selection.at, channel=channel, kind=selection.kind,
        placement=row, touch=np.arange(len(row)), person=selection.person,
        converted_at=selection.converted_at, value=value, channels=channels,
        tie_rank=row if ids is None else None,
        text_ids=None if ids is None else lambda places: [str(one) for one in ids.iloc[row[places]]],
        dimensions={name: _dimension(selection, touches, name) for name in names_of},
    )  # fmt: skip
    if not looked_at.milestones:
        return journeys
    placed = {name: place(journeys, times) for name, times in looked_at.milestones.items()}
    return replace(journeys, milestones=placed)
