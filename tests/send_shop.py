"""A shop with three won deals and what they came by, and a Data Manager API that takes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopback import Asked

from attribution.engine import Store

Csv = Callable[[str, str], Path]

NOW = "2026-11-05T12:00:00Z"
GOOGLE = {
    "client_id": "id-word", "client_secret": "secret-word", "refresh_token": "refresh-word",
    "customer_id": "123-456-7890", "action_revenue": "987",
}  # fmt: skip
EMAIL, PHONE = "ella@acme.test", "+442079460018"
TABLES = {
    "touches": """
        touch_id,visitor_id,at,url,consent
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/start?gclid=Clicked-1,granted
        t2,v2,2026-10-02T09:00:00Z,https://acme.test/?gclid=Clicked-2,analytics:granted;ad_user_data:denied
        t3,v3,2026-10-02T09:00:00Z,https://acme.test/,granted
        """,
    "leads": f"""
        lead_id,created_at,visitor_id,email,phone
        L-1,2026-10-07T00:00:00Z,v1,{EMAIL},{PHONE}
        L-2,2026-10-07T00:00:00Z,v2,nobody@acme.test,
        L-3,2026-10-07T00:00:00Z,v3,mary@acme.test,
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-1,won,2026-10-08T00:00:00Z,2026-11-01T10:00:00Z,5000.00,GBP,L-1
        D-2,won,2026-10-08T00:00:00Z,2026-11-02T10:00:00Z,70.00,GBP,L-2
        D-3,won,2026-10-08T00:00:00Z,2026-11-03T10:00:00Z,90.00,GBP,L-3
        """,
}


class DataManager:
    """Takes events and keeps the last of each transaction, as Google says that it does."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if asked.path == "/token":
            assert asked.body == {
                "grant_type": "refresh_token", "refresh_token": "refresh-word", "client_id": "id-word",
                "client_secret": "secret-word",
            }  # fmt: skip
            return {"access_token": "access-word", "token_type": "Bearer"}
        assert asked.path == "/v1/events:ingest"
        assert asked.headers["authorization"] == "Bearer access-word"
        [to] = asked.body["destinations"]
        assert to["operatingAccount"] == {"accountType": "GOOGLE_ADS", "accountId": "1234567890"}
        assert to["productDestinationId"] == "987"
        for event in asked.body["events"]:
            self.events[event["transactionId"]] = event
        return {"requestId": "r-1"}

    @property
    def values(self) -> dict[str, float]:
        """What each transaction is worth there."""
        return {key: event["conversionValue"] for key, event in self.events.items()}


def filled(store: Store, csv: Csv) -> Store:
    """Fill a store with three deals, and run it."""
    store.config_set("reporting_currency", "GBP")
    for name, content in TABLES.items():
        assert store.import_table(name, csv(name, content)).totals["rejected"] == 0
    store.run(models=["linear"], goals=["revenue"])
    return store
