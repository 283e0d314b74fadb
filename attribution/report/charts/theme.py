"""One look for every chart: colours told apart by colour-blind readers and on paper, nothing cut off.

Colours are those of Okabe and Ito, "Color Universal Design" (2008); where two stand side by side they
differ in lightness too, so that a black-and-white print still tells them apart.
"""

from __future__ import annotations

import textwrap
from typing import Any, Final, TypeAlias

import altair as alt

from attribution.report.figures import number_locale, reader

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"
SKY: Final = "#56B4E9"
PURPLE: Final = "#CC79A7"
GREY: Final = "#8A8F98"  # (unattributed), and whatever is not a finding
SEQUENCE: Final = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, "#4D4D4D", "#B8A200")
SHAPES: Final = (
    "circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "stroke", "triangle-right",
)  # fmt: skip

WIDTH: Final = 640
_CHARACTER: Final = 7  # pixels of an average letter at 12 pixels
# fonts of one width on every system: a still picture is measured on one machine and read on another
FONT: Final = "Arial, 'Liberation Sans', Helvetica, sans-serif"
INK: Final = "#1F2933"
SOFT: Final = "#52606D"
LINE: Final = "#E4E7EB"

Chart: TypeAlias = alt.Chart | alt.LayerChart

# Text marks take their colour from here and not from the mark, so that the page can swap it in dark mode.
CONFIG: Final[dict[str, Any]] = {
    "background": "white",
    "font": FONT,
    "padding": 8,
    "view": {"stroke": None},
    "title": {
        "anchor": "start", "frame": "bounds", "fontSize": 16, "fontWeight": 600, "color": INK, "offset": 12,
        "subtitleFontSize": 12, "subtitleColor": SOFT, "subtitlePadding": 4,
    },
    "axis": {
        "labelColor": INK, "labelFontSize": 12, "labelLimit": 0, "titleColor": SOFT, "titleFontSize": 11,
        "titleFontWeight": "normal", "gridColor": LINE, "domain": False, "ticks": False, "labelPadding": 6,
    },
    "legend": {
        "orient": "top", "title": None, "labelColor": INK, "labelFontSize": 12, "labelLimit": 0, "offset": 6,
        "symbolSize": 110, "columnPadding": 14,
    },
    "bar": {"cornerRadiusEnd": 2},
    "text": {"fontSize": 11.5, "color": INK},
    "rule": {"color": SOFT},
    "style": {"whisker": {"color": INK}},  # intervals
}  # fmt: skip


def wrap(text: str, width: int) -> str:
    """Break a name into lines instead of cutting it.

    >>> wrap("Mobile Push Notifications", 13).split("\\n")
    ['Mobile Push', 'Notifications']
    """
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or ["(blank)"]
    return "\n".join(lines)


def legend(entries: list[str], beside: list[str]) -> tuple[alt.Legend, dict[str, int]]:
    """Return a legend in as many columns as fit, and what a narrower screen needs to fit it anew.

    `beside` are the lines of text to the left of the plot, which the legend stands over.
    """
    entry = _CHARACTER * max(map(len, entries)) + 42
    margin = _CHARACTER * max((len(line) for text in beside for line in text.split("\n")), default=0)
    columns = max(1, (WIDTH - margin) // entry)
    return alt.Legend(columns=columns), {"legendEntry": entry, "legendMargin": margin}


def room(texts: list[str]) -> int:
    """Return how many pixels to keep free for the figures written at the ends of bars."""
    return _CHARACTER * max(map(len, texts), default=0) + 12 if texts else 0


def finish(
    chart: Chart,
    *,
    title: str,
    subtitle: str,
    description: str,
    height: int,
    layout: dict[str, int] | None = None,
) -> Chart:
    """Give a chart its title, its text for screen readers, its size and the theme."""
    heading = alt.TitleParams(text=textwrap.wrap(title, 72))
    if subtitle:
        heading.subtitle = textwrap.wrap(subtitle, 100)
    chart = chart.properties(title=heading, description=description, width=WIDTH, height=height)
    english = reader().language == "en"
    chart.config = alt.Config.from_dict(
        CONFIG if english else CONFIG | {"locale": {"number": number_locale()}}
    )
    if layout:
        chart.usermeta = layout
    return chart


def sentence(text: str, title: str) -> Chart:
    """Return a chart that says in a sentence why there is nothing to draw; `usermeta.empty` marks it."""
    chart: Chart = (
        alt.Chart(alt.InlineData(values=[{}]))
        .mark_text(align="left", fontSize=13)
        .encode(text=alt.value(text), x=alt.value(0))
    )
    chart = finish(chart, title=title, subtitle="", description=text, height=40)
    chart.usermeta = {"empty": text}
    return chart


def empty_sentence(chart: Chart) -> str | None:
    """Return the sentence of a chart that has nothing to draw, None of any other chart."""
    meta = chart.usermeta
    return str(meta["empty"]) if isinstance(meta, dict) and "empty" in meta else None
