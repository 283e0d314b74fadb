"""`changes` tells what moved in the ledger since a moment, how much, and why."""

from __future__ import annotations

import pytest
from freezegun import freeze_time
from handmade import Handmade, at, ella

from attribution.clock import DAY
from attribution.errors import InputError, UnknownNameError
from attribution.ledger.reasons import ADJUSTMENT, LATE_TOUCH
from attribution.metrics.changes import changes, parse_since


def moved(url: str = "sqlite://") -> Handmade:
    """Return Ella's store after a refund of 1,000 and, a day later, a touch that came in late."""
    store = ella(url)
    search = store.placement("Organic Search", source="google", medium="organic")
    email = store.placement("Email", campaign="spring")
    paid = store.placement("Paid Search")
    linear = store.credit_set(store.journey_set("won"), "linear")
    refund = store.run("2024-08-01")
    store.entry(linear, 1, refund, "2024-07-20", 1, search, -50000, 0, reason=ADJUSTMENT)
    store.entry(linear, 1, refund, "2024-07-20", 2, email, -50000, 0, reason=ADJUSTMENT)
    late = store.run("2024-08-02")
    closed = "2024-07-01 17:00"
    store.entry(linear, 1, late, closed, 1, search, -66667, -166667, reason=LATE_TOUCH)
    store.entry(linear, 1, late, closed, 2, email, -66666, -166666, reason=LATE_TOUCH)
    store.entry(linear, 1, late, closed, 9, paid, 133333, 333333, reason=LATE_TOUCH)
    return store


def test_first_postings_are_one_line_a_run_and_model() -> None:
    """Ella's deal and lead were posted by three models."""
    rows = changes(ella().db, "2024-07-01").rows
    assert [(r["goal"], r["key"], r["model"], r["reason"], r["conversions"], r["value"]) for r in rows] == [
        ("revenue", "1 deal", "first_touch", "closed", 1, "5000.00"),
        ("revenue", "1 deal", "last_touch", "closed", 1, "5000.00"),
        ("revenue", "1 deal", "linear", "closed", 1, "5000.00"),
        ("leads", "1 lead", "first_touch", "closed", 1, "0.00"),
        ("leads", "1 lead", "last_touch", "closed", 1, "0.00"),
        ("leads", "1 lead", "linear", "closed", 1, "0.00"),
    ]


def test_refund_and_late_touch_are_told_apart(store_url: str) -> None:
    """A refund changes the total; a late touch moves money between touches and leaves the total."""
    with moved(store_url).db as db:
        answer = changes(db, "2024-08-01")
    refund, late = answer.rows
    assert (refund["posted_at"], refund["key"]) == ("2024-08-01T00:00:00Z", "D-12")
    assert (refund["reason"], refund["value"], refund["moved"]) == ("adjustment", "-1000.00", "0.00")
    assert refund["lost"] == "Email -500.00, Organic Search -500.00"
    assert (late["reason"], late["value"], late["moved"]) == ("late touch", "0.00", "1333.33")
    assert late["share_moved"] == 0.333333
    assert late["gained"] == "Paid Search +1333.33"
    assert late["lost"] == "Email -666.66, Organic Search -666.67"
    assert answer.totals == {
        "conversions": 0, "value": "-1000.00", "moved": "1333.33", "share_moved": 0.333333,
    }  # fmt: skip


def test_smaller_changes_share_a_line_beyond_the_limit() -> None:
    """The largest change is shown, the others add up in one line that says how many."""
    answer = changes(moved().db, "2024-08-01", limit=1)
    assert [(r["key"], r["reason"], r["value"], r["moved"]) for r in answer.rows] == [
        ("D-12", "late touch", "0.00", "1333.33"),
        ("(other)", "1 smaller", "-1000.00", "0.00"),
    ]
    assert answer.totals["value"] == "-1000.00"
    assert "--limit" in answer.warnings[0]


def test_changes_of_one_model_or_goal() -> None:
    """Other models' postings are left out."""
    store = moved()
    assert {r["model"] for r in changes(store.db, "2024-01-01", model="linear").rows} == {"linear"}
    assert {r["goal"] for r in changes(store.db, "2024-01-01", goal="leads").rows} == {"leads"}
    with pytest.raises(UnknownNameError, match="did you mean 'leads'"):
        changes(store.db, "7d", goal="lead")


def test_another_window_is_named() -> None:
    """A run with its own lookback does not look like the configured one."""
    store = ella()
    own = store.credit_set(store.journey_set("won", lookback="90d"), "linear")
    store.entry(own, 1, store.run("2024-09-01"), "2024-07-01", 0, 0, 500000, 1_000_000)
    (row,) = changes(store.db, "2024-09-01").rows
    assert row["model"] == "linear (90d, contacts, session+click+email+event+offline)"


def test_nothing_posted_says_so() -> None:
    """An empty answer has a sentence."""
    answer = changes(ella().db, "2025-01-01")
    assert answer.rows == []
    assert answer.warnings == ["nothing has been posted since 2025-01-01T00:00:00Z"]


@freeze_time("2024-08-08T12:00:00Z")
def test_moments_are_times_dates_or_durations() -> None:
    """A date begins in the reporting timezone; a naive time is one of it too."""
    assert parse_since("7d", "UTC") == at("2024-08-01 12:00")
    assert parse_since("2024-08-01", "Europe/London") == at("2024-07-31 23:00")
    assert parse_since("2024-08-01T09:00", "Europe/London") == at("2024-08-01 08:00")
    assert parse_since("2024-08-01T09:00:00Z", "Europe/London") == at("2024-08-01 09:00")
    assert parse_since("1970-01-02", "UTC") == DAY
    for wrong in ("yesterday", "2024-13-01", "", "-7d", "0d"):
        with pytest.raises(InputError):
            parse_since(wrong, "UTC")
