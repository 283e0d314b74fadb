"""Google Ads through the Google Ads API, v26: for tokens that may still upload clicks, and for retractions.

https://developers.google.com/google-ads/api/reference/rpc/v26/ConversionUploadService
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.clock import DAY, HOUR, SECOND
from attribution.destinations import hashing, replies
from attribution.destinations.access import BEARER, GOOGLE_LOGIN, Access
from attribution.destinations.conversion import Change, Contact, Conversion
from attribution.destinations.destination import Destination, lots, merged
from attribution.destinations.google_account import ACCOUNT
from attribution.destinations.lacking import no_share, no_value
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.values import is_yes, number
from attribution.pulls.credentials import Need
from attribution.pulls.forms import Form, matching

VERSION: Final = "v26"
_TYPES: Final = {Change.RESTATED: "RESTATEMENT", Change.RETRACTED: "RETRACTION"}
_ENHANCEMENT: Final = "ENHANCEMENT"
_MOST_IDENTIFIERS: Final = 5
_ADJUSTABLE_DAYS: Final = 54
_TOO_RECENT_SECONDS: Final = 6 * HOUR / SECOND
_AGAIN: Final = frozenset(
    {
        "TOO_RECENT_EVENT", "TOO_RECENT_CALL", "TOO_RECENT_CONVERSION_ACTION", "TOO_RECENT_CONVERSION",
        "INTERNAL_ERROR", "TRANSIENT_ERROR", "DEADLINE_EXCEEDED", "CONCURRENT_MODIFICATION",
        "RESOURCE_EXHAUSTED", "RESOURCE_TEMPORARILY_EXHAUSTED",
        "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", "EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION",
    }
)  # fmt: skip
# what is wrong with the account or the action, and with no conversion: all wait until somebody mends it
_SETTING: Final = frozenset(
    {
        "NO_CONVERSION_ACTION_FOUND", "INVALID_CONVERSION_ACTION_TYPE", "UNAUTHORIZED_CUSTOMER",
        "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS", "CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
    }
)  # fmt: skip
_DONE: Final = frozenset(
    {
        "CLICK_CONVERSION_ALREADY_EXISTS", "ORDER_ID_ALREADY_IN_USE", "CONVERSION_ALREADY_RETRACTED",
        "RESTATEMENT_ALREADY_EXISTS",
    }
)  # fmt: skip


class GoogleAds(Destination):
    """Google Ads, through its own API.

    A change among whose details `adjustmentType` is `ENHANCEMENT` adds match keys to what a tag reported.
    """

    name: ClassVar[str] = "google_ads"
    label: ClassVar[str] = "Google Ads API"
    base_url: ClassVar[str] = "https://googleads.googleapis.com"
    settings: ClassVar[tuple[Need, ...]] = (
        *ACCOUNT,
        Need(
            "externally_attributed",
            "yes where the conversion actions are of the kind that takes credits from outside",
            required=False,
            secret=False,
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("developer_token", "from the API Center of a manager account"),
        Need("client_id", "of an OAuth client of a Google Cloud project"),
        Need("client_secret", "of the same client"),
        Need("refresh_token", "of a user who may change conversions, for the scope auth/adwords"),
    )
    access: ClassVar[Access] = Access(BEARER | {"developer-token": "{developer_token}"}, login=GOOGLE_LOGIN)
    action_form: ClassVar[Form | None] = matching(
        "a number, digits only, or customers/NUMBER/conversionActions/NUMBER",
        r"(customers/\d+/conversionActions/)?\d+",
    )
    most: ClassVar[int] = 2_000
    click_kinds: ClassVar[tuple[str, ...]] = ("gclid", "gbraid", "wbraid")
    age_days: ClassVar[int | None] = 90
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._external = is_yes("externally_attributed", self.setting("externally_attributed"))

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.change is Change.NEW:
            if self._external and not _click(conversion):
                kinds = " or ".join(self.click_kinds)
                return Refusal(
                    "no_match_key",
                    f"nothing says which click it was: an externally attributed conversion needs {kinds}",
                )
            return super()._by_identity(conversion, now)
        kind = next(iter(_click(conversion)), "")
        if kind == "wbraid" or (self._external and kind != "gclid"):
            known = f"of a {kind}" if kind else "without a click id"
            return Refusal(
                f"not_{conversion.change}",
                f"{self.label} does not adjust conversions {known}; it keeps what it has",
            )
        return None  # by its order id

    def _by_time(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.change is not Change.NEW and now - conversion.at > _ADJUSTABLE_DAYS * DAY:
            return Refusal(
                "too_old",
                f"it is of {clock.iso(conversion.at)}; {self.label} adjusts conversions of the last "
                f"{_ADJUSTABLE_DAYS} days",
            )
        return super()._by_time(conversion, now)

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        lacking = None if _enhances(conversion) else no_value(conversion)
        if self._external:
            lacking = lacking or no_share(conversion)
        return lacking or super()._by_value(conversion, now)

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write requests of up to 2,000 conversions, and others of as many adjustments."""
        new = [conversion for conversion in conversions if conversion.change is Change.NEW]
        adjusted = [conversion for conversion in conversions if conversion.change is not Change.NEW]
        for lot in lots(new, self.most):
            yield self._request("uploadClickConversions", "conversions", [self._new(one) for one in lot], lot)
        for lot in lots(adjusted, self.most):
            written = [self._adjustment(one) for one in lot]
            yield self._request("uploadConversionAdjustments", "conversionAdjustments", written, lot)

    def trial(self, request: Request) -> Request | None:
        """Return the request such that it is validated and nothing else."""
        return replace(request, body=request.body | {"validateOnly": True})

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: those that were refused are named by their place, the others were taken."""
        if 200 <= reply.status < 300:
            if not isinstance(reply.body, Mapping):
                return replies.malformed(request, reply)
            failure = replies.mapping(reply.body.get("partialFailureError"))
            return _partly(request, reply, reply.body, failure)
        error = replies.mapping(replies.mapping(reply.body).get("error"))
        errors = list(_errors(error))
        code, words = _first(errors, error)
        wait = _delay(error)
        again = code in _AGAIN | _SETTING
        found = replies.whole(request, reply, code, words, again=again)
        if wait is not None and found[0].verdict is Verdict.RETRY:
            return [Outcome(Verdict.RETRY, code, words, after_seconds=wait)] * len(found)
        if again or replies.passing(reply):
            return found
        guilty = {place: _outcome(told) for place, told in _by_place(errors, len(found)).items()}
        return replies.but_for(request, guilty, code, words) if guilty else found

    # --- what is written ----------------------------------------------------------------------------

    def _request(
        self, call: str, name: str, written: list[dict[str, Any]], lot: tuple[Conversion, ...]
    ) -> Request:
        login = _digits(self.setting("login_customer_id"))
        return Request(
            "POST",
            f"/{VERSION}/customers/{self._customer}:{call}",
            {name: written, "partialFailure": True},
            lot,
            {"login-customer-id": login} if login else {},
        )

    @property
    def _customer(self) -> str:
        return _digits(self.setting("customer_id"))

    def _action(self, conversion: Conversion) -> str:
        action = conversion.action
        return action if "/" in action else f"customers/{self._customer}/conversionActions/{action}"

    def _new(self, conversion: Conversion) -> dict[str, Any]:
        found: dict[str, Any] = {
            "conversionAction": self._action(conversion),
            "conversionDateTime": _time(conversion.at),
        }
        found |= _click(conversion)
        if conversion.value is not None and conversion.currency is not None:
            found |= {"conversionValue": number(conversion.value), "currencyCode": conversion.currency}
        if self._external:  # neither order id nor match keys are taken beside a credit
            found["externalAttributionData"] = _credit(conversion)
        else:
            found["orderId"] = conversion.transaction_id
            if identifiers := _identifiers(conversion.contact):
                found["userIdentifiers"] = identifiers
        if consent := conversion.consent.said("adUserData", "adPersonalization"):
            found["consent"] = consent
        return merged(found, conversion.details)

    def _adjustment(self, conversion: Conversion) -> dict[str, Any]:
        enhances = _enhances(conversion)
        # an adjustment has to be later than what it adjusts, to the second
        least = conversion.at + (0 if enhances else SECOND)
        found: dict[str, Any] = {
            "conversionAction": self._action(conversion),
            "adjustmentType": _ENHANCEMENT if enhances else _TYPES[conversion.change],
            "adjustmentDateTime": _time(max(conversion.changed_at or least, least)),
        }
        if enhances or not self._external:
            found["orderId"] = conversion.transaction_id
        gclid = conversion.clicks.get("gclid")
        if gclid and (enhances or self._external):  # an adjustment has the pair or the order id, not both
            found["gclidDateTimePair"] = {"gclid": gclid, "conversionDateTime": _time(conversion.at)}
        if conversion.change is Change.RESTATED and conversion.value is not None:
            value = {"adjustedValue": number(conversion.value), "currencyCode": conversion.currency}
            found["restatementValue"] = value
        if enhances:
            if identifiers := _identifiers(conversion.contact):
                found["userIdentifiers"] = identifiers
            if conversion.visit.user_agent:
                found["userAgent"] = conversion.visit.user_agent
        return merged(found, conversion.details)


def _enhances(conversion: Conversion) -> bool:
    return conversion.details.get("adjustmentType") == _ENHANCEMENT


def _digits(text: str) -> str:
    return text.replace("-", "")


def _time(micros: int) -> str:
    return clock.from_micros(micros).isoformat(sep=" ", timespec="seconds")


def _click(conversion: Conversion) -> dict[str, str]:
    """Return the best click id: of both braids one may be sent, and none beside a gclid."""
    kinds = [kind for kind in GoogleAds.click_kinds if conversion.clicks.get(kind)]
    return {kind: conversion.clicks[kind] for kind in kinds[:1]}


def _credit(conversion: Conversion) -> dict[str, Any]:
    found: dict[str, Any] = {"externalAttributionCredit": (conversion.share_millionths or 0) / 1_000_000}
    return found | ({"externalAttributionModel": conversion.model} if conversion.model else {})


def _identifiers(contact: Contact) -> list[dict[str, str]]:
    emails = hashing.all_hashed(contact.emails, hashing.google_email)
    phones = hashing.all_hashed(contact.phones, hashing.e164)
    found = [{"hashedEmail": email} for email in emails]
    found += [{"hashedPhoneNumber": phone} for phone in phones]
    return found[:_MOST_IDENTIFIERS]


# --- what is read -----------------------------------------------------------------------------------

_Error = tuple[int | None, str, str]  # place among the conversions, code, sentence


def _partly(
    request: Request, reply: Reply, body: Mapping[str, Any], failure: Mapping[str, Any]
) -> list[Outcome]:
    """Read what was taken in part; a sentence above the details is only the first of theirs."""
    number_of = len(request.conversions)
    taken = Outcome(Verdict.ACCEPTED, reference=str(body.get("jobId", "")))
    if not failure:
        return [taken] * number_of
    errors = list(_errors(failure))
    guilty = _by_place(errors, number_of)
    nowhere = [error for error in errors if error[0] is None or error[0] >= number_of]
    results = body.get("results")
    results = results if isinstance(results, list) else []
    code, words = _first(nowhere, failure)
    lost = nowhere or not errors  # an error of which nobody knows whose it is
    again = code in _AGAIN | _SETTING
    unclear = Verdict.RETRY if again else Verdict.REJECTED if number_of == 1 else Verdict.UNCLEAR
    found = []
    for place in range(number_of):
        if place in guilty:
            found.append(_outcome(guilty[place]))
        elif lost and not (place < len(results) and results[place]):
            found.append(Outcome(unclear, code, words))
        else:
            found.append(taken)
    return found


def _errors(failure: Mapping[str, Any]) -> Iterator[_Error]:
    for detail in replies.mappings(failure.get("details")):
        for error in replies.mappings(detail.get("errors")):
            codes = [str(code) for code in replies.mapping(error.get("errorCode")).values()]
            path = replies.mappings(replies.mapping(error.get("location")).get("fieldPathElements"))
            place = path[0].get("index") if path else None
            place = int(place) if isinstance(place, int | str) and str(place).isdigit() else None
            yield place, codes[0] if codes else "", str(error.get("message", ""))


def _by_place(errors: list[_Error], number_of: int) -> dict[int, list[_Error]]:
    found: dict[int, list[_Error]] = {}
    for error in errors:
        if error[0] is not None and error[0] < number_of:
            found.setdefault(error[0], []).append(error)
    return found


def _first(errors: list[_Error], failure: Mapping[str, Any]) -> tuple[str, str]:
    if errors:
        return errors[0][1], errors[0][2]
    return str(failure.get("status", "")), str(failure.get("message", ""))


def _outcome(errors: list[_Error]) -> Outcome:
    """Return what follows from all errors of one conversion: what is final weighs more than what passes."""
    verdicts = [
        Verdict.RETRY
        if code in _AGAIN | _SETTING
        else Verdict.DUPLICATE
        if code in _DONE
        else Verdict.REJECTED
        for _, code, _ in errors
    ]
    worst = next(v for v in (Verdict.REJECTED, Verdict.RETRY, Verdict.DUPLICATE) if v in verdicts)
    _, code, words = errors[verdicts.index(worst)]
    wait = _TOO_RECENT_SECONDS if worst is Verdict.RETRY and code.startswith("TOO_RECENT") else None
    return Outcome(worst, code, words, after_seconds=wait)


def _delay(failure: Mapping[str, Any]) -> float | None:
    """Return the wait that an exhausted quota names, in seconds."""
    for detail in replies.mappings(failure.get("details")):
        told = [detail.get("retryDelay")]
        for error in replies.mappings(detail.get("errors")):
            quota = replies.mapping(replies.mapping(error.get("details")).get("quotaErrorDetails"))
            told.append(quota.get("retryDelay"))
        for text in told:
            if found := re.fullmatch(r"(\d+(?:\.\d+)?)s", str(text)):
                return float(found[1])
    return None
