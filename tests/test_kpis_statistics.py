"""Statistics of social platforms and mailings: engagement, open and click rates, a list that grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.answer import Answer

Csv = Callable[[str, str], Path]

SOCIAL = """
    date,source,campaign,likes,comments,shares,clicks
    2025-01-05,facebook,spring,10,2,1,4
    2025-01-06,Facebook,Spring,5,,,1
    2025-02-01,linkedin,,7,0,3,
    """
EMAIL = """
    date,campaign,sent,delivered,opens,clicks,forwards,subscribes,unsubscribes,list_size
    2025-01-01,spring,1000,900,300,90,9,50,10,1000
    2025-01-31,spring,1000,1100,200,10,1,30,5,1025
    2025-01-31,brand uk,100,,,,,5,,1025
    2025-02-10,autumn,500,500,100,0,0,0,41,984
    """


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Store:
    """The shop with statistics."""
    return open_shop(sqlite_store, csv, social_stats=SOCIAL, email_stats=EMAIL)


def _table(answer: Answer, dim: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in answer.rows:
        found.setdefault(row[dim], []).append(row["value"])
    return found


def test_the_whole(store: Store, csv: Csv) -> None:
    """13 + 5 + 10 engaged, 5 clicks; 2,500 mails delivered, 600 opened, 100 clicked, 10 forwarded."""
    shop = open_shop(store, csv, social_stats=SOCIAL, email_stats=EMAIL)
    assert [row["value"] for row in shop.kpis(names="engagement").rows] == [28, 5]
    rows = {row["kpi"]: row for row in shop.kpis(names="email_performance").rows}
    assert {name: row["value"] for name, row in rows.items()} == {
        "open_rate": 0.24, "click_through_rate": 0.04, "forward_rate": 0.004, "list_growth": 0.029,
    }  # fmt: skip
    assert (rows["list_growth"]["numerator"], rows["list_growth"]["denominator"]) == (29, 1000)


def test_the_list_at_the_start(shop: Store) -> None:
    """The last size before the period; else that of its first day; else nothing is known."""

    def growth(**options: Any) -> tuple[Any, Any]:
        row = shop.kpis(names="list_growth", **options).rows[0]
        return row["numerator"], row["denominator"]

    assert growth(start="2025-02-01", end="2025-02-28") == (-41, 1025)
    assert growth(start="2025-01-31") == (30 - 41, 1000)
    assert growth(start="2025-01-01", end="2025-01-31") == (70, 1000)
    assert shop.kpis(names="list_growth", end="2024-12-31").rows[0]["value"] is None
    assert shop.kpis(names="list_growth", start="2024-12-01").rows[0]["value"] is None
    months = shop.kpis(names="list_growth", every="month", start="2025-01-01", end="2025-02-28").rows
    assert [row["value"] for row in months] == [0.07, -41 / 1025]


def test_by_source_and_campaign(store: Store, csv: Csv) -> None:
    """Names are compared as elsewhere, and those that no touch has are shown too; mails have no source."""
    shop = open_shop(store, csv, social_stats=SOCIAL, email_stats=EMAIL)
    assert _table(shop.kpis("source", names="engagement"), "source") == {
        "facebook": [18, 5], "linkedin": [10, 0],
    }  # fmt: skip
    answer = shop.kpis("campaign", names="engagement,open_rate,list_growth")
    found = {name.casefold(): values for name, values in _table(answer, "campaign").items()}
    assert found["spring"] == [18, 5, 0.25, 65 / 1000]
    assert found["(not set)"] == [10, 0, None, None]
    assert found["autumn"] == [0, 0, 0.2, None]
    assert answer.totals == {
        "engagement": 28,
        "engagement_clicks": 5,
        "open_rate": 0.24,
        "list_growth": 0.029,
    }
    answer = shop.kpis("source", names="open_rate")
    assert {row["value"] for row in answer.rows} <= {None}
    assert any("email performance is left empty" in warning for warning in answer.warnings)


def test_beside_other_figures(shop: Store) -> None:
    """A campaign of both has all of them in one row."""
    answer = shop.kpis("campaign", names="sessions,engagement,roi", model="linear")
    found = {name.casefold(): values for name, values in _table(answer, "campaign").items()}
    assert found["spring"] == [1, 18, 5, None]
    assert found["brand uk"][:2] == [2, 0]
    assert found["lookalike"] == [0, 0, 0, -1.0]


def test_rates_are_of_mails_known_to_be_delivered(store: Store, csv: Csv) -> None:
    """20 of 100 were opened; of how many the 50 others were is not known, and that is told."""
    stats = """
        date,campaign,delivered,opens,clicks
        2025-03-01,spring,100,20,5
        2025-03-02,brand uk,,50,10
        2025-03-03,autumn,,,
        """
    shop = open_shop(store, csv, email_stats=stats)
    answer = shop.kpis(names="open_rate,click_through_rate")
    assert [(row["value"], row["numerator"], row["denominator"]) for row in answer.rows] == [
        (0.2, 20, 100), (0.05, 5, 100),
    ]  # fmt: skip
    assert sum("do not tell how many mails were delivered" in warning for warning in answer.warnings) == 1
    for options in ({"end": "2025-03-01"}, {"start": "2025-03-03"}, {"where": ["campaign=spring"]}):
        assert shop.kpis(names="open_rate", **options).warnings == []


def test_conditions(shop: Store) -> None:
    """A condition on a campaign holds for statistics; one on a channel leaves them empty."""
    answer = shop.kpis(names="engagement,open_rate", where=["campaign=SPRING"])
    assert [row["value"] for row in answer.rows] == [18, 5, 0.25]
    assert answer.warnings == []
    answer = shop.kpis(names="engagement,open_rate", where=["channel=Email"])
    assert [row["value"] for row in answer.rows] == [None, None, None]
    assert len(answer.warnings) == 2
    answer = shop.kpis("owner", names="engagement,leads")
    assert {row["value"] for row in answer.rows if row["kpi"].startswith("engagement")} == {None}


def test_without_any_statistics(sqlite_store: Store, csv: Csv) -> None:
    """Sums are 0, rates are null; with an interval too."""
    shop = open_shop(sqlite_store, csv)
    answer = shop.kpis(names="engagement,email_performance", interval=0.9)
    assert [row["value"] for row in answer.rows] == [0, 0, None, None, None, None]
    assert {row["low"] for row in answer.rows} == {None}
