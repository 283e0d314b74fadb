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
from attribution.metrics.cohorts import cohorts
from attribution.metrics.compare import compare
from attribution.metrics.known_days import known
from attribution.metrics.kpis import kpis
from attribution.metrics.paths import paths_of
from attribution.metrics.report import report
from attribution.metrics.selection import select_journeys
from attribution.metrics.transitions import graph_of
from attribution.report.charts.over_time import recurring_rows
from attribution.report.drawing_library import made_meanwhile
from attribution.report.figures import read_in
from attribution.report.page import write_report
from attribution.store.database import Database

CAMPAIGNS: Final = ("channel", "campaign")
KEYWORDS: Final = ("channel", "campaign", "keyword")
# what the page draws by channel; other figures would ask for goals that nobody ran
BY_CHANNEL: Final = ("lead_value", "roi", "cost_per_lead", "cost_per_acquisition")
RECURRING: Final = ("recurring",)  # the family
AGES: Final = 12  # months that leads are followed
LEVEL: Final = 0.9  # of the intervals that are drawn
_PATH_OPTIONS: Final = ("goal", "lookback", "scope", "kinds", "start", "end", "where")


def report_html(
    db: Database,
    path: str | Path,
    *,
    title: str = "Which ad brought which pound",
    models: Sequence[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    locale: str | None = None,
    **options: Any,
) -> Path:
    """Write the self-contained report of a store.

    Args:
        db: a store that has been run.
        path: where to write; an existing file is replaced.
        title: the page's heading.
        models: to show side by side; None: those of the store's settings that have been run.
        start, end: days of the reporting timezone, both included.
        locale: how figures are written, such as `de_DE`; None: as in English.
        options: model, goal, lookback, scope, kinds, where, date, currency, restate, as for `report`.

    Raises:
        InputError: nothing was run yet, or the file cannot be written.
    """
    asked = {"start": start, "end": end, **options}
    journeys = {name: value for name, value in asked.items() if name in _PATH_OPTIONS}
    compared = {name: value for name, value in asked.items() if name != "model"}
    # a KPI counts a record when it happened, and names its own goals
    counted = {name: value for name, value in asked.items() if name not in ("date", "goal")}
    notes = _notes(options.get("date"))
    with made_meanwhile():
        with db.snapshot() as seen:  # one state for the whole page, read once
            answers = _answers(seen, models, asked, journeys, compared, counted)
            ended = _ended(seen)
        said = any(ended in found.warnings for found in (answers["cohorts"], answers["recurring"]) if found)
        answers |= {"notes": [*notes, *([ended] if ended and not said else [])]}
        with read_in(locale):
            return write_report(path, title=title, **answers)


def _answers(
    db: Database,
    models: Sequence[str] | None,
    asked: dict[str, Any],
    journeys: dict[str, Any],
    compared: dict[str, Any],
    counted: dict[str, Any],
) -> dict[str, Any]:
    chosen = choose_journeys(db, **journeys)
    return {
        "overview": report(db, ("channel",), **asked),
        "comparison": _comparison(db, models, compared),
        "campaigns": report(db, CAMPAIGNS, **asked),
        "keywords": report(db, KEYWORDS, **asked),
        # three searches in a row and then a mail are the same story as one search and a mail
        "paths": paths_of(chosen, transform="exposure"),
        "transitions": graph_of(chosen, transform="exposure"),
        "kpis": kpis(db, (), interval=LEVEL, **counted),
        "kpis_by_channel": kpis(db, ("channel",), names=BY_CHANNEL, interval=LEVEL, **counted),
        "cohorts": _cohorts(db, asked),
        "recurring": _recurring(db, counted),
    }


def _ended(db: Database) -> str | None:
    """Say that data end long before the last run, where they do."""
    with db.read() as connection:
        return known(connection, select_journeys(connection)).ended()


def _notes(date: Any) -> list[str]:
    return (
        ["Key figures count leads and deals when they happened, the other figures when the touches were."]
        if date == "touch"
        else []
    )


def _cohorts(db: Database, asked: dict[str, Any]) -> Answer | None:
    """Follow the leads of each month, where the question can be asked of leads."""
    names = ("model", "lookback", "scope", "kinds", "start", "end", "where")
    try:
        return cohorts(db, ages=AGES, **{name: value for name, value in asked.items() if name in names})
    except InputError:  # of some channels only: a lead is followed whole
        return None


def _recurring(db: Database, asked: dict[str, Any]) -> Answer | None:
    """Return recurring revenue month by month, None where there is none."""
    found = kpis(db, (), names=RECURRING, every="month", **asked)
    # what it would say stands with the other figures; what has no total is drawn, and no total is shown
    return replace(found, warnings=[]) if recurring_rows(found) else None


def _comparison(db: Database, models: Sequence[str] | None, options: dict[str, Any]) -> Answer:
    try:
        return compare(db, ("channel",), models, **options)
    except InputError:
        if models:
            raise
        # one model was run: the page says that there is nothing to compare, and is written all the same
        return replace(report(db, ("channel",), **options), verb="compare", rows=[], totals={}, columns={})
