"""Consent: of each purpose the latest signal counts, and a withdrawal is heard whatever it came with."""

from __future__ import annotations

from collections import defaultdict
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import load, people, wipe
from sqlalchemy import select
from worlds import Row, World, examples, identity_rows, lead_rows, touch_rows

from attribution import clock
from attribution.engine import Store
from attribution.identifiers import EMAIL, KIND_NAMES, LEAD, USER, VISITOR
from attribution.identity.consent import Consent, consent_of, may_send
from attribution.identity.evidence import people_of
from attribution.identity.resolve import resolve
from attribution.sources.fields import PURPOSES, SIGNALS, consent_bits
from attribution.store import schema
from attribution.store.identifiers import find_identifiers, spelled
from attribution.store.settings import Settings

Known = tuple[int, str]  # kind and value of an identifier
WORDS = {number: name for name, number in SIGNALS.items()}
COLUMNS = {"visitor_id": VISITOR, "email": EMAIL, "user_id": USER, "lead_id": LEAD}


def consent(store: Store, *known: Known) -> Consent:
    """Resolve, and return what the people of some identifiers agreed to."""
    with store.db.write() as connection:
        settings = Settings(connection)
        resolve(connection, settings)
        numbers = [int(find_identifiers(connection, settings, kind, [value])[0]) for kind, value in known]
        whose = people_of(connection, numbers)
        return consent_of(connection, np.array([whose[number] for number in numbers], np.int64))


def states(store: Store, kind: int, value: str) -> str:
    """Return the three signals of one person in words."""
    return " ".join(WORDS[signal] for signal in consent(store, (kind, value)).state[0].tolist())


def test_the_latest_signal_of_each_purpose_decides(store: Store) -> None:
    """Every purpose has its own latest signal; a touch that says nothing takes nothing back."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at,consent
        t1,v1,2025-01-01T00:00:00Z,granted
        t2,v1,2025-02-01T00:00:00Z,ad_user_data:denied
        t3,v1,2025-03-01T00:00:00Z,
        t4,v1,2025-01-15T00:00:00Z,ad_user_data:denied;ad_personalization:granted
        """,
    )
    found = consent(store, (VISITOR, "v1"))
    assert found.state.tolist() == [[1, 2, 1]]
    assert [clock.iso(at)[:10] for at in found.since[0].tolist()] == [
        "2025-01-01",
        "2025-02-01",
        "2025-01-15",
    ]


def test_a_lead_speaks_for_its_person_at_its_creation(store: Store) -> None:
    """The form of February counts against the touch of January, and not against that of March."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at,consent
        t1,v1,2025-01-01T00:00:00Z,ad_personalization:denied
        t2,v1,2025-03-01T00:00:00Z,ad_user_data:denied
        """,
        leads="lead_id,created_at,visitor_id,email,consent\nL1,2025-02-01,v1,a@x.test,granted",
    )
    assert states(store, EMAIL, "a@x.test") == "granted denied granted"
    assert states(store, VISITOR, "v1") == "granted denied granted"


def test_at_one_instant_denied_wins(store: Store) -> None:
    """Whichever of the two was imported first."""
    for order in ("granted", "denied"), ("denied", "granted"):
        wipe(store)
        for i, signal in enumerate(order):
            load(
                store,
                touches=f"touch_id,visitor_id,at,consent\nt{i},v1,2025-01-01T00:00:00Z,ad_user_data:{signal}",
            )
        assert states(store, VISITOR, "v1") == "unknown denied unknown"


def test_who_denies_analytics_is_heard_and_their_touch_joins_nobody(store: Store) -> None:
    """Withdrawal counts at once; of the visitor of that touch nothing is stored but a hash."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at,consent
        t1,v1,2025-01-01T00:00:00Z,granted
        t2,v1,2025-02-01T00:00:00Z,denied
        t3,stranger,2025-02-01T00:00:00Z,denied
        t4,,2025-03-01T00:00:00Z,denied
        """,
        identities="visitor_id,email,at\nv1,a@x.test,2025-01-01",
    )
    assert states(store, EMAIL, "a@x.test") == "denied denied denied"
    with store.db.read() as connection:
        touch, identifier = schema.touch, schema.identifier
        joined = connection.execute(select(touch.c.touch_id).where(touch.c.visitor.is_not(None))).scalars()
        assert joined.all() == ["t1"]
        known = connection.execute(select(spelled()).where(identifier.c.kind == VISITOR)).scalars().all()
        assert known == ["v1"]
        refusals = connection.execute(
            select(schema.refusal.c.identifier_hash, schema.refusal.c.consent)
        ).all()
    assert len({who for who, _ in refusals}) == 2
    assert {said for _, said in refusals} == {consent_bits("denied")}


def test_a_withdrawal_may_come_before_anything_else_is_known(store: Store) -> None:
    """It was said in February: the touch of January does not outweigh it, whenever that is imported."""
    load(
        store,
        touches="touch_id,visitor_id,at,consent\nt2,v1,2025-02-01T00:00:00Z,analytics:denied;ad_user_data:denied",
    )
    load(store, touches="touch_id,visitor_id,at,consent\nt1,v1,2025-01-01T00:00:00Z,granted")
    assert states(store, VISITOR, "v1") == "denied denied granted"
    load(store, touches="touch_id,visitor_id,at,consent\nt3,v1,2025-03-01T00:00:00Z,granted")
    assert states(store, VISITOR, "v1") == "granted granted granted"


def test_whoever_is_named_by_whatever_is_heard(store: Store) -> None:
    """An e-mail that unsubscribes, a login that withdraws; what does not name anybody is passed over."""
    load(
        store,
        identities="user_id,email,at\nu1,a@x.test,2025-01-01",
        touches="""
        touch_id,visitor_id,email,user_id,at,kind,consent
        t1,,a@x.test,,2025-01-02,email,granted
        t2,,A+news@x.test ,,2025-02-01,form,analytics:denied;ad_user_data:denied
        t3,,,u1,2025-03-01,form,analytics:denied;ad_personalization:denied
        t4,,n/a,,2025-03-01,form,denied
        """,
    )
    assert states(store, USER, "u1") == "denied denied denied"
    with store.db.read() as connection:
        touch = schema.touch
        joined = connection.execute(select(touch.c.touch_id).where(touch.c.visitor.is_not(None))).scalars()
        assert joined.all() == ["t1"]
        assert len(connection.execute(select(schema.refusal)).all()) == 2


def test_a_repeated_refusal_is_kept_once(store: Store) -> None:
    """The same file again, and two touches that say the same at the same time."""
    rows = "touch_id,visitor_id,at,consent\nt1,v1,2025-02-01,denied\nt2,v1,2025-02-01,denied"
    for _ in range(2):
        load(store, touches=rows)
    with store.db.read() as connection:
        assert len(connection.execute(select(schema.refusal)).all()) == 1


def test_who_denies_analytics_in_a_form_is_not_tied_to_their_visits(store: Store) -> None:
    """The lead is known by its e-mail; its browser's touches stay a stranger's."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v2,2025-01-01",
        leads="""
        lead_id,created_at,visitor_id,email,consent
        L1,2025-02-01,v1,a@x.test,denied
        L2,2025-02-01,v2,b@x.test,ad_user_data:denied
        """,
    )
    assert states(store, LEAD, "L1") == "denied denied denied"
    assert states(store, LEAD, "L2") == "unknown denied unknown"
    assert people(store) == {
        frozenset({("lead", "L1"), ("email", "a@x.test")}),
        frozenset({("lead", "L2"), ("email", "b@x.test"), ("visitor", "v2")}),
    }
    with store.db.read() as connection:
        row = connection.execute(select(schema.lead.c.visitor).where(schema.lead.c.key == "L1")).one()
    assert row.visitor is None


def test_in_a_shared_browser_everybody_speaks_for_themselves(store: Store) -> None:
    """u1 has the browser until u2 logs in: what is denied then is u2's word, also the refusal."""
    load(
        store,
        identities="visitor_id,user_id,at\nv1,u1,2025-01-01T00:00:00Z\nv1,u2,2025-02-01T00:00:00Z",
        touches="""
        touch_id,visitor_id,at,consent
        t1,v1,2025-01-10T00:00:00Z,granted
        t2,v1,2025-02-10T00:00:00Z,ad_personalization:denied
        t3,v1,2025-02-11T00:00:00Z,analytics:denied;ad_user_data:granted
        """,
    )
    found = consent(store, (USER, "u1"), (USER, "u2"), (USER, "u1"))
    assert found.state.tolist() == [[1, 1, 1], [2, 1, 2], [1, 1, 1]]


def test_only_who_granted_it_is_sent(store: Store) -> None:
    """Unknown joins journeys, and nothing about the person is sent."""
    load(
        store,
        touches="""
        touch_id,visitor_id,at,consent
        t1,v-granted,2025-01-01,ad_user_data:granted
        t2,v-denied,2025-01-01,ad_user_data:denied
        t3,v-other,2025-01-01,analytics:granted;ad_personalization:granted
        t4,v-silent,2025-01-01,
        """,
    )
    with store.db.write() as connection:
        settings = Settings(connection)
        numbers = find_identifiers(
            connection, settings, VISITOR, ["v-granted", "v-denied", "v-other", "v-silent"]
        )
        assert may_send(connection, numbers).tolist() == [True, False, False, False]
        assert may_send(connection, numbers[:0]).tolist() == []
        assert consent_of(connection, numbers[:0]).state.shape == (0, 3)


def test_explain_shows_what_a_lead_agreed_to(store: Store) -> None:
    """Of the person, not of the record alone."""
    load(
        store,
        touches="touch_id,visitor_id,at,consent\nt1,v1,2025-03-01,ad_user_data:denied",
        leads="lead_id,created_at,visitor_id,consent\nL1,2025-02-01,v1,granted",
    )
    store.run(models=["linear"])
    assert store.explain("lead", "L1").rows[0]["lead"]["consent"] == {
        "analytics": "granted", "ad_user_data": "denied", "ad_personalization": "granted",
    }  # fmt: skip


def _signal() -> st.SearchStrategy[str]:
    said = st.sampled_from(("unknown", "granted", "denied"))
    return st.tuples(said, said, said).map(
        lambda three: ";".join(f"{name}:{signal}" for name, signal in zip(PURPOSES, three, strict=True))
    )


@st.composite
def _worlds(draw: st.DrawFn) -> World:
    def named(column: str, prefix: str, rows: st.SearchStrategy[Row], size: int) -> list[Row]:
        drawn = draw(st.lists(rows, max_size=size))
        return [{column: f"{prefix}{i}", **row, "consent": draw(_signal())} for i, row in enumerate(drawn)]

    return {
        "identities": draw(st.lists(identity_rows(), max_size=4)),
        "touches": named("touch_id", "t", touch_rows(), 8),
        "leads": named("lead_id", "L", lead_rows(), 2),
    }


def _said(store: Store) -> dict[Known, list[list[int]]]:
    """Return the state of everybody, by each of their identifiers and its stretches in order."""
    found: dict[Known, list[list[int]]] = defaultdict(list)
    with store.db.write() as connection:
        resolve(connection, Settings(connection))
        who = schema.membership
        rows = connection.execute(
            select(schema.identifier.c.kind, spelled(), schema.identifier.c.identifier_id, who.c.person_id)
            .join(who, who.c.identifier_id == schema.identifier.c.identifier_id, isouter=True)
            .order_by(who.c.since)
        ).all()
        whose = np.array([person or number for _, _, number, person in rows], np.int64)
        state = consent_of(connection, whose).state.tolist()
    for (kind, value, *_), signals in zip(rows, state, strict=True):
        found[KIND_NAMES[kind], value].append(signals)
    return found


def test_the_order_of_import_does_not_matter(store: Store) -> None:
    """The same rows, a row a file, in another order: the same states."""

    @examples(store, sqlite=12, postgresql=3)
    @given(_worlds(), st.randoms(use_true_random=False))
    def holds(world: World, random: Random) -> None:
        wipe(store)
        for table, rows in world.items():
            if rows:
                _import(store, table, rows)
        expected = _said(store)
        wipe(store)
        single = [(table, row) for table, rows in world.items() for row in rows]
        random.shuffle(single)
        for table, row in single:
            _import(store, table, [row])
        assert _said(store) == expected

    holds()


def _import(store: Store, table: str, rows: list[Row]) -> None:
    names = sorted({name for row in rows for name in row})
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    load(store, **{table: "\n".join(lines)})
