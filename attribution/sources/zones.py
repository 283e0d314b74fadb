"""Wall-clock times of a zone to instants and back, vectorised: one look-up a day, not one a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from attribution.clock import DAY, HOUR, SECOND, zone

Micros = npt.NDArray[np.int64]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARGIN = 16 * HOUR  # no zone was ever further than this from UTC


def to_utc(local: Micros, zone_name: str) -> Micros:
    """Turn wall-clock microseconds into instants.

    A time that the clocks show twice is its first reading; one that they skip is the moment of change.

    >>> spring, autumn = 1711848600 * SECOND, 1729992600 * SECOND  # 01:30 on 31 March and 27 October 2024
    >>> (to_utc(np.array([spring, autumn]), "Europe/London") // SECOND).tolist()
    [1711846800, 1729989000]
    """

    def convert(change: Micros, before: Micros, after: Micros) -> Micros:
        late = np.where(local < change + after, change, local - after)
        return np.where(local < change + before, local - before, late)

    return _by_day(local, zone_name, convert)


def to_local(instants: Micros, zone_name: str) -> Micros:
    """Turn instants into the wall-clock microseconds of a zone."""

    def convert(change: Micros, before: Micros, after: Micros) -> Micros:
        return instants + np.where(instants < change, before, after)

    return _by_day(instants, zone_name, convert)


def day_starts(days: npt.NDArray[np.int64], zone_name: str) -> Micros:
    """Return the first instant of each day (days since 1970-01-01) in a zone.

    >>> (np.diff(day_starts(np.array([19812, 19813, 19814]), "Europe/London")) // HOUR).tolist()
    [24, 23]
    """
    return to_utc(days * DAY, zone_name)


def _by_day(times: Micros, zone_name: str, convert: Callable[[Micros, Micros, Micros], Micros]) -> Micros:
    if zone_name == "UTC" or len(times) == 0:
        return times
    days, of_row = np.unique(times // DAY, return_inverse=True)
    changes = np.array([_change(zone_name, day) for day in days.tolist()], dtype=np.int64)
    change, before, after = changes[of_row].T
    return convert(change, before, after)


@lru_cache(maxsize=100_000)
def _change(zone_name: str, day: int) -> tuple[int, int, int]:
    """Return the change of clocks around a day: its instant, and the offsets before and after it.

    Where the clocks do not change, both offsets are the same and the instant says nothing. Changes are
    weeks apart, so comparing the offsets at both ends of the day and its margins finds every one.
    """
    low, high = day * DAY - _MARGIN, (day + 1) * DAY + _MARGIN
    before, after = _offset(low, zone_name), _offset(high, zone_name)
    if before != after:
        while high - low > SECOND:
            middle = (low + high) // 2 // SECOND * SECOND
            if _offset(middle, zone_name) == before:
                low = middle
            else:
                high = middle
    return high, before, after


def _offset(instant: int, zone_name: str) -> int:
    there = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone(zone_name))
    offset = there.utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)
