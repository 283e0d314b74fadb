"""A renewal takes the place of the contract that it renews: nobody pays for both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.renewals import EXPANSION, NEW, RENEWAL, renewed_by

Csv = Callable[[str, str], Path]
HEAD = (
    "deal_id,status,closed_at,amount,currency,account,kind,recurring_amount,recurring_interval,recurring_from,"
    "recurring_until\n"
)
NOTHING = "adjustment_id,deal_id,at,amount,currency"
UNTIL = "date,source,campaign,likes\n2025-06-30,news,spring,1"
MONTHS = {"every": "month", "start": "2025-01-01", "end": "2025-06-30"}


def _months(store: Store, csv: Csv, *deals: str) -> dict[str, list[str]]:
    """Return MRR, new, expansion, contraction and churned of each month."""
    shop = open_shop(store, csv, deals=HEAD + "\n".join(deals), adjustments=NOTHING, social_stats=UNTIL)
    found: dict[str, list[str]] = {}
    for row in shop.kpis(names="recurring", **MONTHS).rows:
        found.setdefault(row["period"][-2:], []).append(row["value"])
    return found


def test_a_contract_without_an_end(store: Store, csv: Csv) -> None:
    """300 renewed at 300 moves nothing; at 360 it is an expansion by 60, then at 350 a contraction by 10."""
    found = _months(
        store, csv,
        "R-1,won,2025-01-15,1.00,GBP,a.test,new,300.00,month,,",
        "R-2,won,2025-02-15,1.00,GBP,a.test,renewal,300.00,month,,",
        "R-3,won,2025-03-15,1.00,GBP,a.test,renewal,360.00,month,,",
        "R-4,won,2025-04-15,1.00,GBP,a.test,renewal,350.00,month,,",
    )  # fmt: skip
    assert found == {
        "01": ["300.00", "300.00", "0.00", "0.00", "0.00"],
        "02": ["300.00", "0.00", "0.00", "0.00", "0.00"],
        "03": ["360.00", "0.00", "60.00", "0.00", "0.00"],
        "04": ["350.00", "0.00", "0.00", "10.00", "0.00"],
        "05": ["350.00", "0.00", "0.00", "0.00", "0.00"],
        "06": ["350.00", "0.00", "0.00", "0.00", "0.00"],
    }


def test_a_contract_with_an_end(sqlite_store: Store, csv: Csv) -> None:
    """Renewed two weeks before its end it is not paid twice; renewed after its end it was gone meanwhile.

    a: 100 to 14 April, renewed at 120 from 25 March. b: 50 to 15 February, renewed at 50 from 2 April: it
    churned in February, and who comes back in April is new.
    """
    found = _months(
        sqlite_store, csv,
        "R-1,won,2025-01-15,1.00,GBP,a.test,new,100.00,month,2025-01-15,2025-04-14",
        "R-2,won,2025-03-25,1.00,GBP,a.test,renewal,120.00,month,,",
        "R-3,won,2025-01-15,1.00,GBP,b.test,new,50.00,month,2025-01-15,2025-02-15",
        "R-4,won,2025-04-02,1.00,GBP,b.test,renewal,50.00,month,,",
    )  # fmt: skip
    assert found == {
        "01": ["150.00", "150.00", "0.00", "0.00", "0.00"],
        "02": ["100.00", "0.00", "0.00", "0.00", "50.00"],
        "03": ["120.00", "0.00", "20.00", "0.00", "0.00"],
        "04": ["170.00", "50.00", "0.00", "0.00", "0.00"],
        "05": ["170.00", "0.00", "0.00", "0.00", "0.00"],
        "06": ["170.00", "0.00", "0.00", "0.00", "0.00"],
    }


def test_what_is_bought_beside_it_stays(sqlite_store: Store, csv: Csv) -> None:
    """An expansion runs on beside the renewal of the first contract; another customer is not touched."""
    found = _months(
        sqlite_store, csv,
        "R-1,won,2025-01-15,1.00,GBP,a.test,new,100.00,month,,",
        "R-2,won,2025-02-15,1.00,GBP,a.test,expansion,30.00,month,,",
        "R-3,won,2025-03-15,1.00,GBP,a.test,renewal,100.00,month,,2025-05-31",
        "R-4,won,2025-01-15,1.00,GBP,b.test,new,7.00,month,,",
    )  # fmt: skip
    assert [month[0] for month in found.values()] == [
        "107.00", "137.00", "137.00", "137.00", "137.00", "37.00",
    ]  # fmt: skip


def test_lifetimes_end_with_the_renewal(sqlite_store: Store, csv: Csv) -> None:
    """The first contract has no end, its renewal has: the customer left with that, after 90 days."""
    deals = HEAD + "\n".join((
        "R-1,won,2025-01-01,1.00,GBP,a.test,new,10.00,month,,",
        "R-2,won,2025-02-01,1.00,GBP,a.test,renewal,10.00,month,,2025-04-01",
    ))  # fmt: skip
    shop = open_shop(sqlite_store, csv, deals=deals, adjustments=NOTHING, social_stats=UNTIL)
    (row,) = shop.kpis(names="customer_lifetime_value").rows
    assert round(row["median_lifetime_months"] * 365.25 / 12) == 90


def _renewed(kinds: list[int], first: list[int], last: list[int | None]) -> list[int]:
    ends = np.array([NEVER if day is None else day for day in last])
    return renewed_by(np.full(len(kinds), -1), np.array(kinds), np.array(first), ends).tolist()


def test_which_contract_is_renewed() -> None:
    """One that ends about then, else the oldest without an end, else what ends first, else an expansion."""
    assert _renewed([NEW, NEW, RENEWAL], [0, 10, 400], [None, None, None]) == [2, -1, -1]
    assert _renewed([NEW, NEW, RENEWAL], [0, 10, 400], [None, 380, None]) == [-1, 2, -1]
    assert _renewed([NEW, NEW, RENEWAL], [0, 10, 400], [900, 600, None]) == [-1, 2, -1]
    assert _renewed([EXPANSION, NEW, RENEWAL], [0, 10, 400], [None, 900, None]) == [-1, 2, -1]
    assert _renewed([EXPANSION, RENEWAL], [0, 400], [None, None]) == [1, -1]


def test_each_contract_is_renewed_once() -> None:
    """Two products, each renewed after a year; what ended long ago, or begins that day, is not renewed."""
    two = _renewed([NEW, NEW, RENEWAL, RENEWAL], [0, 100, 365, 465], [None] * 4)
    assert two == [2, 3, -1, -1]
    assert _renewed([NEW, RENEWAL], [0, 400], [300, None]) == [-1, -1]
    assert _renewed([NEW, RENEWAL], [0, 0], [None, None]) == [-1, -1]
    assert _renewed([RENEWAL, RENEWAL, RENEWAL], [0, 10, 20], [None] * 3) == [1, 2, -1]
    assert renewed_by(*np.empty((4, 0), np.int64)).tolist() == []
