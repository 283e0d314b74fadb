"""Google Ads through the Data Manager API, v1: conversions by click id and by hashed contacts.

https://developers.google.com/data-manager/api/reference/rest/v1/events/ingest
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.clock import MINUTE
from attribution.destinations import hashing
from attribution.destinations.access import BEARER, GOOGLE_LOGIN, Access
from attribution.destinations.conversion import Change, Contact, Conversion
from attribution.destinations.destination import Destination, lots
from attribution.destinations.google_account import ACCOUNT
from attribution.destinations.replies import malformed, mapping, mappings, whole
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.pulls.credentials import Need
from attribution.pulls.forms import DIGITS, Form

_SOURCES: Final = {"web": "WEB", "app": "APP", "store": "IN_STORE", "phone": "PHONE", "chat": "MESSAGE"}
_MOST_IDENTIFIERS: Final = 10
_AGAIN: Final = frozenset(
    {
        "TOO_RECENT_CLICK", "CONVERSION_ACTION_TOO_RECENTLY_CREATED", "INTERNAL_ERROR", "DEADLINE_EXCEEDED",
        "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE", "ABORTED",
    }
)  # fmt: skip
# what is wrong with the account or the action, and with no conversion: all wait until somebody mends it
_SETTING: Final = frozenset(
    {
        "INVALID_DESTINATION", "INVALID_CONVERSION_ACTION_ID", "INVALID_CONVERSION_ACTION_TYPE",
        "TERMS_AND_CONDITIONS_NOT_SIGNED", "NOT_ALLOWLISTED", "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH",
        "EVENT_SOURCE_AND_DESTINATION_MISMATCH", "DESTINATION_ACCOUNT_TYPE_MISMATCH",
        "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
        "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS",
        "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED",
        "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED", "REQUIRED_PREREQUISITE_LINK_MISSING",
    }
)  # fmt: skip
_DONE: Final = frozenset({"DUPLICATE_GCLID", "DUPLICATE_TRANSACTION_ID"})  # it was there already
_REASON: Final = re.compile(r"PROCESSING_ERROR_(REASON_)?")  # what every reason of a status begins with


class Google(Destination):
    """Google Ads, through the Data Manager API."""

    name: ClassVar[str] = "google"
    label: ClassVar[str] = "Google Ads"
    base_url: ClassVar[str] = "https://datamanager.googleapis.com"
    settings: ClassVar[tuple[Need, ...]] = ACCOUNT
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("client_id", "of an OAuth client of a Google Cloud project with the Data Manager API"),
        Need("client_secret", "of the same client"),
        Need("refresh_token", "of a user who may change conversions, for the scope datamanager"),
    )
    access: ClassVar[Access] = Access(BEARER, login=GOOGLE_LOGIN)
    action_form: ClassVar[Form | None] = DIGITS
    # 2,000 would be taken; but what became of them later is told of a request, and not of an event
    most: ClassVar[int] = 100
    click_kinds: ClassVar[tuple[str, ...]] = ("gclid", "gbraid", "wbraid", "dclid")
    age_days: ClassVar[int | None] = 90
    # no retraction: told again with a value of nothing
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})
    revives: ClassVar[bool] = True
    answers_after: ClassVar[int | None] = 30 * MINUTE

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 100 conversions of an action."""
        for action in dict.fromkeys(conversion.action for conversion in conversions):
            mine = [conversion for conversion in conversions if conversion.action == action]
            for lot in lots(mine, self.most):
                body = {
                    "destinations": [self._account(action)],
                    "events": [_event(conversion) for conversion in lot],
                    "encoding": "HEX",
                }
                yield Request("POST", "/v1/events:ingest", body, lot)

    def trial(self, request: Request) -> Request | None:
        """Return the request such that it is validated and nothing else."""
        return replace(request, body=request.body | {"validateOnly": True})

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: one bad event has the request refused, and success is only that it was taken."""
        body = mapping(reply.body)
        if 200 <= reply.status < 300:
            reference = str(body.get("requestId", ""))
            tried = isinstance(reply.body, Mapping) and request.body.get("validateOnly")
            if not reference and not tried:  # whoever answers so is not Google, and has kept nothing
                return malformed(request, reply)
            return [Outcome(Verdict.ACCEPTED, reference=reference)] * len(request.conversions)
        error = mapping(body.get("error"))
        code = _reason(error) or str(error.get("status", reply.status))
        return whole(request, reply, code, str(error.get("message", "")), again=code in _AGAIN | _SETTING)

    def inquiry(self, reference: str) -> Request:
        """Return a request for the status of another one."""
        return Request("GET", "/v1/requestStatus:retrieve", None, (), params={"requestId": reference})

    def fate(self, reply: Reply) -> Outcome | None:
        """Read a status: how many events failed for which reasons, and never which.

        Where some failed for what passes, all are told again: those that are there already stay as they are.
        """
        destinations = mappings(mapping(reply.body).get("requestStatusPerDestination"))
        if not 200 <= reply.status < 300 or len(destinations) != 1:
            return None
        status = str(destinations[0].get("requestStatus", ""))
        if status == "SUCCESS":
            return Outcome(Verdict.CONFIRMED)
        if status not in ("FAILED", "PARTIAL_SUCCESS"):
            return None
        counts = _counts(destinations[0])
        words = ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "no reason given"
        passing = [reason for reason in counts if reason in _AGAIN | _SETTING]
        if passing:
            return Outcome(Verdict.RETRY, passing[0], words)
        if counts and _DONE.issuperset(counts):
            return Outcome(Verdict.CONFIRMED, next(iter(counts)), words)
        if status == "FAILED" and _DONE.isdisjoint(counts):
            return Outcome(Verdict.REJECTED, next(iter(counts), status), words)
        return Outcome(Verdict.UNCLEAR, status, words)

    def _account(self, action: str) -> dict[str, Any]:
        account = {"accountType": "GOOGLE_ADS", "accountId": self.setting("customer_id").replace("-", "")}
        found: dict[str, Any] = {"operatingAccount": account, "productDestinationId": action}
        login = self.setting("login_customer_id").replace("-", "")
        if login:
            found["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
        return found


def _event(conversion: Conversion) -> dict[str, Any]:
    retracted = conversion.change is Change.RETRACTED
    value = 0.0 if retracted else None if conversion.value is None else float(conversion.value)
    event: dict[str, Any] = {
        "transactionId": conversion.transaction_id,
        "eventTimestamp": _timestamp(conversion.at),
        "eventSource": _SOURCES.get(conversion.source, "OTHER"),
    }
    if value is not None and conversion.currency is not None:
        event |= {"conversionValue": value, "currency": conversion.currency}
    if conversion.changed_at is not None:
        event["lastUpdatedTimestamp"] = _timestamp(conversion.changed_at)
    # of both braids an event may have one, and beside a gclid none
    clicks = [kind for kind in Google.click_kinds if conversion.clicks.get(kind)][:1]
    if clicks:
        event["adIdentifiers"] = {kind: conversion.clicks[kind] for kind in clicks}
    identifiers = _identifiers(conversion.contact)
    if identifiers:
        event["userData"] = {"userIdentifiers": identifiers}
    consent = conversion.consent.said("adUserData", "adPersonalization", "CONSENT_")
    if consent:
        event["consent"] = consent
    return event | dict(conversion.details)


def _timestamp(micros: int) -> str:
    """Write an instant as protocol buffers do: with three or six decimals, where there are any."""
    fraction = micros % clock.SECOND
    digits = "microseconds" if fraction % 1000 else "milliseconds" if fraction else "seconds"
    return clock.from_micros(micros).isoformat(timespec=digits).replace("+00:00", "Z")


def _identifiers(contact: Contact) -> list[dict[str, Any]]:
    """Return the first ten match keys, hashed; an address goes as a whole or not at all."""
    found: list[dict[str, Any]] = []
    emails = (text if hashing.is_hashed(text) else hashing.google_email(text) for text in contact.emails)
    phones = (text if hashing.is_hashed(text) else hashing.e164(text) for text in contact.phones)
    found += [{"emailAddress": hashing.hashed(email)} for email in emails if email]
    found += [{"phoneNumber": hashing.hashed(phone)} for phone in phones if phone]
    # the hash is of a name without any space, although what is documented keeps inner ones
    given, family = ("".join(hashing.name(n).split()) for n in (contact.first_name, contact.last_name))
    country, postal_code = contact.country.strip().upper(), contact.postal_code.strip()
    if given and family and postal_code and len(country) == 2:
        address = {
            "givenName": hashing.hashed(given), "familyName": hashing.hashed(family),
            "regionCode": country, "postalCode": postal_code,
        }  # fmt: skip
        found.append({"address": address})
    return found[:_MOST_IDENTIFIERS]


def _counts(destination: Mapping[str, Any]) -> dict[str, int]:
    """Return how many events failed for each reason, the most frequent one first."""
    found: dict[str, int] = {}
    for one in mappings(mapping(destination.get("errorInfo")).get("errorCounts")):
        number = str(one.get("recordCount", ""))  # of 64 bits, which JSON has as text
        reason = _REASON.sub("", str(one.get("reason", "")), count=1)
        found[reason] = found.get(reason, 0) + (int(number) if number.isdecimal() else 0)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _reason(error: Mapping[str, Any]) -> str:
    """Return the code that says why, wherever among the details it stands."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, Mapping) and detail.get("reason"):
            return str(detail["reason"])
    return ""
