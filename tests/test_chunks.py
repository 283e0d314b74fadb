"""Long loops run in chunks and threads, and nobody can tell from the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import ModelError
from attribution.frames.result import _sum_by
from attribution.journeys import chunks
from attribution.journeys.columns import FloatArray, Journeys
from attribution.journeys.window import touches_between
from attribution.ledger.allocate import allocate
from attribution.ledger.credit import credit
from attribution.library import attribute
from attribution.models.base import AttributionModel
from attribution.models.registry import get_model, list_models
from attribution.testing import sample_journeys

PARAMETERS = {"custom": "custom:weights=lead=0.5;close=0.5,channel_factors=Direct=0"}


@pytest.fixture(params=[1, 7, 50])
def tiny_chunks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Chunks of few touches, so that small data make many."""
    monkeypatch.setattr(chunks, "_CHUNK", request.param)
    monkeypatch.setattr(chunks, "_ALONE", 0)


@pytest.mark.parametrize("name", list_models())
@pytest.mark.usefixtures("tiny_chunks")
def test_credit_in_chunks_is_the_credit_of_all_journeys(name: str) -> None:
    """Also of journeys without touches, refunds, milestones and what fell back to equal shares."""
    journeys = sample_journeys(seed=3)
    model = get_model(PARAMETERS.get(name, name)).fit(journeys)
    shares, equal = model.shares_and_fallbacks(journeys)
    found = credit({name: model}, journeys)[name]
    assert found.amounts.tolist() == allocate(shares, journeys.offsets, journeys.value).tolist()
    assert found.shared_equally.tolist() == equal.tolist()


@dataclass(frozen=True, kw_only=True)
class Sour(AttributionModel):
    """A model that fails on the third touch of long journeys."""

    name: ClassVar[str] = "sour"

    def _weights(self, journeys: Journeys) -> FloatArray:
        place = np.arange(journeys.n_touches) - journeys.offsets[:-1].repeat(journeys.lengths)
        return np.where(place == 2, -1.0, 1.0)


@pytest.mark.usefixtures("tiny_chunks")
def test_an_error_names_the_journey_that_the_caller_knows() -> None:
    """Not its number within a chunk."""
    journeys = Journeys.from_paths([[(0, "Email")]] * 90 + [[(0, "Email"), (1, "Direct"), (2, "Email")]])
    with pytest.raises(ModelError, match=r"touch 2 of journey 90 the weight -1\.0"):
        credit({"sour": Sour()}, journeys)


def test_the_cents_of_a_journey_do_not_depend_on_its_neighbours() -> None:
    """Not even on one whose weights are too large for their sum."""

    @dataclass(frozen=True, kw_only=True)
    class Given(AttributionModel):
        """Weights of which some sum to infinity."""

        name: ClassVar[str] = "given"

        def _weights(self, journeys: Journeys) -> FloatArray:
            return np.where(journeys.channel == 0, 1.7e308, np.array([0, 0.5, 1.8, 2.9])[journeys.channel])

    paths = [[(0, "Huge"), (1, "Huge")], [(0, "A"), (1, "B"), (2, "C")]]
    both = Journeys.from_paths(paths, values=[10**11, 10**11])
    alone = both.between(1, 2)
    model = {"given": Given()}
    assert credit(model, both)["given"].amounts[2:].tolist() == credit(model, alone)["given"].amounts.tolist()
    assert credit(model, both)["given"].amounts[:2].tolist() == [10**11 // 2] * 2


def test_a_part_of_journeys_is_what_taking_them_gives() -> None:
    """Every column, milestone and dimension."""
    journeys = sample_journeys(seed=5, dimensions=["campaign"])
    part, taken = journeys.between(20, 90), journeys.take(np.arange(20, 90))
    part.check()
    for name in ("offsets", "at", "channel", "kind", "touch", "person", "converted_at", "value", "converted"):
        assert getattr(part, name).tolist() == getattr(taken, name).tolist()
    for name in journeys.milestones:
        assert part.milestones[name].tolist() == taken.milestones[name].tolist()
    assert part.dimension("campaign").codes.tolist() == taken.dimension("campaign").codes.tolist()


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(0, 400_000), max_size=12))
def test_chunks_cover_every_journey_once(lengths: list[int]) -> None:
    """And no chunk of several journeys is much longer than it may be."""
    offsets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    starts = chunks.chunk_starts(offsets)
    assert starts == sorted(set(starts))
    assert (starts[0], starts[-1]) == (0, len(lengths))
    for start, stop in pairwise(starts):
        longest = max(lengths[start:stop])
        assert offsets[stop] - offsets[start] <= chunks._CHUNK + longest


@settings(max_examples=60, deadline=None)
@given(
    people=st.lists(st.lists(st.integers(0, 30), max_size=9), min_size=1, max_size=6),
    asked=st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 30), st.integers(0, 30)), max_size=20),
)
def test_the_window_of_a_conversion_is_what_counting_gives(
    people: list[list[int]], asked: list[tuple[int, int, int]]
) -> None:
    """Ends included; nobody's is empty."""
    times = [sorted(one) for one in people]
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in times])))
    at = np.array([t for one in times for t in one], np.int64)
    asked = [(who if who < len(people) else -1, low, high) for who, low, high in asked]
    who, since, until = np.array(asked, np.int64).reshape(-1, 3).T
    start, stop = touches_between(offsets, at, who, since, until)
    for i, (person, low, high) in enumerate(asked):
        inside = [] if person < 0 else [t for t in times[person] if low <= t <= high]
        assert at[start[i] : stop[i]].tolist() == inside


@pytest.mark.usefixtures("tiny_chunks")
def test_sums_stay_exact_where_floats_would_not() -> None:
    """Groups of amounts around 2^60 add up to the unit."""
    rng = np.random.default_rng(4)
    group = rng.integers(0, 3, 40)
    amounts = rng.integers(-(2**55), 2**55, 40) | 1
    exact = [sum(amounts[group == one].tolist()) for one in range(3)]
    assert _sum_by(group, {"linear": amounts}, 3)["linear"].tolist() == exact


@pytest.mark.usefixtures("tiny_chunks")
def test_touches_at_one_instant_are_in_the_order_of_their_ids() -> None:
    """By code point, whatever the order of rows, in every conversion of the person."""
    touches = pd.DataFrame(
        {
            "person_id": ["p"] * 4, "at": pd.to_datetime([0, 0, 0, 1], unit="h", utc=True),
            "touch_id": ["é", "b", "B", "a"], "channel": ["Email", "Direct", "Paid Search", "Referral"],
        }
    )  # fmt: skip
    deals = pd.DataFrame(
        {
            "conversion_id": ["D1", "D2"], "person_id": ["p", "p"], "value": [10, 20],
            "at": pd.to_datetime([0, 2], unit="h", utc=True),
        }
    )  # fmt: skip
    for rows in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        result = attribute(touches.iloc[rows].reset_index(drop=True), deals, models=["first_touch"])
        credits = result.credits
        assert credits["touch_id"].tolist() == ["B", "b", "é", "B", "b", "é", "a"]
        assert [float(one) for one in credits["first_touch"]] == [10, 0, 0, 20, 0, 0, 0]


@pytest.mark.usefixtures("tiny_chunks")
def test_people_are_matched_whatever_their_ids_are() -> None:
    """Whole numbers near each other or far apart, signed or not, texts and categories: one answer."""
    numbers = np.array([5, 9, 5, 7, 6, 900])
    answers = set()
    for ids in (
        numbers, numbers - 7, numbers.astype(np.uint8 if numbers.max() < 256 else np.uint16),
        numbers * 10**15, numbers.astype(str), pd.Categorical(numbers.astype(str)),
    ):  # fmt: skip
        person = pd.Series(ids)
        touches = pd.DataFrame(
            {
                "person_id": person, "channel": list("abcdef"),
                "at": pd.to_datetime(range(6), unit="h", utc=True),
            }
        )  # fmt: skip
        deals = pd.DataFrame(
            {
                "conversion_id": ["D1", "D2", "D3"], "person_id": person[[0, 5, 3]].to_numpy(),
                "at": pd.to_datetime([9, 9, 9], unit="h", utc=True), "value": [10, 100, 1000],
            }
        )  # fmt: skip
        answers.add(attribute(touches, deals, models=["linear"]).by("channel").to_string())
    assert len(answers) == 1
    assert "900" not in answers.pop()


@pytest.mark.parametrize(
    "blank",
    [
        lambda ids: pd.Categorical(ids), lambda ids: pd.array(ids, "int64[pyarrow]"),
        lambda ids: pd.array(ids, "Int64"), lambda ids: pd.array(ids, "float64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["touches", "conversions", "both"])
def test_a_blank_among_whole_numbers_is_nobody(blank: Callable[[list[int | None]], Any], where: str) -> None:
    """In any type that can hold one, on either side; and who has none is told."""
    ids = [1, None, 3]
    touches = pd.DataFrame(
        {
            "person_id": blank(ids if where != "conversions" else [1, 2, 3]), "channel": list("abc"),
            "at": pd.to_datetime(range(3), unit="h", utc=True),
        }
    )  # fmt: skip
    deals = pd.DataFrame(
        {
            "conversion_id": ["D1", "D2", "D3"], "person_id": blank(ids if where != "touches" else [1, 9, 3]),
            "at": pd.to_datetime([9, 9, 9], unit="h", utc=True), "value": [10, 100, 1000],
        }
    )  # fmt: skip
    result = attribute(touches, deals, models=["linear"])
    assert {name: float(x) for name, x in result.by("channel")["linear"].items() if x} == {
        "a": 10, "c": 1000, "(unattributed)": 100,
    }  # fmt: skip
    assert len(result.notes) == {"touches": 1, "conversions": 1, "both": 2}[where]


@pytest.mark.parametrize("kinds", [None, ["session", "session"], ["session", "impression"]])
def test_the_lookback_of_impressions_is_theirs_alone(kinds: list[str] | None) -> None:
    """A session beyond the lookback does not count because impressions are asked for."""
    touches = pd.DataFrame(
        {"person_id": [1, 1], "at": pd.to_datetime([0, 30], unit="h", utc=True), "channel": ["a", "b"]}
    )
    if kinds:
        touches["kind"] = kinds
    deals = pd.DataFrame(
        {
            "conversion_id": ["D"], "person_id": [1], "at": pd.to_datetime([35], unit="h", utc=True),
            "value": [100],
        }
    )  # fmt: skip
    result = attribute(touches, deals, models=["linear"], lookback="1h", kinds=["session", "impression"])
    counts = kinds == ["session", "impression"]
    assert result.journeys.n_touches == (1 if counts else 0)
