"""Cohorts by age: of the leads created in each month, how many had converted by when, and what they brought.

A cohort's curve ends at the age that its youngest lead has reached, by the last run or by the end of data
that end long before it: beyond that age, some of its leads have not had the time, and the curve would flatten
without a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date as Day  # `date` is an option's name elsewhere
from numbers import Integral
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from attribution import clock
from attribution.clock import DAY
from attribution.errors import InputError
from attribution.ledger.allocate import MILLION
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.credits import Question, entries_by_time, unrated
from attribution.metrics.dimensions import Dimensions, parse_where
from attribution.metrics.facts import NEVER
from attribution.metrics.known_days import known, known_days, known_until, nothing_known
from attribution.metrics.kpi_catalogue import KPIS
from attribution.metrics.kpi_table import divide
from attribution.metrics.measures.context import Asked, Measures
from attribution.metrics.measures.records import converted_at
from attribution.metrics.measures.registry import MEASURES
from attribution.metrics.periods import as_period, spans
from attribution.metrics.selection import find_credits, period, run_command, select_journeys, with_goal
from attribution.money import money_text, money_words
from attribution.store.columns import Ints
from attribution.store.database import Database
from attribution.store.settings import Settings

MONTH: Final = 30 * DAY + DAY * 4375 // 10_000  # a twelfth of 365.25 days
AGES: Final = 24  # months
COLUMNS: Final = {
    "cohort": "text", "age": "count", "leads": "count", "converted": "count", "conversion_rate": "ratio",
    "revenue": "money", "revenue_per_lead": "money",
}  # fmt: skip


@tells_what_was_asked
def cohorts(
    db: Database,
    *,
    every: str = "month",
    ages: int = AGES,
    stage: str = "opportunity",
    model: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
    start: Day | str | None = None,
    end: Day | str | None = None,
    where: Iterable[str] = (),
) -> Answer:
    """Follow the leads created in each period, month by month of their age.

    Args:
        db: the store.
        every: `month`, `quarter` or `year` in which leads were created (`day` and `week` too).
        ages: up to how many months to follow them.
        stage: what a lead reaches to be converted, as for :func:`attribution.metrics.kpis.kpis`.
        model, lookback, scope, kinds: of a credit set of `revenue` that was run; which one changes no figure.
        start, end: days of the reporting timezone in which the leads were created, both included.
        where: conditions on owner, industry or account, as for :func:`attribution.metrics.report.report`.

    Returns:
        One row a `cohort` and `age` (months of 30.4375 days since a lead's creation), as far as all of its
        leads have come: `leads`, those `converted` by that age, the `conversion_rate`, the `revenue` (net,
        in the reporting currency, refunds at their own time) that their won deals had brought, and
        `revenue_per_lead`. Deals without a lead belong to no cohort; a cohort without leads has no row.

    Raises:
        UnknownNameError: no such period or dimension.
        InputError: nothing was run, or an option cannot be read.
    """
    if not (isinstance(ages, Integral) and ages >= 1):
        raise InputError(f"{ages!r} months of age were asked for; allowed are 1 and more, such as {AGES}")
    with db.read() as connection:
        window: dict[str, Any] = {"lookback": lookback, "scope": scope, "kinds": kinds}
        journeys = select_journeys(connection, goal="revenue", **window)
        label = model or Settings(connection).require("model").split()[0]
        asked = period(start, end, journeys.timezone)
        dimensions = Dimensions(connection, (), parse_where(where))
        if dimensions.touch_keys or "deal_kind" in dimensions.plain:
            raise InputError(
                f"cohorts cannot be cut by {', '.join(where)}: a lead is followed whole; allowed are "
                "conditions on owner, industry and account"
            )
        question = Question(asked)
        about = Asked(journeys, label, question, "cohort", stage=stage.strip().lower())
        of = Measures(connection, about, dimensions, MEASURES)
        first, last = known_days(connection, asked, journeys)
        named = [(span.name, as_period(span, journeys.timezone)) for span in spans(first, last, every)]
        leads = dimensions.leads
        ids, created = leads["lead_id"].to_numpy(np.int64), leads["created"].to_numpy(np.int64)
        kept = dimensions.record_groups("lead", ids) >= 0
        starts = np.array([when.start for _, when in named], np.int64)
        cohort = np.searchsorted(starts, created, side="right") - 1
        cohort[~kept | ~of.in_period(created)] = -1
        if named:  # none of days that nothing is known of
            cohort[created > named[-1][1].end] = -1
        age = _ages(converted_at(of, about.stage), created)
        deal_cohort, deal_age, minor = _revenue(connection, of, ids, created, cohort)
        told = nothing_known(connection, asked, journeys) or known(connection, journeys).ended()
        warnings = [*dimensions.warnings, *of.warnings, *([told] if told else [])]
        until = known_until(connection, journeys)
    rows: list[Row] = []
    for i, (name, _) in enumerate(named):
        mine = cohort == i
        if not mine.any():
            continue
        size = int(mine.sum())
        grown = min((until - int(created[mine].max())) // MONTH, ages)
        converted = np.bincount(np.minimum(age[mine], ages), minlength=ages + 1).cumsum()
        brought = np.zeros(ages + 1, np.int64)
        ours = deal_cohort == i
        np.add.at(brought, np.minimum(deal_age[ours], ages), minor[ours])
        brought = brought.cumsum()
        for months in range(1, int(grown) + 1):
            so_far = int(converted[months - 1]), int(brought[months - 1])
            rows.append(_row(name, months, size, *so_far, journeys.currency))
    return Answer(
        verb="cohorts",
        store=db.label,
        as_of=clock.iso(journeys.as_of),
        currency=journeys.currency,
        lookback=journeys.lookback,
        scope=journeys.scope,
        rows=rows,
        warnings=warnings,
        columns=COLUMNS,
        title=f"Leads by the {every} of their creation, by age",
    )


def _row(name: str, months: int, leads: int, converted: int, minor: int, currency: str) -> Row:
    per_lead = divide(KPIS["lead_value"], minor, leads * MILLION)
    return {
        "cohort": name,
        "age": months,
        "leads": leads,
        "converted": converted,
        "conversion_rate": converted / leads,
        "revenue": money_text(minor, currency),
        "revenue_per_lead": money_text(int(per_lead or 0), currency),
    }


def _ages(at: Ints, created: Ints) -> Ints:
    """Return in which month of a lead's life something happened, from 0; very late where it never did."""
    ages: Ints = np.where(at == NEVER, np.iinfo(np.int64).max, np.maximum(at - created, 0) // MONTH)
    return ages


def _revenue(
    connection: Connection, of: Measures, ids: Ints, created: Ints, cohort: Ints
) -> tuple[Ints, Ints, Ints]:
    """Return the cohort, age and minor units of every entry of the leads' won deals."""
    journeys = of.asked.journeys
    credited = find_credits(connection, with_goal(connection, journeys, "revenue"), of.asked.model)
    if credited is None:
        of.warn(
            "revenue is left out: it was not run for "
            f"{of.asked.model}; run: {run_command(journeys, of.asked.model)}"
        )
        nothing = np.empty(0, np.int64)
        return nothing, nothing, nothing
    lost = unrated(connection, credited, of.dimensions, Question())
    if lost:
        money = ", ".join(money_words(minor, code) for code, minor in sorted(lost.items()))
        of.warn(f"revenue leaves out {money}: no rate within 7 days; import rates, then run again")
    entries = entries_by_time(connection, credited, (), of.asked.question)
    deals = of.dimensions.deals
    deal_rows = _find(deals["deal_id"].to_numpy(np.int64), entries["object_id"].to_numpy(np.int64))
    lead_id = np.append(deals["lead_id"].to_numpy(np.int64), -1)[deal_rows]
    lead_rows = _find(ids, lead_id)
    at, value = entries["at"].to_numpy(np.int64), entries["value"].to_numpy(np.int64)
    whose = np.append(cohort, -1)[lead_rows]
    age = np.maximum(at - np.append(created, 0)[lead_rows], 0) // MONTH
    return whose, age, value


def _find(sorted_ids: Ints, wanted: Ints) -> Ints:
    """Return the row of each wanted id, -1 where there is none."""
    if not len(sorted_ids):
        return np.full(len(wanted), -1)
    rows = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    found: Ints = np.where(sorted_ids[rows] == wanted, rows, -1)
    return found
