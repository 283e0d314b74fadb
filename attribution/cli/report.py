"""`attribution report`: what each channel, campaign or keyword brought and cost."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.options import (
    answer_options,
    by_option,
    given,
    model_option,
    open_store,
    question_options,
)


@click.command(
    "report",
    short_help="Value, spend and ROI per channel, campaign, keyword.",
    epilog="Example: attribution report --by channel,campaign --model linear --from 2025-01-01",
)
@by_option("channel")
@model_option()
@question_options
@click.option(
    "--html", "page", metavar="FILE", type=click.Path(dir_okay=False),
    help="Also write the whole report as one page that works offline.",
)  # fmt: skip
@answer_options
def command(
    by: list[str],
    form: str | None,
    output: str | None,
    locale: str | None,
    store: str | None,
    page: str | None,
    **options: Any,
) -> None:
    """Show value, spend, leads, conversions, assists and ROI per dimension.

    Dimensions: channel, source, medium, campaign, ad_group, ad, keyword, landing_page, touch_kind; `--where`
    takes deal_kind, owner, industry and account too.
    """
    form = chosen_form(form, output, locale)
    with open_store(store) as opened, opened.snapshot() as seen:  # the page and the table say the same
        answer = seen.report(by, **given(options))
        if page is not None:
            seen.report_html(page, locale=locale, **given(options))
    deliver(answer, form, output, locale)
    if page is not None:
        click.echo(f"wrote {page}", err=True)
