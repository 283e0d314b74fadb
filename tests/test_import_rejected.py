"""Bad input: a row that cannot load is kept and explained, a file that cannot be read loads nothing."""

from __future__ import annotations

import csv as csv_reader
import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dumps import counts, dump, rows

from attribution.engine import Store
from attribution.errors import InputError, UnknownNameError
from attribution.loading import importer
from attribution.sources import files
from attribution.sources.tables import TABLES

Csv = Callable[[str, str], Path]

BAD_DEALS = """
    deal_id,status,closed_at,amount,currency
    D1,won,2024-06-01T10:00:00,10,GBP
    D2,won,2024-06-01,"1,234.50",GBP
    D3,won,2024-06-01,10,POUNDS
    D4,won,2024-06-01,,GBP
    D5,won,2024-06-01,10.001,GBP
    D6,won,,10,GBP
    D7,perhaps,2024-06-01,10,GBP
    ,won,2024-06-01,10,GBP
    D9,won,2024-06-01,10,GBP,x
    D10,won,2024-06-01,£10,GBP
    D11,won,2024-06-01,10,GBP
"""
REASONS = {
    2: ("naive_time", "closed_at"),
    3: ("bad_amount", "'1,234.50'"),
    4: ("unknown_currency", "'POUNDS'"),
    5: ("missing_value", "a won deal needs one"),
    6: ("too_many_decimals", "'10.001'"),
    7: ("missing_value", "closed_at is missing"),
    8: ("not_allowed", "open, won, lost"),
    9: ("missing_value", "deal_id is missing"),
    10: ("wrong_number_of_fields", "6 fields"),
    11: ("bad_amount", "'£10'"),
}


def test_bad_rows_are_kept_with_line_code_and_sentence(store: Store, csv: Csv) -> None:
    """The good row loads; each bad one is in the store and in a file beside it, as it was received."""
    file = csv("deals", BAD_DEALS)
    answer = store.import_table("deals", file)
    assert counts(answer.totals) == (11, 1, 0, 0, 0, 10)
    assert rows(store, "deal", "key") == [("D11",)]
    kept = rows(store, "rejected_row", "line", "code", "message", "raw", "table_name", "file", "batch_id")
    found = {row[0]: row[1:3] for row in kept}
    assert found.keys() == REASONS.keys()
    for line, (code, words) in REASONS.items():
        assert found[line][0] == code
        assert words in found[line][1]
    assert {row[4:] for row in kept} == {("deals", str(file), 1)}
    by_line = {row[0]: row[3] for row in kept}
    assert json.loads(by_line[3])["amount"] == "1,234.50"
    assert json.loads(by_line[10]) == "D9,won,2024-06-01,10,GBP,x"


def test_rejected_rows_stand_in_a_file_beside_the_store(sqlite_store: Store, csv: Csv) -> None:
    """`rejected/` holds line, code, sentence and row; the answer says where."""
    answer = sqlite_store.import_table("deals", csv("my deals", BAD_DEALS))
    assert sqlite_store.db.path is not None
    (path,) = (sqlite_store.db.path.parent / "rejected").iterdir()
    assert path.name == "000001-deals-my_deals.csv"
    assert answer.warnings[-1].endswith(f"10 rows did not load; each with its reason is in {path}")
    with path.open(newline="", encoding="utf-8") as opened:
        written = list(csv_reader.DictReader(opened))
    assert [int(row["line"]) for row in written] == sorted(REASONS)
    assert {row["code"] for row in written} == {code for code, _ in REASONS.values()}
    assert json.loads(written[-1]["raw"])["amount"] == "£10"


def test_a_mended_file_takes_its_rejected_rows_away(sqlite_store: Store, csv: Csv) -> None:
    """The store tells what is wrong now; another file's rows stay; the files on disk stay as a record."""
    store = sqlite_store
    store.import_table("deals", csv("deals", BAD_DEALS))
    store.import_table("deals", csv("other", "deal_id,status\nD20,maybe"))
    file = csv("deals", "deal_id,status,closed_at,amount,currency\nD1,won,2024-06-01,10,GBP\nD2,won,x,10,GBP")
    assert counts(store.import_table("deals", file).totals) == (2, 1, 0, 0, 0, 1)
    assert rows(store, "rejected_row", "batch_id", "line", "code") == [
        (2, 2, "not_allowed"), (3, 3, "bad_time"),
    ]  # fmt: skip
    store.import_table("deals", csv("deals", "deal_id,status\nD1,open"))
    assert rows(store, "rejected_row", "batch_id") == [(2,)]
    folder = file.parent / "rejected"
    assert sorted(path.name for path in folder.iterdir()) == [
        "000001-deals-deals.csv", "000002-deals-other.csv", "000003-deals-deals.csv",
    ]  # fmt: skip


def test_the_same_bad_file_again_leaves_one_file(sqlite_store: Store, csv: Csv) -> None:
    """A nightly import of the same export does not pile up the same rejections."""
    file = csv("deals", BAD_DEALS)
    for _ in range(3):
        sqlite_store.import_table("deals", file)
    assert [path.name for path in (file.parent / "rejected").iterdir()] == ["000003-deals-deals.csv"]
    assert len(rows(sqlite_store, "rejected_row", "line")) == 10


def test_rejected_rows_are_kept_where_no_file_can_be_written(sqlite_store: Store, csv: Csv) -> None:
    """The rows are in the store all the same, and the answer says so."""
    file = csv("deals", BAD_DEALS)
    (file.parent / "rejected").write_text("a file where the folder would be")
    answer = sqlite_store.import_table("deals", file)
    assert counts(answer.totals) == (11, 1, 0, 0, 0, 10)
    assert "could not be written" in answer.warnings[0]
    assert len(rows(sqlite_store, "rejected_row", "line")) == 10


def test_every_import_is_logged(store: Store, csv: Csv) -> None:
    """What was read from which file and what became of it."""
    store.import_table("deals", csv("deals", BAD_DEALS), csv("more", "deal_id,status\nD11,open\nD12,open"))
    logged = rows(
        store, "batch",
        "batch_id", "table_name", "read", "accepted", "updated", "duplicate", "conflict", "rejected",
    )  # fmt: skip
    assert logged == [(1, "deals", 11, 1, 0, 0, 0, 10), (2, "deals", 2, 1, 1, 0, 0, 0)]


def _parquet(folder: Path) -> Path:
    path = folder / "deals.parquet"
    pq.write_table(pa.table({"deal_id": [f"D{i}" for i in range(1000)], "status": ["open"] * 1000}), path)
    return path


def _truncated(folder: Path) -> Path:
    path = _parquet(folder)
    path.write_bytes(path.read_bytes()[:-100])
    return path


def _latin1(folder: Path) -> Path:
    path = folder / "deals.csv"
    text = "deal_id,status,owner\n" + "D1,open,Sam\n" * 5 + "D2,open,Jürgen\n"
    path.write_bytes(text.encode("latin-1"))
    return path


def _wrong_column(folder: Path) -> Path:
    path = folder / "deals.csv"
    path.write_text("deal,status\nD1,open\n")
    return path


def _cut_gzip(folder: Path) -> Path:
    path = folder / "deals.csv.gz"
    path.write_bytes(gzip.compress(b"deal_id,status\n" + b"D1,open\n" * 2_000)[:-20])
    return path


UNREADABLE = {
    _truncated: "damaged or cut short",
    _latin1: "line 7 is not UTF-8",
    _wrong_column: "deal_id",
    _cut_gzip: "damaged or cut short",
}


@pytest.mark.parametrize("make", UNREADABLE, ids=lambda make: make.__name__.strip("_"))
def test_an_unreadable_file_loads_nothing(
    store: Store, tmp_path: Path, make: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the rows before the fault, and no trace in the log; one sentence names file and remedy."""
    # read in small blocks, so that good rows come before the fault is met
    monkeypatch.setattr(importer.files, "read", functools.partial(files.read, block_bytes=64))
    before = dump(store)
    path = make(tmp_path)
    with pytest.raises(InputError) as error:
        store.import_table("deals", path)
    assert str(error.value).startswith(f"{path}: ")
    assert UNREADABLE[make] in str(error.value)
    assert "\n" not in str(error.value)
    assert dump(store) == before


def test_files_before_an_unreadable_one_are_loaded(store: Store, csv: Csv, tmp_path: Path) -> None:
    """Each file is a transaction of its own."""
    with pytest.raises(InputError, match="no such file"):
        store.import_table("deals", csv("a", "deal_id,status\nD1,open"), tmp_path / "missing.csv")
    assert rows(store, "deal", "key") == [("D1",)]


def test_an_unknown_table_offers_the_nearest(store: Store, csv: Csv) -> None:
    """`deal` is `deals`."""
    with pytest.raises(UnknownNameError, match="did you mean 'deals'"):
        store.import_table("deal", csv("deals", BAD_DEALS))


def test_an_unknown_time_zone_is_told_before_anything_is_read(store: Store, csv: Csv) -> None:
    """With what is allowed."""
    with pytest.raises(InputError, match=r"unknown time zone 'Mars/Olympus'; .*Europe/London"):
        store.import_table("deals", csv("deals", BAD_DEALS), timezone="Mars/Olympus")


def test_a_file_with_a_header_only(store: Store, csv: Csv) -> None:
    """An empty export is no error in any table."""
    for name, table in TABLES.items():
        answer = store.import_table(name, csv(name, ",".join(table.names)))
        assert counts(answer.totals) == (0, 0, 0, 0, 0, 0)
