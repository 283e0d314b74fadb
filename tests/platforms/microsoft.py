"""Microsoft Advertising: known by click, goal and time; adjusted by the same; errors by place."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from loopback import Answer, Asked

from attribution import clock
from platforms.base import Held, Platform, Refused, hashes, needed, number

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_BASE = "/CampaignManagement/v13"


class Microsoft(Platform):
    """A second conversion of the same click, goal and time is ignored, without a word."""

    name: ClassVar[str] = "microsoft"
    settings = {
        "client_id": "app", "client_secret": "hush", "refresh_token": "keep", "developer_token": "dev",
        "account_id": "11", "customer_id": "22", "action_revenue": "Won deal",
    }  # fmt: skip
    kinds = ("msclkid",)
    restates = retracts = True
    logs_in = "/common/oauth2/v2.0/token"

    def key(self, transaction: str, click: str, at: int) -> Any:
        """Return click and time: it is told of no transactions."""
        return click, clock.iso(at // clock.SECOND * clock.SECOND)

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has all that it needs."""
        wanted = {"developertoken": "dev", "customeraccountid": "11", "customerid": "22"}
        return super().lets_in(asked) and all(asked.headers.get(n) == text for n, text in wanted.items())

    def stranger(self) -> Answer:
        """Answer whoever has not."""
        return Answer(self._fault("AuthenticationTokenExpired", 109), 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        return Answer(self._fault("CallRateExceeded", 117), 400)

    def refuse(self, refused: Refused) -> Answer:
        """Refuse a request that is none."""
        return Answer(self._fault(refused.code, 100), 400)

    def take(self, asked: Asked) -> Any:
        """Take conversions or adjustments, each by itself."""
        calls = {
            f"{_BASE}/OfflineConversions/Apply": ("OfflineConversions", self._convert),
            f"{_BASE}/OfflineConversionAdjustments/Apply": ("OfflineConversionAdjustments", self._adjust),
        }
        if asked.path not in calls:
            return Answer(b"<html>Not Found", 404)
        name, take = calls[asked.path]
        told = asked.body[name]
        if not 1 <= len(told) <= self.most:
            raise Refused("OfflineConversionsLimitExceeded")
        for one in told:  # one time that cannot be read fails the whole call
            for field in ("ConversionTime", "AdjustmentTime"):
                if field in one and not _INSTANT.fullmatch(str(one[field])):
                    raise Refused("InvalidDateTime", str(one[field]))
        errors = []
        for place, one in enumerate(told):
            try:
                if self.stumbles():
                    raise Refused("InternalError")
                take(one)
            except Refused as refused:
                self.words.append(str(refused))
                error = {"Index": place, "ErrorCode": refused.code, "Code": 0, "Message": str(refused)}
                errors.append(error | {"Type": "BatchError", "FieldPath": None})
        return {"PartialErrors": errors}

    def _key(self, one: dict[str, Any]) -> tuple[str, str]:
        needed(one, "ConversionName", "ConversionTime", "MicrosoftClickId")
        if one["ConversionName"] != "Won deal":
            raise Refused("GoalNotFoundOrInactive", one["ConversionName"])
        return one["MicrosoftClickId"], one["ConversionTime"]

    def _convert(self, one: dict[str, Any]) -> None:
        key = self._key(one)
        for name in ("HashedEmailAddress", "HashedPhoneNumber"):
            hashes(one.get(name))
        if clock.iso(self.now()) < one["ConversionTime"]:
            raise Refused("ConversionTimeInFuture")
        if one.get("ConversionCurrencyCode") == "KPW":
            raise Refused("CurrencyCodeInvalid", "KPW")
        self.hold(key, number(one.get("ConversionValue")), one["ConversionCurrencyCode"], key[0])

    def _adjust(self, one: dict[str, Any]) -> None:
        key = self._key(one)
        needed(one, "AdjustmentType", "AdjustmentTime")
        held = self.ledger.get(key)
        if held is None:
            raise Refused("AdjustmentOriginalNotFound", str(key))
        if one["AdjustmentTime"] <= one["ConversionTime"]:
            raise Refused("AdjustmentTimeBeforeConversion", one["AdjustmentTime"])
        if held.told_at >= one["AdjustmentTime"]:
            return  # an earlier or the same one
        if one["AdjustmentType"] == "Retract":
            self.ledger[key] = Held(held.value, held.currency, held.click, False, one["AdjustmentTime"])
            return
        if not held.live:
            raise Refused("ConversionAlreadyRetracted", str(key))
        held.value, held.told_at = number(one.get("AdjustmentValue")), one["AdjustmentTime"]
        held.currency = one["AdjustmentCurrencyCode"]

    def _fault(self, word: str, code: int) -> dict[str, Any]:
        return {"Errors": [{"Code": code, "ErrorCode": word, "Message": word}], "TrackingId": "t"}
