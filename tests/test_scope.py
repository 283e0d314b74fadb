"""Whose touches count: every contact's, or those of the deal's lead alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ledger_books import NOBODY, credits, entries, load, shares
from sqlalchemy import select

from attribution.clock import to_micros
from attribution.defaults import DEFAULT_KINDS
from attribution.engine import Store
from attribution.errors import UnknownNameError
from attribution.journeys.null_journeys import read_null_journeys
from attribution.journeys.read import Window
from attribution.store import schema
from attribution.store.columns import read_ints

TOUCHES = "touch_id,visitor_id,at\nanna,v1,2024-12-01\nben,v2,2024-12-02"
LEADS = """
lead_id,created_at,email,visitor_id
L-anna,2025-01-10,a@x.com,v1
L-ben,2025-02-10,b@x.com,v2
"""


def _deals(*rows: str) -> str:
    header = "deal_id,status,created_at,closed_at,amount,currency,lead_id,emails,account"
    return "\n".join([header, *rows])


def _run(store: Store, scope: str = "primary") -> None:
    store.run(models=["linear"], goals=["revenue"], scope=scope)


def test_the_deals_lead_is_the_last_before_the_deal_else_the_first_after(store: Store) -> None:
    """Ben's lead came later: he leads deals from his own day on, Anna all earlier ones."""
    load(
        store,
        touches=TOUCHES,
        leads=LEADS,
        deals=_deals(
            "same-day,won,2025-02-10,2025-06-30,1.00,GBP,,a@x.com;b@x.com,",
            "day-before,won,2025-02-09,2025-06-30,1.00,GBP,,a@x.com;b@x.com,",
            "before-both,won,2025-01-01,2025-06-30,1.00,GBP,,b@x.com;a@x.com,",
            "undated,won,,2025-06-30,1.00,GBP,,a@x.com;b@x.com,",
            "named,won,2025-06-01,2025-06-30,1.00,GBP,L-anna,b@x.com,",
            "of-account,won,2025-06-01,2025-06-30,1.00,GBP,,,x.com",
            "no-lead,won,2025-06-01,2025-06-30,1.00,GBP,,c@x.com,",
        ),
    )
    _run(store)
    assert credits(store, "same-day") == {"ben": 100}
    assert credits(store, "day-before") == {"anna": 100}
    assert credits(store, "before-both") == {"anna": 100}
    assert credits(store, "undated") == {"ben": 100}
    assert credits(store, "named") == {"anna": 100}
    assert credits(store, "of-account") == {NOBODY: 100}
    assert credits(store, "no-lead") == {NOBODY: 100}
    _run(store, "contacts")
    assert credits(store, "named", window="contacts") == {"anna": 50, "ben": 50}
    assert credits(store, "named", window="primary") == {"anna": 100}


@pytest.mark.parametrize("first", ["a", "b"])
def test_two_leads_of_one_instant_are_told_apart_by_id(store: Store, first: str) -> None:
    """Leads are often dated by the day only: which one was imported first must not matter."""
    rows = {"a": "L-anna,2025-01-10,a@x.com,v1", "b": "L-ben,2025-01-10,b@x.com,v2"}
    for key in (first, "ab".replace(first, "")):
        load(store, leads=f"lead_id,created_at,email,visitor_id\n{rows[key]}")
    load(store, touches=TOUCHES, deals=_deals("D,won,2025-06-01,2025-06-30,1.00,GBP,,a@x.com;b@x.com,"))
    _run(store)
    assert credits(store, "D") == {"anna": 100}


def test_a_leads_new_date_makes_it_the_deals_lead(store: Store) -> None:
    """The CRM corrects when Anna's lead was created: the next run moves the deal to her."""
    load(
        store,
        touches=TOUCHES,
        leads=LEADS,
        deals=_deals("D,won,2025-03-01,2025-06-30,1.00,GBP,,a@x.com;b@x.com,"),
    )
    _run(store)
    assert credits(store, "D") == {"ben": 100}
    load(store, leads="lead_id,created_at,email,visitor_id\nL-anna,2025-02-20,a@x.com,v1")
    _run(store)
    assert credits(store, "D") == {"anna": 100}
    assert {entry.reason for entry in entries(store) if entry.run == 2} == {"deal changed"}


def test_evidence_knows_the_person_of_a_lead_that_was_not_imported(store: Store) -> None:
    """A deal names a lead of which only a form is known: that form's visitor is its person."""
    load(
        store,
        touches=TOUCHES,
        identities="visitor_id,lead_id,at\nv2,L-form,2025-01-01",
        leads="lead_id,created_at,email,visitor_id\nL-anna,2025-01-10,a@x.com,v1",
        deals=_deals("D,won,2025-03-01,2025-06-30,1.00,GBP,L-form,a@x.com,"),
    )
    _run(store)
    assert credits(store, "D") == {"ben": 100}


def test_an_unknown_scope_names_the_choices(sqlite_store: Store) -> None:
    """Nothing is run for a scope that does not exist."""
    with pytest.raises(UnknownNameError, match="contacts"):
        sqlite_store.run(scope="everyone")


# --- accounts -------------------------------------------------------------------------------------------

# Ella and Bob are the deal's contacts, Zoe is a colleague of Ella's whom only a form knows, Tom somebody else
GROUP = """
touch_id,visitor_id,at
ella,v-ella,2025-01-10
bob,v-bob,2025-01-11
zoe,v-zoe,2025-01-12
tom,v-tom,2025-01-13
"""
WHO = """
visitor_id,email,at
v-ella,ella@marsh.com,2025-01-10
v-bob,bob@builders.com,2025-01-11
v-zoe,zoe@marsh.com,2025-01-12
v-tom,tom@other.com,2025-01-13
"""


def test_colleagues_of_the_contacts_count_for_scope_account_alone(store: Store) -> None:
    """Everybody of the account, and each contact, whoever employs them."""
    deal = _deals("D,won,2025-02-01,2025-02-28,100.00,GBP,,ella@marsh.com;bob@builders.com,Marsh.com")
    load(store, touches=GROUP, identities=WHO, deals=deal)
    for scope in ("contacts", "account", "primary"):
        _run(store, scope)
    assert credits(store, "D", window="contacts") == {"ella": 5000, "bob": 5000}
    assert credits(store, "D", window="account") == {"ella": 3334, "bob": 3333, "zoe": 3333}
    assert credits(store, "D", window="primary") == {NOBODY: 10_000}


def test_a_deal_that_names_only_its_account_counts_on_the_members(store: Store) -> None:
    """Those whom the CRM links to it, and who has an e-mail of a domain that means it."""
    load(
        store,
        touches=GROUP,
        identities=WHO,
        leads="lead_id,created_at,email,account\nL,2025-01-20,ella@marsh.com,Marsh Interiors",
        deals=_deals(
            "D,won,2025-02-01,2025-02-28,100.00,GBP,,,Marsh Interiors",
            "E,won,2025-02-01,2025-02-28,10.00,GBP,,,https://marsh.com",
            "F,won,2025-02-01,2025-02-28,1.00,GBP,,,Nobody Ltd",
        ),
    )
    for scope in ("contacts", "account"):
        _run(store, scope)
        assert credits(store, "D", window=scope) == {"ella": 5000, "zoe": 5000}
        assert credits(store, "E", window=scope) == {"ella": 500, "zoe": 500}
        assert credits(store, "F", window=scope) == {NOBODY: 100}


def test_a_job_changers_touches_count_for_the_employer_of_that_time(store: Store) -> None:
    """Paul leaves Acme for Marsh on 1 March: what he did before is not Marsh's, and nothing counts twice."""
    touches = "\n".join(f"paul-{month},v-paul,2025-0{month}-10" for month in (1, 2, 3, 4))
    load(
        store,
        touches=f"touch_id,visitor_id,at\n{touches}\nann,v-ann,2025-03-20\nella,v-ella,2025-02-20",
        identities="""
            visitor_id,email,at
            v-paul,paul@acme.com,2025-01-15
            v-paul,paul@marsh.com,2025-03-01T00:00:00Z
            v-ann,ann@acme.com,2025-03-20
            v-ella,ella@marsh.com,2025-02-20
        """,
        deals=_deals(
            "acme,won,2025-05-01,2025-05-30,100.00,GBP,,,acme.com",
            "marsh,won,2025-05-01,2025-05-30,100.00,GBP,,,marsh.com",
            "early,won,2025-03-01,2025-03-15,10.00,GBP,,,marsh.com",
            "named,won,2025-05-01,2025-05-30,1.00,GBP,,paul@acme.com,marsh.com",
        ),
    )
    for scope in ("contacts", "account"):
        _run(store, scope)
        assert credits(store, "acme", window=scope) == {"paul-1": 3334, "paul-2": 3333, "ann": 3333}
        assert credits(store, "marsh", window=scope) == {"ella": 3334, "paul-3": 3333, "paul-4": 3333}
        assert credits(store, "early", window=scope) == {"ella": 500, "paul-3": 500}
    # whom the deal names counts with all there is
    months = {f"paul-{month}": 25 for month in (1, 2, 3, 4)}
    assert credits(store, "named", window="contacts") == months
    assert credits(store, "named", window="account") == dict.fromkeys([*months, "ella"], 20)


def test_who_comes_back_counts_for_both_times(store: Store) -> None:
    """A stretch ends where the next begins, to the microsecond."""
    load(
        store,
        touches="""
            touch_id,visitor_id,at
            first,v,2025-01-31T23:59:59.999999Z
            away,v,2025-02-01T00:00:00Z
            back,v,2025-03-01T00:00:00Z
        """,
        leads="""
            lead_id,created_at,visitor_id,account
            L1,2025-01-01,v,Acme
            L2,2025-02-01,v,Marsh
            L3,2025-03-01,v,Acme
        """,
        deals=_deals(
            "acme,won,2025-05-01,2025-05-30,1.00,GBP,,,Acme",
            "marsh,won,2025-05-01,2025-05-30,1.00,GBP,,,Marsh",
        ),
    )
    _run(store, "account")
    assert credits(store, "acme") == {"first": 50, "back": 50}
    assert credits(store, "marsh") == {"away": 100}


def test_a_deal_without_an_account_is_its_leads(store: Store) -> None:
    """As the lead's record says; where it says nothing, where the lead's person was when the deal began."""
    load(
        store,
        touches=GROUP,
        identities=f"{WHO}v-tom,tom@marsh.com,2025-06-01",
        leads="""
            lead_id,created_at,email,account
            L-bob,2025-01-20,bob@builders.com,marsh.com
            L-tom,2025-01-20,tom@other.com,
        """,
        deals=_deals(
            "bobs,won,2025-02-01,2025-02-28,1.00,GBP,L-bob,,",
            "toms,won,2025-02-01,2025-02-28,1.00,GBP,,tom@other.com,",
            "later,won,2025-07-01,2025-07-30,1.00,GBP,L-tom,,",
            "nobodys,won,2025-07-01,2025-07-30,1.00,GBP,,nobody@no.com,",
        ),
    )
    _run(store, "account")
    assert credits(store, "bobs") == {"ella": 34, "bob": 33, "zoe": 33}
    assert credits(store, "toms") == {"tom": 100}
    assert credits(store, "later") == dict.fromkeys(("ella", "bob", "zoe", "tom"), 25)
    assert credits(store, "nobodys") == {NOBODY: 100}


def test_a_lead_is_its_own_persons_whatever_the_scope(store: Store) -> None:
    """What colleagues did made no lead of hers."""
    load(
        store,
        touches=GROUP,
        identities=WHO,
        leads="lead_id,created_at,email,account\nL,2025-01-20,ella@marsh.com,marsh.com",
    )
    store.run(models=["linear"], goals=["leads"], scope="account")
    assert shares(store, "L", kind="lead") == {"ella": 1_000_000}


def test_colleagues_of_a_deal_make_no_null_journeys(store: Store) -> None:
    """Whoever had a part in what was won or is open did not go away: which of them, the scope says."""
    late = "v-late,late@marsh.com,2025-01-05\nv-late,late@gone.com,2025-01-06"
    load(
        store,
        touches=f"{GROUP}late,v-late,2025-01-14\nstranger,v-stranger,2025-01-15",
        identities=f"{WHO}{late}",
        deals=_deals(
            "D,won,2025-02-01,2025-02-28,100.00,GBP,,ella@marsh.com,marsh.com",
            "O,open,2025-02-01,,5.00,GBP,,,other.com",
        ),
    )
    null = {}
    for scope in ("contacts", "account"):
        _run(store, scope)
        window = Window("365d", scope, " ".join(DEFAULT_KINDS))
        with store.db.write() as connection:
            deals = read_ints(connection, select(schema.deal.c.deal_id), ["i"])["i"][:1]
            journeys = read_null_journeys(
                connection, "won", deals, to_micros(datetime(2025, 2, 28, tzinfo=UTC)), window
            )
            names = dict(connection.execute(select(schema.touch.c.n, schema.touch.c.touch_id)).all())
        null[scope] = {names[n] for n in journeys.touch.tolist()}
    assert null["contacts"] == {"bob", "zoe", "late", "stranger"}
    assert null["account"] == {"bob", "stranger"}  # late was at marsh.com, once
