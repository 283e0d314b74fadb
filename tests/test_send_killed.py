"""Senders that are killed and platforms that fail: afterwards it has each conversion once, and we know it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import CLOSED, Answer, Asked, Loopback
from sqlalchemy import text

from attribution.engine import Store

Serve = Callable[..., AbstractContextManager[Loopback]]
# the whole story is told by ATTRIBUTION_EXAMPLES=10: ten thousand
DEALS = 1_000 * int(os.environ.get("ATTRIBUTION_EXAMPLES", "1"))
CREDENTIALS = {
    "client_id": "a", "client_secret": "b", "refresh_token": "c", "customer_id": "1234567890",
    "action_revenue": "987",
}  # fmt: skip


class Moody:
    """Keeps the last of each transaction, and fails as platforms do: before it has read, and after."""

    def __init__(self, seed: int) -> None:
        self.values: dict[str, float] = {}
        self.chance = random.Random(seed)
        self.calm = False
        self.refused = "D124:revenue"  # not one of those refunded: a changed value would be tried anew

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/token":
            return {"access_token": "word"}
        mood = 1.0 if self.calm else self.chance.random()
        if mood < 0.1:
            return CLOSED
        if mood < 0.2:
            return Answer({"error": {"status": "RESOURCE_EXHAUSTED"}}, 429, {"retry-after": "1"})
        if mood < 0.3:
            return Answer("<html>", 503)
        events = asked.body["events"]
        if any(event["transactionId"] == self.refused for event in events):  # the whole batch, unnamed
            return Answer({"error": {"status": "INVALID_ARGUMENT", "message": "an event is invalid"}}, 400)
        for event in events:
            self.values[event["transactionId"]] = event["conversionValue"]
        time.sleep(0.02)
        return CLOSED if mood < 0.4 else {"requestId": "r"}


def fill(store: Store, folder: Path) -> None:
    """Won deals of yesterday, each with a click and consent."""
    numbers = pd.Series(range(DEALS)).astype(str)
    yesterday = (pd.Timestamp.now(tz="UTC") - pd.Timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    tables = {
        "touches": {
            "touch_id": "t" + numbers, "visitor_id": "v" + numbers, "at": "2026-10-01T09:00:00Z",
            "url": "https://acme.test/?gclid=c" + numbers, "consent": "granted",
        },
        "leads": {"lead_id": "L" + numbers, "created_at": "2026-10-02", "visitor_id": "v" + numbers},
        "deals": {
            "deal_id": "D" + numbers, "status": "won", "created_at": "2026-10-03", "closed_at": yesterday,
            "amount": "10.00", "currency": "GBP", "lead_id": "L" + numbers,
        },
    }  # fmt: skip
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
        assert store.import_table(name, folder / f"{name}.csv").totals["rejected"] == 0
    store.run(models=["linear"], goals=["revenue"])


def halve(store: Store, folder: Path) -> None:
    """Refund every third deal by half."""
    numbers = pd.Series(range(0, DEALS, 3)).astype(str)
    refunds = {
        "adjustment_id": "A" + numbers,
        "deal_id": "D" + numbers,
        "at": "2026-11-22",
        "amount": "-5.00",
    }
    pd.DataFrame(refunds | {"currency": "GBP"}).to_csv(folder / "refunds.csv", index=False)
    store.import_table("adjustments", folder / "refunds.csv")
    store.run(models=["linear"], goals=["revenue"])


def later(store: Store) -> None:
    """Let the time pass after which a sender counts as gone, and what waits is due."""
    with store.db.write() as connection:
        connection.execute(text("UPDATE delivery SET due_at = 0 WHERE state IN ('sent', 'queued')"))


def states(store: Store) -> dict[tuple[str, str], int]:
    """Count deliveries by change and state."""
    statement = "SELECT change, state, count(*) FROM delivery GROUP BY change, state"
    with store.db.read() as connection:
        return {(change, state): count for change, state, count in connection.execute(text(statement))}


def senders(url: str, number: int, chance: random.Random) -> None:
    """Start some senders at once, and kill all but the last in the middle of their work."""
    command = [sys.executable, "-m", "attribution", "--store", url, "send", "google"]
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(number)
    ]
    time.sleep(1.5 + chance.random() * 2)
    for one in running[:-1]:
        one.kill()
    for one in running:
        one.wait(120)


@pytest.mark.parametrize("seed", [1])
def test_everything_arrives_once_whoever_dies(store: Store, serve: Serve, tmp_path: Path, seed: int) -> None:
    platform, chance = Moody(seed), random.Random(seed)
    url = store.db.engine.url.render_as_string(hide_password=False)
    fill(store, tmp_path)
    with serve("send_google", platform, **CREDENTIALS):
        for number in (2, 2):
            senders(url, number, chance)
            later(store)
        halve(store, tmp_path)
        for number in (2,):
            senders(url, number, chance)
            later(store)
        platform.calm = True
        for _ in range(3):
            store.send("google")
            later(store)
        idle = store.send("google")
    expected = {f"D{n}:revenue": 5.0 if n % 3 == 0 else 10.0 for n in range(DEALS)}
    del expected[platform.refused]
    assert platform.values == expected
    found = states(store)
    refunds = len(range(0, DEALS, 3))
    assert found.pop(("new", "rejected")) == 1
    assert sum(count for (change, _), count in found.items() if change == "new") == DEALS - 1
    assert sum(count for (change, _), count in found.items() if change == "restated") <= refunds
    assert {state for _, state in found} == {"accepted"}
    assert idle.totals["new"] == idle.totals["restated"] == idle.totals["accepted"] == 0
