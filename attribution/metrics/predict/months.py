"""The month-ends at which leads are looked back on, and how far ahead is looked from each."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np

from attribution import clock
from attribution.errors import InputError
from attribution.metrics.facts import NEVER
from attribution.metrics.periods import add_months
from attribution.metrics.predict.records import Records
from attribution.store.columns import Ints

LONGEST: Final = 24  # months ahead
MOST: Final = 36  # month-ends looked back on: what was true long ago is no guide
_MONTH_DAYS: Final = 365.25 / 12
_CLOSED_BY_THEN: Final = 0.8


def month_ends(first: int, last: int, timezone: str) -> Ints:
    """Return the last microseconds of the months from that of one instant, up to another instant.

    >>> from attribution.clock import DAY
    >>> (month_ends(0, 60 * DAY, "UTC") // DAY).tolist()
    [30, 58]
    """
    zone = clock.zone(timezone)
    day = clock.from_micros(first).astimezone(zone).date().replace(day=1)
    found: list[int] = []
    while True:
        day = add_months(day, 1)
        end = clock.day_bounds(day - timedelta(days=1), timezone)[1]
        if end > last:
            return np.array(found, np.int64)
        found.append(end)


def read_horizon(horizon: str | int | None) -> int | None:
    """Read how many months ahead is looked; None where nothing is said.

    Raises:
        InputError: not a whole number of months from 1 to 24.

    >>> read_horizon("3"), read_horizon("6 months")
    (3, 6)
    """
    if horizon is None:
        return None
    text = str(horizon).strip().lower().removesuffix("months").removesuffix("month").strip()
    if not text.isdecimal() or not 1 <= int(text) <= LONGEST:
        raise InputError(
            f"horizon {horizon!r} cannot be used; allowed are whole months from 1 to {LONGEST}, such as 3"
        )
    return int(text)


def usual_horizon(records: Records, as_of: int) -> int:
    """Return the whole months within which 80 % of the won deals closed after their lead was created.

    1 where none was won; at most 24.
    """
    deals = records.deals[(records.deals["won"] == 1) & (records.deals["closed"] <= as_of)]
    created = records.leads["created"].to_numpy(np.int64)[deals["lead"].to_numpy(np.int64)]
    took = deals["closed"].to_numpy(np.int64) - created
    took = took[(took >= 0) & (created < NEVER)]
    if not len(took):
        return 1
    days = float(np.quantile(took, _CLOSED_BY_THEN)) / clock.DAY
    return int(min(max(np.ceil(days / _MONTH_DAYS), 1), LONGEST))


def months_text(months: int) -> str:
    """Write a number of months.

    >>> months_text(1), months_text(3)
    ('1 month', '3 months')
    """
    return f"{months} month{'' if months == 1 else 's'}"
