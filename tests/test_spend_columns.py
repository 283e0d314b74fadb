"""The same cost in exports of other columns, and under other words for one platform, counts once."""

from __future__ import annotations

import io
from itertools import permutations
from textwrap import dedent

import pytest
from ledger_books import load, wipe

from attribution.engine import Store

HEADS = {  # what Google calls 2026-03-01 of one campaign: 100.00
    "campaign": """
        Day,Campaign,Cost,Currency code
        2026-03-01,Brand,100.00,EUR
        """,
    "with id": """
        Day,Campaign ID,Campaign,Cost,Currency code
        2026-03-01,111,Brand,100.00,EUR
        """,
    "with network": """
        Day,Campaign ID,Campaign,Network,Cost,Currency code
        2026-03-01,111,Brand,Google search,60.00,EUR
        2026-03-01,111,Brand,Display Network,40.00,EUR
        """,
    "of the API": """
        segments.date,campaign.id,campaign.name,segments.ad_network_type,metrics.cost_micros,customer.currency_code
        2026-03-01,111,Brand,SEARCH,60000000,EUR
        2026-03-01,111,Brand,CONTENT,40000000,EUR
        """,
}


def google(store: Store, content: str) -> dict[str, int]:
    """Import a report of Google; return what became of its rows."""
    text = dedent(content).strip() + "\n"
    return dict(
        store.import_table("spend", "-", stdin=io.BytesIO(text.encode()), mapping="google_ads").totals
    )


def spent(store: Store, by: str) -> dict[str, str]:
    """Report spend by a dimension."""
    store.run(models=["linear"], goals=["revenue"])
    rows = store.report(by, model="linear").rows
    return {row[by]: row["spend"] for row in rows if row["spend"] != "0.00"}


def findings(store: Store) -> list[tuple[str, int, str]]:
    """Return what the doctor says of spend that came twice."""
    rows = store.doctor().rows
    return [(row["severity"], row["count"], row["detail"]) for row in rows if row["check"] == "spend_twice"]


def test_an_export_that_gains_columns(store: Store) -> None:
    """Four exports of 100.00 are 100.00, and the channels are those of the networks."""
    for content in HEADS.values():
        assert google(store, content)["rejected"] == 0
    assert spent(store, "campaign") == {"Brand": "100.00"}
    assert spent(store, "channel") == {"Paid Search": "60.00", "Display": "40.00"}
    assert findings(store) == [
        (
            "notice", 1,
            "campaigns of which a day came in exports with other columns and counts once: "
            "Brand on 2026-03-01 (google)",
        )
    ]  # fmt: skip


def test_in_any_order_and_again(sqlite_store: Store) -> None:
    for order in list(permutations(HEADS.values()))[::7]:
        wipe(sqlite_store)
        for content in order + order[:2]:
            google(sqlite_store, content)
        assert spent(sqlite_store, "channel") == {"Paid Search": "60.00", "Display": "40.00"}


def test_networks_by_other_words_replace(sqlite_store: Store) -> None:
    """The API says SEARCH and CONTENT of what the web pages call Google search and Display Network."""
    google(sqlite_store, HEADS["with network"])
    assert google(sqlite_store, HEADS["of the API"])["duplicate"] == 2
    later = HEADS["of the API"].replace("60000000", "61000000")
    assert google(sqlite_store, later)["updated"] == 1
    assert spent(sqlite_store, "campaign") == {"Brand": "101.00"}


def test_networks_beside_finer_rows(sqlite_store: Store) -> None:
    """Of 100.00 by network an ad tells 30.00; the networks count what it leaves, in proportion."""
    google(sqlite_store, HEADS["with network"])
    google(
        sqlite_store,
        "Day,Campaign ID,Campaign,Ad group,Ad ID,Cost,Currency code\n2026-03-01,111,Brand,AG,9,30.00,EUR",
    )
    assert spent(sqlite_store, "ad_group") == {"AG": "30.00", "(other)": "70.00"}


def test_the_total_of_a_network(sqlite_store: Store) -> None:
    """Search cost 90.00, of which a campaign tells 60.00; another campaign says no network."""
    load(
        sqlite_store,
        spend="""
            date,platform,network,campaign,cost,currency
            2026-03-01,google,search,,90.00,EUR
            2026-03-01,google,SEARCH,Brand,60.00,EUR
            2026-03-01,google,display,Brand,40.00,EUR
            2026-03-02,google,search,,90.00,EUR
            2026-03-02,google,,Brand,60.00,EUR
            """,
    )
    assert spent(sqlite_store, "campaign") == {"Brand": "160.00", "(other)": "60.00"}


def test_a_name_that_says_more_of_what_is_above_it(sqlite_store: Store) -> None:
    """An export of ads gains its ad groups: 50.00 and 30.00 of the ad that cost 80.00."""
    load(
        sqlite_store,
        spend="""
            date,platform,campaign,ad_group,ad,cost,currency
            2026-03-01,meta,A,,Blue,80.00,EUR
            2026-03-01,meta,A,x,Blue,50.00,EUR
            2026-03-01,meta,A,y,Blue,30.00,EUR
            """,
    )
    assert spent(sqlite_store, "ad_group") == {"x": "50.00", "y": "30.00"}


@pytest.mark.parametrize(
    ("words", "source"),
    [
        (("Google Ads", "google ads", "google_ads", "google-ads", "AdWords", "Google"), "google"),
        (("Facebook Ads", "Meta Ads", "meta", "Facebook"), "facebook"),
        (("Microsoft Advertising", "Bing Ads", "microsoft", "bing"), "bing"),
        (("X Ads", "Twitter", "x"), "twitter"),
    ],
)
def test_words_for_one_platform(sqlite_store: Store, words: tuple[str, ...], source: str) -> None:
    """Whatever a file of one's own calls the platform: a later file replaces, and totals cover."""
    for word in words:
        load(sqlite_store, spend=f"date,platform,campaign,cost,currency\n2026-03-01,{word},A,10.00,EUR")
    load(sqlite_store, spend=f"date,platform,cost,currency\n2026-03-01,{words[0]},12.00,EUR")
    assert spent(sqlite_store, "source") == {source: "12.00"}


def test_instagram_is_not_replaced_by_facebook(sqlite_store: Store) -> None:
    load(
        sqlite_store,
        spend="""
            date,platform,campaign,cost,currency
            2026-03-01,facebook,A,10.00,EUR
            2026-03-01,instagram,A,5.00,EUR
            """,
    )
    assert spent(sqlite_store, "source") == {"facebook": "10.00", "instagram": "5.00"}


def test_what_says_another_source_adds_up_and_is_told(sqlite_store: Store) -> None:
    """A file that gains source and medium may be of other money: it counts, and the doctor asks."""
    load(sqlite_store, spend="date,platform,campaign,cost,currency\n2026-03-01,google,A,10.00,EUR")
    assert findings(sqlite_store) == [("ok", 0, "nothing found")]
    load(
        sqlite_store,
        spend="date,platform,source,campaign,cost,currency\n2026-03-01,google,youtube,A,10.00,EUR",
    )
    assert spent(sqlite_store, "campaign") == {"A": "20.00"}
    assert findings(sqlite_store) == [
        (
            "warning", 1,
            "campaigns of which a day came in two imports, one of them with a source, medium or channel of "
            "its own, and is added up: A on 2026-03-01 (google)",
        )
    ]  # fmt: skip


def test_levels_are_no_other_columns(sqlite_store: Store) -> None:
    """A campaign's total beside its ads, and days of the same columns, are as they should be."""
    google(sqlite_store, HEADS["with id"])
    google(sqlite_store, HEADS["with id"].replace("03-01", "03-02"))
    google(
        sqlite_store,
        "Day,Campaign ID,Campaign,Ad group,Ad ID,Cost,Currency code\n2026-03-01,111,Brand,AG,9,30.00,EUR",
    )
    assert findings(sqlite_store) == [("ok", 0, "nothing found")]
