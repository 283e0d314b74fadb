"""`report.html`: one file that holds everything it shows, scripts too, and asks the network for nothing.

Names of channels, campaigns and keywords come from the outside: the template escapes them all, data lies in
a script element of type JSON with `<` written as an escape, and the page's content security policy lets only
its own two scripts run, known by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import networkx as nx
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from attribution.metrics.answer import Answer
from attribution.metrics.asked import in_words
from attribution.metrics.kpi_catalogue import KPIS
from attribution.report import sections
from attribution.report.drawing_library import drawing_library
from attribution.report.figures import day_figure
from attribution.report.files import replace_file
from attribution.report.sections import Figure
from attribution.report.tiles import tiles
from attribution.report.words import SCOPES, TIMELESS, lookback_label, model_label, model_meaning, value_label

# Vega reads expressions with its own interpreter (`ast: true` in report.js), so no script is made of text.
_POLICY: Final = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_NETS: Final = frozenset(kpi.name for kpi in KPIS.values() if kpi.nets)


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
    cohorts: Answer | None = None,
    recurring: Answer | None = None,
    notes: Sequence[str] = (),
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
        cohorts: the leads of each month by age, None to leave them out.
        recurring: recurring revenue by month, None to leave it out.
        notes: further sentences for the reader, shown at the end.

    Raises:
        InputError: the file cannot be written there.
    """
    shown = [sections.channel_section(overview, kpis_by_channel), sections.model_section(comparison)]
    shown.append(sections.finer_section("campaigns", "Campaigns", campaigns, "campaign"))
    if keywords is not None:
        shown.append(sections.finer_section("keywords", "Keywords", keywords, "keyword"))
    shown += [sections.journey_section(paths, transitions), sections.funnel_section(kpis, cohorts)]
    if recurring is not None:
        shown.append(sections.recurring_section(recurring))
    # of all time together every recurring pound is new: its movements stand by month, where there are any
    kept = [row for row in kpis.rows if recurring is None or row["kpi"] not in _NETS]
    shown.append(sections.kpi_section(replace(kpis, rows=kept), kpis_by_channel))
    answers = [
        overview,
        comparison,
        campaigns,
        paths,
        kpis,
        kpis_by_channel,
        *(answer for answer in (keywords, cohorts, recurring) if answer is not None),
    ]
    context = {
        "title": title,
        "about": about(overview),
        "model_meaning": model_meaning(overview.model),
        "warnings": list(dict.fromkeys(text for answer in answers for text in answer.warnings)),
        "tiles": tiles(overview, kpis),
        "sections": shown,
        "notes": list(notes),
    }
    figures = [figure for section in shown for figure in section.figures]
    return replace_file(Path(path), render("report.html.j2", context, figures).encode())


def about(overview: Answer) -> list[tuple[str, str]]:
    """Say what the figures are figures of: without it no number can be compared with another."""
    timeless = overview.verb in TIMELESS
    scope = overview.scope or "contacts"
    asked = in_words(overview.asked)
    period = next((told.words for told in asked if told.option == "period"), None)
    told = [
        ("Period", period or "all time", period),
        *((one.heading, one.words, one.words) for one in asked if one.option != "period"),
        ("Counted", value_label(overview.goal), overview.goal),
        ("Model", model_label(overview.model), overview.model),
        ("Touches counted", lookback_label(overview.lookback), overview.lookback),
        ("People", SCOPES.get(scope, scope), overview.scope),
        ("Currency", overview.currency or "not set", overview.currency),
    ]
    shown = [(name, text) for name, text, given in told if given or not timeless]
    if overview.verb == "kpis":  # each names its own goals
        shown = [item for item in shown if item[0] != "Counted"]
    return [*shown, ("As of", day_figure(overview.as_of))]


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
    library, script = drawing_library(), _static("report.js")
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


def _static(name: str) -> str:
    return files("attribution.report").joinpath("static", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _picture(spec: dict[str, Any]) -> str:
    """Draw a chart as SVG (text is escaped by the renderer); its title stands above it as a heading."""
    bare = {key: value for key, value in spec.items() if key != "title"}
    return str(vl_convert.vegalite_to_svg(json.dumps(bare), allowed_base_urls=[]))
