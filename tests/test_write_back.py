"""What a CRM should have: which records, what is credited most, and the digest by which a change is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crm_shop import NOW, add, fill
from freezegun import freeze_time
from sqlalchemy import select

from attribution import clock
from attribution.destinations.conversion import Change, Conversion
from attribution.engine import Store
from attribution.metrics.selection import Selection, select_credits
from attribution.outbox.queue import Line, Queued, queue
from attribution.outbox.write_back import EMPTY, records_of, wanted_records
from attribution.store.columns import read_frame
from attribution.store.schema import delivery

Csv = Callable[[str, str], Path]
LINE = Line("hubspot", "1", "deals", "revenue")


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """The shop, on the fifth of November."""
    with freeze_time(NOW):
        yield fill(store, csv)


def frame(
    store: Store, model: str = "linear", goal: str = "revenue", since: int | None = None
) -> pd.DataFrame:
    """Return what a CRM should have, by the CRM's ids."""
    with store.db.read() as connection:
        found = wanted_records(connection, select_credits(connection, model=model, goal=goal), since)
    return found.set_index("key")


def put(store: Store) -> Queued:
    """Queue what the CRM is to be told."""
    with store.db.write() as connection:
        due = wanted_records(connection, select_credits(connection, model="linear"), None)
        return queue(connection, LINE, due, clock.now_micros())


def records(store: Store) -> list[Conversion]:
    """Return what is queued, as it would be written."""
    with store.db.read() as connection:
        rows = read_frame(connection, select(delivery).order_by(delivery.c.delivery_id))
        return records_of(connection, rows, select_credits(connection, model="linear"))


def accept(store: Store) -> None:
    """Say that the CRM took all that is queued, with the digests of what was written."""
    told = records(store)
    with store.db.write() as connection:
        for number, one in enumerate(told, 1):
            mine = delivery.update().where(delivery.c.delivery_id == number, delivery.c.state == "queued")
            connection.execute(mine.values(state="accepted", digest=one.digest))


def test_only_records_with_a_journey_are_told_and_the_digest_is_of_what_is_written(shop: Store) -> None:
    found = frame(shop)
    assert found["active"].to_dict() == {"101": True, "102": True, "103": False}
    assert found["value_minor"].to_dict() == {"101": 500_000, "102": 5_000, "103": None}
    assert found["digest"]["103"] == EMPTY
    assert put(shop) == Queued(new=2)
    ella, omar = records(shop)
    assert [ella.digest, omar.digest] == found["digest"].tolist()[:2]
    assert ella.details == {
        "first_touch_at": clock.to_micros(pd.Timestamp("2026-10-01T09:00Z")), "first_channel": "Paid Search",
        "first_source": "google", "first_campaign": "Brand", "first_keyword": "crm",
        "last_touch_at": clock.to_micros(pd.Timestamp("2026-10-06T09:30Z")), "last_channel": "Paid Search",
        "last_source": "google", "last_campaign": "Summer", "last_keyword": None, "touches": 3,
        "credited_channel": "Paid Search", "credited_campaign": "Brand", "credited_value": 5_000,
        "credited_currency": "GBP", "model": "linear",
    }  # fmt: skip
    assert (omar.details["credited_campaign"], omar.details["credited_value"]) == (None, 50)
    assert (ella.transaction_id, ella.action, ella.model) == ("101:revenue", "deals", "linear")


def test_leads_have_no_value(shop: Store) -> None:
    found = frame(shop, goal="leads")
    assert found["active"].to_dict() == {"201": True, "202": True, "203": False}
    assert found["value_minor"].isna().all()
    assert found["currency"].isna().all()


def test_since_leaves_older_ones_alone(shop: Store) -> None:
    assert frame(shop, since=clock.to_micros(pd.Timestamp("2026-11-02T00:00Z"))).index.tolist() == [
        "102",
        "103",
    ]


def test_a_run_that_moves_nothing_queues_nothing_and_what_moves_is_queued(shop: Store, csv: Csv) -> None:
    put(shop)
    accept(shop)
    before = frame(shop)["digest"]
    shop.run(models=["linear"], goals=["revenue"])
    assert put(shop) == Queued()
    # the same channel, source and campaign at another time: Omar's last touch
    add(shop, csv, "touches", "t6,v2,2026-10-03T09:00:00Z,https://acme.test/?utm_source=bing&utm_medium=cpc")
    after = frame(shop)["digest"]
    assert (before == after).to_dict() == {"101": True, "102": False, "103": True}
    assert put(shop) == Queued(restated=1)
    assert put(shop) == Queued()


def test_each_field_is_part_of_the_digest(shop: Store, csv: Csv) -> None:
    seen = {frame(shop)["digest"]["101"]}
    add(shop, csv, "adjustments", "A-1,101,2026-11-04T00:00:00Z,-1.00,GBP")
    seen.add(frame(shop)["digest"]["101"])
    shop.run(models=["first_touch"], goals=["revenue"])
    seen.add(frame(shop, "first_touch")["digest"]["101"])
    add(
        shop, csv, "touches", "t7,v1,2026-10-04T09:00:00Z,https://acme.test/?utm_source=news&utm_medium=email"
    )
    seen.add(frame(shop)["digest"]["101"])  # in the middle: one more touch, and no third of the deal any more
    assert len(seen) == 4


def test_the_campaign_with_most_credit_need_not_be_of_the_channel_with_most(shop: Store, csv: Csv) -> None:
    """Two e-mails of one campaign outweigh two searches of two; by channel it is even, search came first."""
    row = (
        "t8,v1,2026-10-06T10:00:00Z,https://acme.test/?utm_source=news&utm_medium=email&utm_campaign=October"
    )
    add(shop, csv, "touches", row)
    put(shop)
    ella = records(shop)[0].details
    assert (ella["credited_channel"], ella["credited_campaign"]) == ("Paid Search", "October")


def test_what_has_no_journey_any_more_is_not_written_and_taken_back(shop: Store, csv: Csv) -> None:
    put(shop)
    row = "101,lost,2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,5000.00,GBP,201"
    add(shop, csv, "deals", row)
    assert records(shop)[0].details == {}  # queued, and lost before it was told
    assert put(shop) == Queued(withdrawn=1)
    accept(shop)
    add(shop, csv, "deals", row.replace("lost", "won"))
    assert put(shop) == Queued(new=1)
    accept(shop)
    add(shop, csv, "deals", row)
    assert put(shop) == Queued(retracted=1)
    last = records(shop)[-1]
    assert (last.change, last.digest, last.details) == (Change.RETRACTED, EMPTY, {})


def test_numbers_keep_every_digit(shop: Store) -> None:
    """Hashes have 64 bits, which no float has: a frame that lacks some rows must not make them one."""
    with shop.db.read() as connection:
        credits: Selection = select_credits(connection, model="linear")
        all_of_them = wanted_records(connection, credits, None)
        few: Any = all_of_them["conversion_id"].to_numpy(np.int64)[:1]
        rows = pd.DataFrame(
            {
                "conversion_id": few, "transaction_id": "101:revenue", "action": "deals", "at": 0,
                "value_minor": None, "currency": None, "change": "new", "queued_at": 0, "revision": 1,
            }
        )  # fmt: skip
        [one] = records_of(connection, rows, credits)
    assert one.digest == all_of_them["digest"][0]
