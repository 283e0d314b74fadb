"""The rules of identity up to the money: no touch is paid for by somebody else's deal."""

from __future__ import annotations

from ledger_books import NOBODY, credits, entries, load

from attribution.engine import Store

HOUSEHOLD = """
touch_id,visitor_id,at
before,v,2025-01-01
anns,v,2025-01-10
bobs,v,2025-01-20
anns-again,v,2025-02-10
"""
LOGINS = """
visitor_id,user_id,at
v,ann,2025-01-05
v,bob,2025-01-15
v,ann,2025-02-01
"""
LEADS = "lead_id,created_at,email\nL-ann,2025-01-05,ann@x.test\nL-bob,2025-01-15,bob@y.test"
WHO = "user_id,lead_id,at\nann,L-ann,2025-01-05\nbob,L-bob,2025-01-15"
DEALS = """
deal_id,status,closed_at,amount,currency,emails
D-ann,won,2025-03-01,300.00,GBP,ann@x.test
D-bob,won,2025-03-01,100.00,GBP,bob@y.test
"""


def _run(store: Store) -> None:
    store.run(models=["linear"], goals=["revenue"])


def test_each_user_of_a_browser_has_the_touches_of_their_own_time(store: Store) -> None:
    """The anonymous visit is the first user's; nobody has all."""
    load(store, touches=HOUSEHOLD, identities=LOGINS, leads=LEADS, deals=DEALS)
    load(store, identities=WHO)
    _run(store)
    assert credits(store, "D-ann") == {"before": 10_000, "anns": 10_000, "anns-again": 10_000}
    assert credits(store, "D-bob") == {"bobs": 10_000}


def test_a_second_login_that_becomes_known_later_takes_its_touches_with_it(store: Store) -> None:
    """The next run moves the money, and what moved is said to be for people."""
    _, ann, bob, _ = LOGINS.strip().splitlines()
    header = "visitor_id,user_id,at\n"
    load(store, touches=HOUSEHOLD, identities=header + ann, leads=LEADS, deals=DEALS)
    load(store, identities=WHO)
    _run(store)
    assert credits(store, "D-ann") == dict.fromkeys(("before", "anns", "bobs", "anns-again"), 7_500)
    assert credits(store, "D-bob") == {NOBODY: 10_000}
    load(store, identities=header + bob)
    _run(store)
    assert credits(store, "D-ann") == {"before": 15_000, "anns": 15_000}
    assert credits(store, "D-bob") == {"bobs": 5_000, "anns-again": 5_000}
    assert {entry.reason for entry in entries(store) if entry.run == 2} == {"people changed"}
    load(store, identities=LOGINS)
    _run(store)
    assert credits(store, "D-bob") == {"bobs": 10_000}


def test_callers_of_one_reception_desk_do_not_pay_for_each_other(store: Store) -> None:
    """Six leads with one number and an e-mail each; with five they would be one person."""
    people = [f"p{i}" for i in range(6)]
    touches = "\n".join(["touch_id,visitor_id,at", *(f"t-{who},v-{who},2025-01-01" for who in people)])
    rows = [f"L-{who},2025-01-0{i + 2},{who}@x.test,+442079460018,v-{who}" for i, who in enumerate(people)]
    header = "lead_id,created_at,email,phone,visitor_id"
    deal = "deal_id,status,closed_at,amount,currency,lead_id\nD,won,2025-03-01,6.00,GBP,L-p0"
    load(store, touches=touches, leads="\n".join([header, *rows[:5]]), deals=deal)
    _run(store)
    assert credits(store, "D") == {f"t-{who}": 120 for who in people[:5]}
    load(store, leads="\n".join([header, rows[5]]))
    _run(store)
    assert credits(store, "D") == {"t-p0": 600}


def test_a_mailbox_of_a_role_ties_nobody(store: Store) -> None:
    """`info@` is read by the whole office, also where only two leads gave it."""
    load(
        store,
        touches="touch_id,visitor_id,at\nta,va,2025-01-01\ntb,vb,2025-01-01",
        leads="lead_id,created_at,email,visitor_id\nA,2025-01-02,info@x.test,va\nB,2025-01-02,info@x.test,vb",
        deals="deal_id,status,closed_at,amount,currency,lead_id\nD,won,2025-03-01,6.00,GBP,A",
    )
    _run(store)
    assert credits(store, "D") == {"ta": 600}


def test_a_touch_of_a_shared_browser_is_explained_by_who_used_it_then(store: Store) -> None:
    """Not by whoever used it last."""
    load(store, touches=HOUSEHOLD, identities=LOGINS, leads=LEADS, deals=DEALS)
    load(store, identities=WHO)
    _run(store)
    for touch, user in (("anns", "ann"), ("bobs", "bob"), ("anns-again", "ann")):
        (row,) = store.explain("touch", touch).rows
        users = [one["value"] for one in row["identifiers"] if one["kind"] == "user"]
        assert users == [user]
        assert [chain for chain in row["chains"] if f"deal D-{user}" in chain] == row["chains"]
        assert row["chains"]


def test_a_deal_of_two_people_with_one_browser_shows_how_it_is_tied_to_both(store: Store) -> None:
    """The chain of each touch runs over who used the browser, not over whoever was read last."""
    both = "deal_id,status,closed_at,amount,currency,emails\nD,won,2025-03-01,4.00,GBP,ann@x.test;bob@y.test"
    load(store, touches=HOUSEHOLD, identities=LOGINS, leads=LEADS, deals=both)
    load(store, identities=WHO)
    _run(store)
    (row,) = store.explain("deal", "D").rows
    assert {one["touch_id"] for one in row["touches"]} == {"before", "anns", "bobs", "anns-again"}
    evidence = {one["value"]: one["evidence"] for one in row["identifiers"]}
    assert all(evidence[name] for name in ("v", "ann", "bob", "ann@x.test", "bob@y.test"))
    assert evidence["v"][0] == "visitor v —identities and 1 more, 5 January 2025→ user ann"
    assert evidence["bob"][0] == "user bob —identities, 15 January 2025→ lead L-bob"
