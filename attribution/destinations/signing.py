"""What is signed when it is sent: headers made of the very bytes that go out, the time and a secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from attribution.clock import SECOND
from attribution.errors import InputError

_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to leave.

    Attributes:
        method: POST, ...
        url: the whole address, without parameters.
        params: of the address.
        headers: those that it has of itself, before any that lets it in.
        content: the body, byte by byte.
        at: microseconds, now.
    """

    method: str
    url: str
    content: bytes
    at: int
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Signing:
    """How a destination wants requests signed.

    Attributes:
        headers: the names of those that are written, which is all that a dry run shows of them.
        sign: writes them from a request and from secrets and settings by their names.
        check: raises InputError where these cannot sign, before anything is on its way.
    """

    headers: tuple[str, ...]
    sign: Callable[[Outgoing, Mapping[str, str]], Mapping[str, str]]
    check: Callable[[Mapping[str, str]], object] = lambda values: None


def sign_webhook(request: Outgoing, values: Mapping[str, str]) -> dict[str, str]:
    """Sign as the Standard Webhooks specification says: HMAC-SHA256 of id, time in seconds and body.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Args:
        request: with a header `webhook-id`.
        values: with `signing_secret`: `whsec_` and the key in base64, or a text that is the key itself.

    Raises:
        InputError: what follows `whsec_` is no base64.

    >>> one = Outgoing("POST", "https://example.com/in", b"{}", 5_000_000, headers={"webhook-id": "m-1"})
    >>> sign_webhook(one, {"signing_secret": "whsec_c2VjcmV0"})["webhook-signature"]
    'v1,t8TC1p/DkB6YprXl8NHfdhSryaUEqLeNzbbvB6D72K0='
    """
    seconds = str(request.at // SECOND)
    signed = b".".join((request.headers["webhook-id"].encode(), seconds.encode(), request.content))
    digest = hmac.new(_key(values), signed, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {"webhook-timestamp": seconds, "webhook-signature": f"v1,{signature}"}


def _key(values: Mapping[str, str]) -> bytes:
    secret = values["signing_secret"]
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise InputError(
            f"signing_secret begins with {_PREFIX} and goes on with what is no base64; copy it again, "
            "as the receiver has it"
        ) from None


STANDARD_WEBHOOKS: Final = Signing(("webhook-timestamp", "webhook-signature"), sign_webhook, _key)
