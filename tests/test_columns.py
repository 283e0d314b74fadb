"""Columns in and out in bulk: whatever goes in comes out the same, on both databases."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, literal, null, select, union_all

from attribution.engine import Store
from attribution.errors import StoreError
from attribution.store import columns, schema
from attribution.store.columns import insert_columns, next_id, read_frame, read_ints, temporary

NASTY = [
    "", " ", ",", '"', '""', "\\", "\\N", "\\.", "NULL", "null", "a\nb", "a\r\nb", "\t",
    "'; DROP TABLE touch; --",
    "%s %(a)s", "ü", "漢字", "🙂", "x" * 5000, None,
]  # fmt: skip
LARGE = [0, 1, -1, 2**63 - 1, -(2**63), None]


def test_texts_and_numbers_come_out_as_they_went_in(store: Store) -> None:
    """Quotes, separators, line breaks, backslashes, the empty text and the missing one, and 64 bits."""
    numbers = [LARGE[i % len(LARGE)] for i in range(len(NASTY))]
    with store.db.write() as connection:
        inserted = insert_columns(
            connection,
            schema.page,
            {
                "page_id": np.arange(1, len(NASTY) + 1),
                "hash": np.arange(len(NASTY)) - 5,
                "host": pa.array(NASTY),
                "path": list(NASTY),
                "query": None,
            },
        )
        assert inserted == len(NASTY)
        insert_columns(
            connection,
            schema.social_stat,
            {
                "hash": np.arange(len(NASTY)), "digest": 0, "day": 0, "source": "s", "campaign": None,
                "likes": pa.array(numbers, pa.int64()), "batch_id": 1,
            },
        )  # fmt: skip
    page, social = schema.page, schema.social_stat
    with store.db.read() as connection:
        frame = read_frame(connection, select(page).order_by(page.c.page_id))
        likes = read_frame(connection, select(social.c.likes).order_by(social.c.hash))
        hashes = read_ints(connection, select(page.c.hash).order_by(page.c.page_id), ["hash"])["hash"]
    assert frame["host"].tolist() == NASTY
    assert frame["path"].tolist() == NASTY
    assert frame["query"].tolist() == [None] * len(NASTY)
    assert likes["likes"].tolist() == numbers  # whole numbers, beside missing ones too: no float in between
    assert frame["hash"].dtype == np.int64
    assert hashes.tolist() == list(range(-5, len(NASTY) - 5))


def test_any_text_survives(store: Store) -> None:
    """Every text without control characters, which reading has rejected by then."""

    @given(
        st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1, max_size=8)
    )
    @hypothesis_settings(max_examples=25, suppress_health_check=list(HealthCheck))
    def survives(texts: list[str | None]) -> None:
        numbers = np.arange(1, len(texts) + 1)
        with store.db.write() as connection:
            connection.execute(delete(schema.page))
            insert_columns(
                connection,
                schema.page,
                {"page_id": numbers, "hash": numbers, "host": pa.array(texts, pa.string())},
            )
            found = (
                connection.execute(select(schema.page.c.host).order_by(schema.page.c.page_id)).scalars().all()
            )
        assert found == texts

    survives()


def test_a_large_insert_goes_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of any size give the same rows, in arrays, chunked arrays, lists and scalars."""
    monkeypatch.setattr(columns, "_CHUNK_ROWS", 7)
    values = np.arange(1, 51)
    chunked = pa.chunked_array([pa.array(["a"] * 20), pa.array(["b"] * 30)])
    with store.db.write() as connection:
        insert_columns(
            connection, schema.page,
            {"page_id": values, "hash": pa.array(values), "host": chunked, "path": [str(v) for v in values]},
        )  # fmt: skip
    with store.db.read() as connection:
        frame = read_frame(connection, select(schema.page).order_by(schema.page.c.page_id))
    assert frame["host"].tolist() == ["a"] * 20 + ["b"] * 30
    assert frame["path"].tolist() == [str(v) for v in values]


def test_columns_of_different_lengths_are_refused(sqlite_store: Store) -> None:
    """A shorter column would shift every row behind it."""
    with sqlite_store.db.write() as connection, pytest.raises(ValueError, match="different lengths"):
        insert_columns(connection, schema.page, {"page_id": np.arange(3), "hash": np.arange(2)})


def test_nothing_to_insert_or_to_read(store: Store) -> None:
    """Empty columns are as good as any others."""
    empty = np.empty(0, np.int64)
    with store.db.write() as connection:
        assert insert_columns(connection, schema.page, {"page_id": empty, "hash": empty}) == 0
        found = read_ints(connection, select(schema.page.c.page_id, schema.page.c.hash), ["n", "h"])
        assert {name: values.tolist() for name, values in found.items()} == {"n": [], "h": []}
        assert list(read_frame(connection, select(schema.page)).columns) == [c.name for c in schema.page.c]
        assert next_id(connection, schema.page.c.page_id) == 1


def test_numbers_are_read_with_parameters_sums_and_remainders(store: Store) -> None:
    """Sums are wider than 64 bits on PostgreSQL, and `%` is the drivers' own sign."""
    values = np.arange(1, 101)
    page = schema.page
    with store.db.write() as connection:
        insert_columns(connection, page, {"page_id": values, "hash": values * 10})
        odd = select((page.c.page_id % 2).label("odd"), func.sum(page.c.hash), func.count()).group_by("odd")
        found = read_ints(connection, odd.order_by("odd"), ["odd", "sum", "count"])
        assert {name: v.tolist() for name, v in found.items()} == {
            "odd": [0, 1], "sum": [25500, 25000], "count": [50, 50],
        }  # fmt: skip
        some = (
            select(page.c.hash).where(page.c.page_id.in_([3, 5, 7]), page.c.hash > 30).order_by(page.c.hash)
        )
        assert read_ints(connection, some, ["hash"])["hash"].tolist() == [50, 70]
        remainder = select(literal(7) % literal(4))
        assert read_ints(connection, remainder, ["x"])["x"].tolist() == [3]
        plain = select(page.c.page_id % page.c.hash).where(page.c.page_id == page.c.hash - 9)
        assert read_ints(connection, plain, ["x"])["x"].tolist() == [1]
        assert next_id(connection, page.c.page_id) == 101


def test_a_null_where_none_may_be_is_an_error_and_no_number(store: Store) -> None:
    """Alone or among others: it must not become a zero, or vanish."""
    one_null = select(null())
    among_others = union_all(select(literal(1)), select(null()), select(literal(2)))
    for statement in (one_null, among_others):
        with store.db.read() as connection, pytest.raises(ValueError, match="no null holds one"):
            read_ints(connection, statement, ["x"])


def test_a_temporary_table_is_gone_after_its_block(store: Store) -> None:
    """Also where the block failed; several at once do not meet."""
    with store.db.read() as connection:
        with (
            temporary(connection, n=np.array([1, 2])) as one,
            temporary(connection, n=np.array([2, 3])) as two,
        ):
            both = select(one.c.n).join(two, two.c.n == one.c.n)
            assert connection.execute(both).scalars().all() == [2]
        with pytest.raises(RuntimeError), temporary(connection, n=np.array([1])):
            raise RuntimeError
        assert connection.execute(select(literal(1))).scalar_one() == 1
    with pytest.raises(StoreError), store.db.read() as connection:  # noqa: PT012
        with temporary(connection, n=np.array([1])) as gone:
            name = gone.name
        connection.exec_driver_sql(f"SELECT n FROM {name}")


def test_an_error_of_the_driver_is_a_store_error(store: Store) -> None:
    """The bulk paths speak to the driver itself, and their errors are translated all the same."""
    twice = {"page_id": np.array([1, 1]), "hash": np.array([1, 2])}
    with pytest.raises(StoreError, match=r"(?i)unique"), store.db.write() as connection:
        insert_columns(connection, schema.page, twice)
    with store.db.write() as connection:  # and nothing is stuck
        insert_columns(connection, schema.page, {"page_id": np.array([1]), "hash": np.array([1])})
