"""The bootstrap: who is drawn, what the intervals say, and that nothing but seed and people decides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import InputError, NotFittedError
from attribution.journeys.columns import FloatArray, Journeys
from attribution.models.base import AttributionModel
from attribution.models.markov import Markov
from attribution.models.rules import FirstTouch, Linear
from attribution.trust.bca import bca_interval, spread
from attribution.trust.bootstrap import bootstrap
from attribution.trust.draws import draw_times
from attribution.trust.intervals import Intervals, doubts
from attribution.trust.ranks import ahead_of_next, rank_agreement, rank_bounds
from benchmarks.coverage import coverage, small_world


@dataclass(frozen=True, kw_only=True)
class ByRate(AttributionModel):
    """Learns how often journeys with a channel convert, and credits channels in that ratio."""

    name: ClassVar[str] = "by_rate"
    needs_fit: ClassVar[bool] = True

    def _fit(self, journeys: Journeys) -> Mapping[str, Any]:
        assert journeys.converted.any(), "a draw without conversions is not for a model to learn from"
        won = np.repeat(journeys.converted, journeys.lengths)
        seen = np.bincount(journeys.channel, minlength=len(journeys.channels))
        rate = np.bincount(journeys.channel, won, len(journeys.channels)) / np.maximum(seen, 1)
        return dict(zip(journeys.channels, rate.tolist(), strict=True))

    def _weights(self, journeys: Journeys) -> FloatArray:
        return np.array([self.fitted[name] for name in journeys.channels])[journeys.channel]


MODELS = [FirstTouch(), Linear(), ByRate()]


def paths(*journeys: str, **columns: Any) -> Journeys:
    """Make journeys of texts: a letter is a channel."""
    return Journeys.from_paths(
        [[(i, channel) for i, channel in enumerate(text)] for text in journeys], **columns
    )


def figures(found: Intervals) -> list[Any]:
    """Return everything that a bootstrap found, to be compared."""
    columns = (found.credited, found.low, found.high, found.conversions, found.rank_best, found.rank_worst)
    return [*(column.tolist() for column in columns), found.rank_agreement, found.total]


def test_an_interval_worked_by_hand() -> None:
    """Nothing skewed and no bias: the 5th and 95th of 99 draws; a bias moves both up."""
    draws = np.arange(1.0, 100.0)[:, None]
    even = np.tile([1.0, -1.0], 5 * 10**5)[:, None]
    low, high = bca_interval(np.array([50.0]), draws, even)
    assert [low[0], high[0]] == pytest.approx([5, 95], abs=1e-4)
    # z0 = 0.25596 (59.5 of 99 lie below), 2 z0 -/+ 1.64485: normal levels 0.12862 and 0.98449
    low, high = bca_interval(np.array([60.0]), draws, even)
    assert [low[0], high[0]] == pytest.approx([12.862, 98.449], abs=1e-3)


def test_acceleration_and_effective_units_by_hand() -> None:
    """1, 2, 3: skewness 36 / 14^1.5, 36 / 14 units; refunds turn the sign, scale changes nothing."""
    influence = np.array([[1.0, -1e9, 0.0], [2.0, -2e9, 0.0], [3.0, -3e9, 0.0]])
    worked = 36 / 14**1.5 / 6
    found = spread(influence.ravel(), np.tile(np.arange(3), 3), 3)
    assert found.acceleration.tolist() == pytest.approx([worked, -worked, 0.0])
    assert found.units.tolist() == pytest.approx([36 / 14, 36 / 14, 0.0])


def test_one_skewed_unit_widens_and_never_turns_around() -> None:
    """One effective unit: both levels end at the outermost draws, whichever side is the longer."""
    draws = np.arange(1.0, 100.0)[:, None]
    for sign in (1.0, -1.0):
        low, high = bca_interval(np.array([50.0]), draws, np.array([[sign]]), level=0.99)
        assert 1 <= low[0] <= high[0] <= 99
        assert high[0] - low[0] >= 97


def test_equal_draws_make_a_point_and_no_draw_makes_none() -> None:
    """All draws equal; no influence; draws of a ratio over nothing are set aside."""
    same = np.full((50, 1), 7.0)
    assert [bound.tolist() for bound in bca_interval(np.array([7.0]), same, np.zeros((3, 1)))] == [[7], [7]]
    nothing = bca_interval(np.array([np.nan]), np.full((50, 1), np.nan), np.zeros((3, 1)))
    assert np.isnan(nothing).all()
    some = np.concatenate((same, np.full((50, 1), np.nan), np.full((5, 1), np.inf)))
    assert [bound.tolist() for bound in bca_interval(np.array([7.0]), some, np.ones((3, 1)))] == [[7], [7]]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=10),
    st.floats(0.01, 0.999),
)
@settings(max_examples=60, deadline=None)
def test_bounds_are_in_order_and_among_the_draws(
    draws: list[float], influence: list[float], level: float
) -> None:
    """Whatever comes in: no bound outside the draws, none crossed."""
    low, high = bca_interval(
        np.array([draws[0]]), np.array(draws)[:, None], np.array(influence)[:, None], level
    )
    assert min(draws) <= low[0] <= high[0] <= max(draws)


def test_how_often_people_are_drawn() -> None:
    """Poisson of mean 1: mean, variance and the share of those left out; two people are drawn apart."""
    times = draw_times(np.arange(3000), 400)
    assert times.mean() == pytest.approx(1, abs=0.005)
    assert times.var() == pytest.approx(1, abs=0.01)
    assert (times == 0).mean() == pytest.approx(np.exp(-1), abs=0.002)
    assert abs(np.corrcoef(times[:-1].ravel(), times[1:].ravel())[0, 1]) < 0.005
    assert abs(np.corrcoef(times[:, :-1].ravel(), times[:, 1:].ravel())[0, 1]) < 0.005
    assert not (draw_times(np.arange(9), 100, seed=1) == draw_times(np.arange(9), 100, seed=2)).all()


def test_a_sum_of_equal_deals_is_a_poisson_number() -> None:
    """100 people, a deal of 100 each: credited 10,000; the bounds are those of Poisson(100), 84 and 117."""
    found = bootstrap([Linear()], paths(*["a"] * 100), draws=4000)["linear"]
    assert found.credited.tolist() == [10000.0]
    assert found.samples.std() == pytest.approx(1000, rel=0.04)
    assert (found.low[0], found.high[0]) == (pytest.approx(8400, abs=200), pytest.approx(11700, abs=250))


def test_journeys_of_one_unit_are_drawn_together() -> None:
    """Ten deals of one person tell less than ten of ten: the spread is sqrt(10) times as large."""
    journeys = paths(*["a"] * 200)
    alone = bootstrap([Linear()], journeys, draws=1000)["linear"]
    together = bootstrap([Linear()], journeys, unit=np.arange(200) // 10, draws=1000)["linear"]
    assert together.samples.std() / alone.samples.std() == pytest.approx(10**0.5, rel=0.1)


def test_the_seed_decides() -> None:
    """The same seed the same figures, another one other bounds of the same figure."""
    journeys = small_world(60, 1)
    first, again = (bootstrap(MODELS, journeys, draws=100, seed=5) for _ in range(2))
    other = bootstrap(MODELS, journeys, draws=100, seed=6)
    for label in first:
        assert figures(first[label]) == figures(again[label])
        assert first[label].credited.tolist() == other[label].credited.tolist()
        assert first[label].low.tolist() != other[label].low.tolist()


@given(st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_the_order_of_journeys_changes_nothing(seed: int) -> None:
    """Journeys shuffled, some without touches: the same to rounding, also where a model learns."""
    journeys = paths(
        "ab", "", "b", "ca", "", "bb", "c", "a", "", "ab",
        values=[100, 7, 300, 50, 7, 80, 20, 10, 9, 33],
        converted=[True, True, True, False, True, True, False, True, False, True],
    )  # fmt: skip
    unit = np.array([0, 3, 1, 1, 4, 2, 5, 6, 7, 0])
    order = np.random.default_rng(seed).permutation(10)
    for options, shuffled in (({}, {}), ({"unit": unit}, {"unit": unit[order]})):
        one = bootstrap(MODELS, journeys, draws=100, **options)
        other = bootstrap(MODELS, journeys.take(order), draws=100, **shuffled)
        for label in one:
            for mine, theirs in zip(figures(one[label]), figures(other[label]), strict=True):
                assert mine == pytest.approx(theirs, rel=1e-9)


def test_groups_are_not_the_channels_only() -> None:
    """Groups of one's own; touches of no group are credited and counted nowhere."""
    found = bootstrap(
        [Linear()], paths("ab", "ab", "b"), group=np.array([2, -1, 2, 0, 0]), n_groups=4, draws=100
    )["linear"]
    assert found.credited.tolist() == [150.0, 0.0, 100.0, 0.0]
    assert found.conversions.tolist() == [2, 0, 2, 0]
    assert found.total == 300.0


def test_under_ten_conversions_are_too_few() -> None:
    """Those that the model credits are counted: a channel in twelve deals, first in nine."""
    journeys = paths(*["ab"] * 9, *["ba"] * 3, *["b"] * 8)
    found = bootstrap([FirstTouch(), Linear()], journeys, draws=100)
    assert found["first_touch"].conversions.tolist() == [9, 11]
    assert found["first_touch"].too_few.tolist() == [True, False]
    assert found["linear"].conversions.tolist() == [12, 20]
    assert not found["linear"].too_few.any()
    assert doubts(found["first_touch"], "first_touch", ["Email", "Direct"])[0] == (
        "under first_touch too few conversions for an interval, fewer than 10: Email (9)"
    )


def test_conversions_of_few_people_are_too_few() -> None:
    """Twenty deals of five people tell of five, whatever is drawn; of ten they are enough."""
    journeys = paths(*["a"] * 20, *["b"] * 9)
    unit = np.r_[np.arange(20) // 4, np.arange(9) + 50]
    found = bootstrap([Linear()], journeys, unit=unit, draws=100)["linear"]
    assert (found.conversions.tolist(), found.units.tolist()) == ([20, 9], [5, 9])
    assert found.too_few.all()
    assert doubts(found, "linear", ["Email", "Direct"])[0] == (
        "under linear too few conversions for an interval, fewer than 10 or of fewer than 10 customers: "
        "Email (20 of 5), Direct (9)"
    )
    found = bootstrap([Linear()], journeys, unit=np.arange(29) // 2, draws=100)["linear"]
    assert (found.units.tolist(), found.too_few.tolist()) == ([10, 5], [False, True])


def test_one_unit() -> None:
    """A single person is there or not: from nothing to several times as much, and too few."""
    found = bootstrap([Linear(), ByRate()], paths("a"), draws=400)
    for label in ("linear", "by_rate"):
        assert found[label].low.tolist() == [0.0]
        assert found[label].high[0] >= 300
        assert found[label].too_few.all()


def test_one_group_has_no_order_to_lose() -> None:
    """It is first in every draw."""
    found = bootstrap([Linear()], paths(*["a"] * 20), draws=100)["linear"]
    assert (found.rank_best.tolist(), found.rank_worst.tolist(), found.rank_agreement) == ([1], [1], 1.0)
    assert doubts(found, "linear", ["a"]) == []


@pytest.mark.parametrize("journeys", [paths("ab", "b", converted=[False] * 2), paths(), paths("", "")])
def test_nothing_converted_or_nothing_touched(journeys: Journeys) -> None:
    """Everything is nothing, and a sentence says so; a model that learns is not asked to."""
    for model in (Linear(), Markov()):
        found = bootstrap([model], journeys, draws=100)[model.label]
        for column in (found.credited, found.low, found.high, found.conversions):
            assert not column.any()
        assert found.too_few.all()
        assert found.total == journeys.value[journeys.converted].sum()
        assert doubts(found, model.label, journeys.channels) == [
            f"{model.label} credits no conversion to any channel: there is nothing to judge"
        ]


def test_refunds_mirror_revenue() -> None:
    """Negative values: what is credited is negative, the bounds are the mirror image."""
    journeys = small_world(80, 3)
    mirrored = Journeys(**{**vars_of(journeys), "value": -journeys.value})
    one = bootstrap([Linear()], journeys, draws=399)["linear"]
    other = bootstrap([Linear()], mirrored, draws=399)["linear"]
    assert (other.credited < 0).all()
    assert other.low == pytest.approx(-one.high)
    assert other.high == pytest.approx(-one.low)


def vars_of(journeys: Journeys) -> dict[str, Any]:
    """Return the fields of journeys."""
    return {name: getattr(journeys, name) for name in journeys.__dataclass_fields__}


def test_a_model_that_learns_is_fitted_on_every_draw() -> None:
    """With its fit held it moves otherwise; the one given learns nothing; Markov is as refitted by hand."""
    journeys = small_world(120, 8)
    model = ByRate()
    found = bootstrap([model], journeys, draws=200)["by_rate"]
    assert not model.is_fitted
    held = bootstrap([ByRate().fit(journeys)], journeys, draws=200, refit=False)["by_rate"]
    assert held.credited.tolist() == found.credited.tolist()
    assert (found.samples.std(axis=0) != held.samples.std(axis=0)).all()
    markov = bootstrap([Markov()], journeys, draws=100)["markov"]
    people = np.unique(journeys.person)
    person = journeys.person[journeys.first]
    for draw in (0, 57, 99):
        times = draw_times(people, 100)[person, draw].astype(np.int64)
        drawn = journeys.take(np.repeat(np.arange(journeys.n_journeys), times))
        credit = Markov().fit(drawn).shares(drawn) * np.repeat(drawn.value * drawn.converted, drawn.lengths)
        by_hand = np.bincount(drawn.channel, credit, len(drawn.channels))
        assert markov.samples[draw] == pytest.approx(by_hand, rel=1e-9)


def test_draws_come_in_blocks_that_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by drawing few at a time, and progress is told."""
    journeys = small_world(60, 2)
    told: list[tuple[str, int, int | None]] = []
    whole = bootstrap([Linear(), ByRate()], journeys, draws=101)
    monkeypatch.setattr("attribution.trust.bootstrap._BLOCK_BYTES", 1)
    monkeypatch.setattr("attribution.trust.sums._UNITS_AT_A_TIME", 7)
    parts = bootstrap([Linear(), ByRate()], journeys, draws=101, progress=lambda *report: told.append(report))
    for label in whole:
        assert parts[label].samples == pytest.approx(whole[label].samples, rel=1e-12)
    assert told[-1] == ("fitting by_rate", 101, 101)
    assert {what for what, _, _ in told} == {"drawing people", "fitting by_rate"}


def test_ranks_by_hand() -> None:
    """Three figures in four draws: pairs keep their order in 4, 3.5 and 1 of them, a tie being half."""
    point = np.array([30.0, 20.0, 10.0])
    draws = np.array([[30.0, 20.0, 10.0], [25.0, 5.0, 12.0], [20.0, 8.0, 20.0], [20.0, 10.0, 11.0]])
    everybody = np.ones(3, np.bool_)
    assert rank_agreement(point, draws, everybody) == pytest.approx((4 + 3.5 + 1) / 12)
    assert rank_agreement(point, draws, np.array([True, True, False])) == 1.0
    assert ahead_of_next(point, draws)[:2].tolist() == [1.0, 0.25]
    assert [places.tolist() for places in rank_bounds(draws, 0.9)] == [
        [1, 2, 1],
        [2, 3, 3],
    ]  # tied for first is second at worst


def test_an_order_that_is_not_stable_is_said() -> None:
    """Two channels with as much each: their order is a coin's, and the sentence names them."""
    journeys = paths(*["a", "b"] * 30, *["c"] * 5, values=[100, 100] * 30 + [9000] * 5)
    found = bootstrap([FirstTouch()], journeys, draws=400)["first_touch"]
    assert found.rank_agreement < 0.9
    sentence = doubts(found, "first_touch", ["Email", "Direct", "Fair"], "campaign")[-1]
    assert sentence.startswith("the order by campaign under first_touch is not stable: two keep theirs in ")
    assert "Email and Direct in " in sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"level": 1.0},
            "an interval of 1.0 cannot be made; allowed are shares between 0 and 1, such as 0.9 for 90 %",
        ),
        ({"draws": 50}, "draws=50 are too few for an interval; allowed are 100 and more"),
        ({"seed": -1}, "seed=-1 cannot be used; allowed are whole numbers from 0"),
        ({"unit": np.zeros(3, np.int64)}, "unit has shape (3,), expected (1,)"),
        ({"group": np.array([0, 3]), "n_groups": 2},
         "a group lies outside -1 to 1; n_groups=2 must hold them all"),
    ],
)  # fmt: skip
def test_bad_options(options: dict[str, Any], sentence: str) -> None:
    """One sentence each."""
    with pytest.raises(InputError) as caught:
        bootstrap([Linear()], paths("ab"), **options)
    assert str(caught.value) == sentence


def test_bad_models() -> None:
    """Twice the same, and a fit that is to be held but was never made."""
    with pytest.raises(InputError, match="not all different"):
        bootstrap([Linear(), Linear()], paths("ab"))
    with pytest.raises(NotFittedError):
        bootstrap([ByRate()], paths("ab"), refit=False)


@pytest.mark.parametrize(("model", "worlds"), [("first_touch", 80), ("linear", 80), ("markov", 16)])
def test_intervals_hold_the_truth_as_often_as_they_say(model: str, worlds: int) -> None:
    """A 90 % interval in many small worlds of skewed deals; `benchmarks/coverage.py` measures more."""
    found = coverage(model, 100, worlds, draws=100)
    inside, _ = found["ours"]
    assert 0.84 <= inside <= 0.98
    assert found["buyers alone, BCa"][0] < inside
