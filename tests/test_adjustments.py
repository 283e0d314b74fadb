"""Refunds and other adjustments: credit follows the net value, in the period in which it changed."""

from __future__ import annotations

import io

from ledger_books import NOBODY, RULE_MODELS, by_time, credits, entries, load, shares, totals

from attribution.engine import Store

TOUCHES = "touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v1,2025-01-02\nt3,v1,2025-01-03"
WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01"
HEADER = "adjustment_id,deal_id,at,amount,currency"
CLOSED = "2025-02-01T23:59:59.999999Z"


def _deal(
    amount: str = "10.00", emails: str = "a@x.test", status: str = "won", closed: str = "2025-02-01"
) -> str:
    return f"deal_id,status,closed_at,amount,currency,emails\nD,{status},{closed},{amount},GBP,{emails}"


def _run(store: Store) -> int:
    return int(store.run(models=["linear"], goals=["revenue", "deals"]).totals["entries"])


def test_a_refund_takes_from_each_touch_what_the_smaller_deal_would_not_give_it(store: Store) -> None:
    """10.00 is 3.34 + 3.33 + 3.33; a penny back leaves 3.33 each, so the first touch alone gives it."""
    load(store, touches=TOUCHES, identities=WHO, deals=_deal())
    _run(store)
    assert credits(store, "D") == {"t1": 334, "t2": 333, "t3": 333}
    load(store, adjustments=f"{HEADER}\nA1,D,2025-03-15T12:00:00Z,-0.01,GBP")
    assert _run(store) == 1
    (refund,) = [entry for entry in entries(store) if entry.run == 2]
    assert (refund.touch, refund.minor, refund.reporting, refund.share) == ("t1", -1, -1, 0)
    assert (refund.at, refund.reason) == ("2025-03-15T12:00:00Z", "adjustment")
    assert credits(store, "D") == {"t1": 333, "t2": 333, "t3": 333}
    assert shares(store, "D") == {"t1": 333_334, "t2": 333_333, "t3": 333_333}


def test_several_refunds_each_fall_into_their_own_period(store: Store) -> None:
    """Partial ones, one that overshoots, and an increase: each at its own time, the sum to the penny."""
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=_deal(),
        adjustments=f"""
        {HEADER}
        A1,D,2025-03-01,-4.00,GBP
        A2,D,2025-04-01,-10.00,GBP
        A3,D,2025-05-01,0.50,GBP
        """,
    )
    _run(store)
    assert by_time(store, "D") == {
        CLOSED: 1000,
        "2025-03-01T23:59:59.999999Z": -400,
        "2025-04-01T23:59:59.999999Z": -1000,
        "2025-05-01T23:59:59.999999Z": 50,
    }
    # -3.50 mirrors 3.50: 1.17 + 1.17 + 1.16
    assert credits(store, "D") == {"t1": -117, "t2": -117, "t3": -116}
    assert shares(store, "D") == {"t1": 333_334, "t2": 333_333, "t3": 333_333}


def test_a_full_refund_leaves_a_won_deal_worth_nothing(store: Store) -> None:
    """The money is gone, the deal still counts as one."""
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=_deal(),
        adjustments=f"{HEADER}\nA1,D,2025-03-01,-10.00,GBP",
    )
    store.run(models=RULE_MODELS, goals=["revenue"])
    assert totals(store) == {(model, "D"): (0, 1_000_000) for model in RULE_MODELS}
    assert credits(store, "D") == {}


def test_what_happened_before_the_close_or_with_it_is_part_of_the_close(store: Store) -> None:
    """One dated before the closing, or at its very microsecond, takes effect when the deal closes."""
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=_deal(),
        adjustments=f"""
        {HEADER}
        early,D,2025-01-15,-1.00,GBP
        with-it,D,{CLOSED},-2.00,GBP
        """,
    )
    _run(store)
    assert by_time(store, "D") == {CLOSED: 700}
    assert credits(store, "D") == {"t1": 234, "t2": 233, "t3": 233}
    assert {entry.reason for entry in entries(store)} == {"closed"}


def test_two_at_one_instant_are_one_entry_a_touch(store: Store) -> None:
    """Two refunds of one microsecond post together; a third, imported later, joins them as an adjustment."""
    at = "2025-03-01T12:00:00Z"
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=_deal(),
        adjustments=f"{HEADER}\nA1,D,{at},-1.00,GBP\nA2,D,2025-03-01T13:00:00+01:00,-2.00,GBP",
    )
    assert _run(store) == 6
    load(store, adjustments=f"{HEADER}\nA0,D,{at},-3.00,GBP")
    _run(store)
    assert by_time(store, "D") == {CLOSED: 1000, at: -600}
    assert {entry.reason for entry in entries(store) if entry.run == 2} == {"adjustment"}
    assert credits(store, "D") == {"t1": 134, "t2": 133, "t3": 133}


def test_refunds_of_an_unattributed_deal_stay_unattributed(store: Store) -> None:
    """Without touches the line `(unattributed)` rises and falls step by step."""
    load(
        store,
        deals=_deal(emails=""),
        adjustments=f"{HEADER}\nA1,D,2025-03-01T00:00:00Z,-4.00,GBP\nA2,D,2025-04-01T00:00:00Z,-6.50,GBP",
    )
    _run(store)
    assert by_time(store, "D") == {CLOSED: 1000, "2025-03-01T00:00:00Z": -400, "2025-04-01T00:00:00Z": -650}
    assert credits(store, "D") == {NOBODY: -50}
    assert shares(store, "D") == {NOBODY: 1_000_000}


def test_a_refund_may_come_before_its_deal_and_outlive_it(store: Store) -> None:
    """It waits for the deal, counts while the deal is won, and is taken back with it."""
    load(store, touches=TOUCHES, identities=WHO, adjustments=f"{HEADER}\nA1,D,2025-03-01,-1.00,GBP")
    _run(store)
    assert entries(store) == []
    load(store, deals=_deal())
    _run(store)
    assert credits(store, "D") == {"t1": 300, "t2": 300, "t3": 300}
    load(store, deals=_deal(status="lost"))
    _run(store)
    assert by_time(store, "D") == {}
    assert credits(store, "D") == shares(store, "D") == {}
    load(store, deals=_deal())
    _run(store)
    assert by_time(store, "D") == {CLOSED: 1000, "2025-03-01T23:59:59.999999Z": -100}


def test_an_adjustment_in_another_currency_or_with_other_content_does_not_count(store: Store) -> None:
    """Dollars cannot be taken off pounds; an id that comes back with another amount is a conflict."""
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=_deal(),
        adjustments=f"{HEADER}\nA1,D,2025-03-01,-1.00,USD\nA2,D,2025-03-01,-3.00,GBP\nA2,D,2025-03-01,-3.00,GBP",
    )
    changed = f"{HEADER}\nA2,D,2025-03-01,-9.00,GBP".encode()
    assert store.import_table("adjustments", "-", stdin=io.BytesIO(changed)).totals["conflict"] == 1
    _run(store)
    assert credits(store, "D") == {"t1": 234, "t2": 233, "t3": 233}


def test_a_late_touch_re_shares_the_deal_and_its_refunds_each_at_its_own_time(store: Store) -> None:
    """The value of every period stays; only who earned it moves."""
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=_deal(),
        adjustments=f"{HEADER}\nA1,D,2025-03-01,-4.00,GBP",
    )
    _run(store)
    load(store, touches="touch_id,visitor_id,at\nt0,v1,2024-12-31")
    _run(store)
    assert credits(store, "D") == {"t0": 150, "t1": 150, "t2": 150, "t3": 150}
    late = [entry for entry in entries(store) if entry.run == 2]
    assert {entry.reason for entry in late} == {"late touch"}
    per_period = {at: sum(e.minor for e in late if e.at == at) for at in {e.at for e in late}}
    assert per_period == {CLOSED: 0, "2025-03-01T23:59:59.999999Z": 0}
