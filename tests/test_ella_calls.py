"""Ella calls: the number was shown to her session only, and the call log comes three weeks late."""

from __future__ import annotations

from freezegun import freeze_time
from ledger_books import credits, entries, load, people

from attribution.engine import Store

TABLES = {
    # Ella finds the site by a search; weeks later an e-mail brings her back
    "touches": """touch_id,visitor_id,at,url,referrer
        t-search,v-ella,2025-03-03T10:15:00+00:00,https://acme.com/pricing,https://www.google.com/
        t-email,v-ella,2025-04-14T08:30:00+01:00,https://acme.com/demo?utm_source=newsletter&utm_medium=email,
        t-other,v-ben,2025-04-14T08:20:00+01:00,https://acme.com/demo?utm_source=bing&utm_medium=cpc,
        """,
    # the page shows her a number of its own, which somebody else was shown before
    "leases": """tracking_number,visitor_id,leased_at,released_at
        0808 157 0001,v-ben,2025-04-14T08:20:00+01:00,2025-04-14T08:25:00+01:00
        0808 157 0001,v-ella,2025-04-14T08:30:05+01:00,2025-04-14T08:50:00+01:00
        """,
    "tracking_numbers": """tracking_number,pool,fallback
        0808 157 0001,site,no
        0808 157 0009,site,yes
        """,
    # sales logs her call as a lead, and closes the deal two months later
    "leads": """lead_id,created_at,phone
        L-ella,2025-04-14T09:00:00+01:00,+44 20 7946 0018
        """,
    "deals": """deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-ella,won,2025-04-20,2025-06-12,5000.00,GBP,L-ella
        """,
}
CALLS = """call_id,at,tracking_number,caller,duration_seconds,answered
    4711,2025-04-14T08:41:00+01:00,+448081570001,020 7946 0018,312,yes
    """


def test_ella_calls(store: Store) -> None:
    """Before the log her deal is nobody's; with it, half is the search's and half the e-mail's."""
    store.config_update({"region": "GB", "timezone": "Europe/London"})
    with freeze_time("2025-07-01T06:00:00Z"):
        load(store, **TABLES)
        store.run()
    assert credits(store, "D-ella") == {"(unattributed)": 500000}
    row = store.explain("deal", "D-ella").rows[0]
    assert row["touches"] == []
    assert row["milestones"]["lead"] is None
    assert row["unattributed"]["credits"]["linear"] == "5000.00"

    with freeze_time("2025-07-22T06:00:00Z"):
        load(store, calls=CALLS)
        store.run()
    assert people(store) == {
        frozenset({("visitor", "v-ella"), ("phone", "+442079460018"), ("lead", "L-ella")})
    }
    report = store.report("channel", model="linear")
    assert {line["channel"]: line["value"] for line in report.rows} == {
        "Organic Search": "2500.00", "Email": "2500.00",
    }  # fmt: skip
    assert report.totals["value"] == "5000.00"

    row = store.explain("deal", "D-ella").rows[0]
    assert [(one["touch_id"], one["milestone"], one["credits"]["linear"]) for one in row["touches"]] == [
        ("t-search", None, "2500.00"),
        ("t-email", None, "2500.00"),
        ("call:4711", "lead", "0.00"),
    ]
    assert [one["credits"]["first_touch"] for one in row["touches"]] == ["5000.00", "0.00", "0.00"]
    assert [one["credits"]["last_touch"] for one in row["touches"]] == ["0.00", "5000.00", "0.00"]
    assert row["milestones"]["lead"] == {
        "touch_id": "call:4711", "at": "2025-04-14T07:41:00Z", "kind": "call",
    }  # fmt: skip
    chains = {one["kind"]: one["chain"] for one in row["identifiers"]}
    assert chains["visitor"] == (
        "visitor v-ella —call, 14 April 2025→ phone +442079460018 —CRM lead, 14 April 2025→ lead L-ella "
        "—CRM deal→ deal D-ella"
    )

    told = store.explain("touch", "call:4711").rows[0]
    assert told["touch"]["of"] == "phone +442079460018"
    assert told["touch"]["visitor"] is None
    assert told["chains"] == [chains["phone"]]
    assert store.explain("touch", "t-search").rows[0]["chains"] == [chains["visitor"]]

    # the ledger takes back what it said, at the closing, and says why
    second = [entry for entry in entries(store) if entry.run == 2 and entry.model == "linear"]
    assert {(e.key, e.at[:10], e.touch, e.minor, e.reason) for e in second if e.kind == "won"} == {
        ("D-ella", "2025-06-12", "(unattributed)", -500000, "people changed"),
        ("D-ella", "2025-06-12", "t-search", 250000, "people changed"),
        ("D-ella", "2025-06-12", "t-email", 250000, "people changed"),
    }
    moved = store.changes("2025-07-15", model="linear")
    (change,) = (line for line in moved.rows if line["key"] == "D-ella")
    assert (change["reason"], change["moved"], change["lost"]) == (
        "people changed", "5000.00", "(unattributed) -5000.00",
    )  # fmt: skip
    assert change["gained"] == "Email +2500.00, Organic Search +2500.00"
    assert store.run().totals["entries"] == 0
