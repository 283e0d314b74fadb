"""Ella's story with a click of every platform in it, and the platforms that are told of her deal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Loopback, Patience
from platforms import PLATFORMS, Platform

from attribution import clock
from attribution.engine import Store
from attribution.metrics.answer import Answer

WON = "2025-06-12T14:05:09Z"
TOLD, REFUNDED, CORRECTED = "2025-06-12T15:00:00Z", "2025-06-13T15:00:00Z", "2025-06-14T15:00:00Z"
BROWSER = "1718281828.1740996900"  # as Google Analytics calls it: 3 March 2025, 10:15
DEAL, OPPORTUNITY = "4711", "006000000004711"  # the latter is what an id of Salesforce looks like
EMAIL, PHONE = "Ella.Marsh@Example.com", "020 7946 0018"
# in the order in which she clicked, one a day from 20 March: with the search and the e-mail 16 touches
CLICKS = (
    ("gclid", "Gc-1"), ("fbclid", "Fb-1"), ("gclid", "Gc-2"), ("fbclid", "Fb-2"), ("gclid", "Gc-3"),
    ("msclkid", "a1b2c3d4e5f60718293a4b5c6d7e8f90"), ("li_fat_id", "11111111-2222-4333-8444-555555555555"),
    ("ttclid", "E.C.P.Tt-1"), ("sccid", "Sc-1"), ("epik", "dj0yJnU9Ep-1"), ("rdt_cid", "Rd-1"),
    ("twclid", "Tw-1"), ("fbclid", "Fb-3"), ("gclid", "Gc-4"),
)  # fmt: skip


class Ella:
    """A store with her story, and the time that it is.

    Args:
        store: empty, or with the story in it.
        folder: for files.
        deal: what her deal is called.
    """

    def __init__(self, store: Store, folder: Path, deal: str = DEAL) -> None:
        self.store, self.folder, self.deal = store, folder, deal
        self.now = datetime.fromisoformat(TOLD)

    def at(self, instant: str) -> None:
        """Let it be an instant."""
        self.now = datetime.fromisoformat(instant)

    def fill(self) -> None:
        """Import the story, and run it."""
        self.store.config_update({"region": "GB", "reporting_currency": "GBP"})
        # an organic search; weeks later an e-mail, and the call of a number that was shown to her alone
        touches = ["t-search,2025-03-03T10:15:00Z,session,https://acme.test/pricing,https://www.google.com/"]
        touches += [
            f"t-{n},2025-03-{n:02}T09:30:00Z,session,https://acme.test/demo?{kind}={click},"
            for n, (kind, click) in enumerate(CLICKS[:12], 20)
        ]
        touches += [
            f"t-{n},2025-04-{n:02}T09:30:00Z,session,https://acme.test/demo?{kind}={click},"
            for n, (kind, click) in enumerate(CLICKS[12:], 1)
        ]
        touches += [
            "t-email,2025-04-14T07:30:00Z,session,https://acme.test/demo?utm_source=news&utm_medium=email,",
            "t-call,2025-04-14T07:41:00Z,call,,",
        ]
        rows = "\n".join(f"{line},{BROWSER},granted" for line in touches)
        self._import("touches", f"touch_id,at,kind,url,referrer,visitor_id,consent\n{rows}")
        self._import("identities", f"visitor_id,phone,at,source\n{BROWSER},{PHONE},2025-04-14T07:41:00Z,call")
        self._import(
            "leads",
            f"lead_id,created_at,email,phone\nL-ella,2025-04-14T08:00:00Z,{EMAIL},+44 20 7946 0018",
        )
        self.close("won", "5000.00")

    def close(self, status: str, amount: str, deal: str = "", at: str = WON) -> None:
        """Say where a deal of hers stands, and run."""
        row = f"{deal or self.deal},{status},2025-04-20T00:00:00Z,{at},{amount},GBP,L-ella"
        self._import("deals", f"deal_id,status,created_at,closed_at,amount,currency,lead_id\n{row}")
        self.run()

    def refund(self, amount: str, at: str = "2025-06-13T09:00:00Z") -> None:
        """Pay a part of her deal back, and run."""
        row = f"A-1,{self.deal},{at},-{amount},GBP"
        self._import("adjustments", f"adjustment_id,deal_id,at,amount,currency\n{row}")
        self.run()

    def run(self, model: str = "linear") -> None:
        """Bring the ledger up to date."""
        self.store.run(models=[model], goals=["revenue"])

    def _import(self, table: str, content: str) -> None:
        path = self.folder / f"{table}.csv"
        path.write_text(content + "\n", encoding="utf-8")
        assert self.store.import_table(table, path).totals["rejected"] == 0


class Told:
    """A platform that is told of her deal; a file in each template is one too.

    Args:
        ella: whose store it is.
        name: of the destination; `file:TEMPLATE`.
        patch: for as long as she tells.
    """

    def __init__(self, ella: Ella, name: str, patch: pytest.MonkeyPatch) -> None:
        self.ella, (self.name, _, self.template) = ella, name.partition(":")
        self.there: Platform | None = None
        self.server: Loopback | None = None
        if self.template:
            self.path = ella.folder / "uploads"
            self.path.mkdir()
            settings = {"template": self.template, "path": str(self.path), "action_revenue": "Won deal"}
        else:
            self.there = PLATFORMS[name](lambda: clock.to_micros(ella.now), random.Random(1))
            self.server = Loopback(self.there)
            settings = {
                "base_url": self.server.url, "login_url": self.server.url, **self.there.settings,
            }  # fmt: skip
        for setting, value in settings.items():
            patch.setenv(f"ATTRIBUTION_SEND_{self.name}_{setting}".upper(), value)

    def send(self, **options: Any) -> tuple[Answer, list[Any]]:
        """Send; return the answer, and what came in: path and body of each request, or each file's lines."""
        before = set(self.path.iterdir()) if self.template else set()
        asked = len(self.server.asked) if self.server else 0
        answer = self.ella.store.send(self.name, waits=Patience().waits(), **options)
        if self.server is None:
            new = sorted(set(self.path.iterdir()) - before)
            return answer, [(one.name.partition("-")[2], one.read_text().splitlines()) for one in new]
        return answer, [(one.path, one.body) for one in self.server.asked[asked:] if self._tells(one)]

    def held(self) -> dict[Any, str]:
        """Return what the platform holds of each conversion that still counts, and by which click."""
        assert self.there is not None
        return {
            key: f"{one.value:.2f} {one.currency} {one.click}".strip()
            for key, one in self.there.ledger.items()
            if one.live
        }

    def close(self) -> None:
        """Stop the platform."""
        if self.server is not None:
            self.server.close()

    def _tells(self, asked: Asked) -> bool:
        assert self.there is not None
        return asked.method != "GET" and not (self.there.logs_in and asked.path == self.there.logs_in)


@contextmanager
def telling(ella: Ella, name: str) -> Iterator[Told]:
    """Run a platform at the time of the story."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: ella.now)
        told = Told(ella, name, patch)
        try:
            yield told
        finally:
            told.close()
