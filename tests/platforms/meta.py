"""Meta's Conversions API: a batch is taken as a whole or not at all; the first of an event id counts."""

from __future__ import annotations

from typing import Any, ClassVar

from loopback import Answer, Asked

from attribution.clock import SECOND
from platforms.base import Platform, Refused, hashes, needed, number

_SOURCES = {
    "email", "website", "app", "phone_call", "chat", "physical_store", "system_generated",
    "business_messaging", "other",
}  # fmt: skip
_HASHED = ("em", "ph", "fn", "ln", "ct", "st", "zp", "country")


class Meta(Platform):
    """Nothing that it has is ever changed."""

    name: ClassVar[str] = "meta"
    settings = {"dataset_id": "4711", "access_token": "EAAB-word"}
    kinds = ("fbclid",)

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        return self._error(400, 190, None, "Error validating access token")

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return self._error(400, 17, 2446079, "User request limit reached")

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all events for one of them."""
        if refused.again:
            return self._error(500, 2, None, "Service temporarily unavailable", transient=True)
        subcode = {"time": 2804003, "currency": 2804019}.get(refused.code, 2804009)
        return self._error(400, 100, subcode, "Invalid parameter")

    def take(self, asked: Asked) -> Any:
        """Take all events, or none."""
        if asked.path != "/v26.0/4711/events":
            return self._error(400, 100, 33, "Unsupported post request. Object does not exist")
        if not 1 <= len(asked.body["data"]) <= self.most:
            raise Refused("data")
        if self.stumbles():
            raise Refused("transient", again=True)
        taken = [self._checked(event) for event in asked.body["data"]]
        for key, value, currency, click in taken:
            self.hold(key, value, currency, click)
        return {"events_received": len(taken), "messages": [], "fbtrace_id": "A1b2"}

    def _checked(self, event: dict[str, Any]) -> tuple[Any, ...]:
        needed(event, "event_name", "event_time", "event_id", "action_source", "user_data")
        self.checked_time(event["event_time"], SECOND, days=7)
        if event["action_source"] not in _SOURCES:
            raise Refused("action_source", event["action_source"])
        person = event["user_data"]
        for name in _HASHED:
            hashes(person.get(name))
        _, _, made, click = person.get("fbc", "fb.1.0.").split(".", 3)
        if click and not 10**12 < int(made) < self.now() // 1_000:
            raise Refused("fbc", made)
        told = event["custom_data"]
        value, currency = number(told["value"]), self.checked_currency(told["currency"])
        if event["event_name"] != "Purchase":
            raise Refused("event_name", event["event_name"])
        return event["event_id"], value, currency, click

    def _error(
        self, status: int, code: int, subcode: int | None, words: str, *, transient: bool = False
    ) -> Answer:
        error: dict[str, Any] = {
            "message": words, "type": "OAuthException", "code": code, "is_transient": transient,
            "fbtrace_id": "A1b2",
        }  # fmt: skip
        if subcode:
            error["error_subcode"] = subcode
        return Answer({"error": error}, status)
