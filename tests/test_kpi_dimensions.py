"""What the catalogue says a KPI can be cut by is what its measures are known by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from small_shop import open_shop

from attribution.engine import Store
from attribution.metrics.dimensions import ALL, Dimensions
from attribution.metrics.kpi_catalogue import KPIS
from attribution.metrics.kpi_dimensions import COUNTED, KNOWN_BY, bases_of, dimensions_of
from attribution.metrics.measures.context import Asked, Measures
from attribution.metrics.measures.durations import STAGES, timed
from attribution.metrics.measures.registry import MEASURES
from attribution.metrics.report import ask
from attribution.metrics.selection import select_journeys

Csv = Callable[[str, str], Path]
_PREDICTED = {"expected_revenue", "open_leads"}  # known only where there is a past to learn from


def test_every_measure_and_kpi_is_described() -> None:
    """A new one has to say what it counts."""
    assert set(COUNTED) == set(MEASURES)
    assert {kpi.name: dimensions_of(kpi) for kpi in KPIS.values() if not dimensions_of(kpi)} == {}
    assert dimensions_of(KPIS["roi"]) == KNOWN_BY["spend"]
    assert [kpi.family for kpi in KPIS.values() if bases_of(kpi) == ("period",)] == [
        kpi.family for kpi in KPIS.values() if kpi.family in ("traffic", "engagement", "email_performance")
    ]


def _known(measures: Measures) -> Iterator[tuple[str, str, bool]]:
    """Yield measures and stages, what they count, and whether they are known."""
    for name in MEASURES.keys() - _PREDICTED:
        yield name, COUNTED[name], measures.parts(name) is not None
    for stage, (_, kind, _) in STAGES.items():
        yield stage, kind, timed(measures, stage) is not None


def test_measures_are_known_by_what_is_said(sqlite_store: Store, csv: Csv) -> None:
    """Each is empty by every other dimension, and by no other than those."""
    shop = open_shop(sqlite_store, csv)
    wrong = []
    with shop.db.read() as connection:
        journeys = select_journeys(connection, goal=None, lookback=None, scope=None, kinds=None)
        for dim in ALL:
            asked = Asked(journeys, "linear", ask("closed", None, False))
            measures = Measures(connection, asked, Dimensions(connection, [dim]), MEASURES)
            wrong += [
                (name, dim, known)
                for name, kind, known in _known(measures)
                if known != (dim in KNOWN_BY[kind])
            ]
    assert wrong == []


def test_what_belongs_to_no_lead_is_of_its_period(sqlite_store: Store, csv: Csv) -> None:
    """A cohort has the lead that qualified a day after its end; sessions are the same by either basis."""
    shop = open_shop(sqlite_store, csv)
    names = ["sessions", "mql"]
    when = {"start": "2025-01-01", "end": "2025-01-11"}
    of = {basis: shop.kpis(names=names, basis=basis, **when).rows for basis in ("period", "cohort")}
    found = {basis: {row["kpi"]: row["value"] for row in rows} for basis, rows in of.items()}
    assert found == {
        "period": {"sessions": 3, "mql": 0},
        "cohort": {"sessions": 3, "mql": 1},
    }
    assert [bases_of(KPIS[name]) for name in names] == [("period",), ("period", "cohort")]
