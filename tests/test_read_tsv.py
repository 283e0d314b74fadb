"""Text parted by tabs and other characters, with a header and without, with quotes and without."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from attribution.cli import cli
from attribution.errors import InputError
from attribution.sources import files
from attribution.sources.batch import RawBatch
from attribution.sources.layout import Layout
from attribution.sources.mapping.layout import SectionLayout
from attribution.sources.mapping.read import parse_mapping
from attribution.sources.tables import get_table

RATES = get_table("rates")
COLUMNS = '[rates.columns]\ndate = "day"\ncurrency = "code"\nrate = "mid"\n'


def mapped(more: str) -> SectionLayout:
    mapping = parse_mapping("ours", f"[rates]\n{more}\n{COLUMNS}")
    return SectionLayout(mapping, mapping.section("rates"))


def batches(
    data: bytes, layout: Layout = RATES, form: str = "tsv", block_bytes: int = 1 << 20
) -> list[RawBatch]:
    return list(files.read("-", layout, stdin=io.BytesIO(data), form=form, block_bytes=block_bytes))


def rows(found: list[RawBatch]) -> list[tuple[str | None, ...]]:
    return [tuple(row.values()) for batch in found for row in batch.columns.to_pylist()]


def test_tabs_part_columns_in_tsv_files(tmp_path: Path) -> None:
    """By the extension, packed too; a value may hold commas, and stand in quotes as spreadsheets write it."""
    data = b'date\tcurrency\trate\n2024-05-03\tU,D\t"0.79"\n\n"2024\t05"\tEUR\t1\n'
    for name, content in (("r.tsv", data), ("R.TSV.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(content)
        (batch,) = files.read(tmp_path / name, RATES)
        assert rows([batch]) == [("2024-05-03", "U,D", "0.79"), ("2024\t05", "EUR", "1")]
        assert batch.lines.tolist() == [2, 4]


@pytest.mark.parametrize("separator", [";", "|"])
def test_a_mapping_says_what_parts_columns(separator: str) -> None:
    """Blocks end between rows, whatever stands in quotes and however small they are."""
    layout = mapped(f'separator = "{separator}"')
    one = separator.join(['"2024-05-03"', '"U""S\n,D"', "0,79"]) + "\n"
    data = separator.join(["Day", "Code", "Mid"]) + "\n" + one * 5
    for block_bytes in (24, 1 << 20):
        found = batches(data.encode(), layout, "csv", block_bytes)
        assert rows(found) == [("2024-05-03", 'U"S\n,D', "0,79")] * 5
        assert [int(line) for batch in found for line in batch.lines] == [2, 4, 6, 8, 10]


def test_a_file_without_a_header_has_the_names_of_the_mapping() -> None:
    """Its first line is a row; a file that does name the columns keeps its own names."""
    layout = mapped('header = ["code", "x", "mid", "day"]')
    found = batches(b"USD\t-\t0.79\t2024-05-03\nEUR\t-\t1\t2024-05-04\n", layout)
    assert rows(found) == [("2024-05-03", "USD", "0.79"), ("2024-05-04", "EUR", "1")]
    assert [batch.lines.tolist() for batch in found] == [[1, 2]]
    assert rows(batches(b"mid\tday\tcode\n1\t2024\tEUR\n", layout)) == [("2024", "EUR", "1")]
    assert rows(batches(b"code,day,mid\nEUR,2024,1\n", layout, "csv")) == [("2024", "EUR", "1")]


def test_quotes_may_be_characters_like_any_other() -> None:
    """As in exports that never quote: one that opens and never closes eats nothing."""
    layout = mapped('header = ["day", "code", "mid"]\nquotes = false')
    data = b'2024-05-03\t"US\t{"a": "b"}\n"\t""\t"x" y\n2024-05-04\tE\tF\r\n'
    assert rows(batches(data, layout)) == [
        ("2024-05-03", '"US', '{"a": "b"}'),
        ('"', '""', '"x" y'),
        ("2024-05-04", "E", "F"),
    ]
    with_header = b"day\tcode\tmid\n" + data
    assert len(rows(batches(with_header, layout, block_bytes=16))) == 3


def test_rows_of_another_width_are_told_with_what_parts_them() -> None:
    """Each by itself."""
    (batch,) = batches(b"date\tcurrency\trate\n2024-05-03\tUSD\n2024-05-03\tUSD\t1\n")
    assert rows([batch]) == [("2024-05-03", "USD", "1")]
    assert [(one.line, one.code) for one in batch.rejected] == [(2, "wrong_number_of_fields")]
    assert "missing or unquoted tab" in batch.rejected[0].message


def test_a_file_parted_by_tabs_that_says_it_is_csv_is_told() -> None:
    """With the way out."""
    with pytest.raises(InputError, match=r"parted by tabs.*\.tsv"):
        batches(b"date\tcurrency\trate\n2024-05-03\tUSD\t1\n", form="csv")


def test_the_command_line_says_what_standard_input_is(store_url: str) -> None:
    """Else it is CSV; a form that is none is told with those there are."""

    def imported(form: str, content: bytes) -> tuple[int, str]:
        words = ["--store", store_url, "import", "rates", "-", "--input-format", form, "--format", "csv"]
        result = CliRunner().invoke(cli, words, input=content)
        return result.exit_code, result.output

    code, output = imported("tsv", b"date\tcurrency\trate\n2024-05-03\tUSD\t0.79\n")
    assert (code, output.splitlines()[1]) == (0, "rates,-,1,1,0,0,0,0")
    code, output = imported(
        "jsonl.gz", gzip.compress(b'{"date": "2024-05-03", "currency": "EUR", "rate": 1}')
    )
    assert (code, output.splitlines()[1]) == (0, "rates,-,1,1,0,0,0,0")
    code, output = imported("xlsx", b"PK")
    assert code != 0
    assert "unknown form of a file 'xlsx'. Allowed: csv, csv.gz, json" in output
