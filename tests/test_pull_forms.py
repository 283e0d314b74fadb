"""What settings of destinations and pulls have to look like, and what is sent of what people write."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.destinations.registry import destination_names, get_destination
from attribution.pulls.credentials import Need
from attribution.pulls.forms import FOLDER, Form
from attribution.pulls.registry import get_source, source_names

RESOURCE = "customers/123/conversionActions/987"
UUID, APP = "0cf3b2a1-55d2-4b31-9f1c-0d1e2f3a4b5c", "1:1234567890:android:321abc456def7890"
URN = "urn:lla:llaPartnerConversion:987"


def form_of(needs: tuple[Need, ...], name: str) -> Form:
    """Return the form of one need."""
    [form] = [need.form for need in needs if need.name == name]
    assert form is not None
    return form


@pytest.mark.parametrize(
    ("destination", "name", "text", "read"),
    [
        ("google", "customer_id", "123 456-7890", "1234567890"),
        ("google", "customer_id", "customers/1234567890", None),
        ("google_ads", "login_customer_id", "123-456-789", None),
        ("meta", "dataset_id", "1234 5678", "12345678"),
        ("meta", "dataset_id", "act_12", None),
        ("microsoft", "account_id", "F107M5QV", None),  # its number as people see it, which is no id
        ("microsoft", "customer_id", "22", "22"),
        ("pinterest", "ad_account_id", "549755885175", "549755885175"),
        ("pinterest", "ad_account_id", "\u0661", None),
        ("reddit", "pixel_id", "a2_abc", "a2_abc"),
        ("reddit", "pixel_id", "a2 abc", None),
        ("x", "pixel_id", "o8z6j", "o8z6j"),
        ("snapchat", "pixel_id", UUID, UUID),
        ("snapchat", "snap_app_id", "../1", None),
        ("tiktok", "event_source_id", "C4A7B8D9E0F1", "C4A7B8D9E0F1"),
        ("ga4", "measurement_id", "g-ab12cd34ef", "G-AB12CD34EF"),
        ("ga4", "measurement_id", "UA-1234-1", None),
        ("ga4", "firebase_app_id", APP, APP),
        ("ga4", "firebase_app_id", "com.example.app", None),
        ("linkedin", "api_version", "202610", "202610"),
        ("linkedin", "api_version", "202613", None),
        ("hubspot", "portal", "4711", "4711"),
        ("hubspot", "portal", "acme", None),
        ("pipedrive", "company", "acme-ltd", "acme-ltd"),
        ("pipedrive", "company", "acme.pipedrive.com", None),
    ],
)  # fmt: skip
def test_settings_of_destinations(destination: str, name: str, text: str, read: str | None) -> None:
    assert form_of(get_destination(destination).settings, name).read(text) == read


@pytest.mark.parametrize(
    ("destination", "text", "read"),
    [
        ("google", "987654321", "987654321"),
        ("google", RESOURCE, None),
        ("google", "Won deal", None),
        ("google_ads", RESOURCE, RESOURCE),
        ("google_ads", "987", "987"),
        ("google_ads", "Won deal", None),
        ("linkedin", "987", "987"),
        ("linkedin", URN, URN),
        ("linkedin", "urn:li:conversion:987", None),
    ],
)
def test_what_a_goal_counts_as(destination: str, text: str, read: str | None) -> None:
    form = get_destination(destination).action_form
    assert form is not None
    assert form.read(text) == read


@pytest.mark.parametrize(
    ("source", "name", "text", "read"),
    [
        ("google_ads", "customer_ids", "123-456-7890, 111 111 1111", "1234567890,1111111111"),
        ("google_ads", "customer_ids", "123-456-7890, 7", None),
        ("google_ads", "customer_ids", ",", None),
        ("google_ads", "login_customer_id", "111-111-1111", "1111111111"),
        ("meta", "account_ids", "act_55, 66", "act_55,66"),
        ("meta", "account_ids", "My account", None),
        ("microsoft", "account_ids", "188", "188"),
        ("microsoft", "customer_id", "C0FFEE", None),
        ("linkedin", "account_ids", "77", "77"),
        ("linkedin", "account_ids", "urn:li:sponsoredAccount:77", None),
        ("linkedin", "api_version", "v2", None),
        ("salesforce", "currency", "eur", "EUR"),
        ("salesforce", "currency", "Euro", None),
    ],
)
def test_settings_of_pulls(source: str, name: str, text: str, read: str | None) -> None:
    assert form_of(get_source(source).needs, name).read(text) == read


def test_a_folder_has_to_be_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    found = [FOLDER.read(text) for text in (str(tmp_path), str(file), "~nobody-of-that-name/x", "x" * 5_000)]
    assert found == [str(tmp_path), None, None, None]


def test_no_form_knows_a_secret_and_words_say_what_is_allowed() -> None:
    """What tokens look like is their platform's to change."""
    needs = [need for name in source_names() for need in get_source(name).needs]
    for kind in map(get_destination, destination_names()):
        needs += [*kind.settings, *kind.secrets]
    assert [need.name for need in needs if need.form is not None and need.secret] == []
    assert all(need.form.words for need in needs if need.form is not None)
