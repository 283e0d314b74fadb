"""Reddit through the Conversions API, v3: events by click id and by hashed contacts.

https://ads-api.reddit.com/docs/v3/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution.destinations import hashing, replies
from attribution.destinations.access import ACCESS_TOKEN, Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import lots, merged
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.trial_setting import TrialSetting, trial_need
from attribution.destinations.values import millis, number, told
from attribution.pulls.credentials import Need
from attribution.pulls.forms import WORD

_SITE: Final = "WEBSITE"
_SOURCES: Final = {"web": _SITE, "app": "APP", "store": "PHYSICAL_STORE"}  # all else is OTHER
_STANDARD: Final = {
    name.replace("_", ""): name
    for name in (
        "PAGE_VISIT", "VIEW_CONTENT", "SEARCH", "ADD_TO_CART", "ADD_TO_WISHLIST", "PURCHASE", "LEAD",
        "SIGN_UP",
    )
}  # fmt: skip
_LONGEST_NAME: Final = 64


class Reddit(TrialSetting):
    """Reddit: events are standard ones, as `Purchase` or `SIGN_UP`, or any other name; nothing is changed."""

    name: ClassVar[str] = "reddit"
    label: ClassVar[str] = "Reddit"
    base_url: ClassVar[str] = "https://ads-api.reddit.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need("pixel_id", "from Events Manager of Reddit Ads, such as a2_abc", secret=False, form=WORD),
        trial_need("test_id", "the event testing of Events Manager"),
    )
    trial_setting: ClassVar[str] = "test_id"
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("access_token", "a conversion access token from Events Manager; it does not expire"),
    )
    access: ClassVar[Access] = Access(ACCESS_TOKEN)
    most: ClassVar[int] = 1_000
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "Purchase"})
    click_kinds: ClassVar[tuple[str, ...]] = ("rdt_cid",)
    age_days: ClassVar[int | None] = 7

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        if not _standard(conversion) and len(conversion.action) > _LONGEST_NAME:
            return Refusal(
                "long_name",
                f"its event is called {conversion.action[:_LONGEST_NAME]}..., which is longer; "
                f"Reddit takes names of {_LONGEST_NAME} signs at most: name it otherwise",
            )
        return super()._by_value(conversion, now)

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 1,000 conversions."""
        path = f"/api/v3/pixels/{self.setting('pixel_id')}/conversion_events"
        for lot in lots(conversions, self.most):
            data = {"events": [_event(conversion) for conversion in lot], **self.trial_code()}
            yield Request("POST", path, {"data": data}, lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: one bad event has the request refused; what says in words that it failed did too."""
        body = replies.mapping(reply.body)
        data = replies.mapping(body.get("data"))
        error = replies.mapping(body.get("error"))
        code = str(error.get("reason") or error.get("code") or "")
        words = _words(error) or str(body.get("message") or data.get("message") or "")
        if not 200 <= reply.status < 300:
            return replies.whole(request, reply, code, words)
        if not isinstance(reply.body, Mapping):
            return replies.malformed(request, reply)
        invalid = replies.mappings(body.get("invalid_events")) or replies.mappings(data.get("invalid_events"))
        if invalid or error or body.get("success") is False:
            words = str(invalid[0].get("error_message") or words) if invalid else words
            code = code or ("invalid_events" if invalid else "success: false")
            return replies.refused(request, reply, code, words)
        return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)


def _event(conversion: Conversion) -> dict[str, Any]:
    standard = _standard(conversion)
    kind = {"tracking_type": standard or "CUSTOM"}
    if not standard:
        kind["custom_event_name"] = conversion.action
    metadata: dict[str, Any] = {"conversion_id": conversion.transaction_id}
    if conversion.value is not None:
        metadata |= {"currency": conversion.currency, "value": number(conversion.value)}
    event: dict[str, Any] = {
        "event_at": millis(conversion.at),
        "action_source": _SOURCES.get(conversion.source, "OTHER"),
        "type": kind,
        "metadata": metadata,
    }
    if conversion.clicks.get("rdt_cid"):
        event["click_id"] = conversion.clicks["rdt_cid"]
    if conversion.visit.url and event["action_source"] == _SITE:  # of the event, not of the click
        event["event_source_url"] = conversion.visit.url
    if person := _person(conversion):
        event["user"] = person
    return merged(event, conversion.details)


def _standard(conversion: Conversion) -> str:
    """Return Reddit's own name of an event, however it is written; empty where it has none."""
    return _STANDARD.get("".join(sign for sign in conversion.action if sign.isalnum()).upper(), "")


def _person(conversion: Conversion) -> dict[str, str]:
    contact, visit = conversion.contact, conversion.visit
    hashes = {
        "email": hashing.all_hashed(contact.emails, hashing.bare_email),
        "phone_number": hashing.all_hashed(contact.phones, hashing.e164),
        "external_id": hashing.all_hashed(contact.external_ids, str),
        "ip_address": hashing.all_hashed([visit.ip_address], str.strip),
    }
    plain = {"user_agent": visit.user_agent, "uuid": visit.client_ids.get("rdt_uuid", "")}
    return {key: found[0] for key, found in told(hashes).items()} | told(plain)


def _words(error: Mapping[str, Any]) -> str:
    fields = [
        f"{field.get('field', '')}: {field.get('message', '')}"
        for field in replies.mappings(error.get("fields"))
    ]
    return "; ".join(filter(None, (str(error.get("message") or error.get("explanation") or ""), *fields)))
