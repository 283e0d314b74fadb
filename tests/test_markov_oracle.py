"""Markov against walks counted one by one and against fractions, on small random corpora."""

from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attribution.journeys.columns import Journeys
from attribution.models import chain
from attribution.models.markov import Markov

NAMES = "ABCD"

State = tuple[str, ...]


class Walker(NamedTuple):
    """A person: the channels met, whether it came to a conversion, and its value in minor units."""

    path: tuple[str, ...]
    converted: bool
    value: int


class Graph(NamedTuple):
    """Where journeys start, and from each state the chances of all ends and next states."""

    start: dict[State, Fraction]
    steps: dict[State, dict[State, Fraction]]
    conversion: dict[State, Fraction]
    unit_value: dict[State, Fraction]


walkers = st.builds(
    Walker,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(tuple),
    st.booleans(),
    st.integers(0, 500_000),
)
corpora = st.lists(walkers, min_size=1, max_size=10).filter(
    lambda people: any(p.converted for p in people) and any(p.converted and p.value for p in people)
)
orders = st.integers(1, 4)


def journeys_of(people: list[Walker]) -> Journeys:
    """Return the walkers as journeys; a null journey holds a value that nobody may count."""
    return Journeys.from_paths(
        [list(enumerate(person.path)) for person in people],
        values=[person.value for person in people],
        converted=[person.converted for person in people],
    )


def graph_of(people: list[Walker], order: int) -> Graph:
    """Count windows of `order` touches (the whole path if shorter) as the definition says, in fractions."""
    start: Counter[State] = Counter()
    steps: dict[State, Counter[State]] = defaultdict(Counter)
    conversions: Counter[State] = Counter()
    value: Counter[State] = Counter()
    left: Counter[State] = Counter()
    for path, converted, worth in people:
        windows = [path[i : i + order] for i in range(max(len(path) - order, 0) + 1)]
        start[windows[0]] += 1
        for source, target in pairwise(windows):
            steps[source][target] += 1
            left[source] += 1
        left[windows[-1]] += 1
        if converted:
            conversions[windows[-1]] += 1
            value[windows[-1]] += worth
    return Graph(
        {state: Fraction(n, len(people)) for state, n in start.items()},
        {state: {to: Fraction(n, left[state]) for to, n in steps[state].items()} for state in left},
        {state: Fraction(n, left[state]) for state, n in conversions.items()},
        {state: Fraction(value[state], n) for state, n in conversions.items()},
    )


def absorbed(graph: Graph, removed: str | None) -> tuple[Fraction, Fraction]:
    """Return the chance to convert and the expected value, walks into `removed` being lost: (I - Q)^-1."""
    states = [state for state in graph.steps if removed not in state]
    place = {state: i for i, state in enumerate(states)}
    # one linear equation a state: what a walk in it still earns, for conversions and for value
    rows = []
    for state in states:
        row = [Fraction(0)] * (len(states) + 2)
        row[place[state]] += 1
        for target, chance in graph.steps[state].items():
            if target in place:
                row[place[target]] -= chance
        row[-2] = graph.conversion.get(state, Fraction(0))
        row[-1] = row[-2] * graph.unit_value.get(state, Fraction(0))
        rows.append(row)
    _eliminate(rows)
    found = (
        sum((chance * rows[place[s]][column] for s, chance in graph.start.items() if s in place), Fraction(0))
        for column in (-2, -1)
    )
    chance, value = found
    return chance, value


def _eliminate(rows: list[list[Fraction]]) -> None:
    """Solve in place by Gauss and Jordan; every state leads out, so no pivot is zero in the end."""
    for i in range(len(rows)):
        pivot = next(j for j in range(i, len(rows)) if rows[j][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [entry / rows[i][i] for entry in rows[i]]
        for j in range(len(rows)):
            if j != i and rows[j][i]:
                factor = rows[j][i]
                rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]


def walked(graph: Graph) -> tuple[float, float, Counter[str], Counter[str]]:
    """Walk all paths at once, each with the channels it has met, until hardly anybody still walks.

    Returns:
        Conversions, value, and both again by channel met on the way.
    """
    crowd: Counter[tuple[State, frozenset[str]]] = Counter()
    for state, chance in graph.start.items():
        crowd[state, frozenset(state)] += float(chance)
    chances = {s: [(t, float(p)) for t, p in to.items()] for s, to in graph.steps.items()}
    conversions, value = 0.0, 0.0
    met: Counter[str] = Counter()
    met_value: Counter[str] = Counter()
    while sum(crowd.values()) > 1e-14:
        after: Counter[tuple[State, frozenset[str]]] = Counter()
        for (state, seen), many in crowd.items():
            ended = many * float(graph.conversion.get(state, 0))
            worth = ended * float(graph.unit_value.get(state, 0))
            conversions, value = conversions + ended, value + worth
            for channel in seen:
                met[channel] += ended
                met_value[channel] += worth
            for target, chance in chances[state]:
                after[target, seen | frozenset(target)] += many * chance
        crowd = after
    return conversions, value, met, met_value


@settings(max_examples=150)
@given(corpora, orders)
@example([Walker(("A", "B", "A"), True, 100), Walker(("B",), False, 7)], 2)
@example([Walker(("A",) * 6, True, 100), Walker(("A",) * 2, False, 0), Walker(("B", "A"), True, 1)], 3)
def test_removal_effects_in_fractions(people: list[Walker], order: int) -> None:
    """Sending every state that holds a channel to null, solved in fractions, self-transitions kept."""
    model = Markov(order=order).fit(journeys_of(people))
    graph = graph_of(people, order)
    chance, value = absorbed(graph, None)
    converted = sum(person.converted for person in people)
    assert chance == Fraction(converted, len(people))
    assert model.conversion_probability == pytest.approx(float(chance), abs=1e-12)
    found = model.channels()
    assert set(found.index) == {channel for person in people for channel in person.path}
    effects = {
        name: [1 - a / b for a, b in zip(absorbed(graph, name), (chance, value), strict=True)]
        for name in found.index
    }
    total = sum(person.value for person in people if person.converted)
    for column, share, i, everything in (
        ("removal_effect", "conversions_by_effect", 0, converted),
        ("removal_effect_value", "value_by_effect", 1, total),
    ):
        expected = [float(effects[name][i]) for name in found.index]
        assert found[column].tolist() == pytest.approx(expected, abs=1e-9)
        summed = sum(effects[name][i] for name in found.index)
        expected = [float(everything * effects[name][i] / summed) for name in found.index]
        assert found[share].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(max_examples=40)
@given(corpora, orders)
def test_large_chains_are_solved_another_way_to_the_same_end(people: list[Walker], order: int) -> None:
    """Beyond some states the inverse is not made; here from the first state on."""
    before = Markov(order=order).fit(journeys_of(people)).channels()
    for way in [chain._one_by_one, chain._by_diagonal][: 2 if order == 1 else 1]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chain, "_dense", way)
            after = Markov(order=order).fit(journeys_of(people)).channels()
        for column in before:
            assert after[column].tolist() == pytest.approx(before[column].tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("n_names", "order"), [(300, 1), (900, 1), (60, 2), (60, 3), (40, 4), (12, 8)])
def test_many_names_are_counted_another_way_to_the_same_end(n_names: int, order: int) -> None:
    """Where the possible steps are too many for an array of them, they are sorted; the steps are the same."""
    rng = np.random.default_rng(n_names)
    people = [
        Walker(tuple(f"c{i}" for i in rng.zipf(1.5, rng.integers(1, 14)) % n_names), bool(i % 3), 100 + i)
        for i in range(400)
    ]
    assert _counts(people, order) == _steps_taken(people, order)


@settings(max_examples=60)
@given(corpora, orders)
def test_removal_effects_by_walking(people: list[Walker], order: int) -> None:
    """A removal effect is the share of conversions (or value) whose walk met the channel."""
    found = Markov(order=order).fit(journeys_of(people)).channels()
    conversions, value, met, met_value = walked(graph_of(people, order))
    for name, row in found.iterrows():
        assert row["removal_effect"] == pytest.approx(met[str(name)] / conversions, abs=1e-9)
        assert row["removal_effect_value"] == pytest.approx(met_value[str(name)] / value, abs=1e-9)


@settings(max_examples=60)
@given(corpora, orders, st.sampled_from(["conversions", "value"]))
def test_credit_within_a_journey_follows_the_effects(people: list[Walker], order: int, reward: str) -> None:
    """A touch weighs its channel's effect, divided by the touches of that channel in the journey."""
    journeys = journeys_of(people)
    model = Markov(order=order, reward=reward).fit(journeys)
    graph = graph_of(people, order)
    i = 0 if reward == "conversions" else 1
    all_of_it = absorbed(graph, None)[i]
    effect = {name: 1 - absorbed(graph, name)[i] / all_of_it for name in journeys.channels}
    expected: list[float] = []
    for path, _, _ in people:
        weights = [effect[channel] / path.count(channel) for channel in path]
        total = sum(weights)
        expected += [float(w / total) if total else 1 / len(path) for w in weights]
    assert model.shares(journeys).tolist() == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60)
@given(corpora, orders)
def test_transitions_are_the_steps_taken(people: list[Walker], order: int) -> None:
    """All steps but those from a state to itself, counted; the chances of leaving a state sum to 1."""
    frame = Markov(order=order).fit(journeys_of(people)).transitions()
    assert _counts(people, order) == _steps_taken(people, order)
    assert frame.groupby("source")["probability"].sum().tolist() == pytest.approx(
        [1.0] * frame["source"].nunique(), abs=1e-12
    )


@settings(max_examples=40)
@given(corpora, corpora, orders)
def test_counts_of_parts_add_up(some: list[Walker], others: list[Walker], order: int) -> None:
    """Two months counted apart have the transitions of both counted together."""
    parts: Counter[tuple[str, str]] = Counter()
    for people in (some, others):
        parts.update(_counts(people, order))
    assert parts == _counts(some + others, order)


@settings(max_examples=40)
@given(corpora, orders, st.data())
def test_staying_longer_changes_nothing(people: list[Walker], order: int, data: st.DataObject) -> None:
    """A run of `order` touches of a channel is a state; a longer run stays in it."""
    stretched = []
    for person in people:
        path = list(person.path)
        for place in range(len(path) - 1, order - 2, -1):
            if len(set(path[place - order + 1 : place + 1])) == 1:
                path[place:place] = [path[place]] * data.draw(st.integers(0, 3))
        stretched.append(person._replace(path=tuple(path)))
    before = Markov(order=order).fit(journeys_of(people)).channels()
    after = Markov(order=order).fit(journeys_of(stretched)).channels().loc[before.index]
    largest = max(1.0, float(before["value_by_effect"].max()))
    assert np.abs(before - after).max(axis=None) <= 1e-9 * largest


@settings(max_examples=40)
@given(corpora, orders, st.permutations(list(NAMES)))
def test_channels_are_only_names(people: list[Walker], order: int, others: list[str]) -> None:
    """Renamed, in another order of codes and of journeys, they have what they had."""
    names = dict(zip(NAMES, others, strict=True))
    renamed = [p._replace(path=tuple(names[channel] for channel in p.path)) for p in reversed(people)]
    before = Markov(order=order).fit(journeys_of(people)).channels()
    after = Markov(order=order).fit(journeys_of(renamed)).channels()
    for name, row in before.iterrows():
        assert after.loc[names[str(name)]].tolist() == pytest.approx(row.tolist(), rel=1e-9, abs=1e-9)


@settings(max_examples=30)
@given(corpora, orders)
def test_journeys_without_touches_and_unused_names_say_nothing(people: list[Walker], order: int) -> None:
    """A conversion that nobody saw coming teaches no chain; a channel that no journey holds is not in it."""
    journeys = journeys_of(people)
    empty = journeys_of([*people, Walker((), True, 10**9), Walker((), False, 0)])
    wider = replace(journeys, channel=journeys.channel + 1, channels=("unused", *journeys.channels))
    before = Markov(order=order).fit(journeys).channels()
    for other in (empty, wider):
        after = Markov(order=order).fit(other).channels()
        assert after.index.tolist() == before.index.tolist()
        largest = max(1.0, float(before["value_by_effect"].max()))
        assert np.abs(after - before).max(axis=None) <= 1e-9 * largest


def _counts(people: list[Walker], order: int) -> Counter[tuple[str, str]]:
    frame = Markov(order=order).fit(journeys_of(people)).transitions()
    return Counter(
        {(s, t): int(n) for s, t, n in zip(frame["source"], frame["target"], frame["count"], strict=True)}
    )


def _steps_taken(people: list[Walker], order: int) -> Counter[tuple[str, str]]:
    taken: Counter[tuple[str, str]] = Counter()
    for path, converted, _ in people:
        windows = [" > ".join(path[i : i + order]) for i in range(max(len(path) - order, 0) + 1)]
        stops = ["(start)", *windows, "(conversion)" if converted else "(null)"]
        taken.update(step for step in pairwise(stops) if step[0] != step[1])
    return taken


def test_refunds_that_cancel_all_value_leave_no_effect_on_value() -> None:
    """Where sales and refunds sum to nothing, no channel has an effect on value: 0, not 1e17."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = int(rng.integers(3, 9))
        paths = [tuple(NAMES[i] for i in rng.integers(0, 4, rng.integers(1, 5))) for _ in range(n)]
        values = rng.integers(-(10**5), 10**5, n)
        values[-1] = -values[:-1].sum()
        people = [Walker(path, True, int(value)) for path, value in zip(paths, values, strict=True)]
        assert not Markov().fit(journeys_of(people)).channels()["removal_effect_value"].any()
