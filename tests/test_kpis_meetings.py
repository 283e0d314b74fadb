"""Meetings booked and held: counts and attendance, credited as their leads are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.answer import Answer

Csv = Callable[[str, str], Path]

# L-1 came by search and e-mail, L-2 by search, L-3 by nothing known; of m6 nobody knows a lead
MEETINGS = """
    meeting_id,lead_id,email,booked_at,held_at
    m1,L-1,,2025-01-12T10:00:00Z,2025-01-14T10:00:00Z
    m2,L-1,,2025-01-20T10:00:00Z,
    m3,L-2,,2025-01-31T23:00:00Z,2025-02-03T10:00:00Z
    m4,L-3,,2025-01-22,2025-01-23
    m5,,ann@acme.test,2025-01-25,2025-02-04
    m6,,nobody@else.test,2025-01-26,
    """
LEADS = """
    lead_id,created_at,visitor_id,owner,industry,account,email
    L-1,2025-01-11T00:00:00Z,v1,Ann,Retail,acme.test,ann@acme.test
    L-2,2025-01-06T00:00:00Z,v2,Bob,Retail,,
    L-3,2025-01-20T00:00:00Z,,Bob,,,
    """
JANUARY = {"start": "2025-01-01", "end": "2025-01-31"}


def _shop(store: Store, csv: Csv, meetings: str = MEETINGS, leads: str = LEADS) -> Store:
    return open_shop(store, csv, leads=leads, meetings=meetings)


def _parts(answer: Answer, kpi: str, dim: str) -> dict[str, Any]:
    return {row[dim]: row["value"] for row in answer.rows if row["kpi"] == kpi}


def test_counts_and_attendance(store: Store, csv: Csv) -> None:
    """Six were booked in January; two of those four that were ever held, in January."""
    shop = _shop(store, csv)
    rows = {row["kpi"]: row for row in shop.kpis(names="meetings").rows}
    assert [rows[name]["value"] for name in ("meetings_booked", "meetings_attended")] == [6, 4]
    assert rows["attendance_rate"]["value"] == pytest.approx(4 / 6)
    january = {row["kpi"]: row["value"] for row in shop.kpis(names="meetings", **JANUARY).rows}
    assert list(january.values()) == [6, 2, pytest.approx(2 / 6)]


def test_credited_as_their_leads(store: Store, csv: Csv) -> None:
    """m1, m2 and m5 are L-1's, half search and half e-mail; L-3's and nobody's are unattributed."""
    answer = _shop(store, csv).kpis("channel", names="meetings", model="linear")
    assert _parts(answer, "meetings_booked", "channel") == {
        "Paid Search": 2.5, "Email": 1.5, "(unattributed)": 2,
    }  # fmt: skip
    assert _parts(answer, "meetings_attended", "channel") == {
        "Paid Search": 2, "Email": 1, "(unattributed)": 1,
    }  # fmt: skip
    assert _parts(answer, "attendance_rate", "channel") == {
        "Paid Search": 0.8, "Email": pytest.approx(2 / 3), "(unattributed)": 0.5,
    }  # fmt: skip
    assert answer.totals["meetings_booked"] == 6


def test_by_owner_and_page(sqlite_store: Store, csv: Csv) -> None:
    """Plain dimensions are the lead's; what has no lead has no owner. A page is credited."""
    shop = _shop(sqlite_store, csv)
    booked = _parts(shop.kpis("owner", names="meetings_booked"), "meetings_booked", "owner")
    assert booked == {"Ann": 3, "Bob": 2, "(not set)": 1}
    pages = _parts(
        shop.kpis("landing_page", names="meetings_booked", model="first_touch"),
        "meetings_booked",
        "landing_page",
    )
    assert pages == {"shop.test/a": 4, "(unattributed)": 2}
    only = shop.kpis(names="meetings_booked", where=["channel=Email"], model="linear").rows[0]
    assert only["value"] == 1.5


def test_a_lead_has_no_deal_kind(sqlite_store: Store, csv: Csv) -> None:
    """Such a cut is left empty, and told once."""
    answer = _shop(sqlite_store, csv).kpis("deal_kind", names="meetings,won_deals")
    assert {row["value"] for row in answer.rows if row["kpi"].startswith("meetings")} == {None}
    assert sum("no deal_kind" in warning for warning in answer.warnings) == 1


def test_of_several_leads_of_one_person(sqlite_store: Store, csv: Csv) -> None:
    """The one that was created last when the meeting was booked, else the first after it."""
    shop = _shop(
        sqlite_store,
        csv,
        leads="""
        lead_id,created_at,email,owner
        L-1,2025-01-11T00:00:00Z,ann@acme.test,First
        L-2,2025-01-20T00:00:00Z,ann@acme.test,Second
        """,
        meetings="""
        meeting_id,email,booked_at
        m1,ann@acme.test,2025-01-10T00:00:00Z
        m2,ann@acme.test,2025-01-19T23:59:59Z
        m3,ann@acme.test,2025-01-20T00:00:00Z
        """,
    )
    booked = _parts(shop.kpis("owner", names="meetings_booked"), "meetings_booked", "owner")
    assert booked == {"First": 2, "Second": 1}


def test_cohort_follows_the_leads(sqlite_store: Store, csv: Csv) -> None:
    """Meetings of the leads created in the period, whenever they were; nobody's stand apart."""
    answer = _shop(sqlite_store, csv).kpis(
        "owner", names="meetings", basis="cohort", start="2025-01-07", end="2025-01-31"
    )
    assert _parts(answer, "meetings_booked", "owner") == {"Ann": 3, "Bob": 1, "(no lead)": 1}
    assert answer.totals["meetings_booked"] == 4
    assert answer.totals["attendance_rate"] == 0.75
    assert any("belong to no cohort" in warning for warning in answer.warnings)


def test_nothing_booked_has_no_rate(sqlite_store: Store, csv: Csv) -> None:
    """No meetings: counts of 0 and no rate. One that was booked earlier: a rate that passes 100 % says so."""
    shop = _shop(sqlite_store, csv)
    assert [r["value"] for r in shop.kpis(names="meetings", start="2025-05-01").rows] == [0, 0, None]
    assert [r["value"] for r in shop.kpis(names="meetings", start="2025-02-01").rows] == [0, 2, None]
    answer = shop.kpis("owner", names="attendance_rate", start="2025-01-26", end="2025-02-28")
    assert not any("passes 100 %" in warning for warning in answer.warnings)
    answer = shop.kpis("owner", names="attendance_rate", start="2025-01-23", end="2025-02-28")
    assert _parts(answer, "attendance_rate", "owner") == {"Bob": 2.0, "Ann": 1.0, "(not set)": 0.0}
    assert any("attendance rate passes 100 %" in warning for warning in answer.warnings)


def test_few_meetings_have_no_interval(sqlite_store: Store, csv: Csv) -> None:
    """Six are too few, and so are fifteen of three people; thirty-six of twenty-one people have one."""
    few = _shop(sqlite_store, csv).kpis(names="meetings_booked", interval=0.9).rows[0]
    assert (few["conversions"], few["too_few"], few["low"]) == (6, True, None)
    more = "\n".join(f"n{i},L-{i % 3 + 1},2025-03-0{i + 1},2025-03-10" for i in range(9))
    sqlite_store.import_table("meetings", csv("more", "meeting_id,lead_id,booked_at,held_at\n" + more))
    row = sqlite_store.kpis(names="meetings_booked", interval=0.9).rows[0]
    assert (row["value"], row["conversions"], row["too_few"], row["low"]) == (15, 15, True, None)
    more = "\n".join(f"o{i},x{i % 18}@else.test,2025-03-01,2025-03-10" for i in range(21))
    sqlite_store.import_table("meetings", csv("others", "meeting_id,email,booked_at,held_at\n" + more))
    row = sqlite_store.kpis(names="meetings_booked", interval=0.9).rows[0]
    assert (row["value"], row["conversions"], row["too_few"]) == (36, 36, False)
    assert row["low"] < 36 < row["high"]
