"""The rules of identity, each on evidence made by hand: who is one person, and who must not be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.clock import DAY
from attribution.identity.disputes import settle
from attribution.identity.graph import ALWAYS, Demotion, Graph
from attribution.identity.people import clusters, find_people
from attribution.identity.rules import Rules
from attribution.identity.samples import graph_of, names_of
from attribution.mailboxes import ROLE_MAILBOXES, role_mailboxes_among

Edge = tuple[str, str, int]
Who = set[frozenset[str]]


def people(edges: Sequence[Edge], rules: Rules | None = None, **more: Any) -> Who:
    """Return the people, each as the names of its identifiers; stretches as `visitor v [1, 5)`."""
    return named(graph_of(edges, **more), [*edges, *more.get("forced", ())], rules, more.get("apart", ()))


def named(graph: Graph, edges: Sequence[Edge], rules: Rules | None, apart: Any = ()) -> Who:
    names = names_of(edges, *(end for pair in apart for end in pair))
    found = find_people(graph, rules or Rules())
    who = defaultdict(set)
    for node, since, until, person in zip(
        *(column.tolist() for column in (found.node, found.since, found.until, found.person)), strict=True
    ):
        when = "" if (since, until) == ALWAYS else f" [{_side(since)}, {_side(until)})"
        who[person].add(names[node] + when)
    assert sum(map(len, who.values())) == len(found.node)
    return {frozenset(one) for one in who.values()}


def demoted(edges: Sequence[Edge], **more: Any) -> list[tuple[Edge, Demotion]]:
    """Return the edges that are not used, and why."""
    found = find_people(graph_of(edges, **more), Rules())
    return [
        (edges[e], Demotion(why))
        for e, why in zip(found.demoted.tolist(), found.reason.tolist(), strict=True)
    ]


def _side(at: int) -> str:
    return {ALWAYS[0]: "ever", ALWAYS[1]: "ever"}.get(at, str(at))


def together(*names: str) -> frozenset[str]:
    return frozenset(names)


# --- limits ---------------------------------------------------------------------------------------


def test_what_is_tied_together_is_one_person() -> None:
    """A browser, an e-mail, a phone and a lead."""
    edges = [("visitor v", "email e", 1), ("email e", "lead L", 2), ("lead L", "phone p", 2)]
    assert people(edges) == {together("visitor v", "email e", "lead L", "phone p")}


def test_a_person_has_one_login() -> None:
    """An e-mail that names two logins stays with the first; the second evidence is kept and not used."""
    edges = [("user u1", "email e", 1), ("user u2", "email e", 2), ("user u2", "lead L", 3)]
    assert people(edges) == {together("user u1", "email e"), together("user u2", "lead L")}
    assert demoted(edges) == [(edges[1], Demotion.LIMIT)]


def test_a_person_has_one_contact_in_each_crm() -> None:
    """The same customer in two systems is one; two contacts of one system are two people."""
    both = [("contact hubspot:1", "email e", 1), ("contact salesforce:7", "email e", 2)]
    assert people(both) == {together("contact hubspot:1", "contact salesforce:7", "email e")}
    two = [("contact hubspot:1", "email e", 1), ("contact hubspot:2", "email e", 2)]
    assert people(two) == {together("contact hubspot:1", "email e"), together("contact hubspot:2")}


def test_a_person_has_at_most_five_emails_and_the_earliest_are_kept() -> None:
    """By time, not by the order of rows."""
    edges = [("user u", f"email e{i}", 10 - i) for i in range(7)]
    kept = together("user u", *(f"email e{i}" for i in range(2, 7)))
    assert people(edges) == {kept, together("email e0"), together("email e1")}
    assert people(edges[::-1]) == people(edges)


def test_the_weaker_identifier_of_an_event_gives_way() -> None:
    """A record that names somebody else's phone keeps its e-mail and loses the phone."""
    edges = [
        ("user u1", "phone p", 1), ("user u2", "email e", 5), ("email e", "lead L", 5),
        ("lead L", "phone p", 5),
    ]  # fmt: skip
    assert people(edges) == {together("user u1", "phone p"), together("user u2", "email e", "lead L")}
    assert demoted(edges) == [(edges[3], Demotion.LIMIT)]


def test_limits_can_be_changed() -> None:
    """A store whose customers have two logins."""
    edges = [("user u1", "email e", 1), ("user u2", "email e", 2)]
    rules = Rules(limits={**Rules().limits, 4: 2})
    assert people(edges, rules) == {together("user u1", "user u2", "email e")}


# --- two logins in one browser ----------------------------------------------------------------------


def test_a_browser_with_two_logins_is_split_by_time() -> None:
    """From one login to the next it belongs to the first, and the anonymous time before it too."""
    edges = [("visitor v", "user u1", 10), ("visitor v", "user u2", 20)]
    assert people(edges) == {
        together("user u1", "visitor v [ever, 20)"),
        together("user u2", "visitor v [20, ever)"),
    }
    assert demoted(edges) == []


def test_who_logs_in_again_has_the_browser_again() -> None:
    """It is not the last user who takes all."""
    edges = [("visitor v", f"user u{who}", at) for who, at in ((1, 10), (2, 20), (1, 30), (3, 40))]
    assert people(edges) == {
        together("user u1", "visitor v [ever, 20)", "visitor v [30, 40)"),
        together("user u2", "visitor v [20, 30)"),
        together("user u3", "visitor v [40, ever)"),
    }


def test_what_is_seen_in_a_shared_browser_belongs_to_whom_it_was_then() -> None:
    """The form that the second user fills in names the second user's e-mail."""
    edges = [
        ("visitor v", "user u1", 10), ("visitor v", "user u2", 20),
        ("visitor v", "email one@a.example", 15), ("visitor v", "email two@b.example", 25),
    ]  # fmt: skip
    assert people(edges) == {
        together("user u1", "visitor v [ever, 20)", "email one@a.example"),
        together("user u2", "visitor v [20, ever)", "email two@b.example"),
    }


def test_an_earlier_login_of_a_weaker_kind_takes_the_anonymous_time() -> None:
    """Users are looked at first, but the browser was the contact's before."""
    edges = [
        ("visitor v", "user u1", 50), ("user u1", "contact crm:1", 40), ("visitor v", "contact crm:2", 20),
    ]  # fmt: skip
    assert people(edges) == {
        together("contact crm:2", "visitor v [ever, 50)"),
        together("user u1", "contact crm:1", "visitor v [50, ever)"),
    }


def test_two_logins_at_one_instant_leave_nobody_without_a_place() -> None:
    """No stretch is empty, and the stretches of a browser have no gaps."""
    edges = [("visitor v", "user u1", 10), ("visitor v", "user u2", 10), ("visitor v", "user u3", 10)]
    found = find_people(graph_of(edges), Rules())
    mine = found.node == 3
    assert (found.since[mine] < found.until[mine]).all()
    assert found.since[mine][0] == ALWAYS[0]
    assert found.until[mine][:-1].tolist() == found.since[mine][1:].tolist()
    assert found.until[mine][-1] == ALWAYS[1]


def test_a_person_with_too_many_browsers_gets_no_more() -> None:
    """The hundred and first is nobody's; there is no other person to split it with."""
    edges = [("user u", f"visitor v{i:03}", i) for i in range(101)]
    assert people(edges) == {
        together("user u", *(f"visitor v{i:03}" for i in range(100))), together("visitor v100"),
    }  # fmt: skip
    assert demoted(edges) == [(edges[100], Demotion.LIMIT)]


# --- switchboards and shared mailboxes ----------------------------------------------------------------


def desk(n: int, apart: int = 1) -> list[Edge]:
    """A phone that n callers share, each with an e-mail."""
    return [
        edge
        for i in range(n)
        for edge in ((f"lead L{i}", "phone p", i * apart), (f"lead L{i}", f"email e{i}", i * apart))
    ]


def test_a_switchboard_ties_nobody() -> None:
    """Six people on one number within a month are six people, and none of them has the number."""
    six = {together(f"lead L{i}", f"email e{i}") for i in range(6)}
    assert people(desk(6)) == {*six, together("phone p")}
    assert {why for _, why in demoted(desk(6))} == {Demotion.SHARED}
    assert len(people(desk(5))) == 1


def test_people_on_one_number_over_years_are_no_switchboard() -> None:
    """But a person has no more than five e-mails, so the sixth is somebody else."""
    found = people(desk(6, apart=40 * DAY))
    assert together("lead L5", "email e5") in found
    assert len(found) == 2


def test_the_days_of_a_switchboard_are_a_sliding_month_with_its_ends() -> None:
    """Six in exactly thirty days are too many; in a microsecond more they are not."""
    assert together("phone p") in people(desk(6, apart=6 * DAY))
    assert together("phone p") not in people(desk(6, apart=6 * DAY + 1))


def test_a_customer_with_many_cookies_and_forms_is_one_person() -> None:
    """Cookies and leads name nobody, so one e-mail may tie many of them."""
    cookies = [("email e", f"visitor v{i}", i) for i in range(12)]
    forms = [("email e", f"lead L{i}", i) for i in range(12)]
    assert len(people(cookies + forms)) == 1


def test_a_mailbox_that_five_people_read_and_a_sixth_with_a_phone_is_shared() -> None:
    """For e-mails it is phones that name people."""
    edges = [
        edge for i in range(6) for edge in ((f"lead L{i}", "email team", i), (f"lead L{i}", f"phone p{i}", i))
    ]
    assert together("email team") in people(edges)


def test_what_is_known_to_be_shared_ties_nobody() -> None:
    """A role's mailbox, from the first time on."""
    edges = [("email info@acme.test", "lead L1", 1), ("email info@acme.test", "lead L2", 900 * DAY)]
    assert len(people(edges)) == 1
    assert len(people(edges, shared=["email info@acme.test"])) == 3


@pytest.mark.parametrize("address", ["info@acme.test", "no-reply@acme.test", "support@mail.acme.co.uk"])
def test_mailboxes_of_roles_are_known_by_name(address: str) -> None:
    found = role_mailboxes_among(pa.array([address, f"x{address}"]), ROLE_MAILBOXES)
    assert found.to_pylist() == [True, False]


# --- what people say ----------------------------------------------------------------------------------


def test_a_merge_in_the_crm_goes_beyond_limits() -> None:
    """Two contacts of one system that are one: and a third one still is not."""
    edges = [
        ("contact crm:1", "email a", 1),
        ("contact crm:2", "email b", 2),
        ("contact crm:3", "email b", 9),
    ]
    said = [("contact crm:1", "contact crm:2", 5)]
    assert people(edges, forced=said) == {
        together("contact crm:1", "contact crm:2", "email a", "email b"), together("contact crm:3"),
    }  # fmt: skip


def test_what_is_said_to_be_one_still_counts() -> None:
    """An e-mail tied to a phone by somebody is one phone of the five that a person may have."""
    edges = [("email e", f"phone p{i}", i * 40 * DAY) for i in range(1, 6)]
    found = people(edges, forced=[("email e", "phone p0", 9)])
    assert together("phone p5") in found
    assert together("email e", *(f"phone p{i}" for i in range(5))) in found


def test_what_was_said_to_be_apart_is_apart() -> None:
    """The weakest evidence between them gives way."""
    edges = [
        ("email a", "lead L", 1),
        ("lead L", "phone p", 1),
        ("phone p", "lead M", 2),
        ("lead M", "email b", 2),
    ]
    assert len(people(edges)) == 1
    assert people(edges, apart=[("email a", "email b")]) == {
        together("email a", "lead L", "phone p"), together("lead M", "email b"),
    }  # fmt: skip


def test_a_browser_is_split_between_people_who_were_said_to_be_apart() -> None:
    """They are two people with one browser; whose it never was has no stretch of it."""
    edges = [("visitor v", "email a", 10), ("visitor v", "email b", 20)]
    assert people(edges, apart=[("email a", "email b")]) == {
        together("email a", "visitor v [ever, 20)"), together("email b", "visitor v [20, ever)"),
    }  # fmt: skip
    assert people(edges, apart=[("visitor v", "email b")]) == {
        together("email a", "visitor v"), together("email b"),
    }  # fmt: skip


def test_a_split_holds_where_a_limit_is_broken_too() -> None:
    """The second login is one too many, and the phone of the split goes with it, not with the first."""
    edges = [
        ("user u1", "email e", 1), ("user u2", "email e", 2), ("email e", "lead L", 3),
        ("lead L", "phone p", 4), ("user u2", "phone p", 5),
        ("user u3", "email f", 1), ("user u4", "email f", 2), ("email f", "phone q", 3),  # no split here
    ]  # fmt: skip
    apart = [("user u1", "phone p"), ("phone p", "lead L")]
    assert people(edges, apart=apart) == {
        together("user u1", "email e", "lead L"), together("user u2", "phone p"),
        together("user u3", "email f", "phone q"), together("user u4"),
    }  # fmt: skip
    assert demoted(edges, apart=apart) == [
        (edges[1], Demotion.LIMIT), (edges[3], Demotion.EXCLUDED), (edges[6], Demotion.LIMIT),
    ]  # fmt: skip
    alone = people(edges[:4], apart=apart[:1])
    assert alone == {together("user u1", "email e", "lead L"), together("user u2"), together("phone p")}
    others = graph_of(edges, apart=apart).apart_from
    names = names_of(edges)
    assert {names[one]: {names[i] for i in those} for one, those in others.items()} == {
        "user u1": {"phone p"}, "phone p": {"user u1", "lead L"}, "lead L": {"phone p"},
    }  # fmt: skip


def test_what_was_said_to_be_nobodys_ties_nobody() -> None:
    """A test account that everybody used."""
    edges = [("user qa", "email a", 1), ("user qa", "visitor v", 2)]
    assert people(edges, blocked=["user qa"]) == {
        together("user qa"), together("email a"), together("visitor v"),
    }  # fmt: skip


# --- properties -----------------------------------------------------------------------------------------

IDENTIFIERS = [
    *(f"user u{i}" for i in range(3)), *(f"contact crm:{i}" for i in range(2)), "contact erp:1",
    *(f"lead L{i}" for i in range(4)), *(f"email e{i}" for i in range(8)), *(f"phone p{i}" for i in range(3)),
    *(f"visitor v{i}" for i in range(4)),
]  # fmt: skip


@st.composite
def evidence(draw: st.DrawFn) -> list[Edge]:
    """Edges between few identifiers, so that rules meet."""
    pairs = st.lists(st.sampled_from(IDENTIFIERS), min_size=2, max_size=2, unique=True)
    edges = draw(st.lists(st.tuples(pairs, st.integers(0, 40 * DAY)), max_size=25))
    return [(a, b, at) for (a, b), at in edges]


@settings(max_examples=300, deadline=None)
@given(evidence(), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(edges: list[Edge], random: Any) -> None:
    """The same evidence, shuffled, turned round and some of it twice."""
    again = [(b, a, at) if random.random() < 0.5 else (a, b, at) for a, b, at in edges]
    again += random.sample(again, len(again) // 3)
    random.shuffle(again)
    assert people(again) == people(edges)


@settings(max_examples=100, deadline=None)
@given(
    evidence(),
    st.lists(st.lists(st.sampled_from(IDENTIFIERS), min_size=2, max_size=2, unique=True), max_size=4),
)
def test_whatever_else_is_in_a_cluster_a_split_holds(edges: list[Edge], pairs: list[list[str]]) -> None:
    """Two that are apart are one person at no time, beside limits, shared phones and browsers."""
    apart = [(one, other) for one, other in pairs]
    for person in people(edges, apart=apart):
        whole = {name.partition(" [")[0] for name in person}
        assert not [pair for pair in apart if whole >= set(pair)]


@settings(max_examples=300, deadline=None)
@given(evidence())
def test_no_person_breaks_a_limit_and_no_browser_has_a_gap(edges: list[Edge]) -> None:
    """Whatever the evidence says."""
    graph = graph_of(edges)
    found = find_people(graph, Rules())
    held: dict[int, set[int]] = defaultdict(set)
    for node, person in zip(found.node.tolist(), found.person.tolist(), strict=True):
        held[person].add(node)
    for nodes in held.values():
        kinds = np.array([(graph.kind[n], graph.system[n]) for n in nodes])
        for (kind, _), count in zip(*np.unique(kinds, axis=0, return_counts=True), strict=True):
            assert count <= Rules().limits[int(kind)]
    assert sorted(set(found.node.tolist())) == list(range(graph.n_nodes))
    for node in range(graph.n_nodes):
        mine = found.node == node
        stretches = list(zip(found.since[mine].tolist(), found.until[mine].tolist(), strict=True))
        assert (stretches[0][0], stretches[-1][1]) == ALWAYS
        assert all(one[1] == two[0] for one, two in pairwise(stretches))


@settings(max_examples=300, deadline=None)
@given(evidence())
def test_without_rules_people_are_what_networkx_finds(edges: list[Edge]) -> None:
    """Connected components."""
    free = Rules(limits={}, shared_people=10_000)
    graph: nx.Graph[str] = nx.Graph([(a, b) for a, b, _ in edges])
    assert people(edges, free) == {frozenset(one) for one in nx.connected_components(graph)}


@settings(max_examples=200, deadline=None)
@given(evidence())
def test_working_every_cluster_out_edge_by_edge_gives_the_same(edges: list[Edge]) -> None:
    """So the shortcut for clusters without disputes is one."""
    graph = graph_of(edges)
    found = find_people(graph, Rules())
    cluster = clusters(graph.outline)
    slow = []
    for head in np.unique(cluster).tolist():
        part = settle(
            graph, Rules(), np.flatnonzero(cluster == head), np.flatnonzero(cluster[graph.a] == head)
        )
        slow += zip(part.node.tolist(), part.since.tolist(), part.person.tolist(), strict=True)
    assert sorted(slow) == list(
        zip(found.node.tolist(), found.since.tolist(), found.person.tolist(), strict=True)
    )


@settings(max_examples=200, deadline=None)
@given(evidence(), evidence())
def test_a_batch_changes_only_the_clusters_that_it_meets(edges: list[Edge], more: list[Edge]) -> None:
    """So resolving those alone equals resolving everything."""
    before, after = people(edges), people([*edges, *more])
    met = nx.Graph([(a, b) for a, b, _ in [*edges, *more]])
    touched = {node for a, *_ in more for node in nx.node_connected_component(met, a)}

    def untouched(who: Who) -> Who:
        return {one for one in who if not any(name.partition(" [")[0] in touched for name in one)}

    assert untouched(before) == untouched(after)
