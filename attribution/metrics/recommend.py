"""`recommend`: spend, credited value and return with its bounds, and what to scale, hold or cut.

The rule is in :mod:`attribution.metrics.recommend_rule`. The value is what the model credits: advice is as
good as that, and no experiment. Money is set against what touches of the same days brought, whenever the
deals closed; what cannot be told, or not yet, is not judged (:mod:`attribution.metrics.recommend_spend`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date as Day
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

import numpy as np
import pandas as pd

from attribution.clock import DAY
from attribution.errors import InputError
from attribution.labels import NOT_SET, OTHER
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.credit_lags import Lags, credit_lags
from attribution.metrics.credits import unrated_credits
from attribution.metrics.dimensions import MARKETING, Dimensions, parse_by, parse_where
from attribution.metrics.findings import EXAMPLES
from attribution.metrics.known_days import known
from attribution.metrics.kpi_intervals import DRAWS, Intervals
from attribution.metrics.kpi_table import at_margin
from attribution.metrics.kpis import read_level, read_margin
from attribution.metrics.measures.context import Asked, Measures
from attribution.metrics.measures.money import warn_unrated
from attribution.metrics.measures.registry import MEASURES
from attribution.metrics.outside import outside_warnings
from attribution.metrics.recommend_rule import UNKNOWN, Judged, Verdict, judge, row_level
from attribution.metrics.recommend_spend import USUAL, Spent, judged_days, nameless, read_spent
from attribution.metrics.report import ask, dated, needed, roi, unmatched_warnings
from attribution.metrics.selection import Period, Selection, day_text, select_credits, stale_warnings
from attribution.money import money_text, money_words
from attribution.store.database import Database
from attribution.trust.intervals import ENOUGH_CONVERSIONS

MOST_DRAWS: Final = 10_000
_BEYOND: Final = 10  # draws that should lie beyond each bound
_COLUMNS: Final = {
    "spend": "money", "young": "money", "value": "money", "roi": "ratio", "low": "ratio", "high": "ratio",
    "conversions": "count", "advice": "text", "because": "text",
}  # fmt: skip


@tells_what_was_asked
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

    A row has the dimensions and `spend young value roi low high conversions advice because`, largest spend
    first; there is one for everything that money was spent on. `young` was spent so lately that it cannot be
    judged; `value` is what touches of the days of `spend` brought up to the last run. Advice is `scale`,
    `hold`, `cut` or `not enough data`.

    Args:
        db: the store.
        by: dimensions that spend is known by, such as `channel`, `campaign` or `ad`.
        target: the return that spend has to bring; 0 is to break even.
        margin: what part of revenue is earned: 0.6 or `60%`.
        interval: how sure all advice together has to be.
        seed: another one draws intervals anew.
        model, lookback, scope, kinds: whose credits; left out: the store's settings.
        start, end: days of spend and of touches, in the reporting timezone, both included.
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
        question = dated(ask("touch", None, False), credited, start, end)
        dimensions = Dimensions(connection, dims, conditions)
        if dimensions.not_of_spend:
            raise InputError(
                f"nothing can be recommended by {', '.join(dimensions.not_of_spend)}: spend is not known by "
                "it; name channel, source, medium, campaign, ad_group, ad or keyword with --by"
            )
        lags, journeys = credit_lags(connection, credited), credited.journeys
        judged = judged_days(question.period, lags, journeys)
        spent = read_spent(connection, dimensions, question.period, judged, lags, journeys)
        asked = Asked(journeys, credited.model, replace(question, period=judged))
        measures = Measures(connection, asked, dimensions, MEASURES)
        found = _Found(measures, credited, spent, lags, earned, level, seed)
        rows = found.rows(aim)
        totals = found.totals()
        warn_unrated(measures, "spend", spent.whole.no_rate, spent.whole.no_rate_groups)
        ended = known(connection, journeys).ended()
        warnings = [
            *stale_warnings(connection, credited), *dimensions.warnings, found.rule(aim),
            *found.time(question.period), *found.odd(), *unmatched_warnings(connection, spent.whole),
            *measures.warnings, *([ended] if ended else []),
            *outside_warnings(connection, journeys, question),
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
    spent: Spent
    lags: Lags
    margin: Fraction
    level: float
    seed: int

    def __post_init__(self) -> None:
        value, of = self.measures.parts("revenue"), self.measures
        assert value is not None  # the credit set was selected
        self._parts = value
        self._value = {group: at_margin(sum_, self.margin) for group, sum_ in value.sums().items()}
        lost = unrated_credits(of.connection, self.credited, of.dimensions, of.asked.question)
        self._lost = {"value": lost.no_rate_groups, "spend": self.spent.whole.no_rate_groups}
        self._names = {group: of.dimensions.names(group) for group in self.spent.groups}
        self._excused = self._not_judged()
        self.judged = [group for group in self._names if group not in self._excused]
        self.row_level = row_level(self.level, len(self.judged))

    @property
    def _currency(self) -> str:
        return self.credited.currency

    def _not_judged(self) -> dict[int, str]:
        """Return what is not judged, and why."""
        valued = [self.measures.dimensions.names(group) for group, minor in self._value.items() if minor]
        found = nameless(self._names, valued, self.spent.fees)
        for group in self._names:
            old, young = self.spent.old.get(group, 0), self.spent.young.get(group, 0)
            lost = [what for what, groups in self._lost.items() if group in groups]
            if group in found:
                continue
            if lost:
                found[group] = f"{' and '.join(lost)} without a rate: import rates, then run again"
            elif young > old:
                found[group] = (
                    f"{money_words(young, self._currency)} of {money_words(old + young, self._currency)} is "
                    f"younger than the {self._usual} that three quarters of value come within"
                )
            elif old <= 0:
                found[group] = "nothing was spent on it on the days that are judged"
        return found

    def rows(self, target: float) -> list[Row]:
        """Return a row for each group with spend, the largest first."""
        spent, names = self.spent, self._names
        order = sorted(names, key=lambda g: (-spent.whole.by_group.get(g, 0), *names[g].values()))
        drawn = Intervals(self.measures.units, self.row_level, draws_for(self.row_level), self.seed)
        bounds = drawn.of(self._parts, None, self.judged) if self.judged else {}
        behind = self._parts.conversions()
        lump, part = self._lump(), float(self.margin)
        rows = []
        for group in order:
            value, spend = self._value.get(group, 0), spent.old.get(group, 0)
            if group in self._excused:
                conversions, verdict = (
                    behind.get(group, 0),
                    Verdict(UNKNOWN, None, None, self._excused[group]),
                )
            else:
                found = bounds[group]
                low, high = (None if bound is None else bound * part for bound in (found.low, found.high))
                conversions, come = found.conversions, spent.come.get(group, 1.0)
                row = Judged(value, spend, low, high, conversions, come)
                verdict = judge(row, target=target, level=self.row_level, lump=lump)
            rows.append(
                {
                    **names[group],
                    "spend": money_text(spend, self._currency),
                    "young": money_text(spent.young.get(group, 0), self._currency),
                    "value": money_text(value, self._currency),
                    "roi": None
                    if any(group in groups for groups in self._lost.values())
                    else roi(value, spend),
                    "low": verdict.low,
                    "high": verdict.high,
                    "conversions": conversions,
                    "advice": verdict.advice,
                    "because": verdict.because,
                }
            )
        return rows

    def totals(self) -> Row:
        """Return what was spent and brought by all rows."""
        old, young, value = (
            sum(of.get(g, 0) for g in self._names) for of in (self.spent.old, self.spent.young, self._value)
        )
        return {
            "spend": money_text(old, self._currency),
            "young": money_text(young, self._currency),
            "value": money_text(value, self._currency),
            "roi": roi(value, old),
        }

    def rule(self, target: float) -> str:
        """Say how advice comes about."""
        return (
            f"rule: scale where the interval of ROI lies wholly above the target of {target:.0%}, cut where "
            f"it lies wholly below, else hold; under {ENOUGH_CONVERSIONS} conversions, or customers, there "
            "is not enough data, unless even the most that so little can stand for is below the target; rows "
            "are judged at "
            f"{self.row_level:.2%} each, so that the advice of all {len(self.judged)} together holds at "
            f"{self.level:.0%}; not judged are rows most of whose spend is young or that hold money without "
            f"a rate, {OTHER}, and {NOT_SET} where it is fees or value is known by name"
        )

    @property
    def _usual(self) -> str:
        """How long three quarters of value take."""
        days = f"{(self.lags.within(USUAL) or 0) / DAY:,.0f}"
        return f"{days} day{'' if days == '1' else 's'}"

    def time(self, asked: Period) -> list[str]:
        """Say which days are set against each other, and what is too young."""
        last = self.measures.asked.question.period.end_day
        if self.lags.within(USUAL) is None:
            return []
        told = (
            "value is what touches of the days of the spend are credited with, whenever the deals closed up "
            f"to the last run; three quarters of it come within {self._usual} of the touch"
        )
        allowed = "upper bounds allow for what is still to come"
        if last is None or last == asked.end_day:
            return [f"{told}; {allowed}"]
        young = sum(self.spent.young.get(group, 0) for group in self._names)
        later = f", nor the {money_words(young, self._currency)} spent on them (young)" if young else ""
        return [f"{told}: days after {day_text(last)} are not judged{later}; {allowed}"]

    def odd(self) -> list[str]:
        """Tell of spend without value, and of value without spend."""
        told = []
        nothing = [group for group in self.judged if not self._value.get(group)]
        free = [group for group, minor in self._value.items() if minor and group not in self._names]
        for what, groups, of in (
            ("was spent on what brought nothing", nothing, self.spent.old),
            ("of value cost nothing and is not judged", free, self._value),
        ):
            if not groups:
                continue
            groups.sort(key=lambda g: (-of[g], *self.measures.dimensions.names(g).values()))
            names = [" / ".join(self.measures.dimensions.names(g).values()) for g in groups]
            more = f" and {len(names) - EXAMPLES} more" if len(names) > EXAMPLES else ""
            money = money_words(sum(of[g] for g in groups), self._currency)
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
