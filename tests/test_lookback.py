"""Touches count from exactly the lookback before a conversion to exactly the conversion, ends included."""

from __future__ import annotations

import pytest
from ledger_books import NOBODY, credits, load, shares

from attribution.engine import Store
from attribution.errors import AttributionEngineError

WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01"


def test_the_window_holds_both_its_ends_and_not_a_microsecond_more(store: Store) -> None:
    """Closed at noon, ten days back: noon then and noon now count, their neighbours outside do not."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at
        just-before,v1,2025-06-20T11:59:59.999999Z
        first,v1,2025-06-20T14:00:00+02:00
        last,v1,2025-06-30T12:00:00Z
        just-after,v1,2025-06-30T12:00:00.000001Z
        """,
        identities=WHO,
        deals="""
        deal_id,status,closed_at,amount,currency,emails
        D,won,2025-06-30T12:00:00Z,0.03,GBP,a@x.test
        """,
    )
    store.run(models=["linear"], goals=["revenue"], lookback="10d")
    assert credits(store, "D") == {"first": 2, "last": 1}


def test_a_bare_closing_date_is_the_end_of_its_day(store: Store) -> None:
    """A deal closed `2025-06-30` takes the touch of that evening, and none of the next morning."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at
        day-before,v1,2025-06-29T23:59:59.999999Z
        morning,v1,2025-06-30
        evening,v1,2025-06-30T23:59:59.999999Z
        next-day,v1,2025-07-01
        """,
        identities=WHO,
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2025-06-30,9.00,GBP,a@x.test",
    )
    # the day's last microsecond less a day is the last microsecond of the day before
    store.run(models=["linear"], goals=["revenue"], lookback="1d")
    assert credits(store, "D") == {"day-before": 300, "morning": 300, "evening": 300}


def test_a_bare_creation_date_is_the_end_of_its_day_too(store: Store) -> None:
    """Leads and deals created `2025-06-30` take the visit of that afternoon as theirs."""
    load(
        store,
        touches="touch_id,visitor_id,at\nafternoon,v1,2025-06-30T15:00:00Z\nnext,v1,2025-07-01",
        leads="lead_id,created_at,visitor_id,mql_at,sqo_at\nL,2025-06-30,v1,2025-06-30,2025-07-01",
        deals="deal_id,status,created_at,amount,currency,lead_id\nD,open,2025-06-30,8.00,GBP,L",
    )
    store.run(models=["linear"], goals=["pipeline", "leads", "mql", "sqo"])
    assert credits(store, "D", kind="created") == {"afternoon": 800}
    assert shares(store, "L", kind="lead") == {"afternoon": 1_000_000}
    assert shares(store, "L", kind="mql") == {"afternoon": 1_000_000}
    assert shares(store, "L", kind="sqo") == {"afternoon": 500_000, "next": 500_000}


def test_the_day_is_that_of_the_reporting_timezone(store: Store) -> None:
    """In New York a deal of `2025-06-30` closes at four in the morning of the next day, UTC."""
    store.config_set("timezone", "America/New_York")
    load(
        store,
        touches="touch_id,visitor_id,at\nin,v1,2025-07-01T03:59:59Z\nout,v1,2025-07-01T04:00:00Z",
        identities=WHO,
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2025-06-30,1.00,GBP,a@x.test",
    )
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D") == {"in": 100}


def test_every_lookback_is_a_ledger_of_its_own(store: Store) -> None:
    """A journey longer than the lookback is cut, `none` takes it all, and neither moves the other."""
    load(
        store,
        touches="touch_id,visitor_id,at\nold,v1,2019-01-01\nyoung,v1,2025-06-01",
        identities=WHO,
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2025-06-30,10.00,GBP,a@x.test",
    )
    for lookback in ("365d", "none", "1h", "99999999999999d"):
        store.run(models=["linear"], goals=["revenue"], lookback=lookback)
    assert credits(store, "D", window="365d contacts") == {"young": 1000}
    assert credits(store, "D", window="none contacts") == {"old": 500, "young": 500}
    assert credits(store, "D", window="1h contacts") == {NOBODY: 1000}
    assert credits(store, "D", window="99999999999999d") == {"old": 500, "young": 500}


def test_impressions_look_back_a_day_of_their_own(store: Store) -> None:
    """Where kinds name impressions, those of the last day count, other touches as far as ever."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at,kind
        visit,v1,2025-06-01T12:00:00Z,session
        seen-early,v1,2025-06-29T11:59:59.999999Z,impression
        seen,v1,2025-06-29T12:00:00Z,impression
        """,
        identities=WHO,
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2025-06-30T12:00:00Z,10.00,GBP,a@x.test",
    )
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D", window="offline") == {"visit": 1000}
    kinds = "session impression"
    store.run(models=["linear"], goals=["revenue"], kinds=kinds)
    assert credits(store, "D", window=kinds) == {"visit": 500, "seen": 500}
    # a setting that is no part of the credit set's name restates it
    store.config_set("impression_lookback", "2d")
    store.run(models=["linear"], goals=["revenue"], kinds=kinds)
    assert credits(store, "D", window=kinds) == {"visit": 334, "seen-early": 333, "seen": 333}
    # impressions may look back further than everything else
    store.config_set("impression_lookback", "none")
    store.run(models=["linear"], goals=["revenue"], kinds=kinds, lookback="1d")
    assert credits(store, "D", window=f"1d contacts {kinds}") == {"seen-early": 500, "seen": 500}


@pytest.mark.parametrize("lookback", ["", "soon", "-1d", "0d", "10"])
def test_a_lookback_that_cannot_be_meant_posts_nothing(sqlite_store: Store, lookback: str) -> None:
    """A sentence says what is allowed, and the ledger stays as it was."""
    with pytest.raises(AttributionEngineError, match="duration"):
        sqlite_store.run(lookback=lookback)
