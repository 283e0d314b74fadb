"""Where data end long before the last run: what has a row, where lines end, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution.engine import Store

Csv = Callable[[str, str], Path]

ENDED = (
    "data end on 2025-03-10, 174 days before the last run on 2025-08-31: what came after is not known, and "
    "periods after it are left out"
)


@pytest.fixture
def shop(store: Store, csv: Csv) -> Store:
    """From a touch of 1 January to a refund of 10 March; run at the end of August."""
    with freeze_time("2025-08-31T12:00:00Z"):
        return open_shop(store, csv)


def _periods(shop: Store, every: str = "month", **options: Any) -> tuple[dict[str, bool], list[str]]:
    answer = shop.kpis(names="won_deals", every=every, **options)
    return {row["period"]: row["partial"] for row in answer.rows}, answer.warnings


def test_periods_end_with_the_data(shop: Store) -> None:
    """March ends on the 10th; five months of nothing have no row, and one sentence says so."""
    assert _periods(shop) == ({"2025-01": False, "2025-02": False, "2025-03": True}, [ENDED])
    assert _periods(shop, "year") == ({"2025": True}, [ENDED])
    assert "partial" in shop.kpis(names="leads", every="month").columns
    assert "partial" not in shop.kpis(names="leads").columns


def test_periods_that_are_asked_for(shop: Store) -> None:
    """What is named ends with the data too; what lies within them says nothing."""
    assert _periods(shop, start="2025-02-10", end="2025-05-31") == (
        {"2025-02": True, "2025-03": True},
        [ENDED],
    )
    assert _periods(shop, start="2025-01-01", end="2025-02-28") == ({"2025-01": False, "2025-02": False}, [])
    found, warnings = _periods(shop, "quarter", start="2027-01-01", end="2030-03-31")
    assert found == {}
    known = "there are data of 2025-01-01 to 2025-03-10"
    assert warnings == [f"nothing is known of the days from 2027-01-01 to 2030-03-31: {known}"]


def test_recurring_revenue_is_not_repeated(sqlite_store: Store, csv: Csv) -> None:
    """A contract without an end is not told of months that nobody knows."""
    deals = """
        deal_id,status,closed_at,amount,currency,lead_id,recurring_amount,recurring_interval
        D-1,won,2025-02-01T00:00:00Z,120.00,GBP,L-1,10.00,month
        """
    with freeze_time("2025-08-31T12:00:00Z"):
        shop = open_shop(
            sqlite_store, csv, deals=deals, adjustments="adjustment_id,deal_id,at,amount,currency"
        )
    answer = shop.kpis(names="monthly_recurring_revenue", every="month")
    assert [(row["period"], row["value"], row["partial"]) for row in answer.rows] == [
        ("2025-01", "0.00", False), ("2025-02", "10.00", True),
    ]  # fmt: skip


def test_lines_of_cohorts_end_with_the_data(shop: Store) -> None:
    """The youngest lead of January is of the 20th: 49 days before 10 March, one month of 30.4 days."""
    answer = shop.cohorts()
    assert [(row["cohort"], row["age"], row["converted"]) for row in answer.rows] == [("2025-01", 1, 2)]
    assert answer.warnings.count(ENDED) == 1


def test_a_cohort_is_young_by_its_data(sqlite_store: Store, csv: Csv) -> None:
    """Three in four deals close within 40 days; a lead of 10 February was 28 days old when data end."""
    late = "lead_id,created_at\nL-1,2025-01-11\nL-2,2025-01-06\nL-3,2025-01-20\nL-4,2025-02-10"
    with freeze_time("2025-08-31T12:00:00Z"):
        shop = open_shop(sqlite_store, csv, leads=late)
    answer = shop.kpis(names="leads", basis="cohort", every="month", end="2025-02-28")
    assert [(row["value"], row["immature"]) for row in answer.rows] == [(3, False), (1, True)]


def test_a_month_of_silence_is_none(sqlite_store: Store, csv: Csv) -> None:
    """31 days without anything before the last run may be quiet; its own day is not over."""
    with freeze_time("2025-04-10T12:00:00Z"):
        shop = open_shop(sqlite_store, csv)
    assert _periods(shop) == (
        {"2025-01": False, "2025-02": False, "2025-03": False, "2025-04": True}, [],
    )  # fmt: skip
    weeks, _ = _periods(shop, "week", start="2025-03-31", end="2025-04-13")
    assert weeks == {"2025-W14": False, "2025-W15": True}
    later, warnings = _periods(shop, start="2025-03-01", end="2025-06-30")
    assert later == {"2025-03": False, "2025-04": True}
    assert warnings == ["2 periods after the last run on 2025-04-10 are left out: nothing is dated then"]


def test_before_the_first_record(shop: Store) -> None:
    """December is not known; the week of 1 January began on 30 December."""
    found, _ = _periods(shop, start="2024-12-01", end="2025-01-31")
    assert found == {"2024-12": True, "2025-01": False}
    weeks, _ = _periods(shop, "week", end="2025-01-12")
    assert weeks == {"2025-W01": True, "2025-W02": False}


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-01-01", "2024-03-31", "from 2024-01-01 to 2024-03-31"),
        ("2025-03-11", None, "from 2025-03-11"),
        (None, "2024-12-31", "to 2024-12-31"),
    ],
)
def test_days_of_nothing(shop: Store, start: str | None, end: str | None, days: str) -> None:
    """Every answer of figures says which days there are data of."""
    told = [f"nothing is known of the days {days}: there are data of 2025-01-01 to 2025-03-10"]
    asked: dict[str, Any] = {"start": start, "end": end}
    assert shop.kpis(names="leads", **asked).warnings == told
    assert told[0] in shop.report("channel", **asked).warnings
    assert told[0] in shop.compare("channel", ["linear", "last_touch"], **asked).warnings
    assert told[0] in shop.cohorts(**asked).warnings


def test_days_of_anything(shop: Store) -> None:
    """The day of the refund is the last of which anything is known."""
    assert shop.kpis(names="leads", start="2025-03-10", end="2025-03-10").warnings == []


def test_the_page_says_it_once(shop: Store, tmp_path: Path) -> None:
    """With cohorts, and where a condition on channels leaves them out."""
    for where in ([], ["channel=Email"]):
        page = shop.report_html(tmp_path / "page.html", where=where).read_text()
        assert page.count(ENDED) == 1


def test_the_doctor_tells(shop: Store) -> None:
    """174 days from 10 March to 31 August."""
    (found,) = [row for row in shop.doctor().rows if row["check"] == "data_end"]
    assert (found["severity"], found["count"], found["detail"]) == (
        "notice", 174, "nothing is dated after 2025-03-10, 174 days before the last run on 2025-08-31",
    )  # fmt: skip


def test_the_doctor_is_content(sqlite_store: Store, csv: Csv) -> None:
    """A month of silence is none, and neither is a store without a run."""
    assert [row["severity"] for row in sqlite_store.doctor().rows if row["check"] == "data_end"] == ["ok"]
    with freeze_time("2025-04-10T12:00:00Z"):
        shop = open_shop(sqlite_store, csv)
    assert [row["severity"] for row in shop.doctor().rows if row["check"] == "data_end"] == ["ok"]
