"""Decisions over random evidence: undone they leave no trace, and nothing hangs on the order of imports."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st
from ledger_books import people, wipe
from sqlalchemy import insert, select
from worlds import Row as Imported
from worlds import examples, identity_rows, import_rows

from attribution.engine import Store
from attribution.errors import InputError
from attribution.identifiers import ACCOUNT, KIND_NAMES
from attribution.identity.decisions import standing
from attribution.identity.naming import find_named, named
from attribution.identity.observed import people_at_any_time
from attribution.identity.resolve import resolve
from attribution.metrics.answer import Row
from attribution.store import schema
from attribution.store.settings import Settings

KINDS = {name: kind for kind, name in KIND_NAMES.items()}


class Resolved(NamedTuple):
    """What was computed: who is whose from when to when, and which edges do not count."""

    memberships: set[tuple[int, ...]]
    demoted: set[tuple[int, ...]]


def _resolve(store: Store) -> Resolved:
    with store.db.write() as connection:
        resolve(connection, Settings(connection))
    with store.db.read() as connection:
        return Resolved(
            {tuple(row) for row in connection.execute(select(schema.membership))},
            {tuple(row) for row in connection.execute(select(schema.demoted_edge))},
        )


def _afresh(store: Store) -> Resolved:
    """Forget what was computed, and compute it again from everything."""
    with store.db.write() as connection:
        connection.execute(schema.membership.delete())
        connection.execute(schema.demoted_edge.delete())
        Settings(connection).put_raw("_resolved_rules", "none")
    return _resolve(store)


def _known(store: Store) -> list[str]:
    """Return every identifier of people as it is written, in an order that imports do not change."""
    with store.db.read() as connection:
        numbers = connection.execute(
            select(schema.identifier.c.identifier_id).where(schema.identifier.c.kind != ACCOUNT)
        ).scalars()
        return sorted(one.written for one in named(connection, numbers).values())


def _decide(store: Store, verb: str, one: str, other: str) -> list[Row]:
    """Decide, and return the decisions recorded or taken back; none where that was refused."""
    try:
        if verb == "exclude":
            answer = store.identity_exclude(one, why="x", who="x")
        else:
            decide = store.identity_split if verb == "split" else store.identity_join
            answer = decide(one, other, why="x", who="x")
    except InputError:
        return []
    return answer.rows


def _in_force(store: Store) -> list[tuple[str, str | None, str | None, int]]:
    with store.db.read() as connection:
        decisions = standing(connection)
        names = named(connection, {end for one in decisions for end in one.ends})
        return [
            (one.verb, names[one.a].written, None if one.b is None else names[one.b].written, one.at)
            for one in decisions
        ]


def _batches() -> st.SearchStrategy[list[list[Imported]]]:
    return st.lists(st.lists(identity_rows(), min_size=1, max_size=4), min_size=1, max_size=4)


def _verbs() -> st.SearchStrategy[str]:
    return st.sampled_from(("split", "split", "join", "join", "exclude"))


def test_what_is_taken_back_leaves_no_trace(store: Store) -> None:
    """Split then join is the identity; so is any decision that is undone, on top of others in force."""

    @examples(store, sqlite=15, postgresql=3)
    @given(_batches(), _verbs(), st.randoms(use_true_random=False))
    def holds(batches: list[list[Imported]], verb: str, random: Random) -> None:
        wipe(store)
        for batch in batches:
            import_rows(store, "identities", batch)
        known = _known(store)
        assume(len(known) > 1)
        for _ in range(2):
            _decide(store, random.choice(("split", "join", "exclude")), *random.sample(known, 2))
        before = _resolve(store)
        one, other = random.sample(known, 2)
        made = _decide(store, verb, one, other)
        if not made:
            assert _resolve(store) == before
        if [row["state"] for row in made] != ["in force"]:
            return  # an earlier one of these two was taken back: what was before is no more
        with store.db.read() as connection:
            settings = Settings(connection)
            ends = [find_named(connection, settings, text).number for text in (one, other)]
            whose = people_at_any_time(connection, ends)
        share = bool(whose[ends[0]] & whose[ends[1]])
        assert share is (verb == "join") or verb == "exclude"
        if verb == "split":
            store.identity_join(other, one, why="x")
        elif verb == "join" and random.random() < 0.5:
            store.identity_split(other, one, why="x")
        else:
            store.identity_undo(made[0]["decision"], why="x")
        assert _resolve(store) == before
        assert _afresh(store) == before

    holds()


def test_decisions_commute_with_the_order_of_imports(store: Store) -> None:
    """Evidence before, between and after decisions; in steps, from nothing, and in another order."""

    @examples(store, sqlite=15, postgresql=3)
    @given(_batches(), st.lists(_verbs(), min_size=1, max_size=4), st.randoms(use_true_random=False))
    def holds(batches: list[list[Imported]], verbs: list[str], random: Random) -> None:
        wipe(store)
        waiting = list(verbs)
        for batch in batches:
            import_rows(store, "identities", batch)
            known = _known(store)
            while waiting and len(known) > 1 and random.random() < 0.6:
                _decide(store, waiting.pop(), *random.sample(known, 2))
        in_steps, who, decisions = _resolve(store), people(store), _in_force(store)
        assert _afresh(store) == in_steps
        wipe(store)
        rows = [row for batch in batches for row in batch]
        random.shuffle(rows)
        for row in rows:
            import_rows(store, "identities", [row])
        random.shuffle(decisions)
        with store.db.write() as connection:
            settings = Settings(connection)
            for verb, one, other, at in decisions:
                a, b = (text and find_named(connection, settings, text).number for text in (one, other))
                connection.execute(
                    insert(schema.decision).values(verb=verb, a=a, b=b, at=at, who="x", why="x")
                )
        assert len(_resolve(store).demoted) == len(in_steps.demoted)
        assert people(store) == who

    holds()
