"""`send --dry-run`: what would be told of which deal, what not and why, and what is left for later."""

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
from loopback import CLOSED, Answer, Loopback
from outbox_rows import put
from send_shop import GOOGLE, NOW, DataManager, filled

from attribution.cli import cli
from attribution.engine import Store

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]

FIRST: dict[str, Any] = {
    "action": "987", "transaction_id": "D-1:revenue", "change": "new", "value": "5000.00", "currency": "GBP",
    "click": "gclid", "at": "2026-11-01T10:00:00Z", "told": "yes", "reason": "",
}  # fmt: skip
NO_CONSENT = (
    "1 not sent, no_consent: consent to ad_user_data is denied, and only what was granted is sent; "
    "record consent with the lead or the touch; such as D-2:revenue"
)


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """A store with three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(store, csv)


def test_each_conversion_is_named_with_what_it_would_be_told_as(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        answer = shop.send("google", dry_run=True, match="contacts")
    assert answer.beside["conversions"].rows == [
        FIRST,
        FIRST | {
            "transaction_id": "D-2:revenue", "value": "70.00", "at": "2026-11-02T10:00:00Z", "told": "no",
            "reason": "no_consent",
        },
        FIRST | {
            "transaction_id": "D-3:revenue", "value": "90.00", "at": "2026-11-03T10:00:00Z", "click": None,
        },
    ]  # fmt: skip
    assert answer.totals == {"requests": 1, "conversions": 2, "not_sent": 1, "GBP": "5090.00"}
    assert answer.warnings == [NO_CONSENT]
    assert answer.asked == {"match": "contacts", "dry_run": True, "destination": "google"}
    assert answer.model is None


def test_what_is_taken_back_is_worth_nothing(shop: Store, serve: Serve, csv: Csv) -> None:
    put(shop, "D-3", state="accepted", value_minor=9_000)
    lost = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n" + (
        "D-3,lost,2026-10-08T00:00:00Z,2026-11-03T10:00:00Z,90.00,GBP,L-3\n"
    )
    shop.import_table("deals", csv("deals", lost))
    shop.run(models=["linear"], goals=["revenue"])
    with serve("send_google", DataManager(), **GOOGLE):
        answer = shop.send("google", dry_run=True)
    told = [(row["transaction_id"], row["change"]) for row in answer.beside["conversions"].rows]
    assert sorted(told) == [("D-1:revenue", "new"), ("D-2:revenue", "new"), ("D-3:revenue", "retracted")]
    assert (answer.totals["conversions"], answer.totals["GBP"]) == (2, "5000.00")


def test_what_waits_for_its_time_is_left_out_until_then(shop: Store, serve: Serve) -> None:
    later = "1 of revenue waits until 2026-11-05T12:01:00Z; a send after that tells it again"
    with freeze_time(NOW) as now, serve("send_google", DataManager(), **GOOGLE) as server:
        token = Answer({"access_token": "access-word"})
        server.first.extend([token, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED])
        shop.send("google")
        answer = shop.send("google", dry_run=True)
        assert (answer.rows, answer.totals["conversions"]) == ([], 0)
        assert answer.warnings == [later, NO_CONSENT]
        now.tick(61)
        again = shop.send("google", dry_run=True)  # it counts as under way, and its time has come
        assert [row["transaction_id"] for row in again.beside["conversions"].rows] == [
            "D-1:revenue", "D-2:revenue",
        ]  # fmt: skip
        assert again.warnings == [NO_CONSENT]


def test_with_what_a_model_credits_the_model_is_told(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        answer = shop.send("google", dry_run=True, value="credited", limit=1)
    assert answer.model == "linear"
    assert answer.asked == {"value": "credited", "limit": 1, "dry_run": True, "destination": "google"}
    assert answer.totals["conversions"] == 1


def test_people_read_conversions_and_programs_requests(
    sqlite_store: Store, serve: Serve, csv: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_STORE", sqlite_store.db.engine.url.render_as_string(hide_password=False))
    with freeze_time(NOW), serve("send_google", DataManager(), **GOOGLE):
        filled(sqlite_store, csv)
        table, rows, requests = (
            CliRunner().invoke(cli, ["send", "google", "--dry-run", "--format", form])
            for form in ("table", "csv", "json")
        )
    lines = table.stdout.splitlines()
    assert lines[0] == "What would be sent to Google Ads"
    assert lines[3].split() == [
        "987", "D-1:revenue", "new", "5,000.00", "GBP", "gclid", "2026-11-01T10:00:00Z", "yes",
    ]  # fmt: skip
    assert lines[-1] == "requests 1, conversions 1, not_sent 1, GBP 5,000.00"
    assert max(map(len, lines)) < 140
    found = list(reader.DictReader(io.StringIO(rows.stdout)))
    assert [(row["transaction_id"], row["reason"]) for row in found] == [
        ("D-1:revenue", ""), ("D-2:revenue", "no_consent"),
    ]  # fmt: skip
    told = json.loads(requests.stdout)
    assert [row["method"] for row in told["rows"]] == ["POST"]
    assert told["totals"] == {"requests": 1, "conversions": 1, "not_sent": 1, "GBP": "5000.00"}
