"""Snapchat through the Conversions API, v3: events of a pixel or an app, by click id and hashed contacts.

https://developers.snap.com/api/marketing-api/Conversions-API
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
from attribution.pulls.forms import WORD

_SOURCES: Final = {"web": "website", "app": "app"}
_TAKEN: Final = frozenset({"VALID", "OK", "SUCCESS"})
_ONE_EACH: Final = ("fn", "ln", "ct", "st", "zp", "country")  # of the others people may have several


class Snapchat(Destination):
    """Snapchat, through the Conversions API."""

    name: ClassVar[str] = "snapchat"
    label: ClassVar[str] = "Snapchat"
    base_url: ClassVar[str] = "https://tr.snapchat.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need("pixel_id", "of Events Manager, your pixel", secret=False, form=WORD),
        Need(
            "snap_app_id",
            "of Business Manager, Snap Apps: for what happens in an app",
            required=False,
            secret=False,
            form=WORD,
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("access_token", "the long-lived token of Business Manager, Business Details, Conversions API"),
    )
    access: ClassVar[Access] = Access(params={"access_token": "{access_token}"})
    most: ClassVar[int] = 2_000
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "PURCHASE"})
    click_kinds: ClassVar[tuple[str, ...]] = ("sccid",)
    age_days: ClassVar[int | None] = 37
    # nothing changes an event, and nothing takes it back

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 2,000 conversions of the pixel, and of the app."""
        for app in (False, True):
            mine = [conversion for conversion in conversions if (conversion.source == "app") is app]
            owner = self.setting("snap_app_id" if app else "pixel_id").strip()
            for lot in lots(mine, self.most):
                body = {"data": [_event(conversion) for conversion in lot]}
                yield Request("POST", f"/v3/{owner}/events", body, lot)

    def trial(self, request: Request) -> Request | None:
        """Return the request where it goes to the address that only checks."""
        return replace(request, path=f"{request.path}/validate")

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: one bad event has the request refused, with success as the status or without."""
        body = replies.mapping(reply.body)
        told = body.get("status")
        code, words = (
            str(told or ""),
            " ".join(str(body[key]) for key in ("reason", "param") if body.get(key)),
        )
        if not 200 <= reply.status < 300:
            return replies.whole(request, reply, code, words)
        if not isinstance(told, str):
            return replies.malformed(request, reply)  # an event that it has already does not count twice
        if told.upper() in _TAKEN:
            return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
        return replies.refused(request, reply, code, words)

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.source == "app" and not self.setting("snap_app_id"):
            return Refusal("no_app", "it happened in an app: give snap_app_id, or tell it as the CRM's")
        keys = _person(conversion).keys()
        if keys & {"em", "ph"} or keys >= VISITOR:
            return super()._by_identity(conversion, now)
        return Refusal(
            "no_match_key",
            "nothing says who it was: Snapchat needs an e-mail address, a phone number, or the visit's "
            "address and user agent together; a click id alone is refused",
        )


def _event(conversion: Conversion) -> dict[str, Any]:
    event: dict[str, Any] = {
        "event_name": conversion.action,
        "event_time": conversion.at // clock.SECOND,
        "event_id": conversion.transaction_id,
        "action_source": _SOURCES.get(conversion.source, "OFFLINE"),
        "user_data": _person(conversion),
    }
    if conversion.visit.url:
        event["event_source_url"] = conversion.visit.url
    if conversion.value is not None:
        event["custom_data"] = {
            "value": values.number(conversion.value),
            "currency": conversion.currency,
        }
    return merged(event, conversion.details)


def _person(conversion: Conversion) -> dict[str, Any]:
    found = person(conversion) | {
        "sc_click_id": conversion.clicks.get("sccid", ""),
        "sc_cookie1": conversion.visit.client_ids.get("_scid", ""),
    }
    found |= {name: "".join(found[name]) for name in _ONE_EACH}
    return values.told(found)
