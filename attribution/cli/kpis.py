"""`attribution kpis`: the KPI catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from attribution.cli.deliver import TABLE, chosen_form, deliver
from attribution.cli.options import (
    answer_options,
    by_option,
    given,
    kpi_options,
    many,
    model_option,
    open_store,
    store_url,
)

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
@click.option(
    "--target", metavar="DURATION", help="How soon an inquiry should be answered, such as 90s.  [default: 3m]"
)
@click.option(
    "--horizon",
    metavar="MONTHS",
    type=click.IntRange(min=1),
    help="Up to how many months customers' lifetimes are looked at.  [default: 60]",
)
@click.option(
    "--censored", is_flag=True, help="Durations that count those still on their way too (Kaplan-Meier)."
)
@click.option(
    "--benchmark",
    metavar="FILE",
    help="Set averages beside the lead conversion rate: a CSV file with the columns industry and rate.",
)
@click.option("--margin", metavar="PART", help="Value revenue at its margin in ROI and ROAS: 0.6 or 60%.")
@model_option()
@kpi_options
@click.option("--list", "listed", is_flag=True, help="Show every KPI in words, and what it can be cut by.")
@answer_options
def command(
    by: list[str],
    form: str | None,
    output: str | None,
    locale: str | None,
    store: str | None,
    listed: bool,
    **options: Any,
) -> None:
    """Show lead value, cost per lead, ROI, win rate and the other KPIs, with what they were divided from."""
    form = chosen_form(form, output, locale)
    if listed:
        from attribution.metrics.kpi_list import kpi_list

        deliver(kpi_list(options["names"], store=store_url(store)), form, output, locale)
        return
    with open_store(store) as opened:
        answer = opened.kpis(by, **given(options))
    deliver(_with_whole(answer) if form == TABLE else answer, form, output, locale)


def _with_whole(answer: Answer) -> Answer:
    """Return the table that people read: figures of the whole are rows after those of the parts."""
    dimensions = list(answer.columns)[: list(answer.columns).index("kpi")]
    if not dimensions:
        return answer
    units = {row["kpi"]: row["unit"] for row in answer.rows}
    whole = [
        dict.fromkeys(dimensions, "Total") | {"kpi": name, "value": value, "unit": units[name]}
        for name, value in answer.totals.items()
        if name in units
    ]
    return replace(answer, rows=[*answer.rows, *whole], totals={})
