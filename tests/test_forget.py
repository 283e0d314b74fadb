"""`forget`: a person goes, the ledger stands, and whoever comes back is somebody new."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import by_time, credits, entries, load, net, people, shares
from sqlalchemy import func, select

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.ledger.check import check_conservation
from attribution.ledger.frozen import split
from attribution.metrics.answer import Answer
from attribution.store import schema

ELLA = {
    "touches": """
        touch_id,visitor_id,at,url
        t1,v-ella-1,2025-01-01T09:00:00Z,https://shop.test/a?utm_source=google&utm_medium=cpc
        t2,v-ella-1,2025-01-10T09:00:00Z,https://shop.test/only-she?utm_source=news&utm_medium=email
        t3,v-other,2025-01-05T09:00:00Z,https://shop.test/a?utm_source=google&utm_medium=cpc
        """,
    "leads": """
        lead_id,created_at,visitor_id,email,phone,account
        L-ella,2025-01-11T00:00:00Z,v-ella-1,Ella@Acme.test,+442079460018,acme.test
        L-other,2025-01-06T00:00:00Z,v-other,other@acme.test,,acme.test
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id,emails
        D-1,won,2025-01-15T00:00:00Z,2025-02-01T00:00:00Z,100.01,GBP,L-ella,ella@acme.test;other@acme.test
        D-2,won,2025-01-16T00:00:00Z,2025-02-15T00:00:00Z,50.00,GBP,L-other,
        D-3,open,2025-01-20T00:00:00Z,,70.00,GBP,L-ella,
        """,
    "stages": """
        object,id,stage,at
        lead,L-ella,demo booked,2025-01-12T00:00:00Z
        """,
    "meetings": """
        meeting_id,lead_id,booked_at,held_at
        M-1,L-ella,2025-01-13T00:00:00Z,
        """,
    "identities": """
        email,user_id,at
        ella@acme.test,login-of-ella,2025-01-12T00:00:00Z
        """,
}
MODELS = ["linear", "first_touch"]
NOW = "2025-06-01T12:00:00Z"


def forget(store: Store, **named: Any) -> Answer:
    """Erase somebody, all on one day."""
    with freeze_time(NOW):
        return store.forget(**named)


@pytest.fixture
def ella(store: Store) -> Store:
    """A store that knows Ella, run."""
    load(store, **ELLA)
    store.run(models=MODELS, goals=["revenue", "leads"])
    return store


def run(store: Store, **options: Any) -> int:
    """Run, see that everything adds up, and return how many entries were posted."""
    answer = store.run(**{"models": MODELS, "goals": ["revenue", "leads"]} | options)
    with store.db.read() as connection:
        assert check_conservation(connection) == []
    return int(answer.totals["entries"])


def held_touches(store: Store, key: str, model: str = "linear") -> list[int]:
    """Return the minor units of one deal's touches, in order of time."""
    with store.db.read() as connection:
        rows = connection.execute(select(schema.touch.c.touch_id, schema.touch.c.at)).all()
    at = {row.touch_id: row.at for row in rows}
    found = credits(store, key, model)
    return [found[touch] for touch in sorted(found, key=lambda touch: at.get(touch, 0))]


def adjust(store: Store, *rows: str) -> None:
    """Import adjustments of D-1, in the order given."""
    load(store, adjustments="\n".join(["adjustment_id,deal_id,at,amount,currency", *rows]))


REFUNDS = ("A-1,D-1,2025-07-01T00:00:00Z,-33.33,GBP", "A-2,D-1,2025-08-01T00:00:00Z,-0.01,GBP")


# --- the ledger ---------------------------------------------------------------------------------------


def test_a_refund_is_split_like_what_was_credited(ella: Store) -> None:
    """100.01 over three touches is 33.34, 33.34, 33.33; less 33.33 leaves 66.68: 22.23, 22.23, 22.22."""
    assert held_touches(ella, "D-1") == [3334, 3334, 3333]
    forget(ella, email="ella@acme.test")
    assert run(ella) == 0
    adjust(ella, REFUNDS[0])
    assert run(ella) == 3 + 1  # linear, first touch
    assert held_touches(ella, "D-1") == [2223, 2223, 2222]
    assert held_touches(ella, "D-1", "first_touch") == [6668]
    assert by_time(ella, "D-1") == {"2025-02-01T00:00:00Z": 10001, "2025-07-01T00:00:00Z": -3333}
    assert {one.reason for one in entries(ella) if one.at.startswith("2025-07")} == {"frozen"}
    adjust(ella, REFUNDS[1])
    run(ella)
    assert held_touches(ella, "D-1") == [2223, 2222, 2222]
    assert run(ella, full=True) == 0


def test_refunds_in_any_order_are_the_same_ledger(make_url: Callable[[], str]) -> None:
    """One by one, backwards, or at once."""
    found = []
    for order in ([[0], [1]], [[1], [0]], [[0, 1]]):
        with Store.open(make_url()) as store:
            load(store, **ELLA)
            run(store)
            forget(store, email="ella@acme.test")
            for rows in order:
                adjust(store, *(REFUNDS[i] for i in rows))
                run(store)
            found.append({(key[2:5], value) for key, value in net(store).items() if key[0] == "won"})
            found.append([held_touches(store, "D-1"), held_touches(store, "D-1", "first_touch")])
    assert found[0] == found[2] == found[4]
    assert found[1] == found[3] == found[5] == [[2223, 2222, 2222], [6667]]


def test_a_whole_refund_and_a_deal_that_is_lost_take_all_of_it(ella: Store) -> None:
    """To the last penny, and to the last millionth; won again, it is split as it was."""
    forget(ella, lead="L-ella")
    adjust(ella, "A-3,D-1,2025-07-01T00:00:00Z,-100.01,GBP")
    run(ella)
    assert credits(ella, "D-1") == {}
    deals = (
        "deal_id,status,created_at,closed_at,amount,currency\nD-1,{},2025-01-15,2025-02-01T00:00:00Z,{},GBP"
    )
    load(ella, deals=deals.format("lost", "100.01"))
    run(ella)
    assert shares(ella, "D-1") == {}
    load(ella, deals=deals.format("won", "200.02"))
    run(ella)
    assert held_touches(ella, "D-1") == [3334, 3334, 3333]  # 200.02, of which 100.01 were paid back
    assert sorted(shares(ella, "D-1").values()) == [333333, 333333, 333334]


def test_nothing_moves_a_frozen_split(ella: Store) -> None:
    """Not a late touch of another contact, not evidence, not a later touch of its own, not a full run."""
    forget(ella, phone="+44 20 7946 0018")
    load(
        ella,
        touches="""
            touch_id,visitor_id,at,url
            t9,v-other,2025-01-07T09:00:00Z,https://shop.test/a?utm_source=bing&utm_medium=cpc
            t8,v-ella-1,2025-01-08T09:00:00Z,https://shop.test/a?utm_source=bing&utm_medium=cpc
            """,
        identities="""
            email,visitor_id,at
            other@acme.test,v-new,2025-01-12T00:00:00Z
            ella@acme.test,v-new,2025-01-12T00:00:00Z
            """,
        deals="""
            deal_id,status,created_at,closed_at,amount,currency,lead_id,emails
            D-1,won,2025-01-15T00:00:00Z,2025-02-01T00:00:00Z,100.01,GBP,L-ella,ella@acme.test;x@acme.test
            """,
    )
    run(ella)
    run(ella, full=True)
    assert held_touches(ella, "D-1") == [3334, 3334, 3333]
    assert held_touches(ella, "D-1", "first_touch") == [10001]
    assert {one.reason for one in entries(ella) if one.key == "D-1"} == {"closed"}
    assert sorted(credits(ella, "D-2").values()) == [2500, 2500]  # whose journey is not frozen


def test_another_amount_counts_at_the_closing(ella: Store) -> None:
    """A mistake that is put right was never so: 200.02 is 66.68, 66.68, 66.66 by what was credited."""
    forget(ella, visitor="v-ella-1")
    load(
        ella,
        deals="""
            deal_id,status,created_at,closed_at,amount,currency,lead_id
            D-1,won,2025-01-15T00:00:00Z,2025-02-01T00:00:00Z,200.02,GBP,L-ella
            """,
    )
    run(ella)
    assert held_touches(ella, "D-1") == [6668, 6668, 6666]
    assert by_time(ella, "D-1") == {"2025-02-01T00:00:00Z": 20002}


def test_another_closing_date_moves_the_credit_there(ella: Store) -> None:
    """With the same split."""
    forget(ella, visitor="v-ella-1")
    load(
        ella,
        deals="""
            deal_id,status,created_at,closed_at,amount,currency,lead_id
            D-1,won,2025-01-15T00:00:00Z,2025-03-01T00:00:00Z,100.01,GBP,L-ella
            """,
    )
    run(ella)
    assert by_time(ella, "D-1") == {"2025-03-01T00:00:00Z": 10001}
    assert held_touches(ella, "D-1") == [3334, 3334, 3333]


@pytest.mark.parametrize("lookback", ["365d", "25d"])
def test_a_model_that_is_run_for_the_first_time_afterwards(ella: Store, lookback: str) -> None:
    """Reads the kept journey; over another window, what stands for the person."""
    forget(ella, email="ella@acme.test")
    run(ella, models=["last_touch", "time_decay", "w_shaped"], lookback=lookback)
    assert sum(credits(ella, "D-1", "time_decay").values()) == 10001
    assert "(unattributed)" not in credits(ella, "D-1", "w_shaped")
    assert len(credits(ella, "D-1", "time_decay")) == (3 if lookback == "365d" else 1)
    assert run(ella, models=["last_touch", "time_decay", "w_shaped"], lookback=lookback) == 0


def test_what_was_never_run_is_frozen_at_its_first_run(store: Store) -> None:
    """An import, an erasure, and only then a run: the credit is there, and stays."""
    load(store, **ELLA)
    run(store, models=["last_touch"], goals=["leads"])
    forget(store, email="ella@acme.test")
    run(store)
    assert held_touches(store, "D-1") == [3334, 3334, 3333]
    load(
        store,
        touches="""
            touch_id,visitor_id,at
            t9,v-other,2025-01-07T09:00:00Z
            """,
    )
    run(store)
    assert sum(credits(store, "D-1").values()) == 10001


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**9), min_size=1).filter(any))
def test_a_split_adds_up(total: int, weights: list[int]) -> None:
    """To the total, each part within one of its share, and to the weights themselves for their own sum."""
    parts = split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(
        abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True)
    )
    assert split(whole, weights) == weights
    assert split(-total, weights) == [-part for part in parts]


# --- who comes back -------------------------------------------------------------------------------------


def test_an_old_file_brings_nobody_back(ella: Store) -> None:
    """Every row is known or says nothing any more; deals lose their contacts, the lead of another nothing."""
    who = people(ella)
    forget(ella, email="ella@acme.test")
    nobody = people(ella)
    assert nobody != who
    counts = {name: _import(ella, name, text) for name, text in ELLA.items()}
    assert {name: count["accepted"] for name, count in counts.items()} == dict.fromkeys(ELLA, 0)
    assert {name: count["updated"] for name, count in counts.items()} == dict.fromkeys(ELLA, 0) | {"deals": 2}
    assert run(ella, full=True) == 0
    assert people(ella) == nobody
    assert _import(ella, "deals", ELLA["deals"])["duplicate"] == 3


def _import(store: Store, table: str, content: str) -> dict[str, int]:
    lines = "\n".join(line.strip() for line in content.strip().splitlines()) + "\n"
    return dict(store.import_table(table, "-", stdin=io.BytesIO(lines.encode())).totals)


def test_old_rows_that_were_never_seen_are_nobodys(ella: Store) -> None:
    """A late file with old touches: they count as anybody's do, and say nothing of whose they are."""
    forget(ella, email="ella@acme.test")
    counts = _import(
        ella,
        "touches",
        """
        touch_id,visitor_id,at,url,email,click_id,user_agent
        v-ella-1/17,v-ella-1,2025-01-03T09:00:00Z,https://shop.test/hers,,gclid:abcdefgh,her browser
        x-1,,2025-01-03T10:00:00Z,,ella@acme.test,,
        x-2,v-third,2025-01-03T11:00:00Z,,ella@acme.test,,
        """,
    )
    assert counts["accepted"] == 3
    with ella.db.read() as connection:
        rows = connection.execute(
            select(schema.touch)
            .where(schema.touch.c.at >= 1735894800000000)
            .order_by(schema.touch.c.at)
            .limit(3)
        ).all()
        known = set(connection.execute(select(schema.identifier.c.value)).scalars())
    assert [row.visitor is None for row in rows] == [True, True, False]
    assert [row.touch_id.startswith("erased-") for row in rows] == [True, True, False]
    assert (rows[0].page_id, rows[0].agent_id, rows[0].click_id) == (None, None, None)
    assert {"v-ella-1", "ella@acme.test"}.isdisjoint(known)
    run(ella)
    assert not any("v-third" in str(person) for person in people(ella))


def test_a_returning_customer_is_somebody_new(ella: Store) -> None:
    """Rows of a later day load as they always did, and touch nothing of what was before."""
    forget(ella, email="ella@acme.test")
    before = net(ella)
    counts = {
        name: _import(ella, name, text)["accepted"]
        for name, text in {
            "touches": """
                touch_id,visitor_id,at,url
                t20,v-ella-1,2025-07-01T09:00:00Z,https://shop.test/a?utm_source=bing&utm_medium=cpc
                """,
            "leads": """
                lead_id,created_at,visitor_id,email
                L-ella,2025-07-02T00:00:00Z,v-ella-1,ella@acme.test
                """,
            "deals": """
                deal_id,status,created_at,closed_at,amount,currency,emails
                D-9,won,2025-07-03T00:00:00Z,2025-07-04T00:00:00Z,80.00,GBP,Ella@acme.test
                """,
        }.items()
    }
    assert counts == {"touches": 1, "leads": 1, "deals": 1}
    run(ella)
    assert credits(ella, "D-9") == {"t20": 8000}
    assert {key: value for key, value in net(ella).items() if key[3] not in ("D-9", "L-ella")} == before
    assert any(("lead", "L-ella") in person and len(person) == 3 for person in people(ella))


def test_evidence_of_the_day_of_the_erasure(ella: Store) -> None:
    """A bare date is its day's first instant to an erasure, and an undated deal is older than any."""
    forget(ella, email="ella@acme.test")
    identities = "email,visitor_id,at\nella@acme.test,v-77,{}"
    assert _import(ella, "identities", identities.format("2025-06-01"))["duplicate"] == 1
    assert _import(ella, "identities", identities.format("2025-06-01T12:00:00Z"))["duplicate"] == 1
    assert _import(ella, "identities", identities.format("2025-06-02"))["accepted"] == 1
    deals = "deal_id,status,emails\nD-50,open,ella@acme.test;x@acme.test"
    assert _import(ella, "deals", deals)["accepted"] == 1
    with ella.db.read() as connection:
        assert (
            connection.execute(
                select(func.count()).select_from(schema.deal_contact)
                .join(schema.deal, schema.deal.c.deal_id == schema.deal_contact.c.deal_id)
                .where(schema.deal.c.key == "D-50")
            ).scalar_one()
            == 1
        )  # fmt: skip


def test_an_open_deal_keeps_its_touches(ella: Store) -> None:
    """Won later, it is credited by what stands for the person, though its rows name nobody any more."""
    forget(ella, email="ella@acme.test")
    load(
        ella,
        deals="""
            deal_id,status,created_at,closed_at,amount,currency,lead_id
            D-3,won,2025-01-20T00:00:00Z,2025-03-01T00:00:00Z,70.00,GBP,L-ella
            """,
    )
    run(ella)
    assert held_touches(ella, "D-3") == [3500, 3500]


def test_rows_that_do_not_load_are_not_kept_in_the_clear(
    ella: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad row and a conflict that name her, imported later: counted, and nothing of them is written."""
    monkeypatch.chdir(tmp_path)
    forget(ella, email="ella@acme.test")
    rows = {
        "leads": "lead_id,created_at,email\nL-5,yesterday,ELLA@acme.test\nL-6,yesterday,else@acme.test\n",
        "touches": "touch_id,visitor_id,at,url,campaign\nt3,v-ella-1,2025-01-05T09:00:00Z,,x\n",
        "adjustments": "adjustment_id,deal_id,at,amount,currency,reason\n"
        "A,D-1,2025-01-05,x,GBP,for ella@acme.test\n",
    }
    for table, content in rows.items():
        answer = ella.import_table(table, "-", stdin=io.BytesIO(content.encode()))
        assert answer.totals["rejected"] + answer.totals["conflict"] > 0
    with ella.db.read() as connection:
        kept = connection.execute(select(schema.rejected_row.c.raw, schema.rejected_row.c.message)).all()
    assert sorted(row.raw for row in kept)[1:] == ["{}", "{}", "{}"]
    assert "else@acme.test" in sorted(row.raw for row in kept)[0]
    folder = (ella.db.path.parent if ella.db.path else tmp_path) / "rejected"
    written = "".join(path.read_text() for path in folder.iterdir())
    assert "else@acme.test" in written
    assert "ella" not in written.lower()


# --- several people --------------------------------------------------------------------------------------


SHARED = {
    "identities": """
        visitor_id,user_id,at
        v-home,u-ann,2025-01-05T00:00:00Z
        v-home,u-bob,2025-01-15T00:00:00Z
        """,
    "touches": """
        touch_id,visitor_id,at
        a1,v-home,2025-01-02T00:00:00Z
        a2,v-home,2025-01-06T00:00:00Z
        b1,v-home,2025-01-16T00:00:00Z
        b2,v-home,2025-01-17T00:00:00Z
        """,
    "leads": """
        lead_id,created_at
        L-ann,2025-01-07T00:00:00Z
        L-bob,2025-01-18T00:00:00Z
        """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-ann,won,2025-01-08T00:00:00Z,2025-01-20T00:00:00Z,10.00,GBP,L-ann
        D-bob,won,2025-01-19T00:00:00Z,2025-01-21T00:00:00Z,30.00,GBP,L-bob
        """,
}
OF_LEADS = "user_id,lead_id,at\nu-ann,L-ann,2025-01-07T00:00:00Z\nu-bob,L-bob,2025-01-18T00:00:00Z"


def test_one_of_two_people_of_a_browser(store: Store) -> None:
    """Ann goes with her part of its history; the browser is Bob's, and so are his touches and his deal."""
    load(store, **SHARED)
    load(store, identities=OF_LEADS)
    run(store)
    assert (credits(store, "D-ann"), credits(store, "D-bob")) == (
        {"a1": 500, "a2": 500}, {"b1": 1500, "b2": 1500},
    )  # fmt: skip
    answer = forget(store, user="u-ann")
    assert "somebody else's" in answer.warnings[0]
    assert answer.totals["tombstones"] == 2  # her login and her lead, not the browser
    run(store, full=True)
    assert credits(store, "D-bob") == {"b1": 1500, "b2": 1500}
    assert sum(credits(store, "D-ann").values()) == 1000
    its = {name for person in people(store) if ("user", "u-bob") in person for _, name in person}
    assert {name.partition(" ")[0] for name in its} == {"v-home", "u-bob", "L-bob"}
    for table, content in SHARED.items():
        assert _import(store, table, content)["accepted"] == 0
    assert run(store, full=True) == 0
    with store.db.read() as connection:
        ids = set(connection.execute(select(schema.touch.c.touch_id)).scalars())
    assert {"b1", "b2"} < ids
    assert {"a1", "a2"}.isdisjoint(ids)


def test_what_comes_late_of_their_time_in_a_shared_browser_is_nobody_elses(store: Store) -> None:
    """Ann, Bob, Ann and Bob again logged in; Ann is erased, and visits of all those days come afterwards."""
    again = "v-home,u-ann,2025-01-25T00:00:00Z\nv-home,u-bob,2025-01-28T00:00:00Z"
    load(store, **SHARED)
    load(store, identities=OF_LEADS)
    load(store, identities=f"visitor_id,user_id,at\n{again}")
    load(
        store,
        deals="""
        deal_id,status,created_at,closed_at,amount,currency,lead_id
        D-late,won,2025-02-01T00:00:00Z,2025-02-02T00:00:00Z,30.00,GBP,L-bob
        """,
    )
    run(store)
    forget(store, user="u-ann")
    days = {"l1": "03", "l2": "20", "l3": "26", "l4": "29"}
    late = "\n".join(f"{name},v-home,2025-01-{day}T12:00:00Z" for name, day in days.items())
    load(store, touches=f"touch_id,visitor_id,at\n{late}")
    run(store)
    assert credits(store, "D-late") == {"b1": 750, "b2": 750, "l2": 750, "l4": 750}


def test_a_shared_browser_names_whoever_has_it_now(store: Store) -> None:
    """Bob, who logged in last."""
    load(store, **SHARED)
    load(store, identities=OF_LEADS)
    run(store)
    forget(store, visitor="v-home")
    run(store)
    assert credits(store, "D-ann") == {"a1": 500, "a2": 500}
    assert not any(("user", "u-bob") in person for person in people(store))
    assert any(("user", "u-ann") in person for person in people(store))


def test_a_switchboard_of_one_caller_less_still_ties_nobody(store: Store) -> None:
    """Six people at one telephone are six; the five that are left do not become one."""
    rows = [f"u-{i},+442079460099,2025-01-0{i}T00:00:00Z" for i in range(1, 7)]
    load(store, identities="\n".join(["user_id,phone,at", *rows]))
    run(store)
    alone = people(store)
    answer = forget(store, user="u-1")
    run(store)
    assert people(store) == alone == set()
    assert any("goes on tying nobody" in note for note in answer.warnings)


def test_colleagues_stay_members_of_their_company(store: Store) -> None:
    """Her record said which company a domain means; it still does when she is gone."""
    load(
        store,
        leads="""
            lead_id,created_at,email,account
            L-1,2025-01-01T00:00:00Z,ella@acme.com,Acme Works
            """,
        touches="""
            touch_id,visitor_id,at
            t1,v-colleague,2025-01-03T00:00:00Z
            """,
        identities="""
            visitor_id,email,at
            v-colleague,colleague@acme.com,2025-01-03T00:00:00Z
            """,
        deals="""
            deal_id,status,created_at,closed_at,amount,currency,account
            D-1,won,2025-01-04T00:00:00Z,2025-02-01T00:00:00Z,10.00,GBP,Acme Works
            """,
    )
    run(store, scope="account")
    assert credits(store, "D-1") == {"t1": 1000}
    forget(store, email="ella@acme.com")
    assert run(store, scope="account", full=True) == 0


def test_calls_and_leases(store: Store) -> None:
    """A number that was shown to her, her call, and the call log that comes again, or late."""
    calls = """
        call_id,at,tracking_number,caller,duration_seconds,answered
        c-1,2025-01-03T10:00:00Z,+442079460100,+442079460018,60,yes
        """
    load(
        store,
        touches="touch_id,visitor_id,at\nt1,v-ella-1,2025-01-03T09:00:00Z",
        leases="tracking_number,visitor_id,leased_at,released_at\n"
        "+442079460100,v-ella-1,2025-01-03T09:00:00Z,2025-01-03T11:00:00Z",
        calls=calls,
    )
    run(store)
    assert people(store) == {frozenset({("visitor", "v-ella-1"), ("phone", "+442079460018")})}
    forget(store, phone="+44 20 7946 0018")
    load(store, calls=calls)
    late = calls.replace("c-1", "c-2").replace("10:00", "10:30")
    assert _import(store, "calls", late)["accepted"] == 1
    run(store)
    assert people(store) == set()
    with store.db.read() as connection:
        count = select(func.count())
        assert connection.execute(count.select_from(schema.lease)).scalar_one() == 0
        assert connection.execute(count.select_from(schema.call)).scalar_one() == 2
        assert connection.execute(count.select_from(schema.contact)).scalar_one() == 0


# --- what is asked ----------------------------------------------------------------------------------------


def test_several_identifiers_of_one_person(ella: Store) -> None:
    """One of them unknown: it is said to be hers, and may not come back either."""
    answer = forget(ella, email="ella@acme.test", lead="L-ella", visitor="v-ella-1", phone="+441632960001")
    assert answer.totals == {"conversions_frozen": 2, "tombstones": 6}
    assert answer.title == "Forgotten"


def test_several_people_are_refused(ella: Store) -> None:
    """Nothing is changed, and nobody's address is repeated."""
    who = people(ella)
    with pytest.raises(InputError, match="belong to 2 people") as error:
        forget(ella, email="ella@acme.test", lead="L-other")
    assert "ella" not in str(error.value)
    assert people(ella) == who


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "nobody was named"),
        ({"email": "n/a"}, "names nobody"),
        ({"phone": "-"}, "names nobody"),
        ({"account": "acme.test"}, "kind of identifier"),
    ],
)
def test_nobody_is_named(ella: Store, named: dict[str, str], words: str) -> None:
    """A sentence, and nothing is changed."""
    with pytest.raises((InputError, UnknownNameError), match=words):
        forget(ella, **named)


def test_whoever_is_unknown_cannot_be_brought(store: Store) -> None:
    """Nothing is held, which is an answer; a file that is older than the request brings nobody."""
    answer = forget(store, email="ella@acme.test")
    assert (answer.rows, answer.totals["tombstones"]) == ([], 1)
    assert _import(store, "leads", "lead_id,created_at,email\nL-1,2025-01-01,ella@acme.test")["accepted"] == 1
    with store.db.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.contact)).scalar_one() == 0


def test_visitor_whom_nothing_names(store: Store) -> None:
    """Touches are nobody's afterwards; they are counted still, and are of one stranger."""
    load(store, touches="touch_id,visitor_id,at\nt1,v-stranger,2025-01-01\nt2,v-stranger,2025-01-02")
    answer = forget(store, visitor="v-stranger")
    assert {row["where"]: row["rows"] for row in answer.rows}["touch"] == 2
    with store.db.read() as connection:
        rows = connection.execute(select(schema.touch.c.visitor, schema.touch.c.touch_id)).all()
    assert len({row.visitor for row in rows}) == 1
    assert {row.touch_id[:7] for row in rows} == {"erased-"}


def test_free_texts_lose_the_person(ella: Store) -> None:
    """The reason of a refund, a setting; what is like an address and is another stays."""
    load(
        ella,
        adjustments="""
            adjustment_id,deal_id,at,amount,currency,reason
            A-7,D-1,2025-03-01,-1.00,GBP,asked by Ella+shop@acme.test (not bella@acme.test)
            """,
    )
    ella.config_set("blocked_identifiers", "somebody test@acme.test")
    assert {row["where"]: row["rows"] for row in forget(ella, email="ella@acme.test").rows}["adjustment"] == 1
    assert [row["where"] for row in forget(ella, email="test@acme.test").rows] == ["setting"]
    with ella.db.read() as connection:
        reason = connection.execute(select(schema.adjustment.c.reason)).scalar_one()
    assert reason == "asked by (erased) (not bella@acme.test)"
    assert ella.config_get("blocked_identifiers").rows[0]["value"] == "somebody"


def test_a_page_that_others_saw_stays(ella: Store) -> None:
    """And one that she alone saw goes, with the touch's tie to it."""
    forget(ella, email="ella@acme.test")
    with ella.db.read() as connection:
        paths = set(connection.execute(select(schema.page.c.path)).scalars())
        pages = connection.execute(select(schema.touch.c.page_id).order_by(schema.touch.c.at)).scalars().all()
    assert paths == {"/a"}
    assert [page is None for page in pages] == [False, False, True]


def test_a_store_that_could_not_be_written_anew(ella: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told, and done by the next request, whoever that names."""
    asked: list[tuple[str, ...]] = []

    def reclaim(_: object, tables: tuple[str, ...] = ()) -> str | None:
        asked.append(tuple(tables))
        return "the disk is full" if len(asked) == 1 else None

    monkeypatch.setattr("attribution.store.database.Database.reclaim", reclaim)
    answer = forget(ella, email="ella@acme.test")
    assert any(text.startswith("the disk is full; until then") for text in answer.warnings)
    forget(ella, email="nobody@acme.test")
    forget(ella, email="nobody@acme.test")
    assert len(asked) == 2
    assert asked[0] == asked[1]
    assert {"contact", "conversion", "identifier", "touch"} < set(asked[0])


def test_forget_on_the_command_line(ella: Store, store_url: str) -> None:
    """A receipt, also as JSON; a person who is unknown is no error, several are."""

    def call(*words: str) -> Any:
        return CliRunner().invoke(cli, ["--store", store_url, "forget", *words])

    dry = call("--email", "ella@acme.test", "--dry-run", "--format", "json")
    assert dry.exit_code == 0
    assert json.loads(dry.stdout)["warnings"] == ["dry run, nothing was changed"]
    assert "ella" not in dry.stdout.lower()
    done = call("--email", "ella@acme.test")
    assert done.exit_code == 0
    assert done.stdout.startswith("Forgotten")
    assert "conversions_frozen 2, tombstones 5" in done.stdout
    again = call("--email", "ella@acme.test")
    assert (again.exit_code, "nothing is held" in again.stderr) == (0, True)
    assert call().exit_code == 2
