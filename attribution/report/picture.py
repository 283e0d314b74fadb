"""A graph as a file: SVG, PNG, or a page that answers the pointer and works offline."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import networkx as nx
import vl_convert

from attribution.errors import InputError
from attribution.metrics.paths import check_limit
from attribution.report.charts.evidence import DRAWN as IDENTIFIERS
from attribution.report.charts.transitions import DRAWN
from attribution.report.figures import day_figure
from attribution.report.files import replace_file
from attribution.report.page import render
from attribution.report.sections import Figure, evidence_figure, transition_figure
from attribution.report.words import lookback_label, value_label

KINDS: Final = (".svg", ".png", ".html")
_SHARP: Final = 2.0  # pixels of a PNG for each one of the drawing


def check_picture(path: str | Path) -> Path:
    """Return the path of a picture.

    Raises:
        InputError: its ending names no kind of picture that can be written.

    >>> check_picture("steps.SVG").name
    'steps.SVG'
    """
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        ending = f"ends in {path.suffix!r}" if path.suffix else "has no ending"
        raise InputError(
            f"the picture {str(path)!r} {ending}; allowed are {', '.join(KINDS)}: give it one of them"
        )
    return path


def write_picture(graph: nx.DiGraph[str], path: str | Path, *, limit: int = DRAWN) -> Path:
    """Draw a transition graph into a file, its kind by the ending; an existing file is replaced.

    Args:
        graph: of :func:`attribution.metrics.transitions.transition_graph`.
        path: `.svg`, `.png` (at twice the size) or `.html` (self-contained).
        limit: how many steps to draw, the strongest.

    Raises:
        InputError: another ending, a limit below 1, or the file cannot be written there.
    """
    path = check_picture(path)
    check_limit(limit)
    asked, note = graph.graph, ""
    if asked:
        window = lookback_label(asked["lookback"])
        note = f"{value_label(asked['goal'])}; touches {window}; as of {day_figure(asked['as_of'])}."
    return _write(path, transition_figure(graph, limit=limit), note)


def write_evidence(graph: nx.MultiGraph[str], path: str | Path, *, limit: int = IDENTIFIERS) -> Path:
    """Draw a graph of :func:`attribution.identity.network.network_of` into a file, as :func:`write_picture`.

    Args:
        graph: the graph.
        path: `.svg`, `.png` (at twice the size) or `.html` (self-contained).
        limit: how many identifiers and records to draw.

    Raises:
        InputError: another ending, or the file cannot be written there.
    """
    path = check_picture(path)
    as_of = graph.graph.get("as_of")
    note = f"As of {day_figure(as_of)}." if as_of else ""
    return _write(path, evidence_figure(graph, limit=limit), note)


def _write(path: Path, figure: Figure, note: str) -> Path:
    kind = path.suffix.lower()
    if kind == ".html":
        page = render("picture.html.j2", {"title": figure.heading, "figure": figure, "note": note}, [figure])
        return replace_file(path, page.encode())
    if kind == ".svg":
        return replace_file(path, vl_convert.vegalite_to_svg(figure.spec, allowed_base_urls=[]).encode())
    return replace_file(path, vl_convert.vegalite_to_png(figure.spec, scale=_SHARP, allowed_base_urls=[]))
