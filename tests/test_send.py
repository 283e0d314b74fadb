"""`attribution send`: a deal reaches the platform whose click it was, is corrected; nothing else leaves."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from loopback import CLOSED, Answer, Loopback, Patience
from send_shop import EMAIL, GOOGLE, NOW, PHONE, DataManager, filled

from attribution.cli import cli
from attribution.destinations.hashing import sha256
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """A store with three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(store, csv)


def test_a_deal_reaches_the_click_it_came_by(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE) as server:
        answer = shop.send("google")
        again = shop.send("google")
    # D-2's visitor said no, D-3 came without a click of Google's
    assert answer.rows == [
        {
            "destination": "google", "goal": "revenue", "action": "987", "new": 2, "restated": 0,
            "retracted": 0, "accepted": 1, "confirmed": 0, "queued": 0, "sent": 0, "held": 1, "rejected": 0,
            "dead": 0,
        }
    ]  # fmt: skip
    assert answer.warnings == [
        "1 of revenue held, no_consent: consent to ad_user_data is denied, and only what was granted is "
        "sent; record consent with the lead or the touch"
    ]
    assert platform.events == {
        "D-1:revenue": {
            "transactionId": "D-1:revenue",
            "eventTimestamp": "2026-11-01T10:00:00Z",
            "eventSource": "OTHER",
            "conversionValue": 5000.0,
            "currency": "GBP",
            "adIdentifiers": {"gclid": "Clicked-1"},
            "userData": {
                "userIdentifiers": [{"emailAddress": sha256(EMAIL)}, {"phoneNumber": sha256(PHONE)}]
            },
            "consent": {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"},
        }
    }
    assert again.totals["new"] == again.totals["accepted"] == 0
    assert server.paths() == ["/token", "/v1/events:ingest"]


def test_with_contacts_those_without_a_click_go_out_too(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        shop.send("google", match="contacts")
    assert platform.values == {"D-1:revenue": 5000.0, "D-3:revenue": 90.0}
    assert "adIdentifiers" not in platform.events["D-3:revenue"]


def test_a_refund_by_half_and_a_correction_reach_it_as_well(shop: Store, serve: Serve, csv: Csv) -> None:
    platform = DataManager()
    head = "adjustment_id,deal_id,at,amount,currency\n"
    with serve("send_google", platform, **GOOGLE):
        shop.send("google")
        shop.import_table("adjustments", csv("half", head + "A-1,D-1,2026-11-04T00:00:00Z,-2500.00,GBP\n"))
        shop.run(models=["linear"], goals=["revenue"])
        shop.send("google")
        assert platform.values == {"D-1:revenue": 2500.0}
        shop.import_table("adjustments", csv("more", head + "A-2,D-1,2026-11-04T00:00:00Z,100.00,GBP\n"))
        shop.run(models=["linear"], goals=["revenue"])
        answer = shop.send("google")
    assert (answer.totals["restated"], platform.values) == (1, {"D-1:revenue": 2600.0})
    assert platform.events["D-1:revenue"]["lastUpdatedTimestamp"] == "2026-11-05T12:00:00Z"


def test_a_cut_connection_is_told_again_and_counts_once(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with freeze_time("2026-11-05T12:00:00Z") as now, serve("send_google", platform, **GOOGLE) as server:
        shop.send("google", limit=1, dry_run=True)
        server.first.extend([Answer({"access_token": "access-word"}), *[CLOSED] * 5])
        assert shop.send("google", waits=Patience().waits()).totals["sent"] == 1
        assert shop.send("google").totals["accepted"] == 0  # not before its time
        now.tick(3_600)
        assert shop.send("google").totals["accepted"] == 1
    assert platform.values == {"D-1:revenue": 5000.0}


def test_a_dry_run_shows_the_requests_and_leaves_nothing(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE) as server:
        answer = shop.send("google", dry_run=True)
        [row] = answer.rows
        assert row["url"] == f"{server.url}/v1/events:ingest"
        assert server.asked == []
    assert row["headers"] == {"Content-Type": "application/json", "Authorization": "Bearer ***"}
    assert [event["transactionId"] for event in row["body"]["events"]] == ["D-1:revenue"]
    assert answer.totals == {"requests": 1, "conversions": 1, "not_sent": 1, "GBP": "5000.00"}
    assert shop.send_status().rows == []


def test_a_dry_runs_limit_is_of_what_can_be_sent(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        answer = shop.send("google", dry_run=True, match="contacts", limit=2)
    [row] = answer.rows
    assert [event["transactionId"] for event in row["body"]["events"]] == ["D-1:revenue", "D-3:revenue"]
    assert [note.partition(":")[0] for note in answer.warnings] == ["1 not sent, no_consent"]


def test_what_is_older_than_the_platform_takes_is_left_alone(shop: Store, serve: Serve, csv: Csv) -> None:
    head = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
    old = "D-0,won,2026-07-01T00:00:00Z,2026-08-07T11:59:59Z,10.00,GBP,L-3\n"
    shop.import_table("deals", csv("old", head + old))
    shop.run(models=["linear"], goals=["revenue"])
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        first = shop.send("google", match="contacts")
        again = shop.send("google", match="contacts")
    assert "D-0:revenue" not in platform.events
    told = "revenue before 2026-08-07 are left alone: Google Ads takes none older than 90 days"
    assert (told in first.warnings, told in again.warnings) == (True, False)
    assert first.totals["rejected"] == 0


def test_what_was_told_is_corrected_however_old_it_got(shop: Store, serve: Serve, csv: Csv) -> None:
    platform = DataManager()
    with freeze_time("2026-11-05T12:00:00Z") as now, serve("send_google", platform, **GOOGLE):
        shop.send("google")
        now.tick(95 * 86_400)
        row = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2027-01-04T00:00:00Z,-2500.00,GBP\n"
        shop.import_table("adjustments", csv("refund", row))
        shop.run(models=["linear"], goals=["revenue"])
        answer = shop.send("google")
    # Google takes no correction of that age either, and says nothing of it: we do
    assert answer.totals["restated"] == answer.totals["rejected"] == 1
    assert any("too_old" in note for note in answer.warnings)


def test_a_limit_is_of_what_can_be_sent(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE):
        answer = shop.send("google", match="contacts", limit=2)
    assert (answer.totals["accepted"], answer.totals["held"]) == (2, 1)
    assert platform.values == {"D-1:revenue": 5000.0, "D-3:revenue": 90.0}


def test_goals_that_are_of_the_same_deals_are_refused(shop: Store, serve: Serve) -> None:
    same = "action_revenue and action_deals are of the same deals"
    with (
        serve("send_google", DataManager(), **GOOGLE, action_deals="988"),
        pytest.raises(InputError, match=same),
    ):
        shop.send("google")


def test_status_says_where_deliveries_stand_and_why(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE):
        shop.send("google")
    found = [(row["state"], row["reason"], row["deliveries"]) for row in shop.send_status("google").rows]
    assert found == [("accepted", "", 1), ("held", "no_consent", 1)]


def test_nothing_clear_is_logged_or_kept(
    shop: Store, serve: Serve, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve("send_google", DataManager(), **GOOGLE):
        shop.send("google", match="contacts")
        told = json.dumps(shop.send_status().rows)
    out = "".join(capsys.readouterr()) + caplog.text + told
    for word in (EMAIL, PHONE, "mary@", "nobody@", "secret-word", "refresh-word", "access-word"):
        assert word not in out


def test_the_command(shop: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_STORE", shop.db.engine.url.render_as_string(hide_password=False))
    with serve("send_google", DataManager(), **GOOGLE):
        shown = CliRunner().invoke(cli, ["send", "google", "--dry-run", "--format", "json"])
        done = CliRunner().invoke(cli, ["send", "google"])
        status = CliRunner().invoke(cli, ["send", "--status", "--format", "json"])
    assert (shown.exit_code, done.exit_code, status.exit_code) == (0, 0, 0), done.output
    assert json.loads(shown.stdout)["rows"][0]["method"] == "POST"
    assert re.search(r"google\s+revenue\s+987\s+2\s", done.stdout)
    assert json.loads(status.stdout)["totals"] == {
        "deliveries": 2, "there": 1, "accepted": 1, "confirmed": 0, "superseded": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"match": "luck"}, UnknownNameError, "match"),
        ({"value": "half"}, UnknownNameError, "value"),
        ({"since": "soon"}, InputError, "--since"),
    ],
)
def test_options_that_cannot_be(
    shop: Store, serve: Serve, options: dict[str, str], error: type[Exception], words: str
) -> None:
    with serve("send_google", DataManager(), **GOOGLE), pytest.raises(error, match=words):
        shop.send("google", **options)


def test_what_is_missing_is_named(shop: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", "/nowhere/credentials.toml")
    with pytest.raises(InputError, match="ATTRIBUTION_SEND_GOOGLE_CUSTOMER_ID"):
        shop.send("google")
    for name, value in GOOGLE.items():
        if name != "action_revenue":
            monkeypatch.setenv(f"ATTRIBUTION_SEND_GOOGLE_{name.upper()}", value)
    with pytest.raises(InputError, match="ATTRIBUTION_SEND_GOOGLE_ACTION_REVENUE"):
        shop.send("google")
    with pytest.raises(UnknownNameError, match="destination 'gogle'"):
        shop.send("gogle")
