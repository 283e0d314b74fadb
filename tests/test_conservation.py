"""Nothing is lost and nothing is made up: under every model the entries of a deal are the deal."""

from __future__ import annotations

from hypothesis import given
from ledger_books import RULE_MODELS, totals, wipe
from worlds import World, examples, import_world, won_values, worlds

from attribution.engine import Store
from attribution.ledger.check import check_conservation

ALL_GOALS = ["revenue", "pipeline", "leads", "mql", "sqo"]


def test_every_deal_is_conserved_under_every_model(store: Store) -> None:
    """Whatever touches, contacts, refunds and rates there are, each won deal is shared out whole, once."""

    @examples(store, sqlite=8, postgresql=2)
    @given(worlds())
    def holds(world: World) -> None:
        wipe(store)
        store.config_set("reporting_currency", "GBP")
        import_world(store, world)
        store.run(models=RULE_MODELS, goals=ALL_GOALS, kinds="session click email impression")
        expected = won_values(world)
        assert totals(store) == {
            (model, deal): (value, 1_000_000) for model in RULE_MODELS for deal, value in expected.items()
        }
        created = {row["deal_id"] for row in world["deals"] if row["created_at"]}
        assert {key for _, key in totals(store, "created")} == created
        for kind, column in (("lead", "created_at"), ("mql", "mql_at"), ("sqo", "sqo_at")):
            whole = {row["lead_id"] for row in world["leads"] if row[column]}
            assert totals(store, kind) == {(m, key): (0, 1_000_000) for m in RULE_MODELS for key in whole}
        with store.db.read() as connection:
            assert check_conservation(connection) == []

    holds()
