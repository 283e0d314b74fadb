"""Pipedrive: what brought a deal, a person or a lead, written into its custom fields (API v2, leads v1).

https://developers.pipedrive.com/docs/api/v1/Deals#updateDeal
https://pipedrive.readme.io/docs/pipedrive-api-v2-migration-guide (of a list of fields: `field_code`)

Pipedrive knows custom fields by keys of 40 signs that it makes itself, which nobody can guess: settings name
them. Custom fields hold no instants: what is written is the day in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import quote

from attribution import clock
from attribution.destinations import replies, values
from attribution.destinations.access import Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.crm import Crm, Kind, crm_id
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.errors import InputError
from attribution.pulls.credentials import Need
from attribution.pulls.forms import WORD

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST: Final = 255
_GONE: Final = frozenset({404, 410})  # of one record: it is not there, or was deleted
_UNPAID: Final = 402
# object -> the setting that has its keys, where these are listed; leads have the fields of deals
_KEYS: Final = {
    "deals": ("deal_fields", "/api/v2/dealFields"),
    "leads": ("deal_fields", "/api/v2/dealFields"),
    "persons": ("person_fields", "/api/v2/personFields"),
}


class Pipedrive(Crm):
    """A company: deals, persons and leads."""

    name: ClassVar[str] = "pipedrive"
    label: ClassVar[str] = "Pipedrive"
    base_url: ClassVar[str] = "https://api.pipedrive.com"
    where: ClassVar[str] = "Company settings, Data fields: its menu copies the API key"
    listed: ClassVar[str] = "`deal_fields` or `person_fields`"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "company",
            "its name before .pipedrive.com: another is written anew",
            required=False,
            secret=False,
            form=WORD,
        ),
        Need(
            "deal_fields",
            "our fields and the API keys of Pipedrive's: `first_channel=KEY, touches=KEY`; of leads too",
            required=False,
            secret=False,
        ),
        Need("person_fields", "the same for persons, whose keys are others", required=False, secret=False),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("api_token", "of a user who may edit all deals, under Personal preferences, API"),
    )
    access: ClassVar[Access] = Access({"x-api-token": "{api_token}"})
    most: ClassVar[int] = 1
    objects: ClassVar[Mapping[str, bool]] = MappingProxyType(
        {"deals": True, "persons": False, "leads": False}
    )
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "deals", "leads": "persons"})

    def fields_setting(self, kind: str) -> str:
        """Return the setting that says which fields of an object are written."""
        return _KEYS[kind][0]

    def property_name(self, name: str, prefix: str) -> str:
        """Refuse: the key of a field is Pipedrive's own.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"pipedrive has no key for {name}: write {name}=KEY into {self.listed}, with the API key of its "
            f"field ({self.where})"
        )

    def is_id(self, kind: str, text: str) -> bool:
        """Tell whether a text can be an id of an object: leads have long ones."""
        return _UUID.fullmatch(text) is not None if kind == "leads" else super().is_id(kind, text)

    def written(self, kind: Kind, value: Any) -> Any:
        """Return a value: of instants the day, texts as long as a field."""
        if kind is Kind.INSTANT:
            return clock.from_micros(value).date().isoformat()
        if kind is Kind.TEXT:
            return value[:_LONGEST]
        return values.number(value) if kind is Kind.AMOUNT else value

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write a request for each record."""
        for one in conversions:
            kind, told = one.action, self.properties(one)
            key = quote(crm_id(one), safe="")
            if kind == "leads":
                yield Request("PATCH", f"/v1/leads/{key}", told, (one,))
            else:
                yield Request("PATCH", f"/api/v2/{kind}/{key}", {"custom_fields": told}, (one,))

    def _asking(self, kind: str, conversions: tuple[Conversion, ...]) -> Request:
        return Request("GET", _KEYS[kind][1], None, conversions, params={"limit": "500"})

    def _tried(self, request: Request, reply: Reply) -> list[Outcome]:
        body = replies.mapping(reply.body)
        if not 200 <= reply.status < 300:
            return replies.whole(request, reply, "", str(body.get("error") or ""))
        if replies.mapping(body.get("additional_data")).get("next_cursor"):
            return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)  # others stand on further pages
        fields = replies.mappings(body.get("data"))
        # `key` is what version 1 says
        return self._lacking(request, (str(one.get("field_code") or one.get("key")) for one in fields))

    def _written(self, request: Request, reply: Reply) -> list[Outcome]:
        body = replies.mapping(reply.body)
        if 200 <= reply.status < 300:
            if body.get("success") is True:
                return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
            return replies.malformed(request, reply)
        words = str(body.get("error") or "")
        if reply.status in _GONE:
            return [Outcome(Verdict.REJECTED, str(reply.status), words)] * len(request.conversions)
        found = replies.whole(request, reply, "", words, again=reply.status == _UNPAID)
        reset = str(reply.headers.get("x-ratelimit-reset", ""))
        if reply.status == 429 and found[0].after_seconds is None and reset.isascii() and reset.isdigit():
            return [Outcome(one.verdict, one.code, one.words, "", float(reset)) for one in found]
        return found
