"""`send --value credited`, whole and by touch: a deal is one conversion, or one for each credited click."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from loopback import Asked, Loopback
from send_shop import GOOGLE, NOW, DataManager

from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]
TABLES = {
    "touches": """
        touch_id,visitor_id,at,url,consent
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/?gclid=first,granted
        t2,v1,2026-10-02T09:00:00Z,https://acme.test/?fbclid=other,granted
        t3,v1,2026-10-03T09:00:00Z,https://acme.test/?utm_source=news&utm_medium=email,granted
        t4,v1,2026-10-04T09:00:00Z,https://acme.test/?gclid=second,granted
        """,
    "leads": "lead_id,created_at,visitor_id\nL-1,2026-10-07T00:00:00Z,v1\n",
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,1000.00,GBP,L-1
        """,
}
META = {"dataset_id": "77", "access_token": "word", "action_revenue": "Purchase"}


def part(touch_id: str) -> str:
    """Return what a touch's part of the deal is called."""
    return f"D-1:revenue:{hashlib.sha256(touch_id.encode()).hexdigest()[:12]}"


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """A deal of four touches, two of them clicks on Google's, a quarter of it each."""
    with freeze_time(NOW):
        store.config_set("reporting_currency", "GBP")
        for name, content in TABLES.items():
            assert store.import_table(name, csv(name, content)).totals["rejected"] == 0
        store.run(models=["linear", "first_touch"], goals=["revenue"])
        yield store


def refund(store: Store, csv: Csv) -> None:
    """Pay half of it back."""
    row = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-500.00,GBP\n"
    store.import_table("adjustments", csv("refund", row))
    store.run(models=["linear", "first_touch"], goals=["revenue"])


def told(store: Store, **options: Any) -> dict[str, int]:
    """Send to Google; return what was queued."""
    answer = store.send("google", value="credited", model="linear", **options)
    return {name: answer.totals[name] for name in ("new", "restated", "retracted") if answer.totals[name]}


def test_a_deal_is_one_conversion_with_the_credit_of_all_its_clicks(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        assert told(shop) == {"new": 1}
    assert platform.values == {"D-1:revenue": 500.0}
    assert platform.events["D-1:revenue"]["adIdentifiers"] == {"gclid": "second"}


def test_another_model_restates_it(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        told(shop)
        shop.send("google", value="credited", model="first_touch")
    assert platform.values == {"D-1:revenue": 1000.0}


def test_split_tells_each_click_by_itself_and_restates_it(shop: Store, serve: Serve, csv: Csv) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        answer = shop.send("google", value="credited", split=True, model="linear")
        assert platform.values == {part("t1"): 250.0, part("t4"): 250.0}
        clicks = {name: event["adIdentifiers"]["gclid"] for name, event in platform.events.items()}
        assert clicks == {part("t1"): "first", part("t4"): "second"}
        refund(shop, csv)
        assert told(shop, split=True) == {"restated": 2}
        assert told(shop, split=True) == {}
    assert platform.values == {part("t1"): 125.0, part("t4"): 125.0}
    assert [note for note in answer.warnings if "a conversion of its own" in note]


def test_from_parts_to_the_whole_and_back_nothing_counts_twice(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        told(shop, split=True)
        assert told(shop) == {"retracted": 2}  # and not begun before these are taken back
        assert sum(platform.values.values()) == 0.0
        assert told(shop) == {"new": 1}
        assert platform.values == {part("t1"): 0.0, part("t4"): 0.0, "D-1:revenue": 500.0}
        told(shop, split=True)
        told(shop, split=True)
        assert platform.values == {part("t1"): 250.0, part("t4"): 250.0, "D-1:revenue": 0.0}
        shop.send("google")
        shop.send("google")  # the whole deal, by its last click
    assert platform.values == {part("t1"): 0.0, part("t4"): 0.0, "D-1:revenue": 1000.0}


def test_where_no_click_has_credit_the_whole_is_taken_back(shop: Store, serve: Serve, csv: Csv) -> None:
    """And comes back, however often it is asked for."""
    first = (
        "touch_id,visitor_id,at,url,consent\nt0,v1,2026-09-30T09:00:00Z,https://acme.test/?fbclid=f,granted\n"
    )
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        shop.send("google")
        shop.import_table("touches", csv("first", first))
        shop.run(models=["linear", "first_touch"], goals=["revenue"])
        for _ in range(3):
            shop.send("google", value="credited", split=True, model="first_touch")
            assert platform.values == {"D-1:revenue": 0.0}
        shop.send("google")
    assert platform.values == {"D-1:revenue": 1000.0}


def test_where_nothing_can_be_taken_back_it_stays_as_it_was_begun(shop: Store, serve: Serve) -> None:
    has: dict[str, float] = {}

    def platform(asked: Asked) -> Any:
        for event in asked.body["data"]:
            has[event["event_id"]] = event["custom_data"]["value"]
        return {"events_received": len(asked.body["data"])}

    with serve("send_meta", platform, **META):
        shop.send("meta", value="credited", split=True, model="linear")
        assert has == {part("t2"): 250.0}
        shop.send("meta")
    assert has == {part("t2"): 250.0}


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("google", {"split": True}, "add --value credited"),
        (
            "hubspot",
            {"value": "credited", "split": True},
            "leave --value, --split, --lead-value and --match out",
        ),
        ("ga4", {"value": "credited", "split": True}, "leave --split out"),
        ("google", {"lead_value": "predicted"}, r"say what they count as there \(action_leads, action_mql"),
    ],
)
def test_what_does_not_go_together(
    shop: Store, serve: Serve, name: str, options: dict[str, Any], words: str
) -> None:
    settings = {
        "google": GOOGLE,
        "hubspot": {"access_token": "word"},
        "ga4": {"measurement_id": "G-1", "api_secret": "word", "action_revenue": "purchase"},
    }
    with serve(f"send_{name}", DataManager(), **settings[name]), pytest.raises(InputError, match=words):
        shop.send(name, **options)
