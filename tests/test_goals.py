"""Goals: what counts as a conversion, when, and that nothing is run that was not asked for."""

from __future__ import annotations

import pytest
from ledger_books import credits, entries, load, shares, totals

from attribution.engine import Store
from attribution.errors import AttributionEngineError, InputError

TOUCHES = "touch_id,visitor_id,at\nt1,v1,2025-01-05\nt2,v1,2025-02-05\nt3,v1,2025-03-05\nt4,v1,2025-04-05"
LEADS = "lead_id,created_at,visitor_id,mql_at,sqo_at\nL,2025-01-10,v1,2025-02-10,2025-03-10"
DEALS = """
deal_id,status,created_at,closed_at,amount,currency,lead_id
won,won,2025-02-01,2025-04-30,10.00,GBP,L
lost,lost,2025-03-01,2025-04-30,20.00,GBP,L
open,open,2025-03-31,,30.00,GBP,L
no-amount,open,2025-03-31,,,,L
undated,won,,2025-04-30,40.00,GBP,L
"""


def _company(store: Store) -> None:
    load(store, touches=TOUCHES, leads=LEADS, deals=DEALS)


def test_each_goal_has_its_own_time_and_worth(store: Store) -> None:
    """Leads, MQLs, SQOs, created and won deals look back from their own moment."""
    _company(store)
    store.run(models=["linear"], goals=["revenue", "pipeline", "leads", "mql", "sqo"])
    assert shares(store, "L", kind="lead") == {"t1": 1_000_000}
    assert shares(store, "L", kind="mql") == {"t1": 500_000, "t2": 500_000}
    assert shares(store, "L", kind="sqo") == {"t1": 333_334, "t2": 333_333, "t3": 333_333}
    assert totals(store, "lead") == {("linear", "L"): (0, 1_000_000)}

    assert credits(store, "won") == {"t1": 250, "t2": 250, "t3": 250, "t4": 250}
    assert {key: minor for (_, key), (minor, _) in totals(store).items()} == {"won": 1000, "undated": 4000}

    # every deal that was created counts as pipeline, whatever became of it
    assert credits(store, "won", kind="created") == {"t1": 1000}
    assert credits(store, "lost", kind="created") == {"t1": 1000, "t2": 1000}
    assert credits(store, "open", kind="created") == {"t1": 1000, "t2": 1000, "t3": 1000}
    assert credits(store, "no-amount", kind="created") == {}
    assert shares(store, "no-amount", kind="created") == {"t1": 333_334, "t2": 333_333, "t3": 333_333}
    assert {key for _, key in totals(store, "created")} == {"won", "lost", "open", "no-amount"}


def test_entries_stand_at_the_conversions_own_time(store: Store) -> None:
    """Pipeline takes effect at the end of the day of creation, leads likewise."""
    _company(store)
    store.run(models=["linear"], goals=["pipeline", "leads", "sqo"])
    at = {(entry.kind, entry.key): entry.at for entry in entries(store)}
    assert at["created", "lost"] == "2025-03-01T23:59:59.999999Z"
    assert at["lead", "L"] == "2025-01-10T23:59:59.999999Z"
    assert at["sqo", "L"] == "2025-03-10T23:59:59.999999Z"


def test_money_and_number_of_one_thing_share_their_entries(store: Store) -> None:
    """`deals` after `revenue`, or `opportunities` after `pipeline`, posts nothing more."""
    _company(store)
    store.run(models=["linear"], goals=["revenue", "pipeline"])
    before = len(entries(store))
    assert store.run(models=["linear"], goals=["deals", "opportunities"]).totals["entries"] == 0
    assert store.run(models=["linear"], goals=["revenue", "deals", "pipeline"]).totals["entries"] == 0
    assert len(entries(store)) == before


def test_only_what_was_asked_for_is_run(store: Store) -> None:
    """One goal and one model post one credit set; the configured ones wait for a run without options."""
    _company(store)
    store.run(models=["last_touch"], goals=["leads"])
    assert {(entry.kind, entry.model) for entry in entries(store)} == {("lead", "last_touch")}
    store.config_update({"goals": "mql", "models": "linear first_touch"})
    store.run()
    assert {(entry.kind, entry.model) for entry in entries(store)} == {
        ("lead", "last_touch"), ("mql", "linear"), ("mql", "first_touch"),
    }  # fmt: skip


def test_a_milestone_taken_back_takes_its_credit_back(store: Store) -> None:
    """A lead that is no MQL any more, or was never created then, leaves nothing behind."""
    _company(store)
    store.run(models=["linear"], goals=["mql", "leads"])
    load(store, leads="lead_id,created_at,visitor_id,mql_at,sqo_at\nL,2025-02-10,v1,,2025-03-10")
    store.run(models=["linear"], goals=["mql", "leads"])
    assert shares(store, "L", kind="mql") == {}
    assert shares(store, "L", kind="lead") == {"t1": 500_000, "t2": 500_000}


@pytest.mark.parametrize("goals", [["revenu"], ["revenue", "profit"], []])
def test_an_unknown_goal_posts_nothing(sqlite_store: Store, goals: list[str]) -> None:
    """The sentence names the goals there are, and the ledger stays empty."""
    _company(sqlite_store)
    with pytest.raises(AttributionEngineError, match="revenue"):
        sqlite_store.run(goals=goals)
    assert entries(sqlite_store) == []


def test_several_currencies_and_none_chosen(sqlite_store: Store) -> None:
    """A run that cannot know what to report in names the currencies and how to choose, and posts nothing."""
    load(
        sqlite_store,
        deals="deal_id,status,closed_at,amount,currency\nD1,won,2025-01-01,1,USD\nD2,won,2025-01-01,1,EUR",
        spend="date,cost,currency\n2025-01-01,1,GBP",
    )
    with pytest.raises(InputError, match=r"\(EUR, GBP, USD\).*reporting_currency"):
        sqlite_store.run()
    assert entries(sqlite_store) == []
    sqlite_store.config_set("reporting_currency", "USD")
    assert sqlite_store.run().currency == "USD"
