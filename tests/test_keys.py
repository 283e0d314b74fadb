"""Hashes are stored, so they never change; interning gives each distinct thing one number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from attribution.engine import Store
from attribution.store import schema
from attribution.store.columns import Ints, insert_columns, read_frame
from attribution.store.keys import (
    distinct,
    find,
    identifier_hash,
    intern,
    look_up,
    one_text_hash,
    row_hash,
    text_hash,
)


def test_hashes_never_change() -> None:
    """Every store there is holds these: another value here would make all its rows unknown."""
    texts = pa.array(["", "v1", "Grün 🙂", None])
    assert text_hash(texts).tolist() == [
        3244421341483603138, 7609560174697462029, 7328267785537343009, 0,
    ]  # fmt: skip
    assert row_hash({"a": texts, "n": np.array([1, 2, 3, 4])}, 4).tolist() == [
        504520835823866386, 5515695735282402757, -8648751255090661511, 5876460045422279692,
    ]  # fmt: skip
    assert identifier_hash(1, texts.slice(1, 1)).tolist() == [-5171939559645657098]
    assert identifier_hash(2, texts.slice(1, 1)).tolist() == [8938387504921119541]


def test_one_text_is_hashed_as_a_column_is() -> None:
    """Looking one touch up finds what the import stored."""
    for text in ("", "v1", "ü"):
        assert one_text_hash(text) == text_hash(pa.chunked_array([[text]]))[0]


def test_a_missing_value_is_as_good_as_a_missing_column() -> None:
    """A file without the column and a file with it empty say the same."""
    a = pa.array(["x", "y"])
    assert (
        row_hash({"a": a}, 2).tolist()
        == row_hash({"a": a, "b": pa.nulls(2, pa.string()), "c": None}, 2).tolist()
    )
    assert row_hash({"a": a, "b": a}, 2).tolist() == row_hash({"b": a, "a": a}, 2).tolist()  # in any order


def test_what_differs_hashes_differently() -> None:
    """The same value in another column, an empty text, a zero and a missing value are four things."""
    one = pa.array(["x"])
    missing = {"a": pa.array([None], pa.string())}
    rows = [
        {"a": one}, {"b": one}, {"a": one, "b": one}, {"a": pa.array([""])}, missing,
        {"n": np.array([0])}, {"n": pa.array([None], pa.int64()), "m": np.array([0])}, {"n": np.array([-1])},
    ]  # fmt: skip
    hashes = [int(row_hash(row, 1)[0]) for row in rows]  # type: ignore[arg-type]
    assert len(set(hashes)) == len(hashes)
    swapped = row_hash({"a": pa.array(["x", "y"]), "b": pa.array(["y", "x"])}, 2)
    assert swapped[0] != swapped[1]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)), st.integers(0, 9))
@hypothesis_settings(max_examples=50)
def test_chunks_and_encodings_do_not_matter(texts: list[str | None], cut: int) -> None:
    """A row's hash depends on its values only, not on how the column lies in memory."""
    whole = pa.array(texts, pa.string())
    chunked = pa.chunked_array([whole.slice(0, cut), whole.slice(cut)])
    n = len(texts)
    expected = [int(row_hash({"a": pa.array([text], pa.string())}, 1)[0]) for text in texts]
    assert row_hash({"a": whole}, n).tolist() == row_hash({"a": chunked}, n).tolist() == expected
    assert text_hash(whole).tolist() == text_hash(chunked).tolist()


def test_distinct_and_look_up() -> None:
    """Numbers in order of appearance; keys in any order, missing ones told."""
    codes, first = distinct(np.array([9, 7, 9, 8, 7]))
    assert (codes.tolist(), first.tolist()) == ([0, 1, 0, 2, 1], [0, 1, 3])
    keys, values = np.array([5, -3, 9]), np.array([50, 30, 90])
    assert look_up(keys, values, np.array([9, -3, 4, 10, 5])).tolist() == [90, 30, -1, -1, 50]
    assert look_up(np.empty(0, np.int64), np.empty(0, np.int64), np.array([1]), missing=0).tolist() == [0]


def test_find(store: Store) -> None:
    """Only what is there, with its key."""
    with store.db.write() as connection:
        insert_columns(
            connection, schema.page, {"page_id": np.array([1, 2, 3]), "hash": np.array([2**62, -(2**62), 7])}
        )
        found = find(connection, schema.page, schema.page.c.hash, ["page_id"], np.array([7, 8, -(2**62)]))
        assert dict(zip(found["hash"].tolist(), found["page_id"].tolist(), strict=True)) == {
            -(2**62): 2,
            7: 3,
        }
        none = find(connection, schema.page, schema.page.c.hash, ["page_id"], np.empty(0, np.int64))
        assert {name: values.tolist() for name, values in none.items()} == {"hash": [], "page_id": []}


def test_interning_gives_each_thing_one_number_for_good(store: Store) -> None:
    """New things are added once, known ones keep their number, and the caller learns which were new."""

    def number(texts: list[str]) -> tuple[list[int], list[str]]:
        values = pa.array(texts)

        def rows(new: Ints) -> dict[str, pa.Array]:
            return {"user_agent": values.take(pa.array(new))}

        with store.db.write() as connection:
            numbers, new = intern(connection, schema.agent, "agent_id", text_hash(values), rows)
        return numbers.tolist(), sorted(texts[i] for i in new.tolist())

    first, new = number(["b", "a", "b"])
    assert first[0] == first[2] != first[1]
    assert sorted({*first}) == [1, 2]
    assert new == ["a", "b"]
    second, new = number(["c", "a", "a"])
    assert second == [3, first[1], first[1]]
    assert new == ["c"]
    assert number(["a"]) == ([first[1]], [])
    assert number([]) == ([], [])
    with store.db.read() as connection:
        stored = read_frame(connection, select(schema.agent.c.agent_id, schema.agent.c.user_agent))
    assert dict(zip(stored["user_agent"], stored["agent_id"], strict=True)) == {
        "b": first[0], "a": first[1], "c": 3,
    }  # fmt: skip
