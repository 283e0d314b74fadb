"""ISO 8601 texts to instants and days, vectorised and strict.

Allowed are a date, or a date and a time parted by `T` or a space: hours and minutes, then if wanted seconds
and up to nine digits of a fraction (cut to microseconds), then `Z`, an offset (`+02:00`, `+0200`, `+02`) or
nothing. Years 1900 to 2200.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.clock import DAY
from attribution.sources.batch import text_offsets
from attribution.sources.checked import Checked, Mask, Problem, given, mask_of, numbers
from attribution.sources.zones import Micros, day_starts, to_local, to_utc

_MIN_MICROS = -25_567 * DAY  # 1900-01-01
_MAX_MICROS = 84_371 * DAY  # 2201-01-01
_DATE = r"^(?:1[7-9]\d\d|2[01]\d\d|22[0-4]\d)-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
_OFFSET = r"(?:Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)"
_BAD_TIME = "allowed is ISO 8601, such as 2024-05-03T14:30:00Z or 2024-05-03, from 1900 to 2200"
_BAD_DATE = "allowed is a date such as 2024-05-03, from 1900 to 2200"
_NAIVE = "it has no offset, so add one (Z, +02:00) or name its zone with --timezone, such as Europe/London"
_DAYS_IN_MONTH = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@dataclass(frozen=True)
class _Read:
    """Texts read: which rows are dates, naive times and times with an offset.

    `micros` is what the clock shows; for times with an offset it is the instant itself.
    """

    date: Mask
    naive: Mask
    zoned: Mask
    micros: Micros


def instants(texts: pa.Array, timezone: str | None, day_zone: str, bare_date: str) -> tuple[Checked, Micros]:
    """Read instants (int64 microseconds); the second result has the last microsecond of each bare date.

    Args:
        texts: trimmed `string` values.
        timezone: zone of times without an offset; None makes them a problem (`naive_time`).
        day_zone: zone whose days bare dates mean.
        bare_date: "start" or "end" of the day.

    >>> instants(pa.array(["1970-01-02"]), None, "UTC", "end")[0].values.to_pylist()
    [172799999999]
    """
    read = _read(texts)
    values, ends = read.micros.copy(), read.micros.copy()
    valid = read.zoned | read.date
    naive_problem = np.zeros(len(texts), dtype=bool)
    if read.date.any():
        days = read.micros[read.date] // DAY
        values[read.date] = day_starts(days, day_zone)
        ends[read.date] = day_starts(days + 1, day_zone) - 1
        if bare_date == "end":
            values[read.date] = ends[read.date]
    if read.naive.any():
        if timezone is None:
            naive_problem = read.naive
        else:
            valid |= read.naive
            values[read.naive] = to_utc(read.micros[read.naive], timezone)
            ends[read.naive] = values[read.naive]
    bad = given(texts) & ~valid & ~naive_problem
    problems = [Problem(bad, "bad_time", _BAD_TIME), Problem(naive_problem, "naive_time", _NAIVE)]
    return Checked(numbers(values, valid), problems), ends


def days(texts: pa.Array, day_zone: str) -> Checked:
    """Read dates (int32 days since 1970-01-01); a time counts for its day, in `day_zone` if it has an offset.

    >>> days(pa.array(["1970-01-02", "1970-01-02T23:30:00Z"]), "Europe/Paris").values.to_pylist()
    [1, 2]
    """
    read = _read(texts)
    local = read.micros
    if read.zoned.any():
        local = local.copy()
        local[read.zoned] = to_local(read.micros[read.zoned], day_zone)
    valid = read.date | read.naive | read.zoned
    values = numbers((local // DAY).astype(np.int32), valid)
    return Checked(values, [Problem(given(texts) & ~valid, "bad_time", _BAD_DATE)])


def _read(texts: pa.Array) -> _Read:
    date, naive, zoned = _shapes(texts)
    micros = np.zeros(len(texts), dtype=np.int64)
    nanos_utc, zoned = _cast(texts, zoned, pa.timestamp("ns", "UTC"), _DATE + _TIME + _OFFSET + "$")
    micros[zoned] = nanos_utc[zoned] // 1_000
    nanos, naive = _cast(texts, naive, pa.timestamp("ns"), _DATE + _TIME + "$")
    micros[naive] = nanos[naive] // 1_000
    day, date = _cast(texts, date, pa.date32(), _DATE + "$")
    micros[date] = day[date] * DAY
    in_range = (micros >= _MIN_MICROS) & (micros < _MAX_MICROS)
    return _Read(date & in_range, naive & in_range, zoned & in_range, micros)


def _shapes(texts: pa.Array) -> tuple[Mask, Mask, Mask]:
    """Tell dates, times and times with an offset apart by their length and a few of their bytes."""
    valid = given(texts)
    data, offsets = texts.buffers()[2], texts.buffers()[1]
    if len(texts) == 0 or data is None or offsets is None:
        nothing = np.zeros(len(texts), dtype=bool)
        return nothing, nothing, nothing
    held = np.frombuffer(data, dtype=np.uint8)
    edges = text_offsets(texts)
    begin, end = edges[:-1], edges[1:]
    length = end - begin
    time = valid & (length >= 16)
    byte = _Bytes(held)
    # Arrow also reads an hour alone, which ISO 8601 allows and people never mean
    time &= (byte.at(begin + 13) == ord(":")) & np.isin(byte.at(begin + 10), [ord("T"), ord(" ")])
    zoned = byte.at(end - 1) == ord("Z")
    for width in (6, 5, 3):
        zoned |= np.isin(byte.at(end - width), [ord("+"), ord("-")]) & (length >= 16 + width)
    return valid & (length == 10), time & ~zoned, time & zoned


class _Bytes:
    """Bytes by position; positions beyond the buffer give some byte, for rows that are masked out anyway."""

    def __init__(self, held: npt.NDArray[np.uint8]) -> None:
        self._held = held if len(held) else np.zeros(1, dtype=np.uint8)

    def at(self, positions: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
        return self._held.take(positions, mode="clip")


def _cast(
    texts: pa.Array, mask: Mask, dtype: pa.DataType, pattern: str
) -> tuple[npt.NDArray[np.int64], Mask]:
    """Cast the rows of `mask`; the second result has the rows that could be."""
    if not mask.any():
        return np.zeros(len(texts), dtype=np.int64), mask
    picked = _only(texts, mask)
    try:
        values = picked.cast(dtype)
    except pa.ArrowInvalid:  # one bad value fails them all: find the bad ones, which takes longer
        mask = mask_of(pc.match_substring_regex(picked, pattern))
        mask &= _day_exists(_only(picked, mask))
        values = _only(picked, mask).cast(dtype)
    plain = values.cast(pa.int32()) if dtype == pa.date32() else values.cast(pa.int64())
    return plain.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64), mask


def _only(texts: pa.Array, mask: Mask) -> pa.Array:
    return texts if mask.all() else pc.if_else(pa.array(mask), texts, pa.scalar(None, pa.string()))


def _day_exists(texts: pa.Array) -> Mask:
    """Tell which texts, all of which begin like YYYY-MM-DD or are null, name a day of the calendar."""
    parts = [
        pc.utf8_slice_codeunits(texts, start, stop)
        .cast(pa.int32())
        .fill_null(1)
        .to_numpy(zero_copy_only=False)
        for start, stop in ((0, 4), (5, 7), (8, 10))
    ]
    year, month, day = parts
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    exists: Mask = (day <= _DAYS_IN_MONTH[month]) & ~((month == 2) & (day == 29) & ~leap)
    return exists & given(texts)
