"""A store's own rules of identity: what its settings say holds at the next run, for old evidence too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import rows
from ledger_books import load, people

from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.identity.resolve import resolve
from attribution.store.settings import Settings

Who = set[frozenset[tuple[str, str]]]


def resolved(store: Store) -> Who:
    """Resolve, and return the people of more than one identifier."""
    with store.db.write() as connection:
        resolve(connection, Settings(connection))
    return people(store)


def together(*names: str) -> frozenset[tuple[str, str]]:
    """Return a person as :func:`people` writes it."""
    return frozenset((kind, value) for kind, _, value in (name.partition(" ") for name in names))


def test_a_limit_that_is_raised_lets_old_evidence_count(store: Store) -> None:
    """Two users of one e-mail are two people by default; where two are allowed they are one, and back."""
    load(store, identities="user_id,email,at\nu1,e@x.test,2025-01-01\nu2,e@x.test,2025-01-02")
    assert resolved(store) == {together("user u1", "email e@x.test")}
    store.config_set("identity_limits", "user=2")
    assert resolved(store) == {together("user u1", "user u2", "email e@x.test")}
    assert rows(store, "demoted_edge", "edge_id") == []
    store.config_set("identity_limits", "user=1")
    assert resolved(store) == {together("user u1", "email e@x.test")}


def test_a_limit_of_contacts_is_one_in_each_crm(store: Store) -> None:
    """A person may be in HubSpot and in Salesforce, and not twice in one, unless that one says so itself."""
    load(
        store,
        identities="""
        contact_id,email,at
        hubspot:1,e@x.test,2025-01-01
        salesforce:1,e@x.test,2025-01-02
        hubspot:2,e@x.test,2025-01-03
        """,
    )
    both = together("contact hubspot:1", "contact salesforce:1", "email e@x.test")
    assert resolved(store) == {both}
    load(store, identities="contact_id,merged_contact_id,at\nhubspot:1,hubspot:2,2025-02-01")
    assert resolved(store) == {both | together("contact hubspot:2")}


def test_contacts_without_a_crms_name_are_of_one(store: Store) -> None:
    """So two of them are two people."""
    load(store, identities="contact_id,email,at\n1,e@x.test,2025-01-01\n2,e@x.test,2025-01-03")
    assert resolved(store) == {together("contact 1", "email e@x.test")}


def test_a_lead_that_becomes_a_contact_is_one_person_with_it(store: Store) -> None:
    """CRM merges are evidence like all other."""
    load(
        store,
        leads="lead_id,created_at,email\nL1,2025-01-01,e@x.test",
        identities="lead_id,contact_id,at\nL1,crm:7,2025-02-01",
    )
    assert resolved(store) == {together("lead L1", "contact crm:7", "email e@x.test")}


def test_a_merged_contact_needs_the_contact_that_it_became(
    store: Store, csv: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is told, and the row kept."""
    monkeypatch.chdir(tmp_path)
    file = csv("identities", "merged_contact_id,email,at\ncrm:2,e@x.test,2025-01-01")
    assert store.import_table("identities", file).totals["rejected"] == 1
    ((code, message),) = rows(store, "rejected_row", "code", "message")
    assert code == "missing_value"
    assert "contact_id is missing" in message


LEADS_OF_A_TEAM = """
lead_id,created_at,email
L1,2025-01-01,vertrieb@acme.test
L2,2025-01-02,vertrieb@acme.test
L3,2025-01-03,hello@acme.test
L4,2025-01-04,hello@acme.test
"""


def test_mailboxes_of_roles_are_the_stores_own(store: Store) -> None:
    """What is added ties nobody from then on, what is taken out ties people; also leads of long ago."""
    load(store, leads=LEADS_OF_A_TEAM)
    sales = together("lead L1", "lead L2", "email vertrieb@acme.test")
    greeting = together("lead L3", "lead L4", "email hello@acme.test")
    assert resolved(store) == {sales}
    store.config_set("role_mailboxes", "Vertrieb, -hello")
    assert resolved(store) == {greeting}
    load(store, leads="lead_id,created_at,email\nL5,2025-01-05,vertrieb@other.test")
    load(store, leads="lead_id,created_at,email\nL6,2025-01-05,hello@acme.test")
    assert resolved(store) == {greeting | together("lead L6")}


def test_a_domain_that_is_said_to_be_a_providers_is_no_company(store: Store) -> None:
    """Its e-mails have no account from the next run on."""
    load(store, leads="lead_id,created_at,email\nL1,2025-01-01,ella@isp.example.com")
    resolved(store)

    def companies() -> list[str]:
        numbers = {company for (company,) in rows(store, "identifier", "company") if company is not None}
        return [value for n, value in rows(store, "identifier", "identifier_id", "value") if n in numbers]

    assert companies() == ["example.com"]
    store.config_set("free_mail", "example.com")
    resolved(store)
    assert companies() == []


def test_how_many_people_share_a_phone(store: Store) -> None:
    """Three callers of one number within a month are one too many where two are allowed."""
    lines = [f"L{i},2025-01-0{i},+44 20 7946 0018,e{i}@x.test" for i in (1, 2, 3)]
    load(store, leads="\n".join(["lead_id,created_at,phone,email", *lines]))
    assert len(resolved(store)) == 1
    store.config_set("shared_people", "2")
    assert len(resolved(store)) == 3
    store.config_set("shared_within", "36h")
    assert len(resolved(store)) == 1


def test_further_values_that_name_nobody(store: Store) -> None:
    """They tie nobody any more, whatever was imported before; what was taken back ties again."""
    load(store, identities="user_id,visitor_id,at\nkiosk,v1,2025-01-01\nkiosk,v2,2025-01-02")
    one = together("user kiosk", "visitor v1", "visitor v2")
    assert resolved(store) == {one}
    store.config_set("blocked_identifiers", "Kiosk")
    assert resolved(store) == set()
    store.config_set("blocked_identifiers", "other")
    assert resolved(store) == {one}


@pytest.mark.parametrize(
    ("name", "value", "kind", "says"),
    [
        ("identity_limits", "cookie=3", UnknownNameError, "user, contact|contact, email"),
        ("identity_limits", "email=0", InputError, "a number from 1"),
        ("identity_limits", "email", InputError, "email=5"),
        ("shared_people", "many", InputError, "whole numbers from 1"),
        ("shared_within", "a month", InputError, "is not a duration"),
        ("shared_within", "0d", InputError, "give a duration above 0"),
        ("call_grace", "-1h", InputError, "is not a duration"),
        ("identity_limits", "email=3 phone=2 email=4", InputError, "email has two limits, 3 and 4"),
        ("region", "UK", InputError, "did you mean GB"),
        ("region", "XX", InputError, "such as GB, US or DE"),
        ("region", "GBR", InputError, "codes of two letters"),
        ("role_mailboxes", "@", InputError, "no name of a mailbox"),
        ("role_mailboxes", "hotline -", InputError, "'-' takes out nothing"),
        ("role_mailboxes", "--", InputError, "no name of a mailbox"),
        ("role_mailboxes", "ida@roleco.test", InputError, "identity exclude email:ida@roleco.test"),
        ("role_mailboxes", "-nosuch", InputError, "not among the mailboxes of roles"),
        ("role_mailboxes", "-pres", InputError, "did you mean '-press'"),
        ("role_mailboxes", "press -press", InputError, "give one of them"),
        ("free_mail", "gmail", InputError, "no domain of a mail provider"),
        ("free_mail", "ida@roleco.test", InputError, "did you mean roleco.test"),
        ("free_mail", "-gmial.com", InputError, "did you mean '-gmail.com'"),
        ("blocked_identifiers", "--", InputError, "names nobody anyhow"),
        ("blocked_identifiers", "n/a", InputError, "names nobody anyhow"),
        ("blocked_identifiers", "-kiosk", InputError, "set the list without it"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_told_when_it_is_set(
    sqlite_store: Store, name: str, value: str, kind: type[Exception], says: str
) -> None:
    """What was received, what is allowed."""
    with pytest.raises(kind, match=says):
        sqlite_store.config_set(name, value)


def test_limits_are_kept_in_one_spelling(sqlite_store: Store) -> None:
    """So setting them again in another order resolves nothing anew."""
    answer = sqlite_store.config_set("identity_limits", "lead=30, user=2")
    assert answer.rows[0]["value"] == "user=2 lead=30"


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("region", "gb", "GB"),
        ("role_mailboxes", "Hotline, -press, Hotline", "hotline -press"),
        ("free_mail", "isp.example -GMX.de", "isp.example -gmx.de"),
        ("blocked_identifiers", "Kiosk -99 ???", "kiosk -99 ???"),
        ("call_grace", "0h", "0d"),
    ],
)
def test_what_can_be_meant_is_kept(sqlite_store: Store, name: str, given: str, kept: str) -> None:
    """In one spelling."""
    assert sqlite_store.config_set(name, given).rows[0]["value"] == kept


def test_an_age_of_nothing_is_told_as_one(sqlite_store: Store) -> None:
    """It is a duration; it would remove what came a moment ago."""
    with pytest.raises(InputError, match="'0d' is no time at all; give a duration above 0"):
        sqlite_store.retain(anonymous="0d")
