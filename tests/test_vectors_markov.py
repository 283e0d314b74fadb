"""Markov against exact solutions on public data, and packages that agree on effects and transitions."""

from pathlib import Path

import pandas as pd
import pytest
from path_tables import (
    SCALE,
    SIX_DECIMALS,
    channels,
    furthest,
    nine_journeys,
    numbers,
    public_markov,
    public_rows,
    read_columns,
    readme_journeys,
    shares,
)

from attribution.labels import ARROW, CONVERSION, NULL, START
from attribution.models.markov import Markov

ORDERS = [1, 2, 3, 4]
KINDS = ["null", "nonull"]


@pytest.fixture
def vectors(shared: Path) -> Path:
    """The folder with the answers of other packages."""
    return shared / "vectors" / "models"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_the_exact_columns(vectors: Path, order: int, kind: str) -> None:
    """Removal effects and totals, conversions and value, equal the closed form to its six decimals."""
    model, file = (
        public_markov(vectors, order, kind == "null"),
        vectors / f"ca_markov_order{order}_{kind}.csv",
    )
    for column, theirs, scale in (
        ("removal_effect", "exact_removal_conv", 1),
        ("removal_effect_value", "exact_removal_value", 1),
        ("conversions_by_effect", "exact_conversions", 1),
        ("value_by_effect", "exact_value", SCALE),
    ):
        assert furthest(channels(model, column, scale), numbers(file, theirs)) < SIX_DECIMALS, column


@pytest.mark.parametrize("order", ORDERS)
def test_chance_to_convert_is_the_conversion_rate(vectors: Path, order: int) -> None:
    """A chain counted from all journeys converts as often as they do: 19,785 of 88,387."""
    assert public_markov(vectors, order).conversion_probability == pytest.approx(19_785 / 88_387, abs=1e-12)
    assert public_markov(vectors, order, False).conversion_probability == pytest.approx(1, abs=1e-12)
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
    found = _steps(public_markov(vectors, order, kind == "null"))
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
    found = _steps(public_markov(vectors, 1))
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
        assert furthest(channels(public_markov(vectors, 1), "removal_effect"), theirs) < SIX_DECIMALS


def test_totals_of_marketing_attribution_models_one(vectors: Path) -> None:
    """Version 1 totals are removal-effect shares; by its default it leaves the null journeys out."""
    file = vectors / "mam1_tests9.csv"
    theirs = numbers(file, "attribution_markov_algorithmic", "channels")
    ours = channels(Markov().fit(nine_journeys(vectors)), "value_by_effect", 100)
    assert furthest(ours, theirs) < SIX_DECIMALS
    file = vectors / "mam1_caData_markov_conversions.csv"
    theirs = numbers(file, "attribution_markov_algorithmic", "channels")
    ours = channels(public_markov(vectors, 1, False), "conversions_by_effect")
    assert furthest(ours, theirs) < SIX_DECIMALS


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
    effects = channels(public_markov(vectors, order), "removal_effect")
    for column in ("removal_effect", "exact_loops"):
        assert furthest(effects, numbers(file, column, "")) < SIX_DECIMALS
    assert furthest(shares(effects), numbers(file, "attribution", "")) < SIX_DECIMALS


def test_share_that_mta_should_have_found(vectors: Path) -> None:
    """The closed form beside its answers; made of effects rounded to six decimals, 2.07 in sum."""
    effects = channels(public_markov(vectors, 1), "removal_effect")
    theirs = numbers(vectors / "mta_models_caData.csv", "exact_markov_share", "")
    assert furthest(shares(effects), theirs) < 2 * SIX_DECIMALS


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("loops", [True, False])
def test_exact_columns_of_pychattr(vectors: Path, order: int, loops: bool) -> None:
    """A is in all journeys, B is lost with half (order 1) or a third of them."""
    model = Markov(order=order).fit(readme_journeys(vectors))
    file = vectors / f"pychattr_markov_order{order}_loops{loops}.csv"
    assert furthest(channels(model, "removal_effect"), numbers(file, "exact_removal")) < SIX_DECIMALS
    ours = channels(model, "conversions_by_effect")
    assert furthest(ours, numbers(file, "exact_conversions")) < SIX_DECIMALS
    assert channels(model, "removal_effect")["B"] == pytest.approx(1 / 2 if order == 1 else 2 / 3, abs=1e-12)


def _steps(model: Markov) -> dict[tuple[str, str], float]:
    frame = model.transitions()
    return {
        (source, target): chance
        for source, target, chance in zip(frame["source"], frame["target"], frame["probability"], strict=True)
    }
