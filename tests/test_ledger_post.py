"""The ledger only ever grows, and only by what is different from what it says already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from ledger_books import NOBODY, RULE_MODELS, by_time, credits, entries, load, shares
from sqlalchemy import Table, select

from attribution.engine import Store
from attribution.errors import AttributionEngineError, LedgerError, UnknownNameError
from attribution.journeys.columns import FloatArray, IntArray
from attribution.ledger import post
from attribution.ledger.allocate import allocate
from attribution.store import schema

TOUCHES = "touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v1,2025-01-02\nt3,v2,2025-01-03"
WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01\nv2,b@x.test,2025-01-01"
HEADER = "deal_id,status,created_at,closed_at,amount,currency,emails"
FEBRUARY, MARCH = "2025-02-01T23:59:59.999999Z", "2025-03-01T23:59:59.999999Z"

Row = tuple[object, ...]


def _deal(
    key: str = "D",
    status: str = "won",
    closed: str = "2025-02-01",
    amount: str = "10.00",
    emails: str = "a@x.test",
) -> str:
    return f"{HEADER}\n{key},{status},,{closed},{amount},GBP,{emails}"


def _prepare(store: Store) -> None:
    load(
        store,
        touches=TOUCHES,
        identities=WHO,
        deals=f"{_deal()}\nE,won,,2025-02-01,8.00,GBP,b@x.test\nF,open,,,5.00,GBP,a@x.test",
    )
    _run(store)


def _run(store: Store) -> int:
    return int(store.run(models=["linear", "last_touch"], goals=["revenue"]).totals["entries"])


def _rows(store: Store, table: Table) -> Counter[Row]:
    with store.db.read() as connection:
        return Counter(tuple(row) for row in connection.execute(select(table)))


def _posted(store: Store, run: int) -> dict[tuple[str, str], int]:
    """Return the minor units that a run posted under linear, by deal and touch."""
    sums: Counter[tuple[str, str]] = Counter()
    for entry in entries(store):
        if (entry.run, entry.model) == (run, "linear"):
            sums[entry.key, entry.touch] += entry.minor
    return dict(sums)


def _reasons(store: Store, run: int) -> set[str]:
    return {entry.reason for entry in entries(store) if entry.run == run}


def test_a_second_run_posts_nothing(store: Store) -> None:
    """Neither as it is, nor after the same files again, nor with `full`."""
    _prepare(store)
    before = _rows(store, schema.entry)
    assert _run(store) == 0
    load(store, touches=TOUCHES, identities=WHO, deals=_deal())
    assert _run(store) == 0
    answer = store.run(models=["linear", "last_touch"], goals=["revenue"], full=True)
    assert answer.totals["entries"] == 0
    assert [row["conversions"] for row in answer.rows] == [2, 2]
    assert _rows(store, schema.entry) == before
    assert len(_rows(store, schema.run)) == 1


def test_entries_are_never_changed_or_removed(store: Store) -> None:
    """Whatever happens to deals, people, touches, rates and settings: what was posted stays posted."""
    _prepare(store)
    steps: list[Callable[[], object]] = [
        lambda: load(store, deals=_deal(amount="12.00")),
        lambda: load(store, deals=_deal(status="lost")),
        lambda: load(store, deals=_deal(closed="2025-03-01", emails="a@x.test;b@x.test")),
        lambda: load(store, identities="visitor_id,email,at\nv1,b@x.test,2025-01-05"),
        lambda: load(store, touches="touch_id,visitor_id,at\nt0,v2,2024-12-31"),
        lambda: load(store, adjustments="adjustment_id,deal_id,at,amount,currency\nA,D,2025-04-01,-3.00,GBP"),
        lambda: load(store, deals=_deal("G", amount="7.00", closed="2025-03-03").replace("GBP", "USD")),
        lambda: load(store, rates="date,currency,rate\n2025-02-28,USD,0.80"),
        lambda: store.run(models=["linear"], goals=["revenue"], lookback="7d"),
    ]
    for step in steps:
        before = _rows(store, schema.entry)
        step()
        _run(store)
        after = _rows(store, schema.entry)
        assert before <= after
        assert len(after) > len(before)


def test_one_changed_deal_posts_for_that_deal_only(store: Store) -> None:
    """Two pounds more: one to each of its touches, effective when the deal closed; nothing else moves."""
    _prepare(store)
    load(store, deals=f"{_deal(amount='12.00')}\nE,won,,2025-02-01,8.00,GBP,b@x.test")
    answer = store.run(models=["linear", "last_touch"], goals=["revenue"])
    assert [row["conversions"] for row in answer.rows] == [1, 1]
    assert _posted(store, 2) == {("D", "t1"): 100, ("D", "t2"): 100}
    assert {entry.at for entry in entries(store) if entry.run == 2} == {FEBRUARY}
    assert _reasons(store, 2) == {"deal changed"}
    assert _reasons(store, 1) == {"closed"}


def test_won_lost_and_won_again(store: Store) -> None:
    """A deal that leaves `won` takes all its credit back where it was; won again, it is the same deal."""
    _prepare(store)
    for status in ("lost", "open"):
        load(store, deals=_deal(status=status, closed="2025-03-01" if status == "lost" else ""))
        _run(store)
        assert credits(store, "D") == shares(store, "D") == by_time(store, "D") == {}
    assert _posted(store, 2) == {("D", "t1"): -500, ("D", "t2"): -500}
    load(store, deals=_deal(closed="2025-03-01"))
    _run(store)
    assert by_time(store, "D") == {MARCH: 1000}
    assert shares(store, "D") == {"t1": 500_000, "t2": 500_000}
    assert _reasons(store, 2) == _reasons(store, 3) == {"deal changed"}
    # one that was never won before is a first posting
    load(store, deals=_deal("F", amount="5.00"))
    _run(store)
    assert _reasons(store, 4) == {"closed"}


def test_a_moved_closing_moves_the_money_to_its_new_time(store: Store) -> None:
    """It was never closed in February: that period gets its money back."""
    _prepare(store)
    load(store, deals=_deal(closed="2025-03-01"))
    _run(store)
    assert by_time(store, "D") == {MARCH: 1000}
    assert _reasons(store, 2) == {"deal changed"}
    assert sum(entry.share for entry in entries(store) if entry.run == 2) == 0


def test_other_contacts_are_another_journey(store: Store) -> None:
    """Ben replaces Anna, then nobody is known at all."""
    _prepare(store)
    load(store, deals=_deal(emails="b@x.test"))
    _run(store)
    assert _posted(store, 2) == {("D", "t1"): -500, ("D", "t2"): -500, ("D", "t3"): 1000}
    load(store, deals=_deal(emails="c@x.test"))
    _run(store)
    assert credits(store, "D") == {NOBODY: 1000}
    assert _reasons(store, 2) == _reasons(store, 3) == {"deal changed"}


def test_a_late_touch_moves_credit_within_the_period_of_the_close(store: Store) -> None:
    """Its entries sum to nothing, at the original closing."""
    _prepare(store)
    load(store, touches="touch_id,visitor_id,at\nt0,v1,2024-12-31\nfar,v1,2025-06-01")
    _run(store)
    assert _posted(store, 2) == {("D", "t0"): 334, ("D", "t1"): -167, ("D", "t2"): -167}
    assert {(entry.at, entry.reason) for entry in entries(store) if entry.run == 2} == {
        (FEBRUARY, "late touch")
    }
    assert sum(entry.minor for entry in entries(store) if entry.run == 2) == 0


def test_people_who_turn_out_to_be_one_share_their_touches(store: Store) -> None:
    """Both deals see all three touches from then on."""
    _prepare(store)
    load(
        store,
        identities="email,phone,at\na@x.test,+442079460018,2025-05-01\nb@x.test,+442079460018,2025-05-01",
    )
    _run(store)
    assert credits(store, "D") == {"t1": 334, "t2": 333, "t3": 333}
    assert credits(store, "E") == {"t1": 267, "t2": 267, "t3": 266}
    assert _reasons(store, 2) == {"people changed"}


def test_a_second_model_later_and_other_windows_stand_beside_the_first(store: Store) -> None:
    """Each is a credit set: posted from the beginning, and the others do not move."""
    _prepare(store)
    before = _rows(store, schema.entry)
    store.run(models=["first_touch", "time_decay:half_life=1d"], goals=["revenue"])
    store.run(models=["linear"], goals=["revenue"], lookback="30d")
    store.run(models=["linear"], goals=["revenue"], scope="primary")
    assert credits(store, "D", "first_touch") == {"t1": 1000}
    assert credits(store, "D", "time_decay:half_life=1d") == {"t1": 333, "t2": 667}
    # thirty days before the end of 1 February is the end of 2 January
    assert credits(store, "D", window="30d contacts") == {NOBODY: 1000}
    assert credits(store, "D", window="365d primary") == {NOBODY: 1000}
    after = _rows(store, schema.entry)
    assert before <= after
    assert {entry.reason for entry in entries(store)} == {"closed"}
    # the default parameter written out is the same credit set as the bare name
    assert store.run(models=["time_decay:half_life=7d"], goals=["revenue"]).totals["entries"] > 0
    assert store.run(models=["time_decay"], goals=["revenue"]).totals["entries"] == 0


def test_credit_sets_catch_up_from_where_each_has_read(store: Store) -> None:
    """A model that was not run for a while posts all that it missed, at once."""
    _prepare(store)
    load(store, deals=_deal(amount="12.00"))
    store.run(models=["linear"], goals=["revenue"])
    load(store, touches="touch_id,visitor_id,at\nt9,v2,2025-01-20")
    store.run(models=["linear"], goals=["revenue"])
    _run(store)
    assert credits(store, "D", "last_touch") == {"t2": 1200}
    assert credits(store, "E", "last_touch") == {"t9": 800}
    assert credits(store, "E") == {"t3": 400, "t9": 400}


@pytest.mark.parametrize(
    "models",
    [["linear", "lineer"], ["time_decay:half_life=soon"], ["linear:depth=2"], ["position_based:first=2"]],
)
def test_a_model_that_cannot_be_meant_posts_nothing(store: Store, models: list[str]) -> None:
    """Unknown names and parameters stop the run before anything is written, even identities."""
    load(store, touches=TOUCHES, identities=WHO, deals=_deal())
    before = {table.name: _rows(store, table) for table in schema.metadata.sorted_tables}
    with pytest.raises(AttributionEngineError):
        store.run(models=models)
    assert {table.name: _rows(store, table) for table in schema.metadata.sorted_tables} == before


def test_an_unknown_model_names_the_nearest(sqlite_store: Store) -> None:
    """The sentence helps with the spelling."""
    with pytest.raises(UnknownNameError, match="linear"):
        sqlite_store.run(models=["lineer"])


@pytest.mark.parametrize("fault", ["a unit too much", "nothing at all"])
def test_a_write_that_would_not_balance_leaves_nothing_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Should the allocation ever lose or make a unit, the run stops and the store is as it was."""
    _prepare(store)
    load(store, deals=f"{_deal(amount='12.00')}\nF,won,,2025-02-01,5.00,GBP,a@x.test", identities=WHO)
    before = {table.name: _rows(store, table) for table in schema.metadata.sorted_tables}

    def wrong(share: FloatArray, offsets: IntArray, values: IntArray) -> IntArray:
        amounts = allocate(share, offsets, values)
        return amounts + 1 if fault == "a unit too much" else amounts * 0

    monkeypatch.setattr(post, "allocate", wrong)
    with pytest.raises(LedgerError, match="nothing was posted"):
        _run(store)
    assert {table.name: _rows(store, table) for table in schema.metadata.sorted_tables} == before
    monkeypatch.undo()
    _run(store)
    assert credits(store, "D") == {"t1": 600, "t2": 600}
    assert credits(store, "F") == {"t1": 250, "t2": 250}


def test_six_models_agree_on_what_a_single_touch_is_worth(store: Store) -> None:
    """One touch has it all, under every model."""
    _prepare(store)
    store.run(models=RULE_MODELS, goals=["revenue"])
    assert [credits(store, "E", model) for model in RULE_MODELS] == [{"t3": 800}] * 6
