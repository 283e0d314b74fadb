"""Salesforce: what brought an opportunity, a lead or a contact, written into its fields (REST API).

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/ (resources_composite_sobjects,
headers_autoassign, headers_duplicaterules, errorcodes)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final

from attribution.destinations import replies, values
from attribution.destinations.access import BEARER, Access, Login
from attribution.destinations.conversion import Conversion
from attribution.destinations.crm import API_VERSION, NO_PROPERTY, Crm, Kind, by_object, crm_id, needs_of
from attribution.destinations.destination import lots
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.pulls.credentials import Need
from attribution.pulls.forms import Form
from attribution.pulls.http import checked_url
from attribution.pulls.salesforce import VERSION

_ID: Final = re.compile(r"[A-Za-z0-9]{15}|[A-Za-z0-9]{18}")
_BEGINS: Final = {"Opportunity": "006", "Lead": "00Q", "Contact": "003"}
_LONGEST: Final = 255  # of a text field
_ABSENT: Final = frozenset({"INVALID_FIELD", "INVALID_FIELD_FOR_INSERT_UPDATE"})  # none, or not to be written
_LOCKED: Final = "UNABLE_TO_LOCK_ROW"
_AGAIN: Final = frozenset(
    {
        "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "REQUEST_RUNNING_TOO_LONG",
        "QUERY_TIMEOUT", _LOCKED,
    }
)  # fmt: skip
_TRIGGER: Final = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"  # of a trigger or flow; its words say why
_CONFLICT: Final = 409
# An edit that nobody of theirs made: it gives no lead to another owner (by default the active assignment
# rules run for edits too), and a rule that warns of duplicates (API 52.0 and later) does not stop it.
_HEADERS: Final = {"Sforce-Auto-Assign": "FALSE", "Sforce-Duplicate-Rule-Header": "allowSave=true"}
_OLDEST: Final = 52


def _version(text: str) -> str | None:
    """Read a version of the API, `62.0` or `v62.0`.

    >>> _version("62.0"), _version("v51.0")
    ('v62.0', None)
    """
    found = re.fullmatch(r"[vV]?(\d{2,3})(\.0)?", text, re.ASCII)
    return f"v{found[1]}.0" if found and int(found[1]) >= _OLDEST else None


class Salesforce(Crm):
    """An organisation: opportunities, leads and contacts.

    Raises:
        InputError: besides what every destination raises, `instance_url` is no address.
    """

    name: ClassVar[str] = "salesforce"
    label: ClassVar[str] = "Salesforce"
    base_url: ClassVar[str] = "https://login.salesforce.com"  # the setting `instance_url`
    prefix: ClassVar[str] = "Attribution_"
    where: ClassVar[str] = "Setup, Object Manager, Fields & Relationships, and let the user edit them"
    settings: ClassVar[tuple[Need, ...]] = (
        Need("instance_url", "the organisation's own address, https://NAME.my.salesforce.com", secret=False),
        *needs_of("Attribution_"),
        Need(
            API_VERSION,
            f"of the REST API, where {VERSION} is served no longer",
            required=False,
            secret=False,
            form=Form(f"a version from v{_OLDEST}.0 on, as in {VERSION}", _version),
        ),
    )
    secrets: ClassVar[tuple[Need, ...]] = (
        Need("client_id", "the consumer key of a connected app"),
        Need("client_secret", "its consumer secret"),
        Need(
            "refresh_token", "of a user who may write; without it the app's own user writes", required=False
        ),
    )
    access: ClassVar[Access] = Access(BEARER, login=Login("", "/services/oauth2/token"))
    most: ClassVar[int] = 200
    objects: ClassVar[Mapping[str, bool]] = MappingProxyType(
        {"Opportunity": True, "Lead": False, "Contact": False}
    )
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "Opportunity", "leads": "Lead"})

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._home = checked_url(self.setting("instance_url"), self.label, "instance_url")
        self._data = f"/services/data/{self.setting(API_VERSION) or VERSION}"

    @property
    def home(self) -> str:
        """The organisation's own address."""
        return self._home

    def property_name(self, name: str, prefix: str) -> str:
        """Return the API name of a field, `Attribution_First_Channel__c`."""
        return f"{prefix}{name.title()}__c"

    def is_id(self, kind: str, text: str) -> bool:
        """Tell whether a text is an id of such an object: the first three signs say so."""
        return _ID.fullmatch(text) is not None and text.startswith(_BEGINS[kind])

    def written(self, kind: Kind, value: Any) -> Any:
        """Return a value: instants in ISO 8601, texts as long as a field."""
        if kind is Kind.INSTANT:
            return values.iso_millis(value)
        if kind is Kind.TEXT:
            return value[:_LONGEST]
        return values.number(value) if kind is Kind.AMOUNT else value

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write a request for each two hundred records of an object."""
        for kind, mine in by_object(conversions):
            for lot in lots(mine, self.most):
                records = [
                    {"attributes": {"type": kind}, "id": crm_id(one)} | self.properties(one) for one in lot
                ]
                body = {"allOrNone": False, "records": records}
                yield Request("PATCH", f"{self._data}/composite/sobjects", body, lot, _HEADERS)

    def _asking(self, kind: str, conversions: tuple[Conversion, ...]) -> Request:
        return Request("GET", f"{self._data}/sobjects/{kind}/describe", None, conversions)

    def _tried(self, request: Request, reply: Reply) -> list[Outcome]:
        if not 200 <= reply.status < 300:
            return replies.whole(request, reply, *_error(reply.body))
        fields = replies.mappings(replies.mapping(reply.body).get("fields"))
        return self._lacking(
            request, (str(one.get("name")) for one in fields if one.get("updateable") is not False)
        )

    def _written(self, request: Request, reply: Reply) -> list[Outcome]:
        if 200 <= reply.status < 300:
            results = replies.mappings(reply.body)
            if len(results) != len(request.conversions):
                return replies.malformed(request, reply)
            return [self._outcome(result) for result in results]
        code, words = _error(reply.body)
        if code in _ABSENT:
            return self._no_property(request, words)
        again = _passes(code, words) or reply.status == _CONFLICT
        return replies.whole(request, reply, code, words, again=again)

    def _outcome(self, result: Mapping[str, Any]) -> Outcome:
        if result.get("success") is True:
            return Outcome(Verdict.ACCEPTED)
        errors = replies.mappings(result.get("errors"))
        error = errors[0] if errors else {}
        code, words = str(error.get("statusCode") or ""), str(error.get("message") or "")
        if code in _ABSENT:
            return Outcome(Verdict.RETRY, NO_PROPERTY, self._advice(words))
        return Outcome(Verdict.RETRY if _passes(code, words) else Verdict.REJECTED, code, words)


def _passes(code: str, words: str) -> bool:
    """Tell whether a refusal ends by itself: also where a trigger of theirs met a lock."""
    return code in _AGAIN or (code == _TRIGGER and _LOCKED in words)


def _error(body: Any) -> tuple[str, str]:
    """Read `[{"message": ..., "errorCode": ...}]`."""
    errors = replies.mappings(body)
    return (
        (str(errors[0].get("errorCode") or ""), str(errors[0].get("message") or "")) if errors else ("", "")
    )
