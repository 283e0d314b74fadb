"""Leads, deals, stages, adjustments and meetings: an id is one record, and the latest content counts."""

from __future__ import annotations

import io
import itertools
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import counts, dump, names, rows
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from attribution import clock
from attribution.engine import Store
from attribution.loading import merge

Csv = Callable[[str, str], Path]

FILES = {
    "leads": """
        lead_id,created_at,email,phone,owner
        L1,2024-05-03T10:00:00Z,ella@acme.test,,Sam
        L2,2024-05-04,bob@acme.test,+44 20 7946 0018,
    """,
    "deals": """
        deal_id,status,created_at,closed_at,amount,currency,lead_id,emails
        D1,won,2024-05-03,2024-06-01,1234.50,GBP,L1,ella@acme.test; Carl@acme.test
        D2,open,2024-05-04,,,,,
    """,
    "stages": """
        object,id,stage,at
        lead,L1,sql,2024-05-05
        deal,D1,demo,2024-05-06T10:00:00Z
    """,
    "adjustments": """
        adjustment_id,deal_id,at,amount,currency,reason
        A1,D1,2024-07-01,-100.00,GBP,refund
        A2,D1,2024-07-02,50,GBP,
    """,
    "meetings": """
        meeting_id,lead_id,booked_at,held_at
        M1,L1,2024-05-05,
        M2,L2,2024-05-05,2024-05-06
    """,
}
TABLES = ["leads", "deals", "stages", "meetings", "adjustments"]


@pytest.mark.parametrize("table", TABLES)
def test_the_same_file_twice_changes_nothing(store: Store, csv: Csv, table: str) -> None:
    """Every row of the second import is a duplicate."""
    file = csv(table, FILES[table])
    assert counts(store.import_table(table, file).totals) == (2, 2, 0, 0, 0, 0)
    before = dump(store, without=["batch"])
    assert counts(store.import_table(table, file).totals) == (2, 0, 0, 2, 0, 0)
    assert dump(store, without=["batch"]) == before


@pytest.mark.parametrize("table", TABLES)
def test_a_known_row_beside_a_new_one_is_still_a_duplicate(store: Store, csv: Csv, table: str) -> None:
    """A growing export is imported every night: what was there already is neither updated nor in conflict."""
    head, first, *_ = [line.strip() for line in FILES[table].strip().splitlines()]
    store.import_table(table, csv("first", f"{head}\n{first}"))
    assert counts(store.import_table(table, csv("both", FILES[table])).totals) == (2, 1, 0, 1, 0, 0)


@pytest.mark.parametrize(
    ("table", "changed", "column", "value"),
    [
        ("leads", "L1,2024-05-03T10:00:00Z,ella@acme.test,,Kim", "owner", "Kim"),
        ("deals", "D1,won,2024-05-03,2024-06-01,99.00,GBP,L1,", "amount_minor", 9900),
        ("stages", "lead,L1,sql,2024-05-09", "at", 1715299199999999),
        ("meetings", "M1,L1,2024-05-05,2024-05-09T00:00:00Z", "held_at", 1715212800000000),
    ],
)
def test_new_content_updates_the_record(
    store: Store, csv: Csv, table: str, changed: str, column: str, value: object
) -> None:
    """One record is replaced under its number; the other one is not touched."""
    store.import_table(table, csv(table, FILES[table]))
    name = table.removesuffix("s")
    numbers = rows(store, name, f"{name}_id", "key")
    head = FILES[table].strip().splitlines()[0]
    answer = store.import_table(table, csv("changed", f"{head}\n{changed}"))
    assert counts(answer.totals) == (1, 0, 1, 0, 0, 0)
    assert rows(store, name, f"{name}_id", "key") == numbers
    assert value in [found for (found,) in rows(store, name, column)]
    assert len(rows(store, name, column)) == 2


def test_an_adjustment_with_new_content_is_a_conflict(store: Store, csv: Csv) -> None:
    """Money that was booked does not change under its id; the other row is kept with words."""
    store.import_table("adjustments", csv("adjustments", FILES["adjustments"]))
    before = rows(store, "adjustment", "key", "amount_minor", "reason")
    file = csv(
        "more",
        """
        adjustment_id,deal_id,at,amount,currency,reason
        A1,D1,2024-07-01,-1100.00,GBP,refund
        A3,D1,2024-07-01,-1.00,GBP,
        A3,D1,2024-07-01,-1.00,GBP,
        A3,D1,2024-07-01,-2.00,GBP,
        """,
    )
    assert counts(store.import_table("adjustments", file).totals) == (4, 1, 0, 1, 2, 0)
    after = rows(store, "adjustment", "key", "amount_minor", "reason")
    assert after == sorted([*before, ("A3", -100, None)], key=repr)
    kept = rows(store, "rejected_row", "line", "code", "message", "raw")
    assert [row[:2] for row in kept] == [(2, "conflict"), (5, "conflict")]
    assert "adjustment_id 'A1'" in kept[0][2]
    raw = json.loads(kept[0][3])
    assert (raw["amount"], raw["at"]) == ("-1100.00", "2024-07-01T23:59:59.999999Z")


def test_the_rows_of_one_id_count_in_their_order(store: Store, csv: Csv) -> None:
    """Open, open again, won: accepted, duplicate, updated; the last one is stored, once."""
    file = csv(
        "deals",
        """
        deal_id,status,closed_at,amount,currency
        D1,open,,,
        D1,open,,,
        D1,won,2024-06-01,10,GBP
        """,
    )
    assert counts(store.import_table("deals", file).totals) == (3, 1, 1, 1, 0, 0)
    assert rows(store, "deal", "key", "status") == [("D1", "won")]
    back = csv(
        "back", "deal_id,status,closed_at,amount,currency\nD1,lost,2024-06-01,,\nD1,won,2024-06-01,10,GBP"
    )
    before = dump(store, without=["batch"])
    assert counts(store.import_table("deals", back).totals) == (2, 0, 2, 0, 0, 0)
    assert dump(store, without=["batch"]) == before  # it ended as it was: nothing to look at again


def test_contacts_of_a_deal(store: Store, csv: Csv) -> None:
    """The lead and every e-mail; the account only where there is neither; a new version replaces them."""
    file = csv(
        "deals",
        """
        deal_id,status,lead_id,emails,account
        D1,open,L1,; Ella@acme.test ;bob@acme.test;;ELLA@acme.test,Acme
        D2,open,,,Acme
        D3,open,,,
        """,
    )
    store.import_table("deals", file)
    called = names(store)
    deals = dict(rows(store, "deal", "deal_id", "key"))

    def contacts() -> list[tuple[str, str, int]]:
        found = rows(store, "deal_contact", "deal_id", "identifier_id", "role")
        return sorted((deals[d], called[i], role) for d, i, role in found)

    assert contacts() == [
        ("D1", "L1", 0), ("D1", "bob@acme.test", 1), ("D1", "ella@acme.test", 1), ("D2", "acme", 2),
    ]  # fmt: skip
    answer = store.import_table(
        "deals", csv("new", "deal_id,status,lead_id,emails,account\nD1,open,,bob@acme.test,Acme")
    )
    assert counts(answer.totals) == (1, 0, 1, 0, 0, 0)
    assert contacts() == [("D1", "bob@acme.test", 1), ("D2", "acme", 2)]


def test_a_bare_date_is_the_start_or_the_end_of_its_day(store: Store, csv: Csv) -> None:
    """Creation starts, closing ends, in the store's time zone; a milestone is placed by the end."""
    store.config_set("timezone", "Europe/London")
    store.import_table("deals", csv("deals", FILES["deals"]))
    (won,) = [
        r for r in rows(store, "deal", "key", "created_at", "created_at_end", "closed_at") if r[0] == "D1"
    ]
    assert [clock.iso(at) for at in won[1:]] == [
        "2024-05-02T23:00:00Z", "2024-05-03T22:59:59.999999Z", "2024-06-01T22:59:59.999999Z",
    ]  # fmt: skip


def test_closed_before_created_loads_with_a_warning(store: Store, csv: Csv) -> None:
    """It is ordinary in CRMs."""
    file = csv(
        "deals", "deal_id,status,created_at,closed_at,amount,currency\nD1,won,2024-06-02,2024-06-01,1,GBP"
    )
    answer = store.import_table("deals", file)
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    assert "closed_at lies before created_at" in answer.warnings[0]


def test_a_phone_that_holds_no_number_is_told(store: Store, csv: Csv) -> None:
    """The lead is worth more than its phone: it loads without, and not in silence."""
    answer = store.import_table("leads", csv("leads", "lead_id,created_at,phone\nL1,2024-05-03,n/a"))
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    assert "phone holds no number" in answer.warnings[0]
    assert rows(store, "lead", "phone") == [(None,)]


def test_long_and_short_files_are_merged_alike(
    make_url: Callable[[], str], csv: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records are looked up one by one or all at once, whichever is faster: the result is the same."""
    dumps = []
    monkeypatch.setattr(secrets, "token_hex", lambda size: "5e" * size)  # one key for both
    for few in (0, 2_000):
        monkeypatch.setattr(merge, "_FEW_KEYS", few)
        with Store.open(make_url()) as store:
            for table in TABLES:
                store.import_table(table, csv(table, FILES[table]))
                store.import_table(table, csv(table, FILES[table]))
            dumps.append(dump(store, without=["batch.imported_at"]))
    assert dumps[0] == dumps[1]


def test_tables_may_come_in_any_order(make_url: Callable[[], str], csv: Csv) -> None:
    """A deal before its lead, a lead before its visitor's touches: the answers are the same."""
    files = {
        "touches": csv(
            "touches",
            """
            touch_id,visitor_id,at,source,medium
            t1,v1,2024-05-01T10:00:00Z,google,cpc
            t2,v1,2024-05-02T10:00:00Z,newsletter,email
            """,
        ),
        "identities": csv("identities", "visitor_id,email,at\nv1,ella@acme.test,2024-05-02"),
        "leads": csv("leads", FILES["leads"]),
        "deals": csv("deals", FILES["deals"]),
        "adjustments": csv("adjustments", FILES["adjustments"]),
    }
    answers = []
    for order in itertools.islice(itertools.permutations(files), 0, 120, 45):
        with Store.open(make_url()) as store:
            for table in order:
                store.import_table(table, files[table])
            store.run()
            answers.append((store.report("channel", model="linear").rows, store.explain("deal", "D1").rows))
    assert all(answer == answers[0] for answer in answers)
    assert sum(row["conversions"] for row in answers[0][0]) == 1


ROW = st.tuples(st.integers(0, 3), st.integers(1, 3))  # an id and its content


@given(st.lists(st.lists(ROW, max_size=7), max_size=4))
@hypothesis_settings(max_examples=25)
def test_any_files_leave_the_latest_content_of_each_id(contents: list[list[tuple[int, int]]]) -> None:
    """Counts and stored rows are those of taking the rows one by one."""
    known: dict[int, int] = {}
    with Store.open("sqlite://") as store:
        for content in contents:
            expected = {"accepted": 0, "duplicate": 0, "updated": 0}
            for key, day in content:
                fate = "accepted" if key not in known else "duplicate" if known[key] == day else "updated"
                known[key] = day
                expected[fate] += 1
            text = "meeting_id,lead_id,booked_at\n" + "".join(f"M{k},L,2024-05-0{d}\n" for k, d in content)
            totals = store.import_table("meetings", "-", stdin=io.BytesIO(text.encode())).totals
            assert {name: totals[name] for name in expected} == expected
        stored = {
            int(k[1:]): clock.from_micros(at).day for k, at in rows(store, "meeting", "key", "booked_at")
        }
    assert stored == known
