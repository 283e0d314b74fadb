"""LinkedIn's Conversions API: a batch of which each element has a status of its own."""

from __future__ import annotations

from typing import Any, ClassVar

from loopback import Answer, Asked

from platforms.base import Platform, Refused, hashes, needed, text_number

_HEADERS = {"x-restli-protocol-version": "2.0.0", "x-restli-method": "BATCH_CREATE"}


class LinkedIn(Platform):
    """The first of an event id counts."""

    name: ClassVar[str] = "linkedin"
    settings = {"access_token": "AQX-word", "action_revenue": "104012"}
    kinds = ("li_fat_id",)
    most = 5_000

    def stranger(self) -> Answer:
        """Answer whoever has no token."""
        body = {"status": 401, "serviceErrorCode": 65600, "message": "Invalid access token"}
        return Answer(body | {"code": "INVALID_ACCESS_TOKEN"}, 401)

    def throttled(self) -> Answer:
        """Answer one request too many."""
        words = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
        return Answer({"status": 429, "serviceErrorCode": 101, "message": words}, 429)

    def refuse(self, refused: Refused) -> Answer:
        """Refuse all for one of them, which is named in words."""
        return Answer({"status": 422, "code": "INVALID", "message": str(refused)}, 422)

    def take(self, asked: Asked) -> Any:
        """Take each by itself; or refuse all for the first one that is none."""
        version = asked.headers.get("linkedin-version", "")
        if asked.path != "/rest/conversionEvents" or any(
            asked.headers.get(n) != t for n, t in _HEADERS.items()
        ):
            return Answer({"status": 404, "message": "RESOURCE_NOT_FOUND"}, 404)
        if len(version) != 6 or version <= "202511":
            return Answer({"status": 426, "code": "NONEXISTENT_VERSION", "message": version}, 426)
        told = asked.body["elements"]
        if not 1 <= len(told) <= self.most:
            raise Refused("BATCH", str(len(told)))
        strict = self.chance.random() < 0.5
        taken: list[Any] = []
        for place, one in enumerate(told):
            try:
                taken.append(self._checked(one))
            except Refused as refused:
                self.words.append(str(refused))
                if strict:
                    raise Refused(
                        "VALIDATION", f"Conversion event is invalid. Index: {place}, {refused}"
                    ) from None
                taken.append(refused)
        elements = []
        for place, one in enumerate(taken):
            if isinstance(one, Refused):
                elements.append({"status": 400, "error": {"status": 400, "message": str(one)}})
            elif self.stumbles():
                elements.append({"status": 429, "error": {"status": 429, "message": "slow down"}})
            else:
                self.hold(*one)
                elements.append({"status": 201, "id": f"e{place}"})
        return {"elements": elements}

    def _checked(self, one: dict[str, Any]) -> tuple[Any, ...]:
        needed(one, "conversion", "conversionHappenedAt", "user", "eventId")
        if one["conversion"] != "urn:lla:llaPartnerConversion:104012":
            raise Refused("conversion", one["conversion"])
        self.checked_time(one["conversionHappenedAt"], 1_000, days=90)
        click = ""
        for key in one["user"]["userIds"]:
            if key["idType"] == "SHA256_EMAIL":
                hashes([key["idValue"]])
            elif key["idType"] == "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID":
                click = key["idValue"]
            else:
                raise Refused("idType", key["idType"])
        value = one["conversionValue"]
        return (
            one["eventId"],
            text_number(value["amount"]),
            self.checked_currency(value["currencyCode"]),
            click,
        )
