"""Which KPIs there are, in words, and what each can be cut by."""

from __future__ import annotations

from collections.abc import Iterable

from attribution import clock
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import ALL
from attribution.metrics.kpi_catalogue import KPIS, Kpi, choose
from attribution.metrics.kpi_dimensions import bases_of, dimensions_of

COLUMNS = ("kpi", "family", "label", "unit", "formula", "dimensions", "basis")


def kpi_list(names: str | Iterable[str] = (), *, store: str = "") -> Answer:
    """Return a row for each KPI: `kpi family label unit formula dimensions basis`; needs no store.

    Args:
        names: KPIs or families of them; none lists all.
        store: what the answer names as its store.

    Raises:
        UnknownNameError: no such KPI.

    >>> kpi_list().rows[0]["formula"]
    'lead records created'
    """
    return Answer(
        verb="kpi list",
        store=store,
        as_of=clock.iso(clock.now_micros()),
        rows=[_row(kpi) for kpi in (choose(names) if names else KPIS.values())],
        columns=dict.fromkeys(COLUMNS, "text"),
        title="KPIs",
    )


def _row(kpi: Kpi) -> Row:
    dimensions = dimensions_of(kpi)
    without = [dim for dim in ALL if dim not in dimensions]
    words = "all" if not without else f"all but {' '.join(without)}" if len(without) < 3 else ""
    return {
        "kpi": kpi.name,
        "family": kpi.family,
        "label": kpi.label,
        "unit": kpi.unit,
        "formula": kpi.formula,
        "dimensions": words or " ".join(dimensions),
        "basis": " ".join(bases_of(kpi)),
    }
