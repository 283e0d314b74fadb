"""Google's Data Manager API: takes events at once, and says later what became of them."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Held, Platform, Refused, hashes, needed, number

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_FIELDS = {
    "transactionId", "eventTimestamp", "lastUpdatedTimestamp", "conversionValue", "currency", "eventSource",
    "adIdentifiers", "userData", "consent",
}  # fmt: skip


class Google(Platform):
    """The last value of a transaction counts; one that nobody knows makes a new conversion."""

    name: ClassVar[str] = "google"
    settings = {
        "client_id": "app", "client_secret": "hush", "refresh_token": "keep", "customer_id": "123-456-7890",
        "action_revenue": "987",
    }  # fmt: skip
    kinds = ("gclid", "gbraid", "wbraid", "dclid")
    restates = retracts = True  # with a value of nothing
    logs_in = "/token"
    polls = True
    most = 2_000

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._requests: dict[str, dict[str, Any]] = {}
        self._waiting: dict[str, int] = {}  # how often a request is still said to be under way
        self.said: Counter[str] = Counter()

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        words = "Request had invalid authentication credentials."
        return Answer({"error": {"code": 401, "message": words, "status": "UNAUTHENTICATED"}}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED",
            "metadata": {"quota_limit": "MutateRequestsPerMinutePerProject"},
        }  # fmt: skip
        error = {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED", "details": [info]}
        return Answer({"error": error}, 429)

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all events for one of them."""
        violation = {"field": "events.events[0]", "description": str(refused), "reason": "INVALID"}
        error = {
            "code": 400, "status": "INVALID_ARGUMENT", "message": "There was a problem with the request.",
            "details": [
                {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
            ],
        }  # fmt: skip
        return Answer({"error": error}, 400)

    def take(self, asked: Asked) -> Any:
        """Take events, or say what became of them."""
        if (asked.method, asked.path) == ("GET", "/v1/requestStatus:retrieve"):
            return self._status(asked.query.get("requestId", ""))
        if (asked.method, asked.path) != ("POST", "/v1/events:ingest"):
            return Answer(b"<html>Not Found", 404)
        [to] = asked.body["destinations"]
        if to["operatingAccount"] != {"accountType": "GOOGLE_ADS", "accountId": "1234567890"}:
            raise Refused("INVALID_OPERATING_ACCOUNT", str(to))
        if to["productDestinationId"] != "987" or not 1 <= len(asked.body["events"]) <= self.most:
            raise Refused("INVALID_DESTINATION", str(to))
        events = [self._checked(event, asked.body.get("encoding")) for event in asked.body["events"]]
        number_of = f"request-{len(self._requests) + 1}"
        self._requests[number_of] = self._process(events)
        self._waiting[number_of] = self.chance.randint(0, 2)
        return {"requestId": number_of}

    def _checked(self, event: dict[str, Any], encoding: Any) -> dict[str, Any]:
        needed(event, "transactionId", "eventTimestamp", "conversionValue" if event.get("currency") else "")
        if unknown := event.keys() - _FIELDS:
            raise Refused("INVALID_ARGUMENT", f"Unknown name {sorted(unknown)}")
        for name in ("eventTimestamp", "lastUpdatedTimestamp"):
            if name in event and not _INSTANT.fullmatch(event[name]):
                raise Refused("INVALID_ARGUMENT", f"{name} {event[name]}")
        clicks = event.get("adIdentifiers", {})
        if not set(clicks) <= set(self.kinds) or {"gbraid", "wbraid"} <= set(clicks):
            raise Refused("INVALID_ARGUMENT", f"adIdentifiers {sorted(clicks)}")
        people = event.get("userData", {}).get("userIdentifiers", [])
        if len(people) > 10 or (people and encoding != "HEX"):
            raise Refused("INVALID_ARGUMENT", "userIdentifiers")
        for one in people:
            hashes([one.get("emailAddress") or one.get("phoneNumber")], required=True)
        if not (clicks or people):
            raise Refused("NO_IDENTIFIERS_PROVIDED")
        if event.get("consent", {}).get("adUserData") != "CONSENT_GRANTED":
            raise Refused("NO_CONSENT")
        if "conversionValue" in event:
            number(event["conversionValue"])
            self.checked_currency(event.get("currency"))
        return event

    def _process(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """Count events, or some of them, or none: what nobody is told yet."""
        fate = self.chance.random()
        failed: Counter[str] = Counter()
        if self.fails and fate < 0.5:
            failed["INTERNAL_ERROR"] = len(events)
        for event in events if not failed else ():
            if self.stumbles():
                failed["TOO_RECENT_CLICK"] += 1
                continue
            click = next(iter(event.get("adIdentifiers", {}).values()), "")
            value = Decimal(str(event["conversionValue"]))
            self.ledger[event["transactionId"]] = Held(value, event["currency"], click, live=value != 0)
        if not failed:
            return {"requestStatus": "SUCCESS"}
        counts = [
            {"reason": f"PROCESSING_ERROR_REASON_{reason}", "recordCount": str(count)}
            for reason, count in failed.items()
        ]
        status = "FAILED" if failed.total() == len(events) else "PARTIAL_SUCCESS"
        return {"requestStatus": status, "errorInfo": {"errorCounts": counts}}

    def _status(self, request: str) -> Any:
        if request not in self._requests:
            return Answer({"error": {"code": 404, "status": "NOT_FOUND", "message": request}}, 404)
        self._waiting[request] -= 1
        found = {"requestStatus": "PROCESSING"} if self._waiting[request] >= 0 else self._requests[request]
        self.said[found["requestStatus"]] += 1
        return {"requestStatusPerDestination": [found]}
