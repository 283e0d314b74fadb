"""KPIs: the worked examples of their definitions, both bases, and what a zero denominator gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from small_shop import open_shop

from attribution.clock import DAY
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.answer import Answer
from attribution.metrics.kpi_catalogue import KPIS
from attribution.metrics.kpi_table import divide
from attribution.metrics.measures.durations import quantile
from attribution.report.csv_text import csv_text

Csv = Callable[[str, str], Path]
PERIOD = {"start": "2025-01-01", "end": "2025-12-31"}


@pytest.fixture
def shop(sqlite_store: Store, csv: Csv) -> Store:
    """The small shop."""
    return open_shop(sqlite_store, csv)


def _values(answer: Answer, dim: str | None = None) -> dict[Any, Any]:
    """Return the values by KPI (and stage), under a dimension's value where one is given."""
    return {
        (*([row[dim]] if dim else []), row["kpi"], *([row["stage"]] if "stage" in row else [])): row["value"]
        for row in answer.rows
    }


def _source_store(
    store: Store, csv: Csv, leads: dict[str, int], revenue: dict[str, str], deals: int
) -> Store:
    """Make leads of one touch each, `deals` open ones, and one won deal a source."""
    people = [(source, f"{source}{i}") for source, count in leads.items() for i in range(count)]
    touches = [
        f"{name},{name},2025-01-01T00:00:00Z,https://s.test/?utm_source={source}&utm_medium=email"
        for source, name in people
    ]
    records = [f"{name},2025-01-02T00:00:00Z,{name}" for _, name in people]
    won = [
        f"won-{source},won,2025-01-03T00:00:00Z,2025-02-01T00:00:00Z,{amount},GBP,{source}0"
        for source, amount in revenue.items()
    ]
    open_ = [f"open-{name},open,2025-01-04T00:00:00Z,,,,{name}" for _, name in people[:deals]]
    lines = {
        "touches": ["touch_id,visitor_id,at,url", *touches],
        "leads": ["lead_id,created_at,visitor_id", *records],
        "deals": ["deal_id,status,created_at,closed_at,amount,currency,lead_id", *won, *open_],
    }
    for table, rows in lines.items():
        if len(rows) > 1:
            store.import_table(table, csv(table, "\n".join(rows)))
    store.run(models=["linear"], goals=["revenue", "leads"])
    return store


def test_35_of_150_leads(sqlite_store: Store, csv: Csv) -> None:
    """150 leads, 35 of which reached an opportunity: 23.3 %."""
    store = _source_store(sqlite_store, csv, {"a": 150}, {}, 35)
    row = store.kpis(names="lead_conversion_rate").rows[0]
    assert (row["numerator"], row["denominator"]) == (35, 150)
    assert round(row["value"], 4) == 0.2333


def test_lead_value_by_source(sqlite_store: Store, csv: Csv) -> None:
    """100,000 / 200 = 500; source A 85,000 / 60 = 1,416.67, source B 15,000 / 60 = 250, others 0."""
    store = _source_store(
        sqlite_store, csv, {"a": 60, "b": 60, "other": 80}, {"a": "85000.00", "b": "15000.00"}, 0
    )
    answer = store.kpis("source", names=["lead_value"], **PERIOD)
    rows = [(row["source"], row["value"], row["numerator"], row["denominator"]) for row in answer.rows]
    assert rows == [
        ("a", "1416.67", "85000.00", 60),
        ("b", "250.00", "15000.00", 60),
        ("other", "0.00", "0.00", 80),
    ]
    assert answer.totals == {"lead_value": "500.00"}
    assert store.kpis(names=["lead_value"]).rows[0]["value"] == "500.00"


def test_every_figure_of_the_shop(store: Store, csv: Csv) -> None:
    """All KPIs at once, on both databases."""
    families = "funnel,cost,return,lead_value,average_deal_size,time_to_conversion"
    answer = open_shop(store, csv).kpis(names=families, model="linear")
    days = ("time_to_conversion", "lead_to_won")
    values = _values(answer)
    assert values.pop(days) == 40.0  # of 21, 40, 40 and 45 days
    assert {key[0]: value for key, value in values.items() if len(key) == 1} == {
        "leads": 3, "mql": 1, "sqo": 0, "opportunities": 5, "won_deals": 4, "customers": 3,
        "lead_conversion_rate": 1.0,
        "lead_value": "53.34",  # 160.01 / 3
        "cost_per_lead": "21.67", "cost_per_mql": "65.00", "cost_per_sqo": None,
        "cost_per_acquisition": "16.25", "customer_acquisition_cost": "21.67",
        "roi": pytest.approx(95.01 / 65), "roas": pytest.approx(160.01 / 65),
        "average_deal_size": "53.34",  # 160.01 / 4
        "win_rate": 0.8,
    }  # fmt: skip
    assert any("revenue leaves out 10.00 USD" in warning for warning in answer.warnings)


def test_figures_by_channel_add_up(store: Store, csv: Csv) -> None:
    """Credited counts and money of the groups add up to the whole, with spend that brought nothing."""
    answer = open_shop(store, csv).kpis("channel", names="leads,won_deals,roi,cost_per_lead", model="linear")
    values = _values(answer, "channel")
    assert values["Paid Search", "leads"] == 1.5
    assert values["Paid Search", "won_deals"] == 2.5  # half of D-1, D-2, and D-4 in dollars
    assert values["Paid Search", "cost_per_lead"] == "26.67"
    assert values["Paid Social", "roi"] == -1.0
    assert values["Paid Social", "cost_per_lead"] is None
    assert values["Email", "roi"] is None
    assert sum(value for (_, kpi), value in values.items() if kpi == "leads") == 3 == answer.totals["leads"]


def test_plain_dimensions(store: Store, csv: Csv) -> None:
    """By owner each record counts once, for its own owner; spend has none."""
    answer = open_shop(store, csv).kpis("owner", names="win_rate,average_deal_size,cost_per_lead")
    values = _values(answer, "owner")
    assert values["Ann", "win_rate"] == 0.5  # D-1 won, D-5 lost
    assert values["Bob", "win_rate"] == 1.0
    assert values["Ann", "average_deal_size"] == "80.01"
    assert values["Ann", "cost_per_lead"] is None
    assert any("spend is not known by owner" in warning for warning in answer.warnings)


def test_marketing_and_plain_dimensions_together(shop: Store) -> None:
    """Revenue by deal kind and channel: the renewal is nobody's, and dollars are in no group."""
    rows = shop.kpis("deal_kind,channel", names="average_deal_size", model="linear").rows
    assert {(row["deal_kind"], row["channel"]): row["numerator"] for row in rows} == {
        ("new", "Paid Search"): "90.01", ("new", "Email"): "40.00", ("renewal", "(unattributed)"): "30.00",
        ("(no rate)", "(no rate)"): "0.00",
    }  # fmt: skip


def test_win_rate_by_source_without_its_own_goal(shop: Store) -> None:
    """Lost deals have no journey of their own: the journey to their lead credits them, and that is told."""
    answer = shop.kpis("channel", names="win_rate", model="linear")
    rows = {row["channel"]: (row["numerator"], row["denominator"]) for row in answer.rows}
    # L-1 is half search, half e-mail: D-1 won and D-5 lost; L-2 is search: D-2 and D-4 won; D-3 is nobody's
    assert rows == {"Paid Search": (2.5, 3), "Email": (0.5, 1), "(unattributed)": (1, 1)}
    assert any("run: attribution run --model linear --goal opportunities" in w for w in answer.warnings)


def test_period_counts_what_happened_cohort_follows_the_leads(shop: Store) -> None:
    """January has all the leads and none of the closings; its cohort has both, L-2's alone two of them."""
    january = {"start": "2025-01-01", "end": "2025-01-31"}
    names = "leads,won_deals,lead_value"
    period = _values(shop.kpis(names=names, basis="period", **january))
    assert list(period.values()) == [3, 0, "0.00"]
    cohort = _values(shop.kpis(names=names, basis="cohort", **january))
    assert list(cohort.values()) == [3, 4, "53.34"]
    first_week = _values(shop.kpis(names=names, basis="cohort", start="2025-01-05", end="2025-01-10"))
    assert list(first_week.values()) == [1, 2, "50.00"]  # L-2: D-2, and D-4 in dollars


def test_deals_without_a_lead_belong_to_no_cohort(sqlite_store: Store, csv: Csv) -> None:
    """They stand in a row of their own and are in no total."""
    shop = open_shop(
        sqlite_store,
        csv,
        deals="""
        deal_id,status,closed_at,amount,currency,lead_id
        D-1,won,2025-02-01T00:00:00Z,100.00,GBP,L-1
        D-2,won,2025-02-02T00:00:00Z,7.00,GBP,
        """,
    )
    answer = shop.kpis("channel", names="lead_value,won_deals", basis="cohort", model="last_touch")
    lost = {row["kpi"]: row for row in answer.rows if row["channel"] == "(no lead)"}
    assert (lost["lead_value"]["value"], lost["lead_value"]["numerator"]) == (None, "7.00")
    assert lost["won_deals"]["value"] == 1
    assert answer.totals["won_deals"] == 1
    assert any("belong to no cohort" in warning for warning in answer.warnings)


def test_money_without_a_rate_is_told_of_cohorts_too(store: Store, csv: Csv) -> None:
    """D-4 is in dollars: it is L-2's, and nothing of the other leads or of e-mail lacks a rate."""
    shop = open_shop(store, csv)
    told = "revenue leaves out 10.00 USD: no rate within 7 days; import rates, then run again"

    def warnings(**options: Any) -> list[str]:
        answer = shop.kpis(names="lead_value", basis="cohort", model="linear", **options)
        return [warning for warning in answer.warnings if "leaves out" in warning]

    assert warnings() == [told]
    assert warnings(start="2025-01-05", end="2025-01-10") == [told]
    assert warnings(start="2025-01-11", end="2025-01-31") == []
    assert warnings(where=["channel=Paid Search"]) == [told]
    assert warnings(where=["channel=Email"]) == []
    assert warnings(where=["owner=Ann"]) == []
    assert warnings(currency="USD") == []


def test_a_young_cohort_is_marked(sqlite_store: Store, csv: Csv) -> None:
    """Leads that have had less time than deals usually take make a rate look worse than it is.

    Three in four of the won deals that are known closed within 41 days of their leads; L-3 is 31 days old.
    """
    with freeze_time("2025-02-20"):
        shop = open_shop(sqlite_store, csv)
    answer = shop.kpis(names="lead_value", basis="cohort", **PERIOD)
    assert answer.rows[0]["immature"] is True
    assert answer.columns["immature"] == "text"
    assert any(warning.startswith("the cohort is immature: its youngest") for warning in answer.warnings)
    assert "immature" not in shop.kpis(names="lead_value", **PERIOD).columns


def test_each_cohort_is_marked_by_itself(sqlite_store: Store, csv: Csv) -> None:
    """Deals close after 60 days: of the cohorts of five months the last two are young."""
    leads = [f"L-{month},2025-0{month}-05T00:00:00Z" for month in range(1, 6)]
    deals = [
        f"D-{month},won,2025-0{month}-06T00:00:00Z,{closed}T00:00:00Z,10.00,GBP,L-{month}"
        for month, closed in ((1, "2025-03-06"), (2, "2025-04-06"), (3, "2025-05-04"))
    ]
    with freeze_time("2025-05-31"):
        shop = open_shop(
            sqlite_store, csv,
            leads="lead_id,created_at\n" + "\n".join(leads),
            deals="deal_id,status,created_at,closed_at,amount,currency,lead_id\n" + "\n".join(deals),
            adjustments="adjustment_id,deal_id,at,amount,currency",
        )  # fmt: skip
    months = {"every": "month", "start": "2025-01-01", "end": "2025-05-31"}
    answer = shop.kpis(names="lead_value", basis="cohort", **months)
    assert [(row["period"][-2:], row["value"], row["immature"]) for row in answer.rows] == [
        ("01", "10.00", False), ("02", "10.00", False), ("03", "10.00", False), ("04", "0.00", True),
        ("05", "0.00", True),
    ]  # fmt: skip
    assert [line.endswith(",True") for line in csv_text(answer).splitlines()[1:]] == [False] * 3 + [True] * 2
    assert answer.warnings == [
        "cohorts are immature (2025-04, 2025-05): their youngest leads have had less than the 60 days in "
        "which three of four won deals close"
    ]


def test_durations_beside_other_figures(shop: Store) -> None:
    """In January nothing was won or lost: both owners have their times all the same."""
    names = "win_rate,time_to_conversion"
    answer = shop.kpis("owner", names=names, start="2025-01-01", end="2025-01-31")
    found = {
        (row["owner"], row.get("stage", row["kpi"])): (row["value"], row["denominator"])
        for row in answer.rows
    }
    assert {key: found[key] for key in found if key[1] in ("win_rate", "lead_to_opportunity")} == {
        ("Ann", "win_rate"): (None, 0), ("Ann", "lead_to_opportunity"): (4.0, 1),
        ("Bob", "win_rate"): (None, 0), ("Bob", "lead_to_opportunity"): (10.0, 1),
    }  # fmt: skip


def test_a_rate_above_one_says_so(sqlite_store: Store, csv: Csv) -> None:
    """More leads convert in the period than come in: 200 %, with the reason."""
    leads = """
        lead_id,created_at
        L-1,2025-01-05T00:00:00Z
        L-2,2025-01-06T00:00:00Z
        L-3,2025-02-01T00:00:00Z
        """
    deals = """
        deal_id,status,created_at,lead_id
        D-1,open,2025-02-03T00:00:00Z,L-1
        D-2,open,2025-02-04T00:00:00Z,L-2
        """
    nothing = "adjustment_id,deal_id,at,amount,currency"
    shop = open_shop(sqlite_store, csv, leads=leads, deals=deals, adjustments=nothing)
    answer = shop.kpis(names="lead_conversion_rate", start="2025-02-01", end="2025-02-28")
    assert answer.rows[0]["value"] == 2.0
    assert any("passes 100 %" in warning for warning in answer.warnings)


def test_closed_before_created_has_no_duration(sqlite_store: Store, csv: Csv) -> None:
    """Such deals are counted apart; a bare date is created at its start and closed at its end."""
    shop = open_shop(
        sqlite_store,
        csv,
        deals="""
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2025-02-01,2025-02-11,1.00,GBP,L-1
        D-2,won,2025-02-01,2025-02-21,1.00,GBP,L-1
        D-3,won,2025-03-01,2025-02-21,1.00,GBP,L-1
        D-4,won,2025-02-21,2025-02-21T10:00:00Z,1.00,GBP,L-1
        """,
    )
    answer = shop.kpis(names="time_to_conversion")
    row = next(row for row in answer.rows if row["stage"] == "opportunity_to_won")
    assert (row["value"], row["denominator"], row["negative"]) == (pytest.approx(11), 3, 1)
    assert (row["lower_quartile"], row["upper_quartile"]) == (pytest.approx(10 / 24), pytest.approx(21))
    assert any("1 of opportunity_to_won ended before they began" in w for w in answer.warnings)


def test_records_of_one_day_took_no_time(sqlite_store: Store, csv: Csv) -> None:
    """A bare date of creation is the start of its day, and never lies before what that day held."""
    shop = open_shop(
        sqlite_store,
        csv,
        touches="""
        touch_id,visitor_id,at,url
        t1,v1,2025-02-01T09:00:00Z,https://shop.test/
        t2,v2,2025-02-03,https://shop.test/
        """,
        leads="""
        lead_id,created_at,visitor_id
        L-1,2025-02-01,v1
        L-2,2025-02-03T18:00:00Z,v2
        """,
        deals="""
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2025-02-01,2025-02-02T06:00:00Z,1.00,GBP,L-1
        D-2,won,2025-02-03,2025-02-04,1.00,GBP,L-2
        """,
        adjustments="adjustment_id,deal_id,at,amount,currency",
    )
    rows = {row["stage"]: row for row in shop.kpis(names="time_to_conversion").rows}
    quartiles = {
        stage: [row["lower_quartile"], row["value"], row["upper_quartile"]] for stage, row in rows.items()
    }
    assert quartiles == {
        "first_touch_to_lead": [0.0, 0.375, 0.75],  # 0 and 18 hours
        "lead_to_opportunity": [0.0, 0.0, 0.0],
        "opportunity_to_won": pytest.approx([1.25, 1.625, 2]),  # 30 and 48 hours
        "lead_to_won": pytest.approx([1.25, 1.25, 1.25]),  # 30 hours both
    }
    assert [row["negative"] for row in rows.values()] == [0, 0, 0, 0]


def test_time_from_first_touch_by_channel(shop: Store) -> None:
    """Each lead's wait counts for the channels that brought it, by their share."""
    rows = shop.kpis("channel", names="time_to_conversion", model="linear").rows
    first = {row["channel"]: row for row in rows if row["stage"] == "first_touch_to_lead"}
    # L-1 waited 9 days 15 h (half search, half e-mail), L-2 15 h (search)
    assert first["Email"]["value"] == 9.625
    assert first["Paid Search"]["value"] == 0.625
    assert first["Paid Search"]["upper_quartile"] == 9.625
    assert first["Paid Search"]["denominator"] == 1.5


def test_customers_are_counted_once(sqlite_store: Store, csv: Csv) -> None:
    """Two deals of one account are one customer, in the period of the first."""
    shop = open_shop(
        sqlite_store,
        csv,
        deals="""
        deal_id,status,closed_at,amount,currency,account
        D-1,won,2025-02-01T00:00:00Z,1.00,GBP,Acme.test
        D-2,won,2025-03-01T00:00:00Z,1.00,GBP,acme.test
        """,
    )
    assert shop.kpis(names="customers").rows[0]["value"] == 1
    assert shop.kpis(names="customers", start="2025-03-01").rows[0]["value"] == 0


def test_names_and_options_that_cannot_be_meant(shop: Store) -> None:
    """Unknown KPIs, bases and dates are told."""
    with pytest.raises(UnknownNameError, match="did you mean 'lead_value'"):
        shop.kpis(names="lead_valu")
    with pytest.raises(UnknownNameError, match="cohort, period"):
        shop.kpis(basis="month")
    with pytest.raises(InputError, match="leave it out"):
        shop.kpis(date="touch")


def test_the_catalogue_is_whole() -> None:
    """Every declaration says what it is; every value has a unit that doors know."""
    for kpi in KPIS.values():
        assert kpi.label
        assert kpi.formula
        assert kpi.zero_rule
        assert kpi.source
        assert kpi.unit in {"money", "ratio", "count", "days", "minutes", "months", "factor"}


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**9))
def test_money_is_rounded_half_up(minor: int, millionths: int) -> None:
    """Never further than half a minor unit from the exact quotient, and the same for both signs."""
    value = divide(KPIS["lead_value"], minor, millionths)
    assert isinstance(value, int)
    assert abs(2 * (value * millionths - minor * 10**6)) <= millionths
    assert divide(KPIS["lead_value"], -minor, millionths) == -value


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30), st.integers(1, 5))
def test_weights_act_like_copies(micros: list[int], copies: int) -> None:
    """A weight of n is n equal durations; the median is numpy's for whole counts."""
    values = np.array(micros, np.int64) * DAY
    once = quantile(np.repeat(values, copies), np.ones(len(values) * copies, np.int64), 2)
    weighted = quantile(values, np.full(len(values), copies), 2)
    assert weighted == once == float(np.median(np.repeat(micros, copies)))
