"""The Google Ads API: bodies as another sender writes them, strictly read by Google's own messages."""

from __future__ import annotations

from typing import Any

import pytest
from destination_cases import GRANTED, NOON, cases, conversion, micros, minor, needs_vectors

from attribution import clock
from attribution.destinations.conversion import Change, Consent, Contact, Conversion, Signal, Visit
from attribution.destinations.google_ads import GoogleAds
from attribution.destinations.hashing import is_hashed
from attribution.destinations.request import Reply, Request, Verdict
from attribution.errors import InputError


def google(**settings: str) -> GoogleAds:
    """Return the destination of an account."""
    return GoogleAds({"customer_id": "123-456-7890"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that Google takes."""
    return conversion(**{"clicks": {"gclid": "abc"}} | changed)


def restated(**changed: Any) -> Conversion:
    """Return one that has another value an hour later."""
    return won(
        **{"change": Change.RESTATED, "changed_at": NOON + clock.HOUR, "value_minor": 400_000} | changed
    )


def body_of(one: Conversion, **settings: str) -> dict[str, Any]:
    """Return what is written for one conversion."""
    [request] = google(**settings).requests([one])
    [written] = request.body["conversions" if one.change is Change.NEW else "conversionAdjustments"]
    return dict(written)


# --- another sender's cases -------------------------------------------------------------------------

_CALLS = "of a call: it is matched by the caller's number in the clear, which is not sent"
_COUNTRY = "reads +6161729102 as a number of the United States; +61 is Australia"


def _exceptions() -> dict[str, str]:
    """Return what is not compared, and why."""
    found = {case["id"]: _CALLS for case in USABLE if case["action"].startswith("uploadCallConversion")}
    for number in (42, 57, 73, 90):
        found[f"seg-google-enhanced-conversions-{number:04}"] = _COUNTRY
    return found


USABLE = [case for case in cases("google_ads") if case["usable_pair"]]
EXCEPTIONS = _exceptions()
COMPARED = [case for case in USABLE if case["id"] not in EXCEPTIONS]


def is_e164(phone: str) -> bool:
    """Tell whether a number has its country; the sender puts +1 before one that has none."""
    return phone.startswith("+") or is_hashed(phone)


def contact_of(payload: dict[str, Any]) -> Contact:
    """Read who it was."""
    emails = [payload["email_address"]] if "email_address" in payload else []
    phones = [payload["phone_number"]] if is_e164(payload.get("phone_number", "")) else []
    return Contact(emails=tuple(emails), phones=tuple(phones))


def details_of(payload: dict[str, Any]) -> dict[str, Any]:
    """Read what is told in Google's own words."""
    found: dict[str, Any] = {}
    if "user_ip_address" in payload:
        found["userIpAddress"] = payload["user_ip_address"]
    if "session_attributes_encoded" in payload:
        found["sessionAttributesEncoded"] = payload["session_attributes_encoded"]
    elif pairs := payload.get("session_attributes_key_value_pairs"):
        told = {key: text for key, text in pairs.items() if text}
        if start := told.get("session_start_time_usec"):
            told["session_start_time_usec"] = str(micros(start))
        found["sessionAttributesKeyValuePairs"] = {
            "keyValuePairs": [
                {"sessionAttributeKey": key, "sessionAttributeValue": text} for key, text in told.items()
            ]
        }
    if "items" in payload:
        names = {"product_id": "productId", "quantity": "quantity", "price": "unitPrice"}
        found["cartData"] = {
            "items": [{names[key]: told for key, told in item.items()} for item in payload["items"]]
        }
    if "custom_variables" in payload:  # their numbers were asked for in a request before this one
        found["customVariables"] = [
            {"conversionCustomVariable": "customers/1234/conversionCustomVariables/123445", "value": value}
            for value in payload["custom_variables"].values()
        ]
    return found


def of_payload(payload: dict[str, Any]) -> Conversion:
    """Turn what was given to the sender into a conversion."""
    signals = {None: Signal.UNKNOWN, "GRANTED": Signal.GRANTED, "DENIED": Signal.DENIED}
    kind = payload.get("adjustment_type")
    details = {"adjustmentType": kind} if kind == "ENHANCEMENT" else details_of(payload)
    currency = payload.get("restatement_currency_code", payload.get("currency"))
    value = payload.get("restatement_value", payload.get("value"))
    return Conversion(
        payload.get("order_id", ""),
        str(payload["conversion_action"]),
        micros(payload["conversion_timestamp"]),
        None if value is None else minor(value, currency),
        currency,
        Change.NEW if kind is None else Change.RETRACTED if kind == "RETRACTION" else Change.RESTATED,
        None if kind is None else micros(payload["adjustment_timestamp"]),
        clicks={name: payload[name] for name in GoogleAds.click_kinds if name in payload},
        contact=contact_of(payload),
        visit=Visit(user_agent=payload.get("user_agent", "")),
        consent=Consent(
            signals[payload.get("ad_user_data_consent_state")],
            signals[payload.get("ad_personalization_consent_state")],
        ),
        details=details,
    )


def mended(written: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """Return what the sender wrote without what Google refuses or what was guessed."""
    found = dict(written)
    phone_known = is_e164(payload.get("phone_number", ""))
    found["userIdentifiers"] = [
        one
        for one in found.get("userIdentifiers", [])
        # an address of a name alone finds nobody, and a number without a country is another's
        if "addressInfo" not in one and ("hashedPhoneNumber" not in one or phone_known)
    ]
    if found.get("adjustmentType") in ("RESTATEMENT", "RETRACTION"):
        found["adjustmentDateTime"] = "2021-06-10 18:08:05+00:00"  # has to be later than the conversion
        del found["userIdentifiers"], found["userAgent"]  # "only accepts user identifiers in enhancements"
    # what is empty says nothing
    return {key: told for key, told in found.items() if told not in ([], {"items": []})}


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"])[-4:])
def test_bodies_as_another_sender_writes_them(case: dict[str, Any]) -> None:
    payloads, expected = case["input"]["payloads"], case["expected_requests"][-1]
    # what has no order id is adjusted by its click and time, as what is attributed from outside
    external = {} if "order_id" in payloads[0] else {"externally_attributed": "yes"}
    there = google(customer_id=case["input"]["settings"]["customerId"], **external)
    [request] = there.requests([of_payload(payload) for payload in payloads])
    name = "conversions" if "conversions" in expected["body"] else "conversionAdjustments"
    wanted = [
        mended(written, payload) for written, payload in zip(expected["body"][name], payloads, strict=True)
    ]
    assert request.body == {name: wanted, "partialFailure": True}
    assert expected["url"].rpartition("/customers/")[2] == request.path.rpartition("/customers/")[2]


@needs_vectors
def test_every_usable_case_is_compared_or_has_its_reason() -> None:
    compared = {case["id"] for case in COMPARED}
    assert compared | EXCEPTIONS.keys() == {case["id"] for case in USABLE}
    assert (len(compared), len(EXCEPTIONS)) == (79, 26)


# --- what is written --------------------------------------------------------------------------------


def test_a_conversion_as_the_official_messages_allow() -> None:
    services = pytest.importorskip("google.ads.googleads.v26.services.types.conversion_upload_service")
    json_format = pytest.importorskip("google.protobuf.json_format")
    contact = Contact(("Dana@example.com",), ("+442079460000",))
    both = [
        won(contact=contact),
        won(clicks={"wbraid": "w", "gbraid": "g"}, value_minor=5_000, currency="JPY"),
    ]
    [request] = google(login_customer_id="12-3").requests(both)
    read = services.UploadClickConversionsRequest()
    json_format.ParseDict(request.body, services.UploadClickConversionsRequest.pb(read))  # unknown ones raise
    first, second = read.conversions
    assert (first.gclid, first.conversion_value, first.currency_code) == ("abc", 5000.0, "GBP")
    assert first.conversion_action == "customers/1234567890/conversionActions/987"
    assert first.conversion_date_time == "2026-11-20 12:00:00+00:00"
    assert first.order_id == "D-1:won"
    assert len(first.user_identifiers) == 2
    assert first.consent.ad_user_data.name == "GRANTED"
    assert (second.gbraid, second.wbraid, second.conversion_value) == ("g", "", 5000.0)
    assert read.partial_failure is True
    assert request.headers == {"login-customer-id": "123"}
    assert request.path == "/v26/customers/1234567890:uploadClickConversions"


def test_adjustments_as_the_official_messages_allow() -> None:
    services = pytest.importorskip(
        "google.ads.googleads.v26.services.types.conversion_adjustment_upload_service"
    )
    json_format = pytest.importorskip("google.protobuf.json_format")
    enhanced = restated(
        details={"adjustmentType": "ENHANCEMENT"}, contact=Contact(("dana@example.com",)), value_minor=None,
        currency=None,
    )  # fmt: skip
    there = google()
    [request] = there.requests([restated(), restated(change=Change.RETRACTED), enhanced])
    read = services.UploadConversionAdjustmentsRequest()
    json_format.ParseDict(request.body, services.UploadConversionAdjustmentsRequest.pb(read))
    first, second, third = read.conversion_adjustments
    kinds = [one.adjustment_type.name for one in read.conversion_adjustments]
    assert kinds == ["RESTATEMENT", "RETRACTION", "ENHANCEMENT"]
    assert (first.order_id, first.restatement_value.adjusted_value) == ("D-1:won", 4000.0)
    assert first.adjustment_date_time == "2026-11-20 13:00:00+00:00"
    assert "restatement_value" not in second
    assert "gclid_date_time_pair" not in second
    assert (third.gclid_date_time_pair.gclid, len(third.user_identifiers)) == ("abc", 1)
    assert request.path == "/v26/customers/1234567890:uploadConversionAdjustments"


def test_a_credit_from_outside_excludes_order_id_and_match_keys() -> None:
    credited = won(
        share_millionths=333_333, model="linear", contact=Contact(("dana@example.com",)), consent=GRANTED
    )
    assert body_of(credited, externally_attributed="yes") == {
        "conversionAction": "customers/1234567890/conversionActions/987",
        "conversionDateTime": "2026-11-20 12:00:00+00:00",
        "gclid": "abc",
        "conversionValue": 5000.0,
        "currencyCode": "GBP",
        "externalAttributionData": {
            "externalAttributionCredit": 0.333333,
            "externalAttributionModel": "linear",
        },
        "consent": {"adUserData": "GRANTED", "adPersonalization": "GRANTED"},
    }
    assert "externalAttributionData" not in body_of(credited)  # other actions do not take it
    assert body_of(restated(), externally_attributed="yes")["gclidDateTimePair"] == {
        "gclid": "abc",
        "conversionDateTime": "2026-11-20 12:00:00+00:00",
    }
    with pytest.raises(InputError, match="allowed are yes and no"):
        google(externally_attributed="true")


def test_money_is_written_exactly() -> None:
    assert repr(body_of(won(value_minor=1_999))["conversionValue"]) == "19.99"
    assert repr(body_of(won(value_minor=1_999, currency="JPY"))["conversionValue"]) == "1999"
    assert repr(body_of(won(value_minor=123_456_789_012_345))["conversionValue"]) == "1234567890123.45"


def test_an_adjustment_is_later_than_its_conversion_to_the_second() -> None:
    for changed_at in (None, NOON - clock.DAY, NOON + 1):
        assert body_of(restated(changed_at=changed_at))["adjustmentDateTime"] == "2026-11-20 12:00:01+00:00"


def test_requests_hold_two_thousand_and_adjustments_go_apart() -> None:
    many = [won(transaction_id=str(n)) for n in range(2_001)] + [restated(), restated()]
    assert [len(request.conversions) for request in google().requests(many)] == [2_000, 1, 2]


# --- what is refused beforehand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "settings", "code"),
    [
        (won(), {}, None),
        (won(clicks={}), {}, "no_match_key"),
        (won(clicks={}, contact=Contact(("a@b.test",))), {}, None),
        (won(clicks={"dclid": "d"}), {}, "no_match_key"),
        (won(consent=Consent()), {}, "no_consent"),
        (won(at=NOON - 90 * clock.DAY), {}, None),
        (won(at=NOON - 90 * clock.DAY - 1), {}, "too_old"),
        (won(at=NOON + clock.HOUR), {}, "future"),
        (restated(), {}, None),
        (restated(clicks={}), {}, None),
        (restated(clicks={"wbraid": "w"}), {}, "not_restated"),
        (restated(change=Change.RETRACTED, clicks={"wbraid": "w"}), {}, "not_retracted"),
        (restated(at=NOON - 54 * clock.DAY), {}, None),
        (restated(at=NOON - 54 * clock.DAY - 1), {}, "too_old"),
        (restated(value_minor=None, currency=None), {}, "no_value"),
        (restated(value_minor=None, currency=None, change=Change.RETRACTED), {}, None),
        (won(share_millionths=1), {"externally_attributed": "yes"}, None),
        (won(), {"externally_attributed": "yes"}, "no_share"),
        (
            won(share_millionths=1, clicks={}, contact=Contact(("a@b.test",))),
            {"externally_attributed": "yes"},
            "no_match_key",
        ),
        (restated(clicks={"gbraid": "g"}), {"externally_attributed": "yes"}, "not_restated"),
        (restated(clicks={}), {"externally_attributed": "yes"}, "not_restated"),
        (restated(), {"externally_attributed": "yes"}, None),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(
    one: Conversion, settings: dict[str, str], code: str | None
) -> None:
    found = google(**settings).refusal(one, NOON)
    assert (found and found.code) == code


# --- what comes back --------------------------------------------------------------------------------


def request_of(number: int) -> Request:
    """Return a request that tells some conversions."""
    [request] = google().requests([won(transaction_id=f"D-{n}") for n in range(number)])
    return request


def failed(code: str, place: int | None = None, kind: str = "conversionUploadError") -> dict[str, Any]:
    """Return one error as Google writes it."""
    path = [{"fieldName": "conversions", "index": place}, {"fieldName": "gclid"}] if place is not None else []
    return {
        "errorCode": {kind: code},
        "message": f"what {code} means",
        "location": {"fieldPathElements": path},
    }


def partial(*errors: dict[str, Any], results: list[dict[str, Any]] | None = None) -> Reply:
    """Return a reply that refuses some."""
    failure = {"code": 3, "message": "the first error only", "details": [{"errors": list(errors)}]}
    return Reply(200, {"partialFailureError": failure, "results": results or [], "jobId": "7"})


def test_those_refused_are_found_by_their_places() -> None:
    reply = partial(
        failed("TOO_RECENT_EVENT", 3), failed("CLICK_NOT_FOUND", 1), failed("ORDER_ID_ALREADY_IN_USE", 2)
    )
    found = google().outcomes(request_of(5), reply)
    assert [(str(one.verdict), one.code, one.after_seconds) for one in found] == [
        ("accepted", "", None),
        ("rejected", "CLICK_NOT_FOUND", None),
        ("duplicate", "ORDER_ID_ALREADY_IN_USE", None),
        ("retry", "TOO_RECENT_EVENT", 21_600.0),
        ("accepted", "", None),
    ]
    assert found[0].reference == "7"
    assert found[1].words == "what CLICK_NOT_FOUND means"


def test_of_several_errors_of_one_the_final_one_counts() -> None:
    [found] = google().outcomes(
        request_of(1), partial(failed("TOO_RECENT_EVENT", 0), failed("UNPARSEABLE_GCLID", 0))
    )
    assert (found.verdict, found.code) == (Verdict.REJECTED, "UNPARSEABLE_GCLID")


def test_an_error_of_nobody_leaves_unclear_what_has_no_result() -> None:
    reply = partial(failed("UNKNOWN"), results=[{"gclid": "abc"}, {}])
    verdicts = [one.verdict for one in google().outcomes(request_of(3), reply)]
    assert verdicts == [Verdict.ACCEPTED, Verdict.UNCLEAR, Verdict.UNCLEAR]
    assert google().outcomes(request_of(1), partial(failed("UNKNOWN")))[0].verdict is Verdict.REJECTED


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("TOO_RECENT_EVENT", Verdict.RETRY),
        ("TOO_RECENT_CALL", Verdict.RETRY),
        ("TOO_RECENT_CONVERSION_ACTION", Verdict.RETRY),
        ("TOO_RECENT_CONVERSION", Verdict.RETRY),
        ("INTERNAL_ERROR", Verdict.RETRY),
        ("CLICK_CONVERSION_ALREADY_EXISTS", Verdict.DUPLICATE),
        ("ORDER_ID_ALREADY_IN_USE", Verdict.DUPLICATE),
        ("CONVERSION_ALREADY_RETRACTED", Verdict.DUPLICATE),
        ("RESTATEMENT_ALREADY_EXISTS", Verdict.DUPLICATE),
        ("EXPIRED_EVENT", Verdict.REJECTED),
        ("EVENT_NOT_FOUND", Verdict.REJECTED),
        ("CLICK_NOT_FOUND", Verdict.REJECTED),
        ("UNPARSEABLE_WBRAID", Verdict.REJECTED),
        ("CONVERSION_PRECEDES_EVENT", Verdict.REJECTED),
        ("INVALID_CUSTOMER_FOR_CLICK", Verdict.REJECTED),
        ("ORDER_ID_CONTAINS_PII", Verdict.REJECTED),
        ("NO_CONVERSION_ACTION_FOUND", Verdict.RETRY),
        ("CONVERSION_EXPIRED", Verdict.REJECTED),
        ("GBRAID_WBRAID_BOTH_SET", Verdict.REJECTED),
    ],
)
def test_codes(code: str, verdict: Verdict) -> None:
    [found] = google().outcomes(request_of(1), partial(failed(code, 0)))
    assert (found.verdict, found.code) == (verdict, code)


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code", "seconds"),
    [
        (2, Reply(200, {"results": [{}, {}], "jobId": "7"}), Verdict.ACCEPTED, "", None),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed", None),
        (2, Reply(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, {"retry-after": "30"}),
         Verdict.RETRY, "RESOURCE_EXHAUSTED", 30.0),
        (2, Reply(503, "<html>"), Verdict.RETRY, "503", None),
        (2, Reply(401, {"error": {"status": "UNAUTHENTICATED"}}), Verdict.RETRY, "UNAUTHENTICATED", None),
        (2, Reply(403, {"error": {"details": [{"errors": [failed("USER_PERMISSION_DENIED")]}]}}),
         Verdict.RETRY, "USER_PERMISSION_DENIED", None),
        (2, Reply(400, {"error": {"status": "INVALID_ARGUMENT"}}), Verdict.UNCLEAR, "INVALID_ARGUMENT", None),
        (1, Reply(400, {"error": {"status": "INVALID_ARGUMENT"}}),
         Verdict.REJECTED, "INVALID_ARGUMENT", None),
        (1, Reply(400, None), Verdict.REJECTED, "400", None),
    ],
)  # fmt: skip
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str, seconds: float | None) -> None:
    found = google().outcomes(request_of(number), reply)
    assert [(one.verdict, one.code, one.after_seconds) for one in found] == [
        (verdict, code, seconds)
    ] * number


def test_a_quota_names_its_wait() -> None:
    error = failed("RESOURCE_EXHAUSTED", kind="quotaError")
    error["details"] = {"quotaErrorDetails": {"retryDelay": "420s"}}
    [found] = google().outcomes(request_of(1), Reply(429, {"error": {"details": [{"errors": [error]}]}}))
    assert (found.verdict, found.after_seconds) == (Verdict.RETRY, 420.0)


def test_a_request_refused_for_one_goes_again_without_it() -> None:
    reply = Reply(400, {"error": {"details": [{"errors": [failed("UNPARSEABLE_GCLID", 1)]}]}})
    verdicts = [str(one.verdict) for one in google().outcomes(request_of(3), reply)]
    assert verdicts == ["unclear", "rejected", "unclear"]
