"""What all platforms on this machine have in common: a ledger of what they hold, a door, and events to take.

They are written from what the platforms say of themselves, not from what is sent to them here: what one of
them would refuse or drop is refused or dropped here too, in its own words.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from loopback import Answer, Asked

from attribution.clock import DAY, SECOND

HASH = re.compile(r"[0-9a-f]{64}")
REFUSED_CURRENCY = "KPW"  # of a country that nobody advertises in
CURRENCIES = ("GBP", "EUR", "JPY", "KWD")


@dataclass
class Held:
    """What a platform holds of a conversion: its value (in major units), and whether it still counts."""

    value: Decimal | None
    currency: str = ""
    click: str = ""
    live: bool = True
    told_at: str = ""  # when it last changed, where the platform goes by that


class Refused(Exception):
    """An event that a platform does not take, and its words for that."""

    def __init__(self, code: str, words: str = "", *, again: bool = False) -> None:
        super().__init__(f"{code}: {words}")
        self.code, self.words, self.again = code, words, again


class Platform:
    """One platform. A subclass takes requests and writes its own errors.

    Attributes:
        name: of the destination.
        told_as: of the section of its settings, where that is another.
        settings: what has to be known of it here.
        kinds: click ids that it gave; empty: it goes by none.
        needs_email: whether a click alone is not enough for it.
        restates, retracts: what it can be told of what it has.
        logs_in: the path at which it gives tokens; empty: a secret is always the same.
        polls: whether it says only later what became of what it took.
        ledger: transaction -> what it holds.
    """

    name: ClassVar[str]
    settings: ClassVar[Mapping[str, str]] = {}
    kinds: ClassVar[tuple[str, ...]] = ()
    needs_email: ClassVar[bool] = False
    minds_consent: ClassVar[bool] = True
    knows_currencies: ClassVar[bool] = True
    restates: ClassVar[bool] = False
    retracts: ClassVar[bool] = False
    logs_in: ClassVar[str] = ""
    polls: ClassVar[bool] = False
    most: ClassVar[int] = 1_000  # that a request may have

    def __init__(self, now: Callable[[], int], chance: random.Random) -> None:
        self.now, self.chance = now, chance
        self.ledger: dict[Any, Held] = {}
        self.words: list[str] = []  # why something was refused
        self.fails = 0.0  # how likely an event fails in passing
        self._tokens = 0

    def __call__(self, asked: Asked) -> Any:
        """Answer a request."""
        if self.logs_in and asked.path == self.logs_in:
            return self.log_in(asked)
        if not self.lets_in(asked):
            return self.stranger()
        try:
            return self.take(asked)
        except Refused as refused:
            self.words.append(str(refused))
            return self.refuse(refused)

    # --- what each platform has its own of ----------------------------------------------------------

    def lets_in(self, asked: Asked) -> bool:
        """Tell whether a request has what lets it in."""
        return asked.headers.get("authorization") == f"Bearer {self.token}"

    def stranger(self) -> Answer:
        """Answer a request that has not."""
        raise NotImplementedError

    def take(self, asked: Asked) -> Any:
        """Answer a request that is let in."""
        raise NotImplementedError

    def refuse(self, refused: Refused) -> Answer:
        """Answer a request that is refused as a whole."""
        raise NotImplementedError

    def throttled(self) -> Answer:
        """Answer one request too many."""
        raise NotImplementedError

    def key(self, transaction: str, click: str, at: int) -> Any:
        """Return what it knows a conversion by."""
        return transaction

    # --- tokens -------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        """What lets a request in."""
        return f"word-{self._tokens}" if self.logs_in else self.settings["access_token"]

    def log_in(self, asked: Asked) -> Any:
        """Give another token; the one before is none any more."""
        wanted = {name: self.settings[name] for name in ("client_id", "client_secret", "refresh_token")}
        if asked.method != "POST" or asked.body.get("grant_type") != "refresh_token" or any(
            asked.body.get(name) != value for name, value in wanted.items()
        ):  # fmt: skip
            return Answer({"error": "invalid_grant", "error_description": "no such token"}, 400)
        self._tokens += 1
        return {"access_token": self.token, "token_type": "Bearer", "expires_in": 3599}

    def expire(self) -> None:
        """Let the token be none any more."""
        self._tokens += 1

    # --- what events are tried by -------------------------------------------------------------------

    def stumbles(self) -> bool:
        """Tell whether an event fails in passing."""
        return self.fails > 0 and self.chance.random() < self.fails

    def hold(self, transaction: Any, value: Decimal | None, currency: str, click: str = "") -> bool:
        """Hold a conversion unless it is there already; tell whether it is new."""
        if transaction in self.ledger:
            return False
        self.ledger[transaction] = Held(value, currency, click)
        return True

    def checked_currency(self, code: Any) -> str:
        """Return a currency that is one."""
        if code not in CURRENCIES:
            raise Refused("currency", f"{code} is not supported")
        return str(code)

    def checked_time(self, at: Any, unit: int, days: int | None = None) -> int:
        """Return an instant in microseconds that lies in the past, and not too far."""
        if not isinstance(at, int) or isinstance(at, bool):
            raise Refused("time", f"{at!r} is not a whole number")
        micros = at * unit
        if not 0 < micros <= self.now() + 60 * SECOND:
            raise Refused("time", f"{at} is in the future, or in other units")
        if micros < self.now() - (days or 400) * DAY:
            raise Refused("time", f"{at} is too old, or in other units")
        return micros


def number(value: Any) -> Decimal:
    """Return an amount that is a number of JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Refused("value", f"{value!r} is not a number")
    return Decimal(str(value))


def text_number(value: Any) -> Decimal:
    """Return an amount that is a text of JSON."""
    if not isinstance(value, str) or not re.fullmatch(r"\d+(\.\d+)?", value):
        raise Refused("value", f"{value!r} is not a decimal text")
    return Decimal(value)


def hashes(values: Any, *, required: bool = False) -> list[str]:
    """Return match keys, each of which is a hash."""
    found = [values] if isinstance(values, str) else values or []
    if any(not HASH.fullmatch(str(one)) for one in found) or (required and not found):
        raise Refused("match key", "a match key is not hashed, or there is none")
    return [str(one) for one in found]


def needed(event: Mapping[str, Any], *names: str) -> None:
    """Refuse an event that lacks something."""
    lacking = [name for name in names if event.get(name) in (None, "", [], {})]
    if lacking:
        raise Refused("missing", ", ".join(lacking))
