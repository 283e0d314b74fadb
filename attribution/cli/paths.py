"""`attribution paths`: the commonest journeys, and the graph of their steps."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.graphs import GRAPHML, check_early, graph_format_option, picture_option, print_graph
from attribution.cli.options import (
    by_option,
    given,
    goal_option,
    open_store,
    period_options,
    store_option,
    where_option,
    window_options,
)
from attribution.cli.render import show


@click.command(
    "paths",
    short_help="The commonest journeys.",
    epilog="Example: attribution paths --transform exposure --goal leads --limit 10",
)
@by_option("channel", "What stands for a touch.")
@goal_option
@window_options
@period_options
@where_option
@click.option(
    "--transform", metavar="unique|exposure|first",
    help="Keep every touch (unique, the default), fold repeats in a row, or keep first occurrences.",
)  # fmt: skip
@click.option(
    "--limit",
    type=int,
    help="How many journeys and steps to name, or steps to draw.  [default: 20; drawn: 30]",
)
@picture_option("which touch follows which")
@graph_format_option("the graph of steps")
@store_option
def command(
    by: list[str], form: str, store: str | None, limit: int | None, picture: str | None, **options: Any
) -> None:
    """Show the commonest journeys, their lengths, the days they took, and which step follows which."""
    check_early(picture)
    limits = {} if limit is None else {"limit": limit}
    answer, graph = None, None
    with open_store(store) as opened:
        if form != GRAPHML:
            answer = opened.paths(by=by, **limits, **given(options))
        if form == GRAPHML or picture is not None:
            graph = opened.transition_graph(by=by, **given(options))
    if picture is not None and graph is not None:
        from attribution.report.picture import write_picture

        write_picture(graph, picture, **limits)
    if answer is not None:
        show(answer, form)
    elif graph is not None:
        print_graph(graph, "no journey with touches led to a conversion here, so the graph is empty")
    if picture is not None:
        click.echo(f"wrote {picture}", err=True)
