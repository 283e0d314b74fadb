"""Identifiers that are not there: what is near is offered."""

from __future__ import annotations

import pytest
from ledger_books import load

from attribution.engine import Store
from attribution.errors import InputError


@pytest.fixture
def named(sqlite_store: Store) -> Store:
    """A store that knows three visitors, two e-mails and a lead."""
    load(
        sqlite_store,
        leads="lead_id,created_at,email,visitor_id\nL-7,2025-01-01,ella@acme.test,v-shared",
        identities="visitor_id,email,at\nv-1,ella@acme.test,2025-01-01\nv-2,bob@acme.test,2025-01-01",
    )
    sqlite_store.run()
    return sqlite_store


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("visitors:v-1", "did you mean 'visitor:v-1'"),
        ("Visitor:v-1", "did you mean 'visitor:v-1'"),
        ("mail:ella@acme.test", "did you mean 'email:ella@acme.test'"),
        ("cookie:v-2", "did you mean 'visitor:v-2'"),
        ("v-shred", "near it are visitor:v-shared, "),
        ("visitor:v-shred", "near it are visitor:v-shared, visitor:v-"),
        ("email:Ela@acme.test", "near it are email:ella@acme.test, email:bob@acme.test$"),
        ("lead:l-7", "near it are lead:L-7$"),
        ("contact:hubspot:1", "touches, identities, leads and deals$"),
    ],
)
def test_what_is_near_is_offered(named: Store, typed: str, says: str) -> None:
    """A kind that is misspelt, a value that is; the most alike first."""
    with pytest.raises(InputError, match=says):
        named.identity_show(typed)
    with pytest.raises(InputError, match=says):
        named.identity_exclude(typed, why="nobody's")


def test_stand_ins_are_not_offered(named: Store) -> None:
    """Nor is anything of whom they stand for."""
    named.forget(email="ella@acme.test")
    with pytest.raises(InputError) as told:
        named.identity_show("erased")
    near = str(told.value).partition("near it are ")[2]
    assert near == "email:bob@acme.test, visitor:v-2"
