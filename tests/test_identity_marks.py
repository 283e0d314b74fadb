"""Roles, providers and companies of e-mails are told anew where their lists change, and only there."""

from __future__ import annotations

from collections import Counter

import pytest
from dumps import names, rows
from ledger_books import load, people

from attribution.engine import Store
from attribution.identifiers import ACCOUNT, EMAIL
from attribution.identity.resolve import is_behind, resolve
from attribution.metrics.identity_show import BEHIND
from attribution.store.identifiers import are_marks_behind, mark_again
from attribution.store.schema import CHANGE_ALL
from attribution.store.settings import Settings

LEADS = """
lead_id,created_at,email
L1,2025-01-01,info@acme.test
L2,2025-01-02,vertrieb@acme.test
L3,2025-01-03,vertrieb@acme.test
L4,2025-01-04,ella@example.com
"""


def resolved(store: Store) -> None:
    with store.db.write() as connection:
        resolve(connection, Settings(connection))


def behind(store: Store) -> tuple[bool, bool]:
    """Tell whether marks are behind, and whether people are."""
    with store.db.read() as connection:
        settings = Settings(connection)
        return are_marks_behind(settings), is_behind(connection, settings)


def marked(store: Store) -> bool:
    """Mark again, and tell whether anything moved."""
    with store.db.write() as connection:
        return mark_again(connection, Settings(connection))


def companies(store: Store) -> dict[str, str | None]:
    """Return the company of each e-mail."""
    called = names(store)
    told = rows(store, "identifier", "identifier_id", "kind", "company")
    return {called[n]: called.get(company) for n, kind, company in told if kind == EMAIL}


def roles(store: Store) -> set[str]:
    """Return the e-mails of roles."""
    called = names(store)
    return {
        called[n]
        for n, kind, trait in rows(store, "identifier", "identifier_id", "kind", "trait")
        if (kind, trait) == (EMAIL, 1)
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("role_mailboxes", "info"),  # built in
        ("role_mailboxes", "INFO sales info"),
        ("free_mail", "gmail.com Hotmail.com"),
    ],
)
def test_what_is_on_the_list_already_marks_nothing_again(store: Store, name: str, value: str) -> None:
    """Nor is anybody worked out again."""
    load(store, leads=LEADS)
    store.run(models=["linear"])
    seen = rows(store, "change", "kind")
    store.config_set(name, value)
    assert behind(store) == (False, False)
    assert not marked(store)
    resolved(store)
    assert rows(store, "change", "kind") == seen


def test_two_spellings_of_one_list_are_one(store: Store) -> None:
    """In capitals, in another order, twice."""
    load(store, leads=LEADS)
    store.config_update({"role_mailboxes": "vertrieb -hello", "free_mail": "example.com"})
    resolved(store)
    store.config_update(
        {"role_mailboxes": "-HELLO Vertrieb, vertrieb", "free_mail": "EXAMPLE.com example.com"}
    )
    assert behind(store) == (False, False)


def test_a_list_that_changes_is_heard(store: Store) -> None:
    """People and companies follow, whoever asks before is told, and all conversions are looked at again."""
    load(store, leads=LEADS)
    store.run(models=["linear"])
    assert roles(store) == {"info@acme.test"}
    assert companies(store)["ella@example.com"] == "example.com"
    assert people(store) == {
        frozenset({("lead", "L2"), ("lead", "L3"), ("email", "vertrieb@acme.test")}),
        frozenset({("lead", "L4"), ("email", "ella@example.com")}),
    }
    for name, value in (("role_mailboxes", "vertrieb"), ("free_mail", "example.com")):
        assert behind(store) == (False, False)
        assert store.identity_show("lead:L4").warnings == []
        store.config_set(name, value)
        assert behind(store) == (True, True)
        assert store.identity_show("lead:L4").warnings == [BEHIND]
        resolved(store)
    assert behind(store) == (False, False)
    assert roles(store) == {"info@acme.test", "vertrieb@acme.test"}
    assert companies(store)["ella@example.com"] is None
    assert people(store) == {frozenset({("lead", "L4"), ("email", "ella@example.com")})}
    assert [kind for (kind,) in rows(store, "change", "kind")].count(CHANGE_ALL) >= 2
    store.config_update({"role_mailboxes": "-info", "free_mail": "-gmail.com"})
    resolved(store)
    assert roles(store) == set()
    assert companies(store)["ella@example.com"] == "example.com"


def test_a_list_that_changes_and_meets_nobody_moves_nothing(store: Store) -> None:
    """It is looked at once."""
    load(store, leads=LEADS)
    resolved(store)
    store.config_set("role_mailboxes", "empfang")
    assert behind(store)[0]
    assert not marked(store)
    assert behind(store) == (False, False)


def test_a_store_without_any_tie_is_behind_too(store: Store) -> None:
    """E-mails that nothing else names have companies, and so do links to accounts."""
    assert behind(store) == (False, False)
    load(store, touches="touch_id,email,at,kind\nt1,ella@example.com,2025-01-01,form")
    assert behind(store) == (False, True)
    resolved(store)
    assert rows(store, "edge", "edge_id") == []
    assert behind(store) == (False, False)
    store.config_set("free_mail", "example.com")
    assert behind(store) == (True, True)
    resolved(store)
    assert behind(store) == (False, False)
    assert companies(store) == {"ella@example.com": None}
    load(store, identities="email,account,at\nella@example.com,Acme,2025-01-01")
    assert behind(store) == (False, True)
    resolved(store)
    store.config_set("shared_people", "2")  # a rule that marks do not depend on
    assert behind(store) == (False, True)


def test_thousands_of_e_mails_are_marked_at_once(store: Store) -> None:
    """Six thousand: of two providers-to-be, of a company; every tenth is a role's."""
    domains = ("example.com", "example.org", "acme.com")
    emails = [f"{'team' if i % 10 == 0 else 'ella'}{i}@{domains[i % 3]}" for i in range(6_000)]
    load(
        store,
        identities="\n".join(
            ["user_id,email,at", *(f"u{i},{one},2025-01-01" for i, one in enumerate(emails))]
        ),
    )
    resolved(store)

    def count() -> tuple[dict[str | None, int], int]:
        return dict(Counter(companies(store).values())), len(roles(store))

    before = (dict.fromkeys(domains, 2_000), 0)
    assert count() == before
    numbered = rows(store, "identifier", "identifier_id", "hash")
    store.config_set("free_mail", "example.com example.org")
    store.config_set("role_mailboxes", " ".join(f"team{i}" for i in range(0, 6_000, 10)))
    assert marked(store)
    assert count() == ({None: 4_000, "acme.com": 2_000}, 600)
    assert not marked(store)
    providers = [
        v for k, t, v in rows(store, "identifier", "kind", "trait", "value") if (k, t) == (ACCOUNT, 1)
    ]
    assert sorted(providers) == ["example.com", "example.org"]
    store.config_set("free_mail", "")
    store.config_set("role_mailboxes", "")
    assert marked(store)
    assert count() == before
    assert rows(store, "identifier", "identifier_id", "hash") == numbered
