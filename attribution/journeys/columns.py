"""Journeys as ragged columns: one flat array a touch field, and offsets that say where each journey lies.

A journey is one conversion (or one person who did not convert) with its touches in time order.
Models see this structure and nothing else: no store, no clock, no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import to_micros
from attribution.errors import InputError, UnknownNameError
from attribution.sorted_sets import difference

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.int32]
KindArray = npt.NDArray[np.int16]


def ragged_ranges(starts: IntArray, lengths: IntArray) -> IntArray:
    """Return `start, start + 1, ...` of every range, one after the other.

    >>> ragged_ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if ends.size else 0
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(total, dtype=np.int64)


def offsets_of(lengths: IntArray) -> IntArray:
    """Return the J+1 offsets of ranges that lie side by side."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))


def sums_by(codes: IntArray, weights: FloatArray, size: int) -> FloatArray:
    """Return float64[size]: the weights added up by code, 0 to size - 1.

    >>> sums_by(np.array([0, 2, 2]), np.array([1.0, 2.0, 0.5]), 3).tolist()
    [1.0, 0.0, 2.5]
    """
    return np.bincount(codes, weights, size).astype(np.float64, copy=False)


class Dimension(NamedTuple):
    """What touches are called in one dimension: `codes` int32[N] into `names`, -1 where there is no name."""

    codes: CodeArray
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Journeys:
    """J journeys over N touches, columnar and ragged; journeys without touches are allowed.

    The touches of journey j are `offsets[j]:offsets[j + 1]` of every flat array, in time order.

    Attributes:
        offsets: int64[J+1].
        at: int64[N], microseconds since the epoch, UTC.
        channel: int32[N], codes into `channels`; -1 where no channel is known.
        kind: int16[N], codes into `kinds`.
        placement, touch: int64[N], opaque ids, carried along for the ledger.
        person: int64[N], whose touch it was.
        converted_at: int64[J], microseconds.
        value: int64[J], minor units of the conversion's own currency (or a count).
        converted: bool[J], false for the journeys that corpus models learn failure from.
        milestones: name to int64[J], the flat index of the touch that holds the milestone, -1 for none.
        dimensions: name to :class:`Dimension`, those beside `channel` and `touch_kind` that were asked for.
        milestone_person: name to int64[J], whose touches alone can hold the milestone, -1 for anybody's; a
            milestone that is not in it is anybody's.

    >>> journeys = Journeys.from_paths([[(0, "Email"), (5, "Direct")], [], [(3, "Email")]])
    >>> journeys.n_journeys, journeys.n_touches, journeys.lengths.tolist()
    (3, 3, [2, 0, 1])
    >>> journeys.first.tolist(), journeys.last.tolist(), journeys.journey_of_touch.tolist()
    ([0, 2], [1, 2], [0, 0, 2])
    """

    offsets: IntArray
    at: IntArray
    channel: CodeArray
    kind: KindArray
    placement: IntArray
    touch: IntArray
    person: IntArray
    converted_at: IntArray
    value: IntArray
    converted: BoolArray
    channels: tuple[str, ...]
    kinds: tuple[str, ...] = TOUCH_KINDS
    milestones: Mapping[str, IntArray] = field(default_factory=dict)
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)
    milestone_person: Mapping[str, IntArray] = field(default_factory=dict)

    @classmethod
    def from_paths(
        cls,
        paths: Sequence[Sequence[tuple[int | datetime, str]]],
        *,
        values: Sequence[int] | None = None,
        converted_at: Sequence[int | datetime] | None = None,
        converted: Sequence[bool] | None = None,
        milestones: Mapping[str, Sequence[int]] | None = None,
    ) -> Journeys:
        """Make journeys from lists of (time, channel), for tests, examples and small questions.

        Times are microseconds or aware datetimes, in order; `converted_at` defaults to the last touch,
        `values` to 100 minor units each. Milestones are flat indices, -1 for none.

        Raises:
            InputError: the lists do not make journeys.
        """
        flat = [(_micros(at), channel) for path in paths for at, channel in path]
        channels = tuple(dict.fromkeys(channel for _, channel in flat))
        codes = {channel: code for code, channel in enumerate(channels)}
        ends = [_micros(path[-1][0]) if path else 0 for path in paths]
        n = len(flat)
        journeys = cls(
            offsets=offsets_of(np.array([len(path) for path in paths], np.int64)),
            at=np.array([at for at, _ in flat], np.int64),
            channel=np.array([codes[channel] for _, channel in flat], np.int32),
            kind=np.zeros(n, np.int16),
            placement=np.arange(n, dtype=np.int64),
            touch=np.arange(n, dtype=np.int64),
            person=np.repeat(np.arange(len(paths)), [len(path) for path in paths]).astype(np.int64),
            converted_at=np.array(
                ends if converted_at is None else [_micros(at) for at in converted_at]
            ).astype(np.int64),
            value=np.array([100] * len(paths) if values is None else values, np.int64),
            converted=np.array([True] * len(paths) if converted is None else converted, np.bool_),
            channels=channels,
            milestones={name: np.array(at, np.int64) for name, at in (milestones or {}).items()},
        )
        journeys.check()
        return journeys

    @classmethod
    def concatenate(cls, parts: Sequence[Journeys]) -> Journeys:
        """Put journeys behind each other; names are numbered anew, a milestone that a part lacks is -1.

        Raises:
            UnknownNameError: one of the parts lacks a dimension that another has.

        >>> one, two = (Journeys.from_paths([[(0, name)]]) for name in ("Email", "Direct"))
        >>> both = Journeys.concatenate([one, two])
        >>> both.offsets.tolist(), both.channel.tolist(), both.channels
        ([0, 1, 2], [0, 1], ('Email', 'Direct'))
        """
        shift = np.cumsum([0, *(part.n_touches for part in parts)])
        milestones = {
            name: np.concatenate([_shifted(part, name, by) for part, by in zip(parts, shift, strict=False)])
            for name in dict.fromkeys(name for part in parts for name in part.milestones)
        }
        people = {
            name: np.concatenate(
                [part.milestone_person.get(name, np.full(part.n_journeys, -1, np.int64)) for part in parts]
            )
            for name in dict.fromkeys(name for part in parts for name in part.milestone_person)
        }
        channel = _joined([part.dimension("channel") for part in parts])
        dimensions = {
            name: _joined([part.dimension(name) for part in parts])
            for name in dict.fromkeys(name for part in parts for name in part.dimensions)
        }

        def flat(name: str) -> npt.NDArray[Any]:
            return np.concatenate([getattr(part, name) for part in parts])

        return cls(
            offsets=offsets_of(flat("lengths")), at=flat("at"), channel=channel.codes, kind=flat("kind"),
            placement=flat("placement"), touch=flat("touch"), person=flat("person"),
            converted_at=flat("converted_at"), value=flat("value"), converted=flat("converted"),
            channels=channel.names, kinds=parts[0].kinds, milestones=milestones, dimensions=dimensions,
            milestone_person=people,
        )  # fmt: skip

    @property
    def n_journeys(self) -> int:
        """The number of journeys, J."""
        return len(self.offsets) - 1

    @property
    def n_touches(self) -> int:
        """The number of touches, N."""
        return len(self.at)

    @cached_property
    def lengths(self) -> IntArray:
        """The number of touches of each journey, int64[J]."""
        return np.diff(self.offsets)

    @cached_property
    def nonempty(self) -> IntArray:
        """The journeys that have touches, int64."""
        return np.flatnonzero(self.lengths)

    @cached_property
    def first(self) -> IntArray:
        """The flat index of the first touch of each journey in `nonempty`."""
        return self.offsets[:-1][self.nonempty]

    @cached_property
    def last(self) -> IntArray:
        """The flat index of the last touch of each journey in `nonempty`."""
        return self.offsets[1:][self.nonempty] - 1

    @cached_property
    def nonempty_of_touch(self) -> IntArray:
        """The place in `nonempty` of the journey of each touch, int64[N].

        Values of the nonempty journeys become values of touches by `take`, which beats `repeat` from the
        second time on.
        """
        return np.repeat(np.arange(len(self.nonempty), dtype=np.int64), self.lengths[self.nonempty])

    @property
    def journey_of_touch(self) -> IntArray:
        """The journey of each touch, int64[N]."""
        return np.repeat(np.arange(self.n_journeys, dtype=np.int64), self.lengths)

    def channel_codes(self, names: Sequence[str]) -> list[int]:
        """Return the codes of those of the names that occur among `channels`."""
        return [code for code, channel in enumerate(self.channels) if channel in names]

    def dimension(self, name: str) -> Dimension:
        """Return what the touches are called in a dimension.

        Raises:
            UnknownNameError: these journeys do not carry it.

        >>> Journeys.from_paths([[(0, "Email"), (5, "Direct")]]).dimension("channel").names
        ('Email', 'Direct')
        """
        own = {
            "channel": Dimension(self.channel, self.channels),
            "touch_kind": Dimension(self.kind.astype(np.int32), self.kinds),
        }
        known = own | dict(self.dimensions)
        if name not in known:
            raise UnknownNameError("dimension of these journeys", name, known)
        return known[name]

    def take(self, journeys: npt.NDArray[Any]) -> Journeys:
        """Return some of the journeys, by index or boolean mask, in the order given.

        >>> two = Journeys.from_paths([[(0, "Email")], [(1, "Direct"), (2, "Email")]])
        >>> two.take(np.array([1])).at.tolist()
        [1, 2]
        """
        chosen = np.flatnonzero(journeys) if journeys.dtype == np.bool_ else journeys.astype(np.int64)
        starts, lengths = self.offsets[:-1][chosen], self.lengths[chosen]
        offsets = offsets_of(lengths)
        moved = offsets[:-1] - starts
        milestones = {
            name: np.where(at[chosen] < 0, -1, at[chosen] + moved) for name, at in self.milestones.items()
        }
        return self._select(ragged_ranges(starts, lengths), offsets, milestones, chosen)

    def between(self, start: int, stop: int) -> Journeys:
        """Return the journeys from start to stop, which is not among them; no column is copied.

        >>> three = Journeys.from_paths([[(0, "Email")], [(1, "Direct"), (2, "Email")], []])
        >>> three.between(1, 3).at.tolist(), three.between(1, 3).offsets.tolist()
        ([1, 2], [0, 2, 2])
        """
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        journeys = slice(start, stop)
        milestones = {
            name: np.where(at[journeys] < 0, -1, at[journeys] - first) for name, at in self.milestones.items()
        }
        offsets = self.offsets[start : stop + 1] - first
        return self._select(slice(first, last), offsets, milestones, journeys)

    def keep(self, touches: BoolArray) -> Journeys:
        """Return the same journeys with only the touches marked.

        A milestone whose touch goes moves to the last touch before it that stays, of the same person where
        the milestone is one person's.

        >>> journeys = Journeys.from_paths([[(0, "Email"), (1, "Direct")]], milestones={"close": [1]})
        >>> kept = journeys.keep(np.array([True, False]))
        >>> kept.at.tolist(), kept.milestones["close"].tolist()
        ([0], [0])
        """
        before = offsets_of(touches.astype(np.int64))
        offsets = before[self.offsets]
        milestones = {}
        for name, at in self.milestones.items():
            last = self._last_kept(touches, at, self.milestone_person.get(name))
            moved = before[last + 1] - 1
            milestones[name] = np.where((last >= 0) & (moved >= offsets[:-1]), moved, -1)
        return self._select(np.flatnonzero(touches), offsets, milestones, None)

    def _last_kept(self, touches: BoolArray, at: IntArray, person: IntArray | None) -> IntArray:
        """Return the last touch up to `at` that its person keeps; -1 where there is none."""
        if person is None or not (person >= 0).any():
            return at
        some = self.nonempty
        lengths = self.lengths[some]
        whose, until = np.repeat(person[some], lengths), np.repeat(at[some], lengths)
        index = np.arange(self.n_touches)
        theirs = touches & (index <= until) & ((whose < 0) | (self.person == whose))
        found = np.full(self.n_journeys, -1, np.int64)
        found[some] = np.maximum.reduceat(np.where(theirs, index, -1), self.first)
        return found

    def _select(
        self,
        touches: IntArray | slice,
        offsets: IntArray,
        milestones: Mapping[str, IntArray],
        chosen: IntArray | slice | None,
    ) -> Journeys:
        per_journey = (self.converted_at, self.value, self.converted)
        converted_at, value, converted = per_journey if chosen is None else (a[chosen] for a in per_journey)
        return Journeys(
            offsets=offsets,
            at=self.at[touches],
            channel=self.channel[touches],
            kind=self.kind[touches],
            placement=self.placement[touches],
            touch=self.touch[touches],
            person=self.person[touches],
            converted_at=converted_at,  # type: ignore[arg-type]  # the tuple mixes int64 and bool
            value=value,  # type: ignore[arg-type]
            converted=converted,  # type: ignore[arg-type]
            channels=self.channels,
            kinds=self.kinds,
            milestones=milestones,
            dimensions={
                name: Dimension(codes[touches], names) for name, (codes, names) in self.dimensions.items()
            },
            milestone_person={
                name: people if chosen is None else people[chosen]
                for name, people in self.milestone_person.items()
            },
        )

    def check(self) -> None:
        """Make sure that the columns fit together.

        Raises:
            InputError: names the first thing that is wrong.
        """
        n, j = self.n_touches, self.n_journeys
        offsets = self.offsets
        if j < 0 or offsets[0] != 0 or offsets[-1] != n or (np.diff(offsets) < 0).any():
            raise InputError(f"the offsets of journeys must rise from 0 to the number of touches ({n})")
        sized = {"channel": n, "kind": n, "placement": n, "touch": n, "person": n}
        sized |= {"converted_at": j, "value": j, "converted": j}
        columns: list[tuple[str, npt.NDArray[Any], int]] = [
            *((name, getattr(self, name), size) for name, size in sized.items()),
            *((f"milestone {name!r}", at, j) for name, at in self.milestones.items()),
            *((f"dimension {name!r}", codes, n) for name, (codes, _) in self.dimensions.items()),
            *((f"person of {name!r}", people, j) for name, people in self.milestone_person.items()),
        ]
        for name, column, size in columns:
            if column.shape != (size,):
                raise InputError(f"column {name} of journeys has shape {column.shape}, expected ({size},)")
        coded: list[tuple[npt.NDArray[Any], tuple[str, ...]]] = [
            (self.channel, self.channels), (self.kind, self.kinds), *self.dimensions.values(),
        ]  # fmt: skip
        for codes, names in coded:
            if n and not (codes.min() >= -1 and codes.max() < len(names)):
                raise InputError(f"a code in journeys lies outside its {len(names)} names")
        falling = np.flatnonzero(np.diff(self.at) < 0) + 1
        if difference(falling, self.offsets).size:
            raise InputError("the touches of a journey must be in time order; build() sorts them")
        for name, at in self.milestones.items():
            if ((at != -1) & ((at < offsets[:-1]) | (at >= offsets[1:]))).any():
                raise InputError(f"milestone {name!r} points to a touch of another journey")


def _micros(at: int | datetime) -> int:
    return to_micros(at) if isinstance(at, datetime) else int(at)


def _shifted(part: Journeys, milestone: str, by: int) -> IntArray:
    at = part.milestones.get(milestone, np.full(part.n_journeys, -1, np.int64))
    return np.where(at < 0, -1, at + by)


def _joined(parts: Sequence[Dimension]) -> Dimension:
    """Put the codes of several dimensions behind each other, numbered by all their names together."""
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    code = {name: i for i, name in enumerate(names)}
    tables = [np.array([*(code[name] for name in part.names), -1], np.int32) for part in parts]
    return Dimension(
        np.concatenate([table[part.codes] for table, part in zip(tables, parts, strict=True)]), names
    )
