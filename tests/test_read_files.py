"""Reading files of every allowed form into text columns, with the lines that people look up."""

from __future__ import annotations

import gzip
import io
import json
import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution.errors import InputError
from attribution.sources.batch import RawBatch, Rejection
from attribution.sources.files import read
from attribution.sources.tables import TABLES, Table, get_table

RATES = get_table("rates")
LEADS = get_table("leads")
DEALS = get_table("deals")
HEAD = b"date,currency,rate\n"


def everything(
    source: Path | bytes, table: Table = RATES, block_bytes: int = 1 << 20
) -> tuple[list[dict[str, str | None]], list[int], list[Rejection]]:
    """Read all batches: rows, their lines, rejections."""
    if isinstance(source, bytes):
        batches = list(read("-", table, stdin=io.BytesIO(source), block_bytes=block_bytes))
    else:
        batches = list(read(source, table, block_bytes=block_bytes))
    rows = [row for batch in batches for row in batch.columns.to_pylist()]
    lines = [int(line) for batch in batches for line in batch.lines]
    return rows, lines, [rejection for batch in batches for rejection in batch.rejected]


def codes(rejected: list[Rejection]) -> list[tuple[int, str]]:
    return [(rejection.line, rejection.code) for rejection in rejected]


def refusal(path: Path | str, table: Table = RATES) -> str:
    with pytest.raises(InputError) as caught:
        list(read(path, table))
    return str(caught.value)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_csv_rows_keep_their_lines_past_blank_lines_and_quoted_line_breaks() -> None:
    """A quoted line break and a blank line shift the lines of what follows."""
    data = b'deal_id,status,owner\r\nd1,open,"a\nb"\r\n\r\nd2,won,"say ""hi"""\nd3,open,\n'
    rows, lines, rejected = everything(data, DEALS)
    assert lines == [2, 5, 6]
    assert [row["owner"] for row in rows] == ["a\nb", 'say "hi"', None]
    assert rejected == []


def test_the_last_row_needs_no_line_break_and_old_macs_lines_end_in_cr() -> None:
    """All three conventions of line ends give the same rows and lines."""
    for end in (b"\n", b"\r\n", b"\r"):
        data = end.join([b"date,currency,rate", b"2024-05-03,USD,0.79", b"2024-05-04,USD,0.80"])
        rows, lines, _ = everything(data)
        assert [row["rate"] for row in rows] == ["0.79", "0.80"]
        assert lines == [2, 3]


def test_header_names_are_trimmed_lower_cased_and_a_bom_is_skipped() -> None:
    """Spreadsheets write byte order marks and capitals."""
    rows, _, _ = everything(b"\xef\xbb\xbf Date ,CURRENCY,Rate\n2024-05-03,USD,0.79\n")
    assert rows == [{"date": "2024-05-03", "currency": "USD", "rate": "0.79"}]


def test_unknown_columns_are_named_and_left_out() -> None:
    """Columns that no table has are told, not loaded."""
    reader = read("-", RATES, stdin=io.BytesIO(b"date,x,currency,rate,\n2024-05-03,1,USD,2,\n"))
    assert next(reader).columns.column_names == ["date", "currency", "rate"]
    assert reader.unknown_columns == ("x",)


def test_a_quoted_empty_value_is_missing() -> None:
    """Empty means missing, with or without quotes."""
    rows, _, _ = everything(b'date,currency,rate\n2024-05-03,"",\n')
    assert rows == [{"date": "2024-05-03", "currency": None, "rate": None}]


def test_a_row_of_another_width_is_rejected_alone() -> None:
    """Its line, its text and both widths are told; its neighbours load."""
    _, lines, rejected = everything(HEAD + b"2024-05-03,USD,1,234\n2024-05-04,USD,2\nx\n")
    assert lines == [3]
    assert codes(rejected) == [(2, "wrong_number_of_fields"), (4, "wrong_number_of_fields")]
    assert rejected[0].message.startswith("this row has 4 fields; allowed are 3")
    assert json.loads(rejected[0].raw) == "2024-05-03,USD,1,234"


@pytest.mark.parametrize(
    "bad", [b'2024-05-03,"USD,1', b'2024-05-03,USD,"1', b'"2024-05-03,USD,1'], ids=["middle", "end", "start"]
)
def test_a_quote_that_never_closes_costs_its_line_only(bad: bytes) -> None:
    """The rows after the slip load, whether they are quoted themselves or not."""
    for after in (b"2024-05-04,USD,2\n", b'2024-05-04,"USD",2\n', b'"2024-05-04","USD","2"\n'):
        rows, lines, rejected = everything(HEAD + b"2024-05-02,USD,3\n" + bad + b"\n" + after + after)
        assert codes(rejected) == [(3, "unclosed_quote")], after
        assert lines == [2, 4, 5]
        assert rows[1] == {"date": "2024-05-04", "currency": "USD", "rate": "2"}
        assert json.loads(rejected[0].raw) == bad.decode()


def test_every_line_with_an_open_quote_is_rejected_by_itself() -> None:
    """Many slips in one file do not merge."""
    rows, lines, rejected = everything(HEAD + b'2024-05-03,"USD,1\n2024-05-04,USD,2\n' * 3)
    assert [line for line, _ in codes(rejected)] == [2, 4, 6]
    assert lines == [3, 5, 7]
    assert len(rows) == 3


def test_quotes_inside_plain_text_are_text() -> None:
    """Inches are written with a quote."""
    rows, _, rejected = everything(b'deal_id,status,owner\nd1,open,17" screens\nd2,open,x\n', DEALS)
    assert [row["owner"] for row in rows] == ['17" screens', "x"]
    assert rejected == []


def test_control_characters_reject_the_row() -> None:
    """No database takes NUL; tabs and line breaks are fine."""
    data = b'deal_id,status,owner\nd1,open,a\x00b\nd2,open,"a\tb\nc"\nd\x01,open,\n'
    rows, _, rejected = everything(data, DEALS)
    assert codes(rejected) == [(2, "control_character"), (5, "control_character")]
    assert json.loads(rejected[0].raw) == {"deal_id": "d1", "status": "open", "owner": "a\x00b"}
    assert rejected[1].message.startswith("deal_id holds a control character")
    assert [row["owner"] for row in rows] == ["a\tb\nc"]


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.jsonl", "r.ndjson", "r.jsonl.gz", "R.CSV"])
def test_every_text_form_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    """The extension tells the form, gzip included."""
    row = {"date": "2024-05-03", "currency": "USD", "rate": "0.790"}
    text = json.dumps(row) if "json" in name else "date,currency,rate\n2024-05-03,USD,0.790"
    data = (text + "\n").encode()
    path = written(tmp_path / name, gzip.compress(data) if name.endswith("gz") else data)
    assert everything(path)[0] == [row]


def test_progress_counts_bytes_on_disk(tmp_path: Path) -> None:
    """Progress ends at the file's size; standard input has no size."""
    path = written(tmp_path / "r.csv", HEAD + b"2024-05-03,USD,1\n" * 2_000)
    seen: list[tuple[int, int | None]] = []
    for _ in read(path, RATES, block_bytes=5_000, progress=lambda done, total: seen.append((done, total))):
        pass
    size = path.stat().st_size
    assert len(seen) > 3
    assert seen[-1] == (size, size)
    reader = read("-", RATES, stdin=io.BytesIO(path.read_bytes()))
    assert sum(batch.columns.num_rows for batch in reader) == 2_000
    assert (reader.bytes_done, reader.bytes_total) == (size, None)


def test_json_lines(tmp_path: Path) -> None:
    """Numbers keep their digits, lists of e-mails are joined, bad lines stay alone."""
    lines = [
        '{"deal_id": 12345678901234567890, "status": "won", "amount": 10.10, '
        '"emails": ["a@x-io.test", "b@x-io.test"]}',
        "",
        "{not json",
        '{"deal_id": "d2", "status": {"a": 1}}',
        '{" Deal_ID ": "d3", "status": "", "amount": null, "extra": [1], "owner": true}',
        "[1]",
        '{"deal_id": "\\ud800", "status": "open"}',
        '{"deal_id": "d4", "amount": NaN}',
    ]
    path = written(tmp_path / "d.jsonl", "\n".join(lines).encode())
    rows, numbers, rejected = everything(path, DEALS)
    assert numbers == [1, 5]
    assert rows[0]["deal_id"] == "12345678901234567890"
    assert rows[0]["amount"] == "10.10"
    assert rows[0]["emails"] == "a@x-io.test;b@x-io.test"
    assert (rows[1]["deal_id"], rows[1]["status"], rows[1]["amount"]) == ("d3", None, None)
    assert rows[1]["owner"] == "true"
    assert codes(rejected) == [
        (3, "bad_json"),
        (4, "nested_value"),
        (6, "bad_json"),
        (7, "bad_json"),
        (8, "bad_json"),
    ]
    assert json.loads(rejected[1].raw) == {"deal_id": "d2", "status": {"a": "1"}}
    reader = read(path, DEALS)
    list(reader)
    assert reader.unknown_columns == ("extra",)


def test_parquet_types_become_the_text_that_parsers_read(tmp_path: Path) -> None:
    """Timestamps, decimals, floats, dates, dictionaries and lists each have one spelling."""
    columns = {
        "deal_id": pa.array([7, 8]),
        "status": pa.array(["won", ""]).dictionary_encode(),
        "created_at": pa.array([1_500_000, None], pa.timestamp("us", "Europe/Paris")),
        "closed_at": pa.array([0, 1], pa.date32()),
        "amount": pa.array([Decimal("10.50"), Decimal("-0.01")]),
        "recurring_amount": pa.array([3.0, float("nan")]),
        "emails": pa.array([["a@x-io.test", "b@x-io.test"], None]),
        "owner": pa.array([b"ann", None]),
        "Account": pa.array([True, False]),
        "other": pa.array([1, 2]),
    }
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table(columns), path)
    rows, lines, rejected = everything(path, DEALS)
    assert lines == [1, 2]
    assert rejected == []
    assert rows[0] == {
        "deal_id": "7",
        "status": "won",
        "created_at": "1970-01-01 00:00:01.500000Z",
        "closed_at": "1970-01-01",
        "amount": "10.50",
        "recurring_amount": "3",
        "emails": "a@x-io.test;b@x-io.test",
        "owner": "ann",
        "account": "true",
    }
    assert [rows[1][name] for name in ("status", "created_at", "amount", "recurring_amount", "emails")] == [
        None,
        None,
        "-0.01",
        None,
        None,
    ]


def test_parquet_small_numbers_have_no_exponent_and_nested_values_are_rejected(tmp_path: Path) -> None:
    """A rate of 0.0000001 is written out; a struct in a text column costs its row."""
    path = tmp_path / "r.parquet"
    table = pa.table({"date": ["2024-05-03"] * 2, "currency": ["VND", "IDR"], "rate": [1e-7, 2.5]})
    pq.write_table(table, path)
    assert [row["rate"] for row in everything(path)[0]] == ["0.0000001", "2.5"]
    pq.write_table(pa.table({"lead_id": ["a", "b"], "created_at": pa.array([None, {"x": 1}])}), path)
    rows, lines, rejected = everything(path, LEADS)
    assert (lines, codes(rejected)) == ([1], [(2, "nested_value")])
    assert rows == [{"lead_id": "a", "created_at": None}]


def test_what_cannot_be_read_says_why_and_what_to_do(tmp_path: Path) -> None:
    """One sentence each, with the file's name."""
    assert "there is no such file" in refusal(tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "this is a directory" in refusal(tmp_path / "folder.csv")
    assert "the extension .xlsx is unknown" in refusal(tmp_path / "a.xlsx")
    assert "empty" in refusal(written(tmp_path / "e.csv", b""))
    assert "empty" in refusal(written(tmp_path / "b.csv", b"\n\r\n"))
    assert "empty" in refusal(written(tmp_path / "e.jsonl", b"\n\n"))
    assert "empty" in refusal(written(tmp_path / "e.jsonl.gz", gzip.compress(b"")))
    assert "UTF-16" in refusal(written(tmp_path / "u.csv", HEAD.decode().encode("utf-16")))
    assert "UTF-16" in refusal(written(tmp_path / "v.csv", HEAD.decode().encode("utf-16-le")))
    latin = written(tmp_path / "l.csv", HEAD + b"2024-05-03,USD,1\n2024-05-04,caf\xe9,1\n")
    assert "line 3 is not UTF-8 (byte 0xe9)" in refusal(latin)
    packed = gzip.compress(HEAD + os.urandom(50_000).hex().encode())
    assert "cut short" in refusal(written(tmp_path / "t.csv.gz", packed[:9_000]))
    assert "gzip" in refusal(written(tmp_path / "g.csv", packed))
    pq.write_table(pa.table({"date": ["2024-05-03"]}), tmp_path / "whole.parquet")
    cut = (tmp_path / "whole.parquet").read_bytes()[:-20]
    assert "cut short" in refusal(written(tmp_path / "cut.parquet", cut))
    assert "JSON array" in refusal(written(tmp_path / "a.jsonl", b'[{"date": 1}'))
    assert str(tmp_path / "a.jsonl") in refusal(tmp_path / "a.jsonl")


def test_a_missing_column_is_named_with_what_was_found(tmp_path: Path) -> None:
    """In every form, before any row is given."""
    message = refusal(written(tmp_path / "r.csv", b"date,amount\n2024-05-03,1\n"))
    assert "currency, rate" in message
    assert "found: date, amount" in message
    assert "semicolons" in refusal(written(tmp_path / "s.csv", b"date;currency;rate\n"))
    assert "found: date" in refusal(written(tmp_path / "r.jsonl", b'{"date": "2024-05-03"}\n'))
    pq.write_table(pa.table({"date": ["2024-05-03"]}), tmp_path / "r.parquet")
    assert "found: date" in refusal(tmp_path / "r.parquet")


def test_a_name_twice_in_the_header_is_refused(tmp_path: Path) -> None:
    """Which of the two is meant cannot be known; nameless columns are none of our business."""
    assert "rate" in refusal(written(tmp_path / "r.csv", b"date,currency,rate, Rate\n"))
    assert everything(b"date,currency,rate,,\n2024-05-03,USD,1,,\n")[1] == [2]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_said(tmp_path: Path) -> None:
    """The reader names the file and the reason."""
    path = written(tmp_path / "r.csv", HEAD)
    path.chmod(0)
    assert "no permission" in refusal(path)


def test_every_table_declares_its_key_among_its_columns() -> None:
    """Keys are output names of columns; tables without an id have no measure in their key."""
    for table in TABLES.values():
        assert set(table.key) <= {column.output for column in table.columns}
    assert TABLES["spend"].key[:3] == ("day", "currency", "kind")
    assert TABLES["rates"].key == ("day", "currency")


_PIECES = st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "\r", "a", "é", "d1,open,x\n", 'd,"o",x\n', "\x00", " "]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_PIECES, max_size=30), st.integers(1, 40))
def test_any_text_reads_the_same_in_blocks_of_any_size(pieces: list[str], block_bytes: int) -> None:
    """Where a block ends decides nothing, no line is told twice, and nothing raises."""
    data = ("deal_id,status,owner\n" + "".join(pieces)).encode()
    whole = everything(data, DEALS)
    assert everything(data, DEALS, block_bytes) == whole
    told = whole[1] + [rejection.line for rejection in whole[2]]
    assert len(set(told)) == len(told)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30), max_size=10), st.integers(1, 64))
def test_any_json_lines_give_rows_rejections_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], block_bytes: int
) -> None:
    """Whatever the bytes are, nothing but InputError comes out."""
    path = written(tmp_path_factory.mktemp("j") / "x.jsonl", b"\n".join(lines))
    try:
        batches: list[RawBatch] = list(read(path, RATES, block_bytes=block_bytes))
    except InputError:
        return
    assert all(len(batch.lines) == batch.columns.num_rows for batch in batches)
