"""Fits in a store: made once, kept by number, used until somebody asks for another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import credits, entries, load, net, totals, wipe
from sqlalchemy import select
from worlds import World, examples, import_rows, import_world, worlds

from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.journeys.columns import Journeys
from attribution.ledger.check import check_conservation
from attribution.store import schema

# one deal through Email and Direct; of three journeys through Email alone, one through Direct converts
TOUCHES = """
touch_id,visitor_id,at,channel
a1,a,2025-05-01T09:00:00Z,Email
a2,a,2025-05-02T09:00:00Z,Direct
b1,b,2025-05-01T09:00:00Z,Direct
c1,c,2025-05-01T09:00:00Z,Email
d1,d,2025-05-03T09:00:00Z,Email
"""
LEADS = """
lead_id,created_at,visitor_id
La,2025-05-02T10:00:00Z,a
Lb,2025-05-01T10:00:00Z,b
"""
DEALS = """
deal_id,status,created_at,closed_at,amount,currency,lead_id
Da,won,2025-05-02,2025-05-05,100.00,GBP,La
Db,won,2025-05-02,2025-05-06,50.00,GBP,Lb
"""
MORE = {
    "touches": "touch_id,visitor_id,at,channel\ne1,e,2025-06-01T09:00:00Z,Email",
    "leads": "lead_id,created_at,visitor_id\nLe,2025-06-01T10:00:00Z,e",
    "deals": "deal_id,status,created_at,closed_at,amount,currency,lead_id\n"
    "De,won,2025-06-01,2025-06-03,70.00,GBP,Le",
}


@pytest.fixture
def shop(store: Store) -> Store:
    """Return a store with two deals and two strangers, run under Markov."""
    load(store, touches=TOUCHES, leads=LEADS, deals=DEALS)
    store.run(models=["markov"], goals=["revenue"])
    return store


def fits(store: Store) -> list[tuple[Any, ...]]:
    """Return model and number of every fit."""
    c, f = schema.credit_set, schema.model_fit
    statement = select(c.c.label, f.c.number).join(f, f.c.credit_set_id == c.c.credit_set_id)
    with store.db.read() as connection:
        return sorted(tuple(row) for row in connection.execute(statement))


def test_the_first_run_learns_and_later_ones_use_it(shop: Store) -> None:
    """Removal effects by hand: Email 1/2, Direct 1; so the deal through both is split 1 : 2.

    Paths: start > Email (3 of 4), start > Direct (1 of 4); Email > Direct (1 of 3), Email > null (2 of 3);
    Direct > conversion (2 of 2). P = 1/4 + 3/4 * 1/3 = 1/2; without Email 1/4, without Direct 0.
    """
    assert credits(shop, "Da", "markov") == {"a1": 3333, "a2": 6667}
    answer = shop.model_show("markov")
    assert [(r["channel"], r["removal_effect"], r["conversions_by_effect"]) for r in answer.rows] == [
        ("Direct", pytest.approx(1), 1.333333), ("Email", pytest.approx(0.5), 0.666667),
    ]  # fmt: skip
    assert [(r["value_by_effect"], r["value_credited"]) for r in answer.rows] == [
        ("100.00", "116.67"), ("50.00", "33.33"),
    ]  # fmt: skip
    assert answer.totals["conversion_probability"] == pytest.approx(0.5)
    assert (answer.totals["journeys"], answer.totals["fit"]) == (4, 1)
    load(shop, **MORE)
    shop.run(models=["markov"], goals=["revenue"])
    assert fits(shop) == [("markov", 1)]
    assert credits(shop, "Da", "markov") == {"a1": 3333, "a2": 6667}  # the closed quarter did not move
    assert credits(shop, "De", "markov") == {"e1": 7000}


def test_a_refit_restates_with_its_reason_and_says_what_moved(shop: Store) -> None:
    """Email converts by itself now: its effect rises, and with it its part of the older deal."""
    load(shop, **MORE)
    shop.run(models=["markov"], goals=["revenue"])
    before = len(entries(shop))
    answer = shop.model_fit(["markov"], goals=["revenue"])
    # P = 1/5 + 4/5 * (1/4 + 1/4) = 3/5; without Email 1/5, without Direct 4/5 * 1/4 = 1/5: both 2/3
    assert fits(shop) == [("markov", 1), ("markov", 2)]
    assert credits(shop, "Da", "markov") == {"a1": 5000, "a2": 5000}
    moved = [e for e in entries(shop) if e.reason == "refit"]
    assert (len(moved), len(entries(shop)) - before) == (2, 2)
    assert {e.at for e in moved} == {"2025-05-05T23:59:59.999999Z"}  # in the month of the deal
    assert [(r["channel"], r["month"], r["before"], r["after"], r["moved"]) for r in answer.rows] == [
        ("Direct", "2025-05", "116.67", "100.00", "-16.67"),
        ("Email", "2025-05", "33.33", "50.00", "16.67"),
    ]
    assert shop.changes("2020-01-01").to_frame().query("reason == 'refit'")["key"].tolist() == ["Da"]
    again = shop.model_fit(["markov"], goals=["revenue"])
    assert (again.rows, again.totals["entries"]) == ([], 0)  # nothing new was learned


def test_new_deals_of_a_refit_are_not_called_refitted(shop: Store) -> None:
    """What came in since the last run is posted for its own reason, under the fit that there was."""
    load(shop, **MORE)
    answer = shop.model_fit(["markov"], goals=["revenue"])
    reasons = {(e.key, e.reason) for e in entries(shop)}
    assert reasons == {("Da", "closed"), ("Db", "closed"), ("De", "closed"), ("Da", "refit")}
    assert {row["month"] for row in answer.rows} == {"2025-05"}


def test_a_refit_as_of_a_day_learns_from_what_lies_before(shop: Store) -> None:
    """As of the fifth of May one deal had closed and the other was open, which makes no null journey.

    So one of three journeys converted, through both channels: without either nothing is left.
    """
    answer = shop.model_fit(["markov"], goals=["revenue"], as_of="2025-05-05")
    assert shop.model_show("markov").totals["conversion_probability"] == pytest.approx(1 / 3)
    assert credits(shop, "Da", "markov") == {"a1": 5000, "a2": 5000}
    assert answer.warnings[-1].startswith("markov, revenue: fit 2, of 1 conversion and 2 journeys")
    nothing = shop.model_fit(["markov"], goals=["revenue"], as_of="2025-05-01")
    assert "no conversion with a touch up to 2025-05-01" in nothing.warnings[0]
    assert nothing.totals == {"entries": 0}
    assert fits(shop) == [("markov", 1), ("markov", 2)]
    later = shop.model_fit(["markov"], goals=["revenue"], as_of="2999-01-01")  # as of all that is known
    assert "of 2 conversions and 2 journeys" in later.warnings[-1]
    with pytest.raises(InputError, match="--as-of 'yesterday' is not a day"):
        shop.model_fit(["markov"], as_of="yesterday")


def test_where_nothing_converted_nothing_is_learned_yet(store: Store) -> None:
    """The fit is made by the run that finds the first conversions, also long after the first run."""
    load(store, touches=TOUCHES)
    store.run(models=["markov"], goals=["revenue"])
    assert fits(store) == []
    load(store, deals="deal_id,status,closed_at,amount,currency\nDx,won,2025-05-05,10.00,GBP")
    store.run(models=["markov"], goals=["revenue"])  # a conversion without touches teaches nothing
    assert (fits(store), credits(store, "Dx", "markov")) == ([], {"(unattributed)": 1000})
    assert "has learned nothing yet" in store.model_show("markov").warnings[0]
    load(store, leads=LEADS, deals=DEALS)
    store.run(models=["markov"], goals=["revenue"])
    assert fits(store) == [("markov", 1)]
    assert credits(store, "Da", "markov") == {"a1": 3333, "a2": 6667}
    assert credits(store, "Dx", "markov") == {"(unattributed)": 1000}
    with store.db.read() as connection:
        assert check_conservation(connection) == []


def test_goals_learn_apart_and_value_differs_from_conversions(shop: Store) -> None:
    """Leads have a fit of their own; `reward=value` another credit set with a fit of its own."""
    shop.run(models=["markov", "markov:reward=value", "shapley_rate"], goals=["revenue", "leads"])
    assert fits(shop) == [
        ("markov", 1), ("markov", 1), ("markov:reward=value", 1), ("markov:reward=value", 1),
        ("shapley_rate", 1), ("shapley_rate", 1),
    ]  # fmt: skip
    # every conversion ends in Direct, so each is worth the same to the chain: value and conversions agree
    assert credits(shop, "Da", "markov:reward=value") == {"a1": 3333, "a2": 6667}
    # v(Direct) = 50, v(Email) = 0, v(both) = 150 / 4: Direct (50 + 37.5) / 2, Email (0 - 12.5) / 2
    assert credits(shop, "Da", "shapley_rate") == {"a2": 10000}
    figures = {row["channel"]: (row["phi"], row["total"]) for row in shop.model_show("shapley_rate").rows}
    assert figures == {"Direct": (43.75, "175.00"), "Email": (-6.25, "-25.00")}
    assert list(shop.model_show("markov", goal="leads").rows[0]) == [
        "channel", "removal_effect", "conversions_by_effect", "conversions_credited",
    ]  # fmt: skip


def test_other_dimensions_take_the_channels_place(shop: Store) -> None:
    """By campaign there are only touches without one: one name, which takes it all."""
    shop.run(models=["markov:by=campaign", "shapley:by=source/medium"], goals=["revenue"])
    assert credits(shop, "Da", "markov:by=campaign") == {"a1": 5000, "a2": 5000}
    rows = shop.model_show("markov:by=campaign").rows
    assert [(r["campaign"], r["removal_effect"], r["value_credited"]) for r in rows] == [
        ("(not set)", pytest.approx(1), "150.00")
    ]
    with pytest.raises(UnknownNameError, match="nosuch"):
        shop.run(models=["markov:by=nosuch"])


def test_the_transitions_are_those_of_the_fit(shop: Store) -> None:
    """Counts by hand; the chances of leaving a state sum to one."""
    rows = shop.model_show("markov", what="transitions").rows
    assert [tuple(row.values()) for row in rows] == [
        ("(start)", "Direct", 1, pytest.approx(1 / 4)),
        ("(start)", "Email", 3, pytest.approx(3 / 4)),
        ("Direct", "(conversion)", 2, pytest.approx(1)),
        ("Email", "Direct", 1, pytest.approx(1 / 3)),
        ("Email", "(null)", 2, pytest.approx(2 / 3)),
    ]


def test_the_fitted_model_itself_can_be_had(shop: Store) -> None:
    """As an object that shares any journeys, by what the store learned."""
    model = shop.fitted_model("markov")
    journeys = Journeys.from_paths([[(0, "Email"), (1, "Direct"), (2, "Direct")]])
    assert model.shares(journeys).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    with pytest.raises(InputError, match="run it with: attribution run --model shapley_rate"):
        shop.fitted_model("shapley_rate")
    shop.run(models=["linear"], goals=["revenue"])
    assert shop.compare("channel", ["linear", model]).model == "linear, markov"  # it stands for its credits


def test_what_cannot_be_meant_is_refused(shop: Store) -> None:
    """A model that learns nothing, one that has no transitions, one that was never run."""
    with pytest.raises(InputError, match=r"linear learns nothing.*markov, shapley_rate"):
        shop.model_fit(["linear"])
    with pytest.raises(InputError, match="no model of the setting `models` learns anything"):
        shop.model_fit()
    shop.run(models=["linear"], goals=["revenue"])
    with pytest.raises(InputError, match="linear has no transitions"):
        shop.model_show("linear", what="transitions")
    with pytest.raises(InputError, match="run it with: attribution run --model markov:order=2"):
        shop.model_show("markov:order=2")


LEARNING = ["markov:order=2", "shapley_rate", "shapley", "w_shaped"]


def test_deals_are_conserved_and_a_refit_forgets_how_it_came(store: Store) -> None:
    """Any company in two imports, runs between: each deal adds up, and after a refit all is as from new."""

    @examples(store, sqlite=4, postgresql=2)
    @given(worlds(), st.integers(0, 3))
    def holds(world: World, cut: int) -> None:
        def prepared() -> None:
            wipe(store)
            store.config_set("reporting_currency", "GBP")

        prepared()
        import_world(store, {table: rows[:cut] for table, rows in world.items()})
        store.run(models=LEARNING, goals=["revenue", "leads"])
        for table, rows in world.items():
            import_rows(store, table, rows[cut:])
        store.run(models=LEARNING, goals=["revenue", "leads"])
        with store.db.read() as connection:
            assert check_conservation(connection) == []
        for kind in ("won", "lead"):
            per_model: dict[str, set[tuple[str, tuple[int, int]]]] = {}
            for (model, key), sums in totals(store, kind).items():
                per_model.setdefault(model, set()).add((key, sums))
            assert len({frozenset(sums) for sums in per_model.values()}) <= 1
        store.model_fit(LEARNING[:2], goals=["revenue", "leads"])
        in_steps = net(store)
        assert store.run(models=LEARNING, goals=["revenue", "leads"]).totals == {"entries": 0}

        prepared()
        import_world(store, world)
        store.run(models=LEARNING, goals=["revenue", "leads"])
        assert net(store) == in_steps

    holds()
