"""Industry averages that the user supplies, beside a store's own lead conversion rate."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from attribution.channels.names import name_key
from attribution.errors import InputError
from attribution.metrics.answer import Row
from attribution.metrics.findings import EXAMPLES
from attribution.metrics.kpi_catalogue import KPIS, Kpi

NAME: Final = "benchmark"
COLUMNS: Final = {"benchmark": "ratio", "difference": "ratio"}
_COMPARED: Final = (NAME, "lead_conversion_rate")  # the same figure under two names
_NEEDED: Final = ("industry", "rate")


@dataclass
class Benchmarks:
    """Averages by industry, names compared as everywhere; `warnings` tell which rows could not be read."""

    rates: dict[str, float] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def beside(self, rows: Sequence[Row]) -> list[Row]:
        """Add `benchmark` and `difference` (own less average) to the rows of lead conversion rates."""
        out = []
        for row in rows:
            if row["kpi"] in _COMPARED:
                rate = self.rates.get(name_key(str(row["industry"])))
                known = rate is not None and row["value"] is not None
                row = row | {"benchmark": rate, "difference": row["value"] - rate if known else None}
            out.append(row)
        return out

    def unmet(self, rows: Sequence[Row]) -> list[str]:
        """Tell of averages of industries that no lead of the answer has."""
        met = {name_key(str(row["industry"])) for row in rows if row["kpi"] in _COMPARED}
        names = [name for key, name in self.names.items() if key not in met]
        more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
        return [f"no lead is of: {', '.join(names[:EXAMPLES])}{more}"] if names else []


def read_benchmarks(path: str | Path) -> Benchmarks:
    """Read averages from a CSV file with the columns `industry` and `rate` (0.05 or 5%).

    A row that cannot be read is told and left out.

    Raises:
        InputError: no such file, not UTF-8, or a column is missing.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(
            f"benchmark file {str(path)!r} cannot be read: {reason}; give a CSV file with the columns "
            "industry and rate"
        ) from None
    reader = csv.DictReader(text.splitlines(), strict=False)
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"benchmark file {str(path)!r} has no column {' and no column '.join(missing)}; "
            "its first line names the columns, industry and rate among them"
        )
    found = Benchmarks()
    for row in reader:
        industry, rate = ((row[name] or "").strip() for name in _NEEDED)
        fault = _fault(found, industry, rate)
        if fault:
            found.warnings.append(f"benchmark, line {reader.line_num}: {fault}; the row is left out")
            continue
        found.rates[name_key(industry)] = float(_rate(rate))
        found.names[name_key(industry)] = industry
    return found


def _fault(found: Benchmarks, industry: str, rate: str) -> str | None:
    if not industry:
        return "industry is empty"
    if name_key(industry) in found.rates:
        return f"{industry!r} is there already"
    try:
        value = _rate(rate)
    except InvalidOperation:
        return f"rate {rate!r} is no number; write a share such as 0.05 or 5%"
    if not 0 <= value <= 1:  # false of a NaN too
        return f"rate {rate!r} is not between 0 and 1; write a share such as 0.05 or 5%"
    return None


def _rate(text: str) -> Decimal:
    value = Decimal(text.removesuffix("%").strip())
    if not value.is_finite():
        raise InvalidOperation
    return value / 100 if text.endswith("%") else value


def with_benchmark(
    chosen: list[Kpi], by: tuple[str, ...], path: str | Path | None, *, named: bool
) -> tuple[list[Kpi], tuple[str, ...], Benchmarks | None]:
    """Return the figures to show, what to cut them by, and the averages to set beside them.

    With averages a lead conversion rate is always shown: where none was named, `benchmark`.

    Args:
        chosen: figures, all of them where none was named.
        by: dimensions that were asked for.
        path: of the averages; without one the figure is left out.
        named: whether figures were named.

    Raises:
        InputError: the figure is asked for without a file, or not by industry; or the file cannot be read.
    """
    others = [kpi for kpi in chosen if kpi.name != NAME]
    if path is None:
        if named and len(others) < len(chosen):
            raise InputError(
                "the figure benchmark needs averages to compare with; give --benchmark FILE, a CSV file with "
                "the columns industry and rate"
            )
        return others, by, None
    if by and "industry" not in by:
        raise InputError(
            f"a benchmark is by industry, not by {', '.join(by)}; leave --by out, or name industry in it"
        )
    own = chosen if named else [KPIS[NAME]]
    if not any(kpi.name in _COMPARED for kpi in own):
        own = [*own, KPIS[NAME]]
    return own, by or ("industry",), read_benchmarks(path)
