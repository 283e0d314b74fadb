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
from attribution.cli.render import show

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer


@click.command(
    "kpis",
    short_help="Lead value, cost per lead, ROI, win rate, ...",
    epilog="Example: attribution kpis --kpi lead_value,roi --by channel --every month --interval 0.9",
)
@by_option(None, "Dimensions to cut by, joined by commas; owner, industry, account and deal_kind too.")
@many("--kpi", "NAME", "Only this KPI, or this family of them; repeat it for more.", "names")
@click.option(
    "--basis", metavar="period|cohort", help="What happened in the period, or the leads created in it."
)
@click.option("--every", metavar="PERIOD", help="Figures of each day, week, month, quarter or year.")
@click.option(
    "--against",
    metavar="previous|year",
    help="Compare with the period before, or with the same days a year earlier.",
)
@click.option("--interval", metavar="LEVEL", help="Show how sure each figure is, such as 0.9 for 90 %.")
@click.option("--seed", type=click.IntRange(min=0), help="Another one draws intervals anew.")
@click.option("--unique", is_flag=True, help="Count people, not lead records.")
@click.option("--stage", metavar="STAGE", help="What a lead reaches to be converted.  [default: opportunity]")
@click.option("--margin", metavar="PART", help="Value revenue at its margin in ROI and ROAS: 0.6 or 60%.")
@model_option()
@question_options
@output_options
def command(by: list[str], form: str, store: str | None, **options: Any) -> None:
    """Show lead value, cost per lead, ROI, win rate and the other KPIs, with what they were divided from."""
    with open_store(store) as opened:
        answer = opened.kpis(by, **given(options))
    show(_with_whole(answer) if form == "table" else answer, form)


def _with_whole(answer: Answer) -> Answer:
    """Return the table that people read: figures of the whole are rows after those of the parts."""
    dimensions = list(answer.columns)[: list(answer.columns).index("kpi")]
    if not dimensions or "period" in dimensions:
        return answer
    units = {row["kpi"]: row["unit"] for row in answer.rows}
    whole = [
        dict.fromkeys(dimensions, "Total") | {"kpi": name, "value": value, "unit": units[name]}
        for name, value in answer.totals.items()
        if name in units
    ]
    return replace(answer, rows=[*answer.rows, *whole], totals={})
