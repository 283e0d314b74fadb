"""Cohorts by age: what the leads of a month had become after one month, two months, ..."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
LEADS = "lead_id,created_at\nL-1,2025-01-31T23:30:00Z"
DEALS = """deal_id,status,created_at,closed_at,amount,currency,lead_id
    D-1,won,2025-02-03T00:00:00Z,2025-02-04T00:00:00Z,7.00,GBP,L-1"""
ADJUSTMENTS = "adjustment_id,deal_id,at,amount,currency\nA-1,D-1,2025-02-05T00:00:00Z,-1.00,GBP"


def test_leads_of_january_by_age(store: Store, csv: Csv) -> None:
    """Two of three had a deal within a month (30.4 days), the third after 31 days; so with the money.

    D-1 (100.01) closes at 21 days and loses 20.00 at 58; D-2 (50.00) and D-3 (30.00) close at 40 days;
    D-4 is in dollars without a rate. The youngest lead is 71 days old: two whole months.
    """
    with freeze_time("2025-04-01"):
        found = open_shop(store, csv).cohorts(start="2025-01-01", end="2025-01-31")
    assert found.rows == [
        {
            "cohort": "2025-01", "age": 1, "leads": 3, "converted": 2, "conversion_rate": 2 / 3,
            "revenue": "100.01", "revenue_per_lead": "33.34",
        },
        {
            "cohort": "2025-01", "age": 2, "leads": 3, "converted": 3, "conversion_rate": 1.0,
            "revenue": "160.01", "revenue_per_lead": "53.34",
        },
    ]  # fmt: skip
    assert found.warnings == [
        "revenue leaves out 10.00 USD: no rate within 7 days; import rates, then run again"
    ]


def test_conditions_on_leads(sqlite_store: Store, csv: Csv) -> None:
    """Ann has L-1 alone; a channel has no leads of its own to follow."""
    with freeze_time("2025-04-01"):
        shop = open_shop(sqlite_store, csv)
        of_ann = shop.cohorts(where=["owner=Ann"], ages=1)
        won = shop.cohorts(stage="won")
        assert shop.cohorts(start="2025-03-01").rows == []
        with pytest.raises(InputError, match=r"cannot be cut by channel=Email.*owner, industry and account"):
            shop.cohorts(where=["channel=Email"])
        with pytest.raises(InputError, match="0 months of age were asked for"):
            shop.cohorts(ages=0)
    assert [(row["leads"], row["revenue"]) for row in of_ann.rows] == [(1, "100.01")]
    assert [row["converted"] for row in won.rows] == [1, 3]  # closed at 21, 40 and 40 days


def test_a_month_boundary_is_that_of_the_reporting_timezone(sqlite_store: Store, csv: Csv) -> None:
    """23:30 UTC on 31 January is February in Berlin."""
    sqlite_store.config_set("timezone", "Europe/Berlin")
    with freeze_time("2025-03-07"):
        shop = open_shop(sqlite_store, csv, leads=LEADS, deals=DEALS, adjustments=ADJUSTMENTS)
        assert {row["cohort"] for row in shop.cohorts().rows} == {"2025-02"}
