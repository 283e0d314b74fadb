"""KPIs beside those of an earlier period: what is compared with what, and what fell to nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from small_shop import open_shop

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.metrics.periods import Span, before

Csv = Callable[[str, str], Path]

FEBRUARY = {"start": "2025-02-01", "end": "2025-02-28", "against": "previous"}
TOUCHES = """
    touch_id,visitor_id,at,source,medium
    t1,v1,2025-01-01T00:00:00Z,news,email
    t2,v2,2025-01-01T00:00:00Z,google,cpc
    """
LEADS = """
    lead_id,created_at,visitor_id
    L-1,2025-01-02T00:00:00Z,v1
    L-2,2025-02-02T00:00:00Z,v2
    """
DEALS = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id
    D-1,won,2025-01-03T00:00:00Z,2025-01-10T00:00:00Z,1000.00,GBP,L-1
    D-2,won,2025-02-03T00:00:00Z,2025-02-10T00:00:00Z,10.00,GBP,L-2
    D-3,won,2025-01-03T00:00:00Z,2025-01-20T00:00:00Z,7.00,GBP,
    """
NO_ADJUSTMENTS = "adjustment_id,deal_id,at,amount,currency"


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Store:
    """1,000 of e-mail in January, 10 of search in February."""
    tables = {"touches": TOUCHES, "leads": LEADS, "deals": DEALS, "adjustments": NO_ADJUSTMENTS}
    until_march = "date,source,campaign,likes\n2025-03-31,news,spring,1"
    return open_shop(sqlite_store, csv, social_stats=until_march, **tables)


def _rows(answer: Answer, dim: str = "channel") -> dict[tuple[str, str], list[Any]]:
    return {(row[dim], row["kpi"]): [row["value"], row["before"], row["change"]] for row in answer.rows}


def test_what_fell_to_nothing_has_a_row(store: Store, csv: Csv) -> None:
    """E-mail went from 1,000 to 0, search came in: sums are 0 then, ratios null, and both columns add up."""
    tables = {"touches": TOUCHES, "leads": LEADS, "deals": DEALS, "adjustments": NO_ADJUSTMENTS}
    shop = open_shop(store, csv, **tables)
    answer = shop.kpis("channel", names="won_deals,average_deal_size", model="linear", **FEBRUARY)
    assert _rows(answer) == {
        ("Paid Search", "won_deals"): [1, 0, None],
        ("Paid Search", "average_deal_size"): ["10.00", None, None],
        ("Email", "won_deals"): [0, 1, -1.0],
        ("Email", "average_deal_size"): [None, "1000.00", None],
        ("(unattributed)", "won_deals"): [0, 1, -1.0],
        ("(unattributed)", "average_deal_size"): [None, "7.00", None],
    }
    whole = shop.kpis(names="won_deals", **FEBRUARY).rows[0]
    assert (whole["value"], whole["before"]) == (1, 2)


def test_every_month_against_the_one_before(shop: Store) -> None:
    """March has rows for what was there in February alone, and none for January's e-mail."""
    options: dict[str, Any] = {"names": "won_deals", "model": "linear", "every": "month"}
    answer = shop.kpis("channel", start="2025-01-01", end="2025-03-31", against="previous", **options)
    found = [(row["period"], row["channel"], row["value"], row["before"]) for row in answer.rows]
    assert sorted(found) == [
        ("2025-01", "(unattributed)", 1, 0), ("2025-01", "Email", 1, 0),
        ("2025-02", "(unattributed)", 0, 1), ("2025-02", "Email", 0, 1), ("2025-02", "Paid Search", 1, 0),
        ("2025-03", "Paid Search", 0, 1),
    ]  # fmt: skip


def test_durations_that_are_no_more(shop: Store) -> None:
    """Nobody of e-mail was won in February: its time is null, and what it was stands beside it."""
    answer = shop.kpis("channel", names="time_to_conversion", model="linear", **FEBRUARY)
    found = {
        (row["channel"], row["stage"]): (row["value"], row["denominator"], row["before"])
        for row in answer.rows
    }
    assert found["Email", "opportunity_to_won"] == (None, 0, 7.0)
    assert found["Paid Search", "opportunity_to_won"] == (7.0, 1, None)


def test_deals_without_a_lead_in_one_of_two_cohorts(shop: Store) -> None:
    """January had one, February none: its row stays, at 0."""
    answer = shop.kpis("channel", names="won_deals", model="linear", basis="cohort", **FEBRUARY)
    assert _rows(answer) == {
        ("Paid Search", "won_deals"): [1, 0, None],
        ("Email", "won_deals"): [0, 1, -1.0],
        ("(no lead)", "won_deals"): [0, 1, -1.0],
    }


def test_the_same_days_a_year_earlier(sqlite_store: Store, csv: Csv) -> None:
    """28 February is compared with one day; only whole months end where months end."""
    leads = "lead_id,created_at\nL-1,2025-02-28T10:00:00Z\nL-2,2024-02-28T10:00:00Z\nL-3,2024-02-29T10:00:00Z"
    nothing = {"deals": "deal_id,status", "adjustments": NO_ADJUSTMENTS}
    shop = open_shop(sqlite_store, csv, leads=leads, **nothing)

    def compared(first: str, last: str) -> tuple[Any, Any]:
        row = shop.kpis(names="leads", start=first, end=last, against="year").rows[0]
        return row["value"], row["before"]

    assert compared("2025-02-28", "2025-02-28") == (1, 1)
    assert compared("2025-02-22", "2025-02-28") == (1, 1)
    assert compared("2025-02-01", "2025-02-28") == (1, 2)
    assert compared("2025-01-01", "2025-02-28") == (1, 2)
    assert compared("2025-01-15", "2025-02-28") == (1, 1)


@pytest.mark.parametrize(
    ("first", "last", "against", "expected"),
    [
        ("2025-02-22", "2025-02-28", "year", ("2024-02-22", "2024-02-28")),
        ("2025-02-01", "2025-02-28", "year", ("2024-02-01", "2024-02-29")),
        ("2024-02-01", "2024-02-29", "year", ("2023-02-01", "2023-02-28")),
        ("2024-02-29", "2024-02-29", "year", ("2023-02-28", "2023-02-28")),
        ("2025-01-15", "2025-04-30", "year", ("2024-01-15", "2024-04-30")),
        ("2025-03-01", "2025-03-31", "previous", ("2025-02-01", "2025-02-28")),
        ("2025-03-02", "2025-03-31", "previous", ("2025-01-31", "2025-03-01")),
    ],
)
def test_what_days_are_compared_with(first: str, last: str, against: str, expected: tuple[str, str]) -> None:
    """Worked by hand: as many days as there are, unless months, quarters or years are whole."""
    found = before(Span(date.fromisoformat(first), date.fromisoformat(last), ""), against)
    assert (found.first.isoformat(), found.last.isoformat()) == expected


def test_days_are_needed(shop: Store) -> None:
    """An open period has none before it."""
    with pytest.raises(InputError, match="--every month"):
        shop.kpis(names="leads", against="previous", start="2025-01-01")
