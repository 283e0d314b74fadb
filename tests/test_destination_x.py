"""X's Conversion API: what is written, and replies of every kind; nobody recorded cases of it."""

from __future__ import annotations

from typing import Any

import pytest
from destination_cases import NEVER_TOLD, NOON, conversion, request_of, why_not

from attribution.destinations.conversion import Contact, Conversion
from attribution.destinations.request import Reply, Verdict
from attribution.destinations.x import X

# +15555550123, hashed with sha256sum
PHONE = "468a4b26753815290dc13ee82f453df24fd974c708542d1f3c497c7b4e7e4413"


def x() -> X:
    """Return the destination of a pixel."""
    return X({"pixel_id": "o8z6j"})


def won(**changed: Any) -> Conversion:
    """Return a conversion that X takes."""
    return conversion(**{"clicks": {"twclid": "23opevjt"}, "action": "tw-o8z6j-o87ne"} | changed)


def body_of(one: Conversion) -> dict[str, Any]:
    """Return what is written for one conversion."""
    [request] = x().requests([one])
    [written] = request.body["conversions"]
    return dict(written)


# --- what is written --------------------------------------------------------------------------------


def test_a_conversion() -> None:
    contact = Contact((" Alice@Example.com",), ("+1 555 555 0123",))
    [request] = x().requests([won(contact=contact, at=NOON + 603_000, details={"number_items": 2})])
    assert (request.method, request.path) == ("POST", "/12/measurement/conversions/o8z6j")
    assert request.headers == {}  # what lets it in comes when it is sent
    assert request.body == {
        "conversions": [
            {
                "conversion_time": "2026-11-20T12:00:00.603Z",
                "event_id": "tw-o8z6j-o87ne",
                "identifiers": [
                    {"twclid": "23opevjt"},
                    # alice@example.com, likewise
                    {"hashed_email": "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"},
                    {"hashed_phone_number": PHONE},
                ],
                "conversion_id": "D-1:won",
                "value": "5000.00",
                "price_currency": "GBP",
                "number_items": 2,
            }
        ]
    }


def test_amounts_are_texts_with_two_decimals_or_the_three_of_a_currency() -> None:
    assert body_of(won(value_minor=1_999, currency="JPY"))["value"] == "1999.00"
    assert body_of(won(value_minor=1_999, currency="KWD"))["value"] == "1.999"
    assert "value" not in body_of(won(value_minor=None, currency=None))


def test_requests_hold_five_hundred() -> None:
    many = [won(transaction_id=str(n)) for n in range(501)]
    assert [len(request.conversions) for request in x().requests(many)] == [500, 1]


# --- what is refused beforehand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        *NEVER_TOLD,
        ({}, None),
        ({"clicks": {}}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(phones=("+15555550123",))}, None),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    assert why_not(x(), won(**changed)) == code


# --- what comes back --------------------------------------------------------------------------------


def failed(code: str) -> dict[str, Any]:
    """Return what X answers where something is wrong."""
    return {"errors": [{"code": code, "message": f"what {code} means"}], "request": {"params": {}}}


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code", "seconds"),
    [
        (2, Reply(200, {"data": {"conversions_processed": 2, "debug_id": "d"}}), Verdict.ACCEPTED, "", None),
        (2, Reply(200, {"data": {"conversions_processed": 1}}),
         Verdict.UNCLEAR, "conversions_processed", None),
        (1, Reply(200, {"data": {"conversions_processed": 0}}),
         Verdict.REJECTED, "conversions_processed", None),
        (2, Reply(200, {"data": {}}), Verdict.RETRY, "malformed", None),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed", None),
        (2, Reply(400, failed("INVALID_PARAMETER")), Verdict.UNCLEAR, "INVALID_PARAMETER", None),
        (1, Reply(400, failed("INVALID_PARAMETER")), Verdict.REJECTED, "INVALID_PARAMETER", None),
        (2, Reply(401, failed("UNAUTHORIZED_ACCESS")), Verdict.RETRY, "UNAUTHORIZED_ACCESS", None),
        (2, Reply(403, failed("UNAUTHORIZED_CLIENT_APPLICATION")),
         Verdict.RETRY, "UNAUTHORIZED_CLIENT_APPLICATION", None),
        (2, Reply(429, failed("TOO_MANY_REQUESTS"), {"retry-after": "60"}),
         Verdict.RETRY, "TOO_MANY_REQUESTS", 60.0),
        (2, Reply(503, None), Verdict.RETRY, "503", None),
    ],
)  # fmt: skip
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str, seconds: float | None) -> None:
    found = x().outcomes(request_of(x(), won(), number), reply)
    assert [(one.verdict, one.code, one.after_seconds) for one in found] == [
        (verdict, code, seconds)
    ] * number


def test_a_success_can_be_asked_after() -> None:
    reply = Reply(200, {"data": {"conversions_processed": 1, "debug_id": "d-7"}})
    assert x().outcomes(request_of(x(), won(), 1), reply)[0].reference == "d-7"
