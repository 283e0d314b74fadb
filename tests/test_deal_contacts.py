"""Contacts of deals in files of their own: before the deal or after it, the result is the same."""

from __future__ import annotations

import io

from dumps import counts, dump, names, rows
from erasure import held
from ledger_books import credits, load

from attribution.engine import Store
from attribution.store import schema

DEAL = """deal_id,status,created_at,closed_at,amount,currency,emails,account
    D1,won,2025-03-20T00:00:00Z,2025-04-01T00:00:00Z,100.00,GBP,ella@acme.test,
    """
CONTACTS = """deal_id,contact_id,email,lead_id,role,is_primary
    D1,hubspot:7,,,Decision maker,yes
    D1,,bob@acme.test,,,
    D1,,,L9,,no
    """
IDENTITIES = """contact_id,email,visitor_id,at
    hubspot:7,carl@acme.test,v7,2025-01-01T00:00:00Z
    ,ella@acme.test,v1,2025-01-01T00:00:00Z
    """
VISITS = """touch_id,visitor_id,at,url
    t1,v1,2025-02-01T00:00:00Z,https://acme.test/?utm_source=news&utm_medium=email
    t7,v7,2025-02-02T00:00:00Z,https://acme.test/?utm_source=news&utm_medium=email
    """


def contacts(store: Store) -> set[tuple[str, int, int]]:
    """Return who counts for the one deal: what it is called, its role, and whether it is primary."""
    called = names(store)
    return {
        (called[number], role, primary)
        for number, role, primary in rows(store, "deal_contact", "identifier_id", "role", "is_primary")
    }


ALL = {
    ("ella@acme.test", schema.ROLE_CONTACT, 0), ("hubspot:7", schema.ROLE_CONTACT, 1),
    ("bob@acme.test", schema.ROLE_CONTACT, 0), ("L9", schema.ROLE_CONTACT, 0),
}  # fmt: skip


def test_they_add_to_those_of_the_row(store: Store) -> None:
    """In either order; a deal row that comes again with other content keeps them, and loses its own."""
    load(store, deals=DEAL, deal_contacts=CONTACTS)
    assert contacts(store) == ALL
    load(store, deals=DEAL.replace("ella@acme.test", "eve@acme.test"))
    assert contacts(store) == {one for one in ALL if one[0] != "ella@acme.test"} | {
        ("eve@acme.test", schema.ROLE_CONTACT, 0)
    }
    load(store, deals=DEAL)
    assert contacts(store) == ALL


def test_contacts_before_their_deal(store: Store) -> None:
    """They wait; doctor names the deals that never came."""
    load(store, deal_contacts=CONTACTS)
    assert contacts(store) == set()
    said = [row["detail"] for row in store.doctor().rows if row["check"] == "dangling_references"]
    assert any("deals that have contacts and are in no deals file" in one for one in said), said
    load(store, deals=DEAL)
    assert contacts(store) == ALL


def test_a_repeated_row_and_a_changed_one(store: Store) -> None:
    """The same again is a duplicate, however the address is written; another role updates."""
    load(store, deals=DEAL, deal_contacts=CONTACTS)
    before = dump(store, without=["batch"])

    def again(text: str) -> tuple[int, ...]:
        lines = "\n".join(line.strip() for line in text.strip().splitlines())
        return counts(store.import_table("deal_contacts", "-", stdin=io.BytesIO(lines.encode())).totals)

    assert again(CONTACTS.replace("bob@", "Bob@")) == (3, 0, 0, 3, 0, 0)
    assert dump(store, without=["batch"]) == before
    assert again(CONTACTS.replace(",yes", ",no").replace("Decision maker", "Influencer")) == (
        3,
        0,
        1,
        2,
        0,
        0,
    )
    assert rows(store, "contact_of_deal", "role") == [("Influencer",), (None,), (None,)]
    assert {primary for _, _, primary in contacts(store)} == {0}
    assert again("deal_id,contact_id,email\nD1,hubspot:7,new@acme.test\nD1,hubspot:7,") == (2, 1, 0, 1, 0, 0)


def test_rows_that_name_nobody(store: Store) -> None:
    """Without any identifier, or with one that stands for nobody, a row is rejected."""
    text = b"deal_id,contact_id,email,is_primary\nD1,,,yes\nD1,,n/a,\nD1,c:7,n/a,maybe\nD1,c:7,n/a,\n"
    answer = store.import_table("deal_contacts", "-", stdin=io.BytesIO(text))
    assert counts(answer.totals) == (4, 1, 0, 0, 0, 3)
    assert rows(store, "rejected_row", "line", "code") == [
        (2, "missing_value"), (3, "too_few_identifiers"), (4, "not_allowed"),
    ]  # fmt: skip


def test_their_touches_count(store: Store) -> None:
    """A contact that comes after the first run moves the credits; the order of files does not matter."""
    load(store, deals=DEAL, touches=VISITS, identities=IDENTITIES)
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t1": 10000}
    load(store, deal_contacts=CONTACTS)
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t1": 5000, "t7": 5000}


def test_any_order_of_files() -> None:
    """Forwards and backwards, from each table on: the same people, the same lead, the same credits."""
    tables = {
        "deals": DEAL, "deal_contacts": CONTACTS, "identities": IDENTITIES,
        "leads": "lead_id,created_at,email\nL7,2025-01-01T00:00:00Z,carl@acme.test\nL9,2025-03-02T00:00:00Z,",
    }  # fmt: skip
    found = set()
    names_of = list(tables)
    for order in (names_of, names_of[::-1], names_of[2:] + names_of[:2]):
        with Store.open("sqlite://") as store:
            load(store, touches=VISITS, **{name: tables[name] for name in order})
            store.run(models=["linear"], goals=["revenue"])
            lead = store.explain("deal", "D1").rows[0]["deal"]["lead_id"]
            found.add((frozenset(contacts(store)), frozenset(credits(store, "D1").items()), lead))
    assert found == {(frozenset(ALL), frozenset({("t1", 5000), ("t7", 5000)}), "L7")}


def test_the_account_stands_for_people_only_while_there_are_none(store: Store) -> None:
    """A deal with an account alone counts on its members until somebody is named."""
    deal = DEAL.replace("ella@acme.test,", ",Acme")
    load(store, deals=deal)
    assert contacts(store) == {("acme", schema.ROLE_ACCOUNT, 0)}
    load(store, deal_contacts="deal_id,contact_id\nD1,hubspot:7")
    assert contacts(store) == {("hubspot:7", schema.ROLE_CONTACT, 0)}
    load(store, deals=deal.replace("100.00", "90.00"))
    assert contacts(store) == {("hubspot:7", schema.ROLE_CONTACT, 0)}


LEADS = """lead_id,created_at,email
    L1,2025-01-01T00:00:00Z,ella@acme.test
    L2,2025-03-01T00:00:00Z,bob@acme.test
    L3,2025-03-15T00:00:00Z,carl@acme.test
    """


def lead_of(store: Store) -> str | None:
    """Run, and return the deal's lead."""
    store.run(models=["linear"], goals=["revenue"])
    lead: str | None = store.explain("deal", "D1").rows[0]["deal"]["lead_id"]
    return lead


def test_the_primary_contact_and_the_deals_lead(store: Store) -> None:
    """The latest contact lead before the deal, unless one is primary; never against the deal's lead_id."""
    load(store, deals=DEAL, leads=LEADS)
    assert lead_of(store) == "L1"
    load(store, deal_contacts="deal_id,email,is_primary\nD1,bob@acme.test,\nD1,carl@acme.test,")
    assert lead_of(store) == "L3"
    load(store, deal_contacts="deal_id,email,is_primary\nD1,bob@acme.test,yes")
    assert lead_of(store) == "L2"
    load(store, deals=DEAL.replace(",account", ",account,lead_id").replace("acme.test,", "acme.test,,L1"))
    assert lead_of(store) == "L1"


def test_somebody_who_is_erased(store: Store) -> None:
    """Nothing of them is left; figures stay, and the old files bring nobody back."""
    load(
        store, deals=DEAL, deal_contacts=CONTACTS, touches=VISITS, identities=IDENTITIES, leads=LEADS,
        meetings="meeting_id,contact_id,booked_at,held_at\nm1,hubspot:7,2025-03-01,2025-03-02",
    )  # fmt: skip
    store.run(models=["linear"], goals=["revenue"])
    held_rows = store.export_person(email="carl@acme.test").rows[0]
    assert held_rows["deal_contacts"] == [
        {
            "deal_id": "D1", "named_as": {"kind": "contact", "value": "hubspot:7"},
            "role": "Decision maker", "is_primary": True,
        }
    ]  # fmt: skip
    assert [one["meeting_id"] for one in held_rows["meetings"]] == ["m1"]
    total = store.report("channel").totals
    store.forget(email="carl@acme.test")
    assert not held(store, {"carl@acme.test", "hubspot:7", "Decision maker", "L3", "v7"}, set())
    assert store.report("channel").totals == total
    kept = contacts(store)
    assert len(kept) == 4
    assert {primary for name, _, primary in kept if name.startswith("erased-")} == {1}
    load(store, deal_contacts=CONTACTS, deals=DEAL, identities=IDENTITIES)
    load(store, deals=DEAL.replace("100.00", "90.00"))
    assert contacts(store) == kept
    store.run(models=["linear"], goals=["revenue"])
    assert sum(credits(store, "D1").values()) == 9000


def test_somebody_who_is_erased_before_the_deal_comes(store: Store) -> None:
    """What waits for a deal is theirs as well."""
    load(store, deal_contacts=CONTACTS + "D1,,carl@acme.test,,,", identities=IDENTITIES)
    store.run(models=["linear"], goals=["revenue"])
    store.forget(email="carl@acme.test")
    assert not held(store, {"carl@acme.test", "hubspot:7"}, set())
    load(store, deals=DEAL)
    assert sorted(name.partition("-")[0] for name, _, _ in contacts(store)) == [
        "L9", "bob@acme.test", "ella@acme.test", "erased",
    ]  # fmt: skip


def test_meetings_of_contacts(store: Store) -> None:
    """The best that a row says of who it was counts: the lead, the contact, the address."""
    load(
        store, deals=DEAL, touches=VISITS, identities=IDENTITIES, deal_contacts=CONTACTS,
        meetings="""meeting_id,lead_id,contact_id,email,booked_at,held_at
            m1,,hubspot:7,,2025-03-01,2025-03-02T00:00:00Z
            m2,,,Ella@acme.test,2025-03-01,2025-03-03T00:00:00Z
            m3,L9,,ella@acme.test,2025-03-01,2025-03-04T00:00:00Z
        """,
    )  # fmt: skip
    store.run(models=["linear"], goals=["revenue"], kinds="session meeting")
    found = credits(store, "D1", window="contacts session meeting")
    assert found == dict.fromkeys(["t1", "t7", "meeting:m1", "meeting:m2", "meeting:m3"], 2000)
    called = names(store)
    assert {called[number] for (number,) in rows(store, "meeting", "holder")} == {
        "hubspot:7", "ella@acme.test", "L9",
    }  # fmt: skip
    answer = store.import_table("meetings", "-", stdin=io.BytesIO(b"meeting_id,booked_at\nm4,2025-03-01\n"))
    assert answer.totals["rejected"] == 1
