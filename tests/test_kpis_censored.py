"""Durations that count those still on their way: Kaplan-Meier quartiles beside the plain ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution.engine import Store

Csv = Callable[[str, str], Path]

LEADS = """
    lead_id,created_at,owner
    L-1,2025-01-01T00:00:00Z,Ann
    L-2,2025-01-01T00:00:00Z,Ann
    L-3,2025-01-01T00:00:00Z,Bob
    L-4,2025-01-11T00:00:00Z,Bob
    """
# opportunities after 2, 6 and 9 days, L-4 none in 20; of three, one is won after 4, one lost, one open for 21
DEALS = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id
    D-1,won,2025-01-03T00:00:00Z,2025-01-07T00:00:00Z,1.00,GBP,L-1
    D-2,lost,2025-01-07T00:00:00Z,2025-01-09T00:00:00Z,,,L-2
    D-3,open,2025-01-10T00:00:00Z,,,,L-3
    """
KEYS = ("censored_lower_quartile", "censored_median", "censored_upper_quartile", "waiting")


def _shop(store: Store, csv: Csv) -> Store:
    with freeze_time("2025-01-31T00:00:00Z"):
        return open_shop(
            store, csv, leads=LEADS, deals=DEALS, adjustments="adjustment_id,deal_id,at,amount,currency"
        )


def test_quartiles_and_who_waits(store: Store, csv: Csv) -> None:
    """A quartile that the curve does not reach is null; a deal that was lost before does not wait."""
    answer = _shop(store, csv).kpis(names="time_to_conversion", censored=True)
    found = {row["stage"]: tuple(row[key] for key in KEYS) for row in answer.rows}
    assert found == {
        "first_touch_to_lead": (None, None, None, None),
        "lead_to_opportunity": (2.0, 6.0, 9.0, 1),
        "opportunity_to_won": (4.0, 4.0, None, 1),
        "lead_to_won": (6.0, None, None, 2),
    }
    plain = {row["stage"]: row["value"] for row in answer.rows}
    assert plain["opportunity_to_won"] == 4.0
    assert set(KEYS) <= set(answer.columns)


def test_whoever_was_given_up_waits_no_more(store: Store, csv: Csv) -> None:
    """A lead is given up when it is disqualified or its last deal is lost; what came before counts."""
    leads = """
        lead_id,created_at,requested_at,disqualified_at
        L-1,2025-01-01T00:00:00Z,2025-01-01T00:00:00Z,2025-01-02T00:00:00Z
        L-2,2025-01-01T00:00:00Z,2025-01-01T00:00:00Z,
        L-3,2025-01-01T00:00:00Z,,2025-01-09T00:00:00Z
        L-4,2025-01-05,,2025-01-05
        L-5,2025-01-01T00:00:00Z,,2025-02-02T00:00:00Z
        """
    # L-2 lost one deal and has another; L-3's was won before it was disqualified
    deals = """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,lost,2025-01-03T00:00:00Z,2025-01-04T00:00:00Z,,,L-2
        D-2,open,2025-01-05T00:00:00Z,,,,L-2
        D-3,won,2025-01-03T00:00:00Z,2025-01-05T00:00:00Z,1.00,GBP,L-3
        """
    with freeze_time("2025-01-31T00:00:00Z"):
        shop = open_shop(
            store, csv, leads=leads, deals=deals, adjustments="adjustment_id,deal_id,at,amount,currency"
        )
    answer = shop.kpis(names=["time_to_conversion", "inbound_response_time"], censored=True)
    found = {row["stage"]: tuple(row[key] for key in KEYS) for row in answer.rows}
    # of L-2, L-3 and L-5 two have one after two days: L-1 and L-4 were gone; L-5 is given up after the run
    assert found["lead_to_opportunity"] == (2.0, 2.0, None, 1)
    assert found["opportunity_to_won"] == (2.0, 2.0, None, 1)
    assert found["lead_to_won"] == (4.0, None, None, 2)
    assert found["request_to_response"] == (None, None, None, 1)


def test_by_owner_and_period(sqlite_store: Store, csv: Csv) -> None:
    """Those who began in the period, by their own owner; credit has no curve, and that is told."""
    shop = _shop(sqlite_store, csv)
    rows = shop.kpis("owner", names="time_to_conversion", censored=True).rows
    found = {(row["owner"], row["stage"]): tuple(row[key] for key in KEYS) for row in rows}
    assert found["Ann", "lead_to_opportunity"] == (2.0, 2.0, 6.0, 0)
    assert found["Bob", "lead_to_opportunity"] == (9.0, 9.0, None, 1)
    late = shop.kpis(names="time_to_conversion", censored=True, start="2025-01-08").rows
    assert [row["waiting"] for row in late] == [None, 1, 1, 1]
    answer = shop.kpis("channel", names="time_to_conversion", censored=True)
    assert {row["censored_median"] for row in answer.rows} == {None}
    assert sum("count whole records" in warning for warning in answer.warnings) == 1


def test_not_asked_for(sqlite_store: Store, csv: Csv) -> None:
    """Without the option nothing is added."""
    answer = _shop(sqlite_store, csv).kpis(names="time_to_conversion")
    assert not set(KEYS) & (set(answer.columns) | set(answer.rows[0]))


def test_inquiries_that_nobody_answered(sqlite_store: Store, csv: Csv) -> None:
    """An inquiry without an answer waits still: in minutes, as the figure is."""
    with freeze_time("2025-01-31T00:00:00Z"):
        shop = open_shop(
            sqlite_store,
            csv,
            leads="""
            lead_id,created_at,requested_at,responded_at
            L-1,2025-01-01T00:00:00Z,2025-01-01T00:00:00Z,2025-01-01T00:05:00Z
            L-2,2025-01-01T00:00:00Z,2025-01-01T00:00:00Z,
            """,
        )
    row = shop.kpis(names="inbound_response_time", censored=True).rows[0]
    assert (row["value"], row["waiting"]) == (5.0, 1)
    assert row["censored_median"] == pytest.approx(5.0)
    assert row["censored_upper_quartile"] is None
