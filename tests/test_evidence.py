"""Why two identifiers are one person: chains are shortest, sourced, and never lead through a company."""

from __future__ import annotations

import random

import networkx as nx
from handmade import Handmade, ella

from attribution.identity import evidence as module
from attribution.identity.evidence import Evidence, account_members, people_of
from attribution.identity.observed import Identifier


def test_chain_tells_each_hop_with_source_and_date(store_url: str) -> None:
    """Ella's visitor reaches her deal over the call and the CRM lead."""
    store = ella(store_url)
    with store.db as db, db.read() as connection:
        evidence = Evidence.load(connection, [1])
    evidence.tie("deal D-12", "CRM deal", [store.identifier("lead", "L-7")])
    assert evidence.story(1, "deal D-12") == (
        "visitor v1 —identities: call, 3 May 2024→ phone +442079460018 "
        "—CRM lead, 3 May 2024→ lead L-7 —CRM deal→ deal D-12"
    )
    assert evidence.sentences(1, "deal D-12") == [
        "visitor v1 —identities: call, 3 May 2024→ phone +442079460018",
        "phone +442079460018 —CRM lead, 3 May 2024→ lead L-7",
        "lead L-7 —CRM deal→ deal D-12",
    ]


def test_dates_are_days_of_the_reporting_timezone() -> None:
    """A form sent at 23:30 UTC was sent the next day in Berlin."""
    assert module.day_text(1_714_778_999_000_000, "UTC") == "3 May 2024"
    assert module.day_text(1_714_778_999_000_000, "Europe/Berlin") == "4 May 2024"


def test_repeated_observations_show_the_earliest_and_count_the_rest() -> None:
    """Three observations of one pair are one hop that names the first."""
    evidence = Evidence([Identifier(1, "visitor", "v", 1), Identifier(2, "email", "e@x-org.test", 1)])
    day = 86_400_000_000
    evidence.add_ties([(1, 2, 2 * day, "form B"), (1, 2, day, "form A"), (2, 1, 3 * day, "form C")])
    assert evidence.story(1, 2) == "visitor v —form A and 2 more, 2 January 1970→ email e@x-org.test"


def test_an_account_never_ties_two_people_together() -> None:
    """Colleagues share a company; a chain does not pass through it to the other one's deal."""
    nodes = [
        Identifier(1, "lead", "A", 1), Identifier(2, "lead", "B", 2), Identifier(3, "account", "acme.com", 0),
    ]  # fmt: skip
    evidence = Evidence(nodes)
    evidence.add_ties([(1, 3, 0, "CRM lead"), (2, 3, 0, "CRM lead")])
    evidence.tie("deal D", "CRM deal", [2])
    assert evidence.chain(1, "deal D") == []
    assert evidence.story(1, "deal D") == "lead A (chain of evidence unknown)"
    evidence.tie("deal of the account", "CRM deal account", [3])
    assert evidence.story(1, "deal of the account") == (
        "lead A —CRM lead, 1 January 1970→ account acme.com —CRM deal account→ deal of the account"
    )


def test_a_tie_that_resolution_did_not_use_is_not_shown() -> None:
    """A shared phone at two people's records: neither is explained through the other."""
    store = Handmade()
    a, b, phone = (store.identifier(*pair) for pair in (("lead", "A"), ("lead", "B"), ("phone", "+441")))
    store.edge(a, phone, "2024-01-01", "CRM lead")
    store.edge(b, phone, "2024-01-02", "CRM lead")
    store.person(a, phone)
    store.person(b)
    with store.db.read() as connection:
        evidence = Evidence.load(connection, [a, b])
        assert people_of(connection, [a, b, phone, 99]) == {a: a, b: b, phone: a, 99: 99}
    assert evidence.chain(b, a) == []
    assert len(evidence.chain(phone, a)) == 1


def test_chains_are_as_short_as_networkx_finds_and_do_not_depend_on_import_order() -> None:
    """On random graphs every chain has the shortest length, and reads the same in any order of edges."""
    for seed in range(25):
        draw = random.Random(seed)
        nodes = [Identifier(n, "email", f"p{n}@x-org.test", 1) for n in range(1, 15)]
        ties = [(*draw.sample(range(1, 15), 2), draw.randrange(5), draw.choice("st")) for _ in range(22)]
        first, second = Evidence(nodes), Evidence(nodes)
        first.add_ties(ties)
        second.add_ties(draw.sample(ties, len(ties)))
        lengths = nx.single_source_shortest_path_length(nx.Graph([tie[:2] for tie in ties]), ties[0][0])
        for node in range(1, 15):
            chain = first.chain(node, ties[0][0])
            assert len(chain) == lengths.get(node, 0)
            assert chain == second.chain(node, ties[0][0])


def test_a_person_with_very_many_observations_is_cut_and_says_so() -> None:
    """A call-centre phone must not make explain read a million edges."""
    store = Handmade()
    phone = store.identifier("phone", "+441")
    visitors = [store.identifier("visitor", f"v{n}") for n in range(6)]
    for n, visitor in enumerate(visitors):
        store.edge(phone, visitor, f"2024-01-0{n + 1}", "identities: call")
    store.person(phone, *visitors)
    original = module.MAX_EDGES
    try:
        module.MAX_EDGES = 3  # type: ignore[misc]
        with store.db.read() as connection:
            evidence = Evidence.load(connection, [phone], keep=visitors)
        assert evidence.cut
        assert evidence.graph.number_of_edges() == 3
        assert len(evidence.chain(visitors[0], phone)) == 1
        assert evidence.story(visitors[5], phone).startswith("visitor v5 (chain of evidence longer than")
    finally:
        module.MAX_EDGES = original  # type: ignore[misc]


def test_members_of_an_account_are_what_evidence_ties_to_it() -> None:
    """Leads, and whatever else names it."""
    store = Handmade()
    lead = store.identifier("lead", "A")
    account = store.identifier("account", "acme.com")
    later = store.identifier("lead", "B")
    store.edge(lead, account, "2024-01-01", "CRM lead")
    store.edge(later, account, "2024-01-01", "CRM lead")
    with store.db.read() as connection:
        assert account_members(connection, account) == [lead, later]
