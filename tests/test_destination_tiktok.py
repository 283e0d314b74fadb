"""TikTok's Events API: requests as others make them, and what its replies mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
from attribution.destinations.file import TEMPLATES
from attribution.destinations.request import Outcome, Reply, Verdict
from attribution.destinations.tiktok import TikTok
from attribution.errors import InputError, UnknownNameError

PROPERTIES = ("contents", "content_type", "query", "description", "order_id", "shop_id")


def tiktok(**settings: str) -> TikTok:
    """Return the destination of a pixel."""
    return TikTok({"event_source": "web", "event_source_id": "test"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that TikTok takes."""
    return conversion(**{"action": "Purchase", "clicks": {"ttclid": "E.C.P.abc"}} | changed)


def body_of(conversion: Conversion, **settings: str) -> dict[str, Any]:
    """Return the one event that is written for a conversion."""
    [request] = tiktok(**settings).requests([conversion])
    [event] = request.body["data"]
    return dict(event)


# --- cases of others --------------------------------------------------------------------------------


def of_payload(payload: Mapping[str, Any]) -> Conversion:
    """Turn a payload of a case into a conversion; what is no conversion's goes as details."""
    url, lead = payload.get("url", ""), payload.get("lead_fields") or payload
    click = payload.get("ttclid") or "".join(parse_qs(urlsplit(url).query).get("ttclid", []))
    properties = {key: payload[key] for key in PROPERTIES if key in payload}
    vehicle, travel = payload.get("vehicle_fields", {}), payload.get("travel_fields", {})
    if vehicle:
        least, most = vehicle["preferred_price_range_min"], vehicle["preferred_price_range_max"]
        properties |= {
            key: told for key, told in vehicle.items() if not key.startswith(("mileage", "preferred"))
        }
        properties["mileage"] = {"unit": vehicle["mileage_unit"], "value": vehicle["mileage_value"]}
        properties["preferred_price_range"] = [least, most]
    details: dict[str, Any] = {"properties": properties | dict(travel)}
    if payload.get("limited_data_use"):
        details["limited_data_use"] = True
    if (
        "email_addresses" in payload or "phone_numbers" in payload
    ):  # of a shop: the code stands with the event
        details |= {key: payload[key] for key in ("test_event_code",) if key in payload}
    valued = "value" in payload
    return Conversion(
        payload["event_id"],
        payload["event"],
        micros(payload["timestamp"]),
        minor(payload["value"], payload["currency"]) if valued else None,
        payload["currency"] if valued else None,
        clicks={"ttclid": click, "tiktok_lead_id": lead.get("lead_id", "")},
        contact=Contact(
            emails=tuple(payload.get("email", payload.get("email_addresses", ()))),
            phones=tuple(payload.get("phone_number", payload.get("phone_numbers", ()))),
            external_ids=tuple(payload.get("external_id", payload.get("external_ids", ()))),
        ),
        visit=Visit(
            url,
            payload.get("referrer", ""),
            payload.get("user_agent", ""),
            payload.get("ip", ""),
            payload.get("locale", ""),
            {"ttp": payload.get("ttp", "")},
        ),
        consent=GRANTED,
        details=details,
    )


def as_written(told: Any) -> Any:
    """Leave out what is empty, false or somebody else's name, at every depth."""
    if isinstance(told, list):
        return [as_written(one) for one in told]
    if not isinstance(told, dict):
        return told
    kept = {key: as_written(value) for key, value in told.items() if key != "partner_name"}
    return {key: value for key, value in kept.items() if value not in ("", [], {}) and value is not False}


USABLE = [case for name in ("tiktok_events", "tiktok_offline") for case in cases(name) if case["usable_pair"]]
_NO_CURRENCY = "SPL is no currency of ISO 4217, so no money of the ledger is in it"
NOT_COMPARED = {
    "seg-tiktok-offline-conversions-0014": _NO_CURRENCY,
    "seg-tiktok-offline-conversions-0015": _NO_CURRENCY,
}
# random signs where a number or an address belongs: hashed there, left out here; all else is compared
LEFT_OUT = {
    "seg-tiktok-offline-conversions-0006": "phone",
    "seg-tiktok-offline-conversions-0007": "email",
    "seg-tiktok-offline-conversions-0010": "phone",
    "seg-tiktok-offline-conversions-0011": "email",
}
COMPARED = [case for case in USABLE if case["id"] not in NOT_COMPARED]


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"]))
def test_cases_of_others(case: dict[str, Any]) -> None:
    [payload], [expected] = case["input"]["payloads"], case["expected_requests"]
    settings, wanted = case["input"]["settings"], as_written(expected["body"])
    for event in wanted["data"]:
        event["user"].pop(LEFT_OUT.get(case["id"]), None)
    destination = tiktok(
        event_source=payload.get("event_source", "offline"),
        event_source_id=settings.get("pixelCode") or settings["eventSetID"],
        crm=payload.get("lead_fields", {}).get("lead_event_source", ""),
        test_event_code=wanted.get("test_event_code", ""),
    )
    [request] = destination.requests([of_payload(payload)])
    assert as_written(request.body) == wanted
    assert expected["url"] == TikTok.base_url + request.path


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    assert (len(USABLE), len(COMPARED)) == (25, 23)
    assert NOT_COMPARED.keys() == {case["id"] for case in USABLE} - {case["id"] for case in COMPARED}
    assert LEFT_OUT.keys() <= {case["id"] for case in COMPARED}


# --- requests ---------------------------------------------------------------------------------------


def test_a_deal_of_a_pixel() -> None:
    contact = Contact((" Dana@Example.com ", "x"), ("+442079460000",), ("U-1",))
    visit = Visit("https://shop.test/a", "https://t.test/", "Mozilla", "192.0.2.1", "en-GB", {"ttp": "94e"})
    found = body_of(won(contact=contact, visit=visit))
    assert found == {
        "event": "Purchase",
        "event_time": NOON // clock.SECOND,
        "event_id": "D-1:won",
        "user": {
            "email": [hashing.sha256("dana@example.com")],
            "phone": [hashing.sha256("+442079460000")],
            "external_id": [hashing.sha256("u-1")],
            "ttclid": "E.C.P.abc",
            "ttp": "94e",
            "ip": "192.0.2.1",
            "user_agent": "Mozilla",
            "locale": "en-GB",
        },
        "properties": {"value": 5000.0, "currency": "GBP"},
        "page": {"url": "https://shop.test/a", "referrer": "https://t.test/"},
    }


def test_what_was_hashed_before_passes_through() -> None:
    key = hashing.sha256("a@b.test")
    found = body_of(won(contact=Contact((key,), (key,), (key,))))["user"]
    assert [found[name] for name in ("email", "phone", "external_id")] == [[key]] * 3


def test_a_yen_has_no_decimals_and_no_value_is_none() -> None:
    assert body_of(won(value_minor=1999, currency="JPY"))["properties"]["value"] == 1999.0
    assert "properties" not in body_of(won(value_minor=None, currency=None))


def test_a_lead_of_tiktoks_own_form_stands_where_its_event_set_looks_for_it() -> None:
    lead = won(clicks={"tiktok_lead_id": "L-9"})
    assert body_of(lead, event_source="crm", crm="HubSpot")["lead"] == {
        "lead_id": "L-9",
        "lead_event_source": "HubSpot",
    }
    assert body_of(lead, event_source="offline")["user"] == {"lead_id": "L-9"}


def test_requests_hold_fifty() -> None:
    many = [won(transaction_id=str(n)) for n in range(101)]
    assert [len(request.conversions) for request in tiktok().requests(many)] == [50, 50, 1]


def test_event_sources_are_four() -> None:
    with pytest.raises(UnknownNameError, match="event_source of tiktok"):
        tiktok(event_source="shop")
    with pytest.raises(InputError, match="event_source_id"):
        TikTok({"event_source": "web"})


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *NEVER_TOLD,
        ({"at": NOON - 28 * clock.DAY}, None),
        ({"at": NOON - 28 * clock.DAY - 1}, "too_old"),
        ({}, None),
        ({"clicks": {"fbclid": "x"}}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(phones=("+442079460000",))}, None),
        ({"clicks": {}, "contact": Contact(external_ids=("U-1",))}, "no_match_key"),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    assert why_not(tiktok(), won(**changed)) == code


# --- replies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code"),
    [
        (2, Reply(200, {"code": 0, "message": "OK", "request_id": "r", "data": {}}), Verdict.ACCEPTED, ""),
        # 200, and an error within
        (2, Reply(200, {"code": 40001, "message": "No permission"}), Verdict.RETRY, "40001"),
        (2, Reply(200, {"code": 40105, "message": "Access token is incorrect"}), Verdict.RETRY, "40105"),
        (2, Reply(200, {"code": 40002, "message": "event_time is too old"}), Verdict.UNCLEAR, "40002"),
        (1, Reply(200, {"code": 40002, "message": "event_time is too old"}), Verdict.REJECTED, "40002"),
        (2, Reply(200, {"code": 40100, "message": "Too many requests"}), Verdict.RETRY, "40100"),
        (2, Reply(200, {"code": 40101, "message": "Invalid partner"}), Verdict.RETRY, "40101"),
        (2, Reply(200, {"code": 40102, "message": "Access token is expired"}), Verdict.RETRY, "40102"),
        (2, Reply(200, {"code": 61000, "message": "Too many requests"}), Verdict.RETRY, "61000"),
        (2, Reply(302, "<html>"), Verdict.RETRY, "302"),
        (2, Reply(200, {"code": 50000, "message": "System error"}), Verdict.RETRY, "50000"),
        (2, Reply(429, None), Verdict.RETRY, "429"),
        (2, Reply(502, "<html>"), Verdict.RETRY, "502"),
        (2, Reply(401, "<html>"), Verdict.RETRY, "401"),
        (2, Reply(500, {"code": 0}), Verdict.RETRY, "500"),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed"),
        (2, Reply(200, {"code": ["x"]}), Verdict.RETRY, "malformed"),
    ],
)
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str) -> None:
    found = tiktok().outcomes(request_of(tiktok(), won(), number), reply)
    assert [(one.verdict, one.code) for one in found] == [(verdict, code)] * number


def partly(*failed: dict[str, Any]) -> Reply:
    """Return the reply to a request of which TikTok did not take some events."""
    body = {"code": 20001, "message": "Partial success", "request_id": "r-1"}
    return Reply(200, body | ({"data": {"failed_events": list(failed)}} if failed else {}))


def test_what_is_taken_in_part_and_not_told_of_is_taken() -> None:
    found = tiktok().outcomes(request_of(tiktok(), won(), 2), partly())
    assert found == [Outcome(Verdict.ACCEPTED, words="Partial success", reference="r-1")] * 2


@pytest.mark.parametrize(
    ("orders", "unclear"),
    [
        ([2], [1, 2]),
        ([0], [0]),
        ([4], [3]),
        ([1, 2], [0, 1, 2]),
        ([None, 2], [0, 1, 2, 3]),
        ([9], [0, 1, 2, 3]),
    ],
)
def test_of_those_that_may_be_meant_each_is_told_by_itself(orders: list[Any], unclear: list[int]) -> None:
    """Whether the first is 0 or 1 TikTok does not say; the others are taken."""
    failed = [{"order_in_batch": order, "error_message": "event_time is too old"} for order in orders]
    found = tiktok().outcomes(request_of(tiktok(), won(), 4), partly(*failed))
    assert [place for place, one in enumerate(found) if one.verdict is Verdict.UNCLEAR] == unclear
    taken = [one for one in found if one.verdict is not Verdict.UNCLEAR]
    assert taken == [Outcome(Verdict.ACCEPTED, reference="r-1")] * (4 - len(unclear))


@pytest.mark.parametrize("order", [0, 1, None])
def test_one_that_failed_by_itself_is_refused(order: int | None) -> None:
    failed = {"order_in_batch": order, "error_message": "event_time is too old"}
    found = tiktok().outcomes(request_of(tiktok(), won(), 1), partly(failed))
    assert found == [Outcome(Verdict.REJECTED, "20001", "event_time is too old")]


def test_with_a_code_events_are_shown_and_do_not_count() -> None:
    [request] = tiktok(test_event_code="TEST1").requests([won()])
    assert request.body["test_event_code"] == "TEST1"
    assert tiktok(test_event_code="TEST1").trial(request) == request
    assert tiktok().trial(request_of(tiktok(), won(), 1)) is None


def test_a_file_is_of_the_same_event_and_age() -> None:
    file = TEMPLATES["tiktok"]
    assert (file.actions, file.age_days) == ({"revenue": "Purchase"}, 28)
    assert (TikTok.actions, TikTok.age_days) == (file.actions, file.age_days)
