"""How sure a figure is, in a chart: its interval as a line, too few conversions as a hollow mark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attribution.metrics.answer import Row
from attribution.report.figures import DASH, as_float, count_figure, figure_text
from attribution.trust.intervals import ENOUGH_CONVERSIONS, ENOUGH_UNITS

TOO_FEW: Final = "too few"  # in the place of a figure that promises more than it knows


def sureness(rows: Iterable[Row]) -> str:
    """Say in a chart's subtitle how its intervals and its hollow marks read; empty where it has neither.

    >>> sureness([{"low": "1.00", "high": "2.00", "too_few": False}])
    'Line: where the true figure lies, as far as chance goes'
    """
    found = list(rows)
    told = []
    if any(row.get("low") is not None for row in found):
        told.append("Line: where the true figure lies, as far as chance goes")
    if any(row.get("too_few") for row in found):
        told.append("Hollow: too few conversions to tell")
    return ". ".join(told)


def bounds(row: Row) -> dict[str, Any]:
    """Return what a bar needs to show how sure a row of a `kpis` answer is."""
    few = bool(row.get("too_few"))
    low, high = as_float(row.get("low")), as_float(row.get("high"))
    return {"low": None if few else low, "high": None if few else high, "too_few": few}


def interval_text(row: Row, currency: str | None) -> str | None:
    """Write the interval of a row of a `kpis` answer, None where none was asked for.

    >>> interval_text({"unit": "ratio", "low": 0.5, "high": 1.25, "too_few": False}, None)
    '50% to 125%'
    >>> interval_text({"unit": "money", "low": None, "too_few": True, "conversions": 4}, "GBP")
    'too few to tell (4 conversions)'
    >>> interval_text({"unit": "money", "low": None, "too_few": True, "conversions": 20}, "GBP")
    'too few to tell (20 conversions of fewer than 10 customers)'
    """
    if "too_few" not in row:
        return None
    if row["too_few"]:
        behind = count_figure(row.get("conversions"))
        few = float(row.get("conversions") or 0) < ENOUGH_CONVERSIONS
        whose = "" if few else f" of fewer than {ENOUGH_UNITS} customers"
        return f"too few to tell ({behind} conversion{'' if behind == '1' else 's'}{whose})"
    if row.get("low") is None or row.get("high") is None:
        return DASH
    unit = str(row.get("unit"))
    if unit == "count":
        return " to ".join(count_figure(round(row[bound])) for bound in ("low", "high"))
    return " to ".join(figure_text(row[bound], unit, currency) for bound in ("low", "high"))
