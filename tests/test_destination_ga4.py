"""Google Analytics' Measurement Protocol: requests as others make them, and what its replies mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from destination_cases import NOON, cases, conversion, micros, minor, needs_vectors

from attribution import clock
from attribution.destinations import hashing
from attribution.destinations.conversion import Change, Consent, Contact, Conversion, Signal, Visit
from attribution.destinations.ga4 import Ga4
from attribution.destinations.request import Reply, Request, Verdict
from attribution.errors import InputError

BROWSER = Visit(client_ids={"_ga": "GA1.1.1234567890.1700000000"})
# told in other words: as the conversion's own fields, its visit, its contact, or around the event
MAPPED = {
    "client_id", "clientId", "app_instance_id", "data_stream_type", "timestamp_micros", "user_properties",
    "ad_user_data_consent", "ad_personalization_consent", "user_id", "name", "lowercase", "params",
    "page_location", "page_referrer", "transaction_id",
}  # fmt: skip


def ga4(**settings: str) -> Ga4:
    """Return the destination of a web stream, or of what is said otherwise."""
    return Ga4(settings or {"measurement_id": "G-TESTTOKEN"})


def won(**changed: Any) -> Conversion:
    """Return a conversion that Google Analytics takes."""
    return conversion(**{"action": "purchase", "visit": BROWSER} | changed)


def body_of(conversion: Conversion, **settings: str) -> dict[str, Any]:
    """Return the body that is written for a conversion."""
    [request] = ga4(**settings).requests([conversion])
    return dict(request.body)


# --- cases of others --------------------------------------------------------------------------------


def of_payload(payload: Mapping[str, Any], action: str) -> Conversion:
    """Turn a payload of a case into a conversion; what is no conversion's goes as details."""
    name = payload.get("name", "").strip().replace(" ", "_")  # what it may be called is told before
    name = name.lower() if payload.get("lowercase") else name
    refund = action == "refund"
    name = "purchase" if refund else name or re.sub("([A-Z])", r"_\1", action).lower()
    valued = "value" in payload and "currency" in payload
    currency = payload["currency"].upper() if "currency" in payload else None
    params = {key: told for key, told in payload.items() if key not in MAPPED} | payload.get("params", {})
    if valued:
        params.pop("value")
        params.pop("currency")
    elif "currency" in params:
        params["currency"] = params["currency"].upper()
    details: dict[str, Any] = {"params": params}
    if "user_properties" in payload:
        details["user_properties"] = {k: {"value": told} for k, told in payload["user_properties"].items()}
    said = [payload.get(key) for key in ("ad_user_data_consent", "ad_personalization_consent")]
    at = micros(payload["timestamp_micros"]) if "timestamp_micros" in payload else NOON
    return Conversion(
        payload.get("transaction_id", "none"),
        name,
        at,
        minor(payload["value"], str(currency)) if valued else None,
        currency if valued else None,
        Change.RETRACTED if refund else Change.NEW,
        at if refund else None,
        contact=Contact(external_ids=tuple(payload[key] for key in ("user_id",) if key in payload)),
        visit=Visit(
            payload.get("page_location", ""),
            payload.get("page_referrer", ""),
            client_ids={
                "_ga": payload.get("client_id") or payload.get("clientId", ""),
                "app_instance_id": payload.get("app_instance_id", ""),
            },
        ),
        consent=Consent(*(Signal(word.lower()) if word else Signal.UNKNOWN for word in said)),
        details=details,
    )


def as_documented(body: Mapping[str, Any]) -> dict[str, Any]:
    """Write an expected body with an instant and a transaction always, and currencies in capitals."""
    [event] = body["events"]
    params = {"transaction_id": "none"} | event["params"]
    if "currency" in params:
        params["currency"] = params["currency"].upper()
    if event["name"] == "refund" and not params.get("items"):
        params.pop("items", None)  # an empty list says nothing
    return {"timestamp_micros": NOON} | dict(body) | {"events": [event | {"params": params}]}


USABLE = [case for case in cases("ga4_mp") if case["usable_pair"]]
NOT_COMPARED = {
    "seg-google-analytics-4-0040": "its instant is of when it was recorded: another with each run"
}
COMPARED = [case for case in USABLE if case["id"] not in NOT_COMPARED]


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"]))
def test_cases_of_others(case: dict[str, Any]) -> None:
    [payload], [expected] = case["input"]["payloads"], case["expected_requests"]
    given = case["input"]["settings"]
    names = {"measurementId": "measurement_id", "firebaseAppId": "firebase_app_id"}
    settings = {names[key]: told for key, told in given.items() if key in names}
    [request] = ga4(**settings).requests([of_payload(payload, case["action"])])
    assert request.body == as_documented(expected["body"])
    address = Ga4.base_url + request.path + "?api_secret=<redacted>"
    assert expected["url"] == address + "".join(f"&{key}={told}" for key, told in request.params.items())


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    assert (len(USABLE), len(COMPARED)) == (109, 108)
    assert NOT_COMPARED.keys() == {case["id"] for case in USABLE} - {case["id"] for case in COMPARED}


# --- requests ---------------------------------------------------------------------------------------


def test_a_deal_of_a_browser() -> None:
    contact = Contact(("A.B+c@gmail.com",), ("+442079460000",), ("U-1", "U-2"))
    cookies = {"_ga": "GA1.1.1234567890.1700000000", "_ga_TESTTOKEN": "GS1.1.1687190909.1.0"}
    visit = Visit("https://shop.test/a", "https://g.test/", client_ids=cookies)
    assert body_of(won(contact=contact, visit=visit, at=NOON + 7)) == {
        "client_id": "1234567890.1700000000",
        "user_id": "U-1",
        "timestamp_micros": NOON + 7,
        "user_data": {
            "sha256_email_address": [hashing.sha256("ab+c@gmail.com")],
            "sha256_phone_number": [hashing.sha256("+442079460000")],
        },
        "consent": {"ad_user_data": "GRANTED", "ad_personalization": "GRANTED"},
        "events": [
            {
                "name": "purchase",
                "params": {
                    "transaction_id": "D-1:won",
                    "value": 5000.0,
                    "currency": "GBP",
                    "page_location": "https://shop.test/a",
                    "page_referrer": "https://g.test/",
                    "session_id": "1687190909",
                },
            }
        ],
    }


def test_the_later_form_of_the_sessions_cookie() -> None:
    visit = Visit(client_ids={"_ga": "1.2", "_ga_TESTTOKEN": "GS2.1.s1747323152$o28$g0"})
    [event] = body_of(won(visit=visit))["events"]
    assert event["params"]["session_id"] == "1747323152"


def test_an_app_is_named_by_its_instance() -> None:
    visit = Visit(client_ids={"_ga": "1.2", "app_instance_id": "abc"})
    found = body_of(won(visit=visit), firebase_app_id="1:2:android:3")
    assert (found["app_instance_id"], "client_id" in found) == ("abc", False)


def test_what_is_retracted_is_refunded_when_it_was() -> None:
    taken_back = won(change=Change.RETRACTED, changed_at=NOON + 5, value_minor=0)
    found = body_of(taken_back)
    [event] = found["events"]
    assert found["timestamp_micros"] == NOON + 5
    assert event == {"name": "refund", "params": {"transaction_id": "D-1:won"}}


def test_a_yen_has_no_decimals_and_what_nobody_said_is_left_out() -> None:
    found = body_of(won(value_minor=1999, currency="JPY", consent=Consent()))
    assert found["events"][0]["params"]["value"] == 1999
    assert "consent" not in found


def test_each_conversion_has_its_request() -> None:
    assert [len(request.conversions) for request in ga4().requests([won(), won()])] == [1, 1]


@pytest.mark.parametrize(
    "settings", [{"measurement_id": ""}, {"measurement_id": "G-1", "firebase_app_id": "1"}]
)
def test_a_stream_or_an_app_is_needed(settings: dict[str, str]) -> None:
    with pytest.raises(InputError, match="measurement_id"):
        ga4(**settings)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"visit": Visit()}, "no_match_key"),
        ({"visit": Visit(), "clicks": {"gclid": "x"}}, "no_match_key"),
        ({"visit": Visit(), "contact": Contact(emails=("a@b.test",))}, "no_match_key"),
        ({"visit": Visit(), "contact": Contact(external_ids=("U-1",))}, None),
        ({"visit": Visit(client_ids={"app_instance_id": "abc"})}, "no_match_key"),
        ({"consent": Consent()}, "no_consent"),
        ({"at": NOON + clock.HOUR}, "future"),
        ({"at": NOON - 72 * clock.HOUR}, None),
        ({"at": NOON - 72 * clock.HOUR - 1}, "too_old"),
        ({"change": Change.RESTATED}, "not_restated"),
        ({"change": Change.RETRACTED, "changed_at": NOON, "at": NOON - 30 * clock.DAY}, None),
        ({"change": Change.RETRACTED, "changed_at": NOON, "action": "generate_lead"}, "not_retracted"),
        ({"action": "Deal won"}, "event_name"),
        ({"action": "a" * 41}, "event_name"),
        ({"currency": None}, "currency"),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    found = ga4().refusal(won(**changed), NOON)
    assert (found and found.code) == code


# --- replies ----------------------------------------------------------------------------------------


def request_of() -> Request:
    """Return a request that tells one conversion."""
    [request] = ga4().requests([won()])
    return request


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (Reply(204), Verdict.ACCEPTED, ""),
        (Reply(200, ""), Verdict.ACCEPTED, ""),
        (Reply(200, {"validationMessages": []}), Verdict.ACCEPTED, ""),
        # the address that checks says 200 too
        (
            Reply(200, {"validationMessages": [{"validationCode": "NAME_INVALID", "description": "x"}]}),
            Verdict.REJECTED,
            "NAME_INVALID",
        ),
        (Reply(413), Verdict.REJECTED, "413"),
        (Reply(429), Verdict.RETRY, "429"),
        (Reply(403, "<html>"), Verdict.RETRY, "403"),
        (Reply(503, "<html>"), Verdict.RETRY, "503"),
    ],
)
def test_replies(reply: Reply, verdict: Verdict, code: str) -> None:
    [found] = ga4().outcomes(request_of(), reply)
    assert (found.verdict, found.code) == (verdict, code)
