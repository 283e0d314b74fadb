"""LinkedIn's Conversions API: bodies as another sender writes them, and replies of every kind."""

from __future__ import annotations

from typing import Any

import pytest
from destination_cases import NOON, cases, conversion, minor, needs_vectors

from attribution import clock
from attribution.destinations.conversion import Change, Consent, Contact, Conversion
from attribution.destinations.linkedin import LinkedIn
from attribution.destinations.request import Reply, Request, Verdict
from attribution.money import money_text

# alexz@example.com, hashed with sha256sum
ALEX = "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a"


def won(**changed: Any) -> Conversion:
    """Return a conversion that LinkedIn takes."""
    return conversion(**{"clicks": {"li_fat_id": "abc"}} | changed)


def body_of(one: Conversion) -> dict[str, Any]:
    """Return what is written for one conversion."""
    [request] = LinkedIn({}).requests([one])
    [written] = request.body["elements"]
    return dict(written)


# --- another sender's cases -------------------------------------------------------------------------

# their times changed from run to run; they stand in what was given as in what was written
USABLE = [case for case in cases("linkedin_capi") if case["usable_pair"]]


def of_payload(payload: dict[str, Any], action: str) -> Conversion:
    """Turn what was given to the sender into a conversion."""
    told, person = payload.get("conversionValue"), payload.get("userInfo", {})
    info = {key: person[key] for key in ("title", "companyName") if key in person}
    return Conversion(
        payload.get("eventId", "none was given"),
        action,
        int(payload["conversionHappenedAt"]) * 1000,
        minor(told["amount"], told["currencyCode"]) if told else None,
        told["currencyCode"] if told else None,
        contact=Contact(
            emails=(payload["email"],),
            external_ids=tuple(payload.get("externalIds", ())),
            first_name=person.get("firstName", ""),
            last_name=person.get("lastName", ""),
            country=person.get("countryCode", ""),
        ),
        details={"user": {"userInfo": info}} if info else {},
    )


def mended(written: dict[str, Any]) -> dict[str, Any]:
    """Return what the sender wrote with an id, which always goes, and the currency's own decimals."""
    found = {"eventId": "none was given"} | written
    if told := found.get("conversionValue"):
        currency = told["currencyCode"]
        found["conversionValue"] = told | {"amount": money_text(minor(told["amount"], currency), currency)}
    return found


@needs_vectors
@pytest.mark.parametrize("case", USABLE, ids=lambda case: str(case["id"])[-4:])
def test_bodies_as_another_sender_writes_them(case: dict[str, Any]) -> None:
    [expected] = case["expected_requests"]
    action = str(case["input"]["mapping"]["onMappingSave"]["outputs"]["id"])
    payloads = case["input"]["payloads"]
    [request] = LinkedIn({}).requests([of_payload(payload, action) for payload in payloads])
    # what is alone goes as a batch of one
    wanted = expected["body"].get("elements", [expected["body"]])
    assert request.body == {"elements": [mended(written) for written in wanted]}
    assert expected["url"] == LinkedIn.base_url + request.path
    sent = {name.lower(): told for name, told in request.headers.items()}
    assert sent == {"x-restli-method": "BATCH_CREATE"} | {
        name: told for name, told in expected["headers"].items() if name in sent
    }


@needs_vectors
def test_every_usable_case_is_compared() -> None:
    assert len(USABLE) == 18


# --- what is written --------------------------------------------------------------------------------


def test_a_conversion() -> None:
    contact = Contact(
        (" Alexz@Example.com", "other@example.com"), ("+442079460000",), ("u-1", "u-2"), "Alex", "Zed",
        country="gb",
    )  # fmt: skip
    assert body_of(won(contact=contact, value_minor=1_999)) == {
        "conversion": "urn:lla:llaPartnerConversion:987",
        "conversionHappenedAt": NOON // 1000,
        "eventId": "D-1:won",
        "user": {
            "userIds": [
                {"idType": "SHA256_EMAIL", "idValue": ALEX},
                {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "abc"},
            ],
            "userInfo": {"firstName": "Alex", "lastName": "Zed", "countryCode": "GB"},
            "externalIds": ["u-1"],
        },
        "conversionValue": {"currencyCode": "GBP", "amount": "19.99"},
    }


def test_the_list_of_keys_is_there_though_it_is_empty() -> None:
    found = body_of(won(clicks={}, contact=Contact(("no address",), first_name="Alex")))
    assert found["user"] == {"userIds": []}


def test_amounts_are_texts_with_the_currency_s_decimals() -> None:
    told = [body_of(won(value_minor=1_999, currency=code))["conversionValue"] for code in ("JPY", "KWD")]
    assert told == [{"currencyCode": "JPY", "amount": "1999"}, {"currencyCode": "KWD", "amount": "1.999"}]
    assert "conversionValue" not in body_of(won(value_minor=None, currency=None))


def test_a_rule_may_be_named_in_full() -> None:
    assert body_of(won(action="urn:lla:llaPartnerConversion:7"))["conversion"].endswith(":7")


def test_another_version_is_asked_for() -> None:
    asked = [next(LinkedIn(said).requests([won()])) for said in ({}, {"api_version": "202610"})]
    assert [request.headers["LinkedIn-Version"] for request in asked] == ["202603", "202610"]
    assert LinkedIn({"api_version": "202610"}).account == ""


def test_requests_hold_five_thousand() -> None:
    many = [won(transaction_id=str(n)) for n in range(5_001)]
    assert [len(request.conversions) for request in LinkedIn({}).requests(many)] == [5_000, 1]


# --- what is refused beforehand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"clicks": {}}, "no_match_key"),
        ({"clicks": {}, "contact": Contact(emails=("a@b.test",))}, None),
        ({"clicks": {}, "contact": Contact(("no address",), ("+442079460000",))}, "no_match_key"),
        ({"consent": Consent()}, "no_consent"),
        ({"at": NOON + clock.HOUR}, "future"),
        ({"at": NOON - 90 * clock.DAY}, None),
        ({"at": NOON - 90 * clock.DAY - 1}, "too_old"),
        ({"clicked_at": NOON + 1}, "before_click"),
        ({"currency": None}, "currency"),
        ({"change": Change.RESTATED}, "not_restated"),
        ({"change": Change.RETRACTED}, "not_retracted"),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(changed: dict[str, Any], code: str | None) -> None:
    found = LinkedIn({}).refusal(won(**changed), NOON)
    assert (found and found.code) == code


# --- what comes back --------------------------------------------------------------------------------


def request_of(number: int) -> Request:
    """Return a request that tells some conversions."""
    [request] = LinkedIn({}).requests([won(transaction_id=f"D-{n}") for n in range(number)])
    return request


def test_each_conversion_has_its_status() -> None:
    elements = [
        {"status": 201},
        {"status": 422, "error": {"message": "too old", "status": 422}},
        {"status": 429, "error": {"message": "slower", "status": 429}},
        {"status": 500},
        {"status": 403, "error": {"message": "not yours", "serviceErrorCode": 100, "code": "ACCESS_DENIED"}},
    ]
    found = LinkedIn({}).outcomes(request_of(5), Reply(200, {"elements": elements}))
    assert [(str(one.verdict), one.code, one.words) for one in found] == [
        ("accepted", "", ""),
        ("rejected", "422", "too old"),
        ("retry", "429", "slower"),
        ("retry", "500", ""),
        ("retry", "100", "not yours"),
    ]


def test_a_batch_refused_for_some_goes_again_without_them() -> None:
    words = "Index: 1, ERROR :: /conversionHappenedAt; Index: 3, ERROR :: /user"
    found = LinkedIn({}).outcomes(request_of(4), Reply(422, {"message": words, "status": 422}))
    assert [(str(one.verdict), one.code) for one in found] == [
        ("unclear", "422"),
        ("rejected", "422"),
        ("unclear", "422"),
        ("rejected", "422"),
    ]


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code", "seconds"),
    [
        (1, Reply(201, ""), Verdict.ACCEPTED, "", None),
        (2, Reply(200, {"elements": [{"status": 201}, {"status": 201}]}), Verdict.ACCEPTED, "", None),
        (2, Reply(200, {"elements": [{"status": 201}]}), Verdict.RETRY, "malformed", None),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed", None),
        (2, Reply(422, {"message": "no place is named"}), Verdict.UNCLEAR, "422", None),
        (2, Reply(422, {"message": "Index: 9, ERROR"}), Verdict.UNCLEAR, "422", None),
        (1, Reply(422, {"message": "no place is named"}), Verdict.REJECTED, "422", None),
        (2, Reply(401, {"serviceErrorCode": 65600, "code": "INVALID_ACCESS_TOKEN"}),
         Verdict.RETRY, "65600", None),
        (2, Reply(401, {"serviceErrorCode": 65601}), Verdict.RETRY, "65601", None),
        (2, Reply(403, {"message": "No ad accounts found"}), Verdict.RETRY, "403", None),
        (2, Reply(426, {"code": "NONEXISTENT_VERSION"}), Verdict.RETRY, "NONEXISTENT_VERSION", None),
        (2, Reply(429, {"message": "x"}, {"retry-after": "15"}), Verdict.RETRY, "429", 15.0),
        (2, Reply(502, "<html>"), Verdict.RETRY, "502", None),
    ],
)  # fmt: skip
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str, seconds: float | None) -> None:
    found = LinkedIn({}).outcomes(request_of(number), reply)
    assert [(one.verdict, one.code, one.after_seconds) for one in found] == [
        (verdict, code, seconds)
    ] * number
