"""The graph of evidence: GraphML that reads back, and a picture in which nothing is covered or cut."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import vl_convert

from attribution.clock import DAY
from attribution.errors import InputError
from attribution.identity.evidence import Evidence
from attribution.identity.graph import Demotion
from attribution.identity.network import network_of
from attribution.identity.observed import Identifier, Tie
from attribution.metrics.transitions import graphml
from attribution.report import charts
from attribution.report.charts.evidence import how_much
from attribution.report.picture import write_evidence

MAY = 19_846 * DAY  # 3 May 2024
HOSTILE = "<script>alert('x')</script>\x1b"


def ella() -> nx.MultiGraph[str]:
    """Ella's call, her lead and her deal; a mailbox that is not hers, and a decision."""
    nodes = [
        Identifier(1, "visitor", "v1", 1), Identifier(2, "phone", "+442079460018", 1),
        Identifier(3, "lead", "L-7", 1), Identifier(4, "email", "info@acme.test", -4),
        Identifier(5, "email", "ella@home.example", 1),
    ]  # fmt: skip
    evidence = Evidence(nodes)
    evidence.add_ties(
        [
            (1, 2, MAY, "identities: call"),
            (2, 3, MAY, "CRM lead"),
            (1, 3, MAY + DAY, "identities: form"),
            Tie(3, 4, MAY + DAY, "CRM lead", Demotion.SHARED),
            Tie(3, 5, None, "decision 3 by maria: same customer", 0, 3),
        ]
    )
    evidence.tie("deal D-12", "CRM deal", [3])
    return network_of(evidence, ends=("deal D-12",), title="What ties people to deal D-12")


def somebody(seed: int, size: int) -> nx.MultiGraph[str]:
    """A person with so many identifiers, tied at random, some of it not used; deals at the end."""
    draw = random.Random(seed)
    kinds = ("visitor", "visitor", "visitor", "email", "phone", "lead", "user", "contact")
    values = (
        "W" * 30,
        "ella.fitzgerald@acme-industries.example",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "a",
    )
    nodes = [
        Identifier(n, draw.choice(kinds), f"{draw.choice(values)}{n}", 1 if n < size * 0.9 else -n)
        for n in range(1, size + 1)
    ]
    nodes.append(Identifier(size + 1, "account", "acme.com", 0))
    evidence = Evidence(nodes)
    ties = [
        Tie(n, draw.randrange(1, n), MAY + n * DAY, "identities: a form on the web") for n in range(2, size)
    ]
    ties += [Tie(*draw.sample(range(1, size + 1), 2), MAY, "CRM lead") for _ in range(size // 4)]
    ties += [Tie(n, size + 1, MAY, "CRM lead") for n in draw.sample(range(1, size + 1), min(3, size))]
    evidence.add_ties(ties)
    for key, n in (("D-1", 1), ("D-2", draw.randrange(1, size + 1))):
        evidence.tie(f"deal {key}", "CRM deal", [n])
    return network_of(evidence, ends=("deal D-1", "deal D-2"), title="Who is Ella")


def layers(spec: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the rows of all layers of a kind of mark."""
    return [
        row | {"size": layer["mark"].get("fontSize")}
        for layer in spec["layer"]
        if layer["mark"]["type"] == kind
        for row in spec["datasets"][layer["data"]["name"]]
    ]


def boxes(spec: dict[str, Any]) -> Iterator[tuple[float, float, float, float]]:
    """Return where texts stand: left, right, top, bottom, by the widths of a usual font."""
    for row in layers(spec, "text"):
        size = float(row["size"]["expr"].rpartition(": ")[2])
        wide = sum(c in "MWmw@%" for c in row["text"])
        width = size * (0.5 * len(row["text"]) + 0.3 * wide)
        yield row["x"], row["x"] + width, row["y"] - size / 2, row["y"] + size / 2


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13, 21, 37])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_covers_anything_and_nothing_is_cut(seed: int, size: int) -> None:
    """Texts stand apart from each other, fields too, and lines on the right pass all of them by."""
    graph = somebody(seed, size)
    spec = charts.evidence(graph).to_dict()
    texts = list(boxes(spec))
    for (a, b, c, d), (e, f, g, h) in combinations(texts, 2):
        assert not (a < f and e < b and c < h and g < d)
    fields = layers(spec, "rect")
    for one, other in combinations(fields, 2):
        assert one["y2"] <= other["y"] or other["y2"] <= one["y"]
    lines = layers(spec, "line")
    right = max(row["x"] for row in lines)
    assert max(row["x2"] for row in fields) <= 420
    assert max(b for _, b, *_ in texts) <= 420
    assert right <= 422
    values = [graph.nodes[name]["value"] for name in graph]
    shown = "".join(row["text"] for row in layers(spec, "text"))
    assert all(value in shown for value in values)
    assert len(fields) == len(graph)


def test_the_chain_reads_from_top_to_bottom_and_the_deal_is_last() -> None:
    """Visitor, phone, lead, deal; what hangs beside the chain stands above what it hangs on."""
    spec = charts.evidence(ella()).to_dict()
    texts = sorted((row["y"], row["text"]) for row in layers(spec, "text"))
    order = [text for _, text in texts if text in ("v1", "+442079460018", "L-7", "D-12", "info@acme.test")]
    assert order[-2:] == ["L-7", "D-12"]
    assert set(order[:2]) < {"v1", "+442079460018", "info@acme.test"}
    shown = " ".join(text for _, text in texts)
    assert "CRM lead, 3 May 2024" in shown
    assert "also phone +442079460018 — identities: call, 3 May 2024" in shown
    assert "decision 3 by maria: same customer" in shown
    assert "(not used: a mailbox or phone of several people)" in shown


def test_what_is_not_used_is_dashed_and_a_decision_is_thick() -> None:
    """So that black and white tells them apart."""
    spec = charts.evidence(ella()).to_dict()
    looks = {
        (tuple(layer["mark"]["strokeDash"]), layer["mark"]["strokeWidth"]): {
            row["t2"] for row in spec["datasets"][layer["data"]["name"]]
        }
        for layer in spec["layer"]
        if layer["mark"]["type"] == "line"
    }
    assert looks[(4, 3), 1.5] == {"CRM lead, 4 May 2024"}
    assert looks[(1, 0), 3.2] == {"decision 3 by maria: same customer"}
    assert "Dashed: observations that are not used." in " ".join(spec["title"]["subtitle"])
    assert spec["title"]["text"] == ["What ties people to deal D-12 (observations)"]
    assert len(spec["description"]) > 40


def test_the_same_graph_gives_the_same_picture_whatever_came_first() -> None:
    """A chart is a pure function, and no row of it hangs on the order of import."""
    graph = somebody(1, 20)
    turned: nx.MultiGraph[str] = nx.MultiGraph(**{})
    turned.graph.update(graph.graph)
    turned.add_nodes_from(reversed(list(graph.nodes(data=True))))
    turned.add_edges_from(
        (b, a, key, data) for a, b, key, data in reversed(list(graph.edges(keys=True, data=True)))
    )
    assert charts.evidence(graph).to_dict() == charts.evidence(turned).to_dict()


def test_of_a_large_person_the_most_telling_is_drawn_and_the_rest_is_told() -> None:
    """A hundred browsers: records, logins and e-mails stay, each with the way to the deal."""
    nodes = [Identifier(n, "visitor", f"v{n:03}", 1) for n in range(1, 101)]
    nodes += [Identifier(101, "email", "e@x.test", 1), Identifier(102, "lead", "L", 1)]
    evidence = Evidence(nodes)
    evidence.add_ties([(n, 101, MAY + n * DAY, "form") for n in range(1, 101)])
    evidence.add_ties([(101, 102, MAY, "CRM lead")])
    evidence.tie("deal D", "CRM deal", [102])
    graph = network_of(evidence, ends=("deal D",))
    spec = charts.evidence(graph).to_dict()
    assert " ".join(spec["title"]["subtitle"]) == (
        "Drawn: the most telling 40 of 103; left out: 63 visitors."
    )
    values = {row["text"] for row in layers(spec, "text")}
    assert {"D", "L", "e@x.test", "v001", "v037"} <= values
    assert "v038" not in values
    assert how_much(graph, 2) == "Drawn: the most telling 2 of 103; left out: 100 visitors and 1 email."


def test_one_identifier_alone_gives_a_sentence() -> None:
    """Nothing to draw is said in words."""
    graph = network_of(Evidence([Identifier(1, "visitor", "v", 1)]), title="Who is visitor v")
    assert charts.empty_sentence(charts.evidence(graph)) == (
        "Nothing was ever observed beside this one identifier."
    )


def test_graphml_reads_back_as_the_same_graph() -> None:
    """Each observation is an edge with a number of its own."""
    graph = ella()
    text = graphml(graph)
    assert ET.fromstring(text).tag.endswith("graphml")
    read = nx.parse_graphml(text, force_multigraph=True)
    assert dict(read.nodes(data=True)) == dict(graph.nodes(data=True))
    assert read.graph["title"] == "What ties people to deal D-12"
    keys = sorted(key for *_, key in read.edges(keys=True))
    assert keys == list(range(1, graph.number_of_edges() + 1))
    told = {(data["source"], data["at"], data["used"]) for *_, data in read.edges(data=True)}
    assert ("identities: call", "2024-05-03T00:00:00Z", True) in told
    assert ("CRM lead", "2024-05-04T00:00:00Z", False) in told
    assert read.nodes["email info@acme.test"] == {
        "kind": "email", "value": "info@acme.test", "person": 4, "own": False, "shared": False, "end": False,
    }  # fmt: skip


def test_hostile_values_are_written_as_text(tmp_path: Path) -> None:
    """A cookie can hold anything; two that look alike stay two."""
    nodes = [Identifier(1, "visitor", HOSTILE, 1), Identifier(2, "visitor", HOSTILE[:-1] + "\x1c", 1)]
    evidence = Evidence([*nodes, Identifier(3, "email", "e@x.test", 1)])
    evidence.add_ties([(1, 3, MAY, "form\x00"), (2, 3, MAY, "form")])
    graph = network_of(evidence, ends=(3,))
    assert len(nx.parse_graphml(graphml(graph), force_multigraph=True)) == 3
    page = write_evidence(graph, tmp_path / "e.html").read_text("utf-8")
    assert "<script>alert" not in page
    svg = vl_convert.vegalite_to_svg(charts.evidence(graph).to_dict(), allowed_base_urls=[])
    assert "<script>" not in svg


def test_pictures_are_written_by_their_ending(tmp_path: Path) -> None:
    """SVG, PNG, and a page with the observations as a table."""
    graph = ella()
    assert "info@acme.test" in write_evidence(graph, tmp_path / "e.svg").read_text("utf-8")
    assert write_evidence(graph, tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")
    page = write_evidence(graph, tmp_path / "e.html").read_text("utf-8")
    assert "Every observation" in page
    assert "no: a mailbox or phone of several people" in page
    with pytest.raises(InputError, match=r"allowed are \.svg, \.png, \.html"):
        write_evidence(graph, tmp_path / "e.gif")
