"""The graph of which touch follows which: exact counts, GraphML that reads back, pictures that hold."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from click.testing import CliRunner
from handmade import Handmade
from hypothesis import given, settings
from hypothesis import strategies as st
from test_paths import store_of

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.labels import CONVERSION, START
from attribution.metrics.chosen_journeys import Steps
from attribution.metrics.transitions import count_transitions, graphml, transition_graph
from attribution.report.picture import write_picture

HOSTILE = "<script>alert('x')</script> & \"more\" ]]>"


def steps_of(graph: nx.DiGraph[str]) -> dict[tuple[str, str], tuple[int, int, str, float]]:
    """Return each step's count, conversions, value and probability."""
    return {
        (a, b): (e["count"], e["conversions"], e["value"], e["probability"])
        for a, b, e in graph.edges(data=True)
    }


def read_back(text: str) -> nx.DiGraph[str]:
    """Parse GraphML as a graph tool would; networkx adds two keys of its own."""
    graph: nx.DiGraph[str] = nx.parse_graphml(text)
    for name in ("node_default", "edge_default"):
        graph.graph.pop(name, None)
    return graph


def hostile_store(url: str = "sqlite://") -> Handmade:
    """Return a store with one deal, whose journey holds campaigns of names that nobody wishes for."""
    store = Handmade(url)
    store.setting("reporting_currency", "GBP")
    store.run("2024-12-31")
    journeys = store.journey_set("won")
    store.credit_set(journeys, "linear")
    visitor = store.identifier("visitor", "v")
    deal = store.deal("D", closed="2024-03-01", amount=1000)
    won = store.conversion("won", deal, "D", "2024-03-01", 1000)
    names = (HOSTILE, "(start)", "bell\x07\x1b[31m", "Gr\u00fc\u00dfe \U0001f600")
    touches = [
        store.touch(f"t{i}", f"2024-02-{10 + i}", visitor, "Email", campaign=name)
        for i, name in enumerate(names)
    ]
    store.journey(journeys, won, *touches)
    return store


def test_counts_and_probabilities_by_hand(store_url: str) -> None:
    """AAB, AAB, AB, BA and ABA, worth 10 to 50 pounds: every step, exactly, in the same order everywhere."""
    with store_of(url=store_url).db as db:
        graph = transition_graph(db)
    assert steps_of(graph) == {
        (START, "A"): (4, 4, "110.00", 4 / 5),
        (START, "B"): (1, 1, "40.00", 1 / 5),
        ("A", "A"): (2, 2, "30.00", 2 / 8),
        ("A", "B"): (4, 4, "110.00", 4 / 8),
        ("A", CONVERSION): (2, 2, "90.00", 2 / 8),
        ("B", "A"): (2, 2, "90.00", 2 / 5),
        ("B", CONVERSION): (3, 3, "60.00", 3 / 5),
    }
    assert list(graph) == [START, "A", "B", CONVERSION]
    assert list(graph.edges) == list(steps_of(graph))
    assert dict(graph.nodes["A"]) == {
        "label": "A", "conversions": 5, "value": "150.00", "value_number": 150.0,
    }  # fmt: skip
    about = {name: graph.graph[name] for name in ("goal", "lookback", "scope", "currency", "by", "as_of")}
    assert about == {
        "goal": "revenue", "lookback": "365d", "scope": "contacts", "currency": "GBP", "by": "channel",
        "as_of": "2024-12-31T00:00:00Z",
    }  # fmt: skip
    assert (graph.graph["conversions"], graph.graph["without_touches"]) == (5, 1)


def test_a_step_taken_twice_in_a_journey_counts_twice_in_one_conversion() -> None:
    """A, B, A, B: from A to B twice, one conversion, its value once."""
    graph = transition_graph(store_of(("ABAB",)).db)
    assert steps_of(graph)["A", "B"] == (2, 1, "10.00", 1.0)
    assert steps_of(graph)["B", "A"] == (1, 1, "10.00", 0.5)
    assert graph.edges["A", "B"]["weight"] == 2


def test_options_choose_the_journeys() -> None:
    """Folding, days, conditions and goals mean what they mean in `paths`."""
    db = store_of().db
    assert ("A", "A") not in transition_graph(db, transform="exposure").edges
    assert list(transition_graph(db, transform="first").edges) == [
        (START, "A"), (START, "B"), ("A", "B"), ("A", CONVERSION), ("B", "A"), ("B", CONVERSION),
    ]  # fmt: skip
    assert transition_graph(db, start="2024-03-04", end="2024-03-04").edges[START, "B"]["count"] == 1
    assert transition_graph(db, where=["owner=Ann"]).nodes[START]["conversions"] == 2
    assert transition_graph(db, goal="deals").edges["A", "B"]["value"] == "4"
    with pytest.raises(UnknownNameError, match="did you mean 'first'"):
        transition_graph(db, transform="frist")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=10))
def test_counts_agree_with_plain_python(journeys: list[list[int]]) -> None:
    """Whatever the journeys, each step is counted as a loop would count it."""
    owner = np.repeat(np.arange(len(journeys)), [len(j) for j in journeys]).astype(np.int64)
    steps = Steps(owner, np.array([code for j in journeys for code in j], np.int64))
    value = np.arange(1, len(journeys) + 1, dtype=np.int64) * 100
    found = count_transitions(steps, value)
    names = [*found.groups.tolist(), "start", "end"]
    expected: dict[tuple[Any, Any], list[Any]] = {}
    for number, journey in enumerate(journeys):
        walk = ["start", *journey, "end"] if journey else []
        for pair in itertools.pairwise(walk):
            entry = expected.setdefault(pair, [0, set(), 0])
            entry[0] += 1
            entry[1].add(number)
    counted = {
        (names[s], names[t]): (c, n, v)
        for s, t, c, n, v in zip(
            found.source.tolist(), found.target.tolist(), found.count.tolist(), found.conversions.tolist(),
            found.value.tolist(), strict=True,
        )
    }  # fmt: skip
    assert counted == {
        pair: (count, len(owners), sum(100 * (o + 1) for o in owners))
        for pair, (count, owners, _) in expected.items()
    }


def test_out_probabilities_sum_to_one() -> None:
    """From every node but the conversion, the journey goes on somewhere."""
    graph = transition_graph(store_of().db)
    for node in graph:
        out = sum(p for _, _, p in graph.out_edges(node, data="probability"))
        assert out == pytest.approx(0 if node == CONVERSION else 1)


@pytest.mark.parametrize("make", [store_of, hostile_store])
def test_graphml_reads_back_as_the_same_graph(make: Any) -> None:
    """Nodes, edges, attributes and their types survive, whatever the names."""
    graph = transition_graph(make().db, by="campaign")
    read = read_back(graphml(graph))
    assert nx.utils.graphs_equal(read, graph)
    assert list(read) == list(graph)
    edge = next(iter(read.edges(data=True)))[2]
    assert {name: type(value) for name, value in edge.items()} == {
        "count": int, "weight": int, "conversions": int, "value": str, "value_number": float,
        "probability": float,
    }  # fmt: skip


def test_hostile_names_are_text_everywhere(store_url: str, tmp_path: Path) -> None:
    """A name that is a script, a control character or the word `(start)` is a name, and steers nothing."""
    with hostile_store(store_url).db as db:
        graph = transition_graph(db, by="campaign")
    assert set(graph) == {
        START, CONVERSION, HOSTILE, "(start) (2)", "bell\ufffd\ufffd[31m", "Gr\u00fc\u00dfe \U0001f600",
    }  # fmt: skip
    text = graphml(graph)
    assert ET.fromstring(text).tag.endswith("graphml")
    assert "<script" not in text
    assert text.isascii()
    svg = write_picture(graph, tmp_path / "g.svg").read_text(encoding="utf-8")
    ET.fromstring(svg)
    assert "<script" not in svg
    page = write_picture(graph, tmp_path / "g.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("<script") == 3  # the figures, the library, the page's own
    assert "Content-Security-Policy" in page
    assert write_picture(graph, tmp_path / "g.png").read_bytes().startswith(b"\x89PNG")


def test_no_journeys_give_a_sentence(tmp_path: Path) -> None:
    """An empty store says what to run; a period without conversions gives an empty graph, and says so."""
    with Store.open("sqlite://") as store, pytest.raises(InputError, match="run: attribution run"):
        store.transition_graph()
    with pytest.raises(InputError, match="attribution run --model linear --goal revenue --lookback 30d"):
        transition_graph(store_of().db, lookback="30d")
    graph = transition_graph(store_of().db, start="2030-01-01")
    assert len(graph) == 0
    assert nx.utils.graphs_equal(read_back(graphml(graph)), graph)
    picture = write_picture(graph, tmp_path / "empty.svg").read_text(encoding="utf-8")
    assert "No journey with touches led to a conversion" in picture.replace("\N{NO-BREAK SPACE}", " ")
    assert "No journey with touches" in write_picture(graph, tmp_path / "empty.html").read_text("utf-8")


def test_the_command_prints_graphml_and_draws(tmp_path: Path) -> None:
    """`--format graphml` prints all steps, `--limit` bounds the picture only, notices go elsewhere."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store_of(url=url).db.close()
    picture = tmp_path / "steps.svg"
    run = ["--store", url, "paths", "--format", "graphml", "--limit", "3", "--picture", str(picture)]
    result = CliRunner().invoke(cli, run)
    assert result.exit_code == 0
    assert result.stderr == f"wrote {picture}\n"
    assert read_back(result.stdout).number_of_edges() == 7
    assert "the strongest 3 of 7 steps" in picture.read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    empty = CliRunner().invoke(cli, ["--store", url, "paths", "--format", "graphml", "--from", "2030-01-01"])
    assert empty.stderr == "note: no journey with touches led to a conversion here, so the graph is empty\n"


@pytest.mark.parametrize(("name", "words"), [("g.pdf", "ends in '.pdf'"), ("g", "has no ending")])
def test_other_kinds_of_picture_are_refused_before_reading(name: str, words: str, tmp_path: Path) -> None:
    """The ending says which kind; what cannot be drawn is said before any work."""
    with pytest.raises(InputError, match=rf"{words}; allowed are \.svg, \.png, \.html"):
        CliRunner().invoke(
            cli, ["--store", "sqlite://", "paths", "--picture", str(tmp_path / name)], standalone_mode=False,
            catch_exceptions=False,
        )  # fmt: skip
    with pytest.raises(InputError, match="a limit of 0"):
        write_picture(nx.DiGraph(), tmp_path / "g.svg", limit=0)
