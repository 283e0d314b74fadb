"""A destination of another package: what it says of itself is enough to be sent to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from loopback import Asked, Loopback
from send_shop import NOW, filled
from test_destination_registry import announce

from attribution.engine import Store

Serve = Callable[..., AbstractContextManager[Loopback]]
CODE = """
from attribution.destinations.access import Access
from attribution.destinations.destination import Destination, lots
from attribution.destinations.request import Outcome, Request, Verdict
from attribution.pulls.credentials import Need


class Mine(Destination):
    name = "mine"
    label = "Mine"
    base_url = "https://mine.test"
    settings = (Need("shop", "whose deals", secret=False),)
    secrets = (Need("key", "of the shop"),)
    access = Access({"X-Key": "{key}"})
    click_kinds = ("gclid",)

    def requests(self, conversions):
        for lot in lots(conversions, 10):
            yield Request("POST", "/deals", {one.transaction_id: one.value_minor for one in lot}, lot)

    def outcomes(self, request, reply):
        return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
"""


def test_it_is_sent_to(
    sqlite_store: Store,
    csv: Callable[[str, str], Path],
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.syspath_prepend(announce(tmp_path / "site", CODE))
    monkeypatch.delitem(sys.modules, "outside_destination", raising=False)
    has: dict[str, Any] = {}

    def platform(asked: Asked) -> Any:
        assert asked.headers["x-key"] == "word"
        has.update(asked.body)
        return {}

    with (
        freeze_time(NOW),
        serve("send_mine", platform, shop="1", key="word", action_revenue="won"),
    ):
        shop = filled(sqlite_store, csv)
        [row] = shop.send("mine", dry_run=True).rows
        assert row["headers"]["X-Key"] == "***"
        assert shop.send("mine").totals["accepted"] == 1
    assert has == {"D-1:revenue": 500_000}
