"""`identity split`, `join`, `exclude` and `undo`: people at once, money at the next run, and back again."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from ledger_books import NOBODY, credits, entries, load, people
from sqlalchemy import select

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError
from attribution.ledger.check import check_conservation
from attribution.store.schema import change

# two colleagues with one landline: one person, as evidence alone has it
TOUCHES = "touch_id,visitor_id,at\nta,va,2025-01-01\ntb,vb,2025-01-02"
LEADS = """
lead_id,created_at,email,phone,visitor_id
L-ann,2025-01-05,ann@x.test,+442079460018,va
L-bob,2025-01-06,bob@x.test,+442079460018,vb
"""
DEALS = """
deal_id,status,closed_at,amount,currency,emails
D-ann,won,2025-03-01,300.00,GBP,ann@x.test
D-bob,won,2025-03-01,100.00,GBP,bob@x.test
"""
ANN, BOB = "email:ann@x.test", "email:bob@x.test"
ONE = {"D-ann": {"ta": 15_000, "tb": 15_000}, "D-bob": {"ta": 5_000, "tb": 5_000}}
TWO = {"D-ann": {"ta": 30_000}, "D-bob": {"tb": 10_000}}


def colleagues(store: Store) -> None:
    load(store, touches=TOUCHES, leads=LEADS, deals=DEALS)
    run(store)


def run(store: Store) -> None:
    store.run(models=["linear"], goals=["revenue"])


def money(store: Store) -> dict[str, dict[str, int]]:
    with store.db.read() as connection:
        assert check_conservation(connection) == []
    return {key: credits(store, key) for key in ("D-ann", "D-bob")}


def states(store: Store) -> list[tuple[int, str, str]]:
    return [(row["decision"], row["verb"], row["state"]) for row in store.identity_decisions().rows]


def test_a_split_makes_two_people_at_once_and_moves_the_money_at_the_next_run(store: Store) -> None:
    """The landline stays with who gave it first; undone, everything is to the cent as it was."""
    colleagues(store)
    assert money(store) == ONE
    before = people(store)
    answer = store.identity_split(ANN, BOB, why="two colleagues", who="maria")
    assert answer.title == "Recorded"
    assert answer.warnings == ["the ledger follows at the next run: attribution run"]
    assert people(store) == {
        frozenset(
            {("email", "ann@x.test"), ("lead", "L-ann"), ("phone", "+442079460018"), ("visitor", "va")}
        ),
        frozenset({("email", "bob@x.test"), ("lead", "L-bob"), ("visitor", "vb")}),
    }
    assert money(store) == ONE
    run(store)
    assert money(store) == TWO
    assert {entry.reason for entry in entries(store) if entry.run == 2} == {"people changed"}
    store.identity_undo(1, why="they are one after all")
    assert people(store) == before
    run(store)
    assert money(store) == ONE
    posted = len(entries(store))
    run(store)
    assert len(entries(store)) == posted


def test_a_join_goes_beyond_limits_and_takes_the_other_visits_with_it(store: Store) -> None:
    """Two users, of which a person may have one."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v2,2025-01-02",
        identities="visitor_id,user_id,at\nv1,u1,2025-01-01\nv2,u2,2025-01-02",
        deals="deal_id,status,closed_at,amount,currency,emails\nD-ann,won,2025-03-01,4.00,GBP,ann@x.test",
    )
    load(store, identities="email,user_id,at\nann@x.test,u1,2025-01-01")
    run(store)
    assert credits(store, "D-ann") == {"t1": 400}
    answer = store.identity_join("u2", "ann@x.test", why="her account at work", who="maria")
    assert [(row["one"], row["other"]) for row in answer.rows] == [("user:u2", "email:ann@x.test")]
    run(store)
    assert credits(store, "D-ann") == {"t1": 200, "t2": 200}
    chain = "visitor v2 —identities, 2 January 2025→ user u2 —decision 1 by maria: her account at work→ "
    (row,) = store.explain("touch", "t2").rows
    assert row["chains"] == [chain + "email ann@x.test —CRM deal contact→ deal D-ann"]
    store.identity_undo(1, why="it was not")
    run(store)
    assert credits(store, "D-ann") == {"t1": 400}


def test_what_is_excluded_ties_nobody_and_its_touches_are_nobodys(store: Store) -> None:
    """A browser in the lobby, with which two people filled in forms on one day."""
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,kiosk,2025-01-01\nt2,va,2025-01-02",
        identities="visitor_id,email,at\nkiosk,ann@x.test,2025-01-01\nkiosk,bob@x.test,2025-01-01\n"
        "va,ann@x.test,2025-01-02",
        deals=DEALS,
    )
    run(store)
    assert money(store) == {"D-ann": {"t1": 15_000, "t2": 15_000}, "D-bob": {"t1": 5_000, "t2": 5_000}}
    store.identity_exclude("visitor:kiosk", why="it stands in the lobby")
    run(store)
    assert money(store) == {"D-ann": {"t2": 30_000}, "D-bob": {NOBODY: 10_000}}
    (row,) = store.identity_show("ann@x.test").rows
    (unused,) = [one for one in row["evidence"] if not one["used"]]
    assert unused["why_not"].startswith("visitor kiosk is nobody's, says decision 1 by ")
    again = store.identity_exclude("kiosk", why="again")
    assert (again.rows, again.title) == ([], "Nothing to do")
    assert "visitor kiosk is nobody's already, by decision 1 (exclude visitor kiosk; " in again.warnings[0]
    store.identity_undo(1, why="it went")
    run(store)
    assert credits(store, "D-bob") == {"t1": 5_000, "t2": 5_000}


def test_split_then_join_takes_the_split_back_and_join_then_split_the_join(store: Store) -> None:
    """Both stay on record, and nothing is in force."""
    colleagues(store)
    one = people(store)
    store.identity_split(ANN, BOB, why="two")
    two = people(store)
    answer = store.identity_join(BOB, ANN, why="one")
    assert answer.title == "Taken back"
    assert answer.warnings[0].startswith("decision 1 (split email ann@x.test from email bob@x.test; ")
    assert people(store) == one
    store.identity_split("L-ann", BOB, why="two")
    assert people(store) == two
    store.identity_undo(2, why="test")
    load(store, identities="user_id,email,at\nu9,zoe@z.test,2025-01-01")
    before = people(store)
    store.identity_join("zoe@z.test", ANN, why="one")
    answer = store.identity_split(ANN, "zoe@z.test", why="two")
    assert (answer.title, [row["decision"] for row in answer.rows]) == ("Taken back", [3])
    assert people(store) == before | {frozenset({("email", "zoe@z.test"), ("user", "u9")})}
    assert states(store) == [
        (1, "split", "taken back"),
        (2, "split", "taken back"),
        (3, "join", "taken back"),
    ]


def test_a_join_that_only_the_split_did_not_keep_apart_is_recorded_after_it(store: Store) -> None:
    """What tied them was taken away by another decision in between."""
    colleagues(store)
    store.identity_split(ANN, BOB, why="two")
    store.identity_exclude("phone:+442079460018", why="the reception")
    answer = store.identity_join(ANN, BOB, why="one")
    assert [(row["decision"], row["state"]) for row in answer.rows] == [(1, "taken back"), (3, "in force")]
    assert answer.title == "Recorded"
    assert {("email", "ann@x.test"), ("email", "bob@x.test")} <= max(people(store), key=len)


def test_a_decision_is_kept_with_who_made_it_when_and_why(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By default the operating system's user; taking it back is kept beside it."""
    colleagues(store)
    monkeypatch.setattr(getpass, "getuser", lambda: "sam")
    with freeze_time("2026-05-03T10:00:00Z"):
        store.identity_split(ANN, BOB, why="  two\ncolleagues ")
    with freeze_time("2026-05-04T10:00:00Z"):
        store.identity_undo(1, why="a mix-up", who="maria")
    assert store.identity_decisions().rows == [
        {
            "decision": 1, "verb": "split", "one": "email:ann@x.test", "other": "email:bob@x.test",
            "state": "taken back", "who": "sam", "at": "2026-05-03T10:00:00Z", "why": "two colleagues",
            "undone_by": "maria", "undone_at": "2026-05-04T10:00:00Z", "undone_why": "a mix-up",
        }
    ]  # fmt: skip
    answer = store.identity_undo(1, why="again")
    assert answer.warnings == ["decision 1 was taken back by maria on 4 May 2026: nothing to do"]


def test_a_system_without_a_user_asks_for_a_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container runs under a number; a decision of nobody is none."""

    def nobody() -> str:
        raise OSError("No username set in the environment")

    colleagues(store)
    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(InputError, match="say whose decision it is: --who NAME"):
        store.identity_exclude(ANN, why="x")


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        (
            lambda s: s.identity_split(ANN, "ann@x.test", why="x"),
            "given twice and cannot be split from itself",
        ),
        (lambda s: s.identity_join(ANN, ANN, why="x"), "given twice and cannot be joined with itself"),
        (lambda s: s.identity_split(ANN, "email:zoe@z.test", why="x"), "no email 'zoe@z.test' in this store"),
        (lambda s: s.identity_split(ANN, "zoe", why="x"), "nobody in this store is known by 'zoe'"),
        (lambda s: s.identity_join(ANN, "account:x.com", why="x"), "account x.com is a company"),
        (lambda s: s.identity_exclude("x.com", why="x"), "account x.com is a company"),
        (lambda s: s.identity_exclude("same", why="x"), "name one of them: visitor:same, user:same"),
        (lambda s: s.identity_split(ANN, BOB, why=" "), "holds no reason"),
        (lambda s: s.identity_split(ANN, BOB, why="x", who=" "), "holds no name"),
        (lambda s: s.identity_undo(1, why="x"), "there is no decision 1: none was ever made"),
        (
            lambda s: s.identity_join(ANN, "info@x.test", why="x"),
            "mailboxes called info are several people's",
        ),
        (lambda s: s.identity_show("v-none"), "nobody in this store is known by 'v-none'"),
        (lambda s: s.identity_show("va", at="noon"), "'noon' is not an instant"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    store: Store, decide: Callable[[Store], object], words: str
) -> None:
    """And nothing is recorded."""
    colleagues(store)
    load(store, identities="visitor_id,user_id,at\nsame,same,2025-01-01")
    load(store, leads="lead_id,created_at,email,account\nL-info,2025-01-01,info@x.test,x.com")
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        decide(store)
    assert store.identity_decisions().rows == []


def test_people_who_are_two_are_not_split_and_one_person_is_not_joined(store: Store) -> None:
    """Nothing is to do, which is told and is no mistake."""
    colleagues(store)
    load(store, identities="user_id,email,at\nu9,zoe@z.test,2025-01-01")
    split = store.identity_split(ANN, "u9", why="x")
    joined = store.identity_join(ANN, "vb", why="x")
    assert joined.warnings == ["email ann@x.test and visitor vb are one person already: nothing to do"]
    assert joined.rows == []
    assert split.warnings == ["email ann@x.test and user u9 are two people already: nothing to do"]
    assert split.rows == []
    assert states(store) == []


def test_an_excluded_address_has_no_touches_and_no_deals(store: Store) -> None:
    """What was seen with it alone is nobody's."""
    load(
        store,
        touches="touch_id,email,at,kind\nfair,ann@x.test,2025-01-01,offline",
        deals="deal_id,status,closed_at,amount,currency,emails\nD-ann,won,2025-03-01,300.00,GBP,ann@x.test\n"
        "D-bob,open,,,,",
    )
    run(store)
    assert credits(store, "D-ann") == {"fair": 30_000}
    store.identity_exclude(ANN, why="a list of the agency")
    run(store)
    assert credits(store, "D-ann") == {NOBODY: 30_000}
    store.identity_undo(1, why="it is hers")
    run(store)
    assert credits(store, "D-ann") == {"fair": 30_000}


def test_evidence_that_nobody_took_up_yet_waits(store: Store) -> None:
    """It is not refused by any rule."""
    colleagues(store)
    load(store, identities="user_id,email,at\nu9,ann@x.test,2025-01-09")
    (row,) = store.identity_show(ANN).rows
    (unused,) = [one for one in row["evidence"] if not one["used"]]
    assert unused["why_not"] == "it came since people were last resolved, and waits for the next run"


def test_a_join_across_a_split_of_others_names_it_and_is_refused(store: Store) -> None:
    """Ann's visitor with Bob's lead, while their e-mails are split; and with what is nobody's."""
    colleagues(store)
    store.identity_split(ANN, BOB, why="two", who="maria")
    sentence = (
        r"visitor va and lead L-bob cannot be one person while decision 1 \(split email ann@x.test from "
        r"email bob@x.test; maria, .*: two\) keeps apart .*: attribution identity undo 1 --why"
    )
    with pytest.raises(InputError, match=sentence):
        store.identity_join("va", "L-bob", why="x")
    store.identity_exclude("va", why="a kiosk")
    with pytest.raises(InputError, match=r"visitor va is nobody's, by decision 2 .*identity undo 2"):
        store.identity_join("L-bob", "va", why="x")
    assert len(states(store)) == 2


def test_a_join_that_a_later_split_leaves_in_the_air_is_told(store: Store) -> None:
    """Three that two joins hold together; the ends are split."""
    load(store, touches="touch_id,visitor_id,at\nt1,v1,2025-01-01\nt2,v2,2025-01-01\nt3,v3,2025-01-01")
    store.identity_join("v1", "v2", why="x", who="maria")
    store.identity_join("v2", "v3", why="x", who="maria")
    answer = store.identity_split("v1", "v3", why="x", who="maria")
    (told,) = answer.warnings
    assert told.endswith("has no effect any more")
    assert sorted(state for *_, state in states(store)) == ["in force", "in force", "no effect"]
    (finding,) = [row for row in store.doctor().rows if row["check"] == "idle_decisions"]
    assert (finding["severity"], finding["count"]) == ("warning", 1)
    store.identity_undo(3, why="x")
    assert [state for *_, state in states(store)[:2]] == ["in force", "in force"]
    assert len(people(store)) == 1


def test_a_decision_logs_the_people_it_changes(store: Store) -> None:
    """So that a run looks at their deals alone."""
    colleagues(store)
    with store.db.read() as connection:
        seen = max(connection.execute(select(change.c.change_id)).scalars(), default=0)
    store.identity_split(ANN, BOB, why="two")
    with store.db.read() as connection:
        logged = connection.execute(select(change.c.kind).where(change.c.change_id > seen)).scalars().all()
    assert logged == [3, 3]


HOUSEHOLD = "touch_id,visitor_id,at\nt1,v,2025-01-01\nt2,v,2025-01-20\nt3,v,2025-02-10"
LOGINS = "visitor_id,user_id,at\nv,ann,2025-01-05T00:00Z\nv,bob,2025-01-15T00:00Z\nv,ann,2025-02-01T00:00Z"


def test_show_tells_whose_a_browser_was_when(store: Store) -> None:
    """Two users: without a time both are shown, with one the one who had it then."""
    load(store, touches=HOUSEHOLD, identities=LOGINS)
    run(store)
    answer = store.identity_show("v")
    assert [row["known_as"] for row in answer.rows] == ["user ann", "user bob"]
    assert answer.totals == {"people": 2, "leads": 0, "deals": 0, "identifiers": 3, "touches": 3}
    at = [store.identity_show("v", at=when).rows for when in ("2025-01-16", "2025-02-01T00:00:00Z")]
    assert [[row["known_as"] for row in rows] for rows in at] == [["user bob"], ["user ann"]]
    first, _ = [one for one in answer.rows[0]["identifiers"] if one["kind"] == "visitor"]
    assert first == {
        "kind": "visitor", "value": "v", "from": None, "until": "2025-01-15T00:00:00Z",
        "first_seen": "2025-01-01T00:00:00Z", "last_seen": "2025-01-05T00:00:00Z", "touches": 1,
        "others": [{"person": "user bob", "from": "2025-01-15T00:00:00Z", "until": "2025-02-01T00:00:00Z"}],
    }  # fmt: skip
    unused = [one["why_not"] for one in answer.rows[1]["evidence"] if not one["used"]]
    assert unused == ["it was somebody else's then"] * 2


def test_show_names_records_companies_and_decisions(store: Store) -> None:
    """All that hangs on one person."""
    colleagues(store)
    store.identity_split(ANN, BOB, why="two", who="maria")
    load(store, leads="lead_id,created_at,email,account\nL-2,2025-01-09,ann@x.test,Acme")
    assert store.identity_show(ANN).warnings == [
        "evidence came, or rules changed, since people were last resolved: attribution run"
    ]
    run(store)
    (row,) = store.identity_show("lead:L-ann").rows
    assert (row["known_as"], row["leads"], row["deals"], row["touches"]) == (
        "lead L-2", ["L-2", "L-ann"], ["D-ann"], 1,
    )  # fmt: skip
    assert row["accounts"] == [{"account": "acme", "from": None, "until": None}]
    assert [(one["verb"], one["who"], one["state"]) for one in row["decisions"]] == [
        ("split", "maria", "in force")
    ]
    whys = {one["sentence"]: one["why_not"] for one in row["evidence"] if not one["used"]}
    sentence = "phone +442079460018 —CRM lead, 6 January 2025→ lead L-bob"
    assert whys == {sentence: "two people, says decision 1 by maria: two"}


def test_one_that_no_evidence_names_is_its_own_person(sqlite_store: Store) -> None:
    """A visitor with touches and nothing else."""
    load(sqlite_store, touches=TOUCHES)
    (row,) = sqlite_store.identity_show("va").rows
    assert (row["known_as"], row["touches"], row["evidence"]) == ("visitor va", 1, [])
    assert sqlite_store.identity_graph("va").number_of_edges() == 0


def test_the_command_speaks_tables_graphs_and_pictures(tmp_path: Path) -> None:
    """Every form of `show`, and a decision from beginning to end."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    with Store.open(url) as opened:
        colleagues(opened)

    def ask(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["--store", url, "identity", *words])
        assert result.exit_code == code, result.output
        return result.stdout

    ask("split", ANN, BOB, "--why", "two", "--who", "maria")
    text = ask("show", "ann@x.test")
    assert "  visitor va —CRM lead, 5 January 2025→ lead L-ann\n" in text
    assert "two people, says decision 1 by maria: two\n" in text
    assert "  1: split email:ann@x.test and email:bob@x.test, in force; maria, 20" in text
    assert (
        ask("show", "ann@x.test", "--format", "csv").splitlines()[0].startswith("known_as,kind,value,from,")
    )
    assert json.loads(ask("show", "va", "--format", "json"))["rows"][0]["leads"] == ["L-ann"]
    graph = nx.parse_graphml(ask("show", "va", "--format", "graphml"), force_multigraph=True)
    assert graph.nodes["deal D-ann"]["end"] is True
    assert {data["used"] for *_, data in graph.edges(data=True)} == {True, False}
    picture = tmp_path / "va.svg"
    ask("show", "va", "--picture", str(picture))
    assert "Dashed: observations that are not used." in picture.read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert json.loads(ask("decisions", "--format", "json"))["totals"] == {"in force": 1}
    assert "Taken back" in ask("undo", "1", "--why", "one")
    ask("show", "va", "--picture", str(tmp_path / "va.gif"), code=2)
    ask("join", ANN, BOB, code=2)
