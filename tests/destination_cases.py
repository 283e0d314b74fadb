"""Cases that vendors and others recorded, and what every test of a destination begins with."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from attribution import clock
from attribution.destinations.conversion import Consent, Conversion, Signal
from attribution.money import to_minor

VECTORS = Path(__file__).parents[2] / "shared" / "vectors" / "destinations"
GRANTED = Consent(Signal.GRANTED, Signal.GRANTED)
NOON = clock.to_micros(datetime.fromisoformat("2026-11-20T12:00:00Z"))

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
