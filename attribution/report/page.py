"""`report.html`: one file that holds everything it shows, scripts too, and asks the network for nothing.

Names of channels, campaigns and keywords come from the outside: the template escapes them all, data lies in
a script element of type JSON with `<` written as an escape, and the page's content security policy lets only
its own two scripts run, known by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import networkx as nx
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from attribution.errors import InputError
from attribution.metrics.answer import Answer
from attribution.report import sections
from attribution.report.figures import day_figure
from attribution.report.sections import Figure
from attribution.report.tiles import tiles
from attribution.report.words import SCOPES, lookback_label, model_label, model_meaning, value_label

# Vega reads expressions with its own interpreter (`ast: true` in report.js), so no script is made of text.
_POLICY: Final = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_report(
    path: str | Path,
    *,
    title: str,
    overview: Answer,
    comparison: Answer,
    campaigns: Answer,
    keywords: Answer | None,
    paths: Answer,
    kpis: Answer,
    kpis_by_channel: Answer,
    transitions: nx.DiGraph[str] | None = None,
    notes: Sequence[str] = (),
    period: str | None = None,
) -> Path:
    """Write the report as one self-contained HTML file, whole or not at all.

    Args:
        path: where to write; an existing file is replaced.
        title: the page's heading.
        overview: `report` by channel.
        comparison: `compare` by channel.
        campaigns: `report` by channel and campaign.
        keywords: `report` by keyword, None to leave them out.
        paths: the journeys.
        kpis: the catalogue's figures for the whole.
        kpis_by_channel: `lead_value` and other figures cut by channel.
        transitions: the graph of which touch follows which, None to leave it out.
        notes: further sentences for the reader, shown at the end.
        period: the period in words, such as `1 January to 31 March 2026`; None reads as all of it.

    Raises:
        InputError: the file cannot be written there.
    """
    shown = [sections.channel_section(overview), sections.model_section(comparison)]
    shown.append(sections.finer_section("campaigns", "Campaigns", campaigns, "campaign"))
    if keywords is not None:
        shown.append(sections.finer_section("keywords", "Keywords", keywords, "keyword"))
    shown += [sections.journey_section(paths, transitions), sections.kpi_section(kpis, kpis_by_channel)]
    answers = [
        overview,
        comparison,
        campaigns,
        paths,
        kpis,
        kpis_by_channel,
        *([keywords] if keywords else []),
    ]
    context = {
        "title": title,
        "about": _about(overview, period),
        "model_meaning": model_meaning(overview.model),
        "warnings": list(dict.fromkeys(text for answer in answers for text in answer.warnings)),
        "tiles": tiles(overview, kpis),
        "sections": shown,
        "notes": list(notes),
    }
    figures = [figure for section in shown for figure in section.figures]
    return replace_file(Path(path), render("report.html.j2", context, figures).encode())


def _about(overview: Answer, period: str | None) -> list[tuple[str, str]]:
    """Say what the figures are figures of: without it no number can be compared with another."""
    scope = overview.scope or "contacts"
    return [
        ("Period", period or "all time"),
        ("Counted", value_label(overview.goal)),
        ("Model", model_label(overview.model)),
        ("Touches counted", lookback_label(overview.lookback)),
        ("People", SCOPES.get(scope, scope)),
        ("Currency", overview.currency or "not set"),
        ("As of", day_figure(overview.as_of)),
    ]


def render(template: str, context: dict[str, Any], figures: Sequence[Figure]) -> str:
    """Fill a template with a context, and with all that its figures need to be drawn offline."""
    environment = Environment(
        loader=PackageLoader("attribution.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = [figure for figure in figures if figure.sentence is None]
    library, script = _library(), _static("report.js")
    hashes = " ".join(f"'{_hash(text)}'" for text in (library, script))
    return environment.get_template(template).render(
        context,
        policy=_POLICY.format(scripts=hashes),
        style=Markup(_static("report.css")),  # our own files, nothing of a user in them
        library=Markup(library),
        script=Markup(script),
        pictures={figure.key: Markup(_picture(figure.spec)) for figure in drawn},
        specs={figure.key: figure.spec for figure in drawn},
    )


@cache
def _library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that may stand inside a script element."""
    snippet = "window.vegaEmbed = vegaEmbed;"
    return str(vl_convert.javascript_bundle(snippet)).replace("</script", "<\\/script")


def _static(name: str) -> str:
    return files("attribution.report").joinpath("static", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _picture(spec: dict[str, Any]) -> str:
    """Draw a chart as SVG (text is escaped by the renderer); its title stands above it as a heading."""
    bare = {key: value for key, value in spec.items() if key != "title"}
    return str(vl_convert.vegalite_to_svg(json.dumps(bare), allowed_base_urls=[]))


def replace_file(path: Path, content: bytes) -> Path:
    """Write a file, whole or not at all; an existing one is replaced.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(
            f"cannot write {path} ({error.strerror}); give a file in a folder that may be written to"
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)  # mkstemp lets nobody else read, but a report is made to be handed on
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise InputError(
            f"cannot write {path} ({error.strerror}); free the disk or give another file"
        ) from error
    return path
