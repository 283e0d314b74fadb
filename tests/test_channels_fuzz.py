"""Whatever stands where a URL, a referrer or a tag should: no exception, one channel, the same one again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ledger_books import wipe
from sqlalchemy import select

from attribution.channels.classify import classify, place
from attribution.channels.hosts import clean_host, find_source, is_within, registrable_domain
from attribution.channels.origin import CLICK_IDS, ORIGIN_FIELDS, URL_FIELDS
from attribution.channels.rules import UNASSIGNED, default_rules
from attribution.engine import Store
from attribution.sources.batch import RawBatch
from attribution.sources.parse import ParseOptions, parse
from attribution.sources.tables import get_table
from attribution.sources.urls import VALUE_CHARACTERS, parse_urls, referrer_hosts
from attribution.store.schema import origin, placement, touch

CHANNELS = {rule.channel for rule in default_rules().rules} | {UNASSIGNED}
OWN = ("acme.com", "bücher.example")

# what URLs break on: percent signs that encode nothing, controls, other scripts, half a surrogate's bytes
PIECES = st.sampled_from([
    "%", "%%", "%2", "%zz", "%00", "%ff%fe", "%C3", "%E2%82%AC", "%ED%A0%80", "%2526", "%0d%0a", "+", "&&",
    "=", "==", "?", "??", "#", ";", "|", "\\", "\x00", "\x1b[31m", "\u202e", "\ufeff", "é", "日本", "🦄",
    " ", "\t", "\n",
    "null", "(not set)", "cpc", "CPC", "Google", "facebook", "email", "(direct)", "(none)", "a" * 600,
    "ella@acme.test", "+44 20 7946 0958", "🦄" * 300,
])  # fmt: skip
TEXTS = st.one_of(PIECES, st.text(max_size=30), st.lists(PIECES, max_size=4).map("".join))
PARAMETERS = sorted({p for names in URL_FIELDS.values() for p in names} | set(CLICK_IDS))
NAMES = st.sampled_from(PARAMETERS).flatmap(
    lambda name: st.sampled_from(
        [name, name.upper(), name.title(), f"%{ord(name[0]):x}{name[1:]}", f" {name}"]
    )
)
QUERIES = st.lists(st.tuples(NAMES, TEXTS), max_size=6).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
HOSTS = st.one_of(
    st.sampled_from([
        "acme.com", "WWW.Acme.Com.", "bücher.example", "xn--bcher-kva.example", "xn--", "xn--a", "müller.de",
        "[::1]", "[2001:db8::1]:8443", "[::1", "]", "127.0.0.1:80", "256.256.256.256", "localhost",
        "google.com",
        "m.facebook.com", "user:pass@bing.com:99999", "t.co", "..", ".", "-", "a..b", "co.uk", "com",
        "google.com.evil.example", "com.google.android.gm", "*.com", "a" * 70 + ".com",
        "x." * 150 + "de", "١٢٣.com",
        "\u200bgoogle.com", "ＧＯＯＧＬＥ.com", "google。com", "faß.de",
    ]),
    TEXTS,
)  # fmt: skip
SCHEMES = st.sampled_from(
    ["https://", "HTTP://", "//", "", "android-app://", "ios-app://", "javascript:", "data:", "mailto:", ":", "://",
     "about:blank", "file:///", "https:/", "https:"]
)  # fmt: skip
URLS = st.one_of(
    st.builds(
        lambda scheme, host, path, query, end: f"{scheme}{host}/{path}?{query}{end}",
        SCHEMES, HOSTS, TEXTS, QUERIES, st.sampled_from(["", "#utm_source=x", "#", "&", "?utm_source=y"]),
    ),
    TEXTS,
    st.sampled_from([
        "", " ", "?", "https://acme.com/?" + "utm_source=x&" * 1_500, "https://acme.com/" + "é" * 20_000,
        "https://acme.com/?utm_campaign=" + "%F0%9F%A6%84" * 1_700,
    ]),
)  # fmt: skip
REFERRERS = st.one_of(st.none(), URLS)


def placed(visits: list[tuple[str, str | None]]) -> pd.DataFrame:
    """Place visits, read as an import reads them."""
    urls, referrers = zip(*visits, strict=True)
    ids = [str(i) for i in range(len(visits))]
    columns = {"touch_id": ids, "visitor_id": ids, "at": ["2025-01-01"] * len(ids)}
    columns |= {"url": list(urls), "referrer": list(referrers)}
    batch = RawBatch(pa.table({k: pa.array(v, pa.string()) for k, v in columns.items()}), np.arange(len(ids)))
    parsed = parse(batch, get_table("touches"), ParseOptions())
    assert not parsed.rejected
    names = [name for name in ORIGIN_FIELDS if name in parsed.columns.column_names]
    return classify(parsed.columns.select(names).to_pandas(), own_domains=OWN)


@settings(max_examples=12)
@given(st.lists(st.tuples(URLS, REFERRERS), min_size=15, max_size=30))
@example([("https://acme.com/?utm_source=a&utm_source=b&UTM_SOURCE=c&utm_medium=", "https://acme.com")])
@example([("https://[::1]:8080/?gclid=%zz", "android-app://com.google.android.googlequicksearchbox/")])
def test_any_visit_has_one_channel_and_the_same_one_again(visits: list[tuple[str, str | None]]) -> None:
    """Through the reading that imports use, with its limits kept."""
    found = placed(visits)
    for row in found.to_dict("records"):
        assert row["channel"] in CHANNELS
        assert row["rule"].startswith(f"{row['channel']}: ")
        assert all(
            value is None or (value == value.strip() and len(value) <= 2_000) for value in row.values()
        )
        assert all(value is None or "\x00" not in value for value in row.values())
    assert placed(visits).equals(found)


@pytest.mark.parametrize(
    "path",
    ["a" * 20_000 + "@", "x@" + "a." * 10_000, "x@" + "a-" * 10_000, "%40" * 7_000, "ella@" * 4_000,
     "%25" * 7_000 + "40", "+" + "0 " * 10_000, "0" * 20_000, "=".join("&" * 10_000)],
    ids=lambda path: f"{path[:6]}...",
)  # fmt: skip
def test_twenty_kilobytes_take_no_time(path: str) -> None:
    """Not even what is made to keep the search for e-mail addresses and telephone numbers busy."""
    start = time.process_time()
    parse_urls(pa.array([f"https://acme.com/{path}", f"https://acme.com/?utm_campaign={path}"]))
    assert time.process_time() - start < 2  # a thousandth of what trying every beginning takes


@settings(max_examples=15)
@given(st.lists(st.one_of(st.none(), URLS), min_size=3, max_size=6))
def test_urls_in_one_column_are_read_as_each_alone(urls: list[str | None]) -> None:
    """A neighbour changes nothing; values are cut, and nothing that is no host stands for one."""
    column = pa.array(urls, pa.string())
    read, hosts = parse_urls(column), referrer_hosts(column)
    for i, url in enumerate(urls):
        alone = parse_urls(pa.array([url], pa.string()))
        assert (read.host[i], read.path[i], read.click_id[i]) == (
            alone.host[0],
            alone.path[0],
            alone.click_id[0],
        )
        assert {name: values[i] for name, values in read.fields.items()} == {
            name: values[0] for name, values in alone.fields.items()
        }
        assert hosts[i] == referrer_hosts(pa.array([url], pa.string()))[0]
    for values in read.fields.values():
        assert all(len(value) <= VALUE_CHARACTERS for value in values.to_pylist() if value is not None)
    assert all(host == host.lower() and "/" not in host for host in read.host.to_pylist() if host)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(ORIGIN_FIELDS), st.one_of(st.none(), TEXTS, HOSTS), max_size=8))
def test_any_origin_has_one_channel(fields: dict[str, str | None]) -> None:
    """Also what no reading would let through; a given channel is final."""
    placed = place(fields, own_domains=OWN)
    assert placed.channel
    given_channel = fields.get("channel")
    assert placed.channel in CHANNELS or (given_channel and placed.channel == given_channel.strip())
    assert place(fields, own_domains=OWN) == placed


@settings(max_examples=200)
@given(st.one_of(HOSTS, URLS))
def test_any_host_can_be_asked_about(text: str) -> None:
    """Nothing raises on an odd host, and a clean host is clean."""
    host = clean_host(text)
    assert clean_host(host) == host or host.startswith("www.")
    find_source(text)
    registrable_domain(text)
    assert is_within(text, [host]) == bool(host)


@pytest.fixture(scope="module")
def emptied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples."""
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('fuzz') / 'store.db'}") as store:
        yield store


@settings(max_examples=4)
@given(st.lists(st.tuples(URLS, REFERRERS, TEXTS), min_size=8, max_size=12))
def test_whatever_is_imported_gets_one_channel_each(
    emptied: Store, visits: list[tuple[str, str | None, str]]
) -> None:
    """As touches from JSON Lines: what loads is placed as a single visit is, and again nothing is new."""
    wipe(emptied)
    fixed = {"visitor_id": "v1", "at": "2025-01-01"}
    lines = [
        json.dumps(fixed | {"touch_id": f"t{i}", "url": url, "referrer": referrer, "user_agent": agent})
        for i, (url, referrer, agent) in enumerate(visits)
    ]
    assert emptied.db.path is not None
    path = Path(emptied.db.path).with_name("touches.jsonl")
    path.write_text("\n".join(lines), encoding="utf-8")
    first, again = (emptied.import_table("touches", path).totals for _ in range(2))
    assert first["accepted"] + first["rejected"] == first["read"] == len(visits)
    assert again["duplicate"] == first["accepted"]
    joined = (
        select(touch.c.touch_id, placement.c.channel, origin.c.rule)
        .join(origin, origin.c.origin_id == touch.c.origin_id)
        .join(placement, placement.c.placement_id == origin.c.placement_id)
    )
    with emptied.db.read() as connection:
        stored = {key: (channel, rule) for key, channel, rule in connection.execute(joined)}
    assert len(stored) == first["accepted"]
    for key, found in stored.items():
        url, referrer, _ = visits[int(key[1:])]
        (row,) = emptied.channels_test(url, referrer).rows
        assert found == (row["channel"], row["rule"])
