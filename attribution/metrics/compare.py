"""The same conversions under several models, side by side, and how much the models disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date as Day  # `date` is an option's name here
from itertools import combinations
from typing import Any

from sqlalchemy import Connection

from attribution.errors import InputError
from attribution.labels import NO_RATE
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.credits import Credits, credits_by_group
from attribution.metrics.dimensions import MARKETING, Dimensions, parse_by, parse_where
from attribution.metrics.outside import outside_warnings
from attribution.metrics.report import ask, count, dated, needed, no_rate_warnings, unconverted
from attribution.metrics.selection import (
    Selection,
    find_credits,
    select_credits,
    select_journeys,
    stale_warnings,
)
from attribution.money import money_text
from attribution.store.database import Database
from attribution.store.settings import Settings

Sums = Mapping[int, int]


@tells_what_was_asked
def compare(
    db: Database,
    by: str | Iterable[str],
    models: Sequence[str] | None = None,
    *,
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
    start: Day | str | None = None,
    end: Day | str | None = None,
    where: Iterable[str] = (),
    date: str = "closed",
    currency: str | None = None,
    restate: bool = False,
) -> Answer:
    """Compare models: what each credits to each value of some marketing dimensions.

    A row has one key a model (money for the goals `revenue` and `pipeline`, else counts),
    `disagreement` (the largest minus the smallest of them) and `disagreement_share` (of the total).
    In the totals they are the share, and amount, of all credit that two models place differently, half
    the sum of absolute differences (the total variation distance), meant over the pairs of models.

    Args:
        db: the store.
        by: one or more of :data:`attribution.metrics.dimensions.MARKETING`.
        models: two or more names, with parameters where they are not the defaults; none: those of the
            store's settings that have been run.
        goal, lookback, scope, kinds, start, end, where, date, currency, restate: as for
            :func:`attribution.metrics.report.report`.

    Raises:
        UnknownNameError: no such dimension, goal or model.
        InputError: fewer than two models, or one that was never run.
    """
    dims = needed(parse_by(by, MARKETING))
    question, conditions = ask(date, currency, restate), parse_where(where)
    with db.read() as connection:
        window: dict[str, Any] = {"goal": goal, "lookback": lookback, "scope": scope, "kinds": kinds}
        chosen = [
            select_credits(connection, model=model, **window)
            for model in dict.fromkeys(models or _configured(connection, window))
        ]
        chosen = list({selection.credit_set_id: selection for selection in chosen}.values())
        if len(chosen) < 2:
            raise InputError(
                f"one model cannot be compared ({', '.join(models or ()) or 'none given'}); "
                "name two or more, such as --models first_touch,linear"
            )
        question = dated(question, chosen[0], start, end)
        dimensions = Dimensions(connection, dims, conditions)
        found = [credits_by_group(connection, one, dimensions, question) for one in chosen]
        stale = [stale_warnings(connection, selection) for selection in chosen]
        outside = outside_warnings(connection, chosen[0].journeys, question)
    labels = [selection.model for selection in chosen]
    first = chosen[0]
    table = _Table(dimensions, first, labels, found, currency or first.currency)
    unit = "money" if first.goal.money else "count"
    return Answer(
        verb="compare",
        store=db.label,
        **first.envelope() | {"model": ", ".join(labels), "currency": table.currency},
        rows=table.rows(),
        totals=table.totals(),
        warnings=[
            *max(stale, key=len),
            *dimensions.warnings,
            *outside,
            *no_rate_warnings(first, found[0], None),
        ],
        columns=dict.fromkeys(dims, "text")
        | dict.fromkeys([*labels, "disagreement"], unit)
        | {"disagreement_share": "ratio"},
        title=f"{first.goal.label} by {', '.join(dims)}, {len(labels)} models",
    )


def _configured(connection: Connection, window: Mapping[str, Any]) -> list[str]:
    """Return the models of the store's settings that have been run under a window."""
    journeys = select_journeys(connection, **window)
    models = Settings(connection).require("models").split()
    return [model for model in models if find_credits(connection, journeys, model)]


def total_variation(columns: Sequence[Sums]) -> float:
    """Return the share of credit that two models place differently, meant over all pairs.

    Args:
        columns: for each model, amounts by group; two or more, all of one total.

    >>> total_variation([{1: 60, 2: 40}, {1: 40, 2: 60}])
    0.2
    """
    total = sum(columns[0].values())
    pairs = list(combinations(columns, 2))
    apart = sum(abs(a.get(g, 0) - b.get(g, 0)) for a, b in pairs for g in {*a, *b})
    return apart / (2 * len(pairs) * total) if total else 0.0


class _Table:
    """The rows of a comparison, from each model's sums by group."""

    def __init__(
        self,
        dimensions: Dimensions,
        selection: Selection,
        labels: Sequence[str],
        found: Sequence[Credits],
        currency: str,
    ) -> None:
        self.dimensions, self.labels, self.found, self.currency = dimensions, labels, found, currency
        self.money = selection.goal.money
        self.columns: list[Sums] = [credited.value if self.money else credited.share for credited in found]
        apart = 0 if self.money else found[0].no_rate_share
        self.total = sum(self.columns[0].values()) + apart

    def rows(self) -> list[Row]:
        """Return the rows, the largest under the first model first."""
        listed: list[tuple[list[int], Row]] = []
        for group in {group for column in self.columns for group in column}:
            values = [column.get(group, 0) for column in self.columns]
            if any(values):
                listed.append((values, self.dimensions.names(group) | self._figures(values)))
        if self.found[0].no_rate:
            values = [0 if self.money else credited.no_rate_share for credited in self.found]
            extra = {"unconverted": unconverted(self.found[0].no_rate, {})}
            listed.append((values, self.dimensions.all_as(NO_RATE) | self._figures(values) | extra))
        dims = self.dimensions.by
        listed.sort(key=lambda item: (*(-value for value in item[0]), *(item[1][dim] for dim in dims)))
        return [row for _, row in listed]

    def totals(self) -> Row:
        """Return each model's total, and how far the models are apart as a whole."""
        share = total_variation(self.columns)
        sums = [
            sum(column.values()) + (0 if self.money else credited.no_rate_share)
            for column, credited in zip(self.columns, self.found, strict=True)
        ]
        row: dict[str, Any] = dict(zip(self.labels, map(self._shown, sums), strict=True))
        apart = self._shown(round(share * sum(self.columns[0].values())))
        return row | {"disagreement": apart, "disagreement_share": share if self.total else None}

    def _figures(self, values: Sequence[int]) -> Row:
        spread = max(values) - min(values)
        row: dict[str, Any] = dict(zip(self.labels, map(self._shown, values), strict=True))
        share = spread / self.total if self.total else None
        return row | {"disagreement": self._shown(spread), "disagreement_share": share}

    def _shown(self, value: int) -> str | int | float:
        return money_text(value, self.currency) if self.money else count(value)
