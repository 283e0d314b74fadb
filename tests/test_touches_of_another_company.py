"""Touches that count for the company where their person was then: `doctor` and `explain touch` say so."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from ledger_books import load

from attribution.cli import cli
from attribution.engine import Store


@pytest.fixture
def moved(sqlite_store: Store) -> Store:
    """Ella visited while she was with oldco; newco, where she is now, bought."""
    sqlite_store.config_set("scope", "account")
    load(
        sqlite_store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-05",
        identities="""
            visitor_id,user_id,account,at
            v1,ella,,2025-01-01
            ,ella,oldco.com,2025-01-01
            ,ella,newco.com,2025-02-01
            """,
        deals="""
            deal_id,status,created_at,closed_at,amount,currency,account
            D-1,won,2025-02-10,2025-03-01,10.00,GBP,newco.com
            """,
    )
    sqlite_store.run(goals=["revenue"])
    return sqlite_store


def test_doctor_does_not_say_that_there_is_no_touch(moved: Store) -> None:
    """There is one, and it is oldco's."""
    found = [row["detail"] for row in moved.doctor().rows if row["check"] == "unattributed_revenue"]
    assert found[1:] == [
        "their people's touches count for the company where they were then: "
        "100.0% of deals, 100.0% of revenue (10.00 GBP)"
    ]


def test_explain_touch_names_the_company(moved: Store) -> None:
    """Where the person belonged at the time of the touch."""
    (row,) = moved.explain("touch", "t1").rows
    assert (row["company"], row["chains"], row["credits"]) == ("oldco.com", [], [])
    told = CliRunner().invoke(cli, ["--store", moved.db.label, "explain", "touch", "t1"]).stdout
    assert "counted for oldco.com then, as a member's; no evidence ties its visitor to a lead" in told
