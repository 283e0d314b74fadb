"""Leads as people: each counts once, at its first record of all times, with whatever its others reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_shop import open_shop

from attribution.engine import Store

Csv = Callable[[str, str], Path]

# a came by one and again by two, whence the deal; b came by two alone
TABLES = {
    "touches": """
        touch_id,visitor_id,at,url
        t1,v1,2025-01-01T00:00:00Z,https://s.test/?utm_source=one&utm_medium=email
        t2,v1,2025-02-01T00:00:00Z,https://s.test/?utm_source=two&utm_medium=email
        t3,v2,2025-02-01T00:00:00Z,https://s.test/?utm_source=two&utm_medium=email
        """,
    "leads": """
        lead_id,created_at,visitor_id,email,mql_at
        L-2,2025-02-02T00:00:00Z,v1,a@x.test,2025-02-03T00:00:00Z
        L-1,2025-01-02T00:00:00Z,v1,a@x.test,
        L-3,2025-02-02T00:00:00Z,v2,b@x.test,
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2025-02-05T00:00:00Z,2025-02-10T00:00:00Z,90.00,GBP,L-2
        """,
    "adjustments": "adjustment_id,deal_id,at,amount,currency",
}
ASKED: dict[str, Any] = {"unique": True, "model": "last_touch"}


def test_both_sides_are_the_same_people(store: Store, csv: Csv) -> None:
    """a is one's lead, and converted: 1 of 1; two has b alone: 0 of 1."""
    shop = open_shop(store, csv, **TABLES)
    for basis in ("period", "cohort"):
        rows = shop.kpis("source", names="lead_conversion_rate,mql", basis=basis, **ASKED).rows
        found = {(row["source"], row["kpi"]): (row["numerator"], row["denominator"]) for row in rows}
        assert found == {
            ("one", "lead_conversion_rate"): (1, 1), ("two", "lead_conversion_rate"): (0, 1),
            ("one", "mql"): (1, None), ("two", "mql"): (0, None),
        }, basis  # fmt: skip


def test_months_add_up(sqlite_store: Store, csv: Csv) -> None:
    """a came in January for the first time, b in February: two people, in each month one."""
    shop = open_shop(sqlite_store, csv, **TABLES)
    months: dict[str, Any] = {"every": "month", "start": "2025-01-01", "end": "2025-02-28", **ASKED}
    assert [row["value"] for row in shop.kpis(names="leads", **months).rows] == [1, 1]
    assert shop.kpis(names="leads", **months).totals == {"leads": 2}
    # a's record of February is not its first: as a cohort, and its deal with it, a is January's
    answer = shop.kpis(names="lead_value,lead_conversion_rate,won_deals", basis="cohort", **months)
    found = {(row["period"], row["kpi"]): row["value"] for row in answer.rows}
    assert found == {
        ("2025-01", "lead_value"): "90.00", ("2025-02", "lead_value"): "0.00",
        ("2025-01", "lead_conversion_rate"): 1.0, ("2025-02", "lead_conversion_rate"): 0.0,
        ("2025-01", "won_deals"): 1, ("2025-02", "won_deals"): 0,
    }  # fmt: skip


def test_records_count_each(sqlite_store: Store, csv: Csv) -> None:
    """Without it there are three leads, and it took a 3 days from its second record, 34 from its first."""
    shop = open_shop(sqlite_store, csv, **TABLES)
    plain, people = (
        shop.kpis(names="leads,time_to_conversion"),
        shop.kpis(names="leads,time_to_conversion", **ASKED),
    )
    found = [
        [row["value"] for row in answer.rows if row.get("stage") in (None, "lead_to_opportunity")]
        for answer in (plain, people)
    ]
    assert found == [[3, 3.0], [2, 34.0]]
