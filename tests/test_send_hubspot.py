"""`attribution send hubspot`: what brought deals and contacts stands there, and follows the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from crm_shop import ELLA_FIELDS, LEAD_LACKS, NOW, add, fill
from freezegun import freeze_time
from hubspot_portal import TOKEN, Portal
from loopback import CLOSED, Answer, Loopback, Patience
from sqlalchemy import text

from attribution.cli import cli
from attribution.destinations.crm import FIELDS
from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]


def portal() -> Portal:
    """Return a portal with the deals and contacts of the shop, and with our properties."""
    found = Portal()
    for number in (101, 102, 103):
        found.deal(number, NOW)
        found.contact(number + 100, NOW)
    found.properties = {f"attribution_{name}" for name in FIELDS}
    return found


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """The shop, on the fifth of November."""
    with freeze_time(NOW):
        yield fill(store, csv)


@pytest.fixture
def sqlite_shop(sqlite_store: Store, csv: Csv) -> Iterator[Store]:
    """The shop, where the database does not matter."""
    with freeze_time(NOW):
        yield fill(sqlite_store, csv)


def counts(answer: Any) -> dict[str, int]:
    """Return the totals that are not nothing."""
    return {name: number for name, number in answer.totals.items() if number}


def test_what_brought_a_deal_and_its_contact_is_written_once(shop: Store, serve: Serve) -> None:
    there = portal()
    with serve("send_hubspot", there, access_token=TOKEN) as server:
        # Sam came by nothing that is known: neither deal 103 nor contact 203 is written
        assert counts(shop.send("hubspot")) == {"new": 4, "accepted": 4}
        assert counts(shop.send("hubspot")) == {}
    assert there.written("deals", 101) == ELLA_FIELDS
    lead = {name: told for name, told in ELLA_FIELDS.items() if name not in LEAD_LACKS}
    assert there.written("contacts", 201) == lead
    assert there.written("deals", 102) == {
        "first_touch_at": "2026-10-02T09:00:00.000Z", "first_channel": "Paid Search", "first_source": "bing",
        "first_campaign": "", "first_keyword": "", "last_touch_at": "2026-10-02T09:00:00.000Z",
        "last_channel": "Paid Search", "last_source": "bing", "last_campaign": "", "last_keyword": "",
        "touches": 1, "credited_channel": "Paid Search", "credited_campaign": "", "credited_value": 50.0,
        "credited_currency": "GBP", "model": "linear",
    }  # fmt: skip
    assert there.written("deals", 103) == there.written("contacts", 203) == {}
    assert server.paths() == [f"/crm/v3/objects/{kind}/batch/update" for kind in ("deals", "contacts")]


def test_a_late_touch_and_a_refund_are_written_again(shop: Store, serve: Serve, csv: Csv) -> None:
    there = portal()
    with serve("send_hubspot", there, access_token=TOKEN):
        shop.send("hubspot")
        add(
            shop,
            csv,
            "touches",
            "t5,v1,2026-10-06T20:00:00Z,https://acme.test/?utm_source=news&utm_medium=email",
        )
        assert counts(shop.send("hubspot")) == {"restated": 2, "accepted": 2}
        assert there.written("deals", 101) == ELLA_FIELDS | {
            "last_touch_at": "2026-10-06T20:00:00.000Z", "last_channel": "Email", "last_source": "news",
            "last_campaign": "", "touches": 4,
            # half a deal each: the channel that was met first
            "credited_channel": "Paid Search",
        }  # fmt: skip
        add(shop, csv, "adjustments", "A-1,101,2026-11-04T00:00:00Z,-2500.00,GBP")
        assert counts(shop.send("hubspot")) == {"restated": 1, "accepted": 1}
        assert there.written("deals", 101)["credited_value"] == 2500.0
        assert there.writes == 7


def test_another_model_is_another_answer(sqlite_shop: Store, serve: Serve) -> None:
    there = portal()
    sqlite_shop.run(models=["last_touch"], goals=["revenue", "leads"])
    with serve("send_hubspot", there, access_token=TOKEN):
        sqlite_shop.send("hubspot", model="last_touch")
        found = there.written("deals", 101)
        assert (found["credited_campaign"], found["model"]) == ("Summer", "last_touch")
        with pytest.raises(InputError, match="never run for first_touch"):
            sqlite_shop.send("hubspot", model="first_touch")


def test_a_record_that_is_gone_is_refused_once_and_the_others_are_written(
    sqlite_shop: Store, serve: Serve, csv: Csv
) -> None:
    there = portal()
    del there.records["deals"]["101"]
    with serve("send_hubspot", there, access_token=TOKEN) as server:
        answer = sqlite_shop.send("hubspot")
        assert counts(answer) == {"new": 4, "accepted": 3, "rejected": 1}
        assert answer.warnings == [
            "1 of revenue rejected, OBJECT_NOT_FOUND: Could not get some deals objects, they may be deleted "
            "or not exist."
        ]
        assert counts(sqlite_shop.send("hubspot")) == {}
        assert len(server.asked) == 2
        add(sqlite_shop, csv, "adjustments", "A-1,101,2026-11-04T00:00:00Z,-1.00,GBP")
        assert counts(sqlite_shop.send("hubspot")) == {"new": 1, "rejected": 1}  # it changed: asked once more


def test_records_of_another_crm_never_leave(sqlite_store: Store, serve: Serve, csv: Csv) -> None:
    with freeze_time(NOW), serve("send_hubspot", portal(), access_token=TOKEN) as server:
        fill(sqlite_store, csv, {"101": "006A", "102": "006B", "201": "00QA", "202": "00QB"})
        answer = sqlite_store.send("hubspot")
        assert counts(answer) == {}
        left = "have no id of deals in HubSpot and are left alone: they came from elsewhere"
        assert answer.warnings[0] == f"2 of revenue, such as 006A, {left}"
        assert server.asked == []


def test_a_property_that_is_missing_is_named_and_waited_for(sqlite_shop: Store, serve: Serve) -> None:
    there = portal()
    there.properties -= {"attribution_model", "attribution_touches"}
    with freeze_time(NOW) as now, serve("send_hubspot", there, access_token=TOKEN):
        answer = sqlite_shop.send("hubspot")
        assert counts(answer) == {"new": 4, "queued": 4, "stopped": 2}
        words = {row["words"] for row in sqlite_shop.send_status().rows}
        assert words == {
            "there is no property attribution_touches, attribution_model; make it (Settings, Properties, of "
            "type single-line text, number, date and time picker), or leave it out of `fields`"
        }
        there.properties |= {"attribution_model", "attribution_touches"}
        now.tick(3_600)
        assert counts(sqlite_shop.send("hubspot")) == {"accepted": 4}
    assert there.written("deals", 101) == ELLA_FIELDS


def test_whatever_breaks_it_is_written_in_the_end(sqlite_shop: Store, serve: Serve) -> None:
    there = portal()
    with freeze_time(NOW) as now, serve("send_hubspot", there, access_token=TOKEN) as server:
        busy = Answer(
            {"status": "error", "message": "wait", "policyName": "SECONDLY"}, 429, {"Retry-After": "5"}
        )
        server.first.extend([CLOSED, busy] * 3)
        patience = Patience()
        # the fifth try of the first request is the last one; those of the leads' go through at the second
        first = sqlite_shop.send("hubspot", waits=patience.waits())
        assert counts(first) == {"new": 4, "sent": 2, "accepted": 2, "stopped": 1}
        assert patience.slept == [1.0, 5.0, 4.0, 8.0, 5.0]
        now.tick(3_600)
        assert counts(sqlite_shop.send("hubspot")) == {"accepted": 2}
    assert there.written("deals", 101) == ELLA_FIELDS


def test_a_journey_that_comes_and_goes_while_nothing_gets_through(
    sqlite_shop: Store, serve: Serve, csv: Csv
) -> None:
    """What counts is what was written last, not what was queued."""
    there = portal()
    with freeze_time(NOW) as now, serve("send_hubspot", there, access_token=TOKEN) as server:
        sqlite_shop.send("hubspot")
        add(sqlite_shop, csv, "adjustments", "A-1,101,2026-11-04T00:00:00Z,-1.00,GBP")
        server.first.extend([CLOSED] * 5)
        cut = sqlite_shop.send("hubspot", waits=Patience().waits())
        assert counts(cut) == {"restated": 1, "sent": 1, "stopped": 1}
        add(sqlite_shop, csv, "adjustments", "A-2,101,2026-11-04T00:00:00Z,1.00,GBP")
        now.tick(3_600)
        # it tells what is right now, though another value was queued
        assert counts(sqlite_shop.send("hubspot")) == {"accepted": 1}
        assert there.written("deals", 101) == ELLA_FIELDS
        assert counts(sqlite_shop.send("hubspot")) == {}


def test_another_systems_deal_is_left_alone(sqlite_shop: Store, serve: Serve, csv: Csv) -> None:
    with serve("send_hubspot", portal(), access_token=TOKEN):
        sqlite_shop.send("hubspot")
        row = "SF-7,won,2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,10.00,GBP,201"
        add(sqlite_shop, csv, "deals", row)
        assert counts(sqlite_shop.send("hubspot")) == {}


def test_a_deal_that_is_won_no_more_is_emptied_and_comes_back(shop: Store, serve: Serve, csv: Csv) -> None:
    there = portal()
    row = "101,{},2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,5000.00,GBP,201"
    with serve("send_hubspot", there, access_token=TOKEN):
        shop.send("hubspot")
        add(shop, csv, "deals", row.format("lost"))
        assert counts(shop.send("hubspot")) == {"retracted": 1, "accepted": 1}
        assert set(there.written("deals", 101).values()) == {""}
        assert counts(shop.send("hubspot")) == {}
        add(shop, csv, "deals", row.format("won"))
        assert counts(shop.send("hubspot")) == {"restated": 1, "accepted": 1}
        assert there.written("deals", 101) == ELLA_FIELDS


def test_of_somebody_who_was_erased_nothing_more_is_written(
    sqlite_shop: Store, serve: Serve, csv: Csv
) -> None:
    there = portal()
    with serve("send_hubspot", there, access_token=TOKEN):
        sqlite_shop.send("hubspot", limit=1)
        assert there.writes == 1
        sqlite_shop.forget(email="ella@acme.test")
        add(sqlite_shop, csv, "adjustments", "A-1,101,2026-11-04T00:00:00Z,-2500.00,GBP")
        assert counts(sqlite_shop.send("hubspot")) == {"accepted": 2}  # Omar's
    assert there.written("contacts", 201) == {}
    assert there.written("deals", 101)["credited_value"] == 5000.0


def test_a_dry_run_and_the_command(sqlite_shop: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_STORE", sqlite_shop.db.engine.url.render_as_string(hide_password=False))
    there = portal()
    with serve("send_hubspot", there, access_token=TOKEN, fields="touches, last_channel=how") as server:
        shown = CliRunner().invoke(cli, ["send", "hubspot", "--dry-run", "--format", "json"])
        [deals, contacts] = json.loads(shown.stdout)["rows"]
        assert server.asked == []
        assert deals["url"] == f"{server.url}/crm/v3/objects/deals/batch/update"
        assert deals["headers"]["Authorization"] == "Bearer ***"
        assert deals["body"] == {
            "inputs": [
                {"id": "101", "properties": {"attribution_touches": 3, "how": "Paid Search"}},
                {"id": "102", "properties": {"attribution_touches": 1, "how": "Paid Search"}},
            ]
        }
        assert len(contacts["body"]["inputs"]) == 2
        refused = CliRunner().invoke(cli, ["destinations", "check", "hubspot", "--format", "json"])
        assert refused.exit_code == 2
        found = {row["step"]: row["words"] for row in json.loads(refused.stdout)["rows"]}
        assert set(found) == {"settings", "deals", "contacts"}
        assert found["deals"].startswith("no_property: deals lack 1 of 2: how; make them (Settings")
        there.properties.add("how")
        assert CliRunner().invoke(cli, ["destinations", "check", "hubspot"]).exit_code == 0
        assert there.writes == 0


def test_options_of_advertising_are_refused(sqlite_shop: Store, serve: Serve) -> None:
    with (
        serve("send_hubspot", portal(), access_token=TOKEN),
        pytest.raises(InputError, match="leave --value"),
    ):
        sqlite_shop.send("hubspot", value="credited")


def test_nobodys_address_is_written(sqlite_shop: Store, serve: Serve) -> None:
    with serve("send_hubspot", portal(), access_token=TOKEN) as server:
        sqlite_shop.send("hubspot")
    told = b"".join(one.content for one in server.asked)
    assert b"@" not in told
    with sqlite_shop.db.read() as connection:
        kept = connection.execute(text("SELECT digest FROM delivery")).scalars().all()
    assert len(set(kept)) == 4
