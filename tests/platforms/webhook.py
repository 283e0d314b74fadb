"""A receiver of one's own: tries signatures itself, drops repeats by their id, keeps the highest revision."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Held, Platform, Refused, needed, text_number

_SECRET = base64.b64encode(b"a secret of two").decode()


class Webhook(Platform):
    """What was seen under an id is not looked at again; 409 says so, now and then."""

    name: ClassVar[str] = "webhook"
    settings = {
        "url": "https://hooks.acme.test/single", "signing_secret": f"whsec_{_SECRET}",
        "action_revenue": "won",
    }  # fmt: skip
    restates = retracts = True
    lists: ClassVar[bool] = False

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._seen: set[str] = set()
        self._revisions: dict[str, int] = {}

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request is signed as the Standard Webhooks specification says, and lately."""
        message, at = asked.headers.get("webhook-id", ""), asked.headers.get("webhook-timestamp", "0")
        if "." in message or abs(int(at) - self.now() // 1_000_000) > 300:
            return False
        signed = f"{message}.{at}.".encode() + asked.content
        digest = hmac.new(base64.b64decode(_SECRET), signed, hashlib.sha256).digest()
        told = asked.headers.get("webhook-signature", "").split()
        return f"v1,{base64.b64encode(digest).decode()}" in told

    def stranger(self) -> Answer:
        """Answer whoever did not sign."""
        return Answer({"message": "no matching signature found"}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return Answer({"message": "slow down"}, 429, {"Retry-After": "2"})

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request for one of its events."""
        return Answer({"message": str(refused)}, 503 if refused.again else 422)

    def take(self, asked: Asked) -> Any:
        """Take an event, or a list of them."""
        events = asked.body if self.lists else [asked.body]
        if (
            asked.path != ("/lists" if self.lists else "/single")
            or not isinstance(events, list)
            or not 1 <= len(events) <= 20
        ):
            raise Refused("body", asked.path)
        if self.stumbles():
            raise Refused("later", again=True)
        message = asked.headers["webhook-id"]
        if message in self._seen and self.chance.random() < 0.5:
            return Answer({"message": "seen"}, 409)
        for event in events:
            self._check(event)
        if not self.lists and message != events[0]["id"]:
            raise Refused("webhook-id", message)
        for event in events:
            self._keep(event)
        self._seen.add(message)
        return Answer(b"", 204)

    def _check(self, event: dict[str, Any]) -> None:
        needed(event, "id", "type", "transaction_id", "revision", "change", "at", "consent")
        self.checked_currency(event["currency"])
        text_number(event["value"])
        if event["consent"]["ad_user_data"] != "granted":
            raise Refused("consent", event["id"])
        if (
            event["type"] != f"conversion.{event['change']}"
            or event["action"] != self.settings["action_revenue"]
        ):
            raise Refused("type", event["type"])

    def _keep(self, event: dict[str, Any]) -> None:
        key = event["transaction_id"]
        if event["id"] in self._seen or event["revision"] <= self._revisions.get(key, 0):
            return
        self._seen.add(event["id"])
        self._revisions[key] = event["revision"]
        click = (event["click"] or {}).get("id", "")
        live = event["change"] != "retracted"
        self.ledger[key] = Held(text_number(event["value"]), event["currency"], click, live)


class WebhookLists(Webhook):
    """The same, of lists of twenty."""

    settings = {
        **Webhook.settings, "url": "https://hooks.acme.test/lists", "batch": "20", "action_revenue": "listed",
    }  # fmt: skip
    lists = True
