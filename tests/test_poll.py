"""What a destination says later of what it took: counted, refused after all, or to be told again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from loopback import CLOSED, Answer, Asked, Loopback
from sqlalchemy import text

from attribution.engine import Store

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]

GOOGLE = {
    "client_id": "id-word", "client_secret": "secret-word", "refresh_token": "refresh-word",
    "customer_id": "123-456-7890", "action_revenue": "987",
}  # fmt: skip
TABLES = {
    "touches": """
        touch_id,visitor_id,at,url,consent
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/?gclid=first,granted
        t2,v2,2026-10-02T09:00:00Z,https://acme.test/?gclid=second,granted
        """,
    "leads": """
        lead_id,created_at,visitor_id
        L-1,2026-10-07T00:00:00Z,v1
        L-2,2026-10-07T00:00:00Z,v2
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,100.00,GBP,L-1
        D-2,won,2026-10-08T00:00:00Z,2026-11-02T10:00:00Z,50.00,GBP,L-2
        """,
}
HALF = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-40.00,GBP\n"


class DataManager:
    """Takes events, and says later what became of them."""

    def __init__(self) -> None:
        self.told: list[dict[str, float]] = []  # the values of each request
        self.asked_for: list[str] = []
        self.status: Any = self.of("PROCESSING")

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/token":
            return {"access_token": "access-word"}
        assert asked.headers["authorization"] == "Bearer access-word"
        if asked.method == "GET":
            assert (asked.path, asked.content) == ("/v1/requestStatus:retrieve", b"")
            self.asked_for.append(asked.query["requestId"])
            return self.status
        self.told.append({one["transactionId"]: one["conversionValue"] for one in asked.body["events"]})
        return {"requestId": f"r-{len(self.told)}"}

    @staticmethod
    def of(status: str, **counts: int) -> dict[str, Any]:
        """Return the status of a request."""
        told: dict[str, Any] = {"requestStatus": status}
        if counts:
            errors = [
                {"reason": f"PROCESSING_ERROR_REASON_{reason}", "recordCount": str(count)}
                for reason, count in counts.items()
            ]
            told["errorInfo"] = {"errorCounts": errors}
        return {"requestStatusPerDestination": [told]}


class Shop:
    """A store with two deals, Google on the other side, and a clock."""

    def __init__(
        self, store: Store, google: DataManager, server: Loopback, now: FrozenDateTimeFactory
    ) -> None:
        self.store, self.google, self.server, self.now = store, google, server, now

    def send(self, minutes: float = 0) -> dict[str, Any]:
        """Send after some minutes, and return the totals that are not zero."""
        self.now.tick(timedelta(minutes=minutes))
        self.answer = self.store.send("google")
        return {name: count for name, count in self.answer.totals.items() if count}

    def outbox(self, *columns: str) -> list[tuple[Any, ...]]:
        """Read the outbox."""
        with self.store.db.read() as connection:
            statement = f"SELECT {', '.join(columns)} FROM delivery ORDER BY delivery_id"
            return [tuple(row) for row in connection.execute(text(statement))]

    def findings(self) -> list[tuple[str, int, str]]:
        """What doctor says of deliveries that were taken and not counted."""
        return [
            (row["severity"], row["count"], row["detail"])
            for row in self.store.doctor().rows
            if row["check"] == "uncounted_deliveries"
        ]


@pytest.fixture
def shop(store: Store, csv: Csv, serve: Serve) -> Iterator[Shop]:
    """Both deals were just told, on the fifth of November."""
    with freeze_time("2026-11-05T12:00:00Z") as now:
        store.config_set("reporting_currency", "GBP")
        for name, content in TABLES.items():
            assert store.import_table(name, csv(name, content)).totals["rejected"] == 0
        store.run(models=["linear"], goals=["revenue"])
        google = DataManager()
        with serve("send_google", google, **GOOGLE) as server:
            made = Shop(store, google, server, now)
            assert made.send() == {"new": 2, "accepted": 2}
            yield made


def test_what_was_counted_is_confirmed_and_not_asked_for_again(shop: Shop) -> None:
    assert shop.send(29) == {}
    assert shop.google.asked_for == []  # not before half an hour
    shop.google.status = shop.google.of("SUCCESS")
    assert shop.send(1) == {"confirmed": 2}
    assert shop.send(24 * 60) == {}
    assert shop.google.asked_for == ["r-1"]  # once for both
    assert len(shop.google.told) == 1
    assert shop.store.send_status().totals == {
        "deliveries": 2, "there": 2, "accepted": 0, "confirmed": 2, "superseded": 0
    }  # fmt: skip
    assert shop.findings() == [("ok", 0, "nothing found")]


def test_it_is_asked_less_and_less_often_and_not_for_ever(shop: Shop) -> None:
    asked = []
    for _ in range(8 * 4):
        shop.send(6 * 60)
        asked.append(len(shop.google.asked_for))
    # after 6 hours, 12 and 24, then once a day, until the seventh is over
    assert [6 * (asked.index(number) + 1) for number in range(1, 10)] == [
        6,
        12,
        24,
        48,
        72,
        96,
        120,
        144,
        168,
    ]
    assert asked[-1] == 9
    assert shop.outbox("state", "code") == [("accepted", None)] * 2


def test_what_was_refused_is_told_again_when_it_changes(shop: Shop, csv: Csv) -> None:
    shop.google.status = shop.google.of("FAILED", INVALID_GCLID=2)
    assert shop.send(30) == {"rejected": 2}
    assert shop.answer.warnings == ["2 of revenue rejected, INVALID_GCLID: 2 INVALID_GCLID"]
    assert shop.outbox("state", "code", "words") == [("rejected", "INVALID_GCLID", "2 INVALID_GCLID")] * 2
    assert shop.send(60) == {}
    shop.store.import_table("adjustments", csv("adjustments", HALF))
    shop.store.run(models=["linear"], goals=["revenue"])
    assert shop.send(60) == {"new": 1, "accepted": 1}  # it is not there, so it is no restatement
    assert shop.google.told[1:] == [{"D-1:revenue": 60.0}]
    shop.store.send("google", retry=True)  # not with what it was worth once
    assert shop.google.told[2:] == [{"D-2:revenue": 50.0}]


def test_what_passes_is_told_again_by_the_same_send(shop: Shop) -> None:
    shop.google.status = shop.google.of("FAILED", TOO_RECENT_CLICK=2)
    assert shop.send(30) == {"accepted": 2}
    assert shop.answer.warnings == ["2 of revenue under way, TOO_RECENT_CLICK: 2 TOO_RECENT_CLICK"]
    assert shop.google.told[0] == shop.google.told[1]
    shop.google.status = shop.google.of("SUCCESS")
    assert shop.send(30) == {"confirmed": 2}
    assert shop.google.asked_for == ["r-1", "r-2"]
    assert shop.outbox("state", "code", "attempts") == [("confirmed", None, 2)] * 2


def test_what_never_passes_is_given_up(shop: Shop) -> None:
    shop.google.status = shop.google.of("FAILED", INTERNAL_ERROR=2)
    for _ in range(11):
        assert shop.send(30) == {"accepted": 2}
    assert shop.send(30) == {"dead": 2}
    assert shop.outbox("state", "code") == [("dead", "INTERNAL_ERROR")] * 2


def test_what_was_restated_since_is_not_told_again_with_what_it_was(shop: Shop, csv: Csv) -> None:
    shop.store.import_table("adjustments", csv("adjustments", HALF))
    shop.store.run(models=["linear"], goals=["revenue"])
    assert shop.send(10) == {"restated": 1, "accepted": 1}
    shop.google.status = shop.google.of("FAILED", TOO_RECENT_CLICK=2)
    assert shop.send(20) == {"rejected": 1, "accepted": 1}
    assert shop.google.told[1:] == [{"D-1:revenue": 60.0}, {"D-2:revenue": 50.0}]
    assert shop.outbox("transaction_id", "revision", "state") == [
        ("D-1:revenue", 1, "rejected"), ("D-2:revenue", 1, "accepted"), ("D-1:revenue", 2, "accepted"),
    ]  # fmt: skip


def test_where_nobody_says_which_were_refused_they_stay_and_doctor_tells(shop: Shop) -> None:
    shop.google.status = shop.google.of("PARTIAL_SUCCESS", CLICK_NOT_FOUND=1)
    assert shop.send(30) == {}
    assert shop.answer.warnings == ["2 of revenue counted in part, PARTIAL_SUCCESS: 1 CLICK_NOT_FOUND"]
    assert shop.send(60) == {}
    assert shop.google.asked_for == ["r-1"]
    [row] = shop.store.send_status("google").rows
    assert (row["state"], row["reason"], row["words"]) == ("accepted", "PARTIAL_SUCCESS", "1 CLICK_NOT_FOUND")
    assert shop.findings() == [
        (
            "warning", 2,
            "2 conversions were accepted by google in requests of which it counted a part, and does not say "
            "which: PARTIAL_SUCCESS",
        )
    ]  # fmt: skip


def test_a_platform_that_does_not_answer_is_asked_the_next_time(shop: Shop) -> None:
    trouble = "Google Ads does not say what became of what it took ({}); the next send asks again"
    token = Answer({"access_token": "access-word"})
    shop.server.first.extend([token, Answer({}, 403)])
    assert shop.send(30) == {}
    assert shop.answer.warnings == [trouble.format("status 403")]
    shop.server.first.extend([token, Answer({"error": {"status": "NOT_FOUND"}}, 404)])
    assert shop.send() == {}
    assert shop.answer.warnings == [trouble.format("status 404")]
    shop.server.first.extend([token, CLOSED])
    assert shop.send(30) == {}  # what it does not know is asked for later
    assert "the connection broke" in shop.answer.warnings[0]
    shop.google.status = shop.google.of("SUCCESS")
    assert shop.send() == {"confirmed": 2}


def test_a_dry_run_asks_nothing(shop: Shop) -> None:
    shop.now.tick(timedelta(hours=1))
    asked = len(shop.server.asked)
    shop.store.send("google", dry_run=True)
    assert len(shop.server.asked) == asked


def test_of_somebody_who_was_erased_nothing_is_asked(shop: Shop) -> None:
    shop.store.forget(lead="L-1")
    shop.google.status = shop.google.of("SUCCESS")
    assert shop.send(30) == {"confirmed": 1}
    assert shop.outbox("state") == [("accepted",), ("confirmed",)]
