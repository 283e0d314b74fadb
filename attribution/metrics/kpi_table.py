"""Measures into rows: one a group and figure, what it was divided from, and its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from attribution.labels import NO_LEAD, NO_RATE
from attribution.ledger.allocate import MILLION
from attribution.metrics.answer import Row
from attribution.metrics.kpi_catalogue import MONEY_MEASURES, Kpi
from attribution.metrics.kpi_intervals import Bounds, Figure, Intervals
from attribution.metrics.measures.context import Measures
from attribution.metrics.measures.durations import STAGES, UNITS, Duration, Timed, timed
from attribution.metrics.measures.lifetimes import lifetime
from attribution.metrics.measures.parts import NOBODY, Parts
from attribution.metrics.measures.predictions import EXPECTED, expected_bounds
from attribution.metrics.measures.waiting import Waiting, waiting
from attribution.metrics.report import count, unconverted
from attribution.money import money_text
from attribution.trust.intervals import ENOUGH_UNITS


def divide(kpi: Kpi, numerator: int, denominator: int) -> int | float | None:
    """Divide two measures: minor units (rounded half up, away from zero) for money, else a float.

    Args:
        kpi: which figure; it tells whether a measure is money or a count in millionths.
        numerator: minor units or millionths.
        denominator: minor units or millionths.

    Returns:
        None where the denominator is zero.

    >>> from attribution.metrics.kpi_catalogue import KPIS
    >>> divide(KPIS["lead_value"], 8_500_000, 60_000_000)
    141667
    >>> round(divide(KPIS["lead_conversion_rate"], 35_000_000, 150_000_000), 4)
    0.2333
    """
    if denominator == 0:
        return None
    if kpi.unit != "money":
        return numerator / denominator
    return _half_up(abs(numerator) * MILLION, abs(denominator), negative=(numerator < 0) != (denominator < 0))


def _half_up(numerator: int, denominator: int, *, negative: bool) -> int:
    value = (2 * numerator + denominator) // (2 * denominator)
    return -value if negative else value


def at_margin(minor: int, margin: Fraction) -> int:
    """Value an amount at a margin, rounded half up, away from zero.

    >>> at_margin(1001, Fraction(1, 2)), at_margin(-1001, Fraction(1, 2))
    (501, -501)
    """
    return _half_up(abs(minor) * margin.numerator, margin.denominator, negative=minor < 0)


_REVENUE: Final = ("revenue", "deal_revenue", "customer_revenue")  # groups are in the order of the first
_AT_EDGES: Final = (
    f"a rate that fewer than {ENOUGH_UNITS} accounts or people have, or lack, has Wilson's interval for "
    "records in clusters: draws show nothing of what was not seen"
)
_COSTLESS: Final = (
    "where no spend is known, costs per lead, deal or customer are 0, which is not to say that they are free"
)
_PARTS: Final = {"lifetime_months": 1, "lifetime_years": 12}  # of a lifetime in months


def multiplied(numerator: int, denominator: int, factor: Fraction) -> int:
    """Return money per unit times a factor, in minor units; rounded once, half up, away from zero.

    Args:
        numerator: minor units.
        denominator: millionths, not 0.
        factor: such as how many months.

    >>> multiplied(10_000, 3_000_000, Fraction(12))
    40000
    """
    exact = Fraction(numerator * MILLION, denominator) * factor
    return _half_up(abs(exact.numerator), exact.denominator, negative=exact < 0)


class _Found(NamedTuple):
    """What figures are made of, by group; None where it is unknown."""

    sums: dict[str, dict[int, int] | None]  # measure -> group -> minor units or millionths
    drawn: dict[str, Timed | None]  # stage -> every duration
    times: dict[str, dict[int, Duration] | None]  # stage -> group -> quartiles
    waited: dict[str, dict[int, Waiting] | None]  # the same, those still on their way too


class KpiTable:
    """Rows and totals of one period.

    Args:
        measures: of it.
        currency: of the answer.
        margin: what part of revenue is earned, for figures that set it against spend.
        intervals: None where none are asked for.
        censored: whether durations count those still on their way too.
        seed: of the intervals of predictions.
    """

    def __init__(
        self,
        measures: Measures,
        currency: str,
        margin: Fraction = Fraction(1),
        intervals: Intervals | None = None,
        *,
        censored: bool = False,
        seed: int = 0,
    ) -> None:
        self.measures, self.currency = measures, currency
        self.dimensions = measures.dimensions
        self._margin, self._intervals, self._censored, self._seed = margin, intervals, censored, seed
        self._read: dict[tuple[str, ...], _Found] = {}

    def groups(self, chosen: list[Kpi]) -> set[int]:
        """Return the groups that there is anything of: those with nothing but zeros have no row."""
        if not self.dimensions.by:
            return {0}
        found, _, times, waited = self._found(chosen)
        counted = {group for sums in found.values() for group, value in (sums or {}).items() if value}
        return counted.union(*(of or {} for of in (*times.values(), *waited.values())))

    def leadless(self, chosen: list[Kpi]) -> bool:
        """Tell whether there is anything of deals without a lead, which belong to no cohort."""
        self._found(chosen)
        return any(self.measures.without_lead.values())

    def rows(self, chosen: list[Kpi], also: Iterable[int] = (), *, leadless: bool = False) -> list[Row]:
        """Return one row a group and figure, the groups with most revenue first.

        Args:
            chosen: the figures.
            also: groups to show though there may be nothing of them.
            leadless: show those without a lead though there may be nothing of them.
        """
        counted = [kpi for kpi in chosen if kpi.numerator]
        asked = {stage: UNITS[kpi.unit] for kpi in chosen for stage in kpi.stages}
        found, drawn, times, waited = self._found(chosen)
        if not self.dimensions.by:
            found = {name: self._whole(name) for name in found}
        shown = self._sorted({*self.groups(chosen), *also}, found)
        bounds = self._intervals.of_all(self._figures(counted), shown) if self._intervals else {}
        bounds |= self._of_expected(counted, shown)
        rows = []
        for group in shown:
            names = self.dimensions.names(group)
            for kpi in chosen:
                if kpi.numerator:
                    row = self._row(kpi, _at(found, group))
                    rows.append(names | row | self._interval(kpi, row, bounds.get(kpi.name), group))
                else:
                    rows += [
                        names
                        | self._stage(kpi, stage, times[stage], group)
                        | self._quartiles(waited, stage, group)
                        | self._median_bounds(drawn[stage], group, asked[stage])
                        for stage in kpi.stages
                    ]
        self._tell(counted, found, times)
        rows += self._no_rate(counted)
        return rows + (self._leadless(counted, leadless) if self.measures.asked.basis == "cohort" else [])

    def _found(self, chosen: list[Kpi]) -> _Found:
        """Return what figures are made of, by group."""
        key = tuple(kpi.name for kpi in chosen)
        if key not in self._read:
            measures = self.measures
            asked = {stage: UNITS[kpi.unit] for kpi in chosen for stage in kpi.stages}
            drawn = {stage: timed(measures, stage) for stage in STAGES if stage in asked}
            self._read[key] = _Found(
                {name: measures.get(name) for kpi in chosen for name in kpi.measures},
                drawn,
                {stage: None if of is None else of.by_group(asked[stage]) for stage, of in drawn.items()},
                {stage: waiting(measures, stage, asked[stage]) for stage in asked if self._censored},
            )
        return self._read[key]

    def _whole(self, name: str) -> dict[int, int] | None:
        """Return a measure that nothing is cut by: what is in several groups counts once."""
        parts = self.measures.parts(name)
        return None if parts is None else {0: parts.total()}

    def totals(self, chosen: list[Kpi]) -> Row:
        """Return each figure over all groups (medians do not add up, and are left out)."""
        found: Row = {}
        for kpi in chosen:
            if kpi.numerator:
                parts = {name: self.measures.parts(name) for name in kpi.measures}
                whole = {name: None if of is None else of.total() for name, of in parts.items()}
                found[kpi.name] = self._row(kpi, whole)["value"]
        return found

    def _sorted(self, groups: set[int], found: Mapping[str, Mapping[int, int] | None]) -> list[int]:
        revenue = next((found[name] for name in _REVENUE if found.get(name)), None)
        order = [revenue or {}, *(found.get(name) or {} for name in ("spend", "leads"))]
        return sorted(
            groups, key=lambda g: (*(-sums.get(g, 0) for sums in order), *self.dimensions.names(g).values())
        )

    # --- one figure ---------------------------------------------------------------------------------

    def _row(self, kpi: Kpi, found: Mapping[str, int | None]) -> Row:
        top = found[kpi.numerator]
        if kpi.denominator is None:
            shown = self._shown(kpi.numerator, top)
            return _figure(kpi, shown, shown, None)
        below = found[kpi.denominator]
        if kpi.of_earnings and top is not None:
            top = at_margin(top, self._margin)
        if kpi.less_spend and top is not None:
            top = None if below is None else top - below
        value: Any = None if top is None or below is None else divide(kpi, top, below)
        extra: Row = {}
        if kpi.times:
            stay = lifetime(self.measures)
            extra = {
                "lifetime_months": stay.mean if stay else None,
                "median_lifetime_months": stay.median if stay else None,
            }
            if stay is None or top is None or not below:
                value = None
            else:
                value = multiplied(top, below, Fraction(stay.mean) / _PARTS[kpi.times])
        if kpi.unit == "money" and value is not None:
            value = money_text(value, self.currency)
        return (
            _figure(kpi, value, self._shown(kpi.numerator, top), self._shown(kpi.denominator, below)) | extra
        )

    def _shown(self, measure: str, value: int | None) -> str | int | float | None:
        if value is None:
            return None
        return money_text(value, self.currency) if measure in MONEY_MEASURES else count(value)

    def _figures(self, chosen: list[Kpi]) -> dict[str, Figure]:
        """Return what those figures are made of that have an interval."""
        drawn: dict[str, Parts | None] = {}
        found = {}
        for kpi in chosen:
            if kpi.times:
                continue  # how long customers stay is an estimate itself
            for name in kpi.measures:
                if name not in drawn:
                    parts = self.measures.parts(name)
                    drawn[name] = parts if parts is None or self.dimensions.by else parts.whole()
            top, below = drawn[kpi.numerator], drawn[kpi.denominator] if kpi.denominator else None
            if top is None or (kpi.denominator and below is None):
                continue
            if {top.kind, below.kind if below is not None else NOBODY} != {NOBODY}:  # else all was counted
                counts = kpi.unit == "ratio" and not MONEY_MEASURES.intersection(kpi.measures)
                found[kpi.name] = Figure(top, below, share=counts)
        return found

    def _of_expected(self, counted: list[Kpi], groups: list[int]) -> dict[str, dict[int, Bounds]]:
        """Return the intervals of predictions, which are learned anew in every draw."""
        names = [kpi.name for kpi in counted if EXPECTED in kpi.measures]
        if self._intervals is None or not names:
            return {}
        found = expected_bounds(self.measures, groups, self._intervals.level, self._seed)
        return {} if found is None else dict.fromkeys(names, found)

    def _interval(self, kpi: Kpi, row: Row, bounds: Mapping[int, Bounds] | None, group: int) -> Row:
        """Return `low high conversions too_few` of a figure, in the units of its value."""
        if self._intervals is None:
            return {}
        if bounds is None or (row["value"] is None and kpi.denominator is not None) or _costless(kpi, row):
            return {"low": None, "high": None, "conversions": None, "too_few": None}
        found = bounds[group]
        if found.edge and not found.too_few:
            self.measures.warn(_AT_EDGES)
        low, high = (self._bound(kpi, value) for value in (found.low, found.high))
        return {"low": low, "high": high, "conversions": found.conversions, "too_few": found.too_few}

    def _bound(self, kpi: Kpi, value: float | None) -> Any:
        if value is None:
            return None
        if kpi.of_earnings:
            value *= float(self._margin)
        value -= kpi.less_spend
        if kpi.unit == "money":
            minor = value * MILLION if kpi.denominator else value  # a count is in millionths
            return money_text(round(minor), self.currency)
        return value / MILLION if kpi.denominator is None else value

    # --- durations ----------------------------------------------------------------------------------

    def _stage(self, kpi: Kpi, stage: str, of: Mapping[int, Duration] | None, group: int) -> Row:
        nobody = Duration(None, None, None, 0, 0)
        took = nobody if of is None else of.get(group, nobody)
        return {
            "kpi": kpi.name,
            "stage": stage,
            "value": took.median,
            "unit": kpi.unit,
            "numerator": None,
            "denominator": None if of is None else count(took.share),
            "lower_quartile": took.lower_quartile,
            "upper_quartile": took.upper_quartile,
            "negative": count(took.negative),
        }

    def _quartiles(self, waited: Mapping[str, Mapping[int, Waiting] | None], stage: str, group: int) -> Row:
        """Return the quartiles of a stage where those still on their way count too."""
        if not self._censored:
            return {}
        found = (waited[stage] or {}).get(group, Waiting(None, None, None, 0))
        return {
            "censored_lower_quartile": found.lower_quartile,
            "censored_median": found.median,
            "censored_upper_quartile": found.upper_quartile,
            "waiting": None if waited[stage] is None else found.waiting,
        }

    def _median_bounds(self, of: Timed | None, group: int, unit: int) -> Row:
        if self._intervals is None:
            return {}
        if of is None:
            return {"low": None, "high": None, "conversions": None, "too_few": None}
        mine = (of.group >= 0 if not self.dimensions.by else of.group == group) & (of.micros >= 0)
        found = self._intervals.of_median(of.kind, of.record[mine], of.micros[mine], of.share[mine])
        low, high = (None if bound is None else bound / unit for bound in (found.low, found.high))
        return {"low": low, "high": high, "conversions": found.conversions, "too_few": found.too_few}

    # --- what a reader would stumble over -----------------------------------------------------------

    def _leadless(self, counted: list[Kpi], always: bool) -> list[Row]:
        """Return what deals without a lead amount to: they belong to no cohort, and are not in the totals."""
        lost = {name: value for name, value in self.measures.without_lead.items() if value}
        if not lost and not always:
            return []
        self.measures.warn(
            f"deals without a lead belong to no cohort; those of the period stand in {NO_LEAD} "
            "and in no total"
        )
        if not self.dimensions.by:
            return []
        names = self.dimensions.all_as(NO_LEAD)
        whole: dict[str, int | None] = dict.fromkeys({name for kpi in counted for name in kpi.measures}, 0)
        return [names | self._row(kpi, whole | lost) for kpi in counted]

    def _no_rate(self, counted: list[Kpi]) -> list[Row]:
        """Return a row of every figure of money that nothing converts, in its own currencies."""
        lost = self.measures.no_rate
        if not (lost and self.dimensions.by):
            return []
        names, rows = self.dimensions.all_as(NO_RATE), []
        for kpi in counted:
            value = lost.get("revenue", {}) if set(_REVENUE).intersection(kpi.measures) else {}
            spent = lost.get("spend", {}) if "spend" in kpi.measures else {}
            if value or spent:
                row = self._row(kpi, dict.fromkeys(kpi.measures, 0))
                rows.append(names | row | {"value": None, "unconverted": unconverted(value, spent)})
        return rows

    def _tell(
        self,
        counted: list[Kpi],
        found: Mapping[str, Mapping[int, int] | None],
        times: Mapping[str, Mapping[int, Duration] | None],
    ) -> None:
        for kpi in counted:
            if kpi.above_one and kpi.denominator:
                whole = found[kpi.denominator] or {}
                if any(
                    some > whole.get(group, 0) > 0 for group, some in (found[kpi.numerator] or {}).items()
                ):
                    self.measures.warn(kpi.above_one)
        costs = {str(kpi.denominator) for kpi in counted if kpi.family == "cost"}
        spent = found.get("spend")
        if spent is not None and any(
            value and not spent.get(group) for name in costs for group, value in (found[name] or {}).items()
        ):
            self.measures.warn(_COSTLESS)
        for stage, of in times.items():
            negative = sum(took.negative for took in (of or {}).values())
            if negative:
                self.measures.warn(
                    f"{count(negative)} of {stage} ended before they began; their durations are left out"
                )


def _at(found: Mapping[str, Mapping[int, int] | None], group: int) -> dict[str, int | None]:
    return {name: None if sums is None else sums.get(group, 0) for name, sums in found.items()}


def _costless(kpi: Kpi, row: Row) -> bool:
    """Tell of a cost that no spend is known for: it is 0, and nothing is learnt by drawing that again."""
    return kpi.family == "cost" and row["numerator"] is not None and not Decimal(row["numerator"])


def _figure(kpi: Kpi, value: Any, numerator: Any, denominator: Any) -> Row:
    return {
        "kpi": kpi.name,
        "value": value,
        "unit": kpi.unit,
        "numerator": numerator,
        "denominator": denominator,
    }
