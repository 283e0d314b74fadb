"""Columns in and out of the database, in bulk, on the connection that SQLAlchemy already holds.

SQLAlchemy's row layer moves some tens of thousands of text rows a second; these paths go to the driver
below it, on the same connection and so in the same transaction (figures: docs/design/store.md).
On SQLite that is `executemany` over zipped columns and `numpy.fromiter` over a cursor; on PostgreSQL
COPY, fed by Arrow's CSV writer and read as fixed-width binary.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    MetaData,
    Select,
    Table,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.selectable import CompoundSelect
from sqlalchemy.types import Integer

from attribution.sorted_sets import as_set
from attribution.store.database import remembered

Ints = npt.NDArray[np.int64]
# a column: whole numbers, anything Arrow holds, a list, or one value for every row
Values: TypeAlias = Ints | pa.Array | pa.ChunkedArray | Sequence[Any] | int | str | None
Statement: TypeAlias = Select[Any] | CompoundSelect[Any]

FEW: Final = 100  # up to here a list in the statement is faster than a table of what is wanted
_CHUNK_ROWS: Final = 100_000
_A_FEW_ROWS: Final = 20  # up to here PostgreSQL takes rows faster as an insert than as a copy
_ROWS_A_STATEMENT: Final = 50  # a quarter faster than one by one; more gains nothing
_ANALYZE_ROWS: Final = 10_000  # from here on PostgreSQL's planner is told how large a table became
_HALF: Final = 2**32
_LISTED: Final = "listed"
_numbers: Final = itertools.count()


def insert_columns(connection: Connection, table: Table, columns: Mapping[str, Values]) -> int:
    """Insert rows given as columns; returns how many.

    Args:
        connection: inside a transaction of the store's writer (or of a temporary table's reader).
        table: where to.
        columns: name -> values, all of one length; a scalar or None stands for every row.
    """
    lengths = {len(v) for v in columns.values() if not (v is None or isinstance(v, (int, str)))}
    if len(lengths) != 1:
        raise ValueError(f"columns of {table.name} have different lengths: {sorted(lengths)}")
    (rows,) = lengths
    if rows == 0:
        return 0
    if connection.dialect.name == "sqlite":
        _insert_sqlite(connection, table, columns, rows)
    elif rows <= _A_FEW_ROWS:
        _insert_few(connection, table, columns, rows)
    else:
        _copy_in(connection, table, columns, rows)
        if rows >= _ANALYZE_ROWS:
            connection.exec_driver_sql(f"ANALYZE {table.name}")
    return rows


def _insert_sqlite(connection: Connection, table: Table, columns: Mapping[str, Values], rows: int) -> None:
    # a column without any value, or with one number for all rows, need not be bound a million times
    columns = {name: values for name, values in columns.items() if not _is_blank(values)}
    names = ", ".join(f'"{name}"' for name in columns)
    row = f"({', '.join(str(v) if isinstance(v, int) else '?' for v in columns.values())})"
    bound = [values for values in columns.values() if not isinstance(values, int)]
    sql = f'INSERT INTO "{table.name}" ({names}) VALUES '  # names are the schema's own
    several = sql + ", ".join([row] * _ROWS_A_STATEMENT)
    cursor = _driver(connection).cursor()
    if not bound:
        cursor.executemany(sql + row, itertools.repeat((), rows))
    for start in range(0, rows if bound else 0, _CHUNK_ROWS):
        stop = min(start + _CHUNK_ROWS, rows)
        listed = zip(*(_listed(v, start, stop) for v in bound), strict=False)
        whole = (stop - start) // _ROWS_A_STATEMENT * _ROWS_A_STATEMENT
        flat = itertools.chain.from_iterable(itertools.islice(listed, whole))
        cursor.executemany(several, zip(*[flat] * (_ROWS_A_STATEMENT * len(bound)), strict=True))
        cursor.executemany(sql + row, listed)  # what is left over
    cursor.close()


def _is_blank(values: Values) -> bool:
    return values is None or (
        isinstance(values, (pa.Array, pa.ChunkedArray)) and values.null_count == len(values)
    )


def _listed(values: Values, start: int, stop: int) -> Any:
    if isinstance(values, str):
        return itertools.repeat(values, stop - start)
    part: Any = values
    part = part[start:stop]
    if isinstance(part, np.ndarray):
        return part.tolist()
    if isinstance(part, (pa.Array, pa.ChunkedArray)):
        if pa.types.is_integer(part.type):
            return part.to_pandas(integer_object_nulls=True).tolist()
        return (
            part.to_numpy(zero_copy_only=False).tolist() if isinstance(part, pa.Array) else part.to_pylist()
        )
    return part


def _insert_few(connection: Connection, table: Table, columns: Mapping[str, Values], rows: int) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    row = f"({', '.join(['%s'] * len(columns))})"
    listed = [
        [values] * rows if values is None or isinstance(values, (int, str)) else _listed(values, 0, rows)
        for values in columns.values()
    ]
    cursor = _driver(connection).cursor()
    cursor.execute(
        f'INSERT INTO "{table.name}" ({names}) VALUES {", ".join([row] * rows)}',
        list(itertools.chain.from_iterable(zip(*listed, strict=True))),
    )
    cursor.close()


def _copy_in(connection: Connection, table: Table, columns: Mapping[str, Values], rows: int) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = [_arrow(values, rows) for values in columns.values()]
    data = pa.table(arrays, names=[str(i) for i in range(len(arrays))])
    # every value quoted, every null bare: the two cannot be confused
    options = pacsv.WriteOptions(include_header=False, quoting_style="all_valid")
    cursor = _driver(connection).cursor()
    with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT csv)') as copy:
        for start in range(0, rows, _CHUNK_ROWS):
            sink = io.BytesIO()
            pacsv.write_csv(data.slice(start, _CHUNK_ROWS), sink, options)
            copy.write(sink.getbuffer())
    cursor.close()


def _arrow(values: Values, rows: int) -> pa.Array | pa.ChunkedArray:
    if values is None:
        return pa.nulls(rows, pa.string())
    if isinstance(values, (int, str)):
        return pa.repeat(pa.scalar(values), rows)
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    return pa.array(values)


def packed(high: ColumnElement[int], low: ColumnElement[int]) -> ColumnElement[int]:
    """Return two numbers of a row as one, for :func:`unpack`: what costs is how many values cross over.

    Both are numbers of identifiers, which are fewer than 2^31.
    """
    return high * _HALF + low


def unpack(values: Ints) -> tuple[Ints, Ints]:
    """Take numbers apart that were :func:`packed`; likewise :func:`pack`.

    >>> unpack(pack(np.array([3]), np.array([5])))
    (array([3]), array([5]))
    """
    return values >> 32, values & (_HALF - 1)


def pack(high: Ints, low: Ints) -> Ints:
    """Return two arrays as one."""
    return high * _HALF + low


def read_ints(connection: Connection, statement: Statement, names: Sequence[str]) -> dict[str, Ints]:
    """Read whole-number columns that hold no null.

    Args:
        connection: inside a transaction.
        statement: a select of as many columns as `names`; sums and counts are cast to 64 bits.
        names: how to call the columns of the answer.

    Returns:
        name -> int64 array, one value a row, in the statement's order.
    """
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    width = len(names)
    if connection.dialect.name == "sqlite":
        params = [compiled.params[name] for name in compiled.positiontup or ()]
        cursor = _driver(connection).cursor()
        cursor.execute(str(compiled), params)
        try:
            flat = np.fromiter(itertools.chain.from_iterable(cursor), np.int64)
        except TypeError:
            raise ValueError("a column that was said to hold no null holds one") from None
        cursor.close()
        table = flat.reshape(-1, width)
    else:
        table = _copy_out(connection, str(compiled), dict(compiled.params), width)
    return {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)}


def read_ints_once(connection: Connection, statement: Statement, names: Sequence[str]) -> dict[str, Ints]:
    """Read as :func:`read_ints` does, the same statement of one state of the store once.

    Nobody may change the arrays.
    """
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    key = ("columns", str(compiled), repr(sorted(compiled.params.items())), tuple(names))
    return dict(remembered(connection, key, lambda: read_ints(connection, statement, names)))


def read_few(connection: Connection, key: Column[Any], names: Sequence[str], wanted: Ints) -> dict[str, Ints]:
    """Read whole-number columns of the rows whose key is among a few numbers, the key too."""
    statement = _few_statement(connection.dialect, key, tuple(names))
    return read_statement(connection, statement, wanted, (key.name, *names))


@lru_cache(maxsize=256)
def _few_statement(dialect: Dialect, key: Column[Any], names: tuple[str, ...]) -> Select[Any]:
    statement = select(key, *(key.table.c[name] for name in names))
    if dialect.name == "sqlite":
        return statement.where(key.in_(select(listed(dialect))))
    return statement.where(key == any_(cast(bindparam(_LISTED), ARRAY(BigInteger))))


def listed(dialect: Dialect) -> ColumnElement[int]:
    """Return the numbers that :func:`read_statement` is given, as a column of a select."""
    if dialect.name == "sqlite":
        column: ColumnElement[int] = func.json_each(bindparam(_LISTED)).table_valued("value").c.value
        return column
    return func.unnest(cast(bindparam(_LISTED), ARRAY(BigInteger)))


def read_statement(
    connection: Connection, statement: Select[Any], numbers: Ints, names: Sequence[str]
) -> dict[str, Ints]:
    """Read whole-number columns by a statement that is about a few numbers (:func:`listed`).

    The statement is compiled once, however many numbers there are: what is looked up for one new row costs
    tens of microseconds then.
    """
    sqlite = connection.dialect.name == "sqlite"
    cursor = _driver(connection).cursor()
    values = numbers.tolist()
    rows = cursor.execute(
        _compiled(connection.dialect, statement), [json.dumps(values) if sqlite else values]
    ).fetchall()
    cursor.close()
    table = np.array(rows, np.int64).reshape(-1, len(names))
    return {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)}


@lru_cache(maxsize=256)
def _compiled(dialect: Dialect, statement: Select[Any]) -> str:
    return str(statement.compile(dialect=dialect)).replace(f"%({_LISTED})s", "%s")


def _copy_out(connection: Connection, sql: str, params: Mapping[str, Any], width: int) -> Ints:
    cols = ", ".join(f"c{i}" for i in range(width))
    cast = ", ".join(f"c{i}::bigint" for i in range(width))
    wrapped = f"COPY (SELECT {cast} FROM ({sql}) AS q({cols})) TO STDOUT (FORMAT binary)"
    cursor = _driver(connection).cursor()
    with cursor.copy(wrapped, params) as copy:  # never None: `%%` is one `%` only where there are parameters
        data = b"".join(bytes(block) for block in copy)
    cursor.close()
    # a header of 19 bytes, rows of (field count, then length and value of each field), a trailer of 2
    row = np.dtype([("fields", ">i2"), *((f"{kind}{i}", f">i{size}") for i in range(width)
                                         for kind, size in (("length", 4), ("value", 8)))])  # fmt: skip
    count, rest = divmod(len(data) - 21, row.itemsize)
    body = np.frombuffer(data, row, count=count, offset=19)
    if rest or not all((body[f"length{i}"] == 8).all() for i in range(width)):
        raise ValueError("a column that was said to hold no null holds one")
    return np.stack([body[f"value{i}"].astype(np.int64) for i in range(width)], axis=1).reshape(-1, width)


def read_frame(connection: Connection, statement: Statement) -> pd.DataFrame:
    """Read any columns into a frame; whole numbers stay whole (object dtype where a null is among them)."""
    result: Any = connection.execute(statement)
    names = list(result.keys())
    rows = result.all()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    series = {}
    for name, values in zip(names, columns, strict=True):
        whole = bool(values) and all(type(v) is int for v in values)
        series[name] = pd.Series(values, dtype=np.int64 if whole else object)
    return pd.DataFrame(series, columns=names)


@contextmanager
def temporary(connection: Connection, **columns: Ints | pa.Array) -> Iterator[Table]:
    """Hold columns of whole numbers, or texts as Arrow has them, as a table for the time of a `with` block.

    >>> from attribution.store.database import Database
    >>> with Database.open("sqlite://") as db, db.read() as connection:
    ...     with temporary(connection, n=np.array([3, 5])) as wanted:
    ...         connection.execute(select(wanted.c.n)).scalars().all()
    [3, 5]
    """
    big = BigInteger().with_variant(Integer(), "sqlite")
    table = Table(
        f"temporary_{next(_numbers)}",
        MetaData(),
        *(
            Column(name, Text if isinstance(values, pa.Array) else big, nullable=False)
            for name, values in columns.items()
        ),
        prefixes=["TEMPORARY"],
    )
    table.create(connection)
    try:
        insert_columns(connection, table, columns)
        yield table
    finally:
        if connection.get_transaction() is not None and not connection.invalidated:
            _drop(connection, table)


def _drop(connection: Connection, table: Table) -> None:
    if connection.dialect.name == "postgresql" and _driver(connection).info.transaction_status == 3:
        return  # the transaction has failed already: its rollback drops the table
    table.drop(connection)


def remove(connection: Connection, key: Column[Any], ids: Ints) -> None:
    """Delete the rows of a table whose key is among some numbers."""
    if 0 < len(ids) <= FEW:
        connection.execute(delete(key.table).where(key.in_(ids.tolist())))
    elif len(ids):
        with temporary(connection, wanted=as_set(ids)) as gone:
            connection.execute(delete(key.table).where(key.in_(select(gone.c.wanted))))


@contextmanager
def without_indexes(connection: Connection, table: Table) -> Iterator[None]:
    """Take a table's indexes away for a `with` block: for many rows they are made faster anew than kept."""
    for index in table.indexes:
        index.drop(connection)
    yield
    if connection.dialect.name == "sqlite":
        # it sorts as many rows at a time as its cache holds: those that fit the processor's cache sort faster
        kept = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
        connection.exec_driver_sql("PRAGMA cache_size=-4096")
    for index in table.indexes:
        index.create(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size={int(kept)}")


def next_id(connection: Connection, column: Column[Any]) -> int:
    """Return the first unused number of a key column (the store has one writer at a time)."""
    return int(connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one()) + 1


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
