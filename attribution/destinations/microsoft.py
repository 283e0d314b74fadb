"""Microsoft Advertising through offline conversions (Campaign Management API v13, REST).

https://learn.microsoft.com/en-us/advertising/campaign-management-service/applyofflineconversions
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.clock import SECOND
from attribution.destinations import hashing, replies
from attribution.destinations.access import BEARER, Access, Login
from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.destination import Destination, lots, merged
from attribution.destinations.lacking import no_share, no_value
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.values import is_yes, number
from attribution.pulls.credentials import Need
from attribution.pulls.forms import DIGITS

VERSION: Final = "v13"
_TYPES: Final = {Change.RESTATED: "Restate", Change.RETRACTED: "Retract"}
_AGAIN: Final = frozenset(
    {
        "CallRateExceeded", "ConcurrentRequestOverLimit", "InternalError",
        # of who sends, not of what is sent
        "AuthenticationTokenExpired", "InvalidCredentials", "UserIsNotAuthorized",
    }
)  # fmt: skip
_DONE: Final = {"DuplicateConversionKey": Change.NEW, "ConversionAlreadyRetracted": Change.RETRACTED}


class Microsoft(Destination):
    """Microsoft Advertising: conversions by click id or by hashed contacts, restated and retracted.

    Microsoft knows a conversion by its click (or contact), its goal and its time, not by an id: a second one
    of the same click at the same time is ignored.
    """

    name: ClassVar[str] = "microsoft"
    label: ClassVar[str] = "Microsoft Advertising"
    base_url: ClassVar[str] = "https://campaign.api.bingads.microsoft.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "account_id",
            "the number of the account that owns the conversion goals",
            secret=False,
            form=DIGITS,
        ),
        Need("customer_id", "the number of the manager account", secret=False, form=DIGITS),
        Need(
            "externally_attributed",
            "yes where the conversion goals are of the kind that takes credits from outside",
            required=False,
            secret=False,
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("developer_token", "from the developer portal of Microsoft Advertising"),
        Need("client_id", "of an app that is registered in Microsoft Entra"),
        Need("client_secret", "of the same app, where it has one", required=False),
        Need("refresh_token", "of a user who may change the account, for the scope msads.manage"),
    )
    access: ClassVar[Access] = Access(
        BEARER | {"DeveloperToken": "{developer_token}"},
        login=Login(
            "https://login.microsoftonline.com", "/common/oauth2/v2.0/token",
            extra={"scope": "https://ads.microsoft.com/msads.manage offline_access"},
        ),
    )  # fmt: skip
    most: ClassVar[int] = 1_000
    click_kinds: ClassVar[tuple[str, ...]] = ("msclkid",)
    age_days: ClassVar[int | None] = 90
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._external = is_yes("externally_attributed", self.setting("externally_attributed"))

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        lacking = no_value(conversion)
        if self._external:
            lacking = lacking or no_share(conversion)
        return lacking or super()._by_value(conversion, now)

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write requests of up to 1,000 conversions, and others of as many adjustments."""
        new = [conversion for conversion in conversions if conversion.change is Change.NEW]
        adjusted = [conversion for conversion in conversions if conversion.change is not Change.NEW]
        for lot in lots(new, self.most):
            yield self._request("OfflineConversions", [self._new(one) for one in lot], lot)
        for lot in lots(adjusted, self.most):
            yield self._request("OfflineConversionAdjustments", [_adjustment(one) for one in lot], lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: `PartialErrors` names the places of those refused; the others were taken.

        That they were taken does not say that a click was found: the offline conversion report does, later.
        """
        body = replies.mapping(reply.body)
        partial = replies.mappings(body.get("PartialErrors"))
        faults = [
            error
            for name in ("Errors", "OperationErrors", "BatchErrors")
            for error in replies.mappings(body.get(name))
        ]
        if faults or not 200 <= reply.status < 300:  # faults come with 200 too
            return _refused(request, reply, [*faults, *partial])
        if not isinstance(reply.body, Mapping):
            return replies.malformed(request, reply)
        return _partly(request, reply, partial)

    def _request(self, name: str, written: list[dict[str, Any]], lot: tuple[Conversion, ...]) -> Request:
        headers = {"CustomerId": self.setting("customer_id"), "CustomerAccountId": self.setting("account_id")}
        return Request("POST", f"/CampaignManagement/{VERSION}/{name}/Apply", {name: written}, lot, headers)

    def _new(self, conversion: Conversion) -> dict[str, Any]:
        found = _key(conversion)
        if conversion.value is not None:
            found["ConversionValue"] = number(conversion.value)
            found["ConversionCurrencyCode"] = conversion.currency
        if self._external and conversion.share_millionths is not None:
            found["ExternalAttributionCredit"] = conversion.share_millionths / 1_000_000
            if conversion.model:
                found["ExternalAttributionModel"] = conversion.model
        return merged(found, conversion.details)


def _adjustment(conversion: Conversion) -> dict[str, Any]:
    least = conversion.at + SECOND  # an adjustment of the conversion's own time counts as earlier
    found = _key(conversion) | {
        "AdjustmentType": _TYPES[conversion.change],
        "AdjustmentTime": clock.iso(max(conversion.changed_at or least, least)),
    }
    if conversion.change is Change.RESTATED and conversion.value is not None:
        found["AdjustmentValue"] = number(conversion.value)
        found["AdjustmentCurrencyCode"] = conversion.currency
    return merged(found, conversion.details)


def _key(conversion: Conversion) -> dict[str, Any]:
    """Return what Microsoft knows a conversion by, the same whenever it is told of.

    Contacts stand beside the click of a new one; an adjustment goes by the click alone where there is one,
    since an address may have been added in between.
    """
    found: dict[str, Any] = {
        "ConversionName": conversion.action,
        # to the second, so that an adjustment has the very time that the conversion had
        "ConversionTime": clock.iso(conversion.at // SECOND * SECOND),
    }
    if conversion.clicks.get("msclkid"):
        found["MicrosoftClickId"] = conversion.clicks["msclkid"]
        if conversion.change is not Change.NEW:
            return found
    for email in hashing.all_hashed(conversion.contact.emails, hashing.bare_email)[:1]:
        found["HashedEmailAddress"] = email
    for phone in hashing.all_hashed(conversion.contact.phones, hashing.e164)[:1]:
        found["HashedPhoneNumber"] = phone
    return found


# --- what is read -----------------------------------------------------------------------------------


def _refused(request: Request, reply: Reply, errors: list[Mapping[str, Any]]) -> list[Outcome]:
    """Read a fault: nothing of the request was taken."""
    first = errors[0] if errors else {}
    code, words = _code(first), str(first.get("Message") or "")
    # a fault that comes with 200 is one of what was sent, unless its word says otherwise
    as_told = Reply(400, reply.body, reply.headers) if reply.status < 300 else reply
    if code in _AGAIN or replies.passing(as_told):
        return replies.whole(request, as_told, code, words, again=True)
    guilty = _by_place(request, errors)
    if guilty:
        return replies.but_for(request, guilty, code, words)
    return replies.whole(request, as_told, code, words)


def _partly(request: Request, reply: Reply, errors: list[Mapping[str, Any]]) -> list[Outcome]:
    guilty = _by_place(request, errors)
    nowhere = [error for error in errors if _place(request, error) is None]
    if nowhere:
        code, words = _code(nowhere[0]), str(nowhere[0].get("Message") or "")
        rest = replies.whole(request, Reply(400), code, words, again=code in _AGAIN)[0]
    else:
        rest = Outcome(Verdict.ACCEPTED, reference=str(reply.headers.get("trackingid", "")))
    return [guilty.get(place, rest) for place in range(len(request.conversions))]


def _by_place(request: Request, errors: list[Mapping[str, Any]]) -> dict[int, Outcome]:
    """Return what follows for those that errors name; what is final weighs more than what passes."""
    found: dict[int, Outcome] = {}
    for error in errors:
        place, code = _place(request, error), _code(error)
        if place is None:
            continue
        verdict = Verdict.RETRY if code in _AGAIN else Verdict.REJECTED
        if _DONE.get(code) is request.conversions[place].change:
            verdict = Verdict.DUPLICATE
        if place not in found or verdict is Verdict.REJECTED:
            found[place] = Outcome(verdict, code, str(error.get("Message") or ""))
    return found


def _place(request: Request, error: Mapping[str, Any]) -> int | None:
    place = error.get("Index")
    inside = isinstance(place, int) and 0 <= place < len(request.conversions)
    return place if inside else None


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("ErrorCode") or error.get("Code") or "")
