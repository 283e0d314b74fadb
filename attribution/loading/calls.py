"""Calls, the numbers they reached, and the leases that say to whom a number was shown when.

The three tables come in any order, late and repeated; whoever held a number is found from what is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from attribution.channels.origin import ORIGIN_FIELDS
from attribution.identifiers import PHONE, VISITOR, e164
from attribution.loading.call_ties import read_calls, retie, ties_of
from attribution.loading.made_touches import contradicted
from attribution.loading.merge import digest_of, merge_rows, nullable, write_records
from attribution.loading.rejects import in_words
from attribution.loading.result import CONFLICT, REJECTED, Outcome, Status
from attribution.loading.tombstones import was_anybody_erased
from attribution.sources.parse import Parsed, Rejection
from attribution.store import schema
from attribution.store.columns import Ints, read_frame
from attribution.store.dimensions import intern_origins
from attribution.store.identifiers import intern_identifiers
from attribution.store.keys import ERASED, row_hash
from attribution.store.settings import Settings

_HIDDEN: Final = ("anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld")
_KEYPAD: Final = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
# telephone systems spell out on the keypad that a caller hides their number: +266696687 is ANONYMOUS
_SPELLED: Final = frozenset(f"+{word.translate(_KEYPAD)}" for word in _HIDDEN)
_DIGITS: Final = re.compile(r"(?:\D*\d){5}")
_FEW_KEYS: Final = 2_000
_NO_NUMBER: Final = (
    "which is no telephone number with its country; write it as +442079460018, or set the country of numbers "
    "without one: attribution config set region GB"
)


@dataclass(frozen=True)
class _Usable:
    """The rows of a file whose tracking number is one; it is in the form +442079460018."""

    rows: pa.Table
    lines: npt.NDArray[np.int64]
    place: Ints  # of each among all rows of the file
    size: int  # of the file
    rejected: list[Rejection]

    def without(self, bad: npt.NDArray[np.bool_], rejected: list[Rejection]) -> _Usable:
        """Leave rows out."""
        return _Usable(
            self.rows.filter(pa.array(~bad)), self.lines[~bad], self.place[~bad], self.size,
            self.rejected + rejected,
        )  # fmt: skip

    @property
    def nothing(self) -> Outcome:
        """What becomes of a file of which no row is left."""
        return Outcome(self.fates(np.empty(0, np.int8)), rejected=self.rejected)

    def fates(self, status: Status) -> Status:
        """Return the fate of every row of the file."""
        whole = np.full(self.size, REJECTED, np.int8)
        whole[self.place] = status
        return whole


def _usable(table: str, settings: Settings, parsed: Parsed) -> _Usable:
    rows, size = parsed.columns, parsed.columns.num_rows
    found = _Usable(rows, parsed.lines, np.arange(size), size, [])
    known = _numbers(rows.column("tracking_number"), settings.get("region"))
    bad = np.asarray(known.is_null())
    if bad.any():
        rejected = in_words(
            table,
            rows.filter(pa.array(bad)),
            parsed.lines[bad],
            "no_telephone_number",
            lambda row: f"tracking_number is {row['tracking_number']!r}, {_NO_NUMBER}",
        )
        found, known = found.without(bad, rejected), known.drop_null()
    place = rows.column_names.index("tracking_number")
    rows = found.rows.set_column(place, "tracking_number", known)
    return _Usable(rows, found.lines, found.place, size, found.rejected)


def _numbers(texts: pa.ChunkedArray, region: str | None) -> pa.Array:
    """Write telephone numbers with their countries, null where there is none."""
    encoded = texts.combine_chunks().dictionary_encode()
    known = pa.array([e164(text, region) for text in encoded.dictionary.to_pylist()], pa.string())
    return known.take(encoded.indices)


def load_calls(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store calls, tie each caller to whoever held the number, and make a touch of each."""
    found = _usable("calls", settings, parsed)
    if not found.rows.num_rows:
        return found.nothing
    rows, warnings = _with_callers(found.rows, settings.get("region"))
    digest = np.where(_erased(connection, settings, rows.column("call_id")), ERASED, digest_of(rows))
    merge = merge_rows(connection, "calls", schema.call, "call_id", rows.column("call_id"), digest)
    before = ties_of(read_calls(connection, ids=merge.ids[merge.known]))
    taken = rows.take(pa.array(merge.last))
    caller = intern_identifiers(connection, settings, PHONE, taken.column("caller"), tally=True)
    write_records(
        connection,
        schema.call,
        "call_id",
        merge,
        {
            "key": taken.column("call_id"),
            "digest": digest[merge.last],
            "caller": nullable(caller),
            **{
                name: taken.column(name) for name in ("at", "tracking_number", "duration_seconds", "answered")
            },
            "batch_id": batch_id,
        },
    )
    touchless = retie(connection, settings, batch_id, read_calls(connection, ids=merge.ids), before)
    status = merge.status
    clash = merge.last[np.isin(merge.ids, touchless)]
    status[clash] = CONFLICT
    return Outcome(
        found.fates(status),
        conflicts=contradicted("call", found.rows.take(pa.array(clash)), found.lines[clash]),
        rejected=found.rejected,
        warnings=warnings,
        fingerprint=merge.fingerprint(digest),
    )


def _erased(connection: Connection, settings: Settings, keys: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Tell which calls are stored without the person who was erased: they stay so, whatever a file says."""
    if not was_anybody_erased(settings):
        return np.zeros(len(keys), np.bool_)
    stored = read_frame(connection, select(schema.call.c.key).where(schema.call.c.digest == ERASED))
    return np.asarray(pc.is_in(keys, value_set=pa.array(stored["key"], pa.string())))


def _with_callers(rows: pa.Table, region: str | None) -> tuple[pa.Table, list[str]]:
    """Leave only callers who can be known again, and say how many others gave something like a number."""
    given = rows.column("caller").combine_chunks()
    hidden = pc.is_in(given, value_set=pa.array(sorted(_SPELLED)))
    known = _numbers(pa.chunked_array([pc.if_else(hidden, None, given)]), region)
    # a number that calls itself was put there by a telephone system which forwards calls
    known = pc.if_else(pc.equal(known, rows.column("tracking_number").combine_chunks()), None, known)
    lost = given.filter(pc.and_(pc.and_(given.is_valid(), known.is_null()), pc.invert(hidden)))
    numbers = sum(_DIGITS.match(text) is not None for text in lost.to_pylist())
    warnings = [f"caller holds something, {_NO_NUMBER}; until then these calls tie nobody ({numbers} rows)"]
    place = rows.column_names.index("caller")
    return rows.set_column(place, "caller", known), warnings if numbers else []


def load_leases(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store leases, and match the calls anew that they may be about."""
    found = _usable("leases", settings, parsed)
    visitor = intern_identifiers(connection, settings, VISITOR, found.rows.column("visitor_id"), tally=True)
    nobody = visitor == 0
    if nobody.any():
        rejected = in_words(
            "leases",
            found.rows.filter(pa.array(nobody)),
            found.lines[nobody],
            "names_nobody",
            lambda row: (
                f"visitor_id is {row['visitor_id']!r}, which stands for nobody; a lease is a visitor's"
            ),
        )
        found, visitor = found.without(nobody, rejected), visitor[~nobody]
    if not found.rows.num_rows:
        return found.nothing
    rows = found.rows
    # the visitor by number: whoever is erased leaves nothing here to be known by
    key = pc.binary_join_element_wise(
        rows.column("tracking_number"), pa.array(visitor).cast(pa.string()),
        rows.column("leased_at").cast(pa.string()), "\x1f",
    )  # fmt: skip
    released = _released(connection, key, rows.column("released_at"))
    digest = row_hash({"key": key, "released_at": released}, rows.num_rows)
    merge = merge_rows(connection, "leases", schema.lease, "lease_id", key, digest)
    taken = rows.take(pa.array(merge.last))
    write_records(
        connection,
        schema.lease,
        "lease_id",
        merge,
        {
            "key": key.take(pa.array(merge.last)),
            "digest": digest[merge.last],
            "tracking_number": taken.column("tracking_number"),
            "visitor": visitor[merge.last],
            "leased_at": taken.column("leased_at"),
            "released_at": released.take(pa.array(merge.last)),
            "batch_id": batch_id,
        },
    )
    if len(merge.last):
        numbers = taken.column("tracking_number").unique().to_pylist()
        since = int(pc.min(taken.column("leased_at")).as_py())
        retie(connection, settings, batch_id, read_calls(connection, numbers=numbers, since=since))
    return Outcome(found.fates(merge.status), rejected=found.rejected, fingerprint=merge.fingerprint(digest))


def _released(connection: Connection, key: pa.ChunkedArray, given: pa.ChunkedArray) -> pa.Array:
    """Return when leases ended: an end that is known stays where a row says nothing of it.

    So an old export, of when a lease was still on, takes nothing back.
    """
    codes, names = pd.factorize(key.to_pandas().to_numpy(object))
    statement = select(schema.lease.c.key, schema.lease.c.released_at).where(
        schema.lease.c.released_at.is_not(None)
    )
    if len(names) <= _FEW_KEYS:
        statement = statement.where(schema.lease.c.key.in_(names.tolist()))
    stored = read_frame(connection, statement)
    at = pd.Index(stored["key"], dtype=object).get_indexer(names)
    ends = np.append(stored["released_at"].to_numpy(np.int64), 0)[at]
    # what is stored, then what the rows say, each key's in the order of the file: the last that is known
    value = np.concatenate([ends, given.fill_null(0).to_numpy().astype(np.int64)])
    known = np.concatenate([at >= 0, given.is_valid().to_numpy()])
    order = np.argsort(np.concatenate([np.arange(len(names)), codes]), kind="stable")
    last = np.maximum.accumulate(np.where(known[order], np.arange(len(order)), -1))
    first = np.maximum.accumulate(np.where(order < len(names), np.arange(len(order)), -1))
    there = last >= first  # else it is of the key before
    found, has = np.empty(len(order), np.int64), np.empty(len(order), np.bool_)
    found[order], has[order] = value[order][last], there
    return pa.array(found[len(names) :], mask=~has[len(names) :])


def load_tracking_numbers(
    connection: Connection, settings: Settings, batch_id: int, parsed: Parsed
) -> Outcome:
    """Store what numbers are for, and match the calls to them anew."""
    found = _usable("tracking_numbers", settings, parsed)
    if not found.rows.num_rows:
        return found.nothing
    rows = found.rows
    digest = digest_of(rows)
    number = rows.column("tracking_number")
    merge = merge_rows(
        connection, "tracking_numbers", schema.tracking_number, "tracking_number_id", number, digest
    )
    taken = rows.take(pa.array(merge.last))
    fields = [name for name in ORIGIN_FIELDS if name in taken.column_names]
    origins = taken.select(fields).append_column("kind", pa.repeat("call", taken.num_rows))
    hashes = row_hash({name: origins.column(name) for name in origins.column_names}, origins.num_rows)
    write_records(
        connection,
        schema.tracking_number,
        "tracking_number_id",
        merge,
        {
            "key": taken.column("tracking_number"),
            "digest": digest[merge.last],
            "pool": taken.column("pool"),
            "fallback": taken.column("fallback").fill_null(0),
            "origin_id": intern_origins(connection, hashes, origins, settings),
            "batch_id": batch_id,
        },
    )
    if len(merge.last):
        numbers = taken.column("tracking_number").to_pylist()
        retie(connection, settings, batch_id, read_calls(connection, numbers=numbers))
    return Outcome(found.fates(merge.status), rejected=found.rejected, fingerprint=merge.fingerprint(digest))
