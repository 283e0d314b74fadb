"""`export-person`: everything held about one person, and nothing of anybody else."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dumps import dump
from freezegun import freeze_time
from hypothesis import given
from ledger_books import load, wipe
from worlds import EMAILS, PHONES, USERS, VISITORS, World, examples, import_world, worlds

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.privacy.export_holder import HIDDEN
from attribution.privacy.export_person import SECTIONS

TOUCHES = """
touch_id,visitor_id,at,url,referrer,user_agent,consent,cost,currency,page_views,engaged_seconds,click_id
t1,v-ann,2025-01-01T10:00:00Z,https://acme.com/ann?utm_source=google&utm_medium=cpc,,Firefox,granted,1.50,GBP,3,40,gclid:Cj0
t2,v-desk,2025-01-02T10:00:00Z,https://acme.com/early,,Firefox,,,,,,
t3,v-desk,2025-02-10T10:00:00Z,https://acme.com/ben-was-here,,Opera,ad_user_data:denied,,,,,
t4,v-ann,2025-01-03T10:00:00Z,,,,analytics:denied;ad_user_data:denied,,,,,
t5,v-stranger,2025-01-03T10:00:00Z,https://acme.com/stranger,,,,,,,,
"""
# u-ann has the desk's browser until u-ben logs in; both gave the switchboard's number
IDENTITIES = """
visitor_id,email,phone,user_id,account,at,source
v-ann,ann@acme.test,,u-ann,,2025-01-01T11:00:00Z,form
v-desk,,,u-ann,,2025-01-02T11:00:00Z,login
v-desk,,,u-ben,,2025-02-01T11:00:00Z,login
,ben@acme.test,,u-ben,,2025-02-01T12:00:00Z,form
,ann@acme.test,+442079460018,,,2025-01-05T00:00:00Z,form
,ann@acme.test,,,Acme,2025-01-06T00:00:00Z,CRM
"""
SWITCHBOARD = "email,phone,at,source\n" + "".join(
    f"p{i}@firm{i}.com,+442079460018,2025-01-0{i}T00:00:00Z,form\n" for i in range(1, 8)
)
LEADS = """
lead_id,created_at,visitor_id,email,phone,account,owner,industry,mql_at,consent
L-ann,2025-01-04T09:00:00Z,v-ann,ann@acme.test,,Acme,Sam Seller,Software,2025-01-05,ad_personalization:granted
L-ben,2025-02-04T09:00:00Z,,ben@acme.test,,Acme,Sam Seller,Steel,,
"""
DEALS = """
deal_id,status,created_at,closed_at,amount,currency,lead_id,emails,account,owner,kind
D-1,won,2025-02-20T00:00:00Z,2025-03-01T00:00:00Z,1000.00,GBP,L-ann,ben@acme.test,Acme,Sam Seller,new
D-2,won,2025-02-20T00:00:00Z,2025-03-02T00:00:00Z,70.00,GBP,L-ben,,Acme,Sam Seller,new
"""
TABLES = {
    "touches": TOUCHES,
    "identities": IDENTITIES,
    "leads": LEADS,
    "deals": DEALS,
    "adjustments": """
    adjustment_id,deal_id,at,amount,currency,reason
    A-1,D-1,2025-03-05,-200.00,GBP,ben asked
    """,
    "stages": """
    object,id,stage,at
    lead,L-ann,demo booked,2025-01-10T00:00:00Z
    lead,L-ben,demo booked,2025-02-10T00:00:00Z
    deal,D-1,contract,2025-02-25T00:00:00Z
    """,
    "meetings": """
    meeting_id,lead_id,booked_at,held_at
    M-1,L-ann,2025-01-12,2025-01-13
    M-2,L-ben,2025-02-12,
    """,
    "tracking_numbers": "tracking_number,pool,fallback\n+442079460100,site,no",
    "leases": """
    tracking_number,visitor_id,leased_at,released_at
    +442079460100,v-ann,2025-01-01T10:00:00Z,2025-01-01T11:00:00Z
    +442079460100,v-desk,2025-02-10T10:00:00Z,2025-02-10T11:00:00Z
    """,
    "calls": """
    call_id,at,tracking_number,caller,duration_seconds,answered
    C-1,2025-01-01T10:30:00Z,+442079460100,+442079460555,61,yes
    C-2,2025-02-10T10:30:00Z,+442079460100,+442079460666,12,no
    """,
}
REJECTED = """
lead_id,created_at,email,owner
L-bad,yesterday,Ann+Work@acme.test,Sam Seller
L-worse,yesterday,ben@acme.test,Sam Seller
"""
BOTH = "deal_id,status,emails,amount,currency\nD-bad,won,ann@acme.test;ben@acme.test,1.00,GBP"
OF_OTHERS = (
    "ben", "u-ben", "L-ben", "D-2", "M-2", "C-2", "t3", "stranger", "Opera", "Sam Seller", "Steel", "70.00",
    "+442079460666", "firm1", "firm7", "p1@", "T10:00:00Z+", "2025-02-10",
)  # fmt: skip


@pytest.fixture
def filled(store: Store) -> Store:
    """A store of two colleagues, a switchboard and a stranger, that was run."""
    fill(store)
    return store


def fill(store: Store) -> None:
    """Load everything, rows that are refused too, and run it."""
    store.config_update({"reporting_currency": "GBP", "region": "GB"})
    load(store, **TABLES)
    load(store, identities=SWITCHBOARD)
    for table, rows in (("leads", REJECTED), ("deals", BOTH)):
        answer = store.import_table(table, "-", stdin=io.BytesIO(rows.strip().encode()))
        assert answer.totals["rejected"] == answer.totals["read"]
    store.run(models=["linear"], goals=["revenue", "leads"])


def held(store: Store, **named: str) -> dict[str, Any]:
    """Return the document about somebody."""
    with freeze_time("2025-07-01T00:00:00Z"):
        answer = store.export_person(**named)
    (document,) = answer.rows
    assert answer.totals == {name: len(document[name]) for name in SECTIONS}
    json.loads(answer.to_json())
    return document


def test_who_somebody_is_known_as(filled: Store) -> None:
    """In the clear, with the time of the first and the last sighting and its sources."""
    found = {(one["kind"], one["value"]): one for one in held(filled, email="ann@acme.test")["identifiers"]}
    assert set(found) == {
        ("email", "ann@acme.test"), ("lead", "L-ann"), ("user", "u-ann"), ("visitor", "v-ann"),
        ("visitor", "v-desk"), ("phone", "+442079460555"),
    }  # fmt: skip
    email, desk = found["email", "ann@acme.test"], found["visitor", "v-desk"]
    assert (email["first_seen"], email["last_seen"]) == ("2025-01-01T11:00:00Z", "2025-01-06T00:00:00Z")
    assert email["sources"] == ["CRM lead", "identities: CRM", "identities: form", "leads"]
    assert email["theirs"] == "always"
    assert desk["theirs"] == [{"since": None, "until": "2025-02-01T11:00:00Z"}]
    assert (desk["first_seen"], desk["last_seen"]) == ("2025-01-02T10:00:00Z", "2025-01-02T11:00:00Z")


def test_every_observation_is_told_with_why_it_does_not_count(filled: Store) -> None:
    """The switchboard ties nobody; its number stood in the person's own form, so it is told."""
    evidence = held(filled, user="u-ann")["evidence"]
    refused = [one for one in evidence if not one["used"]]
    assert refused == [
        {
            "at": "2025-01-05T00:00:00Z",
            "source": "identities: form",
            "identifiers": [
                {"kind": "email", "value": "ann@acme.test"}, {"kind": "phone", "value": "+442079460018"},
            ],
            "used": False,
            "why_not": "a mailbox or phone of several people ties nobody",
        }
    ]  # fmt: skip
    used = [sorted(str(end["value"]) for end in one["identifiers"]) for one in evidence if one["used"]]
    assert sorted(used) == [
        ["+442079460555", "v-ann"], ["L-ann", "acme"], ["L-ann", "ann@acme.test"], ["L-ann", "v-ann"],
        ["acme", "ann@acme.test"], ["ann@acme.test", "u-ann"], ["u-ann", "v-ann"],
        ["u-ann", "v-desk"],
    ]  # fmt: skip


def test_touches_with_all_their_columns(filled: Store) -> None:
    """Those of the shared browser before the other's login are theirs; the refusal's touch is nobody's."""
    touches = held(filled, email="ann@acme.test")["touches"]
    assert [one["touch_id"] for one in touches] == [
        "t1",
        touches[1]["touch_id"],
        "t2",
        touches[3]["touch_id"],
    ]
    first = touches[0]
    assert first["placement"]["source"] == "google"
    assert first["origin"]["utm_medium"] == "cpc"
    assert {name: first[name] for name in first if name not in ("placement", "origin")} == {
        "touch_id": "t1",
        "at": "2025-01-01T10:00:00Z",
        "kind": "session",
        "of": {"kind": "visitor", "value": "v-ann"},
        "page": "acme.com/ann",
        "click_id": "gclid:Cj0",
        "page_views": 3,
        "engaged_seconds": 40,
        "user_agent": "Firefox",
        "consent": {"analytics": "granted", "ad_user_data": "granted", "ad_personalization": "granted"},
        "cost": "1.50",
        "currency": "GBP",
        "flag": None,
    }


def test_records_that_name_them(filled: Store) -> None:
    """Their lead, deal, stages, meeting, call and leased number; of a deal nobody else who is in it."""
    document = held(filled, lead="L-ann")
    (lead,), (deal,) = document["leads"], document["deals"]
    assert lead == {
        "lead_id": "L-ann", "visitor": "v-ann", "email": "ann@acme.test", "phone": None, "account": "acme",
        "industry": "Software", "created_at": "2025-01-04T09:00:00Z", "mql_at": "2025-01-05T23:59:59.999999Z",
        "sqo_at": None, "disqualified_at": None, "requested_at": None, "responded_at": None,
        "response_outcome": None,
        "consent": {"analytics": "unknown", "ad_user_data": "unknown", "ad_personalization": "granted"},
    }  # fmt: skip
    names = ("deal_id", "named_as", "lead_id", "amount", "currency", "status")
    assert [deal[name] for name in names] == ["D-1", "lead", "L-ann", "1000.00", "GBP", "won"]
    assert [(one["adjustment_id"], one["amount"]) for one in deal["adjustments"]] == [("A-1", "-200.00")]
    assert [(one["object"], one["id"], one["stage"]) for one in document["stages"]] == [
        ("lead", "L-ann", "demo booked"), ("deal", "D-1", "contract"),
    ]  # fmt: skip
    assert [one["meeting_id"] for one in document["meetings"]] == ["M-1"]
    assert document["calls"] == [
        {
            "call_id": "C-1", "at": "2025-01-01T10:30:00Z", "tracking_number": "+442079460100",
            "caller": "+442079460555", "visitor": "v-ann", "duration_seconds": 61, "answered": True,
        }
    ]  # fmt: skip
    assert [one["visitor"] for one in document["leases"]] == ["v-ann"]
    assert document["accounts"] == [{"account": "acme", "since": None, "until": None}]


def test_what_they_agreed_to(filled: Store) -> None:
    """Each signal, and the state that comes of it; the withdrawal came with a touch that is nobody's."""
    document = held(filled, email="ann@acme.test")
    assert document["consent"] == {
        "analytics": {"state": "denied", "since": "2025-01-03T10:00:00Z"},
        "ad_user_data": {"state": "denied", "since": "2025-01-03T10:00:00Z"},
        "ad_personalization": {"state": "granted", "since": "2025-01-04T09:00:00Z"},
    }
    assert [(one["at"], one["said_in"]) for one in document["consent_signals"]] == [
        ("2025-01-01T10:00:00Z", "touch t1"),
        (
            "2025-01-03T10:00:00Z",
            "a touch of visitor v-ann that denied analytics, and is kept as nobody's",
        ),
        ("2025-01-04T09:00:00Z", "lead L-ann"),
    ]


def test_credits_of_their_touches(filled: Store) -> None:
    """What the ledger gave to them, by conversion and model."""
    credits = held(filled, email="ann@acme.test")["credits"]
    found = {(one["conversion"], one["id"], one["model"]): one for one in credits}
    assert set(found) == {("won", "D-1", "linear"), ("lead", "L-ann", "linear")}
    assert found["lead", "L-ann", "linear"]["weight"] == 1.0
    won = found["won", "D-1", "linear"]
    assert won["credit"] == "533.34"  # two of the deal's three touches, of 800.00 and its odd pennies
    assert (won["currency"], won["lookback"], won["scope"]) == ("GBP", "365d", "contacts")


def test_rejected_rows_that_name_them(filled: Store) -> None:
    """In any spelling; whoever else stands in the row is left out."""
    found = held(filled, email="ann@acme.test")["rejected_rows"]
    assert [(one["table"], one["line"]) for one in found] == [("leads", 2), ("deals", 2)]
    assert found[0]["row"]["email"] == "Ann+Work@acme.test"
    assert "owner" not in found[0]["row"]
    assert found[1]["row"]["emails"] == f"ann@acme.test;{HIDDEN}"


def test_nothing_of_anybody_else_is_in_it(filled: Store) -> None:
    """Neither of who used the same browser, nor of the deal's other contact, nor of the switchboard's."""
    text = json.dumps(held(filled, email="ann@acme.test"), ensure_ascii=False)
    assert [value for value in OF_OTHERS if value in text] == []
    of_ben = json.dumps(held(filled, visitor="v-desk"), ensure_ascii=False)
    assert "ben@acme.test" in of_ben
    assert [v for v in ("ann", "L-ann", "t1", "t2", "C-1", "M-1") if f'"{v}' in of_ben] == []


def test_a_switchboard_names_nobody(filled: Store) -> None:
    """Asked for by the shared number: that it was seen, and not by whom."""
    document = held(filled, phone="020 7946 0018")
    assert [one["value"] for one in document["identifiers"]] == ["+442079460018"]
    assert len(document["evidence"]) == 8
    others = [end for one in document["evidence"] for end in one["identifiers"] if end["kind"] == "email"]
    assert {end["value"] for end in others} == {HIDDEN}
    text = json.dumps(document)
    assert "@" not in text


def test_a_browser_of_several_is_whoever_has_it_now(filled: Store) -> None:
    """Only their stretch, and a note that says so."""
    with freeze_time("2025-07-01T00:00:00Z"):
        answer = filled.export_person(visitor="v-desk")
    (document,) = answer.rows
    assert answer.warnings == ["several people used visitor v-desk: this is about whoever has it now"]
    assert [one["touch_id"] for one in document["touches"] if one["kind"] == "session"] == ["t3"]
    assert {one["value"] for one in document["identifiers"]} >= {"u-ben", "ben@acme.test", "v-desk"}


def test_decisions_about_them(filled: Store) -> None:
    """What was said for one that names somebody else is left out."""
    with freeze_time("2025-06-01T00:00:00Z"):
        filled.identity_split("email:ann@acme.test", "lead:L-ann", who="ops", why="two Anns")
    email, lead = {"kind": "email", "value": "ann@acme.test"}, {"kind": "lead", "value": "L-ann"}
    split = {
        "decision": 1, "verb": "split", "at": "2025-06-01T00:00:00Z",
        "about": [email, lead | {"value": HIDDEN}], "why": None, "taken_back_at": None,
    }  # fmt: skip

    def decisions() -> list[dict[str, Any]]:
        found = held(filled, email="ann@acme.test")["decisions"]
        return [one | {"about": sorted(one["about"], key=lambda end: end["kind"])} for one in found]

    assert decisions() == [split]
    with freeze_time("2025-06-02T00:00:00Z"):
        filled.identity_undo(1, who="ops", why="one Ann")
    undone = split | {"about": [email, lead], "why": "two Anns", "taken_back_at": "2025-06-02T00:00:00Z"}
    assert decisions() == [undone]


def test_evidence_that_no_run_has_taken_up_counts(filled: Store) -> None:
    """And the store is what it was before."""
    load(filled, identities="email,user_id,at\nann.private@home.test,u-ann,2025-04-01")
    before = dump(filled)
    document = held(filled, email="ann.private@home.test")
    assert "L-ann" in {one["value"] for one in document["identifiers"]}
    assert dump(filled) == before


@pytest.mark.parametrize("named", [{"email": "nobody@x.test"}, {"visitor": "v-none", "lead": "L-none"}])
def test_of_a_stranger_nothing_is_held(filled: Store, named: dict[str, str]) -> None:
    """The same document, empty; it is no error."""
    document = held(filled, **named)
    assert document["held_nothing"] is True
    assert document["asked_for"] == [{"kind": kind, "value": value} for kind, value in named.items()]
    assert [name for name in SECTIONS if document[name]] == []
    assert document["consent"] is None


def test_who_stands_in_a_rejected_row_alone_is_held(filled: Store) -> None:
    """The row did not load, and is kept."""
    document = held(filled, lead="L-bad")
    assert document["held_nothing"] is False
    assert [one["line"] for one in document["rejected_rows"]] == [2]


def test_a_visitor_that_nothing_names(filled: Store) -> None:
    """Is a person of their own."""
    document = held(filled, visitor="v-stranger")
    assert [one["touch_id"] for one in document["touches"]] == ["t5"]
    assert document["identifiers"][0]["sources"] == ["touches"]


def test_after_an_erasure(filled: Store) -> None:
    """Nothing is held; that somebody was erased is."""
    filled.forget(email="ann@acme.test")
    with freeze_time("2026-07-01T00:00:00Z"):
        answer = filled.export_person(email="ann@acme.test")
    assert answer.rows[0]["held_nothing"] is True
    assert answer.warnings == [
        "somebody with this email was erased before: that it was is kept, as a keyed hash"
    ]


def test_what_cannot_be_meant_is_refused(filled: Store) -> None:
    """Nobody, two people, no kind, no value."""
    with pytest.raises(InputError, match="nobody was named; name the person by one or several of"):
        filled.export_person()
    with pytest.raises(InputError, match="belong to 2 people"):
        filled.export_person(email="ann@acme.test", user="u-ben")
    with pytest.raises(UnknownNameError, match="shoe"):
        filled.export_person(shoe="42")
    with pytest.raises(InputError, match="email names nobody"):
        filled.export_person(email="n/a")


def test_nothing_of_others_leaks_from_any_company(store: Store) -> None:
    """Random companies: of what names somebody, an export holds only what its person is known by."""
    everybody = {("visitor", v) for v in VISITORS} | {("email", e) for e in EMAILS}
    everybody |= {("phone", p) for p in PHONES} | {("user", u) for u in USERS}

    @examples(store, sqlite=6, postgresql=2)
    @given(worlds())
    def holds(world: World) -> None:
        wipe(store)
        store.config_set("reporting_currency", "GBP")
        import_world(store, world)
        store.run(models=["linear"])
        for kind, value in sorted(everybody):
            document = held(store, **{kind: value})
            text = json.dumps({name: document[name] for name in SECTIONS}, ensure_ascii=False)
            own = {one["value"] for one in document["identifiers"]}
            if not document["held_nothing"]:
                assert value in own
            for name, other in sorted(everybody):
                if other not in own and name in ("user", "email"):
                    assert f'"{other}"' not in text, (value, other)

    holds()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON on standard output, or in a file that nobody else may read."""
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///attribution.db") as store:
        fill(store)
    runner = CliRunner()
    shown = runner.invoke(cli, ["export-person", "--email", "ann@acme.test", "--format", "json"])
    envelope = json.loads(shown.stdout)
    assert (shown.exit_code, envelope["verb"]) == (0, "export-person")
    assert envelope["rows"][0]["held_nothing"] is False

    file = tmp_path / "ann.json"
    file.write_text("x" * 1_000_000, encoding="utf-8")
    file.chmod(0o644)
    written = runner.invoke(cli, ["export-person", "--visitor", "v-desk", "--output", "ann.json"])
    assert (written.exit_code, written.stdout) == (0, "")
    assert "whoever has it now" in written.stderr
    assert json.loads(file.read_text(encoding="utf-8"))["rows"][0]["held_nothing"] is False
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600
    unknown = runner.invoke(cli, ["export-person", "--email", "nobody@x.test"])
    assert (unknown.exit_code, json.loads(unknown.stdout)["rows"][0]["held_nothing"]) == (0, True)
    nobody = runner.invoke(cli, ["export-person"])
    assert nobody.exit_code == 2
    assert "nobody was named" in nobody.output
