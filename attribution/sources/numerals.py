"""Plain decimals to exact integers: amounts in minor units, counts, seconds, rates.

No value passes through a float. Amounts are plain decimals (`1234.50`): thousands separators, currency
signs and exponents are faults, and so are more decimals than the currency has (zeros at the end of the
decimals say nothing and are allowed: warehouses export `1234.5000`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from attribution.money import is_currency, minor_digits
from attribution.sorted_sets import as_set
from attribution.sources.checked import Checked, Mask, Problem, distinct, given, mask_of, numbers, spread

LIMIT = 10**15  # minor units, and counts: far past any invoice, and 9,000 of them still fit an int64

_FINER = 6  # decimals beyond those of a currency: reports in millionths have four
_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"
_COUNT = r"^[0-9]+(\.0+)?$"
_SECONDS = r"^[0-9]+(\.[0-9]+)?$"
_RATE = r"^[0-9]+(\.[0-9]+)?$"

_BAD_AMOUNT = (
    "allowed is a plain decimal such as 1234.50, without thousands separators, currency signs or exponents"
)


def currencies(texts: pa.Array) -> Checked:
    """Read ISO 4217 codes; small letters are taken for capitals.

    >>> currencies(pa.array(["gbp", "POUNDS"])).values.to_pylist()
    ['GBP', None]
    """
    codes, values = distinct(texts)
    upper = [text.upper() for text in values.to_pylist()]
    known = [code if is_currency(code) else None for code in upper]
    parsed = spread(codes, pa.array(known, pa.string()))
    wrong = given(texts) & ~given(parsed)
    return Checked(
        parsed,
        [Problem(wrong, "unknown_currency", "allowed are ISO 4217 codes such as EUR, GBP or USD")],
    )


def amounts(texts: pa.Array, currency: pa.Array) -> Checked:
    """Read amounts (int64 minor units) in each row's currency; rows without a known currency are null.

    >>> amounts(pa.array(["1234.50", "7"]), pa.array(["GBP", "JPY"])).values.to_pylist()
    [123450, 7]
    """
    return _amounts(texts, currency, 0, LIMIT)


def fine_amounts(texts: pa.Array, currency: pa.Array) -> tuple[Checked, pa.Array]:
    """Read amounts with up to six decimals more than the currency has: minor units, and millionths of one.

    Decimals beyond those are cut.

    >>> checked, rest = fine_amounts(pa.array(["0.019999", "-0.001"]), pa.array(["GBP", "GBP"]))
    >>> checked.values.to_pylist(), rest.to_pylist()
    ([1, -1], [999900, 900000])
    """
    cut = pc.replace_substring_regex(texts, r"^(-?[0-9]+\.[0-9]{6})[0-9]+$", r"\1")
    checked = _amounts(cut, currency, _FINER, 10**18)
    minor, rest = np.divmod(checked.values.fill_null(0).to_numpy().astype(np.int64), 10**_FINER)
    mask = ~given(checked.values)
    return Checked(pa.array(minor, mask=mask), checked.problems), pa.array(rest, mask=mask)


def _amounts(texts: pa.Array, currency: pa.Array, finer: int, limit: int) -> Checked:
    plain = mask_of(pc.match_substring_regex(texts, _PLAIN))
    minor = np.zeros(len(texts), np.int64)
    too_many, too_large = np.zeros((2, len(texts)), dtype=bool)
    places = _places(currency)
    for digits in as_set(places[plain & (places >= 0)]):
        rows = np.flatnonzero(plain & (places == digits))
        minor[rows], too_many[rows], too_large[rows] = _scaled(
            texts.take(pa.array(rows)), int(digits) + finer, limit
        )
    valid = plain & (places >= 0) & ~too_many & ~too_large
    return Checked(
        numbers(minor, valid),
        [
            Problem(given(texts) & ~plain, "bad_amount", _BAD_AMOUNT),
            Problem(too_many, "too_many_decimals", "allowed are as many decimals as the currency has"),
            Problem(too_large, "amount_out_of_range", f"allowed are up to {LIMIT} of the minor unit"),
        ],
    )


def counts(texts: pa.Array) -> Checked:
    """Read whole numbers from 0 (int64); `3.0` is 3, as spreadsheets and pandas write it."""
    return _whole(texts, _COUNT, "allowed is a whole number from 0, such as 12")


def seconds(texts: pa.Array) -> Checked:
    """Read durations in seconds (int64), decimals rounded down."""
    return _whole(texts, _SECONDS, "allowed is a number of seconds from 0, such as 42 or 42.5")


def rates(texts: pa.Array) -> Checked:
    """Check exchange rates: positive plain decimals, kept as text so that no digit is lost."""
    good = mask_of(pc.match_substring_regex(texts, _RATE))
    good &= mask_of(pc.match_substring_regex(texts, "[1-9]"))
    wrong = given(texts) & ~good
    return Checked(
        pc.if_else(pa.array(good), texts, pa.scalar(None, pa.string())),
        [Problem(wrong, "bad_rate", "allowed is a plain decimal above 0, such as 0.7905")],
    )


def _whole(texts: pa.Array, pattern: str, says: str) -> Checked:
    good = mask_of(pc.match_substring_regex(texts, pattern))
    rows = np.flatnonzero(good)
    whole = pc.replace_substring_regex(texts.take(pa.array(rows)), r"\..*$", "")
    value, _, too_large = _scaled(whole, 0)
    values = np.zeros(len(texts), np.int64)
    values[rows] = value
    good[rows[too_large]] = False
    return Checked(numbers(values, good), [Problem(given(texts) & ~good, "bad_number", says)])


def _places(currency: pa.Array) -> npt.NDArray[np.int8]:
    """Return each row's number of decimals, -1 without a currency."""
    codes, values = distinct(currency)
    table = [minor_digits(code) for code in values.to_pylist()]
    return np.array([*table, -1], dtype=np.int8)[codes]


def _scaled(texts: pa.Array, digits: int, limit: int = LIMIT) -> tuple[npt.NDArray[np.int64], Mask, Mask]:
    """Shift plain decimals by `digits` places; returns value, more decimals than that, out of range."""
    dotted = mask_of(pc.match_substring(texts, "."))
    if dotted.any():
        short = pc.utf8_rtrim(pc.utf8_rtrim(texts, characters="0"), characters=".")
        texts = pc.if_else(pa.array(dotted), short, texts)
    point = pc.find_substring(texts, ".").to_numpy()
    length = pc.binary_length(texts).to_numpy()
    decimals = np.where(point < 0, 0, length - point - 1)
    too_many = decimals > digits
    bare = pc.utf8_ltrim(pc.utf8_ltrim(texts, characters="-"), characters="0")
    whole_length = pc.binary_length(bare).to_numpy() - np.where(point < 0, 0, decimals + 1)
    # nineteen digits still fit the low half of a decimal128, which is all that is read below
    too_large = whole_length + digits > 18
    fits = pa.array(~(too_many | too_large))
    exact = pc.if_else(fits, texts, "0").cast(pa.decimal128(38, digits))
    value = np.frombuffer(exact.buffers()[1], dtype="<i8")[::2][
        exact.offset : exact.offset + len(exact)
    ].copy()
    too_large |= np.abs(value) > limit
    return value, too_many, too_large & ~too_many
