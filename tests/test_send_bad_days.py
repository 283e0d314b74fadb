"""Between two sends: somebody is erased, an action is renamed, nobody answers, the ledger moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from loopback import CLOSED, Answer, Asked, Loopback, Patience
from send_shop import GOOGLE, NOW, DataManager, filled
from sqlalchemy import text

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import PullError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]
TOKEN = Answer({"access_token": "access-word"})
DEAL = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Iterator[Store]:
    """Three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(sqlite_store, csv)


def counts(store: Store, **options: Any) -> dict[str, int]:
    """Send to Google without waiting; return what is not nothing."""
    answer = store.send("google", waits=Patience().waits(), **options)
    return {name: number for name, number in answer.totals.items() if number}


def deal(store: Store, csv: Csv, row: str) -> None:
    """Change a deal, and run."""
    store.import_table("deals", csv("deal", DEAL + row + "\n"))
    store.run(models=["linear"], goals=["revenue"])


def states(store: Store) -> list[tuple[str, str]]:
    """Return all deliveries."""
    with store.db.read() as connection:
        rows = connection.execute(text("SELECT transaction_id, state FROM delivery ORDER BY delivery_id"))
        return [tuple(row) for row in rows]


def test_who_is_erased_while_it_is_under_way_is_not_told_again_under_another_name(
    store: Store, csv: Csv, serve: Serve
) -> None:
    platform = DataManager()

    def forgetful(asked: Asked) -> Any:
        answer = platform(asked)
        return answer if asked.path == "/token" else CLOSED

    with freeze_time(NOW) as now:
        shop = filled(store, csv)
        with serve("send_google", forgetful, **GOOGLE):
            assert counts(shop)["sent"] == 1
        shop.forget(lead="L-1")
        now.tick(3_600)
        with serve("send_google", platform, **GOOGLE):
            counts(shop)
    assert list(platform.events) == ["D-1:revenue"]
    assert {state for _, state in states(shop)} == {"withdrawn", "held"}


def test_retry_tells_what_the_ledger_says_now(shop: Store, csv: Csv, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE) as server:
        server.first.extend([TOKEN, Answer({"error": {"status": "INVALID_ARGUMENT", "message": "no"}}, 400)])
        assert counts(shop) == {"new": 2, "held": 1, "rejected": 1}
        assert counts(shop) == {"held": 1}
        deal(shop, csv, "D-1,lost,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,5000.00,GBP,L-1")
        assert counts(shop, retry=True) == {"held": 1}  # a lost deal is not told
        deal(shop, csv, "D-1,won,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,5000.00,GBP,L-1")
        assert counts(shop) == {"held": 1}
        assert counts(shop, retry=True) == {"new": 1, "accepted": 1, "held": 1}
    assert platform.values == {"D-1:revenue": 5000.0}


def test_a_correction_goes_by_the_click_that_was_told(shop: Store, csv: Csv, serve: Serve) -> None:
    """Although a later click of the same visitor came in since."""
    platform = DataManager()
    late = (
        "touch_id,visitor_id,at,url,consent\n"
        "t9,v1,2026-10-05T09:00:00Z,https://acme.test/?gclid=Later,granted\n"
    )
    with serve("send_google", platform, **GOOGLE):
        counts(shop)
        shop.import_table("touches", csv("late", late))
        deal(shop, csv, "D-1,won,2026-10-08T00:00:00Z,2026-11-02T10:00:00Z,4000.00,GBP,L-1")
        assert counts(shop) == {"restated": 1, "accepted": 1, "held": 1}
    event = platform.events["D-1:revenue"]
    assert (event["conversionValue"], event["adIdentifiers"]) == (4000.0, {"gclid": "Clicked-1"})
    assert event["eventTimestamp"] == "2026-11-01T10:00:00Z"  # as it was told


def test_a_click_that_comes_in_late_lets_go_what_was_held(shop: Store, csv: Csv, serve: Serve) -> None:
    platform = DataManager()
    nobody = "lead_id,created_at,visitor_id\nL-9,2026-10-07T00:00:00Z,v9\n"
    click = (
        "touch_id,visitor_id,at,url,consent\n"
        "t9,v9,2026-10-05T09:00:00Z,https://acme.test/?gclid=Late,granted\n"
    )
    with serve("send_google", platform, **GOOGLE):
        shop.import_table("leads", csv("nobody", nobody))
        deal(shop, csv, "D-9,won,2026-10-08T00:00:00Z,2026-11-02T10:00:00Z,10.00,GBP,L-9")
        assert counts(shop, match="contacts")["held"] == 2
        shop.import_table("touches", csv("click", click))
        shop.run(models=["linear"], goals=["revenue"])
        counts(shop, match="contacts")
    assert platform.events["D-9:revenue"]["adIdentifiers"] == {"gclid": "Late"}


def test_an_action_that_is_renamed_is_told(shop: Store, serve: Serve) -> None:
    class Renamed(DataManager):
        def __call__(self, asked: Asked) -> Any:
            if asked.path != "/token":
                asked.body["destinations"][0]["productDestinationId"] = "987"
            return super().__call__(asked)

    with serve("send_google", Renamed(), **GOOGLE):
        shop.send("google")
    with serve("send_google", Renamed(), **GOOGLE | {"action_revenue": "988"}):
        answer = shop.send("google")
    words = "1 of revenue were told before as 987, and are told again as 988; Google Ads keeps both"
    assert words in answer.warnings


def test_a_login_that_is_refused_leaves_all_as_it_was(shop: Store, serve: Serve) -> None:
    platform = DataManager()
    with serve("send_google", platform, **GOOGLE) as server:
        server.first.append(Answer({"error": "invalid_grant"}, 400))
        with pytest.raises(PullError, match="renew them; see: attribution destinations check google"):
            shop.send("google")
        assert [state for _, state in states(shop)] == ["queued", "held"]
        assert counts(shop) == {"accepted": 1, "held": 1}


def test_a_host_that_is_not_there_is_named_and_nothing_is_in_doubt(
    shop: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"dataset_id": "77", "access_token": "word", "action_revenue": "Purchase"}.items():
        monkeypatch.setenv(f"ATTRIBUTION_SEND_META_{name.upper()}", value)
    monkeypatch.setenv("ATTRIBUTION_SEND_META_BASE_URL", "http://127.0.0.1:9")
    patience = Patience()
    answer = shop.send("meta", match="contacts", waits=patience.waits())
    assert patience.slept == [1.0, 2.0, 4.0, 8.0]
    assert (answer.totals["queued"], answer.totals["sent"], answer.totals["stopped"]) == (2, 0, 1)
    [note] = [one for one in answer.warnings if one.startswith("Meta takes nothing more now (unreachable")]
    assert "127.0.0.1 cannot be reached" in note


def test_a_date_to_come_back_at_is_kept_and_no_year_is_waited(shop: Store, serve: Serve) -> None:
    with freeze_time(NOW) as now, serve("send_google", DataManager(), **GOOGLE) as server:
        busy = Answer({"error": {"status": "RESOURCE_EXHAUSTED"}}, 429)
        server.first.extend([TOKEN, Answer(busy.body, 429, {"retry-after": "Thu, 05 Nov 2026 14:00:00 GMT"})])
        answer = shop.send("google", waits=Patience().waits())
        assert answer.totals["queued"] == 1
        assert any("1 of revenue waits until 2026-11-05T14:00:00Z" in note for note in answer.warnings)
        now.tick(7_200)
        server.first.extend([TOKEN, Answer(busy.body, 429, {"retry-after": "99999999999999999999"})])
        answer = shop.send("google", waits=Patience().waits())
        assert any("1 of revenue waits until 2026-11-06T14:00:00Z" in note for note in answer.warnings)
        now.tick(86_400)
        assert shop.send("google").totals["accepted"] == 1


@pytest.mark.parametrize(("status", "exit_code"), [(401, 2), (403, 2), (404, 2), (200, 0)])
def test_a_closed_door_is_no_success(
    shop: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int, exit_code: int
) -> None:
    monkeypatch.setenv("ATTRIBUTION_STORE", shop.db.engine.url.render_as_string(hide_password=False))

    def platform(asked: Asked) -> Any:
        if asked.path == "/token":
            return {"access_token": "access-word"}
        return Answer({"requestId": "r"} if status == 200 else {"error": {"message": "no"}}, status)

    with serve("send_google", platform, **GOOGLE):
        done = CliRunner().invoke(cli, ["send", "google"])
    assert done.exit_code == exit_code, done.output


def test_a_page_in_place_of_an_answer_is_no_success(shop: Store, serve: Serve) -> None:
    """Such as a proxy's: Google gives a request an id, by which it is asked for later."""
    with serve("send_google", DataManager(), **GOOGLE) as server:
        server.first.extend([TOKEN, *[Answer(b"<html>hello", 200)] * 5])
        assert counts(shop) == {"new": 2, "sent": 1, "held": 1, "stopped": 1}
