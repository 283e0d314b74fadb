"""Tables without an id: spend, statistics, rates. Keyed by every column that is not a measure.

Equal keys within one file are summed (rates: a conflict); a later file's sum replaces the earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table

from attribution.channels.origin import ORIGIN_FIELDS
from attribution.loading.rejects import contradictions
from attribution.loading.result import ACCEPTED, CONFLICT, DUPLICATE, UPDATED, Outcome
from attribution.sorted_sets import as_set
from attribution.sources.checked import distinct as distinct_texts
from attribution.sources.checked import spread
from attribution.sources.parse import Parsed
from attribution.sources.tables import get_table
from attribution.store import schema
from attribution.store.columns import Ints, Values, insert_columns, remove
from attribution.store.dimensions import intern_origins, store_rules
from attribution.store.keys import distinct, find, look_up, row_hash
from attribution.store.platform_names import fall_behind
from attribution.store.settings import Settings

_MILLION: Final = 1_000_000
# names that an id beside them stands for: a platform's campaign stays the same when it gets another name
_NAMED: Final = {"campaign": "campaign_id", "ad_group": "ad_group_id", "ad": "ad_id", "keyword": "keyword_id"}
_NO_TEXT: Final = pa.scalar(None, pa.string())
Extra = Callable[[pa.Table], Mapping[str, Values]]


def load_spend(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store spend, each key's dimensions interned as an origin, so that the channel rules place it.

    In reports of platforms (which have fine amounts) an id stands for its name: so a report that says the new
    name of a campaign replaces what an earlier one said of the same days, and does not add to it. So does one
    that writes the same platform or network otherwise: `SEARCH` of an API is the web pages' `Google search`.
    """

    def extra(rows: pa.Table) -> Mapping[str, Values]:
        # `kind` of spend (media, fee) is not the touch kind of an origin
        fields = [name for name in ORIGIN_FIELDS if name in rows.column_names and name != "kind"]
        origins = rows.select(fields)
        hashes = row_hash({name: origins.column(name) for name in fields}, rows.num_rows)
        return {"origin_id": intern_origins(connection, hashes, origins, settings)}

    plain = ("day", "kind", "currency")
    named = _NAMED if "cost_rest" in parsed.columns.column_names else {}
    tables = store_rules(settings).tables
    spelt = {"platform": tables.platform_name, "network": tables.network_name}
    outcome = _replace(connection, schema.spend, "spend", batch_id, parsed, plain, extra, named, spelt)
    if np.isin(outcome.status, (ACCEPTED, UPDATED)).any():
        fall_behind(settings)
    return outcome


def load_spend_names(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store what the user calls campaigns and ads of spend; a later file's name replaces an earlier one."""
    plain = ("platform", "level", "reported")
    outcome = _replace(connection, schema.spend_name, "spend_names", batch_id, parsed, plain)
    if np.isin(outcome.status, (ACCEPTED, UPDATED)).any():
        fall_behind(settings)
    return outcome


def _rounded(sums: dict[str, pa.Array], heads: pa.Table, hashes: Ints) -> dict[str, pa.Array]:
    """Round what is left of minor units, now that rows of one key are added up.

    What a file costs in a currency stays right to the minor unit, which rounding each key for itself would
    miss by a few: so many keys are rounded up as the sum asks for, those with the largest rests (of equal
    ones by hash, so that the order of rows says nothing).
    """
    rest = sums.pop("cost_rest", None)
    if rest is None:
        return sums
    whole, left = np.divmod(rest.fill_null(0).to_numpy().astype(np.int64), _MILLION)
    minor = sums["cost_minor"].fill_null(0).to_numpy().astype(np.int64) + whole
    currency = heads.column("currency").combine_chunks().dictionary_encode()
    codes = currency.indices.fill_null(-1).to_numpy()
    for code in range(len(currency.dictionary)):
        rows = np.flatnonzero(codes == code)
        up, half = divmod(int(left[rows].sum()), _MILLION)
        odd = (int(minor[rows].sum()) + up) % 2
        up += half > _MILLION // 2 or (half == _MILLION // 2 and odd)  # half goes to the even one
        by_rest = rows[np.lexsort((hashes[rows], -left[rows]))]
        minor[by_rest[:up]] += 1
    return {**sums, "cost_minor": pa.array(minor)}


def load_email_stats(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store e-mail statistics by day and campaign."""
    del settings
    return _replace(connection, schema.email_stat, "email_stats", batch_id, parsed, ("day", "campaign"))


def load_social_stats(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store social statistics by day, source and campaign."""
    del settings
    plain = ("day", "source", "campaign")
    return _replace(connection, schema.social_stat, "social_stats", batch_id, parsed, plain)


def load_rates(connection: Connection, settings: Settings, batch_id: int, parsed: Parsed) -> Outcome:
    """Store exchange rates; what closed near their days is looked at again at the next run."""
    del settings
    outcome = _replace(connection, schema.rate, "rates", batch_id, parsed, ("day", "currency"))
    moved = np.isin(outcome.status, (ACCEPTED, UPDATED))
    days = as_set(np.asarray(parsed.columns.column("day"), np.int64)[moved])
    insert_columns(connection, schema.change, {"kind": schema.CHANGE_RATE, "ref": days})
    return outcome


def _replace(
    connection: Connection,
    table: Table,
    name: str,
    batch_id: int,
    parsed: Parsed,
    plain: tuple[str, ...],
    extra: Extra | None = None,
    named: Mapping[str, str] = {},
    spelt: Mapping[str, Callable[[str], str]] = {},
) -> Outcome:
    """Store the sums of each key.

    Args:
        connection: to the store.
        table: to write.
        name: of the input table.
        batch_id: of the import.
        parsed: its rows.
        plain: columns that the table has as they are.
        extra: further columns of the table, made of the rows that are written.
        named: key columns that tell nothing apart where another has a value: names beside their ids.
        spelt: key columns that tell apart as a function writes their values.
    """
    rows = parsed.columns
    declared = get_table(name)
    keys = [c for c in rows.column_names if c in declared.key]
    measures = [c for c in rows.column_names if c not in declared.key]  # `cost_rest` of fine amounts too
    telling = {c: rows.column(c) for c in keys}
    for name_of, by in named.items():
        telling[name_of] = pc.if_else(pc.is_valid(rows.column(by)), _NO_TEXT, rows.column(name_of))
    for column, written in spelt.items():
        values, words = distinct_texts(rows.column(column).combine_chunks())
        telling[column] = spread(values, pa.array(map(written, words.to_pylist()), pa.string()))
    hashes = row_hash(telling, rows.num_rows)
    codes, first = distinct(hashes)
    status = np.full(rows.num_rows, ACCEPTED, np.int8)
    heads = rows.take(pa.array(first))
    if declared.repeats == "conflict":  # of equal keys the first counts, another value is a conflict
        sums = {m: heads.column(m) for m in measures}
        own = row_hash({m: rows.column(m) for m in measures}, rows.num_rows)
        repeated = np.arange(len(codes)) != first[codes]
        status[repeated] = np.where(own == own[first[codes]], DUPLICATE, CONFLICT)[repeated]
    else:
        sums = _rounded({m: _sum(rows.column(m), codes, len(first)) for m in measures}, heads, hashes[first])
    digest = row_hash({**sums, **{c: heads.column(c) for c in named}}, len(first))

    stored = find(connection, table, table.c.hash, ["digest"], hashes[first])
    there = np.isin(hashes[first], stored["hash"])
    before = look_up(stored["hash"], stored["digest"], hashes[first], missing=0)
    fate = np.where(there, np.where(digest == before, DUPLICATE, UPDATED), ACCEPTED)
    open_rows = status == ACCEPTED
    status[open_rows] = fate[codes][open_rows]

    write = np.flatnonzero(fate != DUPLICATE)
    remove(connection, table.c.hash, hashes[first][fate == UPDATED])
    taken = heads.take(pa.array(write))
    insert_columns(
        connection,
        table,
        {
            "hash": hashes[first][write],
            "digest": digest[write],
            **{c: taken.column(c) for c in plain},
            **{m: values.take(pa.array(write)) for m, values in sums.items()},
            **(extra(taken) if extra is not None and len(write) else {}),
            "batch_id": batch_id,
        },
    )
    stored_now = row_hash({"key": hashes[first][write], "digest": digest[write]}, len(write))
    conflicts = contradictions(name, parsed, status)
    return Outcome(status, conflicts, fingerprint=int(stored_now.sum()))


def _sum(values: pa.ChunkedArray, codes: Ints, size: int) -> pa.Array:
    """Sum a measure over the rows of each key; a key without any value stays without."""
    present = values.is_valid().to_numpy()
    filled = values.fill_null(0).to_numpy().astype(np.int64)
    total = np.zeros(size, np.int64)
    np.add.at(total, codes, filled)
    any_value = np.zeros(size, np.bool_)
    np.logical_or.at(any_value, codes, present)
    return pa.array(total, mask=~any_value)
