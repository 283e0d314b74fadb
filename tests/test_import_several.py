"""One export, several tables: `import leads,identities contacts.csv`, and the hint that there is more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from dumps import counts

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError

Csv = Callable[[str, str], Path]

CONTACTS = (
    "Record ID,Create Date,Email,Merged Record IDs\n"
    "7,2025-03-01,ella@fitz.example,\n"
    "9,2025-03-02,omar@x-io.test,4;5\n"
)
DEALS = (
    "Record ID,Deal Name,Deal Stage,Create Date,Close Date,Amount,Currency,Associated Contact IDs\n"
    "31,Flat,Closed Won,2025-04-01,2025-05-01,5000,GBP,7;9\n"
    "32,House,Closed Lost,2025-04-02,2025-05-02,900,GBP,\n"
)


def test_one_file_fills_two_tables(store: Store, csv: Csv) -> None:
    """Two contacts are two leads; who is who is three rows, since one contact was made of two others."""
    file = csv("contacts.csv", CONTACTS)
    answer = store.import_table("leads,identities", file, mapping="hubspot")
    assert [(row["table"], row["read"], row["accepted"]) for row in answer.rows] == [
        ("leads", 2, 2), ("identities", 3, 3),
    ]  # fmt: skip
    assert counts(answer.totals) == (5, 5, 0, 0, 0, 0)
    again = store.import_table("identities, leads", file, mapping="hubspot")
    assert counts(again.totals) == (5, 0, 0, 5, 0, 0)


def test_a_value_that_is_given_goes_to_the_tables_that_have_it(sqlite_store: Store, csv: Csv) -> None:
    """A currency is the deals' and no contact's; what none of the tables has is refused."""
    file = csv("deals.csv", DEALS.replace("GBP", ""))
    named, given = "deals,deal_contacts", {"currency": "EUR"}
    answer = sqlite_store.import_table(named, file, mapping="hubspot", fixed=given)
    assert [row["accepted"] for row in answer.rows] == [2, 2]
    with pytest.raises(UnknownNameError, match="unknown column of deals,deal_contacts 'colour'"):
        sqlite_store.import_table(named, file, mapping="hubspot", fixed={"colour": "red"})


def test_what_cannot_be(sqlite_store: Store, csv: Csv) -> None:
    """Several tables need a mapping and a file that can be read twice."""
    file = csv("leads.csv", "lead_id,created_at\n1,2025-01-01\n")
    with pytest.raises(InputError, match="a canonical file is of one: name one, or give --mapping"):
        sqlite_store.import_table("leads,identities", file)
    with pytest.raises(UnknownNameError, match="unknown table 'contacts'"):
        sqlite_store.import_table("leads,contacts", file, mapping="hubspot")
    with pytest.raises(InputError, match="standard input can be read once only"):
        sqlite_store.import_table("leads,identities", "-", mapping="hubspot")
    with pytest.raises(UnknownNameError, match="table of the mapping google_ads 'leads'"):
        sqlite_store.import_table("spend,leads", file, mapping="google_ads")


@pytest.mark.parametrize(
    ("table", "text", "hint"),
    [
        ("leads", CONTACTS, "import leads,identities"),
        ("deals", DEALS, "import deals,deal_contacts"),
        ("deals,deal_contacts", DEALS, None),
        ("deals", DEALS.replace("Associated Contact IDs", "Notes"), None),
    ],
    ids=["contacts", "deals", "all of it", "no contacts in the file"],
)
def test_the_command_line_tells_what_else_a_file_says(
    tmp_path: Path, csv: Csv, table: str, text: str, hint: str | None
) -> None:
    """Who imports the deals alone is told that their contacts stand in the same file."""
    file = csv("export.csv", text)
    url = f"sqlite:///{tmp_path / 'a.db'}"
    ran = CliRunner().invoke(cli, ["--store", url, "import", table, str(file), "--mapping", "hubspot"])
    assert ran.exit_code == 0, ran.output
    assert ("says something of" in ran.output) == (hint is not None)
    assert hint is None or hint in " ".join(ran.output.split())


def test_a_day_that_is_given_is_no_total(sqlite_store: Store, csv: Csv) -> None:
    """A report without days loads with `--set date=DAY`; a line without one among others is a total."""
    cost = "Campaign,Currency code,Cost\nbrand,GBP,5.00\n"
    given = {"date": "2026-03-01"}
    answer = sqlite_store.import_table("spend", csv("a", cost), mapping="google_ads", fixed=given)
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
    days = "Day,Campaign,Currency code,Cost\n2026-03-02,brand,GBP,6.00\n,brand,GBP,11.00\n"
    answer = sqlite_store.import_table("spend", csv("b", days), mapping="google_ads", fixed=given)
    assert counts(answer.totals) == (1, 1, 0, 0, 0, 0)
