"""Names and times for many rows at once: unique hexadecimal codes, ISO 8601 texts, working hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from attribution.simulate.world import DAY

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

_HOURS: Final = np.array(
    [1, 0, 0, 0, 0, 1, 3, 8, 20, 34, 38, 34, 24, 28, 36, 36, 32, 22, 13, 10, 9, 8, 5, 2], float
)
_FORTY_BITS: Final = np.uint64(2**40 - 1)


def texts(values: list[str]) -> Texts:
    """Make an array of texts that can be picked from by number."""
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def codes(numbers: Ints, salt: int) -> list[str]:
    """Write numbers below 2**40 as ten hexadecimal digits that look random; different numbers never meet.

    >>> codes(np.arange(2), 7) == codes(np.arange(2), 7), len(set(codes(np.arange(5000), 7)))
    (True, 5000)
    """
    # an odd factor and a shift onto itself are both one-to-one on 40 bits
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F) + np.uint64(salt % 2**32) * np.uint64(
        0x632BE59BD9
    )
    for factor in (0xD6E8FEB867, 0xA0761D64A5):
        mixed &= _FORTY_BITS
        mixed ^= mixed >> np.uint64(19)
        mixed *= np.uint64(factor)
    mixed &= _FORTY_BITS
    mixed ^= mixed >> np.uint64(21)
    return [f"{number:010x}" for number in mixed.tolist()]


def utc(seconds: Ints) -> list[str]:
    """Write seconds since the epoch as ISO 8601 in UTC."""
    return [f"{text}Z" for text in np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()]


def days_text(seconds: Ints) -> list[str]:
    """Write the UTC day of seconds since the epoch."""
    made: list[str] = np.datetime_as_string(seconds.astype("datetime64[s]"), unit="D").tolist()
    return made


def local(seconds: Ints, hours_east: Ints) -> list[str]:
    """Write seconds since the epoch in Europe's local time, with its offset.

    `hours_east` is the winter's: 0 in Britain, 1 in Germany.

    >>> local(np.array([1735689600, 1751328000]), np.array([0, 1]))
    ['2025-01-01T00:00:00+00:00', '2025-07-01T02:00:00+02:00']
    """
    offset = hours_east + in_summer(seconds)
    walls = np.datetime_as_string((seconds + offset * 3600).astype("datetime64[s]")).tolist()
    return [f"{wall}+0{hours}:00" for wall, hours in zip(walls, offset.tolist(), strict=True)]


def in_summer(seconds: Ints) -> Ints:
    """Tell (0 or 1) whether Europe's clocks stand on summer time.

    They go from the last Sunday of March, 1:00 UTC, to the last Sunday of October, 1:00 UTC.
    """
    year = seconds.astype("datetime64[s]").astype("datetime64[Y]")
    bounds = []
    for after_month in (3, 10):
        first_after = (year + np.timedelta64(0, "Y")).astype("datetime64[M]") + np.timedelta64(
            after_month, "M"
        )
        day = first_after.astype("datetime64[D]").astype(np.int64) - 1
        bounds.append(
            (day - (day + 4) % 7) * DAY + 3600
        )  # day 0 was a Thursday: (day + 4) % 7 is 0 on Sundays
    return ((seconds >= bounds[0]) & (seconds < bounds[1])).astype(np.int64)


def at_work(rng: np.random.Generator, days: Ints, weekends: float) -> Ints:
    """Give days (since the epoch) a time, mostly in working hours; most weekends move to Monday.

    `weekends` is the share of them that stays.
    """
    weekday = (days + 3) % 7  # 0 is Monday
    moved = (weekday >= 5) & (rng.random(len(days)) >= weekends)
    hour = rng.choice(24, len(days), p=_HOURS / _HOURS.sum())
    return np.where(moved, days + 7 - weekday, days) * DAY + hour * 3600 + rng.integers(0, 3600, len(days))


def frame(columns: Mapping[str, object]) -> pd.DataFrame:
    """Put texts side by side as Python objects: turning them into another kind takes longer than all else."""
    return pd.DataFrame(columns, dtype=object)


def pick(names: tuple[str, ...], numbers: Any) -> Texts:
    """Pick names by number."""
    picked: Texts = texts(list(names))[np.asarray(numbers, dtype=np.int64)]
    return picked
