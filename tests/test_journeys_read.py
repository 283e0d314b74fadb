"""Which touches are a conversion's journey, whose they are, and in which order."""

from __future__ import annotations

from ledger_books import NOBODY, credits, load, shares

from attribution.engine import Store

DEAL = "deal_id,status,closed_at,amount,currency,emails\nD,won,2025-06-30,10.00,GBP,a@x.test"
WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01"


def test_touches_at_one_instant_stand_by_their_id_in_code_point_order(store: Store) -> None:
    """Capitals before small letters, U+FF5E before an emoji, whatever offsets the times came in."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at
        b,v1,2025-06-01T12:00:00Z
        \U0001f600,v1,2025-06-01T14:00:00+02:00
        a,v1,2025-06-01T07:00:00-05:00
        \uff5e,v1,2025-06-01T12:00:00.000000Z
        B,v1,2025-06-01T12:00:00+00:00
        """,
        identities=WHO,
        deals=DEAL.replace("10.00", "0.02"),
    )
    store.run(models=["first_touch", "linear", "last_touch"], goals=["revenue"])
    assert credits(store, "D", "first_touch") == {"B": 2}
    assert credits(store, "D", "linear") == {"B": 1, "a": 1}  # ties go to the earlier touch
    assert credits(store, "D", "last_touch") == {"\U0001f600": 2}


def test_calls_chats_forms_and_meetings_enter_only_when_named(store: Store) -> None:
    """By default five kinds make a journey; `kinds` chooses others."""
    kinds = ["session", "click", "email", "event", "offline", "call", "chat", "form", "meeting", "impression"]
    rows = "\n".join(f"{kind},v1,2025-06-{10 + i},{kind}" for i, kind in enumerate(kinds))
    load(store, touches=f"touch_id,visitor_id,at,kind\n{rows}", identities=WHO, deals=DEAL)
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D") == dict.fromkeys(kinds[:5], 200)
    store.run(models=["linear"], goals=["revenue"], kinds="call chat form meeting")
    assert credits(store, "D", window="contacts call") == dict.fromkeys(kinds[5:9], 250)


def test_touches_without_consent_join_nobody(store: Store) -> None:
    """A visit that denied analytics is no part of a journey, even though it names its visitor."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at,consent
        denied,v1,2025-06-01,denied
        only-analytics-denied,v1,2025-06-02,analytics:denied
        ads-denied,v1,2025-06-03,ad_user_data:denied
        nameless,,2025-06-04,denied
        """,
        identities=WHO,
        deals=DEAL,
    )
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D") == {"ads-denied": 1000}


def test_each_deal_of_a_person_has_a_journey_of_its_own(store: Store) -> None:
    """A second deal looks back over the same touches again, and over those since."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-10\nt2,v1,2025-03-10",
        identities=WHO,
        deals="""
        deal_id,status,closed_at,amount,currency,emails
        D1,won,2025-02-01,10.00,GBP,a@x.test
        D2,won,2025-04-01,20.00,GBP,a@x.test
        D2,won,2025-04-01,20.00,GBP,a@x.test
        """,
    )
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t1": 1000}
    assert credits(store, "D2") == {"t1": 1000, "t2": 1000}


def test_all_contacts_of_a_deal_count_and_each_person_once(store: Store) -> None:
    """Two people share a deal; one of them twice, by two e-mail addresses, is still one person."""
    load(
        store,
        touches="touch_id,visitor_id,at\nanna,v1,2025-06-01\nben,v2,2025-06-02\ncarl,v3,2025-06-03",
        identities="""
        visitor_id,email,at
        v1,a@x.test,2025-01-01
        v1,a@private.test,2025-01-01
        v2,b@x.test,2025-01-01
        v3,c@x.test,2025-01-01
        """,
        deals="""
        deal_id,status,closed_at,amount,currency,emails
        D,won,2025-06-30,10.00,GBP,a@x.test; A@private.test ;b@x.test;a@x.test
        """,
    )
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D") == {"anna": 500, "ben": 500}


def test_a_deal_that_names_nobody_counts_on_its_account(store: Store) -> None:
    """The account's members are its people; a deal with a lead or e-mail does not ask the account."""
    load(
        store,
        touches="touch_id,visitor_id,at\nanna,v1,2025-06-01\nben,v2,2025-06-02\ncarl,v3,2025-06-03",
        identities="""
        visitor_id,email,account,at
        v1,a@acme.test,,2025-01-01
        v2,,acme.com,2025-01-01
        v3,c@other.test,other.com,2025-01-01
        """,
        leads="lead_id,created_at,email,account\nL1,2025-01-02,a@acme.test,Acme.com",
        deals="""
        deal_id,status,closed_at,amount,currency,emails,account
        of-account,won,2025-06-30,10.00,GBP,,acme.com
        of-anna,won,2025-06-30,10.00,GBP,a@acme.test,acme.com
        of-nobody,won,2025-06-30,10.00,GBP,who@acme.test,acme.com
        of-nothing,won,2025-06-30,10.00,GBP,,
        """,
    )
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "of-account") == {"anna": 500, "ben": 500}
    assert credits(store, "of-anna") == {"anna": 1000}
    assert credits(store, "of-nobody") == {NOBODY: 1000}
    assert credits(store, "of-nothing") == {NOBODY: 1000}


def test_a_lead_older_than_its_first_touch_has_no_journey(store: Store) -> None:
    """A trade-fair lead that visits the site later: the lead is unattributed, its deal is not."""
    load(
        store,
        touches="touch_id,visitor_id,at\nvisit,v1,2025-06-01",
        leads="lead_id,created_at,visitor_id\nL,2025-05-31,v1",
        deals="deal_id,status,closed_at,amount,currency,lead_id\nD,won,2025-06-30,10.00,GBP,L",
    )
    store.run(models=["linear"], goals=["revenue", "leads"])
    assert shares(store, "L", kind="lead") == {NOBODY: 1_000_000}
    assert credits(store, "D") == {"visit": 1000}


def test_little_or_no_money_over_many_touches(store: Store) -> None:
    """One minor unit goes to the first of equals; a deal of nothing is shared as a deal all the same."""
    rows = "\n".join(f"t{i:02},v1,2025-06-{i:02}" for i in range(1, 31))
    load(
        store,
        touches=f"touch_id,visitor_id,at\n{rows}",
        identities=WHO,
        deals="""
        deal_id,status,closed_at,amount,currency,emails
        penny,won,2025-06-30,0.01,GBP,a@x.test
        free,won,2025-06-30,0,GBP,a@x.test
        free-for-nobody,won,2025-06-30,0.00,GBP,z@x.test
        """,
    )
    store.run(models=["linear", "last_touch"], goals=["revenue"])
    assert credits(store, "penny") == {"t01": 1}
    assert credits(store, "penny", "last_touch") == {"t30": 1}
    assert credits(store, "free") == {}
    # a million over thirty: 33,333 each, and the ten that are left over to the first ten
    assert shares(store, "free") == {f"t{i:02}": 33_334 if i <= 10 else 33_333 for i in range(1, 31)}
    assert shares(store, "free-for-nobody") == {NOBODY: 1_000_000}
