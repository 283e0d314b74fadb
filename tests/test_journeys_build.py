"""Flat touches become sorted journeys, and touches that are one are found."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.channels.origin import TOUCH_KINDS
from attribution.clock import DAY, MINUTE
from attribution.journeys.build import build, merge_same_touch, sort_order
from attribution.journeys.columns import IntArray, Journeys
from attribution.journeys.window import touches_between


def flat(conversion: Sequence[int], at: Sequence[int], n_journeys: int, **given: Any) -> Journeys:
    """Build journeys whose touch numbers are the places of the input."""
    n = len(at)
    columns: dict[str, Any] = {
        "channel": np.zeros(n, np.int32), "kind": np.zeros(n, np.int16), "placement": np.zeros(n, np.int64),
        "touch": np.arange(n), "person": np.zeros(n, np.int64),
        "converted_at": np.zeros(n_journeys, np.int64), "value": np.zeros(n_journeys, np.int64),
        "channels": ("Email",),
    }  # fmt: skip
    journeys = build(
        conversion=np.array(conversion, np.int64), at=np.array(at, np.int64), **(columns | given)
    )
    journeys.check()
    return journeys


def test_touches_in_any_order_become_journeys_in_order_of_time() -> None:
    """Journeys without touches stay, at their place."""
    journeys = flat([3, 1, 3, 1, 3], [30, 20, 10, 5, 20], 5)
    assert journeys.offsets.tolist() == [0, 0, 2, 2, 5, 5]
    assert journeys.touch.tolist() == [3, 1, 2, 4, 0]
    assert journeys.at.tolist() == [5, 20, 10, 20, 30]


def test_no_touches_at_all_are_journeys_too() -> None:
    """Every one is empty."""
    assert flat([], [], 3).offsets.tolist() == [0, 0, 0, 0]


def test_ties_are_broken_by_touch_id_read_only_where_needed() -> None:
    """Touch ids are read only where touches share journey and microsecond; "Z" comes before "a" and "é"."""
    names = ["é", "a", "Z", "never read", "b", "a"]
    asked: list[int] = []

    def text_ids(places: IntArray) -> list[str]:
        asked.extend(places.tolist())
        return [names[place] for place in places.tolist()]

    journeys = flat([0, 0, 0, 0, 1, 1], [7, 7, 7, 6, 7, 7], 2, text_ids=text_ids)
    assert journeys.touch.tolist() == [3, 2, 1, 0, 5, 4]
    assert sorted(asked) == [0, 1, 2, 4, 5]


def test_ties_are_broken_by_rank_or_by_place() -> None:
    """A rank that is known already needs no texts; without either the input's order stands."""
    assert flat([0, 0, 0], [7, 7, 7], 1, tie_rank=np.array([2, 0, 1])).touch.tolist() == [1, 2, 0]
    assert flat([0, 0, 0], [7, 7, 7], 1).touch.tolist() == [0, 1, 2]


def test_milestones_follow_their_touches() -> None:
    """They are given as places of the input and held as places of the journeys."""
    journeys = flat(
        [1, 0, 1], [9, 5, 3], 2, milestones={"lead": np.array([-1, 0]), "close": np.array([1, 2])}
    )
    assert journeys.milestones["lead"].tolist() == [-1, 2]
    assert journeys.milestones["close"].tolist() == [0, 1]


def test_columns_stay_together() -> None:
    """Every column of a touch moves with it."""
    codes = np.array([2, 0, 1])
    journeys = flat(
        [0, 0, 0], [3, 1, 2], 1,
        channel=codes.astype(np.int32), kind=codes.astype(np.int16), placement=codes * 10, person=codes * 100,
        channels=("a", "b", "c"), value=np.array([77]), converted=np.array([False]),
    )  # fmt: skip
    assert journeys.channel.tolist() == journeys.kind.tolist() == [0, 1, 2]
    assert journeys.placement.tolist() == [0, 10, 20]
    assert journeys.person.tolist() == [0, 100, 200]
    assert (journeys.value.tolist(), journeys.converted.tolist()) == ([77], [False])


TIMES = st.one_of(st.integers(0, 3), st.integers(-(2**60), 2**60), st.integers(0, 10 * DAY))


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.integers(0, 3), st.integers(0, 2**20)), TIMES), max_size=40))
def test_the_fast_sort_sorts_like_the_plain_one(touches: list[tuple[int, int]]) -> None:
    """Times so far apart that their last bits do not fit into the packed key are put right."""
    group, at = np.array(touches, np.int64).reshape(-1, 2).T
    expected = sorted(range(len(touches)), key=lambda i: (*touches[i], i))
    assert sort_order(group, at).tolist() == expected


def test_many_touches_over_centuries_are_sorted_to_the_microsecond() -> None:
    """So many groups and so long a time that only leading bits of the time fit."""
    rng = np.random.default_rng(3)
    group = rng.integers(0, 2**22, 200_000)
    at = rng.integers(0, 2**57, 200_000)
    at[1::2] = at[::2] + rng.integers(0, 2, 100_000)
    group[1::2] = group[::2]
    expected = np.lexsort((np.arange(200_000), at, group))
    assert (sort_order(group, at) == expected).all()


SESSION, CLICK, EMAIL, EVENT = (TOUCH_KINDS.index(name) for name in ("session", "click", "email", "event"))


def merged(*touches: tuple[int, int, int, int, int, int]) -> list[int]:
    """Each touch is journey, person, minutes, kind, campaign, click id."""
    journey, person, minutes, kind, campaign, click_id = np.array(touches, np.int64).T
    found = merge_same_touch(
        journey=journey, person=person, at=minutes * MINUTE, kind=kind.astype(np.int16),
        campaign=campaign, click_id=click_id,
    )  # fmt: skip
    assert (found.keep == (found.merged_into < 0)).all()
    return found.merged_into.tolist()


@pytest.mark.parametrize(
    ("minutes", "into"), [(30, 1), (31, -1), (-30, 1), (-31, -1), (0, 1)], ids=lambda value: str(value)
)
def test_a_click_within_thirty_minutes_of_a_session_of_its_campaign_is_that_session(
    minutes: int, into: int
) -> None:
    """Before or after it, the bound included."""
    assert merged((0, 4, minutes, CLICK, 7, -1), (0, 4, 0, SESSION, 7, -1)) == [into, -1]


def test_a_click_id_joins_at_any_distance_within_the_journey() -> None:
    """Not in another journey; another person of the same journey may hold it."""
    assert merged((0, 4, 9_999, EMAIL, -1, 3), (0, 5, 0, SESSION, -1, 3)) == [1, -1]
    assert merged((0, 4, 0, CLICK, -1, 3), (1, 4, 0, SESSION, -1, 3)) == [-1, -1]


def test_a_click_id_decides_before_a_campaign() -> None:
    """The session of the campaign is nearer, but the click id names the other."""
    assert merged(
        (0, 4, 0, CLICK, 7, 3), (0, 4, 1, SESSION, 7, -1), (0, 4, 500, SESSION, -1, 3)
    ) == [2, -1, -1]  # fmt: skip


def test_the_nearest_session_wins_and_of_equals_the_earlier() -> None:
    """Ten minutes before beats eleven after; ten before beats ten after."""
    click = (0, 4, 100, CLICK, 7, -1)
    assert merged(click, (0, 4, 111, SESSION, 7, -1), (0, 4, 90, SESSION, 7, -1)) == [2, -1, -1]
    assert merged(click, (0, 4, 110, SESSION, 7, -1), (0, 4, 90, SESSION, 7, -1)) == [2, -1, -1]


def test_blanks_other_people_and_other_kinds_never_match() -> None:
    """A blank campaign is not the same campaign, and an event is no click."""
    assert merged((0, 4, 0, CLICK, -1, -1), (0, 4, 0, SESSION, -1, -1)) == [-1, -1]
    assert merged((0, 4, 0, CLICK, 7, -1), (0, 5, 0, SESSION, 7, -1)) == [-1, -1]
    assert merged((0, 4, 0, EVENT, 7, 3), (0, 4, 0, SESSION, 7, 3)) == [-1, -1]
    assert merged((0, 4, 0, CLICK, 7, 3), (0, 4, 0, EMAIL, 7, 3)) == [-1, -1]


def test_several_clicks_go_into_one_session() -> None:
    """A session may absorb any number."""
    assert merged(
        (0, 4, 0, CLICK, 7, -1), (0, 4, 5, SESSION, 7, -1), (0, 4, 9, EMAIL, 7, -1)
    ) == [1, -1, 1]  # fmt: skip


def plainly_merged(touches: list[tuple[int, int, int, int, int, int]]) -> list[int]:
    """The rule, one pair at a time."""
    answer = []
    for journey, person, minutes, kind, campaign, click_id in touches:
        best = -1
        if kind in (CLICK, EMAIL):
            sessions = [i for i, other in enumerate(touches) if other[3] == SESSION and other[0] == journey]
            same = [i for i in sessions if click_id >= 0 and touches[i][5] == click_id] or [
                i for i in sessions
                if campaign >= 0 and touches[i][4] == campaign and touches[i][1] == person
                and abs(touches[i][2] - minutes) <= 30
            ]  # fmt: skip
            best = min(same, key=lambda i: (abs(touches[i][2] - minutes), touches[i][2], i), default=-1)
        answer.append(best)
    return answer


ONE_TOUCH = st.tuples(
    st.integers(0, 1), st.integers(0, 1), st.integers(0, 70), st.sampled_from([SESSION, CLICK, EMAIL, EVENT]),
    st.integers(-1, 1), st.integers(-1, 1),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(ONE_TOUCH, min_size=1, max_size=12))
def test_merging_in_columns_equals_the_rule_pair_by_pair(
    touches: list[tuple[int, int, int, int, int, int]],
) -> None:
    """Whatever lies beside whatever."""
    assert merged(*touches) == plainly_merged(touches)


def test_the_window_includes_both_ends() -> None:
    """A person without touches and a conversion without a person have empty ranges."""
    start, stop = touches_between(
        np.array([0, 3, 3]), np.array([10, 20, 30]), np.array([0, 0, 1, -1]),
        np.array([10, 11, 0, 0]), np.array([30, 29, 99, 99]),
    )  # fmt: skip
    assert (stop - start).tolist() == [3, 1, 0, 0]
    assert (start[:2].tolist(), stop[:2].tolist()) == ([0, 1], [3, 2])


def test_kept_touches_and_taken_journeys_keep_their_milestones() -> None:
    """A milestone whose touch goes moves back to the last that stays, or is lost."""
    journeys = Journeys.from_paths(
        [[(0, "a"), (1, "b"), (2, "a")], [(5, "b")]], milestones={"lead": [2, 3], "mql": [0, -1]}
    )
    kept = journeys.keep(np.array([False, True, False, True]))
    assert kept.offsets.tolist() == [0, 1, 2]
    assert {name: at.tolist() for name, at in kept.milestones.items()} == {"lead": [0, 1], "mql": [-1, -1]}
    assert journeys.take(np.array([1, 0])).milestones["lead"].tolist() == [0, 3]
    assert replace(journeys, channels=("c", "d")).channel.tolist() == [0, 1, 0, 1]
