"""Which touch follows which: the steps of journeys counted, and the graph that they make.

The graph is the first-order chain that Markov models of attribution are drawn from (Anderl, Becker, von
Wangenheim and Schumann, 2016, "Mapping the customer journey"), of the journeys that converted: from
`(start)` over the touches to `(conversion)`. A conversion without touches took no step and is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import networkx as nx
import numpy as np

from attribution import clock
from attribution.labels import CONVERSION, START
from attribution.metrics.chosen_journeys import (
    ChosenJourneys,
    Steps,
    check_transform,
    choose_journeys,
    dense_codes,
    exact_sums,
    transformed,
)
from attribution.metrics.selection import NO_CURRENCY
from attribution.money import to_major
from attribution.sorted_sets import as_set
from attribution.store.columns import Ints
from attribution.store.database import Database

# what XML cannot hold, and what would steer a terminal
_UNWRITABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Transitions:
    """Steps from one touch to the next, counted: one element a step that occurs.

    `source` and `target` are places in `groups`; len(groups) is the start, len(groups) + 1 the conversion.
    """

    groups: Ints
    source: Ints
    target: Ints
    count: Ints  # how often the step was taken
    conversions: Ints  # in how many conversions
    value: Ints  # of those conversions


def count_transitions(steps: Steps, value: Ints) -> Transitions:
    """Count the steps of journeys, those from the start and to the conversion among them.

    Args:
        steps: the touches of the journeys.
        value: what each journey's conversion is worth.

    >>> found = count_transitions(Steps(np.array([0, 0, 0]), np.array([7, 7, 7])), np.array([500]))
    >>> list(zip(found.source.tolist(), found.target.tolist(), found.count.tolist(), found.value.tolist()))
    [(0, 0, 2, 500), (0, 2, 1, 500), (1, 0, 1, 500)]
    """
    codes, groups = dense_codes(steps.group)
    n = len(groups) + 2  # two more codes: the start and the conversion
    begins = np.flatnonzero(np.diff(steps.journey, prepend=-1))
    ends = np.append(begins[1:], len(codes))[: len(begins)] - 1
    before = np.roll(codes, 1)
    before[begins] = len(groups)
    pairs = np.concatenate([before * n + codes, codes[ends] * n + len(groups) + 1])
    owner = np.concatenate([steps.journey, steps.journey[ends]])
    found, step, count = np.unique(pairs, return_inverse=True, return_counts=True)
    once = as_set(owner * max(len(found), 1) + step)  # a conversion counts once a step
    journey, step = np.divmod(once, max(len(found), 1))
    conversions = np.bincount(step, minlength=len(found))
    worth = exact_sums(step, value[journey], len(found))
    return Transitions(groups, found // n, found % n, count, conversions.astype(np.int64), worth)


def transition_graph(
    db: Database,
    *,
    by: str | Iterable[str] = "channel",
    goal: str | None = None,
    lookback: str | None = None,
    scope: str | None = None,
    kinds: str | Iterable[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    where: Iterable[str] = (),
    transform: str | None = None,
) -> nx.DiGraph[str]:
    """Return the graph of which touch follows which, in the journeys that converted.

    Args:
        db: the store.
        by: the dimension that stands for a touch; several are joined by ` / `.
        goal, lookback, scope, kinds: which journeys; the store's own by default.
        start, end: days of the reporting timezone in which they converted, both included.
        where: `DIM=VALUE`: journeys that hold such a touch, or conversions with such an owner and so on.
        transform: `unique` (default), `exposure` or `first`.

    Returns:
        a graph of `(start)`, the values of `by` (most conversions first) and `(conversion)`; without
        journeys it has no nodes. A node has `label`, `conversions` (how many it is part of), `value` (of
        those, a decimal text in major units or a count) and `value_number` (the same as a float, for tools
        that size by it). An edge has `count` (how often the step was taken) and `weight` (the same, by its
        usual name), `conversions`, `value`, `value_number`, and `probability` (count / all steps out of its
        source). The graph has `goal lookback scope currency as_of by transform conversions without_touches
        warnings`.

    Raises:
        UnknownNameError: no such dimension, goal, scope, kind or transformation.
        InputError: such journeys have not been built yet; the message says what to run.
    """
    check_transform(transform)
    chosen = choose_journeys(
        db, by=by, goal=goal, lookback=lookback, scope=scope, kinds=kinds, start=start, end=end, where=where
    )
    return graph_of(chosen, transform=transform)


def graph_of(chosen: ChosenJourneys, *, transform: str | None = None) -> nx.DiGraph[str]:
    """Return what :func:`transition_graph` does, of journeys that have been read."""
    transform = check_transform(transform)
    steps = transformed(chosen.steps, transform)
    found = count_transitions(steps, chosen.value)
    names = distinct_names([chosen.name(group) for group in found.groups])
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.graph.update(_about(chosen, transform))
    order = _add_nodes(graph, chosen, steps, names)
    labels = [*names, START, CONVERSION]
    out = exact_sums(found.source, found.count, len(labels))
    rows = zip(
        found.source.tolist(), found.target.tolist(), found.count.tolist(), found.conversions.tolist(),
        found.value.tolist(), strict=True,
    )  # fmt: skip
    for source, target, count, conversions, value in sorted(rows, key=lambda r: (order[r[0]], order[r[1]])):
        graph.add_edge(
            labels[source],
            labels[target],
            count=count,
            weight=count,
            conversions=conversions,
            **_value(chosen, value),
            probability=count / int(out[source]),
        )
    return graph


def graphml(graph: nx.Graph[str]) -> str:
    """Write a graph as GraphML, the XML that Gephi, yEd, Cytoscape and networkx read.

    >>> graph = nx.DiGraph()
    >>> graph.add_edge("R&D <b>", "(conversion)", count=2)
    >>> nx.parse_graphml(graphml(graph)).edges["R&D <b>", "(conversion)"]["count"]
    2
    """
    return "\n".join(nx.generate_graphml(graph)) + "\n"


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return names that are distinct and can be written anywhere: nodes are known by their name alone.

    >>> distinct_names(["Spring", "(start)", "S\\x1b", "S\\x1c", " "])
    ['Spring', '(start) (2)', 'S�', 'S� (2)', '(blank)']
    """
    taken = {START, CONVERSION}
    out = dict.fromkeys(range(len(names)), "")
    for place in sorted(out, key=names.__getitem__):  # a store's own order of groups is not that of another
        clean = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", names[place]).strip() or "(blank)"
        shown, number = clean, 2
        while shown in taken:
            shown, number = f"{clean} ({number})", number + 1
        taken.add(shown)
        out[place] = shown
    return list(out.values())


def _add_nodes(graph: nx.DiGraph[str], chosen: ChosenJourneys, steps: Steps, names: list[str]) -> list[int]:
    """Add the nodes in their order; returns the place of each of `names`, the start and the conversion."""
    if not names:
        return []
    codes, _ = dense_codes(steps.group)
    journey, code = np.divmod(as_set(steps.journey * len(names) + codes), len(names))
    conversions = np.bincount(code).tolist()
    value = exact_sums(code, chosen.value[journey], len(names)).tolist()
    touched = as_set(steps.journey)
    whole = len(touched), int(chosen.value[touched].sum())
    places = sorted(range(len(names)), key=lambda i: (-conversions[i], -value[i], names[i]))
    listed = [(START, *whole), *((names[i], conversions[i], value[i]) for i in places), (CONVERSION, *whole)]
    for name, count, worth in listed:
        graph.add_node(name, label=name, conversions=count, **_value(chosen, worth))
    rank = {place: number for number, place in enumerate(places, 1)}
    return [*(rank[i] for i in range(len(names))), 0, len(names) + 1]


def _value(chosen: ChosenJourneys, value: int) -> dict[str, str | float]:
    money = chosen.asked.goal.money
    number = float(to_major(value, chosen.asked.currency)) if money else float(value)
    return {"value": str(chosen.value_shown(value)), "value_number": number}


def _about(chosen: ChosenJourneys, transform: str) -> dict[str, str | int]:
    asked = chosen.asked
    with_touches = len(as_set(chosen.steps.journey))
    return {
        "goal": asked.goal.name,
        "lookback": asked.lookback,
        "scope": asked.scope,
        "currency": "" if asked.currency == NO_CURRENCY else asked.currency,
        "as_of": clock.iso(asked.as_of),
        "by": ",".join(chosen.by),
        "transform": transform,
        "conversions": with_touches,
        "without_touches": len(chosen.value) - with_touches,
        "warnings": "\n".join(chosen.warnings),
    }
