"""How figures read to people: money, percents, counts, times, and "—" for what cannot be said.

Charts, tiles and tables all write through :func:`figure_text`, so one number never reads in two ways.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import networkx as nx
from babel.numbers import format_compact_currency, format_currency, format_decimal, get_currency_symbol

from attribution.store.settings import GOALS

_GAP: Final = "\N{NO-BREAK SPACE}"  # a figure is never torn from its currency
DASH: Final = "—"  # a ratio whose denominator is zero
LOCALE: Final = "en"
_SHORT_FROM: Final = 1_000_000  # from here on, the label of a bar is shortened; its tooltip is not


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
    >>> money_figure("20.00", "CHF").split()
    ['CHF', '20.00']
    """
    amount = _decimal(value)
    if amount is None:
        return DASH
    if currency is None:
        return format_decimal(amount, "#,##0.##", locale=LOCALE)
    if not short:
        return _spaced(format_currency(amount, currency, locale=LOCALE), currency)
    if abs(amount) >= _SHORT_FROM:
        return _spaced(format_compact_currency(amount, currency, locale=LOCALE, fraction_digits=2), currency)
    digits = "¤#,##0" if abs(amount) >= 100 else "¤#,##0.##"
    return _spaced(format_currency(amount, currency, digits, locale=LOCALE, currency_digits=False), currency)


def _spaced(text: str, currency: str) -> str:
    """Set a code off from its figure (CHF 20), as Unicode's currency spacing has it; signs stay close."""
    sign = get_currency_symbol(currency, locale=LOCALE)
    return text.replace(sign, sign + _GAP, 1) if sign[-1].isalpha() and sign + _GAP not in text else text


def currency_sign(currency: str | None) -> str:
    """Return the sign of a currency for the ticks of an axis.

    >>> currency_sign("GBP"), currency_sign(None)
    ('£', '')
    """
    sign = "" if currency is None else get_currency_symbol(currency, locale=LOCALE)
    return sign + _GAP if sign[-1:].isalpha() else sign


def percent_figure(value: Any) -> str:
    """Write a ratio as percent: one decimal below 100 %, none above.

    >>> percent_figure(0.2333), percent_figure(-1.0), percent_figure(12.5), percent_figure(None)
    ('23.3%', '-100%', '1,250%', '—')
    """
    ratio = _decimal(value)
    if ratio is None:
        return DASH
    return format_decimal(ratio * 100, "#,##0" if abs(ratio) >= 1 else "#,##0.#", locale=LOCALE) + "%"


def count_figure(value: Any) -> str:
    """Write a count; credited counts may be fractions.

    >>> count_figure(1200), count_figure(3.333333)
    ('1,200', '3.33')
    """
    number = _decimal(value)
    return DASH if number is None else format_decimal(number, "#,##0.##", locale=LOCALE)


def day_figure(instant: str) -> str:
    """Write an ISO 8601 instant as a day.

    >>> day_figure("2026-03-01T12:00:00Z")
    '1 March 2026'
    """
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        return instant
    return f"{at.day} {at:%B %Y}"


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
    if unit == "days":
        return f"{count_figure(value)} days"
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
