"""Models side by side: the same total, placed differently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_shop import open_shop

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.compare import total_variation

Csv = Callable[[str, str], Path]


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Store:
    """The small shop."""
    return open_shop(sqlite_store, csv)


def test_one_column_a_model(store: Store, csv: Csv) -> None:
    """Net of the refund, D-1 is 80.01: all search, half and half, all e-mail."""
    answer = open_shop(store, csv).compare("channel", ["first_touch", "linear", "last_touch"])
    rows = {row.pop("channel"): row for row in answer.rows}
    assert rows["Paid Search"] == {
        "first_touch": "130.01", "linear": "90.01", "last_touch": "50.00", "disagreement": "80.01",
        "disagreement_share": pytest.approx(80.01 / 160.01),
    }  # fmt: skip
    assert rows["Email"]["disagreement"] == "80.01"
    assert rows["(unattributed)"]["disagreement"] == "0.00"
    assert rows["(no rate)"]["unconverted"][0]["value"] == "10.00"
    # first against linear 40.00, linear against last 40.01, first against last 80.01: on the mean 53.34
    assert answer.totals == {
        "first_touch": "160.01", "linear": "160.01", "last_touch": "160.01", "disagreement": "53.34",
        "disagreement_share": pytest.approx(160.02 / 3 / 160.01),
    }  # fmt: skip
    assert answer.model == "first_touch, linear, last_touch"


def test_counts_for_a_goal_without_money(shop: Store) -> None:
    """Leads are compared as credited counts; every model holds all three."""
    answer = shop.compare("channel", ["linear", "last_touch"], goal="leads")
    rows = {row["channel"]: (row["linear"], row["last_touch"]) for row in answer.rows}
    assert rows == {"Paid Search": (1.5, 1), "Email": (0.5, 1), "(unattributed)": (1, 1)}
    assert (answer.totals["linear"], answer.totals["last_touch"]) == (3, 3)
    assert answer.totals["disagreement_share"] == pytest.approx(0.5 / 3)


def test_deals_without_a_rate_are_counted(shop: Store) -> None:
    """A count of deals holds those whose money cannot be converted, under every model."""
    answer = shop.compare("channel", ["linear", "last_touch"], goal="deals")
    assert {row["channel"]: row["linear"] for row in answer.rows}["(no rate)"] == 1
    assert answer.totals["linear"] == answer.totals["last_touch"] == 4


def test_the_configured_models_by_default(shop: Store) -> None:
    """Without models, those of the settings that have been run."""
    assert shop.compare("channel").model == "first_touch, last_touch, linear"


def test_one_model_is_no_comparison(shop: Store) -> None:
    """The same model twice is one."""
    with pytest.raises(InputError, match="two or more"):
        shop.compare("channel", ["linear", "linear"])


def test_a_period_and_conditions(shop: Store) -> None:
    """Options mean what they mean in a report."""
    answer = shop.compare(
        "campaign", ["first_touch", "linear"], start="2025-02-01", end="2025-02-28", where=["owner=ann"]
    )
    assert {row["campaign"]: row["linear"] for row in answer.rows} == {"brand uk": "50.01", "spring": "50.00"}


_CREDIT = st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(sum)


@given(_CREDIT, _CREDIT)
def test_total_variation_is_a_distance(a: list[int], b: list[int]) -> None:
    """Between 0 and 1, the same both ways, 0 between equals (columns scaled to one total)."""
    one = {i: value * sum(b) for i, value in enumerate(a)}
    other = {i: value * sum(a) for i, value in enumerate(b)}
    assert 0 <= total_variation([one, other]) <= 1
    assert total_variation([one, other]) == total_variation([other, one])
    assert total_variation([one, one]) == 0
