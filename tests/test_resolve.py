"""People are the connected components of the evidence, however it came in."""

from __future__ import annotations

from random import Random

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


def _memberships(store: Store) -> set[tuple[int, ...]]:
    """Return identifier, since, until and person of each membership."""
    with store.db.read() as connection:
        who = schema.membership
        rows = connection.execute(select(who.c.identifier_id, who.c.since, who.c.until, who.c.person_id))
        return {tuple(row) for row in rows}


def _demoted(store: Store) -> set[tuple[int, ...]]:
    with store.db.read() as connection:
        return {tuple(row) for row in connection.execute(select(schema.demoted_edge))}


def batches() -> st.SearchStrategy[list[list[Row]]]:
    """Return imports of a few rows each."""
    return st.lists(st.lists(identity_rows(), min_size=1, max_size=4), min_size=1, max_size=4)


def test_people_are_the_components_that_networkx_finds(store: Store) -> None:
    """Where no rule has a say: evidence in random batches gives the same people as networkx."""

    @examples(store, sqlite=20, postgresql=3)
    @given(batches())
    def holds(batches: list[list[Row]]) -> None:
        wipe(store)
        seen: list[Row] = []
        for batch in batches:
            one_user = [{**row, "user_id": row["user_id"] and "u1"} for row in batch]
            import_rows(store, "identities", one_user)
            _resolve(store)
            seen += one_user
            assert people(store) == _components(seen)

    holds()


def test_batches_give_the_people_that_everything_at_once_gives(store: Store) -> None:
    """With two users in few browsers, so that rules have their say; in any order, also resolved anew."""

    @examples(store, sqlite=30, postgresql=4)
    @given(batches(), st.randoms(use_true_random=False))
    def holds(batches: list[list[Row]], random: Random) -> None:
        wipe(store)
        for batch in batches:
            import_rows(store, "identities", batch)
            _resolve(store)
        in_steps, who, unused = _memberships(store), people(store), _demoted(store)
        heads = {person for _, _, _, person in in_steps}
        assert heads <= {identifier for identifier, *_ in in_steps}
        # forget what was computed, and compute it again from all the evidence at once
        with store.db.write() as connection:
            connection.execute(schema.membership.delete())
            connection.execute(schema.demoted_edge.delete())
            Settings(connection).put_raw("_resolved_rules", "none")
        _resolve(store)
        assert _memberships(store) == in_steps
        assert _demoted(store) == unused
        # the same rows in another order
        wipe(store)
        rows = [row for batch in batches for row in batch]
        random.shuffle(rows)
        for row in rows:
            import_rows(store, "identities", [row])
        _resolve(store)
        assert people(store) == who
        assert len(_demoted(store)) == len(unused)

    holds()


def test_a_long_chain_that_comes_from_both_ends(store: Store) -> None:
    """Forty links, every other first, then those between: one person, with the smallest number."""
    links = [
        {"visitor_id": f"v{i // 2}", "lead_id": f"L{(i + 1) // 2}", "at": "2025-01-01"} for i in range(39)
    ]
    import_rows(store, "identities", links[::2])
    assert _resolve(store) == 20
    assert len(people(store)) == 20
    import_rows(store, "identities", links[1::2])
    assert _resolve(store) == 1
    assert people(store) == _components(links)
    numbers, _, _, persons = zip(*_memberships(store), strict=True)
    assert set(persons) == {min(numbers)}


def test_repeated_evidence_changes_nothing(store: Store) -> None:
    """The same rows again, and later sightings of the same pair, change nobody and log nothing."""
    rows = "visitor_id,email,at\nv1,a@x.test,2025-01-01\nv2,a@x.test,2025-01-02"
    load(store, identities=rows)
    assert _resolve(store) == 1
    before = _memberships(store)
    with store.db.read() as connection:
        logged = connection.execute(select(func.count()).select_from(schema.change)).scalar_one()
    load(store, identities=rows)
    assert _resolve(store) == 0
    load(store, identities="visitor_id,email,at\nv1,A@x.test,2025-06-01")
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
        v1,a@acme.test,acme.com,2025-01-01
        v2,b@acme.test,acme.com,2025-01-01
        v3,,acme.com,2025-01-01
        """,
        leads="lead_id,created_at,email,account\nL1,2025-01-02,a@acme.test,acme.com",
    )
    _resolve(store)
    assert people(store) == {
        frozenset({("visitor", "v1"), ("email", "a@acme.test"), ("lead", "L1")}),
        frozenset({("visitor", "v2"), ("email", "b@acme.test")}),
    }
    assert len({person for *_, person in _memberships(store)}) == 3
