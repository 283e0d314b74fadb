"""Identifiers in one comparable form; placeholders name nobody and tie nobody together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import rows
from ledger_books import load

from attribution.engine import Store
from attribution.identifiers import ACCOUNT, EMAIL, LEAD, PHONE, VISITOR, normalise


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (EMAIL, " Ella.Fitz+news@Googlemail.com ", "ellafitz@gmail.com"),
        (EMAIL, "Ella Fitz <ella@fitz.example>", "ella@fitz.example"),
        (EMAIL, "n/a", None),
        (EMAIL, "ella", None),
        (PHONE, "020 7946 0018", "+442079460018"),
        (PHONE, "+44 (0)20 7946 0018", "+442079460018"),
        (PHONE, "000-0000", None),
        (PHONE, "0", None),
        (ACCOUNT, "Acme.COM", "acme.com"),
        (ACCOUNT, "unknown", None),
        (LEAD, "L-1", "L-1"),
        (LEAD, "undefined", None),
        (VISITOR, "[object Object]", None),
        (VISITOR, "v" * 201, None),
    ],
)
def test_normalise(kind: int, value: str, kept: str | None) -> None:
    """Spellings of one thing are one identifier, what stands for nothing is none."""
    assert normalise(kind, value, "GB") == kept


def test_placeholders_tie_nobody(store: Store, csv: Callable[[str, str], Path]) -> None:
    """Two leads of e-mail n/a and phone 0 stay two people; visitor 0 is nobody's."""
    store.import_table(
        "touches",
        csv(
            "touches",
            """
            touch_id,visitor_id,at,channel
            t1,v1,2025-01-01,Email
            t2,v2,2025-01-01,Display
            t3,0,2025-01-01,Direct
            """,
        ),
    )
    store.import_table(
        "leads",
        csv(
            "leads",
            """
            lead_id,created_at,visitor_id,email,phone
            L1,2025-01-02,v1,n/a,0
            L2,2025-01-02,v2,n/a,0000000
            L3,2025-01-02,0,,
            """,
        ),
    )
    deal = "deal_id,status,closed_at,amount,currency,lead_id\nD,won,2025-02-01,100.00,GBP,L1"
    store.import_table("deals", csv("deals", deal))
    store.run()
    value = {row["channel"]: row["value"] for row in store.report("channel").rows}
    assert value == {"Email": "100.00", "Display": "0.00", "(unattributed)": "0.00"}  # the others are leads


def test_contacts_written_with_commas(store: Store, csv: Callable[[str, str], Path]) -> None:
    """No address holds a comma: the two people share the deal."""
    store.import_table(
        "touches",
        csv("t", "touch_id,visitor_id,at,channel\nt1,v1,2025-01-01,Email\nt2,v2,2025-01-01,Display"),
    )
    store.import_table(
        "identities", csv("i", "visitor_id,email,at\nv1,a@x.example,2025-01-02\nv2,b@x.example,2025-01-02")
    )
    deal = 'D,won,2025-02-01,10.00,GBP,"A@x.example, Bo <b@x.example>"'
    store.import_table("deals", csv("d", f"deal_id,status,closed_at,amount,currency,emails\n{deal}"))
    store.run()
    assert {row["channel"]: row["value"] for row in store.report("channel").rows} == {
        "Email": "5.00",
        "Display": "5.00",
    }


def test_placeholders_are_counted_once(store: Store) -> None:
    """A file that comes again counts no more; of one that grew only the new rows do."""
    seen = ["v1,u1,n/a,,2025-01-01", "v2,u2,N/A,000,2025-01-01", "v3,u3,ann@x.example,,2025-01-01"]
    seen.append(seen[0])  # a repetition within a file

    def counted(*more: str) -> dict[tuple[int, str], int]:
        load(store, identities="\n".join(["visitor_id,user_id,email,phone,at", *seen, *more]))
        return {
            (kind, value): count
            for kind, value, count in rows(store, "passed_over", "kind", "value", "count")
        }

    assert counted() == {(EMAIL, "n/a"): 2, (PHONE, "zeros"): 1}
    assert counted() == {(EMAIL, "n/a"): 2, (PHONE, "zeros"): 1}
    assert counted("v4,u4,n/a,,2025-01-01") == {(EMAIL, "n/a"): 3, (PHONE, "zeros"): 1}
    # v1 on another day is another observation; a blank where a placeholder stood is the same one
    assert counted("v1,u1,n/a,,2025-01-02", "v2,u2,,,2025-01-01") == {(EMAIL, "n/a"): 4, (PHONE, "zeros"): 1}
    assert counted("v1,u1,n/a,,2025-01-02") == {(EMAIL, "n/a"): 4, (PHONE, "zeros"): 1}


def test_placeholders_of_records_are_counted_once(store: Store) -> None:
    """Of leads and deals that come again only one that changed counts again, as it is now."""

    def counted(created: str = "2025-01-01", contact: str = "n/a") -> list[tuple[int, str, int]]:
        load(
            store,
            leads=f"lead_id,created_at,email\nL1,{created},n/a\nL2,2025-01-01,n/a",
            deals=f"deal_id,status,emails\nD1,open,{contact}\nD2,open,n/a",
        )
        return rows(store, "passed_over", "kind", "value", "count")

    assert counted() == counted() == [(EMAIL, "n/a", 4)]
    assert counted("2025-01-02") == [(EMAIL, "n/a", 5)]
    assert counted("2025-01-02", "n/a;ann@x.example") == [(EMAIL, "n/a", 6)]
    assert counted("2025-01-02", "ann@x.example") == [(EMAIL, "n/a", 6)]
