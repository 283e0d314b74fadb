"""Spend: what counts, in which currency, and on which row."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade import Handmade
from hypothesis import given
from hypothesis import strategies as st
from small_shop import open_shop

from attribution.engine import Store
from attribution.ledger.rates import Rates
from attribution.metrics.answer import Answer
from attribution.money import convert

Csv = Callable[[str, str], Path]


def _spend(answer: Answer, dim: str = "channel") -> dict[str, Any]:
    return {row[dim]: row["spend"] for row in answer.rows}


def test_the_rate_of_its_day(store: Store, csv: Csv) -> None:
    """Spend in dollars takes the latest rate on or before its day, at most a week old; else (no rate)."""
    shop = open_shop(
        store,
        csv,
        spend="""
        date,cost,currency,source,medium,campaign
        2025-01-05,10.00,USD,google,cpc,brand uk
        2025-01-12,0.01,USD,google,cpc,brand uk
        2025-01-13,7.00,USD,google,cpc,brand uk
        2025-01-03,3.00,USD,google,cpc,brand uk
        """,
        rates="""
        date,currency,rate
        2025-01-04,USD,0.5
        2025-01-05,USD,0.80
        """,
    )
    answer = shop.report("channel", model="linear")
    # 10.00 at 0.80, and 0.01 at 0.80 rounds half up to 0.01; the 13th is 8 days away, the 3rd too early
    assert _spend(answer)["Paid Search"] == "8.01"
    lost = next(row for row in answer.rows if row["channel"] == "(no rate)")
    assert {part["currency"]: part["spend"] for part in lost["unconverted"]} == {"USD": "10.00"}
    assert answer.totals["spend"] == "8.01"
    dollars = shop.report("channel", model="linear", currency="USD")
    assert _spend(dollars)["Paid Search"] == "20.01"


def test_a_period_takes_the_spend_of_its_days(sqlite_store: Store, csv: Csv) -> None:
    """Both days are included."""
    shop = open_shop(sqlite_store, csv)
    assert _spend(shop.report("channel", start="2025-01-05", end="2025-01-05")) == {"Paid Search": "40.00"}
    assert shop.report("channel", start="2025-01-06", end="2025-01-06").totals["spend"] == "25.00"
    assert shop.report("channel", start="2025-01-07").totals["spend"] == "0.00"


def test_spend_follows_conditions(sqlite_store: Store, csv: Csv) -> None:
    """A condition on a marketing dimension holds for spend too; one on records leaves it empty."""
    shop = open_shop(sqlite_store, csv)
    assert shop.report("campaign", where=["channel=paid social"]).totals["spend"] == "25.00"
    owners = shop.report("campaign", where=["owner=Ann"])
    assert owners.totals["spend"] is None
    assert any("spend is not known by owner" in warning for warning in owners.warnings)


def test_a_touchs_own_cost_counts_where_no_report_covers_it(store: Store, csv: Csv) -> None:
    """The platform's report wins over the click's own cost of the same platform, campaign and day."""
    clicks = """
        touch_id,visitor_id,at,kind,source,medium,campaign,platform,cost,currency
        c1,v1,2025-01-05T10:00:00Z,click,google,cpc,Brand UK,google_ads,1.50,GBP
        c2,v1,2025-01-06T10:00:00Z,click,google,cpc,Brand UK,google_ads,2.50,GBP
        c3,v1,2025-01-05T11:00:00Z,click,bing,cpc,Brand UK,microsoft_ads,4.00,GBP
        """
    spend = """
        date,cost,currency,source,medium,campaign,platform
        2025-01-05,40.00,GBP,google,cpc,brand uk,google_ads
        """
    shop = open_shop(store, csv, touches=clicks, spend=spend)
    assert _spend(shop.report("source", model="linear"), "source") == {
        "google": "42.50", "bing": "4.00", "(unattributed)": "0.00", "(no rate)": "0.00",
    }  # fmt: skip


_RATES: dict[tuple[str, str], Rates] = {}


def _rates(currency: str, into: str) -> Rates:
    if (currency, into) not in _RATES:
        store = Handmade()
        store.put("rate", day=0, currency=currency, rate="1")
        with store.db.read() as connection:
            _RATES[currency, into] = Rates(connection, currency, into)
        store.db.close()
    return _RATES[currency, into]


@given(
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
    st.decimals(Decimal("0.000001"), Decimal("50000"), places=6),
    st.sampled_from([("USD", "GBP"), ("JPY", "GBP"), ("GBP", "JPY"), ("KWD", "JPY")]),
)
def test_columns_convert_like_single_amounts(minor: list[int], rate: Decimal, pair: tuple[str, str]) -> None:
    """Whole columns give the same figures as `money.convert`, whatever the decimals and the sign."""
    rates = _rates(*pair)
    rates._rates = [rate]
    values, known = rates.convert(np.array(minor, np.int64), np.zeros(len(minor), np.int64))
    assert known.all()
    assert values.tolist() == [convert(m, *pair, rate) for m in minor]


@pytest.mark.parametrize(("day", "known"), [(-1, False), (0, True), (7, True), (8, False)])
def test_a_rate_is_good_for_a_week(day: int, known: bool) -> None:
    """On its own day and the seven after it, never before."""
    _, has_rate = _rates("USD", "GBP").convert(np.array([100]), np.array([day]))
    assert has_rate.tolist() == [known]
