"""The Google Ads API: conversions by click, then adjustments of them by order id; errors by place."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Held, Platform, Refused, hashes, needed, number

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")
_BASE = "/v26/customers/1234567890"
_ACTION = "customers/1234567890/conversionActions/987"


class GoogleAds(Platform):
    """The first of an order id counts, the first of a click and time as well; adjustments change it."""

    name: ClassVar[str] = "google_ads"
    settings = {
        "client_id": "app", "client_secret": "hush", "refresh_token": "keep", "developer_token": "dev",
        "customer_id": "123-456-7890", "action_revenue": "987",
    }  # fmt: skip
    kinds = ("gclid", "gbraid", "wbraid")
    restates = retracts = True
    logs_in = "/token"
    most = 2_000

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._clicks: dict[tuple[str, str], str] = {}  # click and time -> order id
        self._at: dict[str, str] = {}

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has the token and the developer's."""
        return super().lets_in(asked) and asked.headers.get("developer-token") == "dev"

    def stranger(self) -> Answer:
        """Answer whoever has not."""
        return self._whole(401, "UNAUTHENTICATED", {"authenticationError": "OAUTH_TOKEN_EXPIRED"})

    def throttled(self) -> Answer:
        """Answer one request too many."""
        answer = self._whole(429, "RESOURCE_EXHAUSTED", {"quotaError": "RESOURCE_EXHAUSTED"})
        [detail] = answer.body["error"]["details"]
        [error] = detail["errors"]
        error["details"] = {"quotaErrorDetails": {"rateScope": "ACCOUNT", "retryDelay": "30s"}}
        return answer

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request that is none."""
        return self._whole(400, "INVALID_ARGUMENT", {"requestError": refused.code})

    def take(self, asked: Asked) -> Any:
        """Take conversions or adjustments, each by itself."""
        calls = {
            f"{_BASE}:uploadClickConversions": ("conversions", self._convert, "conversionUploadError"),
            f"{_BASE}:uploadConversionAdjustments": (
                "conversionAdjustments", self._adjust, "conversionAdjustmentUploadError",
            ),
        }  # fmt: skip
        if asked.path not in calls:
            return Answer(b"<html>Not Found", 404)
        name, take, group = calls[asked.path]
        if asked.body.get("partialFailure") is not True:
            raise Refused("PARTIAL_FAILURE_MODE_REQUIRED")
        if not 1 <= len(asked.body[name]) <= self.most:
            raise Refused("TOO_MANY_CONVERSIONS_IN_REQUEST")
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for place, one in enumerate(asked.body[name]):
            try:
                if self.stumbles():
                    recent = "TOO_RECENT_EVENT" if name == "conversions" else "TOO_RECENT_CONVERSION"
                    raise Refused(recent)
                take(one)
                results.append({"conversionAction": _ACTION})
            except Refused as refused:
                self.words.append(str(refused))
                results.append({})
                path = [{"fieldName": name, "index": place}]
                error = {"errorCode": {group: refused.code}, "message": str(refused)}
                errors.append(error | {"location": {"fieldPathElements": path}})
        if not errors:
            return {"results": results, "jobId": "1"}
        failure = {"@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"}
        partial = {"code": 3, "message": errors[0]["message"], "details": [failure | {"errors": errors}]}
        return {"partialFailureError": partial, "results": results, "jobId": "1"}

    def _convert(self, one: dict[str, Any]) -> None:
        needed(one, "conversionAction", "conversionDateTime", "orderId")
        if one["conversionAction"] != _ACTION:
            raise Refused("NO_CONVERSION_ACTION_FOUND")
        if not _INSTANT.fullmatch(one["conversionDateTime"]):
            raise Refused("UNPARSEABLE_CONVERSION_DATE_TIME", one["conversionDateTime"])
        clicks = {kind: one[kind] for kind in self.kinds if one.get(kind)}
        if {"gbraid", "wbraid"} <= clicks.keys():
            raise Refused("GBRAID_WBRAID_BOTH_SET")
        people = one.get("userIdentifiers", [])
        for person in people:
            hashes([person.get("hashedEmail") or person.get("hashedPhoneNumber")], required=True)
        if len(people) > 5 or not (clicks or people):
            raise Refused("INVALID_USER_IDENTIFIER")
        if one.get("consent", {}).get("adUserData") != "GRANTED":
            raise Refused("CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS")
        if one.get("currencyCode") == "KPW":
            raise Refused("INVALID_CURRENCY_CODE", "KPW")
        value = number(one.get("conversionValue"))
        order, click = one["orderId"], next(iter(clicks.values()), "")
        if order in self.ledger:
            raise Refused("ORDER_ID_ALREADY_IN_USE", order)
        if click and (click, one["conversionDateTime"]) in self._clicks:
            raise Refused("CLICK_CONVERSION_ALREADY_EXISTS", click)
        self._clicks[click, one["conversionDateTime"]] = order
        self._at[order] = one["conversionDateTime"]
        self.ledger[order] = Held(value, one["currencyCode"], click)

    def _adjust(self, one: dict[str, Any]) -> None:
        needed(one, "conversionAction", "adjustmentType", "adjustmentDateTime", "orderId")
        order, at = one["orderId"], one["adjustmentDateTime"]
        if "gclidDateTimePair" in one:
            raise Refused("GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET")
        if not _INSTANT.fullmatch(at):
            raise Refused("UNPARSEABLE_DATE_TIME", at)
        if order not in self.ledger:
            raise Refused("CONVERSION_NOT_FOUND", order)
        held = self.ledger[order]
        if at <= self._at[order]:
            raise Refused("ADJUSTMENT_PRECEDES_CONVERSION", at)
        if not held.live:
            raise Refused("CONVERSION_ALREADY_RETRACTED", order)
        if one["adjustmentType"] == "RETRACTION":
            if "restatementValue" in one:
                raise Refused("RESTATEMENT_VALUE_NOT_ALLOWED", order)
            held.live = False
        else:
            told = one["restatementValue"]
            if held.told_at and at <= held.told_at:
                raise Refused("RESTATEMENT_ALREADY_EXISTS", order)
            held.value, held.currency = number(told["adjustedValue"]), told["currencyCode"]
        held.told_at = at

    def _whole(self, status: int, word: str, code: dict[str, str]) -> Answer:
        failure = {"@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"}
        details = [failure | {"errors": [{"errorCode": code, "message": word}]}]
        error = {"code": status, "message": word, "status": word, "details": details}
        return Answer({"error": error}, status)
