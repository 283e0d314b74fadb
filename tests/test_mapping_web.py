"""Web analytics exports through their mappings: small exports of the shape that each system writes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dumps import counts, dump, names, rows
from pageview_books import Session, sessions

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.sources.mapping.read import get_mapping

GRANTED, DENIED = 1, 0b101010
Records = list[dict[str, Any]]


def lines(path: Path, records: Records) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def told(answer: Answer) -> list[str]:
    """Return what an import tells, without the file's name."""
    return [one.partition(": ")[2] for one in answer.warnings]


def short(found: list[Session]) -> list[tuple[Any, ...]]:
    return [(one.visitor, one.at, one.channel, one.page, one.page_views) for one in found]


def evidence(store: Store) -> set[frozenset[str]]:
    """Return the pairs of identifiers that are known to be one person's."""
    called = names(store)
    return {frozenset({called[one], called[other]}) for one, other in rows(store, "edge", "a", "b")}


# --- Google Analytics 4 -----------------------------------------------------------------------------


def param(key: str, value: str | int | float) -> dict[str, Any]:
    """Return a parameter as BigQuery exports it: whole numbers in quotes, what is null left out."""
    kind = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
    return {"key": key, "value": {kind: str(value) if isinstance(value, int) else value}}


def ga4_event(
    name: str, second: int, visitor: str | None, *params: tuple[str, str | int | float], **more: Any
) -> dict[str, Any]:
    event = {
        "event_date": "20240503",
        "event_timestamp": str(1714730400000000 + second * 1_000_000),
        "event_name": name,
        "event_params": [param(*one) for one in params],
        "privacy_info": {"analytics_storage": "Yes", "ads_storage": "Yes", "uses_transient_token": "No"},
        "user_properties": [],
        "device": {"category": "desktop", "web_info": {"browser": "Chrome"}},
        "geo": {"country": "France"},
        "items": [],
        **more,
    }
    return event | ({"user_pseudo_id": visitor} if visitor else {})


ADS = {
    "manual_campaign": {"source": "google", "medium": "cpc", "campaign_name": "spring"},
    "google_ads_campaign": {
        "customer_id": "1234567890",
        "campaign_id": "777",
        "campaign_name": "Spring sale",
        "ad_group_id": "888",
        "ad_group_name": "Shoes",
    },
}
HOME, PRICING = "https://www.acme.com/", "https://www.acme.com/pricing"
GA4: Records = [
    ga4_event("session_start", 0, "1.1", ("ga_session_id", 1714730400), ("page_location", HOME)),
    ga4_event(
        "page_view",
        0,
        "1.1",
        ("ga_session_id", 1714730400),
        ("page_location", HOME + "?gclid=Cj0"),
        ("page_referrer", "https://www.google.com/"),
        ("engagement_time_msec", 100),
        ("ratio", 0.5),
        collected_traffic_source={"gclid": "Cj0", "manual_campaign_name": "(organic)"},
        session_traffic_source_last_click=ADS,
    ),
    ga4_event("scroll", 20, "1.1", ("ga_session_id", 1714730400), ("page_location", HOME)),
    ga4_event(
        "page_view",
        60,
        "1.1",
        ("ga_session_id", 1714730400),
        ("page_location", PRICING),
        ("page_referrer", HOME),
        ("engagement_time_msec", 12345),
        user_id="u-9",
        session_traffic_source_last_click=ADS,
    ),
    ga4_event(
        "page_view",
        90,
        "2.2",
        ("ga_session_id", 1714730490),
        ("page_location", HOME),
        collected_traffic_source={
            "manual_source": "news",
            "manual_medium": "email",
            "manual_campaign_name": "May",
        },
    ),
    ga4_event(
        "page_view",
        4000,
        "2.2",
        ("ga_session_id", 1714734400),
        ("page_location", HOME),
        session_traffic_source_last_click={"manual_campaign": {"source": "news", "medium": "email"}},
    ),
    ga4_event(
        "page_view",
        95,
        None,
        ("page_location", HOME),
        privacy_info={"analytics_storage": "No", "ads_storage": "No", "uses_transient_token": "No"},
    ),
    ga4_event("screen_view", 99, "3.3", ("ga_session_id", 5), ("firebase_screen", "Start")),
]


def test_ga4_events_become_the_sessions_of_ga4(store: Store, tmp_path: Path) -> None:
    """An ad click with the ids that its spend has; a newsletter, and no newsletter in the visit after it."""
    answer = store.import_table("pageviews", lines(tmp_path / "events.jsonl", GA4), mapping="ga4")
    assert counts(answer.totals) == (6, 6, 0, 0, 0, 0)
    assert "left out: events that are no views of a page (2 rows)" in told(answer)
    found = sessions(store)
    assert short(found) == [
        (None, "2024-05-03T10:01:35Z", "Direct", "/", None),
        ("1.1", "2024-05-03T10:00:00Z", "Paid Search", "/", 2),
        ("2.2", "2024-05-03T10:01:30Z", "Email", "/", 1),
        ("2.2", "2024-05-03T11:06:40Z", "Direct", "/", 1),
        ("3.3", "2024-05-03T10:01:39Z", "Direct", None, 1),
    ]
    assert [one.campaign for one in found] == [None, "Spring sale", "May", None, None]
    assert [one.consent for one in found] == [DENIED, GRANTED, GRANTED, GRANTED, GRANTED]
    assert (found[1].engaged, found[1].click_id) == (12, "gclid:Cj0")
    assert [row for row in rows(store, "origin", "platform", "campaign_id", "ad_group_id") if any(row)] == [
        ("google", "777", "888")
    ]
    again = store.import_table("pageviews", lines(tmp_path / "events.jsonl", GA4), mapping="ga4")
    assert counts(again.totals) == (6, 0, 0, 6, 0, 0)


def test_ga4_users_are_tied_to_visitors(store: Store, tmp_path: Path) -> None:
    """From every event of who is signed in, pages or not."""
    events = [*GA4, ga4_event("login", 70, "2.2", user_id="u-9")]
    answer = store.import_table("identities", lines(tmp_path / "events.jsonl", events), mapping="ga4")
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert evidence(store) == {frozenset({"1.1", "u-9"}), frozenset({"2.2", "u-9"})}


def parquet_of_ga4(path: Path) -> Path:
    """Write the events as BigQuery exports tables: whole numbers as such, records as lists of structs."""
    events = json.loads(json.dumps(GA4))
    for event in events:
        event["event_timestamp"] = int(event["event_timestamp"])
        for one in event["event_params"]:
            if "int_value" in one["value"]:
                one["value"]["int_value"] = int(one["value"]["int_value"])
    pq.write_table(pa.Table.from_pylist(events, _ga4_schema()), path)
    return path


def _ga4_schema() -> pa.Schema:
    text = pa.string()
    value = pa.struct(
        [
            ("string_value", text),
            ("int_value", pa.int64()),
            ("float_value", pa.float64()),
            ("double_value", pa.float64()),
        ]
    )
    manual = pa.struct([("source", text), ("medium", text), ("campaign_name", text)])
    names = ["customer_id", "campaign_id", "campaign_name", "ad_group_id", "ad_group_name"]
    collected = ["manual_source", "manual_medium", "manual_campaign_name", "gclid"]
    return pa.schema(
        [
            ("event_timestamp", pa.int64()),
            ("event_name", text),
            ("event_params", pa.list_(pa.struct([("key", text), ("value", value)]))),
            ("privacy_info", pa.struct([("analytics_storage", text), ("ads_storage", text)])),
            ("user_id", text),
            ("user_pseudo_id", text),
            ("collected_traffic_source", pa.struct([(name, text) for name in collected])),
            (
                "session_traffic_source_last_click",
                pa.struct(
                    [
                        ("manual_campaign", manual),
                        ("google_ads_campaign", pa.struct([(name, text) for name in names])),
                    ]
                ),
            ),
            ("items", pa.list_(pa.struct([("item_id", text)]))),
        ]
    )


def test_ga4_parquet_and_json_lines_give_the_same_store(tmp_path: Path) -> None:
    """So do small blocks, which are read as columns, a packed file, and one array."""
    packed = tmp_path / "events.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(GA4).encode()))
    files = [lines(tmp_path / "events.jsonl", GA4), parquet_of_ga4(tmp_path / "events.parquet"), packed]
    found = []
    for file in files:
        with Store.open("sqlite://") as store:
            store.import_table("pageviews", file, mapping="ga4")
            store.import_table("identities", file, mapping="ga4")
            found.append(dump(store, without=["batch"]))
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_ga4_events_without_a_visitor_are_told(sqlite_store: Store, tmp_path: Path) -> None:
    """Unless they denied analytics; broken lines and a list for a text are told too, each with its line."""
    bad = lines(
        tmp_path / "bad.jsonl",
        [
            ga4_event("page_view", 1, None, ("page_location", HOME)),
            ga4_event("page_view", 2, "1.1", ("page_location", HOME), event_timestamp="soon"),
            ga4_event("page_view", 3, "1.1", ("page_location", HOME), event_timestamp=["1714730400000000"]),
            ga4_event("page_view", 4, "1.1", ("page_location", HOME), user_id=17),
        ],
    )
    with bad.open("a") as file:
        file.write('{"event_name": "page_view", \n')
    answer = sqlite_store.import_table("pageviews", bad, mapping="ga4")
    assert counts(answer.totals) == (5, 1, 0, 0, 0, 4)
    found = rows(sqlite_store, "rejected_row", "line", "code")
    assert sorted(found) == [(1, "missing_value"), (2, "bad_time"), (3, "missing_value"), (5, "bad_json")]
    with pytest.raises(InputError, match="event_timestamp"):
        sqlite_store.import_table(
            "pageviews", lines(tmp_path / "x.jsonl", [{"event_name": "x"}]), mapping="ga4"
        )


# --- Snowplow ---------------------------------------------------------------------------------------


def snowplow_line(**values: str) -> str:
    """Return an enriched event as the stream writes it: 131 values without quotes."""
    header = get_mapping("snowplow").section("pageviews").header
    assert len(header) == 131
    assert values.keys() <= set(header)
    return "\t".join(values.get(name, "") for name in header)


PAGE = {"app_id": "site", "platform": "web", "event": "page_view", "event_name": "page_view"}
CONTEXT = '{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[]}'
SNOWPLOW = [
    PAGE
    | {
        "domain_userid": "d1",
        "domain_sessionid": "s1",
        "domain_sessionidx": "1",
        "contexts": CONTEXT,
        "collector_tstamp": "2024-05-03 10:00:01.5",
        "derived_tstamp": "2024-05-03 10:00:00.123",
        "page_url": "https://www.acme.com/?utm_source=bing",
        "page_title": '"The" home',
        "page_referrer": "https://www.bing.com/",
        "mkt_source": "bing",
        "mkt_medium": "cpc",
        "mkt_campaign": "spring",
        "mkt_clickid": "abc",
        "mkt_network": "Microsoft",
        "useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
    },
    PAGE
    | {
        "event": "page_ping",
        "event_name": "page_ping",
        "domain_userid": "d1",
        "domain_sessionid": "s1",
        "derived_tstamp": "2024-05-03 10:00:10.123",
        "page_url": "https://www.acme.com/",
    },
    PAGE
    | {
        "domain_userid": "d1",
        "domain_sessionid": "s1",
        "derived_tstamp": "2024-05-03 10:01:00",
        "page_url": "https://www.acme.com/pricing",
        "user_id": "u-9",
    },
    PAGE
    | {
        "network_userid": "n1",
        "collector_tstamp": "2024-05-03 10:02:00",
        "page_url": "https://www.acme.com/",
    },
    PAGE
    | {
        "network_userid": "00000000-0000-0000-0000-000000000000",
        "collector_tstamp": "2024-05-03 10:03:00",
        "page_url": "https://www.acme.com/",
    },
]


def test_snowplow_enriched_events(store: Store, tmp_path: Path) -> None:
    """From the stream's files, whose quotes mean nothing; pings are no views, and nobody's views are told."""
    file = tmp_path / "part-0.tsv.gz"
    file.write_bytes(gzip.compress("".join(snowplow_line(**one) + "\n" for one in SNOWPLOW).encode()))
    answer = store.import_table("pageviews", file, mapping="snowplow")
    assert counts(answer.totals) == (4, 3, 0, 0, 0, 1)
    found = sessions(store)
    assert short(found) == [
        ("d1", "2024-05-03T10:00:00.123000Z", "Paid Search", "/", 2),
        ("network:n1", "2024-05-03T10:02:00Z", "Direct", "/", 1),
    ]
    assert (found[0].campaign, found[0].click_id) == ("spring", "msclkid:abc")
    assert counts(store.import_table("identities", file, mapping="snowplow").totals) == (1, 1, 0, 0, 0, 0)
    assert frozenset({"d1", "u-9"}) in evidence(store)


def test_snowplow_tables_with_names_give_the_same(tmp_path: Path) -> None:
    """Parquet of a lake, with instants as such; a TSV with a header."""
    names = sorted({name for one in SNOWPLOW for name in one})
    frame = pd.DataFrame(SNOWPLOW, columns=names)
    stream, tsv = tmp_path / "a.tsv", tmp_path / "b.tsv"
    stream.write_text("".join(snowplow_line(**one) + "\n" for one in SNOWPLOW))
    frame.drop(columns=["contexts", "page_title"]).to_csv(tsv, sep="\t", index=False)
    lake = tmp_path / "c.parquet"
    for name in ("collector_tstamp", "derived_tstamp"):
        frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    frame.to_parquet(lake)
    found = []
    for file in (stream, tsv, lake):
        with Store.open("sqlite://") as store:
            store.import_table("pageviews", file, mapping="snowplow")
            found.append(sessions(store))
    assert len(found[0]) == 2
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_snowplow_events_of_the_attribution_package(sqlite_store: Store, shared: Path) -> None:
    """Each of its page views is a visit, at the time and in the channel that its own tables say."""
    folder = shared / "vectors/journeys/snowplow_fractribution"
    file = folder / "source/snowplow_fractribution_events.csv"
    answer = sqlite_store.import_table("pageviews", file, mapping="snowplow")
    events = pd.read_csv(file)
    views = int((events["event_name"] == "page_view").sum())
    assert counts(answer.totals) == (views, views, 0, 0, 0, 0)
    found = sessions(sqlite_store)
    said = pd.read_csv(folder / "expected/snowplow_fractribution_sessions_by_customer_id_expected.csv")
    ours = {
        "Direct": "Direct",
        "Organic_Search": "Organic Search",
        "Paid_Search_Other": "Paid Search",
        "Referral": "Referral",
        "Unmatched_Channel": "Affiliates",
        "Video": "Organic Video",
    }
    expected = {
        ("f" + one.visitor, one.at.rstrip("Z").replace("T", " ")): one.channel for one in found if one.visitor
    }
    differ = [
        (ours[channel], expected[who, at], source)
        for who, at, channel, source in zip(
            said["customer_id"], said["visit_start_tstamp"], said["channel"], said["source"], strict=True
        )
        if expected[who, at] != ours[channel]
    ]
    assert differ == [("Referral", "Organic Social", "quora.com")]
    assert len(expected) == views == len(said)


# --- Segment and RudderStack ------------------------------------------------------------------------

SEGMENT: Records = [
    {
        "type": "page",
        "anonymousId": "a1",
        "userId": None,
        "messageId": "m1",
        "name": "Home",
        "context": {
            "page": {"url": "https://www.acme.com/", "referrer": "https://news.example/", "path": "/"},
            "campaign": {"name": "May", "source": "news", "medium": "email", "term": "t", "content": "c"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
        },
        "properties": {"url": "https://www.acme.com/", "title": "Home"},
        "timestamp": "2024-05-03T10:00:00.000Z",
        "sentAt": "2024-05-03T10:00:01.000Z",
    },
    {
        "type": "track",
        "anonymousId": "a1",
        "event": "Clicked",
        "properties": {"n": 1.5},
        "context": {"page": {"url": "https://www.acme.com/"}},
        "timestamp": "2024-05-03T10:00:20.000Z",
    },
    {
        "type": "identify",
        "anonymousId": "a1",
        "userId": "u-9",
        "traits": {"email": "Ella@Example.org", "plan": {"id": 3}},
        "context": {"traits": {}},
        "timestamp": "2024-05-03T10:01:00.000Z",
    },
    {"type": "alias", "previousId": "a0", "userId": "u-9", "timestamp": "2024-05-03T10:01:30.000Z"},
    {
        "type": "page",
        "anonymousId": "a1",
        "userId": "u-9",
        "messageId": "m2",
        "properties": {"url": "https://www.acme.com/pricing", "referrer": "https://www.acme.com/"},
        "originalTimestamp": "2024-05-03T10:02:00.000Z",
    },
    {
        "type": "group",
        "anonymousId": "a1",
        "userId": "u-9",
        "groupId": "g",
        "timestamp": "2024-05-03T10:03:00.000Z",
    },
]


@pytest.mark.parametrize("system", ["segment", "rudderstack"])
def test_segment_messages(sqlite_store: Store, tmp_path: Path, system: str) -> None:
    """Pages become sessions by our own rules; identify and alias tie."""
    file = lines(tmp_path / "messages.json", SEGMENT)
    answer = sqlite_store.import_table("pageviews", file, mapping=system)
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    (found,) = sessions(sqlite_store)
    assert short([found]) == [("a1", "2024-05-03T10:00:00Z", "Email", "/", 2)]
    assert found.campaign == "May"
    answer = sqlite_store.import_table("identities", file, mapping=system)
    assert counts(answer.totals) == (3, 3, 0, 0, 0, 0)
    pairs = evidence(sqlite_store)
    assert frozenset({"a1", "u-9"}) in pairs
    assert frozenset({"a0", "u-9"}) in pairs
    assert frozenset({"ella@example.org", "u-9"}) in pairs


def test_segment_tables_of_a_warehouse(sqlite_store: Store, tmp_path: Path) -> None:
    """Names with underscores, instants of UTC without saying so; sessions where RudderStack has them."""
    file = tmp_path / "pages.csv"
    file.write_text(
        "id,anonymous_id,user_id,timestamp,url,context_page_referrer,context_campaign_source,context_session_id\n"
        "m1,a1,,2024-05-03 10:00:00.5,https://www.acme.com/,https://www.google.com/,,1\n"
        "m2,a1,u-9,2024-05-03 10:50:00,https://www.acme.com/b,,,1\n"
    )
    answer = sqlite_store.import_table("pageviews", file, mapping="rudderstack", timezone="Asia/Tokyo")
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert short(sessions(sqlite_store)) == [("a1", "2024-05-03T10:00:00.500000Z", "Organic Search", "/", 2)]


# --- PostHog ----------------------------------------------------------------------------------------

POSTHOG: Records = [
    {
        "uuid": "e1",
        "event": "$pageview",
        "distinct_id": "dev-1",
        "timestamp": "2024-05-03T10:00:00.000000+00:00",
        "properties": {
            "$current_url": "https://www.acme.com/?fbclid=F1",
            "$referrer": "https://l.facebook.com/",
            "$session_id": "s1",
            "$device_id": "dev-1",
            "$is_identified": False,
            "fbclid": "F1",
            "utm_source": "facebook",
            "utm_medium": "paid_social",
            "utm_campaign": "spring",
            "utm_term": None,
            "$raw_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0",
        },
        "person_properties": {},
    },
    {
        "uuid": "e2",
        "event": "$autocapture",
        "distinct_id": "dev-1",
        "timestamp": "2024-05-03T10:00:10.000000+00:00",
        "properties": {"$session_id": "s1", "$device_id": "dev-1"},
    },
    {
        "uuid": "e3",
        "event": "$identify",
        "distinct_id": "u-9",
        "timestamp": "2024-05-03T10:01:00.000000+00:00",
        "properties": {
            "$anon_distinct_id": "dev-1",
            "$device_id": "dev-1",
            "$set": {"email": "ella@example.org"},
        },
    },
    {
        "uuid": "e4",
        "event": "$pageview",
        "distinct_id": "u-9",
        "timestamp": "2024-05-03T10:02:00.000000+00:00",
        "properties": {
            "$current_url": "https://www.acme.com/pricing",
            "$referrer": "$direct",
            "$session_id": "s1",
            "$device_id": "dev-1",
            "$is_identified": True,
            "$user_id": "u-9",
        },
    },
    {
        "uuid": "e5",
        "event": "$create_alias",
        "distinct_id": "u-9",
        "timestamp": "2024-05-03T10:03:00.000000+00:00",
        "properties": {"alias": "app-1"},
    },
]


def test_posthog_events(store: Store, tmp_path: Path) -> None:
    """The device stays the visitor when somebody signs in."""
    file = lines(tmp_path / "events.jsonl", POSTHOG)
    assert counts(store.import_table("pageviews", file, mapping="posthog").totals) == (2, 2, 0, 0, 0, 0)
    (found,) = sessions(store)
    assert short([found]) == [("dev-1", "2024-05-03T10:00:00Z", "Paid Social", "/", 2)]
    assert (found.campaign, found.click_id) == ("spring", "fbclid:F1")
    assert counts(store.import_table("identities", file, mapping="posthog").totals) == (2, 2, 0, 0, 0, 0)
    pairs = evidence(store)
    assert {frozenset({"dev-1", "u-9"}), frozenset({"app-1", "u-9"})} <= pairs
    assert frozenset({"ella@example.org", "u-9"}) in pairs


def test_posthog_parquet_keeps_properties_as_text(tmp_path: Path) -> None:
    """Which gives the same."""
    frame = pd.DataFrame(POSTHOG)
    for name in ("properties", "person_properties"):
        frame[name] = [json.dumps(one) if isinstance(one, dict) else None for one in frame[name]]
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True).dt.tz_localize(None)
    frame.to_parquet(tmp_path / "events.parquet")
    found = []
    for file in (lines(tmp_path / "events.jsonl", POSTHOG), tmp_path / "events.parquet"):
        with Store.open("sqlite://") as opened:
            opened.import_table("pageviews", file, mapping="posthog")
            opened.import_table("identities", file, mapping="posthog")
            found.append((sessions(opened), evidence(opened)))
    assert len(found[0][1]) == 3
    assert found[1] == found[0]


# --- Matomo -----------------------------------------------------------------------------------------

MATOMO: Records = [
    {
        "idSite": "1",
        "idVisit": "68536",
        "visitorId": "abcdef0123456789",
        "userId": "u-9",
        "firstActionTimestamp": 1714730400,
        "lastActionTimestamp": 1714730500,
        "visitDuration": "100",
        "referrerType": "search",
        "referrerName": "Google",
        "referrerKeyword": "Keyword not defined",
        "referrerUrl": "https://www.google.com/",
        "actions": "2",
        "goalConversions": 0,
        "actionDetails": [
            {
                "type": "action",
                "url": "https://www.acme.com/?a=1;b=2",
                "timestamp": 1714730400,
                "timeSpent": 60,
            },
            {"type": "action", "url": "https://www.acme.com/pricing", "timestamp": 1714730460},
        ],
    },
    {
        "idSite": "1",
        "idVisit": "68537",
        "visitorId": "0123456789abcdef",
        "userId": None,
        "firstActionTimestamp": 1714734000,
        "visitDuration": 0,
        "actions": 1,
        "referrerType": "campaign",
        "referrerName": "May",
        "referrerKeyword": "shoes",
        "referrerUrl": "",
        "campaignSource": "news",
        "campaignMedium": "email",
        "actionDetails": [],
    },
]


def test_matomo_visits_are_touches(store: Store, tmp_path: Path) -> None:
    """The API's array as it is: the entry page, how many pages and how long."""
    file = tmp_path / "visits.json"
    file.write_text(json.dumps(MATOMO, indent=1))
    assert counts(store.import_table("touches", file, mapping="matomo").totals) == (2, 2, 0, 0, 0, 0)
    found = sessions(store)
    assert [(one.touch_id, *short([one])[0], one.campaign, one.engaged) for one in found] == [
        ("matomo:68537", "0123456789abcdef", "2024-05-03T11:00:00Z", "Email", None, 1, "May", 0),
        ("matomo:68536", "abcdef0123456789", "2024-05-03T10:00:00Z", "Organic Search", "/", 2, None, 100),
    ]
    assert counts(store.import_table("identities", file, mapping="matomo").totals) == (1, 1, 0, 0, 0, 0)
    assert frozenset({"abcdef0123456789", "u-9"}) in evidence(store)
