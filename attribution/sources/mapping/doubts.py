"""Values that can be read, and would mean something else: plain money as millionths, months as days."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import InputError
from attribution.sources.checked import Mask, given, mask_of

PLAIN_MONEY: Final = (
    "is no whole number of millionths, as this mapping reads the column, and looks like plain money; "
    "say so in a mapping of your own: cost = {{ from = {!r}, number = '1,234.56' }}"
)
PERIOD: Final = (
    "begins a period of more than a day ({} is later): its cost has no day to stand on; "
    "export the report by day"
)
_TINY: Final = (
    "{{}} in {!r} and others are read as millionths, and come to less than a hundredth a row; if they are "
    "plain money, say so in a mapping of your own: cost = {{ from = {!r}, number = '1,234.56' }}"
)
_NUMBERS: Final = re.compile(r"%[dm][/-]%[dm]")
_HUNDREDTH: Final = 10_000  # millionths
_DAY: Final = 25 * 3600  # seconds, and an hour for the day on which clocks go back


class Doubt(NamedTuple):
    """What to tell, what the first row had, and how many rows there are."""

    says: str
    received: str
    rows: int


def has_fraction(values: pa.Array) -> Mask:
    """Tell which plain decimals have decimals other than zeros.

    >>> has_fraction(pa.array(["1234.56", "1234.0", "12", None])).tolist()
    [True, False, False, False]
    """
    return mask_of(pc.match_substring_regex(values, r"^[+-]?\d*\.\d*[1-9]\d*$"))


def tiny(name: str, values: pa.Array) -> list[Doubt]:
    """Doubt millionths, as `name` has them, that come to less than a hundredth a row."""
    whole = mask_of(pc.match_substring_regex(values, r"^-?\d{1,18}(\.0*)?$"))
    some = whole & mask_of(pc.match_substring_regex(values, "[1-9]"))
    if not some.any():
        return []
    texts = values.filter(pa.array(some))
    amounts = pc.replace_substring_regex(texts, r"^-|\.0*$", "").cast(pa.int64())
    large = pc.greater_equal(amounts, _HUNDREDTH)
    if pc.any(large).as_py() and pc.sum(amounts.cast(pa.decimal128(38, 0))).as_py() >= _HUNDREDTH * len(
        texts
    ):
        return []
    return [Doubt(_TINY.format(name, name), texts[0].as_py(), len(texts))]


def is_period(starts: pa.Array, ends: pa.Array) -> Mask:
    """Tell which rows last longer than a day; an end at midnight is that of the day before.

    >>> starts = pa.array(["2024-05-01", "2024-05-01", "2024-05-01T00:00:00Z", "2024-05-01"])
    >>> ends = pa.array(["2024-05-01", "2024-05-31", "2024-05-02T00:00:00Z", None])
    >>> is_period(starts, ends).tolist()
    [False, True, False, False]
    """
    both = given(starts) & given(ends)
    timed = mask_of(pc.match_substring_regex(ends, r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d"))
    length = _seconds(ends) - _seconds(starts)
    same = np.where(timed, (length >= 0) & (length <= _DAY), _day(ends) == _day(starts))
    return np.asarray(both & ~same)


def _seconds(times: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Count seconds from 1970, whatever the offset; not a number where there is no time."""
    days = pc.utf8_slice_codeunits(times, 0, 10)
    clock = pc.utf8_slice_codeunits(times, 11, 16)
    texts = pc.binary_join_element_wise(days, pc.if_else(pc.equal(clock, ""), "00:00", clock), " ")
    found = pc.strptime(texts, format="%Y-%m-%d %H:%M", unit="s", error_is_null=True)
    return np.where(given(found), found.cast(pa.int64()).fill_null(0).to_numpy(), np.nan)


def _day(times: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.asarray(pc.utf8_slice_codeunits(times, 0, 10).to_numpy(zero_copy_only=False))


def other_way_round(name: str, form: str, values: pa.Array) -> list[Doubt]:
    """Doubt days and months of dates as `name` has them, where all of them could be the other way round.

    Only forms are doubted in which countries differ: `%m/%d/%Y` and `%d/%m/%Y`, and no year before them.

    Raises:
        InputError: one can be meant in no other way; then the others are not what they seem.

    >>> other_way_round("day", "%m/%d/%Y", pa.array(["5/3/2024", "5/13/2024"]))
    []
    """
    if not _NUMBERS.match(form):
        return []
    other = form.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")
    fits, turned = _fits(values, form), _fits(values, other)
    proves = turned & ~fits
    if proves.any():
        raise InputError(
            f"{values[int(np.argmax(proves))].as_py()!r} in the column {name!r} is no date as {form}, which "
            f"this mapping reads, but one as {other}: all dates of the file would be mistaken, so nothing of "
            f"it was loaded; export it with dates such as 2024-05-31, or extend the mapping by one of your "
            f"own: date = {{ from = {name!r}, form = {other!r} }}"
        )
    doubtful = fits & turned
    if (
        form.startswith("%d") or not doubtful.any() or (fits & ~turned).any()
    ):  # the day first: somebody said so
        return []
    says = (
        f"{{}} in {name!r} and all others are read as {form} and could be {other}; if they are that, export "
        f"dates such as 2024-05-31, or extend the mapping: date = {{ from = {name!r}, form = {other!r} }}"
    )
    return [Doubt(says, values[int(np.argmax(doubtful))].as_py(), int(doubtful.sum()))]


def _fits(values: pa.Array, form: str) -> Mask:
    return given(pc.strptime(values, format=form, unit="s", error_is_null=True))
