"""`recommend`: spend, credited value and return with its bounds, and what to scale, hold or cut.

The rule is in :mod:`attribution.metrics.recommend_rule`. The value is what the model credits: advice is as
good as that, and no experiment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date as Day
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd

from attribution.clock import DAY
from attribution.errors import InputError
from attribution.metrics.answer import Answer, Row
from attribution.metrics.dimensions import MARKETING, Dimensions, parse_by, parse_where
from attribution.metrics.findings import EXAMPLES
from attribution.metrics.kpi_intervals import DRAWS, Intervals
from attribution.metrics.kpi_table import at_margin
from attribution.metrics.kpis import read_level, read_margin
from attribution.metrics.measures.context import Asked, Measures
from attribution.metrics.measures.registry import MEASURES
from attribution.metrics.recommend_rule import Judged, judge, row_level
from attribution.metrics.report import ask, dated, needed, roi
from attribution.metrics.selection import Selection, select_credits, stale_warnings
from attribution.money import money_text
from attribution.store.database import Database
from attribution.trust.intervals import ENOUGH_CONVERSIONS

MOST_DRAWS: Final = 10_000
_BEYOND: Final = 10  # draws that should lie beyond each bound
_COLUMNS: Final = {
    "spend": "money", "value": "money", "roi": "ratio", "low": "ratio", "high": "ratio",
    "conversions": "count", "advice": "text", "because": "text",
}  # fmt: skip
_USUAL: Final = 0.75  # of the won deals


def recommend(
    db: Database,
    by: str | Iterable[str],
    *,
    target: str | float = 0,
    margin: str | float | None = None,
    interval: float | str = 0.9,
    seed: int = 0,
    model: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
    start: Day | str | None = None,
    end: Day | str | None = None,
    where: Iterable[str] = (),
) -> Answer:
    """Judge what was spent on.

    A row has the dimensions and `spend value roi low high conversions advice because`, largest spend first;
    there is one for everything that money was spent on. Advice is `scale`, `hold`, `cut` or `not enough
    data`.

    Args:
        db: the store.
        by: dimensions that spend is known by, such as `channel`, `campaign` or `ad`.
        target: the return that spend has to bring; 0 is to break even.
        margin: what part of revenue is earned: 0.6 or `60%`.
        interval: how sure all advice together has to be.
        seed: another one draws intervals anew.
        model, lookback, scope, kinds: whose credits; left out: the store's settings.
        start, end: days of the reporting timezone, both included.
        where: conditions `DIMENSION=VALUE`.

    Raises:
        UnknownNameError: no such dimension or model.
        InputError: revenue was never run for the model, spend is not known by a dimension, or an option
            cannot be read.
    """
    dims, conditions = needed(parse_by(by, MARKETING)), parse_where(where)
    aim, earned, level = read_target_return(target), read_margin(margin), read_level(interval)
    assert level is not None
    with db.read() as connection:
        credited = select_credits(
            connection, model=model, goal="revenue", lookback=lookback, scope=scope, kinds=kinds
        )
        question = dated(ask("closed", None, False), credited, start, end)
        dimensions = Dimensions(connection, dims, conditions)
        if dimensions.not_of_spend:
            raise InputError(
                f"nothing can be recommended by {', '.join(dimensions.not_of_spend)}: spend is not known by "
                "it; name channel, source, medium, campaign, ad_group, ad or keyword with --by"
            )
        measures = Measures(
            connection, Asked(credited.journeys, credited.model, question), dimensions, MEASURES
        )
        found = _Found(measures, credited, earned, level, seed)
        rows = found.rows(aim)
        totals = found.totals()
        warnings = [
            *stale_warnings(connection, credited), *dimensions.warnings, found.rule(aim), *found.odd(),
            *_young(measures), *measures.warnings,
        ]  # fmt: skip
    return Answer(
        verb="recommend",
        store=db.label,
        **credited.envelope(),
        rows=rows,
        totals=totals,
        warnings=warnings,
        columns=dict.fromkeys(dims, "text") | _COLUMNS,
        title=f"Advice by {', '.join(dims)} ({credited.model})",
    )


def read_target_return(target: str | float) -> float:
    """Read the return that spend has to bring.

    Raises:
        InputError: not a number above -1.

    >>> read_target_return("50%"), read_target_return(0.5)
    (0.5, 0.5)
    """
    text = str(target).strip()
    try:
        value = Decimal(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and value > -1):
        raise InputError(
            f"target {target!r} cannot be used; allowed is a return above -1, such as 0 (break even), 0.5 or "
            "50%"
        )
    return float(value)


def draws_for(level: float) -> int:
    """Return how often people are drawn, so that some draws lie beyond each bound.

    >>> draws_for(0.9), draws_for(0.99)
    (400, 2000)
    """
    wanted = int(np.ceil(_BEYOND / ((1 - level) / 2) / 4 - 1e-9)) * 4
    return min(max(wanted, DRAWS), MOST_DRAWS)


@dataclass
class _Found:
    """What was spent and what it brought, by group."""

    measures: Measures
    credited: Selection
    margin: Fraction
    level: float
    seed: int

    def __post_init__(self) -> None:
        value, spent = self.measures.parts("revenue"), self.measures.parts("spend")
        assert value is not None  # the credit set was selected
        assert spent is not None  # every dimension is one of spend's
        self._parts, self._spent = value, spent.sums()
        self._value = {group: at_margin(sum_, self.margin) for group, sum_ in value.sums().items()}
        self.judged = sorted(group for group, minor in self._spent.items() if minor > 0)
        self.row_level = row_level(self.level, len(self.judged))

    @property
    def _currency(self) -> str:
        return self.credited.currency

    def rows(self, target: float) -> list[Row]:
        """Return a row for each group with spend, the largest first."""
        names = {group: self.measures.dimensions.names(group) for group in self.judged}
        order = sorted(self.judged, key=lambda g: (-self._spent[g], *names[g].values()))
        judged = Intervals(self.measures.units, self.row_level, draws_for(self.row_level), self.seed)
        bounds = judged.of(self._parts, None, order) if order else {}
        lump, part = self._lump(), float(self.margin)
        rows = []
        for group in order:
            value, spend, found = self._value.get(group, 0), self._spent[group], bounds[group]
            low, high = (None if bound is None else bound * part for bound in (found.low, found.high))
            row = Judged(value, spend, low, high, found.conversions)
            verdict = judge(row, target=target, level=self.row_level, lump=lump)
            rows.append(
                {
                    **names[group],
                    "spend": money_text(spend, self._currency),
                    "value": money_text(value, self._currency),
                    "roi": roi(value, spend),
                    "low": verdict.low,
                    "high": verdict.high,
                    "conversions": found.conversions,
                    "advice": verdict.advice,
                    "because": verdict.because,
                }
            )
        return rows

    def totals(self) -> Row:
        """Return what was spent and brought by all rows."""
        spend, value = (sum(of.get(g, 0) for g in self.judged) for of in (self._spent, self._value))
        return {
            "spend": money_text(spend, self._currency),
            "value": money_text(value, self._currency),
            "roi": roi(value, spend),
        }

    def rule(self, target: float) -> str:
        """Say how advice comes about."""
        return (
            f"rule: scale where the interval of ROI lies wholly above the target of {target:.0%}, cut where "
            f"it lies wholly below, else hold; under {ENOUGH_CONVERSIONS} conversions there is not enough "
            "data, unless even the most that so little can stand for is below the target; rows are judged at "
            f"{self.row_level:.2%} each, so that the advice of all {len(self.judged)} together holds at "
            f"{self.level:.0%}"
        )

    def odd(self) -> list[str]:
        """Tell of spend without value, and of value without spend."""
        told = []
        nothing = [group for group in self.judged if not self._value.get(group)]
        free = [group for group, minor in self._value.items() if minor and self._spent.get(group, 0) <= 0]
        for what, groups, of in (
            ("was spent on what brought nothing", nothing, self._spent),
            ("of value cost nothing and is not judged", free, self._value),
        ):
            if not groups:
                continue
            groups.sort(key=lambda g: (-of[g], *self.measures.dimensions.names(g).values()))
            names = [" / ".join(self.measures.dimensions.names(g).values()) for g in groups]
            more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
            money = money_text(sum(of[g] for g in groups), self._currency)
            told.append(f"{money} {what}: {', '.join(names[:EXAMPLES])}{more}")
        return told

    def _lump(self) -> float | None:
        """Return the mean of squares over the mean of what customers bring to rows of the whole store.

        At the margin. A customer is an account, else a person, and may bring parts to several rows; None
        where fewer customers than can be judged brought anything.
        """
        of = self.measures
        everywhere = Dimensions(of.connection, of.dimensions.by)
        parts = Measures(of.connection, of.asked, everywhere, MEASURES).parts("revenue")
        assert parts is not None
        units = of.units("deal", parts.record)
        cells = pd.DataFrame({"unit": units, "group": parts.group, "value": parts.value})
        pieces = cells.groupby(["unit", "group"])["value"].sum().reset_index()
        pieces = pieces[pieces["value"] > 0]
        if pieces["unit"].nunique() < ENOUGH_CONVERSIONS:
            return None
        brought = pieces["value"].to_numpy(np.float64)
        return float(brought @ brought / brought.sum()) * float(self.margin)


def _young(measures: Measures) -> list[str]:
    """Warn where what was spent lately has had no time to bring anything."""
    dimensions, asked = measures.dimensions, measures.asked
    deals = dimensions.deals[(dimensions.deals["status"] == "won") & (dimensions.deals["lead_id"] >= 0)]
    took = (deals["closed"] - deals["lead_created"]).to_numpy(np.int64)
    took = took[took >= 0]
    if not len(took):
        return []
    usual = float(np.quantile(took, _USUAL))
    end = asked.question.period.end
    if end is not None and asked.journeys.as_of - end >= usual:
        return []
    return [
        f"three of four won deals close within {usual / DAY:.0f} days of their lead; what was spent later "
        "than that before the last run has not had its time: leave those days out with --to"
    ]
