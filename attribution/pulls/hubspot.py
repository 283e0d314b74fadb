"""HubSpot: contacts, and deals with their contacts and stages (CRM API v3, associations v4).

What changed is found by the search endpoint, in the order of its changes. A page never begins at an offset:
records move to the end when they change, and others would slip through; also nothing is found beyond 10,000.
Each page asks for what changed at or after the last instant of the page before. Where more changed at one
instant than a page holds, they are read in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from attribution import clock
from attribution.errors import PullError
from attribution.pulls.credentials import BASE_URL, Credentials, Need
from attribution.pulls.http import Client, Fault, Waits
from attribution.pulls.source import Account, Page, Record, Source, Stream, flat, instant, number

BASE: Final = "https://api.hubapi.com"
_BETWEEN: Final = 0.25  # seconds: searches are limited to five a second
_CONTACTS: Final = 200  # a page
_DEALS: Final = 100
_HISTORIES: Final = 50  # that a request may ask for

_CONTACT: Final = (
    "createdate", "email", "phone", "mobilephone", "company", "industry", "hubspot_owner_id", "hs_object_id",
    "hs_merged_object_ids", "hs_lifecyclestage_marketingqualifiedlead_date",
    "hs_v2_date_entered_marketingqualifiedlead", "hs_lifecyclestage_opportunity_date",
    "hs_v2_date_entered_opportunity", "lastmodifieddate",
)  # fmt: skip
_DEAL: Final = (
    "createdate", "closedate", "amount", "deal_currency_code", "dealstage", "pipeline", "dealtype",
    "hs_is_closed", "hs_is_closed_won", "hs_v2_date_entered_current_stage", "hubspot_owner_id",
    "hs_object_id", "hs_lastmodifieddate",
)  # fmt: skip


class HubSpot(Source):
    """The client."""

    name: ClassVar[str] = "hubspot"
    label: ClassVar[str] = "HubSpot"
    needs: ClassVar[tuple[Need, ...]] = (
        Need("token", "the access token of a private app that may read contacts and deals"),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("contacts", ("leads", "identities"), "contacts, and those that were merged"),
        Stream("deals", ("deals", "deal_contacts", "stages"), "deals, their contacts, history of stages"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        token = credentials.secret("token")
        self._http = Client(
            self.label,
            credentials.value(BASE_URL) or BASE,
            waits=waits,
            headers=lambda: {"Authorization": f"Bearer {token.reveal()}"},
            secrets=lambda: [token],
            fault=_fault,
            between=_BETWEEN,
        )
        self._labels: dict[str, str] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def accounts(self) -> Iterable[Account]:
        """One: the portal that the token is of."""
        details = self._http.get("/account-info/v3/details")
        currency = details.get("companyCurrency")
        yield Account(str(details["portalId"]), {"currency": currency} if currency else {})

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield what changed since an instant."""
        if stream == "contacts":
            for found, cursor in self._changed("contacts", "lastmodifieddate", _CONTACT, _CONTACTS, start):
                records = [flat(record) for record in found]
                yield Page({"leads": records, "identities": records}, cursor)
            return
        for found, cursor in self._changed("deals", "hs_lastmodifieddate", _DEAL, _DEALS, start):
            ids = [record["id"] for record in found]
            yield Page(
                {
                    "deals": [flat(record) for record in found],
                    "deal_contacts": self._contacts_of(ids),
                    "stages": self._stages_of(ids),
                },
                cursor,
            )
        for deleted in self._archived(start):
            yield Page({"deals": deleted}, None)

    def _archived(self, start: str | None) -> Iterator[list[Record]]:
        """Yield deals that were deleted since an instant: searches find none of them."""
        asked = {"archived": "true", "limit": "100", "properties": "hs_object_id"}
        while True:
            answer = self._http.get("/crm/v3/objects/deals", asked)
            found: list[Record] = [
                {"id": record["id"], "archived": True}
                for record in answer["results"]
                if start is None or not record.get("archivedAt") or instant(record["archivedAt"]) >= start
            ]
            if found:
                yield found
            after = answer.get("paging", {}).get("next", {}).get("after")
            if not after:
                return
            asked = {**asked, "after": after}

    def _changed(
        self, kind: str, changed: str, properties: Sequence[str], size: int, start: str | None
    ) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        """Yield pages of records with the instant up to which all are seen."""
        last = _millis(start) if start is not None else 0
        seen: set[str] = set()
        while True:
            found = self._search(kind, [(changed, "GTE", str(last))], changed, properties, size)
            fresh = [record for record in found if record["id"] not in seen]
            if len(found) < size:
                if fresh:
                    yield fresh, _changed_at(found[-1], changed)
                return
            reached = _millis(_changed_at(found[-1], changed))
            if reached > last:
                yield fresh, _changed_at(found[-1], changed)
                last = reached
                seen = {r["id"] for r in found if _millis(_changed_at(r, changed)) == reached}
            else:
                yield from self._tied(kind, changed, last, properties, size)
                last, seen = last + 1, set()

    def _tied(
        self, kind: str, changed: str, at: int, properties: Sequence[str], size: int
    ) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
        """Yield all that changed at one instant, in the order of ids."""
        after = 0
        while True:
            filters = [(changed, "EQ", str(at)), ("hs_object_id", "GT", str(after))]
            found = self._search(kind, filters, "hs_object_id", properties, size)
            if found:
                yield found, instant(clock.iso(at * 1000))
            if len(found) < size:
                return
            after = number(found[-1]["id"], "HubSpot: the id")

    def _search(
        self,
        kind: str,
        filters: Sequence[tuple[str, str, str]],
        order: str,
        properties: Sequence[str],
        size: int,
    ) -> list[dict[str, Any]]:
        answer = self._http.post(
            f"/crm/v3/objects/{kind}/search",
            {
                "filterGroups": [
                    {
                        "filters": [
                            {"propertyName": name, "operator": how, "value": value}
                            for name, how, value in filters
                        ]
                    }
                ],
                "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
                "properties": list(properties),
                "limit": size,
            },
        )
        found: list[dict[str, Any]] = answer["results"]
        return found

    def _contacts_of(self, deals: Sequence[str]) -> list[Record]:
        """Return who belongs to which deal."""
        rows: list[Record] = []
        asked: list[dict[str, str]] = [{"id": one} for one in deals]
        while asked:
            answer = self._http.post("/crm/v4/associations/deals/contacts/batch/read", {"inputs": asked})
            asked = []
            for result in answer["results"]:
                deal = str(result["from"]["id"])
                for to in result["to"]:
                    labels = [kind.get("label") for kind in to.get("associationTypes", ())]
                    label = next((text for text in labels if text), None)
                    rows.append({"deal_id": deal, "contact_id": str(to["toObjectId"]), "label": label})
                after = result.get("paging", {}).get("next", {}).get("after")
                if after:
                    asked.append({"id": deal, "after": after})
        return rows

    def _stages_of(self, deals: Sequence[str]) -> list[Record]:
        """Return which deal came into which stage when."""
        rows: list[Record] = []
        for first in range(0, len(deals), _HISTORIES):
            answer = self._http.post(
                "/crm/v3/objects/deals/batch/read",
                {
                    "properties": ["dealstage"],
                    "propertiesWithHistory": ["dealstage"],
                    "inputs": [{"id": one} for one in deals[first : first + _HISTORIES]],
                },
            )
            for record in answer["results"]:
                for version in record.get("propertiesWithHistory", {}).get("dealstage", ()):
                    stage = version.get("value")
                    if stage:
                        rows.append(
                            {
                                "deal_id": record["id"],
                                "value": self._label(stage),
                                "date_entered": version["timestamp"],
                            }
                        )
        return rows

    def _label(self, stage: str) -> str:
        """Return the name of a stage; its id, where the pipeline has it no longer."""
        if self._labels is None:
            answer = self._http.get("/crm/v3/pipelines/deals")
            self._labels = {
                one["id"]: one["label"] for pipeline in answer["results"] for one in pipeline["stages"]
            }
        return self._labels.get(stage, stage)


def _changed_at(record: Mapping[str, Any], changed: str) -> str:
    text = record["properties"].get(changed) or record.get("updatedAt")
    if not text:
        raise PullError(f"HubSpot does not say when {record['id']} changed; repeat the command")
    return instant(text)


def _millis(when: str) -> int:
    return clock.to_micros(datetime.fromisoformat(when)) // 1000


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Tell the limit of a day, which no waiting helps against, from that of a second."""
    if status == 429 and isinstance(body, dict) and body.get("policyName") == "DAILY":
        return Fault("the requests of today are used up; repeat the command tomorrow", code="DAILY")
    return None
