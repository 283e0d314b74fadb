"""How a graph of evidence is laid out: a tree that stands on what all leads to, one row an identifier."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import networkx as nx

USED: Final = "used"
DECISION: Final = "decision"
UNUSED: Final = "unused"
ACCOUNT: Final = "account"
# the strongest first: what is kept where not all can be drawn
_STRENGTH: Final = ("user", "lead", "contact", "email", "phone", "touch", "visitor", ACCOUNT)
_LATER: Final = "~"  # sorts after every time
_Ties = dict[str, list[tuple["Tie", str]]]


@dataclass(frozen=True)
class Tie:
    """What was observed of one pair, used or not: the earliest, and how many more."""

    one: str
    other: str
    look: str
    at: str
    words: str
    why: str

    def label(self, *to: str) -> str:
        """Write it beside its line, with the other ends where those are not the next row."""
        text = f"also {listed(to)} \N{EM DASH} {self.words}" if to else self.words
        return f"{text} (not used: {self.why})" if self.why else text


@dataclass
class Node:
    """One row: what it hangs on, and whether it stands below that (a deal, a company) or above."""

    name: str
    parent: str | None = None
    tie: Tie | None = None
    depth: int = 0
    below: bool = False
    children: list[str] = field(default_factory=list)


def ties_of(graph: nx.MultiGraph[str]) -> list[Tie]:
    """Fold the observations of each pair: those that are used, those that are not, and decisions.

    >>> graph = nx.MultiGraph()
    >>> for at, day in (("2024-05-04", "4 May 2024"), ("2024-05-03", "3 May 2024")):
    ...     key = graph.add_edge("a", "b", source="form", at=at, day=day, used=True, why_not="", decision=0)
    >>> [tie.label() for tie in ties_of(graph)]
    ['form, 3 May 2024 and 1 more']
    """
    found: dict[tuple[str, str, str, str], list[tuple[str, str, str]]] = {}
    for a, b, data in graph.edges(data=True):
        one, other = sorted((a, b))
        look = UNUSED if not data["used"] else DECISION if data["decision"] else USED
        words = f"{data['source']}, {data['day']}" if data["day"] else data["source"]
        found.setdefault((one, other, look, data["why_not"]), []).append(
            (data["at"] or _LATER, words, data["why_not"])
        )
    ties = []
    for (one, other, look, why), seen in found.items():
        at, words, _ = min(seen)
        more = f" and {len(seen) - 1:,} more" if len(seen) > 1 else ""
        ties.append(Tie(one, other, look, at, words + more, why))
    return sorted(ties, key=lambda tie: (tie.look == UNUSED, tie.at, tie.words, tie.one, tie.other))


def tree_of(graph: nx.MultiGraph[str], ties: list[Tie]) -> dict[str, Node]:
    """Hang every node on what it was tied to: over evidence that is used as far as that goes.

    The root is the one record that all leads to, else the identifier that leads to most of them. No path
    leads through a company to somebody else, or through a deal that is not the root.
    """
    by_name: _Ties = {name: [] for name in sorted(graph)}
    for tie in ties:  # in order: so are the children
        by_name[tie.one].append((tie, tie.other))
        by_name[tie.other].append((tie, tie.one))
    nodes: dict[str, Node] = {}
    components = [sorted(names) for names in nx.connected_components(graph)]
    for names in sorted(components, key=lambda names: (not _ends(graph, names), names)):
        root = _root(graph, names, by_name)
        nodes[root] = Node(root)
        _grow(graph, nodes, by_name, [root])
        while len(left := [name for name in names if name not in nodes]):
            hooks = [(tie, name, to) for name in left for tie, to in by_name[name] if to in nodes]
            tie, name, to = min(hooks, key=lambda hook: (hook[0].look == UNUSED, hook[0].at, hook[1:]))
            _hang(graph, nodes, name, to, tie)
            _grow(graph, nodes, by_name, [name])
    return nodes


def _ends(graph: nx.MultiGraph[str], names: Iterable[str]) -> list[str]:
    return [name for name in names if graph.nodes[name]["end"]]


def _root(graph: nx.MultiGraph[str], names: list[str], ties: _Ties) -> str:
    ends = _ends(graph, names)
    if len(ends) == 1:
        return ends[0]

    def worth(name: str) -> tuple[bool, int, int, int, str]:
        used = [to for tie, to in ties[name] if tie.look != UNUSED]
        outside = name in ends or not graph.nodes[name]["own"] or graph.nodes[name]["kind"] == ACCOUNT
        return outside, -len(_ends(graph, used)), strength(graph, name), -len(used), name

    return min(names, key=worth)


def strength(graph: nx.MultiGraph[str], name: str) -> int:
    """Return the place of a node's kind among those that are kept first."""
    kind = graph.nodes[name]["kind"]
    return _STRENGTH.index(kind) if kind in _STRENGTH else -1


def _grow(graph: nx.MultiGraph[str], nodes: dict[str, Node], ties: _Ties, begin: list[str]) -> None:
    """Hang what used evidence reaches, the nearest first."""
    queue = deque(begin)
    while queue:
        name = queue.popleft()
        node, about = nodes[name], graph.nodes[name]
        leads_on = node.parent is None or not (about["end"] or about["kind"] in (ACCOUNT, "deal"))
        if (
            about["kind"] == ACCOUNT
            and node.parent is not None
            and graph.nodes[node.parent]["kind"] == "deal"
        ):
            leads_on = nodes[node.parent].parent is None  # the deal counts on the company's members
        if not leads_on:
            continue
        for tie, other in ties[name]:
            if tie.look != UNUSED and other not in nodes:
                _hang(graph, nodes, other, name, tie)
                queue.append(other)


def _hang(graph: nx.MultiGraph[str], nodes: dict[str, Node], name: str, to: str, tie: Tie) -> None:
    about = graph.nodes[name]
    parent = nodes[to]
    below = about["end"] or (about["kind"] in (ACCOUNT, "deal") and not _is_root_deal(graph, parent))
    nodes[name] = Node(name, to, tie, parent.depth + 1, below)
    parent.children.append(name)


def _is_root_deal(graph: nx.MultiGraph[str], node: Node) -> bool:
    return node.parent is None and graph.nodes[node.name]["kind"] == "deal"


def chosen(graph: nx.MultiGraph[str], nodes: dict[str, Node], limit: int) -> set[str]:
    """Return which nodes to draw where there are too many: records and strong identifiers first, each with
    all that it hangs on.
    """

    def rank(node: Node) -> tuple[bool, bool, int, int, str, str]:
        about = graph.nodes[node.name]
        at = node.tie.at if node.tie is not None else ""
        return not about["end"], not about["own"], strength(graph, node.name), node.depth, at, node.name

    drawn: set[str] = set()
    for node in sorted(nodes.values(), key=rank):
        way = []
        one: Node | None = node
        while one is not None and one.name not in drawn:
            way.append(one.name)
            one = nodes[one.parent] if one.parent is not None else None
        if len(drawn) + len(way) <= max(limit, 1):
            drawn.update(way)
    return drawn


def rows_of(graph: nx.MultiGraph[str], nodes: dict[str, Node], drawn: set[str]) -> list[Node]:
    """Return the nodes to draw from top to bottom: what hangs on a node stands above it, its deals below."""
    rows: list[Node] = []
    stack: list[tuple[Node, bool]] = [
        (node, False) for node in reversed(nodes.values()) if node.parent is None
    ]
    while stack:
        node, placed = stack.pop()
        if node.name not in drawn:
            continue
        if placed:
            rows.append(node)
            continue
        children = [nodes[child] for child in node.children]
        above = sorted((c for c in children if not c.below), key=lambda c: not graph.nodes[c.name]["own"])
        below = sorted((c for c in children if c.below), key=lambda c: not graph.nodes[c.name]["end"])
        order = [*((c, False) for c in above), (node, True), *((c, False) for c in below)]
        stack += reversed(order)
    return rows


def further_ties(rows: list[Node], ties: list[Tie]) -> list[Tie]:
    """Return the ties between drawn nodes that the tree does not show."""
    drawn = {node.name for node in rows}
    shown = {id(node.tie) for node in rows}
    return [tie for tie in ties if id(tie) not in shown and tie.one in drawn and tie.other in drawn]


def lanes_of(spans: list[tuple[float, float]], most: int) -> list[int]:
    """Give lines that run beside each other a lane each, short ones the inner; beyond `most` they share.

    >>> lanes_of([(0, 9), (1, 2), (3, 4)], most=3)
    [1, 0, 0]
    """
    lanes = [0] * len(spans)
    taken: list[list[tuple[float, float]]] = [[] for _ in range(most)]
    for place in sorted(range(len(spans)), key=lambda i: (spans[i][1] - spans[i][0], spans[i])):
        low, high = spans[place]
        free = (n for n, held in enumerate(taken) if all(high < a or b < low for a, b in held))
        lanes[place] = next(free, most - 1)
        taken[lanes[place]].append((low, high))
    return lanes


def counted(names: Iterable[str], word: Callable[[str], str]) -> str:
    """Write how many of each kind there are, as `61 visitors and 1 phone`."""
    counts = sorted(Counter(map(word, names)).items(), key=lambda pair: (-pair[1], pair[0]))
    parts = [f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in counts]
    return listed(parts)


def listed(parts: Sequence[str]) -> str:
    """Write a list as people do: `a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
