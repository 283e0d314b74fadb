"""Instants, days and durations; the one place that reads the clock.

Inside the engine an instant is an integer: microseconds since 1970-01-01 UTC. Aware datetimes and
ISO 8601 appear at the doors. Tests freeze :func:`now` with freezegun.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attribution.errors import InputError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def now_micros() -> int:
    """Return the current instant in microseconds since the epoch."""
    return to_micros(now())


def to_micros(instant: datetime) -> int:
    """Turn an aware datetime into microseconds since the epoch, exactly.

    >>> to_micros(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
    True
    """
    if instant.tzinfo is None:
        raise InputError(f"{instant.isoformat()} has no offset; give one, such as {instant.isoformat()}Z")
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Turn microseconds since the epoch into an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=int(micros))


def iso(micros: int) -> str:
    """Write an instant as ISO 8601 UTC.

    >>> iso(DAY), iso(DAY + 1)
    ('1970-01-02T00:00:00Z', '1970-01-02T00:00:00.000001Z')
    """
    return from_micros(micros).isoformat().replace("+00:00", "Z")


@cache
def zone(name: str) -> ZoneInfo:
    """Return an IANA time zone by name.

    Raises:
        InputError: no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            f"unknown time zone {name!r}; allowed are IANA names such as Europe/London or UTC"
        ) from None


def day_of(number: int) -> date:
    """Return the day of a number of days since 1970-01-01.

    >>> day_of(31).isoformat()
    '1970-02-01'
    """
    return _EPOCH.date() + timedelta(days=int(number))


def day_bounds(day: date, zone_name: str) -> tuple[int, int]:
    """Return the first and the last microsecond of a day in a zone (a day may have 23 or 25 hours)."""
    tz = zone(zone_name)
    start = datetime.combine(day, time(), tz)
    after = datetime.combine(day + timedelta(days=1), time(), tz)
    return to_micros(start), to_micros(after) - 1


def parse_duration(text: str, *, least: int = 1) -> int:
    """Read a duration such as `7d`, `12h`, `30m` or `2w` into microseconds.

    Args:
        text: a number and a unit.
        least: microseconds; 0 where no time at all can be meant.

    Raises:
        InputError: no number with a unit, or less than the least.

    >>> parse_duration("7d") == 7 * DAY, parse_duration("0h", least=0)
    (True, 0)
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise InputError(
            f"{text!r} is not a duration; allowed are a number and a unit (s, m, h, d, w), such as 7d or 12h"
        )
    micros = round(Decimal(match[1]) * _UNITS[match[2]])
    if micros < least:
        raise InputError(f"{text!r} is no time at all; give a duration above 0, such as 7d or 12h")
    return micros


def duration_text(micros: int) -> str:
    """Write a duration in the largest unit that fits exactly.

    >>> duration_text(365 * DAY), duration_text(36 * HOUR)
    ('365d', '36h')
    """
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if micros % size == 0:
            return f"{micros // size}{unit}"
    return f"{(Decimal(micros) / SECOND).normalize():f}s"
