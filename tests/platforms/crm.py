"""CRMs: records with properties of a known type, which are written over and over."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Held, Platform, Refused, number

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
# of what is written here it is the value, the currency and how many touches that are looked at
VALUE, CURRENCY, TOUCHES, MODEL, WHEN = (
    "credited_value", "credited_currency", "touches", "model", "first_touch_at"
)  # fmt: skip
_OTHERS = (
    "first_channel", "first_source", "first_campaign", "first_keyword", "last_touch_at", "last_channel",
    "last_source", "last_campaign", "last_keyword", "credited_channel", "credited_campaign",
)  # fmt: skip
FIELDS = (VALUE, CURRENCY, TOUCHES, MODEL, WHEN, *_OTHERS)


class Crm(Platform):
    """A CRM. It knows its deals; what it is told of others it refuses."""

    restates = retracts = True
    minds_consent = False
    knows_currencies = False
    blank: ClassVar[Any] = None
    instant: ClassVar[re.Pattern[str]] = _INSTANT

    def name_of(self, field: str) -> str:
        """Return what one of our fields is called."""
        raise NotImplementedError

    def is_mine(self, record: str) -> bool:
        """Tell whether there is such a deal."""
        return record.isdigit()

    def write(self, record: str, told: dict[str, Any]) -> None:
        """Write properties on a deal."""
        if not self.is_mine(record):
            raise Refused("NOT_FOUND", record)
        if self.stumbles():
            raise Refused("LATER", record, again=True)
        theirs = {self.name_of(field): field for field in FIELDS}
        if set(told) != set(theirs):
            raise Refused("PROPERTY", f"{sorted(set(told) ^ set(theirs))}")
        ours = {theirs[name]: value for name, value in told.items()}
        blank = all(value == self.blank for value in ours.values())
        if blank:
            value = None
        elif not self.instant.fullmatch(str(ours[WHEN])) or not isinstance(ours[TOUCHES], int):
            raise Refused("TYPE", f"{ours[WHEN]} {ours[TOUCHES]}")
        else:
            value = number(ours[VALUE])
        self.ledger[f"{record}:revenue"] = Held(
            None if value is None else Decimal(value), "" if blank else ours[CURRENCY], live=not blank
        )


class HubSpot(Crm):
    """A portal, a hundred deals at a time."""

    name: ClassVar[str] = "hubspot"
    settings = {"access_token": "pat-word", "action_revenue": "deals"}
    blank = ""
    most = 100

    def name_of(self, field: str) -> str:
        """Return the property."""
        return f"attribution_{field}"

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        return self._error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")

    def throttled(self) -> Answer:
        """Answer one request too many."""
        body = {
            "status": "error", "message": "You have reached your ten_secondly_rolling limit.",
            "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "category": "RATE_LIMITS",
        }  # fmt: skip
        return Answer(body, 429)

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request that is none."""
        return self._error(400, "VALIDATION_ERROR", str(refused))

    def take(self, asked: Asked) -> Any:
        """Write each deal by itself."""
        if (asked.method, asked.path) != ("POST", "/crm/v3/objects/deals/batch/update"):
            return self._error(404, "OBJECT_NOT_FOUND", asked.path)
        if not 1 <= len(asked.body["inputs"]) <= self.most:
            raise Refused("inputs")
        results, errors = [], []
        for one in asked.body["inputs"]:
            try:
                self.write(one["id"], one["properties"])
                results.append({"id": one["id"], "properties": {}})
            except Refused as refused:
                self.words.append(str(refused))
                category = "RATE_LIMITS" if refused.again else "OBJECT_NOT_FOUND"
                error = {"status": "error", "category": category, "message": str(refused)}
                errors.append(error | {"context": {"ids": [one["id"]]}})
        body: dict[str, Any] = {"status": "COMPLETE", "results": results}
        if not errors:
            return body
        return Answer(body | {"numErrors": len(errors), "errors": errors}, 207)

    def _error(self, status: int, category: str, words: str) -> Answer:
        return Answer({"status": "error", "message": words, "category": category}, status)


class Salesforce(Crm):
    """An organisation, two hundred opportunities at a time."""

    name: ClassVar[str] = "salesforce"
    settings = {
        "client_id": "app", "client_secret": "hush", "refresh_token": "keep", "action_revenue": "Opportunity",
        "instance_url": "https://acme.my.salesforce.com",
    }  # fmt: skip
    logs_in = "/services/oauth2/token"
    most = 200

    def name_of(self, field: str) -> str:
        """Return the API name."""
        return f"Attribution_{field.title()}__c"

    def is_mine(self, record: str) -> bool:
        """Tell whether there is such an opportunity."""
        return record.startswith("006") and len(record) in (15, 18)

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        return self._error(401, "INVALID_SESSION_ID", "Session expired or invalid")

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return self._error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request that is none."""
        return self._error(400, "INVALID_INPUT", str(refused))

    def take(self, asked: Asked) -> Any:
        """Write each opportunity by itself."""
        if asked.method != "PATCH" or not re.fullmatch(
            r"/services/data/v\d\d\.0/composite/sobjects", asked.path
        ):
            return self._error(404, "NOT_FOUND", asked.path)
        records = asked.body["records"]
        if asked.body.get("allOrNone") is not False or not 1 <= len(records) <= self.most:
            raise Refused("records")
        results: list[dict[str, Any]] = []
        for one in records:
            told = {name: value for name, value in one.items() if name not in ("attributes", "id")}
            try:
                if one["attributes"] != {"type": "Opportunity"}:
                    raise Refused("INVALID_TYPE")
                self.write(one["id"], told)
                results.append({"id": one["id"], "success": True, "errors": []})
            except Refused as refused:
                self.words.append(str(refused))
                code = "UNABLE_TO_LOCK_ROW" if refused.again else "NOT_FOUND"
                error = {"statusCode": code, "message": str(refused), "fields": []}
                results.append({"success": False, "errors": [error]})
        return results

    def _error(self, status: int, code: str, words: str) -> Answer:
        return Answer([{"message": words, "errorCode": code}], status)


class Pipedrive(Crm):
    """A company, one deal at a time; its fields have keys that it made."""

    name: ClassVar[str] = "pipedrive"
    settings = {
        "api_token": "pipe-word", "action_revenue": "deals",
        "deal_fields": ", ".join(f"{field}={place:040x}" for place, field in enumerate(FIELDS)),
    }  # fmt: skip
    instant = _DAY

    def name_of(self, field: str) -> str:
        """Return the key."""
        return f"{FIELDS.index(field):040x}"

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has the token."""
        return asked.headers.get("x-api-token") == "pipe-word"

    def stranger(self) -> Answer:
        """Answer whoever has not."""
        return Answer({"success": False, "error": "unauthorized access", "errorCode": 401}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return Answer({"success": False, "error": "rate limit"}, 429, {"x-ratelimit-reset": "2"})

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request."""
        status = 503 if refused.again else 404 if refused.code == "NOT_FOUND" else 400
        return Answer({"success": False, "error": str(refused)}, status)

    def take(self, asked: Asked) -> Any:
        """Write a deal."""
        base, _, record = asked.path.rpartition("/")
        if (asked.method, base) != ("PATCH", "/api/v2/deals") or set(asked.body) != {"custom_fields"}:
            raise Refused("request", asked.path)
        self.write(record, asked.body["custom_fields"])
        return {"success": True, "data": {"id": int(record)}}
