"""E-mails and phones stand in the clear in one table, and are found by a hash of the store's own."""

from __future__ import annotations

from collections.abc import Callable

from ledger_books import load
from sqlalchemy import String, cast, func, or_, select

from attribution.engine import Store
from attribution.store import schema

LEADS = "lead_id,created_at,email,phone,visitor_id\nL1,2025-01-01,Ella@marsh.com,+44 20 7946 0018,v1"
DEALS = "deal_id,status,closed_at,amount,currency,emails\nD1,won,2025-02-01,10,GBP,ella@marsh.com"


def _tables_with(store: Store, *texts: str) -> set[str]:
    found = set()
    with store.db.read() as connection:
        for table in schema.metadata.sorted_tables:
            for text in texts:
                holds = or_(*(func.lower(cast(column, String)).contains(text) for column in table.c))
                if connection.execute(select(func.count()).select_from(table).where(holds)).scalar_one():
                    found.add(table.name)
    return found


def test_only_the_contact_table_holds_them(store: Store) -> None:
    """After an import, a run and an explanation."""
    load(store, leads=LEADS, deals=DEALS)
    store.run()
    assert "ella@marsh.com" in str(store.explain("deal", "D1").rows)
    assert _tables_with(store, "ella@marsh", "442079460018") == {"contact"}


def test_two_stores_hash_differently(make_url: Callable[[], str]) -> None:
    """Nobody who has one can look an address up in the other; other identifiers are no secret."""
    hashes = []
    for url in (make_url(), make_url()):
        with Store.open(url) as store:
            load(store, leads=LEADS)
            with store.db.read() as connection:
                known = schema.identifier
                rows = connection.execute(select(known.c.kind, known.c.hash)).all()
            hashes.append({(int(kind), int(number)) for kind, number in rows})
    assert {kind for kind, _ in hashes[0] & hashes[1]} == {1, 5, 6}
    assert {kind for kind, _ in hashes[0] - hashes[1]} == {2, 3}
