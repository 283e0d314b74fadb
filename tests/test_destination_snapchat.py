"""Snapchat's Conversions API: requests as others make them, and what its replies mean."""

from __future__ import annotations

from collections.abc import Mapping
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
from attribution.destinations.request import Reply, Verdict
from attribution.destinations.snapchat import Snapchat

SOURCES = {"WEB": "web", "MOBILE_APP": "app", "app": "app", "OFFLINE": "crm"}
# of the phone that an app runs on, of the body, and the name of who sent it: nobody's here
NOT_HELD = {"app_data", "ge", "db", "integration"}

# Their sender wrote milliseconds until its pull request 3959; Snapchat documents seconds, ten digits
DEVIATIONS = {"event_time": lambda milliseconds: milliseconds // 1000}


def snapchat(**settings: str) -> Snapchat:
    """Return the destination of a pixel."""
    return Snapchat({"pixel_id": "pixel123"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that Snapchat takes."""
    given = {"action": "PURCHASE", "clicks": {"sccid": "c-1"}, "contact": Contact(emails=("a@b.test",))}
    return conversion(**given | changed)


def body_of(conversion: Conversion) -> dict[str, Any]:
    """Return the one event that is written for a conversion."""
    [request] = snapchat().requests([conversion])
    [event] = request.body["data"]
    return dict(event)


# --- cases of others --------------------------------------------------------------------------------


def of_payload(payload: Mapping[str, Any]) -> Conversion:
    """Turn a payload of a case into a conversion; what is no conversion's goes as details."""
    user, custom = payload["user_data"], dict(payload.get("custom_data", {}))
    value, currency = custom.pop("value", None), custom.pop("currency", None)
    if "products" in payload:
        keys = {"brands": "brand", "content_category": "item_category", "content_ids": "item_id"}
        custom |= {name: [one[key] for one in payload["products"]] for name, key in keys.items()}
    details: dict[str, Any] = {"custom_data": custom} if custom else {}
    country = {"Bolivia": "BO"}.get(user.get("country", ""), user.get("country", ""))
    if "madid" in user:
        details["user_data"] = {"madid": user["madid"]}
    if payload.get("data_processing_options"):
        details["data_processing_options"] = ["LDU"]
        for key in ("data_processing_options_country", "data_processing_options_state"):
            details[key] = payload[key]
    return Conversion(
        payload["event_id"],
        payload.get("event_type") or payload["event_name"],
        micros(payload["event_time"]),
        None if value is None else minor(value, currency),
        currency,
        clicks={"sccid": user["sc_click_id"]},
        contact=Contact(
            tuple(user[key] for key in ("email",) if key in user),
            tuple(user[key] for key in ("phone",) if key in user),
            tuple(user["externalId"]),
            *(user.get(key, "") for key in ("firstName", "lastName", "city", "state", "zip")),
            country,
        ),
        visit=Visit(
            payload.get("event_source_url", ""),
            user_agent=user.get("client_user_agent", ""),
            ip_address=user.get("client_ip_address", ""),
            client_ids={"_scid": user["sc_cookie1"]},
        ),
        consent=GRANTED,
        source=SOURCES[payload.get("event_conversion_type") or payload["action_source"]],
        details=details,
    )


def as_held(told: Any) -> Any:
    """Leave out what no conversion of a deal or lead has, at every depth, and write times as documented."""
    if isinstance(told, list):
        return [as_held(one) for one in told]
    if not isinstance(told, dict):
        return told
    kept = {key: as_held(value) for key, value in told.items() if key not in NOT_HELD}
    return kept | {key: DEVIATIONS[key](kept[key]) for key in DEVIATIONS.keys() & kept.keys()}


USABLE = [case for case in cases("snap_capi") if case["usable_pair"]]
NOT_COMPARED: dict[str, str] = {}
COMPARED = [case for case in USABLE if case["id"] not in NOT_COMPARED]


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"]))
def test_cases_of_others(case: dict[str, Any]) -> None:
    [payload], [expected] = case["input"]["payloads"], case["expected_requests"]
    given = case["input"]["settings"]
    destination = snapchat(pixel_id=given["pixel_id"], snap_app_id=given.get("snap_app_id", ""))
    [request] = destination.requests([of_payload(payload)])
    assert request.body == as_held(expected["body"])
    assert expected["url"] == Snapchat.base_url + request.path + "?access_token=<redacted>"


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    assert (len(USABLE), len(COMPARED)) == (15, 15)
    assert NOT_COMPARED.keys() == {case["id"] for case in USABLE} - {case["id"] for case in COMPARED}


# --- requests ---------------------------------------------------------------------------------------


def test_a_deal_of_the_crm() -> None:
    contact = Contact(
        (" Dana@Example.com ",),
        ("+442079460000",),
        ("U-1",),
        "Dana",
        "Lee",
        "St. Albans",
        "NY",
        "N1 2AB",
        "GB",
    )
    visit = Visit("https://shop.test/a", "", "Mozilla", "192.0.2.1", client_ids={"_scid": "s-1"})
    assert body_of(won(contact=contact, visit=visit, at=NOON + 1_999_999)) == {
        "event_name": "PURCHASE",
        "event_time": 1_795_176_001,  # seconds
        "event_id": "D-1:won",
        "action_source": "OFFLINE",
        "event_source_url": "https://shop.test/a",
        "user_data": {
            "em": [hashing.sha256("dana@example.com")],
            "ph": [hashing.sha256("442079460000")],
            "external_id": [hashing.sha256("U-1")],
            "fn": hashing.sha256("dana"),
            "ln": hashing.sha256("lee"),
            "ct": hashing.sha256("stalbans"),
            "st": hashing.sha256("ny"),
            "zp": hashing.sha256("n1 2ab"),
            "country": hashing.sha256("gb"),
            "client_ip_address": "192.0.2.1",
            "client_user_agent": "Mozilla",
            "sc_click_id": "c-1",
            "sc_cookie1": "s-1",
        },
        "custom_data": {"value": 5000.0, "currency": "GBP"},
    }


def test_a_yen_has_no_decimals_and_no_value_is_none() -> None:
    assert body_of(won(value_minor=1999, currency="JPY"))["custom_data"]["value"] == 1999
    assert "custom_data" not in body_of(won(value_minor=None, currency=None))


def test_requests_hold_two_thousand_and_the_app_has_its_own() -> None:
    many = [won(transaction_id=str(n)) for n in range(2_001)] + [won(source="app")]
    found = list(snapchat(snap_app_id="app1").requests(many))
    assert [(request.path, len(request.conversions)) for request in found] == [
        ("/v3/pixel123/events", 2_000),
        ("/v3/pixel123/events", 1),
        ("/v3/app1/events", 1),
    ]


def test_a_trial_goes_to_the_address_that_only_checks() -> None:
    request = request_of(snapchat(), won(), 1)
    trial = snapchat().trial(request)
    assert trial is not None
    assert (trial.path, trial.body) == ("/v3/pixel123/events/validate", request.body)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *NEVER_TOLD,
        ({}, None),
        ({"contact": Contact()}, "no_match_key"),  # with a click id
        ({"contact": Contact(emails=("nobody",), phones=("12",))}, "no_match_key"),
        ({"contact": Contact(), "visit": Visit(ip_address="192.0.2.1")}, "no_match_key"),
        ({"contact": Contact(), "visit": Visit(user_agent="Mozilla", ip_address="192.0.2.1")}, None),
        ({"clicks": {}}, None),
        ({"clicks": {}, "contact": Contact(external_ids=("U-1",))}, "no_match_key"),
        ({"source": "app"}, "no_app"),
        ({"at": NOON - 37 * clock.DAY}, None),
        ({"at": NOON - 37 * clock.DAY - 1}, "too_old"),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    assert why_not(snapchat(), won(**changed)) == code


# --- replies ----------------------------------------------------------------------------------------


INVALID = {"status": "INVALID", "reason": "event_time is older than 37 days", "param": "event_time"}


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code"),
    [
        (
            2,
            Reply(200, {"status": "VALID", "reason": "Events have been processed successfully."}),
            Verdict.ACCEPTED,
            "",
        ),
        (2, Reply(200, INVALID), Verdict.UNCLEAR, "INVALID"),  # 200, and an error within
        (1, Reply(200, INVALID), Verdict.REJECTED, "INVALID"),
        (2, Reply(400, INVALID), Verdict.UNCLEAR, "INVALID"),
        (1, Reply(400, INVALID), Verdict.REJECTED, "INVALID"),
        (2, Reply(401, {"status": "UNAUTHORIZED"}), Verdict.RETRY, "UNAUTHORIZED"),
        (2, Reply(429, None), Verdict.RETRY, "429"),
        (2, Reply(503, "<html>"), Verdict.RETRY, "503"),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed"),
        (2, Reply(200, {"status": 1}), Verdict.RETRY, "malformed"),
    ],
)
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str) -> None:
    found = snapchat().outcomes(request_of(snapchat(), won(), number), reply)
    assert [(one.verdict, one.code) for one in found] == [(verdict, code)] * number


def test_what_snapchat_says_is_kept() -> None:
    [found] = snapchat().outcomes(request_of(snapchat(), won(), 1), Reply(400, INVALID))
    assert found.words == "event_time is older than 37 days event_time"
