"""A join makes one of two people, takes nothing from anybody, and has no effect where a split forbids it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_identity_rules import Edge, demoted, evidence, named, together

from attribution.identity.graph import Demotion
from attribution.identity.samples import graph_of

Who = set[frozenset[str]]
TOLD = 10**15  # after everything that is observed


def people(edges: Sequence[Edge], joined: Sequence[Edge], apart: Any = (), **more: Any) -> Who:
    graph = graph_of(edges, joined=joined, apart=apart, **more)
    return named(graph, [*edges, *joined], None, apart)


TWO_LOGINS = [("user u1", "email a", 1), ("user u2", "email b", 2), ("user u2", "visitor v", 3)]


@pytest.mark.parametrize("ends", [("email a", "email b"), ("user u1", "user u2"), ("user u2", "email a")])
def test_whichever_ends_are_named_the_two_people_are_one(ends: tuple[str, str]) -> None:
    """Beyond the limit of one login; what each of them had stays."""
    assert people(TWO_LOGINS, [(*ends, TOLD)]) == {
        together("user u1", "user u2", "email a", "email b", "visitor v")
    }


def test_evidence_that_broke_a_limit_between_them_counts() -> None:
    """They are one, so there is no limit to break; a third login stays away."""
    edges = [("user u1", "email e", 1), ("user u2", "email e", 2), ("user u3", "email e", 3)]
    joined = [("user u1", "user u2", TOLD)]
    assert people(edges, joined) == {together("user u1", "user u2", "email e"), together("user u3")}
    assert demoted(edges, joined=joined) == [(edges[2], Demotion.LIMIT)]


def test_a_browser_that_both_used_is_one_persons_for_ever() -> None:
    """Two logins by turns, and then they are said to be one."""
    edges = [("user u1", "visitor v", 1), ("user u2", "visitor v", 5), ("user u1", "visitor v", 9)]
    assert len(people(edges, [])) == 2
    assert people(edges, [("user u1", "user u2", TOLD)]) == {together("user u1", "user u2", "visitor v")}


def test_a_browser_is_joined_as_whose_it_is_then() -> None:
    """Of two users the one who had it when it was said."""
    edges = [("user u1", "visitor v", 1), ("user u2", "visitor v", 5)]
    assert people(edges, [("visitor v", "email e", TOLD)]) == {
        together("user u1", "visitor v [ever, 5)"), together("user u2", "visitor v [5, ever)", "email e"),
    }  # fmt: skip
    assert people(edges, [("visitor v", "email e", 3)]) == {
        together("user u1", "visitor v [ever, 5)", "email e"), together("user u2", "visitor v [5, ever)"),
    }  # fmt: skip
    assert people(edges, [("visitor v", "user u1", TOLD)]) == people(edges, [])  # it is theirs already


def test_a_join_is_no_observation_of_a_switchboard() -> None:
    """Five people have called from it; that a sixth is one of them makes it no reception desk."""
    edges = [
        edge
        for i in range(5)
        for edge in (("phone p", f"email e{i}", i), (f"email e{i}", f"visitor v{i}", i))
    ]
    (one,) = people(edges, [("phone p", "email e5", 6)])
    assert {"phone p", "email e0", "email e5"} <= one


def test_a_split_is_stronger_than_a_join() -> None:
    """Of what belongs to the two; evidence stays as it was."""
    apart = [("user u1", "visitor v")]
    assert people(TWO_LOGINS, [("email a", "email b", TOLD)], apart) == people(TWO_LOGINS, [], apart)


@settings(max_examples=300, deadline=None)
@given(evidence(), st.data())
def test_joining_unites_whole_people_and_changes_no_others(edges: list[Edge], data: st.DataObject) -> None:
    """Any two identifiers of any evidence, browsers that several people had aside."""
    names = sorted({end for a, b, _ in edges for end in (a, b) if not end.startswith("visitor")})
    if len(names) < 2:
        return
    a, b = data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))

    def bare(who: frozenset[str]) -> frozenset[str]:
        return frozenset(name.partition(" [")[0] for name in who)

    before = {bare(one) for one in people(edges, [])}
    after = {bare(one) for one in people(edges, [(a, b, TOLD)])}
    one, other = (next(who for who in before if end in who) for end in (a, b))
    if one != other:
        assert after == (before - {one, other}) | {one | other}
