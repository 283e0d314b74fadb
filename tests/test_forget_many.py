"""`forget` of somebody with hundreds of identifiers: no statement gets too long for either database."""

from __future__ import annotations

from erasure import held, known
from ledger_books import credits, load, people
from sqlalchemy import select, update

from attribution.engine import Store
from attribution.store import schema

EMAILS, PHONES, VISITORS, LEADS = 160, 160, 310, 8
EMAIL = "ella+x@e7.acme.test"


def _much(store: Store) -> None:
    """Somebody with as many identifiers of each kind, one touch in each browser, and a colleague."""
    limits = f"email={EMAILS} phone={PHONES} visitor={VISITORS} lead={LEADS}"
    store.config_update({"identity_limits": limits, "region": "GB"})
    load(
        store,
        identities="\n".join(
            [
                "user_id,email,phone,visitor_id,at",
                *(f"login-of-ella,ella@e{i}.acme.test,,,2025-01-01" for i in range(EMAILS)),
                *(f"login-of-ella,,020 7946 {i:04},,2025-01-01" for i in range(PHONES)),
                *(f"login-of-ella,,,v-ella-{i:03},2025-01-01" for i in range(VISITORS)),
                "login-of-other,other@e7.acme.test,,v-other-000,2025-01-01",
            ]
        ),
        touches="\n".join(
            [
                "touch_id,visitor_id,at,url",
                *(f"t-ella-{i},v-ella-{i:03},2025-01-02,https://shop.test/{i}" for i in range(VISITORS)),
                "t-other,v-other-000,2025-01-02,https://shop.test/1",
            ]
        ),
        leads="\n".join(
            [
                "lead_id,created_at,email,visitor_id",
                *(f"L-ella-{i:03},2025-01-03,ella@e{i}.acme.test,v-ella-{i:03}" for i in range(LEADS)),
            ]
        ),
        deals="""
            deal_id,status,closed_at,amount,currency,emails
            D-1,won,2025-02-01,6.20,GBP,ella@e7.acme.test
            D-2,won,2025-02-01,1.00,GBP,other@e7.acme.test
            """,
        adjustments="""
            adjustment_id,deal_id,at,amount,currency,reason
            A-1,D-2,2025-02-02,-0.10,GBP,"0044 (0)20/7946.0039, ella@e9.acme.test, v-ella-309; other@x.test"
            """,
    )


def test_hundreds_of_identifiers(store: Store) -> None:
    """Nothing of them is left in any table, and every penny is where it was."""
    _much(store)
    store.run(models=["linear"])
    values, hashes = known(store, "ella@e7.acme.test")
    assert len(values) == 1 + EMAILS + PHONES + VISITORS + LEADS
    (answer, again) = (store.forget(email=EMAIL), store.forget(email=EMAIL))
    assert (answer.totals["tombstones"], again.rows) == (len(values), [])
    assert held(store, values, hashes) == []
    assert sorted(credits(store, "D-1").values()) == [2] * VISITORS
    assert store.run(models=["linear"], full=True).totals["entries"] == 0
    with store.db.read() as connection:
        (reason,) = connection.execute(select(schema.adjustment.c.reason)).scalars()
    assert reason == "(erased), (erased), (erased); other@x.test"
    other = {("user", "login-of-other"), ("email", "other@e7.acme.test"), ("visitor", "v-other-000")}
    assert frozenset(other) in people(store)


def test_a_browser_that_changed_hands_every_hour(store: Store) -> None:
    """Ann's half of 2400 stretches goes; Bob's touches stay, each of them."""
    hours = [f"2025-{1 + i // 576:02}-{1 + i // 24 % 24:02}T{i % 24:02}:00:00Z" for i in range(1200)]
    half = [at.replace(":00:00Z", ":30:00Z") for at in hours]
    load(
        store,
        identities="\n".join(
            [
                "visitor_id,user_id,at",
                *(f"v-home,u-ann,{at}" for at in hours),
                *(f"v-home,u-bob,{at}" for at in half),
            ]
        ),
        touches="\n".join(
            [
                "touch_id,visitor_id,at",
                *(f"a{i},v-home,{at}" for i, at in enumerate(hours)),
                *(f"b{i},v-home,{at}" for i, at in enumerate(half)),
            ]
        ),
    )
    store.run(models=["linear"])
    store.forget(user="u-ann")
    with store.db.read() as connection:
        ids = set(connection.execute(select(schema.touch.c.touch_id)).scalars())
    assert {one for one in ids if not one.startswith("erased-")} == {f"b{i}" for i in range(1200)}
    assert len(ids) == 2400
    assert not any(("user", "u-ann") in person for person in people(store))
    assert any(("user", "u-bob") in person for person in people(store))


def test_decisions_after_an_erasure_have_numbers_of_their_own(store: Store) -> None:
    """One more than the highest there is: that of a decision which went with its person may come again."""
    people_of = "\n".join(f"u{i},e{i}@x.test,2025-01-0{i}" for i in range(1, 6))
    load(store, identities=f"user_id,email,at\n{people_of}")
    load(store, identities="lead_id,email,at\nL1,e1@x.test,2025-01-01\nL2,e2@x.test,2025-01-01")

    def numbers() -> list[tuple[int, str]]:
        return [(row["decision"], row["verb"]) for row in store.identity_decisions().rows]

    store.identity_split("user:u1", "lead:L1", why="two people", who="maria")
    store.identity_exclude("user:u3", why="a kiosk", who="maria")
    store.identity_split("user:u2", "lead:L2", why="two people", who="maria")
    assert sorted(numbers()) == [(1, "split"), (2, "exclude"), (3, "split")]
    store.forget(user="u1")
    assert sorted(numbers()) == [(2, "exclude"), (3, "split")]
    store.identity_exclude("user:u4", why="a kiosk", who="maria")
    store.identity_join("user:u5", "email:e4@x.test", why="one person", who="maria")
    store.run(models=["linear"])
    assert sorted(numbers()) == [(2, "exclude"), (3, "split"), (4, "exclude"), (5, "join")]
    store.identity_undo(3, why="they are one")
    store.forget(user="u5")
    store.identity_exclude("user:u2", why="a kiosk", who="maria")
    assert sorted(numbers())[-2:] == [(4, "exclude"), (5, "exclude")]
    with store.db.write() as connection:  # as an older store may have it: numbers that no counter handed out
        decision = schema.decision
        connection.execute(update(decision).where(decision.c.decision_id == 5).values(decision_id=40))
    store.identity_exclude("lead:L2", why="a kiosk", who="maria")
    assert sorted(numbers())[-1] == (41, "exclude")
