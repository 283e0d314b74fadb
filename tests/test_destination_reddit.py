"""Reddit's Conversions API: events as another sender writes them for v2.0, in the words of v3."""

from __future__ import annotations

from typing import Any

import pytest
from destination_cases import (
    NEVER_TOLD,
    NOON,
    cases,
    conversion,
    micros,
    minor,
    needs_vectors,
    request_of,
    why_not,
)

from attribution import clock
from attribution.destinations.conversion import Contact, Conversion, Visit
from attribution.destinations.hashing import is_hashed, sha256
from attribution.destinations.reddit import Reddit
from attribution.destinations.request import Reply, Verdict


def reddit(**settings: str) -> Reddit:
    """Return the destination of a pixel."""
    return Reddit({"pixel_id": "a2_abc"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that Reddit takes."""
    return conversion(**{"clicks": {"rdt_cid": "abc"}, "action": "Purchase"} | changed)


def body_of(one: Conversion) -> dict[str, Any]:
    """Return the one event that is written for a conversion."""
    [request] = reddit().requests([one])
    [written] = request.body["data"]["events"]
    return dict(written)


# --- another sender's cases -------------------------------------------------------------------------

_DECIMALS = "an amount with decimals in a currency that has none"
USABLE = [case for case in cases("reddit_capi") if case["usable_pair"]]
EXCEPTIONS = {"seg-reddit-conversions-api-0016": _DECIMALS, "seg-reddit-conversions-api-0018": _DECIMALS}
COMPARED = [case for case in USABLE if case["id"] not in EXCEPTIONS]


def of_payload(payload: dict[str, Any]) -> Conversion:
    """Turn what was given to the sender into a conversion."""
    told, person = payload.get("event_metadata", {}), payload.get("user", {})
    phone = person.get("phone_number", "")
    user: dict[str, Any] = {}
    if "device_type" in person:
        user["aaid"] = sha256(person["advertising_id"])
    if options := payload.get("data_processing_options"):
        user["data_processing_options"] = options | {"modes": [options["modes"]]}
    if payload.get("screen_dimensions"):
        user["screen_dimensions"] = payload["screen_dimensions"]
    metadata = {"item_count": told["item_count"]} if "item_count" in told else {}
    if "products" in payload:
        metadata["products"] = payload["products"]
    details = {"user": user, "metadata": metadata}
    value = told.get("value_decimal")
    return Conversion(
        payload["conversion_id"],
        payload.get("tracking_type") or payload["custom_event_name"],
        micros(payload["event_at"]),
        None if value is None else minor(value, told["currency"]),
        told.get("currency"),
        clicks={"rdt_cid": payload["click_id"]},
        contact=Contact(
            emails=tuple(filter(None, [person.get("email")])),
            phones=(phone,) if phone.startswith("+") or is_hashed(phone) else (),
            external_ids=tuple(filter(None, [person.get("external_id")])),
        ),
        visit=Visit(
            user_agent=person.get("user_agent", ""),
            ip_address=person.get("ip_address", ""),
            client_ids={"rdt_uuid": person["uuid"]} if person else {},
        ),
        source="web",
        details={name: told for name, told in details.items() if told},
    )


def in_v3(written: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Say what was written for v2.0 in the words of v3."""
    kind, told = dict(written["event_type"]), dict(written["event_metadata"])
    names = {"SignUp": "SIGN_UP", "AddToWishlist": "ADD_TO_WISHLIST"}
    kind["tracking_type"] = names.get(kind["tracking_type"], kind["tracking_type"].upper())
    if "value_decimal" in told:
        told["value"] = told.pop("value_decimal")
    told["conversion_id"] = payload["conversion_id"]  # as the pixel says it, or it would count twice
    found = {
        "event_at": micros(written["event_at"]) // 1000,
        "action_source": "WEBSITE",
        "click_id": written["click_id"],
        "type": kind,
        "metadata": told,
    }
    if "user" in written:
        user = dict(written["user"])
        phone = payload["user"].get("phone_number", "")
        if phone and not (phone.startswith("+") or is_hashed(phone)):
            del user["phone_number"]  # without a country it is another's number
        found["user"] = user
    return found


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"])[-4:])
def test_events_as_another_sender_writes_them(case: dict[str, Any]) -> None:
    [expected], payloads = case["expected_requests"], case["input"]["payloads"]
    [request] = reddit().requests([of_payload(payload) for payload in payloads])
    wanted = [
        in_v3(written, payload) for written, payload in zip(expected["body"]["events"], payloads, strict=True)
    ]
    assert request.body == {"data": {"events": wanted}}


@needs_vectors
def test_every_usable_case_is_compared_or_has_its_reason() -> None:
    compared = {case["id"] for case in COMPARED}
    assert compared | EXCEPTIONS.keys() == {case["id"] for case in USABLE}
    assert (len(compared), len(EXCEPTIONS)) == (17, 2)


# --- what is written --------------------------------------------------------------------------------


def test_an_event() -> None:
    # the addresses and hashes of Reddit's own examples
    contact = Contact(
        ("Al.ice+Apple@Example.Com", "other@example.com"), ("+1 (555) 555-0123",), ("customer12345",)
    )
    visit = Visit(url="https://example.com/thanks", user_agent="UA", client_ids={"rdt_uuid": "1.2"})
    [request] = reddit(test_id="t-1").requests(
        [won(contact=contact, visit=visit, value_minor=1_999, source="web")]
    )
    assert (request.method, request.path) == ("POST", "/api/v3/pixels/a2_abc/conversion_events")
    assert request.body == {
        "data": {
            "test_id": "t-1",
            "events": [
                {
                    "event_at": NOON // 1000,
                    "action_source": "WEBSITE",
                    "event_source_url": "https://example.com/thanks",
                    "click_id": "abc",
                    "type": {"tracking_type": "PURCHASE"},
                    "metadata": {"conversion_id": "D-1:won", "currency": "GBP", "value": 19.99},
                    "user": {
                        "email": "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976",
                        "phone_number": "468a4b26753815290dc13ee82f453df24fd974c708542d1f3c497c7b4e7e4413",
                        "external_id": "a4cc2fc5adf58a029291c1514d273989113a1d05e1d753c1d0c3a848af7109cc",
                        "user_agent": "UA",
                        "uuid": "1.2",
                    },
                }
            ],
        }
    }


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("Lead", {"tracking_type": "LEAD"}),
        ("sign up", {"tracking_type": "SIGN_UP"}),
        ("ADD_TO_CART", {"tracking_type": "ADD_TO_CART"}),
        ("Won deal", {"tracking_type": "CUSTOM", "custom_event_name": "Won deal"}),
    ],
)
def test_names_of_events(action: str, kind: dict[str, str]) -> None:
    assert body_of(won(action=action))["type"] == kind


def test_where_it_happened() -> None:
    found = [body_of(won(source=one))["action_source"] for one in ("web", "app", "store", "phone", "crm")]
    assert found == ["WEBSITE", "APP", "PHYSICAL_STORE", "OTHER", "OTHER"]


def test_only_what_happened_on_a_website_has_its_page() -> None:
    visit = Visit(url="https://example.com/thanks")
    assert [
        "event_source_url" in body_of(won(visit=visit, source=one)) for one in ("web", "app", "store", "crm")
    ] == [True, False, False, False]


def test_with_an_id_events_are_shown_and_do_not_count() -> None:
    [request] = reddit(test_id="t-1").requests([won()])
    assert request.body["data"]["test_id"] == "t-1"
    assert reddit(test_id="t-1").trial(request) == request
    assert reddit().trial(request_of(reddit(), won(), 1)) is None


def test_money_is_written_exactly() -> None:
    assert repr(body_of(won(value_minor=1_999, currency="JPY"))["metadata"]["value"]) == "1999"
    assert body_of(won(value_minor=None, currency=None))["metadata"] == {"conversion_id": "D-1:won"}


def test_requests_hold_a_thousand() -> None:
    many = [won(transaction_id=str(n)) for n in range(1_001)]
    assert [len(request.conversions) for request in reddit().requests(many)] == [1_000, 1]


# --- what is refused beforehand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *NEVER_TOLD,
        ({}, None),
        ({"clicks": {}}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(emails=("a@b.test",))}, None),
        ({"at": NOON - 7 * clock.DAY}, None),
        ({"at": NOON - 7 * clock.DAY - 1}, "too_old"),
        ({"action": "n" * 64}, None),
        ({"action": "n" * 65}, "long_name"),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    assert why_not(reddit(), won(**changed)) == code


# --- what comes back --------------------------------------------------------------------------------


INVALID = {"error": {"code": 400, "message": "bad", "fields": [{"field": "event_at", "message": "too old"}]}}


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code", "seconds"),
    [
        (2, Reply(200, {"data": {"message": "Successfully processed 2 conversion events."}}),
         Verdict.ACCEPTED, "", None),
        (2, Reply(200, {"success": False, "message": "no"}), Verdict.UNCLEAR, "success: false", None),
        (1, Reply(200, {"success": False, "message": "no"}), Verdict.REJECTED, "success: false", None),
        (2, Reply(200, {"invalid_events": [{"error_message": "too old"}]}),
         Verdict.UNCLEAR, "invalid_events", None),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed", None),
        (2, Reply(302, "<html>"), Verdict.RETRY, "302", None),
        (2, Reply(400, INVALID), Verdict.UNCLEAR, "400", None),
        (1, Reply(400, INVALID), Verdict.REJECTED, "400", None),
        (2, Reply(401, "Authorization Required"), Verdict.RETRY, "401", None),
        (2, Reply(401, {"error": {"reason": "UNAUTHORIZED"}}), Verdict.RETRY, "UNAUTHORIZED", None),
        (2, Reply(403, None), Verdict.RETRY, "403", None),
        (2, Reply(429, None, {"retry-after": "5"}), Verdict.RETRY, "429", 5.0),
        (2, Reply(500, "<html>"), Verdict.RETRY, "500", None),
    ],
)  # fmt: skip
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str, seconds: float | None) -> None:
    found = reddit().outcomes(request_of(reddit(), won(), number), reply)
    assert [(one.verdict, one.code, one.after_seconds) for one in found] == [
        (verdict, code, seconds)
    ] * number


def test_what_is_wrong_is_told_field_by_field() -> None:
    [found] = reddit().outcomes(request_of(reddit(), won(), 1), Reply(400, INVALID))
    assert found.words == "bad; event_at: too old"
    [found] = reddit().outcomes(
        request_of(reddit(), won(), 1), Reply(200, {"invalid_events": [{"error_message": "too old"}]})
    )
    assert found.words == "too old"
