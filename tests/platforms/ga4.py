"""Google Analytics 4: answers 204 whatever it is sent, and drops what it cannot use."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Platform, Refused, needed, number

_BROWSER = re.compile(r"\d+\.\d+")
NOTHING = Answer(b"", 204)


class Ga4(Platform):
    """A purchase counts once by its transaction, and a refund takes it back."""

    name: ClassVar[str] = "ga4"
    settings = {"measurement_id": "G-4711", "api_secret": "ga-word"}
    retracts = True
    knows_currencies = False
    most = 25

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has the secret."""
        return asked.query.get("api_secret") == "ga-word" and asked.query.get("measurement_id") == "G-4711"

    def stranger(self) -> Answer:
        """Say nothing."""
        return NOTHING

    def throttled(self) -> Answer:
        """Answer one request too many: what any of Google's servers may."""
        return Answer(b"<html>We're sorry", 503)

    def refuse(self, refused: Refused) -> Answer:
        """Say nothing."""
        return NOTHING

    def take(self, asked: Asked) -> Any:
        """Count what can be."""
        if asked.path != "/mp/collect":
            return Answer(b"<html>Not Found", 404)
        needed(asked.body, "client_id", "timestamp_micros", "events")
        if not _BROWSER.fullmatch(asked.body["client_id"]):
            raise Refused("client_id")
        if asked.body.get("consent", {}).get("ad_user_data") != "GRANTED":
            raise Refused("consent")
        self.checked_time(asked.body["timestamp_micros"], 1, days=3)
        for event in asked.body["events"]:
            told = event["params"]
            key = told["transaction_id"]
            if event["name"] == "purchase":
                self.hold(key, number(told["value"]), told["currency"])
            elif event["name"] == "refund" and key in self.ledger:
                self.ledger[key].live = False
            else:
                raise Refused(event["name"], key)
        return NOTHING
