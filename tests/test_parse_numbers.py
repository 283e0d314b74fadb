"""Amounts in minor units, counts, seconds, rates and currencies, exactly."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.money import minor_digits, to_minor
from attribution.sources import numerals
from attribution.sources.checked import Checked


def one(checked: Checked) -> object:
    """Return the first value, or the code of its fault."""
    value = checked.values[0].as_py()
    faults = [problem.code for problem in checked.problems if problem.mask[0]]
    assert (value is None) == (len(faults) == 1)
    return faults[0] if faults else value


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("1234.50", "GBP", 123_450),
        ("1234.5", "GBP", 123_450),
        ("1234", "GBP", 123_400),
        ("-0.01", "USD", -1),
        ("-0", "USD", 0),
        ("0.1000", "EUR", 10),
        ("007", "EUR", 700),
        ("5000", "JPY", 5_000),
        ("5000.00", "JPY", 5_000),
        ("1.234", "KWD", 1_234),
        ("10000000000000", "EUR", 10**15),
        ("10000000000000.00", "EUR", 10**15),
        ("1000000000000000", "JPY", 10**15),
        ("0000000000000000000000000000012.30", "EUR", 1_230),
        ("1.230000000000000000000000000000000000000000", "EUR", 123),
        ("1.005", "GBP", "too_many_decimals"),
        ("1.5", "JPY", "too_many_decimals"),
        ("10000000000000.01", "EUR", "amount_out_of_range"),
        ("-1000000000000001", "JPY", "amount_out_of_range"),
        ("9" * 60, "EUR", "amount_out_of_range"),
        ("1,234.50", "GBP", "bad_amount"),
        ("1.234,50", "EUR", "bad_amount"),
        ("€5", "EUR", "bad_amount"),
        ("5 EUR", "EUR", "bad_amount"),
        ("1e3", "EUR", "bad_amount"),
        ("+5", "EUR", "bad_amount"),
        (".5", "EUR", "bad_amount"),
        ("5.", "EUR", "bad_amount"),
        ("(5.00)", "EUR", "bad_amount"),
        ("--5", "EUR", "bad_amount"),
        ("NaN", "EUR", "bad_amount"),
        ("٣", "EUR", "bad_amount"),
    ],
)
def test_amounts(text: str, currency: str, expected: int | str) -> None:
    """Plain decimals only, to the cent, whatever the currency's number of decimals."""
    assert one(numerals.amounts(pa.array([text]), pa.array([currency]))) == expected


def test_amounts_of_several_currencies_in_one_column() -> None:
    """Each row has its own number of decimals; a row without a known currency is not judged here."""
    texts = pa.array(["1.5", "15", None, "1.555", "2", "1.5"])
    currency = pa.array(["GBP", "JPY", "GBP", "BHD", None, "JPY"])
    checked = numerals.amounts(texts, currency)
    assert checked.values.type == pa.int64()
    assert checked.values.to_pylist() == [150, 15, None, 1_555, None, None]
    assert {problem.code: problem.mask.tolist() for problem in checked.problems if problem.mask.any()} == {
        "too_many_decimals": [False] * 5 + [True]
    }


@given(
    st.lists(
        st.tuples(
            st.decimals(Decimal("-1e13"), Decimal("1e13"), places=4, allow_nan=False),
            st.sampled_from(["GBP", "JPY", "KWD", "CLF"]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_amounts_agree_with_decimal(rows: list[tuple[Decimal, str]]) -> None:
    """Every amount that a currency can hold comes out as money.to_minor gives it."""
    rows = [(round(value, minor_digits(currency)), currency) for value, currency in rows]
    texts = pa.array([f"{value:f}" for value, _ in rows])
    checked = numerals.amounts(texts, pa.array([currency for _, currency in rows]))
    for (value, currency), minor in zip(rows, checked.values.to_pylist(), strict=True):
        expected = to_minor(value, currency)
        assert minor == (expected if abs(expected) <= 10**15 else None)


def test_counts_and_seconds() -> None:
    """Whole numbers from 0; a spreadsheet's 3.0 is 3; seconds are rounded down."""
    for text, expected in (("0", 0), ("12", 12), ("3.0", 3), ("0012", 12), (str(10**15), 10**15)):
        assert one(numerals.counts(pa.array([text]))) == expected
    for text in ("-1", "1.5", "1,000", "1e3", "x", "+1", str(10**15 + 1), "9" * 40):
        assert one(numerals.counts(pa.array([text]))) == "bad_number"
    for text, expected in (("42", 42), ("42.999", 42), ("0.5", 0)):
        assert one(numerals.seconds(pa.array([text]))) == expected
    for text in ("-1", "1:30", ".5", "1e2"):
        assert one(numerals.seconds(pa.array([text]))) == "bad_number"


def test_rates_keep_their_digits() -> None:
    """Positive plain decimals."""
    for text in ("0.79055", "1", "0.85000", "0.000000012"):
        assert one(numerals.rates(pa.array([text]))) == text
    for text in ("0", "0.000", "-1", "1e-3", "1,2", "x", "NaN"):
        assert one(numerals.rates(pa.array([text]))) == "bad_rate"


def test_currencies() -> None:
    """ISO 4217, in any capitals."""
    assert one(numerals.currencies(pa.array(["usd"]))) == "USD"
    for text in ("US$", "EURO", "£", "XYZ", "978"):
        assert one(numerals.currencies(pa.array([text]))) == "unknown_currency"
