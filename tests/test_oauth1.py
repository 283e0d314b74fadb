"""OAuth 1.0a: the signatures that X's own documentation has, and requests that leave signed."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import unquote

import pytest
from freezegun import freeze_time
from loopback import Asked, Loopback

from attribution.destinations.destination import Destination
from attribution.destinations.oauth1 import OAUTH1, sign_oauth1
from attribution.destinations.signing import Outgoing
from attribution.engine import Store
from attribution.errors import InputError

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]

# https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature
VALUES = {
    "consumer_key": "xvz1evFS4wEEPTGEFPHBog",
    "consumer_secret": "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    "access_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "access_token_secret": "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
}
NONCE = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"
AT = 1_318_622_958_000_000


def parts(header: str) -> dict[str, str]:
    """Read what an Authorization header holds."""
    kind, _, rest = header.partition(" ")
    assert kind == "OAuth"
    pairs = (pair.split("=", 1) for pair in rest.split(", "))
    return {name: unquote(value.strip('"')) for name, value in pairs}


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        # the same example through the years
        ("https://api.twitter.com/1/statuses/update.json", "tnnArxj06cWHq44gCs1OSKk/jLY="),
        ("https://api.twitter.com/1.1/statuses/update.json", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="),
        ("https://api.x.com/1.1/statuses/update.json", "Ls93hJiZbQ3akF3HF3x1Bz8/zU4="),
    ],
)
def test_signatures_are_those_of_the_documentation(url: str, signature: str) -> None:
    """Its parameter of a form stands in the address here: both are signed alike."""
    params = {"include_entities": "true", "status": "Hello Ladies + Gentlemen, a signed OAuth request!"}
    found = parts(sign_oauth1(Outgoing("POST", url, b"", AT, params), VALUES, NONCE)["Authorization"])
    assert found == {
        "oauth_consumer_key": VALUES["consumer_key"], "oauth_token": VALUES["access_token"],
        "oauth_nonce": NONCE, "oauth_timestamp": "1318622958", "oauth_signature_method": "HMAC-SHA1",
        "oauth_version": "1.0", "oauth_signature": signature,
    }  # fmt: skip


def test_json_is_not_signed_and_no_nonce_comes_twice() -> None:
    url = "https://ads-api.x.com/12/measurement/conversions/o8z6j"
    one, other = (Outgoing("POST", url, content, AT) for content in (b'{"a":1}', b'{"a":2}'))
    assert sign_oauth1(one, VALUES, NONCE) == sign_oauth1(other, VALUES, NONCE)
    nonces = {parts(sign_oauth1(one, VALUES)["Authorization"])["oauth_nonce"] for _ in range(5)}
    assert len(nonces) == 5


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oauthlib", None)
    with pytest.raises(
        InputError, match=r"oauthlib; install it with: pip install 'closed-loop-attribution\[pull\]'"
    ):
        OAUTH1.check(VALUES)


def test_a_destination_tells_nothing_later_unless_it_says_so() -> None:
    from attribution.destinations.x import X

    assert Destination.answers_after is None
    with pytest.raises(NotImplementedError, match="X does not tell"):
        X({"pixel_id": "p"}).inquiry("d-1")


TABLES = {
    "touches": """
        touch_id,visitor_id,at,url,consent
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/?twclid=Clicked-1,granted
        """,
    "leads": "lead_id,created_at,visitor_id\nL-1,2026-10-07T00:00:00Z,v1",
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,5000.00,GBP,L-1
        """,
}


def test_a_deal_reaches_x_signed(
    sqlite_store: Store, csv: Csv, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = {"pixel_id": "o8z6j", "action_revenue": "tw-o8z6j-o87ne", **VALUES}

    def platform(asked: Asked) -> object:
        return {"data": {"conversions_processed": len(asked.body["conversions"]), "debug_id": "d-1"}}

    with freeze_time("2026-11-05T12:00:00Z"), serve("send_x", platform, **settings) as server:
        sqlite_store.config_set("reporting_currency", "GBP")
        for name, content in TABLES.items():
            assert sqlite_store.import_table(name, csv(name, content)).totals["rejected"] == 0
        sqlite_store.run(models=["linear"], goals=["revenue"])
        [shown] = sqlite_store.send("x", dry_run=True).rows
        assert sqlite_store.send("x").totals["accepted"] == 1
        assert sqlite_store.send("x").totals["new"] == 0
        [asked] = server.asked
        url = f"{server.url}/12/measurement/conversions/o8z6j"
    assert shown["headers"] == {"Content-Type": "application/json", "Authorization": "***"}
    assert shown["body"] == asked.body
    assert asked.body["conversions"][0]["identifiers"] == [{"twclid": "Clicked-1"}]
    header = asked.headers["authorization"]
    nonce = parts(header)["oauth_nonce"]
    leaving = Outgoing("POST", url, asked.content, 1_793_880_000_000_000)
    assert header == sign_oauth1(leaving, VALUES, nonce)["Authorization"]
    assert parts(header)["oauth_timestamp"] == "1793880000"
    told = caplog.text + json.dumps(sqlite_store.send_status().rows)
    assert not any(secret in told for secret in VALUES.values())
