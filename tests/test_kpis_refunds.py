"""Refunds in averages: what is divided is of the same deals, and of the same customers, as are counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_shop import open_shop

from attribution.engine import Store

Csv = Callable[[str, str], Path]

DEALS = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id,owner
    D-1,won,2025-01-12T00:00:00Z,2025-01-31T00:00:00Z,1000.00,GBP,L-1,Ann
    D-2,won,2025-01-12T00:00:00Z,2025-02-10T00:00:00Z,100.00,GBP,L-2,Bob
    D-3,won,2025-01-12T00:00:00Z,2025-02-11T00:00:00Z,60.00,GBP,,Bob
    """
REFUNDS = """
    adjustment_id,deal_id,at,amount,currency
    A-1,D-1,2025-02-12T00:00:00Z,-500.00,GBP
    A-2,D-2,2025-02-20T00:00:00Z,-20.00,GBP
    A-3,D-2,2025-03-20T00:00:00Z,-10.00,GBP
    """
NAMES = "lead_value,average_deal_size,average_revenue_per_customer"


def _months(shop: Store, by: str = "", **options: Any) -> list[tuple[Any, ...]]:
    options = {"start": "2025-02-01", "end": "2025-02-28", "names": NAMES} | options
    rows = shop.kpis(by, **options).rows
    return [(*([row[by]] if by else []), row["value"], row["numerator"], row["denominator"]) for row in rows]


def test_a_refund_of_another_months_deal(store: Store, csv: Csv) -> None:
    """February won 100 and 60 and gave 20 of that back; 500 of January's deal are in no average of it."""
    shop = open_shop(store, csv, deals=DEALS, adjustments=REFUNDS)
    assert _months(shop) == [
        (None, "-360.00", 0),  # revenue itself is 160 - 520
        ("70.00", "140.00", 2),
        ("70.00", "140.00", 2),
    ]
    assert _months(shop, start="2025-01-01") == [
        ("213.33", "640.00", 3),
        ("213.33", "640.00", 3),
        ("213.33", "640.00", 3),
    ]
    assert _months(shop, restate=True)[1:] == [("65.00", "130.00", 2), ("65.00", "130.00", 2)]
    assert _months(shop, start="2025-03-01", end="2025-03-31")[1:] == [(None, "0.00", 0), (None, "0.00", 0)]


def test_by_owner_and_by_cohort(store: Store, csv: Csv) -> None:
    """Ann won nothing in February; a cohort has all of its deals, and those without a lead stand apart."""
    shop = open_shop(store, csv, deals=DEALS, adjustments=REFUNDS)
    assert [row[1:] for row in _months(shop, "owner") if row[0] == "Ann"] == [
        (None, "-500.00", 0),
        (None, "0.00", 0),
        (None, "0.00", 0),
    ]
    assert _months(shop, "owner", names="average_deal_size") == [("Bob", "70.00", "140.00", 2)]
    january = {"start": "2025-01-01", "end": "2025-01-31", "basis": "cohort"}
    assert _months(shop, **january)[1:] == [("285.00", "570.00", 2), ("285.00", "570.00", 2)]
    lost = [row for row in _months(shop, "owner", basis="cohort") if row[0] == "(no lead)"]
    assert lost == [
        ("(no lead)", None, "60.00", 0),
        ("(no lead)", "60.00", "60.00", 1),
        ("(no lead)", None, "0.00", 0),
    ]
