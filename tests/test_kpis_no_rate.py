"""Money that nothing converts: a row of its own as in `report`, in no other, and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_shop import TABLES, open_shop

from attribution.engine import Store

Csv = Callable[[str, str], Path]
DOLLARS = "\n        2025-01-07,7.00,USD,google,cpc,Brand UK\n        "


@pytest.mark.parametrize("basis", ["period", "cohort"])
def test_a_row_of_what_has_no_rate(store: Store, csv: Csv, basis: str) -> None:
    """D-4 brought 10.00 dollars, by search; 7.00 were spent on it. All other rows leave them out."""
    shop = open_shop(store, csv, spend=TABLES["spend"].rstrip() + DOLLARS)
    answer = shop.kpis("channel", names="roi,cost_per_lead,leads", model="linear", basis=basis)
    lost = {row["kpi"]: row for row in answer.rows if row["channel"] == "(no rate)"}
    assert list(lost) == ["roi", "cost_per_lead"]  # what holds no money has none without a rate
    assert (lost["roi"]["value"], lost["roi"]["numerator"], lost["roi"]["denominator"]) == (
        None, "0.00", "0.00",
    )  # fmt: skip
    assert lost["roi"]["unconverted"] == [{"currency": "USD", "value": "10.00", "spend": "7.00"}]
    assert lost["cost_per_lead"]["unconverted"] == [{"currency": "USD", "value": "0.00", "spend": "7.00"}]
    search = {row["kpi"]: row for row in answer.rows if row["channel"] == "Paid Search"}
    assert (search["roi"]["numerator"], search["roi"]["denominator"]) == ("50.01", "40.00")
    of = " (of Paid Search)"
    end = ": no rate within 7 days; import rates, then run again"
    assert [text for text in answer.warnings if "leaves out" in text] == [
        f"revenue leaves out 10.00 USD{of if basis == 'period' else ''}{end}",
        f"spend leaves out 7.00 USD{of}{end}",
    ]
    assert not any(row.get("unconverted") for row in shop.kpis(names="roi", model="linear").rows)


def test_with_a_rate_there_is_none(sqlite_store: Store, csv: Csv) -> None:
    """Nor where one currency alone is asked for."""
    shop = open_shop(sqlite_store, csv)
    assert "(no rate)" in {row["channel"] for row in shop.kpis("channel", names="roi").rows}
    dollars = shop.kpis("channel", names="roi", currency="USD")
    assert "(no rate)" not in {row["channel"] for row in dollars.rows}
    sqlite_store.import_table("rates", csv("rates", "date,currency,rate\n2025-02-20,USD,0.80"))
    shop.run(models=["linear"], goals=["revenue", "leads"])
    assert "(no rate)" not in {row["channel"] for row in shop.kpis("channel", names="roi").rows}
