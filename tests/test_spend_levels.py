"""Reports of several levels beside each other: money counts once, at the finest level that tells of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_books import wipe
from small_shop import open_shop

from attribution.channels.names import LEVELS
from attribution.engine import Store
from attribution.metrics.dimensions import Dimensions
from attribution.metrics.spend import ALWAYS, spend_by_group
from attribution.metrics.spend_levels import counted

Csv = Callable[[str, str], Path]
HEADER = "date,cost,currency,kind,platform,source,medium,campaign,ad_group,ad,keyword"


def spent(store: Store, by: str, **options: object) -> dict[str, str]:
    """Report what was spent, rows without any left out; names of several dimensions are joined by ` / `."""
    rows = store.report(by, model="linear", **options).rows
    names = by.split(",")
    return {" / ".join(row[name] for name in names): row["spend"] for row in rows if row["spend"] != "0.00"}


def shop(store: Store, csv: Csv, *rows: str, **tables: str) -> Store:
    """Fill a store with the shop and these rows of spend."""
    return open_shop(store, csv, spend="\n".join([HEADER, *rows]), **tables)


def test_a_campaign_and_its_ads(store: Store, csv: Csv) -> None:
    """100 for the campaign, 30 and 50 for two of its ads: the ads and the 20 that they leave."""
    opened = shop(
        store, csv,
        "2025-01-05,100.00,GBP,media,google_ads,,,Sale,,,",
        "2025-01-05,30.00,GBP,media,google_ads,,,sale,Shoes,red,",
        "2025-01-05,50.00,GBP,media,google_ads,,,Sale,Shoes,blue,",
        "2025-01-06,7.00,GBP,media,google_ads,,,Sale,,,",
    )  # fmt: skip
    assert spent(opened, "campaign") == {"Sale": "107.00"}
    assert spent(opened, "campaign,ad") == {
        "Sale / red": "30.00", "Sale / blue": "50.00", "Sale / (other)": "20.00",
        "Sale / (not set)": "7.00",  # a day of which no ads are known
    }  # fmt: skip
    assert spent(opened, "ad_group") == {"Shoes": "80.00", "(other)": "20.00", "(not set)": "7.00"}
    assert spent(opened, "channel") == {"Paid Search": "107.00"}
    assert spent(opened, "campaign", where=["ad=(other)"]) == {"Sale": "20.00"}
    assert opened.report("ad", model="linear").totals["spend"] == "107.00"


def test_the_total_of_an_account_and_finer_rows(sqlite_store: Store, csv: Csv) -> None:
    """Of 200 the campaigns tell 160, of which one tells 90 by ad group and 60 of these by keyword."""
    opened = shop(
        sqlite_store, csv,
        "2025-01-05,200.00,GBP,media,google_ads,,,,,,",
        "2025-01-05,100.00,GBP,media,google_ads,,,A,,,",
        "2025-01-05,60.00,GBP,media,google_ads,,,B,,,",
        "2025-01-05,90.00,GBP,media,google_ads,,,A,x,,",
        "2025-01-05,60.00,GBP,media,google_ads,,,A,x,,red shoes",
        "2025-01-05,11.00,GBP,media,microsoft_ads,,,,,,",  # another platform: its own
    )  # fmt: skip
    assert spent(opened, "source,campaign") == {
        "google / A": "100.00", "google / B": "60.00", "google / (other)": "40.00",
        "bing / (not set)": "11.00",
    }  # fmt: skip
    assert spent(opened, "campaign,ad_group,keyword") == {
        "A / x / red shoes": "60.00", "A / x / (other)": "30.00", "A / (other) / (other)": "10.00",
        "B / (not set) / (not set)": "60.00", "(other) / (other) / (other)": "40.00",
        "(not set) / (not set) / (not set)": "11.00",
    }  # fmt: skip
    assert opened.report("campaign", model="linear").totals["spend"] == "211.00"


def test_finer_rows_that_cost_more_count_alone(sqlite_store: Store, csv: Csv) -> None:
    """The campaign's total was read before the day was over; nothing is negative. Fees add to both.

    In all currencies the total is 54.00, and the ads cost 70.00.
    """
    opened = shop(
        sqlite_store, csv,
        "2025-01-05,50.00,GBP,media,meta,,,A,,,",
        "2025-01-05,30.00,GBP,media,meta,,,A,,a1,",
        "2025-01-05,40.00,GBP,media,meta,,,A,,a2,",
        "2025-01-05,9.00,GBP,fee,meta,,,A,,,",
        "2025-01-05,5.00,GBP,fee,meta,,,,,,",
        "2025-01-05,8.00,EUR,media,meta,,,A,,,",
        rates="date,currency,rate\n2025-01-05,EUR,0.50",
    )  # fmt: skip
    assert spent(opened, "campaign,ad") == {
        "A / a1": "30.00", "A / a2": "40.00", "A / (not set)": "9.00", "(not set) / (not set)": "5.00",
    }  # fmt: skip
    assert spent(opened, "campaign", currency="EUR") == {"A": "8.00"}


def test_levels_in_two_currencies_are_the_same_money(store: Store, csv: Csv) -> None:
    """Of 100.00 pounds one ad tells 100.00 dollars, which are 80.00; the next day nobody knows the rate."""
    opened = shop(
        store, csv,
        "2025-01-05,100.00,GBP,media,google_ads,,,A,,,",
        "2025-01-05,100.00,USD,media,google_ads,,,A,,a1,",
        "2025-01-05,7.00,GBP,media,google_ads,,,B,,b1,",
        "2025-01-20,50.00,GBP,media,google_ads,,,A,,,",
        "2025-01-20,30.00,USD,media,google_ads,,,A,,a1,",
        "2025-01-20,20.00,USD,media,google_ads,,,A,,,",
        rates="date,currency,rate\n2025-01-04,USD,0.80",
    )  # fmt: skip
    answer = opened.report("campaign,ad", model="linear")
    assert spent(opened, "campaign,ad") == {
        "A / a1": "80.00", "A / (other)": "20.00", "A / (not set)": "50.00", "B / b1": "7.00",
    }  # fmt: skip
    assert answer.totals["spend"] == "157.00"
    [lost] = [row for row in answer.rows if row["campaign"] == "(no rate)"]
    # among themselves the dollars without a rate are compared: 20.00 of a campaign whose ad cost 30.00
    assert {part["currency"]: part["spend"] for part in lost["unconverted"]} == {"USD": "30.00"}
    assert spent(opened, "campaign,ad", currency="USD") == {"A / a1": "130.00"}


def test_rounding_is_no_remainder(sqlite_store: Store, csv: Csv) -> None:
    """Thirds of 100.00 dollars are 26.66, 26.66 and 26.67 pounds: 79.99, and 0.01 is no other ad."""
    opened = shop(
        sqlite_store, csv,
        "2025-01-05,100.00,USD,media,google_ads,,,A,,,",
        "2025-01-05,33.33,USD,media,google_ads,,,A,,a1,",
        "2025-01-05,33.33,USD,media,google_ads,,,A,,a2,",
        "2025-01-05,33.34,USD,media,google_ads,,,A,,a3,",
        "2025-01-05,9.00,GBP,media,meta,,,A,,,",
        rates="date,currency,rate\n2025-01-04,USD,0.80",
    )  # fmt: skip
    assert spent(opened, "source,ad") == {
        "google / a1": "26.66", "google / a2": "26.66", "google / a3": "26.67",
        "facebook / (not set)": "9.00",
    }  # fmt: skip


def test_keywords_and_ads_are_two_cuts_of_one_amount(sqlite_store: Store, csv: Csv) -> None:
    """Keywords count; of the ads what exceeds them, in proportion, to the penny."""
    opened = shop(
        sqlite_store, csv,
        "2025-01-05,40.00,GBP,media,google_ads,,,A,x,,k1",
        "2025-01-05,29.99,GBP,media,google_ads,,,A,x,,k2",
        "2025-01-05,60.00,GBP,media,google_ads,,,A,x,a1,",
        "2025-01-05,20.00,GBP,media,google_ads,,,A,x,a2,",
        "2025-01-05,5.00,GBP,media,google_ads,,,A,y,a3,",
    )  # fmt: skip
    # 80.00 less 69.99 leaves 10.01: three quarters are 7.5075, one is 2.5025
    assert spent(opened, "ad,keyword") == {
        "(not set) / k1": "40.00", "(not set) / k2": "29.99", "a1 / (other)": "7.51", "a2 / (other)": "2.50",
        "a3 / (not set)": "5.00",
    }  # fmt: skip
    assert spent(opened, "ad_group") == {"x": "80.00", "y": "5.00"}


def test_what_names_no_platform_is_only_a_total_of_its_own_campaign(sqlite_store: Store, csv: Csv) -> None:
    """Rows written by hand: without a campaign one is of its own, above its ads one is their sum."""
    opened = shop(
        sqlite_store, csv,
        "2025-01-05,40.00,GBP,media,,trade-fair,,,,,",
        "2025-01-05,60.00,GBP,media,,trade-fair,,Berlin,,,",
        "2025-01-05,25.00,GBP,media,,trade-fair,,Berlin,,stand,",
        "2025-01-05,10.00,GBP,media,,other-fair,,Berlin,,,",
    )  # fmt: skip
    assert spent(opened, "source,ad") == {
        "trade-fair / stand": "25.00", "trade-fair / (other)": "35.00", "trade-fair / (not set)": "40.00",
        "other-fair / (not set)": "10.00",
    }  # fmt: skip


CLICKS = """
    touch_id,visitor_id,at,kind,source,medium,campaign,platform,cost,currency
    c1,v1,2025-01-05T10:00:00Z,click,google,cpc,Brand UK,google,1.50,GBP
    c2,v1,2025-01-06T10:00:00Z,click,google,cpc,Brand UK,google,2.50,GBP
    c3,v1,2025-01-07T10:00:00Z,click,google,cpc,Brand UK,google,4.00,GBP
    c4,v1,2025-01-07T10:00:00Z,click,bing,cpc,Brand UK,,8.00,GBP
    """


def test_which_of_touches_own_costs_reports_cover(store: Store, csv: Csv) -> None:
    """A platform's total covers all of it, by whichever name; fees and other platforms cover nothing."""
    opened = shop(
        store, csv,
        "2025-01-05,40.00,GBP,media,google_ads,,,,,,",
        "2025-01-06,9.00,GBP,fee,google_ads,,,Brand UK,,,",
        "2025-01-07,30.00,GBP,media,google_ads,,,BRAND UK,,,",
        touches=CLICKS,
    )  # fmt: skip
    assert spent(opened, "source") == {"google": "81.50", "bing": "8.00"}


NAMES = st.sampled_from(["", "", "a", "b"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["5", "6"]), st.integers(0, 2000), st.sampled_from(["media", "media", "fee"]),
        st.sampled_from(["google_ads", "meta", ""]), NAMES, NAMES, NAMES, NAMES,
    ),
    min_size=1, max_size=12, unique_by=lambda row: (row[0], *row[2:]),
)  # fmt: skip


CUTS = [(name,) for name in ("source", "channel", *LEVELS)] + [
    ("source", "ad"),
    ("campaign", "keyword"),
    LEVELS,
]


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    """One store for all examples: emptied for each, which is faster than a new one."""
    with Store.open("sqlite://") as store:
        yield store


def _cuts(store: Store, lines: Iterable[str]) -> list[dict[tuple[str, ...], int]]:
    wipe(store)
    content = "\n".join([HEADER, *lines])
    store.import_table("spend", "-", stdin=io.BytesIO(content.encode()))
    found = []
    with store.db.read() as connection:
        for by in CUTS:
            dimensions = Dimensions(connection, by)
            spent = spend_by_group(connection, dimensions, ALWAYS, timezone="UTC", into="GBP").by_group
            found.append({tuple(dimensions.names(group).values()): spent[group] for group in spent})
    return found


@settings(max_examples=6)
@given(rows=ROWS, seed=st.integers(0, 100))
def test_every_cut_adds_up_to_the_same(memory: Store, rows: list[tuple[Any, ...]], seed: int) -> None:
    """Whatever the levels and the order of rows: no cut loses a penny, and no level counts twice."""
    lines = [f"2025-01-0{day},{cost / 100:.2f},GBP,{kind},{platform},,,{','.join(names)}"
             for day, cost, kind, platform, *names in rows]  # fmt: skip
    cuts = _cuts(memory, lines)
    assert cuts == _cuts(memory, [lines[i] for i in np.random.default_rng(seed).permutation(len(lines))])
    (total,) = {sum(cut.values()) for cut in cuts}
    fees = sum(int(row[1]) for row in rows if row[2] == "fee")
    media = [row for row in rows if row[2] == "media"]
    # at least what the rows of any one kind say, at most what all say
    assert max(_sums_by_kind(media), default=0) <= total - fees
    assert total - fees <= sum(int(row[1]) for row in media)


def _sums_by_kind(rows: list[tuple[Any, ...]]) -> list[int]:
    """Add up rows that name the same levels."""
    sums: dict[tuple[bool, ...], int] = {}
    for row in rows:
        kind = tuple(map(bool, row[4:]))
        sums[kind] = sums.get(kind, 0) + int(row[1])
    return list(sums.values())


CODES = st.integers(0, 2)
ARRAYS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 500), CODES, CODES, CODES, CODES),
    min_size=1, max_size=15,
)  # fmt: skip


@settings(max_examples=80)
@given(ARRAYS, st.randoms(use_true_random=False))
def test_rows_keep_their_count_in_any_order(rows: list[tuple[int, ...]], shuffle: Random) -> None:
    """What a row counts is no less than nothing, no more than it says, and depends on no order."""
    order = list(range(len(rows)))
    shuffle.shuffle(order)
    found = []
    for rows_of, content in ((rows, range(len(rows))), ([rows[i] for i in order], order)):
        table = np.array(rows_of, np.int64)
        day, partition, minor = table[:, :3].T
        out, rest = counted(day, partition, table[:, 3:], minor, np.array(content), partition == 0)
        assert ((out >= 0) & (out <= minor) & (rest | (out == minor))).all()
        found.append(dict(zip(content, out.tolist(), strict=True)))
    assert found[0] == found[1]


def test_a_million_rows_take_columns() -> None:
    """Two levels of 200,000 rows are counted in a moment, and the totals are those of the coarser level."""
    n = 200_000
    levels = np.zeros((2 * n, 4), np.int64)
    levels[:, 0] = np.tile(np.arange(n) // 10, 2) + 1
    levels[n:, 2] = np.arange(n) + 1
    day = np.zeros(2 * n, np.int64)
    minor = np.concatenate([np.full(n, 100), np.full(n, 30)])
    out, rest = counted(day, day, levels, minor, np.arange(2 * n), np.ones(2 * n, bool))
    assert out.sum() == 100 * n
    assert rest.sum() == n
