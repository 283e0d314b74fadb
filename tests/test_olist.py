"""A real funnel, end to end: the engine's answers equal plain pandas over the raw files, to the cent."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from attribution.engine import Store
from attribution.metrics.answer import Answer

CONVERT = Path(__file__).resolve().parents[1] / "docs" / "examples" / "olist" / "convert.py"
ZONE = "America/Sao_Paulo"
CENT = Decimal("0.01")
CHANNELS = {
    "paid_search": "Paid Search", "organic_search": "Organic Search", "social": "Organic Social",
    "email": "Email", "direct_traffic": "Direct", "referral": "Referral", "display": "Display",
    "other_publicities": "Other Publicities", "other": "Other", "unknown": "Unknown", "": "No Origin",
}  # fmt: skip
SOURCES = {
    "paid_search": "google", "organic_search": "google", "social": "social", "email": "email",
    "direct_traffic": "(direct)", "referral": "referral", "display": "display",
    "other_publicities": "other_publicities", "other": "other", "unknown": "unknown", "": "no_origin",
}  # fmt: skip
UNATTRIBUTED = "(unattributed)"


@dataclass(frozen=True)
class Funnel:
    """The raw files as frames: a row a lead, and a row a deal with its revenue and days to close."""

    leads: pd.DataFrame
    deals: pd.DataFrame
    files: Path  # the canonical tables that the example's script made of them


@pytest.fixture(scope="session")
def funnel(tmp_path_factory: pytest.TempPathFactory) -> Funnel:
    """Convert by the documented command, and read the raw files independently of it."""
    raw = Path(__file__).resolve().parents[2] / "shared" / "data" / "olist"
    if not raw.is_dir():
        pytest.skip(f"no Olist data at {raw}; its licence keeps it out of the project")
    files = tmp_path_factory.mktemp("olist")
    subprocess.run([sys.executable, str(CONVERT), str(raw), str(files)], check=True, capture_output=True)

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(raw / f"olist_{name}_dataset.csv", dtype=str, keep_default_na=False)

    leads = read("marketing_qualified_leads").assign(
        channel=lambda f: f["origin"].map(CHANNELS),
        source=lambda f: f["origin"].map(SOURCES),
        landing_page=lambda f: "olist.example/" + f["landing_page_id"],
        first=lambda f: _instants(f["first_contact_date"]),
    )
    items = pd.read_parquet(raw / "olist_order_items.parquet", columns=["seller_id", "price"])
    prices = items["price"].map(lambda price: Decimal(str(price)))
    sold = prices.groupby(items["seller_id"]).sum()
    deals = read("closed_deals").merge(leads, on="mql_id", validate="one_to_one")
    deals["revenue"] = deals["seller_id"].map(sold).map(lambda v: Decimal("0.00") if pd.isna(v) else v)
    deals["days"] = (_instants(deals["won_date"]) - deals["first"]) / pd.Timedelta(days=1)
    return Funnel(leads, deals, files)


@pytest.fixture
def olist(store: Store, funnel: Funnel) -> tuple[Store, Answer]:
    """The funnel in a store, credited over all time, and what importing the deals said."""
    store.config_update({"timezone": ZONE, "lookback": "none"})
    answers = {
        table: store.import_table(table, funnel.files / f"{table}.csv", timezone=ZONE)
        for table in ("deals", "leads", "touches")
    }
    assert [a.totals["accepted"] for a in answers.values()] == [842, 8000, 8000]
    store.run(models=["last_touch"])
    return store, answers["deals"]


def _instants(texts: pd.Series[str]) -> Any:
    """Read times of São Paulo, whose clocks skip a midnight each spring."""
    return pd.to_datetime(texts, format="mixed").dt.tz_localize(
        ZONE, nonexistent="shift_forward", ambiguous="NaT"
    )


def test_figures_equal_plain_pandas(olist: tuple[Store, Answer], funnel: Funnel) -> None:
    """Revenue, leads, deals, lead value, conversion rate and median days, by origin and landing page."""
    for by in ("channel", "source", "landing_page"):
        _check_figures(olist[0], funnel.leads, funnel.deals, by)


def test_figures_of_each_sales_rep_equal_plain_pandas(olist: tuple[Store, Answer], funnel: Funnel) -> None:
    """Deals won, what they were worth on average, and the days they took, by sales rep and by month."""
    deals = funnel.deals.assign(owner=funnel.deals["sr_id"], month=funnel.deals["won_date"].str[:7])
    names = ["won_deals", "average_deal_size", "time_to_conversion"]
    for by, group in (((), "month"), ("owner", "owner")):
        every = None if by else "month"
        found: dict[str, dict[str, Any]] = {}
        for row in olist[0].kpis(by, names=names, model="last_touch", every=every).rows:
            name = row[by] if isinstance(by, str) else row["period"]
            found.setdefault(row.get("stage") or row["kpi"], {})[name] = row["value"]
        won = deals.groupby(group).size()
        assert {name: n for name, n in found["won_deals"].items() if n} == won.to_dict()
        mean = deals.groupby(group)["revenue"].sum()
        sizes = {name: str(_rounded(mean[name] / int(won[name]))) for name in won.index}
        assert {name: size for name, size in found["average_deal_size"].items() if size is not None} == sizes
        took = deals[deals["days"] >= 0].groupby(group)["days"].median().to_dict()
        days = {name: value for name, value in found["lead_to_won"].items() if value is not None}
        assert days == pytest.approx(took, abs=1e-9)


def _check_figures(store: Store, leads: Any, deals: Any, by: str) -> None:
    in_time = deals[deals["days"] >= 0]
    leads_of = leads.groupby(by).size()
    revenue = in_time.groupby(by)["revenue"].sum().reindex(leads_of.index, fill_value=Decimal("0.00"))
    won = in_time.groupby(by).size().reindex(leads_of.index, fill_value=0)
    reached = deals.groupby(by).size().reindex(leads_of.index, fill_value=0)
    median = in_time.groupby(by)["days"].median()

    rows = {row[by]: row for row in store.report(by, model="last_touch").rows}
    lost = rows.pop(UNATTRIBUTED)
    assert (lost["value"], lost["conversions"]) == ("22.90", 1)
    assert {name: row["leads"] for name, row in rows.items()} == leads_of.to_dict()
    assert {name: Decimal(row["value"]) for name, row in rows.items()} == revenue.to_dict()
    assert {name: row["conversions"] for name, row in rows.items()} == won.to_dict()

    names = ["lead_value", "lead_conversion_rate", "time_to_conversion"]
    found: dict[str, dict[str, Any]] = {}
    for row in store.kpis(by, names=names, model="last_touch").rows:
        found.setdefault(row.get("stage") or row["kpi"], {})[row[by]] = row["value"]
    value = {name: _rounded(revenue[name] / int(leads_of[name])) for name in leads_of.index}
    assert _without_lost(found["lead_value"]) == {name: str(amount) for name, amount in value.items()}
    assert _without_lost(found["lead_conversion_rate"]) == (reached / leads_of).to_dict()
    days = {name: value for name, value in _without_lost(found["lead_to_won"]).items() if value is not None}
    assert days == pytest.approx(median.to_dict(), abs=1e-9)
    assert set(_without_lost(found["first_touch_to_lead"]).values()) == {0.0}


def test_totals_equal_what_was_sold(olist: tuple[Store, Answer], funnel: Funnel) -> None:
    """676,851.48 BRL over 842 deals, of which 462 sold nothing; 84.61 a lead, 14.72 days to close."""
    store, deals = olist[0], funnel.deals
    assert deals["revenue"].sum() == Decimal("676851.48")
    assert (deals["revenue"] == 0).sum() == 462
    for by in ("channel", "landing_page"):
        answer = store.report(by, model="last_touch")
        assert (answer.currency, answer.totals["value"]) == ("BRL", "676851.48")
        assert sum(Decimal(row["value"]) for row in answer.rows) == Decimal("676851.48")
        assert answer.totals["conversions"] == 842

    rows = {row.get("stage") or row["kpi"]: row for row in store.kpis(model="last_touch").rows}
    assert rows["lead_value"]["value"] == "84.61"
    assert rows["lead_conversion_rate"]["value"] == 842 / 8000
    took = deals["days"][deals["days"] >= 0]
    assert rows["lead_to_won"]["value"] == pytest.approx(took.median(), abs=1e-9)
    assert round(rows["lead_to_won"]["value"], 2) == 14.72


def test_revenue_by_sales_rep_and_segment(olist: tuple[Store, Answer], funnel: Funnel) -> None:
    """Plain dimensions count each deal once, for whoever closed it and in its lead's industry."""
    for by, column in (("owner", "sr_id"), ("industry", "business_segment")):
        rows = olist[0].kpis(by, names=["average_deal_size"], model="last_touch").rows
        found = {row[by]: (Decimal(row["numerator"]), row["denominator"]) for row in rows}
        wanted: dict[Any, Any] = {
            name or "(not set)": (part["revenue"].sum(), len(part))
            for name, part in funnel.deals.groupby(column)
        }
        assert found == wanted


def test_the_deal_won_before_its_first_contact(olist: tuple[Store, Answer]) -> None:
    """It loads with a warning, is credited to nobody, and its duration is empty and counted."""
    store, imported = olist
    assert imported.totals["rejected"] == 0
    assert [w.partition(": ")[2] for w in imported.warnings] == [
        "closed_at lies before created_at: the deals load, their durations stay empty (1 rows)"
    ]
    rows = {row.get("stage"): row for row in store.kpis(names="time_to_conversion").rows}
    assert (rows["lead_to_won"]["denominator"], rows["lead_to_won"]["negative"]) == (841, 1)
    assert (rows["opportunity_to_won"]["denominator"], rows["opportunity_to_won"]["negative"]) == (841, 1)
    check = next(row for row in store.doctor().rows if row["check"] == "closed_before_created")
    assert check["count"] == 1


def _without_lost(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != UNATTRIBUTED}


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
