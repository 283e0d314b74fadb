"""Rule models and Shapley against what public packages answered on public data.

Files show six decimals, so equality means to half of the sixth; what the figure is exactly is counted here
anew in fractions, and there equality means 1e-9.
"""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from path_tables import (
    SIX_DECIMALS,
    collapsed,
    credited,
    credited_value,
    furthest,
    journeys_of,
    nine_journeys,
    numbers,
    public_journeys,
    public_rows,
    readme_journeys,
    shares,
)

from attribution.clock import DAY
from attribution.models.registry import get_model

CONVERSIONS = 19_785


@pytest.fixture
def vectors(shared: Path) -> Path:
    """The folder with the answers of other packages."""
    return shared / "vectors" / "models"


@pytest.mark.parametrize(
    ("spec", "column"),
    [("first_touch", "first_touch"), ("last_touch", "last_touch"), ("linear", "linear_touch")],
)
def test_channelattribution_heuristics(vectors: Path, spec: str, column: str) -> None:
    """Conversions and value of 12 channels over 88,387 journeys."""
    file, journeys = vectors / "ca_heuristic_models.csv", public_journeys(vectors)
    model = get_model(spec)
    assert furthest(credited(model, journeys), numbers(file, f"{column}_conversions")) < SIX_DECIMALS
    assert furthest(credited_value(model, journeys), numbers(file, f"{column}_value")) < SIX_DECIMALS


@pytest.mark.parametrize("spec", ["first_touch", "last_touch", "linear", "position_based", "shapley"])
def test_the_same_counted_in_fractions(vectors: Path, spec: str) -> None:
    """Behind the six decimals: conversions and value to 1e-9 of a unit (value: of what a float can hold)."""
    conversions: Counter[str] = Counter()
    value: Counter[str] = Counter()
    for row in public_rows(vectors):
        if row.conversions:
            for channel, share in _shares(spec, row.path):
                conversions[channel] += share * row.conversions
                value[channel] += share * Fraction(row.value)
    journeys, model = public_journeys(vectors), get_model(spec)
    assert furthest(credited(model, journeys), {k: float(v) for k, v in conversions.items()}) < 1e-9
    assert furthest(credited_value(model, journeys), {k: float(v) for k, v in value.items()}) < 5e-9


def _shares(spec: str, path: tuple[str, ...]) -> list[tuple[str, Fraction]]:
    """State each rule once more, touch by touch."""
    n = len(path)
    if spec == "first_touch":
        return [(path[0], Fraction(1))]
    if spec == "last_touch":
        return [(path[-1], Fraction(1))]
    if spec == "linear":
        return [(channel, Fraction(1, n)) for channel in path]
    if spec == "shapley":
        return [(channel, Fraction(1, len(set(path)))) for channel in sorted(set(path))]
    if n <= 2:
        return [(channel, Fraction(1, n)) for channel in path]
    ends, middle = Fraction(2, 5), Fraction(1, 5) / (n - 2)
    return [(path[0], ends), *((channel, middle) for channel in path[1:-1]), (path[-1], ends)]


@pytest.mark.parametrize(
    ("spec", "column"),
    [("first_touch", "first"), ("last_touch", "last"), ("linear", "linear"), ("position_based", "position")],
)
def test_marketing_attribution_models_heuristics(vectors: Path, spec: str, column: str) -> None:
    """Its version 2, conversions and revenue: 40/20/40, two touches by halves."""
    journeys, model = public_journeys(vectors), get_model(spec)
    conversions = numbers(vectors / "mam2_caData_conversions.csv", column, "channels")
    revenue = numbers(vectors / "mam2_caData_revenue.csv", column, "channels")
    assert furthest(credited(model, journeys), conversions) < SIX_DECIMALS
    assert furthest(credited_value(model, journeys), revenue) < SIX_DECIMALS


@pytest.mark.parametrize(
    ("file", "spec", "column"),
    [
        ("mam2_tests9_revenue.csv", "first_touch", "first"),
        ("mam2_tests9_revenue.csv", "last_touch", "last"),
        ("mam2_tests9_revenue.csv", "linear", "linear"),
        ("mam2_tests9_revenue.csv", "position_based", "position"),
        ("mam2_tests9_revenue.csv", "time_decay:half_life=168h", "time_decay_168h"),
        ("mam2_tests9_revenue.csv", "time_decay:half_life=24h", "time_decay_24h"),
        ("mam1_tests9.csv", "first_touch", "attribution_first_click_heuristic"),
        ("mam1_tests9.csv", "last_touch", "attribution_last_click_heuristic"),
        ("mam1_tests9.csv", "last_touch:ignore=A", "attribution_last_click_non_A_heuristic"),
        ("mam1_tests9.csv", "linear", "attribution_linear_heuristic"),
        ("mam1_tests9.csv", "position_based", "attribution_position_based_0.4_0.2_0.4_heuristic"),
        ("mam1_tests9.csv", "time_decay:half_life=24h", "attribution_time_decay0.5_freq24_heuristic"),
    ],
)
def test_nine_journeys_of_marketing_attribution_models(
    vectors: Path, file: str, spec: str, column: str
) -> None:
    """Both versions on the journeys of its own tests, 3.00 each, touches a day apart."""
    found = credited_value(get_model(spec), nine_journeys(vectors), scale=100)
    assert furthest(found, numbers(vectors / file, column, "channels")) < SIX_DECIMALS


@pytest.mark.parametrize(
    ("spec", "column"), [("first_touch", "first"), ("last_touch", "last"), ("linear", "linear")]
)
def test_pychattr_readme_heuristics(vectors: Path, spec: str, column: str) -> None:
    """Three journeys of A and B: 2.1 and 0.9 by linear."""
    file = vectors / "pychattr_heuristic_readme.csv"
    journeys, model = readme_journeys(vectors), get_model(spec)
    theirs = numbers(file, f"{column}_touch_conversions", "channel")
    assert furthest(credited(model, journeys), theirs) < 1e-9
    theirs = numbers(file, f"{column}_touch_revenue", "channel")
    assert furthest(credited_value(model, journeys, scale=100), theirs) < 1e-9


@pytest.mark.parametrize(
    ("spec", "column"),
    [
        ("first_touch", "first_touch"),
        ("last_touch", "last_touch"),
        ("linear", "linear_prop"),
        ("position_based", "pos_based"),
        ("shapley", "linear_same"),
        ("shapley", "shapley"),
    ],
)
@pytest.mark.parametrize("loops", [True, False])
def test_mta_shares(vectors: Path, spec: str, column: str, loops: bool) -> None:
    """Without loops it takes consecutive repeats as one touch, and so do we when handed such paths."""
    rows = public_rows(vectors)
    journeys = journeys_of(rows if loops else collapsed(rows), nulls=False)
    found = {k: v / CONVERSIONS for k, v in credited(get_model(spec), journeys).items()}
    theirs = numbers(vectors / "mta_models_caData.csv", f"{column}_loops{loops}", "")
    assert furthest(found, theirs) < SIX_DECIMALS


@pytest.mark.parametrize(
    ("spec", "column"),
    [
        ("first_touch", "FirstTouch"),
        ("last_touch", "LastTouch"),
        ("linear", "Linear"),
        ("position_based", "PositionBased"),
        ("shapley", "SimplifiedShapley"),
    ],
)
def test_shapley_attribution_shares(vectors: Path, spec: str, column: str) -> None:
    """Its simplified Shapley is the equal split among distinct channels, the closed form of our game."""
    found = {k: v / CONVERSIONS for k, v in credited(get_model(spec), public_journeys(vectors)).items()}
    theirs = numbers(vectors / "shapley_attribution_caData.csv", f"{column}Attribution", "")
    assert furthest(found, theirs) < SIX_DECIMALS


def test_time_decay_of_shapley_attribution(vectors: Path) -> None:
    """It knows no time and halves from touch to touch: what ours says of touches a day apart."""
    journeys = public_journeys(vectors)
    days_apart = replace(journeys, at=journeys.at * DAY)
    found = shares(credited(get_model("time_decay:half_life=1d"), days_apart))
    theirs = numbers(vectors / "shapley_attribution_caData.csv", "TimeDecayAttribution", "")
    assert furthest(found, theirs) < SIX_DECIMALS
