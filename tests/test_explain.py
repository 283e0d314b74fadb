"""`explain` shows who was tied to whom, which touches count, and where the money went."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from click.testing import CliRunner
from handmade import Handmade, at, ella
from ledger_books import load

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.metrics.explain import evidence_graph, explain


def test_deal_of_ella_is_explained_touch_by_touch(store_url: str) -> None:
    """Two sessions share the money by each model; the call made her a lead and earns nothing."""
    with ella(store_url).db as db:
        answer = explain(db, "deal", "D-12")
    (row,) = answer.rows
    assert list(row) == [
        "deal", "identifiers", "touches", "milestones", "unattributed", "unused_evidence", "decisions",
    ]  # fmt: skip
    assert [(t["touch_id"], t["channel"], t["milestone"]) for t in row["touches"]] == [
        ("t1", "Organic Search", None),
        ("t2", "Email", None),
        ("t3", "Direct", "lead"),
    ]
    assert [t["weights"] for t in row["touches"]] == [
        {"first_touch": 1.0, "last_touch": 0.0, "linear": 0.5},
        {"first_touch": 0.0, "last_touch": 1.0, "linear": 0.5},
        {"first_touch": 0.0, "last_touch": 0.0, "linear": 0.0},
    ]
    assert [t["credits"]["linear"] for t in row["touches"]] == ["2500.00", "2500.00", "0.00"]
    assert row["touches"][0]["placement"] == {
        "channel": "Organic Search", "source": "google", "medium": "organic",
        "campaign": None, "ad_group": None, "ad": None, "keyword": None,
    }  # fmt: skip
    assert row["touches"][0]["at"] == "2024-04-01T09:00:00Z"
    call = {"touch_id": "t3", "at": "2024-05-03T11:00:00Z", "kind": "call"}
    assert row["milestones"] == {"lead": call, "opportunity": call, "won": call}
    assert (answer.currency, answer.goal) == ("GBP", "revenue")
    assert (answer.lookback, answer.scope) == ("365d", "contacts")
    assert answer.model == "first_touch last_touch linear"
    assert answer.totals == {"value": "5000.00"}
    assert answer.warnings == []


def test_deal_names_every_identifier_with_its_evidence() -> None:
    """Each identifier of the person has the chain that ties it to the deal."""
    (row,) = explain(ella().db, "deal", "D-12").rows
    assert [(i["kind"], i["value"]) for i in row["identifiers"]] == [
        ("lead", "L-7"),
        ("phone", "+442079460018"),
        ("visitor", "v1"),
    ]
    assert row["identifiers"][2]["evidence"] == [
        "visitor v1 —identities: call, 3 May 2024→ phone +442079460018",
        "phone +442079460018 —CRM lead, 3 May 2024→ lead L-7",
        "lead L-7 —CRM deal→ deal D-12",
    ]


def test_deal_shows_its_net_value_and_adjustments() -> None:
    """A refund is listed and the value is net of it."""
    store = Handmade()
    store.deal("D", closed="2024-01-02", created="2024-01-01", amount=10000, contacts=(1,))
    store.identifier("email", "a@x.org")
    store.put("adjustment", key="A-1", deal_key="D", at=at("2024-02-01"), amount_minor=-2500, currency="GBP",
              reason="refund")  # fmt: skip
    answer = explain(store.db, "deal", "D")
    assert answer.rows[0]["deal"]["adjustments"] == [
        {"adjustment_id": "A-1", "at": "2024-02-01T00:00:00Z", "amount": "-25.00", "currency": "GBP",
         "reason": "refund"},
    ]  # fmt: skip
    assert answer.rows[0]["deal"]["value"] == "75.00"
    assert answer.rows[0]["deal"]["amount"] == "100.00"


def test_open_deal_shows_touches_without_credits() -> None:
    """A deal that is not won yet has evidence and touches, and no money to give."""
    store = ella()
    lead = store.identifier("lead", "L-7")
    store.deal("D-13", status="open", created="2024-05-04", currency=None, lead=lead)
    (row,) = explain(store.db, "deal", "D-13").rows
    assert row["deal"]["amount"] == "0.00"
    assert row["milestones"]["won"] is None
    # the window of an open deal ends now, long after these touches
    assert [t["touch_id"] for t in row["touches"]] == ["t3"]
    assert row["touches"][0]["credits"] == {}


def test_credit_without_touches_stands_as_unattributed() -> None:
    """A conversion nobody can explain keeps its value."""
    store = Handmade()
    deal = store.deal(
        "D", closed="2024-01-02", amount=10000, contacts=(store.identifier("email", "a@x.org"),)
    )
    won = store.conversion("won", deal, "D", "2024-01-02", 10000)
    linear = store.credit_set(store.journey_set("won"), "linear")
    store.entry(linear, won, store.run("2024-01-03"), "2024-01-02", 0, 0, 10000, 1_000_000)
    (row,) = explain(store.db, "deal", "D").rows
    assert row["touches"] == []
    assert row["unattributed"] == {"weights": {"linear": 1.0}, "credits": {"linear": "100.00"}}


def test_deal_without_lead_takes_the_last_contact_lead_before_it() -> None:
    """Of three contact leads the last one created at or before the deal is the deal's."""
    store = Handmade()
    email = store.identifier("email", "a@x.org")
    leads = [store.lead(f"L{n}", f"2024-01-{n:02}", email=email) for n in (1, 5, 9)]
    for lead in leads:
        store.edge(email, lead, "2024-01-01", "CRM lead")
    store.person(email, *leads)
    store.deal("D", created="2024-01-05", closed="2024-01-20", amount=1, contacts=(email,))
    store.deal("E", created="2023-12-05", closed="2024-01-20", amount=1, contacts=(email,))
    assert explain(store.db, "deal", "D").rows[0]["deal"]["lead_id"] == "L5"
    assert explain(store.db, "deal", "E").rows[0]["deal"]["lead_id"] == "L1"


def test_merged_touch_shows_the_placement_that_earns_its_credit() -> None:
    """A session that took a click's campaign is shown with that campaign."""
    store = ella()
    merged = store.placement("Email", campaign="spring", ad="A")
    other = store.journey_set("won", lookback="30d")
    store.setting("lookback", "30d")
    store.put("journey_touch", journey_set_id=other, conversion_id=1, position=0, touch=2,
              at=at("2024-05-03 10:50"), placement_id=merged, person_id=1)  # fmt: skip
    store.entry(store.credit_set(other, "linear"), 1, 1, "2024-07-01", 2, merged, 500000, 1_000_000)
    (row,) = explain(store.db, "deal", "D-12").rows
    assert [(t["touch_id"], t["placement"]["ad"]) for t in row["touches"]] == [("t2", "A"), ("t3", None)]


def test_lead_is_explained_with_counts() -> None:
    """A lead's credits are parts of one lead, and its deals are named."""
    answer = explain(ella().db, "lead", "L-7")
    (row,) = answer.rows
    assert row["lead"]["deals"] == ["D-12"]
    assert row["lead"]["phone"] == "+442079460018"
    assert [t["credits"].get("linear") for t in row["touches"]] == [0.5, 0.5, 0.0]
    assert row["touches"][2]["milestone"] == "lead"
    assert row["identifiers"][2]["evidence"][-1] == "phone +442079460018 —CRM lead, 3 May 2024→ lead L-7"
    assert answer.goal == "leads"


def test_touch_is_explained_by_its_rule_its_person_and_its_credit(store_url: str) -> None:
    """A touch tells where it came from, whose it is and what it earned."""
    with ella(store_url).db as db:
        (row,) = explain(db, "touch", "t2").rows
    assert row["rule"] == "rule of Email"
    assert row["origin"] == {"kind": "session", "campaign": "spring"}
    assert row["touch"]["visitor"] == "v1"
    assert row["touch"]["consent"]["analytics"] == "unknown"
    assert row["chains"] == [
        "visitor v1 —identities: call, 3 May 2024→ phone +442079460018 "
        "—CRM lead, 3 May 2024→ lead L-7 —CRM deal→ deal D-12"
    ]
    assert [(c["goal"], c["key"], c["model"], c["weight"], c["credit"]) for c in row["credits"]] == [
        ("leads", "L-7", "last_touch", 1.0, 1.0),
        ("leads", "L-7", "linear", 0.5, 0.5),
        ("revenue", "D-12", "last_touch", 1.0, "5000.00"),
        ("revenue", "D-12", "linear", 0.5, "2500.00"),
    ]


def test_touch_without_consent_belongs_to_nobody() -> None:
    """Where analytics was denied there is no visitor, and explain says why."""
    store = Handmade()
    store.touch("t", "2024-01-01", None, consent=2)
    answer = explain(store.db, "touch", "t")
    assert answer.rows[0]["identifiers"] == []
    assert answer.rows[0]["touch"]["consent"]["analytics"] == "denied"
    assert "consent" in answer.warnings[0]


def test_unknown_ids_name_their_neighbours() -> None:
    """A mistyped id is answered with those near it, not with an empty page."""
    store = ella()
    with pytest.raises(InputError, match=r"no deal 'd-12' among the store's 1 deals; ids near it: D-12"):
        explain(store.db, "deal", "d-12")
    with pytest.raises(InputError, match=r"no touch 't9' among the store's 3 touches; .*t1, t2, t3"):
        explain(store.db, "touch", "t9")
    with pytest.raises(InputError, match="the store holds no leads"):
        explain(Handmade().db, "lead", "L")
    with pytest.raises(UnknownNameError, match="did you mean 'deal'"):
        explain(store.db, "deals", "D-12")


def test_what_is_not_used_is_told_apart_from_the_chains(store: Store) -> None:
    """A second login behind one e-mail: no chain leads over it, and the reason is said."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v2,2025-01-02",
        identities="visitor_id,user_id,at\nv1,u1,2025-01-01\nv2,u2,2025-01-02",
        deals="deal_id,status,closed_at,amount,currency,emails\nD,won,2025-03-01,4.00,GBP,e@x.com",
    )
    load(
        store, identities="user_id,email,at,source\nu1,e@x.com,2025-01-03,login\nu2,e@x.com,2025-01-04,login"
    )
    store.run(models=["linear"], goals=["revenue"])
    (row,) = store.explain("deal", "D").rows
    assert [one["value"] for one in row["identifiers"]] == ["e@x.com", "u1", "v1"]
    unused = {
        "sentence": "email e@x.com —identities: login, 4 January 2025→ user u2",
        "source": "identities: login",
        "at": "2025-01-04T23:59:59.999999Z",
        "why_not": "one person would hold more of a kind than identity_limits allows",
    }
    assert row["unused_evidence"] == [unused]
    (touch,) = store.explain("touch", "t2").rows
    assert touch["chains"] == []
    assert touch["unused_evidence"] == [unused]
    store.identity_join("u1", "u2", why="her work account", who="maria")
    (row,) = store.explain("deal", "D").rows
    assert row["unused_evidence"] == []
    assert [(one["verb"], one["who"], one["why"]) for one in row["decisions"]] == [
        ("join", "maria", "her work account")
    ]


ACCOUNT = {
    "touches": "touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v2,2025-01-02\nt3,v3,2025-01-03",
    "identities": """
        visitor_id,email,at
        v1,ann@acme.com,2025-01-05
        v2,bob@acme.com,2025-01-05
        v3,eve@other.com,2025-01-05
    """,
    "leads": "lead_id,created_at,email,account\nL-ann,2025-01-06,ann@acme.com,Acme Ltd",
    "deals": "deal_id,status,closed_at,amount,currency,lead_id\nD,won,2025-03-01,4.00,GBP,L-ann",
}


def test_under_the_scope_of_an_account_its_members_are_explained(store: Store) -> None:
    """Bob is known by the domain of his address alone, which means the CRM's account."""
    load(store, **ACCOUNT)
    store.config_set("scope", "account")
    store.run(models=["linear"], goals=["revenue"])
    (row,) = store.explain("deal", "D").rows
    assert [one["touch_id"] for one in row["touches"]] == ["t1", "t2"]
    chains = {one["value"]: one["chain"] for one in row["identifiers"]}
    assert chains["v2"] == (
        "visitor v2 —identities, 5 January 2025→ email bob@acme.com —domain of the address→ "
        "account acme ltd —CRM deal account→ deal D"
    )
    (touch,) = store.explain("touch", "t2").rows
    assert touch["chains"] == [chains["v2"]]
    assert [(one["key"], one["credit"]) for one in touch["credits"]] == [("D", "2.00")]
    store.config_set("scope", "contacts")
    store.run(models=["linear"], goals=["revenue"])
    (row,) = store.explain("deal", "D").rows
    assert [one["touch_id"] for one in row["touches"]] == ["t1"]
    assert "bob@acme.com" not in [one["value"] for one in row["identifiers"]]


def test_under_the_scope_primary_only_touches_of_the_leads_person_have_weight(store: Store) -> None:
    """Another contact of the deal is shown, and the last touch before the closing as what it is."""
    load(store, **ACCOUNT)
    load(
        store,
        deals="deal_id,status,closed_at,amount,currency,lead_id,emails\n"
        "D,won,2025-03-01,4.00,GBP,L-ann,eve@other.com",
    )
    for scope, weights in (("contacts", (0.5, 0.5)), ("primary", (1.0, 0.0))):
        store.config_set("scope", scope)
        store.run(models=["linear"], goals=["revenue"])
        (row,) = store.explain("deal", "D").rows
        shown = [(one["touch_id"], one["weights"]["linear"], one["milestone"]) for one in row["touches"]]
        assert shown == [("t1", weights[0], "lead"), ("t3", weights[1], "won")]
        assert "eve@other.com" in [one["value"] for one in row["identifiers"]]


@pytest.mark.parametrize(("what", "key", "end"), [("deal", "D", "deal D"), ("lead", "L-ann", "lead L-ann"),
                                                  ("touch", "t1", "deal D")])  # fmt: skip
def test_the_evidence_is_a_graph_up_to_its_record(store: Store, what: str, key: str, end: str) -> None:
    """Whatever is explained, its chains are paths in it."""
    load(store, **ACCOUNT)
    store.run(models=["linear"], goals=["revenue"])
    graph = store.evidence_graph(what, key)
    assert [name for name, is_end in graph.nodes(data="end") if is_end] == [end]
    chain = ["visitor v1", "email ann@acme.com", "lead L-ann"]
    assert nx.shortest_path(graph, "visitor v1", end)[:3] == chain
    assert ("touch t1" in graph) is (what == "touch")
    with pytest.raises(InputError, match=f"no {what} 'x'"):
        store.evidence_graph(what, "x")


def test_the_command_prints_and_draws_the_graph(tmp_path: Path) -> None:
    """GraphML to standard output, the picture beside it."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    with Store.open(url) as opened:
        load(opened, **ACCOUNT)
        opened.run(models=["linear"], goals=["revenue"])
    picture = tmp_path / "d.svg"
    words = ["--store", url, "explain", "deal", "D", "--format", "graphml", "--picture", str(picture)]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0
    assert "deal D" in nx.parse_graphml(result.stdout, force_multigraph=True)
    assert result.stderr == f"wrote {picture}\n"
    assert "What ties people to deal D" in picture.read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")


def test_a_touch_of_nobody_is_an_empty_graph() -> None:
    """Where analytics was denied."""
    store = Handmade()
    store.touch("t", "2024-01-01", None, consent=2)
    graph = evidence_graph(store.db, "touch", "t")
    assert len(graph) == 0
    assert "nobody's" in graph.graph["warnings"]
