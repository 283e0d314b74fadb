"""Value, spend, leads, conversions, assists and ROI per group, under one model.

Spend and credit are joined outer: money spent with nothing to show for it stays in the table, and so
does value that cost nothing. The sum over the rows is the CRM's own net total, to the minor unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date as Day  # `date` is an option's name here
from typing import Any, Final

from sqlalchemy import Connection

from attribution.errors import InputError, UnknownNameError
from attribution.labels import NO_RATE
from attribution.ledger.allocate import MILLION
from attribution.metrics.answer import Answer, Row
from attribution.metrics.asked import tells_what_was_asked
from attribution.metrics.credits import (
    DATES,
    Credits,
    Question,
    assisted_by_group,
    credits_by_group,
)
from attribution.metrics.dimensions import MARKETING, Dimensions, parse_by, parse_where
from attribution.metrics.findings import EXAMPLES
from attribution.metrics.outside import outside_warnings
from attribution.metrics.selection import (
    Selection,
    find_credits,
    period,
    run_command,
    select_credits,
    stale_warnings,
    with_goal,
)
from attribution.metrics.spend import Spend, spend_by_group
from attribution.metrics.spend_unmatched import HINT, money, unmatched
from attribution.money import minor_digits, money_text, money_words
from attribution.store.database import Database

FIGURES: Final = {
    "value": "money", "spend": "money", "leads": "count", "conversions": "count", "assisted": "count",
    "roi": "ratio",
}  # fmt: skip


@tells_what_was_asked
def report(
    db: Database,
    by: str | Iterable[str],
    *,
    model: str | None = None,
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
    """Report what each value of some marketing dimensions brought and cost.

    Args:
        db: the store.
        by: one or more of :data:`attribution.metrics.dimensions.MARKETING`.
        model, goal, lookback, scope, kinds: the credit set; left out: the store's settings.
        start, end: days of the reporting timezone, both included.
        where: conditions `DIMENSION=VALUE`; the same dimension twice means either.
        date: `closed` (credit counts when its deal closed) or `touch` (when its touch happened).
        currency: only deals and spend of this currency, in their own amounts.
        restate: refunds and other adjustments count at their deal's closing.

    Raises:
        UnknownNameError: no such dimension, goal, model or `date`.
        InputError: the credit set was never run, or an option cannot be read.
    """
    question, conditions = ask(date, currency, restate), parse_where(where)
    dims = needed(parse_by(by, MARKETING))
    with db.read() as connection:
        selection = select_credits(
            connection, model=model, goal=goal, lookback=lookback, scope=scope, kinds=kinds
        )
        question = dated(question, selection, start, end)
        dimensions = Dimensions(connection, dims, conditions)
        warnings = [*stale_warnings(connection, selection), *dimensions.warnings]
        warnings += outside_warnings(connection, selection.journeys, question)
        credited = credits_by_group(connection, selection, dimensions, question)
        assisted = assisted_by_group(connection, selection, dimensions, question)
        leads = leads_by_group(connection, selection, dimensions, question, warnings)
        spent = spend_of(connection, selection, dimensions, question, warnings)
        warnings += unmatched_warnings(connection, spent)
    rows = _Rows(dimensions, currency or selection.currency, credited, assisted, leads, spent)
    rows.has_money = selection.goal.kind in ("won", "created")
    warnings += no_rate_warnings(selection, credited, spent)
    return Answer(
        verb="report",
        store=db.label,
        **selection.envelope() | {"currency": rows.currency},
        rows=rows.listed(),
        totals=rows.totals(),
        warnings=warnings,
        columns=dict.fromkeys(dims, "text") | FIGURES,
        title=f"{selection.goal.label} by {', '.join(dims)} ({selection.model})",
    )


def needed(dims: tuple[str, ...]) -> tuple[str, ...]:
    """Return the dimensions, or raise InputError where there is none."""
    if not dims:
        raise InputError(f"no dimension given; name one or more with --by: {', '.join(MARKETING)}")
    return dims


def ask(date: str, currency: str | None, restate: bool) -> Question:
    """Check the options of a question that need no store."""
    if date not in DATES:
        raise UnknownNameError("date", date, DATES)
    if currency is not None:
        minor_digits(currency)
    return Question(date=date, restate=restate, currency=currency)


def dated(
    question: Question, selection: Selection, start: Day | str | None, end: Day | str | None
) -> Question:
    """Return a question with its period in the store's timezone."""
    when = period(start, end, selection.journeys.timezone)
    return Question(when, question.date, question.restate, question.currency)


def leads_by_group(
    connection: Connection,
    selection: Selection,
    dimensions: Dimensions,
    question: Question,
    warnings: list[str],
) -> dict[int, int] | None:
    """Return credited leads in millionths by group; None, with a warning, where they cannot be told."""
    if "deal_kind" in dimensions.plain:
        warnings.append("leads are left empty: a lead has no deal_kind")
        return None
    journeys = with_goal(connection, selection.journeys, "leads")
    of_leads = find_credits(connection, journeys, selection.model)
    if of_leads is None:
        warnings.append(
            f"leads are left empty: they were not run for {selection.model} under this window; "
            f"run: {run_command(journeys, selection.model)}"
        )
        return None
    plain = Question(question.period, question.date, question.restate)  # a lead has no currency
    return credits_by_group(connection, of_leads, dimensions, plain).share


def spend_of(
    connection: Connection,
    selection: Selection,
    dimensions: Dimensions,
    question: Question,
    warnings: list[str],
) -> Spend | None:
    """Return spend by group; None, with a warning, where a dimension is none of spend's."""
    if dimensions.not_of_spend:
        names = ", ".join(dimensions.not_of_spend)
        warnings.append(f"spend and its ratios are left empty: spend is not known by {names}")
        return None
    return spend_by_group(
        connection,
        dimensions,
        question.period,
        timezone=selection.journeys.timezone,
        into=selection.currency,
        only=question.currency,
    )


def unmatched_warnings(connection: Connection, spent: Spend | None) -> list[str]:
    """Name the campaigns that cost money and that no touch has: what they brought stands elsewhere."""
    lost = unmatched(connection, spent.media) if spent else None
    if lost is None or not lost.campaigns:
        return []
    names = lost.told(EXAMPLES)
    return [f"unmatched spend: {money(lost.minor)} on campaigns that no touch has: {names}; {HINT}"]


def no_rate_warnings(selection: Selection, credited: Credits, spent: Spend | None) -> list[str]:
    """Name the currencies without a rate: their money stands in no group."""
    found = []
    for what, amounts in (("conversions", credited.no_rate), ("spend", spent.no_rate if spent else {})):
        if amounts:
            money = ", ".join(money_words(minor, c) for c, minor in sorted(amounts.items()))
            found.append(
                f"no rate into {selection.currency} within 7 days for {what} of {money}, shown as {NO_RATE}; "
                "import rates, then run again"
            )
    return found


def unconverted(value: Mapping[str, int], spent: Mapping[str, int]) -> list[Row]:
    """Return what stands in `(no rate)`, one entry a currency, in its own money."""
    return [
        {"currency": c, "value": money_text(value.get(c, 0), c), "spend": money_text(spent.get(c, 0), c)}
        for c in sorted({*value, *spent})
    ]


def count(millionths: int) -> int | float:
    """Return a credited count: a whole number where it is one.

    >>> count(2_000_000), count(333_333)
    (2, 0.333333)
    """
    whole, rest = divmod(millionths, MILLION)
    return millionths / MILLION if rest else whole


def roi(value: int, spend: int) -> float | None:
    """Return (value - spend) / spend, None where nothing was spent.

    >>> roi(300, 100), roi(0, 100), roi(5, 0)
    (2.0, -1.0, None)
    """
    return (value - spend) / spend if spend else None


class _Rows:
    """The rows of a report, from sums by group."""

    has_money = True

    def __init__(
        self,
        dimensions: Dimensions,
        currency: str,
        credited: Credits,
        assisted: Mapping[int, int],
        leads: Mapping[int, int] | None,
        spent: Spend | None,
    ) -> None:
        self.dimensions, self.currency, self.credited = dimensions, currency, credited
        self.assisted, self.leads, self.spent = assisted, leads, spent

    def listed(self) -> list[Row]:
        """Return the rows, largest value first."""
        spent = self.spent.by_group if self.spent else {}
        groups = {*self.credited.value, *self.assisted, *(self.leads or {}), *spent}
        found: list[tuple[int, int, Row]] = []
        for group in groups:
            value, spend = self.credited.value.get(group, 0), spent.get(group, 0)
            share, helped = self.credited.share.get(group, 0), self.assisted.get(group, 0)
            leads = (self.leads or {}).get(group, 0)
            if value or spend or share or helped or leads:
                names = self.dimensions.names(group)
                found.append((value, spend, names | self._figures(value, spend, leads, share, helped)))
        found += self._no_rate()
        dims = self.dimensions.by
        found.sort(key=lambda item: (-item[0], -item[1], *(item[2][dim] for dim in dims)))
        return [row for _, _, row in found]

    def totals(self) -> Row:
        """Return the sums over all rows."""
        spend = sum(self.spent.by_group.values()) if self.spent else 0
        share = sum(self.credited.share.values()) + self.credited.no_rate_share
        leads = sum((self.leads or {}).values())
        value, helped = sum(self.credited.value.values()), sum(self.assisted.values())
        return self._figures(value, spend, leads, share, helped)

    def _figures(self, value: int, spend: int, leads: int, share: int, assisted: int) -> Row:
        known = self.spent is not None
        return {
            "value": money_text(value, self.currency),
            "spend": money_text(spend, self.currency) if known else None,
            "leads": None if self.leads is None else count(leads),
            "conversions": count(share),
            "assisted": assisted,
            # leads have no money: their return is unknown, not a loss
            "roi": roi(value, spend) if known and self.has_money else None,
        }

    def _no_rate(self) -> list[tuple[int, int, Row]]:
        lost = self.spent.no_rate if self.spent else {}
        value = self.credited.no_rate
        if not (value or lost):
            return []
        row: dict[str, Any] = self._figures(0, 0, 0, self.credited.no_rate_share, 0)
        extra = {"unconverted": unconverted(value, lost)}
        return [(0, 0, self.dimensions.all_as(NO_RATE) | row | extra)]
