"""Flat, unsorted touches become sorted journeys; touches that are one and the same are found.

Order within a journey: time, then the original touch id by Unicode code point. Touch ids are text
and slow to read, so they are asked for only where two touches share journey and microsecond.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import MINUTE
from attribution.journeys.chunks import over_rows
from attribution.journeys.columns import (
    BoolArray,
    CodeArray,
    Dimension,
    IntArray,
    Journeys,
    KindArray,
    offsets_of,
)

SAME_TOUCH_WITHIN_MINUTES = 30

_HEAD = 1 << 12

TextIds = Callable[[IntArray], Sequence[str]]


def build(
    *,
    conversion: IntArray,
    at: IntArray,
    channel: CodeArray,
    kind: KindArray,
    placement: IntArray,
    touch: IntArray,
    person: IntArray,
    converted_at: IntArray,
    value: IntArray,
    channels: tuple[str, ...],
    kinds: tuple[str, ...] = TOUCH_KINDS,
    converted: BoolArray | None = None,
    tie_rank: IntArray | None = None,
    text_ids: TextIds | None = None,
    milestones: Mapping[str, IntArray] | None = None,
    dimensions: Mapping[str, Dimension] | None = None,
) -> Journeys:
    """Sort flat touches into journeys.

    Args:
        conversion: int64[N], the journey (0 to J-1) of each touch, in any order.
        at, channel, kind, placement, touch, person: [N], as in :class:`Journeys`.
        converted_at, value: int64[J]; `converted`: bool[J], default all true.
        tie_rank: int64[N], the rank of the touch id by code point, where it is known already.
        text_ids: otherwise called with the indices of touches that tie, to answer their touch ids.
        milestones: name to int64[J], the *input* index of the touch that holds the milestone, -1 for none.
        dimensions: name to codes int32[N] and their names.

    >>> journeys = build(
    ...     conversion=np.array([1, 0, 1]), at=np.array([7, 5, 7]), touch=np.array([10, 11, 12]),
    ...     channel=np.zeros(3, np.int32), kind=np.zeros(3, np.int16), placement=np.zeros(3, np.int64),
    ...     person=np.zeros(3, np.int64), converted_at=np.array([9, 9]), value=np.array([100, 100]),
    ...     channels=("Email",), text_ids=lambda indices: [{0: "b", 2: "a"}[i] for i in indices.tolist()],
    ... )
    >>> journeys.offsets.tolist(), journeys.touch.tolist()
    ([0, 1, 3], [11, 12, 10])
    """
    n_journeys = len(converted_at)
    order: IntArray | slice = slice(None)  # as they are
    if not _rises(conversion, at, tie_rank):
        order = sort_order(conversion, at, tie_rank=tie_rank, text_ids=text_ids)
    placed = {}
    if milestones:
        position = np.empty(len(at), np.int64)
        position[order] = np.arange(len(at))
        for name, index in milestones.items():
            placed[name] = np.full(n_journeys, -1, np.int64)
            placed[name][index >= 0] = position[index[index >= 0]]
    return Journeys(
        offsets=offsets_of(np.bincount(conversion, minlength=n_journeys).astype(np.int64)),
        at=at[order],
        channel=channel[order],
        kind=kind[order],
        placement=placement[order],
        touch=touch[order],
        person=person[order],
        converted_at=converted_at,
        value=value,
        converted=np.ones(n_journeys, np.bool_) if converted is None else converted,
        channels=channels,
        kinds=kinds,
        milestones=placed,
        dimensions={
            name: Dimension(codes[order], names) for name, (codes, names) in (dimensions or {}).items()
        },
    )


def _rises(group: IntArray, at: IntArray, tie_rank: IntArray | None) -> bool:
    """Whether touches lie in exact order already; a look at the first ones settles most cases."""
    for part in (slice(0, _HEAD), slice(None)):
        groups, times = group[part], at[part]
        rises = times[1:] > times[:-1]
        if tie_rank is not None:
            rises |= (times[1:] == times[:-1]) & (tie_rank[part][1:] > tie_rank[part][:-1])
        rises |= groups[1:] > groups[:-1]
        if not rises.all() or (groups[1:] < groups[:-1]).any():
            return False
    return True


def sort_order(
    group: IntArray | CodeArray,
    at: IntArray,
    *,
    tie_rank: IntArray | None = None,
    text_ids: TextIds | None = None,
) -> IntArray:
    """Return the permutation that sorts touches by (group, time, touch id), groups being small integers >= 0.

    Method: group, time and input index are packed into one int64, the time with as many of its leading
    bits as there is room for, because sorting bare integers is several times faster than any argsort;
    the few touches whose packed times collide are then put in exact order.

    >>> sort_order(np.array([1, 0, 1]), np.array([7, 9, 5])).tolist()
    [1, 2, 0]
    """
    n = len(at)
    if n == 0:
        return np.zeros(0, np.int64)
    earliest = int(at.min())
    index_bits = (n - 1).bit_length()
    room = 63 - index_bits - int(group.max()).bit_length()
    coarse = max((int(at.max()) - earliest).bit_length() - room, 0)
    packed = np.empty(n, np.int64)

    def pack(start: int, stop: int) -> None:
        key = packed[start:stop]
        np.subtract(at[start:stop], earliest, out=key)
        key >>= coarse
        key |= group[start:stop].astype(np.int64) << min(room, 62)
        key <<= index_bits
        key |= np.arange(start, stop, dtype=np.int64)

    over_rows(n, pack)
    packed.sort()
    collides = np.zeros(n, np.bool_)  # with the one before

    def compare(start: int, stop: int) -> None:
        key = packed[max(start - 1, 0) : stop] >> index_bits
        np.equal(key[1:], key[:-1], out=collides[max(start, 1) : stop])

    def unpack(start: int, stop: int) -> None:
        packed[start:stop] &= (1 << index_bits) - 1

    over_rows(n, compare)
    over_rows(n, unpack)
    order = packed
    colliding = _in_runs(collides[1:])
    if colliding.size:
        order[colliding] = _exact_order(order[colliding], group, at, tie_rank, text_ids)
    return order


def _in_runs(same_as_previous: BoolArray) -> IntArray:
    """Return the positions that equal a neighbour, given for 1..n-1 whether each equals the one before."""
    if not same_as_previous.any():
        return np.zeros(0, np.int64)
    member = np.zeros(len(same_as_previous) + 1, np.bool_)
    member[1:] = same_as_previous
    member[:-1] |= same_as_previous
    return np.flatnonzero(member)


def _exact_order(
    touches: IntArray,
    group: IntArray | CodeArray,
    at: IntArray,
    tie_rank: IntArray | None,
    text_ids: TextIds | None,
) -> IntArray:
    groups, times = group[touches], at[touches]
    if tie_rank is not None:
        return touches[np.lexsort((tie_rank[touches], times, groups))]
    order = np.lexsort((touches, times, groups))
    touches, groups, times = touches[order], groups[order], times[order]
    tied = _in_runs((groups[1:] == groups[:-1]) & (times[1:] == times[:-1]))
    if text_ids is not None and tied.size:
        texts = list(text_ids(touches[tied]))
        by_text = sorted(range(len(texts)), key=texts.__getitem__)  # Python compares text by code point
        rank = np.empty(len(texts), np.int64)
        rank[by_text] = np.arange(len(texts))
        touches[tied] = touches[tied][np.lexsort((rank, times[tied], groups[tied]))]
    return touches


class SameTouch(NamedTuple):
    """Which touches stay, and into which session the others went."""

    keep: BoolArray
    merged_into: IntArray


def merge_same_touch(
    *,
    journey: IntArray,
    person: IntArray,
    at: IntArray,
    kind: KindArray,
    campaign: IntArray,
    click_id: IntArray,
    kinds: tuple[str, ...] = TOUCH_KINDS,
) -> SameTouch:
    """Find the clicks and e-mails that are the same touch as a session of their journey.

    Same click id, or same person and campaign within 30 minutes (the bound included): the session stays.
    A click id decides before a campaign; among several sessions the nearest wins, ties to the earlier.

    Args:
        journey, person, at: int64[N], in any order; `kind`: codes into `kinds`.
        campaign, click_id: int64[N] codes, -1 where there is none: a blank never matches.

    Returns:
        `keep` bool[N], and `merged_into` int64[N]: the index of the absorbing session, else -1.

    >>> session, click = TOUCH_KINDS.index("session"), TOUCH_KINDS.index("click")
    >>> merge_same_touch(
    ...     journey=np.array([0, 0]), person=np.array([4, 4]), at=np.array([0, 60_000_000]),
    ...     kind=np.array([click, session], np.int16), campaign=np.array([-1, -1]), click_id=np.array([8, 8]),
    ... ).merged_into.tolist()
    [1, -1]
    """
    is_session = kind == kinds.index("session")
    absorbable = (kind == kinds.index("click")) | (kind == kinds.index("email"))
    merged_into = np.full(len(at), -1, np.int64)
    by_click_id = (journey, click_id)
    by_campaign = (journey, person, campaign)
    for keys, within in ((by_click_id, None), (by_campaign, SAME_TOUCH_WITHIN_MINUTES * MINUTE)):
        open_touches = np.flatnonzero(absorbable & (merged_into < 0) & (keys[-1] >= 0))
        if open_touches.size:
            busy = np.zeros(int(journey.max()) + 1, np.bool_)
            busy[journey[open_touches]] = True
            sessions = np.flatnonzero(is_session & (keys[-1] >= 0) & busy[journey])
            merged_into[open_touches] = _nearest(sessions, open_touches, at, keys, within)
    return SameTouch(merged_into < 0, merged_into)


def _nearest(
    sessions: IntArray, others: IntArray, at: IntArray, keys: tuple[IntArray, ...], within: int | None
) -> IntArray:
    """Return for each of the others the session with equal keys that lies nearest in time, or -1."""
    rows = np.concatenate((sessions, others))
    is_other = np.arange(len(rows)) >= len(sessions)
    order = np.lexsort((is_other, at[rows], *(key[rows] for key in reversed(keys))))
    rows, is_other = rows[order], is_other[order]
    position = np.arange(len(rows))
    changes = np.zeros(len(rows), np.bool_)
    for key in keys:
        changes[1:] |= key[rows[1:]] != key[rows[:-1]]
    group = np.cumsum(changes)
    times = at[rows]
    # of sessions at the same instant the first stands for all, seen from either side
    leads = ~is_other
    repeated = leads[1:] & leads[:-1] & ~changes[1:] & (times[1:] == times[:-1])
    leads[1:] &= ~repeated
    earlier = np.maximum.accumulate(np.where(leads, position, -1))
    later = np.minimum.accumulate(np.where(leads, position, len(rows))[::-1])[::-1]
    has_earlier = (earlier >= 0) & (group[earlier] == group)
    later_safe = np.minimum(later, len(rows) - 1)
    has_later = (later < len(rows)) & (group[later_safe] == group)
    never = np.iinfo(np.int64).max
    wait_earlier = np.where(has_earlier, times - times[earlier], never)
    wait_later = np.where(has_later, times[later_safe] - times, never)
    best = np.where(wait_earlier <= wait_later, earlier, later_safe)
    wait = np.minimum(wait_earlier, wait_later)
    found = wait < never if within is None else wait <= within
    target = np.full(int(rows.max()) + 1, -1, np.int64)
    target[rows[is_other]] = np.where(found, rows[best], -1)[is_other]
    return target[others]
