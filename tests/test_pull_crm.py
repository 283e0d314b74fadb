"""Deals and people out of CRMs, as their APIs answer: what becomes of them in the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hubspot_portal import TOKEN, Portal
from loopback import Answer, Asked, Loopback, Patience
from sqlalchemy import text

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import PullAccessError
from attribution.pulls.pull import StreamResult, pull

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]


def pulled(store: Store, source: str, **options: Any) -> dict[str, StreamResult]:
    """Pull; results by stream."""
    return {r.stream: r for r in pull(store.db, source, waits=Patience().waits(), **options)}


def read(store: Store, query: str) -> list[tuple[Any, ...]]:
    """Ask the store."""
    with store.db.read() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


BAD = "SELECT file, raw FROM rejected_row ORDER BY rejected_id"
DEALS = "SELECT key, status, amount_minor, currency FROM deal ORDER BY key"


# --- HubSpot --------------------------------------------------------------------------------------------


@pytest.fixture
def portal() -> Portal:
    """Two contacts, one of them merged, and two deals."""
    made = Portal()
    made.contact(1, "2026-02-01T10:00:00Z", hs_merged_object_ids="8;9", company="Acme")
    made.contact(2, "2026-02-02T10:00:00Z")
    made.deal(
        71, "2026-03-01T10:00:00Z", contacts=(1, 2), amount="2500.50", hs_is_closed="true",
        hs_is_closed_won="true", closedate="2026-02-20T12:00:00Z", dealtype="newbusiness",
        history=(("11", "2026-01-06T09:00:00Z"), ("12", "2026-02-20T12:00:00Z")),
    )  # fmt: skip
    made.deal(72, "2026-03-02T10:00:00Z", amount="100", deal_currency_code="USD", contacts=(2,))
    return made


def test_hubspot(store: Store, serve: Serve, portal: Portal) -> None:
    """Deals with their contacts and stages; the portal's currency where a deal has none."""
    with serve("hubspot", portal, token=TOKEN):
        results = pulled(store, "hubspot")
        assert [r.state for r in results.values()] == ["done", "done"]
        assert [r.counts["rejected"] for r in results.values()] == [0, 0]
        again = pulled(store, "hubspot")
    assert read(store, DEALS) == [("71", "won", 250050, "EUR"), ("72", "open", 10000, "USD")]
    assert read(store, "SELECT object_key, stage FROM stage ORDER BY at") == [
        ("71", "Demo held"),
        ("71", "Won"),
    ]
    assert read(store, "SELECT deal_key, is_primary FROM contact_of_deal ORDER BY key") == [
        ("71", 0),
        ("71", 0),
        ("72", 0),
    ]
    assert read(store, "SELECT count(*) FROM lead") == [(2,)]
    for result in again.values():
        assert (result.counts["accepted"], result.counts["updated"]) == (0, 0)


def test_what_is_pulled_is_attributed(sqlite_store: Store, serve: Serve, portal: Portal, csv: Csv) -> None:
    """From a visit by e-mail over the contact, also the one that was merged, to the deal that was won."""
    touches = csv(
        "touches",
        """touch_id,visitor_id,at,source,medium,email
        t1,v1,2026-01-02T10:00:00Z,google,cpc,p1@example.com
        t2,v2,2026-01-03T10:00:00Z,newsletter,email,p2@example.com""",
    )
    del portal.records["deals"]["72"]  # in another currency
    with serve("hubspot", portal, token=TOKEN):
        pulled(sqlite_store, "hubspot")
    sqlite_store.import_table("touches", touches)
    sqlite_store.run(models=["linear"])
    answer = sqlite_store.report(by=["channel"], model="linear")
    assert {row["channel"]: row["value"] for row in answer.rows if row["value"] != "0.00"} == {
        "Paid Search": "1250.25",
        "Email": "1250.25",
    }


def test_hubspot_deal_that_moves_on(sqlite_store: Store, serve: Serve, portal: Portal) -> None:
    """The deal is updated, and its history grows."""
    with serve("hubspot", portal, token=TOKEN):
        pulled(sqlite_store, "hubspot")
        portal.deal(
            72, "2026-03-09T10:00:00Z", amount="150", deal_currency_code="USD", contacts=(2,),
            hs_is_closed="true", closedate="2026-03-09T09:00:00Z", history=(("11", "2026-03-03T09:00:00Z"),),
        )  # fmt: skip
        result = pulled(sqlite_store, "hubspot", only=["deals"])["deals"]
    assert (result.counts["updated"], result.counts["accepted"]) == (1, 1)
    assert read(sqlite_store, DEALS)[1] == ("72", "lost", 15000, "USD")


def test_hubspot_deal_that_was_deleted(store: Store, serve: Serve, portal: Portal) -> None:
    """Searches do not find it any more; it counts no more."""
    with serve("hubspot", portal, token=TOKEN):
        pulled(store, "hubspot")
        del portal.records["deals"]["71"]
        portal.archived = {"71": "2026-03-03T10:00:00Z", "60": "2026-03-01T10:00:00Z"}
        result = pulled(store, "hubspot", only=["deals"])["deals"]
    assert (result.state, result.counts["updated"], result.counts["rejected"]) == ("done", 1, 0)
    assert result.notes == ["deals: deals that were deleted in HubSpot count no more (1 rows)"]
    assert read(store, "SELECT key, status FROM deal ORDER BY key") == [("71", "deleted"), ("72", "open")]


def test_a_row_that_was_mended_is_rejected_no_longer(store: Store, serve: Serve, portal: Portal) -> None:
    """And one that was not is rejected once, however often it is pulled."""
    won = {"hs_is_closed": "true", "hs_is_closed_won": "true", "closedate": "2026-03-03T09:00:00Z"}
    for number in (73, 74):
        portal.deal(number, "2026-03-03T10:00:00Z", **won)
    with serve("hubspot", portal, token=TOKEN):
        for page in (1, 2):
            result = pulled(store, "hubspot", only=["deals"])["deals"]
            assert result.counts["rejected"] == 2
            assert [file for file, _ in read(store, BAD)] == [f"hubspot 4711 deals page {page}"] * 2
        portal.deal(73, "2026-03-04T10:00:00Z", amount="10", **won)
        pulled(store, "hubspot", only=["deals"])
    ((_, raw),) = read(store, BAD)
    assert '"deal_id": "74"' in raw


def test_an_answer_of_another_shape_is_told(sqlite_store: Store, serve: Serve, portal: Portal) -> None:
    """APIs change; what could be pulled is kept."""

    def changed(asked: Asked) -> Any:
        return {"items": []} if "deals/search" in asked.path else portal(asked)

    with serve("hubspot", changed, token=TOKEN):
        results = pulled(sqlite_store, "hubspot")
    assert (results["contacts"].state, results["deals"].state) == ("done", "failed")
    assert "answers as this version does not expect (KeyError: 'results')" in results["deals"].notes[0]


def test_hubspot_limit_of_a_day_is_told_and_not_waited_for(
    sqlite_store: Store, serve: Serve, portal: Portal
) -> None:
    """One stream after another: what could be pulled is."""
    used_up = Answer({"message": "limit", "policyName": "DAILY"}, 429)
    with serve("hubspot", lambda a: used_up if "contacts/search" in a.path else portal(a), token=TOKEN):
        results = pulled(sqlite_store, "hubspot")
    assert (results["contacts"].state, results["deals"].state) == ("failed", "done")
    assert "the requests of today are used up" in results["contacts"].notes[0]
    assert len(read(sqlite_store, DEALS)) == 2


def test_the_command_says_what_became_of_each_stream(
    sqlite_store: Store, serve: Serve, portal: Portal
) -> None:
    """A deal that was won without an amount is told and kept; the exit code says so."""
    portal.deal(73, "2026-03-03T10:00:00Z", hs_is_closed="true", hs_is_closed_won="true",
                closedate="2026-03-03T09:00:00Z")  # fmt: skip
    with serve("hubspot", portal, token=TOKEN):
        done = CliRunner().invoke(
            cli, ["pull", "hubspot", "--store", sqlite_store.db.label, "--format", "csv"]
        )
        assert done.exit_code == 3, done.output
        assert "1 row did not load; each with its reason is in" in done.output
        rows = [line.split(",") for line in done.output.splitlines() if line.startswith("hubspot,")]
        assert [row[2:6] for row in rows] == [["contacts", "done", "1", "2"], ["deals", "done", "1", "3"]]
    refused = Answer({"message": "no"}, 403)
    with serve("hubspot", lambda a: refused if "deals/search" in a.path else portal(a), token=TOKEN):
        failed = CliRunner().invoke(cli, ["pull", "hubspot", "--store", sqlite_store.db.label])
        assert failed.exit_code == 2
        assert "HubSpot refuses the request (403: no)" in " ".join(failed.output.split())
        listed = CliRunner().invoke(cli, ["pull", "--list", "--store", sqlite_store.db.label])
        assert "4711" in listed.output


# --- Salesforce -----------------------------------------------------------------------------------------


class Org:
    """A Salesforce organisation: records by object, answered two at a time."""

    def __init__(self) -> None:
        self.url = ""
        self.records: dict[str, list[dict[str, Any]]] = {
            "Lead": [
                self.record("00Q000000000001AAA", "2026-02-01", Email="ann@example.com", Company="Acme",
                            utm_source__c="google", gclid__c="Ab1"),
                self.record("00Q000000000002AAA", "2026-02-02", Email="bob@example.com", Company="Bolt"),
                self.record("00Q000000000003AAA", "2026-02-02", Email="cy@example.com", Company="Cyan",
                            IsDeleted=True),
            ],
            "Contact": [self.record("003000000000001AAA", "2026-02-01", Email="ann@example.com")],
            "Opportunity": [
                self.record("006000000000001AAA", "2026-02-01", StageName="Closed Won", IsWon=True,
                            IsClosed=True, CloseDate="2026-02-20", Amount=2500.5, CurrencyIsoCode="EUR"),
                self.record("006000000000002AAA", "2026-02-03", StageName="Talks", IsWon=False,
                            IsClosed=False, Amount=None, CurrencyIsoCode="EUR"),
            ],
            "OpportunityContactRole": [
                self.record("00K000000000001AAA", "2026-02-01", OpportunityId="006000000000001AAA",
                            ContactId="003000000000001AAA", Role="Decision Maker", IsPrimary=True),
            ],
            "OpportunityHistory": [
                self.record("008000000000001AAA", "2026-02-01", OpportunityId="006000000000001AAA",
                            StageName="Talks"),
            ],
        }  # fmt: skip
        self.single_currency = False
        self.hidden: set[str] = set()
        self.expired = 0  # how many locators are refused
        self.token = 1

    @staticmethod
    def record(key: str, day: str, **fields: Any) -> dict[str, Any]:
        """Return a record as the API has it."""
        at = f"{day}T10:00:00.000+0000"
        base = {"attributes": {"type": "X"}, "Id": key, "IsDeleted": False, "SystemModstamp": at}
        return {**base, "CreatedDate": f"{day}T09:00:00.000+0000", **fields}

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/services/oauth2/token":
            assert asked.body["client_id"] == "key"
            who = "https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA"
            return {"access_token": f"at-{self.token}", "instance_url": self.url, "id": who}
        if asked.headers["authorization"] != f"Bearer at-{self.token}":
            return Answer([{"message": "Session expired", "errorCode": "INVALID_SESSION_ID"}], 401)
        if found := re.fullmatch(r"/services/data/v62\.0/sobjects/(\w+)/describe", asked.path):
            names = {name for record in self.records[found[1]] for name in record} | {
                "ConvertedDate", "ConvertedAccountId", "ConvertedContactId", "Phone", "MobilePhone",
                "OwnerId", "Industry", "AccountId", "Type", "CloseDate",
            }  # fmt: skip
            names -= self.hidden
            if self.single_currency:
                names.discard("CurrencyIsoCode")
            return {"fields": [{"name": name} for name in sorted(names)]}
        if asked.path == "/services/data/v62.0/queryAll":
            return self._page(
                self._found(asked.query["q"]), asked.query["q"].split(" FROM ")[1].split()[0], 0
            )
        kind, _, place = asked.path.rpartition("/")[2].partition("-")
        if self.expired:
            self.expired -= 1
            return Answer([{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}], 400)
        return self._page(self.records[kind], kind, int(place))

    def _found(self, soql: str) -> list[dict[str, Any]]:
        kind = soql.split(" FROM ")[1].split()[0]
        assert soql.endswith(" ORDER BY SystemModstamp, Id")
        assert "CurrencyIsoCode" not in soql or not self.single_currency
        found = self.records[kind]
        if match := re.search(r"WHERE SystemModstamp >= (\S+)Z ", soql):
            found = [one for one in found if one["SystemModstamp"][:23] >= match[1]]
        elif match := re.search(r"WHERE \(SystemModstamp > (\S+)Z OR .* AND Id > '(\w+)'\)\)", soql):
            found = [one for one in found if (one["SystemModstamp"][:23], one["Id"]) > (match[1], match[2])]
        return found

    @staticmethod
    def _page(found: Sequence[dict[str, Any]], kind: str, place: int) -> Any:
        more = place + 2 < len(found)
        further = {"nextRecordsUrl": f"/services/data/v62.0/query/{kind}-{place + 2}"} if more else {}
        return {"totalSize": len(found), "done": not more, "records": found[place : place + 2], **further}


@contextmanager
def serving(serve: Serve, org: Org, **credentials: str) -> Iterator[Loopback]:
    """Run an organisation at its address."""
    known = {"client_id": "key", "client_secret": "word", "refresh_token": "rt", **credentials}
    with serve("salesforce", org, **known) as server:
        org.url = server.url
        yield server


def test_salesforce(store: Store, serve: Serve) -> None:
    """All five objects; a lead that was deleted is left out and told."""
    org = Org()
    with serving(serve, org):
        results = pulled(store, "salesforce")
        again = pulled(store, "salesforce")
    assert {name: r.state for name, r in results.items()} == dict.fromkeys(results, "done")
    assert [r.account for r in results.values()] == ["00D000000000001EAA"] * 5
    assert sum(r.counts["rejected"] for r in results.values()) == 0
    assert "leads: left out: leads that were deleted in Salesforce (1 rows)" in results["leads"].notes
    assert read(store, DEALS) == [
        ("006000000000001AAA", "won", 250050, "EUR"),
        ("006000000000002AAA", "open", None, "EUR"),
    ]
    assert read(store, "SELECT key FROM lead ORDER BY key") == [
        ("00Q000000000001AAA",),
        ("00Q000000000002AAA",),
    ]
    assert read(store, "SELECT deal_key, is_primary FROM contact_of_deal") == [("006000000000001AAA", 1)]
    assert read(store, "SELECT count(*) FROM touch") == [(1,)]  # who said how they came
    assert sum(r.counts["accepted"] + r.counts["updated"] for r in again.values()) == 0


def test_salesforce_locator_that_expired(sqlite_store: Store, serve: Serve) -> None:
    """The query is asked anew after the last record that came: with its id, since instants tie."""
    org = Org()
    org.expired = 1
    with serving(serve, org) as server:
        result = pulled(sqlite_store, "salesforce", only=["leads"])["leads"]
    assert (result.state, result.records) == ("done", 3)
    assert "the place in the list expired" in result.notes[0]
    (again,) = [a.query["q"] for a in server.asked if "Id > " in a.query.get("q", "")]
    assert "SystemModstamp = 2026-02-02T10:00:00.000Z AND Id > '00Q000000000002AAA'" in again


def test_salesforce_fields_that_are_hidden_are_told(sqlite_store: Store, serve: Serve) -> None:
    """Asking for one would be refused; the rest is worth having."""
    org = Org()
    org.hidden = {"Industry", "OwnerId"}
    with serving(serve, org) as server:
        result = pulled(sqlite_store, "salesforce", only=["leads"])["leads"]
    assert (result.state, result.counts["rejected"]) == ("done", 0)
    assert result.notes[0] == "the user may not see OwnerId, Industry of Lead; let it, or go without"
    assert all("Industry" not in asked.query.get("q", "") for asked in server.asked)


def test_salesforce_token_is_renewed_on_the_way(sqlite_store: Store, serve: Serve) -> None:
    """Tokens live for an hour or two, a first pull may live longer."""
    org = Org()
    with serving(serve, org):
        real = org._found

        def revoke(soql: str) -> list[dict[str, Any]]:
            org.token += 1
            return real(soql)

        org._found = revoke  # type: ignore[method-assign]
        results = pulled(sqlite_store, "salesforce")
    assert {r.state for r in results.values()} == {"done"}


def test_salesforce_with_one_currency_has_to_be_told_which(sqlite_store: Store, serve: Serve) -> None:
    """The other objects are pulled all the same."""
    org = Org()
    org.single_currency = True
    for record in org.records["Opportunity"]:
        del record["CurrencyIsoCode"]
    with serving(serve, org):
        results = pulled(sqlite_store, "salesforce")
        assert {r.stream for r in results.values() if r.state == "failed"} == {"opportunities"}
        assert "set ATTRIBUTION_SALESFORCE_CURRENCY, such as EUR" in results["opportunities"].notes[0]
    with serving(serve, org, currency="GBP"):
        pulled(sqlite_store, "salesforce", only=["opportunities"])
    assert read(sqlite_store, DEALS)[0] == ("006000000000001AAA", "won", 250050, "GBP")


def test_salesforce_token_goes_to_no_other_host(sqlite_store: Store, serve: Serve) -> None:
    """Whatever comes with it."""
    org = Org()
    with serving(serve, org):
        org.url = "https://salesforce.com.example.org"
        result = pulled(sqlite_store, "salesforce", only=["contacts"])["contacts"]
    assert result.state == "failed"
    assert "names salesforce.com.example.org as the host of the data" in result.notes[0]


def test_salesforce_that_lets_nobody_in(sqlite_store: Store, serve: Serve) -> None:
    """A grant that was taken back."""
    refused = Answer({"error": "invalid_grant", "error_description": "expired access/refresh token"}, 400)
    with (
        serve("salesforce", lambda asked: refused, client_id="key", client_secret="word"),
        pytest.raises(PullAccessError, match="invalid_grant: expired access/refresh token; log in anew"),
    ):
        pulled(sqlite_store, "salesforce")


# --- Pipedrive ------------------------------------------------------------------------------------------


def pipedrive(asked: Asked) -> Any:
    """Answer as a Pipedrive company with two persons and three deals, one of them deleted."""
    assert asked.headers["x-api-token"] == "word"
    if asked.path == "/v1/users/me":
        return {"success": True, "data": {"id": 1, "company_id": 77}}
    if asked.path == "/api/v2/organizations":
        assert asked.query["ids"] == "5"
        return {"success": True, "data": [{"id": 5, "name": "Acme"}]}
    if asked.path == "/api/v2/stages":
        return {"success": True, "data": [{"id": 3, "name": "Offer"}]}
    if asked.path == "/api/v2/persons" and "deal_id" in asked.query:
        return {"success": True, "data": [{"id": 1}, {"id": 2}]}
    if asked.path == "/api/v2/persons":
        return cursored(
            asked,
            [
                {"id": 1, "name": "Ann", "org_id": 5, "add_time": "2026-01-01T09:00:00Z",
                 "update_time": "2026-02-01T10:00:00Z",
                 "emails": [{"value": "old@acme.test", "primary": False},
                            {"value": "ann@acme.test", "primary": True}],
                 "phones": [{"value": "", "primary": True}]},
                {"id": 2, "name": "Bob", "org_id": None, "add_time": "2026-01-02T09:00:00Z",
                 "update_time": "2026-02-02T10:00:00Z",
                 "emails": [{"value": "bob@bolt.test", "primary": True}]},
            ],
        )  # fmt: skip
    deal = {"add_time": "2026-01-05T09:00:00Z", "currency": "EUR", "stage_id": 3, "org_id": None}
    if asked.query.get("status") == "deleted":
        return cursored(
            asked, [{**deal, "id": 9, "status": "deleted", "update_time": "2026-02-09T10:00:00Z"}]
        )
    return cursored(
        asked,
        [
            {**deal, "id": 7, "status": "won", "won_time": "2026-02-20T10:00:00Z", "value": 2500.5,
             "person_id": 1, "participants_count": 2, "stage_change_time": "2026-02-01T10:00:00Z",
             "update_time": "2026-02-20T10:00:00Z"},
            {**deal, "id": 8, "status": "open", "value": 10, "person_id": None, "participants_count": 0,
             "update_time": "2026-02-21T10:00:00Z"},
        ],
    )  # fmt: skip


def cursored(asked: Asked, found: list[dict[str, Any]]) -> Any:
    """Answer one record at a time."""
    assert (asked.query["sort_by"], asked.query["sort_direction"]) == ("update_time", "asc")
    found = [one for one in found if one["update_time"] >= asked.query.get("updated_since", "")]
    place = int(asked.query.get("cursor", "0"))
    following = str(place + 1) if place + 1 < len(found) else None
    return {
        "success": True,
        "data": found[place : place + 1],
        "additional_data": {"next_cursor": following},
    }


def test_pipedrive(store: Store, serve: Serve) -> None:
    """A deal that was deleted is told and counts no more; who takes part beside the deal's person too."""
    with serve("pipedrive", pipedrive, token="word"):
        results = pulled(store, "pipedrive")
        again = pulled(store, "pipedrive")
    assert [(r.account, r.state, r.records) for r in results.values()] == [
        ("77", "done", 2),
        ("77", "done", 3),
    ]
    assert read(store, DEALS)[:2] == [("7", "won", 250050, "EUR"), ("8", "open", 1000, "EUR")]
    assert read(store, "SELECT key, status FROM deal ORDER BY key")[2:] == [("9", "deleted")]
    assert read(store, "SELECT object_key, stage FROM stage") == [("7", "Offer")]
    assert read(store, "SELECT deal_key, is_primary FROM contact_of_deal ORDER BY is_primary") == [
        ("7", 0),
        ("7", 1),
    ]
    assert "deals: deals that were deleted in Pipedrive count no more (1 rows)" in results["deals"].notes
    assert results["deals"].upto == "2026-02-21T10:00:00.000000Z"
    assert [r.counts["accepted"] + r.counts["updated"] for r in again.values()] == [0, 0]


def test_pipedrive_cursor_that_is_refused(sqlite_store: Store, serve: Serve) -> None:
    """The list is asked for anew, from the last change that it had."""
    refused: list[str] = []

    def forgetful(asked: Asked) -> Any:
        if asked.query.get("cursor") and asked.path == "/api/v2/persons" and not refused:
            refused.append(asked.query["cursor"])
            return Answer({"success": False, "error": "invalid cursor"}, 400)
        return pipedrive(asked)

    with serve("pipedrive", forgetful, token="word") as server:
        result = pulled(sqlite_store, "pipedrive", only=["persons"])["persons"]
    assert result.state == "done"
    assert "the place in the list expired" in result.notes[0]
    assert read(sqlite_store, "SELECT key FROM lead ORDER BY key") == [("1",), ("2",)]
    assert [a.query.get("updated_since") for a in server.asked if a.path == "/api/v2/persons"] == [
        None, None, "2026-02-01T10:00:00Z", "2026-02-01T10:00:00Z",
    ]  # fmt: skip
