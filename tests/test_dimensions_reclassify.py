"""When the rules of channels or the own sites change, credit moves to where touches stand now."""

from __future__ import annotations

from collections import Counter

from ledger_books import credits, entries, load, net, wipe

from attribution.channels.origin import PLACEMENT_FIELDS
from attribution.engine import Store

TOUCHES = """
touch_id,visitor_id,at,url,referrer
search,v1,2025-01-01,https://acme.com/,https://www.google.com/
shop,v1,2025-01-02,https://acme.com/,https://shop.acme.example/
mail,v2,2025-01-03,https://acme.com/?utm_medium=email&utm_source=news,
"""
WHO = "visitor_id,email,at\nv1,a@x.test,2025-01-01\nv2,b@x.test,2025-01-01"
DEALS = """
deal_id,status,closed_at,amount,currency,emails
D,won,2025-02-01,10.00,GBP,a@x.test
E,won,2025-02-01,8.00,GBP,b@x.test
"""
_CHANNEL = PLACEMENT_FIELDS.index("channel")


def _prepare(store: Store) -> None:
    load(store, touches=TOUCHES, identities=WHO, deals=DEALS)


def _run(store: Store) -> None:
    store.run(models=["linear", "last_non_direct"], goals=["revenue"])


def _channels(store: Store, key: str, model: str = "linear") -> dict[str | None, int]:
    sums: Counter[str | None] = Counter()
    for entry in entries(store):
        if (entry.key, entry.model) == (key, model):
            sums[entry.placement[_CHANNEL]] += entry.minor
    return {channel: minor for channel, minor in sums.items() if minor}


def test_an_own_site_named_later_moves_its_referrals(store: Store) -> None:
    """The shop is a referral until it is one's own: then its visit is direct, and the search has it all."""
    _prepare(store)
    _run(store)
    assert _channels(store, "D") == {"Organic Search": 500, "Referral": 500}
    assert credits(store, "D", "last_non_direct") == {"shop": 1000}
    store.config_set("own_domains", "acme.com shop.acme.example")
    _run(store)
    assert _channels(store, "D") == {"Organic Search": 500, "Direct": 500}
    assert credits(store, "D", "last_non_direct") == {"search": 1000}
    moved = [entry for entry in entries(store) if entry.run == 2]
    # where nothing moved nothing was posted, and what moved did so when the deal closed
    assert {(entry.key, entry.at, entry.reason) for entry in moved} == {
        ("D", "2025-02-01T23:59:59.999999Z", "recomputed")
    }
    assert sorted((e.touch, e.minor) for e in moved if e.model == "linear") == [("shop", -500), ("shop", 500)]
    _run(store)
    assert len(entries(store)) == 2 + 1 + 1 + 1 + len(moved)


def test_it_does_not_matter_when_the_own_sites_were_named(store: Store) -> None:
    """Before the import, or after any number of runs: the ledger says the same."""
    _prepare(store)
    _run(store)
    store.config_set("own_domains", "shop.acme.example")
    _run(store)
    late = net(store)
    wipe(store)
    store.config_set("own_domains", "shop.acme.example")
    _prepare(store)
    _run(store)
    assert net(store) == late
    # and back again
    store.config_set("own_domains", "")
    _run(store)
    assert _channels(store, "D") == {"Organic Search": 500, "Referral": 500}
