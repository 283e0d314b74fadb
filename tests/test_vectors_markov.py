"""Markov against nine public packages' outputs and the exact solutions beside them, on public data."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from path_tables import (
    SCALE,
    SIX_DECIMALS,
    furthest,
    nine_journeys,
    numbers,
    public_journeys,
    public_rows,
    read_columns,
    readme_journeys,
)
from scipy.stats import binom, norm

from attribution.models.markov import ARROW, CONVERSION, NULL, START, Markov

ORDERS = [1, 2, 3, 4]
KINDS = ["null", "nonull"]

# 12 channels, 4 orders, with and without nulls, conversions and value: some 200 simulated figures. At one in
# 100,000 each, one falls outside by chance in 0.2 % of worlds; they are stored, so it never flickers.
ERROR_RATE = 1e-5


@pytest.fixture
def vectors(shared: Path) -> Path:
    """The folder with the answers of other packages."""
    return shared / "vectors" / "models"


@cache
def fitted(vectors: Path, order: int, nulls: bool = True) -> Markov:
    """Return the model fitted on the public data."""
    return Markov(order=order).fit(public_journeys(vectors, nulls))


def channels(model: Markov, column: str, scale: int = 1) -> dict[str, float]:
    """Return a column of the fitted channels by name, in major units."""
    return {str(name): float(figure) / scale for name, figure in model.channels()[column].items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_the_exact_columns(vectors: Path, order: int, kind: str) -> None:
    """Removal effects and totals, conversions and value, equal the closed form to its six decimals."""
    model, file = fitted(vectors, order, kind == "null"), vectors / f"ca_markov_order{order}_{kind}.csv"
    for column, theirs, scale in (
        ("removal_effect", "exact_removal_conv", 1),
        ("removal_effect_value", "exact_removal_value", 1),
        ("conversions", "exact_conversions", 1),
        ("value", "exact_value", SCALE),
    ):
        assert furthest(channels(model, column, scale), numbers(file, theirs)) < SIX_DECIMALS, column


@pytest.mark.parametrize("order", ORDERS)
def test_chance_to_convert_is_the_conversion_rate(vectors: Path, order: int) -> None:
    """A chain counted from all journeys converts as often as they do: 19,785 of 88,387."""
    assert fitted(vectors, order).conversion_probability == pytest.approx(19_785 / 88_387, abs=1e-12)
    assert fitted(vectors, order, False).conversion_probability == pytest.approx(1, abs=1e-12)
    rows = read_columns(vectors / "ca_vs_exact.csv", "P_conv")["P_conv"]
    assert set(rows) == {"0.223845", "1.0"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [1, 2])
def test_transitions_of_channelattribution(vectors: Path, order: int, kind: str) -> None:
    """Every step between states, self-transitions left out by both, to six decimals.

    Its states are numbers of channels, by first appearance in the rows that it uses.
    """
    used = [row for row in public_rows(vectors) if row.conversions or kind == "null"]
    met = dict.fromkeys(channel for row in used for channel in row.path)
    ids = {str(number): channel for number, channel in enumerate(met, 1)}
    if kind == "null":
        assert ids == read_columns(vectors / "ca_channels_order1.csv", "id_channel")["channel_name"]
    theirs = pd.read_csv(vectors / f"ca_transition_order{order}_{kind}.csv", dtype={"channel_from": str})

    def named(state: str) -> str:
        return state if state.startswith("(") else ARROW.join(ids[number] for number in state.split())

    expected = {
        (named(str(source)), named(str(target))): float(chance)
        for source, target, chance in theirs.itertuples(index=False)
    }
    found = _steps(fitted(vectors, order, kind == "null"))
    assert found.keys() == expected.keys()
    assert max(abs(found[step] - expected[step]) for step in expected) < SIX_DECIMALS


def test_transitions_with_self_loops_of_channelattribution(vectors: Path) -> None:
    """`flg_equal=True` keeps staying on a channel as a step; ours are the chances given that one leaves."""
    ids = read_columns(vectors / "ca_channels_order1.csv", "id_channel")["channel_name"]
    theirs = pd.read_csv(vectors / "ca_transition_matrix_flgequal_order1.csv", dtype=str)
    theirs["chance"] = theirs["transition_probability"].astype(float)
    theirs["source"] = theirs["channel_from"].map(lambda state: ids.get(state, state))
    theirs["target"] = theirs["channel_to"].map(lambda state: ids.get(state, state))
    stays = theirs[theirs["source"] == theirs["target"]].set_index("source")["chance"]
    assert len(stays) == 10  # no journey stays on delta or mi
    found = _steps(fitted(vectors, 1))
    for row in theirs[theirs["source"] != theirs["target"]].itertuples():
        leaves = 1 - float(stays.get(row.source, 0.0))
        # both chances are rounded, so the quotient is right to what that makes of it
        assert found[row.source, row.target] * leaves == pytest.approx(row.chance, abs=2 * SIX_DECIMALS)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("loops", [True, False])
def test_transitions_of_pychattr(vectors: Path, order: int, loops: bool) -> None:
    """Its README's three journeys; where it keeps loops, at order 1, they are taken out first."""
    file = vectors / f"pychattr_transition_order{order}_loops{loops}.csv"
    theirs = pd.read_csv(file)
    theirs = theirs[theirs["channel_from"] != theirs["channel_to"]]
    theirs["chance"] = theirs["transition_probability"] / theirs.groupby("channel_from")[
        "transition_probability"
    ].transform("sum")
    expected = {
        (str(row.channel_from).replace(",", ARROW), str(row.channel_to).replace(",", ARROW)): row.chance
        for row in theirs.itertuples()
    }
    found = _steps(Markov(order=order).fit(readme_journeys(vectors)))
    assert found.keys() == expected.keys()
    assert max(abs(found[step] - expected[step]) for step in expected) < 2 * SIX_DECIMALS


def test_transitions_of_marketing_attribution_models(vectors: Path) -> None:
    """Version 1 on its nine journeys; its matrix says `(inicio)` for the start and lets the ends stay."""
    theirs = pd.read_csv(vectors / "mam1_tests9_transition.csv", index_col=0).stack()
    expected = {
        (str(source).replace("(inicio)", START), str(target)): float(chance)
        for (source, target), chance in theirs.items()
        if chance and source not in (CONVERSION, NULL)
    }
    found = _steps(Markov().fit(nine_journeys(vectors)))
    assert found.keys() == expected.keys()
    assert max(abs(found[step] - expected[step]) for step in expected) < SIX_DECIMALS


def test_removal_effects_of_marketing_attribution_models(vectors: Path) -> None:
    """Both versions on its nine journeys, and version 2 on the public data."""
    nine = channels(Markov().fit(nine_journeys(vectors)), "removal_effect")
    assert furthest(nine, numbers(vectors / "mam1_tests9_removal.csv", "removal_effect", "")) < SIX_DECIMALS
    file = vectors / "mam2_tests9_revenue.csv"
    assert furthest(nine, numbers(file, "markov_removal_effect", "channels")) < SIX_DECIMALS
    for name in ("conversions", "revenue"):
        theirs = numbers(vectors / f"mam2_caData_{name}.csv", "markov_removal_effect", "channels")
        assert furthest(channels(fitted(vectors, 1), "removal_effect"), theirs) < SIX_DECIMALS


def test_totals_of_marketing_attribution_models_one(vectors: Path) -> None:
    """Version 1 totals are removal-effect shares; by its default it leaves the null journeys out."""
    file = vectors / "mam1_tests9.csv"
    theirs = numbers(file, "attribution_markov_algorithmic", "channels")
    assert furthest(channels(Markov().fit(nine_journeys(vectors)), "value", 100), theirs) < SIX_DECIMALS
    file = vectors / "mam1_caData_markov_conversions.csv"
    theirs = numbers(file, "attribution_markov_algorithmic", "channels")
    assert furthest(channels(fitted(vectors, 1, False), "conversions"), theirs) < SIX_DECIMALS


def test_journeys_of_marketing_attribution_models_one(vectors: Path) -> None:
    """Within a journey of distinct channels credit follows the removal effects, as ours does."""
    journeys = nine_journeys(vectors)
    table = read_columns(vectors / "mam1_tests9_journeys.csv", "channels_agg")
    column = table["attribution_markov_algorithmic"].values()
    theirs = [float(share) for text in column for share in text.split(" > ")]
    assert Markov().fit(journeys).shares(journeys).tolist() == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2])
def test_do_attribution_redirecting_to_null(vectors: Path, order: int) -> None:
    """Removal effects and shares of its closed form; with or without loops the effect is the same."""
    file = vectors / f"do_markov_order{order}_redirect_to_null.csv"
    effects = channels(fitted(vectors, order), "removal_effect")
    for column in ("removal_effect", "exact_loops"):
        assert furthest(effects, numbers(file, column, "")) < SIX_DECIMALS
    shares = {name: effect / sum(effects.values()) for name, effect in effects.items()}
    assert furthest(shares, numbers(file, "attribution", "")) < SIX_DECIMALS


def test_share_that_mta_should_have_found(vectors: Path) -> None:
    """The closed form beside its answers; made of effects rounded to six decimals, 2.07 in sum."""
    effects = channels(fitted(vectors, 1), "removal_effect")
    shares = {name: effect / sum(effects.values()) for name, effect in effects.items()}
    theirs = numbers(vectors / "mta_models_caData.csv", "exact_markov_share", "")
    assert furthest(shares, theirs) < 2 * SIX_DECIMALS


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("loops", [True, False])
def test_exact_columns_of_pychattr(vectors: Path, order: int, loops: bool) -> None:
    """A is in all journeys, B is lost with half (order 1) or a third of them."""
    model = Markov(order=order).fit(readme_journeys(vectors))
    file = vectors / f"pychattr_markov_order{order}_loops{loops}.csv"
    assert furthest(channels(model, "removal_effect"), numbers(file, "exact_removal")) < SIX_DECIMALS
    assert furthest(channels(model, "conversions"), numbers(file, "exact_conversions")) < SIX_DECIMALS
    assert channels(model, "removal_effect")["B"] == pytest.approx(1 / 2 if order == 1 else 2 / 3, abs=1e-12)
    # 10,000 walks of which all convert
    _within_binomial(channels(model, "removal_effect"), numbers(file, "removal_effect"), 10_000)
    _within_binomial(channels(model, "removal_effect_value"), numbers(file, "removal_effect_value"), 10_000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_simulated_effects_of_channelattribution(vectors: Path, order: int, kind: str) -> None:
    """Its answer is one fold of at least 10,000 walks; those that convert vote by binomial odds."""
    model, file = fitted(vectors, order, kind == "null"), vectors / f"ca_markov_order{order}_{kind}.csv"
    votes = int(10_000 * model.conversion_probability)
    simulated = numbers(file, "removal_effects_conversion")
    _within_binomial(channels(model, "removal_effect"), simulated, votes)
    simulated = numbers(file, "removal_effects_conversion_value")
    _within_error_of_value(vectors, model, simulated, votes)


@pytest.mark.parametrize("order", [1, 2])
def test_long_simulations_of_channelattribution(vectors: Path, order: int) -> None:
    """3e7 walks, of which a tenth make the answer: the error shrinks by the root, around our figures."""
    model, file = fitted(vectors, order), vectors / f"ca_markov_order{order}_null_3e7sims.csv"
    votes = int(3_000_000 * model.conversion_probability)
    _within_binomial(channels(model, "removal_effect"), numbers(file, "removal_effects_conversion"), votes)
    simulated = numbers(file, "removal_effects_conversion_value")
    _within_error_of_value(vectors, model, simulated, votes)


def test_seeds_of_channelattribution_scatter_around_ours(vectors: Path) -> None:
    """The mean of 20 seeds is no further from the exact conversions than their own spread allows."""
    table = read_columns(vectors / "ca_markov_order1_null_seed_spread.csv")
    exact = channels(fitted(vectors, 1), "conversions")
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
        shares = {name: everything * e / sum(effects.values()) for name, e in effects.items()}
        # effects rounded to 5e-7 of a sum near 2 move a total by some 1e-6 of it
        assert furthest(shares, numbers(file, total)) < 2e-6 * everything


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_how_far_simulation_is_from_ours_as_tabulated(vectors: Path, order: int, kind: str) -> None:
    """The table of its deviations from the exact solution, made anew with ours."""
    table = pd.read_csv(vectors / "ca_vs_exact.csv")
    rows = table[(table["order"] == order) & (table["null"] == (kind == "null"))]
    row = rows[rows["sims"] == "default"].iloc[0]
    model, file = fitted(vectors, order, kind == "null"), vectors / f"ca_markov_order{order}_{kind}.csv"
    for ours, theirs, column in (
        ("removal_effect", "removal_effects_conversion", "max_abs_dRE"),
        ("removal_effect_value", "removal_effects_conversion_value", "max_abs_dREvalue"),
    ):
        apart = furthest(channels(model, ours), numbers(file, theirs))
        assert apart == pytest.approx(row[column], abs=2 * SIX_DECIMALS)
    states = {step[0] for step in _steps(model)} | {step[1] for step in _steps(model)}
    assert len(states - {START, CONVERSION, NULL}) == row["n_states"]


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
