"""The rules: order, what each condition means, a store's own rules, and refusals in one sentence."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from attribution.channels.classify import RULES_VERSION, classify, place
from attribution.channels.evidence import Origin
from attribution.channels.origin import CLICK_IDS, ORIGIN_FIELDS
from attribution.channels.rules import Facts, default_rules, parse_rule
from attribution.errors import InputError, UnknownNameError


@pytest.mark.parametrize(
    ("source", "medium", "campaign", "channel"),
    [
        ("google", "cpm", None, "Paid Search"),
        ("adnet", "cpm", None, "Display"),
        ("adnet", "remarketing", None, "Unassigned"),
        ("adnet", "retargeting", None, "Paid Other"),
        ("shop", "cpc", "eshop-june", "Paid Shopping"),
        ("blog", None, "coffeeshop", "Organic Shopping"),
        ("blog", None, "workshop", "Unassigned"),
        ("google", "cpc", "Brand Cross-Network", "Cross-network"),
        ("newsletter", "E-Mail", None, "Email"),
        ("crm", "my email blast", None, "Email"),
        ("email", "blast", None, "Email"),
        ("partner", "affiliate", None, "Affiliates"),
        ("partner", "affiliates", None, "Unassigned"),
        ("spotify", "audio", None, "Audio"),
        ("twilio", "sms", None, "SMS"),
        ("twilio", "sms blast", None, "Unassigned"),
        ("app", "web push", None, "Mobile Push Notifications"),
        ("chatgpt.com", None, None, "AI Assistant"),
        ("anything", "ai-assistant", None, "AI Assistant"),
        ("direct", "none", None, "Direct"),
        ("(direct)", None, None, "Direct"),
        ("trade fair", "offline", None, "Offline"),
        (None, None, "spring", "Unassigned"),
        ("null", "undefined", "(not set)", "Direct"),
    ],
)
def test_the_first_rule_that_holds_decides(
    source: str | None, medium: str | None, campaign: str | None, channel: str
) -> None:
    """Source, medium and campaign lead to one channel, in GA4's order."""
    assert place(source=source, medium=medium, campaign=campaign).channel == channel


@pytest.mark.parametrize(
    ("network", "channel"),
    [
        ("g", "Paid Search"),
        ("s", "Paid Search"),
        ("Search partners", "Paid Search"),
        ("d", "Display"),
        ("CONTENT", "Display"),
        ("ytv", "Paid Video"),
        ("YOUTUBE_WATCH", "Paid Video"),
        ("x", "Cross-network"),
        ("MIXED", "Cross-network"),
        ("something new", "Paid Search"),
    ],
)
def test_googles_network_decides(network: str, channel: str) -> None:
    """The network of a paid Google click is its channel, with a gclid and without one."""
    assert place(click_id_kinds="gclid", url_network=network).channel == channel
    assert place(source="google", medium="cpc", network=network).channel == channel
    assert place(platform="google_ads", network=network).channel == channel


def test_the_network_counts_for_paid_google_only() -> None:
    """A network beside another source or an unpaid medium says nothing; campaign rules outrank it."""
    assert place(source="bing", medium="cpc", network="display").channel == "Paid Search"
    assert place(source="google", medium="organic", network="display").channel == "Organic Search"
    assert (
        place(source="google", medium="cpc", network="d", campaign="Shopping UK").channel == "Paid Shopping"
    )
    assert (
        place(source="google", medium="cpc", network="d", campaign="cross-network").channel == "Cross-network"
    )


@pytest.mark.parametrize(
    ("kind", "channel", "source", "medium"),
    [
        ("gclid", "Paid Search", "google", "cpc"),
        ("gbraid", "Paid Search", "google", "cpc"),
        ("wbraid", "Paid Search", "google", "cpc"),
        ("dclid", "Display", "dfa", "cpm"),
        ("msclkid", "Paid Search", "bing", "cpc"),
        ("fbclid", "Organic Social", "facebook", "referral"),
        ("li_fat_id", "Paid Social", "linkedin", "cpc"),
        ("ttclid", "Paid Social", "tiktok", "cpc"),
        ("twclid", "Paid Social", "twitter", "cpc"),
        ("rdt_cid", "Paid Social", "reddit", "cpc"),
        ("epik", "Organic Social", "pinterest", "referral"),
        ("sccid", "Paid Social", "snapchat", "cpc"),
        ("yclid", "Paid Search", "yandex", "cpc"),
        ("qclid", "Paid Social", "quora", "cpc"),
        ("irclickid", "Affiliates", "impact", "affiliate"),
        ("mc_eid", "Email", "mailchimp", "email"),
    ],
)
def test_a_click_id_alone(kind: str, channel: str, source: str, medium: str) -> None:
    """Each click id names its platform and what was paid for."""
    placed = place(click_id_kinds=kind)
    assert placed[:3] == (channel, source, medium)
    assert placed.rule == f"{channel}: {kind} present, source {source}"


def test_every_click_id_that_is_read_has_a_meaning() -> None:
    """The table knows each kind that the URL reader keeps, and rows are read by position."""
    assert set(CLICK_IDS) <= set(default_rules().tables.click_ids)
    assert Origin._fields == ORIGIN_FIELDS


@pytest.mark.parametrize(
    ("platform", "click"),
    [
        ("google_ads", "gclid"),
        ("microsoft_ads", "msclkid"),
        ("linkedin_ads", "li_fat_id"),
        ("tiktok", "ttclid"),
        ("reddit", "rdt_cid"),
        ("snapchat", "sccid"),
    ],
)
def test_spend_and_clicks_share_a_placement(platform: str, click: str) -> None:
    """A row of spend that names only its platform joins the clicks that carry only its click id."""
    assert place(platform=platform)[:7] == place(click_id_kinds=click)[:7]


def test_ids_stand_in_for_names() -> None:
    """Campaign, ad group, ad and keyword are the names where given, else the ids."""
    ids = {"campaign_id": "11", "ad_group_id": "22", "ad_id": "33", "keyword_id": "44"}
    assert place(ids, platform="google_ads")[3:7] == ("11", "22", "33", "44")
    named = place(ids, platform="google_ads", campaign="Brand", keyword="crm")
    assert named[3:7] == ("Brand", "22", "33", "crm")
    url = place(click_id_kinds="gclid", url_campaign_id="11", utm_campaign="Brand", url_keyword="crm tool")
    assert url[3:7] == ("Brand", None, None, "crm tool")


def test_own_rules_before_and_after() -> None:
    """A rule before the package's overrules it, a rule after catches what is Unassigned."""
    before = {"channel": "Brand", "when": [{"campaign_starts": "brand"}, {"keyword_matches": "acme.*"}]}
    rules = default_rules().with_rules(
        before=[before], after=[{"channel": "Partners", "medium": ["partnership"]}]
    )
    assert place(source="google", medium="cpc", campaign="BRAND uk", rules=rules).channel == "Brand"
    assert place(source="google", medium="cpc", keyword="ACME crm", rules=rules).channel == "Brand"
    assert place(source="x-corp", medium="partnership", rules=rules).channel == "Partners"
    assert place(source="google", medium="partnership", rules=rules).channel == "Organic Search"
    assert default_rules().decide(Facts(source="x-corp", medium="partnership")).channel == "Unassigned"


def test_own_handback_hosts() -> None:
    """A store's payment page is no origin once it is named."""
    rules = default_rules().with_rules(handback_hosts=["https://pay.example-bank.com/"])
    assert place(referrer_host="pay.example-bank.com").channel == "Referral"
    assert place(referrer_host="pay.example-bank.com", rules=rules).channel == "Direct"


@pytest.mark.parametrize(
    ("entry", "error", "words"),
    [
        ({"medium": "x"}, InputError, "names no channel"),
        ({"channel": "X"}, InputError, "has no condition"),
        ({"channel": "X", "when": []}, InputError, "has no condition"),
        ({"channel": "X", "when": ["medium"]}, InputError, "a table of conditions"),
        ({"channel": "X", "medium": 3}, InputError, "a text or a list of texts"),
        ({"channel": "X", "paid": False}, InputError, "only true is allowed"),
        ({"channel": "X", "medium_matches": "("}, InputError, "no regular expression"),
        ({"channel": "X", "medum": "x"}, UnknownNameError, "did you mean 'medium'"),
        ({"channel": "X", "category": "searches"}, UnknownNameError, "did you mean 'search'"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(
    entry: dict[str, Any], error: type[Exception], words: str
) -> None:
    """The sentence names what is wrong."""
    with pytest.raises(error, match=words):
        parse_rule(entry)


def test_the_version_is_of_the_file() -> None:
    """Stores remember the version to know when to place everything anew."""
    assert default_rules().version == RULES_VERSION == 1
    assert len(classify(pd.DataFrame())) == 0
