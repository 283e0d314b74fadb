"""X through the Conversion API of its Ads API, v12: events by click id and by hashed contacts.

https://docs.x.com/x-ads-api/measurement/web-conversions; of the header `X-Pixel-Token`, and that OAuth 1.0a
ends in December 2026: https://github.com/stape-io/twitter-tag, README.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from attribution.destinations import hashing, replies
from attribution.destinations.access import Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination, lots, merged
from attribution.destinations.oauth1 import OAUTH1
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.destinations.values import iso_millis, two_decimals
from attribution.pulls.credentials import Need
from attribution.pulls.forms import WORD

VERSION: Final = "12"
_OAUTH1_SECRETS: Final = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
_AGAIN: Final = frozenset({"TOO_MANY_REQUESTS", "OVER_CAPACITY", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR"})


class X(Destination):
    """X: an event is known by its conversion id.

    A request has the pixel's token, or is signed (OAuth 1.0a) where that is not given.
    """

    name: ClassVar[str] = "x"
    label: ClassVar[str] = "X"
    base_url: ClassVar[str] = "https://ads-api.x.com"
    settings: ClassVar[tuple[Need, ...]] = (
        Need("pixel_id", "from Events Manager of X Ads, such as o8z6j", secret=False, form=WORD),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need(
            "pixel_token",
            "from Events Manager of X Ads, Install Pixel, Manual, Conversion API, Generate access token",
            required=False,
        ),
        Need("consumer_key", "without pixel_token: of an app with access to the Ads API", required=False),
        Need("consumer_secret", "without pixel_token: of the same app", required=False),
        Need("access_token", "without pixel_token: of a user who may change the ad account", required=False),
        Need("access_token_secret", "without pixel_token: of the same user", required=False),
    )
    access: ClassVar[Access] = Access(
        {"X-Pixel-Token": "{pixel_token}"},
        secrets=("pixel_token",),
        otherwise=Access(signing=OAUTH1, secrets=_OAUTH1_SECRETS),
    )
    most: ClassVar[int] = 500
    click_kinds: ClassVar[tuple[str, ...]] = ("twclid",)

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for each 500 conversions."""
        path = f"/{VERSION}/measurement/conversions/{self.setting('pixel_id')}"
        for lot in lots(conversions, self.most):
            yield Request("POST", path, {"conversions": [_event(conversion) for conversion in lot]}, lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply: one bad conversion has the request refused; a success says how many there were."""
        if not 200 <= reply.status < 300:
            errors = replies.mappings(replies.mapping(reply.body).get("errors"))
            code = str(errors[0].get("code") or "") if errors else ""
            words = "; ".join(str(error.get("message") or "") for error in errors)
            return replies.whole(request, reply, code, words, again=code in _AGAIN)
        data = replies.mapping(replies.mapping(reply.body).get("data"))
        if not isinstance(reply.body, Mapping) or "conversions_processed" not in data:
            return replies.malformed(request, reply)
        processed, number = data["conversions_processed"], len(request.conversions)
        if processed == number:
            return [Outcome(Verdict.ACCEPTED, reference=str(data.get("debug_id") or ""))] * number
        words = f"{processed} of {number} conversions were processed"
        return replies.refused(request, reply, "conversions_processed", words)


def _event(conversion: Conversion) -> dict[str, Any]:
    event: dict[str, Any] = {
        "conversion_time": iso_millis(conversion.at),
        "event_id": conversion.action,
        "identifiers": _identifiers(conversion),
        "conversion_id": conversion.transaction_id,
    }
    if conversion.value is not None:
        event |= {"value": two_decimals(conversion.value), "price_currency": conversion.currency}
    return merged(event, conversion.details)


def _identifiers(conversion: Conversion) -> list[dict[str, str]]:
    contact, click = conversion.contact, conversion.clicks.get("twclid")
    found = [{"twclid": click}] if click else []
    found += [{"hashed_email": key} for key in hashing.all_hashed(contact.emails, hashing.plain_email)]
    found += [{"hashed_phone_number": key} for key in hashing.all_hashed(contact.phones, hashing.e164)]
    return found
