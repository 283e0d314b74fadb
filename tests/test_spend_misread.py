"""Reports that could be read as something that they are not: periods, plain money, totals, dates, clicks."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from dumps import rows

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer

USD = {"currency": "USD"}


def imported(store: Store, mapping: str, content: str, fixed: Mapping[str, str] = USD, **how: str) -> Answer:
    """Import a report of a platform."""
    text = dedent(content).strip() + "\n"
    options = {"mapping": mapping, "fixed": fixed, **how}
    return store.import_table("spend", "-", stdin=io.BytesIO(text.encode()), **options)


def stored(store: Store) -> dict[str, int]:
    """Return what was spent by day, in cents."""
    found: dict[str, int] = {}
    for day, minor in rows(store, "spend", "day", "cost_minor"):
        name = str(np.datetime64(int(str(day)), "D"))
        found[name] = found.get(name, 0) + int(str(minor))
    return found


def faults(store: Store) -> list[tuple[str, str]]:
    """Return codes and sentences of the rows that did not load."""
    return [(str(code), str(says)) for code, says in rows(store, "rejected_row", "code", "message")]


# --- periods ------------------------------------------------------------------------------------------


def test_a_month_of_metas_api_is_rejected(store: Store) -> None:
    """Without time_increment one row has the whole of January: its 3,100.00 belong to no day."""
    record = {"account_currency": "EUR", "campaign_id": "1", "campaign_name": "A", "spend": "3100"}
    content = "\n".join(
        json.dumps(record | {"date_start": start, "date_stop": stop, "campaign_id": number})
        for number, (start, stop) in enumerate(
            [("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-01"), ("2026-02-02", "2026-02-03")]
        )
    )
    loaded = imported(store, "meta", content, {}, form="jsonl")
    assert loaded.totals["rejected"] == 2
    assert stored(store) == {"2026-02-01": 310000}
    assert faults(store)[0] == (
        "not_mapped",
        "date is '2026-01-01', which begins a period of more than a day (date_stop is later): its cost has "
        "no day to stand on; export the report by day",
    )


@pytest.mark.parametrize(
    ("mapping", "head", "good", "bad"),
    [
        ("linkedin", "Start Date (in UTC),End Date (in UTC)", "5/3/2024,5/3/2024", "5/1/2024,5/31/2024"),
        ("linkedin", "start_date,end_date", "2024-05-03,", "2024-05-01,2024-05-07"),
        ("snapchat", "Start Time,End Time", "2024-05-03,2024-05-03", "2024-05-01,2024-06-01"),
        (
            "snapchat", "start_time,end_time",
            "2024-05-03T00:00:00.000-07:00,2024-05-04T00:00:00.000-07:00",
            "2024-05-03T00:00:00.000-07:00,2024-05-10T00:00:00.000-07:00",
        ),
        (
            "x", "start_time,end_time",
            "2024-05-03T00:00:00Z,2024-05-04T00:00:00Z", "2024-05-03T00:00:00Z,2024-05-10T00:00:00Z",
        ),
    ],
)  # fmt: skip
def test_days_that_say_their_end(sqlite_store: Store, mapping: str, head: str, good: str, bad: str) -> None:
    """A day may end at its own date or at midnight; what ends later is rejected."""
    cost = {"linkedin": "Total Spent", "snapchat": "Amount Spent", "x": "spend"}[mapping]
    lines = f"{head},Campaign Name,{cost}\n{good},A,12.50\n{bad},B,99.00"
    assert imported(sqlite_store, mapping, lines).totals["rejected"] == 1
    assert stored(sqlite_store) == {"2024-05-03": 1250}
    assert "begins a period of more than a day" in faults(sqlite_store)[0][1]


# --- millionths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", ["reddit", "snapchat"])
def test_plain_money_is_not_taken_for_millionths(store: Store, mapping: str) -> None:
    """1234.56 would be stored as nothing; what comes to nothing without decimals is told."""
    content = """
        Date,Campaign Name,Spend,Currency
        2026-03-01,A,1234.56,EUR
        2026-03-01,B,250,EUR
        2026-03-01,C,310.00,EUR
        2026-03-01,D,0.00,EUR
        """
    loaded = imported(store, mapping, content)
    assert loaded.totals["rejected"] == 1
    assert faults(store) == [
        (
            "bad_amount",
            "cost is '1234.56', which is no whole number of millionths, as this mapping reads the column, "
            "and looks like plain money; say so in a mapping of your own: cost = { from = 'spend', number = "
            "'1,234.56' }",
        )
    ]
    (told,) = [text for text in loaded.warnings if "are read as millionths" in text]
    assert (
        "'250' (the first one) in 'spend' and others are read as millionths, and come to less than a" in told
    )
    assert told.endswith("(2 rows)")


def test_millionths_that_are_some_are_not_doubted(sqlite_store: Store) -> None:
    """Single clicks of a fraction of a cent are nothing odd beside others."""
    content = "date,campaign_name,spend\n2026-03-01,A,9999.0\n2026-03-02,A,1200010000\n2026-03-03,A,-20000"
    loaded = imported(sqlite_store, "reddit", content)
    assert not [text for text in loaded.warnings if "millionths" in text]
    assert stored(sqlite_store) == {"2026-03-01": 1, "2026-03-02": 120001, "2026-03-03": -2}


# --- totals -------------------------------------------------------------------------------------------


def test_a_campaign_called_total(sqlite_store: Store) -> None:
    """A total is a row without a day, whatever stands in its other columns."""
    content = """
        Campaign,Day,Cost,Currency code
        Total: Brand promo,2026-03-01,10.00,EUR
        Brand,2026-03-01,5.00,EUR
        Total: Campaigns, --,15.00,EUR
        Total: Account,,15.00,EUR
        """
    assert imported(sqlite_store, "google_ads", content).totals["accepted"] == 2
    content = """
        Campaign name,By Day,Cost
        Total of it,2026-03-01,7.00
        Total of 1 results,-,7.00
        """
    assert imported(sqlite_store, "tiktok", content).totals["accepted"] == 1
    assert stored(sqlite_store) == {"2026-03-01": 2200}


# --- clicks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "clicks"), [("Link clicks,Clicks (all)", 5), ("Other,Clicks (all)", 40)])
def test_one_kind_of_clicks_for_a_file(sqlite_store: Store, columns: str, clicks: int) -> None:
    """A row without link clicks has none, and not all of its clicks."""
    content = f"""
        Day,Campaign name,Ad name,Amount spent (EUR),{columns}
        2026-03-01,A,x,10.00,,20
        2026-03-01,A,y,10.00,5,20
        """
    imported(sqlite_store, "meta", content, {})
    found = [number for (number,) in rows(sqlite_store, "spend", "clicks")]
    assert sum(int(str(number)) for number in found if number is not None) == clicks


# --- dates --------------------------------------------------------------------------------------------


MICROSOFT = "TimePeriod,CampaignName,Spend,CurrencyCode\n"


@pytest.mark.parametrize("mapping", ["microsoft", "linkedin"])
def test_days_before_months_are_refused(store: Store, mapping: str) -> None:
    """13/03/2026 shows that 12/03/2026 is no day of December."""
    head = {"microsoft": MICROSOFT, "linkedin": "Start Date,Campaign Name,Total Spent,Currency\n"}[mapping]
    with pytest.raises(InputError) as told:
        imported(store, mapping, f"{head}12/03/2026,A,10,GBP\n13/03/2026,A,10,GBP\n")
    assert "'13/03/2026' in the column '" in str(told.value)
    assert "form = '%d/%m/%Y'" in str(told.value)
    assert stored(store) == {}


def test_dates_that_may_be_either_are_told(sqlite_store: Store) -> None:
    loaded = imported(sqlite_store, "microsoft", f"{MICROSOFT}12/03/2026,A,10,GBP\n3/3/2026,A,10,GBP\n")
    (told,) = [text for text in loaded.warnings if "'12/03/2026'" in text]
    assert "all others are read as %m/%d/%Y and could be %d/%m/%Y" in told
    loaded = imported(sqlite_store, "microsoft", f"{MICROSOFT}3/13/2026,A,10,GBP\n3/3/2026,A,10,GBP\n")
    assert not [text for text in loaded.warnings if "could be" in text]


def test_a_mapping_of_ones_own_says_the_day_first(sqlite_store: Store, tmp_path: Path) -> None:
    own = tmp_path / "ours.toml"
    own.write_text(
        'extends = "microsoft"\n[spend.columns]\ndate = { from = "TimePeriod", form = "%d/%m/%Y" }\n',
        encoding="utf-8",
    )
    imported(sqlite_store, str(own), f"{MICROSOFT}12/03/2026,A,10,GBP\n13/03/2026,A,7,GBP\n")
    loaded = imported(sqlite_store, str(own), f"{MICROSOFT}12/03/2026,A,10,GBP\n")
    assert not loaded.warnings
    with pytest.raises(InputError, match="'3/13/2026'"):
        imported(sqlite_store, str(own), f"{MICROSOFT}3/13/2026,A,10,GBP\n")
    assert stored(sqlite_store) == {"2026-03-12": 1000, "2026-03-13": 700}
