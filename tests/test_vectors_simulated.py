"""What public packages simulate lies around our exact answer, within the error of their own walks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from path_tables import (
    SCALE,
    SIX_DECIMALS,
    channels,
    furthest,
    numbers,
    public_journeys,
    public_markov,
    public_rows,
    read_columns,
    readme_journeys,
    shares,
)
from scipy.stats import binom, norm

from attribution.labels import CONVERSION, NULL, START
from attribution.models.markov import Markov

ORDERS = [1, 2, 3, 4]
KINDS = ["null", "nonull"]

# 12 channels, 4 orders, with and without nulls, conversions and value: some 200 simulated figures. At one in
# 100,000 each, one falls outside by chance in 0.2 % of worlds; they are stored, so it never flickers.
ERROR_RATE = 1e-5


@pytest.fixture
def vectors(shared: Path) -> Path:
    """The folder with the answers of other packages."""
    return shared / "vectors" / "models"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_simulated_effects_of_channelattribution(vectors: Path, order: int, kind: str) -> None:
    """Its answer is one fold of at least 10,000 walks; those that convert vote by binomial odds."""
    model, file = (
        public_markov(vectors, order, kind == "null"),
        vectors / f"ca_markov_order{order}_{kind}.csv",
    )
    votes = int(10_000 * model.conversion_probability)
    simulated = numbers(file, "removal_effects_conversion")
    _within_binomial(channels(model, "removal_effect"), simulated, votes)
    simulated = numbers(file, "removal_effects_conversion_value")
    _within_error_of_value(vectors, model, simulated, votes)


@pytest.mark.parametrize("order", [1, 2])
def test_long_simulations_of_channelattribution(vectors: Path, order: int) -> None:
    """3e7 walks, of which a tenth make the answer: the error shrinks by the root, around our figures."""
    model, file = public_markov(vectors, order), vectors / f"ca_markov_order{order}_null_3e7sims.csv"
    votes = int(3_000_000 * model.conversion_probability)
    _within_binomial(channels(model, "removal_effect"), numbers(file, "removal_effects_conversion"), votes)
    simulated = numbers(file, "removal_effects_conversion_value")
    _within_error_of_value(vectors, model, simulated, votes)


def test_seeds_of_channelattribution_scatter_around_ours(vectors: Path) -> None:
    """The mean of 20 seeds is no further from the exact conversions than their own spread allows."""
    table = read_columns(vectors / "ca_markov_order1_null_seed_spread.csv")
    exact = channels(public_markov(vectors, 1), "conversions_by_effect")
    seeds = [name for name in table if name.startswith("seed")]
    assert len(seeds) == 20
    for name in exact:
        drawn = np.array([float(table[seed][name]) for seed in seeds])
        error = drawn.std(ddof=1) / np.sqrt(len(drawn))
        assert abs(drawn.mean() - exact[name]) < 3 * error, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_totals_of_channelattribution_are_shares_of_its_effects(vectors: Path, order: int, kind: str) -> None:
    """So its totals err by what its effects err: nothing else separates them from ours."""
    file = vectors / f"ca_markov_order{order}_{kind}.csv"
    value = float(sum(row.value for row in public_rows(vectors)))
    for effect, total, everything in (
        ("removal_effects_conversion", "total_conversions", 19_785.0),
        ("removal_effects_conversion_value", "total_conversion_value", value),
    ):
        effects = numbers(file, effect)
        made = {name: everything * share for name, share in shares(effects).items()}
        # effects rounded to 5e-7 of a sum near 2 move a total by some 1e-6 of it
        assert furthest(made, numbers(file, total)) < 2e-6 * everything


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_how_far_simulation_is_from_ours_as_tabulated(vectors: Path, order: int, kind: str) -> None:
    """The table of its deviations from the exact solution, made anew with ours."""
    table = pd.read_csv(vectors / "ca_vs_exact.csv")
    rows = table[(table["order"] == order) & (table["null"] == (kind == "null"))]
    row = rows[rows["sims"] == "default"].iloc[0]
    model, file = (
        public_markov(vectors, order, kind == "null"),
        vectors / f"ca_markov_order{order}_{kind}.csv",
    )
    for ours, theirs, column in (
        ("removal_effect", "removal_effects_conversion", "max_abs_dRE"),
        ("removal_effect_value", "removal_effects_conversion_value", "max_abs_dREvalue"),
    ):
        apart = furthest(channels(model, ours), numbers(file, theirs))
        assert apart == pytest.approx(row[column], abs=2 * SIX_DECIMALS)
    states = {step[0] for step in _steps(model)} | {step[1] for step in _steps(model)}
    assert len(states - {START, CONVERSION, NULL}) == row["n_states"]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("loops", [True, False])
def test_simulated_effects_of_pychattr(vectors: Path, order: int, loops: bool) -> None:
    """Its answer is 10,000 walks, all of which convert; loops change nothing but the draws."""
    exact = channels(Markov(order=order).fit(readme_journeys(vectors)), "removal_effect")
    file = vectors / f"pychattr_markov_order{order}_loops{loops}.csv"
    for column in ("removal_effect", "removal_effect_value"):  # all values are 1
        _within_binomial(exact, numbers(file, column), 10_000)


def test_its_automatic_order_is_order_four(vectors: Path) -> None:
    """`auto_markov_model` simulates like `markov_model`, so what holds for order 4 holds for it."""
    automatic, fourth = vectors / "ca_auto_markov_model.csv", vectors / "ca_markov_order4_null.csv"
    for column in ("total_conversions", "total_conversion_value"):
        assert numbers(automatic, column) == numbers(fourth, column)


def _steps(model: Markov) -> dict[tuple[str, str], float]:
    frame = model.transitions()
    return {
        (source, target): chance
        for source, target, chance in zip(frame["source"], frame["target"], frame["probability"], strict=True)
    }


def _within_binomial(exact: dict[str, float], simulated: dict[str, float], votes: int) -> None:
    """Each simulated share of votes lies where binomial draws lie but for one in ERROR_RATE."""
    for name, chance in exact.items():
        low, high = binom.ppf([ERROR_RATE / 2, 1 - ERROR_RATE / 2], votes, min(chance, 1.0)) / votes
        # the number of votes is itself drawn, and a figure has six decimals: one vote of room
        assert low - 1 / votes <= simulated[name] <= high + 1 / votes, name


def _within_error_of_value(vectors: Path, model: Markov, simulated: dict[str, float], votes: int) -> None:
    """The simulated value effect sum(v 1) / sum(v) lies within its own error.

    A vote carries the value v of a conversion drawn at its last state. The quotient's variance is
    E[v^2 (1 - R)^2] / n E[v]^2, which is (E[v^2] / E[v]^2) (Q (1 - R)^2 + (1 - Q) R^2) / n where Q is the
    channel's share of E[v^2] : a removal effect once more, of squared values.
    """
    journeys = public_journeys(vectors, nulls=model.conversion_probability < 0.999)
    value = journeys.value[journeys.converted] / SCALE
    spread = (value**2).mean() / value.mean() ** 2
    squared = _of_squared_values(vectors, model)
    width = norm.isf(ERROR_RATE / 2)
    for name, share in channels(model, "removal_effect_value").items():
        part = min(squared[name], 1.0)
        variance = spread * (part * (1 - share) ** 2 + (1 - part) * share**2) / votes
        # a rare channel has a few votes at most: one of them, of ordinary value, is the coarsest step
        room = spread / votes + SIX_DECIMALS
        assert abs(simulated[name] - share) <= width * variance**0.5 + room, name


def _of_squared_values(vectors: Path, model: Markov) -> dict[str, float]:
    journeys = public_journeys(vectors, nulls=model.conversion_probability < 0.999)
    major = journeys.value / SCALE
    squared = replace(journeys, value=np.round(major**2 * 1e6).astype(np.int64))
    return channels(Markov(order=model.order).fit(squared), "removal_effect_value")
