"""A shop of three deals whose ids are a CRM's numbers: what brought them is worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attribution.engine import Store

Csv = Callable[[str, str], Path]
NOW = "2026-11-05T12:00:00Z"
# deals 101 (Ella), 102 (Omar), 103 (Sam); their leads are 201, 202, 203

TABLES = {
    "touches": """
        touch_id,visitor_id,at,url
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/?utm_source=google&utm_medium=cpc&utm_campaign=Brand&utm_term=crm
        t2,v1,2026-10-05T09:00:00Z,https://acme.test/?utm_source=news&utm_medium=email&utm_campaign=October
        t3,v1,2026-10-06T09:30:00Z,https://acme.test/?utm_source=google&utm_medium=cpc&utm_campaign=Summer
        t4,v2,2026-10-02T09:00:00Z,https://acme.test/?utm_source=bing&utm_medium=cpc
        """,
    "leads": """
        lead_id,created_at,visitor_id,email
        201,2026-10-07T00:00:00Z,v1,ella@acme.test
        202,2026-10-07T00:00:00Z,v2,
        203,2026-10-07T00:00:00Z,v3,
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        101,won,2026-10-08T00:00:00Z,2026-11-01T00:00:00Z,5000.00,GBP,201
        102,won,2026-10-08T00:00:00Z,2026-11-02T00:00:00Z,50.00,GBP,202
        103,won,2026-10-08T00:00:00Z,2026-11-03T00:00:00Z,30.00,GBP,203
        """,
}
HEADS = {
    "touches": "touch_id,visitor_id,at,url",
    "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id",
    "adjustments": "adjustment_id,deal_id,at,amount,currency",
}


def fill(store: Store, csv: Csv, ids: dict[str, str] | None = None) -> Store:
    """Fill a store and run it; `ids` replaces the numbers by those of another CRM."""
    store.config_set("reporting_currency", "GBP")
    for name, content in TABLES.items():
        for number, other in (ids or {}).items():
            content = re.sub(rf"\b{number}\b", other, content)
        assert store.import_table(name, csv(name, content)).totals["rejected"] == 0
    run(store)
    return store


def add(store: Store, csv: Csv, table: str, row: str) -> None:
    """Import one row, and run."""
    assert store.import_table(table, csv("more", f"{HEADS[table]}\n{row}\n")).totals["rejected"] == 0
    run(store)


def run(store: Store, model: str = "linear") -> None:
    """Bring the ledger up to date."""
    store.run(models=[model], goals=["revenue", "leads"])


# two of Ella's three touches are of Paid Search; her campaigns have a third each, and Brand was met first
ELLA_FIELDS: dict[str, Any] = {
    "first_touch_at": "2026-10-01T09:00:00.000Z", "first_channel": "Paid Search", "first_source": "google",
    "first_campaign": "Brand", "first_keyword": "crm", "last_touch_at": "2026-10-06T09:30:00.000Z",
    "last_channel": "Paid Search", "last_source": "google", "last_campaign": "Summer", "last_keyword": "",
    "touches": 3, "credited_channel": "Paid Search", "credited_campaign": "Brand", "credited_value": 5000.0,
    "credited_currency": "GBP", "model": "linear",
}  # fmt: skip
LEAD_LACKS = ("credited_value", "credited_currency")
