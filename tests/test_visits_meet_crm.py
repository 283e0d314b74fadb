"""What GA4 calls a visitor stands in a contact of the CRM: so visits find their deals, as the page tells."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "web-analytics.md"
VISITOR = "1234567890.1714000000"
CONTACTS = (
    "Record ID,Create Date,Email,GA Client ID\n"
    f"7,2025-03-01 10:00,ella@fitz.example,{VISITOR}\n"
    "8,2025-03-02 10:00,sam@walkin.example,\n"
)
DEALS = (
    "Record ID,Deal Stage,Create Date,Close Date,Amount,Currency,Associated Contact IDs\n"
    "31,Closed Won,2025-04-01 10:00,2025-05-01 10:00,5000,GBP,7\n"
    "32,Closed Won,2025-04-01 10:00,2025-05-01 10:00,1200,GBP,8\n"
)


def view(at: str, url: str) -> str:
    """Return a line of GA4's export."""
    micros = int(pd.Timestamp(at).value // 1000)
    params = [
        {"key": "page_location", "value": {"string_value": url}},
        {"key": "ga_session_id", "value": {"int_value": micros // 10**6}},
    ]
    event = {"event_name": "page_view", "event_timestamp": micros, "user_pseudo_id": VISITOR}
    return json.dumps(event | {"event_params": params}) + "\n"


def test_ga4_and_hubspot(store: Store, csv: Csv, tmp_path: Path) -> None:
    """Ella's 5,000 go to the click that she came by, Sam's 1,200 to nobody's."""
    (mapping,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    ours, events = tmp_path / "ours.toml", tmp_path / "events.jsonl"
    ours.write_text(mapping)
    events.write_text(
        view("2025-02-20T10:00Z", "https://acme.com/?utm_source=google&utm_medium=cpc&utm_campaign=brand")
    )
    store.import_table("pageviews", events, mapping="ga4")
    contacts = csv("contacts", CONTACTS)
    store.import_table("leads,identities", contacts, mapping=str(ours), timezone="UTC")
    store.import_table("deals,deal_contacts", csv("deals", DEALS), mapping="hubspot", timezone="UTC")
    store.run(models=["linear"], goals=["revenue"])
    rows = store.report("channel", model="linear").rows
    assert {row["channel"]: row["value"] for row in rows} == {
        "Paid Search": "5000.00", "(unattributed)": "1200.00",
    }  # fmt: skip


def test_deals_without_any_column_of_stages_are_refused(sqlite_store: Store, csv: Csv) -> None:
    """An export without stages would make every deal an open one, and take its revenue away."""
    first = csv("a", DEALS)
    sqlite_store.import_table("deals", first, mapping="hubspot", timezone="UTC")
    without = csv("b", DEALS.replace("Deal Stage", "Phase"))
    with pytest.raises(InputError, match="the required column status is missing"):
        sqlite_store.import_table("deals", without, mapping="hubspot", timezone="UTC")


def test_one_id_for_all_rows_is_refused(sqlite_store: Store, csv: Csv) -> None:
    """`--set deal_id=...` would make all deals one; nor is it advised."""
    file = csv("a", DEALS.replace("Record ID", "Number"))
    with pytest.raises(InputError, match="deal_id=1 would make all rows of a file one"):
        sqlite_store.import_table("deals", file, mapping="hubspot", fixed={"deal_id": "1"})
    with pytest.raises(InputError) as told:
        sqlite_store.import_table("deals", file, mapping="hubspot")
    assert "--set" not in str(told.value)
