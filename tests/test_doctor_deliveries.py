"""`doctor` on destinations: what they refused, what waits, what they do not count, what they keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from freezegun import freeze_time
from loopback import Answer, Asked, Loopback
from outbox_rows import put
from send_shop import GOOGLE, NOW, DataManager, filled

from attribution import clock
from attribution.engine import Store
from attribution.metrics.doctor import CHECKS
from attribution.outbox.doctor_deliveries import CHECKS as OF_DELIVERIES

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]
Found = list[tuple[str, int, str, str]]

OK = [("ok", 0, "nothing found", "")]
CHECK = (
    "`attribution destinations check google` tries whether you are let in and says what is missing; mend "
    "that, then: attribution send google"
)
MEND = (
    "`attribution send google --status --list` names them with its words; mend what they lack, then: "
    "attribution send google --retry"
)


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """A store with three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(store, csv)


def found(store: Store, check: str) -> Found:
    """Return what a check says."""
    return [
        (row["severity"], row["count"], row["detail"], row["hint"])
        for row in store.doctor().rows
        if row["check"] == check
    ]


def ago(days: float) -> int:
    """Return an instant before now."""
    return clock.now_micros() - round(days * clock.DAY)


# --- stuck ----------------------------------------------------------------------------------------------


def test_what_was_refused_is_counted_by_reason_and_says_what_to_do(shop: Store) -> None:
    put(shop, "D-1", state="rejected", code="INVALID_GCLID")
    put(shop, "D-2", state="rejected", code="too_old")
    put(shop, "D-3", state="rejected", code="not_its_id", destination="hubspot")
    put(shop, "D-3", state="dead", code="503", destination="meta")
    google, hubspot = "1 conversion was refused by google: ", "1 conversion was refused by hubspot: "
    assert found(shop, "stuck_deliveries") == [
        ("warning", 1, google + "INVALID_GCLID, such as D-1:revenue", MEND),
        (
            "notice", 1, google + "too_old, such as D-2:revenue",
            "nothing can be done for these; send sooner, or leave them out with --since",
        ),
        (
            "notice", 1, hubspot + "not_its_id, such as D-3:revenue",
            "nothing is to be done where these ids are of another system",
        ),
        (
            "error", 1,
            "1 conversion could not be told to meta, however often it was tried: 503, such as D-3:revenue",
            MEND.replace("google", "meta"),
        ),
    ]  # fmt: skip


def test_what_was_refused_and_taken_later_is_no_fault_any_more(shop: Store) -> None:
    put(shop, "D-1", state="rejected", code="INVALID_GCLID")
    put(shop, "D-1", state="accepted", revision=2, settled_at=ago(0))
    assert found(shop, "stuck_deliveries") == OK


def test_what_is_held_says_in_the_destinations_words_what_it_needs(shop: Store) -> None:
    words = "nothing says who it was: Google Analytics needs the browser's client id"
    put(shop, "D-1", state="held", code="no_match_key", words=words, destination="ga4")
    put(shop, "D-2", state="held", code="no_match_key", words=words, destination="ga4")
    assert found(shop, "stuck_deliveries") == [
        (
            "notice", 2, "2 conversions cannot be told to ga4 now: no_match_key, such as D-1:revenue",
            f"{words}; every attribution send looks at them again",
        )
    ]  # fmt: skip


def test_an_outage_shows_on_its_first_day(shop: Store, serve: Serve) -> None:
    with serve("send_google", DataManager(), **GOOGLE) as server:
        token = Answer({"access_token": "access-word"})
        server.first.extend([token, Answer({}, 503, {"Retry-After": "3600"})])
        shop.send("google")
    [down, held] = sorted(found(shop, "stuck_deliveries"), key=lambda row: row[0], reverse=True)
    assert (down[0], down[1], down[3]) == (
        "warning", 1, "it may pass; after 2026-11-05T13:00:00Z type: attribution send google",
    )  # fmt: skip
    assert down[2].startswith(
        "1 conversion waits for google, which took nothing when it was told the last time, "
        "at 2026-11-05T12:00:00Z: 503"
    )
    assert held[2] == "1 conversion cannot be told to google now: no_consent, such as D-2:revenue"


def test_who_is_not_let_in_is_not_told_to_try_again_and_again(shop: Store) -> None:
    put(shop, "D-1", state="queued", code="PERMISSION_DENIED", words="no access", sent_at=ago(0), attempts=1)
    put(shop, "D-2", state="queued")
    assert found(shop, "stuck_deliveries") == [
        (
            "warning", 2,
            "2 conversions wait for google, which took nothing when it was told the last time, "
            "at 2026-11-05T12:00:00Z: PERMISSION_DENIED: no access",
            CHECK,
        )
    ]  # fmt: skip


def test_one_that_waits_while_others_are_taken_is_stuck_after_a_day(shop: Store) -> None:
    put(shop, "D-1", state="queued", code="TOO_RECENT", sent_at=ago(0.1), attempts=1, queued_at=ago(0.9))
    put(shop, "D-2", state="accepted", sent_at=ago(0.1), settled_at=ago(0.1))
    assert found(shop, "stuck_deliveries") == OK
    with freeze_time("2026-11-05T18:00:00Z"):
        assert found(shop, "stuck_deliveries") == [
            (
                "warning", 1,
                "1 conversion has been waiting for google for a day: TOO_RECENT, such as D-1:revenue", CHECK,
            )
        ]  # fmt: skip


def test_what_nobody_tried_to_tell_is_a_notice_and_after_a_day_a_warning(shop: Store) -> None:
    put(shop, "D-1", state="queued")
    hint = (
        "type: attribution send google; where that ends with an error, "
        "`attribution destinations check google` says what is missing"
    )
    assert found(shop, "stuck_deliveries") == [
        ("notice", 1, "1 conversion waits for google and was not told yet, such as D-1:revenue", hint)
    ]
    with freeze_time("2026-11-07T12:00:00Z"):
        assert found(shop, "stuck_deliveries") == [
            ("warning", 1, "1 conversion has been waiting for google for a day, such as D-1:revenue", hint)
        ]


# --- uncounted ------------------------------------------------------------------------------------------

COMPARE = (
    "accepted is not counted: compare with the conversions that the platform shows; each "
    "`attribution send google` asks again, for seven days"
)


def test_a_platform_that_tells_and_has_confirmed_nothing_is_a_warning(shop: Store) -> None:
    put(shop, "D-1", state="accepted", reference="r-1", settled_at=ago(1.5))
    put(shop, "D-2", state="accepted", reference="r-2", settled_at=ago(0.5))
    put(shop, "D-1", state="accepted", settled_at=ago(30), destination="meta")  # which never tells
    about = "1 conversion was accepted by google over a day ago and was not confirmed, such as D-1:revenue"
    none = "; it has confirmed none at all"
    assert found(shop, "uncounted_deliveries") == [("warning", 1, about + none, COMPARE)]
    put(shop, "D-3", state="confirmed", reference="r-3", settled_at=ago(1))
    assert found(shop, "uncounted_deliveries") == [("warning", 1, about, COMPARE)]


def test_what_was_counted_in_part_is_a_warning_at_once(shop: Store) -> None:
    put(shop, "D-1", state="accepted", reference="r-1", code="PARTIAL_SUCCESS", settled_at=ago(0.1))
    assert found(shop, "uncounted_deliveries") == [
        (
            "warning", 1,
            "1 conversion was accepted by google in requests of which it counted a part, and does not say "
            "which: PARTIAL_SUCCESS",
            "`attribution send google --status` says how many failed for which reason",
        )
    ]  # fmt: skip


# --- outdated -------------------------------------------------------------------------------------------

BY_HAND = "change it there by hand, or mind it when you compare its reports with the ledger"
META = {"destination": "meta", "account": "77", "action": "Purchase", "state": "accepted"}


def test_what_a_platform_keeps_of_a_refunded_deal_is_added_up(shop: Store) -> None:
    """D-1 is worth 5,000, D-2 70 and D-3 90 now."""
    put(shop, "D-1", **META, value_minor=530_000)
    put(shop, "D-2", **META, value_minor=5_000)
    put(shop, "D-3", **META, value_minor=9_000)
    assert found(shop, "outdated_deliveries") == [
        (
            "notice", 2,
            "meta keeps 300.00 GBP more and 20.00 GBP less than the ledger has (2 conversions, such as "
            "D-1:revenue): it cannot be told",
            BY_HAND,
        )
    ]  # fmt: skip


def test_a_deal_that_is_won_no_more_is_kept_whole(shop: Store, csv: Csv) -> None:
    put(shop, "D-1", **META, value_minor=120_000, model="linear", share_millionths=240_000)
    put(shop, "D-2", **META, value_minor=9_000, model="linear")  # credited: it moves with every run
    put(shop, "D-3", **META)
    lost = "deal_id,status,created_at,closed_at,amount,currency,lead_id\n" + "".join(
        f"D-{n},lost,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,5000.00,GBP,L-{n}\n" for n in (1, 3)
    )
    shop.import_table("deals", csv("deals", lost))
    shop.run(models=["linear"], goals=["revenue"])
    [(_, count, detail, _)] = found(shop, "outdated_deliveries")
    assert (count, detail) == (
        2,
        "meta keeps 1,200.00 GBP more than the ledger has (2 conversions, such as D-1:revenue): "
        "it cannot be told",
    )


def test_what_can_be_told_or_is_under_way_is_not_kept(shop: Store) -> None:
    put(shop, "D-1", state="accepted", value_minor=530_000, settled_at=ago(0))  # Google can be told
    put(shop, "D-1", **META, value_minor=530_000)
    put(shop, "D-1", **META | {"state": "queued"}, value_minor=500_000, revision=2)
    assert found(shop, "outdated_deliveries") == OK
    assert shop.doctor().totals["warning"] == 0


def test_one_conversion_that_cannot_be_changed_where_others_can(shop: Store) -> None:
    put(shop, "D-1", state="confirmed", value_minor=530_000, destination="google_ads")
    put(shop, "D-1", state="rejected", value_minor=500_000, revision=2, change="restated",
        code="not_restated", destination="google_ads")  # fmt: skip
    [(_, _, detail, _)] = found(shop, "outdated_deliveries")
    assert detail.startswith("google_ads keeps 300.00 GBP more than the ledger has (1 conversion, ")
    [(severity, _, _, hint)] = found(shop, "stuck_deliveries")
    assert (severity, hint) == ("notice", "it keeps what it has: correct it there by hand, or leave it")


def test_a_file_keeps_what_its_template_cannot_change(shop: Store) -> None:
    put(shop, "D-1", **META | {"destination": "file", "account": "meta"}, value_minor=530_000)
    put(shop, "D-2", **META | {"destination": "file", "account": "google"}, value_minor=9_000)
    [(_, count, detail, _)] = found(shop, "outdated_deliveries")
    assert (count, detail.partition(" than ")[0]) == (1, "file keeps 300.00 GBP more")


def test_another_currency_is_another_sum(shop: Store) -> None:
    put(shop, "D-2", **META, value_minor=8_000, currency="EUR")
    [(_, _, detail, _)] = found(shop, "outdated_deliveries")
    assert detail.startswith("meta keeps 80.00 EUR more and 70.00 GBP less than the ledger has")


def test_a_healthy_outbox_is_ok(shop: Store, serve: Serve) -> None:
    def all_taken(asked: Asked) -> object:
        return {"access_token": "access-word"} if asked.path == "/token" else {"requestId": "r-1"}

    with serve("send_google", all_taken, **GOOGLE):
        shop.send("google", match="contacts")
    assert [row["check"] for row in shop.doctor().rows][-3:] == [
        "stuck_deliveries", "uncounted_deliveries", "outdated_deliveries",
    ]  # fmt: skip
    assert found(shop, "uncounted_deliveries") == found(shop, "outdated_deliveries") == OK


def test_the_page_of_verbs_says_what_each_check_finds() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "cli.md").read_text(encoding="utf-8")
    table = page.partition("\n### doctor\n")[2]
    named = [name for line in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE) for name in line.split(", ")]
    assert named == [f"`{name}`" for name, _ in (*CHECKS, *OF_DELIVERIES)]
