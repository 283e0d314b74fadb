"""HubSpot: what brought a deal or a contact, written into its properties (CRM API v3).

https://developers.hubspot.com/docs/reference/api/crm/objects/deals
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution.destinations import replies, values
from attribution.destinations.access import ACCESS_TOKEN, Access
from attribution.destinations.conversion import Conversion
from attribution.destinations.crm import Crm, Kind, by_object, crm_id, needs_of
from attribution.destinations.destination import lots
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.pulls.credentials import Need
from attribution.pulls.forms import DIGITS

_ABSENT: Final = "PROPERTY_DOESNT_EXIST"
_LIMITS: Final = "RATE_LIMITS"
_PASSING: Final = frozenset({409, 423, 477})  # somebody else writes it, it is locked, or the portal is moved


class HubSpot(Crm):
    """A portal: deals and contacts."""

    name: ClassVar[str] = "hubspot"
    label: ClassVar[str] = "HubSpot"
    base_url: ClassVar[str] = "https://api.hubapi.com"
    prefix: ClassVar[str] = "attribution_"
    where: ClassVar[str] = "Settings, Properties, of type single-line text, number, date and time picker"
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "portal",
            "the portal's number: another is written anew",
            required=False,
            secret=False,
            form=DIGITS,
        ),
        *needs_of("attribution_"),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("access_token", "the access token of a private app that may write contacts and deals"),
    )
    access: ClassVar[Access] = Access(ACCESS_TOKEN)
    most: ClassVar[int] = 100
    objects: ClassVar[Mapping[str, bool]] = MappingProxyType({"deals": True, "contacts": False})
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "deals", "leads": "contacts"})

    def blank(self) -> Any:
        """Return what empties a property: an empty text."""
        return ""

    def written(self, kind: Kind, value: Any) -> Any:
        """Return a value: instants in ISO 8601, amounts as numbers."""
        if kind is Kind.INSTANT:
            return values.iso_millis(value)
        return values.number(value) if kind is Kind.AMOUNT else value

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write a request for each hundred records of an object."""
        for kind, mine in by_object(conversions):
            for lot in lots(mine, self.most):
                inputs = [{"id": crm_id(one), "properties": self.properties(one)} for one in lot]
                yield Request("POST", f"/crm/v3/objects/{kind}/batch/update", {"inputs": inputs}, lot)

    def _asking(self, kind: str, conversions: tuple[Conversion, ...]) -> Request:
        return Request("GET", f"/crm/v3/properties/{kind}", None, conversions)

    def _tried(self, request: Request, reply: Reply) -> list[Outcome]:
        body = replies.mapping(reply.body)
        if not 200 <= reply.status < 300:
            return replies.whole(
                request, reply, str(body.get("category") or ""), str(body.get("message", ""))
            )
        return self._lacking(request, (str(one.get("name")) for one in replies.mappings(body.get("results"))))

    def _written(self, request: Request, reply: Reply) -> list[Outcome]:
        body = replies.mapping(reply.body)
        if reply.status == 207 or (200 <= reply.status < 300 and body.get("errors")):
            return _several(request, body)
        if 200 <= reply.status < 300:
            if not isinstance(body.get("results"), list):
                return replies.malformed(request, reply)
            return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
        code, words = str(body.get("category") or ""), str(body.get("message", ""))
        if _ABSENT in words:
            return self._no_property(request, f"there is no property {_absent(self, request, words)}")
        return replies.whole(request, reply, code, words, again=reply.status in _PASSING)


@dataclass(frozen=True, slots=True)
class _Fault:
    outcome: Outcome
    ids: tuple[str, ...]


def _several(request: Request, body: Mapping[str, Any]) -> list[Outcome]:
    """Read an answer of which some failed: errors name records by their ids."""
    faults = [_fault(error) for error in replies.mappings(body.get("errors"))]
    of = {key: fault.outcome for fault in faults for key in fault.ids}
    taken = {str(one.get("id")) for one in replies.mappings(body.get("results"))}
    nameless = next((fault.outcome for fault in faults if not fault.ids), None)
    alone = len(request.conversions) == 1
    found = []
    for conversion in request.conversions:
        key = crm_id(conversion)
        if key in of:
            found.append(of[key])
        elif key in taken or nameless is None:  # a merged record answers by the id that it has now
            found.append(Outcome(Verdict.ACCEPTED))
        elif nameless.verdict is Verdict.RETRY or alone:
            found.append(nameless)
        else:
            found.append(Outcome(Verdict.UNCLEAR, nameless.code, nameless.words))
    return found


def _fault(error: Mapping[str, Any]) -> _Fault:
    code = str(error.get("category") or error.get("status") or "")
    ids = replies.mapping(error.get("context")).get("ids")
    verdict = Verdict.RETRY if code == _LIMITS else Verdict.REJECTED
    listed = tuple(str(key) for key in ids) if isinstance(ids, list) else ()
    return _Fault(Outcome(verdict, code, str(error.get("message", ""))), listed)


def _absent(crm: Crm, request: Request, words: str) -> str:
    """Return the properties that a refusal names."""
    kinds = dict.fromkeys(conversion.action for conversion in request.conversions)
    names = [theirs for kind in kinds for theirs in crm.names(kind).values()]
    return ", ".join(name for name in names if f'"{name}"' in words or f"\\{name}\\" in words) or words
