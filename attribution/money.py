"""Money is an integer of the minor unit plus an ISO 4217 code; floats never hold money.

Decimals appear at the doors only: :func:`to_minor` on the way in, :func:`to_major` on the way out.
Splitting an amount over touches is the ledger's work (:mod:`attribution.ledger.allocate`).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache

from iso4217 import Currency

from attribution.errors import InputError


@cache
def minor_digits(currency: str) -> int:
    """Return how many decimals a currency has.

    Raises:
        InputError: the code is not an ISO 4217 currency code in capital letters.

    >>> minor_digits("GBP"), minor_digits("JPY"), minor_digits("KWD")
    (2, 0, 3)
    """
    try:
        exponent = Currency(currency).exponent
    except ValueError:
        raise InputError(
            f"unknown currency {currency!r}; allowed are ISO 4217 codes in capitals, such as EUR, GBP or USD"
        ) from None
    return exponent or 0  # gold, test codes and the like have no minor unit


def is_currency(code: str) -> bool:
    """Tell whether a code is an ISO 4217 currency."""
    try:
        minor_digits(code)
    except InputError:
        return False
    return True


@cache
def currency_codes() -> tuple[str, ...]:
    """Return all ISO 4217 codes, in alphabetical order.

    >>> currency_codes()[:3]
    ('AED', 'AFN', 'ALL')
    """
    return tuple(sorted(currency.code for currency in Currency))


def to_minor(amount: Decimal | str | int, currency: str) -> int:
    """Turn a plain decimal in major units into minor units, exactly.

    Raises:
        InputError: not a plain decimal, or more decimals than the currency has.

    >>> to_minor("1234.50", "GBP"), to_minor("-7", "JPY")
    (123450, -7)
    """
    digits = minor_digits(currency)
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise InputError(f"{amount!r} is not a plain decimal such as 1234.50") from None
    scaled = value.scaleb(digits)
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise InputError(f"{amount} has more decimals than {currency} has ({digits})")
    return int(scaled)


def to_major(minor: int, currency: str) -> Decimal:
    """Turn minor units into a decimal in major units, with the currency's own number of decimals.

    >>> to_major(250000, "GBP"), to_major(7, "JPY")
    (Decimal('2500.00'), Decimal('7'))
    """
    return Decimal(int(minor)).scaleb(-minor_digits(currency))


def money_text(minor: int, currency: str) -> str:
    """Write minor units as the decimal string of the JSON answers.

    >>> money_text(250000, "GBP"), money_text(0, "JPY")
    ('2500.00', '0')
    """
    return f"{to_major(minor, currency):f}"


def money_words(minor: int, currency: str) -> str:
    """Write minor units as they stand in a sentence.

    >>> money_words(20926924, "GBP"), money_words(-700, "JPY")
    ('209,269.24 GBP', '-700 JPY')
    """
    return f"{to_major(minor, currency):,f} {currency}"


def convert(minor: int, currency: str, into: str, rate: Decimal) -> int:
    """Convert an amount at a rate (units of `into` for one unit of `currency`), halves away from zero.

    >>> convert(1000, "USD", "GBP", Decimal("0.79055"))
    791
    """
    value = to_major(minor, currency) * rate
    return int(value.scaleb(minor_digits(into)).to_integral_value(ROUND_HALF_UP))
