"""Salesforce: how fields are written, what others write so too, what its replies mean, and the whole way."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crm_shop import ELLA_FIELDS, NOW, add, fill
from destination_cases import NOON, cases, conversion, needs_vectors
from freezegun import freeze_time
from loopback import Answer, Asked, Loopback

from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.crm import FIELDS, Kind
from attribution.destinations.request import Reply, Request, Verdict
from attribution.destinations.salesforce import Salesforce
from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]
DEAL, LEAD, CONTACT = "006000000000101AAA", "00Q000000000201AAA", "003000000000201AAA"
PATH = "/services/data/v62.0/composite/sobjects"
TRIGGER = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
TOUCHED = {
    "first_touch_at": NOON, "first_channel": "x" * 300, "first_campaign": None, "touches": 3,
    "credited_value": Decimal("19.99"),
}  # fmt: skip


def salesforce(**settings: str) -> Salesforce:
    """Return the destination of an organisation."""
    return Salesforce({"instance_url": "https://acme.my.salesforce.com/"} | settings)


def deal(key: str = DEAL, **changed: Any) -> Conversion:
    """Return an opportunity with what brought it."""
    given = {"transaction_id": f"{key}:revenue", "action": "Opportunity", "details": TOUCHED}
    return conversion(**given | changed)


def request_of(number: int) -> Request:
    """Return a request that writes some opportunities."""
    [request] = salesforce().requests([deal(f"006{n:012}") for n in range(number)])
    return request


# --- cases of others --------------------------------------------------------------------------------

NOT_COMPARED = {
    "account": "accounts are not written",
    "cases": "cases are not written",
    "customObject": "objects of one's own are not written",
}
UPDATES = [
    (case["id"], request)
    for case in cases("salesforce")
    if case["usable_pair"] and case["action"].rstrip("2") in ("contact", "lead", "opportunity")
    for request in case["expected_requests"]
    if request["method"] == "PATCH"
]


@needs_vectors
@pytest.mark.parametrize(("name", "expected"), UPDATES, ids=lambda value: str(value)[:20])
def test_cases_of_others(name: str, expected: dict[str, Any]) -> None:
    """They write one record a request, here a collection of one: the same record, and as its address says."""
    kind, key = re.fullmatch(r"https://\S+/sobjects/(\w+)/(\d+)", expected["url"]).groups()  # type: ignore[union-attr]
    texts = [ours for ours, field in FIELDS.items() if field.kind is Kind.TEXT and not field.deals_only]
    ours = dict(zip(expected["body"], texts, strict=False))
    details = {ours[theirs]: told for theirs, told in expected["body"].items()}
    named = ", ".join(f"{mine}={theirs}" for theirs, mine in ours.items())
    [request] = salesforce(fields=named).requests([deal(key, action=kind, details=details)])
    assert (request.method, request.path) == (expected["method"], PATH)
    [record] = request.body["records"]
    assert record == {"attributes": {"type": kind}, "id": key} | expected["body"]


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    """Of leads, contacts and opportunities the others make, delete or look up: a record here has a number."""
    assert len(UPDATES) == 12
    kinds = {case["action"].rstrip("2") for case in cases("salesforce") if case["usable_pair"]}
    assert kinds - {"contact", "lead", "opportunity"} == NOT_COMPARED.keys()


# --- requests ---------------------------------------------------------------------------------------


def test_fields_are_written_as_salesforce_takes_them() -> None:
    [request] = salesforce().requests([deal()])
    assert request.body["allOrNone"] is False
    assert request.headers == {
        "Sforce-Auto-Assign": "FALSE", "Sforce-Duplicate-Rule-Header": "allowSave=true",
    }  # fmt: skip
    [record] = request.body["records"]
    assert record["id"] == DEAL
    assert record["attributes"] == {"type": "Opportunity"}
    assert record["Attribution_First_Touch_At__c"] == "2026-11-20T12:00:00.000Z"
    assert record["Attribution_First_Channel__c"] == "x" * 255
    assert record["Attribution_First_Campaign__c"] is None
    assert (record["Attribution_Touches__c"], record["Attribution_Credited_Value__c"]) == (3, 19.99)
    assert len(record) == 2 + len(FIELDS)


def test_what_is_taken_back_is_emptied() -> None:
    [request] = salesforce().requests([deal(change=Change.RETRACTED, details={})])
    told = {name: value for name, value in request.body["records"][0].items() if name.endswith("__c")}
    assert set(told.values()) == {None}


def test_each_object_has_requests_of_two_hundred() -> None:
    many = [deal(str(n), action=kind) for n in range(201) for kind in ("Opportunity", "Lead")]
    assert [len(request.conversions) for request in salesforce().requests(many)] == [200, 1, 200, 1]


@pytest.mark.parametrize(
    ("kind", "key", "code"),
    [
        ("Opportunity", DEAL, None),
        ("Opportunity", DEAL[:15], None),
        ("Lead", LEAD, None),
        ("Contact", CONTACT, None),
        ("Lead", CONTACT, "not_its_id"),
        ("Opportunity", "101", "not_its_id"),
        ("Opportunity", DEAL[:16], "not_its_id"),
    ],
)
def test_what_is_not_written_at_all(kind: str, key: str, code: str | None) -> None:
    found = salesforce().refusal(deal(key, action=kind), NOON)
    assert (found and found.code) == code


def test_an_address_is_needed_to_which_a_secret_may_go() -> None:
    assert salesforce().home == "https://acme.my.salesforce.com"
    with pytest.raises(InputError, match="instance_url"):
        salesforce(instance_url="http://acme.my.salesforce.com")


def test_another_version_is_asked_for_and_is_no_other_account() -> None:
    newer = salesforce(prefix="Ours_", api_version="v66.0")
    [request] = newer.requests([deal()])
    assert request.path == "/services/data/v66.0/composite/sobjects"
    asked = newer.trial(request)
    assert asked is not None
    assert asked.path == "/services/data/v66.0/sobjects/Opportunity/describe"
    assert newer.account == salesforce(prefix="Ours_").account


@pytest.mark.parametrize(
    ("text", "read"),
    [("v62.0", "v62.0"), ("66.0", "v66.0"), ("66", "v66.0"), ("v51.0", None), ("newest", None)],
)
def test_versions_that_know_the_headers(text: str, read: str | None) -> None:
    [form] = [need.form for need in Salesforce.settings if need.name == "api_version"]
    assert form is not None
    assert form.read(text) == read


# --- replies ----------------------------------------------------------------------------------------


def result(code: str = "", words: str = "m") -> dict[str, Any]:
    """Return what became of one record."""
    if not code:
        return {"id": DEAL, "success": True, "errors": []}
    return {"success": False, "errors": [{"statusCode": code, "message": words, "fields": []}]}


def fault(status: int, code: str) -> Reply:
    """Return a refusal of a whole request."""
    return Reply(status, [{"errorCode": code, "message": "m"}])


@pytest.mark.parametrize(
    ("number", "reply", "expected"),
    [
        (2, Reply(200, [result(), result()]), "accepted accepted"),
        (2, Reply(200, [result("ENTITY_IS_DELETED"), result()]), "rejected accepted"),
        (2, Reply(200, [result(), result("CANNOT_UPDATE_CONVERTED_LEAD")]), "accepted rejected"),
        (2, Reply(200, [result(), result("UNABLE_TO_LOCK_ROW")]), "accepted retry"),
        (2, Reply(200, [result(), result("INVALID_FIELD_FOR_INSERT_UPDATE")]), "accepted retry"),
        (2, Reply(200, [result("UNKNOWN_EXCEPTION"), result()]), "retry accepted"),
        (2, Reply(200, [result("REQUEST_RUNNING_TOO_LONG"), result()]), "retry accepted"),
        (2, Reply(200, [result("QUERY_TIMEOUT"), result()]), "retry accepted"),
        (2, Reply(200, [result(TRIGGER, "AfterUpdate: UNABLE_TO_LOCK_ROW, 0Q"), result()]), "retry accepted"),
        (2, Reply(200, [result(TRIGGER, "AfterUpdate: NullPointer"), result()]), "rejected accepted"),
        (2, Reply(200, [result("DUPLICATES_DETECTED"), result()]), "rejected accepted"),
        (2, Reply(200, [{"success": False}, result()]), "rejected accepted"),
        (2, Reply(200, [result()]), "retry retry"),
        (2, Reply(200, "<html>"), "retry retry"),
        (2, fault(400, "INVALID_FIELD"), "retry retry"),
        (2, fault(400, "JSON_PARSER_ERROR"), "unclear unclear"),
        (1, fault(400, "MALFORMED_ID"), "rejected"),
        (2, fault(401, "INVALID_SESSION_ID"), "retry retry"),
        (2, fault(403, "REQUEST_LIMIT_EXCEEDED"), "retry retry"),
        (2, fault(409, "CONFLICT"), "retry retry"),
        (1, fault(409, "CONFLICT"), "retry"),
        (2, fault(503, "SERVER_UNAVAILABLE"), "retry retry"),
    ],
)
def test_replies(number: int, reply: Reply, expected: str) -> None:
    found = salesforce().outcomes(request_of(number), reply)
    assert " ".join(one.verdict for one in found) == expected


def test_a_field_that_is_missing_is_told_with_what_to_do() -> None:
    words = "No such column 'Attribution_Model__c' on sobject of type Opportunity"
    reply = Reply(400, [{"errorCode": "INVALID_FIELD", "message": words}])
    [found] = salesforce().outcomes(request_of(1), reply)
    assert found.code == "no_property"
    assert found.words.startswith(f"{words}; make it (Setup, Object Manager")


def test_a_check_asks_which_fields_can_be_written() -> None:
    asked = salesforce(fields="touches, model").trial(request_of(1))
    assert asked is not None
    assert (asked.method, asked.path) == ("GET", "/services/data/v62.0/sobjects/Opportunity/describe")
    fields = [{"name": "Attribution_Touches__c", "updateable": True}]
    hidden = [{"name": "Attribution_Model__c", "updateable": False}]
    [lacks] = salesforce(fields="touches, model").outcomes(asked, Reply(200, {"fields": fields + hidden}))
    assert lacks.words.startswith("Opportunity lack 1 of 2: Attribution_Model__c; make them (Setup")
    [good] = salesforce(fields="touches").outcomes(asked, Reply(200, {"fields": fields}))
    assert good.verdict is Verdict.ACCEPTED
    [refused] = salesforce().outcomes(asked, fault(403, "INSUFFICIENT_ACCESS"))
    assert (refused.verdict, refused.code) == (Verdict.RETRY, "INSUFFICIENT_ACCESS")


# --- the whole way ----------------------------------------------------------------------------------


class Organisation:
    """Keeps what is written on its records."""

    def __init__(self, *there: str) -> None:
        self.records: dict[str, dict[str, Any]] = {key: {} for key in there}
        self.grants: list[str] = []
        self.writes = 0

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/services/oauth2/token":
            self.grants.append(asked.body["grant_type"])
            return {"access_token": "access-word", "instance_url": "https://elsewhere.test"}
        assert asked.headers["authorization"] == "Bearer access-word"
        assert (asked.method, asked.path) == ("PATCH", PATH)
        return Answer([self._write(record) for record in asked.body["records"]])

    def _write(self, record: dict[str, Any]) -> dict[str, Any]:
        if record["id"] not in self.records:
            return result("INVALID_CROSS_REFERENCE_KEY")
        self.writes += 1
        self.records[record["id"]] |= {n: told for n, told in record.items() if n.endswith("__c")}
        return result()


@pytest.mark.parametrize("secrets", [{"refresh_token": "refresh-word"}, {}])
def test_what_brought_opportunities_and_leads_is_written_once(
    sqlite_store: Store, serve: Serve, csv: Csv, secrets: dict[str, str]
) -> None:
    omar = DEAL.replace("101", "102")
    ids = {"101": DEAL, "102": omar, "201": LEAD, "202": LEAD.replace("201", "202")}
    there = Organisation(DEAL, LEAD)
    given = {"client_id": "id-word", "client_secret": "secret-word"} | secrets
    with freeze_time(NOW), serve("send_salesforce", there, **given) as server:
        url = {"instance_url": server.url}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ATTRIBUTION_SEND_SALESFORCE_INSTANCE_URL", url["instance_url"])
            patch.delenv("ATTRIBUTION_SEND_SALESFORCE_BASE_URL")
            patch.delenv("ATTRIBUTION_SEND_SALESFORCE_LOGIN_URL")
            fill(sqlite_store, csv, ids)
            totals = sqlite_store.send("salesforce").totals
            assert (totals["new"], totals["accepted"], totals["rejected"]) == (4, 2, 2)
            add(sqlite_store, csv, "adjustments", f"A-1,{DEAL},2026-11-04T00:00:00Z,-2500.00,GBP")
            totals = sqlite_store.send("salesforce").totals
            assert (totals["new"], totals["restated"], totals["accepted"]) == (0, 1, 1)
    assert there.grants[0] == ("refresh_token" if secrets else "client_credentials")
    expected = {
        f"Attribution_{name.title()}__c": None if told == "" else told for name, told in ELLA_FIELDS.items()
    }
    assert there.records[DEAL] == expected | {"Attribution_Credited_Value__c": 2500.0}
    assert there.records[LEAD].keys() == expected.keys() - {
        "Attribution_Credited_Value__c", "Attribution_Credited_Currency__c",
    }  # fmt: skip
    assert there.writes == 3
