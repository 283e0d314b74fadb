"""A receiver of one's own: each conversion as an event in our words, signed by Standard Webhooks.

https://www.standardwebhooks.com

An event, which a later version may add fields to and never takes one from:

    {"id": "D-1:revenue:2", "type": "conversion.restated",
     "transaction_id": "D-1:revenue", "revision": 2, "change": "restated", "action": "won",
     "at": "2026-11-01T10:00:00Z", "changed_at": "2026-11-04T00:00:00Z",
     "value": "2500.00", "currency": "GBP",
     "click": {"kind": "gclid", "id": "Cj0K", "at": "2026-10-01T09:00:00Z"},
     "contact": {"emails_sha256": ["9f86..."], "phones_sha256": []},
     "consent": {"ad_user_data": "granted", "ad_personalization": "unknown"},
     "model": null, "share": null}

`change` is `new`, `restated` (it is worth `value` now, also after it was retracted) or `retracted` (there is
none any more; `value` is what it was). `id` is the same however often an event is sent, and stands in the
header `webhook-id` too, so that a receiver can drop repeats; the highest `revision` of a transaction counts.
What is not known is null. Addresses are hashed in small letters without spaces around them, numbers as E.164
with the `+`. `share` is the part of a conversion that `value` is; null: all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

from attribution import clock
from attribution.destinations import hashing, replies
from attribution.destinations.access import Access
from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.destination import ANY_CLICK, Destination, lots, merged
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.signing import STANDARD_WEBHOOKS
from attribution.errors import InputError
from attribution.pulls.credentials import Need
from attribution.pulls.http import checked_url

_MOST: Final = 1_000  # in a list
_CONFLICT: Final = 409
_TIMEOUT: Final = 408


class Webhook(Destination):
    """A receiver at an address of one's own.

    It answers 2xx when it has an event, 409 when it had it already; 400 and its like refuse it for good, all
    else is sent again. Of a list that is refused as a whole, halves are sent again until the guilty event
    stands alone.
    """

    name: ClassVar[str] = "webhook"
    label: ClassVar[str] = "Webhook"
    base_url: ClassVar[str] = ""  # the setting `url`
    settings: ClassVar[tuple[Need, ...]] = (
        Need("url", "where events are sent, https://HOST/PATH; http:// only to this machine", secret=False),
        Need(
            "batch",
            f"how many events a request holds, as a list, 1 to {_MOST}; empty: one, by itself",
            required=False,
            secret=False,
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("signing_secret", "with which requests are signed, whsec_ and base64; the receiver has it too"),
    )
    access: ClassVar[Access] = Access(signing=STANDARD_WEBHOOKS)
    most: ClassVar[int] = 1  # unless `batch` says more
    click_kinds: ClassVar[tuple[str, ...]] = ANY_CLICK
    without_click: ClassVar[bool] = True
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})
    revives: ClassVar[bool] = True
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "revenue"})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        checked_url(self.setting("url"), self.label, "url")
        self._parts = urlsplit(self.setting("url"))
        self._batch = _batch(self.setting("batch"))

    @property
    def account(self) -> str:
        """The host, and a hash of the address: many an address is a secret, and this is kept."""
        return f"{self._parts.hostname}:{hashing.sha256(self.setting('url'))[:12]}"

    @property
    def home(self) -> str:
        """The host of the address."""
        return f"{self._parts.scheme}://{self._parts.netloc}"

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        return None  # known by its transaction

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write a request for each conversion, or for each list of as many as are wanted."""
        path = self._parts.path or "/"
        for lot in lots(conversions, self._batch or 1):
            events = [_event(conversion) for conversion in lot]
            body = events if self._batch else events[0]
            yield Request("POST", path, body, lot, {"webhook-id": _message(lot)})

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply by its status; what it says is kept only where it refuses."""
        number = len(request.conversions)
        if 200 <= reply.status < 300:
            return [Outcome(Verdict.ACCEPTED)] * number
        said = replies.mapping(reply.body).get("message", reply.body)
        words = said if isinstance(said, str) else ""
        if reply.status == _CONFLICT:
            return [Outcome(Verdict.DUPLICATE, str(_CONFLICT), words)] * number
        return replies.whole(request, reply, "", words)


def event_id(conversion: Conversion) -> str:
    """Return what a receiver knows a repeat by: transaction and revision, without full stops or line breaks.

    The signature is of id, time and body with full stops between them.

    >>> event_id(Conversion("D-1.5:won", "won", 0, revision=3))
    'D-1%2E5:won:3'
    """
    transaction = quote(conversion.transaction_id, safe=":").replace(".", "%2E")
    return f"{transaction}:{conversion.revision}"


def _message(lot: Sequence[Conversion]) -> str:
    if len(lot) == 1:
        return event_id(lot[0])
    ids = "\n".join(event_id(conversion) for conversion in lot)
    return f"list:{hashlib.sha256(ids.encode()).hexdigest()}"


def _event(conversion: Conversion) -> dict[str, Any]:
    contact, consent = conversion.contact, conversion.consent
    event: dict[str, Any] = {
        "id": event_id(conversion),
        "type": f"conversion.{conversion.change}",
        "transaction_id": conversion.transaction_id,
        "revision": conversion.revision,
        "change": str(conversion.change),
        "action": conversion.action,
        "at": clock.iso(conversion.at),
        "changed_at": _instant(conversion.changed_at),
        "value": None if conversion.value is None else f"{conversion.value:f}",
        "currency": conversion.currency,
        "click": _click(conversion),
        "contact": {
            "emails_sha256": hashing.all_hashed(contact.emails, hashing.plain_email),
            "phones_sha256": hashing.all_hashed(contact.phones, hashing.e164),
        },
        "consent": {
            "ad_user_data": str(consent.ad_user_data),
            "ad_personalization": str(consent.ad_personalization),
        },
        "model": conversion.model,
        "share": None if conversion.share is None else f"{conversion.share:f}",
    }
    return merged(event, conversion.details)


def _click(conversion: Conversion) -> dict[str, Any] | None:
    kind = conversion.click_kind(ANY_CLICK)
    if not kind:
        return None
    return {"kind": kind, "id": conversion.clicks[kind], "at": _instant(conversion.clicked_at)}


def _instant(micros: int | None) -> str | None:
    return None if micros is None else clock.iso(micros)


def _batch(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST):
        raise InputError(
            f"batch of webhook is {text!r}; allowed are 1 to {_MOST}, or nothing for one by itself"
        )
    return int(text)
