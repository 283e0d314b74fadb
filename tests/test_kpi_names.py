"""KPIs by the names that people use, what they are in words, and the totals of a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_shop import open_shop

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.kpi_catalogue import FAMILIES, KPIS, choose
from attribution.metrics.kpi_list import kpi_list
from attribution.metrics.kpi_words import formula, numerator

Csv = Callable[[str, str], Path]


@pytest.mark.parametrize("name", ["roi", "ROI", "Win Rate", "win-rate", "Return", "EMAIL_PERFORMANCE"])
def test_names_are_read_in_any_letters(name: str) -> None:
    """And a family is one too."""
    key = name.casefold().replace(" ", "_").replace("-", "_")
    assert [kpi.name for kpi in choose(name)] == [
        kpi.name for kpi in KPIS.values() if key in (kpi.name, kpi.family)
    ]


@pytest.mark.parametrize(
    ("received", "near"),
    [
        ("cac", "customer_acquisition_cost"), ("CPL", "cost_per_lead"), ("cpa", "cost_per_acquisition"),
        ("clv", "customer_lifetime_value"), ("CLTV", "customer_lifetime_value"),
        ("arr", "monthly_recurring_revenue"), ("mrr", "monthly_recurring_revenue"),
        ("arpc", "average_revenue_per_customer"), ("win rates", "win_rate"), ("ctr", "click_through_rate"),
        ("New customers", "customers"), ("recuring", "recurring"),
    ],
)  # fmt: skip
def test_what_was_probably_meant_is_offered(received: str, near: str) -> None:
    """Abbreviations stand in labels or are known; names and families are told apart, each once."""
    with pytest.raises(UnknownNameError) as caught:
        choose(received)
    text = str(caught.value)
    assert text.startswith(f"unknown KPI {received!r}; did you mean {near!r}? Allowed: attendance_rate, ")
    allowed, _, families = text.partition("; or a family of them: ")
    assert allowed.partition("Allowed: ")[2].split(", ") == sorted(KPIS)
    assert families == f"{', '.join(FAMILIES)}; what each is: attribution kpis --list"


def test_every_kpi_is_listed_in_words() -> None:
    """Without a store; a family alone where it is named."""
    rows = kpi_list().rows
    assert [row["kpi"] for row in rows] == list(KPIS)
    assert rows[list(KPIS).index("lead_value")] == {
        "kpi": "lead_value", "family": "value", "label": "Lead value", "unit": "money",
        "formula": "sales value / leads", "dimensions": "all but deal_kind", "basis": "period cohort",
    }  # fmt: skip
    assert [row["dimensions"] for row in kpi_list("open_rate").rows] == ["campaign"]
    done = CliRunner().invoke(cli, ["kpis", "--list", "--kpi", "return", "--store", "sqlite:///none.db"])
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[3:]] == ["roi", "roas"]
    assert not Path("none.db").exists()


def test_words_fit_what_was_asked() -> None:
    """The margin, the stage, the target; people, and the leads of the period."""
    told = {
        "roas": ({"margin": 0.6}, "value at 60 % margin / spend"),
        "cost_per_lead": ({"margin": 0.6, "unique": True}, "spend / new leads; each person once"),
        "lead_conversion_rate": (
            {"stage": "won", "basis": "cohort"},
            "leads that reached won / leads; of the leads created in the period",
        ),
        "response_within_target": (
            {"target": "1h"},
            "inquiries answered within 1h / inquiries, those never answered too",
        ),
        "sessions": ({"basis": "cohort", "unique": True}, KPIS["sessions"].formula),
    }
    assert {name: formula(KPIS[name], asked) for name, (asked, _) in told.items()} == {
        name: words for name, (_, words) in told.items()
    }
    assert formula(KPIS["roi"], {}) == KPIS["roi"].formula
    assert numerator(KPIS["roi"], {"margin": 0.075}) == "revenue x 7.5 % - spend"
    assert numerator(KPIS["inbound_response_time"], {}) == "request_to_response"


def test_totals_of_a_table(sqlite_store: Store, csv: Csv) -> None:
    """In the units of their rows, named; the reader's signs in all of them."""
    open_shop(sqlite_store, csv)

    def table(*args: str) -> list[str]:
        done = CliRunner().invoke(cli, ["kpis", *args, "--store", str(sqlite_store.db.label)])
        assert done.exit_code == 0, done.stderr
        return done.stdout.splitlines()

    months = ("--every", "month", "--from", "2025-01-01", "--to", "2025-03-31")
    lines = table("--kpi", "roi,leads,mrr_new", *months)
    # 100.01 + 50.00 + 30.00 less the refund of 20.00, for 65.00 of spend: 95.01 / 65.00
    assert [line.split() for line in lines[-2:]] == [
        ["Total", "roi", "146.2%", "ratio", "—", "—", "—"],
        ["Total", "leads", "3", "count", "—", "—", "—"],
    ]
    lines = table("--kpi", "roi", "--by", "campaign", *months, "--locale", "de_DE")
    assert lines[-1].replace("\N{NO-BREAK SPACE}", "_").split() == [
        "Total", "Total", "roi", "146,2_%", "ratio", "—", "—", "—",
    ]  # fmt: skip
    assert table("--kpi", "leads", "--from", "2025-01-01")[-1].split() == ["leads", "3", "count", "3", "—"]


def test_what_is_no_number_is_refused(sqlite_store: Store, csv: Csv) -> None:
    """In a sentence, from Python too."""
    shop = open_shop(sqlite_store, csv)
    with pytest.raises(InputError, match="'x' months of age were asked for; allowed are 1 and more"):
        shop.cohorts(ages="x")
    with pytest.raises(InputError, match="a limit of 'x' journeys"):
        shop.paths(limit="x")
    with pytest.raises(InputError, match="horizon 'x' cannot be used"):
        shop.kpis(horizon="x")
