"""Changes of rates in points, costs where no spend is known, and currencies that nothing is in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.answer import Answer
from attribution.report.tables import kpi_table

Csv = Callable[[str, str], Path]
COSTLESS = (
    "where no spend is known, costs per lead, deal or customer are 0, which is not to say that they are free"
)
DEALS = """
    deal_id,status,created_at,closed_at,amount,currency,lead_id
    D-1,won,2025-01-03,2025-01-10,75.00,GBP,L-1
    D-2,lost,2025-01-03,2025-01-10,,,L-1
    D-3,won,2025-02-03,2025-02-10,30.00,GBP,L-1
    D-4,won,2025-02-03,2025-02-10,30.00,GBP,L-1
    D-5,won,2025-02-03,2025-02-10,60.00,GBP,L-1
    D-6,lost,2025-02-03,2025-02-10,,,L-1
    """
SPEND = "date,cost,currency,source,medium\n2025-01-05,100.00,GBP,google,cpc\n2025-02-05,50.00,GBP,google,cpc"


def _february(store: Store, csv: Csv, names: str) -> Answer:
    nothing = "adjustment_id,deal_id,at,amount,currency"
    shop = open_shop(store, csv, deals=DEALS, spend=SPEND, adjustments=nothing)
    return shop.kpis(names=names, start="2025-02-01", end="2025-02-28", against="previous")


def test_rates_change_by_percentage_points(store: Store, csv: Csv) -> None:
    """ROI goes from -25 % to 140 %, the win rate from 1 of 2 to 3 of 4; ROAS, a factor, from 0.75 to 2.4."""
    answer = _february(store, csv, "roi,win_rate,roas,won_deals")
    found = {row["kpi"]: (row["change"], row["change_points"]) for row in answer.rows}
    assert found["roi"] == (None, 165.0)
    assert found["win_rate"] == (None, 25.0)
    assert found["roas"][1] is None
    assert round(found["roas"][0], 9) == 2.2
    assert found["won_deals"] == (2.0, None)
    assert list(answer.columns)[-3:] == ["before", "change", "change_points"]
    written = [row[3] for row in kpi_table(answer, "").rows]
    assert sorted(written) == ["165 points", "200%", "220%", "25 points"]


def test_points_stand_only_where_a_rate_does(sqlite_store: Store, csv: Csv) -> None:
    """Counts and money change by a part of what they were."""
    answer = _february(sqlite_store, csv, "won_deals")
    assert "change_points" not in answer.columns
    assert "change_points" not in answer.rows[0]


def test_a_cost_of_nothing_is_told(sqlite_store: Store, csv: Csv) -> None:
    """By the formula 0 / leads is 0, which no interval makes surer, and one sentence says what it is not."""
    shop = open_shop(sqlite_store, csv)
    options: dict[str, Any] = {"names": "cost_per_lead", "model": "linear", "interval": 0.9}
    answer = shop.kpis("channel", every="month", **options)
    email = [row for row in answer.rows if row["channel"] == "Email"]
    assert {(row["value"], row["low"], row["high"]) for row in email} == {("0.00", None, None)}
    assert answer.warnings.count(COSTLESS) == 1
    assert COSTLESS not in shop.kpis(names="cost_per_lead").warnings


def test_a_currency_that_nothing_is_in(store: Store, csv: Csv) -> None:
    """The currencies that there are are named, by every door to figures."""
    shop = open_shop(store, csv)
    told = "no deal and no spend is in EUR; there are GBP, USD"
    assert told in shop.kpis(names="roi", currency="EUR").warnings
    assert told in shop.report("channel", currency="EUR").warnings
    assert told in shop.compare("channel", ["linear", "last_touch"], currency="EUR").warnings
    assert not [text for text in shop.report("channel", currency="USD").warnings if "no deal" in text]


def test_money_of_one_currency_over_all_leads(sqlite_store: Store, csv: Csv) -> None:
    """A lead has no currency: 10 dollars over three leads are no value of a lead."""
    shop = open_shop(sqlite_store, csv)
    told = "figures per lead divide what there is in USD by all leads: a lead has no currency"
    answer = shop.kpis(names="lead_value", currency="USD")
    assert (answer.rows[0]["value"], answer.warnings) == ("3.33", [told])
    assert told not in shop.kpis(names="roi", currency="USD").warnings
