"""Pinterest through the Conversions API, v5: events of an ad account, by click id and hashed contacts.

https://developers.pinterest.com/docs/api/v5/events-create
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.destinations import replies, values
from attribution.destinations.access import Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination, lots, merged
from attribution.destinations.match_keys import VISITOR, person
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.pulls.credentials import Need
from attribution.pulls.forms import DIGITS

_TAKEN: Final = "processed"
_APPS: Final = frozenset({"app_ios", "app_android"})


class Pinterest(Destination):
    """Pinterest, through the Conversions API.

    Two events of one id count once. Whether Pinterest holds to that for what happened offline, which is what
    a CRM tells, it leaves open.
    """

    name: ClassVar[str] = "pinterest"
    label: ClassVar[str] = "Pinterest"
    base_url: ClassVar[str] = "https://api.pinterest.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "ad_account_id",
            "of Ads Manager, digits only, in the address of every page",
            secret=False,
            form=DIGITS,
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need(
            "conversion_token", "from Ads Manager, Conversions, Conversion access token, Generate new token"
        ),
    )
    access: ClassVar[Access] = Access({"Authorization": "Bearer {conversion_token}"})
    most: ClassVar[int] = 1_000
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "checkout"})
    click_kinds: ClassVar[tuple[str, ...]] = ("epik",)
    # nothing changes an event, and nothing takes it back

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 1,000 conversions."""
        for lot in lots(conversions, self.most):
            body = {"data": [_event(conversion) for conversion in lot]}
            yield Request("POST", f"/v5/ad_accounts/{self.setting('ad_account_id')}/events", body, lot)

    def trial(self, request: Request) -> Request | None:
        """Return the request with the word that makes it a test."""
        return replace(request, params={**request.params, "test": "true"})

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: each event has its own word, with success as the status or without."""
        body = replies.mapping(reply.body)
        # where some failed, their words may stand among the details of the error
        events = replies.mappings(body.get("events") or replies.mapping(body.get("details")).get("events"))
        if events and len(events) == len(request.conversions):
            return [_outcome(event) for event in events]
        if 200 <= reply.status < 300:
            return replies.malformed(request, reply)
        return replies.whole(request, reply, str(body.get("code", "")), str(body.get("message", "")))

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.source == "app" and conversion.details.get("action_source") not in _APPS:
            return Refusal(
                "no_app",
                "it happened in an app: say which with action_source (app_ios, app_android) among its "
                "details, or tell it as the CRM's",
            )
        keys = _person(conversion).keys()
        if "em" in keys or keys >= VISITOR:
            return super()._by_identity(conversion, now)
        return Refusal(
            "no_match_key",
            "nothing says who it was: Pinterest needs an e-mail address, or the visit's address and user "
            "agent together; a click id or a phone number alone is refused",
        )


def _event(conversion: Conversion) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_name": conversion.action,
        "event_time": conversion.at // clock.SECOND,
        "event_id": conversion.transaction_id,
        "action_source": "web" if conversion.source == "web" else "offline",
        "user_data": _person(conversion),
    }
    if conversion.visit.url:
        event["event_source_url"] = conversion.visit.url
    if conversion.value is not None:
        event["custom_data"] = {"value": f"{conversion.value:f}", "currency": conversion.currency}
    return merged(event, conversion.details)


def _person(conversion: Conversion) -> dict[str, Any]:
    return values.told(person(conversion) | {"click_id": conversion.clicks.get("epik", "")})


def _outcome(event: Mapping[str, Any]) -> Outcome:
    status = str(event.get("status", ""))
    if status == _TAKEN:
        return Outcome(Verdict.ACCEPTED, words=str(event.get("warning_message") or ""))
    return Outcome(Verdict.REJECTED, status or "failed", str(event.get("error_message") or ""))
