"""`doctor` names what is wrong with the data, counts it, and says what to do."""

from __future__ import annotations

from typing import Any

from handmade import Handmade, at, ella
from ledger_books import load

from attribution.engine import Store
from attribution.identity.graph import ALWAYS, Demotion
from attribution.metrics.doctor import CHECKS, doctor


def found(store: Handmade, check: str) -> list[tuple[str, int, str]]:
    """Return severity, count and detail of a check's rows."""
    return [(r["severity"], r["count"], r["detail"]) for r in doctor(store.db).rows if r["check"] == check]


OK = [("ok", 0, "nothing found")]


def test_healthy_store_is_ok_in_every_check(store_url: str) -> None:
    """Each check speaks, and none complains about Ella's store."""
    with ella(store_url).db as db:
        answer = doctor(db)
    assert [row["check"] for row in answer.rows] == [name for name, _ in CHECKS]
    assert {row["severity"] for row in answer.rows} == {"ok"}
    assert answer.totals == {"error": 0, "warning": 0, "notice": 0, "ok": len(CHECKS)}


def test_empty_store_says_that_nothing_was_run() -> None:
    """A new store has one notice, and no crash."""
    store = Handmade()
    assert found(store, "pending_changes") == [("notice", 1, "nothing has been run in this store yet")]
    assert found(store, "unattributed_revenue") == OK


def test_rejected_rows_are_grouped_by_reason_with_the_first_place() -> None:
    """Many rows with one mistake are one line that points at the first; conflicts stand apart."""
    store = Handmade()
    for line, code in ((7, "bad_time"), (9, "bad_time"), (8, "missing"), (12, "conflict")):
        store.put("rejected_row", table_name="touches", file="t.csv", line=line, code=code, raw="",
                  message=f"message of {code}")  # fmt: skip
    assert found(store, "rejected_rows") == [
        ("warning", 2, "touches: bad_time: message of bad_time (first at t.csv:7)"),
        ("warning", 1, "touches: missing: message of missing (first at t.csv:8)"),
    ]
    assert found(store, "conflicts") == [("warning", 1, "touches: message of conflict (first at t.csv:12)")]


def test_dangling_references_are_named() -> None:
    """A deal without its lead, and the records of deals and leads that never came."""
    store = Handmade()
    nobody = store.identifier("lead", "L-404")
    for number in range(5):
        store.deal(f"D-{number}", closed="2024-01-01", amount=1, lead=nobody)
    store.put("adjustment", key="A-1", deal_key="D-404", at=at("2024-01-01"), amount_minor=1, currency="GBP")
    store.put("meeting", key="M-1", holder=nobody, booked_at=at("2024-01-01"))
    store.put("stage", key="S-1", object="lead", object_key="L-404", stage="mql", at=at("2024-01-01"))
    assert found(store, "dangling_references") == [
        ("warning", 5, "deals whose lead is in no leads file: D-0, D-1, D-2, ..."),
        ("warning", 1, "adjustments of deals that are in no deals file: A-1"),
        ("warning", 1, "meetings with leads that are in no leads file: M-1"),
        ("warning", 1, "stages of leads that are in no leads file: L-404"),
    ]


def test_adjustment_in_another_currency_is_an_error() -> None:
    """Dollars cannot be taken off pounds."""
    store = ella()
    store.put("adjustment", key="A-1", deal_key="D-12", at=at("2024-08-01"), amount_minor=-1, currency="USD")
    assert found(store, "adjustment_currency")[0][:2] == ("error", 1)


def test_deals_without_people_and_with_odd_dates() -> None:
    """A deal that names nobody, one that counts on its account, one closed before it was created."""
    store = Handmade()
    store.deal("D-1", closed="2024-01-01", created="2024-02-01", amount=1)
    account = store.identifier("account", "acme.com")
    deal = store.deal("D-2", closed="2024-01-01", amount=1, account=account)
    store.put("deal_contact", deal_id=deal, identifier_id=account, role=2)
    severities = [row[:2] for row in found(store, "deals_without_people")]
    assert severities == [("notice", 1), ("warning", 1)]
    assert found(store, "closed_before_created") == [
        ("notice", 1, "deals closed before they were created: D-1")
    ]


def unattributed_store(url: str) -> Handmade:
    """Return a store in which Ella's 5,000 is explained and three deals are not, each for its own reason."""
    store = ella(url)
    late = store.identifier("lead", "L-8")
    visitor = store.identifier("visitor", "v8")
    store.person(late, visitor)
    store.touch("old", "2020-01-01", visitor)
    email = store.identifier("email", "a@x.org")
    reasons: tuple[tuple[str, int, dict[str, Any]], ...] = (
        ("D-20", 100000, {}), ("D-21", 200000, {"contacts": (email,)}), ("D-22", 200000, {"lead": late}),
    )  # fmt: skip
    for key, amount, people in reasons:
        deal = store.deal(key, closed="2024-07-01", amount=amount, **people)
        store.conversion("won", deal, key, "2024-07-01", amount)
    return store


def test_unattributed_revenue_is_told_by_reason(store_url: str) -> None:
    """Half the revenue has no touch: nobody known, people never seen, touches too old."""
    store = unattributed_store(store_url)
    assert found(store, "unattributed_revenue") == [
        ("warning", 3, "75.0% of deals, 50.0% of revenue (5,000.00 GBP)"),
        ("notice", 1, "no lead, e-mail or account names their people: 25.0% of deals, 10.0% of revenue "
                      "(1,000.00 GBP)"),
        ("notice", 1, "their people have no touch at all: 25.0% of deals, 20.0% of revenue (2,000.00 GBP)"),
        ("notice", 1, "their people's touches came too early, too late, or are of kinds that do not count: "
                      "25.0% of deals, 20.0% of revenue (2,000.00 GBP)"),
    ]  # fmt: skip
    store.db.close()


def test_lead_without_touch_is_told() -> None:
    """A lead that came from nowhere."""
    store = ella()
    store.lead("L-9", "2024-05-03")
    store.conversion("lead", 2, "L-9", "2024-05-03", currency=None, reporting=0)
    assert found(store, "leads_without_touch") == [
        ("notice", 1, "50.0% of leads"),
        ("notice", 1, "their people have no touch at all: 50.0% of leads"),
    ]


def test_broken_conservation_is_an_error() -> None:
    """An entry too many shows at once, with the deal and the model."""
    store = ella()
    linear = store.credit_set(store.journey_set("won"), "linear")
    store.entry(linear, 1, store.run("2024-08-01"), "2024-07-01", 0, 0, 1, 0)
    ((severity, count, detail),) = found(store, "conservation")
    assert (severity, count) == ("error", 1)
    assert detail == "won D-12 under linear holds 500001 of 500000 minor units"


def test_deals_and_spend_without_a_rate_are_named() -> None:
    """A rate of 8 days ago is too old, one of 7 days ago is not."""
    store = ella()
    deal = store.deal("D-30", closed="2024-07-01", amount=500, currency="USD")
    store.conversion("won", deal, "D-30", "2024-07-01", 500, currency="USD", reporting=None)
    origin = store.put("origin", placement_id=store.placement("Paid Search", campaign="X"), rule="r")
    for day in (107, 108):
        store.put("spend", day=day, kind="media", origin_id=origin, cost_minor=100, currency="USD")
    store.put("rate", day=100, currency="USD", rate="0.8")
    assert [row[1:] for row in found(store, "no_rate")] == [
        (1, "deals in USD without a rate, such as D-30"),
        (1, "spend rows in USD without a rate"),
    ]


def test_spend_that_no_touch_names_is_told_and_spelling_does_not_matter() -> None:
    """`SPRING` is the e-mail campaign `spring`, whatever its touches' source; `sprung` is nobody's."""
    store = ella()
    visitor = store.identifier("visitor", "v1")
    store.touch("t9", "2024-05-01", visitor, "Email", campaign="autumn", source="list")
    for campaign, cost in (("SPRING", 1000), ("autumn", 1), ("sprung", 2500)):
        origin = store.put("origin", placement_id=store.placement("Email", campaign=campaign), rule="r")
        store.put("spend", day=19000, kind="media", origin_id=origin, cost_minor=cost, currency="GBP")
    assert found(store, "spend_unmatched") == [
        ("warning", 1,
         "25.00 GBP went to campaigns that no touch has: 'sprung' (25.00 GBP; did you mean 'spring'?)"),
    ]  # fmt: skip


def test_spend_that_meets_touches_by_campaign_only_is_a_notice() -> None:
    """The campaign has touches, but of another medium: cut by channel the money stands alone."""
    store = ella()
    visitor = store.identifier("visitor", "v1")
    store.touch("t9", "2024-05-01", visitor, "Email", campaign="autumn", source="list")
    where = store.placement("Paid Social", campaign="Autumn", source="facebook")
    origin = store.put("origin", placement_id=where, rule="r")
    store.put("spend", day=19000, kind="media", origin_id=origin, cost_minor=700, currency="GBP")
    assert found(store, "spend_unmatched") == [
        ("notice", 1,
         "7.00 GBP stands where no touch does, such as Paid Social / facebook / Autumn: 7.00 GBP"),
    ]  # fmt: skip


def test_evidence_that_does_not_count_is_named_with_its_reason() -> None:
    """A second login behind one e-mail, and a mailbox that nobody owns."""
    store = Handmade()
    mail, mailbox = store.identifier("email", "a@x.org"), store.identifier("email", "info@x.org")
    user, lead = store.identifier("user", "u2"), store.identifier("lead", "L1")
    for a, b, reason in ((mail, user, Demotion.LIMIT), (mailbox, lead, Demotion.SHARED)):
        store.put("demoted_edge", edge_id=store.edge(a, b, "2025-01-01", "form"), reason=int(reason))
    assert found(store, "unused_evidence") == [
        ("warning", 1, "observations do not count, since one person would hold more than anybody has: "
         "email a@x.org with user u2"),
        ("notice", 1, "observations tie nobody, since a mailbox or phone in them is several people's: "
         "email info@x.org with lead L1"),
    ]  # fmt: skip


def test_browsers_of_several_people_are_named() -> None:
    """One visitor with two users, and another with one."""
    store = Handmade()
    shared, own = store.identifier("visitor", "v-shared"), store.identifier("visitor", "v-own")
    one, two = store.identifier("user", "u1"), store.identifier("user", "u2")
    store.person(one, own)
    for since, until, user in ((ALWAYS[0], 5, one), (5, ALWAYS[1], two)):
        store.put("membership", identifier_id=shared, since=since, until=until, person_id=user)
    assert found(store, "shared_browsers") == [("notice", 1, "visitors that several people used: v-shared")]


def test_pending_changes_are_counted() -> None:
    """A logged change that no credit set has read yet."""
    store = ella()
    store.put("change", change_id=10**6 + 1, kind=1, ref=1)
    assert found(store, "pending_changes") == [
        ("notice", 1, "touches and changed records since the last run")
    ]


def checked(store: Store, check: str) -> list[tuple[str, int, str]]:
    """Return severity, count and detail of a check's rows, of a store filled by imports."""
    return [(r["severity"], r["count"], r["detail"]) for r in store.doctor().rows if r["check"] == check]


def test_placeholders_are_counted_by_what_stood_there(store: Store) -> None:
    """`n/a` where an e-mail should be, zeros for a phone."""
    load(
        store,
        leads="""
        lead_id,created_at,email,phone
        L1,2025-01-01,n/a,00000
        L2,2025-01-01,N/A,
        L3,2025-01-01,ella at acme,
        """,
    )
    assert checked(store, "placeholders") == [
        ("notice", 3, "values of kind email name nobody and were passed over: n/a (2), no @ in it (1)"),
        ("notice", 1, "values of kind phone name nobody and were passed over: zeros (1)"),
    ]


def test_phones_that_many_share_and_mailboxes_of_roles_are_named(store: Store) -> None:
    """Six callers of one reception desk, and two leads who gave `info@`."""
    rows = [f"L{i},2025-01-0{i + 1},p{i}@x.com,+442079460018" for i in range(6)]
    rows += [f"M{i},2025-01-01,info@x.com," for i in range(2)]
    load(store, leads="\n".join(["lead_id,created_at,email,phone", *rows]))
    store.run(models=["linear"], goals=["leads"])
    assert checked(store, "shared_identifiers") == [
        ("notice", 1, "phones and e-mails that more than 5 people share: +442079460018"),
        ("notice", 1, "mailboxes of roles, which tie nobody: info@x.com"),
    ]


def test_people_at_a_limit_and_with_very_many_identifiers_are_named(store: Store) -> None:
    """Five e-mails of five; and fifty browsers behind another one."""
    emails = [f"L1,e{i}@x.com,,2025-01-01" for i in range(5)]
    browsers = [f",big@y.com,v{i:02},2025-01-01" for i in range(50)]
    load(store, identities="\n".join(["lead_id,email,visitor_id,at", *emails, *browsers]))
    store.run(models=["linear"], goals=["leads"])
    assert checked(store, "large_people") == [
        (
            "notice", 1,
            "people hold as many identifiers of a kind as identity_limits lets them, or more: "
            "lead L1 (5 of kind email)",
        ),
        ("notice", 1, "people hold 50 identifiers or more: email big@y.com (51 identifiers)"),
    ]  # fmt: skip


def test_domains_of_several_accounts_are_named(store: Store) -> None:
    """Two leads with addresses of one company, which the CRM has twice."""
    load(
        store,
        leads="""
        lead_id,created_at,email,account
        L1,2025-01-01,a@acme.com,Acme Ltd
        L2,2025-01-01,b@acme.com,Acme Inc
        L3,2025-01-01,c@beta.com,Beta
        L4,2025-01-01,d@beta.com,Beta
        """,
    )
    store.run(models=["linear"], goals=["leads"])
    ((severity, count, detail),) = checked(store, "domains")
    assert (severity, count) == ("notice", 1)
    assert detail.endswith(": acme.com")


SHARED_BROWSER = {
    "touches": "touch_id,visitor_id,at\nt1,v,2025-01-01\nt2,v,2025-01-20",
    "identities": "visitor_id,user_id,at\nv,ann,2025-01-05\nv,bob,2025-01-15",
    "deals": "deal_id,status,closed_at,amount,currency,emails\nD-bob,won,2025-01-18,6.00,GBP,bob@y.com\n"
    "D-eve,won,2025-01-18,2.00,GBP,eve@y.com",
}


def test_the_touches_of_somebody_else_are_no_reason(store: Store) -> None:
    """Bob had the browser later, and closed before; the visit before was Ann's. Eve was never seen."""
    load(store, **SHARED_BROWSER)
    load(store, identities="user_id,email,at\nbob,bob@y.com,2025-01-15\neve,eve@y.com,2025-01-15")
    store.run(models=["linear"], goals=["revenue"])
    assert checked(store, "unattributed_revenue")[1:] == [
        ("notice", 1, "their people have no touch at all: 50.0% of deals, 25.0% of revenue (2.00 GBP)"),
        (
            "notice", 1,
            "their people's touches came too early, too late, or are of kinds that do not count: "
            "50.0% of deals, 75.0% of revenue (6.00 GBP)",
        ),
    ]  # fmt: skip
    load(store, identities="visitor_id,user_id,at\nv,ann,2025-01-19")
    store.run(models=["linear"], goals=["revenue"])
    assert checked(store, "unattributed_revenue")[1:] == [
        ("notice", 2, "their people have no touch at all: 100.0% of deals, 100.0% of revenue (8.00 GBP)"),
    ]


def test_under_the_scope_primary_a_deal_without_lead_names_nobody(store: Store) -> None:
    """Its contacts do not count there."""
    load(store, touches="touch_id,visitor_id,at\nt1,v,2025-01-01")
    load(store, identities="visitor_id,email,at\nv,bob@y.com,2025-01-01", deals=SHARED_BROWSER["deals"])
    store.config_set("scope", "primary")
    store.run(models=["linear"], goals=["revenue"])
    assert checked(store, "unattributed_revenue")[1:] == [
        (
            "notice", 2,
            "they have no lead, and the scope is primary: 100.0% of deals, 100.0% of revenue (8.00 GBP)",
        )
    ]  # fmt: skip
