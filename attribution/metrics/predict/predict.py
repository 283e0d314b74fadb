"""`predict`: the expected revenue of each open lead, learned from the store's own past, with an interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date as Day
from typing import Any, Final

import numpy as np
import pandas as pd

from attribution import clock
from attribution.errors import InputError
from attribution.labels import NOT_SET
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.dimensions import parse_by
from attribution.metrics.kpis import read_level
from attribution.metrics.predict.features import NOTHING, open_at
from attribution.metrics.predict.forecast import DRAWS, Forecast, forecast
from attribution.metrics.predict.learn import one_thread, require_library
from attribution.metrics.predict.months import months_text, read_horizon
from attribution.metrics.predict.past import Past
from attribution.metrics.predict.reading import any_credits, read_past, told
from attribution.metrics.predict.reliability import Reliability, reliability, sentence
from attribution.metrics.predict.ways_out import with_way_out
from attribution.metrics.selection import read_day, stale_warnings
from attribution.money import money_text
from attribution.store.database import Database

DIMENSIONS: Final = ("stage", "channel", "industry", "owner", "account")
_FIGURES: Final = {"value": "money", "low": "money", "high": "money"}


@tells_what_was_asked
def predict(
    db: Database,
    by: str | Iterable[str] = (),
    *,
    horizon: str | int | None = None,
    interval: float | str = 0.9,
    as_of: Day | str | None = None,
    judge: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Answer:
    """Predict what open leads will bring.

    A row is an open lead: `lead_id stage age_days channel industry owner open_amount chance value
    outcome_low outcome_high`, the most valuable first; its channel is that of its first touch, `open_amount`
    what its open deals come to (0 where that is not known), and its outcome what it will bring, not what is
    expected on average. With `by` it is a group of leads: the dimensions and `leads value low high`, the
    bounds of the expectation. With `judge` it is a fifth of past predictions: `fifth leads chance won
    predicted observed held`. The same stands beside every prediction (`answer.beside["reliability"]`).

    Args:
        db: the store.
        by: one or more of :data:`DIMENSIONS`.
        horizon: months ahead; left out: within which 80 % of the won deals closed.
        interval: the share of intervals that are to hold the outcome of a lead, the expectation of a group.
        as_of: predict as at the end of this day, by what was known then; left out: at the last run.
        judge: show how reliable predictions were, instead.
        draws, seed: of the intervals; a multiple of 4.

    Raises:
        UnknownNameError: no such dimension.
        InputError: scikit-learn is not installed, revenue was never run, or the past is too short or too
            thin.
    """
    dims, months, level = parse_by(by, DIMENSIONS), read_horizon(horizon), read_level(interval)
    day = read_day(as_of, "--as-of")
    assert level is not None
    require_library()
    if draws < 4 or draws % 4:
        raise InputError(f"draws={draws} cannot be used; allowed are multiples of 4")
    with db.read() as connection:
        credited = any_credits(connection)
        past = read_past(connection, credited, months, day)
        warnings = stale_warnings(connection, credited)
    envelope = {
        **credited.envelope(), "model": None, "as_of": clock.iso(past.as_of), "verb": "predict",
        "store": db.label,
    }  # fmt: skip
    within = f"within {months_text(past.horizon)}"

    def reliable(judged: Reliability) -> Answer:
        return Answer(
            **envelope, **_judged(judged, credited.currency),
            title=f"Predicted and observed revenue {within}",
            warnings=[*warnings, *told(past), sentence(judged, credited.currency)],
        )  # fmt: skip

    if judge:
        with one_thread(), with_way_out(past):
            return reliable(reliability(past, level))
    title = f"Expected revenue of open leads {within}"
    columns = dict.fromkeys(dims, "text") | {"leads": "count"} | _FIGURES if dims else _COLUMNS
    if not len(open_at(past.records, past.as_of)):
        figures = _FIGURES if dims else {"open_amount": "money"} | _FIGURES
        none = {"leads": 0} | dict.fromkeys(figures, money_text(0, credited.currency))
        return Answer(
            **envelope, columns=columns, totals=none, title=title,
            warnings=[*warnings, "no lead is open: each was disqualified, or has a deal won or lost"],
        )  # fmt: skip
    with one_thread(), with_way_out(past):
        judged = reliability(past, level)
        found = forecast(past, draws=draws, seed=seed)
    rows = _Rows(past, found, credited.currency, level)
    return Answer(
        **envelope, rows=rows.grouped(dims) if dims else rows.listed(), columns=columns,
        totals=rows.totals(listed=not dims), title=title, beside={"reliability": reliable(judged)},
        warnings=[*warnings, *told(past), sentence(judged, credited.currency)],
    )  # fmt: skip


_COLUMNS: Final = {
    "lead_id": "text", "stage": "text", "age_days": "count", "channel": "text", "industry": "text",
    "owner": "text", "open_amount": "money", "chance": "ratio", "value": "money", "outcome_low": "money",
    "outcome_high": "money",
}  # fmt: skip


def _judged(judged: Reliability, currency: str) -> dict[str, Any]:
    def money(minor: float) -> str:
        return money_text(round(float(minor)), currency)

    rows: list[Row] = [
        {
            "fifth": number + 1,
            "leads": int(judged.leads[number]),
            "chance": float(judged.chance[number]),
            "won": float(judged.won[number]),
            "predicted": money(judged.predicted[number]),
            "observed": money(judged.observed[number]),
            "held": float(judged.held[number]),
        }
        for number in range(len(judged.leads))
    ]
    return {
        "rows": rows,
        "totals": {
            "leads": int(judged.leads.sum()),
            "predicted": money(judged.predicted.sum()),
            "observed": money(judged.observed.sum()),
            "ratio": judged.ratio,
            "calibration_error": judged.error,
        },
        "columns": {
            "fifth": "count", "leads": "count", "chance": "ratio", "won": "ratio", "predicted": "money",
            "observed": "money", "held": "ratio",
        },
    }  # fmt: skip


class _Rows:
    """The rows of an answer, from a forecast."""

    def __init__(self, past: Past, found: Forecast, currency: str, level: float) -> None:
        self._found, self._currency, self._level = found, currency, level
        leads = found.leads
        records = past.records.leads.iloc[leads["lead"].to_numpy(np.int64)]

        def text(column: pd.Series[Any]) -> list[str]:
            return [NOT_SET if value in (None, NOTHING) else str(value) for value in column.tolist()]

        self._texts = {
            "lead_id": text(records["key"]),
            "stage": text(leads["stage"]),
            "channel": text(leads["first"]),
            "industry": text(records["industry"]),
            "owner": text(records["owner"]),
            "account": text(records["account"]),
        }
        self._age = np.floor(leads["age"].to_numpy(np.float64)).astype(np.int64).tolist()
        self._minor, self._open = (leads[name].to_numpy(np.int64) for name in ("minor", "open_minor"))
        self._chance = leads["chance"].to_numpy(np.float64).tolist()

    def _money(self, minor: int) -> str:
        return money_text(int(minor), self._currency)

    def _figures(self, value: int, low: int, high: int) -> Row:
        return dict(zip(_FIGURES, map(self._money, (value, low, high)), strict=True))

    def listed(self) -> list[Row]:
        """Return a row a lead."""
        low, high = self._found.lead_bounds(self._level)
        names = [name for name in _COLUMNS if name in self._texts]
        return [
            {
                **{name: self._texts[name][i] for name in names[:2]},
                "age_days": self._age[i],
                **{name: self._texts[name][i] for name in names[2:]},
                "open_amount": self._money(self._open[i]),
                "chance": self._chance[i],
                "value": self._money(self._minor[i]),
                "outcome_low": self._money(low[i]),
                "outcome_high": self._money(high[i]),
            }
            for i in np.argsort(-self._minor, kind="stable").tolist()
        ]

    def grouped(self, dims: Sequence[str]) -> list[Row]:
        """Return a row a group of leads."""
        frame = pd.DataFrame({dim: self._texts[dim] for dim in dims})
        group = frame.groupby(list(dims), sort=True).ngroup().to_numpy(np.int64)
        names = frame.assign(group=group).drop_duplicates("group").sort_values("group")
        n = len(names)
        low, high = self._found.bounds(group, n, self._level)
        leads = np.bincount(group, minlength=n)
        value = np.zeros(n, np.int64)
        np.add.at(value, group, self._minor)
        shown = names[list(dims)].to_dict("records")
        return [
            {str(dim): text for dim, text in shown[i].items()}
            | {"leads": int(leads[i])}
            | self._figures(value[i], low[i], high[i])
            for i in np.argsort(-value, kind="stable").tolist()
        ]

    def totals(self, *, listed: bool) -> Row:
        """Return the sums over all leads, and the bounds of what is expected of them."""
        n = len(self._minor)
        low, high = self._found.bounds(np.zeros(n, np.int64), 1, self._level)
        found: Row = {"leads": n} | ({"open_amount": self._money(int(self._open.sum()))} if listed else {})
        return found | self._figures(int(self._minor.sum()), low[0], high[0])
