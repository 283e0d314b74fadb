"""`attribution pull`: what changed in another system since the last time, over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from attribution.cli.errors import REJECTED, USAGE, Interrupted
from attribution.cli.options import many, open_store, output_options, store_url
from attribution.cli.progress import progress
from attribution.cli.render import show

if TYPE_CHECKING:
    from attribution.metrics.answer import Answer


@click.command(
    "pull",
    short_help="Fetch what changed in a CRM or an advertising account.",
    epilog="Example: attribution pull hubspot --since 2026-01-01",
)
@click.argument("source", required=False)
@click.option(
    "--since", metavar="DATE", help="Pull from this day on, where it is before what is pulled anyway."
)
@many("--only", "STREAM", "Only this stream of the source, such as deals; repeat it for more.")
@click.option("--list", "listed", is_flag=True, help="Show the sources, what they need, how far each came.")
@output_options
def command(
    source: str | None, since: str | None, only: list[str], listed: bool, form: str, store: str | None
) -> int:
    """Fetch from SOURCE (hubspot, salesforce, pipedrive, google_ads, meta, microsoft, linkedin) what changed.

    Without --since it goes on from where the last pull came to; figures of the last seven days are fetched
    again, since platforms still correct them. Whatever stops a pull, nothing is lost and nothing counts
    twice: repeat the command and it goes on. The exit code is 2 where a stream failed, and 3 where rows were
    rejected.
    """
    from attribution.pulls.pull import require

    url = store_url(store)
    if listed:
        show(_listed(url, source), form)
        return 0
    if source is None:
        raise click.UsageError("name a SOURCE, or see --list")
    require(source, since=since, only=only)  # what cannot be pulled must not leave an empty store behind
    with open_store(store, create=True) as opened:
        try:
            with progress() as report:
                answer = opened.pull(source, since=since, only=only, progress=report)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; what was pulled is kept: repeat `attribution pull {source}` to go on"
            ) from None
    show(answer, form)
    if any(row["state"] == "failed" for row in answer.rows):
        return USAGE
    return REJECTED if answer.totals["rejected"] or answer.totals["conflict"] else 0


def _listed(url: str, source: str | None) -> Answer:
    from attribution.pulls.answers import pull_list

    file = url.removeprefix("sqlite:///")
    if file != url and not os.path.exists(file):  # the list is no reason to make a store
        return pull_list("", {}, source)
    with open_store(url) as opened:
        return opened.pull_list(source)
