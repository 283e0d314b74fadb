"""Ask a store everything that the page shows, and write the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.metrics.chosen_journeys import choose_journeys
from attribution.metrics.compare import compare
from attribution.metrics.kpis import kpis
from attribution.metrics.paths import paths_of
from attribution.metrics.report import report
from attribution.metrics.transitions import graph_of
from attribution.report.page import write_report
from attribution.store.database import Database

CAMPAIGNS: Final = ("channel", "campaign")
KEYWORDS: Final = ("channel", "campaign", "keyword")
# what the page draws by channel; other figures would ask for goals that nobody ran
BY_CHANNEL: Final = ("lead_value", "cost_per_lead", "cost_per_acquisition")
_PATH_OPTIONS: Final = ("goal", "lookback", "scope", "kinds", "start", "end", "where")


def report_html(
    db: Database,
    path: str | Path,
    *,
    title: str = "Which ad brought which pound",
    models: Sequence[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    **options: Any,
) -> Path:
    """Write the self-contained report of a store.

    Args:
        db: a store that has been run.
        path: where to write; an existing file is replaced.
        title: the page's heading.
        models: to show side by side; None: those of the store's settings that have been run.
        start, end: days of the reporting timezone, both included.
        options: model, goal, lookback, scope, kinds, where, date, currency, restate, as for `report`.

    Raises:
        InputError: nothing was run yet, or the file cannot be written.
    """
    asked = {"start": start, "end": end, **options}
    journeys = {name: value for name, value in asked.items() if name in _PATH_OPTIONS}
    compared = {name: value for name, value in asked.items() if name != "model"}
    chosen = choose_journeys(db, **journeys)
    return write_report(
        path,
        title=title,
        overview=report(db, ("channel",), **asked),
        comparison=_comparison(db, models, compared),
        campaigns=report(db, CAMPAIGNS, **asked),
        keywords=report(db, KEYWORDS, **asked),
        # three searches in a row and then a mail are the same story as one search and a mail
        paths=paths_of(chosen, transform="exposure"),
        transitions=graph_of(chosen, transform="exposure"),
        kpis=kpis(db, (), **asked),
        kpis_by_channel=kpis(db, ("channel",), names=BY_CHANNEL, **asked),
        period=_period(start, end),
    )


def _comparison(db: Database, models: Sequence[str] | None, options: dict[str, Any]) -> Answer:
    try:
        return compare(db, ("channel",), models, **options)
    except InputError:
        if models:
            raise
        # one model was run: the page says that there is nothing to compare, and is written all the same
        return replace(report(db, ("channel",), **options), verb="compare", rows=[], totals={}, columns={})


def _period(start: date | str | None, end: date | str | None) -> str | None:
    if start is None and end is None:
        return None
    if start is None:
        return f"up to {end}"
    return f"from {start} on" if end is None else f"{start} to {end}"
