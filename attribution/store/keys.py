"""Stable 64-bit hashes, and interning: one small number for each distinct thing.

A hash finds a row by content without an index on text: xxh3 of the text, mixed per column for a row.
Hashes are stored, so the functions here never change what they return for a given input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from sqlalchemy import Column, Connection, Table, func, select

from attribution.store.columns import (
    FEW,
    Ints,
    Values,
    insert_columns,
    next_id,
    read_few,
    read_frame,
    read_ints,
    temporary,
)

ERASED: Final = 0  # the digest of a touch whose content was removed: whatever has its id is a duplicate
_MANY: Final = 50_000
_U64 = npt.NDArray[np.uint64]


def text_hash(values: pa.Array | pa.ChunkedArray) -> Ints:
    """Hash each text of a column; a null hashes to 0.

    Returns:
        int64[n], the signed form of xxh3_64.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if len(values) == 0:
        return np.empty(0, np.int64)
    if values.null_count == len(values):
        return np.zeros(len(values), np.int64)
    filled = pc.fill_null(values, "") if values.null_count else values
    raw = filled.cast(pa.binary()).to_numpy(zero_copy_only=False)
    hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, raw), np.uint64, len(raw)).view(np.int64)
    if values.null_count:
        hashes[np.asarray(values.is_null())] = 0
    return hashes


def one_text_hash(text: str) -> int:
    """Hash one text as :func:`text_hash` does.

    >>> one_text_hash("v1") == int(text_hash(pa.array(["v1"]))[0])
    True
    """
    return int(np.uint64(xxhash.xxh3_64_intdigest(text.encode())).astype(np.int64))


def mix(values: _U64) -> _U64:
    """Spread every bit of a value over all of them (the finaliser of splitmix64)."""
    values = values ^ (values >> np.uint64(30))
    values = values * np.uint64(0xBF58476D1CE4E5B9)
    values = values ^ (values >> np.uint64(27))
    values = values * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def row_hash(columns: Mapping[str, Values], rows: int) -> Ints:
    """Hash rows over named columns; a null adds nothing, so an absent column equals an empty one.

    Args:
        columns: name -> text or whole numbers of one length, or None for an absent column.
        rows: their length.

    Returns:
        int64[rows].
    """
    total = np.zeros(rows, np.uint64)
    for name, values in columns.items():
        if values is None:
            continue
        salt = np.uint64(xxhash.xxh3_64_intdigest(name.encode()))
        hashes, null = _column_hash(values)
        with np.errstate(over="ignore"):
            mixed = mix(hashes ^ salt)
        if null is not None:
            mixed[null] = 0
        total += mixed  # wraps: that is the arithmetic of a 64-bit hash
    return mix(total).view(np.int64)


def _column_hash(values: Any) -> tuple[_U64, npt.NDArray[np.bool_] | None]:
    if isinstance(values, np.ndarray):
        return values.astype(np.int64, copy=False).view(np.uint64), None
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not isinstance(array, pa.Array):
        array = pa.array(array)
    null = np.asarray(array.is_null()) if array.null_count else None
    if pa.types.is_integer(array.type):
        filled = pc.fill_null(array, 0) if array.null_count else array
        return filled.to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64), null
    if array.null_count == len(array):
        return np.zeros(len(array), np.uint64), null
    # most columns repeat a few values: hash those once
    encoded = array.dictionary_encode()
    hashes = text_hash(encoded.dictionary).view(np.uint64)
    codes = pc.fill_null(encoded.indices, 0) if array.null_count else encoded.indices
    return hashes[codes.to_numpy(zero_copy_only=False)], null


def identifier_hash(kind: int, values: pa.Array | pa.ChunkedArray) -> Ints:
    """Hash identifiers: the same text of another kind is another identifier."""
    with np.errstate(over="ignore"):
        salt = mix(np.array([kind], np.uint64))
        return mix(text_hash(values).view(np.uint64) ^ salt).view(np.int64)


def distinct(hashes: Ints) -> tuple[Ints, Ints]:
    """Number the distinct values in order of appearance.

    Returns:
        codes int64[n] into the distinct values, and the index of each one's first appearance.

    >>> [a.tolist() for a in distinct(np.array([7, 9, 7]))]
    [[0, 1, 0], [0, 1]]
    """
    codes, uniques = pd.factorize(hashes)
    first = np.empty(len(uniques), np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # the last write wins: the first appearance
    return codes.astype(np.int64, copy=False), first


def find(
    connection: Connection,
    table: Table,
    key: Column[Any],
    names: list[str],
    wanted: Ints,
    *,
    exact: bool = False,
) -> dict[str, Ints]:
    """Read columns of the rows whose key is among `wanted` (distinct values), the key too.

    Unless `exact`, other rows may be among them: whoever looks keys up does not mind.
    """
    if len(wanted) == 0:
        return {name: np.empty(0, np.int64) for name in [key.name, *names]}
    columns = [key, *(table.c[name] for name in names)]
    if len(wanted) <= FEW:
        return read_few(connection, key, names, wanted)
    if len(wanted) >= _MANY:  # where most of a table is wanted, reading it beats asking for each row
        rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if rows <= 4 * len(wanted):
            found = read_ints(connection, select(*columns), [key.name, *names])
            mine = np.isin(found[key.name], wanted) if exact else slice(None)
            return {name: values[mine] for name, values in found.items()}
    with temporary(connection, wanted=np.sort(wanted)) as probe:
        statement = select(*columns).join_from(probe, table, probe.c.wanted == key)
        return read_ints(connection, statement, [key.name, *names])


def find_texts(
    connection: Connection, table: Table, key: Column[Any], names: list[str], wanted: Ints
) -> pd.DataFrame:
    """Do what :func:`find` does where columns may be texts or null: a frame, the key in it too."""
    columns = [key, *(table.c[name] for name in names)]
    if len(wanted) <= FEW:
        return read_frame(connection, select(*columns).where(key.in_(wanted.tolist())))
    with temporary(connection, wanted=np.sort(wanted)) as probe:
        return read_frame(connection, select(*columns).join_from(probe, table, probe.c.wanted == key))


def look_up(keys: Ints, values: Ints, wanted: Ints, missing: int = -1) -> Ints:
    """Return the value of each wanted key, or `missing`; keys are distinct and in any order."""
    if len(keys) == 0:
        return np.full(len(wanted), missing, np.int64)
    order = np.argsort(keys)
    sorted_keys = keys[order]
    at = np.searchsorted(sorted_keys, wanted)
    at[at == len(keys)] = 0
    return np.where(sorted_keys[at] == wanted, values[order][at], missing)


def intern(
    connection: Connection,
    table: Table,
    key: str,
    hashes: Ints,
    rows: Callable[[Ints], Mapping[str, Values]],
) -> tuple[Ints, Ints]:
    """Give each distinct hash its number in a dimension table, adding what is not there yet.

    Args:
        connection: the writer's.
        table: a dimension with a unique column `hash`.
        key: the name of its number column.
        hashes: int64[n], repeats allowed.
        rows: given indices into `hashes` (one for each new thing), returns the other columns.

    Returns:
        int64[n] numbers, and the indices of those that were new.
    """
    codes, first = distinct(hashes)
    wanted = hashes[first]
    found = find(connection, table, table.c.hash, [key], wanted)
    numbers = look_up(found["hash"], found[key], wanted)
    new = np.flatnonzero(numbers < 0)
    if len(new) == 0:
        return numbers[codes], new
    new = new[np.argsort(wanted[new])]  # in hash order: the index grows from left to right
    start = next_id(connection, table.c[key])
    numbers[new] = np.arange(start, start + len(new))
    insert_columns(connection, table, {key: numbers[new], "hash": wanted[new], **rows(first[new])})
    return numbers[codes], first[new]
