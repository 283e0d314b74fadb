"""HubSpot: how fields are written, what others write the same way, and what its replies mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from destination_cases import NOON, cases, conversion, needs_vectors

from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.crm import FIELDS, Kind
from attribution.destinations.hubspot import HubSpot
from attribution.destinations.request import Reply, Request, Verdict
from attribution.errors import InputError, UnknownNameError

TOUCHED = {
    "first_touch_at": NOON + 123_999, "first_channel": "Paid Search", "first_campaign": None, "touches": 3,
    "credited_value": Decimal("19.99"),
}  # fmt: skip


def hubspot(**settings: str) -> HubSpot:
    """Return the destination."""
    return HubSpot(settings)


def deal(number: int | str = 101, **changed: Any) -> Conversion:
    """Return a deal with what brought it."""
    given = {"transaction_id": f"{number}:revenue", "action": "deals", "details": TOUCHED}
    return conversion(**given | changed)


def request_of(number: int, **changed: Any) -> Request:
    """Return a request that writes some deals."""
    [request] = hubspot().requests([deal(101 + n, **changed) for n in range(number)])
    return request


# --- cases of others --------------------------------------------------------------------------------

NOT_COMPARED = {
    "upsertCompany": "companies: they are not written",
    "customEvent": "events of people: nothing of a record is written",
    "upsertCustomObjectRecord": "records of one's own objects: they are not written",
    "upsertContact": "people are found or made by their addresses; here a record is known by its number",
    "upsertObject": "as upsertContact, with lists and associations",
    "sendCustomBehavioralEvent": "events of people: nothing of a record is written",
}
UPDATES = [
    (case["id"], request)
    for case in cases("hubspot")
    if case["usable_pair"]
    for request in case["expected_requests"]
    if request["url"].endswith("/objects/contacts/batch/update")
]


@needs_vectors
@pytest.mark.parametrize(("name", "expected"), UPDATES, ids=lambda value: str(value)[:20])
def test_cases_of_others(name: str, expected: dict[str, Any]) -> None:
    """Their properties take the places of ours: texts of texts, whole numbers of the number of touches."""
    theirs = {key: told for one in expected["body"]["inputs"] for key, told in one["properties"].items()}
    texts = iter([ours for ours, field in FIELDS.items() if field.kind is Kind.TEXT and not field.deals_only])
    ours = {key: "touches" if isinstance(told, int) else next(texts) for key, told in theirs.items()}
    contacts = [
        conversion(
            transaction_id=f"{one['id']}:leads",
            action="contacts",
            details={ours[key]: told or None for key, told in one["properties"].items()},
        )
        for one in expected["body"]["inputs"]
    ]
    named = ", ".join(f"{mine}={key}" for key, mine in ours.items())
    [request] = hubspot(fields=named).requests(contacts)
    assert request.body == expected["body"]
    assert request.method == expected["method"]
    assert f"https://api.hubapi.com{request.path}" == expected["url"]


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    assert len(UPDATES) == 6
    others = {
        case["action"]
        for case in cases("hubspot")
        if case["usable_pair"] and case["id"] not in {name for name, _ in UPDATES}
    }
    assert others <= NOT_COMPARED.keys()


# --- requests ---------------------------------------------------------------------------------------


def test_fields_are_written_as_hubspot_takes_them() -> None:
    [one] = request_of(1).body["inputs"]
    properties = one["properties"]
    assert one["id"] == "101"
    assert set(properties) == {f"attribution_{name}" for name in FIELDS}
    assert properties["attribution_first_touch_at"] == "2026-11-20T12:00:00.123Z"
    assert (properties["attribution_touches"], properties["attribution_credited_value"]) == (3, 19.99)
    assert properties["attribution_first_campaign"] == ""  # it empties what stood there


def test_what_is_taken_back_is_emptied() -> None:
    [one] = request_of(1, change=Change.RETRACTED, details={}).body["inputs"]
    assert set(one["properties"].values()) == {""}


def test_leads_have_no_money() -> None:
    [request] = hubspot().requests([deal(action="contacts")])
    [one] = request.body["inputs"]
    assert FIELDS.keys() - {name.removeprefix("attribution_") for name in one["properties"]} == {
        "credited_value", "credited_currency",
    }  # fmt: skip


def test_each_object_has_requests_of_a_hundred() -> None:
    many = [deal(n, action=kind) for n in range(101) for kind in ("deals", "contacts")]
    found = [(request.path.split("/")[4], len(request.conversions)) for request in hubspot().requests(many)]
    assert found == [("deals", 100), ("deals", 1), ("contacts", 100), ("contacts", 1)]


def test_names_are_ones_own() -> None:
    [request] = hubspot(prefix="mkt_", fields="touches, first_channel=how").requests([deal()])
    assert request.body["inputs"][0]["properties"] == {"mkt_touches": 3, "how": "Paid Search"}


def test_other_names_are_another_account() -> None:
    """What was written under other names is no reason not to write it."""
    assert hubspot(portal="4711").account == "4711"
    accounts = {
        hubspot(portal="4711", **more).account for more in ({}, {"prefix": "x_"}, {"fields": "touches"})
    }
    assert len(accounts) == 3


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ("first_chanel", UnknownNameError, "did you mean 'first_channel'"),
        ("first_channel=a, last_channel=a", InputError, "names a for several fields"),
    ],
)
def test_fields_that_cannot_be(fields: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        hubspot(fields=fields)


@pytest.mark.parametrize(
    ("named", "error", "words"),
    [
        (
            {"revenue": "deals", "pipeline": "deals"},
            InputError,
            "revenue and pipeline would be written on the",
        ),
        ({"leads": "deals"}, InputError, "leads cannot be written on deals; allowed: contacts"),
        ({"leads": "people"}, UnknownNameError, "object of HubSpot for action_leads 'people'"),
    ],
)
def test_goals_that_cannot_be_written_so(named: dict[str, str], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        hubspot().actions_for(named)


def test_who_names_a_goal_means_no_other() -> None:
    assert hubspot().actions_for({}) == {"revenue": "deals", "leads": "contacts"}
    assert hubspot().actions_for({"pipeline": "deals"}) == {"pipeline": "deals"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({}, None),
        ({"consent": Conversion("", "", 0).consent}, None),  # the portal has the person already
        ({"change": Change.RETRACTED, "details": {}}, None),
        ({"at": NOON * 2}, None),
        ({"transaction_id": "006A:revenue"}, "not_its_id"),
        ({"transaction_id": "erased-7"}, "not_its_id"),
        ({"transaction_id": "\u0661:revenue"}, "not_its_id"),
        ({"details": {}}, "no_journey"),
    ],
)
def test_what_is_not_written_at_all(changed: dict[str, Any], code: str | None) -> None:
    found = hubspot().refusal(deal(**changed), NOON)
    assert (found and found.code) == code


# --- replies ----------------------------------------------------------------------------------------


def error(category: str, **more: Any) -> dict[str, Any]:
    """Return an error as HubSpot writes it."""
    return {"status": "error", "category": category, "message": "m"} | more


def some(*errors: dict[str, Any], results: tuple[str, ...] = ()) -> Reply:
    """Return an answer of which some failed."""
    return Reply(
        207, {"status": "COMPLETE", "results": [{"id": one} for one in results], "errors": [*errors]}
    )


ABSENT = error("VALIDATION_ERROR") | {
    "message": 'Property values were not valid: [{"error":"PROPERTY_DOESNT_EXIST",'
    '"name":"attribution_model"}]'
}


@pytest.mark.parametrize(
    ("number", "reply", "expected"),
    [
        (2, Reply(200, {"status": "COMPLETE", "results": [{"id": "101"}, {"id": "9"}]}), "accepted accepted"),
        (2, some(error("OBJECT_NOT_FOUND", context={"ids": ["102"]}), results=("101",)), "accepted rejected"),
        (2, some(error("OBJECT_NOT_FOUND", context={"ids": ["102"]})), "accepted rejected"),
        (2, some(error("RATE_LIMITS", context={"ids": ["101"]}), results=("102",)), "retry accepted"),
        (3, some(error("VALIDATION_ERROR"), results=("101",)), "accepted unclear unclear"),
        (1, some(error("VALIDATION_ERROR")), "rejected"),
        (2, some(error("RATE_LIMITS")), "retry retry"),
        (2, Reply(400, error("VALIDATION_ERROR")), "unclear unclear"),
        (1, Reply(400, error("VALIDATION_ERROR")), "rejected"),
        (2, Reply(400, ABSENT), "retry retry"),
        (2, Reply(401, error("INVALID_AUTHENTICATION")), "retry retry"),
        (2, Reply(403, error("MISSING_SCOPES")), "retry retry"),
        (1, Reply(409, error("CONFLICT")), "retry"),
        (1, Reply(423, error("LOCKED")), "retry"),
        (2, Reply(429, error("RATE_LIMITS"), {"retry-after": "9"}), "retry retry"),
        (1, Reply(502, "<html>"), "retry"),
        (2, Reply(200, "<html>"), "retry retry"),
    ],
)
def test_replies(number: int, reply: Reply, expected: str) -> None:
    found = hubspot().outcomes(request_of(number), reply)
    assert " ".join(one.verdict for one in found) == expected


def test_a_missing_property_is_named_with_what_to_do() -> None:
    [found] = hubspot().outcomes(request_of(1), Reply(400, ABSENT))
    assert (found.verdict, found.code) == (Verdict.RETRY, "no_property")
    assert found.words.startswith("there is no property attribution_model; make it (Settings, Properties")


def test_a_check_asks_which_properties_there_are() -> None:
    asked = hubspot(fields="touches, model").trial(request_of(1))
    assert asked is not None
    assert (asked.method, asked.path, asked.body) == ("GET", "/crm/v3/properties/deals", None)
    there = [{"name": "attribution_touches"}]
    [lacks] = hubspot(fields="touches, model").outcomes(asked, Reply(200, {"results": there}))
    assert lacks.words.startswith("deals lack 1 of 2: attribution_model; make them (")
    [all_there] = hubspot(fields="touches").outcomes(asked, Reply(200, {"results": there}))
    assert all_there.verdict is Verdict.ACCEPTED
    [refused] = hubspot().outcomes(asked, Reply(401, error("INVALID_AUTHENTICATION")))
    assert (refused.verdict, refused.code) == (Verdict.RETRY, "INVALID_AUTHENTICATION")
