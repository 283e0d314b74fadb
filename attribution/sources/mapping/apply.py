"""A block of another system's columns into a block of a canonical table's columns, both as text.

Nothing is checked here that parsing checks anyway; what means nothing is told, or rejects its row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.sources.batch import RawBatch, Rejection, raw_rows, sorted_by_line
from attribution.sources.checked import Mask, given, mask_of
from attribution.sources.mapping.convert import NO_TEXT, LookUps, converted, tidy_times, trimmed
from attribution.sources.mapping.declared import LeaveOut, Names, Section, Take
from attribution.sources.mapping.doubts import (
    PERIOD,
    PLAIN_MONEY,
    has_fraction,
    is_period,
    other_way_round,
    tiny,
)
from attribution.sources.tables import get_table

__all__ = ["Applied", "LookUps", "Told", "apply", "take_column"]

_PARTED = "[;,]"
_CODE = re.compile(r"\b([a-z]{3})\b\W*$")  # a currency at the end of a column's name


class Told(NamedTuple):
    """What became of some rows, to be added up over the blocks of a file.

    Attributes:
        says: the sentence, the same for all blocks; {} in it stands for what was received.
        received: what the first of the rows had, where that is told.
        rows: how many.
    """

    says: str
    received: str | None
    rows: int

    @property
    def text(self) -> str:
        """The sentence with what was received."""
        return self.says.replace("{}", f"{self.received!r} (the first one)")


@dataclass(frozen=True)
class Applied:
    """A mapped block, and what to tell: rows that were left out, columns that stay empty."""

    batch: RawBatch
    told: list[Told]


class _Strange(NamedTuple):
    """Values that mean nothing: where they stand, what was received, and what to do about them."""

    where: Mask
    received: pa.Array
    hint: str
    code: str
    no_file: bool = False  # to look them up in


def apply(section: Section, batch: RawBatch, fixed: Mapping[str, str], look_ups: LookUps) -> Applied:
    """Map a block.

    Args:
        section: what to do.
        batch: columns of the file by their names in small letters; those that are not needed may be missing.
        fixed: values given with the import, by column of the table, for rows that have none.
        look_ups: what stands in files given with the import.

    >>> from attribution.sources.mapping.read import get_mapping
    >>> block = pa.table({"day": ["2024-05-03"], "currency code": ["USD"], "cost": ["$1,204.50"]})
    >>> section = get_mapping("google_ads").section("spend")
    >>> rows = apply(section, RawBatch(block, np.array([2])), {}, {}).batch.columns.to_pylist()
    >>> rows
    [{'date': '2024-05-03', 'cost': '1204.50', 'currency': 'USD', 'platform': 'google'}]
    """
    rows, lines = batch.columns, batch.lines
    told: list[Told] = []
    for rule in section.leave_out:
        if _is_given(rule, section, fixed, rows):
            continue
        gone = _left_out(rule, rows)
        if gone.any():
            told.append(Told(f"left out: {rule.because}", None, int(gone.sum())))
            rows, lines = rows.filter(pa.array(~gone)), lines[~gone]
    rows, lines = _one_each(section.each, rows, lines)

    bad, faults = np.zeros(rows.num_rows, np.bool_), []
    columns: dict[str, pa.Array] = {}
    for column in get_table(section.table).columns:
        values, strange = _column(section.columns.get(column.name, ()), rows, look_ups, columns, told)
        empty = ~given(values)
        if column.name in fixed:
            values = pc.if_else(pa.array(empty), fixed[column.name], values)
        for one in strange:
            where = one.where & empty
            if not where.any():
                continue
            empty &= ~where
            first = one.received[int(np.argmax(where))].as_py()
            if column.name in fixed and one.no_file:
                continue
            if column.name in fixed:  # as asked for; but nobody may have thought of these
                says = f"{column.name} is {fixed[column.name]}, as given: {{}} {one.hint}"
                told.append(Told(says, first, int(where.sum())))
            elif not column.required:  # the row says enough without it
                told.append(Told(f"{column.name} stays empty: {{}} {one.hint}", first, int(where.sum())))
            else:  # the value stays in the row, to be mended there
                values = pc.if_else(pa.array(where), one.received, values)
                new = np.flatnonzero(where & ~bad)
                texts = one.received.take(pa.array(new)).to_pylist()
                faults += [
                    (int(row), one.code, f"{column.name} is {text!r}, which {one.hint}")
                    for row, text in zip(new, texts, strict=True)
                ]
                bad |= where
        if column.kind in ("instant", "date"):
            values = tidy_times(values)
        if values.null_count < len(values):
            columns[column.name] = values
    mapped = pa.table(columns) if columns else pa.table({"": pa.nulls(rows.num_rows, pa.string())})
    rejected = [one for one in batch.rejected if not _is_footer(one, section.footer)]
    if len(rejected) < len(batch.rejected):
        told.append(Told("left out: a line below the rows", None, len(batch.rejected) - len(rejected)))
    if faults:
        raw = raw_rows(mapped, np.array([row for row, _, _ in faults]))
        rejected += [
            Rejection(int(lines[row]), code, says, text)
            for (row, code, says), text in zip(faults, raw, strict=True)
        ]
        mapped, lines = mapped.filter(pa.array(~bad)), lines[~bad]
    return Applied(RawBatch(mapped, lines, sorted_by_line(rejected)), told)


def take_column(takes: tuple[Take, ...], rows: pa.Table, look_ups: LookUps) -> pa.Array:
    """Return a column, taken from the first of several places that has a value in each row."""
    return _column(takes, rows, look_ups, {}, [])[0]


def first_there(names: Names, rows: pa.Table) -> pa.Array | None:
    """Return the first of some columns that the file has, trimmed; None where it has none of them."""
    for name in names:
        if name in rows.column_names:
            return trimmed(rows.column(name).combine_chunks())
    return None


def _is_given(rule: LeaveOut, section: Section, fixed: Mapping[str, str], rows: pa.Table) -> bool:
    """Tell whether what a rule misses is in no column of the file, and was given with the import instead."""
    places = {name for column in fixed for take in section.columns.get(column, ()) for name in take.names}
    return rule.missing and bool(places & {*rule.names}) and not {*rule.names} & {*rows.column_names}


def _left_out(rule: LeaveOut, rows: pa.Table) -> Mask:
    if not rule.missing and not set(rule.names) & set(rows.column_names):
        return np.zeros(rows.num_rows, np.bool_)
    return _passes(rule, rows)


def _passes(rule: LeaveOut, rows: pa.Table) -> Mask:
    """Tell which rows a test is true of; a column that is not there is one without values."""
    if rule.missing:
        some = _received(rule.names, rows)
        return np.ones(rows.num_rows, np.bool_) if some is None else ~given(some)
    values = first_there(rule.names, rows)
    if values is None:
        return np.full(rows.num_rows, rule.unless)
    small = pc.utf8_lower(values)
    if rule.starts is not None:
        return mask_of(pc.starts_with(small, rule.starts))
    among = mask_of(pc.is_in(small, value_set=pa.array(sorted(rule.words), pa.string())))
    return ~among if rule.unless else among


def _is_footer(rejection: Rejection, begins: Names) -> bool:
    """Tell whether a line that could not be split is none of the rows."""
    if not begins or rejection.code != "wrong_number_of_fields":
        return False
    return str(json.loads(rejection.raw)).lstrip('" ').lower().startswith(begins)


def _one_each(
    names: Names, rows: pa.Table, lines: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Turn a row with several values in a column into one row for each of them."""
    values = first_there(names, rows)
    if values is None:
        return rows, lines
    split = pc.split_pattern_regex(pc.fill_null(values, ""), _PARTED)
    parts = trimmed(pc.list_flatten(split))
    row = pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)
    there = given(parts)
    none = np.bincount(row[there], minlength=rows.num_rows) == 0
    kept = np.flatnonzero(there | (none[row] & (np.diff(row, prepend=-1) > 0)))
    rows = rows.take(pa.array(row[kept]))
    for name in names:
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, parts.take(pa.array(kept)))
            break
    return rows, lines[row[kept]]


def _column(
    takes: tuple[Take, ...], rows: pa.Table, look_ups: LookUps, done: Mapping[str, pa.Array], told: list[Told]
) -> tuple[pa.Array, list[_Strange]]:
    """Return a column, and where words were met that mean nothing.

    Args:
        takes: its places.
        rows: of the file.
        look_ups: what stands in other files.
        done: the columns before it.
        told: where to tell what places want told.
    """
    values = pa.nulls(rows.num_rows, pa.string())
    strange: list[_Strange] = []
    for take in takes:
        here = _counts(take, rows, done)
        if take.value is not None:
            values = _filled(values, pc.if_else(pa.array(here), take.value, NO_TEXT), take, told)
            continue
        if take.in_name:
            received = _named(take.names, rows)
        else:
            received = first_there(take.names, rows) if take.single else _received(take.names, rows)
        if received is None:
            continue
        if take.starts is not None:
            here &= mask_of(pc.starts_with(pc.utf8_lower(received), take.starts))
        if not here.all():
            received = pc.if_else(pa.array(here), received, NO_TEXT)
        if take.lookup is not None and take.lookup not in look_ups:
            file = take.lookup.partition(".")[0]
            hint = f"is the key of a row of another file; give that file with --with {file}=FILE"
            strange.append(_Strange(given(received), received, hint, "not_mapped", no_file=True))
            continue
        if take.form is not None:
            told += [Told(*doubt) for doubt in other_way_round(_name(take, rows), take.form, received)]
        found = converted(take, received, look_ups)
        if take.unit == "micro":
            name = _name(take, rows)
            told += [Told(*doubt) for doubt in tiny(name, received)]
            wrong = _Strange(has_fraction(received), received, PLAIN_MONEY.format(name), "bad_amount")
            found = _without(wrong, found, strange)
        if take.end and (ends := _received(take.end, rows)) is not None:
            where = is_period(*(_in_full(take, texts, look_ups) for texts in (received, ends)))
            hint = PERIOD.format(" or ".join(name for name in take.end if name in rows.column_names))
            found = _without(_Strange(where, received, hint, "not_mapped"), found, strange)
        if take.words is not None or take.lookup is not None:
            strange.append(_Strange(given(received) & ~given(found), received, _hint(take), "not_mapped"))
            found = pc.if_else(pc.equal(found, ""), NO_TEXT, found)
        values = _filled(values, found, take, told)
    return values, strange


def _without(wrong: _Strange, values: pa.Array, strange: list[_Strange]) -> pa.Array:
    """Take out values that are strange, and note them."""
    if not wrong.where.any():
        return values
    strange.append(wrong)
    return pc.if_else(pa.array(wrong.where), NO_TEXT, values)


def _in_full(take: Take, values: pa.Array, look_ups: LookUps) -> pa.Array:
    """Write times as a place does, with the time of day that it may cut off."""
    return tidy_times(converted(replace(take, day=False), values, look_ups))


def _name(take: Take, rows: pa.Table) -> str:
    """Return the first of a place's columns that the file has."""
    return next(name for name in take.names if name in rows.column_names)


def _filled(values: pa.Array, more: pa.Array, take: Take, told: list[Told]) -> pa.Array:
    """Fill blanks, and tell of it where a place says so."""
    both = pc.coalesce(values, more)
    if take.tell is not None and both.null_count < values.null_count:
        told.append(Told(take.tell, None, values.null_count - both.null_count))
    return both


def _named(names: Names, rows: pa.Table) -> pa.Array | None:
    """Return the currency in the name of the first column that has a value; None where there is no column."""
    there = [name for name in names if name in rows.column_names]
    if not there:
        return None
    codes = [
        pc.if_else(pa.array(given(trimmed(rows.column(name).combine_chunks()))), code[1].upper(), NO_TEXT)
        for name in there
        if (code := _CODE.search(name)) is not None
    ]
    return pc.coalesce(*codes)


def _counts(take: Take, rows: pa.Table, done: Mapping[str, pa.Array]) -> Mask:
    """Tell in which rows a place counts."""
    here = np.ones(rows.num_rows, np.bool_)
    for test in take.where:
        here &= _passes(test, rows)
    for name, words in take.only.items():
        small = pc.utf8_lower(done[name]) if name in done else pa.nulls(rows.num_rows, pa.string())
        here &= mask_of(pc.is_in(small, value_set=pa.array(sorted(words), pa.string())))
    return here


def _hint(take: Take) -> str:
    if take.lookup is not None:
        file = take.lookup.partition(".")[0]
        return f"is no key of the file given as {file}; export that file again, or add the key to it"
    words = sorted(take.words or ())
    shown = ", ".join(words[:8]) + (", …" if len(words) > 8 else "")
    return f"means nothing to this mapping, which knows {shown}; give it a meaning in a mapping of your own"


def _received(names: Names, rows: pa.Table) -> pa.Array | None:
    """Return the first value that each row has in some columns; None where the file has none of them."""
    there = [rows.column(name).combine_chunks() for name in names if name in rows.column_names]
    if not there:
        return None
    return pc.coalesce(*(trimmed(values) for values in there))
