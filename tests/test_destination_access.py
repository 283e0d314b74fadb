"""How requests are let in: the secret of each destination where it wants it, and X's two ways."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from destination_cases import conversion
from loopback import Asked, Loopback

from attribution.destinations.access import Access
from attribution.destinations.conversion import Contact
from attribution.errors import InputError
from attribution.outbox.sender import way_in
from attribution.outbox.target import prepared
from attribution.pulls.credentials import Credentials, Secret

Serve = Callable[..., AbstractContextManager[Loopback]]

OAUTH1 = {
    "consumer_key": "key-word", "consumer_secret": "hush", "access_token": "user-word",
    "access_token_secret": "hush2",
}  # fmt: skip
X = {"pixel_id": "o8z6j", "action_revenue": "tw-o8z6j-o87ne"}


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own credentials are read."""
    monkeypatch.setenv("ATTRIBUTION_CREDENTIALS", str(tmp_path / "credentials.toml"))


def sent(serve: Serve, name: str, **given: str) -> tuple[dict[str, Any], Asked]:
    """Return a request as a dry run shows it, and as it arrived."""
    with serve(f"send_{name}", lambda asked: {}, **given) as server:
        target = prepared(name)
        [line] = target.lines.values()
        one = conversion(action=line.action, contact=Contact(emails=("a@b.test",)), clicks={})
        [request] = target.destination.requests([one])
        with closing(target.sender(None)) as sender:
            sender.send(request)
        [asked] = server.asked
    return target.shown(request), asked


@pytest.mark.parametrize(
    ("name", "given", "header", "text"),
    [
        ("pinterest", {"ad_account_id": "549", "conversion_token": "word"}, "Authorization", "Bearer word"),
        ("meta", {"dataset_id": "47", "access_token": "word"}, "Authorization", "Bearer word"),
        ("reddit", {"pixel_id": "a2_4", "access_token": "word"}, "Authorization", "Bearer word"),
        (
            "tiktok",
            {"event_source": "crm", "event_source_id": "C4", "access_token": "word"},
            "Access-Token",
            "word",
        ),
        ("x", X | {"pixel_token": "word"}, "X-Pixel-Token", "word"),
    ],
)
def test_the_secret_stands_in_its_header(
    serve: Serve, name: str, given: dict[str, str], header: str, text: str
) -> None:
    shown, asked = sent(serve, name, **given)
    assert asked.headers[header.lower()] == text
    assert shown["headers"] == {"Content-Type": "application/json", header: text.replace("word", "***")}


def test_snapchats_stands_in_the_address(serve: Serve) -> None:
    shown, asked = sent(serve, "snapchat", pixel_id="p-1", access_token="word")
    assert asked.query == {"access_token": "word"}
    assert shown["url"].endswith("/v3/p-1/events?access_token=***")


def test_with_the_pixels_token_nothing_is_signed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the old secrets are left: nor is what signs needed then."""
    monkeypatch.setitem(sys.modules, "oauthlib", None)
    shown, asked = sent(serve, "x", pixel_token="word", **X, **OAUTH1)
    assert asked.headers["x-pixel-token"] == "word"
    assert "authorization" not in asked.headers
    assert "Authorization" not in shown["headers"]
    assert asked.path == "/12/measurement/conversions/o8z6j"


def test_without_the_pixels_token_a_request_is_signed(serve: Serve) -> None:
    shown, asked = sent(serve, "x", **X, **OAUTH1)
    assert asked.headers["authorization"].startswith('OAuth oauth_nonce="')
    assert "x-pixel-token" not in asked.headers
    assert shown["headers"] == {"Content-Type": "application/json", "Authorization": "***"}
    assert asked.body == shown["body"]


@pytest.mark.parametrize("given", [{}, {"consumer_key": "key-word", "access_token": "user-word"}])
def test_with_neither_both_ways_are_named(serve: Serve, given: dict[str, str]) -> None:
    with serve("send_x", lambda asked: {}, **X, **given), pytest.raises(InputError) as error:
        prepared("x")
    told = str(error.value)
    assert "send_x needs pixel_token (from Events Manager of X Ads" in told
    assert "set ATTRIBUTION_SEND_X_PIXEL_TOKEN" in told
    assert told.endswith(
        "; or, instead, all of consumer_key, consumer_secret, access_token, access_token_secret"
    )
    assert not any(secret in told for secret in ("key-word", "user-word"))


def test_the_first_way_that_is_whole_is_taken() -> None:
    last = Access(params={"c": "{c}"}, secrets=("c",))
    middle = Access(secrets=("a", "b"), otherwise=last)
    access = Access(secrets=("d",), otherwise=middle)
    assert access.ways == (access, middle, last)
    for names, wanted in (("abcd", access), ("abc", middle), ("ac", last)):
        given = Credentials("mine", secrets={name: Secret("word") for name in names})
        assert way_in(access, given) is wanted
    assert way_in(Access(), Credentials("mine")) == Access()  # what is asked for is looked for elsewhere


@pytest.mark.parametrize(
    ("name", "given", "path", "query"),
    [
        (
            "pinterest",
            {"ad_account_id": "549", "conversion_token": "word"},
            "/v5/ad_accounts/549/events",
            {"test": "true"},
        ),
        (
            "snapchat",
            {"pixel_id": "p-1", "access_token": "word"},
            "/v3/p-1/events/validate",
            {"access_token": "word"},
        ),
        (
            "reddit",
            {"pixel_id": "a2_4", "access_token": "word", "test_id": "t-1"},
            "/api/v3/pixels/a2_4/conversion_events",
            {},
        ),
    ],
)
def test_a_trial_goes_where_nothing_counts(
    serve: Serve, name: str, given: dict[str, str], path: str, query: dict[str, str]
) -> None:
    from attribution.outbox.check import check

    replies = {
        "pinterest": {"events": [{"status": "processed"}]},
        "snapchat": {"status": "VALID", "reason": "Events have been processed successfully."},
        "reddit": {"data": {"message": "Successfully processed 1 conversion events."}},
    }
    with serve(f"send_{name}", lambda asked: replies[name], **given) as server:
        rows = check(name).rows
        [asked] = server.asked
    assert (asked.path, asked.query) == (path, query)
    assert [row["result"] for row in rows if row["step"] == "request"] == ["ok"]
    assert ("t-1" in json.dumps(asked.body)) is (name == "reddit")
