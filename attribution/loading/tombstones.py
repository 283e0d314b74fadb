"""Tombstones: whoever was erased does not come back with an old file.

A tombstone is a keyed hash of one identifier, under a key that is used for nothing else, and the time of the
erasure. Rows dated up to then lose the identifier before anything is compared or kept; what is dated later is
of somebody new.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, select

from attribution.clock import DAY, MINUTE
from attribution.identifiers import ACCOUNT, COLUMN_KINDS, CONTACT, EMAIL, LEAD, PHONE, USER, VISITOR
from attribution.sorted_sets import as_set
from attribution.sources.batch import Rejection
from attribution.sources.parse import Parsed
from attribution.store.columns import Ints, insert_columns, read_ints
from attribution.store.identifiers import comparable
from attribution.store.keys import look_up
from attribution.store.schema import tombstone
from attribution.store.settings import Settings

Bools = npt.NDArray[np.bool_]

ANONYMOUS: Final = "erased-"  # what every id begins with that was put in the place of another
_KEY: Final = "_tombstone_key"
_NEVER: Final = -(2**62)  # before any row

# the column that dates a row; a deal is as old as its creation
_DATED: Final[Mapping[str, tuple[str, ...]]] = {
    "touches": ("at",),
    "pageviews": ("at",),
    "identities": ("at",),
    "leads": ("created_at",),
    "deals": ("created_at", "closed_at"),
    "deal_contacts": (),  # a row of these has no date
    "stages": ("at",),
    "meetings": ("booked_at",),
    "calls": ("at",),
    "leases": ("leased_at",),
}
# what column holds which kind of identifier of a person; `emails` is a list, `stages.id` a lead's at times
_COLUMNS: Final[Mapping[str, int]] = {
    **{name: kind for name, kind in COLUMN_KINDS.items() if kind != ACCOUNT},
    "merged_contact_id": CONTACT,
    "caller": PHONE,
}
# without any of these a row says nothing
_WHOLE: Final[Mapping[str, tuple[str, ...]]] = {
    "leads": ("lead_id",), "stages": ("id",), "leases": ("visitor_id",),
    "meetings": ("lead_id", "contact_id", "email"), "deal_contacts": ("lead_id", "contact_id", "email"),
}  # fmt: skip
_LIST: Final = "[;,]"
_ADDRESS: Final = re.compile(r"[^\s\"'<>;,:()\[\]]+@[^\s\"'<>;,:()\[\]]+")
_DIGITS: Final = re.compile(r"\+?[0-9]+")
_GAP: Final = re.compile(r"[\s()./\u2010-\u2015-]{1,4}")  # within a telephone number, dashes of all lengths
_FEWEST, _MOST = 7, 18  # digits of a telephone number: the most with 00 before and (0) within
_WORDS: Final = re.compile(r"[\s,;|\"']+")
_SHORTEST: Final = 4  # a word of fewer characters may mean anything
_GONE: Final = "the row names somebody who was erased, so nothing of it is kept"


def anonymous_ids(count: int) -> list[str]:
    """Return ids that say nothing, in order of their numbers; no two of a store are alike."""
    token = secrets.token_hex(8)
    return [f"{ANONYMOUS}{token}-{i:07d}" for i in range(1, count + 1)]


def was_anybody_erased(settings: Settings) -> bool:
    """Tell whether a store ever had a tombstone."""
    return settings.internal(_KEY) is not None


def lay(connection: Connection, settings: Settings, identifiers: Iterable[tuple[int, str]], at: int) -> int:
    """Keep tombstones of identifiers as compared; returns how many.

    Args:
        connection: the writer's.
        settings: the store's, which keeps the key.
        identifiers: kind and value of each.
        at: microseconds, the time of the erasure.
    """
    text = settings.internal(_KEY)
    if text is None:
        text = secrets.token_hex(32)
        settings.put_raw(_KEY, text)
    key = bytes.fromhex(text)
    hashes = sorted({_hash(key, kind, value) for kind, value in identifiers})
    if hashes:
        connection.execute(delete(tombstone).where(tombstone.c.hash.in_(hashes)))
        insert_columns(connection, tombstone, {"hash": np.array(hashes, np.int64), "erased_at": at})
    return len(hashes)


def _hash(key: bytes, kind: int, value: str) -> int:
    digest = hmac.digest(key, bytes([kind]) + value.encode(), "sha256")
    return int.from_bytes(digest[:8], "little", signed=True)


@dataclass(frozen=True, eq=False)
class Erased:
    """Who was erased from a store, and when.

    Attributes:
        key: of the hashes.
        hashes, at: int64[T], of each tombstone.
        region: of telephone numbers without a country.
    """

    key: bytes
    hashes: Ints
    at: Ints
    region: str | None

    @classmethod
    def of(cls, connection: Connection, settings: Settings) -> Erased | None:
        """Read the tombstones of a store; None where nobody was ever erased."""
        text = settings.internal(_KEY)
        if text is None:
            return None
        found = read_ints(connection, select(tombstone.c.hash, tombstone.c.erased_at), ["hash", "at"])
        return cls(bytes.fromhex(text), found["hash"], found["at"], settings.get("region"))

    @cached_property
    def _known(self) -> frozenset[int]:
        return frozenset(self.hashes.tolist())

    def knows(self, kind: int, value: str) -> bool:
        """Tell whether an identifier, as compared, was erased at any time."""
        return _hash(self.key, kind, value) in self._known

    def among(self, kind: int, values: pa.Array | pa.ChunkedArray, at: Ints) -> Bools:
        """Tell which identifiers, as received, stand in rows that are dated up to their erasure.

        Args:
            kind: of identifier.
            values: string[n].
            at: int64[n], of :func:`dated`.
        """
        when = self.when(kind, values)
        found: Bools = (when > _NEVER) & (at <= when)
        return found

    def when(self, kind: int, values: pa.Array | pa.ChunkedArray) -> Ints:
        """Return when each identifier, as received, was erased: int64[n] microseconds, -2^62 for never."""
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if array.null_count == len(array):
            return np.full(len(array), _NEVER)
        encoded = array.dictionary_encode()
        hashes = np.zeros(len(encoded.dictionary), np.int64)
        for i, text in enumerate(encoded.dictionary.to_pylist()):
            # a visitor's key is compared as it is
            known = text if kind == VISITOR else comparable(kind, text, self.region)
            hashes[i] = _hash(self.key, kind, known) if known is not None else 0
        at = np.append(look_up(self.hashes, self.at, hashes, missing=_NEVER), _NEVER)
        codes: Ints = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        return at[codes]

    def without(self, table: str, parsed: Parsed) -> tuple[Parsed, Bools]:
        """Take erased identifiers out of the rows that are dated up to the erasure.

        Args:
            table: of the rows; touches are reduced by their own loader.
            parsed: as read.

        Returns:
            The rows that still say something, and bool[n]: which of the rows those are.
        """
        rows = parsed.columns
        if table not in _DATED:
            return parsed, np.ones(rows.num_rows, np.bool_)
        at = dated(table, rows)
        lost = {name: self.among(kind, rows.column(name), at) for name, kind in _kinds_in(rows).items()}
        if table == "stages":
            of_leads = np.asarray(pc.equal(rows.column("object"), "lead"))
            lost = {"id": of_leads & self.among(LEAD, rows.column("id"), at)}
        for name, gone in lost.items():
            if gone.any():
                rows = _blanked(rows, name, gone)
        if table == "deals":
            rows = self._without_contacts(rows, at)
        says = np.ones(len(at), np.bool_)
        if table in _WHOLE:
            says = np.logical_or.reduce([np.asarray(rows.column(n).is_valid()) for n in _WHOLE[table]])
        if table == "identities":
            says &= ~np.logical_or.reduce(list(lost.values())) | _ties_two(rows)
        if says.all():
            return replace(parsed, columns=rows), says
        return replace(parsed, columns=rows.filter(pa.array(says)), lines=parsed.lines[says]), says

    def _without_contacts(self, rows: pa.Table, at: Ints) -> pa.Table:
        """Take erased addresses out of lists of contacts."""
        given = rows.column("emails").combine_chunks()
        split = pc.split_pattern_regex(pc.fill_null(given, ""), _LIST)
        row = pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)
        addresses = pc.utf8_trim_whitespace(pc.list_flatten(split))
        gone = self.among(EMAIL, addresses, at[row])
        if not gone.any():
            return rows
        kept: dict[int, list[str]] = {int(i): [] for i in as_set(row[gone])}
        for i, text, lost in zip(row.tolist(), addresses.to_pylist(), gone.tolist(), strict=True):
            if i in kept and not lost:
                kept[i].append(text)
        texts = given.to_pylist()
        for i, left in kept.items():
            texts[i] = ";".join(left) or None
        place = rows.column_names.index("emails")
        return rows.set_column(place, "emails", pa.array(texts, pa.string()))

    def of_touches(self, own: pa.Table, visitors: pa.Array, codes: Ints) -> LostTouches:
        """Take erased identifiers out of touches.

        Args:
            own: `touch_id`, `at`, and what identifies them beside the visitor, of n rows.
            visitors: string, each visitor once.
            codes: int64[n], the visitor of each row.
        """
        at = dated("touches", own)
        when = self.when(VISITOR, visitors)[codes]
        visitor = (when > _NEVER) & (at <= when)
        there = np.asarray(visitors.is_valid())[codes] & ~visitor
        some = visitor.copy()
        for name, kind in _kinds_in(own).items():
            gone = self.among(kind, own.column(name), at)
            if gone.any():
                own = _blanked(own, name, gone)
            some |= gone
            there |= np.asarray(own.column(name).is_valid())
        holder = visitor | (some & ~there)
        if holder.any():
            names = anonymous_ids(int(holder.sum()))
            ids = own.column("touch_id").to_pandas().to_numpy(object)
            ids[holder] = names
            own = own.set_column(own.column_names.index("touch_id"), "touch_id", pa.array(ids, pa.string()))
            if "click_id" in own.column_names:
                own = _blanked(own, "click_id", holder)
        return LostTouches(some, visitor, holder, own)

    def cleared(self, table: str, rejections: Sequence[Rejection]) -> list[Rejection]:
        """Blank rows that did not load where they name somebody who was erased, whenever they are of."""
        return [
            replace(one, message=_GONE, raw="{}")
            if mentions(self.knows, self.region, table, one.message, one.raw)
            else one
            for one in rejections
        ]


@dataclass(frozen=True)
class LostTouches:
    """What touches lose, of n rows.

    Attributes:
        any: bool[n], rows that lose something.
        visitor: bool[n], rows that lose their visitor.
        holder: bool[n], rows that lose whoever they were of: what else may tell who that was goes too.
        own: the rows' own columns without what they lose.
    """

    any: Bools
    visitor: Bools
    holder: Bools
    own: pa.Table


def dated(table: str, rows: pa.Table) -> Ints:
    """Return the instants by which rows are older than an erasure or not: int64[n].

    A bare date is its day's first instant, also where it is read as the last one; a row without any date is
    older than any erasure.
    """
    if not _DATED[table]:
        return np.full(rows.num_rows, _NEVER)
    found = pc.fill_null(pc.coalesce(*(rows.column(name) for name in _DATED[table])), _NEVER)
    at: Ints = found.to_numpy().astype(np.int64)
    # the last microsecond of a day lies before a quarter of an hour in every zone, and nothing else does
    whole_day = (at + 1) % (15 * MINUTE) == 0
    return np.where(whole_day & (at > _NEVER), at + 1 - DAY, at)


def _kinds_in(rows: pa.Table) -> dict[str, int]:
    return {name: kind for name, kind in _COLUMNS.items() if name in rows.column_names}


def _blanked(rows: pa.Table, name: str, gone: Bools) -> pa.Table:
    values = rows.column(name).combine_chunks()
    place = rows.column_names.index(name)
    return rows.set_column(place, name, pc.if_else(pa.array(gone), pa.scalar(None, values.type), values))


def _ties_two(rows: pa.Table) -> Bools:
    """Tell which rows of evidence still name two."""
    names = [*COLUMN_KINDS, "merged_contact_id"]
    named = np.sum([np.asarray(rows.column(name).is_valid()) for name in names], axis=0)
    several: Bools = named > 1
    return several


def telephones(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of what may be telephone numbers: digits side by side, however they are grouped.

    What stands beside a number may be another one, a date or a sum: so every run of groups is tried, by
    where it starts, and the longest of a start first.

    >>> text = "order 77, (020) 7946-0018"
    >>> [text[start:end] for start, end in telephones(text)]
    ['(020) 7946-0018', '(020) 7946', '7946-0018']
    """
    groups = [found.span() for found in _DIGITS.finditer(text)]
    for i, (start, _) in enumerate(groups):
        count, ends = 0, []
        for j in range(i, len(groups)):
            begin, end = groups[j]
            if j > i and (text[begin] == "+" or not _GAP.fullmatch(text, groups[j - 1][1], begin)):
                break
            count += end - begin - (text[begin] == "+")
            if count > _MOST:
                break
            if count >= _FEWEST:
                ends.append(end)
        for end in reversed(ends):
            inside = text[start:end]
            opens = text[start - 1 : start] == "(" and inside.count(")") > inside.count("(")
            yield start - opens, end


def mentions(
    known: Callable[[int, str], bool], region: str | None, table: str, message: str, raw: str
) -> bool:
    """Tell whether a row that did not load names somebody: in a column of identifiers, or in its text.

    Args:
        known: whether an identifier, as compared, is of those looked for.
        region: of telephone numbers without a country.
        table: of the row.
        message, raw: of the rejection.

    >>> row = '{"lead_id": "L-1", "email": "Ella+x@Acme.com"}'
    >>> mentions(lambda kind, value: value == "ella@acme.com", None, "leads", "too late", row)
    True
    """

    def is_one(kind: int, text: str) -> bool:
        value = text if kind == VISITOR else comparable(kind, text, region)
        return value is not None and known(kind, value)

    row = json.loads(raw) if raw else {}
    cells: dict[str, Any] = row if isinstance(row, dict) else {}
    for name, cell in cells.items():
        kind = LEAD if name == "id" and table == "stages" else _COLUMNS.get(name)
        if kind is not None and is_one(kind, str(cell).strip()):
            return True
    loose = [message] if isinstance(row, dict) else [message, str(row)]  # what was never split into columns
    words = {word for text in loose for word in _WORDS.split(text) if len(word) >= _SHORTEST}
    if any(is_one(kind, word) for word in words for kind in (VISITOR, USER, LEAD, CONTACT)):
        return True
    return any(
        any(is_one(EMAIL, address) for address in _ADDRESS.findall(text))
        or any(is_one(PHONE, text[start:end]) for start, end in telephones(text))
        for text in (*loose, *map(str, cells.values()))
    )
