"""Times: strict ISO 8601, offsets, zones, and what a bare date means."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.clock import DAY, HOUR, MINUTE, SECOND, day_bounds, iso, to_micros
from attribution.errors import InputError
from attribution.sources.instants import days, instants
from attribution.sources.parse import ParseOptions
from attribution.sources.zones import day_starts, to_local, to_utc


def read(text: str, timezone: str | None = None, bare_date: str = "end", day_zone: str = "UTC") -> str:
    """Return the instant as ISO 8601, or the code of its fault."""
    checked, _ = instants(pa.array([text]), timezone, timezone or day_zone, bare_date)
    value = checked.values[0].as_py()
    faults = [problem.code for problem in checked.problems if problem.mask[0]]
    assert (value is None) == (len(faults) == 1)
    return faults[0] if faults else iso(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-03T14:30:00Z", "2024-05-03T14:30:00Z"),
        ("2024-05-03 14:30Z", "2024-05-03T14:30:00Z"),
        ("2024-05-03T14:30:00+02:00", "2024-05-03T12:30:00Z"),
        ("2024-05-03T14:30:00-0330", "2024-05-03T18:00:00Z"),
        ("2024-05-03T14:30:00+02", "2024-05-03T12:30:00Z"),
        ("2024-05-03T14:30+05:45", "2024-05-03T08:45:00Z"),
        ("2024-05-03T14:30:00.5Z", "2024-05-03T14:30:00.500000Z"),
        ("2024-05-03T14:30:00.123456999Z", "2024-05-03T14:30:00.123456Z"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
        ("1900-01-01T00:00Z", "1900-01-01T00:00:00Z"),
        ("2200-12-31T23:59:59Z", "2200-12-31T23:59:59Z"),
        ("2024-02-29", "2024-02-29T23:59:59.999999Z"),
    ],
)
def test_iso_8601_is_read_exactly(text: str, expected: str) -> None:
    """Both separators, optional seconds, nine digits of fraction cut to six, every spelling of an offset."""
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "03/05/2024",
        "2024-5-3",
        "20240503",
        "2024-05-03T14Z",
        "2024-05-03T14",
        "2024-05-03T14:30:00z",
        "2024-05-03t14:30:00Z",
        "2024-05-03T24:00:00Z",
        "2024-05-03T14:60:00Z",
        "2024-05-03T14:30:60Z",
        "2024-05-03T14:30:00,5Z",
        "2024-05-03T14:30:00.Z",
        "2024-05-03T14:30:00.1234567890Z",
        "2024-05-03T14:30:00 +02:00",
        "2024-05-03T14:30:00+24:00",
        "2024-05-03T14:30:00+2:00",
        "2024-02-30T00:00:00Z",
        "2023-02-29",
        "1900-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-04-31",
        "1899-12-31T23:59:59Z",
        "2201-01-01",
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "1714746600",
        "May 3 2024",
        "tomorrow",
        "２０２４-05-03",
        "2024-05-03Z",
        "-2024-05-03",
    ],
)
def test_anything_else_is_a_bad_time(text: str) -> None:
    """Guessing which of 03/05 is the month would put money on the wrong day."""
    assert read(text) == "bad_time"


def test_one_bad_time_does_not_change_its_neighbours() -> None:
    """Where one value fails, the others are read as before."""
    texts = ["2024-05-03T14:30:00Z", "x", None, "2024-02-30", "2024-05-03", "2024-05-03T14:30"]
    checked, ends = instants(pa.array(texts), "UTC", "UTC", "start")
    noon = to_micros(datetime(2024, 5, 3, 14, 30, tzinfo=UTC))
    start = to_micros(datetime(2024, 5, 3, tzinfo=UTC))
    assert checked.values.to_pylist() == [noon, None, None, None, start, noon]
    assert ends[[0, 4, 5]].tolist() == [noon, start + DAY - 1, noon]
    assert [problem.mask.tolist() for problem in checked.problems if problem.mask.any()] == [
        [False, True, False, True, False, False]
    ]


def test_a_naive_time_needs_a_zone() -> None:
    """Without --timezone it is rejected; with it, it is that zone's clock."""
    assert read("2024-07-01T12:00") == "naive_time"
    assert read("2024-07-01T12:00", "Europe/London") == "2024-07-01T11:00:00Z"
    assert read("2024-01-01 12:00:00.25", "Asia/Kathmandu") == "2024-01-01T06:15:00.250000Z"
    assert read("2024-07-01T12:00Z", "Europe/London") == "2024-07-01T12:00:00Z"


def test_clock_changes() -> None:
    """A time shown twice is its first reading, one that was skipped is the moment of change."""
    assert read("2024-10-27T01:30", "Europe/London") == "2024-10-27T00:30:00Z"
    assert read("2024-10-27T02:00", "Europe/London") == "2024-10-27T02:00:00Z"
    assert read("2024-03-31T00:59:59", "Europe/London") == "2024-03-31T00:59:59Z"
    assert read("2024-03-31T01:00", "Europe/London") == "2024-03-31T01:00:00Z"
    assert read("2024-03-31T01:30", "Europe/London") == "2024-03-31T01:00:00Z"
    assert read("2024-03-31T02:00", "Europe/London") == "2024-03-31T01:00:00Z"
    assert (
        read("2024-04-07T01:45", "Australia/Lord_Howe") == "2024-04-06T14:45:00Z"
    )  # half an hour back at 2:00


def test_a_bare_date_is_the_start_or_the_end_of_its_day_in_the_zone() -> None:
    """Days of 23 and 25 hours end where they end; days without a midnight start at the change."""
    assert read("2024-03-31", "Europe/London", "start") == "2024-03-31T00:00:00Z"
    assert read("2024-03-31", "Europe/London") == "2024-03-31T22:59:59.999999Z"
    assert read("2024-10-27", "Europe/London") == "2024-10-27T23:59:59.999999Z"
    assert read("2024-10-27", None, "start", "America/New_York") == "2024-10-27T04:00:00Z"
    assert read("2018-11-04", "America/Sao_Paulo", "start") == "2018-11-04T03:00:00Z"


def test_days_take_dates_and_the_day_of_a_time() -> None:
    """A time with an offset counts for its day in the zone, a naive one for the day it names."""
    texts = ["1970-01-03", "1970-01-02T23:30:00Z", "1970-01-02T23:30", None, "1970-02-30"]
    checked = days(pa.array(texts), "Europe/Paris")
    assert checked.values.type == pa.int32()
    assert checked.values.to_pylist() == [2, 2, 1, None, None]
    assert checked.problems[0].code == "bad_time"
    assert checked.problems[0].mask.tolist() == [False, False, False, False, True]


def test_an_unknown_zone_is_told_at_once() -> None:
    """Before any row is read."""
    with pytest.raises(InputError, match="unknown time zone 'Europe/Londonn'"):
        ParseOptions(timezone="Europe/Londonn")


ZONES = st.sampled_from(
    ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]
)
MOMENTS = st.integers(0, 65 * 365 * 24 * 60).map(lambda minutes: minutes * MINUTE)


@given(ZONES, st.lists(MOMENTS, min_size=1, max_size=30))
def test_zones_agree_with_zoneinfo(zone: str, moments: list[int]) -> None:
    """The vectorised clock shows what Python's own shows, both ways, wherever the way is unique."""
    array = np.array(moments)
    local = to_local(array, zone)
    expected = [datetime.fromtimestamp(moment // SECOND, ZoneInfo(zone)) for moment in moments]
    assert local.tolist() == [to_micros(there.replace(tzinfo=UTC)) for there in expected]
    first_readings = [to_micros(there.replace(fold=0)) for there in expected]
    assert to_utc(local, zone).tolist() == first_readings


@given(ZONES, st.dates(date(1970, 1, 2), date(2035, 1, 1)))
def test_days_tile_time(zone: str, day: date) -> None:
    """Each day starts where the one before ended, and has 23 to 25 hours."""
    number = (day - date(1970, 1, 1)).days
    first, second = day_starts(np.array([number, number + 1]), zone).tolist()
    assert 23 * HOUR <= second - first <= 25 * HOUR
    if zone != "America/Sao_Paulo":  # its days without a midnight are where Python's folds mislead
        assert (first, second - 1) == day_bounds(day, zone)


_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):?(\d\d)?)", re.ASCII
)


def slowly(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None or (match[9] and int(match[9]) > 23) or (match[8] and match[0].endswith(":")):
        return None
    try:
        there = datetime(*(int(part or 0) for part in match.groups()[:6]), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0))
    if int(match[10] or 0) > 59:
        return None
    micros = int((match[7] or "").ljust(6, "0")[:6])
    at = to_micros(there) - (offset // timedelta(microseconds=1)) * (-1 if match[8] == "-" else 1) + micros
    return at if -25_567 * DAY <= at < 84_371 * DAY else None


TWO = st.integers(0, 62).map(lambda number: f"{number:02d}")
TEXTS = st.builds(
    lambda year, month, day, mark, clock, end: f"{year}-{month}-{day}{mark}{clock}{end}",
    st.integers(1890, 2210),
    st.integers(0, 13).map(lambda number: f"{number:02d}"),
    st.integers(0, 32).map(lambda number: f"{number:02d}"),
    st.sampled_from(["T", " ", "t", ""]),
    st.lists(TWO, min_size=1, max_size=4).map(":".join),
    st.builds(
        lambda fraction, offset: fraction + offset,
        st.sampled_from(["", ".", ".5", ".123456789", ".1234567890"]),
        st.sampled_from(["Z", "+01:00", "-0330", "+14", "+1", "+25:00", "+01:60", "+01:", "z", " Z"]),
    ),
)


@given(st.lists(TEXTS | st.text(max_size=25), max_size=12))
def test_instants_agree_with_a_slow_reading(texts: list[str]) -> None:
    """Whatever stands in a column with offsets, each value is read as it would be alone."""
    texts = [text for text in texts if text == text.strip() and text]
    checked, _ = instants(pa.array(texts, pa.string()), None, "UTC", "start")
    for text, value in zip(texts, checked.values.to_pylist(), strict=True):
        if len(text) != 10:
            assert value == slowly(text), text
