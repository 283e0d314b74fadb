"""What `report` answers: every figure of a small shop, worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import open_shop

from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.answer import Answer
from attribution.metrics.dimensions import name_key, parse_by, parse_where

Csv = Callable[[str, str], Path]


@pytest.fixture
def shop(store: Store, csv: Csv) -> Store:
    """The shop on SQLite and on PostgreSQL."""
    return open_shop(store, csv)


@pytest.fixture
def sqlite_shop(sqlite_store: Store, csv: Csv) -> Store:
    """The shop on SQLite."""
    return open_shop(sqlite_store, csv)


def _by(answer: Answer, dim: str, figure: str) -> dict[str, Any]:
    return {row[dim]: row[figure] for row in answer.rows}


def test_every_figure_by_channel(shop: Store) -> None:
    """Value, spend, leads, conversions, assists and ROI of all time, sorted by value."""
    answer = shop.report("channel", model="linear")
    assert [tuple(row.values())[:6] for row in answer.rows] == [
        ("Paid Search", "90.01", "40.00", 1.5, 1.5, 1),
        ("Email", "40.00", "0.00", 0.5, 0.5, 0),
        ("(unattributed)", "30.00", "0.00", 1, 1, 0),
        ("Paid Social", "0.00", "25.00", 0, 0, 0),
        ("(no rate)", "0.00", "0.00", 0, 1, 0),
    ]
    roi = _by(answer, "channel", "roi")
    assert roi["Paid Search"] == pytest.approx(50.01 / 40)
    assert roi["Paid Social"] == -1.0
    assert roi["Email"] is None
    assert answer.rows[-1]["unconverted"] == [{"currency": "USD", "value": "10.00", "spend": "0.00"}]
    assert any("10.00 USD" in warning for warning in answer.warnings)
    assert answer.totals == {
        "value": "160.01", "spend": "65.00", "leads": 3, "conversions": 4, "assisted": 1,
        "roi": pytest.approx(95.01 / 65),
    }  # fmt: skip
    assert (answer.currency, answer.model, answer.goal, answer.lookback) == (
        "GBP",
        "linear",
        "revenue",
        "365d",
    )


def test_a_refund_falls_into_its_own_period(shop: Store) -> None:
    """February holds the deal as it closed, March the refund; `restate` takes it back to February."""
    february = shop.report("channel", model="linear", start="2025-02-01", end="2025-02-28")
    assert _by(february, "channel", "value")["Paid Search"] == "100.01"  # 50.01 of D-1, 50.00 of D-2
    assert february.totals["value"] == "150.01"
    march = shop.report("channel", model="linear", start="2025-03-01", end="2025-03-31")
    assert _by(march, "channel", "value") == {
        "(unattributed)": "30.00", "Paid Search": "-10.00", "Email": "-10.00",
    }  # fmt: skip
    restated = shop.report("channel", model="linear", start="2025-02-01", end="2025-02-28", restate=True)
    assert restated.totals["value"] == "130.01"


def test_credit_dated_by_its_touch(shop: Store) -> None:
    """With date=touch, the e-mail's half counts on the day of the e-mail."""
    answer = shop.report("channel", model="linear", date="touch", start="2025-01-10", end="2025-01-10")
    assert _by(answer, "channel", "value") == {"Email": "40.00"}
    everything = shop.report("channel", model="linear", date="touch")
    assert everything.totals["value"] == "160.01"


def test_one_currency_in_its_own_amounts(shop: Store) -> None:
    """--currency ties out with the CRM's own total of that currency."""
    answer = shop.report("channel", model="linear", currency="USD")
    assert _by(answer, "channel", "value")["Paid Search"] == "10.00"
    assert (answer.totals["value"], answer.totals["spend"], answer.currency) == ("10.00", "0.00", "USD")
    assert shop.report("channel", model="linear", currency="GBP").totals["value"] == "160.01"


def test_spellings_of_one_campaign_are_one_row(shop: Store) -> None:
    """Three spellings are one row; of equally common ones the plainest is shown."""
    rows = {row["campaign"]: row for row in shop.report("campaign", model="linear").rows}
    assert rows["brand uk"]["value"] == "90.01"
    assert rows["brand uk"]["spend"] == "40.00"


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["channel=email"], "40.00"),
        (["channel=email", "channel=PAID SEARCH"], "130.01"),
        (["owner=ann"], "80.01"),
        (["owner=ann", "channel=Email"], "40.00"),
        (["owner=Bob", "deal_kind=renewal"], "30.00"),
        (["industry=retail"], "130.01"),
        (["account=acme.test"], "80.01"),
        (["channel=(unattributed)"], "30.00"),
    ],
)
def test_conditions(sqlite_shop: Store, where: list[str], value: str) -> None:
    """The same dimension twice means either, different ones mean both, case does not matter."""
    assert sqlite_shop.report("campaign", model="linear", where=where).totals["value"] == value


def test_a_misspelt_condition_is_told(sqlite_shop: Store) -> None:
    """A value that nothing has gives no rows, and the nearest name."""
    answer = sqlite_shop.report("channel", model="linear", where=["channel=Emial"])
    assert answer.rows == []
    assert any("did you mean 'Email'" in warning for warning in answer.warnings)


def test_dimensions_that_spend_does_not_carry(shop: Store) -> None:
    """By landing page there is no spend: null with a reason, not 0.00; the total is still the CRM's."""
    answer = shop.report("landing_page,touch_kind", model="linear")
    assert [(row["landing_page"], row["touch_kind"], row["value"]) for row in answer.rows][:3] == [
        ("shop.test/a", "session", "90.01"),
        ("shop.test/b", "session", "40.00"),
        ("(unattributed)", "(unattributed)", "30.00"),
    ]
    assert {row["spend"] for row in answer.rows} == {None}
    assert any("spend is not known by landing_page, touch_kind" in warning for warning in answer.warnings)


def test_goals_of_one_kind_share_figures(sqlite_shop: Store) -> None:
    """`deals` shows the money of its deals; leads have none, so no return either."""
    assert sqlite_shop.report("channel", goal="deals").totals == sqlite_shop.report("channel").totals
    leads = sqlite_shop.report("channel", goal="leads", model="first_touch")
    assert _by(leads, "channel", "conversions") == {"Paid Search": 2, "(unattributed)": 1, "Paid Social": 0}
    assert leads.totals["value"] == "0.00"
    assert leads.totals["roi"] is None


def test_what_was_never_run_names_the_command(sqlite_shop: Store) -> None:
    """The message says what has been run and what to type."""
    with pytest.raises(InputError, match=r"attribution run --model linear --goal mql --lookback 90d"):
        sqlite_shop.report("channel", model="linear", goal="mql", lookback="90d")
    with pytest.raises(InputError, match="first_touch, last_touch, linear"):
        sqlite_shop.report("channel", model="time_decay")
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        sqlite_shop.report("channel", model="liner")


def test_nothing_run_at_all(sqlite_store: Store) -> None:
    """An empty store says what to do first."""
    with pytest.raises(InputError, match="nothing has been run"):
        sqlite_store.report("channel")


def test_leads_of_a_model_that_was_run_for_revenue_only(sqlite_shop: Store) -> None:
    """The leads column is empty with the command that fills it."""
    sqlite_shop.run(models=["time_decay"], goals=["revenue"])
    answer = sqlite_shop.report("channel", model="time_decay")
    assert {row["leads"] for row in answer.rows} == {None}
    assert any("attribution run --model time_decay --goal leads" in warning for warning in answer.warnings)


def test_imports_since_the_run_are_told(sqlite_shop: Store, csv: Csv) -> None:
    """A report reads the ledger as of the last run, and says when that is behind."""
    assert not any("since" in warning for warning in sqlite_shop.report("channel").warnings)
    file = csv(
        "deals",
        """
        deal_id,status,closed_at,amount,currency
        D-9,won,2025-03-02T00:00:00Z,7.00,GBP
        """,
    )
    sqlite_shop.import_table("deals", file)
    answer = sqlite_shop.report("channel")
    assert answer.totals["value"] == "160.01"
    assert any("1 change since the last run" in warning for warning in answer.warnings)


def test_a_deal_that_is_lost_after_all_leaves_no_trace(sqlite_shop: Store, csv: Csv) -> None:
    """Its credits are taken back at its old closing: money, counts and assists."""
    file = csv(
        "deals",
        """
        deal_id,status,created_at,closed_at,amount,currency,lead_id,kind
        D-1,lost,2025-01-15T00:00:00Z,2025-02-01T00:00:00Z,,,L-1,new
        """,
    )
    sqlite_shop.import_table("deals", file)
    sqlite_shop.run(models=["linear"], goals=["revenue", "leads"])
    answer = sqlite_shop.report("channel", model="linear")
    assert _by(answer, "channel", "value")["Paid Search"] == "50.00"
    assert (answer.totals["value"], answer.totals["conversions"], answer.totals["assisted"]) == (
        "80.00",
        3,
        0,
    )


def test_options_that_cannot_be_meant() -> None:
    """Unknown dimensions and conditions without a value are told before anything is read."""
    with pytest.raises(UnknownNameError, match="chanel"):
        parse_by("chanel")
    with pytest.raises(InputError, match="DIMENSION=VALUE"):
        parse_where(["channel"])


def test_a_period_that_ends_before_it_starts(sqlite_shop: Store) -> None:
    """The sentence names both days."""
    with pytest.raises(InputError, match=r"2025-02-01.*2025-03-01"):
        sqlite_shop.report("channel", start="2025-03-01", end="2025-02-01")


def test_names_keep_what_tells_them_apart() -> None:
    """A plus sign is a blank only between words."""
    assert name_key("Brand+UK") == name_key(" brand  uk ") == name_key("brand%20UK")
    assert len({name_key("c"), name_key("c++"), name_key("+c")}) == 3


_AMOUNTS = st.integers(1, 10**7)


@settings(max_examples=6)
@given(
    st.lists(st.tuples(_AMOUNTS, st.integers(0, 5), st.integers(1, 27)), min_size=1, max_size=12),
    st.integers(1, 27),
)
def test_totals_tie_out_with_the_crm(deals: list[tuple[int, int, int]], until: int) -> None:
    """Whatever the deals and the period: totals.value = the sum over rows = the CRM's total, to the penny."""
    channels = ["google&utm_medium=cpc", "news&utm_medium=email", "facebook&utm_medium=paid_social", "x", "y"]
    touches = [
        f"t{i}-{j},v{i},2025-01-{j + 1:02d}T00:00:00Z,https://s.test/?utm_source={channels[j]}"
        for i, (_, touched, _) in enumerate(deals)
        for j in range(touched)
    ]
    tables = {
        "touches": ["touch_id,visitor_id,at,url", *touches],
        "leads": [
            "lead_id,created_at,visitor_id",
            *(f"L{i},2025-01-31T00:00:00Z,v{i}" for i in range(len(deals))),
        ],
        "deals": [
            "deal_id,status,closed_at,amount,currency,lead_id",
            *(
                f"D{i},won,2025-02-{day:02d},{minor / 100:.2f},EUR,L{i}"
                for i, (minor, _, day) in enumerate(deals)
            ),
        ],
    }
    with Store.open("sqlite://") as store:
        for name, lines in tables.items():
            store.import_table(name, "-", stdin=BytesIO("\n".join(lines).encode()))
        store.run(models=["linear"], goals=["revenue"])
        answer = store.report("channel,source", model="linear", end=f"2025-02-{until:02d}")
    net = Decimal(sum(minor for minor, _, day in deals if day <= until)).scaleb(-2)
    assert Decimal(answer.totals["value"]) == sum(Decimal(row["value"]) for row in answer.rows) == net
