"""Pinterest's Conversions API: each event of a request has a word of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from loopback import Answer, Asked

from attribution.clock import SECOND
from platforms.base import Platform, Refused, hashes, needed, text_number

_SOURCES = ("app_android", "app_ios", "web", "offline")


class Pinterest(Platform):
    """The first of an event id counts; a click alone says nothing of who it was."""

    name: ClassVar[str] = "pinterest"
    settings = {"ad_account_id": "549", "conversion_token": "pina-word"}
    kinds = ("epik",)
    needs_email = True

    @property
    def token(self) -> str:
        """What lets a request in."""
        return "pina-word"

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        return Answer({"code": 2, "message": "Authentication failed."}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return Answer({"code": 8, "message": "You have exceeded your rate limit. Try again later."}, 429)

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request that is none."""
        if refused.again:
            return Answer({"code": 9, "message": "Server failure, please try again later."}, 503)
        return Answer({"code": 1, "message": str(refused)}, 400)

    def take(self, asked: Asked) -> Any:
        """Take each by itself."""
        if asked.path != "/v5/ad_accounts/549/events" or "test" in asked.query:
            return Answer({"code": 404, "message": "no such account"}, 404)
        if not 1 <= len(asked.body["data"]) <= self.most:
            raise Refused("data")
        if self.stumbles():
            raise Refused("later", again=True)
        events = []
        for event in asked.body["data"]:
            try:
                self.hold(*self._checked(event))
                events.append({"status": "processed", "error_message": "", "warning_message": ""})
            except Refused as refused:
                self.words.append(str(refused))
                events.append({"status": "failed", "error_message": str(refused), "warning_message": ""})
        done = sum(event["status"] == "processed" for event in events)
        body = {"num_events_received": len(events), "num_events_processed": done, "events": events}
        return Answer(body, 200 if done == len(events) else 207)

    def _checked(self, event: dict[str, Any]) -> tuple[Any, ...]:
        needed(event, "event_name", "action_source", "event_time", "event_id", "user_data")
        if event["action_source"] not in _SOURCES:
            raise Refused("action_source", event["action_source"])
        self.checked_time(event["event_time"], SECOND)
        person = event["user_data"]
        hashes(person.get("em"), required=True)
        hashes(person.get("ph"))
        told = event["custom_data"]
        value, currency = text_number(told["value"]), self.checked_currency(told["currency"])
        return event["event_id"], value, currency, person.get("click_id", "")
