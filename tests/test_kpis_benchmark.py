"""The lead conversion rate beside industry averages that the user supplies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from small_shop import open_shop

from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]

LEADS = """
    lead_id,created_at,industry
    L-1,2025-01-01T00:00:00Z,Retail
    L-2,2025-01-01T00:00:00Z,retail
    L-3,2025-01-01T00:00:00Z,Steel
    L-4,2025-01-01T00:00:00Z,
    """
DEALS = "deal_id,status,created_at,lead_id\nD-1,open,2025-01-03T00:00:00Z,L-1"
AVERAGES = """
    industry,rate,source
    RETAIL,20%,somebody
    steel,0.05,somebody
    Glass,0.1,nobody
    Retail,0.3,again
    ,0.1,
    Wood,many,
    Iron,1.5,
    Tin,nan,
    """


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Store:
    """Four leads, one of which became an opportunity."""
    nothing = "adjustment_id,deal_id,at,amount,currency"
    return open_shop(sqlite_store, csv, leads=LEADS, deals=DEALS, adjustments=nothing)


def test_beside_the_average(shop: Store, csv: Csv) -> None:
    """By industry: the rate, the average, and the difference; bad rows are told and left out."""
    answer = shop.kpis(benchmark=csv("averages", AVERAGES))
    found = {
        row["industry"].casefold(): (row["value"], row["benchmark"], row["difference"]) for row in answer.rows
    }
    assert found == {
        "retail": (0.5, 0.2, pytest.approx(0.3)),
        "steel": (0.0, 0.05, -0.05),
        "(not set)": (0.0, None, None),
    }
    assert {row["kpi"] for row in answer.rows} == {"benchmark"}
    assert [warning for warning in answer.warnings if warning.startswith("benchmark")] == [
        "benchmark, line 5: 'Retail' is there already; the row is left out",
        "benchmark, line 6: industry is empty; the row is left out",
        "benchmark, line 7: rate 'many' is no number; write a share such as 0.05 or 5%; the row is left out",
        "benchmark, line 8: rate '1.5' is not between 0 and 1; write a share such as 0.05 or 5%; "
        "the row is left out",
        "benchmark, line 9: rate 'nan' is no number; write a share such as 0.05 or 5%; the row is left out",
    ]
    assert any(warning == "no lead is of: Glass" for warning in answer.warnings)


def test_with_other_figures_and_dimensions(shop: Store, csv: Csv) -> None:
    """Other figures have none; a second dimension is allowed; no leads in the period: no difference."""
    path = csv("averages", AVERAGES)
    rows = shop.kpis("industry,owner", names="benchmark,leads", benchmark=path).rows
    assert {"benchmark" in row for row in rows if row["kpi"] == "leads"} == {False}
    rows = shop.kpis(benchmark=path, start="2025-01-02").rows
    assert [(row["value"], row["difference"]) for row in rows] == [(None, None)]


def test_beside_figures_of_other_names(shop: Store, csv: Csv) -> None:
    """The lead conversion rate has its average under its own name; beside other figures one is added."""
    path = csv("averages", "industry,rate\nRetail,20%")
    answer = shop.kpis(names="lead_conversion_rate,leads", benchmark=path, where=["industry=Retail"])
    assert [(row["kpi"], row["value"], row.get("benchmark")) for row in answer.rows] == [
        ("lead_conversion_rate", 0.5, 0.2), ("leads", 2, None),
    ]  # fmt: skip
    assert not [warning for warning in answer.warnings if "no lead is of" in warning]
    answer = shop.kpis(names="leads", benchmark=path, where=["industry=Retail"])
    assert [(row["kpi"], row["value"], row.get("benchmark")) for row in answer.rows] == [
        ("leads", 2, None), ("benchmark", 0.5, 0.2),
    ]  # fmt: skip


def test_what_cannot_be_meant(shop: Store, csv: Csv, tmp_path: Path) -> None:
    """No file, no such file, no such column, no industry."""
    with pytest.raises(InputError, match="give --benchmark FILE"):
        shop.kpis(names="benchmark")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        shop.kpis(benchmark=tmp_path / "none.csv")
    with pytest.raises(InputError, match="has no column rate"):
        shop.kpis(benchmark=csv("bad", "industry,average\na,1"))
    with pytest.raises(InputError, match="not by channel"):
        shop.kpis("channel", benchmark=csv("averages", AVERAGES))
    assert "benchmark" not in {row["kpi"] for row in shop.kpis().rows}
