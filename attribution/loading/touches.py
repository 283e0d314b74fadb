"""Touches in bulk: hashed and interned in columns, written in the order in which they will be read.

:meth:`TouchLoader.add` does all that needs no lock; :meth:`TouchLoader.apply` runs inside the one
write transaction of the file. Rows are numbered by (visitor, time), so that the table grows at its end
and the index that journeys read from grows from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from attribution.channels.origin import ORIGIN_FIELDS
from attribution.channels.spam import spam_among
from attribution.identifiers import VISITOR
from attribution.loading.flags import insert_flags, intern_agents, read_crawlers, reasons
from attribution.loading.merge import log_changes, nullable
from attribution.loading.refusals import Refusals
from attribution.loading.rejects import conflicts
from attribution.loading.result import ACCEPTED, CONFLICT, DUPLICATE, Outcome, Status
from attribution.loading.tombstones import Erased, LostTouches
from attribution.loading.touch_evidence import identify
from attribution.loading.unusable import phones_without_country
from attribution.sorted_sets import as_set
from attribution.sources.parse import Parsed, Rejection
from attribution.sources.tables import LOGGED, TOUCH_IDENTIFIERS
from attribution.store import schema
from attribution.store.columns import Ints, Values, insert_columns, read_frame, temporary
from attribution.store.dimensions import intern_origins, intern_pages
from attribution.store.identifiers import intern_identifiers
from attribution.store.keys import ERASED, distinct, find, look_up, row_hash, text_hash
from attribution.store.platform_clicks import note_clicks
from attribution.store.settings import Settings
from attribution.store.touch_numbers import next_touch

_PAGE = ("landing_host", "landing_path", "query")
_OWN = ("click_id", "page_views", "engaged_seconds", "cost_minor", "currency")  # kept in the touch itself


class _Distinct:
    """The distinct rows of some columns over all chunks: each row is a code into them."""

    def __init__(self) -> None:
        self.hashes: list[Ints] = []
        self.rows: list[pa.Table] = []
        self.codes: list[Ints] = []
        self._size = 0

    def add(self, hashes: Ints, columns: pa.Table) -> None:
        codes, first = distinct(hashes)
        self.codes.append(codes + self._size)
        self.hashes.append(hashes[first])
        self.rows.append(columns.take(pa.array(first)))
        self._size += len(first)

    def close(self) -> tuple[Ints, Ints, pa.Table]:
        """Return codes of all rows, and hashes and columns of what they point to."""
        rows = pa.concat_tables(self.rows, promote_options="permissive")
        return np.concatenate(self.codes), np.concatenate(self.hashes), rows

    def numbers(self, new: Ints, name: str, number: Callable[[Ints, pa.Table], Ints]) -> Ints:
        """Number what new touches use.

        Args:
            new: int64[n] rows.
            name: the column without which there is nothing to number.
            number: given hashes and rows, each once, returns their numbers.

        Returns:
            int64[n]; 0 where the column is missing.
        """
        codes, hashes, rows = self.close()
        used, inverse = np.unique(codes[new], return_inverse=True)
        there = used[np.asarray(pc.is_valid(rows.column(name).take(pa.array(used))))]
        ids = np.zeros(rows.num_rows, np.int64)
        if len(there):
            ids[there] = number(hashes[there], rows.take(pa.array(there)))
        return ids[used][inverse]


class TouchLoader:
    """Takes parsed touches chunk by chunk, then writes them in one go."""

    def __init__(self) -> None:
        self._origins, self._pages = _Distinct(), _Distinct()
        self._agents, self._visitors = _Distinct(), _Distinct()
        self._own: list[pa.Table] = []
        self._hash: list[Ints] = []
        self._digest: list[Ints] = []
        self._lines: list[Ints] = []
        self._refusals = Refusals()

    def add(self, parsed: Parsed) -> None:
        """Hash a chunk and reduce it to what will be stored."""
        table, rows = parsed.columns, parsed.columns.num_rows
        if rows == 0:
            return

        def part(*names: str) -> pa.Table:
            return table.select([name for name in names if name in table.column_names])

        def hashed(columns: pa.Table) -> Ints:
            return row_hash({n: columns.column(n) for n in columns.column_names}, rows)

        origins, pages = part(*ORIGIN_FIELDS), part(*_PAGE)
        origin, page = hashed(origins), hashed(pages)
        agent = text_hash(table.column("user_agent"))
        visitor = text_hash(table.column("visitor_id"))
        # whoever else is named: most files name nobody, and their rows stay as they were hashed ever since
        named = [name for name in TOUCH_IDENTIFIERS if table.column(name).null_count < rows]
        own = part("touch_id", "at", "consent", *_OWN, *named)
        self._origins.add(origin, origins)
        self._pages.add(page, pages)
        self._agents.add(agent, part("user_agent"))
        self._visitors.add(visitor, part("visitor_id"))
        self._hash.append(text_hash(table.column("touch_id")))
        self._digest.append(
            row_hash(
                {"origin": origin, "page": page, "agent": agent, "visitor": visitor}
                | {name: own.column(name) for name in own.column_names},
                rows,
            )
        )
        self._refusals.add(table)
        self._own.append(own)
        self._lines.append(parsed.lines)

    def apply(self, connection: Connection, settings: Settings, batch_id: int) -> Outcome:
        """Write what is new; returns the fate of each row in the order in which they were added."""
        if not self._own:
            return Outcome(np.empty(0, np.int8))
        own = pa.concat_tables(self._own, promote_options="permissive").combine_chunks()
        digest = np.concatenate(self._digest)
        status, key = fates(connection, np.concatenate(self._hash), digest, own.column("touch_id"))
        new = np.flatnonzero(status == ACCEPTED)
        erased = Erased.of(connection, settings)
        if len(new):
            lost = None
            if erased is not None:
                codes, _, visitors = self._visitors.close()
                lost = erased.of_touches(own, visitors.column("visitor_id").combine_chunks(), codes)
                own, digest = lost.own, np.where(lost.any, ERASED, digest)
            self._write(connection, settings, batch_id, own, new, key, digest, lost)
            self._refusals.keep(connection, settings, own, status == ACCEPTED, erased)
        return Outcome(
            status,
            self._conflicts(own, np.flatnonzero(status == CONFLICT)),
            warnings=(
                phones_without_country(settings, own.column("phone").take(pa.array(new)))
                if "phone" in own.column_names
                else []
            ),
            fingerprint=int(digest[new].sum()),  # wraps
        )

    def _write(
        self, connection: Connection, settings: Settings, batch_id: int,
        own: pa.Table, new: Ints, key: Ints, digest: Ints, lost: LostTouches | None,
    ) -> None:  # fmt: skip
        whose = np.arange(len(new)) if lost is None else np.flatnonzero(~lost.visitor[new])
        visitor = np.zeros(len(new), np.int64)
        visitor[whose] = self._visitors.numbers(
            new[whose],
            "visitor_id",
            lambda _, rows: intern_identifiers(
                connection, settings, VISITOR, rows.column("visitor_id"), tally=True
            ),
        )
        origin = self._origins.numbers(
            new, "kind", lambda hashes, rows: intern_origins(connection, hashes, rows, settings)
        )
        # page and browser may tell who it was
        told = whose if lost is None else np.flatnonzero(~lost.holder[new])
        page, agent = np.zeros((2, len(new)), np.int64)
        page[told] = self._pages.numbers(
            new[told], "landing_host", lambda hashes, rows: intern_pages(connection, hashes, rows)
        )
        agent[told] = self._agents.numbers(
            new[told], "user_agent", lambda hashes, rows: intern_agents(connection, settings, hashes, rows)
        )
        reason = self._reasons(connection, new, agent)
        at = own.column("at").combine_chunks().to_numpy(zero_copy_only=False).astype(np.int64)[new]
        holder = self._holders(connection, settings, own, new, at, visitor, reason == 0)
        order = np.lexsort((at, holder))
        taken = own.take(pa.array(new[order]))
        n = insert_touches(
            connection,
            settings,
            {
                "touch_id": taken.column("touch_id"),
                "visitor": nullable(holder[order]),
                "at": at[order],
                "origin_id": origin[order],
                "page_id": nullable(page[order]),
                "agent_id": nullable(agent[order]),
                "consent": taken.column("consent"),
                **{name: taken.column(name) for name in _OWN if name in taken.column_names},
                "batch_id": batch_id,
            },
            key[new][order],
            digest[new][order],
            reason[order],
        )
        if "click_id" in taken.column_names:
            self._note_clicks(connection, n, new[order], taken.column("click_id"), reason[order])

    def _note_clicks(
        self, connection: Connection, n: Ints, rows: Ints, clicks: pa.ChunkedArray, reason: Ints
    ) -> None:
        """Keep which touches a platform logged; those who may have made them are looked at again."""
        codes, _, origins = self._origins.close()
        by_platform = np.asarray(pc.is_in(origins.column("kind"), pa.array(LOGGED)))[codes[rows]]
        logged = np.flatnonzero(by_platform & np.asarray(clicks.is_valid()) & (reason == 0))
        whose = note_clicks(connection, n[logged], clicks.take(pa.array(logged)).combine_chunks())
        log_changes(connection, schema.CHANGE_PERSON, whose)

    def _reasons(self, connection: Connection, new: Ints, agent: Ints) -> Ints:
        """Return why new touches are flagged, 0 where they are not."""
        codes, _, origins = self._origins.close()
        spam = spam_among(origins.column("referrer_host"))[codes[new]]
        return reasons(np.isin(agent, read_crawlers(connection)), spam)

    def _holders(
        self, connection: Connection, settings: Settings, own: pa.Table, new: Ints, at: Ints, visitor: Ints,
        counts: npt.NDArray[np.bool_],
    ) -> Ints:  # fmt: skip
        """Return whose each new touch is, and keep what else the rows say of who that is."""
        named = [name for name in TOUCH_IDENTIFIERS if name in own.column_names]
        if not named:
            return visitor
        codes, _, origins = self._origins.close()
        kind = origins.column("kind").take(pa.array(codes[new]))
        said = own.select(named).take(pa.array(new))
        return identify(connection, settings, said, kind, at, visitor, counts)

    def _conflicts(self, own: pa.Table, rows: Ints) -> list[Rejection]:
        """Put rows that contradict a stored touch into words, from the columns as they were read."""
        if len(rows) == 0:
            return []
        columns = own.take(pa.array(rows))
        for dimension in (self._visitors, self._origins, self._pages, self._agents):
            codes, _, table = dimension.close()
            for name in table.column_names:
                columns = columns.append_column(name, table.column(name).take(pa.array(codes[rows])))
        return conflicts("touches", columns, np.concatenate(self._lines)[rows])


def insert_touches(
    connection: Connection, settings: Settings, columns: Mapping[str, Values], key: Ints, digest: Ints,
    reason: Ints | None = None,
) -> Ints:  # fmt: skip
    """Store new touches; returns their numbers, ascending.

    Args:
        connection: the writer's.
        settings: the store's.
        columns: all of the table but `n`, sorted by visitor and time.
        key: int64[n], of :func:`fates`.
        digest: int64[n].
        reason: int64[n], why a touch is flagged, 0 where it is not; None: none is. Those that are have no
            visitor of their own from now on.
    """
    n = np.arange(len(key)) + next_touch(connection, settings)
    if reason is not None and reason.any():
        flagged, visitor = np.flatnonzero(reason), columns["visitor"]
        assert isinstance(visitor, pa.Array)
        whose = visitor.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        insert_flags(connection, n[flagged], whose[flagged], reason[flagged])
        columns = {**columns, "visitor": nullable(np.where(reason > 0, 0, whose))}
    insert_columns(connection, schema.touch, {"n": n, **columns})
    by_key = np.argsort(key)
    insert_columns(
        connection, schema.touch_key, {"hash": key[by_key], "n": n[by_key], "digest": digest[by_key]}
    )
    return n


def fates(connection: Connection, hashes: Ints, digest: Ints, ids: pa.ChunkedArray) -> tuple[Status, Ints]:
    """Tell new touches from repeated and contradicting ones; returns fates and the key of each row.

    Args:
        connection: the writer's.
        hashes: int64[n] of the ids.
        digest: int64[n] of what the rows say.
        ids: their texts.

    Two ids with one hash (none is expected below 10^8 touches) are told apart by their text, and the
    later one moves on to another key.
    """
    status = np.full(len(hashes), ACCEPTED, np.int8)
    key = hashes.copy()
    pending = np.arange(len(hashes))
    taken = np.empty(0, np.int64)  # rows of this file that hold their key
    while len(pending):
        codes, first = distinct(key[pending])
        wanted = key[pending][first]
        stored = find(connection, schema.touch_key, schema.touch_key.c.hash, ["n", "digest"], wanted)
        # each key is looked up once: -1 where it is not stored, which picks the value at the end
        at = look_up(stored["hash"], np.arange(len(stored["hash"])), wanted)[codes]
        row_n = np.append(stored["n"], -1)[at]
        row_digest = np.append(stored["digest"], 0)[at]
        holder = look_up(key[taken], taken, key[pending])
        leader = np.where(row_n >= 0, -1, np.where(holder >= 0, holder, pending[first[codes]]))
        repeated = (digest[pending] == row_digest) | (row_digest == ERASED)
        same = np.where(row_n >= 0, repeated, digest[pending] == digest[leader])
        status[pending] = np.where(same, DUPLICATE, CONFLICT)
        leads = leader == pending
        status[pending[leads]] = ACCEPTED

        other = np.flatnonzero(~same)
        moved = other[_other_text(connection, ids, pending[other], row_n[other], leader[other])]
        taken = np.concatenate([taken, pending[leads]])
        pending = pending[moved]
        status[pending] = ACCEPTED
        key[pending] = row_hash({"key": key[pending]}, len(pending))
    return status, key


def _other_text(
    connection: Connection, ids: pa.ChunkedArray, rows: Ints, stored_n: Ints, leader: Ints
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which rows share a hash with a touch of another id."""
    if len(rows) == 0:
        return np.empty(0, np.bool_)
    mine = ids.take(pa.array(rows)).to_pandas().to_numpy(object)
    theirs = ids.take(pa.array(np.maximum(leader, 0))).to_pandas().to_numpy(object)
    in_store = stored_n >= 0
    if in_store.any():
        with temporary(connection, n=as_set(stored_n[in_store])) as wanted:
            frame = read_frame(
                connection,
                select(schema.touch.c.n, schema.touch.c.touch_id).join(
                    wanted, wanted.c.n == schema.touch.c.n
                ),
            )
        at = pd.Index(frame["n"]).get_indexer(pd.Index(stored_n[in_store]))
        theirs[in_store] = frame["touch_id"].to_numpy()[at]
    return np.asarray(mine != theirs, np.bool_)
