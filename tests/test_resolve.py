"""People are the connected components of the evidence, however it came in."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import load, people, wipe
from sqlalchemy import func, select
from worlds import Row, examples, identity_rows, import_rows

from attribution.engine import Store
from attribution.identity.resolve import resolve
from attribution.store import schema
from attribution.store.settings import Settings

KINDS = {"visitor_id": "visitor", "email": "email", "phone": "phone", "user_id": "user", "lead_id": "lead"}


def _resolve(store: Store) -> int:
    with store.db.write() as connection:
        return resolve(connection, Settings(connection))


def _components(rows: list[Row]) -> set[frozenset[tuple[str, str]]]:
    """What networkx makes of the same rows; a company is nobody."""
    graph: nx.Graph[tuple[str, str]] = nx.Graph()
    for row in rows:
        named = [(kind, row[column]) for column, kind in KINDS.items() if row.get(column)]
        nx.add_path(graph, named)
    return {frozenset(c) for c in nx.connected_components(graph) if len(c) > 1}


def _memberships(store: Store) -> dict[int, int]:
    with store.db.read() as connection:
        who = schema.membership
        return dict(connection.execute(select(who.c.identifier_id, who.c.person_id)).all())


def test_people_are_the_components_that_networkx_finds(store: Store) -> None:
    """Evidence in random batches gives the same people as all at once, and the same as networkx."""

    @examples(store, sqlite=30, postgresql=5)
    @given(st.lists(st.lists(identity_rows(), min_size=1, max_size=4), min_size=1, max_size=4))
    def holds(batches: list[list[Row]]) -> None:
        wipe(store)
        seen: list[Row] = []
        for batch in batches:
            import_rows(store, "identities", batch)
            _resolve(store)
            seen += batch
            assert people(store) == _components(seen)
        in_steps = _memberships(store)
        assert all(person in in_steps for person in in_steps.values())
        # forget what was computed, and compute it again from all the evidence at once
        with store.db.write() as connection:
            connection.execute(schema.membership.delete())
            Settings(connection).put_raw("_resolved_edge", "0")
        _resolve(store)
        assert _memberships(store) == in_steps

    holds()


def test_a_long_chain_that_comes_from_both_ends(store: Store) -> None:
    """A hundred links, every other first, then those between: one person, with the smallest number."""
    links = [
        {"visitor_id": f"v{i // 2}", "email": f"e{(i + 1) // 2}@x.com", "at": "2025-01-01"}
        for i in range(100)
    ]
    import_rows(store, "identities", links[::2])
    assert _resolve(store) == 50
    assert len(people(store)) == 50
    import_rows(store, "identities", links[1::2])
    assert _resolve(store) == 1
    assert people(store) == _components(links)
    persons = _memberships(store)
    assert set(persons.values()) == {min(persons)}


def test_repeated_evidence_changes_nothing(store: Store) -> None:
    """The same rows again, and later sightings of the same pair, change nobody and log nothing."""
    rows = "visitor_id,email,at\nv1,a@x.com,2025-01-01\nv2,a@x.com,2025-01-02"
    load(store, identities=rows)
    assert _resolve(store) == 1
    before = _memberships(store)
    with store.db.read() as connection:
        logged = connection.execute(select(func.count()).select_from(schema.change)).scalar_one()
    load(store, identities=rows)
    assert _resolve(store) == 0
    load(store, identities="visitor_id,email,at\nv1,A@X.com,2025-06-01")
    assert _resolve(store) == 0
    assert _memberships(store) == before
    with store.db.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.change)).scalar_one() == logged


def test_an_account_ties_nobody_together(store: Store) -> None:
    """Two colleagues of one company, and a visitor known only to be of it, stay three people."""
    load(
        store,
        identities="""
        visitor_id,email,account,at
        v1,a@acme.com,acme.com,2025-01-01
        v2,b@acme.com,acme.com,2025-01-01
        v3,,acme.com,2025-01-01
        """,
        leads="lead_id,created_at,email,account\nL1,2025-01-02,a@acme.com,acme.com",
    )
    _resolve(store)
    assert people(store) == {
        frozenset({("visitor", "v1"), ("email", "a@acme.com"), ("lead", "L1")}),
        frozenset({("visitor", "v2"), ("email", "b@acme.com")}),
    }
    assert len(set(_memberships(store).values())) == 3
