"""A deal that was deleted in the CRM counts nowhere: its revenue goes back when its record says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attribution.engine import Store

Csv = Callable[[str, str], Path]

HEAD = "deal_id,status,created_at,closed_at,amount,currency,emails\n"
KEPT = "D-1,won,2025-01-02,2025-02-01,1001.00,GBP,ella@fitz.example\n"
GONE = "D-2,{},2025-01-02,2025-02-01,500.00,GBP,omar@x.example\n"


def _revenue(store: Store) -> str:
    store.run(models=["linear"], goals=["revenue", "pipeline"])
    return str(store.report("channel", model="linear").totals["value"])


def test_revenue_goes_back(store: Store, csv: Csv) -> None:
    """1,501.00 becomes 1,001.00 with that record, and 1,501.00 again when the deal is restored."""
    store.import_table("deals", csv("a", HEAD + KEPT + GONE.format("won")))
    assert _revenue(store) == "1501.00"
    store.import_table("deals", csv("b", HEAD + GONE.format("deleted")))
    assert _revenue(store) == "1001.00"
    assert store.report("channel", model="linear", goal="pipeline").totals["value"] == "1001.00"
    figures = {row["kpi"]: row["value"] for row in store.kpis(names="won_deals,opportunities,win_rate").rows}
    assert figures == {"won_deals": 1, "opportunities": 1, "win_rate": 1.0}
    store.import_table("deals", csv("c", HEAD + GONE.format("won")))
    assert _revenue(store) == "1501.00"


def test_it_is_drawn_nowhere(sqlite_store: Store, csv: Csv) -> None:
    """Intervals and advice of a store in which a deal was deleted."""
    store = sqlite_store
    won = "".join(f"E-{i},won,2025-01-02,2025-02-{i + 1:02},10.00,GBP,p{i}@x.example\n" for i in range(12))
    store.import_table("deals", csv("a", HEAD + GONE.format("won") + won))
    store.import_table("deals", csv("b", HEAD + GONE.format("deleted")))
    assert _revenue(store) == "120.00"
    rows = store.kpis(names="won_deals,average_deal_size,customers", interval=0.9).rows
    assert [(row["value"], row["conversions"]) for row in rows] == [(12, 12), ("10.00", 12), (12, 12)]
    assert store.recommend().rows == []  # nothing was spent


def test_the_id_is_enough(sqlite_store: Store, csv: Csv) -> None:
    """A record that is gone need not say what it was worth; one nobody knew counts nowhere either."""
    sqlite_store.import_table("deals", csv("a", HEAD + KEPT))
    sqlite_store.config_set("reporting_currency", "GBP")
    records = "deal_id,status,amount\nD-1,deleted,7\nD-9,deleted,\n"
    answer = sqlite_store.import_table("deals", csv("b", records))
    assert (answer.totals["updated"], answer.totals["accepted"]) == (1, 1)
    assert _revenue(sqlite_store) == "0.00"


@pytest.mark.parametrize(
    ("system", "first", "then"),
    [
        (
            "hubspot",
            "Record ID,Deal Stage,Create Date,Close Date,Amount,Currency\n"
            "1,Closed Won,2025-01-02,2025-02-01,999,GBP\n",
            '{"id": "1", "archived": true, "properties": {"amount": "999", "dealstage": "closedwon"}}\n',
        ),
        (
            "salesforce",
            "Id,StageName,CreatedDate,CloseDate,Amount,CurrencyIsoCode,IsDeleted\n"
            "006Hp00001ElLaFAA0,Closed Won,2025-01-02T00:00:00Z,2025-02-01,999,GBP,false\n",
            '{"Id": "006Hp00001ElLaFAA0", "IsDeleted": true}\n',
        ),
        (
            "pipedrive",
            "id,status,add_time,won_time,value,currency\n"
            "1,won,2025-01-02 00:00:00,2025-02-01 00:00:00,999,GBP\n",
            '{"id": 1, "status": "deleted", "value": 999, "currency": "GBP"}\n',
        ),
    ],
)
def test_crms_tell(sqlite_store: Store, csv: Csv, tmp_path: Path, system: str, first: str, then: str) -> None:
    """Each CRM's own word for it."""
    sqlite_store.import_table("deals", csv("a", first), mapping=system, timezone="UTC")
    assert _revenue(sqlite_store) == "999.00"
    later = tmp_path / "b.jsonl"
    later.write_text(then)
    answer = sqlite_store.import_table("deals", later, mapping=system, timezone="UTC")
    assert answer.totals["updated"] == 1
    assert any("count no more (1 rows)" in text for text in answer.warnings)
    assert _revenue(sqlite_store) == "0.00"
