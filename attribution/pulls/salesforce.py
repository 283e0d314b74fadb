"""Salesforce: leads, contacts, opportunities, their contact roles and history (REST API, SOQL).

Records come in the order in which they changed, those of one instant in the order of their ids, so that a
query can be asked anew from any record on: the locator of its next page expires. `queryAll` has those too
that were deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import urlsplit

from attribution.errors import InputError, PullError
from attribution.pulls.credentials import BASE_URL, Credentials, Need, variable
from attribution.pulls.forms import CURRENCY
from attribution.pulls.http import Client, Fault, Waits, checked_url, is_local
from attribution.pulls.oauth import Token, login_client
from attribution.pulls.source import Account, Page, Record, Source, Stream, flat, instant

VERSION: Final = "v62.0"
LOGIN: Final = "https://login.salesforce.com"
HOSTS: Final = (".salesforce.com", ".force.com", ".cloudforce.com", ".salesforce.mil", ".sfcrmproducts.cn")
_CHANGED: Final = "SystemModstamp"
_CURRENCY: Final = "CurrencyIsoCode"  # in organisations with several
_ORIGIN: Final = tuple(  # fields that organisations add, of how a lead came
    f"{name}__c"
    for name in (
        "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term", "gclid", "fbclid", "msclkid",
        "landing_page",
    )
)  # fmt: skip


class _Kind(NamedTuple):
    """What is asked for in a stream: fields that every organisation has, and those that some have."""

    name: str
    fields: tuple[str, ...]
    further: tuple[str, ...] = ()


_KINDS: Final = {
    "leads": _Kind(
        "Lead",
        (
            "CreatedDate", "Email", "Phone", "MobilePhone", "Company", "OwnerId", "Industry", "ConvertedDate",
            "ConvertedAccountId", "ConvertedContactId",
        ),
        _ORIGIN,
    ),
    "contacts": _Kind("Contact", ("CreatedDate", "Email", "Phone", "MobilePhone", "AccountId")),
    "opportunities": _Kind(
        "Opportunity",
        (
            "CreatedDate", "CloseDate", "StageName", "IsWon", "IsClosed", "Amount", "AccountId", "OwnerId",
            "Type",
        ),
        (_CURRENCY,),
    ),
    "contact_roles": _Kind("OpportunityContactRole", ("OpportunityId", "ContactId", "Role", "IsPrimary")),
    "history": _Kind("OpportunityHistory", ("CreatedDate", "OpportunityId", "StageName")),
}  # fmt: skip


class Salesforce(Source):
    """The client."""

    name: ClassVar[str] = "salesforce"
    label: ClassVar[str] = "Salesforce"
    needs: ClassVar[tuple[Need, ...]] = (
        Need("client_id", "the consumer key of a connected app"),
        Need("client_secret", "its consumer secret"),
        Need("refresh_token", "of a user who may read; without it the app's own user reads", required=False),
        Need(
            "currency",
            "of all amounts, where the organisation has only one",
            required=False,
            secret=False,
            form=CURRENCY,
        ),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("leads", ("leads", "identities", "touches"), "Lead, converted ones too"),
        Stream("contacts", ("identities",), "Contact"),
        Stream("opportunities", ("deals",), "Opportunity"),
        Stream("contact_roles", ("deal_contacts",), "OpportunityContactRole"),
        Stream("history", ("stages",), "OpportunityHistory"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        self._credentials, self._waits = credentials, waits
        login = credentials.value(BASE_URL) or LOGIN
        self._login = login_client(self.label, credentials, login, waits)
        self._token = Token(self._login, "/services/oauth2/token", self._form)
        self._http: Client | None = None
        self._known: dict[str, frozenset[str]] = {}

    def close(self) -> None:
        """Close the connections."""
        self._login.close()
        if self._http is not None:
            self._http.close()

    def accounts(self) -> Iterable[Account]:
        """One: the organisation."""
        self._token.get()
        # https://login.salesforce.com/id/ORGANISATION/USER
        parts = urlsplit(str(self._token.answer.get("id", ""))).path.strip("/").split("/")
        currency = self._credentials.value("currency")
        yield Account(
            parts[1] if len(parts) > 2 else self._api.base_url, {"currency": currency} if currency else {}
        )

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield what changed since an instant."""
        kind = _KINDS[stream]
        known = self._fields(kind.name)
        asked = ("Id", "IsDeleted", _CHANGED, *kind.fields, *kind.further)
        fields = [name for name in asked if name.lower() in known]
        hidden = [name for name in asked if name not in fields and name not in kind.further]
        if stream == "opportunities" and _CURRENCY not in fields and not account.fixed:
            raise InputError(
                "the organisation has one currency and does not say which: set "
                f"{variable(self.name, 'currency')}, such as EUR"
            )
        at, after = start, ""
        notes: tuple[str, ...] = ()
        if hidden:
            notes = (f"the user may not see {', '.join(hidden)} of {kind.name}; let it, or go without",)
        query: str | None = None
        while True:
            try:
                answer = self._page(kind.name, fields, at, after, query)
            except PullError as error:
                if query is None or error.code != "INVALID_QUERY_LOCATOR":
                    raise
                query = None
                notes = ("the place in the list expired; the pull went on from the last change that it had",)
                continue
            found: list[dict[str, Any]] = answer["records"]
            if found:
                at, after = instant(found[-1][_CHANGED]), found[-1]["Id"]
                records = [flat({k: v for k, v in one.items() if k != "attributes"}) for one in found]
                yield Page(_tables(stream, records), at, notes)
                notes = ()
            if answer["done"]:
                return
            query = answer["nextRecordsUrl"]
            if not query.startswith("/services/data/"):
                raise PullError(f"{self.label} names a next page that is not its own; repeat the command")

    @property
    def _api(self) -> Client:
        """The client of the organisation's own host, which comes with the token."""
        if self._http is None:
            self._token.get()
            url = str(self._token.answer.get("instance_url", ""))
            host = urlsplit(checked_url(url, self.label)).hostname or ""
            local = is_local(host) and is_local(urlsplit(self._login.base_url).hostname or "")
            if not (local or host.endswith(HOSTS)):
                raise PullError(
                    f"{self.label} names {host} as the host of the data, which is none of its own"
                )
            self._http = Client(
                self.label,
                url,
                waits=self._waits,
                headers=lambda: {"Authorization": f"Bearer {self._token.get().reveal()}"},
                renew=self._token.renew,
                secrets=lambda: [*self._credentials.secrets.values(), *self._token.secrets],
                fault=_fault,
            )
        return self._http

    def _form(self) -> Mapping[str, str]:
        form = {
            "client_id": self._credentials.secret("client_id").reveal(),
            "client_secret": self._credentials.secret("client_secret").reveal(),
        }
        refresh = self._credentials.secrets.get("refresh_token")
        if refresh is None:
            return form | {"grant_type": "client_credentials"}
        return form | {"grant_type": "refresh_token", "refresh_token": refresh.reveal()}

    def _fields(self, kind: str) -> frozenset[str]:
        """Return the fields that an object has here, in small letters."""
        if kind not in self._known:
            answer = self._api.get(f"/services/data/{VERSION}/sobjects/{kind}/describe")
            self._known[kind] = frozenset(field["name"].lower() for field in answer["fields"])
        return self._known[kind]

    def _page(
        self, kind: str, fields: list[str], at: str | None, after: str, query: str | None
    ) -> dict[str, Any]:
        if query is not None:
            found: dict[str, Any] = self._api.get(query)
            return found
        where = ""
        if at is not None:
            when = f"{at[:23]}Z"  # SOQL has milliseconds
            later = f"({_CHANGED} > {when} OR ({_CHANGED} = {when} AND Id > '{after}'))"
            where = f" WHERE {later if after else f'{_CHANGED} >= {when}'}"
        soql = f"SELECT {', '.join(fields)} FROM {kind}{where} ORDER BY {_CHANGED}, Id"
        found = self._api.get(f"/services/data/{VERSION}/queryAll", {"q": soql})
        return found


def _tables(stream: str, records: list[dict[str, Any]]) -> dict[str, list[Record]]:
    """Return which tables are made from the records of a stream."""
    if stream != "leads":
        (table,) = next(one.tables for one in Salesforce.streams if one.name == stream)
        return {table: list(records)}
    # an address that changes later is no other visit: only how the lead came is said of it
    came = [
        {name: record.get(name) for name in ("Id", "IsDeleted", "CreatedDate", *_ORIGIN)}
        for record in records
        if any(record.get(name) for name in _ORIGIN)
    ]
    return {"leads": list(records), "identities": list(records), "touches": list(came)}


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Read `[{"message": ..., "errorCode": ...}]`."""
    if status < 400 or not (isinstance(body, list) and body and isinstance(body[0], dict)):
        return None
    code, words = str(body[0].get("errorCode", "")), str(body[0].get("message", ""))
    if code == "INVALID_SESSION_ID" or status == 401:
        return Fault(words, token=True, code=code)
    if code == "REQUEST_LIMIT_EXCEEDED":
        return Fault(f"the requests of today are used up: {words}; repeat the command tomorrow", code=code)
    again = status >= 500 or status == 429 or code in ("QUERY_TIMEOUT", "SERVER_UNAVAILABLE")
    return Fault(words, again=again, code=code)
