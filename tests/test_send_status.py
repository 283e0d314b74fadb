"""`send --status`: where each conversion stands, which one it is, and what the platform has."""

from __future__ import annotations

import csv as reader
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from loopback import Answer, Loopback
from outbox_rows import put
from send_shop import GOOGLE, NOW, DataManager, filled

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import UnknownNameError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]

HELD = (
    "consent to ad_user_data is denied, and only what was granted is sent; "
    "record consent with the lead or the touch"
)
HEAD = "adjustment_id,deal_id,at,amount,currency\n"
LINE = {"destination": "google", "account": "1234567890", "action": "987", "goal": "revenue"}
NOTE = "google (1234567890, 987, revenue): conversions there: {}, counted by the platform (confirmed): {}"


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """A store with three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(store, csv)


def refund(shop: Store, csv: Csv, number: int, amount: str) -> None:
    """Pay a part of D-1 back."""
    shop.import_table(
        "adjustments", csv("adjustments", f"{HEAD}A-{number},D-1,2026-11-04T00:00:00Z,{amount},GBP\n")
    )
    shop.run(models=["linear"], goals=["revenue"])


def counted(shop: Store, *names: str) -> list[tuple[Any, ...]]:
    """Return some columns of the counts."""
    return [tuple(row[name] for name in names) for row in shop.send_status().rows]


def test_each_row_says_where_who_and_why(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        shop.send("google")
    answer = shop.send_status("google")
    assert answer.rows == [
        LINE | {
            "state": "accepted", "reason": "", "deliveries": 1, "there": 1, "value": "5000.00",
            "currency": "GBP", "attempts": 1, "next_try": None, "example": "D-1:revenue", "words": None,
        },
        LINE | {
            "state": "held", "reason": "no_consent", "deliveries": 1, "there": 0, "value": None,
            "currency": None, "attempts": 0, "next_try": None, "example": "D-2:revenue", "words": HELD,
        },
    ]  # fmt: skip
    assert answer.totals == {"deliveries": 2, "there": 1, "accepted": 1, "confirmed": 0, "superseded": 0}
    assert answer.warnings == [NOTE.format("1, worth 5,000.00 GBP", 0)]
    assert answer.asked == {"destination": "google"}


def test_what_was_restated_counts_once_and_is_worth_what_was_said_last(
    shop: Store, serve: Serve, csv: Csv
) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        shop.send("google")
        refund(shop, csv, 1, "-2000.00")
        shop.send("google")
    answer = shop.send_status()
    assert counted(shop, "state", "deliveries", "there", "value") == [
        ("accepted", 1, 1, "3000.00"), ("held", 1, 0, None),
    ]  # fmt: skip
    assert answer.totals["superseded"] == 1
    assert answer.warnings == [NOTE.format("1, worth 3,000.00 GBP", 0)]


def test_what_was_taken_back_is_not_there(shop: Store, serve: Serve, csv: Csv) -> None:
    lost = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n" + (
        "D-1,lost,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,5000.00,GBP,L-1\n"
    )
    with serve("send_google", DataManager(), **GOOGLE):
        shop.send("google")
        shop.import_table("deals", csv("deals", lost))
        shop.run(models=["linear"], goals=["revenue"])
        shop.send("google")
    assert counted(shop, "state", "deliveries", "there", "value")[0] == ("accepted", 1, 0, None)
    assert shop.send_status().warnings == [NOTE.format("0", 0)]


def test_what_is_refused_now_may_be_there_with_another_value(sqlite_store: Store, csv: Csv) -> None:
    with freeze_time(NOW):
        shop = filled(sqlite_store, csv)
        put(shop, "D-1", state="confirmed", value_minor=500_000)
        put(
            shop, "D-1", state="rejected", value_minor=300_000, revision=2, change="restated", code="TOO_LATE"
        )
        assert counted(shop, "state", "reason", "there", "value") == [("rejected", "TOO_LATE", 1, "5000.00")]
        assert shop.send_status().warnings == [NOTE.format("1, worth 5,000.00 GBP", 1)]


def test_what_was_withdrawn_changes_nothing(sqlite_store: Store, csv: Csv) -> None:
    with freeze_time(NOW):
        shop = filled(sqlite_store, csv)
        put(shop, "D-1", state="accepted", value_minor=500_000)
        put(shop, "D-1", state="withdrawn", value_minor=300_000, revision=2, change="restated")
        put(shop, "D-2", state="withdrawn", value_minor=7_000)
        assert counted(shop, "state", "deliveries", "value") == [
            ("accepted", 1, "5000.00"),
            ("withdrawn", 1, None),
        ]


def test_a_touchs_part_stands_by_itself(shop: Store) -> None:
    put(shop, "D-1", "D-1:revenue:a", state="accepted", value_minor=300_000, split=1, touch=1)
    put(shop, "D-1", "D-1:revenue:b", state="accepted", value_minor=200_000, split=1, touch=2)
    put(shop, "D-1", "D-1:revenue:b", state="queued", value_minor=100_000, split=1, touch=2, revision=2,
        change="restated")  # fmt: skip
    assert counted(shop, "goal", "state", "deliveries", "there", "value", "next_try") == [
        ("revenue", "accepted", 1, 1, "3000.00", None),
        ("revenue", "queued", 1, 1, "2000.00", NOW),
    ]


def test_accounts_goals_and_currencies_are_told_apart(shop: Store) -> None:
    put(shop, "D-1", state="accepted", value_minor=500_000)
    put(shop, "D-2", state="accepted", value_minor=7_000, currency="EUR")
    put(shop, "D-1", state="accepted", value_minor=500_000, account="555")
    put(shop, "D-1", "D-1:deals", state="accepted", value_minor=500_000, account="555", action="9")
    put(shop, "D-3", state="accepted", destination="meta", account="77", action="Purchase", value_minor=9_000)
    assert counted(shop, "destination", "account", "action", "goal", "value", "currency") == [
        ("google", "1234567890", "987", "revenue", "70.00", "EUR"),
        ("google", "1234567890", "987", "revenue", "5000.00", "GBP"),
        ("google", "555", "9", "deals", "5000.00", "GBP"),
        ("google", "555", "987", "revenue", "5000.00", "GBP"),
        ("meta", "77", "Purchase", "revenue", "90.00", "GBP"),
    ]
    assert shop.send_status().warnings[0] == NOTE.format("2, worth 70.00 EUR and 5,000.00 GBP", 0)
    # Meta never says what it counted
    assert shop.send_status("meta").warnings == [
        "meta (77, Purchase, revenue): conversions there: 1, worth 90.00 GBP"
    ]


def test_the_list_names_every_delivery(shop: Store, serve: Serve, csv: Csv) -> None:
    with serve("send_google", DataManager(), **GOOGLE) as server:
        server.first.extend(
            [Answer({"access_token": "access-word"}), Answer({}, 503, {"Retry-After": "3600"})]
        )
        shop.send("google")
    put(shop, "D-3", state="rejected", value_minor=9_000, code="TOO_LATE", words="too late", attempts=1)
    put(shop, "D-3", state="accepted", value_minor=8_000, revision=2, settled_at=1_793_000_000_000_000)
    answer = shop.send_status(listed=True)
    common = LINE | {"change": "new", "currency": "GBP", "reason": "", "words": None, "next_try": None,
                     "attempts": 0, "superseded": "no", "settled_at": None}  # fmt: skip
    first = answer.rows[0]
    assert (first["reason"], first["attempts"], first["next_try"]) == ("503", 1, "2026-11-05T13:00:00Z")
    assert answer.rows[1:] == [
        common | {
            "transaction_id": "D-2:revenue", "key": "D-2", "value": "70.00", "state": "held", "words": HELD,
            "reason": "no_consent", "settled_at": NOW,
        },
        common | {
            "transaction_id": "D-3:revenue", "key": "D-3", "value": "90.00", "state": "rejected",
            "reason": "TOO_LATE", "words": "too late", "attempts": 1, "superseded": "yes",
        },
        common | {
            "transaction_id": "D-3:revenue", "key": "D-3", "value": "80.00", "state": "accepted",
            "settled_at": "2026-10-26T07:33:20Z",
        },
    ]  # fmt: skip
    assert answer.totals == {"deliveries": 4}
    assert answer.asked == {"list": True}


def test_of_somebody_who_was_erased_the_list_has_no_key(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        shop.send("google")
    shop.forget(lead="L-1")
    [row] = [row for row in shop.send_status(listed=True).rows if row["state"] == "accepted"]
    assert (row["key"], row["goal"]) == (None, "revenue")
    assert row["transaction_id"].startswith("erased-")
    assert counted(shop, "state", "there", "value")[0] == ("accepted", 1, "5000.00")


def test_a_destination_that_there_is_not_or_that_was_told_nothing(sqlite_store: Store) -> None:
    with pytest.raises(UnknownNameError, match="unknown destination 'gogle'; did you mean 'google'"):
        sqlite_store.send_status("gogle")
    assert sqlite_store.send_status("google").warnings == [
        "nothing was told to google yet; `attribution send google --dry-run` shows what would be"
    ]
    assert sqlite_store.send_status().warnings == [
        "nothing was told to anybody yet; `attribution destinations list` says who can be"
    ]


def test_what_another_package_was_told_is_shown_without_it(sqlite_store: Store, csv: Csv) -> None:
    with freeze_time(NOW):
        shop = filled(sqlite_store, csv)
        put(shop, "D-1", state="accepted", value_minor=500_000, destination="theirs", account="")
        assert shop.send_status("theirs").warnings == [
            "theirs (987, revenue): conversions there: 1, worth 5,000.00 GBP"
        ]


def test_the_commands(sqlite_store: Store, csv: Csv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_STORE", sqlite_store.db.engine.url.render_as_string(hide_password=False))
    with freeze_time(NOW):
        shop = filled(sqlite_store, csv)
        put(shop, "D-1", state="rejected", value_minor=500_000, code="TOO_LATE")

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli, ["send", *words])

    listed = run("google", "--status", "--list", "--format", "csv")
    [row] = reader.DictReader(io.StringIO(listed.stdout))
    assert (row["key"], row["value"], row["state"], row["reason"]) == (
        "D-1",
        "5000.00",
        "rejected",
        "TOO_LATE",
    )
    told = json.loads(run("--status", "--format", "json").stdout)
    assert (told["rows"][0]["example"], told["totals"]["there"]) == ("D-1:revenue", 0)
    assert "D-1:revenue" in run("--status").stdout
    unknown = run("gogle", "--status")
    assert (unknown.exit_code, "did you mean 'google'" in unknown.output) == (2, True)
    assert "--list lists deliveries: add --status" in run("google", "--list").output
    refused = run("google", "--status", "--dry-run", "--lead-value", "none")
    assert "leave --lead-value, --dry-run out" in refused.output
    assert refused.exit_code == 2
