"""Fields, amounts and instants as several platforms want them written, and settings that are yes or no."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attribution import clock
from attribution.errors import InputError

_ANSWERS: Final = {"yes": True, "no": False, "": False}


def told(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something: those that are empty are left out.

    >>> told({"url": "https://shop.test/", "referrer": "", "em": []})
    {'url': 'https://shop.test/'}
    """
    return {name: value for name, value in fields.items() if value}


def number(value: Decimal) -> int | float:
    """Return an amount as JSON's number: whole where the currency has no decimals, else the nearest float.

    Up to fifteen digits that float prints as the very decimals that were given.

    >>> number(Decimal("19.99")), number(Decimal("5000"))
    (19.99, 5000)
    """
    return int(value) if value.as_tuple().exponent == 0 else float(value)


def two_decimals(value: Decimal) -> str:
    """Write an amount with two decimals, or with the three that a currency has.

    >>> two_decimals(Decimal("5000.00")), two_decimals(Decimal("1999")), two_decimals(Decimal("0.125"))
    ('5000.00', '1999.00', '0.125')
    """
    text = f"{value:f}"
    return text if len(text.partition(".")[2]) > 2 else f"{value:.2f}"


def millis(micros: int) -> int:
    """Return an instant in milliseconds since 1970 UTC, what is less being dropped.

    >>> millis(1_767_225_600_123_999)
    1767225600123
    """
    return micros // 1000


def iso_millis(micros: int) -> str:
    """Write an instant as ISO 8601 in UTC with milliseconds.

    >>> iso_millis(1_767_225_600_123_999)
    '2026-01-01T00:00:00.123Z'
    """
    return clock.from_micros(micros).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_yes(name: str, text: str) -> bool:
    """Read a setting that is yes or no; empty is no.

    Raises:
        InputError: it is neither.

    >>> is_yes("externally_attributed", "yes")
    True
    """
    if text not in _ANSWERS:
        raise InputError(f"{name} is {text!r}; allowed are yes and no")
    return _ANSWERS[text]
