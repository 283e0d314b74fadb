"""The transition graph: which channel follows which, from the first touch to the conversion.

Between two rails, the start on the left and the conversion on the right, every channel has a row of its own,
so that no name is ever covered or cut, and a graph of two reads like one of fourteen. Channels that open
journeys stand on top, those that close them at the bottom. Steps to a lower row bend out on the right, steps
back up on the left, a step to the same channel is a loop: direction shows without colour.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import networkx as nx

from attribution.labels import CONVERSION, START
from attribution.report.charts import theme
from attribution.report.charts.theme import Chart, finish, legend, sentence
from attribution.report.figures import count_figure, graph_value, percent_figure
from attribution.report.words import label, value_label

TITLE: Final = "Which touch follows which (steps)"
NOTHING: Final = "No journey with touches led to a conversion in this period."
DRAWN: Final = 30  # steps

_FIRST, _ON, _BACK, _SAME = "First touch", "On to", "Back to", "Same again"
_LAST: Final = "Conversion"
_COLOURS: Final = {
    _FIRST: theme.GREY, _ON: theme.BLUE, _BACK: theme.ORANGE, _SAME: theme.PURPLE, _LAST: theme.GREEN,
}  # fmt: skip

# Places from left to right, and the pixels that the scale turns them into at any width.
_L_EDGE, _L_RAIL, _L_CURVE, _L_HEAD, _L_NAME, _R_NAME, _R_HEAD, _R_CURVE, _R_HEAD2, _R_RAIL, _R_EDGE = range(
    11
)
_RAIL, _FIGURE, _NAME, _HEAD = 22, 44, 152, 7  # pixels: a rail, its figures, a channel, an arrow's neck
_SPREAD: Final = 440  # pixels: half the picture on a wide screen, where longer curves would lose the eye
_LINE, _COUNT, _PAD, _GAP = 15, 13, 18, 16  # pixels: a line of the name, the count, around both, between rows
_PORTS: Final = (8, 18)  # pixels from the middle of a row: where steps leave and arrive, long ones nearest
_LEAST: Final = 104  # pixels: the word on a rail
_LETTERS: Final = 20  # of a line of a name, at most
_SMALL: Final = 10.5  # pixels of the figures
_THICK: Final = 7.0  # pixels: the step that was taken most
_ARROW: Final = "M0,0L-2,-1.05L-2,1.05Z"  # its tip is its place
_STYLES: Final = {
    "node": {
        "color": "#EEF1F4",
        "fill": "#EEF1F4",
        "stroke": theme.SOFT,
        "strokeWidth": 1,
        "cornerRadius": 7,
    },
    "step": {"opacity": 0.75, "strokeCap": "butt"},
    "halo": {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round", "fontSize": 10.5},
}


@dataclass(frozen=True)
class _Place:
    """Where a channel stands: its lines of text, its middle and height in pixels."""

    lines: list[str]
    middle: float
    height: float


def transitions(graph: nx.DiGraph[str], *, limit: int = DRAWN) -> Chart:
    """Draw a graph of :func:`attribution.metrics.transitions.transition_graph`, its strongest steps.

    Args:
        graph: the graph.
        limit: how many steps to draw; the subtitle tells how many there are.

    >>> transitions(nx.DiGraph()).usermeta
    {'empty': 'No journey with touches led to a conversion in this period.'}
    """
    if not graph.number_of_edges():
        return sentence(NOTHING, TITLE)
    drawn = strongest(graph, limit)
    places, height = _places(graph, drawn)
    ports = _ports(drawn, places)
    steps = [_step(graph, edge, places, ports, height) for edge in drawn]
    most = max(step["count"] for step in steps)
    for step in steps:
        step["width"] = round(max(1.2, _THICK * step["count"] / most), 2)
        step["head"] = round((8 + 5 * step["count"] / most) ** 2, 1)
    used = [kind for kind in _COLOURS if any(step["kind"] == kind for step in steps)]
    entries, layout = legend(used, [])
    colour = alt.Color(
        "kind",
        type="nominal",
        scale=alt.Scale(domain=used, range=[_COLOURS[kind] for kind in used]),
        legend=entries,
    )
    layers = [*_rails(height), *_curves(graph, steps, height, colour), *_names(graph, places, height)]
    chart = finish(
        alt.LayerChart(layer=[*layers, *_figures(steps, height)]),
        title=TITLE,
        subtitle=f"{how_much(graph, limit)} Percent: of all steps from where the arrow starts.",
        description=_description(graph, drawn),
        height=height,
        layout=layout,
    )
    chart.config = alt.Config.from_dict({**theme.CONFIG, "style": _STYLES})
    return chart


def strongest(graph: nx.DiGraph[str], limit: int) -> list[tuple[str, str]]:
    """Return the steps that were taken most, in that order; those that tie stand in the graph's own order."""
    return sorted(graph.edges, key=lambda edge: -graph.edges[edge]["count"])[:limit]


def how_much(graph: nx.DiGraph[str], limit: int = DRAWN) -> str:
    """Say how much of a graph is drawn.

    >>> graph = nx.DiGraph()
    >>> graph.add_edge("Email", "Direct", count=3)
    >>> graph.add_edge("Direct", "Email", count=1)
    >>> how_much(graph), how_much(graph, 1)
    ('All steps are drawn.', 'Drawn: the strongest 1 of 2 steps, which make 75% of all that were taken.')
    """
    drawn, every = strongest(graph, limit), graph.number_of_edges()
    if len(drawn) == every:
        return "All steps are drawn."
    taken = sum(graph.edges[edge]["count"] for edge in drawn) / graph.size(weight="count")
    return (
        f"Drawn: the strongest {len(drawn):,} of {every:,} steps, which make {percent_figure(taken)} of all "
        "that were taken."
    )


def _places(graph: nx.DiGraph[str], drawn: list[tuple[str, str]]) -> tuple[dict[str, _Place], int]:
    """Give every channel that a drawn step touches its row, openers first; returns the height too."""
    shown = {name for edge in drawn for name in edge} - {START, CONVERSION}

    def lateness(name: str) -> float:
        first, last = (
            graph.get_edge_data(*e, {"count": 0})["count"] for e in ((START, name), (name, CONVERSION))
        )
        return float(last - first) / float(graph.out_degree(name, weight="count") or 1)

    names = sorted((name for name in graph if name in shown), key=lateness)  # stable: ties as in the graph
    lines = {name: _lines(name) for name in names}
    heights = {name: len(lines[name]) * _LINE + _COUNT + _PAD for name in names}
    height = max(_LEAST, sum(heights.values()) + _GAP * len(names))
    top = (height - sum(heights.values()) - _GAP * (len(names) - 1)) / 2
    places = {}
    for name in names:
        places[name] = _Place(lines[name], top + heights[name] / 2, heights[name])
        top += heights[name] + _GAP
    return places, height


def _lines(name: str) -> list[str]:
    """Break a name into lines that fit its field, at blanks and hyphens where there are any."""

    def width(text: str) -> int:  # of bold letters of 12 pixels
        wide = sum(unicodedata.east_asian_width(c) in "WF" or c in "MWmw@%&" for c in text)
        return 7 * len(text) + 5 * wide + 2 * sum(map(str.isupper, text))

    letters = _LETTERS
    while True:
        lines = textwrap.wrap(name, letters)
        if letters == 1 or all(width(line) <= _NAME - 12 for line in lines):
            return lines
        letters -= 1


def _ports(drawn: list[tuple[str, str]], places: dict[str, _Place]) -> dict[tuple[str, str, bool], float]:
    """Return how far from the middle of a row each step leaves (True) and arrives (False).

    The longer a step, the nearer to the middle: so curves that share an end nest and do not cross.
    """
    ends: dict[tuple[str, bool, bool], list[tuple[float, tuple[str, str, bool]]]] = defaultdict(list)
    for source, target in drawn:
        if source in places and target in places:
            span = places[target].middle - places[source].middle
            ends[source, span > 0, True].append((-abs(span), (source, target, True)))
            ends[target, span > 0, False].append((-abs(span), (source, target, False)))
    near, far = _PORTS
    found = {}
    for steps in ends.values():
        gap = (far - near) / len(steps)
        for number, (_, step) in enumerate(sorted(steps)):
            found[step] = near + gap * (number + 0.5)
    return found


def _step(
    graph: nx.DiGraph[str],
    edge: tuple[str, str],
    places: dict[str, _Place],
    ports: dict[tuple[str, str, bool], float],
    height: int,
) -> dict[str, Any]:
    """Return a step's kind, figures and curve: control points, the arrow's tip, the figure's place."""
    source, target = edge
    data = graph.edges[edge]
    about = {
        "count": data["count"],
        "share": f"{data['probability']:.0%}" if data["probability"] >= 0.005 else "<1%",
        "tooltip": [
            f"{source} → {target}", count_figure(data["count"]), percent_figure(data["probability"]),
            count_figure(data["conversions"]), graph_value(graph, data["value"]),
        ],
    }  # fmt: skip
    if source == START and target in places:
        y = places[target].middle
        return about | {"kind": _FIRST, "points": [(_L_RAIL, y), (_L_HEAD, y)], "tip": (_L_NAME, y, 1)}
    if target == CONVERSION and source in places:
        y = places[source].middle
        return about | {"kind": _LAST, "points": [(_R_NAME, y), (_R_HEAD2, y)], "tip": (_R_RAIL, y, 1)}
    a, b = places[source].middle, places[target].middle
    right = b > a
    down = 1 if b >= a else -1  # a loop leaves below the middle and arrives above it
    begin, end = a + down * ports[source, target, True], b - down * ports[source, target, False]
    name, neck, out = (_R_NAME, _R_HEAD, 1) if right else (_L_NAME, _L_HEAD, -1)
    far = neck + out * (0.2 + 0.78 * abs(b - a) / height)
    points = [(name, begin), (neck, begin), (far, begin), (far, (begin + end) / 2), (far, end), (neck, end)]
    kind = _SAME if source == target else _ON if right else _BACK
    return about | {
        "kind": kind, "points": points, "tip": (name, end, -out), "figure": (far, (begin + end) / 2),
    }  # fmt: skip


def _x(field: str) -> alt.X:
    """Return the scale of places: rails and names keep their pixels, curves take what is left."""
    left, right = (f"width / 2 {sign} min(width / 2, {_SPREAD})" for sign in "-+")
    name = (f"width / 2 - {_NAME / 2}", f"width / 2 + {_NAME / 2}")
    stops = [
        left, f"{left} + {_RAIL}", f"{left} + {_RAIL + _FIGURE}", f"{name[0]} - {_HEAD}", name[0],
        name[1], f"{name[1]} + {_HEAD}", f"{right} - {_RAIL + _FIGURE}", f"{right} - {_RAIL + _HEAD}",
        f"{right} - {_RAIL}", right,
    ]  # fmt: skip
    scale = alt.Scale(
        domain=list(range(len(stops))), range=[alt.expr(stop) for stop in stops], zero=False, nice=False
    )
    return alt.X(field, type="quantitative", scale=scale, axis=None)


def _y(field: str, height: int) -> alt.Y:
    scale = alt.Scale(domain=[0, height], range=[0, height], zero=False, nice=False)
    return alt.Y(field, type="quantitative", scale=scale, axis=None)


def _base(rows: list[dict[str, Any]], height: int) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.InlineData(values=rows)).encode(x=_x("x"), y=_y("y", height))
    return chart


def _rails(height: int) -> list[alt.Chart]:
    ends = ((_L_EDGE, _L_RAIL, "Start", theme.SOFT), (_R_RAIL, _R_EDGE, "Conversion", theme.GREEN))
    layers = []
    for begin, end, word, colour in ends:
        row = {"x": begin, "x2": end, "y": 0, "y2": height, "middle": (begin + end) / 2, "half": height / 2}
        base = _base([row | {"word": word}], height)
        layers.append(base.mark_rect(color=colour, cornerRadius=5).encode(x2="x2:Q", y2="y2:Q"))
        text = base.mark_text(angle=270, color="white", fontWeight=600, fontSize=12, baseline="middle")
        layers.append(text.encode(x=_x("middle"), y=_y("half", height), text="word:N"))
    return layers


def _tooltip(graph: nx.DiGraph[str]) -> list[alt.Tooltip]:
    titles = ["Step", "Times taken", "Of all steps from there", "Conversions with it"]
    titles.append(value_label(graph.graph.get("goal")) + " of those")
    return [alt.Tooltip(field=f"t{i}", type="nominal", title=title) for i, title in enumerate(titles)]


def _curves(
    graph: nx.DiGraph[str], steps: list[dict[str, Any]], height: int, colour: alt.Color
) -> list[alt.Chart]:
    """Return the steps as curves, the strongest undermost, and their arrowheads."""
    points, heads = [], []
    for number, step in enumerate(steps):
        shared = {"step": number, "kind": step["kind"], "width": step["width"]}
        shared |= {f"t{i}": text for i, text in enumerate(step["tooltip"])}
        points += [
            {"x": round(x, 3), "y": round(y, 1), "i": i, **shared} for i, (x, y) in enumerate(step["points"])
        ]
        x, y, way = step["tip"]
        heads.append(
            {"x": x, "y": round(y, 1), "head": step["head"], "turn": 0 if way > 0 else 180, **shared}
        )
    lines = (
        _base(points, height)
        .mark_line(interpolate="basis", style="step")
        .encode(
            color=colour, detail="step:N", order="i:Q", tooltip=_tooltip(graph),
            strokeWidth=alt.StrokeWidth("width", type="quantitative", scale=None),
        )
    )  # fmt: skip
    arrows = (
        _base(heads, height)
        .mark_point(shape=_ARROW, filled=True, opacity=1)
        .encode(
            color=colour, tooltip=_tooltip(graph),
            size=alt.Size("head", type="quantitative", scale=None),
            angle=alt.Angle("turn", type="quantitative", scale=None),
        )
    )  # fmt: skip
    return [lines, arrows]


def _names(graph: nx.DiGraph[str], places: dict[str, _Place], height: int) -> list[alt.Chart]:
    """Return the channels: a field each, its name and in how many conversions it takes part."""
    boxes, names, counts = [], [], []
    middle = (_L_NAME + _R_NAME) / 2
    every = graph.nodes[START]["conversions"]
    for name, place in places.items():
        node = graph.nodes[name]
        top = place.middle - place.height / 2
        share = percent_figure(node["conversions"] / every)
        tooltip = [name, f"{count_figure(node['conversions'])} ({share})", graph_value(graph, node["value"])]
        boxes.append(
            {"x": _L_NAME, "x2": _R_NAME, "y": top, "y2": top + place.height}
            | {f"t{i}": text for i, text in enumerate(tooltip)}
        )
        top += _PAD / 2 + _LINE / 2
        for line in place.lines:
            names.append({"x": middle, "y": top, "text": line})
            top += _LINE
        part = f"in {node['conversions'] / every:.0%} of journeys"
        counts.append({"x": middle, "y": top - 1, "text": part})
    titles = [label(str(graph.graph.get("by", "channel"))), "Conversions with it"]
    titles.append(value_label(graph.graph.get("goal")) + " of those")
    tooltips = [alt.Tooltip(field=f"t{i}", type="nominal", title=title) for i, title in enumerate(titles)]
    return [
        _base(boxes, height).mark_rect(style="node").encode(x2="x2:Q", y2="y2:Q", tooltip=tooltips),
        _base(names, height).mark_text(fontSize=12, fontWeight=600).encode(text="text:N"),
        _base(counts, height).mark_text(fontSize=10, opacity=0.8).encode(text="text:N"),
    ]


def _figures(steps: list[dict[str, Any]], height: int) -> list[alt.Chart]:
    """Return the shares written at the steps: at the rails all, at the curves those that find room."""
    first = [_figure(step, _L_RAIL) for step in steps if step["kind"] == _FIRST]
    last = [_figure(step, _R_RAIL) for step in steps if step["kind"] == _LAST]
    layers = []
    if first:
        texts = _base(first, height).mark_text(align="left", dx=6, fontSize=_SMALL)
        layers.append(texts.encode(text="text:N"))
    if last:
        texts = _base(last, height).mark_text(align="right", dx=-8, fontSize=_SMALL)
        layers.append(texts.encode(text="text:N"))
    curved: list[dict[str, Any]] = []
    for step in steps:
        if "figure" in step:
            x, y = step["figure"]
            if all(abs(y - other["y"]) > 13 or abs(x - other["x"]) > 0.22 for other in curved):
                curved.append({"x": round(x, 3), "y": round(y, 1), "text": step["share"]})
    if curved:
        room = alt.expr(f"width < {theme.WIDTH - 80} ? 0 : 1")  # on a phone the curves lie too close
        base = _base(curved, height).encode(text="text:N")
        layers.append(base.mark_text(style="halo", opacity=room))
        layers.append(base.mark_text(fontSize=_SMALL, opacity=room))
    return layers


def _figure(step: dict[str, Any], x: int) -> dict[str, Any]:
    y = step["points"][0][1] - step["width"] / 2 - 7
    return {"x": x, "y": round(y, 1), "text": step["share"]}


def _description(graph: nx.DiGraph[str], drawn: list[tuple[str, str]]) -> str:
    told = "; ".join(
        f"{source} to {target}: {graph.edges[source, target]['count']:,}" for source, target in drawn[:8]
    )
    return f"Graph of steps from the first touch to the conversion. Taken most often: {told}."
