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
from attribution.frames.codes import Column, Hits, Matches, blanks, encode, encoding, match, plain
from attribution.frames.read import read_instants
from attribution.journeys.build import merge_same_touch, sort_order
from attribution.journeys.chunks import gathered, over_chunks, over_rows
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
from attribution.journeys.milestones import UNREACHED, milestone_name, place
from attribution.journeys.window import touches_between

IMPRESSION_LOOKBACK = 1 * DAY

_EVER = 2**61  # further back than any touch
_SESSION = TOUCH_KINDS.index("session")
_IMPRESSION = TOUCH_KINDS.index("impression")
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Selection:
    """The touches that count: one place for each pair of conversion and touch, by conversion, time and id.

    Attributes:
        offsets: int64[C+1]; the places of conversion c are `offsets[c]:offsets[c + 1]`.
        row: int64[K], which row of the touches.
        at, kind, person: [K], of that row.
        absorbing, absorbed: int64[M]; the place of a session, and the row of a touch that went into it.
        converted_at: int64[C].
        notes: what was left out, in sentences.
    """

    offsets: IntArray
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
            found = encoding(column)
            filled = found.numbered(gathered(found.codes, self.row)).astype(np.int32, copy=False)
            offered = found.numbered(found.codes[self.absorbed])
            useful = (offered >= 0) & (filled[self.absorbing] < 0)
            places, first = np.unique(self.absorbing[useful], return_index=True)
            filled[places] = offered[useful][first]
            self._coded[name] = filled, found.values
        return self._coded[name]

    def only(self, keep: BoolArray) -> Selection:
        """Return the selection with only the places marked; nothing may have been absorbed yet."""
        before = offsets_of(keep.astype(np.int64))
        return replace(
            self, offsets=before[self.offsets], row=self.row[keep], at=self.at[keep], kind=self.kind[keep],
            person=self.person[keep],
        )  # fmt: skip


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
    matches, who, notes = _people(touches["person_id"], conversions["person_id"])
    rows, person, at = _counting(matches, at, kind_of_row, _wanted(kinds))
    text_ids = None
    if "touch_id" in touches.columns:
        ids = touches["touch_id"]

        def text_ids(places: IntArray) -> list[str]:
            return [str(one) for one in ids.iloc[rows.take(places)]]

    order = sort_order(person, at, text_ids=text_ids)
    rows = order if len(rows) == len(touches) else gathered(rows, order)
    at = gathered(at, order)
    # impressions have a lookback of their own, which may be the longer one
    longest = max(reach, IMPRESSION_LOOKBACK) if (kind_of_row == _IMPRESSION).any() else reach
    start, stop = touches_between(
        offsets_of(np.bincount(person, minlength=int(who.max(initial=0)) + 1)),
        at, who, converted_at - longest, converted_at,
    )  # fmt: skip
    spread = _spread(start, stop - start, who, rows, at)
    selection = Selection(
        offsets=spread.offsets, row=spread.row, at=spread.at, person=spread.person,
        # a stride of nothing: one kind stands for all
        kind=kind_of_row[spread.row] if kind_of_row.ndim else np.broadcast_to(kind_of_row, spread.row.shape),
        absorbing=_NONE, absorbed=_NONE, converted_at=converted_at, notes=tuple(notes),
    )  # fmt: skip
    if not kind_of_row.ndim:
        return selection
    return _merged(_within_lookbacks(selection, reach, longest), touches)


class _Counting(NamedTuple):
    """The rows that can count, with person and time."""

    rows: IntArray
    person: IntArray
    at: IntArray


def _counting(matches: Matches, at: IntArray, kind_of_row: KindArray, wanted: BoolArray) -> _Counting:
    found: dict[int, Hits] = {}

    def choose(start: int, stop: int) -> None:
        hits = matches(start, stop)
        if kind_of_row.ndim:
            counts = np.flatnonzero(wanted[kind_of_row[hits.rows]])
            hits = Hits(hits.rows.take(counts), hits.numbers.take(counts))
        found[start] = hits

    if kind_of_row.ndim or wanted[kind_of_row]:
        over_rows(len(at), choose)
    parts = [Hits(_NONE, _NONE), *(found[start] for start in sorted(found))]
    rows, person = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _Counting(rows, person, at if len(rows) == len(at) else gathered(at, rows))


class _Spread(NamedTuple):
    offsets: IntArray
    row: IntArray
    at: IntArray
    person: IntArray


def _spread(start: IntArray, length: IntArray, who: IntArray, rows: IntArray, at: IntArray) -> _Spread:
    """Lay the touches of every conversion side by side: those from `start` on, so many."""
    offsets = offsets_of(length)
    spread = _Spread(offsets, *np.empty((3, int(offsets[-1])), np.int64))

    def fill(first: int, last: int) -> None:
        places = slice(int(offsets[first]), int(offsets[last]))
        touch = ragged_ranges(start[first:last], length[first:last])
        rows.take(touch, out=spread.row[places], mode="clip")
        at.take(touch, out=spread.at[places], mode="clip")
        spread.person[places] = np.repeat(who[first:last], length[first:last])

    over_chunks(offsets, fill)
    return spread


def _within_lookbacks(selection: Selection, reach: int, longest: int) -> Selection:
    """Leave out what is beyond its kind's lookback, where kinds have different ones."""
    impression = selection.kind == _IMPRESSION
    if longest == reach and not impression.any():
        return selection
    since = np.repeat(selection.converted_at, np.diff(selection.offsets))
    since -= np.where(impression, IMPRESSION_LOOKBACK, reach)
    return selection.only(selection.at >= since)


def _merged(selection: Selection, touches: pd.DataFrame) -> Selection:
    """Let sessions absorb the clicks and e-mails that are the same touch."""
    sessions = selection.kind == _SESSION
    if sessions.all() or not sessions.any():
        return selection
    campaign, click_id = (
        encode(touches[name])[0][selection.row].astype(np.int64)
        if name in touches.columns
        else np.full(len(sessions), -1)
        for name in ("campaign", "click_id")
    )
    lengths = np.diff(selection.offsets)
    same = merge_same_touch(
        journey=np.repeat(np.arange(len(lengths)), lengths), person=selection.person, at=selection.at,
        kind=selection.kind, campaign=campaign, click_id=click_id,
    )  # fmt: skip
    if same.keep.all():
        return selection
    gone = np.flatnonzero(~same.keep)
    place = np.cumsum(same.keep) - 1
    return replace(
        selection.only(same.keep), absorbing=place[same.merged_into[gone]], absorbed=selection.row[gone]
    )


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


def _people(touches: Column, deals: Column) -> tuple[Matches, IntArray, list[str]]:
    """Number the people who converted: who each touch is (-1 for nobody of them), and each conversion."""
    here, there = plain(touches.iloc[:0]).dtype, plain(deals.iloc[:0]).dtype
    numeric = pd.api.types.is_numeric_dtype
    if len(touches) and len(deals) and numeric(here) != numeric(there):
        raise InputError(
            f"person_id is {here} in touches and {there} in conversions, so nothing would "
            "match; give both the same type"
        )
    matches, who = match(touches, deals)
    notes = []
    for count, thing, result in (
        (_n_blanks(touches), "touches", "in no journey"),
        (np.count_nonzero(who < 0), "conversions", "under (unattributed)"),
    ):
        if count:
            notes.append(f"{count} {thing} without a person_id: {result}")
    return matches, who.astype(np.int64, copy=False), notes


def _n_blanks(column: Column) -> int:
    whole = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu"  # which have no blank
    return 0 if whole else int(np.count_nonzero(blanks(column)))


@dataclass(frozen=True)
class LookedAt:
    """What models look at beside the touches: dimensions and times of milestones (int64[C], or UNREACHED)."""

    milestones: Mapping[str, IntArray]
    dimensions: Sequence[str]

    def padded(self, more: int) -> LookedAt:
        """Return the same for so many further journeys, which reached no milestone."""
        none = np.full(more, UNREACHED)
        times = {name: np.concatenate((at, none)) for name, at in self.milestones.items()}
        return replace(self, milestones=times)


NOTHING_ELSE = LookedAt({}, ())


def milestone_column(conversions: pd.DataFrame, name: str) -> IntArray | None:
    """Return the times of a milestone: those of the column `<name>_at`, UNREACHED where it is blank.

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
    times = np.full(len(conversions), UNREACHED)
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
    """Make a selection journeys; `touch` and `placement` are rows of the touches.

    Raises:
        UnknownNameError: a dimension that `touches` has no column of.
    """
    channel = np.full(len(selection.row), -1, np.int32)
    channels: tuple[str, ...] = ()
    if "channel" in touches.columns:
        channel, names = selection.codes(touches["channel"])
        channels = tuple(str(name) for name in names)
    names_of = [name for name in looked_at.dimensions if name not in OWN]
    journeys = Journeys(
        offsets=selection.offsets, at=selection.at, channel=channel, kind=selection.kind,
        placement=selection.row, touch=selection.row, person=selection.person,
        converted_at=selection.converted_at, value=value, converted=np.ones(len(value), np.bool_),
        channels=channels, dimensions={name: _dimension(selection, touches, name) for name in names_of},
    )  # fmt: skip
    if not looked_at.milestones:
        return journeys
    placed = {name: place(journeys, times) for name, times in looked_at.milestones.items()}
    return replace(journeys, milestones=placed)
