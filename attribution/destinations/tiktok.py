"""TikTok through the Events API, v1.3: events of a pixel, an app, a shop or the CRM.

https://business-api.tiktok.com/portal/docs?id=1771100865818625
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.destinations import hashing, replies, values
from attribution.destinations.access import Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import lots, merged
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.destinations.trial_setting import TrialSetting, trial_need
from attribution.errors import UnknownNameError
from attribution.pulls.credentials import Need
from attribution.pulls.forms import WORD

_EVENT_SOURCES: Final = ("web", "app", "offline", "crm")
_TAKEN: Final = 0
_PARTLY: Final = 20001  # taken, but for those that are named
# Codes are those of TikTok's own SDK (github.com/tiktok/tiktok-business-api-sdk, tiktok_code.py): too many
# requests and maintenance; permission, an app or a token that is none: of who sends, and to be mended there
_AGAIN: Final = frozenset({40100, 40132, 60001, 61000, 40001, 40101, 40102, 40104, 40105, 40113})
_TROUBLE: Final = range(50000, 60000)


class TikTok(TrialSetting):
    """TikTok, through the Events API.

    Raises:
        UnknownNameError: besides what every destination raises, an event source that there is not.
    """

    name: ClassVar[str] = "tiktok"
    label: ClassVar[str] = "TikTok"
    base_url: ClassVar[str] = "https://business-api.tiktok.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "event_source_id",
            "of Events Manager: the pixel code (web), the app's id (app), the event set's id (offline, crm)",
            secret=False,
            form=WORD,
        ),
        Need("event_source", "what the events are of: web, app, offline or crm", secret=False),
        Need("crm", "what your CRM is called, for leads of TikTok's forms", required=False, secret=False),
        trial_need("test_event_code", "Test events in Events Manager"),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("access_token", "from Events Manager, Settings, Events API, Generate access token"),
    )
    access: ClassVar[Access] = Access({"Access-Token": "{access_token}"})
    most: ClassVar[int] = 50
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "Purchase"})
    click_kinds: ClassVar[tuple[str, ...]] = ("ttclid", "tiktok_lead_id")
    age_days: ClassVar[int | None] = 28  # no click is older that counts
    # nothing changes an event, and nothing takes it back

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        if self.setting("event_source") not in _EVENT_SOURCES:
            raise UnknownNameError("event_source of tiktok", self.setting("event_source"), _EVENT_SOURCES)

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 50 conversions."""
        for lot in lots(conversions, self.most):
            body: dict[str, Any] = {
                "event_source": self.setting("event_source"),
                "event_source_id": self.setting("event_source_id"),
                "data": [self._event(conversion) for conversion in lot],
                **self.trial_code(),
            }
            yield Request("POST", "/open_api/v1.3/event/track/", body, lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: refused requests have status 200 too, and one bad event has all refused."""
        body = replies.mapping(reply.body)
        code, words = body.get("code"), str(body.get("message", ""))
        fine = 200 <= reply.status < 300
        if not isinstance(code, int) or (code == _TAKEN and not fine):
            # an event that it has already does not count twice
            return replies.malformed(request, reply) if fine else replies.whole(request, reply, "", words)
        taken = Outcome(Verdict.ACCEPTED, reference=str(body.get("request_id", "")))
        if code == _TAKEN:
            return [taken] * len(request.conversions)
        if code == _PARTLY and fine:
            failed = replies.mappings(replies.mapping(body.get("data")).get("failed_events"))
            return _partly(request, reply, failed, taken, words)
        again = code in _AGAIN or code in _TROUBLE
        return replies.refused(request, reply, str(code), words, again=again)

    def _event(self, conversion: Conversion) -> dict[str, Any]:
        visit, source = conversion.visit, self.setting("event_source")
        lead = conversion.clicks.get("tiktok_lead_id", "")
        event: dict[str, Any] = {
            "event": conversion.action,
            "event_time": conversion.at // clock.SECOND,
            "event_id": conversion.transaction_id,
            "user": _person(conversion),
        }
        if conversion.value is not None:
            event["properties"] = {"value": values.number(conversion.value), "currency": conversion.currency}
        if page := values.told({"url": visit.url, "referrer": visit.referrer}):
            event["page"] = page
        if lead and source == "crm":
            event["lead"] = {"lead_id": lead, "lead_event_source": self.setting("crm") or "CRM"}
        elif lead:
            event["user"]["lead_id"] = lead
        return merged(event, conversion.details)


def _person(conversion: Conversion) -> dict[str, Any]:
    contact, visit = conversion.contact, conversion.visit
    found: dict[str, Any] = {
        "email": hashing.all_hashed(contact.emails, hashing.plain_email),
        "phone": hashing.all_hashed(contact.phones, hashing.e164),
        "external_id": hashing.all_hashed(contact.external_ids, hashing.name),
        "ttclid": conversion.clicks.get("ttclid", ""),
        "ttp": visit.client_ids.get("ttp", ""),
        "ip": visit.ip_address,
        "user_agent": visit.user_agent,
        "locale": visit.locale,
    }
    return values.told(found)


def _partly(
    request: Request, reply: Reply, failed: Sequence[Mapping[str, Any]], taken: Outcome, words: str
) -> list[Outcome]:
    """Return what became of each where some failed.

    Nothing says whether `order_in_batch` counts from 0 or from 1: both that it can mean are told again, each
    by itself, which says which it was. What TikTok has already does not count twice.
    """
    if not failed:
        return [replace(taken, words=words)] * len(request.conversions)
    why = "; ".join(dict.fromkeys(str(event.get("error_message") or "") for event in failed))
    refused = replies.refused(request, reply, str(_PARTLY), why or words)
    orders = [order for event in failed if isinstance(order := event.get("order_in_batch"), int)]
    if len(orders) < len(failed):
        return refused
    meant = {place for order in orders for place in (order - 1, order)}
    if meant.isdisjoint(range(len(refused))):
        return refused
    return [one if place in meant else taken for place, one in enumerate(refused)]
