"""Snapchat's Conversions API: a request is taken as a whole or not at all."""

from __future__ import annotations

from typing import Any, ClassVar

from loopback import Answer, Asked

from attribution.clock import SECOND
from platforms.base import Platform, Refused, hashes, needed, number

_SOURCES = ("WEB", "website", "OFFLINE", "MOBILE_APP", "app")


class Snapchat(Platform):
    """The first of an event id counts; a click alone says nothing of who it was."""

    name: ClassVar[str] = "snapchat"
    settings = {"pixel_id": "ab-4711", "access_token": "snap-word"}
    kinds = ("sccid",)
    most = 2_000

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has the token."""
        return asked.query.get("access_token") == self.token

    def stranger(self) -> Answer:
        """Answer whoever has not."""
        return Answer({"status": "INVALID", "reason": "Unauthorized"}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return Answer({"status": "ERROR", "reason": "Rate limit reached"}, 429)

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all events for one of them."""
        if refused.again:
            return Answer({"status": "ERROR", "reason": "Internal error"}, 500)
        return Answer({"status": "INVALID", "reason": str(refused), "param": refused.code}, 400)

    def take(self, asked: Asked) -> Any:
        """Take all events, or none."""
        if asked.path != "/v3/ab-4711/events":
            return Answer({"status": "ERROR", "reason": "no such pixel"}, 404)
        if not 1 <= len(asked.body["data"]) <= self.most:
            raise Refused("data")
        if self.stumbles():
            raise Refused("later", again=True)
        taken = [self._checked(event) for event in asked.body["data"]]
        for one in taken:
            self.hold(*one)
        return {"status": "OK", "reason": "Events have been processed successfully.", "valid": len(taken)}

    def _checked(self, event: dict[str, Any]) -> tuple[Any, ...]:
        needed(event, "event_name", "action_source", "event_time", "event_id", "user_data")
        if event["action_source"] not in _SOURCES:
            raise Refused("action_source", event["action_source"])
        self.checked_time(event["event_time"], SECOND, days=37)
        person = event["user_data"]
        for name in ("em", "ph"):
            hashes(person.get(name))
        if not (person.get("em") or person.get("ph")):
            raise Refused("user_data")
        told = event["custom_data"]
        value, currency = number(told["value"]), self.checked_currency(told["currency"])
        return event["event_id"], value, currency, person.get("sc_click_id", "")
