"""How figures read to people: money, percents, counts, times, and "—" for what cannot be said.

Charts, tiles and tables all write through :func:`figure_text`, so one number never reads in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import networkx as nx
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_compact_currency, format_currency, format_decimal, get_currency_symbol

from attribution.errors import InputError
from attribution.money import minor_digits
from attribution.store.settings import GOALS

_GAP: Final = "\N{NO-BREAK SPACE}"  # a figure is never torn from its currency
DASH: Final = "—"  # a ratio whose denominator is zero
_READER: ContextVar[Locale] = ContextVar("reader", default=Locale.parse("en"))  # noqa: B039
_SHORT_FROM: Final = 1_000_000  # from here on, the label of a bar is shortened; its tooltip is not


@contextmanager
def read_in(locale: str | None) -> Iterator[None]:
    """Write figures as a reader is used to, within the block: of pages, charts and their axes.

    Args:
        locale: such as `de_DE` or `fr`; None leaves it as it is, English at first. Words stay English.

    Raises:
        InputError: no such locale.

    >>> with read_in("de_DE"):
    ...     money_figure("1234.50", "EUR"), percent_figure(0.2333), day_figure("2026-03-01T12:00:00Z")
    ('1.234,50\xa0€', '23,3\xa0%', '1. März 2026')
    """
    if locale is None:
        yield
        return
    try:
        found = Locale.parse(locale.strip().replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise InputError(
            f"locale {locale!r} is not known; allowed are languages with or without a country, such as "
            "en_GB, de_DE or fr"
        ) from None
    token = _READER.set(found)
    try:
        yield
    finally:
        _READER.reset(token)


def reader() -> Locale:
    """Return for whom figures are written."""
    return _READER.get()


def _money_pattern(number: str) -> str:
    """Return the reader's pattern of money with another number in it, such as one without decimals."""
    return str(reader().currency_formats["standard"].pattern).replace("#,##0.00", number)


def sign_leads() -> bool:
    """Tell whether a currency's sign stands before the figure."""
    return str(reader().currency_formats["standard"].pattern).lstrip("\u200e\u200f").startswith("¤")


def number_locale() -> dict[str, Any]:
    """Return how Vega writes numbers on an axis, in d3's words."""
    symbols = reader().number_symbols["latn"]
    percent = re.sub(r"[#0,.]", "", str(reader().percent_formats[None].pattern))
    return {
        "decimal": symbols["decimal"], "thousands": symbols["group"], "grouping": [3], "currency": ["", ""],
        "percent": percent,
    }  # fmt: skip


def _decimal(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def money_figure(value: Any, currency: str | None, *, short: bool = False) -> str:
    """Write a decimal in major units as money; `short` leaves decimals out and abbreviates millions.

    >>> money_figure("1234.50", "GBP"), money_figure("1234.50", "GBP", short=True)
    ('£1,234.50', '£1,234')
    >>> money_figure("2500000.00", "EUR", short=True), money_figure("-7", "JPY")
    ('€2.5M', '-¥7')
    >>> money_figure("20.00", "CHF").split(), money_figure("53.345", "IQD").split()
    (['CHF', '20.00'], ['IQD', '53.345'])
    """
    amount = _decimal(value)
    if amount is None:
        return DASH
    if currency is None:
        return format_decimal(amount, "#,##0.##", locale=reader())
    if not short:
        # as many decimals as the currency has, and not as many as readers of the locale are used to
        # (CLDR): they would not add up
        digits = minor_digits(currency)
        number = "0." + "0" * digits if digits else "0"
        pattern = re.sub(r"0\.0+", number, str(reader().currency_formats["standard"].pattern))
        text = format_currency(amount, currency, pattern, locale=reader(), currency_digits=False)
        return _spaced(text, currency)
    if abs(amount) >= _SHORT_FROM:
        return _spaced(
            format_compact_currency(amount, currency, locale=reader(), fraction_digits=2), currency
        )
    pattern = _money_pattern("#,##0" if abs(amount) >= 100 else "#,##0.##")
    return _spaced(
        format_currency(amount, currency, pattern, locale=reader(), currency_digits=False), currency
    )


def _spaced(text: str, currency: str) -> str:
    """Set a code off from its figure (CHF 20), as Unicode's currency spacing has it; signs stay close."""
    sign = get_currency_symbol(currency, locale=reader())
    if not sign_leads():
        return text
    return text.replace(sign, sign + _GAP, 1) if sign[-1].isalpha() and sign + _GAP not in text else text


def currency_sign(currency: str | None) -> str:
    """Return the sign of a currency for the ticks of an axis.

    >>> currency_sign("GBP"), currency_sign(None)
    ('£', '')
    """
    sign = "" if currency is None else get_currency_symbol(currency, locale=reader())
    return sign + _GAP if sign[-1:].isalpha() else sign


def percent_figure(value: Any) -> str:
    """Write a ratio as percent: one decimal below 100 %, none above.

    >>> percent_figure(0.2333), percent_figure(-1.0), percent_figure(12.5), percent_figure(None)
    ('23.3%', '-100%', '1,250%', '—')
    """
    ratio = _decimal(value)
    if ratio is None:
        return DASH
    digits = "#,##0" if abs(ratio) >= 1 else "#,##0.#"
    return format_decimal(ratio * 100, digits, locale=reader()) + str(number_locale()["percent"])


def count_figure(value: Any) -> str:
    """Write a count; credited counts may be fractions.

    >>> count_figure(1200), count_figure(3.333333)
    ('1,200', '3.33')
    """
    number = _decimal(value)
    return DASH if number is None else format_decimal(number, "#,##0.##", locale=reader())


def day_figure(instant: str) -> str:
    """Write an ISO 8601 instant as a day.

    >>> day_figure("2026-03-01T12:00:00Z")
    '1 March 2026'
    """
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        return instant
    if reader().language == "en":  # the day first, which no English reader takes for the month
        return f"{at.day} {at:%B %Y}"
    return format_date(at, "long", locale=reader())


def figure_text(value: Any, unit: str, currency: str | None = None) -> str:
    """Write a value in one of the units of :class:`attribution.metrics.answer.Answer`.

    >>> figure_text("500.00", "money", "GBP"), figure_text(None, "ratio"), figure_text(3.5, "days")
    ('£500.00', '—', '3.5 days')
    """
    if value is None:
        return DASH
    if unit == "part":
        unit = "money" if isinstance(value, str) else "count"
    if unit == "money":
        return money_figure(value, currency)
    if unit == "ratio":
        return percent_figure(value)
    if unit in ("count", "factor"):
        return count_figure(value)
    if unit in ("days", "minutes", "months", "points"):
        return f"{count_figure(value)} {unit}"
    if unit == "time":
        return day_figure(str(value))
    return str(value)


def graph_value(graph: nx.DiGraph[str], value: str) -> str:
    """Write a value of a transition graph: money where its goal is, else a count.

    >>> graph_value(nx.DiGraph(goal="revenue", currency="GBP"), "12.50")
    '£12.50'
    """
    asked = graph.graph
    money = asked["goal"] not in GOALS or GOALS[asked["goal"]].money
    return figure_text(value, "money" if money else "count", asked.get("currency") or None)


def as_float(value: Any) -> float | None:
    """Turn a figure into the length of a bar; floats end here, in pixels, and never come back as money.

    >>> as_float("12.50"), as_float(None), as_float("too few")
    (12.5, None, None)
    """
    number = None if value is None else _decimal(value)
    return None if number is None else float(number)
