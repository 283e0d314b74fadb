"""Run after run, or everything at once: the same inputs give the same ledger."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from ledger_books import RULE_MODELS, credits, entries, load, net, people, wipe
from sqlalchemy import select
from worlds import (
    Row,
    adjustment_rows,
    deal_rows,
    examples,
    identity_rows,
    import_rows,
    lead_rows,
    touch_rows,
)

from attribution.engine import Store
from attribution.ledger.check import check_conservation
from attribution.store import schema

Step = Callable[[Store], None]
GBP = {f"D{i}": "GBP" for i in range(1, 4)}


@st.composite
def _steps(draw: st.DrawFn) -> list[tuple[str, list[Row]]]:
    """Return imports in which records change: deals and leads come back with other content."""
    steps = []
    for number in range(draw(st.integers(2, 6))):
        table = draw(
            st.sampled_from(("deals", "deals", "touches", "leads", "identities", "adjustments", "config"))
        )
        rows: list[Row]
        if table == "deals":
            rows = [{"deal_id": draw(st.sampled_from(("D1", "D2"))), **draw(deal_rows())}]
        elif table == "leads":
            rows = [{"lead_id": draw(st.sampled_from(("L1", "L2"))), **draw(lead_rows())}]
        elif table == "touches":
            drawn = draw(st.lists(touch_rows(), min_size=1, max_size=4))
            rows = [{"touch_id": f"t{number}-{i}", **row} for i, row in enumerate(drawn)]
        elif table == "adjustments":
            rows = [{"adjustment_id": f"A{number}", **draw(adjustment_rows({"D1": "GBP", "D2": "GBP"}))}]
        elif table == "config":
            rows = [
                draw(
                    st.sampled_from(
                        (
                            {"own_domains": "google.com"}, {"timezone": "Asia/Tokyo"}, {"own_domains": ""},
                            {"impression_lookback": "400d"},
                        )
                    )
                )
            ]  # fmt: skip
        else:
            rows = draw(st.lists(identity_rows(), min_size=1, max_size=2))
        steps.append((table, rows))
    return steps


def _take(store: Store, table: str, rows: list[Row]) -> None:
    if table == "config":
        store.config_update(rows[0])
    else:
        import_rows(store, table, rows)


def _run(store: Store, *, models: list[str] | None = None) -> None:
    store.run(models=models or ["linear", "last_non_direct"], goals=["revenue", "pipeline", "leads"])
    store.run(
        models=["linear"], goals=["revenue", "pipeline"], scope="primary", kinds="session click impression"
    )


def _prepare(store: Store) -> None:
    wipe(store)
    store.config_set("reporting_currency", "GBP")
    rates = "\n".join(f"2025-0{month}-01,JPY,0.005{month}" for month in range(1, 5))
    load(store, rates=f"date,currency,rate\n{rates}\n2025-03-01,KWD,2.5505")


def test_any_sequence_of_changes_ends_like_one_run_at_the_end(store: Store) -> None:
    """Changed deals and leads, late touches, merges, settings: runs in between leave no trace in the net."""

    @examples(store, sqlite=4, postgresql=2)
    @given(_steps(), st.data())
    def holds(steps: list[tuple[str, list[Row]]], data: st.DataObject) -> None:
        _prepare(store)
        for step in steps:
            _take(store, *step)
            if data.draw(st.booleans()):
                _run(store, models=data.draw(st.sampled_from((None, ["linear"]))))
        _run(store)
        in_steps = (people(store), net(store), _journeys(store))
        with store.db.read() as connection:
            assert check_conservation(connection) == []
        store.run(models=["linear", "last_non_direct"], goals=["revenue", "pipeline", "leads"], full=True)
        assert net(store) == in_steps[1]

        _prepare(store)
        for step in steps:
            _take(store, *step)
        _run(store)
        assert (people(store), net(store), _journeys(store)) == in_steps

    holds()


def _journeys(store: Store) -> set[tuple[object, ...]]:
    """Return the stored journeys of what is a conversion now: set, deal, position and touch."""
    j, c, t, s = schema.journey_touch, schema.conversion, schema.touch, schema.journey_set
    statement = (
        select(s.c.kind, s.c.scope, s.c.kinds, c.c.key, j.c.position, t.c.touch_id)
        .join(c, c.c.conversion_id == j.c.conversion_id)
        .join(t, t.c.n == j.c.touch)
        .join(s, s.c.journey_set_id == j.c.journey_set_id)
        .where(c.c.active == 1)
    )
    with store.db.read() as connection:
        return {tuple(row) for row in connection.execute(statement)}


def test_one_closed_deal_looks_at_that_deal_only(store: Store) -> None:
    """Among many deals, one that closes is looked at alone, under every model, and posts for itself."""
    rows = "\n".join(f"D{i},won,2025-02-01,10.00,GBP,p{i % 7}@x.test" for i in range(50))
    load(
        store,
        touches="touch_id,visitor_id,at\n"
        + "\n".join(f"t{i},v{i % 7},2025-01-{1 + i % 28:02}" for i in range(60)),
        identities="visitor_id,email,at\n" + "\n".join(f"v{i},p{i}@x.test,2025-01-01" for i in range(7)),
        deals="deal_id,status,closed_at,amount,currency,emails\n" + rows,
    )
    store.run(models=RULE_MODELS, goals=["revenue"])
    before = len(entries(store))
    load(
        store, deals="deal_id,status,closed_at,amount,currency,emails\nnew,won,2025-02-02,9.00,GBP,p3@x.test"
    )
    answer = store.run(models=RULE_MODELS, goals=["revenue"])
    assert [row["conversions"] for row in answer.rows] == [1] * 6
    assert {entry.key for entry in entries(store) if entry.run == 2} == {"new"}
    assert len(entries(store)) - before == answer.totals["entries"]
    # v3 came on days 4, 11, 18, 25 twice over: t3, t10, ..., t59
    touches = [f"t{i}" for i in range(3, 60, 7)]
    assert len(touches) == 9
    assert credits(store, "new") == dict.fromkeys(touches, 100)


def test_what_does_not_concern_a_deal_does_not_look_at_it(store: Store) -> None:
    """A touch, an identity, a lead or an adjustment of somebody else leaves all deals in peace."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-01",
        identities="visitor_id,email,at\nv1,a@x.test,2025-01-01",
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2025-02-01,9.00,GBP,a@x.test",
    )
    store.run(models=["linear"], goals=["revenue"])
    load(
        store,
        touches="touch_id,visitor_id,at\nt2,v2,2025-01-01\nt3,stranger,2025-01-01",
        identities="visitor_id,email,at\nv2,b@x.test,2025-01-01",
        leads="lead_id,created_at,email\nL2,2025-01-01,b@x.test",
        adjustments="adjustment_id,deal_id,at,amount,currency\nA,other,2025-03-01,-1.00,GBP",
    )
    answer = store.run(models=["linear"], goals=["revenue"])
    assert [row["conversions"] for row in answer.rows] == [0]
    assert answer.totals["entries"] == 0
