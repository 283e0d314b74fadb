"""Who the customer of a deal is: an account, else a person, else the deal; one rule for all figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.measures.units import units_of_records

Csv = Callable[[str, str], Path]

HEAD = "deal_id,status,created_at,closed_at,amount,currency,lead_id,emails,account,recurring_amount,"
HEAD += "recurring_interval,recurring_from,recurring_until\n"
NOTHING = {
    "adjustments": "adjustment_id,deal_id,at,amount,currency",
    "touches": "touch_id,visitor_id,at",
    "spend": "date,cost,currency,source\n2025-01-05,60.00,GBP,google",
}
NOBODY = "lead_id,created_at,email\nL-9,2025-01-01T00:00:00Z,other@o.test"
OLD = "won,2025-01-10T00:00:00Z,2025-01-11T00:00:00Z,100.00,GBP"
NEW = "won,2025-02-10T00:00:00Z,2025-02-27T00:00:00Z,100.00,GBP"
UNTIL = "100.00,month,2025-01-11,2025-02-28"
FROM = "100.00,month,2025-03-01,"


def _shop(store: Store, csv: Csv, deals: str, leads: str = NOBODY, **tables: str) -> Store:
    with freeze_time("2025-12-31"):
        return open_shop(store, csv, leads=leads, deals=HEAD + deals, **(NOTHING | tables))


def _values(store: Store, names: str, **asked: Any) -> dict[str, Any]:
    return {row["kpi"]: row["value"] for row in store.kpis(names=names, **asked).rows}


def test_a_person_without_a_lead(store: Store, csv: Csv) -> None:
    """Two deals of one address are one customer, who renewed: in March nothing is new or churned."""
    shop = _shop(store, csv, f"D-1,{OLD},,x@acme.test,,{UNTIL}\nD-2,{NEW},,x@acme.test,,{FROM}")
    names = "customers,average_revenue_per_customer,customer_acquisition_cost"
    assert list(_values(shop, names).values()) == [1, "200.00", "60.00"]
    march = _values(shop, "recurring", start="2025-03-01", end="2025-03-31")
    assert list(march.values()) == ["100.00", "0.00", "0.00", "0.00", "0.00"]
    (row,) = shop.kpis(names="customer_lifetime_value").rows
    assert row["median_lifetime_months"] is None  # nobody left


ACME = "lead_id,created_at,email,account\nL-1,2025-01-01T00:00:00Z,{},{}\nL-2,2025-02-01T00:00:00Z,{},{}"


@pytest.mark.parametrize(
    ("leads", "first", "second", "customers"),
    [
        (ACME.format("a@a.test", "acme.test", "a@a.test", ""), "L-1,,", "L-2,,", 1),  # the person's account
        (ACME.format("a@a.test", "acme.test", "b@b.test", ""), "L-1,,", "L-2,,", 2),
        (ACME.format("a@a.test", "acme.test", "b@b.test", ""), "L-1,,", "L-2,,acme.test", 1),  # its own
        (ACME.format("a@a.test", "acme.test", "a@a.test", "zeta.test"), "L-1,,", "L-2,,", 2),  # its lead's
        (ACME.format("a@a.test", "", "a@a.test", ""), "L-1,,", "L-2,,", 1),  # the lead's person
        (ACME.format("a@a.test", "", "b@b.test", ""), "L-1,,", ",a@a.test,", 1),  # by its contact's lead
        (NOBODY, ",a@a.test;b@b.test,", ",a@a.test,", 1),  # the first contact's person
        (NOBODY, ",a@a.test,", ",b@b.test,", 2),
        (NOBODY, "L-7,,", "L-7,,", 1),  # whose record is not there
        (NOBODY, ",,", ",,", 2),  # nobody: each deal by itself
    ],
)
def test_accounts_people_and_deals(
    sqlite_store: Store, csv: Csv, leads: str, first: str, second: str, customers: int
) -> None:
    """New customers, customers with revenue, and who is drawn together are the same."""
    shop = _shop(sqlite_store, csv, f"D-1,{OLD},{first},{UNTIL}\nD-2,{NEW},{second},{FROM}", leads)
    rows = {row["kpi"]: row for row in shop.kpis(names="customers,average_revenue_per_customer").rows}
    assert rows["customers"]["value"] == customers
    assert rows["average_revenue_per_customer"]["denominator"] == customers
    march = _values(shop, "mrr_new", start="2025-03-01", end="2025-03-31")
    assert march == {"mrr_new": "0.00" if customers == 1 else "100.00"}
    with shop.db.read() as connection:
        _, units = units_of_records(connection, Dimensions(connection, ()), "deal")
    assert len(set(units.tolist())) == customers


def test_a_primary_contact_comes_first(sqlite_store: Store, csv: Csv) -> None:
    """b is the first whom D-1 names, and a is its primary contact, as of D-2."""
    shop = _shop(
        sqlite_store, csv, f"D-1,{OLD},,b@b.test,,{UNTIL}\nD-2,{NEW},,a@a.test,,{FROM}",
        deal_contacts="deal_id,email,is_primary\nD-1,a@a.test,yes",
    )  # fmt: skip
    assert _values(shop, "customers") == {"customers": 1}


def test_a_lead_is_drawn_with_its_deals(sqlite_store: Store, csv: Csv) -> None:
    """One person in two accounts: each of its leads goes with that lead's account, and so do the deals."""
    leads = ACME.format("a@a.test", "acme.test", "a@a.test", "zeta.test")
    shop = _shop(sqlite_store, csv, f"D-1,{OLD},L-1,,,{UNTIL}\nD-2,{NEW},L-2,,,{FROM}", leads)
    with shop.db.read() as connection:
        dimensions = Dimensions(connection, ())
        of_leads, of_deals = (units_of_records(connection, dimensions, kind)[1] for kind in ("lead", "deal"))
    assert of_leads.tolist() == of_deals.tolist()
    assert len(set(of_leads.tolist())) == 2
