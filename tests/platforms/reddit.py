"""Reddit's Conversions API: what is wrong is told with 400, or with 200 and `success: false`."""

from __future__ import annotations

from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Platform, Refused, hashes, needed, number

_SOURCES = ("WEBSITE", "APP", "PHYSICAL_STORE", "OTHER")


class Reddit(Platform):
    """The first of a conversion id counts."""

    name: ClassVar[str] = "reddit"
    settings = {"pixel_id": "a2_4711", "access_token": "reddit-word"}
    kinds = ("rdt_cid",)

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        return Answer({"error": {"code": 401, "message": "Unauthorized"}}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return Answer({"error": {"code": 429, "message": "Too Many Requests"}}, 429, {"Retry-After": "5"})

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all events for one of them."""
        if refused.again:
            return Answer({"error": {"code": 500, "message": "Internal"}}, 500)
        fields = [{"field": refused.code, "message": refused.words}]
        return Answer({"error": {"code": 400, "message": "Validation error", "fields": fields}}, 400)

    def take(self, asked: Asked) -> Any:
        """Take all events, or none; or those that are some, and say that others are not."""
        if asked.path != "/api/v3/pixels/a2_4711/conversion_events":
            return Answer({"error": {"code": 404, "message": "no such pixel"}}, 404)
        told = asked.body["data"]["events"]
        if not 1 <= len(told) <= self.most or "test_id" in asked.body["data"]:
            raise Refused("events")
        if self.stumbles():
            raise Refused("later", again=True)
        strict = self.chance.random() < 0.5
        taken, invalid = [], []
        for event in told:
            try:
                taken.append(self._checked(event))
            except Refused as refused:
                if strict:
                    raise
                self.words.append(str(refused))
                invalid.append({"event": event, "error_message": str(refused)})
        for one in taken:
            self.hold(*one)
        if invalid:
            return {"success": False, "message": "some events are invalid", "invalid_events": invalid}
        return {"data": {"message": f"Successfully processed {len(taken)} conversion events."}}

    def _checked(self, event: dict[str, Any]) -> tuple[Any, ...]:
        needed(event, "event_at", "action_source", "type", "metadata")
        if event["action_source"] not in _SOURCES:
            raise Refused("action_source", event["action_source"])
        if event["type"] != {"tracking_type": "PURCHASE"}:
            raise Refused("type", str(event["type"]))
        self.checked_time(event["event_at"], 1_000, days=7)
        for name in ("email", "external_id", "ip_address", "phone_number"):
            hashes(event.get("user", {}).get(name))
        told = event["metadata"]
        needed(told, "conversion_id")
        value, currency = number(told["value"]), self.checked_currency(told["currency"])
        return told["conversion_id"], value, currency, event.get("click_id", "")
