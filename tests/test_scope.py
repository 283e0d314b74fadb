"""Whose touches count: every contact's, or those of the deal's lead alone."""

from __future__ import annotations

import pytest
from ledger_books import NOBODY, credits, entries, load

from attribution.engine import Store
from attribution.errors import UnknownNameError

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
