"""Which evidence wins: given fields, URL, platform, click ids, referrer; and what the sentence says."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.channels.classify import classify, place
from attribution.channels.origin import CLICK_IDS, ORIGIN_FIELDS, PLACEMENT_FIELDS, TOUCH_KINDS


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        # a tagged source takes nothing from a referrer of another source
        (
            {"utm_source": "newsletter", "referrer_host": "www.google.com"},
            ("Unassigned", "newsletter", None),
        ),
        # ... but does from its own, however it is spelled
        ({"utm_source": "fb", "referrer_host": "l.facebook.com"}, ("Organic Social", "fb", "referral")),
        ({"utm_source": "Google.com", "click_id_kinds": "gclid"}, ("Paid Search", "google.com", "cpc")),
        ({"source": "bing", "utm_source": "google", "utm_medium": "cpc"}, ("Organic Search", "bing", None)),
        ({"source": "google", "utm_source": "google", "utm_medium": "cpc"}, ("Paid Search", "google", "cpc")),
        ({"medium": "email", "utm_source": "crm", "utm_medium": "cpc"}, ("Email", "crm", "email")),
        # a URL without utm_source speaks of its click id's source
        (
            {"source": "newsletter", "utm_medium": "cpc", "click_id_kinds": "gclid"},
            ("Unassigned", "newsletter", None),
        ),
        ({"utm_medium": "email", "click_id_kinds": "gclid"}, ("Organic Search", "google", "email")),
        ({"utm_medium": "in-product", "referrer_host": "news.ycombinator.com"},
         ("Organic Social", "hacker news", "in-product")),
        # the platform ranks after the URL and before click ids
        ({"platform": "meta_ads", "utm_source": "google", "utm_medium": "cpc"},
         ("Paid Search", "google", "cpc")),
        ({"platform": "meta_ads", "click_id_kinds": "gclid"}, ("Paid Social", "facebook", "cpc")),
        ({"click_id_kinds": "gclid;fbclid", "referrer_host": "bing.com"}, ("Paid Search", "google", "cpc")),
        # a paid click id beside a medium that no rule knows
        ({"utm_source": "google", "utm_medium": "pmax", "gad_source": "1"},
         ("Paid Search", "google", "pmax")),
        ({"utm_source": "google", "utm_medium": "pmax", "gad_source": "5"},
         ("Organic Search", "google", "pmax")),
        ({"utm_source": "bing", "utm_medium": "pmax", "click_id_kinds": "gclid"},
         ("Organic Search", "bing", "pmax")),
        ({"utm_source": "google", "utm_medium": "organic", "click_id_kinds": "gclid"},
         ("Organic Search", "google", "organic")),
        ({"gad_source": "1"}, ("Paid Search", "google", "cpc")),
        ({"gad_source": "2"}, ("Direct", "(direct)", "(none)")),
        # fbclid is put on organic links too
        ({"click_id_kinds": "fbclid", "utm_campaign": "spring_paid"}, ("Paid Social", "facebook", "cpc")),
        ({"click_id_kinds": "fbclid", "utm_medium": "paid_social"},
         ("Paid Social", "facebook", "paid_social")),
        ({"click_id_kinds": "fbclid", "utm_campaign": "unpaid"}, ("Organic Social", "facebook", "referral")),
        ({"click_id_kinds": "epik", "campaign": "CPC pins"}, ("Paid Social", "pinterest", "cpc")),
        # where a Google click came from
        ({"click_id_kinds": "gclid", "referrer_host": "www.youtube.com"}, ("Paid Video", "google", "cpc")),
        ({"click_id_kinds": "gclid", "referrer_host": "x.safeframe.googlesyndication.com"},
         ("Display", "google", "cpc")),
        ({"click_id_kinds": "gclid", "url_network": "g", "referrer_host": "youtube.com"},
         ("Paid Search", "google", "cpc")),
        # a mail program hands over an email, a stranger a referral
        ({"referrer_host": "mail.google.com"}, ("Email", "gmail", "email")),
        ({"referrer_host": "www.example.org"}, ("Referral", "example.org", "referral")),
        ({"referrer_host": "com.example.app"}, ("Referral", "com.example.app", "referral")),
        # kinds
        ({"kind": "email", "source": "crm"}, ("Email", "crm", "email")),
        ({"kind": "call"}, ("Offline", None, None)),
        ({"kind": "meeting", "source": "google", "medium": "cpc"}, ("Paid Search", "google", "cpc")),
        ({"kind": "chat"}, ("Direct", "(direct)", "(none)")),
        # a given channel is final, word for word
        ({"channel": "Podcast", "utm_source": "google", "utm_medium": "cpc"}, ("Podcast", "google", "cpc")),
        ({"channel": "Email"}, ("Email", None, None)),
    ],
)  # fmt: skip
def test_the_better_evidence_wins(origin: dict[str, str], expected: tuple[str | None, ...]) -> None:
    """Channel, source and medium, worked by hand."""
    assert place(origin)[:3] == expected


def test_per_field_the_lower_rank_fills_the_blanks() -> None:
    """Given fields, URL and click id of one source make one placement together."""
    placed = place(
        campaign="June", utm_source="GOOGLE", utm_medium="CPC", utm_campaign="May", utm_content="Ad B",
        url_keyword="crm Tool", url_ad_group_id="77", click_id_kinds="gclid", referrer_host="google.de",
    )  # fmt: skip
    assert placed[:7] == ("Paid Search", "google", "cpc", "June", "77", "Ad B", "crm Tool")


@pytest.mark.parametrize(
    ("referrer", "landing", "own"),
    [
        ("blog.acme.com", "www.acme.com", ()),
        ("acme.co.uk", "shop.acme.co.uk", ()),
        ("acme-shop.io", "www.acme.com", ("acme-shop.io",)),
        ("eu.acme-shop.io", None, ("www.acme-shop.io",)),
        ("checkout.stripe.com", "acme.com", ()),
        ("login.live.com", "acme.com", ()),
        ("shop.app", "acme.com", ()),
        ("checkout.shopify.com", "acme.com", ()),
        ("www.paypal.com", "acme.com", ()),
        ("accounts.google.com", "acme.com", ()),
    ],
)
def test_the_own_site_and_payment_or_login_pages_are_no_origin(
    referrer: str, landing: str | None, own: tuple[str, ...]
) -> None:
    """Such a referrer alone is Direct, and the sentence says why."""
    placed = place(referrer_host=referrer, landing_host=landing, own_domains=own)
    assert placed[:3] == ("Direct", "(direct)", "(none)")
    assert placed.rule.startswith(f"Direct: the referrer {referrer.removeprefix('www.')} ")


def test_neighbours_under_a_public_suffix_are_strangers() -> None:
    """Two sites that share only a country or hosting suffix are two sites."""
    assert place(referrer_host="other.co.uk", landing_host="acme.co.uk").channel == "Referral"
    assert place(referrer_host="b.github.io", landing_host="a.github.io").channel == "Referral"


@pytest.mark.parametrize(
    ("origin", "rule"),
    [
        ({"utm_source": "google", "utm_medium": "cpc"},
         "Paid Search: utm_source in the URL, source google, medium cpc"),
        ({"click_id_kinds": "gclid"}, "Paid Search: gclid present, source google"),
        ({"click_id_kinds": "gclid", "url_network": "d"},
         "Display: gclid present, source google, network display"),
        ({"source": "crm", "medium": "email"}, "Email: given with the touch, source crm, medium email"),
        ({"referrer_host": "chatgpt.com"}, "AI Assistant: referrer chatgpt.com, source chatgpt"),
        ({"platform": "meta_ads"}, "Paid Social: platform meta_ads, source facebook"),
        ({"utm_campaign": "spring"}, "Unassigned: utm_campaign in the URL, campaign spring"),
        ({"utm_source": "google", "utm_medium": "pmax", "gad_source": "1"},
         "Paid Search: utm_source in the URL, source google, medium pmax, gad_source=1 in the URL"),
        ({"kind": "email", "source": "crm"},
         "Email: given with the touch, source crm, a touch of kind email"),
        ({"kind": "email"}, "Email: a touch of kind email"),
        ({"kind": "call"}, "Offline: a touch of kind call"),
        ({"channel": "Podcast", "source": "x"}, "Podcast: given with the touch"),
        ({}, "Direct: nothing says where it came from"),
    ],
)  # fmt: skip
def test_the_sentence_names_the_deciding_evidence(origin: dict[str, str], rule: str) -> None:
    """One sentence: the channel, the evidence that gave the source, the values that the rule looked at."""
    assert place(origin).rule == rule


def test_frames_keep_their_index_and_answer_as_single_origins_do() -> None:
    """Columns may be missing, values null, the index anything; every row is answered like `place`."""
    frame = pd.DataFrame(
        {"utm_source": ["google", None, "crm"], "utm_medium": ["cpc", None, "email"], "unknown": [1, 2, 3]},
        index=[7, 3, 3],
    )
    placed = classify(frame)
    assert list(placed.columns) == [*PLACEMENT_FIELDS, "rule"]
    assert list(placed.index) == [7, 3, 3]
    assert placed["channel"].tolist() == ["Paid Search", "Direct", "Email"]
    assert placed["campaign"].tolist() == [None, None, None]
    only_index = classify(pd.DataFrame(index=["a", "b"]))
    assert only_index["channel"].tolist() == ["Direct", "Direct"]


WORDS = st.sampled_from(
    ("google", "fb", "(direct)", "(none)", "null", "cpc", "email", "Shopping", "youtube.com", "acme.com", "g",
     "1", "android-app://com.facebook.katana", "[::1]:80", "http://", "..", "x.com/i/grok", "login.live.com",
     "@", " ")
)  # fmt: skip
TEXTS = st.one_of(st.none(), WORDS, st.text(max_size=12))
KINDS = st.one_of(st.none(), st.sampled_from(TOUCH_KINDS))
CLICKS = st.one_of(
    st.none(), st.lists(st.sampled_from(CLICK_IDS), max_size=3).map(";".join), st.text(max_size=8)
)
ORIGINS = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(ORIGIN_FIELDS, TEXTS), "kind": KINDS, "click_id_kinds": CLICKS}
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ORIGINS, min_size=1, max_size=8), st.lists(WORDS, max_size=2))
def test_any_origin_gets_one_channel_and_the_same_twice(
    origins: list[dict[str, str | None]], own: list[str]
) -> None:
    """Nothing raises, nothing stays without channel or rule, order and repetition change nothing."""
    frame = pd.DataFrame(origins, columns=list(ORIGIN_FIELDS), dtype=object)
    placed = classify(frame, own_domains=own)
    assert placed["channel"].notna().all()
    assert (placed["channel"].str.len() > 0).all()
    assert list(placed.itertuples(index=False, name=None)) == [
        tuple(place(origin, own_domains=own)) for origin in origins
    ]
    again = classify(frame.iloc[::-1], own_domains=own).iloc[::-1]
    pd.testing.assert_frame_equal(again, placed)
