"""Calls to numbers that one visitor only was shown: whose they are, whatever comes first, late or twice."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from call_books import BEN, ELLA, LEASED, OTHER, tied, ties, touches
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import credits, entries, load, people, wipe
from worlds import examples

from attribution.engine import Store
from attribution.metrics.answer import Answer

LEASE = f"""tracking_number,visitor_id,leased_at,released_at
    {LEASED},v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z
    """
CALL = f"""call_id,at,tracking_number,caller,duration_seconds,answered
    c1,2025-03-01T10:12:00Z,{LEASED},{ELLA},95,yes
    """
TIE = (f"phone {ELLA}", "visitor v1")


def calls(*rows: str) -> str:
    """Write calls as `ID,AT,NUMBER,CALLER`."""
    return "\n".join(["call_id,at,tracking_number,caller", *rows])


def leases(*rows: str) -> str:
    """Write leases as `NUMBER,VISITOR,FROM,TO`."""
    return "\n".join(["tracking_number,visitor_id,leased_at,released_at", *rows])


def given_rows(store: Store, table: str, content: str) -> Answer:
    """Import rows that may be refused."""
    lines = "\n".join(line.strip() for line in content.strip().splitlines()) + "\n"
    return store.import_table(table, "-", stdin=io.BytesIO(lines.encode()))


def found(store: Store, check: str) -> list[tuple[str, int, str]]:
    """Return what a check of doctor found."""
    return [
        (row["severity"], row["count"], row["detail"])
        for row in store.doctor().rows
        if row["check"] == check and row["severity"] != "ok"
    ]


@pytest.mark.parametrize("order", [("leases", "calls"), ("calls", "leases")])
def test_a_call_to_a_leased_number_ties_the_caller(store: Store, order: tuple[str, str]) -> None:
    """Whichever file comes first, the caller is the visitor who saw the number, and the call is a touch."""
    tables = {"leases": LEASE, "calls": CALL}
    for table in order:
        load(store, **{table: tables[table]})
    assert ties(store) == {(*TIE, "2025-03-01T10:12:00Z", "call")}
    assert touches(store) == {("call:c1", "call", f"phone {ELLA}", "2025-03-01T10:12:00Z", None, None)}
    store.run()
    assert people(store) == {frozenset({("phone", ELLA), ("visitor", "v1")})}


def test_the_files_again_change_nothing(store: Store) -> None:
    """Every row is a duplicate, and no touch, tie or change is added."""
    load(store, leases=LEASE, calls=CALL, tracking_numbers=f"tracking_number,pool\n{LEASED},web")
    store.run()
    before = (ties(store), touches(store))
    for table, content in (("calls", CALL), ("leases", LEASE)):
        answer = given_rows(store, table, content)
        assert (answer.totals["read"], answer.totals["duplicate"]) == (1, 1)
    assert (ties(store), touches(store)) == before
    assert store.run().totals["entries"] == 0


def test_numbers_are_one_however_they_are_written(store: Store) -> None:
    """The setting `region` says which country a number without one is of."""
    store.config_set("region", "GB")
    load(
        store,
        leases=leases("0808 157 0001,v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z"),
        calls=calls("c1,2025-03-01T10:12:00Z,+44 808 157 0001,020 7946 0018"),
    )
    assert tied(store) == {TIE}


def test_what_is_no_number_is_told(store: Store) -> None:
    """Without a country a number cannot be matched: the row is refused with what to do."""
    answer = given_rows(
        store, "calls", calls("c1,2025-03-01T10:12:00Z,0808 157 0001,", f"c2,2025-03-01,{LEASED},")
    )
    assert (answer.totals["accepted"], answer.totals["rejected"]) == (1, 1)
    rejected = next(row for row in store.doctor().rows if row["check"] == "rejected_rows")
    assert (
        "tracking_number is '0808 157 0001', which is no telephone number with its country"
        in rejected["detail"]
    )
    assert "config set region GB" in rejected["detail"]
    answer = given_rows(store, "leases", leases("12,v1,2025-03-01,", f"{LEASED},null,2025-03-01,"))
    assert answer.totals["rejected"] == 2
    answer = given_rows(store, "tracking_numbers", "tracking_number,fallback\nten,yes\n")
    assert (answer.totals["read"], answer.totals["rejected"]) == (1, 1)


def test_answered_is_read_as_telephone_systems_write_it(store: Store) -> None:
    """Yes and no in several words; anything else is told."""
    content = "call_id,at,tracking_number,answered\n" + "\n".join(
        f"c{i},2025-03-01T10:00:00Z,{LEASED},{word}"
        for i, word in enumerate(("yes", "TRUE", "completed", "no-answer", "0", "", "perhaps"))
    )
    answer = given_rows(store, "calls", content)
    assert (answer.totals["accepted"], answer.totals["rejected"]) == (6, 1)
    (rejected,) = (row for row in store.doctor().rows if row["check"] == "rejected_rows")
    assert "answered is 'perhaps'; allowed: yes, no, true, false, 1, 0, or answered" in rejected["detail"]


def test_a_lease_cannot_end_before_it_begins(store: Store) -> None:
    """Such a row is refused."""
    answer = given_rows(store, "leases", leases(f"{LEASED},v1,2025-03-02T10:00:00Z,2025-03-01T10:00:00Z"))
    assert answer.totals["rejected"] == 1


@pytest.mark.parametrize(
    ("at", "is_hers"),
    [
        ("2025-03-01T09:59:59.999999Z", False),
        ("2025-03-01T10:00:00Z", True),
        ("2025-03-01T10:30:00Z", True),
        ("2025-03-02T10:29:59.999999Z", True),
        ("2025-03-02T10:30:00Z", False),
    ],
)
def test_grace(store: Store, at: str, is_hers: bool) -> None:
    """People write numbers down: for a day after its lease a call is still the visitor's."""
    load(store, leases=LEASE, calls=calls(f"c1,{at},{LEASED},{ELLA}"))
    assert tied(store) == ({TIE} if is_hers else set())


def test_another_grace_matches_all_calls_anew(store: Store) -> None:
    """The setting is obeyed at the next run, also by calls that were matched before."""
    load(
        store,
        leases=LEASE,
        calls=calls(f"c1,2025-03-01T12:00:00Z,{LEASED},{ELLA}", f"c2,2025-03-03T10:00:00Z,{LEASED},{BEN}"),
    )
    store.run()
    assert tied(store) == {TIE}
    store.config_set("call_grace", "1h")
    store.run()
    assert tied(store) == set()
    assert people(store) == set()
    store.config_set("call_grace", "0h")  # nobody's once the lease is over
    store.run()
    assert tied(store) == set()
    store.config_set("call_grace", "3d")
    store.run()
    assert tied(store) == {TIE, (f"phone {BEN}", "visitor v1")}
    assert people(store) == {frozenset({("phone", ELLA), ("phone", BEN), ("visitor", "v1")})}


def test_a_number_that_is_leased_again_is_the_second_visitors(store: Store) -> None:
    """Also within the first one's grace: what counts is the lease that began last."""
    load(
        store,
        leases=leases(
            f"{LEASED},v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z",
            f"{LEASED},v2,2025-03-01T11:00:00Z,2025-03-01T11:30:00Z",
        ),
        calls=calls(
            f"c1,2025-03-01T10:59:59Z,{LEASED},{ELLA}",
            f"c2,2025-03-01T11:00:00Z,{LEASED},{BEN}",
        ),
    )
    assert tied(store) == {TIE, (f"phone {BEN}", "visitor v2")}


def test_a_lease_without_an_end_is_still_on(store: Store) -> None:
    """A later file may bring the end, and an old one does not take it back."""
    still_on = leases(f"{LEASED},v1,2025-03-01T10:00:00Z,")
    ended = leases(f"{LEASED},v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z")
    load(store, leases=still_on, calls=calls(f"c1,2025-05-01T10:00:00Z,{LEASED},{ELLA}"))
    assert tied(store) == {TIE}
    assert given_rows(store, "leases", ended).totals["updated"] == 1
    assert tied(store) == set()
    assert given_rows(store, "leases", still_on).totals["duplicate"] == 1
    assert tied(store) == set()
    longer = leases(f"{LEASED},v1,2025-03-01T10:00:00Z,2025-05-02T00:00:00Z")
    assert given_rows(store, "leases", longer).totals["updated"] == 1
    assert tied(store) == {TIE}


def test_rows_of_one_lease_in_one_file(store: Store) -> None:
    """They count one after the other, and an end that was said stays said."""
    begun = f"{LEASED},v1,2025-03-01T10:00:00Z"
    again = f"{OTHER},v1,2025-03-01T10:00:00Z,"
    rows = leases(f"{begun},", f"{begun},2025-03-01T10:30:00Z", f"{begun},", again)
    answer = given_rows(store, "leases", rows)
    counts = [answer.totals[name] for name in ("read", "accepted", "updated", "duplicate")]
    assert counts == [4, 2, 1, 1]
    load(
        store,
        calls=calls(f"c1,2025-05-01T10:00:00Z,{LEASED},{ELLA}", f"c2,2025-05-01T10:00:00Z,{OTHER},{BEN}"),
    )
    assert tied(store) == {(f"phone {BEN}", "visitor v1")}


def test_two_leases_of_one_instant_tie_nobody(store: Store) -> None:
    """Whoever called then may be either; doctor counts it."""
    load(
        store,
        leases=leases(
            f"{LEASED},v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z",
            f"{LEASED},v2,2025-03-01T10:00:00Z,2025-03-05T10:00:00Z",
        ),
        calls=calls(f"c1,2025-03-01T10:12:00Z,{LEASED},{ELLA}", f"c2,2025-03-03T10:00:00Z,{LEASED},{BEN}"),
    )
    assert tied(store) == {(f"phone {BEN}", "visitor v2")}  # the first lease was over by then
    ((severity, count, detail),) = found(store, "calls_of_nobody")
    assert (severity, count) == ("warning", 1)
    assert detail == "two leases of the number began at one instant: c1"


def test_the_fallback_number_ties_nobody(store: Store) -> None:
    """It is what everybody sees when the pool has run dry, whatever leases say."""
    load(store, leases=LEASE, calls=CALL)
    assert tied(store) == {TIE}
    load(store, tracking_numbers=f"tracking_number,pool,fallback\n{LEASED},web,yes")
    assert tied(store) == set()
    assert {touch[:3] for touch in touches(store)} == {("call:c1", "call", f"phone {ELLA}")}
    ((severity, count, detail),) = found(store, "calls_of_nobody")
    assert (severity, count) == ("warning", 1)
    assert detail == "the pool had run dry, and the fallback number was shown to everybody: c1"
    load(store, tracking_numbers=f"tracking_number,pool,fallback\n{LEASED},web,no")
    assert tied(store) == {TIE}


def test_a_number_in_print_places_its_calls(store: Store) -> None:
    """A call to a number without a lease is placed by what the number is for."""
    load(
        store,
        tracking_numbers=f"tracking_number,source,medium,campaign\n{OTHER},the-times,print,spring",
        calls=calls(f"c1,2025-03-01T10:12:00Z,{OTHER},{ELLA}"),
    )
    assert touches(store) == {
        ("call:c1", "call", f"phone {ELLA}", "2025-03-01T10:12:00Z", "the-times", "spring")
    }
    assert tied(store) == set()
    assert found(store, "calls_of_nobody") == []
    # what the number is for is known better now
    load(store, tracking_numbers=f"tracking_number,source,medium,campaign\n{OTHER},the-times,print,summer")
    assert {touch[5] for touch in touches(store)} == {"summer"}
    # it was leased then: the visitor's own touches say where they came from
    load(store, leases=leases(f"{OTHER},v1,2025-03-01T10:00:00Z,"))
    assert touches(store) == {("call:c1", "call", f"phone {ELLA}", "2025-03-01T10:12:00Z", None, None)}


def test_calls_and_their_numbers_in_any_order(store: Store) -> None:
    """A call log may come before the table of numbers."""
    load(store, calls=calls(f"c1,2025-03-01T10:12:00Z,{OTHER},{ELLA}"))
    load(store, tracking_numbers=f"tracking_number,source,medium,campaign\n{OTHER},the-times,print,spring")
    assert {touch[4:] for touch in touches(store)} == {("the-times", "spring")}


@pytest.mark.parametrize("caller", ["", "anonymous", "Withheld", "+266696687", "+7378742833", LEASED, "101"])
def test_a_caller_who_hides_is_nobodys_phone(store: Store, caller: str) -> None:
    """The call is still the touch of whoever saw the number; nothing ties people who hide to one another."""
    load(store, leases=LEASE, calls=calls(f"c1,2025-03-01T10:12:00Z,{LEASED},{caller}"))
    assert ties(store) == set()
    assert touches(store) == {("call:c1", "call", "visitor v1", "2025-03-01T10:12:00Z", None, None)}


def test_a_caller_who_hides_and_no_lease(store: Store) -> None:
    """Then the call is nobody's, and everything that reads touches copes."""
    load(store, calls=calls(f"c1,2025-03-01T10:12:00Z,{LEASED},"))
    assert {touch[2] for touch in touches(store)} == {None}
    store.run()
    answer = store.explain("touch", "call:c1")
    assert answer.warnings[0] == "this touch is nobody's: it names no visitor and nobody else"
    ((_, count, detail),) = found(store, "calls_of_nobody")
    assert (count, detail) == (1, "the caller hid their number, and nobody held the one they called: c1")


def test_a_caller_without_country_is_told(store: Store) -> None:
    """Something like a number that cannot be used is not passed over in silence."""
    answer = given_rows(store, "calls", calls(f"c1,2025-03-01T10:12:00Z,{LEASED},020 7946 0018"))
    assert any(
        "caller holds something, which is no telephone number with its country" in w for w in answer.warnings
    )
    store.config_set("region", "GB")
    answer = given_rows(store, "calls", calls(f"c1,2025-03-01T10:12:00Z,{LEASED},020 7946 0018"))
    assert answer.totals["updated"] == 1
    assert {touch[2] for touch in touches(store)} == {f"phone {ELLA}"}


SHOP = {
    "touches": """touch_id,visitor_id,at,url
        t1,v1,2025-03-01T09:50:00Z,https://acme.com/?utm_source=google&utm_medium=cpc
        t2,v2,2025-03-01T09:55:00Z,https://acme.com/?utm_source=news&utm_medium=email
        """,
    "leads": f"""lead_id,created_at,phone
        L1,2025-03-01T12:00:00Z,{ELLA}
        """,
    "deals": """deal_id,status,created_at,closed_at,amount,currency,lead_id
        D1,won,2025-03-02T00:00:00Z,2025-04-01T00:00:00Z,100.00,GBP,L1
        """,
}


def test_a_lease_that_changes_moves_the_tie_and_the_money(store: Store) -> None:
    """It turns out that another visitor saw the number: the first one's touch loses what it was given."""
    load(store, **SHOP, leases=leases(f"{LEASED},v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z"), calls=CALL)
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t1": 10000}
    load(store, leases=leases(f"{LEASED},v2,2025-03-01T10:05:00Z,2025-03-01T10:30:00Z"))
    assert tied(store) == {(f"phone {ELLA}", "visitor v2")}
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t2": 10000}
    assert {(e.touch, e.minor, e.reason) for e in entries(store) if e.run == 2} == {
        ("t1", -10000, "people changed"), ("t2", 10000, "people changed"),
    }  # fmt: skip
    assert people(store) == {frozenset({("phone", ELLA), ("visitor", "v2"), ("lead", "L1")})}


def test_a_call_that_changes(store: Store) -> None:
    """Another caller, another time: the tie and the touch follow, and the old ones are gone."""
    load(store, **SHOP, leases=LEASE, calls=CALL)
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"t1": 10000}
    answer = given_rows(store, "calls", calls(f"c1,2025-03-01T10:20:00Z,{LEASED},{BEN}"))
    assert answer.totals["updated"] == 1
    assert tied(store) == {(f"phone {BEN}", "visitor v1")}
    assert {touch for touch in touches(store) if touch[0] == "call:c1"} == {
        ("call:c1", "call", f"phone {BEN}", "2025-03-01T10:20:00Z", None, None)
    }
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"(unattributed)": 10000}


def test_evidence_that_two_calls_give_stays_while_one_of_them_does(store: Store) -> None:
    """A telephone system logs one call twice, and takes back one of the two."""
    load(
        store,
        leases=LEASE,
        calls=calls(f"c1,2025-03-01T10:12:00Z,{LEASED},{ELLA}", f"c2,2025-03-01T10:12:00Z,{LEASED},{ELLA}"),
    )
    assert tied(store) == {TIE}
    load(store, calls=calls(f"c1,2025-03-01T10:12:00Z,{LEASED},{BEN}"))
    assert tied(store) == {TIE, (f"phone {BEN}", "visitor v1")}
    load(store, calls=calls(f"c2,2025-03-01T10:12:00Z,{LEASED},{BEN}"))
    assert tied(store) == {(f"phone {BEN}", "visitor v1")}


def test_evidence_after_some_was_taken_back_is_seen(store: Store) -> None:
    """Numbers of edges are given anew: a new one under an old number is no old one."""
    load(store, leases=LEASE, calls=CALL)
    store.run()
    load(store, calls=calls(f"c1,2025-03-01T10:12:00Z,{LEASED},"))
    load(store, identities="visitor_id,email,at\nv7,a@acme.test,2025-03-01")
    store.run()
    assert people(store) == {frozenset({("visitor", "v7"), ("email", "a@acme.test")})}


def test_calls_enter_journeys_where_they_are_named(store: Store) -> None:
    """By default a call is a milestone and takes no money; `--kinds` lets it in."""
    load(store, **SHOP, leases=LEASE, calls=CALL)
    store.run(models=["linear"], goals=["revenue"])
    store.run(models=["linear"], goals=["revenue"], kinds="session call")
    assert credits(store, "D1", window="session click") == {"t1": 10000}
    assert credits(store, "D1", window="contacts session call") == {"t1": 5000, "call:c1": 5000}


def test_models_that_learn_cope_with_callers(store: Store) -> None:
    """A caller nobody knows makes a null journey of their own."""
    load(store, **SHOP, leases=LEASE, calls=calls(
        f"c1,2025-03-01T10:12:00Z,{LEASED},{ELLA}", f"c2,2025-03-01T10:12:00Z,{OTHER},{BEN}",
        f"c3,2025-03-01T10:12:00Z,{OTHER},",
    ))  # fmt: skip
    store.run(models=["markov"], goals=["revenue"], kinds="session call")
    assert sum(credits(store, "D1", model="markov").values()) == 10000


def test_a_touch_of_that_id_stays(store: Store) -> None:
    """A user's own `call:c1` is theirs; the call is kept and told."""
    load(store, touches="touch_id,visitor_id,at,kind\ncall:c1,v9,2025-01-01T00:00:00Z,call", leases=LEASE)
    answer = given_rows(store, "calls", CALL)
    assert (answer.totals["accepted"], answer.totals["conflict"]) == (0, 1)
    assert {touch[:3] for touch in touches(store)} == {("call:c1", "call", "visitor v9")}
    assert tied(store) == {TIE}
    (conflict,) = (row for row in store.doctor().rows if row["check"] == "conflicts")
    assert "this call would be the touch 'call:c1', which the table touches has already" in conflict["detail"]
    load(store, tracking_numbers=f"tracking_number,source\n{LEASED},print")
    assert {touch[:3] for touch in touches(store)} == {("call:c1", "call", "visitor v9")}


def test_a_touch_with_the_id_of_a_calls_touch_is_a_conflict(store: Store) -> None:
    """The other way round the call's touch was first."""
    load(store, leases=LEASE, calls=CALL)
    own = "touch_id,visitor_id,at,kind\ncall:c1,v9,2025-01-01T00:00:00Z,call\n"
    assert given_rows(store, "touches", own).totals["conflict"] == 1
    assert {touch[:3] for touch in touches(store)} == {("call:c1", "call", f"phone {ELLA}")}


def test_doctor_tells_why_calls_are_nobodys(store: Store) -> None:
    """A leased number outside its leases is worth a look; overlapping leases are too."""
    load(
        store,
        leases=leases(
            f"{LEASED},v1,2025-03-01T10:00:00Z,2025-03-01T10:30:00Z",
            f"{LEASED},v2,2025-03-01T10:20:00Z,2025-03-01T10:40:00Z",
            f"{OTHER},v1,2025-03-01T10:00:00Z,2025-03-01T10:20:00Z",
            f"{OTHER},v2,2025-03-01T10:20:00Z,2025-03-01T10:40:00Z",
        ),
        calls=calls(f"c1,2025-04-01T10:12:00Z,{LEASED},{ELLA}", f"c2,2025-03-01T10:12:00Z,{LEASED},{BEN}"),
    )
    assert found(store, "calls_of_nobody") == [("notice", 1, "nobody held the number at the time: c1")]
    assert found(store, "overlapping_leases") == [
        ("warning", 1, f"leases of a number that began while another visitor still held it: {LEASED}")
    ]
    answer = store.doctor()
    assert {row["check"] for row in answer.rows} >= {"calls_of_nobody", "overlapping_leases"}


def test_whoever_was_erased_does_not_call_again(store: Store) -> None:
    """The call stays as a call of nobody's, whatever files come in again, and no later lease finds it."""
    load(store, leases=LEASE, calls=CALL)
    store.run()
    store.forget(phone=ELLA)
    before = (touches(store), ties(store), people(store))
    assert ties(store) == set()
    for table, content in (("leases", LEASE), ("calls", CALL)):
        assert given_rows(store, table, content).totals["duplicate"] == 1
    load(store, leases=leases(f"{LEASED},v2,2025-03-01T10:10:00Z,2025-03-01T10:30:00Z"))
    store.run()
    assert (touches(store), ties(store), people(store)) == before
    load(store, calls=calls(f"c2,2025-03-01T10:15:00Z,{LEASED},{BEN}"))
    assert tied(store) == {(f"phone {BEN}", "visitor v2")}


NUMBERS = (LEASED, OTHER)
TIMES = tuple(f"2025-03-0{day}T{hour}:00:00Z" for day in (1, 2, 3) for hour in ("10", "11"))


@st.composite
def call_files(draw: st.DrawFn) -> dict[str, list[str]]:
    """Return rows of the three tables, with ids of their own; so few that everything meets everything."""
    some = st.sampled_from
    many = draw(st.lists(st.tuples(some(TIMES), some(NUMBERS), some((ELLA, BEN, ""))), max_size=5))
    held = draw(
        st.lists(
            st.tuples(some(NUMBERS), some(("v1", "v2", "v3")), some(TIMES), some(("", *TIMES))),
            max_size=5, unique_by=lambda row: row[:3],
        )
    )  # fmt: skip
    shown = draw(st.lists(st.tuples(some(NUMBERS), some(("yes", "no", "")), some(("", "times"))), max_size=2,
                          unique_by=lambda row: row[0]))  # fmt: skip
    return {
        "calls": [f"c{i},{at},{number},{caller}" for i, (at, number, caller) in enumerate(many)],
        "leases": [",".join(row) for row in held if not row[3] or row[3] >= row[2]],
        "tracking_numbers": [",".join(row) for row in shown],
    }


HEADS = {
    "calls": "call_id,at,tracking_number,caller",
    "leases": "tracking_number,visitor_id,leased_at,released_at",
    "tracking_numbers": "tracking_number,fallback,source",
}


def bring(store: Store, table: str, rows: list[str]) -> None:
    """Import rows, where there are any."""
    if rows:
        load(store, **{table: "\n".join([HEADS[table], *rows])})


def test_any_order_and_repetition(store: Store) -> None:
    """The rows of the three files in any order, split and repeated, with runs between or not."""

    @examples(store, sqlite=8, postgresql=2)
    @given(call_files(), st.randoms(use_true_random=False))
    def holds(files: dict[str, list[str]], chance: random.Random) -> None:
        wipe(store)
        for table, rows in files.items():
            bring(store, table, rows)
        store.run(models=["linear"])
        expected = (people(store), touches(store), ties(store))

        wipe(store)
        rows = [(table, row) for table, several in files.items() for row in several]
        rows += [one for one in rows if chance.random() < 0.4]
        chance.shuffle(rows)
        while rows:
            table = rows[0][0]
            some = [one for one in rows if one[0] == table][: chance.randint(1, 3)]
            bring(store, table, [row for _, row in some])
            for one in some:
                rows.remove(one)
            if chance.random() < 0.3:
                store.run(models=["linear"])
        store.run(models=["linear"])
        assert (people(store), touches(store), ties(store)) == expected

    holds()


def test_rejected_files_are_written(store: Store, csv: Callable[[str, str], Path]) -> None:
    """A file of which no row is usable loads nothing and says why."""
    answer = store.import_table(
        "leases", csv("leases", "tracking_number,visitor_id,leased_at\nx,v1,2025-03-01")
    )
    assert (answer.totals["accepted"], answer.totals["rejected"]) == (0, 1)
