"""Pipedrive: how fields are written, what others write so too, what its replies mean, and the whole way."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crm_shop import ELLA_FIELDS, LEAD_LACKS, NOW, add, fill
from destination_cases import NOON, cases, conversion, needs_vectors
from freezegun import freeze_time
from loopback import Answer, Asked, Loopback

from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.crm import FIELDS
from attribution.destinations.pipedrive import Pipedrive
from attribution.destinations.request import Reply, Request, Verdict
from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]
UUID = "adf21080-0e10-11eb-879b-05d71fb426ec"
TOUCHED = {
    "first_touch_at": NOON, "first_channel": "x" * 300, "first_campaign": None, "touches": 3,
    "credited_value": Decimal("19.99"),
}  # fmt: skip


def key(kind: str, name: str) -> str:
    """Return the key of a field, 40 signs as Pipedrive makes them."""
    return hashlib.sha1(f"{kind}:{name}".encode()).hexdigest()


def listed(kind: str, *names: str) -> str:
    """Return a setting that names the keys of all fields, or of some."""
    return ", ".join(f"{name}={key(kind, name)}" for name in names or FIELDS)


def pipedrive(**settings: str) -> Pipedrive:
    """Return the destination of a company."""
    return Pipedrive({"deal_fields": listed("deal"), "person_fields": listed("person")} | settings)


def deal(number: int | str = 101, **changed: Any) -> Conversion:
    """Return a deal with what brought it."""
    given = {"transaction_id": f"{number}:revenue", "action": "deals", "details": TOUCHED}
    return conversion(**given | changed)


def request_of(**changed: Any) -> Request:
    """Return the request that writes a deal."""
    [request] = pipedrive().requests([deal(**changed)])
    return request


# --- cases of others --------------------------------------------------------------------------------

NOT_COMPARED = {
    "createUpdateOrganization": "organisations are not written",
    "createUpdateNote": "notes are not written",
    "createUpdateActivity": "activities are not written",
}
UPDATES = [
    (case["id"], request)
    for case in cases("pipedrive")
    if case["usable_pair"] and case["action"] not in NOT_COMPARED
    for request in case["expected_requests"]
    if request["method"] in ("PUT", "PATCH")
]


@needs_vectors
@pytest.mark.parametrize(("name", "expected"), UPDATES, ids=lambda value: str(value)[:20])
def test_cases_of_others(name: str, expected: dict[str, Any]) -> None:
    """They use v1, whose PUT became PATCH in v2, with custom fields in an object of their own."""
    found = re.fullmatch(r"https://\S+?/api/v1/(\w+)/([^?]+)\?.*", expected["url"])
    assert found is not None
    kind, number = found.groups()
    [request] = pipedrive().requests([deal(number, action=kind)])
    assert request.method == "PATCH"
    if kind == "leads":
        assert (request.path, expected["method"]) == (f"/v1/leads/{_quoted(number)}", "PATCH")
        assert all(len(name) == 40 for name in request.body)  # beside each other, as theirs
        return
    assert request.path == f"/api/v2/{kind}/{number}"
    own = "deal_fields" if kind == "deals" else "person_fields"
    if "testType" in expected["body"]:  # a custom field of theirs
        one = Pipedrive({own: "first_channel=testType"})
        told = {"first_channel": expected["body"]["testType"]}
        [request] = one.requests([deal(number, action=kind, details=told)])
        assert request.body == {"custom_fields": {"testType": expected["body"]["testType"]}}


def _quoted(number: str) -> str:
    return number.replace("&", "%26").replace(")", "%29").replace("!", "%21")


@needs_vectors
def test_every_usable_case_is_compared_or_says_why_not() -> None:
    """Of deals, persons and leads the others are made or looked up: a record here has a number."""
    assert len(UPDATES) == 7
    kinds = {case["action"] for case in cases("pipedrive") if case["usable_pair"]}
    assert kinds - NOT_COMPARED.keys() == {"createUpdateDeal", "createUpdateLead", "createUpdatePerson"}


# --- requests ---------------------------------------------------------------------------------------


def test_fields_are_written_as_pipedrive_takes_them() -> None:
    request = request_of()
    assert (request.method, request.path) == ("PATCH", "/api/v2/deals/101")
    told = {name: request.body["custom_fields"][key("deal", name)] for name in FIELDS}
    assert (told["first_touch_at"], told["first_channel"]) == ("2026-11-20", "x" * 255)
    assert (told["first_campaign"], told["touches"], told["credited_value"]) == (None, 3, 19.99)


def test_persons_have_keys_of_their_own_and_leads_those_of_deals() -> None:
    found = list(pipedrive().requests([deal(action="persons"), deal(UUID, action="leads")]))
    assert [request.path for request in found] == ["/api/v2/persons/101", f"/v1/leads/{UUID}"]
    without_money = set(FIELDS) - set(LEAD_LACKS)
    assert found[0].body["custom_fields"].keys() == {key("person", name) for name in without_money}
    assert found[1].body.keys() == {key("deal", name) for name in without_money}


def test_what_is_taken_back_is_emptied() -> None:
    assert set(request_of(change=Change.RETRACTED, details={}).body["custom_fields"].values()) == {None}


def test_without_keys_nothing_can_be_written() -> None:
    one = Pipedrive({"deal_fields": listed("deal", "touches")})
    assert one.actions_for({"revenue": "deals"}) == {"revenue": "deals"}
    with pytest.raises(
        InputError, match="no key for first_touch_at: write first_touch_at=KEY into `deal_fields`"
    ):
        one.actions_for({})
    with pytest.raises(InputError, match="no key for touches"):
        Pipedrive({"deal_fields": "touches"})


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [
        ("deals", "101", None),
        ("persons", "101", None),
        ("leads", UUID, None),
        ("leads", "101", "not_its_id"),
        ("deals", UUID, "not_its_id"),
        ("deals", "../1", "not_its_id"),
    ],
)
def test_what_is_not_written_at_all(kind: str, number: str, code: str | None) -> None:
    found = pipedrive().refusal(deal(number, action=kind), NOON)
    assert (found and found.code) == code


# --- replies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "verdict", "code"),
    [
        (Reply(200, {"success": True, "data": {"id": 101}}), Verdict.ACCEPTED, ""),
        (Reply(200, "<html>"), Verdict.RETRY, "malformed"),
        (Reply(404, {"success": False, "error": "Deal not found"}), Verdict.REJECTED, "404"),
        (Reply(410, {"success": False, "error": "Deal deleted"}), Verdict.REJECTED, "410"),
        (Reply(400, {"success": False, "error": "Validation failed"}), Verdict.REJECTED, "400"),
        (Reply(401, {"success": False, "error": "unauthorized access"}), Verdict.RETRY, "401"),
        (Reply(402, {"success": False, "error": "Company trial expired"}), Verdict.RETRY, "402"),
        (Reply(403, {"success": False, "error": "Forbidden"}), Verdict.RETRY, "403"),
        (Reply(429, {"success": False}), Verdict.RETRY, "429"),
        (Reply(503, None), Verdict.RETRY, "503"),
    ],
)
def test_replies(reply: Reply, verdict: Verdict, code: str) -> None:
    [found] = pipedrive().outcomes(request_of(), reply)
    assert (found.verdict, found.code) == (verdict, code)


def test_how_long_to_wait_stands_in_a_header_of_its_own() -> None:
    [found] = pipedrive().outcomes(request_of(), Reply(429, None, {"x-ratelimit-reset": "7"}))
    assert found.after_seconds == 7
    [found] = pipedrive().outcomes(
        request_of(), Reply(429, None, {"retry-after": "9", "x-ratelimit-reset": "7"})
    )
    assert found.after_seconds == 9


def test_a_check_asks_which_fields_there_are() -> None:
    one = pipedrive(deal_fields=listed("deal", "touches", "model"))
    asked = one.trial(request_of())
    assert asked is not None
    assert (asked.method, asked.path, asked.params) == ("GET", "/api/v2/dealFields", {"limit": "500"})
    fields = [{"field_code": key("deal", "touches"), "field_name": "Touches"}]
    [lacks] = one.outcomes(asked, Reply(200, {"success": True, "data": fields}))
    assert lacks.words.startswith(f"deals lack 1 of 2: {key('deal', 'model')}; make them (Company settings")
    [good] = pipedrive(deal_fields=listed("deal", "touches")).outcomes(asked, Reply(200, {"data": fields}))
    assert good.verdict is Verdict.ACCEPTED
    of_v1 = [{"key": key("deal", "touches"), "name": "Touches"}]
    [good] = pipedrive(deal_fields=listed("deal", "touches")).outcomes(asked, Reply(200, {"data": of_v1}))
    assert good.verdict is Verdict.ACCEPTED
    further = {"data": fields, "additional_data": {"next_cursor": "eyJmIjoi"}}
    [unknown] = one.outcomes(asked, Reply(200, further))
    assert unknown.verdict is Verdict.ACCEPTED  # what is not on the first page may stand on the next
    [refused] = one.outcomes(asked, Reply(401, {"error": "unauthorized access"}))
    assert (refused.verdict, refused.words) == (Verdict.RETRY, "unauthorized access")


def test_persons_have_a_list_of_their_own() -> None:
    [request] = pipedrive().requests([deal(action="persons")])
    asked = pipedrive().trial(request)
    assert asked is not None
    assert asked.path == "/api/v2/personFields"


# --- the whole way ----------------------------------------------------------------------------------


def test_what_brought_deals_and_persons_is_written_once(sqlite_store: Store, serve: Serve, csv: Csv) -> None:
    there: dict[str, dict[str, Any]] = {"/api/v2/deals/101": {}, "/api/v2/persons/201": {}}

    def company(asked: Asked) -> Any:
        assert (asked.method, asked.headers["x-api-token"]) == ("PATCH", "token-word")
        if asked.path not in there:
            return Answer({"success": False, "error": "not found"}, 404)
        there[asked.path] |= asked.body["custom_fields"]
        return {"success": True, "data": {}}

    given = {"api_token": "token-word", "deal_fields": listed("deal"), "person_fields": listed("person")}
    with freeze_time(NOW), serve("send_pipedrive", company, **given) as server:
        fill(sqlite_store, csv)
        totals = sqlite_store.send("pipedrive").totals
        assert (totals["new"], totals["accepted"], totals["rejected"]) == (4, 2, 2)
        sqlite_store.send("pipedrive")
        assert len(server.asked) == 4
        add(sqlite_store, csv, "adjustments", "A-1,101,2026-11-04T00:00:00Z,-2500.00,GBP")
        sqlite_store.send("pipedrive")
        assert len(server.asked) == 5
    expected = {name: None if told == "" else told for name, told in ELLA_FIELDS.items()} | {
        "first_touch_at": "2026-10-01", "last_touch_at": "2026-10-06", "credited_value": 2500.0,
    }  # fmt: skip
    assert there["/api/v2/deals/101"] == {key("deal", name): told for name, told in expected.items()}
    assert there["/api/v2/persons/201"] == {
        key("person", name): told for name, told in expected.items() if name not in LEAD_LACKS
    }
