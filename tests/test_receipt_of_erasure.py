"""The receipt of `forget`: plain words, whom else it touches, and nobody where nobody is known."""

from __future__ import annotations

from click.testing import CliRunner
from ledger_books import load
from sqlalchemy import select

from attribution.cli import cli
from attribution.engine import Store
from attribution.metrics.answer import Answer
from attribution.privacy.forget_receipt import NAMES
from attribution.store import schema

OFFICE = "\n".join(
    ["lead_id,created_at,phone,email", *(f"L{i},2025-01-0{i},+442079460018,e{i}@x.test" for i in range(1, 8))]
)


def shared(answer: Answer) -> list[str]:
    """Return the warnings of what is other people's as well."""
    return [text for text in answer.warnings if "taken out of all their records" in text]


def test_tables_are_called_what_they_hold(sqlite_store: Store) -> None:
    """The table's own name stays for programs, and stands in no table for people."""
    assert {table.name for table in schema.metadata.sorted_tables} >= NAMES.keys()
    load(sqlite_store, leads="lead_id,created_at,email\nL1,2025-01-01,ella@x.test")
    answer = sqlite_store.forget(dry_run=True, email="ella@x.test")
    names = {row["where"]: row["name"] for row in answer.rows}
    assert names["edge"] == "observations that tie identifiers"
    assert all(names[where] == NAMES[where] for where in names)
    options = ["--store", sqlite_store.db.label, "forget", "--email", "ella@x.test", "--dry-run"]
    told = CliRunner().invoke(cli, options).stdout
    assert "e-mails and phones in the clear" in told
    assert "where" not in told


def test_a_phone_of_several_people_is_told(sqlite_store: Store) -> None:
    """Seven leads gave it within a week; whoever is named by an e-mail of their own takes it from nobody."""
    load(sqlite_store, leads=OFFICE)
    text = "a phone that goes is shared by 7 people: it is taken out of all their records"
    for dry_run in (True, False):
        assert shared(sqlite_store.forget(dry_run=True, email="e1@x.test")) == []
        assert shared(sqlite_store.forget(dry_run=dry_run, phone="+44 20 7946 0018")) == [text]


def test_a_mailbox_of_a_role_is_told(sqlite_store: Store) -> None:
    """Also where one lead alone gave it."""
    lines = "lead_id,created_at,email\nL1,2025-01-01,info@x.test"
    load(sqlite_store, leads=lines)
    (text,) = shared(sqlite_store.forget(dry_run=True, email="info@x.test"))
    assert text.startswith("an email that goes is a role's mailbox, which several people read: ")
    load(sqlite_store, leads=f"{lines}\nL2,2025-01-01,info@x.test")
    (text,) = shared(sqlite_store.forget(email="info@x.test"))
    assert text.startswith("an email that goes is a role's mailbox, which several people (here 2) read: ")


def test_nobody_is_forgotten_where_nobody_is_known(sqlite_store: Store) -> None:
    """With the next thing to do; the tombstone is laid all the same."""
    load(sqlite_store, leads=OFFICE)
    planned = sqlite_store.forget(dry_run=True, email="nobody@x.test")
    assert planned.title == "Nobody would be forgotten"
    done = sqlite_store.forget(email="nobody@x.test")
    assert (done.title, done.rows, done.totals["tombstones"]) == ("Nobody forgotten", [], 1)
    assert "name them by another identifier" in done.warnings[0]


def test_ties_of_stand_ins_have_no_day_where_none_is_known(sqlite_store: Store) -> None:
    """What ties the lead that stands there to the visitor who does was seen at no time."""
    load(
        sqlite_store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-01",
        leads="lead_id,created_at,visitor_id\nL1,2025-01-02,v1",
    )
    sqlite_store.run()
    sqlite_store.forget(lead="L1")
    with sqlite_store.db.read() as connection:
        touch = connection.execute(select(schema.touch.c.touch_id)).scalar_one()
    (row,) = sqlite_store.explain("touch", touch).rows
    (chain,) = row["chains"]
    assert " —erasure→ lead erased-" in chain
