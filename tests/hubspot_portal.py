"""A HubSpot portal on this machine: searches, associations, histories, pipelines and writes as in the API."""

from __future__ import annotations

import json
from typing import Any

from loopback import Answer, Asked

PORTAL = 4711
TOKEN = "pat-eu1-5f0c-very-secret"
WHEN = {"contacts": "lastmodifieddate", "deals": "hs_lastmodifieddate"}


class Portal:
    """What a portal holds: contacts and deals by id, with their properties."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {"contacts": {}, "deals": {}}
        self.contacts_of: dict[str, list[str]] = {}
        self.history: dict[str, list[tuple[str, str]]] = {}
        self.archived: dict[str, str] = {}  # deals, and when they were deleted
        self.properties: set[str] = set()  # further ones that somebody made
        self.writes = 0  # records that were written

    def contact(self, number: int, changed: str, **properties: Any) -> None:
        """Put a contact into the portal, or change it."""
        base = {
            "createdate": "2026-01-01T09:00:00Z",
            "lastmodifieddate": changed,
            "hs_object_id": str(number),
        }
        self.records["contacts"][str(number)] = base | {"email": f"p{number}@example.com"} | properties

    def deal(
        self, number: int, changed: str, *, contacts: tuple[int, ...] = (),
        history: tuple[tuple[str, str], ...] = (), **properties: Any,
    ) -> None:  # fmt: skip
        """Put a deal into the portal, or change it."""
        base = {
            "createdate": "2026-01-05T09:00:00Z", "hs_lastmodifieddate": changed, "hs_object_id": str(number),
            "hs_is_closed": "false", "hs_is_closed_won": "false", "dealstage": "11", "amount": None,
            "deal_currency_code": None, "closedate": None,
        }  # fmt: skip
        self.records["deals"][str(number)] = base | properties
        self.contacts_of[str(number)] = [str(one) for one in contacts]
        self.history[str(number)] = list(history)

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer({"message": f"bad token {asked.headers.get('authorization')}"}, 401)
        kind = asked.path.split("/")[4] if asked.path.count("/") > 3 else ""
        if asked.path == "/account-info/v3/details":
            return {"portalId": PORTAL, "companyCurrency": "EUR", "timeZone": "Europe/Berlin"}
        if asked.path == "/crm/v3/objects/deals":
            assert asked.query["archived"] == "true"
            found = [{"id": one, "archivedAt": at, "properties": {}} for one, at in self.archived.items()]
            return {"results": found}
        if asked.path.endswith("/search"):
            return {"results": self._search(kind, asked.body)}
        if asked.path == "/crm/v3/pipelines/deals":
            stages = [{"id": "11", "label": "Demo held"}, {"id": "12", "label": "Won"}]
            return {"results": [{"id": "default", "stages": stages}]}
        if asked.path == "/crm/v4/associations/deals/contacts/batch/read":
            return Answer({"results": [self._tie(one["id"]) for one in asked.body["inputs"]]}, 207)
        if asked.path == "/crm/v3/objects/deals/batch/read":
            return {"results": [self._history(one["id"]) for one in asked.body["inputs"]]}
        if asked.path.endswith("/batch/update"):
            return self._update(kind, asked.body["inputs"])
        if asked.path.startswith("/crm/v3/properties/"):
            return {"results": [{"name": name} for name in sorted(self.properties)]}
        return Answer({"message": f"no such path {asked.path}"}, 404)

    def _update(self, kind: str, inputs: list[dict[str, Any]]) -> Answer:
        assert len(inputs) <= 100
        absent = sorted({name for one in inputs for name in one["properties"]} - self.properties)
        if absent:
            told = [{"isValid": False, "error": "PROPERTY_DOESNT_EXIST", "name": name} for name in absent]
            words = f"Property values were not valid: {json.dumps(told)}"
            return Answer({"status": "error", "message": words, "category": "VALIDATION_ERROR"}, 400)
        there = [one for one in inputs if one["id"] in self.records[kind]]
        gone = [one["id"] for one in inputs if one["id"] not in self.records[kind]]
        for one in there:
            self.records[kind][one["id"]] |= one["properties"]
            self.writes += 1
        body: dict[str, Any] = {"status": "COMPLETE", "results": [{"id": one["id"]} for one in there]}
        if not gone:
            return Answer(body)
        error = {
            "status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": gone},
            "message": f"Could not get some {kind} objects, they may be deleted or not exist.",
        }  # fmt: skip
        return Answer(body | {"numErrors": 1, "errors": [error]}, 207)

    def written(self, kind: str, number: int) -> dict[str, Any]:
        """Return what was written on a record under `attribution_`, by our names."""
        record = self.records[kind][str(number)]
        return {
            name.removeprefix("attribution_"): told
            for name, told in record.items() if name.startswith("attribution_")
        }  # fmt: skip

    def _search(self, kind: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        (group,) = body["filterGroups"]
        (order,) = body["sorts"]
        assert body["limit"] <= 200
        assert "after" not in body
        found = list(self.records[kind].values())
        for test in group["filters"]:
            found = [one for one in found if _passes(one, test)]
        found.sort(key=lambda one: _value(one, order["propertyName"]))
        return [
            {
                "id": one["hs_object_id"],
                "archived": False,
                "properties": {n: one.get(n) for n in body["properties"]},
            }
            for one in found[: body["limit"]]
        ]

    def _tie(self, deal: str) -> dict[str, Any]:
        kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}]
        to = [{"toObjectId": int(one), "associationTypes": kinds} for one in self.contacts_of[deal]]
        return {"from": {"id": deal}, "to": to}

    def _history(self, deal: str) -> dict[str, Any]:
        versions = [{"value": stage, "timestamp": at} for stage, at in self.history[deal]]
        return {"id": deal, "properties": {}, "propertiesWithHistory": {"dealstage": versions}}


def _value(record: dict[str, Any], name: str) -> int:
    from datetime import datetime

    text = record[name]
    return int(text) if text.isdigit() else round(datetime.fromisoformat(text).timestamp() * 1000)


def _passes(record: dict[str, Any], test: dict[str, Any]) -> bool:
    value, asked = _value(record, test["propertyName"]), int(test["value"])
    return {"GTE": value >= asked, "GT": value > asked, "EQ": value == asked}[test["operator"]]
