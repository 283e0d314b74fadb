"""A receiver of one's own: what an event says, how it is signed, and what becomes of it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from destination_cases import NOON, conversion
from freezegun import freeze_time
from loopback import CLOSED, Answer, Asked, Loopback, Patience
from send_shop import EMAIL, NOW, PHONE, filled

from attribution import clock
from attribution.destinations.conversion import Change, Consent, Contact, Conversion, Signal
from attribution.destinations.request import Reply, Request, Verdict
from attribution.destinations.signing import Outgoing, sign_webhook
from attribution.destinations.webhook import Webhook
from attribution.engine import Store
from attribution.errors import InputError
from attribution.outbox.sender import written

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]

URL = "https://hooks.example.com/in/abc/"
SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so").decode()
# printf %s ella@acme.test | sha256sum, and likewise
EMAIL_HASH = "1844c079a4691fc1de67b8024be31dda826986e0016e29d4968ff6857f092bc7"
PHONE_HASH = "faad3b10918e39b5f4d5334f1e1e128719608e8bd3ad3b963dc30187b4518e23"


def webhook(**settings: str) -> Webhook:
    """Return the destination of an address."""
    return Webhook({"url": URL, **settings})


def won(**changed: Any) -> Conversion:
    """Return a deal with a click, and who it was."""
    given: dict[str, Any] = {
        "action": "won", "clicks": {"gclid": "Cj0-K_1"}, "clicked_at": NOON - clock.DAY,
        "contact": Contact((" Ella@ACME.test ",), ("+44 20 7946 0018",)),
    }  # fmt: skip
    return conversion(**given | changed)


def event_of(one: Conversion) -> dict[str, Any]:
    """Return what is written for one conversion."""
    [request] = webhook().requests([one])
    return dict(request.body)


# --- what is written --------------------------------------------------------------------------------


def test_an_event() -> None:
    [request] = webhook().requests([won()])
    assert (request.method, request.path) == ("POST", "/in/abc/")
    assert webhook().home == "https://hooks.example.com"
    assert request.headers == {"webhook-id": "D-1:won:1"}
    assert written(request.body).decode() == (
        '{"id":"D-1:won:1","type":"conversion.new","transaction_id":"D-1:won","revision":1,"change":"new",'
        '"action":"won","at":"2026-11-20T12:00:00Z","changed_at":null,"value":"5000.00","currency":"GBP",'
        '"click":{"kind":"gclid","id":"Cj0-K_1","at":"2026-11-19T12:00:00Z"},'
        f'"contact":{{"emails_sha256":["{EMAIL_HASH}"],"phones_sha256":["{PHONE_HASH}"]}},'
        '"consent":{"ad_user_data":"granted","ad_personalization":"granted"},"model":null,"share":null}'
    )


def test_a_change_has_an_id_of_its_own() -> None:
    event = event_of(
        won(change=Change.RESTATED, revision=2, changed_at=NOON + clock.DAY, value_minor=250_000)
    )
    assert (event["id"], event["type"], event["revision"]) == ("D-1:won:2", "conversion.restated", 2)
    assert (event["change"], event["changed_at"]) == ("restated", "2026-11-21T12:00:00Z")
    assert event["value"] == "2500.00"
    assert event_of(won(change=Change.RETRACTED, revision=3))["type"] == "conversion.retracted"


def test_what_is_not_known_is_null_and_nothing_is_left_out() -> None:
    bare = won(clicks={}, clicked_at=None, contact=Contact(), value_minor=None, currency=None)
    event = event_of(bare)
    assert event.keys() == event_of(won()).keys()
    assert (event["value"], event["currency"], event["click"]) == (None, None, None)
    assert event["contact"] == {"emails_sha256": [], "phones_sha256": []}


def test_credits_yen_and_details() -> None:
    event = event_of(won(value_minor=1999, currency="JPY", share_millionths=333_333, model="linear"))
    assert (event["value"], event["share"], event["model"]) == ("1999", "0.333333", "linear")
    assert event_of(won(details={"consent": {"shop": "yes"}}))["consent"]["shop"] == "yes"


def test_lists_are_lists_even_of_one() -> None:
    many = [won(transaction_id=f"D-{n}:won") for n in range(3)]
    first, second = webhook(batch="2").requests(many)
    assert [event["id"] for event in first.body] == ["D-0:won:1", "D-1:won:1"]
    assert [event["id"] for event in second.body] == ["D-2:won:1"]
    digest = hashlib.sha256(b"D-0:won:1\nD-1:won:1").hexdigest()
    assert (first.headers["webhook-id"], second.headers["webhook-id"]) == (f"list:{digest}", "D-2:won:1")


@pytest.mark.parametrize(
    ("transaction", "message"),
    [("D.1:won", "D%2E1:won:1"), ("D\r\nX: y", "D%0D%0AX:%20y:1"), ("Größe", "Gr%C3%B6%C3%9Fe:1")],
)
def test_an_id_can_stand_in_a_header(transaction: str, message: str) -> None:
    [request] = webhook().requests([won(transaction_id=transaction)])
    assert request.headers["webhook-id"] == request.body["id"] == message
    assert request.body["transaction_id"] == transaction


# --- the signature ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "signature"),
    [
        # the example of the specification's libraries
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        # printf 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' |
        #     openssl dgst -sha256 -hmac 'some words' -binary | base64
        ("some words", "v1,2VHITg+/1LsjKTiO/ngiJNdV6k6d8nDj0I1vr1zDfU8="),
    ],
)
def test_a_signature_is_that_of_others(secret: str, signature: str) -> None:
    leaving = Outgoing(
        "POST", URL, b'{"test": 2432232314}', 1_614_265_330_999_999,
        headers={"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek"},
    )  # fmt: skip
    assert sign_webhook(leaving, {"signing_secret": secret}) == {
        "webhook-timestamp": "1614265330", "webhook-signature": signature,
    }  # fmt: skip


# --- settings, and what is not sent -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://hooks.example.com/in"}, "the url http://hooks.example.com/in would send"),
        ({"url": "https://me:word@hooks.example.com/in"}, "more than a host and a path"),
        ({"url": "hooks"}, "allowed are https://HOST"),
        ({}, r"webhook needs url \(where events are sent"),
        ({"url": URL, "batch": "0"}, "batch of webhook is '0'; allowed are 1 to 1000"),
        ({"url": URL, "batch": "many"}, "batch of webhook is 'many'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Webhook(settings)


def test_an_address_may_be_on_this_machine_and_is_not_kept() -> None:
    assert Webhook({"url": "http://127.0.0.1:8080"}).home == "http://127.0.0.1:8080"
    digest = hashlib.sha256(URL.encode()).hexdigest()[:12]
    assert webhook().account == f"hooks.example.com:{digest}"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"clicks": {}, "clicked_at": None, "contact": Contact()}, None),  # known by its transaction
        ({"at": NOON - 900 * clock.DAY, "clicked_at": None}, None),
        ({"change": Change.RETRACTED}, None),
        ({"consent": Consent()}, "no_consent"),
        ({"consent": Consent(Signal.DENIED, Signal.GRANTED)}, "no_consent"),
        ({"at": NOON + clock.HOUR}, "future"),
        ({"currency": None}, "currency"),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    found = webhook().refusal(won(**changed), NOON)
    assert (found and found.code) == code


# --- replies ----------------------------------------------------------------------------------------


def request_of(number: int) -> Request:
    """Return a request that tells some conversions."""
    [request] = webhook(batch="9").requests([won(transaction_id=f"D-{n}") for n in range(number)])
    return request


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code", "after"),
    [
        (2, Reply(200), Verdict.ACCEPTED, "", None),
        (2, Reply(204), Verdict.ACCEPTED, "", None),
        (1, Reply(202, "<html>"), Verdict.ACCEPTED, "", None),  # what it says is its own
        (1, Reply(409, "had it"), Verdict.DUPLICATE, "409", None),
        (1, Reply(400, {"message": "no"}), Verdict.REJECTED, "400", None),
        (2, Reply(422), Verdict.UNCLEAR, "422", None),
        (2, Reply(401), Verdict.RETRY, "401", None),
        (2, Reply(410), Verdict.RETRY, "410", None),
        (2, Reply(302), Verdict.RETRY, "302", None),
        (2, Reply(429, None, {"retry-after": "30"}), Verdict.RETRY, "429", 30.0),
        (2, Reply(503, None, {"retry-after": "9"}), Verdict.RETRY, "503", 9.0),
        (1, Reply(408), Verdict.RETRY, "408", None),
    ],
)
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str, after: float | None) -> None:
    found = webhook().outcomes(request_of(number), reply)
    assert [(one.verdict, one.code, one.after_seconds) for one in found] == [(verdict, code, after)] * number


def test_the_words_of_a_refusal_are_kept() -> None:
    [refused] = webhook().outcomes(request_of(1), Reply(400, {"message": "no such deal"}))
    [broken] = webhook().outcomes(request_of(1), Reply(502, "Bad Gateway"))
    assert (refused.words, broken.words) == ("no such deal", "Bad Gateway")


# --- sent -------------------------------------------------------------------------------------------


SETTINGS = {"url": URL, "signing_secret": SECRET}


class Receiver:
    """Checks who sends, drops what it had, and keeps the highest revision of each transaction."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.repeats: list[str] = []
        self.has: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        name, seconds = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
        signed = f"{name}.{seconds}.".encode() + asked.content
        digest = hmac.new(base64.b64decode(SECRET.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        assert asked.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        assert abs(int(seconds) - clock.now_micros() // clock.SECOND) <= 1
        assert (asked.path, asked.headers["content-type"]) == ("/in/abc/", "application/json")
        if name in self.ids:
            self.repeats.append(name)
            return Answer("had it", 409)
        self.ids.append(name)
        self.has[asked.body["transaction_id"]] = asked.body
        return Answer(b"", 204)

    @property
    def values(self) -> dict[str, str]:
        """What each transaction is worth there."""
        return {key: event["value"] for key, event in self.has.items()}


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Iterator[Store]:
    """Three deals, on the fifth of November."""
    with freeze_time(NOW):
        yield filled(sqlite_store, csv)


@pytest.fixture
def either_shop(store: Store, csv: Csv) -> Iterator[Store]:
    """The same, on each database."""
    with freeze_time(NOW):
        yield filled(store, csv)


def test_deals_reach_the_receiver_with_and_without_a_click(shop: Store, serve: Serve) -> None:
    receiver = Receiver()
    with serve("send_webhook", receiver, **SETTINGS):
        answer = shop.send("webhook")
        assert shop.send("webhook").totals["new"] == 0
    # D-2's visitor said no
    assert {name: answer.totals[name] for name in ("new", "accepted", "held")} == {
        "new": 3, "accepted": 2, "held": 1,
    }  # fmt: skip
    assert receiver.values == {"D-1:revenue": "5000.00", "D-3:revenue": "90.00"}
    first = receiver.has["D-1:revenue"]
    assert first["click"] == {"kind": "gclid", "id": "Clicked-1", "at": "2026-10-01T09:00:00Z"}
    assert first["contact"] == {"emails_sha256": [EMAIL_HASH], "phones_sha256": [PHONE_HASH]}
    assert first["consent"] == {"ad_user_data": "granted", "ad_personalization": "granted"}
    assert receiver.has["D-3:revenue"]["click"] is None


def test_a_refund_is_a_second_revision(either_shop: Store, serve: Serve, csv: Csv) -> None:
    receiver = Receiver()
    refund = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-2500.00,GBP\n"
    with serve("send_webhook", receiver, **SETTINGS):
        either_shop.send("webhook")
        either_shop.import_table("adjustments", csv("adjustments", refund))
        either_shop.run(models=["linear"], goals=["revenue"])
        either_shop.send("webhook")
    assert receiver.ids == ["D-1:revenue:1", "D-3:revenue:1", "D-1:revenue:2"]
    assert receiver.repeats == []
    event = receiver.has["D-1:revenue"]
    assert (event["change"], event["value"], event["revision"]) == ("restated", "2500.00", 2)
    assert event["changed_at"] == "2026-11-05T12:00:00Z"


def test_what_was_taken_without_an_answer_is_told_again_and_dropped(
    shop: Store, serve: Serve, csv: Csv
) -> None:
    """The first event is taken and its answer lost; the deal changes before it is sent again."""
    receiver = Receiver()

    def forgetful(asked: Asked) -> Any:
        answer = receiver(asked)
        return CLOSED if now.time_to_freeze.hour == 12 else answer

    refund = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2026-11-04T00:00:00Z,-2500.00,GBP\n"
    with freeze_time(NOW) as now, serve("send_webhook", forgetful, **SETTINGS):
        told = shop.send("webhook", limit=1, waits=Patience().waits())
        assert (told.totals["sent"], len(receiver.repeats)) == (1, 4)
        shop.import_table("adjustments", csv("adjustments", refund))
        shop.run(models=["linear"], goals=["revenue"])
        now.tick(3_600)
        shop.send("webhook")
        shop.send("webhook")
    assert receiver.repeats == ["D-1:revenue:1"] * 5
    assert receiver.values["D-1:revenue"] == "2500.00"
    assert receiver.has["D-1:revenue"]["revision"] == 2


def test_a_broken_receiver_gets_the_same_again(shop: Store, serve: Serve) -> None:
    receiver = Receiver()
    with freeze_time(NOW) as now, serve("send_webhook", receiver, **SETTINGS) as server:
        server.first.extend([Answer({}, 503)] * 5)
        assert shop.send("webhook", waits=Patience().waits()).totals["sent"] == 1
        assert receiver.has == {}
        now.tick(3_600)
        assert shop.send("webhook").totals["accepted"] == 2
        first, *_, again, _ = server.asked
    assert (first.content, first.headers["webhook-id"]) == (again.content, again.headers["webhook-id"])
    assert first.headers["webhook-signature"] != again.headers["webhook-signature"]  # of another time


def test_a_dry_run_shows_all_but_the_signature(shop: Store, serve: Serve) -> None:
    with serve("send_webhook", Receiver(), **SETTINGS) as server:
        first = shop.send("webhook", dry_run=True).rows[0]
        assert server.asked == []
    assert first["url"] == f"{server.url}/in/abc/"
    assert first["headers"] == {
        "Content-Type": "application/json", "webhook-id": "D-1:revenue:1", "webhook-timestamp": "***",
        "webhook-signature": "***",
    }  # fmt: skip
    assert first["body"]["value"] == "5000.00"


def test_nothing_clear_leaves_and_no_secret_is_kept(shop: Store, serve: Serve) -> None:
    with serve("send_webhook", Receiver(), **SETTINGS) as server:
        server.first.append(Answer(f"{EMAIL} is signed with {SECRET}", 400))
        shop.send("webhook")
        left = b"".join(asked.content for asked in server.asked).decode()
    kept = json.dumps(shop.send_status().rows)
    assert "(email) is signed with ***" in kept
    for word in (EMAIL, PHONE, PHONE[1:], "mary@", SECRET):
        assert word not in left
        assert word not in kept


def test_a_secret_that_cannot_sign_is_told_before_anything_is_queued(shop: Store, serve: Serve) -> None:
    with (
        serve("send_webhook", Receiver(), url=URL, signing_secret="whsec_no base64!"),
        pytest.raises(InputError, match="signing_secret begins with whsec_") as error,
    ):
        shop.send("webhook")
    assert "no base64!" not in str(error.value)
    assert shop.send_status().rows == []
