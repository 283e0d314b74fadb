"""Shapley and ShapleyRate against all orders in which channels can join, on small random corpora."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import permutations
from math import factorial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from path_tables import numbers

from attribution.journeys.columns import Journeys
from attribution.models.shapley import Shapley, ShapleyRate
from attribution.models.subset_game import sampled_rate_values, shapley_values, subset_sums

NAMES = "ABCDEF"

Game = Callable[[frozenset[str]], Fraction]


class Walker(NamedTuple):
    """A person: the channels met, whether it came to a conversion, and its value in minor units."""

    path: tuple[str, ...]
    converted: bool
    value: int


walkers = st.builds(
    Walker,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(tuple),
    st.booleans(),
    st.integers(0, 500_000),
)
corpora = st.lists(walkers, min_size=1, max_size=12).filter(
    lambda people: any(person.converted and person.value for person in people)
)


def journeys_of(people: Sequence[Walker]) -> Journeys:
    """Return the walkers as journeys; a null journey holds a value that nobody may count."""
    return Journeys.from_paths(
        [list(enumerate(person.path)) for person in people],
        values=[person.value for person in people],
        converted=[person.converted for person in people],
    )


def over_all_orders(game: Game, names: Sequence[str]) -> dict[str, Fraction]:
    """Return the Shapley values by their definition: the mean of what each name adds on arriving."""
    total = dict.fromkeys(names, Fraction(0))
    worth: dict[frozenset[str], Fraction] = {}
    for order in permutations(names):
        here: frozenset[str] = frozenset()
        worth.setdefault(here, game(here))
        for name in order:
            there = here | {name}
            if there not in worth:
                worth[there] = game(there)
            total[name] += worth[there] - worth[here]
            here = there
    return {name: added / factorial(len(names)) for name, added in total.items()}


def value_within(people: Sequence[Walker]) -> Game:
    """Return the game of `shapley`: the value of the journeys whose channels all lie within a set."""
    return lambda names: Fraction(sum(p.value for p in people if p.converted and names.issuperset(p.path)))


def rate_within(people: Sequence[Walker], reward: str) -> Game:
    """Return the game of `shapley_rate`: value (or conversions) per journey among those within a set."""

    def worth(names: frozenset[str]) -> Fraction:
        within = [p for p in people if names.issuperset(p.path)]
        gained = sum((p.value if reward == "value" else 1) for p in within if p.converted)
        return Fraction(gained, len(within)) if within else Fraction(0)

    return worth


def test_the_game_of_a_readme_over_all_orders(shared: Path) -> None:
    """Three channels worth 7, 6, 4, in pairs 15, 7, 9, together 19: 7 2/3, 8 1/6 and 3 1/6."""
    folder = shared / "vectors" / "models"
    table = numbers(folder / "mam_readme_shapley_game.csv", "value", "coalition")
    worth = {frozenset(k.replace("(empty)", "")): Fraction(v) for k, v in table.items()}
    found = over_all_orders(worth.__getitem__, "OFD")
    assert found == {"O": Fraction(23, 3), "F": Fraction(49, 6), "D": Fraction(19, 6)}
    by_mask = np.array([float(worth[frozenset("OFD"[i] for i in range(3) if m >> i & 1)]) for m in range(8)])
    assert by_mask.tolist() == [0, 7, 6, 15, 4, 7, 9, 19]
    assert shapley_values(by_mask, 3).tolist() == pytest.approx([23 / 3, 49 / 6, 19 / 6], abs=1e-12)
    printed = numbers(folder / "mam_readme_shapley_exact.csv", "shapley_exact", "channel")
    assert shapley_values(by_mask, 3).tolist() == pytest.approx(list(printed.values()), abs=0.5e-6)


@settings(max_examples=40)
@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.integers(-1000, 1000), min_size=2**n, max_size=2**n)))
def test_any_game_over_all_orders(worth: list[int]) -> None:
    """The subset formula equals the mean over orders; values sum to what all are worth beyond nobody."""
    n = len(worth).bit_length() - 1
    names = NAMES[:n]
    game = {frozenset(names[i] for i in range(n) if m >> i & 1): Fraction(w) for m, w in enumerate(worth)}
    expected = over_all_orders(game.__getitem__, names)
    found = shapley_values(np.array(worth, np.float64), n)
    assert found.tolist() == pytest.approx([float(expected[name]) for name in names], abs=1e-9)
    assert found.sum() == pytest.approx(worth[-1] - worth[0], abs=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 6).flatmap(lambda n: st.lists(st.integers(-1000, 1000), min_size=2**n, max_size=2**n)))
def test_subset_sums_one_by_one(values: list[int]) -> None:
    """Each set's sum over its subsets, looked up set by set."""
    n = len(values).bit_length() - 1
    expected = [sum(v for m, v in enumerate(values) if m & whole == m) for whole in range(len(values))]
    assert subset_sums(np.array(values, np.float64), n).tolist() == expected


@settings(max_examples=60)
@given(corpora)
def test_shapley_is_the_closed_form_of_its_game(people: list[Walker]) -> None:
    """Sharing each journey equally among its distinct channels is the mean over all orders."""
    journeys = journeys_of(people)
    expected = over_all_orders(value_within(people), journeys.channels)
    worth = np.where(journeys.converted, journeys.value, 0)[journeys.journey_of_touch]
    found = np.bincount(journeys.channel, Shapley().shares(journeys) * worth, len(journeys.channels))
    for name, amount in zip(journeys.channels, found, strict=True):
        assert amount == pytest.approx(float(expected[name]), rel=1e-9, abs=1e-9)


def test_shapley_shares_a_channel_equally_among_its_touches() -> None:
    """A in two of three touches: half for B, a quarter for each A."""
    journeys = journeys_of([Walker(("A", "B", "A"), True, 100)])
    assert Shapley().shares(journeys).tolist() == [0.25, 0.5, 0.25]


@settings(max_examples=60)
@given(corpora, st.sampled_from(["value", "conversions"]))
def test_shapley_rate_over_all_orders(people: list[Walker], reward: str) -> None:
    """The values of the game of rates, and the totals and shares that follow from them."""
    journeys = journeys_of(people)
    expected = over_all_orders(rate_within(people, reward), journeys.channels)
    model = ShapleyRate(reward=reward).fit(journeys)
    found = model.channels()
    phi = [float(expected[str(name)]) for name in found.index]
    assert set(found.index) == set(journeys.channels)
    assert found["phi"].tolist() == pytest.approx(phi, rel=1e-9, abs=1e-9)
    assert (found["standard_error"] == 0).all()
    assert found["raw"].tolist() == pytest.approx([p * len(people) for p in phi], rel=1e-9, abs=1e-9)
    everything = sum((p.value if reward == "value" else 1) for p in people if p.converted)
    assert found["total"].sum() == pytest.approx(everything, rel=1e-9)
    assert model.shares(journeys).tolist() == pytest.approx(_shares(people, expected), abs=1e-6)


def _shares(people: Sequence[Walker], phi: dict[str, Fraction]) -> list[float]:
    shares: list[float] = []
    for path, _, _ in people:
        weights = [max(phi[channel], Fraction(0)) / path.count(channel) for channel in path]
        total = sum(weights)
        shares += [float(w / total) if total else 1 / len(path) for w in weights]
    return shares


@settings(max_examples=40)
@given(corpora, st.permutations(list(NAMES)))
def test_channels_are_only_names(people: list[Walker], others: list[str]) -> None:
    """Renamed, in another order of codes and of journeys, they have what they had."""
    names = dict(zip(NAMES, others, strict=True))
    renamed = [p._replace(path=tuple(names[channel] for channel in p.path)) for p in reversed(people)]
    before = ShapleyRate().fit(journeys_of(people)).channels()
    after = ShapleyRate().fit(journeys_of(renamed)).channels()
    for name, row in before.iterrows():
        assert after.loc[names[str(name)]].tolist() == pytest.approx(row.tolist(), rel=1e-9, abs=1e-9)


@settings(max_examples=40)
@given(corpora)
def test_repeats_and_order_within_a_journey_do_not_matter(people: list[Walker]) -> None:
    """The game knows sets of channels only."""
    as_sets = [p._replace(path=tuple(sorted(set(p.path)))) for p in people]
    before = ShapleyRate().fit(journeys_of(people)).channels().sort_index()
    after = ShapleyRate().fit(journeys_of(as_sets)).channels().sort_index()
    assert after.to_numpy().tolist() == before.to_numpy().tolist() or np.allclose(after, before, 1e-9, 1e-9)


def _sampled(people: Sequence[Walker], names: str, seed: int, orders: int) -> tuple[np.ndarray, np.ndarray]:
    sets = sorted({tuple(sorted(set(p.path))) for p in people})
    each = [[p for p in people if tuple(sorted(set(p.path))) == held] for held in sets]
    starts = np.cumsum([0, *(len(held) for held in sets)])[:-1]
    members = np.array([names.index(name) for held in sets for name in held])
    found = sampled_rate_values(
        members, starts, np.array([len(ps) for ps in each], np.float64),
        np.array([sum(p.value for p in ps if p.converted) for ps in each], np.float64),
        len(names), permutations=orders, seed=seed,
    )  # fmt: skip
    return found.values, found.standard_error


def _random_people(seed: int, n: int, names: str) -> list[Walker]:
    rng = np.random.default_rng(seed)
    return [
        Walker(
            tuple(names[i] for i in rng.integers(0, len(names), rng.integers(1, 5))),
            bool(rng.random() < 0.4), int(rng.integers(1, 1000)),
        )
        for _ in range(n)
    ]  # fmt: skip


def test_sampling_is_unbiased_and_its_error_honest() -> None:
    """Over 200 seeds the mean is the exact value, and the reported error is the spread there is."""
    people = _random_people(1, 60, NAMES)
    exact = over_all_orders(rate_within(people, "value"), NAMES)
    phi = np.array([float(exact[name]) for name in NAMES])
    runs = [_sampled(people, NAMES, seed, orders=40) for seed in range(200)]
    values = np.array([found for found, _ in runs])
    spread = values.std(axis=0, ddof=1)
    assert (np.abs(values.mean(axis=0) - phi) < 4 * spread / np.sqrt(200)).all()
    # 200 draws know their variance to 10 %; four times that is allowed
    reported = np.array([error**2 for _, error in runs]).mean(axis=0)
    assert (np.abs(reported / spread**2 - 1) < 0.4).all()
    # every order hands out the whole, so every estimate does
    assert values.sum(axis=1) == pytest.approx(np.full(200, phi.sum()), rel=1e-9)


def test_beyond_twenty_channels_the_answer_is_within_its_own_error() -> None:
    """21 channels: two million sets, summed here over the definition by masks."""
    names = [f"channel {i}" for i in range(21)]
    rng = np.random.default_rng(3)
    people = [
        Walker(
            tuple(names[i] for i in rng.zipf(1.4, rng.integers(1, 6)) % 21),
            bool(rng.random() < 0.3), int(rng.integers(1, 1000)),
        )
        for _ in range(3000)
    ]  # fmt: skip
    people += [Walker((name,), False, 0) for name in names]  # each of them occurs
    exact = _over_all_masks(people, names)
    for seed in range(3):
        found = ShapleyRate(permutations=400, seed=seed).fit(journeys_of(people)).channels()
        assert set(found.index) == set(names)
        apart = found["phi"] - exact[found.index]
        assert (found["standard_error"] > 0).all()
        # 63 figures, each beyond 4.5 standard errors (of 200 pairs) with a chance of one in 100,000
        assert (apart.abs() < 4.5 * found["standard_error"]).all()
        assert found["raw"].sum() == pytest.approx(sum(p.value for p in people if p.converted), rel=1e-9)
    again = ShapleyRate(permutations=400, seed=2).fit(journeys_of(people)).channels()
    assert again.equals(found)


def test_twenty_channels_are_still_exact() -> None:
    """The last size at which all sets are looked at: a million of them."""
    names = [f"channel {i}" for i in range(20)]
    rng = np.random.default_rng(4)
    people = [Walker((name,), False, 0) for name in names] + [
        Walker(tuple(names[i] for i in rng.integers(0, 20, rng.integers(1, 6))), bool(i % 2), 100 + i)
        for i in range(1000)
    ]
    exact = _over_all_masks(people, names)
    found = ShapleyRate().fit(journeys_of(people)).channels()
    assert (found["phi"] - exact[found.index]).abs().max() < 1e-9 * exact.abs().max() + 1e-9
    assert (found["standard_error"] == 0).all()


def _over_all_masks(people: Sequence[Walker], names: Sequence[str]) -> pd.Series:
    """Return the Shapley values of the game of rates as sums over all sets, one name after the other."""
    n = len(names)
    masks = np.arange(2**n)
    journeys, value = np.zeros(2**n, np.int64), np.zeros(2**n, np.int64)
    for path, converted, worth in people:
        mask = sum(1 << names.index(name) for name in set(path))
        journeys[mask] += 1
        value[mask] += worth if converted else 0
    for sums in (journeys, value):
        for i in range(n):
            holds = masks[(masks >> i & 1) == 1]
            sums[holds] += sums[holds ^ (1 << i)]
    rate = np.where(journeys > 0, value / np.maximum(journeys, 1), 0.0)
    size = np.bitwise_count(masks)
    weight = np.array([float(Fraction(factorial(k) * factorial(n - 1 - k), factorial(n))) for k in range(n)])
    phi = {}
    for i, name in enumerate(names):
        without = masks[(masks >> i & 1) == 0]
        phi[name] = float(np.dot(weight[size[without]], rate[without | (1 << i)] - rate[without]))
    return pd.Series(phi)
