"""URLs: what is kept of them, and that personal data is not."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.channels.origin import CLICK_IDS, URL_FIELDS
from attribution.sources.masking import mask_text
from attribution.sources.urls import Urls, click_id_kinds, parse_urls, referrer_hosts


def parsed(url: str, *keep: str) -> Urls:
    return parse_urls(pa.array([url]), frozenset(keep))


def field(url: str, name: str) -> str | None:
    value: str | None = parsed(url).fields[name][0].as_py()
    return value


def place(url: str) -> tuple[str | None, str | None]:
    urls = parsed(url)
    return urls.host[0].as_py(), urls.path[0].as_py()


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://www.acme.test/Pricing/UK?x=1#top", "www.acme.test", "/Pricing/UK"),
        ("https://acme.test", "acme.test", "/"),
        ("https://acme.test?utm_source=x", "acme.test", "/"),
        ("https://acme.test#/a?b", "acme.test", "/"),
        ("HTTP://user:pw@acme.test:8080/a", "acme.test", "/a"),
        ("https://acme.test./a", "acme.test", "/a"),
        ("//acme.test/a", "acme.test", "/a"),
        ("acme.test/a", "acme.test", "/a"),
        ("www.acme.co.uk", "www.acme.co.uk", "/"),
        ("/pricing?utm_source=x", None, "/pricing"),
        ("https://bücher.example/ä", "bücher.example", "/ä"),
        ("http://[2001:db8::1]:80/a", "[2001:db8::1]", "/a"),
        ("http://10.0.0.1/a", "10.0.0.1", "/a"),
        ("myapp://product/7", "product", "/7"),
        ("about:blank", None, None),
        ("not a url", None, None),
        ("https:// bad host/a", None, "/a"),
        ("https://", None, "/"),
    ],
)
def test_host_and_path(url: str, host: str | None, path: str | None) -> None:
    """Hosts in small letters without user, port or final dot; paths as they stand."""
    assert place(url) == (host, path)


def test_campaign_parameters() -> None:
    """Names in any capitals, plus as space, percent-decoded; the first usable value of a repeated one."""
    url = (
        "https://acme.test/?UTM_Source=Google&utm_medium=cpc&utm_campaign=Spring+%26%20Sale"
        "&utm_content=&utm_content=b&utm_content=c&utm_term=caf%C3%A9&utm_id=20417512345"
        "&campaignid=1&adgroupid=2&_bt=4&creative=3&_bk=shoes&_bm=e&network=x&gad_source=1&other=z"
    )
    urls = parsed(url)
    assert {name: values[0].as_py() for name, values in urls.fields.items()} == {
        "utm_source": "Google",
        "utm_medium": "cpc",
        "utm_campaign": "Spring & Sale",
        "utm_content": "b",
        "utm_term": "café",
        "utm_id": "20417512345",
        "url_campaign_id": "1",
        "url_ad_group_id": "2",
        "url_ad_id": "3",
        "url_keyword": "shoes",
        "url_match_type": "e",
        "url_network": "x",
        "gad_source": "1",
    }
    assert urls.query[0].as_py() is None


def test_decoding_never_raises() -> None:
    """Broken escapes stay or become the replacement mark; nothing unprintable comes through."""
    assert field("https://a.io/?utm_source=100%", "utm_source") == "100%"
    assert field("https://a.io/?utm_source=%zz%E9x", "utm_source") == "%zz\N{REPLACEMENT CHARACTER}x"
    assert field("https://a.io/?utm_source=a%00%0Ab", "utm_source") == "a b"
    assert field("https://a.io/?utm_source=+%20", "utm_source") is None
    assert field("https://a.io/?utm_source", "utm_source") is None
    assert field("https://a.io/?&&=&=x&utm_source=a=b", "utm_source") == "a=b"
    assert field("https://a.io/?a=1?utm_source=x", "utm_source") is None


def test_click_ids() -> None:
    """The preferred kind is the touch's; all kinds are named; the capitals of a value count."""
    urls = parsed("https://a.io/?fbclid=IwAR0&GCLID=Cj0KC_x-Y&ScCid=s&msclkid=")
    assert urls.click_id[0].as_py() == "gclid:Cj0KC_x-Y"
    assert click_id_kinds(urls.kind_bits).to_pylist() == ["gclid;fbclid;sccid"]
    assert CLICK_IDS.index("gclid") < CLICK_IDS.index("fbclid")
    assert parsed("https://a.io/?gclid=a+b%2Bc").click_id[0].as_py() == "gclid:a+b+c"


def test_click_ids_that_cannot_be_are_dropped() -> None:
    """Over 2,000 characters, or with white space: no platform gave that."""
    longest = "x" * 2_000
    assert parsed(f"https://a.io/?gclid={longest}").click_id[0].as_py() == f"gclid:{longest}"
    for value in (longest + "x", "a%20b", "%00"):
        urls = parsed(f"https://a.io/?gclid={value}&fbclid=f")
        assert urls.click_id[0].as_py() == "fbclid:f"
        assert click_id_kinds(urls.kind_bits).to_pylist() == ["fbclid"]


def test_a_click_id_is_no_phone_number() -> None:
    """Masking leaves click ids alone: destinations need every character."""
    assert parsed("https://a.io/?fbclid=+442079460958").click_id[0].as_py() == "fbclid:+442079460958"


def test_the_rest_of_the_query_is_dropped_unless_kept() -> None:
    """Kept parameters come back as a query in the order of their names, masked like all values."""
    url = "https://a.io/?b=2&email=ella%40acme.test&A=x%26y&a=second&c=3&phone=%2B44+20+7946+0958"
    assert parsed(url).query[0].as_py() is None
    assert parsed(url, "a", "B").query[0].as_py() == "a=x%26y&b=2"
    assert parsed(url, "email", "phone", "zz").query[0].as_py() == "email=(email)&phone=(phone)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/u/ella@acme.test/x", "/u/(email)/x"),
        ("/u/ella.b+tag%40mail.acme.co.uk", "/u/(email)"),
        ("/u/ella%2540acme.test", "/u/(email)"),
        ("/call/+442079460958", "/call/(phone)"),
        ("/call/%2B44%2020%207946%200958/x", "/call/(phone)/x"),
        ("/call/0044 20 7946 0958", "/call/(phone)"),
        ("/call/020-7946-0958", "/call/(phone)"),
        ("/call/07700900123", "/call/(phone)"),
        ("(555) 234-5678", "(phone)"),
        ("555.234.5678", "(phone)"),
        ("/@ella/posts", "/@ella/posts"),
        ("/npm/pkg@1.2.3/x", "/npm/pkg@1.2.3/x"),
        ("/2024-05-03/p/20417512345", "/2024-05-03/p/20417512345"),
        ("/p/20240503123000", "/p/20240503123000"),
        ("brand_uk_2024-05-03", "brand_uk_2024-05-03"),
        ("/ip/192.168.100.200", "/ip/192.168.100.200"),
    ],
)
def test_masking(text: str, expected: str) -> None:
    """Addresses and numbers people are reached by are masked; dates and ids of plain digits stay."""
    assert mask_text(text) == expected


def test_paths_and_values_are_masked_wherever_they_stand() -> None:
    """In paths, in campaign values, encoded or not."""
    assert place("https://a.io/u/ella%40acme.test/x?y=1") == ("a.io", "/u/(email)/x")
    assert place("https://a.io/call/+442079460958") == ("a.io", "/call/(phone)")
    assert field("https://a.io/?utm_term=ella%40acme.test+now", "utm_term") == "(email) now"
    assert field("https://a.io/?utm_content=+442079460958", "utm_content") == "(phone)"
    assert field("https://a.io/?campaignid=20417512345", "url_campaign_id") == "20417512345"


def test_long_values_are_cut() -> None:
    """At 500 characters, paths too."""
    assert field("https://a.io/?utm_source=" + "%C3%A9" * 600, "utm_source") == "é" * 500
    path = place("https://a.io/" + "x" * 600)[1]
    assert path == "/" + "x" * 499


def test_referrers() -> None:
    """Only the host; an Android app's package name; nothing for what is no referrer."""
    referrers = [
        "https://www.Google.com/search?q=ella@acme.test",
        "android-app://com.google.android.gm/",
        "android-app://org.telegram.messenger",
        "news.ycombinator.com",
        "https://ella@t.co/x",
        "(direct)",
        "-",
        "about:blank",
        None,
    ]
    assert referrer_hosts(pa.array(referrers)).to_pylist() == [
        "www.google.com",
        "com.google.android.gm",
        "org.telegram.messenger",
        "news.ycombinator.com",
        "t.co",
        None,
        None,
        None,
        None,
    ]


def test_no_rows_and_only_nulls() -> None:
    """Both give columns of the right length."""
    for texts in (pa.array([], pa.string()), pa.nulls(3, pa.string())):
        urls = parse_urls(texts, frozenset({"a"}))
        arrays = [urls.host, urls.path, urls.click_id, urls.query, *urls.fields.values()]
        assert {len(array) for array in arrays} == {len(texts)}
        assert all(array.null_count == len(texts) for array in arrays)
        assert urls.kind_bits.tolist() == [0] * len(texts)
        assert click_id_kinds(urls.kind_bits).null_count == len(texts)
        assert referrer_hosts(texts).null_count == len(texts)


PARTS = st.sampled_from(
    ["https://", "acme.test", "/", "?", "&", "=", "#", "%", "%40", "%00", "+", "@", ":", "é", "[", "\n", "\\",
     "utm_source", "UTM_SOURCE", "gclid", "a", "ella@acme.test", "+442079460958", "%F0%9F", "%25"]
)  # fmt: skip
URLS = st.lists(PARTS, max_size=14).map("".join) | st.text(max_size=20)


@given(st.lists(st.none() | URLS, max_size=12))
def test_any_text_is_read_row_by_row(urls: list[str | None]) -> None:
    """Nothing raises; a URL gives the same whatever stands around it; no address comes through."""
    together = parse_urls(pa.array(urls, pa.string()), frozenset({"a"}))
    for row, url in enumerate(urls):
        alone = parse_urls(pa.array([url], pa.string()), frozenset({"a"}))
        for name in URL_FIELDS:
            assert together.fields[name][row].as_py() == alone.fields[name][0].as_py()
        for one, other in (("host", alone.host), ("path", alone.path), ("query", alone.query)):
            value = getattr(together, one)[row].as_py()
            assert value == other[0].as_py()
            assert "ella@acme.test" not in (value or "")
        assert together.click_id[row].as_py() == alone.click_id[0].as_py()
        assert together.kind_bits[row] == alone.kind_bits[0]
