"""What marketing-attribution-models computes that this engine does not follow: the reason, and proof of it.

The files hold the answers; the tests say what those are (often by computing them anew) and that ours differ.
"""

from collections import Counter
from pathlib import Path

import pytest
from path_tables import (
    SIX_DECIMALS,
    channels,
    credited,
    credited_value,
    furthest,
    nine_journeys,
    numbers,
    public_journeys,
    public_markov,
    public_rows,
    read_columns,
)

from attribution.models.markov import Markov
from attribution.models.registry import get_model, list_models

CONVERSIONS = 19_785
NULLS = 68_602
RARE = ("delta", "mi")  # met in 9 and 4 converting journeys
BIG = ("alpha", "iota", "eta", "beta", "theta")


@pytest.fixture
def vectors(shared: Path) -> Path:
    """The folder with the answers of other packages."""
    return shared / "vectors" / "models"


def effects(vectors: Path, order: int = 1) -> dict[str, float]:
    """Return our removal effects."""
    return channels(public_markov(vectors, order), "removal_effect")


def test_mam_two_totals_are_no_removal_effect_shares(vectors: Path) -> None:
    """Not followed: `run_markov` gives every touch its channel's effect, so a repeated channel counts again.

    Ours divide a channel's effect among its touches in the journey; the table of removal-effect shares is
    what the literature (and its own version 1) means by channel totals.
    """
    theirs = numbers(vectors / "mam2_caData_conversions.csv", "markov", "channels")
    effect = effects(vectors)
    anew: Counter[str] = Counter()
    for row in public_rows(vectors):
        total = sum(effect[channel] for channel in row.path)
        for channel in row.path:
            anew[channel] += row.conversions * effect[channel] / total
    # effects are known to 1e-12 here; theirs are sums of floats shown with six decimals
    assert furthest(dict(anew), theirs) < 1e-5
    exact = public_markov(vectors).channels()["conversions_by_effect"]
    assert theirs["alpha"] > 1.5 * exact["alpha"]
    assert theirs["theta"] < 0.4 * exact["theta"]
    ours = credited(public_markov(vectors), public_journeys(vectors))
    assert abs(theirs["alpha"] / ours["alpha"] - 1) > 0.01


def test_mam_two_effects_know_no_revenue(vectors: Path) -> None:
    """Not followed: its removal effects of revenue are those of conversions; ours of value differ by 0.03."""
    both = [
        numbers(vectors / f"mam2_caData_{name}.csv", "markov_removal_effect", "channels")
        for name in ("conversions", "revenue")
    ]
    assert both[0] == both[1]
    of_value = public_markov(vectors).channels()["removal_effect_value"]
    assert max(abs(of_value[name] - effect) for name, effect in both[1].items()) > 0.03


def test_mam_two_self_transitions_are_no_choice(vectors: Path) -> None:
    """Not followed: an option to keep self-transitions; it changes nothing, so we have none."""
    for name in ("mam2_caData_conversions.csv", "mam2_caData_revenue.csv", "mam2_tests9_revenue.csv"):
        table = read_columns(vectors / name, "channels")
        assert table["markov"] == table["markov_same_state"]


def test_mam_shapley_gives_negative_credit(vectors: Path) -> None:
    """Not followed: v(S) is of journeys with exactly the set S, so larger sets are worth less.

    On conversions it hands alpha nine to fifteen times all conversions there are, and takes them from others;
    on rates, a set cut to the last four names in alphabetical order depends on what channels are called.
    """
    table = vectors / "mam2_caData_conversions.csv"
    for column, times in (("shapley4_conversions", 8.9), ("shapley12_conversions", 15)):
        theirs = numbers(table, column, "channels")
        assert theirs["alpha"] > times * CONVERSIONS
        assert theirs["beta"] < -0.8 * CONVERSIONS
    assert numbers(table, "shapley4_conv_rate", "channels")["delta"] < -1.7
    revenue = vectors / "mam2_caData_revenue.csv"
    assert numbers(revenue, "shapley4_conv_rate", "channels")["delta"] < -3.8
    assert (
        read_columns(revenue, "channels")["shapley4_conversions"]
        == read_columns(table, "channels")["shapley4_conversions"]
    )  # asked for revenue, it answers conversions
    ours = credited(get_model("shapley"), public_journeys(vectors))
    assert min(ours.values()) > 0
    assert sum(ours.values()) == pytest.approx(CONVERSIONS, abs=1e-6)


def test_mam_shapley_on_nine_journeys(vectors: Path) -> None:
    """Not followed: by its rate A takes half of 27.00, by its conversions the credit sums to 9, not 27.

    Our game shares each journey equally among its channels, which keeps the 27.00.
    """
    journeys = nine_journeys(vectors)
    ours = credited_value(get_model("shapley"), journeys, scale=100)
    assert ours == pytest.approx({"A": 10.5, "B": 9.0, "C": 7.5}, abs=1e-12)
    for file, rate, count in (
        ("mam1_tests9.csv", "attribution_shapley_size4_conv_rate_algorithmic",
         "attribution_shapley_size3_conversions_algorithmic"),
        ("mam2_tests9_revenue.csv", "shapley4_conv_rate", "shapley4_conversions"),
        ("mam2_tests9_revenue.csv", "shapley4_conv_rate", "shapley12_conversions"),
    ):  # fmt: skip
        assert numbers(vectors / file, rate, "channels") == {"A": 13.5, "B": 7.5, "C": 6.0}
        assert sum(numbers(vectors / file, count, "channels").values()) == 9


def test_mam_two_totals_on_nine_journeys(vectors: Path) -> None:
    """Not followed: its Markov totals are sums over journeys; on distinct channels they are our credits."""
    journeys = nine_journeys(vectors)
    model = Markov().fit(journeys)
    theirs = numbers(vectors / "mam2_tests9_revenue.csv", "markov", "channels")
    assert furthest(credited_value(model, journeys, scale=100), theirs) < SIX_DECIMALS
    totals = {str(name): value / 100 for name, value in model.channels()["value_by_effect"].items()}
    assert furthest(totals, theirs) > 0.9


def test_mam_one_ignores_null_journeys_unless_told(vectors: Path) -> None:
    """Not followed: its default weighs steps by conversion value, which is 0 for who did not convert."""
    theirs = numbers(
        vectors / "mam1_caData_markov_conversions.csv", "attribution_markov_algorithmic", "channels"
    )
    with_nulls = public_markov(vectors).channels()["conversions_by_effect"]
    without = public_markov(vectors, 1, False).channels()["conversions_by_effect"]
    assert max(abs(theirs[name] - without[name]) for name in theirs) < SIX_DECIMALS
    assert max(abs(theirs[name] - with_nulls[name]) for name in theirs) > 80


def test_mam_one_time_decay_goes_by_whole_steps(vectors: Path) -> None:
    """Not followed: it halves once a full half-life, so within a week nothing decays; ours does at once."""
    theirs = numbers(vectors / "mam1_tests9.csv", "attribution_time_decay0.5_freq168_heuristic", "channels")
    journeys = nine_journeys(vectors)
    assert furthest(credited_value(get_model("linear"), journeys, scale=100), theirs) < 1e-9
    ours = credited_value(get_model("time_decay:half_life=168h"), journeys, scale=100)
    assert furthest(ours, theirs) > 0.1


def test_mam_one_position_decay(vectors: Path) -> None:
    """Not offered: weights 1 to n by position; time decay is about real times."""
    theirs = numbers(vectors / "mam1_tests9.csv", "attribution_position_decay_heuristic", "channels")
    anew: Counter[str] = Counter()
    weights = {1: (1.0,), 2: (1 / 3, 2 / 3), 3: (1 / 6, 2 / 6, 3 / 6)}
    journeys = nine_journeys(vectors)
    for j in range(journeys.n_journeys):
        path = journeys.channel[journeys.offsets[j] : journeys.offsets[j + 1]]
        for code, weight in zip(path, weights[len(path)], strict=True):
            anew[journeys.channels[code]] += 3 * weight
    assert furthest(dict(anew), theirs) < SIX_DECIMALS
    assert "position_decay" not in list_models()
