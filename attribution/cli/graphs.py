"""Graphs on the command line: printed as GraphML, or drawn into a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from attribution.cli.options import FORMATS, GRAPHML
from attribution.cli.render import notice

if TYPE_CHECKING:
    import networkx as nx


def graph_format_option(what: str) -> Callable[[Any], Any]:
    """Return `--format`, with GraphML beside the usual ones."""
    return click.option(
        "--format", "form", type=click.Choice((*FORMATS, GRAPHML)), default="table", show_default=True,
        help=f"How to print the rows; graphml is {what}, for Gephi, yEd or Cytoscape.",
    )  # fmt: skip


def picture_option(what: str) -> Callable[[Any], Any]:
    """Return `--picture FILE`."""
    return click.option(
        "--picture", metavar="FILE", type=click.Path(dir_okay=False),
        help=f"Also draw {what}: FILE.svg, FILE.png or FILE.html.",
    )  # fmt: skip


def check_early(picture: str | None) -> None:
    """Refuse a picture that cannot be drawn before anything is read."""
    if picture is not None:
        from attribution.report.picture import check_picture

        check_picture(picture)


def print_graph(graph: nx.Graph[str], empty: str) -> None:
    """Print a graph as GraphML, and its warnings; `empty` is the notice where it has no nodes."""
    from attribution.metrics.transitions import graphml

    click.echo(graphml(graph), nl=False)
    _notices(graph, empty)


def write_graph(graph: nx.Graph[str], output: str, empty: str) -> None:
    """Write a graph as GraphML into a file, whole or not at all, and say so."""
    from pathlib import Path

    from attribution.metrics.transitions import graphml
    from attribution.report.files import replace_file

    replace_file(Path(output), graphml(graph).encode())
    click.echo(f"wrote {output}", err=True)
    _notices(graph, empty)


def _notices(graph: nx.Graph[str], empty: str) -> None:
    for warning in graph.graph["warnings"].splitlines():
        notice(warning)
    if not graph:
        notice(empty)


def draw_evidence(graph: nx.MultiGraph[str], picture: str) -> None:
    """Draw a graph of evidence into a file, and say so."""
    from attribution.report.picture import write_evidence

    write_evidence(graph, picture)
    click.echo(f"wrote {picture}", err=True)
