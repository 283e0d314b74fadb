"""Meta's Conversions API: requests as others make them, and what its replies mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from destination_cases import (
    GRANTED,
    NEVER_TOLD,
    NOON,
    cases,
    conversion,
    minor,
    needs_vectors,
    request_of,
    why_not,
)

from attribution import clock
from attribution.destinations import hashing
from attribution.destinations.conversion import Contact, Conversion, Visit
from attribution.destinations.meta import Meta
from attribution.destinations.request import Reply, Verdict

SOURCES = {"website": "web", "email": "email"}
EVENTS = {
    "addToCart": "AddToCart", "purchase": "Purchase", "initiateCheckout": "InitiateCheckout",
    "viewContent": "ViewContent", "search": "Search", "pageView": "PageView",
}  # fmt: skip
NOT_HELD = {"app_data"}  # of the phone that an app runs on: no deal or lead has it
CUSTOM = (
    "content_category", "content_ids", "content_name", "content_type", "contents", "net_revenue", "num_items",
    "search_string",
)  # fmt: skip


def meta(**settings: str) -> Meta:
    """Return the destination of a data set."""
    return Meta({"dataset_id": "123321"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that Meta takes."""
    return conversion(**{"action": "Purchase", "clicks": {"fbclid": "IwAR_Ab"}} | changed)


def body_of(conversion: Conversion, **settings: str) -> dict[str, Any]:
    """Return the one event that is written for a conversion."""
    [request] = meta(**settings).requests([conversion])
    [event] = request.body["data"]
    return dict(event)


# --- cases of others --------------------------------------------------------------------------------


def micros(text: str) -> int:
    """Read an instant of a case: seconds or ISO 8601."""
    return int(text) * clock.SECOND if text.isdigit() else clock.to_micros(datetime.fromisoformat(text))


def of_payload(payload: Mapping[str, Any], action: str) -> Conversion:
    """Turn a payload of a case into a conversion; what is no conversion's goes as details."""
    user = payload["user_data"]
    custom = dict(payload.get("custom_data", {})) | {key: payload[key] for key in CUSTOM if key in payload}
    valued = "value" in payload
    if not valued and "currency" in payload:
        custom["currency"] = payload["currency"]
    details: dict[str, Any] = {"custom_data": custom} if custom else {}
    if "partner_id" in user:
        details["user_data"] = {"partner_id": user["partner_id"]}
    if payload.get("data_processing_options"):
        details["data_processing_options"] = ["LDU"]
        for key in ("data_processing_options_country", "data_processing_options_state"):
            details[key] = payload.get(key, 0)
    return Conversion(
        payload.get("event_id", "none"),
        payload.get("event_name") or EVENTS[action.removesuffix("2")],
        micros(payload["event_time"]),
        minor(payload["value"], payload["currency"]) if valued else None,
        payload["currency"] if valued else None,
        contact=Contact(
            emails=tuple(user[key] for key in ("email",) if key in user),
            external_ids=tuple(user.get("externalId", ())),
        ),
        visit=Visit(
            url=payload.get("event_source_url", ""),
            user_agent=user.get("client_user_agent", ""),
            ip_address=user.get("client_ip_address", ""),
        ),
        consent=GRANTED,
        source=SOURCES[payload["action_source"]],
        details=details,
    )


def as_documented(event: Mapping[str, Any]) -> dict[str, Any]:
    """Write an expected event as Meta documents it: seconds as a number, hashes in lists, always an id."""
    user = {key: told for key, told in event["user_data"].items() if key != "partner_name"}
    if "em" in user:
        user["em"] = [user["em"]]
    at = micros(event["event_time"]) // clock.SECOND
    event = {key: told for key, told in event.items() if key not in NOT_HELD}
    return {"event_id": "none"} | event | {"user_data": user, "event_time": at}


USABLE = [case for case in cases("meta_capi") if case["usable_pair"]]
NOT_COMPARED: dict[str, str] = {}
COMPARED = [case for case in USABLE if case["id"] not in NOT_COMPARED]


@needs_vectors
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: str(case["id"]))
def test_cases_of_others(case: dict[str, Any]) -> None:
    [payload], [expected] = case["input"]["payloads"], case["expected_requests"]
    settings = case["input"]["settings"]
    code = payload.get("test_event_code") or settings.get("testEventCode") or ""
    destination = meta(dataset_id=settings["pixelId"], test_event_code=code)
    [request] = destination.requests([of_payload(payload, case["action"])])
    [event] = expected["body"]["data"]
    assert request.body == expected["body"] | {"data": [as_documented(event)]}
    assert expected["url"].rpartition("/v24.0")[2] == request.path.removeprefix("/v26.0")


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    assert (len(USABLE), len(COMPARED)) == (76, 76)
    assert NOT_COMPARED.keys() == {case["id"] for case in USABLE} - {case["id"] for case in COMPARED}


# --- requests ---------------------------------------------------------------------------------------


def test_a_deal_of_the_crm() -> None:
    contact = Contact(
        (" A.b+c@Gmail.com ", "a.b+c@gmail.com"), ("+44 20 7946 0000",), ("U-1",), "Jean-Luc", "O'Neil",
        "St. Albans", "NY 1", "94105-12", "gb",
    )  # fmt: skip
    visit = Visit(
        "https://shop.test/a", "https://l.test/", "Mozilla", "192.0.2.1", client_ids={"fbp": "fb.1.2"}
    )
    found = body_of(won(contact=contact, visit=visit, clicked_at=NOON - clock.DAY - 1))
    seconds = NOON // clock.SECOND
    assert found == {
        "event_name": "Purchase",
        "event_time": seconds,
        "event_id": "D-1:won",
        "action_source": "system_generated",
        "event_source_url": "https://shop.test/a",
        "referrer_url": "https://l.test/",
        "user_data": {
            "em": [
                hashing.sha256("a.b+c@gmail.com")
            ],  # dots and tag stay, one hash for both ways to write it
            "ph": [hashing.sha256("442079460000")],
            "fn": [hashing.sha256("jean-luc")],
            "ln": [hashing.sha256("o'neil")],
            "ct": [hashing.sha256("stalbans")],
            "st": [hashing.sha256("ny")],
            "zp": [hashing.sha256("94105")],
            "country": [hashing.sha256("gb")],
            "external_id": [hashing.sha256("U-1")],
            "client_ip_address": "192.0.2.1",
            "client_user_agent": "Mozilla",
            "fbc": f"fb.1.{(seconds - 86_400) * 1000 - 1}.IwAR_Ab",  # milliseconds, capitals kept
            "fbp": "fb.1.2",
        },
        "custom_data": {"value": 5000.0, "currency": "GBP"},
    }


def test_what_was_hashed_before_passes_through() -> None:
    key = hashing.sha256("a@b.test")
    given = key.upper()  # Meta takes small letters only
    contact = Contact((key, given), (given,), (given,), given, given, key, key, key, key)
    found = body_of(won(contact=contact))["user_data"]
    assert [found[name] for name in ("em", "ph", "external_id", "fn", "ln", "ct", "st", "zp", "country")] == [
        [key]
    ] * 9


def test_a_yen_has_no_decimals_and_no_value_is_none() -> None:
    assert body_of(won(value_minor=1999, currency="JPY"))["custom_data"]["value"] == 1999.0
    assert "custom_data" not in body_of(won(action="Lead", value_minor=None, currency=None))


def test_a_lead_of_metas_own_form_is_told_stage_by_stage() -> None:
    lead = won(
        action="Qualified", clicks={"meta_lead_id": "1234567890123456"}, value_minor=None, currency=None
    )
    found = body_of(lead, crm="HubSpot")
    assert found["user_data"] == {"lead_id": "1234567890123456"}
    assert found["custom_data"] == {"event_source": "crm", "lead_event_source": "HubSpot"}


def test_what_happened_in_a_shop_has_an_order() -> None:
    found = body_of(won(source="store"))
    assert (found["action_source"], found["custom_data"]["order_id"]) == ("physical_store", "D-1:won")


def test_with_a_code_events_are_shown_and_do_not_count() -> None:
    [request] = meta(test_event_code="TEST1").requests([won()])
    assert request.body["test_event_code"] == "TEST1"
    assert meta(test_event_code="TEST1").trial(request) == request
    assert meta().trial(request_of(meta(), won(), 1)) is None


def test_requests_hold_a_thousand() -> None:
    many = [won(transaction_id=str(n)) for n in range(2_001)]
    assert [len(request.conversions) for request in meta().requests(many)] == [1_000, 1_000, 1]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *NEVER_TOLD,
        ({}, None),
        ({"clicks": {}}, "no_match_key"),
        ({"clicks": {"gclid": "x"}}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(emails=("nobody",), phones=("12",))}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(emails=("a@b.test",))}, None),
        ({"at": NOON - 7 * clock.DAY}, None),
        ({"at": NOON - 7 * clock.DAY - 1}, "too_old"),
        ({"at": NOON - 62 * clock.DAY, "source": "store"}, None),
        ({"at": NOON - 62 * clock.DAY - 1, "source": "store"}, "too_old"),
        ({"value_minor": None, "currency": None}, "no_value"),
        ({"value_minor": None, "currency": None, "action": "Lead"}, None),
        ({"source": "web"}, "no_user_agent"),
        ({"source": "web", "visit": Visit(user_agent="Mozilla")}, None),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    assert why_not(meta(), won(**changed)) == code


# --- replies ----------------------------------------------------------------------------------------


def error(code: int, **more: Any) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"code": code, "message": "m", "type": "OAuthException", "fbtrace_id": "A"} | more}


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code"),
    [
        (2, Reply(200, {"events_received": 2, "messages": [], "fbtrace_id": "A"}), Verdict.ACCEPTED, ""),
        (2, Reply(200, {"events_received": 1}), Verdict.UNCLEAR, "events_received"),
        (1, Reply(200, {"events_received": 0}), Verdict.REJECTED, "events_received"),
        (2, Reply(200, error(17)), Verdict.RETRY, "17"),  # 200, and an error within
        (2, Reply(400, error(17)), Verdict.RETRY, "17"),
        (2, Reply(400, error(21009)), Verdict.RETRY, "21009"),
        (2, Reply(400, error(5, is_transient=True)), Verdict.RETRY, "5"),
        (2, Reply(302, "<html>"), Verdict.RETRY, "302"),  # of the way there
        (2, Reply(302, error(100)), Verdict.RETRY, "100"),
        (2, Reply(400, error(200)), Verdict.RETRY, "200"),
        (2, Reply(200, error(299)), Verdict.RETRY, "299"),
        (2, Reply(400, error(300)), Verdict.UNCLEAR, "300"),
        (2, Reply(400, error(104)), Verdict.RETRY, "104"),
        (2, Reply(400, error(368)), Verdict.RETRY, "368"),
        (2, Reply(400, error(80000)), Verdict.RETRY, "80000"),
        (2, Reply(400, error(80014)), Verdict.RETRY, "80014"),
        (1, Reply(400, error(80015)), Verdict.REJECTED, "80015"),
        (2, Reply(429, None), Verdict.RETRY, "429"),
        (2, Reply(500, error(1)), Verdict.RETRY, "1"),
        (2, Reply(503, "<html>"), Verdict.RETRY, "503"),
        (2, Reply(400, error(190)), Verdict.RETRY, "190"),
        (2, Reply(403, error(10)), Verdict.RETRY, "10"),
        (2, Reply(400, error(100, error_subcode=33)), Verdict.RETRY, "100/33"),
        (2, Reply(400, error(100, error_subcode=2804003)), Verdict.UNCLEAR, "100/2804003"),  # one is too old
        (1, Reply(400, error(100, error_subcode=2804003)), Verdict.REJECTED, "100/2804003"),
        (1, Reply(400, error(100, error_subcode=2804009)), Verdict.REJECTED, "100/2804009"),
        (2, Reply(400, "no JSON"), Verdict.UNCLEAR, "400"),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed"),
        (2, Reply(200, ["x"]), Verdict.RETRY, "malformed"),
    ],
)
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str) -> None:
    found = meta().outcomes(request_of(meta(), won(), number), reply)
    assert [(one.verdict, one.code) for one in found] == [(verdict, code)] * number
