"""Monthly recurring revenue and its movements, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.answer import Answer
from attribution.metrics.facts import NEVER
from attribution.metrics.measures.recurring import Contracts

Csv = Callable[[str, str], Path]

# acme (L-1, half search, half e-mail): 100 a month to the end of March, and 100 a quarter from February on;
# L-2 (search): 100 a year, to the day before February's last; L-3: 60 a month from its closing in March
DEALS = """
    deal_id,status,closed_at,amount,currency,lead_id,kind,recurring_amount,recurring_interval,recurring_from,recurring_until
    R-1,won,2025-01-15,300.00,GBP,L-1,new,100.00,month,2025-01-15,2025-03-31
    R-2,won,2025-02-10,100.00,GBP,L-1,expansion,100.00,quarter,2025-02-10,
    R-3,won,2025-01-31,100.00,GBP,L-2,new,100.00,year,2025-01-31,2025-02-27
    R-4,lost,2025-01-31,,GBP,L-3,new,50.00,month,2025-01-31,
    R-5,won,2025-03-05,60.00,GBP,L-3,new,60.00,month,,
    R-6,won,2025-03-05,60.00,GBP,L-3,new,,,,
    """
NOTHING = "adjustment_id,deal_id,at,amount,currency"
NAMES = ("monthly_recurring_revenue", "mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churned")
SPRING = {"every": "month", "start": "2025-01-01", "end": "2025-04-30"}


def _shop(store: Store, csv: Csv, deals: str = DEALS, **tables: str) -> Store:
    until_april = "date,source,campaign,likes\n2025-04-30,news,spring,1"
    return open_shop(store, csv, deals=deals, adjustments=NOTHING, social_stats=until_april, **tables)


def _table(answer: Answer, dim: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in answer.rows:
        found.setdefault(row[dim], []).append(row["value"])
    return found


def test_the_movements_of_each_month(store: Store, csv: Csv) -> None:
    """The year's contract stops before February's last day; a churn of 8.33 beside an expansion of 33.33."""
    shop = _shop(store, csv)
    answer = shop.kpis(names="recurring", **SPRING)
    assert _table(answer, "period") == {
        "2025-01": ["108.33", "108.33", "0.00", "0.00", "0.00"],
        "2025-02": ["133.33", "0.00", "33.33", "0.00", "8.33"],
        "2025-03": ["193.33", "60.00", "0.00", "0.00", "0.00"],
        "2025-04": ["93.33", "0.00", "0.00", "100.00", "0.00"],
    }  # fmt: skip
    # from the first day to the last L-1 went down, L-3 came, L-2 was never seen at an end: no sum of months
    assert answer.totals == {"monthly_recurring_revenue": "93.33"}
    (told,) = (text for text in answer.warnings if "have no total" in text)
    assert told.startswith("mrr_new, mrr_expansion, mrr_contraction, mrr_churned have no total: each ")
    whole = shop.kpis(names="recurring", **{**SPRING, "every": None})
    assert tuple(whole.totals) == NAMES
    assert list(whole.totals.values()) == ["93.33", "93.33", "0.00", "0.00", "0.00"]
    assert [row["value"] for row in whole.rows] == list(whole.totals.values())


def test_credited_by_the_journeys(store: Store, csv: Csv) -> None:
    """The cent that a half leaves over goes to one of the two, and parts add up to the whole."""
    shop = _shop(store, csv)
    answer = shop.kpis("channel", names="recurring", model="linear", start="2025-02-01", end="2025-02-28")
    assert _table(answer, "channel") == {
        "Paid Search": ["66.66", "0.00", "16.66", "0.00", "8.33"],
        "Email": ["66.67", "0.00", "16.67", "0.00", "0.00"],
    }  # fmt: skip
    assert answer.totals["monthly_recurring_revenue"] == "133.33"


def test_plain_dimensions_and_conditions(sqlite_store: Store, csv: Csv) -> None:
    """A customer's deals are of two kinds; each has its part of every movement."""
    shop = _shop(sqlite_store, csv)
    april = {"start": "2025-04-01", "end": "2025-04-30"}
    answer = shop.kpis("deal_kind", names="recurring", **april)
    assert _table(answer, "deal_kind") == {
        "new": ["60.00", "0.00", "0.00", "100.00", "0.00"],
        "expansion": ["33.33", "0.00", "0.00", "0.00", "0.00"],
    }  # fmt: skip
    answer = shop.kpis(names="recurring", where=["owner=Ann"], **april)
    assert [row["value"] for row in answer.rows] == ["33.33", "0.00", "0.00", "100.00", "0.00"]


def test_rounded_once_a_customer(sqlite_store: Store, csv: Csv) -> None:
    """Three thirds of 100.00 are 100.00; two customers with a third each are 33.33 each."""
    deals = """
        deal_id,status,closed_at,amount,currency,account,kind,recurring_amount,recurring_interval
        R-1,won,2025-01-15,1.00,GBP,a.test,new,100.00,quarter
        R-2,won,2025-01-15,1.00,GBP,a.test,renewal,100.00,quarter
        R-3,won,2025-01-15,1.00,GBP,a.test,expansion,100.00,quarter
        R-4,won,2025-01-15,1.00,GBP,b.test,new,100.00,quarter
        """
    answer = _shop(sqlite_store, csv, deals).kpis("deal_kind", names="monthly_recurring_revenue")
    assert _table(answer, "deal_kind") == {"new": ["66.67"], "renewal": ["33.33"], "expansion": ["33.33"]}
    assert answer.totals["monthly_recurring_revenue"] == "133.33"


def test_the_same_money_for_another_deal(sqlite_store: Store, csv: Csv) -> None:
    """A renewal in the place of the first contract is no churn; its kind gains what the other loses."""
    deals = """
        deal_id,status,closed_at,amount,currency,account,kind,recurring_amount,recurring_interval,recurring_from,recurring_until
        R-1,won,2025-01-15,1.00,GBP,a.test,new,10.00,month,2025-01-15,2025-02-14
        R-2,won,2025-02-14,1.00,GBP,a.test,renewal,10.00,month,2025-02-15,
        """
    february = {"start": "2025-02-01", "end": "2025-02-28"}
    answer = _shop(sqlite_store, csv, deals).kpis("deal_kind", names="recurring", **february)
    assert _table(answer, "deal_kind") == {
        "renewal": ["10.00", "0.00", "10.00", "0.00", "0.00"],
        "new": ["0.00", "0.00", "-10.00", "0.00", "0.00"],
    }  # fmt: skip
    assert answer.totals["mrr_expansion"] == "0.00"


def test_currencies(sqlite_store: Store, csv: Csv) -> None:
    """Converted at the closing's rate and at no later one; without a rate left out and told."""
    deals = """
        deal_id,status,closed_at,amount,currency,account,recurring_amount,recurring_interval
        R-1,won,2025-01-15,1.00,USD,a.test,10.01,month
        R-2,won,2025-02-15,1.00,EUR,b.test,10.00,month
        """
    rates = "date,currency,rate\n2025-01-14,USD,0.8\n2025-03-01,USD,0.5"
    shop = _shop(sqlite_store, csv, deals, rates=rates)
    answer = shop.kpis(names="monthly_recurring_revenue", start="2025-03-01", end="2025-03-31")
    assert answer.rows[0]["value"] == "8.01"
    assert any("recurring revenue leaves out 10.00 EUR" in warning for warning in answer.warnings)
    own = shop.kpis(names="monthly_recurring_revenue", currency="USD")
    assert own.rows[0]["value"] == "10.01"


def test_a_cohort_is_followed_to_today(sqlite_store: Store, csv: Csv) -> None:
    """What the leads of a period pay today, all of it new."""
    shop = _shop(sqlite_store, csv)
    answer = shop.kpis(names="recurring", basis="cohort", start="2025-01-12", end="2025-01-31")
    assert [row["value"] for row in answer.rows] == ["60.00", "60.00", "0.00", "0.00", "0.00"]


def test_nothing_recurs(sqlite_store: Store, csv: Csv) -> None:
    """Deals without a recurring amount: 0, by any dimension nothing at all."""
    shop = open_shop(sqlite_store, csv)
    assert {row["value"] for row in shop.kpis(names="recurring").rows} == {"0.00"}
    assert shop.kpis("channel", names="recurring").rows == []
    row = shop.kpis(names="mrr_new", interval=0.9).rows[0]
    assert (row["too_few"], row["low"]) == (True, None)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**7), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=50)
def test_deals_add_up_to_their_customers(drawn: list[tuple[int, int, bool]]) -> None:
    """Each customer's deals are its twelfths rounded once, and none is off by a unit or more."""
    customer, twelfths, runs = (np.array(values) for values in zip(*drawn, strict=True))
    count = len(drawn)
    none, never = np.zeros(count, np.int64), np.full(count, NEVER)
    held = Contracts(np.arange(count), customer, twelfths, none, never, never, never)
    found = held.monthly(runs)
    for one in set(customer.tolist()):
        mine = (customer == one) & runs
        assert int(found[mine].sum()) == (2 * int(twelfths[mine].sum()) + 12) // 24
    assert (np.abs(12 * found - np.where(runs, twelfths, 0)) < 12).all()
    assert (found[~runs] == 0).all()


def test_money_is_a_decimal_of_the_currency(sqlite_store: Store, csv: Csv) -> None:
    """As everywhere: two decimals, never a float."""
    for row in _shop(sqlite_store, csv).kpis(names="recurring", **SPRING).rows:
        assert Decimal(row["value"]).as_tuple().exponent == -2
