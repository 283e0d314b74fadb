"""Spend, statistics and rates: keyed by everything that is not a measure, a later file's sum replaces."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import counts, dump, rows
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from attribution.engine import Store
from attribution.store.schema import CHANGE_RATE

Csv = Callable[[str, str], Path]

FILES = {
    "spend": """
        date,cost,currency,campaign,clicks
        2024-05-03,10.00,GBP,spring,1
        2024-05-03,2.50,GBP,spring,
        2024-05-03,7.00,EUR,spring,3
    """,
    "email_stats": """
        date,campaign,sent,opens
        2024-05-03,spring,100,
        2024-05-03,spring,20,5
        2024-05-04,spring,1,1
    """,
    "social_stats": """
        date,source,campaign,likes
        2024-05-03,facebook,,1
        2024-05-03,facebook,,2
        2024-05-03,facebook,spring,4
    """,
}


def measures(store: Store, table: str) -> list[tuple[object, ...]]:
    """Read the summed measures of a table that FILES fills."""
    name, *columns = {
        "spend": ("spend", "currency", "cost_minor", "clicks", "impressions"),
        "email_stats": ("email_stat", "day", "sent", "opens"),
        "social_stats": ("social_stat", "campaign", "likes"),
    }[table]
    return rows(store, name, *columns)


SUMS = {
    "spend": [("EUR", 700, 3, None), ("GBP", 1250, 1, None)],
    "email_stats": [(19846, 120, 5), (19847, 1, 1)],
    "social_stats": [("spring", 4), (None, 3)],
}


@pytest.mark.parametrize("table", FILES)
def test_equal_keys_within_a_file_are_summed(store: Store, csv: Csv, table: str) -> None:
    """Two lines of one key are one amount; a measure that is never given stays empty and is not 0."""
    answer = store.import_table(table, csv(table, FILES[table]))
    assert counts(answer.totals) == (3, 3, 0, 0, 0, 0)
    assert measures(store, table) == sorted(SUMS[table], key=repr)


@pytest.mark.parametrize("table", FILES)
def test_the_same_file_twice_changes_nothing(store: Store, csv: Csv, table: str) -> None:
    """The sums are not added to themselves."""
    file = csv(table, FILES[table])
    store.import_table(table, file)
    before = dump(store, without=["batch"])
    assert counts(store.import_table(table, file).totals) == (3, 0, 0, 3, 0, 0)
    assert dump(store, without=["batch"]) == before


def test_a_later_sum_replaces_the_earlier_one(store: Store, csv: Csv) -> None:
    """Yesterday's cost was restated: both rows of its key are updates, the other key stays."""
    store.import_table("spend", csv("spend", FILES["spend"]))
    later = csv(
        "later",
        """
        date,cost,currency,campaign,clicks
        2024-05-03,9.00,GBP,spring,1
        2024-05-03,2.00,GBP,spring,
        2024-05-04,1.00,GBP,spring,
        """,
    )
    assert counts(store.import_table("spend", later).totals) == (3, 1, 2, 0, 0, 0)
    assert rows(store, "spend", "day", "currency", "cost_minor", "clicks") == [
        (19846, "EUR", 700, 3), (19846, "GBP", 1100, 1), (19847, "GBP", 100, None),
    ]  # fmt: skip


def test_every_column_but_the_measures_is_the_key(store: Store, csv: Csv) -> None:
    """Media and fee, or two networks, are two amounts; a column that is empty is as good as absent."""
    file = csv(
        "spend",
        """
        date,cost,currency,kind,platform,campaign,network
        2024-05-03,1,GBP,,google,c,
        2024-05-03,2,GBP,media,google,c,
        2024-05-03,4,GBP,fee,google,c,
        2024-05-03,8,GBP,,google,c,search
        """,
    )
    store.import_table("spend", file)
    assert [cost for _, cost in rows(store, "spend", "kind", "cost_minor")] == [400, 300, 800]
    short = csv("short", "date,cost,currency,platform,campaign\n2024-05-03,3,GBP,google,c")
    assert counts(store.import_table("spend", short).totals) == (1, 0, 0, 1, 0, 0)


def test_spend_is_placed_by_the_channel_rules(store: Store, csv: Csv) -> None:
    """Its dimensions are an origin like a touch's, so that value and spend meet."""
    file = csv("spend", "date,cost,currency,source,medium,campaign\n2024-05-03,1,GBP,google,cpc,brand")
    store.import_table("spend", file)
    placements = dict(rows(store, "placement", "placement_id", "channel"))
    ((placement, rule),) = rows(store, "origin", "placement_id", "rule")
    assert placements[placement] == "Paid Search"
    assert rule


def test_rates_are_kept_as_written_and_replaced_by_later_files(store: Store, csv: Csv) -> None:
    """A rate is a decimal, never a float; the next run looks at what it may convert."""
    store.import_table("rates", csv("rates", "date,currency,rate\n2024-05-03,USD,0.790500000000000001"))
    assert rows(store, "rate", "day", "currency", "rate") == [(19846, "USD", "0.790500000000000001")]
    assert rows(store, "change", "kind", "ref") == [(CHANGE_RATE, 19846)]
    later = csv("later", "date,currency,rate\n2024-05-03,USD,0.8\n2024-05-04,USD,0.81")
    assert counts(store.import_table("rates", later).totals) == (2, 1, 1, 0, 0, 0)
    assert rows(store, "rate", "day", "rate") == [(19846, "0.8"), (19847, "0.81")]


def test_two_rates_for_one_day_in_one_file_are_a_conflict(store: Store, csv: Csv) -> None:
    """The first counts, an equal one is a duplicate, another one is kept with words."""
    file = csv(
        "rates",
        """
        date,currency,rate
        2024-05-03,USD,0.79
        2024-05-03,USD,0.79
        2024-05-03,USD,0.97
        """,
    )
    assert counts(store.import_table("rates", file).totals) == (3, 1, 0, 1, 1, 0)
    assert rows(store, "rate", "rate") == [("0.79",)]
    assert rows(store, "rejected_row", "line", "code", "message", "raw") == [
        (
            4, "conflict", "another rate of USD on 2024-05-03 stands in this file; the first one counts",
            '{"date": "2024-05-03", "currency": "USD", "rate": "0.97"}',
        )
    ]  # fmt: skip


ROW = st.tuples(st.integers(1, 3), st.sampled_from(["a", "b", ""]), st.integers(0, 5))


@given(st.lists(st.lists(ROW, max_size=6), max_size=4))
@hypothesis_settings(max_examples=25)
def test_any_files_leave_the_latest_sum_of_each_key(contents: list[list[tuple[int, str, int]]]) -> None:
    """What is stored is, for each key, the sum of the last file that names it."""
    known: dict[tuple[int, str | None], int] = {}
    with Store.open("sqlite://") as store:
        for content in contents:
            known |= {
                (day, name or None): sum(c for d, n, c in content if (d, n) == (day, name))
                for day, name, _ in content
            }
            text = "date,source,campaign,likes\n" + "".join(
                f"2024-05-0{day},facebook,{name},{count}\n" for day, name, count in content
            )
            totals = store.import_table("social_stats", "-", stdin=io.BytesIO(text.encode())).totals
            assert totals["read"] == len(content) == sum(totals.values()) - totals["read"]
        found = {
            (day - 19843, name): likes
            for day, name, likes in rows(store, "social_stat", "day", "campaign", "likes")
        }
    assert found == known
