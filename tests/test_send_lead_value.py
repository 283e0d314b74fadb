"""Leads that are told with the revenue that is expected of them: once, and never the day's new guess."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import pytest
from freezegun import freeze_time
from loopback import Loopback
from send_shop import GOOGLE, NOW, DataManager

from attribution.engine import Store
from attribution.errors import InputError
from attribution.metrics.predict.expected import Expected
from attribution.outbox import plan
from attribution.store.schema import lead

Csv = Callable[[str, str], Path]
Serve = Callable[..., AbstractContextManager[Loopback]]
TABLES = {
    "touches": """
        touch_id,visitor_id,at,url,consent
        t1,v1,2026-10-01T09:00:00Z,https://acme.test/?gclid=first,granted
        t2,v2,2026-10-02T09:00:00Z,https://acme.test/?gclid=second,granted
        """,
    "leads": """
        lead_id,created_at,mql_at,visitor_id
        L-1,2026-10-07T00:00:00Z,2026-10-20T00:00:00Z,v1
        L-2,2026-10-08T00:00:00Z,2026-10-21T00:00:00Z,v2
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-2,won,2026-10-22T00:00:00Z,2026-11-01T10:00:00Z,1000.00,GBP,L-2
        """,
}
OF_MQL = GOOGLE | {"action_mql": "55"}


@pytest.fixture
def shop(store: Store, csv: Csv) -> Iterator[Store]:
    """A qualified lead that is open, and one whose deal is won."""
    with freeze_time(NOW):
        store.config_set("reporting_currency", "GBP")
        for name, content in TABLES.items():
            assert store.import_table(name, csv(name, content)).totals["rejected"] == 0
        store.run(models=["linear"], goals=["revenue", "mql"])
        yield store


def expect(store: Store, monkeypatch: pytest.MonkeyPatch, minor: int) -> None:
    """Have the open lead expected to bring so much."""
    with store.db.read() as connection:
        query = lead.select().with_only_columns(lead.c.lead_id).where(lead.c.key == "L-1")
        [number] = connection.execute(query).scalars()
    found = Expected(pd.Series([minor], index=[number]), "GBP")
    monkeypatch.setattr(plan, "expected_revenue", lambda connection: found)


class Actions(DataManager):
    """Takes events of several actions."""

    def __call__(self, asked):  # type: ignore[no-untyped-def]
        """Answer a request."""
        if asked.path != "/token":
            [to] = asked.body["destinations"]
            to["productDestinationId"] = {"55": "987"}.get(to["productDestinationId"], "987")
        return super().__call__(asked)


def test_an_open_lead_is_told_with_what_is_expected_of_it_and_keeps_it(
    shop: Store, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Actions()
    with serve("send_google", platform, **OF_MQL):
        expect(shop, monkeypatch, 24_310)
        answer = shop.send("google", lead_value="predicted")
        expect(shop, monkeypatch, 30_000)
        again = shop.send("google", lead_value="predicted")
        plain = shop.send("google")
    values = {key: event.get("conversionValue") for key, event in platform.events.items()}
    assert values == {"D-2:revenue": 1000.0, "L-1:mql": 243.10, "L-2:mql": None}
    assert platform.events["L-1:mql"]["currency"] == "GBP"
    assert [note for note in answer.warnings if note.startswith("1 of mql are told without a value")]
    for later in (again, plain):
        assert later.totals["new"] == later.totals["restated"] == 0


def test_without_being_asked_leads_have_no_value(shop: Store, serve: Serve) -> None:
    platform = Actions()
    with serve("send_google", platform, **OF_MQL):
        shop.send("google")
    assert "conversionValue" not in platform.events["L-1:mql"]


def test_too_short_a_past_is_told_before_anything_is_queued(shop: Store, serve: Serve) -> None:
    pytest.importorskip("sklearn")
    with serve("send_google", Actions(), **OF_MQL), pytest.raises(InputError):
        shop.send("google", lead_value="predicted")
    assert shop.send_status().rows == []
