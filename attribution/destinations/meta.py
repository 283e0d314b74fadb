"""Meta (Facebook and Instagram) through the Conversions API: events by click id and by hashed contacts.

https://developers.facebook.com/docs/marketing-api/conversions-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.destinations import hashing, replies, values
from attribution.destinations.access import ACCESS_TOKEN, Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import lots, merged
from attribution.destinations.match_keys import person
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.trial_setting import TrialSetting, trial_need
from attribution.pulls.credentials import Need
from attribution.pulls.forms import DIGITS

VERSION: Final = "v26.0"
_SOURCES: Final = {
    "web": "website", "app": "app", "phone": "phone_call", "store": "physical_store", "email": "email",
    "chat": "chat", "crm": "system_generated",
}  # fmt: skip
_STORE_DAYS: Final = 62  # what happened in a shop may come later than all else
# developers.facebook.com/docs/graph-api/guides/error-handling, .../docs/marketing-api/error-reference
_AGAIN: Final = frozenset(
    {
        1, 2, 4, 17, 32, 341, 368, 613, 21009,  # too many calls, and what Meta itself could not do
        3, 10, 102, 104, 190,  # permission and token: of who sends, and to be mended there
    }
)  # fmt: skip
_PERMISSIONS: Final = range(200, 300)  # which one, depends on the number
_TOO_MANY: Final = range(80000, 80015)  # one for each use, .../docs/graph-api/overview/rate-limiting
_NO_SUCH_OBJECT: Final = (100, 33)  # neither does a data set that is not there say anything of its events


class Meta(TrialSetting):
    """Facebook and Instagram, through the Conversions API.

    Two events of one name and id within 48 hours count once, the first of them.
    """

    name: ClassVar[str] = "meta"
    label: ClassVar[str] = "Meta"
    base_url: ClassVar[str] = "https://graph.facebook.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need("dataset_id", "the data set (pixel) of Events Manager, digits only", secret=False, form=DIGITS),
        Need("crm", "what your CRM is called, for leads of Meta's forms", required=False, secret=False),
        trial_need("test_event_code", "Test events in Events Manager"),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("access_token", "from Events Manager, Settings, Conversions API, Generate access token"),
    )
    access: ClassVar[Access] = Access(ACCESS_TOKEN)
    most: ClassVar[int] = 1_000
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "Purchase"})
    click_kinds: ClassVar[tuple[str, ...]] = ("fbclid", "meta_lead_id")
    age_days: ClassVar[int | None] = 7
    # nothing changes an event, and nothing takes it back

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 1,000 conversions."""
        for lot in lots(conversions, self.most):
            body = {"data": [self._event(conversion) for conversion in lot], **self.trial_code()}
            yield Request("POST", f"/{VERSION}/{self.setting('dataset_id')}/events", body, lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: one bad event has the request refused, and nothing says which it was."""
        number, body = len(request.conversions), replies.mapping(reply.body)
        if body.get("error") or not 200 <= reply.status < 300:
            return _refused(request, reply, replies.mapping(body.get("error")))
        received, trace = body.get("events_received"), str(body.get("fbtrace_id", ""))
        if not isinstance(received, int):
            return replies.malformed(request, reply)  # an event that it has already does not count twice
        if received == number:
            return [Outcome(Verdict.ACCEPTED, reference=trace)] * number
        words = f"{received} of {number} events were received"
        return replies.refused(request, reply, "events_received", words)

    def _oldest_days(self, conversion: Conversion) -> int | None:
        return _STORE_DAYS if conversion.source == "store" else self.age_days

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.action == "Purchase" and conversion.value_minor is None:
            return Refusal("no_value", "a Purchase needs a value and a currency; name the event otherwise")
        return super()._by_value(conversion, now)

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if conversion.source == "web" and not conversion.visit.user_agent:
            return Refusal(
                "no_user_agent",
                "Meta takes what happened on a website only with the browser's user agent; "
                "import it with the touch, or tell the conversion as the CRM's",
            )
        return super()._by_identity(conversion, now)

    def _event(self, conversion: Conversion) -> dict[str, Any]:
        event: dict[str, Any] = {
            "event_name": conversion.action,
            "event_time": conversion.at // clock.SECOND,
            "event_id": conversion.transaction_id,
            "action_source": _SOURCES.get(conversion.source, "other"),
            "user_data": _person(conversion),
        }
        if conversion.visit.url:
            event["event_source_url"] = conversion.visit.url
        if conversion.visit.referrer:
            event["referrer_url"] = conversion.visit.referrer
        custom: dict[str, Any] = {}
        if conversion.value is not None:
            custom = {"value": values.number(conversion.value), "currency": conversion.currency}
        if conversion.source == "store":
            custom["order_id"] = conversion.transaction_id  # by which what happened in a shop counts once
        if conversion.clicks.get("meta_lead_id"):
            custom["event_source"] = "crm"
            custom["lead_event_source"] = self.setting("crm") or "CRM"
        if custom:
            event["custom_data"] = custom
        return merged(event, conversion.details)


def _person(conversion: Conversion) -> dict[str, Any]:
    known = {
        "fbc": fbc(conversion),
        "fbp": conversion.visit.client_ids.get("fbp", ""),
        "lead_id": conversion.clicks.get("meta_lead_id", ""),
    }
    return values.told(person(conversion, _phone, _postal_code) | known)


def fbc(conversion: Conversion) -> str:
    """Write the click as Meta's cookie does: with when it happened, and its capitals as they were.

    >>> fbc(Conversion("1", "won", 2_000_000, clicks={"fbclid": "IwAR"}, clicked_at=1_000_000))
    'fb.1.1000.IwAR'
    """
    click = conversion.clicks.get("fbclid")
    if not click:
        return ""
    at = conversion.at if conversion.clicked_at is None else conversion.clicked_at
    return f"fb.1.{values.millis(at)}.{click}"


def _phone(text: str) -> str:
    return hashing.phone_digits(text).lstrip("0")


def _postal_code(text: str) -> str:
    return "".join(hashing.name(text).partition("-")[0].split())


def _refused(request: Request, reply: Reply, error: Mapping[str, Any]) -> list[Outcome]:
    code, subcode = error.get("code"), error.get("error_subcode")
    told = f"{code}/{subcode}" if subcode else str(code or "")
    words = str(error.get("error_user_msg") or error.get("message") or "")
    again = isinstance(code, int) and (
        code in _AGAIN or code in _PERMISSIONS or code in _TOO_MANY or (code, subcode) == _NO_SUCH_OBJECT
    )
    return replies.refused(request, reply, told, words, again=again or error.get("is_transient") is True)
