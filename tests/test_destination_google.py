"""Google's Data Manager: requests as its own samples make them, strictly read by its own messages."""

from __future__ import annotations

from typing import Any

import pytest
from destination_cases import NOON, cases, conversion, micros, minor, needs_vectors

from attribution import clock
from attribution.destinations import hashing
from attribution.destinations.conversion import Change, Consent, Contact, Conversion, Signal
from attribution.destinations.google import Google
from attribution.destinations.request import Reply, Request, Verdict


def google(**settings: str) -> Google:
    """Return the destination of an account."""
    return Google({"customer_id": "1234567890"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that Google takes."""
    return conversion(**{"clicks": {"gclid": "abc"}} | changed)


def body_of(conversion: Conversion) -> dict[str, Any]:
    """Return the one event that is written for a conversion."""
    [request] = google().requests([conversion])
    [event] = request.body["events"]
    return dict(event)


def of_row(row: dict[str, Any], action: str) -> Conversion:
    """Turn a row of Google's sample into a conversion."""
    value = minor(row["value"], row["currency"])
    contact = Contact(emails=tuple(row.get("emails", ())), phones=tuple(row.get("phoneNumbers", ())))
    clicks = {"gclid": row["gclid"]} if "gclid" in row else {}
    return Conversion(
        row["transactionId"],
        action,
        micros(row["timestamp"]),
        value,
        row["currency"],
        clicks=clicks,
        contact=contact,
        source="web",
    )


# the seventh is of 2,001 events, which are two requests here: see below
SAMPLES = [case for case in cases("google_data_manager") if case["expected_requests"]]


@needs_vectors
@pytest.mark.parametrize("case", SAMPLES, ids=lambda case: str(case["id"]))
def test_the_vendors_samples(case: dict[str, Any]) -> None:
    settings, [expected] = case["input"]["settings"], case["expected_requests"]
    rows = [of_row(row, str(settings["conversion_action_id"])) for row in case["input"]["rows"]]
    login = {"login_customer_id": settings["login"][1]} if settings["login"] else {}
    [request] = google(customer_id=settings["operating_account_id"], **login).requests(rows)
    # consent stands with each event, since people differ; the sample sends one for all, and only validates
    wanted = {key: value for key, value in expected["body"].items() if key not in ("consent", "validateOnly")}
    assert request.body == wanted
    assert expected["url"] == Google.base_url + request.path


@needs_vectors
@pytest.mark.parametrize(
    "case", cases("normalisation_google"), ids=lambda case: f"{case['field']}-{case['input']}"
)
def test_match_keys_as_the_vendor_writes_them(case: dict[str, Any]) -> None:
    text = case["input"]
    if case["field"] in ("email", "phone"):
        found = hashing.google_email(text) if case["field"] == "email" else hashing.e164(text)
        assert found == (case["normalised"] or "")
        assert not found or hashing.sha256(found) == case["expected"]
        return
    fields = {"given_name": "first_name", "postal_code": "postal_code", "region_code": "country"}
    known = {"first_name": "Dana", "last_name": "Lee", "postal_code": "94105", "country": "US"}
    contact = Contact(**known | {fields[case["field"]]: text})
    identifiers = body_of(won(contact=contact)).get("userData", {}).get("userIdentifiers", [])
    addresses = [one["address"] for one in identifiers]
    if case["error"]:
        assert addresses == []
    else:
        key = {"given_name": "givenName", "postal_code": "postalCode", "region_code": "regionCode"}[
            case["field"]
        ]
        assert [address[key] for address in addresses] == [case["expected"]]


def test_requests_are_what_the_official_messages_allow() -> None:
    messages = pytest.importorskip("google.ads.datamanager_v1")
    json_format = pytest.importorskip("google.protobuf.json_format")
    contact = Contact(
        ("Dana@example.com",), ("+442079460000",), (), "Dana", "Lee", postal_code="N1", country="gb"
    )
    full = won(contact=contact, changed_at=NOON + 1, change=Change.RESTATED, source="phone")
    [request] = google(login_customer_id="12-3").requests([full])
    read = messages.IngestEventsRequest()
    json_format.ParseDict(request.body, messages.IngestEventsRequest.pb(read))  # unknown fields raise
    [event] = read.events
    assert event.conversion_value == 5000.0
    assert event.ad_identifiers.gclid == "abc"
    assert event.event_source == messages.EventSource.PHONE
    assert len(event.user_data.user_identifiers) == 3
    assert read.destinations[0].login_account.account_id == "123"


def test_what_is_retracted_is_told_again_with_nothing() -> None:
    event = body_of(won(change=Change.RETRACTED, changed_at=NOON))
    assert (event["transactionId"], event["conversionValue"], event["currency"]) == ("D-1:won", 0.0, "GBP")


def test_consent_stands_with_each_event_and_unknown_is_left_out() -> None:
    assert body_of(won())["consent"] == {
        "adUserData": "CONSENT_GRANTED",
        "adPersonalization": "CONSENT_GRANTED",
    }
    said = Consent(Signal.GRANTED, Signal.UNKNOWN)
    assert body_of(won(consent=said))["consent"] == {"adUserData": "CONSENT_GRANTED"}


def test_one_click_id_of_several_is_sent() -> None:
    assert body_of(won(clicks={"wbraid": "w", "gbraid": "g"}))["adIdentifiers"] == {"gbraid": "g"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"clicks": {}}, "no_match_key"),
        ({"clicks": {"fbclid": "x"}}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(emails=("a@b.test",))}, None),
        ({"consent": Consent()}, "no_consent"),
        ({"consent": Consent(Signal.DENIED)}, "no_consent"),
        ({"at": NOON + clock.HOUR}, "future"),
        ({"at": NOON - 90 * clock.DAY}, None),
        ({"at": NOON - 90 * clock.DAY - 1}, "too_old"),
        ({"clicked_at": NOON + 1}, "before_click"),
        ({"currency": None}, "currency"),
        ({"change": Change.RETRACTED}, None),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    found = google().refusal(won(**changed), NOON)
    assert (found and found.code) == code


def request_of(number: int) -> Request:
    """Return a request that tells some conversions."""
    [request] = google().requests([won(transaction_id=f"D-{n}") for n in range(number)])
    return request


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code"),
    [
        (2, Reply(200, {"requestId": "r-1"}), Verdict.ACCEPTED, ""),
        (
            2,
            Reply(400, {"error": {"status": "INVALID_ARGUMENT", "message": "x"}}),
            Verdict.UNCLEAR,
            "INVALID_ARGUMENT",
        ),
        (
            1,
            Reply(400, {"error": {"details": [{"reason": "INVALID_GCLID"}]}}),
            Verdict.REJECTED,
            "INVALID_GCLID",
        ),
        (
            1,
            Reply(400, {"error": {"details": [{"reason": "TOO_RECENT_CLICK"}]}}),
            Verdict.RETRY,
            "TOO_RECENT_CLICK",
        ),
        (2, Reply(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}), Verdict.RETRY, "RESOURCE_EXHAUSTED"),
        (2, Reply(503, "<html>"), Verdict.RETRY, "503"),
    ],
)
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str) -> None:
    found = google().outcomes(request_of(number), reply)
    assert [(one.verdict, one.code) for one in found] == [(verdict, code)] * number


def test_requests_hold_a_hundred_and_one_action() -> None:
    many = [won(transaction_id=str(n), action=str(n % 2)) for n in range(202)]
    assert [len(request.conversions) for request in google().requests(many)] == [100, 1, 100, 1]


# --- what is said later -----------------------------------------------------------------------------


def status(name: str, *counts: tuple[str, int]) -> dict[str, Any]:
    """Return the status of a request of a hundred events."""
    told: dict[str, Any] = {"requestStatus": name, "eventsIngestionStatus": {"recordCount": "100"}}
    if counts:
        errors = [{"reason": reason, "recordCount": str(count)} for reason, count in counts]
        told["errorInfo"] = {"errorCounts": errors}
    return {"requestStatusPerDestination": [told]}


def error(name: str) -> str:
    """Return a reason as Google writes it."""
    return f"PROCESSING_ERROR_REASON_{name}"


def test_a_request_is_asked_after_by_its_id() -> None:
    asking = google().inquiry("r-1")
    assert (asking.method, asking.path) == ("GET", "/v1/requestStatus:retrieve")
    assert (asking.params, asking.body, asking.conversions) == ({"requestId": "r-1"}, None, ())


@pytest.mark.parametrize(
    ("told", "fate"),
    [
        (status("SUCCESS"), ("confirmed", "", "")),
        (status("PROCESSING"), None),
        (status("REQUEST_STATUS_UNKNOWN"), None),
        (status("FAILED"), ("rejected", "FAILED", "no reason given")),
        (status("FAILED", (error("CLICK_NOT_FOUND"), 2), (error("INVALID_GCLID"), 98)),
         ("rejected", "INVALID_GCLID", "98 INVALID_GCLID, 2 CLICK_NOT_FOUND")),
        (status("FAILED", ("PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER", 100)),
         ("rejected", "OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER",
          "100 OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER")),
        (status("FAILED", (error("DUPLICATE_TRANSACTION_ID"), 100)),
         ("confirmed", "DUPLICATE_TRANSACTION_ID", "100 DUPLICATE_TRANSACTION_ID")),
        (status("FAILED", (error("DUPLICATE_GCLID"), 1), (error("EVENT_TOO_OLD"), 99)),
         ("unclear", "FAILED", "99 EVENT_TOO_OLD, 1 DUPLICATE_GCLID")),
        (status("FAILED", (error("TOO_RECENT_CLICK"), 100)),
         ("retry", "TOO_RECENT_CLICK", "100 TOO_RECENT_CLICK")),
        (status("PARTIAL_SUCCESS", (error("INVALID_GCLID"), 3)),
         ("unclear", "PARTIAL_SUCCESS", "3 INVALID_GCLID")),
        (status("PARTIAL_SUCCESS"), ("unclear", "PARTIAL_SUCCESS", "no reason given")),
        (status("PARTIAL_SUCCESS", (error("DUPLICATE_GCLID"), 3)),
         ("confirmed", "DUPLICATE_GCLID", "3 DUPLICATE_GCLID")),
        (status("PARTIAL_SUCCESS", (error("INVALID_GCLID"), 3), (error("INTERNAL_ERROR"), 1)),
         ("retry", "INTERNAL_ERROR", "3 INVALID_GCLID, 1 INTERNAL_ERROR")),
        ({"requestStatusPerDestination": []}, None),
        ("<html>", None),
        (None, None),
    ],
)  # fmt: skip
def test_fates(told: Any, fate: tuple[str, str, str] | None) -> None:
    found = google().fate(Reply(200, told))
    assert (found and (str(found.verdict), found.code, found.words)) == fate
    assert google().fate(Reply(500, told)) is None


def test_what_is_said_later_is_what_the_official_messages_have() -> None:
    messages = pytest.importorskip("google.ads.datamanager_v1")
    json_format = pytest.importorskip("google.protobuf.json_format")
    counts = [
        (error("INVALID_GCLID"), 3),
        ("PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER", 1),
    ]
    read = messages.RetrieveRequestStatusResponse()
    json_format.ParseDict(status("PARTIAL_SUCCESS", *counts), messages.RetrieveRequestStatusResponse.pb(read))
    written = json_format.MessageToDict(messages.RetrieveRequestStatusResponse.pb(read))
    assert written == status("PARTIAL_SUCCESS", *counts)
    known = {reason.name.partition("_REASON_")[2] for reason in messages.ProcessingErrorReason}
    assert {"TOO_RECENT_CLICK", "INTERNAL_ERROR", "DUPLICATE_GCLID", "DUPLICATE_TRANSACTION_ID"} <= known
