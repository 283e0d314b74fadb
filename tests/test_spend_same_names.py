"""Campaigns that are called alike are told apart by the platform's ids, at every level of reports."""

from __future__ import annotations

from itertools import permutations
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_books import load, wipe

from attribution.engine import Store
from attribution.metrics.spend_levels import counted

HEAD = "date,platform,cost,currency,campaign_id,campaign,ad_group_id,ad_group,ad_id,ad"


def total(store: Store, *rows: str, by: str = "campaign") -> dict[str, str]:
    """Report what these rows of spend cost."""
    wipe(store)
    load(store, spend="\n".join([HEAD, *rows]))
    return spent(store, by)


def spent(store: Store, by: str = "campaign") -> dict[str, str]:
    """Report spend by a dimension, and in all."""
    store.run(models=["linear"], goals=["revenue"])
    answer = store.report(by, model="linear", currency="EUR")
    found = {row[by]: row["spend"] for row in answer.rows if row["spend"] != "0.00"}
    return found | {"all": answer.totals["spend"]}


def test_a_campaign_and_the_ads_of_another_of_its_name(store: Store) -> None:
    """111 cost 100.00 and 222 cost 80.00: neither is the total of the other."""
    rows = (
        "2026-03-01,google,100.00,EUR,111,Brand,,,,",
        "2026-03-01,google,80.00,EUR,222,Brand,,AG,9,",
    )
    for row in rows:
        load(store, spend=f"{HEAD}\n{row}")
    assert spent(store) == {"Brand": "180.00", "all": "180.00"}


def test_ad_groups_and_ads_of_one_name(sqlite_store: Store) -> None:
    """Of one campaign 50.00 went to ad group 5 and 40.00 to an ad of ad group 6, which is called alike."""
    assert total(
        sqlite_store,
        "2026-03-01,meta,100.00,EUR,1,A,,,,",
        "2026-03-01,meta,50.00,EUR,1,A,5,Broad,,",
        "2026-03-01,meta,40.00,EUR,1,A,6,Broad,61,Blue",
        "2026-03-01,meta,3.00,EUR,1,A,6,Broad,62,Blue",
        by="ad",
    ) == {"(not set)": "50.00", "Blue": "43.00", "(other)": "7.00", "all": "100.00"}


def test_a_name_without_an_id_is_whatever_is_called_so(sqlite_store: Store) -> None:
    """In whatever order they come: 120.00 for Brand, of which two campaigns with ids tell 100.00."""
    rows = (
        "2026-03-01,google,120.00,EUR,,Brand,,,,",
        "2026-03-01,google,60.00,EUR,111,Brand,,,,",
        "2026-03-01,google,25.00,EUR,111,brand,,AG,9,",
        "2026-03-01,google,40.00,EUR,222,BRAND,,,,",
        "2026-03-01,google,7.00,EUR,333,Generic,,,,",
    )
    for order in list(permutations(rows))[::17]:
        assert total(sqlite_store, *order)["all"] == "127.00"


def test_an_id_whose_name_nobody_says(sqlite_store: Store) -> None:
    """No name is the same as it; with its own finer rows it is counted once."""
    assert total(
        sqlite_store,
        "2026-03-01,google,30.00,EUR,111,,,,,",
        "2026-03-01,google,20.00,EUR,111,,,AG,,",
        "2026-03-01,google,40.00,EUR,,Brand,,,,",
        "2026-03-01,google,5.00,EUR,222,,,,,",
    )["all"] == "75.00"  # fmt: skip


def test_the_total_of_an_account_and_two_of_one_name(sqlite_store: Store) -> None:
    assert total(
        sqlite_store,
        "2026-03-01,google,200.00,EUR,,,,,,",
        "2026-03-01,google,100.00,EUR,111,Brand,,,,",
        "2026-03-01,google,80.00,EUR,222,Brand,,,,",
    ) == {"Brand": "180.00", "(other)": "20.00", "all": "200.00"}


def test_a_hundred_thousand_ids_take_columns() -> None:
    """Campaigns of one name, each with two ads: the ads tell 60 of 100 of each."""
    n = 100_000
    ids = np.zeros((3 * n, 4), np.int64)
    ids[:, 0] = np.tile(np.arange(n) + 1, 3)
    ids[n:, 2] = np.arange(2 * n) + 1
    levels = (ids > 0).astype(np.int64)
    minor = np.repeat([100, 30, 30], n)
    same, order = np.zeros(3 * n, np.int64), np.arange(3 * n)
    out, rest = counted(same, same, levels, minor, order, np.ones(3 * n, bool), ids=ids)
    assert (out[:n] == 40).all()
    assert rest.sum() == n
    assert out.sum() == 100 * n


CODE = st.integers(0, 2)
KINDS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 500), CODE, CODE, CODE, CODE, CODE, st.integers(0, 15), CODE),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=80)
@given(KINDS, st.randoms(use_true_random=False))
def test_no_kind_of_row_is_lost_in_any_order(rows: list[tuple[int, ...]], shuffle: Random) -> None:
    """All rows count at least what those of any one kind say, and in whatever order they come."""
    order = list(range(len(rows)))
    shuffle.shuffle(order)
    found = []
    for content in (list(range(len(rows))), order):
        table = np.array([rows[i] for i in content], np.int64)
        day, minor, network, said = table[:, 0], table[:, 1], table[:, 2], table[:, 7]
        levels = table[:, 3:7]
        # an id has one name: the level's own, or a further one of the same name
        ids = np.where((said[:, None] >> np.arange(4) & 1) * levels > 0, levels * 2 + table[:, 8:] % 2, 0)
        out, rest = counted(
            day, np.zeros_like(day), levels, minor, np.array(content), np.ones(len(day), bool),
            ids=ids, network=network,
        )  # fmt: skip
        assert ((out >= 0) & (out <= minor) & (rest | (out == minor))).all()
        kinds: dict[tuple[bool, ...], int] = {}
        for number, kind in enumerate((np.column_stack([levels, network, ids]) > 0).tolist()):
            kinds[tuple(kind)] = kinds.get(tuple(kind), 0) + int(minor[number])
        assert max(kinds.values()) <= out.sum() <= minor.sum()
        found.append(dict(zip(content, out.tolist(), strict=True)))
    assert found[0] == found[1]
