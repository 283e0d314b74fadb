"""X's Conversion API: each request is signed by OAuth 1.0a; all of it is taken or nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from loopback import Answer, Asked

from platforms.base import Platform, Refused, hashes, needed, text_number

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_KEYS = {
    "consumer_key": "app", "consumer_secret": "hush", "access_token": "user", "access_token_secret": "hush2",
}  # fmt: skip


class X(Platform):
    """The first of a conversion id counts."""

    name: ClassVar[str] = "x"
    settings = {**_KEYS, "pixel_id": "o8z6j", "action_revenue": "tw-o8z6j-o8z21"}
    kinds = ("twclid",)
    most = 500

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._nonces: set[str] = set()

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request is signed as RFC 5849 says (3.4.1 and 3.4.2), and for the first time."""
        kind, _, rest = asked.headers.get("authorization", "").partition(" ")
        told = {name: unquote(text) for name, text in re.findall(r'(\w+)="([^"]*)"', rest)}
        signature = told.pop("oauth_signature", "")
        if kind != "OAuth" or told.get("oauth_nonce", "") in self._nonces:
            return False
        late = abs(int(told.get("oauth_timestamp", "0")) - self.now() // 1_000_000)
        named = (told.get("oauth_consumer_key"), told.get("oauth_token"), told.get("oauth_signature_method"))
        if late > 300 or named != ("app", "user", "HMAC-SHA1"):
            return False
        params = sorted((_plain(n), _plain(t)) for n, t in (*told.items(), *asked.query.items()))
        normal = "&".join(f"{name}={text}" for name, text in params)
        url = f"http://{asked.headers['host']}{asked.path}"
        base = "&".join((asked.method, _plain(url), _plain(normal)))
        digest = hmac.new(b"hush&hush2", base.encode(), hashlib.sha1).digest()
        self._nonces.add(told["oauth_nonce"])
        return signature == base64.b64encode(digest).decode()

    def stranger(self) -> Answer:
        """Answer whoever is not known."""
        return self._error(401, "UNAUTHORIZED_ACCESS", "This request is not properly authenticated")

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return self._error(429, "TOO_MANY_REQUESTS", "Too many requests")

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all for one of them."""
        if refused.again:
            return self._error(503, "OVER_CAPACITY", "Over capacity")
        return self._error(400, "INVALID_PARAMETER", str(refused))

    def take(self, asked: Asked) -> Any:
        """Take all conversions, or none."""
        if asked.path != "/12/measurement/conversions/o8z6j":
            return self._error(404, "ROUTE_NOT_FOUND", asked.path)
        if not 1 <= len(asked.body["conversions"]) <= self.most:
            raise Refused("conversions")
        if self.stumbles():
            raise Refused("later", again=True)
        taken = [self._checked(one) for one in asked.body["conversions"]]
        for one in taken:
            self.hold(*one)
        return {"request": {}, "data": {"conversions_processed": len(taken), "debug_id": "d"}}

    def _checked(self, one: dict[str, Any]) -> tuple[Any, ...]:
        needed(one, "conversion_time", "event_id", "identifiers", "conversion_id")
        if one["event_id"] != "tw-o8z6j-o8z21" or not _INSTANT.fullmatch(one["conversion_time"]):
            raise Refused("event_id", one["event_id"])
        click = ""
        for key in one["identifiers"]:
            click = key.get("twclid", click)
            hashes([text for name, text in key.items() if name != "twclid"])
        value, currency = text_number(one["value"]), self.checked_currency(one["price_currency"])
        return one["conversion_id"], value, currency, click

    def _error(self, status: int, code: str, words: str) -> Answer:
        return Answer({"errors": [{"code": code, "message": words}], "request": {}}, status)


def _plain(text: str) -> str:
    return quote(text, safe="~")
