"""Names that lead into objects and arrays: in JSON Lines row by row, in JSON Lines as columns, in Parquet."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import InputError, UnknownNameError
from attribution.sources import files
from attribution.sources.json_nested import NestedRows
from attribution.sources.mapping.layout import SectionLayout
from attribution.sources.mapping.read import parse_mapping

MAPPING = parse_mapping(
    "ours",
    """
    [touches.columns]
    touch_id = "id"
    at = "at"
    url = ["context.page.url", "url"]
    campaign = "event_params[campaign]"
    keyword = "event_params[term]"
    ad = "props[$ad]"
    contact_id = "to.results.id"
    referrer = "actions[0].url"
    """,
)
LAYOUT = SectionLayout(MAPPING, MAPPING.section("touches"))
Rows = list[dict[str, Any]]


def as_lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def loaded(data: bytes | Path, form: str | None = "jsonl", block_bytes: int = 1 << 20) -> Rows:
    """The rows without what is missing."""
    source, stdin = ("-", io.BytesIO(data)) if isinstance(data, bytes) else (data, None)
    batches = list(files.read(source, LAYOUT, stdin=stdin, form=form, block_bytes=block_bytes))
    assert not [one for batch in batches for one in batch.rejected]
    return [some(row) for batch in batches for row in batch.columns.to_pylist()]


def some(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def both_ways(rows: Rows, tmp_path: Path) -> Rows:
    """What rows give row by row; as columns and from Parquet they must give the same."""
    data = as_lines(rows)
    first = loaded(data)
    reader = NestedRows(LAYOUT.names)
    reader.block(data, 1)
    again = reader._as_columns(data, 1)
    assert again is not None, "these rows are of one type each, and must be read as columns"
    assert [some(row) for row in again.columns.to_pylist()] == first
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    assert loaded(file, None) == first
    return first


def test_names_lead_into_objects_and_arrays_of_records(tmp_path: Path) -> None:
    """Dots, keys, names in other case; a value of its own or by its type; the first of equal keys."""
    rows: Rows = [
        {
            "ID": "1",
            "at": "2024-05-03",
            "Context": {"page": {"URL": "https://a.example/", "title": "A"}},
            "event_params": [
                {"key": "campaign", "value": {"string_value": "spring", "int_value": None}},
                {"key": "Term", "value": {"string_value": None, "int_value": 7}},
                {"key": "campaign", "value": {"string_value": "second", "int_value": None}},
            ],
            "to": {"results": [{"id": "7"}, {"id": None}, {"id": "8"}]},
        },
        {"ID": "2", "at": None, "Context": None, "event_params": [], "to": {"results": []}},
        {"ID": "3", "at": "", "Context": {"page": None}, "event_params": None, "to": None},
    ]  # fmt: skip
    assert both_ways(rows, tmp_path) == [
        {
            "id": "1",
            "at": "2024-05-03",
            "context.page.url": "https://a.example/",
            "event_params[campaign]": "spring",
            "event_params[term]": "7",
            "to.results.id": "7;8",
        },
        {"id": "2"},
        {"id": "3"},
    ]


def test_plain_values_of_every_type_become_text(tmp_path: Path) -> None:
    """Numbers keep their digits; records may call the key `name`, and an object serves as records too."""
    rows: Rows = [
        {"id": 12345678901234567, "at": True, "event_params": [{"name": "term", "value": 0.1}], "props": {}},
        {"id": 2, "at": False, "event_params": [{"name": "term", "value": 1000.0}], "props": {"$AD": "x"}},
    ]
    assert both_ways(rows, tmp_path) == [
        {"id": "12345678901234567", "at": "true", "event_params[term]": "0.1"},
        {"id": "2", "at": "false", "event_params[term]": "1000", "props[$ad]": "x"},
    ]


def test_an_item_of_an_array_is_named_by_its_number(tmp_path: Path) -> None:
    """From 0; an array that is too short has none."""
    rows: Rows = [
        {"id": "1", "at": "a", "actions": [{"url": "x;y"}, {"url": "z"}]},
        {"id": "2", "at": "a", "actions": []},
        {"id": "3", "at": "a", "actions": None},
        {"id": "4", "at": "a", "actions": [{"url": None}]},
    ]
    found = both_ways(rows, tmp_path)
    assert [row.get("actions[0].url") for row in found] == ["x;y", None, None, None]


def test_text_that_is_json_is_read_like_what_it_says(tmp_path: Path) -> None:
    """As warehouses keep objects in columns of text; broken JSON is no value."""
    inner = json.dumps({"Page": {"url": "https://a.example/"}})
    listed = json.dumps([{"key": "term", "value": {"int_value": 7}}])
    rows: Rows = [
        {"id": "1", "at": "a", "context": inner, "event_params": listed, "actions": None},
        {"id": "2", "at": "a", "context": "{broken", "event_params": "[]", "actions": '[{"url": "x"}]'},
        {"id": "3", "at": "a", "context": "plain", "event_params": None, "actions": "[5]"},
    ]
    assert both_ways(rows, tmp_path) == [
        {"id": "1", "at": "a", "context.page.url": "https://a.example/", "event_params[term]": "7"},
        {"id": "2", "at": "a", "actions[0].url": "x"},
        {"id": "3", "at": "a"},
    ]


def test_maps_of_parquet_are_records(tmp_path: Path) -> None:
    """A map column; a struct in the map holds values by type."""
    maps = pa.array(
        [[("campaign", "spring")], None, [("x", "y"), ("term", "shoes")]], pa.map_("string", "string")
    )
    file = tmp_path / "maps.parquet"
    pq.write_table(pa.table({"id": ["1", "2", "3"], "at": ["a", "b", "c"], "event_params": maps}), file)
    assert loaded(file, None) == [
        {"id": "1", "at": "a", "event_params[campaign]": "spring"},
        {"id": "2", "at": "b"},
        {"id": "3", "at": "c", "event_params[term]": "shoes"},
    ]


def test_arrays_of_parquet_may_be_kept_in_records(tmp_path: Path) -> None:
    """As tables are that were loaded without a word about lists: `list`, and `element` in it."""
    rows: Rows = [
        {"id": "1", "at": "a", "event_params": {"list": [{"element": {"key": "x", "value": "0"}}]}},
        {"id": "2", "at": "a", "event_params": None},
        {"id": "3", "at": "a", "event_params": {"list": [{"element": {"key": "term", "value": "y"}}]}},
    ]
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    assert [row.get("event_params[term]") for row in loaded(file, None)] == [None, None, "y"]


def test_a_plain_name_with_dots_wins_over_the_path(tmp_path: Path) -> None:
    """A flattened file is read as it is, in every form."""
    rows: Rows = [{"id": "1", "at": "a", "context.page.url": "flat", "Context": {"page": {"url": "deep"}}}]
    expected = [{"id": "1", "at": "a", "context.page.url": "flat"}]
    assert both_ways(rows, tmp_path) == expected
    assert loaded(b"id,at,Context.Page.URL,event_params[term]\n1,a,flat,\n", "csv") == expected


def test_an_object_or_an_array_where_a_text_ends_is_no_value(tmp_path: Path) -> None:
    """The next place counts then."""
    rows: Rows = [
        {"id": "1", "at": "a", "context": {"page": {"url": {"href": "x"}}}, "url": "https://b.example/"},
        {"id": "2", "at": "a", "context": {"page": {"url": None}}, "url": "https://c.example/"},
    ]
    assert loaded(as_lines(rows)) == [
        {"id": "1", "at": "a", "url": "https://b.example/"},
        {"id": "2", "at": "a", "url": "https://c.example/"},
    ]
    listed: Rows = [{"id": "1", "at": ["a", "b"]}]
    assert loaded(as_lines(listed)) == [{"id": "1"}]


def test_blocks_that_do_not_fit_what_came_before_lose_nothing() -> None:
    """New names, another type, another spelling, a broken line: each block gives what it says."""
    rows: Rows = [{"id": str(number), "at": "a"} for number in range(6)]
    rows += [{"id": "6", "at": "a", "Context": {"Page": {"Url": "https://x.example/"}}}]
    rows += [{"id": "7", "at": "b", "event_params": [{"key": "term", "value": {"int_value": 5}}]}]
    rows += [{"id": "8", "at": "b", "event_params": [{"key": "term", "value": {"string_value": "y"}}]}]
    rows += [{"id": 9, "at": "c"}, {"id": "10", "at": "d", "other": {"props": "context"}}]
    expected = loaded(as_lines(rows))
    assert [row["id"] for row in expected] == [str(number) for number in range(11)]
    assert expected[6]["context.page.url"] == "https://x.example/"
    assert [row.get("event_params[term]") for row in expected[7:9]] == ["5", "y"]
    for block_bytes in (30, 64, 200):
        assert loaded(as_lines(rows), block_bytes=block_bytes) == expected


def test_lines_keep_their_numbers_past_blank_and_broken_ones() -> None:
    """Also where a later block is read as columns."""
    good = b'{"id": "1", "at": "a"}\n'
    data = (
        good + b"\n" + good + b"{broken\n" + good * 3 + b"\r\n\n" + good + b'null\n{"id": "x"} null\n' + good
    )
    for block_bytes in (40, 1 << 20):
        batches = list(files.read("-", LAYOUT, stdin=io.BytesIO(data), form="jsonl", block_bytes=block_bytes))
        assert [int(line) for batch in batches for line in batch.lines] == [1, 3, 5, 6, 7, 10, 13]
        bad = [(one.line, one.code) for batch in batches for one in batch.rejected]
        assert bad == [(4, "bad_json"), (11, "bad_json"), (12, "bad_json")]


def test_half_a_character_rejects_its_row() -> None:
    """No database stores a lone surrogate."""
    data = b'{"id": "1", "at": "a"}\n{"id": "\\ud800", "at": "a"}\n'
    (batch,) = files.read("-", LAYOUT, stdin=io.BytesIO(data), form="jsonl")
    assert (batch.columns.num_rows, [(one.line, one.code) for one in batch.rejected]) == (
        1,
        [(2, "bad_json")],
    )


_texts = st.one_of(st.none(), st.text(max_size=4))
_numbers = st.one_of(st.integers(-(10**18), 10**18), st.floats(), st.none())
_page = st.fixed_dictionaries({"url": _texts})
_contact = st.fixed_dictionaries({"id": _texts})
_typed = st.dictionaries(st.sampled_from(["string_value", "int_value"]), _texts)
_records = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from(["campaign", "term", "x"])},
        optional={"value": st.one_of(_texts, _typed)},
    ),
    max_size=3,
)  # fmt: skip
_rows = st.lists(
    st.fixed_dictionaries(
        {"id": _texts},
        optional={
            "at": st.one_of(_numbers, _texts),
            "context": st.one_of(_texts, st.fixed_dictionaries({"page": st.one_of(_texts, _page)})),
            "event_params": st.one_of(st.none(), _records),
            "props": st.dictionaries(st.sampled_from(["$ad", "x"]), _texts),
            "to": st.fixed_dictionaries({"results": st.lists(_contact, max_size=2)}),
        },
    ),
    min_size=2,
    max_size=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(rows=_rows)
def test_columns_say_what_rows_say(rows: Rows) -> None:
    """Whatever the values: where a block can be read as columns, it gives what its rows give one by one."""
    data = as_lines(rows)
    reader = NestedRows(LAYOUT.names)
    first, _ = reader.block(data, 1)
    again = reader._as_columns(data, 1)
    if again is not None:
        assert again.columns.to_pylist() == first.columns.to_pylist()
        assert again.lines.tolist() == first.lines.tolist()


def test_a_json_array_is_read_item_by_item(tmp_path: Path) -> None:
    """As APIs give it, on one line or on many, packed or not; lines count the items."""
    rows: Rows = [{"id": str(number), "at": "[},"} for number in range(5)]
    for text in (json.dumps(rows), json.dumps(rows, indent=2), " \n" + json.dumps(rows) + "\n"):
        file = tmp_path / "rows.json.gz"
        file.write_bytes(gzip.compress(text.encode()))
        assert loaded(file, None) == rows
        assert loaded(text.encode(), "json", block_bytes=32) == rows


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'[{"id": "1", "at": "a"},\n{"id": }]', "the JSON array is broken or cut short behind line 1"),
        (b'[{"id": "1", "at": "a"}', "broken or cut short"),
        (b'[{"id": "1", "at": "a"}] x', "something stands behind the JSON array"),
        (b"[]", "the file is empty"),
        (b'{"at": "a"}', "required column touch_id is missing"),
    ],
)
def test_files_that_cannot_be_read_say_why(data: bytes, says: str) -> None:
    """Nothing of them is loaded."""
    with pytest.raises(InputError, match=says):
        loaded(data)


def test_standard_input_may_be_of_any_form(tmp_path: Path) -> None:
    """Packed, tab-separated and Parquet too; an unknown form is told with those there are."""
    row: Rows = [{"id": "1", "at": "a"}]
    assert loaded(gzip.compress(as_lines(row)), "jsonl.gz") == row
    assert loaded(b"id\tat\n1\ta\n", "tsv") == row
    packed = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(row), packed)
    assert loaded(packed.getvalue(), "parquet") == row
    with pytest.raises(UnknownNameError, match="xlsx"):
        loaded(b"", "xlsx")
    file = tmp_path / "part-00000"
    file.write_bytes(as_lines(row))
    assert loaded(file, "jsonl") == row
