"""Revenue per customer and customer lifetime value: customers once, those still active censored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.metrics.measures.lifetimes import survival

Csv = Callable[[str, str], Path]

# 487 days are 16 months of 365.25 / 12 days; a left after 16, b is active after 32
TODAY = "2026-09-01T00:00:00Z"
HEAD = (
    "deal_id,status,closed_at,amount,currency,account,owner,recurring_amount,recurring_interval,"
    "recurring_until"
)
DEALS = f"""
    {HEAD}
    D-1,won,2024-01-01T00:00:00Z,100.00,GBP,a.test,Ann,10.00,month,2025-05-02T00:00:00Z
    D-2,won,2024-01-01T00:00:00Z,200.00,GBP,b.test,Ann,10.00,month,
    D-3,won,2024-01-20T00:00:00Z,100.00,GBP,b.test,Bob,,,
    D-4,won,2024-01-20T00:00:00Z,50.00,GBP,c.test,Bob,,,
    D-5,open,,,GBP,d.test,Bob,10.00,month,
    """
REFUND = "adjustment_id,deal_id,at,amount,currency\nA-1,D-4,2024-02-10T00:00:00Z,-50.00,GBP"
LEADS = "lead_id,created_at\n" + "\n".join(f"L-{i},2024-01-0{i}T00:00:00Z" for i in range(1, 6))
NAMES = [
    "average_revenue_per_customer",
    "monthly_revenue_per_customer",
    "customer_lifetime_value",
    "cltv_article",
]
JANUARY = {"start": "2024-01-01", "end": "2024-01-31"}
QUARTER = {"start": "2024-01-01", "end": "2024-03-31"}


def _shop(store: Store, csv: Csv, deals: str = DEALS, **tables: str) -> Store:
    with freeze_time(TODAY):
        return open_shop(store, csv, **({"leads": LEADS, "adjustments": REFUND} | tables), deals=deals)


def _values(answer: Answer) -> list[Any]:
    return [row["value"] for row in answer.rows]


def test_per_customer(store: Store, csv: Csv) -> None:
    """450 of three customers in January, c one for 12 of 31 days: 450 x 31 / 74 a month.

    In the quarter c has brought nothing: 400 of two, 66.67 a month. In the second half of January b is one
    for 16 days and c for 12: 150 x 31 / 28.
    """
    shop = _shop(store, csv)
    assert _values(shop.kpis(names=NAMES[:2], **JANUARY)) == ["150.00", "188.51"]
    answer = shop.kpis(names=NAMES[:2], **QUARTER)
    assert _values(answer) == ["200.00", "66.67"]
    assert [row["denominator"] for row in answer.rows] == [2, 6]
    assert _values(shop.kpis(names=NAMES[1], start="2024-01-16", end="2024-01-31")) == ["166.07"]
    february = shop.kpis(names=NAMES[:2], start="2024-02-01", end="2024-02-29").rows
    assert [(row["value"], row["numerator"], row["denominator"]) for row in february] == [
        (None, "0.00", 0), (None, "0.00", 0),
    ]  # fmt: skip


def test_a_customer_of_two_owners(store: Store, csv: Csv) -> None:
    """b is half Ann's and half Bob's: customers add up, whoever sold to them."""
    answer = _shop(store, csv).kpis("owner", names=NAMES[0], **JANUARY)
    rows = {row["owner"]: (row["value"], row["numerator"], row["denominator"]) for row in answer.rows}
    assert rows == {"Ann": ("200.00", "300.00", 1.5), "Bob": ("100.00", "150.00", 1.5)}
    assert answer.totals[NAMES[0]] == "150.00"


def test_lifetime_value(store: Store, csv: Csv) -> None:
    """One of two left after 16 months, the other is seen for 32: 16 + 16 / 2 = 24 months."""
    shop = _shop(store, csv)
    answer = shop.kpis(names=NAMES[2:], **QUARTER)
    value, article = answer.rows
    assert value["value"] == "1600.00"  # 400 / 6 x 24
    assert article["value"] == "160.00"  # 400 / 5 x 2
    assert [value["lifetime_months"], value["median_lifetime_months"]] == [24.0, 16.0]
    assert any("seen for 32.0 of 60 months" in warning for warning in answer.warnings)
    short = shop.kpis(names=NAMES[2], horizon=12, **QUARTER)
    assert (short.rows[0]["value"], short.rows[0]["lifetime_months"]) == ("800.00", 12.0)
    assert short.warnings == []
    interval = shop.kpis(names=NAMES[2], interval=0.9, **QUARTER).rows[0]
    assert (interval["low"], interval["too_few"]) == (None, None)


def test_everybody_is_still_there(sqlite_store: Store, csv: Csv) -> None:
    """Nobody left: the mean is what has been seen of them, and no median is known."""
    deals = f"{HEAD}\nD-1,won,2024-01-01T00:00:00Z,100.00,GBP,a.test,,10.00,month,2030-01-01"
    row = (
        _shop(sqlite_store, csv, deals, adjustments=REFUND.splitlines()[0])
        .kpis(names=NAMES[2], **JANUARY)
        .rows[0]
    )
    assert (row["value"], row["lifetime_months"], row["median_lifetime_months"]) == ("3200.00", 32.0, None)


def test_nothing_recurs(sqlite_store: Store, csv: Csv) -> None:
    """Without contracts no lifetime is known: null, with the reason."""
    answer = open_shop(sqlite_store, csv).kpis(names=NAMES)
    assert [row["value"] is None for row in answer.rows] == [False, False, True, True]
    assert sum("no won deal has a recurring amount" in warning for warning in answer.warnings) == 1


def test_horizons_that_cannot_be_meant(sqlite_store: Store, csv: Csv) -> None:
    """Months, from 1 on."""
    shop = open_shop(sqlite_store, csv)
    for horizon in (0, -3, 99_999):
        with pytest.raises(InputError, match="whole months from 1 to 1,200"):
            shop.kpis(horizon=horizon)


def test_a_curve_worked_by_hand() -> None:
    """Four customers: one leaves at 2, one is seen to 4, at 6 one of two leaves: 0.75, 0.75 and 0.375."""
    curve = survival(np.array([2.0, 4.0, 6.0, 6.0]), np.array([False, True, False, True]))
    assert curve.part.tolist() == [0.75, 0.75, 0.375]
    assert curve.mean(60.0) == 2 + 4 * 0.75
    assert curve.mean(3.0) == 2 + 0.75
    assert [curve.quantile(part) for part in (0.25, 0.5, 0.75)] == [2.0, 6.0, None]


CONTRACTS = """
    deal_id,status,closed_at,amount,currency,account,recurring_amount,recurring_interval,recurring_until
    D-1,won,2025-01-10T00:00:00Z,1200.00,GBP,a.test,100.00,month,2026-01-09
    D-2,won,2025-02-10T00:00:00Z,1200.00,GBP,b.test,100.00,month,2026-02-09
    """
NONE = REFUND.splitlines()[0]


@pytest.mark.parametrize("touched", ["2024-12-31", "2015-01-01"])
def test_months_in_which_nobody_was_a_customer(sqlite_store: Store, csv: Csv, touched: str) -> None:
    """Two contracts of 12 months at 100: 2400 / 24 a month, whatever was seen before, or is asked for after.

    In 2025 a was there for 11 months and 22 days of January, b for ten and 19 days of February: 2400 / (11 +
    22/31 + 10 + 19/28).
    """
    touches = f"touch_id,visitor_id,at\nt-1,v-9,{touched}"
    shop = _shop(sqlite_store, csv, CONTRACTS, adjustments=NONE, touches=touches)
    for asked in ({}, {"start": "2025-01-01", "end": "2027-12-31"}, {"basis": "period", "end": "2026-03-31"}):
        row, value = shop.kpis(names=NAMES[1:3], **asked).rows
        assert (row["value"], row["denominator"]) == ("100.00", 24)
        assert value["value"] == "1199.18"  # 365 days - 1 are 11.99 months
    year = shop.kpis(names=NAMES[1], start="2025-01-01", end="2025-12-31").rows[0]
    assert year["value"] == "107.20"
    assert year["denominator"] == pytest.approx(21 + 22 / 31 + 19 / 28, abs=1e-6)
    # in 2026 nobody paid anything
    assert _values(shop.kpis(names=NAMES[1], start="2026-01-01", end="2026-12-31")) == [None]


def test_a_customer_whose_contract_ended_may_buy_again(sqlite_store: Store, csv: Csv) -> None:
    """a's contract ended in January 2026, and what it bought in May has no end: it is one up to the last run.

    From 2025-01-10 to 2026-09-01 that is 22 days of January, 19 months, and a day of September.
    """
    again = CONTRACTS.replace("b.test,100.00,month,2026-02-09", "a.test,,,")
    again = again.replace("2025-02-10", "2026-05-10")
    row = _shop(sqlite_store, csv, again, adjustments=NONE).kpis(names=NAMES[1]).rows[0]
    assert row["denominator"] == pytest.approx(22 / 31 + 19 + 1 / 30, abs=1e-6)


def test_months_of_a_cohort(sqlite_store: Store, csv: Csv) -> None:
    """Its leads of 2024 are followed to the last run, not to the end of 2024; the one deal of L-1 is D-1."""
    deals = CONTRACTS.replace("account", "lead_id").replace("a.test", "L-1").replace("b.test", "L-7")
    shop = _shop(sqlite_store, csv, deals, adjustments=NONE)
    (row,) = shop.kpis(names=NAMES[1], basis="cohort", start="2024-01-01", end="2024-12-31").rows
    assert (row["value"], row["denominator"]) == ("100.00", 12)
