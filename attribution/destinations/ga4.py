"""Google Analytics 4 through the Measurement Protocol: events of a browser, an app or a user that it knows.

https://developers.google.com/analytics/devguides/collection/protocol/ga4
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution.destinations import hashing, replies, values
from attribution.destinations.access import Access
from attribution.destinations.conversion import Change, Contact, Conversion, Visit
from attribution.destinations.destination import Destination, merged
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.errors import InputError
from attribution.pulls.credentials import Need
from attribution.pulls.forms import matching

PURCHASE: Final = "purchase"
_REFUND: Final = "refund"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_COOKIE: Final = re.compile(r"GA\d\.\d\.")  # GA1.1.<client id>
_SESSION: Final = re.compile(r"GS\d\.\d\.s?(\d+)")  # GS1.1.<session id>.., later GS2.1.s<session id>$..


class Ga4(Destination):
    """Google Analytics 4, through the Measurement Protocol.

    What it takes it does not say: every request is answered with success. A `purchase` counts once by its
    transaction id; any other event counts as often as it is sent.

    Raises:
        InputError: besides what every destination raises, neither a web stream nor an app is given, or both.
    """

    name: ClassVar[str] = "ga4"
    label: ClassVar[str] = "Google Analytics 4"
    base_url: ClassVar[str] = "https://www.google-analytics.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "measurement_id",
            "G-..., of Admin, Data streams, a web stream",
            required=False,
            secret=False,
            form=matching("G- and letters and digits, as in G-AB12CD34EF", r"G-[a-z0-9]+", str.upper),
        ),
        Need(
            "firebase_app_id",
            "of Firebase, Project settings, your app; instead of measurement_id, for an app",
            required=False,
            secret=False,
            form=matching("four parts, as in 1:1234567890:ios:321abc456def7890", r"\d+:\d+:\w+:\w+"),
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("api_secret", "of Admin, Data streams, the stream, Measurement Protocol API secrets"),
    )
    access: ClassVar[Access] = Access(params={"api_secret": "{api_secret}"})
    most: ClassVar[int] = 1  # a request is of one browser and one instant
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "purchase"})
    takes_contacts: ClassVar[bool] = False
    age_days: ClassVar[int | None] = 3
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RETRACTED})  # of a purchase, as a refund

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        if bool(self.setting("measurement_id")) == bool(self.setting("firebase_app_id")):
            raise InputError(
                "ga4 needs measurement_id (of a web stream) or firebase_app_id (of an app), one of them"
            )

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each conversion."""
        kind = "firebase_app_id" if self.setting("firebase_app_id") else "measurement_id"
        for conversion in conversions:
            body = self._body(conversion)
            yield Request("POST", "/mp/collect", body, (conversion,), params={kind: self.setting(kind)})

    def trial(self, request: Request) -> Request | None:
        """Return the request for the validation server, which counts nothing."""
        return replace(request, path=f"/debug{request.path}")

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: success says nothing, unless the address that checks requests was asked."""
        if not 200 <= reply.status < 300:
            return replies.whole(request, reply, "", "")
        faults = replies.mappings(replies.mapping(reply.body).get("validationMessages"))
        if not faults:
            return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
        code = str(faults[0].get("validationCode", "validation"))
        words = "; ".join(str(fault.get("description", "")) for fault in faults)
        return replies.refused(request, reply, code, words)

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if not _NAME.fullmatch(conversion.action):
            return Refusal(
                "event_name",
                f"{conversion.action!r} is no name of an event; allowed are letters, digits and _, "
                "40 at most, a letter first: map the goal to such a name",
            )
        if self._client(conversion.visit) or conversion.contact.external_ids:
            return None
        return Refusal(
            "no_match_key",
            "nothing says who it was: Google Analytics needs the browser's client id (the cookie _ga, "
            "imported with the touch) or a user id",
        )

    def _by_time(self, conversion: Conversion, now: int) -> Refusal | None:
        # a refund is an event of its own, of when it was given
        return super()._by_time(replace(conversion, at=_at(conversion)), now)

    def _by_change(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.change is Change.RETRACTED and conversion.action != PURCHASE:
            return Refusal(
                "not_retracted", f"Google Analytics takes back a {PURCHASE} only, no {conversion.action}"
            )
        return super()._by_change(conversion, now)

    def _client(self, visit: Visit) -> dict[str, str]:
        """Return what names the browser or the app, nothing where that is not known."""
        app = bool(self.setting("firebase_app_id"))
        told = visit.client_ids.get("app_instance_id" if app else "_ga", "")
        if not told:
            return {}
        return {"app_instance_id": told} if app else {"client_id": _COOKIE.sub("", told, count=1)}

    def _body(self, conversion: Conversion) -> dict[str, Any]:
        retracted = conversion.change is Change.RETRACTED
        params: dict[str, Any] = {"transaction_id": conversion.transaction_id}
        # a refund of no amount is one of everything
        if conversion.value is not None and not (retracted and conversion.value == 0):
            params |= {"value": values.number(conversion.value), "currency": conversion.currency}
        visit = conversion.visit
        seen = {
            "page_location": visit.url,
            "page_referrer": visit.referrer,
            "session_id": self._session(visit),
        }
        params |= values.told(seen)
        details = dict(conversion.details)
        params = merged(params, details.pop("params", {}))
        body: dict[str, Any] = self._client(visit) | {
            "timestamp_micros": _at(conversion),
            "events": [{"name": _REFUND if retracted else conversion.action, "params": params}],
        }
        who = {
            "user_id": next(iter(conversion.contact.external_ids), ""),
            "user_data": _user_data(conversion.contact),
            "consent": conversion.consent.said("ad_user_data", "ad_personalization"),
        }
        return merged(body | values.told(who), details)

    def _session(self, visit: Visit) -> str:
        """Return the session's number: what joins the event to how the visitor came."""
        cookie = "_ga_" + self.setting("measurement_id").removeprefix("G-")
        found = _SESSION.match(visit.client_ids.get(cookie, ""))
        return found[1] if found else ""


def _at(conversion: Conversion) -> int:
    if conversion.change is Change.RETRACTED and conversion.changed_at is not None:
        return conversion.changed_at
    return conversion.at


def _user_data(contact: Contact) -> dict[str, list[str]]:
    found = {
        "sha256_email_address": hashing.all_hashed(contact.emails, hashing.google_email),
        "sha256_phone_number": hashing.all_hashed(contact.phones, hashing.e164),
    }
    return values.told(found)
