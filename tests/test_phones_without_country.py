"""Telephone numbers without a country match nobody who writes them otherwise: imports and `doctor` say so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import rows
from ledger_books import people

from attribution.engine import Store

Csv = Callable[[str, str], Path]

LEADS = """
lead_id,created_at,phone,email
L1,2025-01-01,020 7946 0018,a@x.test
L2,2025-01-02,+44 20 7946 0018,b@x.test
L3,2025-01-03,07700 900123,
L4,2025-01-04,07700 900123,
L5,2025-01-05,,
"""
IDENTITIES = "visitor_id,phone,at\nv1,020 7946 0018,2025-01-01\nv2,+442079460018,2025-01-01"
TOUCHES = "touch_id,visitor_id,phone,at\nt1,v3,020 7946 0018,2025-01-01\nt2,v4,,2025-01-01"


def notices(store: Store, csv: Csv, table: str, content: str) -> list[str]:
    """Import a file, and return what is said of its phones."""
    answer = store.import_table(table, csv(table, content))
    return [text for text in answer.warnings if "phone has no country" in text]


@pytest.mark.parametrize(
    ("table", "content", "count"),
    [("leads", LEADS, 3), ("identities", IDENTITIES, 1), ("touches", TOUCHES, 1)],
)
def test_an_import_says_how_many(sqlite_store: Store, csv: Csv, table: str, content: str, count: int) -> None:
    """Once: rows that are known already are not said again. With the region nothing is to be said."""
    (text,) = notices(sqlite_store, csv, table, content)
    assert text.endswith(f"attribution config set region GB ({count} rows)")
    assert notices(sqlite_store, csv, table, content) == []


def test_with_the_region_all_have_a_country(sqlite_store: Store, csv: Csv) -> None:
    """And the two spellings are one number."""
    sqlite_store.config_set("region", "GB")
    for table, content in (("leads", LEADS), ("identities", IDENTITIES), ("touches", TOUCHES)):
        assert notices(sqlite_store, csv, table, content) == []
    sqlite_store.run()
    assert any({("visitor", f"v{i}") for i in (1, 2, 3)} <= person for person in people(sqlite_store))
    (row,) = [row for row in sqlite_store.doctor().rows if row["check"] == "phones_without_country"]
    assert row["severity"] == "ok"


def test_doctor_counts_those_that_are_in(sqlite_store: Store, csv: Csv) -> None:
    """They stay as they are when the region is set later, and the hint says what that is good for."""
    notices(sqlite_store, csv, "leads", LEADS)

    def found() -> tuple[int, str, str]:
        (row,) = [row for row in sqlite_store.doctor().rows if row["check"] == "phones_without_country"]
        return row["count"], row["detail"], row["hint"]

    count, detail, hint = found()
    assert count == 2
    assert detail.endswith("in another spelling: 02079460018, 07700900123")
    assert hint.endswith("attribution config set region GB")
    sqlite_store.config_set("region", "GB")
    count, _, hint = found()
    assert count == 2
    assert hint.endswith("are of the region GB")


def test_the_identifier_at_fault_is_named(
    sqlite_store: Store, csv: Csv, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With what is wrong about it."""
    monkeypatch.chdir(tmp_path)
    content = """
        email,phone,visitor_id,at
        ella,,v1,2025-01-01
        ella@x.test,n/a,,2025-01-01
        ella,none yet,,2025-01-01
        ella@x.test,00-0,,2025-01-01
        """
    sqlite_store.import_table("identities", csv("identities", content))
    start, end = "fewer than two identifiers are usable: ", "; give another identifier or mend it"
    found = [
        text.removeprefix(start).removesuffix(end)
        for (text,) in rows(sqlite_store, "rejected_row", "message")
    ]
    assert sorted(found) == [
        "email is 'ella', which has no @ in it",
        "email is 'ella', which has no @ in it and phone is 'none yet', which has no number in it",
        "phone is '00-0', which is zeros",
        "phone is 'n/a', which stands for nobody",
    ]
