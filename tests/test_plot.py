"""`plot()` in a notebook: of answers of a store, and of what `attribute` found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_shop import open_shop

import attribution as at
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError

Csv = Callable[[str, str], Path]


def titled(chart: Any) -> str:
    return " ".join(chart.to_dict()["title"]["text"])


def data(chart: Any) -> list[dict[str, Any]]:
    return max(chart.to_dict()["datasets"].values(), key=len)


def test_answers_of_a_store(sqlite_store: Store, csv: Csv) -> None:
    """Each verb that has charts draws the first, or the one that is named."""
    shop = open_shop(sqlite_store, csv)
    report = shop.report("channel", model="linear")
    assert titled(report.plot()) == "Revenue and spend by channel (GBP)"
    assert titled(report.plot("roi")) == "Return on investment by channel (percent of spend)"
    assert titled(shop.compare("channel").plot()) == "Revenue by channel under each model (GBP)"
    paths = shop.paths()
    assert titled(paths.plot()) == "The commonest journeys (conversions)"
    assert titled(paths.plot("time_lag")).startswith("Time from the first touch")
    cut = shop.kpis("channel", names="lead_value,cost_per_lead", model="linear", interval=0.9)
    assert titled(cut.plot()) == "Lead value by channel (GBP)"
    assert {row["text"] for row in data(cut.plot()) if row["few"]} == {"too few"}
    assert titled(cut.plot("cost_per_lead")) == "Cost per lead (CPL) by channel (GBP)"
    advice = shop.recommend("campaign", model="linear").plot()
    assert titled(advice) == "Return on investment by campaign, and what to do (percent of spend)"
    monthly = shop.kpis(names="leads,lead_value", every="month", end="2025-03-31")
    assert titled(monthly.plot("lead_value")) == "Lead value by period (GBP)"
    assert [row["value"] for row in data(monthly.plot())] == [3, 0, 0]
    assert titled(shop.kpis(names="funnel").plot()) == "From the first visit to the won deal (count)"
    with pytest.raises(UnknownNameError, match="unknown chart 'rio'; did you mean 'roi'"):
        report.plot("rio")
    with pytest.raises(InputError, match=r"no chart is made for these KPIs; .*every=.month.*funnel"):
        shop.kpis(names="lead_value").plot()
    allowed = "cohorts, compare, kpis, paths, predict, recommend, report"
    with pytest.raises(UnknownNameError, match=f"Allowed: {allowed}"):
        shop.doctor().plot()


def test_what_attribute_found() -> None:
    """Several models side by side, one as bars; by any column; people see money where a currency is known."""
    touches = pd.DataFrame(
        {
            "person_id": ["a", "a", "b"],
            "at": pd.to_datetime(["2026-01-05", "2026-02-20", "2026-02-21"], utc=True),
            "channel": ["Search", "Email", "Email"], "region": ["North", "South", "South"],
        }
    )  # fmt: skip
    deals = pd.DataFrame(
        {
            "conversion_id": ["D1", "D2"], "person_id": ["a", "b"], "value": ["100.00", "50.00"],
            "at": pd.to_datetime(["2026-03-01", "2026-03-02"], utc=True), "currency": ["EUR", "EUR"],
        }
    )  # fmt: skip
    both = at.attribute(touches, deals, models=["first_touch", "linear"])
    assert titled(both.plot()) == "Revenue by channel under each model (EUR)"
    marks = {(row["name"], row["model"]): row["text"] for row in data(both.plot())}
    assert marks[("Search", "First touch")] == "€100.00"
    assert marks[("Email", "Linear")] == "€100.00"
    assert titled(both.plot("region")) == "Revenue by region under each model (EUR)"
    one = at.attribute(touches, deals, models=["linear"])
    assert titled(one.plot("region")) == "Revenue by region (EUR)"
    assert [(row["label"], row["length"]) for row in data(one.plot())] == [("Email", 100.0), ("Search", 50.0)]
    with pytest.raises(UnknownNameError, match="chanel"):
        one.plot("chanel")
