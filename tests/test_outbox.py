"""What a destination is told: the difference between the ledger and what it has, once, and corrected."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from freezegun import freeze_time
from sqlalchemy import text

from attribution import clock
from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.destination import Destination, lots
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.engine import Store
from attribution.metrics.selection import find_credits, select_journeys
from attribution.outbox.deliver import deliver
from attribution.outbox.lot import Delivered
from attribution.outbox.queue import Line, Queued, queue
from attribution.outbox.telling import CutError
from attribution.outbox.wanted import Wish, wanted

Csv = Callable[[str, str], Path]
LINE = Line("shop", "1", "won", "revenue")

TABLES = {
    "touches": """
        touch_id,visitor_id,at,url,consent
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/?gclid=first,granted
        t2,v1,2026-10-05T09:00:00Z,https://acme.test/?gclid=second,granted
        t3,v1,2026-10-06T09:00:00Z,https://acme.test/?utm_source=news&utm_medium=email,granted
        t4,v2,2026-10-02T09:00:00Z,https://acme.test/?gclid=third,granted
        t5,v3,2026-10-02T09:00:00Z,https://acme.test/?gclid=fourth,
        t6,v4,2026-10-02T09:00:00Z,https://acme.test/?fbclid=other,granted
        """,
    "leads": """
        lead_id,created_at,visitor_id,email
        L-1,2026-10-07T00:00:00Z,v1,ella@acme.test
        L-2,2026-10-07T00:00:00Z,v2,
        L-3,2026-10-07T00:00:00Z,v3,
        L-4,2026-10-07T00:00:00Z,v4,
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,100.00,GBP,L-1
        D-2,won,2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,50.00,GBP,L-2
        D-3,won,2026-10-08T00:00:00Z,2026-11-03T00:00:00Z,30.00,GBP,L-3
        D-4,won,2026-10-08T00:00:00Z,2026-11-04T00:00:00Z,20.00,GBP,L-4
        """,
}


class Shop(Destination):
    """A platform that knows conversions by their transaction ids and keeps the last value of each."""

    name: ClassVar[str] = "shop"
    label: ClassVar[str] = "Shop"
    base_url: ClassVar[str] = "https://shop.test"
    most: ClassVar[int] = 3
    click_kinds: ClassVar[tuple[str, ...]] = ("gclid",)
    takes_contacts: ClassVar[bool] = False
    changes: ClassVar[frozenset[Change]] = frozenset(Change)

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write a request for every three."""
        for lot in lots(conversions, self.most):
            events = [
                {
                    "id": one.transaction_id, "change": str(one.change), "value": one.value_minor,
                    "click": dict(one.clicks).get("gclid"),
                }
                for one in lot
            ]  # fmt: skip
            yield Request("POST", "/events", events, lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read what the platform says."""
        number = len(request.conversions)
        if reply.status == 400:
            verdict = Verdict.REJECTED if number == 1 else Verdict.UNCLEAR
            return [Outcome(verdict, "bad_event", "who is ella@acme.test?")] * number
        if reply.status == 429:
            return [Outcome(Verdict.RETRY, "throttled", after_seconds=90)] * number
        return [Outcome(Verdict.ACCEPTED, reference="r")] * number


@dataclass
class Platform:
    """The other side: what it has, and how it fails."""

    has: dict[str, int | None] = field(default_factory=dict)
    clicks: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    faults: Iterator[str] = field(default_factory=lambda: iter(()))
    requests: int = 0
    told_twice: list[str] = field(default_factory=list)

    def clean(self, text: str) -> str:
        """Return what it says, which holds no secret."""
        return text

    def send(self, request: Request) -> Reply:
        """Take a request, or fail."""
        self.requests += 1
        fault = next(self.faults, "")
        if fault == "cut before":
            raise CutError("broken")
        if fault == "throttle":
            return Reply(429)
        if fault == "kill before":
            raise KeyboardInterrupt
        if self.refused & {event["id"] for event in request.body}:
            return Reply(400)
        for event in request.body:
            if event["change"] == "new" and event["id"] in self.has:
                self.told_twice.append(event["id"])  # it knows it by its id, and changes nothing
                continue
            self.has[event["id"]] = None if event["change"] == "retracted" else event["value"]
            self.clicks[event["id"]] = event["click"]
        if fault == "cut after":
            raise CutError("broken")
        if fault == "kill after":
            raise KeyboardInterrupt
        return Reply(200)


def filled(store: Store, csv: Csv, **tables: str) -> Store:
    """Fill a store and run it."""
    store.config_set("reporting_currency", "GBP")
    for name, content in (TABLES | tables).items():
        assert store.import_table(name, csv(name, content)).totals["rejected"] == 0
    run(store)
    return store


def run(store: Store) -> None:
    """Bring the ledger up to date."""
    store.run(models=["linear"], goals=["revenue"])


def put(store: Store, value: str = "full", line: Line = LINE, retry: bool = False) -> Queued:
    """Queue what the platform is to be told."""
    with store.db.write() as connection:
        journeys = select_journeys(connection, goal="revenue")
        wish = Wish(Shop.click_kinds, value)
        credits = find_credits(connection, journeys, "linear")
        due = wanted(connection, journeys, credits, wish)
        return queue(connection, line, due, clock.now_micros(), retry=retry)


def send(store: Store, platform: Platform, **options: Any) -> Delivered:
    """Send what is due."""
    return deliver(store.db, Shop({}), LINE, platform, **options)


def outbox(store: Store, *columns: str) -> list[tuple[Any, ...]]:
    """Read the outbox."""
    with store.db.read() as connection:
        rows = connection.execute(text(f"SELECT {', '.join(columns)} FROM delivery ORDER BY delivery_id"))
        return [tuple(row) for row in rows]


def deal(csv: Csv, row: str) -> Path:
    """Write a deal that changed."""
    head = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
    return csv("deals", head + row + "\n")


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """The store, on the fifth of November."""
    with freeze_time("2026-11-05T12:00:00Z"):
        yield filled(store, csv)


def test_each_deal_goes_out_once_with_its_last_click(shop: Store) -> None:
    platform = Platform()
    assert put(shop) == Queued(new=3)
    assert put(shop) == Queued()
    # D-3's visitor never agreed, D-4 came by another platform's click
    assert send(shop, platform).counts == {"accepted": 2, "held": 1}
    assert platform.has == {"D-1:revenue": 10_000, "D-2:revenue": 5_000}
    assert platform.clicks == {"D-1:revenue": "second", "D-2:revenue": "third"}
    assert put(shop) == Queued()
    assert send(shop, platform).counts == {"held": 1}
    assert platform.requests == 1


def test_credited_value_is_what_the_model_gives_to_its_clicks(shop: Store) -> None:
    platform = Platform()
    assert put(shop, "credited") == Queued(new=3)
    send(shop, platform)
    # two of the three touches of D-1 are its clicks: 33.34 and 33.33
    assert platform.has == {"D-1:revenue": 6_667, "D-2:revenue": 5_000}


def test_consent_that_comes_later_lets_it_go(shop: Store, csv: Csv) -> None:
    platform = Platform()
    put(shop)
    send(shop, platform)
    late = "touch_id,visitor_id,at,url,consent\nt9,v3,2026-11-05T09:00:00Z,https://acme.test/,granted\n"
    shop.import_table("touches", csv("more", late))
    run(shop)
    put(shop)
    assert send(shop, platform).counts == {"accepted": 1}
    assert platform.has["D-3:revenue"] == 3_000


def test_a_deal_that_changes_is_restated_retracted_and_comes_back(shop: Store, csv: Csv) -> None:
    platform = Platform()
    put(shop)
    send(shop, platform)
    refund = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-40.00,GBP\n"
    shop.import_table("adjustments", csv("adjustments", refund))
    shop.import_table("deals", deal(csv, "D-2,lost,2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,,,L-2"))
    run(shop)
    assert put(shop) == Queued(restated=1, retracted=1)
    send(shop, platform)
    assert platform.has == {"D-1:revenue": 6_000, "D-2:revenue": None}
    shop.import_table("deals", deal(csv, "D-2,won,2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,55.00,GBP,L-2"))
    run(shop)
    assert put(shop) == Queued(restated=1)
    send(shop, platform)
    assert platform.has == {"D-1:revenue": 6_000, "D-2:revenue": 5_500}
    assert outbox(shop, "transaction_id", "revision", "change", "state") == [
        ("D-1:revenue", 1, "new", "accepted"),
        ("D-2:revenue", 1, "new", "accepted"),
        ("D-3:revenue", 1, "new", "held"),
        ("D-2:revenue", 2, "retracted", "accepted"),
        ("D-1:revenue", 2, "restated", "accepted"),
        ("D-2:revenue", 3, "restated", "accepted"),
    ]


def test_what_cannot_be_revived_comes_back_as_another_transaction(shop: Store, csv: Csv) -> None:
    platform, line = Platform(), Line("shop", "1", "won", "revenue", revives=False)
    put(shop, line=line)
    send(shop, platform)
    for amount, status in (("", "lost"), ("50.00", "won"), ("60.00", "won")):
        currency = "GBP" if amount else ""
        row = f"D-2,{status},2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,{amount},{currency},L-2"
        shop.import_table("deals", deal(csv, row))
        run(shop)
        put(shop, line=line)
        send(shop, platform)
    assert platform.has == {"D-1:revenue": 10_000, "D-2:revenue": None, "D-2:revenue:2": 6_000}
    assert platform.told_twice == []


def test_what_was_not_sent_yet_is_changed_in_place(shop: Store, csv: Csv) -> None:
    put(shop)
    shop.import_table("deals", deal(csv, "D-1,won,2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,70.00,GBP,L-1"))
    shop.import_table("deals", deal(csv, "D-2,lost,2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,,,L-2"))
    run(shop)
    assert put(shop) == Queued(amended=1, withdrawn=1)
    platform = Platform()
    send(shop, platform)
    assert platform.has == {"D-1:revenue": 7_000}


def test_what_a_platform_cannot_change_is_counted(shop: Store, csv: Csv) -> None:
    platform, line = Platform(), Line("shop", "1", "won", "revenue", changes=())
    put(shop, line=line)
    send(shop, platform)
    shop.import_table("deals", deal(csv, "D-1,won,2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,70.00,GBP,L-1"))
    run(shop)
    assert put(shop, line=line) == Queued(cannot_change=1)


def test_one_bad_event_does_not_hold_up_the_others(shop: Store) -> None:
    platform = Platform(refused={"D-1:revenue"})
    put(shop)
    assert send(shop, platform).counts == {"rejected": 1, "accepted": 1, "held": 1}
    assert platform.has == {"D-2:revenue": 5_000}
    assert ("bad_event", "who is (email)?") in outbox(shop, "code", "words")
    assert put(shop) == Queued()
    assert send(shop, platform).counts == {"held": 1}


def test_waiting_as_long_as_the_platform_asks(shop: Store) -> None:
    platform = Platform(faults=iter(["throttle"]))
    with freeze_time("2026-11-05T12:00:00Z") as now:
        put(shop)
        assert send(shop, platform).counts == {"queued": 2, "held": 1}
        now.tick(89)
        assert send(shop, platform).counts == {"held": 1}
        now.tick(2)
        assert send(shop, platform).counts == {"accepted": 2, "held": 1}


def test_what_fails_too_often_is_given_up_until_somebody_says_to_retry(shop: Store) -> None:
    platform = Platform(faults=iter(["throttle"] * 12))
    with freeze_time("2026-11-05T12:00:00Z") as now:
        put(shop)
        for _ in range(12):
            send(shop, platform)
            now.tick(7 * 3_600)
        assert sorted(outbox(shop, "transaction_id", "state", "attempts")) == [
            ("D-1:revenue", "dead", 12),
            ("D-2:revenue", "dead", 12),
            ("D-3:revenue", "held", 0),  # it was never sent
        ]
        assert {row["check"] for row in shop.doctor().rows if row["severity"] == "error"} == {
            "stuck_deliveries"
        }
        assert put(shop) == Queued()
        assert send(shop, platform).counts == {"held": 1}
        assert put(shop, retry=True) == Queued(new=2)
        assert send(shop, platform).counts == {"accepted": 2, "held": 1}


def test_who_takes_longer_than_the_lease_holds_what_is_left(shop: Store) -> None:
    """And writes down what became of it; a second sender has nothing to take meanwhile."""
    with freeze_time("2026-11-05T12:00:00Z") as now:
        put(shop)
        others: list[Delivered] = []

        class Slow(Platform):
            def send(self, request: Request) -> Reply:
                now.tick(10 * 60)
                others.append(send(shop, Platform()))
                return super().send(request)

        class Single(Shop):
            most: ClassVar[int] = 1

        platform = Slow()
        assert deliver(shop.db, Single({}), LINE, platform).counts == {"accepted": 2, "held": 1}
    assert platform.has == {"D-1:revenue": 10_000, "D-2:revenue": 5_000}
    assert [one.told for one in others] == [0, 0]


def test_of_somebody_who_was_erased_nothing_more_is_told(shop: Store, csv: Csv) -> None:
    platform = Platform()
    put(shop)
    send(shop, platform, limit=1)
    shop.forget(lead="L-1")
    shop.forget(lead="L-2")
    refund = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-40.00,GBP\n"
    shop.import_table("adjustments", csv("adjustments", refund))
    run(shop)
    assert put(shop) == Queued()
    assert send(shop, platform).counts == {"held": 1}
    assert platform.has == {"D-1:revenue": 10_000}
    assert [row[1:] for row in outbox(shop, "transaction_id", "touch", "state")][:2] == [
        (None, "accepted"),
        (None, "withdrawn"),
    ]
    assert not any("D-1" in row[0] or "D-2" in row[0] for row in outbox(shop, "transaction_id"))


FAULTS = ["", "", "", "cut before", "cut after", "throttle", "kill before", "kill after"]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_platform_has_each_deal_once_with_its_value(
    sqlite_store: Store, csv: Csv, seed: int
) -> None:
    chance = random.Random(seed)
    platform = Platform(faults=(chance.choice(FAULTS) for _ in range(60)))
    truth: dict[str, int | None] = {"D-1": 10_000, "D-2": 5_000}
    with freeze_time("2026-11-05T12:00:00Z") as now:
        shop = filled(sqlite_store, csv)
        for _ in range(8):
            key = chance.choice(["D-1", "D-2"])
            pounds = chance.choice([None, 10, 20, 30])
            truth[key] = None if pounds is None else pounds * 100
            status = "lost" if pounds is None else "won"
            money = "," if pounds is None else f"{pounds}.00,GBP"
            row = f"{key},{status},2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,{money},L-{key[-1]}"
            shop.import_table("deals", deal(csv, row))
            run(shop)
            put(shop)
            with suppress(KeyboardInterrupt):
                send(shop, platform)
            now.tick(chance.choice([1, 60, 3_600]))
        for _ in range(5):  # the storm is over
            platform.faults = iter(())
            now.tick(7 * 3_600)
            put(shop)
            send(shop, platform)
    found = {key: platform.has.get(f"{key}:revenue") for key in truth}
    assert found == truth
    has = {
        transaction: None if change == "retracted" else value
        for transaction, change, value, state in outbox(
            shop, "transaction_id", "change", "value_minor", "state"
        )
        if state == "accepted"
    }
    assert has == platform.has
