"""The one shape of every answer: what was asked, rows, totals, warnings.

Doors render it: a table for people, JSON or CSV for programs. Money in rows is the decimal string of
:func:`attribution.money.money_text`, ratios are unrounded floats or None where the denominator is zero.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from attribution.drawing import plot

if TYPE_CHECKING:
    from attribution.drawing import Chart

Row = dict[str, Any]

ENVELOPE = (
    "verb", "store", "as_of", "currency", "model", "goal", "lookback", "scope", "asked", "rows", "totals",
    "warnings",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a verb answers; `columns` names the keys of a row in the order to show them, with their units.

    Units: `text`, `money` (decimal string in major units of `currency`), `count`, `ratio` (shown as percent),
    `factor` (a plain number such as ROAS), `time` (ISO 8601 UTC), `days`, `minutes`, `months`, `points` (of
    a hundred, by which a rate changed), `mixed` (the row's own `unit` says), `part` (of a ratio: money where
    it is a decimal string, a count where it is a number).

    `asked` are the options given beyond those, such as the period and conditions
    (:mod:`attribution.metrics.asked`).

    `beside` are answers that this one leans on, by name: pages, spreadsheets and charts show them too, the
    envelope does not.
    """

    verb: str
    store: str
    as_of: str  # ISO 8601 UTC
    currency: str | None = None
    model: str | None = None
    goal: str | None = None
    lookback: str | None = None
    scope: str | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    totals: Row = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)  # name -> unit
    title: str = ""
    beside: dict[str, Answer] = field(default_factory=dict)

    def envelope(self) -> dict[str, Any]:
        """Return the JSON envelope as a dict."""
        return {name: getattr(self, name) for name in ENVELOPE}

    def to_json(self) -> str:
        """Return the envelope as JSON text."""
        return json.dumps(self.envelope(), ensure_ascii=False, indent=2)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows as a DataFrame, columns in the order to show them."""
        return pd.DataFrame(self.rows, columns=list(self.columns) or None)

    def plot(self, which: str | None = None) -> Chart:
        """Return a chart of the rows, as the report draws it; a notebook shows it.

        Args:
            which: of several: `value` or `roi` of a report; `journeys`, `time_lag` or `length` of paths; a
                KPI's name, `mrr` or `funnel` of KPIs; `conversion_rate` or `revenue_per_lead` of cohorts;
                `value`, `reliability` or `revenue` of predictions; `roi` of recommendations. None: the first.

        Raises:
            InputError: no chart is made of this answer; the message says of which there is one.
        """
        return plot(self, which)
