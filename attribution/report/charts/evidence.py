"""The evidence of one person, or of the people of one deal: what was tied to what, and what does not count.

A tree that stands on what all leads to, the deal: every identifier has a row of its own above what it was
tied to, so that no name and no label is ever covered or cut, on a phone neither. From top to bottom it reads
like the chains of `explain`. Further ties run on the right; what is not used is dashed, and says why.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import networkx as nx

from attribution.report.charts import theme
from attribution.report.charts.evidence_tree import (
    DECISION,
    UNUSED,
    USED,
    Node,
    Tie,
    chosen,
    counted,
    further_ties,
    lanes_of,
    rows_of,
    strength,
    ties_of,
    tree_of,
)
from attribution.report.charts.theme import Chart, finish, sentence

NOTHING: Final = "Nothing was ever observed beside this one identifier."
DRAWN: Final = 40  # identifiers and records
_SHARED: Final = "used by several of these people, one after the other"

_WIDTH: Final = 420  # pixels of the drawing; a narrower screen squeezes it, letters too
_NARROW: Final = 380
_INDENT, _TRUNK, _BEND = 22, 10, 6  # pixels: a step to the right, from a field's left to its line, a corner
_SIGN, _KIND, _VALUE, _PAD = (
    13,
    25,
    70,
    10,
)  # pixels: from a field's left to sign, kind and value; at its right
_LINE, _LABEL, _FIELD, _GAP = 15, 13, 11, 9  # pixels: a line of a value, of a label; around; between rows
_LANE, _LANES = 11, 5  # pixels between lines on the right; how many lie side by side
_SIGNS: Final = {
    "visitor": (theme.BLUE, "circle"),
    "email": (theme.ORANGE, "square"),
    "phone": (theme.VERMILION, "diamond"),
    "user": (theme.PURPLE, "triangle-up"),
    "contact": (theme.SKY, "triangle-right"),
    "lead": (theme.GREEN, "cross"),
    "account": (theme.GREY, "triangle-down"),
    "deal": (theme.GREEN, "M-1,-0.6L1,-0.6L1,0.6L-1,0.6Z"),
    "touch": (theme.SKY, "circle"),
}
_LOOKS: Final = {  # colour, width and dashes of lines, the undermost first
    UNUSED: (theme.GREY, 1.5, [4, 3]),
    USED: (theme.BLUE, 1.7, [1, 0]),
    DECISION: (theme.PURPLE, 3.2, [1, 0]),
}
_STYLES: Final = {
    "node": {
        "color": "#EEF1F4",
        "fill": "#EEF1F4",
        "stroke": theme.SOFT,
        "strokeWidth": 1,
        "cornerRadius": 7,
    },
    "step": {"opacity": 1, "strokeCap": "butt"},
}


@dataclass
class _Row:
    """A node on its place: lines of text, and where its field lies."""

    node: Node
    lines: list[str]
    above: list[str]  # labels over the field
    under: list[str]
    top: float = 0.0

    @property
    def left(self) -> float:
        return float(self.node.depth * _INDENT)

    @property
    def right(self) -> float:
        return self.left + _VALUE + max(map(_bold, self.lines)) + _PAD

    @property
    def edge(self) -> float:
        """How far to the right anything of it reaches."""
        labels = [self.left + 2 * _TRUNK + _plain(line) for line in (*self.above, *self.under)]
        return max(self.right, *labels) if labels else self.right

    @property
    def height(self) -> float:
        return float(len(self.lines) * _LINE + _FIELD)

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def evidence(graph: nx.MultiGraph[str], *, limit: int = DRAWN) -> Chart:
    """Draw a graph of :func:`attribution.identity.network.network_of`.

    Args:
        graph: the graph.
        limit: how many identifiers and records to draw; the subtitle tells what is left out.

    >>> evidence(nx.MultiGraph()).usermeta
    {'empty': 'Nothing was ever observed beside this one identifier.'}
    """
    title = f"{graph.graph.get('title') or 'Evidence'} (observations)"
    if not graph.number_of_edges():
        return sentence(NOTHING, title)
    ties = ties_of(graph)
    nodes = tree_of(graph, ties)
    drawn = chosen(graph, nodes, limit)
    order = rows_of(graph, nodes, drawn)
    further = further_ties(order, ties)
    rows, height = _placed(graph, order, further)
    by_name = {row.node.name: row for row in rows}
    chart = finish(
        alt.LayerChart(
            layer=[
                *_lines(graph, by_name, further, height),
                *_fields(graph, rows, height),
                *_labels(rows, height),
            ]
        ),
        title=title,
        subtitle="",
        description=_description(ties),
        height=height,
    ).properties(width=_WIDTH)
    chart.title = alt.TitleParams(
        text=textwrap.wrap(title, 46), subtitle=textwrap.wrap(how_much(graph, limit), 68)
    )
    chart.config = alt.Config.from_dict({**theme.CONFIG, "style": _STYLES})
    return chart


def how_much(graph: nx.MultiGraph[str], limit: int = DRAWN) -> str:
    """Say how much of a graph is drawn, and what dashes mean where there are any.

    >>> graph = nx.MultiGraph()
    >>> for name in ("v1", "v2"):
    ...     graph.add_node(f"visitor {name}", kind="visitor", own=True, end=False)
    >>> about = {"source": "form", "at": "", "day": "", "used": True, "why_not": "", "decision": 0}
    >>> key = graph.add_edge("visitor v1", "visitor v2", **about)
    >>> how_much(graph), how_much(graph, 1)
    ('All that is known is drawn.', 'Drawn: the most telling 1 of 2; left out: 1 visitor.')
    """
    ties = ties_of(graph)
    drawn = chosen(graph, tree_of(graph, ties), limit)
    missing = [name for name in graph if name not in drawn]
    text = "All that is known is drawn."
    if missing:
        kinds = counted(missing, lambda name: str(graph.nodes[name]["kind"]))
        text = f"Drawn: the most telling {len(drawn):,} of {len(graph):,}; left out: {kinds}."
    dashed = any(tie.look == UNUSED and {tie.one, tie.other} <= drawn for tie in ties)
    return f"{text} Dashed: observations that are not used." if dashed else text


def _bold(text: str) -> float:
    """Return about how many pixels wide bold letters of 12 pixels are."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" or c in "MWmw@%&" for c in text)
    return 6.8 * len(text) + 5 * wide + 1.6 * sum(map(str.isupper, text))


def _plain(text: str) -> float:
    """Return about how many pixels wide letters of 10.5 pixels are."""
    return _bold(text) * 0.78


def _placed(graph: nx.MultiGraph[str], order: list[Node], further: list[Tie]) -> tuple[list[_Row], int]:
    """Write every row and stack them; returns the height too."""
    rows = {}
    lanes = min(len(further), _LANES)
    for node in order:
        left = node.depth * _INDENT
        room = _WIDTH - lanes * _LANE - left - _VALUE - _PAD
        value = str(graph.nodes[node.name]["value"]).strip() or "(blank)"
        own = [] if node.tie is None else _wrapped(node.tie.label(), left, lanes)
        if graph.nodes[node.name].get("shared"):
            own = [*own, *_wrapped(_SHARED, left, lanes)]
        above, under = (own, []) if node.below else ([], own)
        rows[node.name] = _Row(node, _broken(value, room), above, under)
    also: dict[tuple[str, str, str], list[tuple[Tie, str]]] = defaultdict(list)
    for tie in further:
        one, other = sorted((tie.one, tie.other), key=lambda name: (-strength(graph, name), name))
        also[one, tie.words, tie.why].append((tie, other))
    for (one, *_), found in also.items():
        text = found[0][0].label(*(other for _, other in found))
        rows[one].under += _wrapped(text, rows[one].left, lanes)
    top = 0.0
    for row in rows.values():
        row.top = top + len(row.above) * _LABEL + (2 if row.above else 0)
        top = row.top + row.height + len(row.under) * _LABEL + (3 if row.under else 0) + _GAP
    return list(rows.values()), round(top - _GAP + 2)


def _broken(value: str, room: float) -> list[str]:
    return _fitted(value, lambda line: _bold(line) <= room)


def _wrapped(text: str, left: float, lanes: int) -> list[str]:
    room = _WIDTH - lanes * _LANE - left - 2 * _TRUNK
    return _fitted(text, lambda line: _plain(line) <= room)


def _fitted(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Break a text into lines that fit, at blanks and hyphens where there are any."""
    letters = min(len(text), 80)
    while True:
        lines = textwrap.wrap(text, letters)
        if letters <= 1 or all(map(fits, lines)):
            return lines
        letters -= 1


def _x(name: str) -> alt.X:
    """Return the scale of pixels: in the middle of a wide screen, squeezed on a narrow one."""
    ends = [alt.expr(f"(width {sign} min(width, {_WIDTH})) / 2") for sign in "-+"]
    scale = alt.Scale(domain=[0, _WIDTH], range=ends, zero=False, nice=False)
    return alt.X(name, type="quantitative", scale=scale, axis=None)


def _y(name: str, height: int) -> alt.Y:
    scale = alt.Scale(domain=[0, height], range=[0, height], zero=False, nice=False)
    return alt.Y(name, type="quantitative", scale=scale, axis=None)


def _base(rows: list[dict[str, Any]], height: int) -> alt.Chart:
    chart: alt.Chart = alt.Chart(alt.InlineData(values=rows)).encode(x=_x("x"), y=_y("y", height))
    return chart


def _size(pixels: float) -> Any:
    """Return a size of letters that a narrow screen makes smaller."""
    return alt.expr(f"width < {_NARROW} ? {round(pixels * 0.79, 1)} : {pixels}")


def _lines(
    graph: nx.MultiGraph[str], rows: dict[str, _Row], further: list[Tie], height: int
) -> list[alt.Chart]:
    """Return the ties as lines with round corners, those not used undermost."""
    paths = [(row.node.tie, _branch(row, rows[row.node.parent])) for row in rows.values() if row.node.parent]
    paths += zip(further, _around(rows, further), strict=True)
    points: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for number, (tie, corners) in enumerate(paths):
        if tie is not None:
            about = {f"t{i}": text for i, text in enumerate(_told(graph, tie))}
            points[tie.look] += [
                {"x": round(x, 1), "y": round(y, 1), "i": i, "line": number, **about}
                for i, (x, y) in enumerate(_rounded(corners))
            ]
    titles = ("Between", "and", "Source", "Used")
    tooltip = [alt.Tooltip(field=f"t{i}", type="nominal", title=title) for i, title in enumerate(titles)]
    return [
        _base(points[look], height)
        .mark_line(style="step", color=colour, strokeWidth=width, strokeDash=dashes)
        .encode(detail="line:N", order="i:Q", tooltip=tooltip)
        for look, (colour, width, dashes) in _LOOKS.items()
        if points[look]
    ]


def _told(graph: nx.MultiGraph[str], tie: Tie) -> list[str]:
    one, other = sorted((tie.one, tie.other), key=lambda name: -strength(graph, name))
    return [one, other, tie.words, f"no: {tie.why}" if tie.why else "yes"]


def _branch(row: _Row, parent: _Row) -> list[tuple[float, float]]:
    """Return the way from a field to what it hangs on."""
    trunk = parent.left + _TRUNK
    end = parent.top + parent.height if row.node.below else parent.top
    return [(row.left, row.middle), (trunk, row.middle), (trunk, end)]


def _around(rows: dict[str, _Row], further: list[Tie]) -> list[list[tuple[float, float]]]:
    """Return the ways of further ties on the right of all, each leaving its field at its own height."""
    ports: dict[str, list[int]] = defaultdict(list)
    for number, tie in enumerate(further):
        for name, to in ((tie.one, tie.other), (tie.other, tie.one)):
            ports[name].append(number if rows[to].middle > rows[name].middle else -number - 1)

    def port(name: str, number: int) -> float:
        held = sorted(ports[name], key=lambda n: (n >= 0, n))  # those that lead up leave above
        place = next(i for i, n in enumerate(held) if n in (number, -number - 1))
        row = rows[name]
        return row.top + row.height * (place + 1) / (len(held) + 1)

    ends = [(port(tie.one, n), port(tie.other, n)) for n, tie in enumerate(further)]
    lanes = lanes_of([(min(pair), max(pair)) for pair in ends], _LANES)
    edge = max((row.edge for row in rows.values()), default=0.0)
    ways = []
    for tie, (a, b), lane in zip(further, ends, lanes, strict=True):
        x = edge + 9 + lane * _LANE
        ways.append([(rows[tie.one].right, a), (x, a), (x, b), (rows[tie.other].right, b)])
    return ways


def _rounded(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a way of straight pieces with its corners rounded."""
    way = [corners[0]]
    for (x0, y0), (x1, y1), (x2, y2) in zip(corners, corners[1:], corners[2:], strict=False):
        bend = min(
            _BEND, *(max(abs(b - a), abs(d - c)) / 2 for a, b, c, d in ((x0, x1, y0, y1), (x1, x2, y1, y2)))
        )

        def towards(x: float, y: float, corner: tuple[float, float], by: float) -> tuple[float, float]:
            dx, dy = x - corner[0], y - corner[1]
            length = max(abs(dx), abs(dy)) or 1.0
            return corner[0] + dx / length * by, corner[1] + dy / length * by

        begin, end = towards(x0, y0, (x1, y1), bend), towards(x2, y2, (x1, y1), bend)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):  # a curve of Bezier with the corner as its one handle
            a, b, c = (1 - share) ** 2, 2 * share * (1 - share), share**2
            way.append((a * begin[0] + b * x1 + c * end[0], a * begin[1] + b * y1 + c * end[1]))
    return [*way, corners[-1]]


def _fields(graph: nx.MultiGraph[str], rows: list[_Row], height: int) -> list[alt.Chart]:
    """Return the identifiers: a field each with sign, kind and value; a record's frame is thick."""
    boxes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    signs, kinds, values = [], [], []
    for row in rows:
        about = graph.nodes[row.node.name]
        kind = str(about["kind"])
        colour, shape = _SIGNS.get(kind, (theme.GREY, "circle"))
        told = {"t0": row.node.name, "t1": f"{graph.degree(row.node.name):,}"}
        look = "end" if about["end"] else "own" if about["own"] else "other"
        boxes[look].append({"x": row.left, "x2": row.right, "y": row.top, "y2": row.top + row.height, **told})
        signs.append({"x": row.left + _SIGN, "y": row.middle, "colour": colour, "shape": shape})
        kinds.append({"x": row.left + _KIND, "y": row.middle, "text": kind})
        values += [
            {"x": row.left + _VALUE, "y": row.top + _FIELD / 2 + _LINE * (i + 0.5), "text": line}
            for i, line in enumerate(row.lines)
        ]
    looks: dict[str, dict[str, Any]] = {
        "own": {},
        "other": {"fillOpacity": 0, "strokeDash": [4, 3]},
        "end": {"strokeWidth": 2.4, "stroke": theme.GREEN},
    }
    titles = ("Identifier", "Observations")
    tooltip = [alt.Tooltip(field=f"t{i}", type="nominal", title=title) for i, title in enumerate(titles)]
    layers = [
        _base(boxes[look], height)
        .mark_rect(style="node", **options)
        .encode(x2="x2:Q", y2="y2:Q", tooltip=tooltip)
        for look, options in looks.items()
        if boxes[look]
    ]
    return [
        *layers,
        _base(signs, height)
        .mark_point(filled=True, opacity=1, size=64)
        .encode(
            color=alt.Color("colour", type="nominal", scale=None),
            shape=alt.Shape("shape", type="nominal", scale=None),
        ),
        _base(kinds, height).mark_text(align="left", fontSize=_size(10), opacity=0.8).encode(text="text:N"),
        _base(values, height)
        .mark_text(align="left", fontSize=_size(12), fontWeight=600)
        .encode(text="text:N"),
    ]


def _labels(rows: list[_Row], height: int) -> list[alt.Chart]:
    """Return what is written at the lines: who says so, and when."""
    texts = []
    for row in rows:
        x = row.left + 2 * _TRUNK
        above = row.top - 2 - len(row.above) * _LABEL
        under = row.top + row.height + 3
        for start, lines in ((above, row.above), (under, row.under)):
            texts += [
                {"x": x, "y": round(start + _LABEL * (i + 0.5), 1), "text": line}
                for i, line in enumerate(lines)
            ]
    return (
        [_base(texts, height).mark_text(align="left", fontSize=_size(10.5)).encode(text="text:N")]
        if texts
        else []
    )


def _description(ties: list[Tie]) -> str:
    told = "; ".join(f"{tie.one} and {tie.other}: {tie.label()}" for tie in ties[:8])
    more = f"; and {len(ties) - 8:,} more" if len(ties) > 8 else ""
    return f"Graph of the evidence that ties identifiers together. {told}{more}."
