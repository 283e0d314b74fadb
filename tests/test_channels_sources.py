"""The source table knows every host of the public lists, and hosts resolve to the longest match."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from attribution.channels.classify import place
from attribution.channels.hosts import clean_host, find_source, is_within, registrable_domain, source_table

SHARED = Path(__file__).parents[2] / "shared"
LISTS = SHARED / "data" / "referrers"
GA4 = SHARED / "vectors" / "channels" / "ga4" / "ga4_source_categories.csv"
COUNTRIES = ("de", "fr", "co.uk", "com", "com.br", "co.jp")
CODES = ("de", "uk", "fr", "br")
MEDIUMS = {"search": "organic", "ai": "ai-assistant", "mail": "email"}

needs_lists = pytest.mark.skipif(not LISTS.is_dir(), reason="the public lists are not on this machine")


def listed(name: str) -> Any:
    """Read one list."""
    yaml = pytest.importorskip("yaml", reason="the public lists are YAML")
    return yaml.safe_load((LISTS / name).read_text(encoding="utf-8"))


def expanded(host: str) -> list[str]:
    """Fill the placeholder of a host: a suffix at its end, a country code in front."""
    if "{}" not in host:
        return [host]
    at_end = host.partition("/")[0].endswith("{}")
    return [host.replace("{}", value) for value in (COUNTRIES if at_end else CODES)]


def better(host: str) -> bool:
    """Tell whether a list that ranks higher has its own entry for a host."""
    found = source_table().get(host.removeprefix("www."))
    return found is not None and found.category not in ("search", "social", "ai")


@needs_lists
@pytest.mark.parametrize(("file", "category"), [("AIAssistants.yml", "ai"), ("Socials.yml", "social")])
def test_every_listed_assistant_and_network_is_known(file: str, category: str) -> None:
    """Each host has the category of its list, unless GA4 says otherwise (YouTube and Vimeo are video)."""
    wrong = []
    for name, hosts in listed(file).items():
        for host in hosts:
            found = find_source(host)
            if found is None or (found.category != category and not better(host)):
                wrong.append((name, host, found))
    assert wrong == []


@needs_lists
def test_every_listed_search_engine_is_known_with_its_parameters() -> None:
    """Each host of a search engine, for several countries, has a category and its parameters of the term."""
    unknown, elsewhere, without = [], [], []
    for configurations in listed("SearchEngines.yml").values():
        for configuration in configurations:
            for host in (h for url in configuration["urls"] for h in expanded(url)):
                found = find_source(host)
                if found is None:
                    unknown.append(host)
                elif found.category != "search":
                    elsewhere.append(host)
                elif not set(" ".join(configuration["params"]).split()) <= set(found.search_parameters):
                    without.append(host)
    assert unknown == []
    # the lists that rank higher call these social networks (GA4) and assistants
    assert set(elsewhere) == {
        "digg.com", "friendfeed.com", "www.facebook.com",
        "chat.openai.com", "chatgpt.com", "www.perplexity.ai", "you.com",
    }  # fmt: skip
    assert without == []


@pytest.mark.skipif(not GA4.exists(), reason="GA4's list is not on this machine")
def test_ga4_wins_over_the_other_lists() -> None:
    """Each source of GA4's list has GA4's category, unless an own entry says otherwise."""
    with GA4.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    different = {}
    for row in rows:
        found = find_source(row["source"])
        category = row["source_category"].removeprefix("SOURCE_CATEGORY_").lower()
        if found is None or found.category != category:
            different[row["source"]] = found and found.category
    assert different == {}


def test_a_name_has_the_category_of_its_hosts() -> None:
    """A referrer's source is the name, so the name must lead to the category that its host has."""
    table = source_table()
    assert [k for k, s in table.items() if table[s.name].category != s.category] == []
    assert all(key == key.lower() and "{" not in key for key in table)


@pytest.mark.parametrize(
    ("text", "name", "category"),
    [
        ("www.google.co.uk", "google", "search"),
        ("gemini.google.com", "gemini", "ai"),
        ("mail.google.com", "gmail", "mail"),
        ("android-app://com.google.android.gm/", "gmail", "mail"),
        ("android-app://com.google.android.googlequicksearchbox", "google", "search"),
        ("com.facebook.katana", "facebook", "social"),
        ("com.reddit.frontpage", "reddit", "social"),
        ("l.facebook.com", "facebook", "social"),
        ("FB", "facebook", "social"),
        ("t.co", "twitter", "social"),
        ("https://x.com/i/grok?conversation=1", "grok", "ai"),
        ("x.com", "twitter", "social"),
        ("youtu.be", "youtube", "video"),
        ("m.youtube.com", "youtube", "video"),
        ("uk.search.yahoo.com", "yahoo", "search"),
        ("answers.yahoo.com", "answers.yahoo.com", "social"),
        ("www.ebay.co.uk", "ebay", "shopping"),
        ("Google Shopping", "google shopping", "shopping"),
    ],
)
def test_hosts_apps_and_names_resolve(text: str, name: str, category: str) -> None:
    """The longest matching host wins; apps and tagged names resolve like hosts."""
    found = find_source(text)
    assert found is not None
    assert (found.name, found.category) == (name, category)


@pytest.mark.parametrize(
    "text", ["example.org", "notgoogle.com", "google.com.evil.example", "com", "", "news letter", "a.b.c"]
)
def test_strangers_are_unknown(text: str) -> None:
    """A host that only looks like a known one is not known."""
    assert find_source(text) is None


def test_domains_follow_the_public_suffix_list() -> None:
    """Registrable domains know country suffixes and hosting suffixes; addresses have none."""
    assert registrable_domain("www.shop.example.co.uk") == "example.co.uk"
    assert registrable_domain("ada.github.io") == "ada.github.io"
    assert registrable_domain("192.0.2.7") is None
    assert clean_host("//WWW.Example.com.:443/x") == "example.com"
    assert is_within("a.b.acme.com", ["https://www.acme.com/"])
    assert not is_within("notacme.com", ["acme.com", ""])


@pytest.mark.parametrize(
    "key", ["google.com", "facebook.com", "chatgpt.com", "mail.google.com", "youtube.com", "etsy.com"]
)
def test_the_category_sets_the_medium(key: str) -> None:
    """A referrer's medium is organic, ai-assistant, email or referral; its source is the table's name."""
    source = source_table()[key]
    placed = place(referrer_host=key)
    assert (placed.source, placed.medium) == (source.name, MEDIUMS.get(source.category, "referral"))
