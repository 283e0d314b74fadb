"""Touches that say who somebody is: a form with an e-mail ties it to the visitor, at its time."""

from __future__ import annotations

import io
import random

from call_books import tied, ties, touches
from dumps import rows
from hypothesis import given
from hypothesis import strategies as st
from ledger_books import credits, load, people, wipe
from worlds import examples

from attribution.engine import Store
from attribution.metrics.answer import Answer

FORM = """touch_id,visitor_id,at,kind,email,phone
    f1,v1,2025-03-01T10:00:00Z,form,Ella@acme.test,+442079460018
    """


def given_rows(store: Store, content: str, table: str = "touches") -> Answer:
    """Import rows that may be refused."""
    lines = "\n".join(line.strip() for line in content.strip().splitlines()) + "\n"
    return store.import_table(table, "-", stdin=io.BytesIO(lines.encode()))


def test_a_form_ties_what_it_carries(store: Store) -> None:
    """It is the visitor's touch, and evidence like a row of `identities`."""
    load(store, touches=FORM)
    store.run()
    assert touches(store) == {("f1", "form", "visitor v1", "2025-03-01T10:00:00Z", None, None)}
    assert ties(store) == {
        ("email ella@acme.test", "phone +442079460018", "2025-03-01T10:00:00Z", "touch: form"),
        ("email ella@acme.test", "visitor v1", "2025-03-01T10:00:00Z", "touch: form"),
    }
    assert people(store) == {
        frozenset({("visitor", "v1"), ("email", "ella@acme.test"), ("phone", "+442079460018")})
    }


def test_every_identifier_that_a_touch_may_carry(store: Store) -> None:
    """The strongest is the one that the others are tied to; `identities` do the same."""
    load(store, touches="""touch_id,visitor_id,at,kind,email,phone,user_id,lead_id,contact_id
        c1,v1,2025-03-01T10:00:00Z,chat,a@acme.test,+442079460018,u1,L1,hubspot:7
        """)  # fmt: skip
    assert {(one, other) for one, other, *_ in ties(store)} == {
        ("lead L1", "visitor v1"), ("email a@acme.test", "lead L1"), ("lead L1", "phone +442079460018"),
        ("lead L1", "user u1"), ("contact hubspot:7", "lead L1"),
    }  # fmt: skip
    assert {source for *_, source in ties(store)} == {"touch: chat"}


def test_a_file_without_these_columns_is_what_it_was(store: Store) -> None:
    """A row without a value is the same row, whether the column is there or not."""
    plain = "touch_id,visitor_id,at\nt1,v1,2025-03-01T10:00:00Z\n"
    load(store, touches=plain)
    wide = "touch_id,visitor_id,at,email,user_id\nt1,v1,2025-03-01T10:00:00Z,,\n"
    assert given_rows(store, wide).totals["duplicate"] == 1
    other = "touch_id,visitor_id,at,email\nt1,v1,2025-03-01T10:00:00Z,a@acme.test\n"
    assert given_rows(store, other).totals["conflict"] == 1
    assert ties(store) == set()


def test_repeated_rows_add_nothing(store: Store) -> None:
    """The same file again is all duplicates; a row that contradicts is no evidence."""
    load(store, touches=FORM)
    before = ties(store)
    assert given_rows(store, FORM).totals["duplicate"] == 1
    assert given_rows(store, FORM.replace("Ella@", "Ben@")).totals["conflict"] == 1
    assert ties(store) == before


def test_a_touch_without_a_visitor(store: Store) -> None:
    """It is the touch of the strongest identifier given, and counts for whoever that is."""
    load(
        store,
        touches="""touch_id,at,kind,source,email,phone
            o1,2025-03-01T10:00:00Z,offline,trade-fair,ella@acme.test,+442079460018
            """,
        deals="""deal_id,status,created_at,closed_at,amount,currency,emails
            D1,won,2025-03-02T00:00:00Z,2025-04-01T00:00:00Z,100.00,GBP,ella@acme.test
            """,
    )
    assert {touch[:3] for touch in touches(store)} == {("o1", "offline", "email ella@acme.test")}
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"o1": 10000}


def test_an_email_alone_is_somebody(store: Store) -> None:
    """A list of a trade fair names nothing but e-mails; a deal that names one finds its touch."""
    deal = """deal_id,status,created_at,closed_at,amount,currency,emails
        D1,won,2025-03-02T00:00:00Z,2025-04-01T00:00:00Z,100.00,GBP,ella@acme.test
        """
    load(store, deals=deal)
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"(unattributed)": 10000}
    load(store, touches="""touch_id,at,kind,source,email
        o1,2025-03-01T10:00:00Z,offline,trade-fair,ella@acme.test
        """)  # fmt: skip
    store.run(models=["linear"], goals=["revenue"])
    assert credits(store, "D1") == {"o1": 10000}
    assert store.explain("touch", "o1").rows[0]["touch"]["of"] == "email ella@acme.test"
    store.config_set("shared_people", "6")  # resolves everything again
    store.run(models=["linear"], goals=["revenue"], full=True)
    assert credits(store, "D1") == {"o1": 10000}


def test_a_row_that_names_nobody(store: Store) -> None:
    """One identifier at least is needed, unless consent to analytics is denied."""
    answer = given_rows(store, """touch_id,at,kind,email
        f1,2025-03-01T10:00:00Z,form,
        """)  # fmt: skip
    assert answer.totals["rejected"] == 1
    (row,) = (row for row in store.doctor().rows if row["check"] == "rejected_rows")
    assert "visitor_id is missing, and so are email, phone, user_id, lead_id, contact_id" in row["detail"]


def test_denied_analytics_is_no_evidence(store: Store) -> None:
    """Then the touch is nobody's, and nothing is kept of who it was."""
    load(store, touches="""touch_id,visitor_id,at,kind,email,consent
        f1,v1,2025-03-01T10:00:00Z,form,ella@acme.test,denied
        f2,v2,2025-03-01T10:00:00Z,form,ben@acme.test,granted
        """)  # fmt: skip
    assert {(one, other) for one, other, *_ in ties(store)} == {("email ben@acme.test", "visitor v2")}
    assert {touch[:3] for touch in touches(store)} == {
        ("f1", "form", None), ("f2", "form", "visitor v2"),
    }  # fmt: skip
    assert len(rows(store, "contact", "value")) == 1


def test_placeholders_are_nobody(store: Store) -> None:
    """`n/a` is no phone and `none` no visitor."""
    load(store, touches="""touch_id,visitor_id,at,kind,email,phone
        f1,none,2025-03-01T10:00:00Z,form,ella@acme.test,n/a
        f2,v2,2025-03-01T10:00:00Z,form,unknown,
        """)  # fmt: skip
    assert ties(store) == set()
    assert {touch[:3] for touch in touches(store)} == {
        ("f1", "form", "email ella@acme.test"), ("f2", "form", "visitor v2"),
    }  # fmt: skip


def test_a_login_in_a_browser_of_two_splits_it_by_time(store: Store) -> None:
    """What a touch says is evidence of its own time, as any other."""
    load(store, touches="""touch_id,visitor_id,at,kind,user_id
        t1,v1,2025-03-01T10:00:00Z,event,ella
        t2,v1,2025-03-03T10:00:00Z,event,ben
        """)  # fmt: skip
    store.run()
    assert len(people(store)) == 2


FORMS = st.lists(
    st.tuples(
        st.sampled_from(("v1", "v2", "")), st.sampled_from(("a@x.test", "b@x.test", "")),
        st.sampled_from(("u1", "")), st.sampled_from(("form", "chat")),
    ).filter(lambda row: any(row[:3])),
    min_size=1, max_size=6,
)  # fmt: skip


def test_any_order_and_repetition(store: Store) -> None:
    """Rows in any order, split and repeated, give the same people and touches."""

    @examples(store, sqlite=8, postgresql=2)
    @given(FORMS, st.randoms(use_true_random=False))
    def holds(forms: list[tuple[str, ...]], chance: random.Random) -> None:
        lines = [f"f{i},2025-03-0{i + 1},{','.join(row)}" for i, row in enumerate(forms)]
        head = "touch_id,at,visitor_id,email,user_id,kind\n"
        wipe(store)
        load(store, touches=head + "\n".join(lines))
        store.run(models=["linear"])
        expected = (people(store), touches(store), ties(store))

        wipe(store)
        lines += [line for line in lines if chance.random() < 0.4]
        chance.shuffle(lines)
        for line in lines:
            load(store, touches=head + line)
            if chance.random() < 0.3:
                store.run(models=["linear"])
        store.run(models=["linear"])
        assert (people(store), touches(store), ties(store)) == expected
        assert tied(store) == set()

    holds()
