"""Cost reports of the advertising platforms become spend: every row, on its day, to the cent."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
from dumps import counts, dump, rows
from sqlalchemy import select

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.sources.mapping.read import get_mapping, names_built_in
from attribution.store import schema

File = Callable[..., Path]
USD = {"currency": "USD"}
MICRO = 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()
PLATFORMS = {
    "google_ads": "google", "meta": "meta", "microsoft": "microsoft", "linkedin": "linkedin",
    "linkedin_usd": "linkedin", "tiktok": "tiktok", "pinterest": "pinterest", "reddit": "reddit",
    "snapchat": "snapchat", "x": "x",
}  # fmt: skip


@dataclass(frozen=True)
class Export:
    """A warehouse's table: where its columns are, and what the store has of it afterwards.

    `cents` and `keys` (rows of spend) are worked out below once more, by other means.
    """

    mapping: str
    file: str
    rows: int
    keys: int
    cents: int
    by: tuple[str, ...] = ()  # what tells rows of a day apart
    cost: str = "cost_micros"
    unit: int = MICRO
    date: str = "date"

    @property
    def name(self) -> str:
        """Short, for the report of tests."""
        return f"{self.mapping}: {Path(self.file).stem.removesuffix('_data')}"


GOOGLE, META, BING = "dbt_google_ads/", "dbt_facebook_ads/facebook_ads_", "dbt_microsoft_ads/microsoft_ads_"
LINKEDIN, MORE = "dbt_linkedin/linkedin_ad_analytics_by_", "dbt_ad_reporting/"
NETWORK, KEYWORD = "ad_network_type", "keyword_ad_group_criterion"
PLAIN = {"cost": "spend", "unit": 1}
X_COST = {"cost": "billed_charge_local_micro"}
PIN = {"cost": "spend_in_micro_dollar"}
LI = {"cost": "cost_in_local_currency", "unit": 1, "date": "day"}
REDDIT = {"cost": "spend"}
REDDITS, SNAPS, TWEETS = (MORE + name for name in ("reddit_ads_", "snapchat_", "twitter_"))
TIKTOKS = MORE + "tiktok_"
HOURLY = {"cost": "spend", "unit": 1, "date": "stat_time_hour"}

EXPORTS = [
    Export("google_ads", GOOGLE + "account_stats_data.csv", 19, 15, 163233, (NETWORK,)),
    Export("google_ads", GOOGLE + "campaign_stats_data.csv", 16, 16, 23133, (NETWORK, "id")),
    Export("google_ads", GOOGLE + "ad_group_stats_data.csv", 15, 15, 315684, (NETWORK, "id")),
    Export("google_ads", GOOGLE + "ad_stats_data.csv", 10, 10, 0, (NETWORK, "ad_id", KEYWORD)),
    Export(
        "google_ads", GOOGLE + "keyword_stats_data.csv", 15, 15, 20399,
        (NETWORK, "ad_group_criterion_criterion_id"),
    ),
    Export("google_ads", GOOGLE + "search_term_keyword_stats_data.csv", 10, 10, 122, (KEYWORD,)),
    Export("meta", META + "basic_ad_data.csv", 10, 10, 64363, ("ad_id",), **PLAIN),
    Export("meta", META + "demographics_country_data.csv", 10, 10, 48997, **PLAIN),
    Export("meta", META + "demographics_region_data.csv", 10, 10, 46275, **PLAIN),
    Export("microsoft", BING + "account_performance_daily_report_data.csv", 10, 9, 0, **PLAIN),
    Export(
        "microsoft", BING + "campaign_performance_daily_report_data.csv", 2630, 403, 94634,
        ("campaign_id",), **PLAIN,
    ),
    Export(
        "microsoft", BING + "ad_group_performance_daily_report_data.csv", 229, 126, 10223,
        ("ad_group_id",), **PLAIN,
    ),
    Export(
        "microsoft", BING + "ad_performance_daily_report_data.csv", 401, 258, 20836, ("ad_id",), **PLAIN
    ),
    Export(
        "microsoft", BING + "keyword_performance_daily_report_data.csv", 53, 52, 3830,
        ("ad_id", "keyword_id"), **PLAIN,
    ),
    Export(
        "microsoft", BING + "search_performance_daily_report_data.csv", 10, 9, 6611,
        ("ad_id", "keyword_id"), **PLAIN,
    ),
    Export(
        "microsoft", BING + "geographic_performance_daily_report_data.csv", 10, 10, 14700,
        ("ad_group_id",), **PLAIN,
    ),
    Export("linkedin", LINKEDIN + "campaign_data.csv", 20, 20, 53062, ("campaign_id",), **LI),
    Export("linkedin", LINKEDIN + "creative_data.csv", 100, 100, 0, ("creative_id",), **LI),
    Export(
        "linkedin_usd", LINKEDIN + "campaign_data.csv", 20, 20, 53062, ("campaign_id",),
        cost="cost_in_usd", unit=1, date="day",
    ),
    Export("pinterest", MORE + "pinterest_advertiser_report_data.csv", 5, 5, 3398, **PIN),
    Export("pinterest", MORE + "pinterest_campaign_report_data.csv", 5, 5, 1238, ("campaign_id",), **PIN),
    Export("pinterest", MORE + "pinterest_ad_group_report_data.csv", 5, 5, 12370, ("ad_group_id",), **PIN),
    Export("pinterest", MORE + "pinterest_pin_promotion_report_data.csv", 5, 5, 124, ("ad_group_id",), **PIN),
    Export("pinterest", MORE + "pinterest_keyword_report_data.csv", 6, 6, 472500, ("keyword_id",), **PIN),
    Export(
        "pinterest", MORE + "pinterest_pin_promotion_targeting_report_data.csv", 10, 10, 621,
        ("pin_promotion_id",), **PIN,
    ),
    Export("reddit", REDDITS + "account_report_data.csv", 56, 56, 1297078, **REDDIT),
    Export("reddit", REDDITS + "campaign_report_data.csv", 79, 79, 1297078, ("campaign_id",), **REDDIT),
    Export("reddit", REDDITS + "ad_group_report_data.csv", 100, 100, 519744, ("ad_group_id",), **REDDIT),
    Export("reddit", REDDITS + "ad_report_data.csv", 100, 100, 503502, ("ad_id",), **REDDIT),
    Export(
        "reddit", REDDITS + "campaign_country_report_data.csv", 10, 10, 342500, ("campaign_id",),
        **REDDIT,
    ),
    Export("snapchat", SNAPS + "ad_hourly_report_data.csv", 1212, 70, 251345, ("ad_id",), **REDDIT),
    Export("snapchat", SNAPS + "ad_squad_hourly_report_data.csv", 10, 2, 879, ("ad_squad_id",), **REDDIT),
    Export("snapchat", SNAPS + "campaign_hourly_report_data.csv", 10, 1, 101, ("campaign_id",), **REDDIT),
    Export(
        "snapchat", SNAPS + "campaign_geo_country_daily_report_data.csv", 10, 10, 174,
        ("campaign_id",), **REDDIT,
    ),
    Export(
        "snapchat", SNAPS + "campaign_geo_region_daily_report_data.csv", 10, 10, 77,
        ("campaign_id",), **REDDIT,
    ),
    Export("tiktok", TIKTOKS + "campaign_report_hourly_data.csv", 4, 4, 44479, ("campaign_id",), **HOURLY),
    Export("tiktok", TIKTOKS + "adgroup_report_hourly_data.csv", 4, 4, 5015, ("adgroup_id",), **HOURLY),
    Export("tiktok", TIKTOKS + "ad_report_hourly_data.csv", 4, 4, 266, ("ad_id",), **HOURLY),
    Export(
        "tiktok", TIKTOKS + "campaign_country_report_data.csv", 10, 10, 148610, ("campaign_id",),
        cost="spend", unit=1, date="stat_time_day",
    ),
    Export("x", TWEETS + "campaign_report_data.csv", 4, 4, 13854, ("campaign_id",), **X_COST),
    Export("x", TWEETS + "line_item_report_data.csv", 4, 4, 7761, ("line_item_id",), **X_COST),
    Export(
        "x", TWEETS + "promoted_tweet_report_data.csv", 100, 100, 139082, ("promoted_tweet_id",), **X_COST
    ),
    Export("x", TWEETS + "line_item_keywords_report_data.csv", 4, 4, 0, ("line_item_id",), **X_COST),
    Export("x", TWEETS + "campaign_locations_report_data.csv", 10, 10, 108, ("campaign_id",), **X_COST),
    Export("x", TWEETS + "campaign_regions_report_data.csv", 10, 10, 113, ("campaign_id",), **X_COST),
]  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store in memory: no database matters here."""
    monkeypatch.chdir(tmp_path)  # where it writes the rows that do not load
    with Store.open("sqlite://") as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A function that writes a file: of text without the margin that it has here, or of bytes."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        text = content if isinstance(content, bytes) else dedent(content).lstrip("\n").encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write


def imported(
    store: Store,
    mapping: str,
    path: Path,
    fixed: Mapping[str, str] = {},
    further: Mapping[str, str | Path] = {},
    timezone: str | None = None,
) -> Answer:
    """Import a cost report."""
    return store.import_table("spend", path, mapping=mapping, fixed=fixed, further=further, timezone=timezone)


def spend(store: Store, *names: str) -> list[tuple[object, ...]]:
    """Read spend, sorted: day, cents with their currency, and some of its dimensions and measures."""
    table, origin = schema.spend, schema.origin
    chosen = [table.c[name] if name in table.c else origin.c[name] for name in names]
    joined = table.join(origin, table.c.origin_id == origin.c.origin_id)
    query = select(table.c.day, table.c.cost_minor, table.c.currency, *chosen).select_from(joined)
    with store.db.read() as connection:
        found = connection.execute(query).all()
    return sorted(
        (
            (date.fromordinal(_EPOCH + day).isoformat(), f"{cents} {code}", *rest)
            for day, cents, code, *rest in found
        ),
        key=repr,
    )


def recomputed(path: Path, export: Export) -> tuple[int, int]:
    """Work a file out again with pandas and decimals: cents, and distinct keys."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    frame.columns = frame.columns.str.lower()
    total = sum((Decimal(cost or "0") for cost in frame[export.cost]), Decimal(0)) / export.unit
    cents = (total * 100).quantize(Decimal(1), ROUND_HALF_EVEN)
    days = frame[export.date].str.slice(0, 10)
    return int(cents), len(frame[list(export.by)].assign(day=days).drop_duplicates())


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_exports_of_warehouses_load_completely(store: Store, shared: Path, export: Export) -> None:
    path = shared / "data" / "exports" / export.file
    loaded = imported(store, export.mapping, path, USD)

    assert recomputed(path, export) == (export.cents, export.keys)
    found = rows(store, "spend", "cost_minor")
    assert (sum(cents for (cents,) in found), len(found)) == (export.cents, export.keys)
    assert counts(loaded.rows[0]) == (export.rows, export.rows, 0, 0, 0, 0)
    assert not [text for text in loaded.warnings if "left out" in text]


def test_every_export_with_a_cost_is_tried(shared: Path) -> None:
    tried = {Path(export.file).name for export in EXPORTS}
    without = {  # no cost, or of months: told as such, see below
        "twitter_account_report_data.csv", "linkedin_monthly_ad_analytics_by_member_country_data.csv",
        "linkedin_monthly_ad_analytics_by_member_region_data.csv",
    }  # fmt: skip
    folders = ("google_ads", "facebook_ads", "microsoft_ads", "linkedin", "ad_reporting")
    found = {
        path.name
        for folder in folders
        for path in (shared / "data" / "exports" / f"dbt_{folder}").glob("*.csv")
        if any(
            word in path.name for word in ("report", "_stats", "analytics", "basic_ad_data", "demographics")
        )
        and "conversions" not in path.name
        and "actions" not in path.name
    }
    assert found == tried | without
    assert {export.mapping for export in EXPORTS} == set(PLATFORMS)
    assert set(PLATFORMS) <= set(names_built_in())


@pytest.mark.parametrize("mapping", PLATFORMS)
def test_a_report_imported_again_changes_nothing(store: Store, shared: Path, mapping: str) -> None:
    export = max((one for one in EXPORTS if one.mapping == mapping), key=lambda one: one.cents)
    path = shared / "data" / "exports" / export.file
    imported(store, mapping, path, USD)
    assert set(spend(store, "platform")) == {(*row[:2], PLATFORMS[mapping]) for row in spend(store)}
    before = dump(store, without=["batch"])
    again = imported(store, mapping, path, USD)
    assert counts(again.rows[0]) == (export.rows, 0, 0, export.rows, 0, 0)
    assert dump(store, without=["batch"]) == before


# --- what the web pages export, as the platforms write it ---------------------------------------------

GOOGLE_CSV = """
    Campaign report
    "May 3, 2024 - May 4, 2024"
    Day,Campaign status,Campaign,Campaign ID,Ad group,Currency code,Cost,Impr.,Clicks
    2024-05-03,Enabled,"Spring, UK",11,Shoes,GBP,"1,033.33","12,345",321
    2024-05-04,Paused,"Spring, UK",11,Shoes,GBP,0.01,1, --
     --,Total: Campaigns,,,,GBP,"1,033.34","12,346",321
     --,Total: Account,,,,GBP,"1,033.34","12,346",321
    """
MICROSOFT_CSV = """
    "Report Name: Campaigns by day"
    "Report Time: 5/3/2024,5/4/2024"
    "Time Zone: (GMT) Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London"
    "Last Completed Available Day: 5/5/2024 3:20:00 AM (GMT)"
    "Last Completed Available Hour: 5/5/2024 3:20:00 AM (GMT)"
    "Report Aggregation: Daily"
    "Report Filter: "
    "Potential Incomplete Data: true"
    "Rows: 2"

    "Gregorian date","Account name","Campaign name","Campaign ID","Ad group","Currency code","Impressions","Clicks","Spend"
    "5/3/2024","Shop","Spring","[359751135]","Shoes","GBP","1,204","17","$1,012.40"
    "5/4/2024","Shop","Spring","[359751135]","Shoes","GBP","90","2","3.5"

    "©2024 Microsoft Corporation. All rights reserved. "
    """  # noqa: E501
META_CSV = """
    Reporting starts,Reporting ends,Campaign name,Ad set name,Ad name,Ad ID,Day,Amount spent (EUR),Impressions,Link clicks,Clicks (all)
    2024-05-03,2024-05-04,,,,,,"1,234.56",5000,50,90
    2024-05-03,2024-05-03,Spring,Women,Video 1,120210000000000001,2024-05-03,"1,200.06",4000,40,70
    2024-05-04,2024-05-04,Spring,Women,Video 1,120210000000000001,2024-05-04,34.5,1000,,20
    """  # noqa: E501
LINKEDIN_CSV = """
    Campaign Performance Report (in UTC)
    "Report Start: May 3, 2024, 12:00 AM"
    "Report End: May 4, 2024, 11:59 PM"
    "Date Generated: May 6, 2024, 9:12 AM"

    Start Date (in UTC),Account Name,Currency,Campaign Group Name,Campaign Name,Campaign ID,Total Spent,Impressions,Clicks
    5/3/2024,Shop,EUR,2024,"Leads, Germany",148633856,"1,050.20",12500,51
    05/04/2024,Shop,EUR,2024,"Leads, Germany",148633856,0.00,0,0
    """  # noqa: E501
TIKTOK_CSV = """
    By Day,Campaign name,Campaign ID,Ad group name,Ad group ID,Ad name,Ad ID,Cost,Impressions,Clicks (destination),Currency
    2024-05-03,Spring,1798,Women,1799,Video 1,1800,"1,012.345","4,000",17,USD
    2024-05-04,Spring,1798,Women,1799,Video 1,1800,0.00,0,0,USD
    Total of 2 results,-,-,-,-,-,-,"1,012.345","4,000",17,USD
    """  # noqa: E501
PINTEREST_CSV = """
    Date,Campaign ID,Campaign name,Ad group ID,Ad group name,Ad ID,Spend in account currency,Paid impressions,Outbound clicks,Impressions
    2024-05-03,626746449918,Spring,2680072242253,Dresses,687237616200,"1,022.51",15000,450,17000
    """  # noqa: E501
REDDIT_CSV = """
    Date,Campaign Name,Campaign ID,Ad Group Name,Ad Group ID,Ad Name,Ad ID,Amount Spent (USD),Impressions,Clicks,CPC (USD)
    2024-05-03,Spring,'2472210695356180304,Women,'2472210695356180305,Video 1,'2472210695356180306,241.29357,36369,48,5.02695
    """  # noqa: E501
SNAPCHAT_CSV = """
    Start Time,Campaign Id,Campaign Name,Ad Set Id,Ad Set Name,Ad Id,Ad Name,Amount Spent,Paid Impressions,Paid eCPM,Clicks,Currency
    2024-05-03,c1,Spring,s1,Women,a1,Video 1,"$1,012.40","30,000",3.37,48,USD
    """  # noqa: E501
X_CSV = """
    Time,ID,Campaign,Campaign URL,Ad Group name,Spend,Impressions,Clicks,Link clicks
    2024-05-03 00:00:00 -0700,bjfji,Spring,https://ads.example/bjfji,Women,"1,138.54",9000,30,11
    """
NATIVE: dict[str, tuple[str, tuple[str, ...], list[tuple[object, ...]]]] = {
    "google_ads": (
        GOOGLE_CSV, ("campaign", "campaign_id", "ad_group", "clicks", "impressions"),
        [
            ("2024-05-03", "103333 GBP", "Spring, UK", "11", "Shoes", 321, 12345),
            ("2024-05-04", "1 GBP", "Spring, UK", "11", "Shoes", None, 1),
        ],
    ),
    "microsoft": (
        MICROSOFT_CSV, ("campaign", "campaign_id", "ad_group", "clicks", "impressions"),
        [
            ("2024-05-03", "101240 GBP", "Spring", "359751135", "Shoes", 17, 1204),
            ("2024-05-04", "350 GBP", "Spring", "359751135", "Shoes", 2, 90),
        ],
    ),
    "meta": (
        META_CSV, ("campaign", "ad_group", "ad", "ad_id", "clicks", "impressions"),
        [
            ("2024-05-03", "120006 EUR", "Spring", "Women", "Video 1", "120210000000000001", 40, 4000),
            ("2024-05-04", "3450 EUR", "Spring", "Women", "Video 1", "120210000000000001", None, 1000),
        ],
    ),
    "linkedin": (
        LINKEDIN_CSV, ("campaign", "campaign_id", "clicks", "impressions"),
        [
            ("2024-05-03", "105020 EUR", "Leads, Germany", "148633856", 51, 12500),
            ("2024-05-04", "0 EUR", "Leads, Germany", "148633856", 0, 0),
        ],
    ),
    "tiktok": (
        TIKTOK_CSV, ("campaign", "campaign_id", "ad_group_id", "ad", "ad_id", "clicks", "impressions"),
        [
            ("2024-05-03", "101234 USD", "Spring", "1798", "1799", "Video 1", "1800", 17, 4000),
            ("2024-05-04", "0 USD", "Spring", "1798", "1799", "Video 1", "1800", 0, 0),
        ],
    ),
    "pinterest": (
        PINTEREST_CSV, ("campaign", "ad_group", "ad_id", "clicks", "impressions"),
        [("2024-05-03", "102251 USD", "Spring", "Dresses", "687237616200", 450, 15000)],
    ),
    "reddit": (
        REDDIT_CSV, ("campaign", "campaign_id", "ad_group_id", "ad_id", "clicks", "impressions"),
        [
            (
                "2024-05-03", "24129 USD", "Spring", "2472210695356180304", "2472210695356180305",
                "2472210695356180306", 48, 36369,
            )
        ],
    ),
    "snapchat": (
        SNAPCHAT_CSV, ("campaign", "campaign_id", "ad_group", "ad_group_id", "ad", "clicks", "impressions"),
        [("2024-05-03", "101240 USD", "Spring", "c1", "Women", "s1", "Video 1", 48, 30000)],
    ),
    "x": (
        X_CSV, ("campaign", "campaign_id", "ad_group", "clicks", "impressions"),
        [("2024-05-03", "113854 USD", "Spring", "bjfji", "Women", 11, 9000)],
    ),
}  # fmt: skip
TOTALS = {"google_ads": "a total (2 rows)", "meta": "a total (1 rows)", "tiktok": "a total (1 rows)"}
BELOW = {"microsoft": "a line below the rows (1 rows)"}


@pytest.mark.parametrize("mapping", NATIVE)
def test_csv_files_of_the_web_pages(store: Store, file: File, mapping: str) -> None:
    content, names, expected = NATIVE[mapping]
    fixed = {} if mapping in ("google_ads", "microsoft", "meta", "linkedin", "tiktok") else USD
    loaded = imported(store, mapping, file("report.csv", content), fixed)
    assert spend(store, *names) == expected
    assert counts(loaded.rows[0]) == (len(expected), len(expected), 0, 0, 0, 0)
    told = [text.partition("left out: ")[2] for text in loaded.warnings if "left out: " in text]
    assert told == [text for text in ((TOTALS | BELOW).get(mapping),) if text]


@pytest.mark.parametrize("mapping", NATIVE)
def test_a_csv_that_a_spreadsheet_saved(store: Store, file: File, mapping: str) -> None:
    """With a mark of its encoding, lines that end as on Windows, and every line as wide as the widest."""
    content, names, expected = NATIVE[mapping]
    lines = dedent(content).lstrip("\n").splitlines()
    saved = [line for line in lines if line.count(",") > 3]
    path = file("report.csv.gz", b"\xef\xbb\xbf" + "\r\n".join(saved).encode())
    loaded = imported(store, mapping, path, {} if expected[0][1].endswith(("GBP", "EUR")) else USD)
    assert spend(store, *names) == expected
    assert loaded.totals["rejected"] == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_files_for_excel_have_tabs(store: Store, file: File, encoding: str) -> None:
    """Google and LinkedIn export UTF-16 with tabs; amounts with commas need no quotes in it."""
    lines = [
        "Campaign report", "May 3, 2024 - May 4, 2024",
        "Day\tCampaign\tCampaign ID\tCurrency code\tCost\tImpr.",
        "2024-05-03\tFrühling, UK\t11\tGBP\t1,033.33\t12,345",
        '2024-05-04\t"So ""called"""\t12\tGBP\t0.01\t1',
        " --\tTotal: Campaigns\tGBP\t1,033.34\t12,346", "",
    ]  # fmt: skip
    path = file("report.csv", "\r\n".join(lines).encode(encoding))
    loaded = imported(store, "google_ads", path)
    assert spend(store, "campaign", "impressions") == [
        ("2024-05-03", "103333 GBP", "Frühling, UK", 12345), ("2024-05-04", "1 GBP", 'So "called"', 1),
    ]  # fmt: skip
    assert (loaded.totals["read"], loaded.totals["rejected"]) == (2, 0)  # totals with a column too few


def test_a_file_with_semicolons(store: Store, file: File) -> None:
    content = "Date;Campaign Name;Amount Spent (EUR);Clicks\n2024-05-03;Spring, UK;12.34;5\n"
    imported(store, "reddit", file("report.csv", content))
    assert spend(store, "campaign") == [("2024-05-03", "1234 EUR", "Spring, UK")]


def test_a_file_of_many_blocks_with_tabs(store: Store, file: File) -> None:
    rows_ = "".join(f'2024-05-03\t"Line\nbreak {n % 7}"\tEUR\t0.01\r\n' for n in range(20_000))
    imported(store, "google_ads", file("report.csv", f"Day\tCampaign\tCurrency code\tCost\n{rows_}"))
    assert sum(cents for (cents,) in rows(store, "spend", "cost_minor")) == 20_000


def test_damaged_utf_16_is_told(store: Store, file: File) -> None:
    path = file("cut.csv", dedent(GOOGLE_CSV).lstrip("\n").encode("utf-16")[:-1])
    with pytest.raises(InputError, match="UTF-16 text that is damaged or cut short"):
        imported(store, "google_ads", path)


# --- the rows of the APIs -----------------------------------------------------------------------------

API: dict[str, tuple[dict[str, object], tuple[str, ...], tuple[object, ...]]] = {
    "google_ads": (
        {
            "segments.date": "2024-05-03", "metrics.cost_micros": "1204505000", "metrics.clicks": "17",
            "metrics.impressions": "900", "customer.currency_code": "EUR", "campaign.id": "11",
            "campaign.name": "Spring", "ad_group.id": "12", "ad_group.name": "Shoes",
            "ad_group_criterion.criterion_id": "13", "ad_group_criterion.keyword.text": "red shoes",
            "segments.ad_network_type": "SEARCH",
        },
        ("campaign_id", "campaign", "ad_group_id", "keyword_id", "keyword", "network", "clicks"),
        ("2024-05-03", "120450 EUR", "11", "Spring", "12", "13", "red shoes", "SEARCH", 17),
    ),
    "meta": (
        {
            "date_start": "2024-05-03", "date_stop": "2024-05-03", "account_currency": "EUR",
            "campaign_id": "11", "campaign_name": "Spring", "adset_id": "12", "adset_name": "Women",
            "ad_id": "13", "ad_name": "Video 1", "spend": "76.53", "impressions": "4233",
            "inline_link_clicks": "10", "clicks": "31",
            "actions": [{"action_type": "lead", "value": "2"}],
        },
        ("campaign_id", "campaign", "ad_group_id", "ad_group", "ad_id", "ad", "clicks"),
        ("2024-05-03", "7653 EUR", "11", "Spring", "12", "Women", "13", "Video 1", 10),
    ),
    "microsoft": (
        {
            "TimePeriod": "2024-05-03", "CampaignId": "11", "CampaignName": "Spring", "AdGroupId": "12",
            "AdGroupName": "Shoes", "KeywordId": "13", "Keyword": "red shoes", "CurrencyCode": "EUR",
            "Impressions": "900", "Clicks": "17", "Spend": "11.49",
        },
        ("campaign_id", "campaign", "ad_group_id", "ad_group", "keyword_id", "keyword", "clicks"),
        ("2024-05-03", "1149 EUR", "11", "Spring", "12", "Shoes", "13", "red shoes", 17),
    ),
    "linkedin": (
        {
            "date": "2024-05-03", "pivotValue": "urn:li:sponsoredCampaign:148633856",
            "costInLocalCurrency": "50.2", "costInUsd": "54.1", "clicks": 51, "impressions": 125,
            "currency": "EUR",
        },
        ("campaign_id", "ad_id", "clicks"),
        ("2024-05-03", "5020 EUR", "148633856", None, 51),
    ),
    "tiktok": (
        {
            "dimensions.ad_id": "13", "dimensions.stat_time_day": "2024-05-03 00:00:00",
            "metrics.spend": "17.22", "metrics.impressions": "3235", "metrics.clicks": "34",
            "metrics.campaign_name": "Spring", "metrics.campaign_id": "11", "metrics.currency": "EUR",
        },
        ("campaign_id", "campaign", "ad_id", "clicks"),
        ("2024-05-03", "1722 EUR", "11", "Spring", "13", 34),
    ),
    "pinterest": (
        {
            "DATE": "2024-05-03", "CAMPAIGN_ID": 626746449918, "CAMPAIGN_NAME": "Spring",
            "SPEND_IN_MICRO_DOLLAR": 22500000, "IMPRESSION_1": 15000, "CLICKTHROUGH_1": 450,
            "CURRENCY": "EUR",
        },
        ("campaign_id", "campaign", "clicks"),
        ("2024-05-03", "2250 EUR", "626746449918", "Spring", 450),
    ),
    "reddit": (
        {
            "date": "2024-05-03", "campaign_id": "1510393823694638543", "spend": 158865149,
            "impressions": 37523, "clicks": 108, "currency": "EUR",
        },
        ("campaign_id", "clicks"),
        ("2024-05-03", "15887 EUR", "1510393823694638543", 108),
    ),
    "snapchat": (
        {
            "start_time": "2024-05-03T00:00:00.000+02:00", "campaign_id": "c1", "stats.spend": 1273081,
            "stats.swipes": 6, "stats.impressions": 274, "currency": "EUR",
        },
        ("campaign_id", "clicks"),
        ("2024-05-03", "127 EUR", "c1", 6),
    ),
    "x": (
        {
            "start_time": "2024-05-03T00:00:00Z", "line_item_id": "c5ypq", "campaign_id": "bjfji",
            "billed_charge_local_micro": 46646647, "clicks": 281, "url_clicks": 12, "impressions": 40326,
            "currency": "EUR",
        },
        ("campaign_id", "ad_group_id", "clicks"),
        ("2024-05-03", "4665 EUR", "bjfji", "c5ypq", 12),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mapping", API)
def test_rows_of_the_api(store: Store, file: File, mapping: str) -> None:
    row, names, expected = API[mapping]
    loaded = imported(store, mapping, file("rows.jsonl", json.dumps(row)))
    assert spend(store, *names) == [expected]
    assert loaded.totals["rejected"] == 0


# --- amounts ------------------------------------------------------------------------------------------


def test_what_a_file_costs_is_right_to_the_cent(store: Store, file: File) -> None:
    """Three rests of 0.4 cents are one cent, which rounding each ad for itself would lose."""
    lines = [f"2024-05-03,{ad},{4_000 if ad != 'b' else 4_100}" for ad in "abc"]
    path = file("reddit.csv", "\n".join(["date,ad_id,spend", *lines]))
    imported(store, "reddit", path, USD)
    assert spend(store, "ad_id") == [
        ("2024-05-03", "0 USD", "a"), ("2024-05-03", "0 USD", "c"), ("2024-05-03", "1 USD", "b"),
    ]  # fmt: skip


def test_rows_of_a_day_are_added_up_before_they_are_rounded(store: Store, file: File) -> None:
    hours = "\n".join(f"2024-05-03 {hour:02}:00:00,a,{1_400}" for hour in range(24))
    imported(store, "snapchat", file("hours.csv", f"date,ad_id,spend\n{hours}"), USD)
    assert spend(store, "ad_id") == [("2024-05-03", "3 USD", "a")]  # 24 times 0.14 cents


def test_currencies_are_rounded_each_for_itself(store: Store, file: File) -> None:
    content = """
        date,account_currency,campaign_id,spend
        2024-05-03,JPY,1,10.4
        2024-05-03,JPY,2,10.4
        2024-05-03,KWD,1,1.0004
        2024-05-03,KWD,2,1.0004
        """
    imported(store, "meta", file("meta.csv", content))
    assert sorted(row[1] for row in spend(store)) == ["10 JPY", "1000 KWD", "1001 KWD", "11 JPY"]


def test_credits_lower_what_was_spent(store: Store, file: File) -> None:
    content = "date,campaign_id,cost_micros\n2024-05-03,1,-1234567\n2024-05-03,2,5000000\n"
    imported(store, "google_ads", file("google.csv", content), USD)
    assert spend(store, "campaign_id") == [("2024-05-03", "-123 USD", "1"), ("2024-05-03", "500 USD", "2")]


def test_reports_cut_by_more_than_spend_knows_are_added_up(store: Store, file: File) -> None:
    content = """
        date,campaign_id,country,device,spend
        2024-05-03,1,GB,phone,1.10
        2024-05-03,1,GB,desktop,2.20
        2024-05-03,1,US,phone,3.30
        """
    imported(store, "meta", file("meta.csv", content), USD)
    assert spend(store, "campaign_id") == [("2024-05-03", "660 USD", "1")]


# --- days ---------------------------------------------------------------------------------------------

HOURS = {
    "snapchat": "date,campaign_id,spend\n2024-05-03 6:00:00,1,1000000\n2024-05-03T07:00:00,1,2000000\n",
    "tiktok": "stat_time_hour,campaign_id,spend\n2024-05-03 6:00:00,1,1\n2024-05-03 07:00:00,1,2\n",
    "reddit": "hour,campaign_id,spend\n2024-05-03T06:00:00Z,1,1000000\n2024-05-03T07:00:00Z,1,2000000\n",
    "x": (
        "date,campaign_id,billed_charge_local_micro\n"
        "2024-05-03 06:00:00,1,1000000\n2024-05-03 07:00:00,1,2000000\n"
    ),
}


@pytest.mark.parametrize("mapping", HOURS)
def test_hours_of_utc_are_days_of_the_store(store: Store, file: File, mapping: str) -> None:
    store.config_set("timezone", "America/Los_Angeles")  # seven hours behind in May
    imported(store, mapping, file("hours.csv", HOURS[mapping]), USD)
    assert spend(store) == [("2024-05-02", "100 USD"), ("2024-05-03", "200 USD")]


def test_the_zone_of_the_account_may_be_given(store: Store, file: File) -> None:
    """A day of an account in Tokyo begins at 15:00 of UTC on the day before."""
    content = "date,campaign_id,billed_charge_local_micro\n2024-05-02 15:00:00,1,1000000\n"
    imported(store, "x", file("x.csv", content), USD, timezone="Asia/Tokyo")
    assert spend(store) == [("2024-05-03", "100 USD")]


@pytest.mark.parametrize(
    ("mapping", "content"),
    [
        ("linkedin", "day,campaign_id,cost_in_local_currency\n2024-05-03 00:00:00,1,1\n"),
        ("pinterest", "date,campaign_id,spend_in_micro_dollar\n2024-05-03 00:00:00,1,1000000\n"),
        ("tiktok", "stat_time_day,campaign_id,spend\n2024-05-03 00:00:00,1,1\n"),
        ("google_ads", "date,campaign_id,cost_micros\n2024-05-03,1,1000000\n"),
        ("snapchat", "date,campaign_id,spend\n2024-05-03,1,1000000\n"),
    ],
)
def test_days_are_days_as_reported(store: Store, file: File, mapping: str, content: str) -> None:
    store.config_set("timezone", "America/Los_Angeles")
    imported(store, mapping, file("days.csv", content), USD)
    assert spend(store) == [("2024-05-03", "100 USD")]


# --- names of ids, and currencies, from further files --------------------------------------------------


def test_names_are_looked_up_over_several_files(store: Store, file: File) -> None:
    report = "date,promoted_tweet_id,billed_charge_local_micro\n2024-05-03,p1,1000000\n"
    further = {  # in any order
        "ads": file("ads.csv", "id,line_item_id,updated_at\np1,l0,2024-01-01\np1,l1,2024-02-01\n"),
        "ad_groups": file("groups.csv", "id,campaign_id,name,currency\nl1,c1,Women,EUR\n"),
        "campaigns": file("campaigns.csv", "id,name\nc1,Spring\n"),
    }
    loaded = imported(store, "x", file("x.csv", report), further=further)
    names = ("campaign", "campaign_id", "ad_group", "ad_group_id", "ad_id")
    assert spend(store, *names) == [("2024-05-03", "100 EUR", "Spring", "c1", "Women", "l1", "p1")]
    assert loaded.warnings == []


def test_linkedin_names_what_a_row_is_about_in_one_column(store: Store, file: File) -> None:
    lines = [
        {"date": "2024-05-03", "pivotValue": "urn:li:sponsoredCampaign:7", "costInLocalCurrency": "1"},
        {"date": "2024-05-03", "pivotValue": "urn:li:sponsoredCreative:8", "costInLocalCurrency": "2"},
    ]
    further = {
        "accounts": file("accounts.csv", "id,currency\n1,EUR\n"),
        "campaigns": file("campaigns.csv", "id,name,account_id\n7,Spring,1\n"),
        "creatives": file("creatives.csv", "id,campaign_id\n8,7\n"),
    }
    path = file("rows.jsonl", "\n".join(json.dumps(line) for line in lines))
    imported(store, "linkedin", path, further=further)
    assert spend(store, "campaign", "campaign_id", "ad_id") == [
        ("2024-05-03", "100 EUR", "Spring", "7", None), ("2024-05-03", "200 EUR", "Spring", "7", "8"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "report", "further"),
    [
        ("google_ads", "customer_id,cost_micros,day\n1,1,2024-05-03", {"accounts": "id,currency\n1,EUR"}),
        ("microsoft", "account_id,spend,date\n1,1,2024-05-03", {"accounts": "id,currency\n1,EUR"}),
        ("reddit", "account_id,spend,date\n1,1,2024-05-03", {"accounts": "id,currency\n1,EUR"}),
        (
            "pinterest", "advertiser_id,spend_in_micro_dollar,date\n1,1,2024-05-03",
            {"advertisers": "id,currency\n1,EUR"},
        ),
        (
            "tiktok", "campaign_id,spend,stat_time_day\n7,1,2024-05-03",
            {"advertisers": "id,currency\n1,EUR", "campaigns": "campaign_id,advertiser_id\n7,1"},
        ),
        (
            "linkedin", "creative_id,cost_in_local_currency,day\n8,1,2024-05-03",
            {
                "accounts": "id,currency\n1,EUR", "campaigns": "id,account_id\n7,1",
                "creatives": "id,campaign_id\n8,7",
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "," not in value else "",
)  # fmt: skip
def test_currencies_are_looked_up(
    store: Store, file: File, mapping: str, report: str, further: Mapping[str, str]
) -> None:
    files = {name: file(f"{name}.csv", content) for name, content in further.items()}
    imported(store, mapping, file("report.csv", report), further=files)
    assert {row[2] for row in rows(store, "spend", "day", "cost_minor", "currency")} == {"EUR"}


def test_a_currency_that_nobody_says_stops_the_import(store: Store, file: File) -> None:
    path = file("google.csv", "date,customer_id,cost_micros\n2024-05-03,1,1000000\n")
    with pytest.raises(InputError) as told:
        imported(store, "google_ads", path)
    assert "the required column currency is missing" in str(told.value)
    assert "look it up (--with accounts=FILE), or give one value to all rows with --set currency=" in str(
        told.value
    )
    assert rows(store, "spend", "day") == []


# --- what is no spend ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "export", "missing"),
    [
        ("meta", META + "basic_ad_actions_data.csv", "cost"),
        ("meta", META + "demographics_region_actions_data.csv", "cost"),
        ("x", TWEETS + "account_report_data.csv", "cost"),
        ("reddit", REDDITS + "campaign_country_conversions_report_data.csv", "cost"),
        ("linkedin", "dbt_linkedin/linkedin_monthly_ad_analytics_by_member_country_data.csv", "date"),
    ],
)
def test_reports_without_a_cost_or_without_days_are_refused(
    store: Store, shared: Path, mapping: str, export: str, missing: str
) -> None:
    with pytest.raises(InputError, match=f"the required column {missing} is missing"):
        imported(store, mapping, shared / "data" / "exports" / export, USD)


def test_a_meta_report_that_is_not_cut_by_day_is_refused(store: Store, file: File) -> None:
    """Its dates are those of the whole range, so that all would be spent on the first day."""
    content = (
        "Reporting starts,Reporting ends,Campaign name,Amount spent (EUR)\n2024-05-01,2024-05-31,Spring,9\n"
    )
    with pytest.raises(InputError, match="the required column date is missing"):
        imported(store, "meta", file("meta.csv", content))


def test_a_bad_amount_is_told_with_what_was_received(store: Store, file: File) -> None:
    path = file("google.csv", "Day,Campaign,Currency code,Cost\n2024-05-03,Spring,EUR,1.234,56\n")
    bad = file("bad.csv", 'Day,Campaign,Currency code,Cost\n2024-05-03,Spring,EUR,"1.234,56"\n')
    assert (
        imported(store, "google_ads", path).totals["rejected"] == 1
    )  # a comma without quotes: one field more
    assert imported(store, "google_ads", bad).totals["rejected"] == 1
    told = [message for (message,) in rows(store, "rejected_row", "message")]
    assert any("cost is '1.234,56'" in message for message in told)


def test_linkedin_in_dollars(store: Store, file: File) -> None:
    content = """
        day,campaign_id,cost_in_local_currency,cost_in_usd,clicks
        2024-05-03,1,50.20,54.10,5
        2024-05-04,1,0,,4
        2024-05-05,1,1.20,,3
        2024-05-06,1,,,
        """
    loaded = imported(store, "linkedin_usd", file("li.csv", content))
    assert spend(store, "clicks") == [("2024-05-03", "5410 USD", 5), ("2024-05-04", "0 USD", 4)]
    assert counts(loaded.rows[0]) == (3, 2, 0, 0, 0, 1)  # 1.20 of a currency that is no dollar
    assert any("a row without a cost (1 rows)" in text for text in loaded.warnings)


def test_mappings_say_whose_days_they_are() -> None:
    zones = {name: get_mapping(name).section("spend").timezone for name in PLATFORMS}
    assert [name for name, zone in zones.items() if zone == "account"] == [
        "google_ads",
        "meta",
        "microsoft",
        "x",
    ]
    assert set(zones.values()) == {"account", None}


# --- names that change --------------------------------------------------------------------------------


def test_a_campaign_with_a_new_name_is_not_counted_twice(store: Store, file: File) -> None:
    head = "date,campaign_id,campaign_name,cost_micros"
    first = file("may.csv", f"{head}\n2024-05-03,1,Spring,1000000\n2024-05-04,1,Spring,2000000\n")
    later = file("later.csv", f"{head}\n2024-05-04,1,Spring sale,2000000\n2024-05-05,1,Spring sale,4000000\n")
    imported(store, "google_ads", first, USD)
    assert counts(imported(store, "google_ads", later, USD).rows[0]) == (2, 1, 1, 0, 0, 0)
    assert spend(store, "campaign") == [
        ("2024-05-03", "100 USD", "Spring"), ("2024-05-04", "200 USD", "Spring sale"),
        ("2024-05-05", "400 USD", "Spring sale"),
    ]  # fmt: skip


def test_names_may_be_given_later(store: Store, file: File) -> None:
    report = file("stats.csv", "date,campaign_id,cost_micros\n2024-05-03,1,1000000\n")
    imported(store, "google_ads", report, USD)
    names = file("campaigns.csv", "id,name\n1,Spring\n")
    assert imported(store, "google_ads", report, USD, {"campaigns": names}).totals["updated"] == 1
    assert spend(store, "campaign", "campaign_id") == [("2024-05-03", "100 USD", "Spring", "1")]


def test_without_ids_names_tell_campaigns_apart(store: Store, file: File) -> None:
    head = "Day,Campaign,Currency code,Cost"
    imported(
        store, "google_ads", file("a.csv", f"{head}\n2024-05-03,Spring,EUR,1\n2024-05-03,Autumn,EUR,2\n")
    )
    assert [row[2] for row in spend(store, "campaign")] == ["Spring", "Autumn"]
