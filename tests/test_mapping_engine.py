"""Mappings: what each attribute does, what is told, and what is wrong with a mapping that cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from dumps import counts, rows

from attribution.cli import cli
from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.sources import files
from attribution.sources.batch import RawBatch
from attribution.sources.mapping import read
from attribution.sources.mapping.apply import Applied, apply
from attribution.sources.mapping.read import built_in, parse_mapping

Csv = Callable[[str, str], Path]

RATES = '[rates.columns]\ndate = "Day"\ncurrency = "Code"\nrate = '
DEALS = '[deals.columns]\ndeal_id = "id"\nstatus = { value = "won" }\n'


def mapped(
    text: str, columns: dict[str, list[str | None]], look_ups: dict[str, dict[str, str]] | None = None,
    **fixed: str,
) -> Applied:  # fmt: skip
    """Map rows by the first section of a mapping."""
    mapping = parse_mapping("ours", text)
    block = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    lines = np.arange(2, block.num_rows + 2)
    return apply(next(iter(mapping.sections.values())), RawBatch(block, lines), fixed, look_ups or {})


def values(
    text: str, columns: dict[str, list[str | None]], column: str, **look_ups: dict[str, str]
) -> list[str | None]:
    """Map rows, and return one column."""
    batch = mapped(text, columns, dict(look_ups)).batch
    assert batch.rejected == []
    if column not in batch.columns.column_names:
        return [None] * batch.columns.num_rows
    found: list[str | None] = batch.columns.column(column).to_pylist()
    return found


def one(place: str, *received: str | None) -> list[str | None]:
    """Return what a place makes of values of the column `x`."""
    return values(DEALS + f"owner = {place}", {"id": ["1"] * len(received), "x": list(received)}, "owner")


@pytest.mark.parametrize(
    ("place", "received", "becomes"),
    [
        ('"X"', ["a", " b ", "", None], ["a", "b", None, None]),
        ('{ value = "Sam" }', ["a", None], ["Sam", "Sam"]),
        ('{ from = "x", starts = "00Q" }', ["00qA", "003B", None], ["00qA", None, None]),
        (
            '[{ from = "x", starts = "00Q" }, { from = "x", prefix = "c:" }]',
            ["00Q1", "0032"],
            ["00Q1", "c:0032"],
        ),
        (
            '{ from = "x", number = "1,234.56" }',
            ["$1,204.50", "--", "12", ".5"],
            ["1204.50", None, "12", "0.5"],
        ),
        (
            '{ from = "x", number = "1,234.56" }',
            ["(1,000.50)", "-$5.00", "5-", "\u22123"],
            ["-1000.50", "-5.00", "-5", "-3"],
        ),
        ('{ from = "x", number = "1,234.56" }', ["1,5", "1.2K", "1e6", "5%"], ["1,5", "1.2K", "1e6", "5%"]),
        (
            '{ from = "x", number = "1,234.56" }',
            ["US$12", "USD1,000.00", "12 CHF", "1,23,456"],
            ["12", "1000.00", "12", "123456"],
        ),
        ('{ from = "x", number = "1.234,56" }', ["1.204,50 €", "0,5", "7"], ["1204.50", "0.5", "7"]),
        (
            '{ from = "x", number = "1 234,56" }',
            ["1\u00a0204,50", "1 000", "kr 2,5"],
            ["1204.50", "1000", "2.5"],
        ),
        (
            '{ from = "x", unit = "micro" }',
            ["1204500000", "1", "-250000", "x"],
            ["1204.5", "0.000001", "-0.25", "x"],
        ),
        ('{ from = "x", unit = "hundredth" }', ["1204", "5", "0"], ["12.04", "0.05", "0"]),
        ('{ from = "x", epoch = "seconds" }', ["1714730400", "x"], ["2024-05-03 10:00:00.000000Z", "x"]),
        ('{ from = "x", epoch = "milliseconds" }', ["1714730400250"], ["2024-05-03 10:00:00.250000Z"]),
        ('{ from = "x", epoch = "microseconds" }', ["1714730400000001"], ["2024-05-03 10:00:00.000001Z"]),
        ('{ from = "x", form = "%d/%m/%Y" }', ["03/05/2024", "2024-05-03"], ["2024-05-03", "2024-05-03"]),
        ('{ from = "x", form = "%m/%d/%Y %I:%M %p" }', ["05/03/2024 2:30 PM"], ["2024-05-03 14:30:00"]),
        (
            '{ from = "x", utc = true }',
            ["2024-05-03 9:00:00", "2024-05-03T09:00:00+02:00", "2024-05-03"],
            ["2024-05-03 09:00:00Z", "2024-05-03T09:00:00+02:00", "2024-05-03"],
        ),
        (
            '{ from = "x", day = true }',
            ["2024-05-03 00:00:00", "2024-05-03T23:00:00Z", "2024-05-03"],
            ["2024-05-03"] * 3,
        ),
        ('{ from = "x", before = "(" }', ["Won (Sales)", "Won"], ["Won", "Won"]),
        ('{ from = "x", after = "/" }', ["customers/1/campaigns/2", "7"], ["2", "7"]),
        ('{ from = "x", after = "]^-" }', ["a]b", "a^c", "a-d"], ["b", "c", "d"]),
        (
            '{ from = "x", id = "salesforce" }',
            ["00Q1G00000nDnM5", "00Q1G00000nDnM5UAK", "short", None],
            ["00Q1G00000nDnM5UAK", "00Q1G00000nDnM5UAK", "short", None],
        ),
        ('{ from = "x", words = { Yes = "Sam", no = "" } }', ["YES", "no"], ["Sam", None]),
        (
            '{ from = "x", words = { yes = "Sam" }, otherwise = "Pam" }',
            ["yes", "q", None],
            ["Sam", "Pam", None],
        ),
        ('{ from = "x", prefix = "crm:" }', ["1", None], ["crm:1", None]),
        ('[{ from = "x", words = { a = "1" } }, "x"]', ["a", "b"], ["1", "b"]),
    ],
)
def test_what_a_place_makes_of_values(
    place: str, received: list[str | None], becomes: list[str | None]
) -> None:
    """Each attribute, alone and with the next place."""
    assert one(place, *received) == becomes


def test_the_first_place_with_a_value_counts() -> None:
    """Row by row; names of columns are compared without capitals and spaces around."""
    columns = {"id": ["1", "2", "3"], "a": ["x", None, None], "b": [None, "y", None]}
    assert values(DEALS + 'owner = [" A ", "B"]', columns, "owner") == ["x", "y", None]
    assert values(DEALS + 'owner = { from = ["A", "B"], prefix = "p" }', columns, "owner") == [
        "px",
        "py",
        None,
    ]


def test_only_where_a_column_of_the_table_says_so() -> None:
    """The close date of a deal that is open is no closing."""
    text = (
        '[deals.columns]\ndeal_id = "id"\nstatus = "s"\n'
        'closed_at = { from = "close", only = { status = ["won", "lost"] } }'
    )
    columns = {"id": ["1", "2", "3"], "s": ["Won", "open", None], "close": ["2024-05-03"] * 3}
    assert values(text, columns, "closed_at") == ["2024-05-03", None, None]


def test_only_where_other_columns_say_so() -> None:
    """Tests are as those of leave_out; a column that the file does not have is one without values."""
    columns = {"id": ["1", "2", "3"], "x": ["a", "b", "c"], "gone": ["yes", "no", None]}

    def owner(test: str) -> list[str | None]:
        return values(DEALS + f'owner = {{ from = "x", where = {test} }}', columns, "owner")

    assert owner('{ column = "gone", is = "yes" }') == ["a", None, None]
    assert owner('{ column = "gone", unless = "yes" }') == [None, "b", "c"]
    assert owner('{ column = "gone", missing = true }') == [None, None, "c"]
    assert owner('{ column = "gone", starts = "" }') == ["a", "b", None]
    assert owner('[{ column = "gone", unless = "yes" }, { column = "x", is = "b" }]') == [None, "b", None]
    assert owner('{ column = "absent", is = "yes" }') == [None, None, None]
    assert owner('{ column = "absent", unless = "yes" }') == ["a", "b", "c"]
    assert owner('{ column = "absent", missing = true }') == ["a", "b", "c"]


def test_what_a_place_tells() -> None:
    """How many rows got their value there."""
    text = '[deals.columns]\ndeal_id = "id"\nstatus = ["s", { value = "open", tell = "no stage: open" }]'
    told = mapped(text, {"id": ["1", "2", "3"], "s": ["won", None, None]}).told
    assert [(one.text, one.rows) for one in told] == [("no stage: open", 2)]


def test_rows_that_are_left_out() -> None:
    """Counted rule by rule, with their reason; rules about columns that are not there say nothing."""
    text = DEALS + "".join(
        f"\n[[deals.leave_out]]\n{rule}"
        for rule in (
            'column = ["gone", "deleted"]\nis = ["true", "yes"]\nbecause = "deleted"',
            'column = "type"\nunless = "sale"\nbecause = "no sale"',
            'column = "id"\nstarts = "Total"\nbecause = "a total"',
            'column = ["mail", "phone"]\nmissing = true\nbecause = "nobody"',
            'column = "absent"\nunless = "x"\nbecause = "never"',
        )
    )
    applied = mapped(
        text,
        {
            "id": ["1", "2", "3", "TOTAL: all", "5", "6"],
            "deleted": ["TRUE", "no", None, None, None, " yes "],
            "type": ["sale", None, "sale", "sale", "sale", "sale"],
            "phone": ["1", "1", None, "1", "1", "1"],
            "mail": [None, None, None, None, "e", None],
        },
    )
    assert applied.batch.columns.column("deal_id").to_pylist() == ["5"]
    assert applied.batch.lines.tolist() == [6]
    assert [(one.text, one.rows) for one in applied.told] == [
        ("left out: deleted", 2), ("left out: no sale", 1), ("left out: a total", 1), ("left out: nobody", 1),
    ]  # fmt: skip


def test_missing_means_every_row_where_there_is_no_such_column() -> None:
    """What no row can have, no row has."""
    text = DEALS + '[[deals.leave_out]]\ncolumn = "utm"\nmissing = true\nbecause = "says nothing"'
    assert mapped(text, {"id": ["1", "2"]}).batch.columns.num_rows == 0


def test_one_row_for_each_of_several_values() -> None:
    """Lists are parted by ; or , and keep the line of their row; a row without any stays one row."""
    text = (
        '[deal_contacts]\neach = ["contacts"]\n'
        '[deal_contacts.columns]\ndeal_id = "id"\ncontact_id = "contacts"'
    )
    batch = mapped(text, {"id": ["1", "2", "3", "4"], "contacts": ["7; 8,9", None, "; ;", "5;"]}).batch
    assert batch.columns.to_pylist() == [
        {"deal_id": deal, "contact_id": contact}
        for deal, contact in [("1", "7"), ("1", "8"), ("1", "9"), ("2", None), ("3", None), ("4", "5")]
    ]
    assert batch.lines.tolist() == [2, 2, 2, 3, 4, 5]


STAGES = """
[with.stages]
about = "stages"
key = "stage_id"
other_keys = ["label"]
latest = "updated"
[with.stages.columns]
status = [
  { from = "won", words = { yes = "won", no = "" } },
  { from = "closed", words = { yes = "lost", no = "open" } },
]
[deals.columns]
deal_id = "id"
status = { from = "stage", lookup = "stages.status" }
amount = "amount"
currency = "currency"
closed_at = "closed"
"""


def test_what_stands_in_another_file(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """By the first key, else by another; of several rows of a key the latest counts."""
    ours = tmp_path / "ours.toml"
    ours.write_text(STAGES)
    stages = csv("stages", """
        stage_id,label,won,closed,updated
        s1,Signed,no,no,2024-05-03 9:00:00
        s1,Signed,yes,yes,2024-05-03 10:00:00
        s2,Talks,no,no,2024-05-03
        ,Lost,no,yes,2024-05-03
    """)  # fmt: skip
    deals = csv("deals", """
        id,stage,amount,currency,closed
        1,s1,5,USD,2024-05-03
        2,s2,5,USD,2024-05-03
        3,Signed,5,USD,2024-05-03
        4,Lost,5,USD,2024-05-03
        5,s9,5,USD,2024-05-03
    """)  # fmt: skip
    answer = sqlite_store.import_table("deals", deals, mapping=str(ours), further={"stages": stages})
    assert counts(answer.totals) == (5, 4, 0, 0, 0, 1)
    assert rows(sqlite_store, "deal", "key", "status") == [
        ("1", "won"), ("2", "open"), ("3", "won"), ("4", "lost"),
    ]  # fmt: skip
    [(code, message, raw)] = rows(sqlite_store, "rejected_row", "code", "message", "raw")
    assert code == "not_mapped"
    assert message == (
        "status is 's9', which is no key of the file given as stages; export that file again, or add the key "
        "to it"
    )
    # what could not be mapped stands in the row, as a row of the table: mended, it loads without a mapping
    mended = tmp_path / "mended.jsonl"
    mended.write_text(json.dumps(json.loads(raw) | {"status": "won"}))
    assert json.loads(raw)["status"] == "s9"
    assert sqlite_store.import_table("deals", mended).totals["accepted"] == 1
    with pytest.raises(InputError, match=r"or look it up \(--with stages=FILE\)"):
        sqlite_store.import_table("deals", deals, mapping=str(ours))
    with pytest.raises(UnknownNameError, match="unknown file of the mapping ours 'stagez'"):
        sqlite_store.import_table("deals", deals, mapping=str(ours), further={"stagez": stages})
    with pytest.raises(
        InputError, match=r"the required column stage_id is missing; found: id, stage, .* stages"
    ):
        sqlite_store.import_table("deals", deals, mapping=str(ours), further={"stages": deals})


def test_words_that_mean_nothing(csv: Csv) -> None:
    """A required column rejects the row, another one stays empty and is told of; `--set` decides for them."""
    text = DEALS + 'kind = { from = "type", words = { fresh = "new" } }'
    applied = mapped(text, {"id": ["1", "2", "3"], "type": ["fresh", "odd", "odder"]})
    assert applied.batch.columns.column("kind").to_pylist() == ["new", None, None]
    hint = "means nothing to this mapping, which knows fresh; give it a meaning in a mapping of your own"
    assert [(one.text, one.rows) for one in applied.told] == [
        (f"kind stays empty: 'odd' (the first one) {hint}", 2)
    ]

    text = '[deals.columns]\ndeal_id = "id"\nstatus = { from = "stage", words = { signed = "won" } }'
    columns: dict[str, list[str | None]] = {"id": ["1", "2", "3"], "stage": ["signed", "odd", None]}
    applied = mapped(text, columns)
    assert [(one.line, one.code, one.message) for one in applied.batch.rejected] == [
        (3, "not_mapped", f"status is 'odd', which {hint.replace('fresh', 'signed')}"),
    ]  # fmt: skip
    assert json.loads(applied.batch.rejected[0].raw) == {"deal_id": "2", "status": "odd"}
    applied = mapped(text, columns, status="open")
    assert applied.batch.columns.column("status").to_pylist() == ["won", "open", "open"]
    assert [(one.text[:34], one.rows) for one in applied.told] == [("status is open, as given: 'odd' (t", 1)]


def test_the_same_is_told_once_for_a_file(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks add up, each file with the first word that it had."""
    monkeypatch.setitem(files.read.__kwdefaults__ or {}, "block_bytes", 16)
    ours = tmp_path / "ours.toml"
    ours.write_text(
        '[deals.columns]\ndeal_id = "id"\nstatus = "s"\nkind = { from = "t", words = { a = "new" } }'
    )
    file = tmp_path / "deals.csv"
    file.write_text("id,s,t\n" + "".join(f"{n},open,{'xy'[n % 2]}\n" for n in range(10)))
    answer = sqlite_store.import_table("deals", file, mapping=str(ours))
    said = [one for one in answer.warnings if "kind stays empty" in one]
    assert len(said) == 1
    assert "'x' (the first one)" in said[0]
    assert said[0].endswith("(10 rows)")


def test_given_values_and_missing_columns(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """`--set` fills blanks and nothing else; a file without a required column is refused."""
    ours = tmp_path / "ours.toml"
    ours.write_text('[rates.columns]\ndate = "Day"\ncurrency = ["Code", "Currency"]\nrate = "Mid"')
    file = csv("mid", "Day,Mid\n2024-05-03,0.79")
    with pytest.raises(InputError) as told:
        sqlite_store.import_table("rates", file, mapping=str(ours))
    assert str(told.value) == (
        f"{file}: the required column currency is missing; found: day, mid; with the mapping ours currency "
        "is read from code or currency; export what is missing, or give one value to all rows with --set "
        "currency=VALUE"
    )
    fixed = {"currency": "USD"}
    assert sqlite_store.import_table("rates", file, mapping=str(ours), fixed=fixed).totals["accepted"] == 1
    file = csv("some", "Day,Mid,Code\n2024-05-04,0.79,\n2024-05-04,0.85,EUR")
    sqlite_store.import_table("rates", file, mapping=str(ours), fixed=fixed)
    assert rows(sqlite_store, "rate", "currency", "rate") == [
        ("EUR", "0.85"),
        ("USD", "0.79"),
        ("USD", "0.79"),
    ]
    with pytest.raises(UnknownNameError, match="unknown column of rates 'code'"):
        sqlite_store.import_table("rates", file, mapping=str(ours), fixed={"code": "USD"})
    for wrong in ({"fixed": fixed}, {"further": {"x": file}}):
        with pytest.raises(InputError, match="was given without"):
            sqlite_store.import_table("rates", file, **wrong)


def test_columns_that_only_an_own_mapping_names(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """A mapping of one's own that names what is not in the file is told so; the package's name many."""
    ours = tmp_path / "ours.toml"
    ours.write_text(DEALS.replace("won", "open") + 'owner = ["Rep", "Seller"]\naccount = "Company"')
    answer = sqlite_store.import_table("deals", csv("deals", "id,Company\n1,Acme"), mapping=str(ours))
    assert [one.partition(": ")[2] for one in answer.warnings] == [
        "owner stays empty: the file has no column rep or seller; mend the mapping or the file"
    ]
    answer = sqlite_store.import_table("deals", csv("hs", "Record ID,Deal Stage\n1,"), mapping="hubspot")
    assert [one.partition(": ")[2] for one in answer.warnings] == [
        "deals without a stage count as open (1 rows)"
    ]


def test_an_own_mapping_begins_with_one_of_the_package(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """Its columns and files replace those of the same name, its rules are added."""
    ours = tmp_path / "ours.toml"
    ours.write_text("""
        extends = "hubspot"
        [[deals.leave_out]]
        column = "Deal Name"
        starts = "test"
        because = "test deals"
        [deals.columns]
        status = { from = "Deal Stage", words = { signed = "won", talking = "open" } }
    """)
    deals = csv("deals", """
        Record ID,Deal Name,Deal Stage,Close Date,Amount,Currency
        1,Acme,Signed,2024-05-03 10:00,"1,000.50",USD
        2,Test deal,Signed,2024-05-03 10:00,1,USD
        3,Bolt,Talking,2024-05-03 10:00,,
    """)  # fmt: skip
    answer = sqlite_store.import_table("deals", deals, mapping=str(ours), timezone="UTC")
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert rows(sqlite_store, "deal", "key", "status", "amount_minor", "closed_at") == [
        ("1", "won", 100050, 1714730400000000), ("3", "open", None, None),
    ]  # fmt: skip
    # the other sections are the package's own
    assert sqlite_store.import_table(
        "leads", csv("contacts", "Record ID,Email,Create Date\n7,e@acme.test,2024-05-01 10:00"),
        mapping=str(ours), timezone="UTC",
    ).totals["accepted"] == 1  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[deals", "this is no TOML"),
        ('label = "x"', "line 1: no table is mapped; give one, such as [spend.columns]"),
        ("lable = 1\n", "line 1: unknown name in a mapping 'lable'; did you mean 'label'?"),
        ("label = 5\n" + DEALS, "line 1: this is 5; allowed is a text, so put it in quotes"),
        (DEALS + 'wonder = "x"', "line 4: unknown column of deals 'wonder'"),
        (DEALS + 'owner = { form = "x" }', "line 4: a place needs either from = THEIR COLUMN or value ="),
        (DEALS + 'owner = { from = "x", value = "y" }', "line 4: a place needs either"),
        (DEALS + 'owner = { from = "x", frm = 1 }', "line 4: unknown name in a place 'frm'"),
        (DEALS + 'owner = { from = "" }', 'line 4: this is ""; allowed is the name of a column'),
        (DEALS + "owner = 7", "line 4: this is 7; allowed is a column such as"),
        (
            DEALS + 'owner = { from = "x", unit = "mikro" }',
            "line 4: unknown unit 'mikro'; did you mean 'micro'?",
        ),
        (DEALS + 'owner = { from = "x", epoch = "days" }', "line 4: unknown epoch 'days'"),
        (DEALS + 'owner = { from = "x", number = "1.2" }', "line 4: unknown number '1.2'"),
        (DEALS + 'owner = { from = "x", utc = "yes" }', "line 4: this is 'yes'; allowed is true or false"),
        (DEALS + 'owner = { from = "x", otherwise = "y" }', "line 4: otherwise says what words mean"),
        (DEALS + 'owner = { from = "x", words = { a = 1 } }', "line 4: this is 1; allowed is a text"),
        (DEALS + 'owner = { from = "x", lookup = "a.b" }', "line 4: unknown lookup 'a.b'"),
        (
            DEALS + 'kind = { from = "x", words = { a = "nwe" } }',
            "line 4: unknown kind 'nwe'; did you mean 'new'?",
        ),
        (
            DEALS + 'owner = { from = "x", only = { kind = "y" } }',
            "line 4: unknown column that stands further up",
        ),
        (
            DEALS + 'owner = { from = "x", where = { column = "y" } }',
            "line 4: this needs column and one of is",
        ),
        ("[deals.columns]\nstatus = []", "line 1: the columns deal_id of deals come from nowhere"),
        ('[deals]\ntimezone = "Mars"\n' + DEALS, "line 2: unknown time zone 'Mars'"),
        ('[deals]\nseparator = ";;"\n' + DEALS, "line 2: this is ';;'; allowed is one character"),
        ("[deals]\nfind_header = 1\n" + DEALS, "line 2: this is 1; allowed is true or false"),
        (
            '[deals]\ncolumn = "x"\n' + DEALS,
            "line 2: unknown name in a section 'column'; did you mean 'columns'?",
        ),
        (
            DEALS
            + '[[deals.leave_out]]\ncolumn = "a"\nis = "b"\nbecause = "c"\n[[deals.leave_out]]\ncolumn = "a"',
            "line 8: this needs column, because, and one of is, unless, starts and missing = true",
        ),
        (DEALS + '[with.x]\nkey = "a"', "line 4: a file needs key"),
        (DEALS + '[with.x]\nkeys = "a"', "line 5: unknown name in a file 'keys'; did you mean 'key'?"),
        ('extends = "hubspt"\n' + DEALS, "line 1: unknown mapping 'hubspt'; did you mean 'hubspot'?"),
        ('extends = "hubspot"', "line 1: no table is mapped"),
    ],
)
def test_a_mapping_that_cannot_be_read(tmp_path: Path, text: str, says: str) -> None:
    """What is wrong, in which line of which file, and what is allowed."""
    with pytest.raises(InputError) as told:
        parse_mapping("ours", text, file="our mappings/ours.toml")
    assert str(told.value).startswith("our mappings/ours.toml")
    assert says in str(told.value)


def test_mappings_that_are_not_there(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """A name that nobody knows, a file that is no text, a table that the system does not have."""
    file = csv("deals", "id\n1")
    with pytest.raises(UnknownNameError, match=r"'hubspt'; did you mean 'hubspot'\?"):
        sqlite_store.import_table("deals", file, mapping="hubspt")
    with pytest.raises(InputError, match=r"ours.toml: the mapping cannot be read \(No such file"):
        sqlite_store.import_table("deals", file, mapping="ours.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe[")
    with pytest.raises(InputError, match="the mapping is not UTF-8"):
        sqlite_store.import_table("deals", file, mapping=str(tmp_path / "bad.toml"))
    with pytest.raises(UnknownNameError, match="unknown table of the mapping calendly 'deals'"):
        sqlite_store.import_table("deals", file, mapping="calendly")
    with pytest.raises(InputError, match="unknown file of the mapping calendly 'x'"):
        sqlite_store.import_table("meetings", file, mapping="calendly", further={"x": file})


def test_lines_above_the_header_and_files_without_one(sqlite_store: Store, tmp_path: Path) -> None:
    """The line with the most known names is the header; its rows keep the lines of the file."""
    ours = tmp_path / "ours.toml"
    columns = 'date = "Day"\ncurrency = "Code"\nrate = "Mid"'
    ours.write_text(f"[rates]\nfind_header = true\n[rates.columns]\n{columns}")
    file = tmp_path / "report.csv"
    file.write_bytes(
        b'\xef\xbb\xbf"Rates, daily"\r\n"May 1, 2024 - May 31, 2024"\r\n\r\n'
        b"Day,Code,Mid\r\n2024-05-03,USD,0.79\r\nx,USD,1\r\n"
    )
    assert counts(sqlite_store.import_table("rates", file, mapping=str(ours)).totals) == (2, 1, 0, 0, 0, 1)
    assert rows(sqlite_store, "rejected_row", "line", "code") == [(6, "bad_time")]
    ours.write_text(f'[rates]\nheader = ["Day", "Code", "Mid", "Note"]\n[rates.columns]\n{columns}')
    file.write_text("2024-05-04,USD,0.80,x\n2024-05-05,USD,0.81,\n")
    assert counts(sqlite_store.import_table("rates", file, mapping=str(ours)).totals) == (2, 2, 0, 0, 0, 0)


def test_json_lines_with_flat_names(sqlite_store: Store, tmp_path: Path) -> None:
    """Names with dots may be the names themselves; numbers keep their digits, capitals do not matter."""
    file = tmp_path / "rows.jsonl"
    rows_written = [
        {"segments.date": "2024-05-03", "metrics.cost_micros": 1204500000, "Customer.Currency_Code": "USD"},
        {"segments.date": "2024-05-04", "metrics.cost_micros": 5, "customer.currency_code": "USD", "x": [1]},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows_written))
    assert counts(sqlite_store.import_table("spend", file, mapping="google_ads").totals) == (2, 2, 0, 0, 0, 0)
    assert rows(sqlite_store, "spend", "cost_minor", "currency") == [(0, "USD"), (120450, "USD")]


def test_fine_amounts_are_added_before_they_are_rounded(sqlite_store: Store, tmp_path: Path) -> None:
    """A thousand clicks at a third of a cent are a day of 3.33, however the rows are cut into blocks."""
    file = tmp_path / "google.csv"
    file.write_text("date,campaign_name,cost_micros,currency_code\n" + "2024-05-03,A,3333,USD\n" * 1000)
    sqlite_store.import_table("spend", file, mapping="google_ads")
    assert rows(sqlite_store, "spend", "cost_minor") == [(333,)]
    again = sqlite_store.import_table("spend", file, mapping="google_ads").totals
    assert (again["accepted"], again["updated"], again["duplicate"]) == (0, 0, 1000)


def test_a_dry_run_stores_nothing_and_tells_the_same(sqlite_store: Store, csv: Csv) -> None:
    """With a mapping as without."""
    file = csv("deals", "Record ID,Deal Stage,is_deleted\n1,,\n2,Nowhere,\n3,,true")
    tried = sqlite_store.import_table("deals", file, mapping="hubspot", dry_run=True)
    assert counts(tried.totals) == (3, 2, 0, 0, 0, 1)
    assert rows(sqlite_store, "deal", "key") == []
    done = sqlite_store.import_table("deals", file, mapping="hubspot")
    assert counts(done.totals) == counts(tried.totals)
    said = [one.partition(": ")[2] for one in tried.warnings]
    assert said[:2] == [
        "deals that were deleted in HubSpot count no more (1 rows)",
        "deals without a stage count as open (1 rows)",
    ]  # fmt: skip
    assert said[2].startswith(
        "not_mapped (1 rows), first in line 3: status is 'Nowhere', which is the key of"
    )


def test_the_command(tmp_path: Path) -> None:
    """`--mapping`, `--with` and `--set`, and what is said where one of them is incomplete."""
    run = CliRunner()
    store = f"sqlite:///{tmp_path / 's.db'}"
    deals, stages = tmp_path / "deals.csv", tmp_path / "stages.csv"
    deals.write_text("Record ID,Deal Stage,Amount,Close Date\n1,Signed,5.00,2024-05-03\n")
    stages.write_text("stage,status\nSigned,won\n")
    base = ["--store", store, "import", "deals", str(deals), "--mapping", "hubspot"]
    done = run.invoke(cli, [*base, "--with", f"stages={stages}", "--set", "currency=USD"])
    assert done.exit_code == 0, done.output
    for extra, says in (
        (["--with", "stages"], "--with 'stages' is incomplete; write it as --with NAME=FILE"),
        (["--set", "=x"], "--set '=x' is incomplete; write it as --set NAME=VALUE"),
    ):
        failed = run.invoke(cli, [*base, *extra])
        assert (failed.exit_code, says in failed.output) == (2, True), failed.output
    assert run.invoke(cli, ["import", "deals"]).exit_code == 2


def test_the_list(tmp_path: Path) -> None:
    """Every mapping with its tables and further files; one's own is checked by listing it."""
    run = CliRunner()
    shown = run.invoke(cli, ["import", "--list", "--format", "json"])
    listed = {(row["mapping"], row["table"]): row["with"] for row in json.loads(shown.output)["rows"]}
    assert {name for name, _ in listed} == set(built_in())
    assert listed["hubspot", "deals"] == "stages"
    assert listed["hubspot", "leads"] == ""
    ours = tmp_path / "ours.toml"
    ours.write_text(DEALS)
    one = run.invoke(cli, ["import", "--list", "--mapping", str(ours), "--format", "json"])
    assert [row["table"] for row in json.loads(one.output)["rows"]] == ["deals"]
    ours.write_text(DEALS + "owner = 5")
    failed = run.invoke(cli, ["import", "--list", "--mapping", str(ours)])
    assert (failed.exit_code, "line 4" in failed.output) == (2, True)


def test_every_mapping_of_the_package_says_what_it_is() -> None:
    """A label, a sentence, and a sentence for each table and further file."""
    for name, mapping in built_in().items():
        assert mapping.label != name, name
        assert mapping.about, name
        assert all(section.about for section in mapping.sections.values()), name
        assert all(extra.about for extra in mapping.extras.values()), name


DOCS = Path(__file__).resolve().parents[1] / "docs" / "mappings.md"


def test_the_mapping_of_the_documentation(sqlite_store: Store, csv: Csv, tmp_path: Path) -> None:
    """It does what the page says."""
    example, extending = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    ours = tmp_path / "acme.toml"
    ours.write_text(example)
    report = csv("report", """
        Acme Ads,,,,
        Day,Campaign ID,Cost,Currency,Where
        03.05.2024,c/1,"1.204,50 €",EUR,Search
        03.05.2024,c/2,"0,25 €",EUR,Elsewhere
        Total,,"1.204,75 €",EUR,
    """)  # fmt: skip
    campaigns = csv("campaigns", "ID,Name\nc/1,Spring\nc/2,Autumn")
    answer = sqlite_store.import_table("spend", report, mapping=str(ours), further={"campaigns": campaigns})
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert set(rows(sqlite_store, "spend", "cost_minor", "currency")) == {(25, "EUR"), (120450, "EUR")}
    columns = ("platform", "campaign", "campaign_id", "network")
    assert rows(sqlite_store, "origin", *columns) == [
        ("acme", "Autumn", "2", "display"),
        ("acme", "Spring", "1", "search"),
    ]
    assert parse_mapping("ours", extending).section("deals").columns["status"][0].words is not None


def test_the_documentation_names_every_attribute() -> None:
    """Nothing can be declared that the page does not explain."""
    text = DOCS.read_text(encoding="utf-8")
    allowed = {
        *read._TAKE,
        *read._SECTION,
        *read._LEAVE_OUT,
        *read._EXTRA,
        "extends",
        "label",
        "about",
        "with",
    }
    assert [name for name in sorted(allowed) if f"`{name}`" not in text and f"{name} = " not in text] == [
        "with"
    ]
    assert "[with.campaigns]" in text
