"""Deals that every platform had a part in, senders that are killed, and what there must be in the end."""

from __future__ import annotations

import random
import re
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from loopback import Loopback, Patience
from platforms import PLATFORMS, Faults
from platforms.base import REFUSED_CURRENCY
from sqlalchemy import select

from attribution import clock
from attribution.destinations.hashing import sha256
from attribution.engine import Store
from attribution.metrics.answer import Answer
from attribution.outbox.sender import HttpSender
from attribution.store.schema import delivery

BEGIN = datetime(2026, 11, 5, 2, tzinfo=UTC)
YESTERDAY = datetime(2026, 11, 4, 20, tzinfo=UTC)
AGAIN = datetime(2026, 11, 4, 22, tzinfo=UTC)  # when what was won again was
_KINDS = ("msclkid", "fbclid", "li_fat_id", "ttclid", "twclid", "rdt_cid", "epik", "sccid")
_GOOGLES = ("gclid", "gclid", "gclid", "gbraid", "wbraid", "dclid")
_DECIMALS = {"JPY": 0, "KWD": 3}
RETRACTED = "retracted"
_FAULTS, _ALL_FIRST = (6, 7, 6), (12, 0, 0)  # in each part; all in the first where nothing is told later
_HASH = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True)
class Deal:
    """One deal by its number, from which all about it follows."""

    n: int

    @cached_property
    def key(self) -> str:
        """Its id: a number as HubSpot and Pipedrive have, or one of Salesforce."""
        return f"006{self.n:012d}" if self.n % 8 == 7 else str(1_000 + self.n)

    @property
    def transaction(self) -> str:
        """What it is called first; what comes back may be called otherwise."""
        return f"{self.key}:revenue"

    @property
    def agrees(self) -> bool:
        """Whether its person lets platforms know."""
        return self.n % 8 != 5

    @property
    def email(self) -> str:
        """Of its person; every tenth has a phone only."""
        return "" if self.n % 10 == 9 else f"person{self.n}@example.com"

    @property
    def phone(self) -> str:
        """Of its person."""
        return f"+447946{self.n:06d}"

    @property
    def visitor(self) -> str:
        """The browser, as Google Analytics calls it."""
        return f"{1_000_000_000 + self.n}.{1_790_000_000 + self.n}"

    @cached_property
    def clicks(self) -> dict[str, str]:
        """Click ids by kind, in the order in which they were clicked."""
        kinds = (_GOOGLES[self.n % 6], *(() if self.n % 11 == 10 else _KINDS))
        return {kind: f"Click{kind.title()}{self.n}" for kind in kinds}

    @property
    def currency(self) -> str:
        """One in nine is in yen, one in dinars, one in twenty in what nobody takes."""
        if self.n % 20 == 13:
            return REFUSED_CURRENCY
        return {2: "JPY", 4: "KWD", 7: "EUR"}.get(self.n % 9, "GBP")

    @cached_property
    def amount(self) -> Decimal:
        """What it was won with: no two of one currency alike, and each can be halved."""
        return Decimal(1_000 + 20 * self.n).scaleb(-_DECIMALS.get(self.currency, 2))

    @property
    def halved(self) -> bool:
        """Whether half of it is refunded, in the second part."""
        return self.n % 3 == 0

    @property
    def lost(self) -> bool:
        """Whether it is lost, in the second part."""
        return self.n % 5 == 1

    @property
    def returns(self) -> bool:
        """Whether it is won again, in the third part."""
        return self.lost and self.n % 2 == 1 and not self.halved

    @property
    def value(self) -> Decimal | None:
        """What it is worth in the end; None: it is lost."""
        if self.lost and not self.returns:
            return None
        return self.amount / 2 if self.halved else self.amount


class Clock:
    """The time of the story, which moves when it is told to."""

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        """Return it; each time it is asked for is a little later."""
        self.at += timedelta(microseconds=100)
        return self.at

    def micros(self) -> int:
        """Return it in microseconds."""
        return clock.to_micros(self.at)

    def until(self, micros: int) -> None:
        """Go on to an instant, unless it is past."""
        self.at = max(self.at, clock.from_micros(micros))


class Killed(BaseException):
    """The sender's process ends here."""


class Killer:
    """Ends senders at drawn moments: around requests and around what is written down."""

    MOMENTS = (
        "before it leaves", "after it was applied", "before it is written", "before the commit",
        "after the commit",
    )  # fmt: skip

    def __init__(self) -> None:
        self.kills: Counter[str] = Counter()
        self._moment, self._left = "", 0

    def arm(self, moment: str, left: int) -> None:
        """Kill when a moment comes for the n-th time."""
        self._moment, self._left = moment, left

    def disarm(self) -> None:
        """Kill nobody."""
        self._moment = ""

    def at(self, moment: str) -> None:
        """Kill whoever is here, if it is time."""
        if moment != self._moment:
            return
        self._left -= 1
        if self._left <= 0:
            self.disarm()
            self.kills[moment] += 1
            raise Killed(moment)

    def watch(self, store: Store, patch: pytest.MonkeyPatch) -> None:
        """Stand around the sender of a process and the writer of a store."""
        send, write = HttpSender.send, store.db.write

        def sent(sender: HttpSender, request: Any) -> Any:
            self.at("before it leaves")
            reply = send(sender, request)
            self.at("after it was applied")
            return reply

        @contextmanager
        def written() -> Iterator[Any]:
            self.at("before it is written")
            with write() as connection:
                yield connection
                self.at("before the commit")
            self.at("after the commit")

        patch.setattr(HttpSender, "send", sent)
        patch.setattr(store.db, "write", written)


class World:
    """A store with deals, and the platforms that are told of them, part by part.

    Args:
        store: empty.
        folder: for files.
        number: how many deals.
        patch: for as long as the world is.
        selected: the platforms of this world.
    """

    def __init__(
        self, store: Store, folder: Path, number: int, patch: pytest.MonkeyPatch, selected: list[str]
    ) -> None:
        self.store, self.folder, self.clock = store, folder, Clock()
        self.deals = [Deal(n) for n in range(number)]
        self._patch, self._selected = patch, selected
        self._killer = Killer()
        self.part = 0  # that was begun
        self._stories: dict[str, Story] = {}
        patch.setattr(clock, "now", self.clock.now)
        # of all that a sender does this takes longest, and nothing here speaks TLS
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        self._killer.watch(store, patch)
        store.config_set("reporting_currency", "GBP")
        self._fill()

    def story(self, name: str, part: int) -> Story:
        """Return the story of a platform after a part of it; what others have to do before is done."""
        while self.part < part:
            self._begin(self.part + 1)
        story = self._stories[name]
        while story.part < part:
            story.tell(story.part + 1)
        return story

    def close(self) -> None:
        """Stop all platforms."""
        for story in self._stories.values():
            story.close()

    def _begin(self, part: int) -> None:
        """Begin a part, once every platform has been told the one before."""
        for name in self._selected:
            if part == 1:
                self._stories[name] = Story(self, name, self._killer, self._patch)
            elif self._stories[name].trouble is None and self._stories[name].part < part - 1:
                self._stories[name].tell(part - 1)
        self.clock.at = BEGIN + timedelta(hours=20 * (part - 1))
        if part == 2:
            self.refund([deal for deal in self.deals if deal.halved])
            self.put([deal for deal in self.deals if deal.lost], "lost", YESTERDAY)
        if part == 3:
            self.put([deal for deal in self.deals if deal.returns], "won", AGAIN)
        if part > 1:
            self.run()
        self.part = part

    def alone(self) -> Story:
        """Return the story of the one platform, on good days, with nothing told yet."""
        self._begin(1)
        [name] = self._selected
        return self._stories[name]

    # --- the store ----------------------------------------------------------------------------------

    def _fill(self) -> None:
        said = {True: "granted", False: "analytics:granted;ad_user_data:denied"}
        rows = [
            (
                f"t{deal.n}-{place}", deal.visitor, f"2026-10-{1 + place:02d}T09:00:00Z",
                f"https://acme.test/?{kind}={click}" + self._beside(deal, kind), said[deal.agrees],
            )
            for deal in self.deals
            for place, (kind, click) in enumerate(deal.clicks.items())
        ]  # fmt: skip
        self.add("touches", rows, "touch_id", "visitor_id", "at", "url", "consent")
        self.add(
            "leads",
            [(f"L{one.n}", "2026-10-20", one.visitor, one.email, one.phone) for one in self.deals],
            "lead_id", "created_at", "visitor_id", "email", "phone",
        )  # fmt: skip
        self.put(self.deals, "won", YESTERDAY)
        self.run()

    def run(self) -> None:
        """Bring the ledger up to date."""
        self.store.run(models=["linear"], goals=["revenue"])

    @staticmethod
    def _beside(deal: Deal, kind: str) -> str:
        """Return a second id of the same address, which is not the one that counts."""
        return f"&fbclid=Beside{deal.n}" if kind == "msclkid" and deal.n % 4 == 0 else ""

    def put(self, deals: list[Deal], status: str, at: datetime) -> None:
        """Import deals with a status, closed in the hour after an instant."""
        rows = [
            (
                one.key, status, "2026-10-21", (at + timedelta(seconds=one.n % 3_600)).isoformat(),
                str(one.amount), one.currency, f"L{one.n}",
            )
            for one in deals
        ]  # fmt: skip
        names = ("deal_id", "status", "created_at", "closed_at", "amount", "currency", "lead_id")
        self.add("deals", rows, *names)

    def refund(self, deals: list[Deal]) -> None:
        """Refund half of deals."""
        rows = [
            (f"A{one.n}", one.key, "2026-11-05T09:00:00Z", str(-one.amount / 2), one.currency)
            for one in deals
        ]
        self.add("adjustments", rows, "adjustment_id", "deal_id", "at", "amount", "currency")

    def add(self, table: str, rows: list[tuple[str, ...]], *names: str) -> None:
        """Import rows of a table."""
        path = self.folder / f"{table}.csv"
        pd.DataFrame(rows, columns=list(names)).to_csv(path, index=False)
        assert self.store.import_table(table, path).totals["rejected"] == 0


class Story:
    """One platform, and everything that happens between it and the store."""

    def __init__(self, world: World, name: str, killer: Killer, patch: pytest.MonkeyPatch) -> None:
        seed = sorted(PLATFORMS).index(name)
        self.name, self.world, self.part = name, world, 0
        self.trouble: BaseException | None = None
        self.killer, self.kills = killer, Counter[str]()
        self.chance = random.Random(seed)
        self.platform = PLATFORMS[name](world.clock.micros, random.Random(seed))
        self.requests = max(1, len(world.deals) // self.batch)  # about, in a part
        self.faults = Faults(self.platform, seed, 1.0 if self.requests < 20 else 0.2)
        self.server = Loopback(self.faults)
        self.answers: list[Answer] = []
        self._patch = patch

    @property
    def batch(self) -> int:
        """How many conversions a request has: what is asked of a platform, or what it takes."""
        asked = {"google": 100, "webhook": 1, "webhook_lists": 20, "ga4": 1, "pipedrive": 1}
        return asked.get(self.name, self.platform.most)

    def close(self) -> None:
        """Stop the platform."""
        self.server.close()

    def tell(self, part: int) -> None:
        """Tell the platform what there is in a part: whoever dies, until nothing is open.

        The second part is left in the middle, so that the third finds things under way.
        """
        if self.trouble is not None:
            raise AssertionError(f"part {self.part + 1} failed") from self.trouble
        started = self.world.clock.at
        try:
            # of others that were told in the meantime nothing is known here
            self.world.clock.at = BEGIN + timedelta(hours=20 * (part - 1), minutes=1)
            faults = _FAULTS if self.platform.restates or self.platform.retracts else _ALL_FIRST
            self.faults.left = max(faults[part - 1], self.requests // 10)
            for _ in range(2 if part == 2 else 90):
                asked = len(self.server.asked)
                lived = self._send(deadly=self.kills.total() < 2 * part)
                if not self._wait() and lived and len(self.server.asked) == asked:
                    break  # nothing was left to be told, nor to be asked
            else:
                open_ = self.outbox("change", "state", "code", "words").value_counts(dropna=False)
                assert part == 2, f"it does not come to an end: {open_.to_dict()}"
        except Exception as error:
            self.trouble = error
            raise
        finally:
            self.world.clock.at = max(started, self.world.clock.at)
        self.part = part

    def send(self, *faults: str, wait: bool = True) -> Answer:
        """Send once, with faults of the first requests; then let the time pass until all is due again."""
        self.faults.draw(*faults)
        answer = self._sent()
        if wait:
            self._wait()
        return answer

    def die(self, moment: str) -> None:
        """Send, and die at a moment; let the time pass after which the sender counts as gone."""
        self.faults.draw()
        self.killer.arm(moment, 1)
        with suppress(Killed):
            self._sent()
        self._wait()

    def _send(self, *, deadly: bool) -> bool:
        """Send; tell whether the sender lived to the end."""
        if deadly:
            moment = self.killer.MOMENTS[self.chance.randrange(len(self.killer.MOMENTS))]
            self.killer.arm(moment, self.chance.choice((1, self.chance.randint(1, self.requests))))
        try:
            self._sent()
            return True
        except Killed as killed:
            self.kills[str(killed)] += 1
            return False
        finally:
            self.killer.disarm()

    def _sent(self) -> Answer:
        place = {"base_url": self.server.url, "login_url": self.server.url}
        for name, value in {**place, **self.platform.settings}.items():
            self._patch.setenv(f"ATTRIBUTION_SEND_{self.platform.name}_{name}".upper(), value)
        if self.name == "webhook":
            self._patch.setenv("ATTRIBUTION_SEND_WEBHOOK_BATCH", "")
        answer = self.world.store.send(self.platform.name, waits=Patience().waits())
        self.answers.append(answer)
        return answer

    def outbox(self, *names: str) -> pd.DataFrame:
        """Read what the outbox has of this platform, in its order."""
        mine = [delivery.c.destination == self.platform.name]
        if self.platform.name == "webhook":
            mine.append(delivery.c.action == self.platform.settings["action_revenue"])
        statement = select(*(delivery.c[name] for name in names)).where(*mine)
        with self.world.store.db.read() as connection:
            rows = connection.execute(statement.order_by(delivery.c.delivery_id)).all()
        return pd.DataFrame([tuple(row) for row in rows], columns=list(names))

    def _wait(self) -> bool:
        """Let the time pass after which what is open is due; tell whether anything is."""
        rows = self.outbox("state", "due_at", "settled_at", "reference", "code")
        open_ = rows[rows["state"].isin(["queued", "sent"])]
        due = [int(open_["due_at"].max())] if len(open_) else []
        if self.platform.polls:
            asked = rows[(rows["state"] == "accepted") & rows["reference"].notna() & rows["code"].isna()]
            if len(asked):
                due += [int(asked["due_at"].max()), int(asked["settled_at"].max()) + 30 * clock.MINUTE]
        if not due:
            return False
        self.world.clock.until(max(due) + clock.SECOND)
        return True

    # --- what must be -------------------------------------------------------------------------------

    def is_told(self, deal: Deal) -> bool:
        """Tell whether a deal is one that the platform takes, and may be told."""
        there = self.platform
        if there.name in ("hubspot", "pipedrive", "salesforce"):
            return there.is_mine(deal.key)  # type: ignore[attr-defined]
        return (
            deal.agrees
            and (not there.kinds or bool(deal.clicks.keys() & set(there.kinds)))
            and not (there.needs_email and not deal.email)
            and not (there.knows_currencies and deal.currency == REFUSED_CURRENCY)
        )

    def can_change(self, deal: Deal) -> bool:
        """Tell whether the platform gives a deal another value."""
        return self.platform.restates and self._is_adjusted(deal)

    def _is_adjusted(self, deal: Deal) -> bool:
        return not (self.name == "google_ads" and "wbraid" in deal.clicks)

    def expected(self, deal: Deal) -> list[str]:
        """Return the values that must count there in the end: none where it was taken back, never two."""
        told = deal.value if self.can_change(deal) else deal.amount
        if deal.value is None and self.platform.retracts and self._is_adjusted(deal):
            return []
        return [worth(deal, told or deal.amount)]

    def unchanged(self) -> int:
        """Return how many deals changed in ways that the platform cannot be told."""
        found = [deal for deal in self.world.deals if self.is_told(deal) and deal.value != deal.amount]
        lost = sum(deal.value is None for deal in found)
        return (len(found) - lost if not self.platform.restates else 0) + (
            0 if self.platform.retracts else lost
        )

    def held(self) -> dict[Any, str]:
        """Return what the platform holds, by what it knows conversions by."""
        return {
            key: _told(held.value, held.currency, held.live) for key, held in self.platform.ledger.items()
        }

    def live(self) -> dict[str, list[str]]:
        """Return the values that count there, by deal."""
        found: dict[str, list[str]] = {}
        of_click = {click: deal for deal in self.world.deals for click in deal.clicks.values()}
        for key, held in self.platform.ledger.items():
            deal = of_click[key[0]].key if isinstance(key, tuple) else key.split(":")[0]
            if held.live:
                found.setdefault(deal, []).append(_told(held.value, held.currency, True))
        return found

    def believed(self) -> dict[Any, str]:
        """Return what the outbox says that the platform holds."""
        rows = self.outbox("transaction_id", "change", "value_minor", "currency", "state", "at")
        rows = rows[rows["state"].isin(["accepted", "confirmed"])]
        click_of = {deal.key: deal.clicks for deal in self.world.deals}
        found: dict[Any, str] = {}
        for transaction, change, value, currency, _, at in rows.itertuples(index=False):
            clicks = click_of[transaction.split(":")[0]]
            click = next((clicks[kind] for kind in self.platform.kinds if kind in clicks), "")
            worth = Decimal(int(value)).scaleb(-_DECIMALS.get(currency, 2))
            found[self.platform.key(transaction, click, at)] = _told(worth, currency, change != RETRACTED)
        return found

    def strangers(self) -> set[bytes]:
        """Return what left of people who did not agree, and what left in the clear."""
        no = [deal for deal in self.world.deals if not deal.agrees]
        clicks = {click.encode() for deal in no for click in deal.clicks.values()}
        keys = {sha256(text).encode() for deal in no for text in (deal.email, deal.phone, deal.phone[1:])}
        found: set[bytes] = set()
        for asked in self.server.asked:
            found |= keys & set(_HASH.findall(asked.content))
            found |= clicks & set(re.findall(rb"Click[A-Za-z_]+\d+", asked.content))
            found |= set(re.findall(rb"person\d+@|\+447946\d+|Beside\d+", asked.content))
        return found


def _told(value: Decimal | None, currency: str, live: bool) -> str:
    return f"{Decimal(value or 0).normalize():f} {currency}" if live else RETRACTED


def worth(deal: Deal, value: Decimal) -> str:
    """Return a value of a deal as ledgers are compared."""
    return _told(value, deal.currency, True)
