"""Pipedrive: persons, and deals with their people and the stage that they are in (API v2).

Names of organisations are asked for by their ids; deals that were deleted are listed for thirty days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from attribution.errors import PullError
from attribution.pulls.credentials import BASE_URL, Credentials, Need
from attribution.pulls.http import Client, Fault, Waits
from attribution.pulls.source import Account, Page, Record, Source, Stream, instant

BASE: Final = "https://api.pipedrive.com"
_LIMIT: Final = 500
_IDS: Final = 100  # that may be asked for at once


class Pipedrive(Source):
    """The client."""

    name: ClassVar[str] = "pipedrive"
    label: ClassVar[str] = "Pipedrive"
    needs: ClassVar[tuple[Need, ...]] = (
        Need("token", "the API token of a user who sees all deals, under Personal preferences > API"),
    )
    streams: ClassVar[tuple[Stream, ...]] = (
        Stream("persons", ("leads", "identities"), "persons"),
        Stream("deals", ("deals", "deal_contacts", "stages"), "deals, their people, the stage they are in"),
    )

    def __init__(self, credentials: Credentials, waits: Waits) -> None:
        token = credentials.secret("token")
        self._http = Client(
            self.label,
            credentials.value(BASE_URL) or BASE,
            waits=waits,
            headers=lambda: {"x-api-token": token.reveal()},
            secrets=lambda: [token],
            fault=_fault,
        )
        self._organisations: dict[int, str | None] = {}
        self._stages: dict[int, str] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def accounts(self) -> Iterable[Account]:
        """One: the company that the token is of."""
        yield Account(str(self._http.get("/v1/users/me")["data"]["company_id"]))

    def pages(self, stream: str, account: Account, start: str | None, end: str) -> Iterator[Page]:
        """Yield what changed since an instant."""
        if stream == "persons":
            for found, cursor, notes in self._changed("persons", {}, start):
                persons = [self._person(record) for record in self._named(found)]
                yield Page({"leads": persons, "identities": persons}, cursor, notes)
            return
        further = {"include_fields": "participants_count"}
        for found, cursor, notes in self._changed("deals", further, start):
            deals = [self._deal(record) for record in self._named(found)]
            yield Page(
                {
                    "deals": deals,
                    "deal_contacts": self._people(deals),
                    "stages": [deal for deal in deals if deal.get("stage_change_time")],
                },
                cursor,
                notes,
            )
        for found, _, notes in self._changed("deals", {"status": "deleted"}, start):
            yield Page({"deals": found}, None, notes)

    def _changed(
        self, kind: str, further: Mapping[str, str], start: str | None
    ) -> Iterator[tuple[list[dict[str, Any]], str, tuple[str, ...]]]:
        """Yield pages in the order of changes."""
        since, last, place = start, start, None
        notes: tuple[str, ...] = ()
        while True:
            asked = {"limit": str(_LIMIT), "sort_by": "update_time", "sort_direction": "asc", **further}
            if since is not None:
                asked["updated_since"] = f"{since[:19]}Z"
            if place is not None:
                asked["cursor"] = place
            try:
                answer = self._http.get(f"/api/v2/{kind}", asked)
            except PullError as error:
                if place is None or error.code != "400":
                    raise
                since, place = last, None  # what the cursor stood for is gone
                notes = ("the place in the list expired; the pull went on from the last change that it had",)
                continue
            found: list[dict[str, Any]] = answer.get("data") or []
            if found:
                last = instant(found[-1]["update_time"])
                yield found, last, notes
                notes = ()
            place = (answer.get("additional_data") or {}).get("next_cursor")
            if not place:
                return

    def _named(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add the names of organisations."""
        lacking = {one["org_id"] for one in records if one.get("org_id")} - self._organisations.keys()
        asked = sorted(lacking)
        for first in range(0, len(asked), _IDS):
            ids = asked[first : first + _IDS]
            self._organisations |= dict.fromkeys(ids)  # those that nobody may see stay without a name
            answer = self._http.get(
                "/api/v2/organizations", {"ids": ",".join(map(str, ids)), "limit": str(_IDS)}
            )
            self._organisations |= {one["id"]: one.get("name") for one in answer.get("data") or ()}
        return [{**one, "org_name": self._organisations.get(one.get("org_id") or 0)} for one in records]

    @staticmethod
    def _person(record: dict[str, Any]) -> Record:
        return {**record, "primary_email": _first(record, "emails"), "phone": _first(record, "phones")}

    def _deal(self, record: dict[str, Any]) -> Record:
        if self._stages is None:
            answer = self._http.get("/api/v2/stages", {"limit": str(_LIMIT)})
            self._stages = {one["id"]: one["name"] for one in answer.get("data") or ()}
        return {**record, "deal - stage": self._stages.get(record.get("stage_id") or 0)}

    def _people(self, deals: Sequence[Record]) -> list[Record]:
        """Return the person of each deal, and who else takes part where somebody does."""
        rows: list[Record] = []
        for deal in deals:
            person = deal.get("person_id")
            if person:
                rows.append({"id": deal["id"], "person_id": person})
            if (deal.get("participants_count") or 0) > (1 if person else 0):
                answer = self._http.get("/api/v2/persons", {"deal_id": str(deal["id"]), "limit": str(_LIMIT)})
                rows += [
                    {"deal_id": deal["id"], "person_id": one["id"]}
                    for one in answer.get("data") or ()
                    if one["id"] != person
                ]
        return rows


def _first(record: Mapping[str, Any], name: str) -> str | None:
    """Return the primary one of several, else the first."""
    several = [one for one in record.get(name) or () if one.get("value")]
    several.sort(key=lambda one: not one.get("primary"))
    return several[0]["value"] if several else None


def _fault(status: int, body: Any, headers: Mapping[str, str]) -> Fault | None:
    """Read `{"success": false, "error": ...}`; after how many seconds to come back stands in a header."""
    if status < 400:
        return None
    words = str(body.get("error") or "no reason given") if isinstance(body, dict) else "no reason given"
    if status == 429 or status >= 500:
        reset = headers.get("x-ratelimit-reset", "") if "retry-after" not in headers else ""
        return Fault(words, again=True, after=float(reset) if reset.isdigit() else None)
    return Fault(words, token=status == 401, code=str(status))
