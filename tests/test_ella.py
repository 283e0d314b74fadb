"""Ella's story, from an anonymous visit to the report: nobody ever typed in where she came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attribution.engine import Store


def test_ella(store: Store, csv: Callable[[str, str], Path]) -> None:
    """An organic visit, an e-mail click, a call, a lead, a deal of 5,000: half to each session."""
    # Ella finds the site by a search; weeks later an e-mail brings her back, and she calls the number shown
    touches = csv(
        "touches",
        """
        touch_id,visitor_id,at,kind,url,referrer
        t-search,v-ella,2025-03-03T10:15:00+00:00,session,https://acme.com/pricing,https://www.google.com/
        t-email,v-ella,2025-04-14T08:30:00+01:00,session,https://acme.com/demo?utm_source=newsletter&utm_medium=email,
        t-call,v-ella,2025-04-14T08:41:00+01:00,call,,
        """,
    )
    # the number was shown to her session only, so the call ties her phone to her visits
    identities = csv(
        "identities",
        """
        visitor_id,phone,at,source
        v-ella,020 7946 0018,2025-04-14T08:41:00+01:00,call
        """,
    )
    # sales logs the call as a lead, and closes the deal two months later
    leads = csv(
        "leads",
        """
        lead_id,created_at,phone
        L-ella,2025-04-14T09:00:00+01:00,+44 20 7946 0018
        """,
    )
    deals = csv(
        "deals",
        """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-ella,won,2025-04-20,2025-06-12,5000.00,GBP,L-ella
        """,
    )
    store.config_set("region", "GB")
    for table, file in (("touches", touches), ("identities", identities), ("leads", leads), ("deals", deals)):
        assert store.import_table(table, file).totals["rejected"] == 0
    store.run()

    report = store.report("channel", model="linear")
    value = {row["channel"]: row["value"] for row in report.rows}
    assert value == {"Organic Search": "2500.00", "Email": "2500.00"}
    assert report.totals["value"] == "5000.00"

    row = store.explain("deal", "D-ella").rows[0]
    sessions = [touch for touch in row["touches"] if touch["touch_id"] != "t-call"]
    assert [t["touch_id"] for t in sessions] == ["t-search", "t-email"]
    assert [t["credits"]["linear"] for t in sessions] == ["2500.00", "2500.00"]
    assert [t["credits"]["first_touch"] for t in sessions] == ["5000.00", "0.00"]
    assert [t["credits"]["last_touch"] for t in sessions] == ["0.00", "5000.00"]
    # the call is the milestone that made her a lead, and takes no credit
    assert row["milestones"]["lead"]["touch_id"] == "t-call"
    told = " ".join(sentence for who in row["identifiers"] for sentence in who["evidence"])
    assert "call" in told
    assert "L-ella" in told
