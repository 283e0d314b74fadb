"""Who is drawn together when figures are judged: an account with all its people, else a person."""

from __future__ import annotations

import numpy as np
from ledger_books import load
from test_corpus_store import corpus_of

from attribution.engine import Store
from attribution.journeys.read import Window

WINDOW = Window(lookback="365d", scope="contacts", kinds="session")


def _shop(store: Store, order: tuple[int, ...]) -> Store:
    """Import six people, two an account but for the last two, who have none; people in the order given."""
    touches = "\n".join(f"t{i},v{i},2025-01-0{i + 1}T09:00:00Z,Email" for i in order)
    leads = "\n".join(f"L{i},2025-01-20,v{i},{('acme.test', 'bolt.test', '')[i // 2]}" for i in order)
    deals = "\n".join(f"D{i},won,2025-01-21,2025-02-0{i + 1},100.00,GBP,L{i}" for i in order)
    load(
        store,
        touches=f"touch_id,visitor_id,at,channel\n{touches}\ns1,stranger,2025-01-01T09:00:00Z,Direct",
        leads=f"lead_id,created_at,visitor_id,account\n{leads}",
        deals=f"deal_id,status,created_at,closed_at,amount,currency,lead_id\n{deals}",
    )
    store.run(models=["linear"], goals=["revenue"])
    return store


def test_people_of_an_account_are_one_unit(store: Store) -> None:
    """Four people in two accounts, two on their own, and a stranger: five units of 2, 2, 1, 1 and 1."""
    corpus = corpus_of(_shop(store, (0, 1, 2, 3, 4, 5)), "won", WINDOW)
    _, sizes = np.unique(corpus.unit, return_counts=True)
    assert sorted(sizes.tolist()) == [1, 1, 1, 2, 2]


def test_units_are_the_same_whatever_came_first(store: Store, sqlite_store: Store) -> None:
    """Their numbers decide the draws, so they come from names and not from the order of imports."""
    one = corpus_of(_shop(store, (0, 1, 2, 3, 4, 5)), "won", WINDOW)
    other = corpus_of(_shop(sqlite_store, (5, 3, 1, 0, 2, 4)), "won", WINDOW)
    assert sorted(one.unit.tolist()) == sorted(other.unit.tolist())
