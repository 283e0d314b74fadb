"""What is read the same way from everybody's replies: objects, waits, refusals of a whole request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from attribution.destinations.request import Outcome, Reply, Request, Verdict

_BAD_REQUEST: Final = 400
# of the door and not of what was brought to it: not let in, no such account or version, too many, too slow
_NOT_THE_CONVERSIONS: Final = frozenset({401, 403, 404, 405, 408, 410, 425, 426, 429})


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object of JSON, an empty one where it is something else."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list, none where it is something else."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def after_seconds(reply: Reply) -> float | None:
    """Return how long a reply asks to wait; a date is not read, since that takes a clock.

    >>> after_seconds(Reply(429, headers={"retry-after": "30"})), after_seconds(Reply(429))
    (30.0, None)
    """
    text = str(reply.headers.get("retry-after", "")).strip()
    return float(text) if text.isascii() and text.isdigit() else None


def passing(reply: Reply) -> bool:
    """Tell whether a refusal ends with its reason: overload, or access that somebody has to mend."""
    return reply.status in _NOT_THE_CONVERSIONS or reply.status >= 500 or reply.status < 400


def whole(request: Request, reply: Reply, code: str, words: str, *, again: bool = False) -> list[Outcome]:
    """Return what follows for all conversions of a request that was refused as one.

    What has nothing to do with them is tried again; what has is the fault of the one that stands alone, and
    of nobody in particular where there are several.

    Args:
        request: as it was sent.
        reply: what came back.
        code: the platform's word; empty: the status.
        words: its sentence.
        again: whether its word says that it passes, whatever the status.

    >>> from attribution.destinations.conversion import Conversion
    >>> two = Request("POST", "/", {}, (Conversion("1", "won", 0), Conversion("2", "won", 0)))
    >>> [str(one.verdict) for one in whole(two, Reply(400), "", "")]
    ['unclear', 'unclear']
    >>> [str(one.verdict) for one in whole(two, Reply(503), "", "")]
    ['retry', 'retry']
    """
    number = len(request.conversions)
    verdict = Verdict.REJECTED if number == 1 else Verdict.UNCLEAR
    if again or passing(reply):
        verdict = Verdict.RETRY
    wait = after_seconds(reply) if verdict is Verdict.RETRY else None
    return [Outcome(verdict, code or str(reply.status), words, after_seconds=wait)] * number


def refused(request: Request, reply: Reply, code: str, words: str, *, again: bool = False) -> list[Outcome]:
    """Return what follows where a reply refuses in its words, with success as its status or without.

    Args:
        request: as it was sent.
        reply: what came back.
        code: the platform's word; empty: the status.
        words: its sentence.
        again: whether its word says that it passes.

    >>> from attribution.destinations.conversion import Conversion
    >>> one = Request("POST", "/", {}, (Conversion("1", "won", 0),))
    >>> [str(refused(one, Reply(status), "bad", "")[0].verdict) for status in (200, 302, 400, 503)]
    ['rejected', 'retry', 'rejected', 'retry']
    """
    said = replace(reply, status=_BAD_REQUEST) if 200 <= reply.status < 300 else reply
    return whole(request, said, code, words, again=again)


def but_for(request: Request, guilty: Mapping[int, Outcome], code: str, words: str) -> list[Outcome]:
    """Return what follows where some had a whole request refused: the others go again without these.

    >>> from attribution.destinations.conversion import Conversion
    >>> two = Request("POST", "/", {}, (Conversion("1", "won", 0), Conversion("2", "won", 0)))
    >>> [str(one.verdict) for one in but_for(two, {1: Outcome(Verdict.REJECTED)}, "", "")]
    ['unclear', 'rejected']
    """
    others = Outcome(Verdict.UNCLEAR, code, words)
    return [guilty.get(place, others) for place in range(len(request.conversions))]


def malformed(request: Request, reply: Reply) -> list[Outcome]:
    """Return what follows where nobody can tell what became of a request: it goes again, by the same ids."""
    return whole(
        request, reply, "malformed", f"status {reply.status} with no answer that can be read", again=True
    )
