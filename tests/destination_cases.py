"""Cases that vendors and others recorded, and what every test of a destination begins with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attribution import clock
from attribution.destinations.conversion import Change, Consent, Conversion, Signal
from attribution.destinations.destination import Destination
from attribution.destinations.request import Request
from attribution.money import to_minor

VECTORS = Path(__file__).parents[2] / "shared" / "vectors" / "destinations"
GRANTED = Consent(Signal.GRANTED, Signal.GRANTED)
NOON = clock.to_micros(datetime.fromisoformat("2026-11-20T12:00:00Z"))
# what no destination is told, and what is not told to those that have no changes; and by which code
NEVER_TOLD: list[tuple[dict[str, Any], str]] = [
    ({"consent": Consent()}, "no_consent"),
    ({"consent": Consent(Signal.DENIED)}, "no_consent"),
    ({"at": NOON + clock.HOUR}, "future"),
    ({"clicked_at": NOON + 1}, "before_click"),
    ({"currency": None}, "currency"),
    ({"change": Change.RESTATED}, "not_restated"),
    ({"change": Change.RETRACTED}, "not_retracted"),
]

needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the third-party cases are not here")


def cases(name: str) -> list[dict[str, Any]]:
    """Read the recorded cases of one platform; none where they are absent."""
    path = VECTORS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def micros(text: str) -> int:
    """Read an instant of a case."""
    return clock.to_micros(datetime.fromisoformat(text))


def minor(amount: Any, currency: str) -> int:
    """Read an amount of a case."""
    return to_minor(Decimal(str(amount)), currency)


def conversion(**changed: Any) -> Conversion:
    """Return a deal of 5,000 pounds that was won at noon, with whatever is said otherwise."""
    given: dict[str, Any] = {
        "transaction_id": "D-1:won", "action": "987", "at": NOON, "value_minor": 500_000, "currency": "GBP",
        "consent": GRANTED,
    }  # fmt: skip
    return Conversion(**given | changed)


def why_not(destination: Destination, one: Conversion) -> str | None:
    """Return the code by which a conversion is refused beforehand, None where it is not."""
    found = destination.refusal(one, NOON)
    return found and found.code


def request_of(destination: Destination, one: Conversion, number: int) -> Request:
    """Return the request that tells a conversion so many times, each under an id of its own."""
    [request] = destination.requests([replace(one, transaction_id=f"D-{n}") for n in range(number)])
    return request
