"""Files may come in any order, in any pieces and as often as they like: the store ends up the same."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from ledger_books import net, people, wipe
from worlds import World, examples, import_rows, import_world, worlds

from attribution.engine import Store

MODELS = ["linear", "time_decay"]


def _run(store: Store) -> None:
    store.run(models=MODELS, goals=["revenue", "pipeline", "leads"], scope="contacts")
    store.run(models=["linear"], goals=["revenue"], scope="primary", kinds="session click call")


def _prepare(store: Store) -> None:
    wipe(store)
    store.config_set("reporting_currency", "GBP")


def test_any_order_any_split_any_repetition(store: Store) -> None:
    """Importing the same rows in any order, split and repeated, with runs between or not, changes nothing."""

    @examples(store, sqlite=4, postgresql=2)
    @given(worlds(), st.randoms(use_true_random=False))
    def holds(world: World, chance: random.Random) -> None:
        _prepare(store)
        import_world(store, world)
        _run(store)
        expected = (people(store), net(store))

        _prepare(store)
        rows = [(table, row) for table, several in world.items() for row in several]
        rows += [one for one in rows if chance.random() < 0.3]
        chance.shuffle(rows)
        while rows:
            table = rows[0][0]
            of_table = [one for one in rows if one[0] == table][: chance.randint(1, 6)]
            import_rows(store, table, [row for _, row in of_table])
            for one in of_table:
                rows.remove(one)
            if chance.random() < 0.25:
                _run(store)
        _run(store)
        assert (people(store), net(store)) == expected

    holds()
