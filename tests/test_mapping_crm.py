"""CRM exports, calls and meetings through their mappings: real-shaped exports, and native ones by hand.

What third-party exports should become is stated here, and worked out again with pandas from the files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from dumps import counts, names, rows
from ledger_books import credits, load

from attribution.engine import Store
from attribution.metrics.answer import Answer

Csv = Callable[[str, str], Path]


def at(text: str) -> int:
    """Return an instant as the store has it."""
    return pd.Timestamp(text).value // 1000


def told(answer: Answer) -> list[str]:
    """Return what an import tells, without the file's name."""
    return [one.partition(": ")[2] for one in answer.warnings]


def lines(path: Path, *records: dict[str, object]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


# --- the exports of dbt_hubspot ---------------------------------------------------------------------


@pytest.fixture
def hubspot(shared: Path) -> Path:
    """Exports of a warehouse's HubSpot tables."""
    return shared / "data/exports/dbt_hubspot"


@pytest.fixture
def salesforce(shared: Path) -> Path:
    """Exports of a warehouse's Salesforce tables."""
    return shared / "data/exports/dbt_salesforce"


def test_hubspot_contacts(sqlite_store: Store, hubspot: Path) -> None:
    """Twenty-two leads; their addresses are blotted out, so evidence ties lead and contact alone."""
    file = hubspot / "contact_data.csv"
    answer = sqlite_store.import_table("leads", file, mapping="hubspot")
    assert counts(answer.totals) == (22, 22, 0, 0, 0, 0)
    assert counts(sqlite_store.import_table("leads", file, mapping="hubspot").totals) == (22, 0, 0, 22, 0, 0)
    found = pd.read_csv(file, dtype=str)
    created = {(one, at(time)) for one, time in zip(found["id"], found["property_createdate"], strict=True)}
    assert set(rows(sqlite_store, "lead", "key", "created_at")) == created
    # one contact was made of three others: each is a row of its own
    merged = found["property_hs_merged_object_ids"].dropna().str.split(";").explode()
    answer = sqlite_store.import_table("identities", file, mapping="hubspot")
    assert counts(answer.totals) == (24, 24, 0, 0, 0, 0)
    assert len(merged) == 3
    called = set(names(sqlite_store).values())
    assert {f"hubspot:{one}" for one in [*merged, *found["id"]]} <= called


def test_hubspot_merged_contacts(sqlite_store: Store, hubspot: Path) -> None:
    """Each pair of the audit becomes one person."""
    file = hubspot / "contact_merge_audit_data.csv"
    answer = sqlite_store.import_table("identities", file, mapping="hubspot")
    assert counts(answer.totals) == (4, 4, 0, 0, 0, 0)
    sqlite_store.run(models=["linear"], goals=["leads"])
    called = names(sqlite_store)
    people: dict[int, set[str]] = {}
    for number, person in rows(sqlite_store, "membership", "identifier_id", "person_id"):
        people.setdefault(person, set()).add(called[number])
    pairs = pd.read_csv(file, dtype=str)[["canonical_vid", "vid_to_merge"]]
    assert sorted(map(sorted, people.values())) == sorted(
        sorted([kept, f"hubspot:{kept}", f"hubspot:{gone}"]) for kept, gone in pairs.itertuples(index=False)
    )


def test_hubspot_deals(sqlite_store: Store, hubspot: Path) -> None:
    """Forty-four deals without stage, amount or close date: open, and told so; none is invented a stage."""
    file, stages = hubspot / "deal_data.csv", hubspot / "deal_pipeline_stage_data.csv"
    answer = sqlite_store.import_table("deals", file, mapping="hubspot", further={"stages": stages})
    assert counts(answer.totals) == (44, 44, 0, 0, 0, 0)
    assert told(answer) == ["deals without a stage count as open (44 rows)"]
    found = pd.read_csv(file, dtype=str)
    missing = ["deal_pipeline_stage_id", "property_amount", "property_closedate"]
    assert found[missing].isna().all(axis=None)
    stored = rows(sqlite_store, "deal", "key", "status", "created_at", "closed_at", "amount_minor")
    assert set(stored) == {
        (key, "open", at(time), None, None)
        for key, time in zip(found["deal_id"], found["property_createdate"], strict=True)
    }


def test_hubspot_stages_of_pipelines(sqlite_store: Store, hubspot: Path, tmp_path: Path) -> None:
    """Each of 71 stages means what the export says: five are won, none is closed otherwise."""
    stages = hubspot / "deal_pipeline_stage_data.csv"
    known = pd.read_csv(stages, dtype=str).sort_values("updated_at").drop_duplicates("stage_id", keep="last")
    deals = tmp_path / "deals.csv"
    pd.DataFrame(
        {
            "deal_id": [f"D{n}" for n in range(len(known))],
            "deal_pipeline_stage_id": known["stage_id"],
            "property_createdate": "2024-01-01 00:00:00",
            "property_closedate": "2024-05-03 10:00:00",
            "property_amount": [f"{n}.50" for n in range(len(known))],
        }
    ).to_csv(deals, index=False)
    answer = sqlite_store.import_table(
        "deals", deals, mapping="hubspot", further={"stages": stages}, fixed={"currency": "USD"}
    )
    assert answer.totals["rejected"] == 0
    stored = pd.DataFrame(rows(sqlite_store, "deal", "status", "amount_minor", "closed_at"))
    won = (known["closed_won"] == "TRUE").to_numpy()
    lost = ((known["is_closed"] == "TRUE") & (known["closed_won"] == "FALSE")).to_numpy()
    assert (int(won.sum()), int(lost.sum()), len(known)) == (5, 0, 71)
    assert stored[0].value_counts().to_dict() == {"open": len(known) - won.sum(), "won": won.sum()}
    assert stored[stored[0] == "won"][1].sum() == sum(n * 100 + 50 for n in range(len(known)) if won[n])
    # an expected close date of an open deal is no closing
    assert stored[stored[0] == "open"][2].isna().all()
    assert stored[stored[0] == "won"][2].eq(at("2024-05-03T10:00:00Z")).all()


def test_hubspot_contacts_of_deals_and_stage_history(sqlite_store: Store, hubspot: Path) -> None:
    """Eleven pairs of deal and contact; fourteen stages, called by their ids where no pipeline knows them."""
    file = hubspot / "deal_contact_data.csv"
    answer = sqlite_store.import_table("deal_contacts", file, mapping="hubspot")
    assert counts(answer.totals) == (11, 11, 0, 0, 0, 0)
    called = names(sqlite_store)
    found = pd.read_csv(file, dtype=str)
    pairs = {
        (deal, called[number])
        for deal, number in rows(sqlite_store, "contact_of_deal", "deal_key", "identifier_id")
    }
    assert pairs == {
        (deal, f"hubspot:{one}") for deal, one in zip(found["deal_id"], found["contact_id"], strict=True)
    }

    file, stages = hubspot / "deal_stage_data.csv", hubspot / "deal_pipeline_stage_data.csv"
    answer = sqlite_store.import_table("stages", file, mapping="hubspot", further={"stages": stages})
    assert counts(answer.totals) == (14, 14, 0, 0, 0, 0)
    assert answer.warnings == []
    found = pd.read_csv(file, dtype=str)
    stored = set(rows(sqlite_store, "stage", "object", "object_key", "stage", "at"))
    assert stored == {("deal", one.deal_id, one.value, at(one.date_entered)) for one in found.itertuples()}


def test_hubspot_meetings(sqlite_store: Store, hubspot: Path, tmp_path: Path) -> None:
    """The export ties none of its hundred meetings to anybody, so none can load; tied ones do."""
    file = hubspot / "engagement_meeting_data.csv"
    tied = {"contacts": hubspot / "engagement_contact_data.csv"}
    answer = sqlite_store.import_table("meetings", file, mapping="hubspot", further=tied)
    assert counts(answer.totals) == (100, 0, 0, 0, 0, 100)
    assert set(rows(sqlite_store, "rejected_row", "code")) == {("missing_value",)}
    found = pd.read_csv(file, dtype=str)
    who = tmp_path / "engagement_contact.csv"
    pd.DataFrame({"engagement_id": found["engagement_id"], "contact_id": "501"}).to_csv(who, index=False)
    answer = sqlite_store.import_table("meetings", file, mapping="hubspot", further={"contacts": who})
    assert counts(answer.totals) == (100, 100, 0, 0, 0, 0)
    stored = set(rows(sqlite_store, "meeting", "key", "held_at"))
    assert stored == {(one.engagement_id, at(one.start_time)) for one in found.itertuples()}


# --- the exports of dbt_salesforce ------------------------------------------------------------------


def test_salesforce_lead(sqlite_store: Store, salesforce: Path) -> None:
    """A converted lead ties lead, contact and address; UTM fields of one's own need one's own mapping."""
    file = salesforce / "sf_lead_data.csv"
    assert counts(sqlite_store.import_table("leads", file, mapping="salesforce").totals) == (1, 1, 0, 0, 0, 0)
    answer = sqlite_store.import_table("identities", file, mapping="salesforce")
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    assert set(names(sqlite_store).values()) >= {
        "00Q1G00000nDnM5UAK",
        "salesforce:0031G00001QtDPlQAN",
        "h@gmail.com",
        "0011g00000tlwknqao",
    }
    answer = sqlite_store.import_table("touches", file, mapping="salesforce")
    assert counts(answer.totals) == (0, 0, 0, 0, 0, 0)
    assert told(answer) == ["left out: leads that say nothing of how they came (1 rows)"]


def test_salesforce_fields_of_ones_own(sqlite_store: Store, salesforce: Path, tmp_path: Path) -> None:
    """A mapping that extends the package's own reads the fields that this company made."""
    ours = tmp_path / "ours.toml"
    ours.write_text("""
        extends = "salesforce"
        [touches.columns]
        source = ["source_last_utm_source_c", "utm_source_c"]
        medium = ["source_last_utm_medium_c", "utm_medium_c"]
        campaign = ["source_last_utm_campaign_c", "utm_campaign_c"]
    """)
    # what says nothing by the fields of the package is left out: its rule is part of what is extended
    copy = pd.read_csv(salesforce / "sf_lead_data.csv", dtype=str).assign(utm_source_c="metadata")
    copy.to_csv(tmp_path / "lead.csv", index=False)
    answer = sqlite_store.import_table("touches", tmp_path / "lead.csv", mapping=str(ours))
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    assert rows(sqlite_store, "origin", "kind", "source", "medium", "campaign")[0] == (
        "form",
        "metadata",
        "paid_social",
        "Q122-EMEA-DACH-ETLTools_SFDC",
    )


@pytest.mark.parametrize("name", ["sf_contact_data.csv", "sf_contact_history_data.csv"])
def test_salesforce_contacts(sqlite_store: Store, salesforce: Path, name: str) -> None:
    """Four contacts, one of which has neither address, phone nor account: it says nothing."""
    sqlite_store.config_update({"region": "US"})
    answer = sqlite_store.import_table("identities", salesforce / name, mapping="salesforce")
    assert counts(answer.totals) == (3, 3, 0, 0, 0, 0)
    assert told(answer) == ["left out: records that nothing ties to anybody (1 rows)"]
    found = pd.read_csv(salesforce / name, dtype=str)
    says = found[found[["email", "phone", "account_id"]].notna().any(axis=1)]
    assert {f"salesforce:{one}" for one in says["id"]} <= set(names(sqlite_store).values())


def test_salesforce_opportunities_that_were_deleted(sqlite_store: Store, salesforce: Path) -> None:
    """All ten are in the recycle bin: two old versions are left out, eight are known to be gone."""
    for name, expected in (
        ("sf_opportunity_data.csv", (8, 8, 0, 0, 0, 0)),
        ("sf_opportunity_history_data.csv", (8, 0, 0, 8, 0, 0)),
    ):
        assert pd.read_csv(salesforce / name)["is_deleted"].all()
        answer = sqlite_store.import_table("deals", salesforce / name, mapping="salesforce")
        assert counts(answer.totals) == expected
        assert told(answer)[1] == "opportunities that were deleted in Salesforce count no more (8 rows)"
    assert {status for (status,) in rows(sqlite_store, "deal", "status")} == {"deleted"}
    history = salesforce / "sf_opportunity_history_data.csv"
    answer = sqlite_store.import_table("stages", history, mapping="salesforce")
    assert counts(answer.totals) == (0, 0, 0, 0, 0, 0)
    assert told(answer) == ["left out: history that was deleted in Salesforce (10 rows)"]


def test_salesforce_opportunities(sqlite_store: Store, salesforce: Path, tmp_path: Path) -> None:
    """The same, had nobody deleted them: four are won without an amount, and rejected; the rest adds up."""
    found = pd.read_csv(salesforce / "sf_opportunity_data.csv", dtype=str)
    found["is_deleted"] = "false"
    found.to_csv(tmp_path / "opportunity.csv", index=False)
    answer = sqlite_store.import_table(
        "deals", tmp_path / "opportunity.csv", mapping="salesforce", fixed={"currency": "USD"}
    )
    now = found[found["_fivetran_active"] == "true"]
    status = (
        now["is_won"].map({"true": "won"}).fillna(now["is_closed"].map({"true": "lost", "false": "open"}))
    )
    bad = (status == "won") & now["amount"].isna()
    assert counts(answer.totals) == (len(now), len(now) - bad.sum(), 0, 0, 0, bad.sum())
    stored = pd.DataFrame(rows(sqlite_store, "deal", "key", "status", "amount_minor", "closed_at"))
    assert stored[1].value_counts().to_dict() == {"lost": 3, "won": 1}
    assert stored[1].value_counts().to_dict() == status[~bad].value_counts().to_dict()
    amounts = now["amount"][~bad].dropna().astype(float) * 100
    assert int(stored[2].sum()) == int(amounts.sum()) == 24_320_001_00
    # the close date is a day: its end, in the store's zone
    ends = {at(f"{day[:10]}T23:59:59.999999Z") for day in now["close_date"][(status != "open") & ~bad]}
    assert set(stored[3].dropna().astype(int)) == ends
    # who says that they are worth nothing gets them all
    fixed = {"currency": "USD", "amount": "0"}
    answer = sqlite_store.import_table(
        "deals", tmp_path / "opportunity.csv", mapping="salesforce", fixed=fixed
    )
    assert answer.totals["rejected"] == 0
    assert pd.DataFrame(rows(sqlite_store, "deal", "status"))[0].value_counts().to_dict() == {
        "won": 5,
        "lost": 3,
    }


def test_salesforce_events(sqlite_store: Store, salesforce: Path) -> None:
    """Ten events, each with a contact: held when they began."""
    file = salesforce / "sf_event_data.csv"
    answer = sqlite_store.import_table("meetings", file, mapping="salesforce")
    assert counts(answer.totals) == (10, 10, 0, 0, 0, 0)
    found = pd.read_csv(file, dtype=str)
    called = names(sqlite_store)
    stored = {
        (key, called[who], held)
        for key, who, held in rows(sqlite_store, "meeting", "key", "holder", "held_at")
    }
    assert stored == {
        (one.id, f"salesforce:{one.who_id}", at(one.start_date_time)) for one in found.itertuples()
    }


# --- native exports and API rows, by hand -----------------------------------------------------------

HUBSPOT_DEALS = """
    Record ID,Deal Stage,Close Date,Deal owner,Amount,Currency,Create Date,Deal Type,Associated Contact IDs
    1,Closed won (Sales Pipeline),2024-05-03 10:00,Sam,"1,234.50",USD,2024-04-01 09:00,New Business,7; 8
    2,Contract sent (Sales Pipeline),2024-06-01 10:00,Sam,500,USD,2024-04-02 09:00,Existing Business,
    3,Closed lost,2024-05-04 10:00,Pam,,,2024-04-03 09:00,,9
    4,Signed,2024-05-05 10:00,Pam,10,USD,2024-04-04 09:00,,9
"""


def test_hubspot_native_deals(sqlite_store: Store, csv: Csv) -> None:
    """The pipeline's own stages need a list; times are of the zone that the portal is in."""
    deals = csv("deals", HUBSPOT_DEALS)
    answer = sqlite_store.import_table("deals", deals, mapping="hubspot")
    assert {code for (code,) in rows(sqlite_store, "rejected_row", "code")} == {"naive_time", "not_mapped"}
    answer = sqlite_store.import_table("deals", deals, mapping="hubspot", timezone="America/New_York")
    assert counts(answer.totals) == (4, 3, 0, 0, 0, 1)
    assert rows(sqlite_store, "rejected_row", "line", "message") == [
        (
            5,
            "status is 'Signed', which is the key of a row of another file; give that file with --with "
            "stages=FILE",
        )
    ]
    stages = csv("stages", "stage,status\nSigned,won")
    answer = sqlite_store.import_table(
        "deals", deals, mapping="hubspot", timezone="America/New_York", further={"stages": stages}
    )
    assert counts(answer.totals) == (4, 1, 0, 3, 0, 0)
    stored = rows(sqlite_store, "deal", "key", "status", "closed_at", "amount_minor", "kind", "owner")
    assert stored == [
        ("1", "won", at("2024-05-03T14:00:00Z"), 123450, "new", "Sam"),
        ("2", "open", None, 50000, "expansion", "Sam"),
        ("3", "lost", at("2024-05-04T14:00:00Z"), None, None, "Pam"),
        ("4", "won", at("2024-05-05T14:00:00Z"), 1000, None, "Pam"),
    ]
    answer = sqlite_store.import_table("deal_contacts", deals, mapping="hubspot")
    assert counts(answer.totals) == (4, 4, 0, 0, 0, 0)
    assert told(answer) == ["left out: deals without contacts (1 rows)"]


def test_hubspot_api(sqlite_store: Store, tmp_path: Path) -> None:
    """Properties of the API, flat: hs_is_closed_won and hs_is_closed decide; archived ones are gone."""

    def deal(number: int, won: str, closed: str, **more: object) -> dict[str, object]:
        return {
            "id": str(number),
            "properties.hs_is_closed_won": won,
            "properties.hs_is_closed": closed,
            "properties.dealstage": "appointmentscheduled",
            "properties.amount": "12.30",
            "properties.closedate": "2024-05-03T10:00:00.250Z",
            "properties.createdate": "2024-04-01T00:00:00Z",
            "properties.deal_currency_code": "EUR",
            "archived": False,
            **more,
        }

    file = lines(
        tmp_path / "deals.jsonl",
        deal(1, "true", "true"),
        deal(2, "false", "true"),
        deal(3, "false", "false"),
        deal(4, "true", "true", archived=True),
        deal(5, "", ""),
    )
    answer = sqlite_store.import_table("deals", file, mapping="hubspot")
    assert counts(answer.totals) == (5, 5, 0, 0, 0, 0)
    assert told(answer) == ["deals that were deleted in HubSpot count no more (1 rows)"]
    assert rows(sqlite_store, "deal", "key", "status", "amount_minor", "closed_at") == [
        ("1", "won", 1230, at("2024-05-03T10:00:00.25Z")),
        ("2", "lost", 1230, at("2024-05-03T10:00:00.25Z")),
        ("3", "open", 1230, None),
        ("4", "deleted", 1230, None),
        ("5", "open", 1230, None),
    ]


def test_hubspot_from_exports_to_credits(store: Store, csv: Csv) -> None:
    """Contacts, deals and who belongs to them, in any order: the touches of both contacts get the money."""
    contacts = csv(
        "contacts",
        """
        Record ID,First Name,Email,Phone Number,Create Date,Company name
        7,Ella,ella@acme.test,,2024-03-01 10:00,Acme
        8,Carl,carl@acme.test,+44 20 7946 0018,2024-03-05 10:00,Acme
    """,
    )
    deals = csv("deals", HUBSPOT_DEALS)
    load(
        store,
        touches="""touch_id,visitor_id,at,email,source
        t1,v1,2024-02-01T00:00:00Z,ella@acme.test,news
        t2,v2,2024-02-02T00:00:00Z,carl@acme.test,news
    """,
    )
    for table, file in (
        ("deal_contacts", deals), ("identities", contacts), ("deals", deals), ("leads", contacts),
    ):  # fmt: skip
        store.import_table(table, file, mapping="hubspot", timezone="UTC", fixed={})
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "1") == {"t1": 61725, "t2": 61725}
    # the contact lead that was created last before the deal
    assert store.explain("deal", "1").rows[0]["deal"]["lead_id"] == "8"


def test_salesforce_reports_and_api(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """Ids of 15 characters, as reports write them, and of 18, as the API does, are one."""
    leads = lines(
        tmp_path / "leads.jsonl",
        {
            "Id": "00Q1G00000nDnM5UAK",
            "CreatedDate": "2024-04-01T09:00:00.000+0000",
            "Email": "ella@acme.test",
            "Company": "Acme",
            "IsDeleted": False,
            "ConvertedContactId": "0031G00001QtDPlQAN",
            "ConvertedDate": "2024-04-20",
            "utm_source__c": "google",
            "utm_medium__c": "cpc",
            "gclid__c": "Cj0A",
        },
    )
    deals = csv(
        "deals",
        """
        Opportunity ID,Opportunity Name,Stage,Close Date,Amount,Amount Currency,Created Date,Type
        006q000000Hddoh,Acme,Closed Won,2024-05-03,"$1,000.00",USD,2024-04-21 10:00,New Business
        006q000000HdPzp,Bolt,Negotiation/Review,2024-06-03,"$2,000.00",USD,2024-04-22 10:00,
    """,
    )
    roles = csv(
        "roles",
        """
        Opportunity ID,Contact ID,Contact Role,Primary
        006q000000Hddoh,0031G00001QtDPl,Decision Maker,1
        006q000000HdPzp,,,
    """,
    )
    for table, file, expected in (
        ("leads", leads, (1, 1, 0, 0, 0, 0)), ("identities", leads, (1, 1, 0, 0, 0, 0)),
        ("touches", leads, (1, 1, 0, 0, 0, 0)), ("deals", deals, (2, 2, 0, 0, 0, 0)),
        ("deal_contacts", roles, (1, 1, 0, 0, 0, 0)),
    ):  # fmt: skip
        answer = sqlite_store.import_table(table, file, mapping="salesforce", timezone="UTC")
        assert counts(answer.totals) == expected, (table, answer)
    sqlite_store.run(models=["linear"], goals=["revenue"], kinds="session form")
    assert credits(sqlite_store, "006q000000HddohAAB", window="contacts session form") == {
        "salesforce:00Q1G00000nDnM5UAK": 100000
    }
    one = sqlite_store.explain("deal", "006q000000HddohAAB").rows[0]
    assert one["deal"]["lead_id"] == "00Q1G00000nDnM5UAK"
    assert one["touches"][0]["channel"] == "Paid Search"


def test_salesforce_stages_of_ones_own(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """A stage that nobody mapped rejects its deal; OpportunityStage, or a list, says what it means."""
    deals = csv(
        "deals",
        """
        Id,StageName,CloseDate,Amount,CurrencyIsoCode,CreatedDate
        006q000000HddohAAB,Signed,2024-05-03,5,USD,2024-04-01T00:00:00.000+0000
        006q000000HdPzpAAF,Dead,2024-05-03,5,USD,2024-04-01T00:00:00.000+0000
    """,
    )
    answer = sqlite_store.import_table("deals", deals, mapping="salesforce")
    assert counts(answer.totals) == (2, 0, 0, 0, 0, 2)
    stages = lines(
        tmp_path / "stages.jsonl",
        {"MasterLabel": "Signed it", "ApiName": "Signed", "IsWon": True, "IsClosed": True},
        {"MasterLabel": "Dead", "ApiName": "Dead", "IsWon": False, "IsClosed": True},
    )
    answer = sqlite_store.import_table("deals", deals, mapping="salesforce", further={"stages": stages})
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert [status for (status,) in rows(sqlite_store, "deal", "status")] == ["lost", "won"]


def test_pipedrive(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """Persons are leads and contacts, a deal's person its lead, participants its other contacts."""
    persons = lines(
        tmp_path / "persons.jsonl",
        {"id": 5, "add_time": "2024-03-01 10:00:00", "primary_email": "ella@acme.test", "org_name": "Acme"},
        {"id": 6, "add_time": "2024-03-02 10:00:00", "primary_email": "carl@acme.test", "active_flag": True},
        {"id": 7, "add_time": "2024-03-02 10:00:00", "primary_email": "gone@acme.test", "active_flag": False},
    )
    deals = lines(
        tmp_path / "deals.jsonl",
        {
            "id": 1,
            "status": "won",
            "value": 1234.5,
            "currency": "EUR",
            "person_id": 5,
            "org_name": "Acme",
            "add_time": "2024-04-01 10:00:00",
            "won_time": "2024-05-03 10:00:00",
            "stage_id": 3,
            "close_time": "2024-05-03 10:00:01",
            "stage_change_time": "2024-05-01 10:00:00",
        },
        {"id": 2, "status": "open", "value": 0, "currency": "EUR", "add_time": "2024-04-01 10:00:00"},
        {"id": 3, "status": "lost", "add_time": "2024-04-01 10:00:00", "lost_time": "2024-05-04 10:00:00"},
        {"id": 4, "status": "deleted", "add_time": "2024-04-01 10:00:00"},
    )
    participants = lines(tmp_path / "participants.jsonl", {"deal_id": 1, "person_id": 6, "id": 99})
    for table, file, expected in (
        ("leads", persons, (2, 2, 0, 0, 0, 0)), ("identities", persons, (2, 2, 0, 0, 0, 0)),
        ("deals", deals, (4, 4, 0, 0, 0, 0)), ("deal_contacts", deals, (1, 1, 0, 0, 0, 0)),
        ("deal_contacts", participants, (1, 1, 0, 0, 0, 0)), ("stages", deals, (1, 1, 0, 0, 0, 0)),
    ):  # fmt: skip
        assert counts(sqlite_store.import_table(table, file, mapping="pipedrive").totals) == expected, table
    assert rows(sqlite_store, "deal", "key", "status", "amount_minor", "closed_at") == [
        ("1", "won", 123450, at("2024-05-03T10:00:00Z")),
        ("2", "open", 0, None),
        ("3", "lost", None, at("2024-05-04T10:00:00Z")),
        ("4", "deleted", None, None),
    ]
    called = names(sqlite_store)
    filed = rows(sqlite_store, "contact_of_deal", "identifier_id", "is_primary")
    assert {(called[number], primary) for number, primary in filed} == {
        ("pipedrive:5", 1),
        ("pipedrive:6", 0),
    }
    native = csv(
        "native",
        """
        Deal - ID,Deal - Status,Deal - Value,Deal - Currency of Value,Deal - Deal created,Deal - Won time
        8,Won,"1,000",EUR,2024-04-01 10:00:00,2024-05-06 10:00:00
    """,
    )
    answer = sqlite_store.import_table("deals", native, mapping="pipedrive", timezone="Europe/Berlin")
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    assert rows(sqlite_store, "deal", "key", "closed_at", "amount_minor")[-1] == (
        "8",
        at("2024-05-06T08:00:00Z"),
        100000,
    )


# --- calls and meetings -----------------------------------------------------------------------------


def test_callrail(sqlite_store: Store, tmp_path: Path) -> None:
    """Calls to numbers; or, with the source that CallRail knows, touches: not both under two ids."""
    call = {
        "id": "CAL1",
        "start_time": "2024-05-03T10:00:00.250-04:00",
        "direction": "inbound",
        "answered": True,
        "voicemail": False,
        "duration": 245,
        "customer_phone_number": "+12025550146",
        "tracking_phone_number": "+18005550199",
        "source": "Google Ads",
        "medium": "PPC",
        "campaign": "Spring",
        "landing_page_url": "https://acme.com/?gclid=Cj0A",
        "gclid": "Cj0A",
    }
    calls = lines(
        tmp_path / "calls.jsonl",
        call,
        {
            **call,
            "id": "CAL2",
            "voicemail": True,
            "source": "Direct",
            "medium": "Direct",
            "campaign": None,
            "gclid": None,
            "landing_page_url": "https://acme.com/",
        },
        {**call, "id": "CAL3", "direction": "outbound"},
    )
    answer = sqlite_store.import_table("calls", calls, mapping="callrail")
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert told(answer)[0] == "left out: calls that you made yourself (1 rows)"
    assert rows(sqlite_store, "call", "key", "at", "tracking_number", "duration_seconds", "answered") == [
        ("CAL1", at("2024-05-03T14:00:00.25Z"), "+18005550199", 245, 1),
        ("CAL2", at("2024-05-03T14:00:00.25Z"), "+18005550199", 245, 0),
    ]
    # the same calls as touches have the ids that calls have: told, not doubled
    answer = sqlite_store.import_table("touches", calls, mapping="callrail")
    assert answer.totals["accepted"] == 0


def test_callrail_touches(sqlite_store: Store, tmp_path: Path) -> None:
    """Calls and forms with what CallRail says of them."""
    touches = lines(
        tmp_path / "touches.jsonl",
        {
            "id": "CAL1",
            "start_time": "2024-05-03T14:00:00Z",
            "customer_phone_number": "+12025550146",
            "source": "Google Ads",
            "medium": "PPC",
            "campaign": "Spring",
            "gclid": "Cj0A",
        },
        {
            "id": "CAL2",
            "start_time": "2024-05-03T15:00:00Z",
            "customer_phone_number": "+12025550146",
            "source": "Direct",
            "medium": "Direct",
        },
        {
            "id": "FRM1",
            "submitted_at": "2024-05-03T16:00:00Z",
            "form_url": "https://acme.com/demo",
            "customer_email": "ella@acme.test",
            "source": "newsletter",
            "medium": "email",
            "landing_page_url": "https://acme.com/x",
        },
    )
    answer = sqlite_store.import_table("touches", touches, mapping="callrail")
    assert counts(answer.totals) == (3, 3, 0, 0, 0, 0)
    seen = {
        key: sqlite_store.explain("touch", key).rows[0] for key in ("call:CAL1", "call:CAL2", "form:FRM1")
    }
    assert {key: (row["touch"]["kind"], row["placement"]["channel"]) for key, row in seen.items()} == {
        "call:CAL1": ("call", "Paid Search"),
        "call:CAL2": ("call", "Direct"),
        "form:FRM1": ("form", "Email"),
    }


def invitee(uri: str, start: str, **more: object) -> dict[str, object]:
    """Return what a webhook of Calendly says of an invitee."""
    return {
        "event": "invitee.created",
        "payload.uri": uri,
        "payload.email": "ella@acme.test",
        "payload.status": "active",
        "payload.created_at": "2024-04-01T10:00:00.000000Z",
        "payload.scheduled_event.start_time": start,
        **more,
    }


def test_a_meeting_that_was_moved_counts_once(store: Store, tmp_path: Path) -> None:
    """Calendly cancels the first invitee and makes a second: one of them was held, whatever came first."""
    first, second = "2024-04-10T10:00:00.000000Z", "2024-04-12T10:00:00.000000Z"
    store.import_table("meetings", lines(tmp_path / "1.jsonl", invitee("i1", first)), mapping="calendly")
    assert rows(store, "meeting", "key", "held_at") == [("i1", at(first))]
    moved = {"event": "invitee.canceled", "payload.status": "canceled", "payload.rescheduled": True}
    file = lines(
        tmp_path / "2.jsonl",
        invitee("i1", first, **moved, **{"payload.new_invitee": "i2"}),
        invitee("i2", second, **{"payload.old_invitee": "i1"}),
        invitee("i3", second, **{"payload.no_show.uri": "https://api.calendly.com/invitee_no_shows/1"}),
    )
    answer = store.import_table("meetings", file, mapping="calendly")
    assert counts(answer.totals) == (3, 2, 1, 0, 0, 0)
    assert rows(store, "meeting", "key", "held_at") == [("i1", None), ("i2", at(second)), ("i3", None)]
    load(
        store,
        touches="touch_id,visitor_id,at,email,source\nt1,v1,2024-04-01T00:00:00Z,ella@acme.test,news",
        deals="deal_id,status,closed_at,amount,currency,emails\nD1,won,2024-05-01,90,USD,ella@acme.test",
    )
    store.run(models=["linear"], goals=["revenue"], kinds="session meeting")
    assert credits(store, "D1", window="contacts session meeting") == {"t1": 4500, "meeting:i2": 4500}


def test_calendly_lists(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """The API's invitees say only which event they are of; the exported list says it itself."""
    invitees = lines(
        tmp_path / "invitees.jsonl",
        {
            "uri": "i1",
            "email": "ella@acme.test",
            "status": "active",
            "created_at": "2024-04-01T10:00:00Z",
            "event": "https://api.calendly.com/scheduled_events/E1",
            "tracking.salesforce_uuid": "00Q1G00000nDnM5",
        },
    )
    events = lines(
        tmp_path / "events.jsonl",
        {"uri": "https://api.calendly.com/scheduled_events/E1", "start_time": "2024-04-10T10:00:00Z"},
    )
    answer = sqlite_store.import_table("meetings", invitees, mapping="calendly", further={"events": events})
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    native = csv(
        "native",
        """
        Invitee Email,Event Type Name,Start Date & Time,Event Created Date & Time,Canceled,Event UUID
        carl@acme.test,Demo,2024-04-11 10:00,2024-04-02 09:00,false,E2
        carl@acme.test,Demo,2024-04-09 10:00,2024-04-01 09:00,true,E3
    """,
    )
    answer = sqlite_store.import_table("meetings", native, mapping="calendly", timezone="America/New_York")
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    called = names(sqlite_store)
    stored = {
        (key, called[who], held)
        for key, who, held in rows(sqlite_store, "meeting", "key", "holder", "held_at")
    }
    assert stored == {
        ("i1", "00Q1G00000nDnM5UAK", at("2024-04-10T10:00:00Z")),
        ("E2", "carl@acme.test", at("2024-04-11T14:00:00Z")),
        ("E3", "carl@acme.test", None),
    }
