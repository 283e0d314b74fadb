"""`paths` names the commonest journeys, and each of its sections adds up to the same total."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from handmade import Handmade
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import InputError, UnknownNameError
from attribution.metrics.answer import Answer
from attribution.metrics.paths import Steps, path_hashes, paths, transformed

JOURNEYS = ("AAB", "AAB", "AB", "BA", "ABA", "")


def store_of(journeys: tuple[str, ...] = JOURNEYS, url: str = "sqlite://") -> Handmade:
    """Return a store with one won deal of 10, 20, 30 ... pounds a journey; a letter is a channel."""
    store = Handmade(url)
    store.setting("reporting_currency", "GBP")
    store.run("2024-12-31")
    journey_set = store.journey_set("won")
    store.credit_set(journey_set, "linear")
    visitor = store.identifier("visitor", "v")
    for number, letters in enumerate(journeys, 1):
        owner = "Ann" if number < 3 else "Bo"
        deal = store.deal(f"D{number}", closed="2024-03-01", amount=1000 * number, owner=owner)
        won = store.conversion("won", deal, f"D{number}", f"2024-03-{number:02}", 1000 * number)
        touches = [
            store.touch(f"t{number}-{i}", f"2024-02-{10 + i}", visitor, letter)
            for i, letter in enumerate(letters)
        ]
        store.journey(journey_set, won, *touches)
    return store


def section(answer: Answer, name: str) -> list[tuple[str, int, str]]:
    """Return a section's paths with their conversions and value."""
    return [(r["path"], r["conversions"], r["value"]) for r in answer.rows if r["section"] == name]


def test_journeys_are_counted_and_valued(store_url: str) -> None:
    """Two equal journeys are one row; more conversions come first, then more money."""
    with store_of(url=store_url).db as db:
        answer = paths(db)
    assert section(answer, "journey") == [
        ("A > A > B", 2, "30.00"),
        ("(unattributed)", 1, "60.00"),
        ("A > B > A", 1, "50.00"),
        ("B > A", 1, "40.00"),
        ("A > B", 1, "30.00"),
    ]
    assert answer.totals == {"conversions": 6, "value": "210.00", "share": 1.0}
    assert answer.rows[0]["share"] == 2 / 6


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("exposure", [("A > B", 3, "60.00"), ("(unattributed)", 1, "60.00"), ("A > B > A", 1, "50.00"),
                      ("B > A", 1, "40.00")]),
        ("first", [("A > B", 4, "110.00"), ("(unattributed)", 1, "60.00"), ("B > A", 1, "40.00")]),
    ],
)  # fmt: skip
def test_transformations_fold_repeats(transform: str, expected: list[tuple[str, int, str]]) -> None:
    """`exposure` folds repeats in a row, `first` all repeats; the money stays."""
    assert section(paths(store_of().db, transform=transform), "journey") == expected


def test_rest_stands_in_one_row_so_that_totals_hold() -> None:
    """With a limit, what is not named is (other)."""
    answer = paths(store_of().db, limit=2)
    assert section(answer, "journey") == [
        ("A > A > B", 2, "30.00"),
        ("(unattributed)", 1, "60.00"),
        ("(other)", 3, "120.00"),
    ]
    for name in ("journey", "length", "time_lag"):
        rows = section(answer, name)
        assert sum(count for _, count, _ in rows) == 6
        assert sum(Decimal(value) for _, _, value in rows) == Decimal("210.00")


def test_length_and_time_lag() -> None:
    """Touches per journey, and days from the first touch (10 February) to the closing (1 to 6 March)."""
    answer = paths(store_of().db)
    assert section(answer, "length") == [
        ("(unattributed)", 1, "60.00"),
        ("2 touches", 2, "70.00"),
        ("3 touches", 3, "80.00"),
    ]
    assert section(answer, "time_lag") == [("(unattributed)", 1, "60.00"), ("15 to 30 days", 5, "150.00")]


def test_transitions_count_a_conversion_once_a_step() -> None:
    """The step from A to B occurs in four conversions, however often in each."""
    found = section(paths(store_of().db), "transition")
    steps = {path: (count, value) for path, count, value in found}
    assert steps["A > B"] == (4, "110.00")
    assert steps["A > A"] == (2, "30.00")
    assert steps["(start) > A"] == (4, "110.00")
    assert steps["B > (conversion)"] == (3, "60.00")


def test_period_and_conditions_choose_conversions() -> None:
    """Days are both included; an owner chooses conversions, a channel chooses journeys that hold it."""
    store = store_of()
    assert paths(store.db, start="2024-03-02", end="2024-03-03").totals["value"] == "50.00"
    assert paths(store.db, where=["owner=Ann"]).totals["value"] == "30.00"
    assert paths(store.db, where=["channel=b"]).totals["conversions"] == 5


def test_goal_without_money_counts() -> None:
    """The goal deals shares the journeys of revenue and counts them."""
    answer = paths(store_of().db, goal="deals")
    assert answer.totals["value"] == 6
    assert answer.columns["value"] == "count"


def test_conversion_without_a_rate_is_counted_and_told() -> None:
    """No rate means no value, never a silent 1.0."""
    store = store_of(("A",))
    deal = store.deal("X", closed="2024-03-01", amount=500, currency="USD")
    store.conversion("won", deal, "X", "2024-03-01", 500, currency="USD", reporting=None)
    answer = paths(store.db)
    assert answer.totals["conversions"] == 2
    assert answer.totals["value"] == "10.00"
    assert "no exchange rate for 1 of these" in answer.warnings[0]


def test_journeys_that_were_not_built_say_what_to_run() -> None:
    """Asking for another window names the command."""
    with pytest.raises(InputError, match="attribution run --model linear --goal revenue --lookback 30d"):
        paths(store_of().db, lookback="30d")
    with pytest.raises(UnknownNameError, match="did you mean 'first'"):
        paths(store_of().db, transform="frist")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=12))
def test_hashes_tell_journeys_apart_and_folding_is_what_it_says(journeys: list[list[int]]) -> None:
    """Equal journeys share a number and others do not; transformations agree with plain Python."""
    owner = np.repeat(np.arange(len(journeys)), [len(j) for j in journeys])
    steps = Steps(owner, np.array([code for j in journeys for code in j], np.int64))
    hashes = path_hashes(steps, len(journeys))
    assert len(set(hashes.tolist())) == len(set(map(tuple, journeys)))
    first, exposure = transformed(steps, "first"), transformed(steps, "exposure")
    for number, journey in enumerate(journeys):
        assert first.group[first.journey == number].tolist() == list(dict.fromkeys(journey))
        folded = [code for i, code in enumerate(journey) if i == 0 or journey[i - 1] != code]
        assert exposure.group[exposure.journey == number].tolist() == folded
