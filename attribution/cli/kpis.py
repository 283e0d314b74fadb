"""`attribution kpis`: the KPI catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from attribution.cli.options import (
    by_option,
    given,
    many,
    model_option,
    open_store,
    output_options,
    question_options,
)
from attribution.cli.render import cell, show

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer


@click.command(
    "kpis",
    short_help="Lead value, cost per lead, ROI, win rate, ...",
    epilog="Example: attribution kpis --kpi lead_value,roi --by channel --basis cohort",
)
@by_option(None, "Dimensions to cut by, joined by commas; owner, industry, account and deal_kind too.")
@many("--kpi", "NAME", "Only this KPI; repeat it for more.", "names")
@click.option(
    "--basis", metavar="period|cohort", help="What happened in the period, or the leads created in it."
)
@model_option()
@question_options
@output_options
def command(by: list[str], form: str, store: str | None, **options: Any) -> None:
    """Show lead value, cost per lead, ROI, win rate and the other KPIs, with what they were divided from."""
    with open_store(store) as opened:
        answer = opened.kpis(by, **given(options))
    show(_for_people(answer) if form == "table" else answer, form)


def _for_people(answer: Answer) -> Answer:
    """Return the table that people read: whole figures as rows of their own, each part in its own unit."""
    rows = []
    for row in answer.rows:
        parts = {name: row[name] for name in ("numerator", "denominator") if name in row}
        # a part is money where it is a text, and else a count: never what the figure itself is
        rows.append(
            row | {name: cell(v, "money" if isinstance(v, str) else "count") for name, v in parts.items()}
        )
    dimensions = list(answer.columns)[: list(answer.columns).index("kpi")]
    units = {row["kpi"]: row["unit"] for row in answer.rows}
    if dimensions:
        every = dict.fromkeys(dimensions, "Total")
        rows += [
            every | {"kpi": name, "value": value, "unit": units[name], "numerator": "", "denominator": ""}
            for name, value in answer.totals.items()
            if name in units
        ]
    columns = answer.columns | dict.fromkeys(("numerator", "denominator"), "count")
    return replace(answer, rows=rows, totals={}, columns=columns)
