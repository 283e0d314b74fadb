"""`attribution paths`: the commonest journeys, and the graph of their steps."""

from __future__ import annotations

from typing import Any

import click

from attribution.cli.deliver import chosen_form, deliver
from attribution.cli.graphs import check_early, picture_option, print_graph, write_graph
from attribution.cli.options import (
    GRAPHML,
    by_option,
    given,
    goal_option,
    open_store,
    period_options,
    ways_out,
    where_option,
    window_options,
)


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
@ways_out(GRAPHML, words=" graphml is the graph of steps, for Gephi, yEd or Cytoscape.")
def command(
    by: list[str],
    form: str | None,
    output: str | None,
    locale: str | None,
    store: str | None,
    limit: int | None,
    picture: str | None,
    **options: Any,
) -> None:
    """Show the commonest journeys, their lengths, the days they took, and which step follows which."""
    form = chosen_form(form, output, locale)
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
        deliver(answer, form, output, locale)
    elif graph is not None:
        empty = "no journey with touches led to a conversion here, so the graph is empty"
        print_graph(graph, empty) if output is None else write_graph(graph, output, empty)
    if picture is not None:
        click.echo(f"wrote {picture}", err=True)
