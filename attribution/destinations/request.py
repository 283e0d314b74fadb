"""What is sent, what comes back, and what that means for each conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from attribution.destinations.conversion import Conversion


@dataclass(frozen=True, slots=True)
class Request:
    """One request, without what lets it in: secrets are added when it is sent.

    Attributes:
        method: POST, PATCH, ...
        path: below the destination's `base_url`.
        body: JSON.
        conversions: those that it tells, in the order of their outcomes.
        headers, params: besides those of every request.
    """

    method: str
    path: str
    body: Any
    conversions: tuple[Conversion, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a destination answered.

    Attributes:
        status: of HTTP.
        body: JSON as Python has it; a text where it is none; None: nothing.
        headers: names in small letters.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Verdict(StrEnum):
    """What became of one conversion."""

    ACCEPTED = "accepted"  # taken; whether it is counted may come later
    CONFIRMED = "confirmed"  # counted
    DUPLICATE = "duplicate"  # it was there already: as good as accepted
    RETRY = "retry"  # not now
    REJECTED = "rejected"  # never, as it is
    UNCLEAR = "unclear"  # refused with others, and nothing says for which of them: send them apart


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a destination said of one conversion.

    Attributes:
        verdict: what follows from it.
        code: the destination's own word for it; empty where it accepted.
        words: its sentence.
        reference: what to ask by for what became of it later; empty: nothing.
        after_seconds: how long to wait at least, where that is known.
    """

    verdict: Verdict
    code: str = ""
    words: str = ""
    reference: str = ""
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a conversion is not sent at all.

    Attributes:
        code: stable: `no_click_id`, `too_old`, `future`, `no_consent`, `currency`, `cannot_retract`, ...
        words: what was received, what is allowed, what to do.
    """

    code: str
    words: str
