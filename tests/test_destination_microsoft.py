"""Microsoft's offline conversions: requests as its own models have them, and replies of every kind."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from destination_cases import NOON, cases, conversion, needs_vectors

from attribution import clock
from attribution.destinations.conversion import Change, Consent, Contact, Conversion
from attribution.destinations.microsoft import Microsoft
from attribution.destinations.request import Reply, Request, Verdict
from attribution.errors import InputError

EMAIL = "0a5b8ad8c2ab4bb56c1c1e6a6b3a4ab8b5e4dd4bdb5b4b6fb6d3e4d0bff3d8a1"  # a hash is sent as it is
# danauser@example.com and +442079460000, hashed with sha256sum
DANA = "130a564fc0f9e2cf3b9c7fc4989be6f004509845f42c1d4def3f7ea84a633d50"
PHONE = "543f9cda443b9c55ebcf8ab34b586f9dc34948776b73de02393c41d5f8edc356"


def microsoft(**settings: str) -> Microsoft:
    """Return the destination of an account."""
    return Microsoft({"customer_id": "11", "account_id": "22"} | settings)


def won(**changed: Any) -> Conversion:
    """Return a conversion that Microsoft takes."""
    return conversion(**{"clicks": {"msclkid": "abc"}, "action": "Won deal"} | changed)


def restated(**changed: Any) -> Conversion:
    """Return one that has another value an hour later."""
    return won(
        **{"change": Change.RESTATED, "changed_at": NOON + clock.HOUR, "value_minor": 400_000} | changed
    )


def body_of(one: Conversion, **settings: str) -> dict[str, Any]:
    """Return what is written for one conversion."""
    [request] = microsoft(**settings).requests([one])
    [[written]] = request.body.values()
    return dict(written)


# --- another sender's cases -------------------------------------------------------------------------

_UET = "of the UET Conversions API, another product: events of a tag, not offline conversions of a goal"
USABLE = [case for case in cases("microsoft_uet_capi") if case["usable_pair"]]
EXCEPTIONS = {
    "seg-ms-bing-capi-0000": _UET,
    "seg-ms-bing-capi-0001": _UET,
    "seg-ms-bing-capi-0002": _UET,
    "seg-ms-bing-capi-0004": _UET,
    "seg-ms-bing-capi-0005": _UET,
    "seg-ms-bing-capi-0006": _UET,
    "seg-ms-bing-capi-0007": _UET,
    "seg-ms-bing-capi-0008": _UET,
    "seg-ms-bing-capi-0009": _UET,
    "seg-ms-bing-capi-0010": _UET,
}


@needs_vectors
def test_every_usable_case_has_its_reason() -> None:
    assert EXCEPTIONS.keys() == {case["id"] for case in USABLE}


# --- what is written --------------------------------------------------------------------------------


def test_a_conversion() -> None:
    [request] = microsoft().requests(
        [won(contact=Contact(("Dana.User+ads@Example.com",), ("+442079460000",)))]
    )
    assert (request.method, request.path) == ("POST", "/CampaignManagement/v13/OfflineConversions/Apply")
    assert request.headers == {"CustomerId": "11", "CustomerAccountId": "22"}
    assert request.body == {
        "OfflineConversions": [
            {
                "ConversionName": "Won deal",
                "ConversionTime": "2026-11-20T12:00:00Z",
                "MicrosoftClickId": "abc",
                "HashedEmailAddress": DANA,
                "HashedPhoneNumber": PHONE,
                "ConversionValue": 5000.0,
                "ConversionCurrencyCode": "GBP",
            }
        ]
    }
    assert body_of(won(contact=Contact((EMAIL,))))["HashedEmailAddress"] == EMAIL


def test_adjustments_name_the_conversion_as_it_was_told() -> None:
    both = [restated(at=NOON + 123), restated(change=Change.RETRACTED)]
    [request] = microsoft().requests(both)
    assert request.path == "/CampaignManagement/v13/OfflineConversionAdjustments/Apply"
    key = {
        "ConversionName": "Won deal",
        "ConversionTime": "2026-11-20T12:00:00Z",
        "MicrosoftClickId": "abc",
        "AdjustmentTime": "2026-11-20T13:00:00Z",
    }
    assert request.body["OfflineConversionAdjustments"] == [
        key | {"AdjustmentType": "Restate", "AdjustmentValue": 4000.0, "AdjustmentCurrencyCode": "GBP"},
        key | {"AdjustmentType": "Retract"},
    ]
    assert body_of(won(at=NOON + 123))["ConversionTime"] == "2026-11-20T12:00:00Z"


def test_an_adjustment_is_later_than_its_conversion() -> None:
    for changed_at in (None, NOON - clock.DAY, NOON):
        assert body_of(restated(changed_at=changed_at))["AdjustmentTime"] == "2026-11-20T12:00:01Z"


def official(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return one model of Microsoft's package, without importing the thousand others beside it."""
    package = find_spec("openapi_client")
    if package is None or package.submodule_search_locations is None:
        pytest.skip("msads is not installed")
    file = Path(package.submodule_search_locations[0], "models", "campaign", f"{name}.py")
    spec = spec_from_file_location(f"msads_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # where its annotations are looked up
    spec.loader.exec_module(module)
    return getattr(module, "".join(word.title() for word in name.split("_")))


def test_bodies_are_what_the_official_models_have(monkeypatch: pytest.MonkeyPatch) -> None:
    contact = Contact(("dana@example.com",), ("+442079460000",))
    full = won(contact=contact, share_millionths=250_000, model="linear", value_minor=1_999, currency="JPY")
    there = microsoft(externally_attributed="yes")
    by_contact = restated(change=Change.RETRACTED, clicks={}, contact=contact)
    new, adjusted = there.requests([full, restated(contact=contact), by_contact, restated(clicks={})])
    model = official("offline_conversion", monkeypatch)
    [written] = new.body["OfflineConversions"]
    one = model.from_dict(written)
    assert clock.to_micros(one.conversion_time) == NOON
    assert (one.conversion_value, one.external_attribution_credit) == (1999.0, 0.25)
    assert written.keys() == {field.alias for field in model.model_fields.values()}
    model = official("offline_conversion_adjustment", monkeypatch)
    first, second, third = adjusted.body["OfflineConversionAdjustments"]
    one, other = model.from_dict(first), model.from_dict(second)
    assert clock.to_micros(one.adjustment_time) == NOON + clock.HOUR
    assert (one.adjustment_type, one.adjustment_value, other.adjustment_type) == (
        "Restate",
        4000.0,
        "Retract",
    )
    known = {field.alias for field in model.model_fields.values()}
    assert first.keys() | second.keys() == known
    assert first.keys() & {"MicrosoftClickId", "HashedEmailAddress"} == {"MicrosoftClickId"}
    assert second.keys() - third.keys() == {"HashedEmailAddress", "HashedPhoneNumber"}


def test_a_credit_is_told_to_goals_that_take_it() -> None:
    credited = won(share_millionths=333_333, model="linear")
    told = body_of(credited, externally_attributed="yes")
    assert (told["ExternalAttributionCredit"], told["ExternalAttributionModel"]) == (0.333333, "linear")
    assert not any(name.startswith("External") for name in body_of(credited))
    with pytest.raises(InputError, match="allowed are yes and no"):
        microsoft(externally_attributed="1")


def test_money_is_written_exactly() -> None:
    assert repr(body_of(won(value_minor=1_999))["ConversionValue"]) == "19.99"
    assert repr(body_of(won(value_minor=1_999, currency="JPY"))["ConversionValue"]) == "1999"


def test_requests_hold_a_thousand_and_adjustments_go_apart() -> None:
    many = [restated(), *(won(transaction_id=str(n)) for n in range(1_001))]
    assert [len(request.conversions) for request in microsoft().requests(many)] == [1_000, 1, 1]


# --- what is refused beforehand ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "settings", "code"),
    [
        (won(), {}, None),
        (won(clicks={}), {}, "no_match_key"),
        (won(clicks={"gclid": "x"}), {}, "no_match_key"),
        (won(clicks={}, contact=Contact(phones=("+442079460000",))), {}, None),
        (won(consent=Consent()), {}, "no_consent"),
        (won(at=NOON - 90 * clock.DAY), {}, None),
        (won(at=NOON - 90 * clock.DAY - 1), {}, "too_old"),
        (won(at=NOON + clock.HOUR), {}, "future"),
        (won(clicked_at=NOON + 1), {}, "before_click"),
        (restated(), {}, None),
        (restated(clicks={}), {}, "no_match_key"),
        (restated(change=Change.RETRACTED), {}, None),
        (restated(at=NOON - 90 * clock.DAY - 1), {}, "too_old"),
        (restated(value_minor=None, currency=None), {}, "no_value"),
        (won(), {"externally_attributed": "yes"}, "no_share"),
        (won(share_millionths=1), {"externally_attributed": "yes"}, None),
    ],
)
def test_what_cannot_be_sent_is_told_beforehand(
    one: Conversion, settings: dict[str, str], code: str | None
) -> None:
    found = microsoft(**settings).refusal(one, NOON)
    assert (found and found.code) == code


def test_settings_that_are_needed() -> None:
    with pytest.raises(InputError, match="account_id"):
        Microsoft({"customer_id": "11"})


# --- what comes back --------------------------------------------------------------------------------


def request_of(number: int) -> Request:
    """Return a request that tells some conversions."""
    [request] = microsoft().requests([won(transaction_id=f"D-{n}") for n in range(number)])
    return request


def error(code: str, place: int | None = None) -> dict[str, Any]:
    """Return one error as Microsoft writes it."""
    return {"Index": place, "ErrorCode": code, "Code": 5413, "Message": f"what {code} means"}


def test_those_refused_are_found_by_their_places() -> None:
    errors = [error("DuplicateConversionKey", 2), None, error("InternalError", 3), error("InvalidName", 1)]
    found = microsoft().outcomes(request_of(4), Reply(200, {"PartialErrors": errors}, {"trackingid": "t-1"}))
    assert [(str(one.verdict), one.code) for one in found] == [
        ("accepted", ""),
        ("rejected", "InvalidName"),
        ("duplicate", "DuplicateConversionKey"),
        ("retry", "InternalError"),
    ]
    assert (found[0].reference, found[1].words) == ("t-1", "what InvalidName means")


@pytest.mark.parametrize(
    ("number", "reply", "verdict", "code", "seconds"),
    [
        (2, Reply(200, {"PartialErrors": []}), Verdict.ACCEPTED, "", None),
        (2, Reply(200, {"PartialErrors": None}), Verdict.ACCEPTED, "", None),
        (2, Reply(200, "<html>"), Verdict.RETRY, "malformed", None),
        (2, Reply(200, {"PartialErrors": [error("InvalidDate")]}), Verdict.UNCLEAR, "InvalidDate", None),
        (1, Reply(200, {"PartialErrors": [error("InvalidDate", 7)]}), Verdict.REJECTED, "InvalidDate", None),
        (2, Reply(400, {"OperationErrors": [error("InvalidDate")]}), Verdict.UNCLEAR, "InvalidDate", None),
        (1, Reply(400, {"OperationErrors": [error("InvalidDate")]}), Verdict.REJECTED, "InvalidDate", None),
        (2, Reply(200, {"OperationErrors": [error("InvalidDate")]}), Verdict.UNCLEAR, "InvalidDate", None),
        (2, Reply(400, {"Errors": [error("CallRateExceeded")]}, {"retry-after": "60"}),
         Verdict.RETRY, "CallRateExceeded", 60.0),
        (2, Reply(200, {"Errors": [error("AuthenticationTokenExpired")]}),
         Verdict.RETRY, "AuthenticationTokenExpired", None),
        (2, Reply(429, None, {"retry-after": "9"}), Verdict.RETRY, "429", 9.0),
        (2, Reply(401, None), Verdict.RETRY, "401", None),
        (2, Reply(403, {"Errors": [error("UserIsNotAuthorized")]}),
         Verdict.RETRY, "UserIsNotAuthorized", None),
        (2, Reply(500, {"Errors": [error("InternalError")]}), Verdict.RETRY, "InternalError", None),
        (1, Reply(400, "no JSON"), Verdict.REJECTED, "400", None),
    ],
)  # fmt: skip
def test_replies(number: int, reply: Reply, verdict: Verdict, code: str, seconds: float | None) -> None:
    found = microsoft().outcomes(request_of(number), reply)
    assert [(one.verdict, one.code, one.after_seconds) for one in found] == [
        (verdict, code, seconds)
    ] * number


def test_a_request_refused_for_one_goes_again_without_it() -> None:
    reply = Reply(400, {"BatchErrors": [error("InvalidDate", 1)]})
    assert [str(one.verdict) for one in microsoft().outcomes(request_of(3), reply)] == [
        "unclear",
        "rejected",
        "unclear",
    ]


def test_what_is_final_weighs_more_than_what_passes() -> None:
    errors = [error("InternalError", 0), error("InvalidName", 0)]
    [found] = microsoft().outcomes(request_of(1), Reply(200, {"PartialErrors": errors}))
    assert (found.verdict, found.code) == (Verdict.REJECTED, "InvalidName")


@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        (Change.NEW, "DuplicateConversionKey", Verdict.DUPLICATE),
        (Change.NEW, "ConversionAlreadyRetracted", Verdict.REJECTED),
        (Change.RETRACTED, "ConversionAlreadyRetracted", Verdict.DUPLICATE),
        (Change.RESTATED, "ConversionAlreadyRetracted", Verdict.REJECTED),
        (Change.RESTATED, "AdjustmentOriginalNotFound", Verdict.REJECTED),
    ],
)
def test_what_is_there_already_is_as_good_as_accepted(change: Change, code: str, verdict: Verdict) -> None:
    [request] = microsoft().requests([restated(change=change)])
    [found] = microsoft().outcomes(request, Reply(200, {"PartialErrors": [error(code, 0)]}))
    assert found.verdict is verdict
