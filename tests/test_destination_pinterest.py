"""Pinterest's Conversions API: requests as others make them, and what its replies mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from destination_cases import (
    GRANTED,
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
from attribution.destinations import hashing
from attribution.destinations.conversion import Contact, Conversion, Visit
from attribution.destinations.pinterest import Pinterest
from attribution.destinations.request import Reply, Verdict

# of an app and its phone, of the body, and the name of who sent it: nobody's here
NOT_HELD = {
    "app_info", "device_info", "app_name", "app_version", "device_model", "device_type", "os_version",
    "ge", "db", "hashed_maids", "partner_name", "np",
}  # fmt: skip


def pinterest() -> Pinterest:
    """Return the destination of an ad account."""
    return Pinterest({"ad_account_id": "test_ad_account_id"})


def won(**changed: Any) -> Conversion:
    """Return a conversion that Pinterest takes."""
    given = {"action": "checkout", "clicks": {"epik": "e-1"}, "contact": Contact(emails=("a@b.test",))}
    return conversion(**given | changed)


def body_of(conversion: Conversion) -> dict[str, Any]:
    """Return the one event that is written for a conversion."""
    [request] = pinterest().requests([conversion])
    [event] = request.body["data"]
    return dict(event)


# --- cases of others --------------------------------------------------------------------------------


def of_payload(payload: Mapping[str, Any]) -> Conversion:
    """Turn a payload of a case into a conversion; what is no conversion's goes as details."""
    latest = payload.get("data_format") == "latest"
    user, custom = payload["user_data"], dict(payload.get("custom_data_2" if latest else "custom_data", {}))
    currency = custom.get("currency")
    value = custom.pop("value") if currency else None
    if "value" in custom:
        custom["value"] = f"{custom['value']:.2f}"  # without a currency it is no money
    if "predicted_ltv" in custom:
        custom["predicted_ltv"] = str(custom["predicted_ltv"])
    if "contents" in payload:
        custom["contents"] = [one | {"item_price": str(one["item_price"])} for one in payload["contents"]]
    details = {key: payload[key] for key in ("opt_out", "advertiser_tracking_enabled") if key in payload}
    if custom:
        details["custom_data"] = custom
    if "partner_id" in user:
        details["user_data"] = {"partner_id": user["partner_id"]}
    return Conversion(
        payload["event_id"],
        payload["event_name"],
        micros(payload["event_time"]),
        minor(value, currency) if currency else None,
        currency,
        clicks={"epik": user.get("click_id", "")},
        contact=Contact(
            tuple(user.get("email", ())),
            tuple(user.get("phone", ())),
            tuple(user.get("external_id", ())),
            *(
                "".join(user.get(key, []))
                for key in ("first_name", "last_name", "city", "state", "zip", "country")
            ),
        ),
        visit=Visit(
            payload.get("event_source_url", ""),
            user_agent=user.get("client_user_agent", ""),
            ip_address=user.get("client_ip_address", ""),
        ),
        consent=GRANTED,
        source=payload["action_source"],
        details=details,
    )


def as_held(told: Any) -> Any:
    """Leave out what no conversion of a deal or lead has, at every depth, and write values with cents."""
    if isinstance(told, list):
        return [as_held(one) for one in told]
    if not isinstance(told, dict):
        return told
    kept = {key: as_held(value) for key, value in told.items() if key not in NOT_HELD}
    if "value" in kept:
        kept["value"] = f"{Decimal(kept['value']):.2f}"
    return {key: value for key, value in kept.items() if value != {}}


USABLE = [case for case in cases("pinterest_capi") if case["usable_pair"]]
NOT_COMPARED: dict[str, str] = {}
COMPARED = [case for case in USABLE if case["id"] not in NOT_COMPARED]


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"]))
def test_cases_of_others(case: dict[str, Any]) -> None:
    [payload], [expected] = case["input"]["payloads"], case["expected_requests"]
    [request] = pinterest().requests([of_payload(payload)])
    assert request.body == as_held(expected["body"])
    assert expected["url"] == Pinterest.base_url + request.path


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    assert (len(USABLE), len(COMPARED)) == (15, 15)
    assert NOT_COMPARED.keys() == {case["id"] for case in USABLE} - {case["id"] for case in COMPARED}


# --- requests ---------------------------------------------------------------------------------------


def test_a_deal_of_the_crm() -> None:
    contact = Contact(
        (" Dana@Example.com ", "d@e.test"), ("+442079460000",), ("U-1",), "Dana", "Lee", "St. Albans", "NY",
        "N1", "GB",
    )  # fmt: skip
    visit = Visit("https://shop.test/a", "", "Mozilla", "192.0.2.1")
    assert body_of(won(contact=contact, visit=visit)) == {
        "event_name": "checkout",
        "event_time": NOON // clock.SECOND,
        "event_id": "D-1:won",
        "action_source": "offline",
        "event_source_url": "https://shop.test/a",
        "user_data": {
            "em": [hashing.sha256("dana@example.com"), hashing.sha256("d@e.test")],
            "ph": [hashing.sha256("442079460000")],
            "fn": [hashing.sha256("dana")],
            "ln": [hashing.sha256("lee")],
            "ct": [hashing.sha256("stalbans")],
            "st": [hashing.sha256("ny")],
            "zp": [hashing.sha256("n1")],
            "country": [hashing.sha256("gb")],
            "external_id": [hashing.sha256("U-1")],
            "client_ip_address": "192.0.2.1",
            "client_user_agent": "Mozilla",
            "click_id": "e-1",
        },
        "custom_data": {"value": "5000.00", "currency": "GBP"},  # a text, exactly
    }


def test_a_yen_has_no_decimals_and_no_value_is_none() -> None:
    assert body_of(won(value_minor=1999, currency="JPY"))["custom_data"]["value"] == "1999"
    assert "custom_data" not in body_of(won(value_minor=None, currency=None))


def test_a_trial_is_marked_in_the_address() -> None:
    request = request_of(pinterest(), won(), 1)
    trial = pinterest().trial(request)
    assert trial is not None
    assert (trial.path, trial.params, trial.body) == (request.path, {"test": "true"}, request.body)


def test_requests_hold_a_thousand() -> None:
    many = [won(transaction_id=str(n)) for n in range(1_001)]
    assert [len(request.conversions) for request in pinterest().requests(many)] == [1_000, 1]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *NEVER_TOLD,
        ({}, None),
        ({"contact": Contact()}, "no_match_key"),  # with a click id
        ({"contact": Contact(emails=("nobody",), phones=("12",))}, "no_match_key"),
        ({"contact": Contact(phones=("+442079460000",))}, "no_match_key"),
        ({"contact": Contact(), "visit": Visit(user_agent="Mozilla", ip_address="192.0.2.1")}, None),
        ({"contact": Contact(), "visit": Visit(user_agent="Mozilla")}, "no_match_key"),
        ({"clicks": {}}, None),
        ({"source": "app"}, "no_app"),
        ({"source": "app", "details": {"action_source": "app_ios"}}, None),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    assert why_not(pinterest(), won(**changed)) == code


# --- replies ----------------------------------------------------------------------------------------


FAILED = {"status": "failed", "error_message": "event_time is too old", "warning_message": ""}
FINE = {"status": "processed", "error_message": "", "warning_message": ""}
PARTLY = {"num_events_received": 2, "num_events_processed": 1, "events": [FINE, FAILED]}


@pytest.mark.parametrize("reply", [Reply(200, PARTLY), Reply(422, {"code": 1, "details": PARTLY})])
def test_each_event_has_its_own_word(reply: Reply) -> None:
    found = pinterest().outcomes(request_of(pinterest(), won(), 2), reply)
    assert [(one.verdict, one.code, one.words) for one in found] == [
        (Verdict.ACCEPTED, "", ""),
        (Verdict.REJECTED, "failed", "event_time is too old"),
    ]


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code"),
    [
        (2, Reply(200, {"num_events_received": 2, "events": [FINE, FINE]}), Verdict.ACCEPTED, ""),
        (2, Reply(400, {"code": 1, "message": "Invalid parameters"}), Verdict.UNCLEAR, "1"),
        (1, Reply(400, {"code": 1, "message": "Invalid parameters"}), Verdict.REJECTED, "1"),
        (2, Reply(401, {"code": 2, "message": "Authentication failed."}), Verdict.RETRY, "2"),
        (2, Reply(403, {"code": 29, "message": "Not permitted"}), Verdict.RETRY, "29"),
        (2, Reply(429, {"code": 8, "message": "Rate limit"}), Verdict.RETRY, "8"),
        (2, Reply(503, "<html>"), Verdict.RETRY, "503"),
        (2, Reply(200, {"events": [FINE]}), Verdict.RETRY, "malformed"),  # of which of the two?
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed"),
        (2, Reply(422, {"code": 1, "details": "x"}), Verdict.UNCLEAR, "1"),
    ],
)
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str) -> None:
    found = pinterest().outcomes(request_of(pinterest(), won(), number), reply)
    assert [(one.verdict, one.code) for one in found] == [(verdict, code)] * number
