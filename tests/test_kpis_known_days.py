"""From when to when `--every` gives rows: the first thing that counts and the last run; and what is later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution.engine import Store

Csv = Callable[[str, str], Path]

TODAY = "2025-03-10T12:00:00Z"
SOCIAL = (
    "date,source,campaign,likes,clicks\n2024-11-01,facebook,spring,300,10\n2025-01-05,facebook,spring,5,1"
)
EMAIL = "date,campaign,delivered,opens,subscribes,list_size\n2024-10-15,spring,10,5,1,100"
MEETINGS = "meeting_id,lead_id,booked_at,held_at\nM-1,L-1,2024-12-20T00:00:00Z,2024-12-21T00:00:00Z"
DEALS = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id,recurring_amount,recurring_interval,recurring_from
    D-1,won,2025-01-15T00:00:00Z,2025-02-10T00:00:00Z,100.00,GBP,L-1,10.00,month,2024-09-20T00:00:00Z
    D-2,won,2025-01-16T00:00:00Z,2025-04-02T00:00:00Z,50.00,GBP,L-2,,,
    D-3,open,2025-01-16T00:00:00Z,2026-01-01T00:00:00Z,50.00,GBP,L-2,,,
    D-4,deleted,2020-01-16T00:00:00Z,2027-01-01T00:00:00Z,50.00,GBP,L-2,,,
    """
NAMES = "engagement,meetings_booked,won_deals,mrr_new"


@pytest.fixture
def shop(store: Store, csv: Csv) -> Store:
    """Statistics, a meeting and a contract from before the first touch, and a deal of after the last run."""
    nothing = {"adjustments": "adjustment_id,deal_id,at,amount,currency"}
    with freeze_time(TODAY):
        return open_shop(
            store, csv, deals=DEALS, social_stats=SOCIAL, email_stats=EMAIL, meetings=MEETINGS, **nothing
        )


def _months(shop: Store, **options: Any) -> tuple[list[str], Counter[str], list[str]]:
    answer = shop.kpis(names=NAMES, every="month", **options)
    found: Counter[str] = Counter()
    for row in answer.rows:
        found[row["kpi"]] += float(row["value"])
    periods = [row["period"] for row in answer.rows]
    return [periods[0], periods[-1]], found, answer.warnings


def test_months_begin_with_the_first_thing_that_counts(shop: Store) -> None:
    """A contract of September; 305 likes, a meeting and a deal in all months, the deal of April in none."""
    periods, found, warnings = _months(shop)
    assert periods == ["2024-09", "2025-03"]
    assert found == {
        "engagement": 305, "engagement_clicks": 11, "meetings_booked": 1, "won_deals": 1, "mrr_new": 10,
    }  # fmt: skip
    told = [warning for warning in warnings if "the last run was" in warning]
    assert told == [
        "the last run was on 2025-03-10; dated later are deals (1): totals count them, no period does; "
        "--to 2025-04-02 shows them"
    ]


def test_a_day_that_is_named_holds_them(shop: Store) -> None:
    """With `--to` nothing is left to tell, and the months add up to the whole."""
    periods, found, warnings = _months(shop, end="2025-04-30")
    assert periods == ["2024-09", "2025-04"]
    assert found["won_deals"] == 2
    assert not [warning for warning in warnings if "the last run was" in warning]
    whole = {row["kpi"]: row["value"] for row in shop.kpis(names="engagement,won_deals").rows}
    assert (whole["engagement"], whole["won_deals"]) == (305, 2)


def test_statistics_of_tomorrow(sqlite_store: Store, csv: Csv) -> None:
    """Days and instants are told alike, each by its table."""
    with freeze_time(TODAY):
        shop = open_shop(
            sqlite_store, csv,
            social_stats="date,source,campaign,likes\n2025-03-10,facebook,spring,1\n2025-03-11,facebook,spring,1",
            meetings="meeting_id,lead_id,booked_at\nM-1,L-1,2025-03-10T23:59:00Z\nM-2,L-1,2025-03-12T00:00:00Z",
        )  # fmt: skip
    warnings = shop.kpis(names="leads", every="year").warnings
    assert warnings == [
        "the last run was on 2025-03-10; dated later are meetings (1), rows of social_stats (1): totals "
        "count them, no period does; --to 2025-03-12 shows them"
    ]
