"""Telling a destination: what fails in passing is told again, who is refused with others is found by halves.

And it is noticed when going on is of no use: nobody is let in, nothing is taken, or everything is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.errors import PullError
from attribution.pulls.http import Waits

REPEATS: Final = 4  # of a request that fails in passing, before it is left to the next `send`
_LONGEST_WAIT: Final = 60.0  # seconds that are waited for at once
_PASSING: Final = frozenset({408, 425, 429})  # and all from 500 on
_NO_ROOM: Final = 507  # whoever says so has kept nothing
_NOT_LET_IN: Final = frozenset({401, 403})
_PARTS: Final = 64  # requests, none of which is taken, by which the guilty ones of one are looked for


CUT: Final = "cut"  # codes of ours: the connection broke, and nobody knows whether the request was read
MALFORMED: Final = "malformed"  # nobody can read what came back
UNREACHABLE: Final = "unreachable"  # nothing left this machine


class CutError(Exception):
    """The connection broke.

    Attributes:
        reached: whether there was one: then nothing says whether the request was read.
    """

    def __init__(self, words: str, *, reached: bool = True) -> None:
        super().__init__(words)
        self.reached = reached


class Sender(Protocol):
    """Takes a request to its destination."""

    def send(self, request: Request) -> Reply:
        """Return what came back.

        Raises:
            CutError: nothing did.
        """
        ...

    def clean(self, text: str) -> str:
        """Return what a destination says without any secret."""
        ...


@dataclass(frozen=True)
class Told:
    """What became of some conversions that were told together.

    Attributes:
        conversions, outcomes: in the same order.
        digest: of the body.
        doubtful: whether what is to be told again may be there already.
    """

    conversions: Sequence[Conversion]
    outcomes: Sequence[Outcome]
    digest: str
    doubtful: bool = False


class Telling:
    """Tells requests to a destination.

    Args:
        destination: which reads replies, and writes smaller requests.
        sender: takes requests there.
        waits: how to wait between two tries; None: nothing is tried twice.

    Attributes:
        closed: why nothing more is to be told now, in the destination's words; empty: go on.
        shut_out: whether that is because it lets nobody in.
    """

    def __init__(self, destination: Destination, sender: Sender, waits: Waits | None = None) -> None:
        self._destination, self._sender, self._waits = destination, sender, waits
        self.closed = ""
        self.shut_out = False
        self._parts = 0
        self._hold: Callable[[], bool] = lambda: True

    def tell(self, request: Request, hold: Callable[[], bool] = lambda: True) -> Iterator[Told]:
        """Tell a request, and yield what became of its conversions.

        Of some nothing is yielded, where it is of no use to go on: these were not told.

        Args:
            request: as the destination wrote it.
            hold: called before anything leaves; False: the conversions are somebody else's by now.

        Raises:
            PullError: nobody is let in, and nothing left before that.
        """
        self._parts, self._hold = _PARTS, hold
        yield from self._halved(request, False)
        if self._parts <= 0 and not self.closed:
            self.closed = "it refuses one after the other"

    def _halved(self, request: Request, doubtful: bool) -> Iterator[Told]:
        self._parts -= 1
        told = self._once(request, doubtful)
        if told is None:
            return
        clear = [place for place, one in enumerate(told.outcomes) if one.verdict is not Verdict.UNCLEAR]
        if any(told.outcomes[place].verdict not in (Verdict.REJECTED, Verdict.RETRY) for place in clear):
            self._parts = _PARTS  # some are taken, so it is worth while to look for them
        if clear:
            yield _part(told, clear)
        unclear = [
            one for one, how in zip(told.conversions, told.outcomes, strict=True)
            if how.verdict is Verdict.UNCLEAR
        ]  # fmt: skip
        if len(unclear) == 1 and len(told.conversions) == 1:
            raise AssertionError(f"{self._destination.name} calls the fate of a single conversion unclear")
        half = (len(unclear) + 1) // 2
        # where some were named, the others may be well without them
        parts = (unclear,) if clear else (unclear[:half], unclear[half:])
        for part in filter(None, parts):
            for smaller in self._destination.requests(part):
                if self._parts > 0 and not self.closed:
                    yield from self._halved(smaller, told.doubtful)

    def _once(self, request: Request, doubtful: bool) -> Told | None:
        """Tell a request, again and again where it fails in passing.

        What was read once may be there, whatever is answered to it later.
        """
        digest = hashlib.sha256(json.dumps(request.body, sort_keys=True, default=str).encode()).hexdigest()
        repeats = REPEATS if self._waits is not None else 0
        told: Told | None = None
        for number in range(repeats + 1):
            if not self._hold():
                self.closed = "somebody else goes on with it"
                return told
            try:
                status, outcomes = self._answered(request)
            except PullError as error:
                if told is None or not doubtful:
                    raise
                self.closed, self.shut_out = self._sender.clean(str(error)), True
                return told
            doubtful |= _is_doubtful(status, outcomes)
            told = Told(request.conversions, outcomes, digest, doubtful)
            if not _is_shut(status, outcomes):
                return told
            passes = status is None or status in _PASSING or status >= 500 or 200 <= status < 300
            wait = max(2.0**number, outcomes[0].after_seconds or 0.0)
            if not passes or wait > _LONGEST_WAIT or number == repeats:
                break
            self._wait(wait, outcomes[0])
        first = outcomes[0]
        # some platforms say 403 where it is too much: REQUEST_LIMIT_EXCEEDED, RATE_LIMIT_EXCEEDED
        self.shut_out = status in _NOT_LET_IN and "LIMIT" not in first.code.upper()
        self.closed = self._sender.clean(": ".join(filter(None, (first.code or str(status), first.words))))
        return told

    def _answered(self, request: Request) -> tuple[int | None, list[Outcome]]:
        """Return the status (None: nothing came back), and what it means for each conversion."""
        number = len(request.conversions)
        try:
            reply = self._sender.send(request)
        except CutError as error:
            code = CUT if error.reached else UNREACHABLE
            return None, [Outcome(Verdict.RETRY, code, str(error))] * number
        outcomes = self._destination.outcomes(request, reply)
        if len(outcomes) != number:
            words = f"the reply tells of {len(outcomes)} conversions, {number} were sent"
            outcomes = [Outcome(Verdict.RETRY, MALFORMED, words)] * number
        return reply.status, outcomes

    def _wait(self, seconds: float, why: Outcome) -> None:
        assert self._waits is not None
        words = self._sender.clean(why.words or why.code)
        self._waits.tell(f"{self._destination.label}: waiting {seconds:.0f} s ({words})")
        self._waits.sleep(seconds)


def _is_shut(status: int | None, outcomes: Sequence[Outcome]) -> bool:
    """Tell whether a request was not taken for no reason of its own: the next one would not be either."""
    if any(one.verdict is not Verdict.RETRY for one in outcomes):
        return False
    codes = {one.code for one in outcomes}
    failed = status is None or not 200 <= status < 300 or MALFORMED in codes
    return failed or (len(outcomes) > 1 and len(codes) == 1)


def _is_doubtful(status: int | None, outcomes: Sequence[Outcome]) -> bool:
    """Tell whether a request may have been read although nobody says so."""
    if status is None:
        return any(one.code == CUT for one in outcomes)
    if any(one.code == MALFORMED for one in outcomes):
        return True
    return status == 408 or (status >= 500 and status != _NO_ROOM)


def _part(told: Told, places: Sequence[int]) -> Told:
    if len(places) == len(told.conversions):
        return told
    conversions = [told.conversions[place] for place in places]
    return Told(conversions, [told.outcomes[place] for place in places], told.digest, told.doubtful)
