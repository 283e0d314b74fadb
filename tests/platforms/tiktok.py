"""TikTok's Events API: always 200, the body's code says what is meant; all of a request or nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from loopback import Answer, Asked

from attribution.clock import SECOND
from platforms.base import Platform, Refused, hashes, needed, number


class TikTok(Platform):
    """The first of an event id counts."""

    name: ClassVar[str] = "tiktok"
    settings = {"access_token": "tt-word", "event_source_id": "C4711", "event_source": "crm"}
    kinds = ("ttclid",)
    most = 50

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has the token."""
        return asked.headers.get("access-token") == self.token

    def stranger(self) -> Answer:
        """Answer whoever has not."""
        return self._told(40105, "Access token is incorrect or has been revoked.")

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return self._told(40100, "Too many requests. Please retry in some time.")

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all events for one of them."""
        return self._told(51010 if refused.again else 40002, str(refused))

    def take(self, asked: Asked) -> Any:
        """Take all events, or none."""
        if asked.path != "/open_api/v1.3/event/track/":
            return Answer(b"<html>Not Found", 404)
        if (asked.body.get("event_source"), asked.body.get("event_source_id")) != ("crm", "C4711"):
            raise Refused("event_source")
        if not 1 <= len(asked.body["data"]) <= self.most:
            raise Refused("data", "Please send 1 to 50 events")
        if self.stumbles():
            raise Refused("Internal service error", again=True)
        taken = [self._checked(event) for event in asked.body["data"]]
        for one in taken:
            self.hold(*one)
        return self._told(0, "OK")

    def _checked(self, event: dict[str, Any]) -> tuple[Any, ...]:
        needed(event, "event", "event_time", "event_id", "user", "properties")
        self.checked_time(event["event_time"], SECOND, days=28)
        for name in ("email", "phone", "external_id"):
            hashes(event["user"].get(name))
        told = event["properties"]
        value, currency = number(told["value"]), self.checked_currency(told["currency"])
        return event["event_id"], value, currency, event["user"].get("ttclid", "")

    def _told(self, code: int, words: str) -> Answer:
        return Answer({"code": code, "message": words, "request_id": "2026", "data": {}})
