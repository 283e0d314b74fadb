"""OAuth 1.0a (RFC 5849): a request is signed with the secrets of an app and of a user."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from attribution.clock import SECOND
from attribution.destinations.signing import Outgoing, Signing
from attribution.errors import InputError


def sign_oauth1(request: Outgoing, values: Mapping[str, str], nonce: str | None = None) -> dict[str, str]:
    """Sign method, address and parameters with HMAC-SHA1; a body is signed only where it is a form.

    https://docs.x.com/fundamentals/authentication/oauth-1-0a/creating-a-signature

    Args:
        request: whose body is JSON or nothing.
        values: with `consumer_key`, `consumer_secret`, `access_token` and `access_token_secret`.
        nonce: what makes the request unlike any other; None: by chance.

    Raises:
        InputError: the package that signs is not installed.

    >>> keys = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    >>> one = Outgoing("POST", "https://example.com/in", b"{}", 5_000_000)
    >>> sign_oauth1(one, dict.fromkeys(keys, "k"), nonce="n")["Authorization"][:48]
    'OAuth oauth_nonce="n", oauth_timestamp="5", oaut'
    """
    client = _oauth1().Client(
        values["consumer_key"],
        values["consumer_secret"],
        values["access_token"],
        values["access_token_secret"],
        nonce=nonce,
        timestamp=str(request.at // SECOND),
    )
    query = urlencode(request.params, quote_via=quote)
    _, headers, _ = client.sign(request.url + (f"?{query}" if query else ""), request.method)
    return dict(headers)


def _oauth1() -> Any:
    try:
        from oauthlib import oauth1
    except ImportError:
        raise InputError(
            "signing for X needs the package oauthlib; install it with: "
            "pip install 'closed-loop-attribution[pull]'"
        ) from None
    # what it signs holds key and token, and it writes that to the log of whoever wants to know all
    logging.getLogger("oauthlib").setLevel(logging.INFO)
    return oauth1


OAUTH1: Final = Signing(("Authorization",), sign_oauth1, lambda values: _oauth1())
