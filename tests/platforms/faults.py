"""What goes wrong between a sender and a platform, before a request was read and after."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

from loopback import CLOSED, Answer, Asked

from platforms.base import Platform

BEFORE = ("reset", "busy", "html", "throttled", "expired")
_BROKEN = {"applied, reset": "closed", "applied, cut": "cut", "applied, no json": "text"}
AFTER = tuple(_BROKEN)
PARTLY = "in part"
GATEWAY = "applied, gateway"  # a proxy gave up on a request that arrived
_LOGIN = 0.1  # how likely there is no token at first
KINDS = (*BEFORE, *AFTER, GATEWAY, PARTLY)


class Faults:
    """A platform on bad days: what goes wrong, and when, is drawn from a seeded random, or said.

    Each kind of fault is met once before any is met again, and nothing goes wrong for ever.

    Attributes:
        rate: how likely a request meets a fault.
        left: how many faults there are still to be met; below nothing, all goes well.
        met: how often each was met.
    """

    def __init__(self, platform: Platform, seed: int, rate: float) -> None:
        self.platform, self.rate, self.left = platform, rate, 0
        self._login = _LOGIN
        self._chance = random.Random(seed)
        self._deck: list[str] = []
        self.met: Counter[str] = Counter()

    def draw(self, *faults: str) -> None:
        """Let the next requests meet these, and those after them none; tokens are given all the time."""
        self._deck, self.left, self.rate, self._login = [*reversed(faults)], len(faults), 1.0, 0.0

    def _next(self) -> str:
        """Draw the next fault."""
        if not self._deck:
            self._deck = list(KINDS)
            self._chance.shuffle(self._deck)
        return self._deck.pop()

    def __call__(self, asked: Asked) -> Any:
        """Answer a request, or do not."""
        login = bool(self.platform.logs_in) and asked.path == self.platform.logs_in
        if self.left <= 0 or self._chance.random() >= (self._login if login else self.rate):
            return self.platform(asked)
        self.left -= not login
        fault = "html" if login else self._next()
        self.met[fault] += 1
        if fault in (*AFTER, GATEWAY):
            answer = self.platform(asked)
            if fault == GATEWAY:
                return Answer(b"<html><h1>504 Gateway Time-out", 504)
            if not isinstance(answer, Answer):
                answer = Answer(answer)
            return replace(answer, broken=_BROKEN[fault])
        if fault == PARTLY:
            self.platform.fails = 0.3
            try:
                return self.platform(asked)
            finally:
                self.platform.fails = 0.0
        if fault == "expired":
            if self.platform.logs_in:
                self.platform.expire()
                return self.platform(asked)
            return CLOSED
        if fault == "reset":
            return CLOSED
        if fault == "busy":
            return Answer({}, 429, {"Retry-After": str(self._chance.randint(1, 90))})
        if fault == "throttled":
            return self.platform.throttled()
        return Answer(b"<html><h1>Service Unavailable", self._chance.choice((500, 502, 503)))
