"""Page views in bulk: stored each once, cut into sessions, and the touches of those kept up to date.

:meth:`PageViewLoader.add` does all that needs no lock; :meth:`PageViewLoader.apply` runs inside the one write
transaction of the file. A file that brings a view in between has the sessions of its visitors cut anew, all
of them: so any order and any batches of files give the same sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from attribution.channels.crawlers import crawlers_among
from attribution.channels.origin import ORIGIN_FIELDS
from attribution.channels.spam import spam_among
from attribution.identifiers import COLUMN_KINDS, VISITOR
from attribution.loading.distinct import Codes, Distinct
from attribution.loading.flags import intern_agents, read_crawlers
from attribution.loading.hostless import urls_without_host
from attribution.loading.merge import nullable
from attribution.loading.refusals import Refusals
from attribution.loading.result import ACCEPTED, DUPLICATE, UPDATED, Outcome, Status
from attribution.loading.session_origins import gap_of, note_origins, read_cutting
from attribution.loading.session_touches import PAGEVIEWS, Clicks, NewKeys, keep_sessions
from attribution.loading.sessions import CONSENT_BITS, UNKNOWN
from attribution.loading.stored_views import (
    SessionCut,
    StoredViews,
    has_older_keys,
    insert_views,
    read_views,
    update_views,
)
from attribution.loading.tombstones import Erased, dated
from attribution.loading.touch_evidence import identify
from attribution.loading.unusable import phones_without_country
from attribution.sorted_sets import as_set, union
from attribution.sources.parse import Parsed
from attribution.sources.tables import TOUCH_IDENTIFIERS
from attribution.store import schema
from attribution.store.columns import Ints, Values, next_id
from attribution.store.dimensions import intern_origins, intern_pages
from attribution.store.identifiers import intern_identifiers, tally_nobody
from attribution.store.keys import row_hash, text_hash
from attribution.store.settings import Settings

_PAGE: Final = ("landing_host", "landing_path", "query")
_AT_ONCE: Final = 2_000_000  # views that are written and cut in one go

Bools = npt.NDArray[np.bool_]


class _Column:
    """One column over all blocks; blocks in which it is blank take no room until it is wanted."""

    def __init__(self, dtype: Any, nothing: int = 0) -> None:
        self._dtype, self._nothing = dtype, nothing
        self._parts: list[tuple[int, npt.NDArray[Any] | None]] = []

    def add(self, rows: int, values: npt.NDArray[Any] | None) -> None:
        """Take a block of a column; None: blank."""
        self._parts.append((rows, None if values is None else values.astype(self._dtype, copy=False)))

    def close(self) -> npt.NDArray[Any]:
        """Return all of it, and hold it no longer; a column without any value takes no room."""
        size = sum(rows for rows, _ in self._parts)
        if all(values is None for _, values in self._parts):
            return np.broadcast_to(self._dtype(self._nothing), size)
        whole = np.full(size, self._nothing, self._dtype)
        start = 0
        for i, (rows, values) in enumerate(self._parts):
            if values is not None:
                whole[start : start + rows] = values
            self._parts[i] = (rows, None)
            start += rows
        return whole


class PageViewLoader:
    """Takes parsed page views chunk by chunk, then writes them in one go."""

    def __init__(self) -> None:
        self._origins, self._pages = Distinct(), Distinct()
        self._agents, self._visitors = Distinct(), Distinct()
        self._columns = {
            "at": _Column(np.int64), "hash": _Column(np.int64), "whole": _Column(np.int64),
            "session": _Column(np.int64),
            "click": _Column(np.int64), "engaged": _Column(np.int32, UNKNOWN), "consent": _Column(np.int8),
            "prefetch": _Column(np.int8),
        }  # fmt: skip
        self._clicks: list[tuple[Ints, pa.Array]] = []
        self._named: dict[str, tuple[list[Ints], list[pa.Array]]] = {}
        self._refusals = Refusals()
        self._rows = 0

    def add(self, parsed: Parsed) -> None:
        """Hash a chunk and reduce it to what will be stored."""
        table, rows = parsed.columns.combine_chunks(), parsed.columns.num_rows
        if rows == 0:
            return

        def part(*names: str) -> pa.Table:
            return table.select([name for name in names if name in table.column_names])

        def filled(name: str) -> pa.Array | None:
            column = table.column(name)
            return None if column.null_count == rows else column.chunk(0)

        def hashed(names: tuple[str, ...]) -> Ints:
            return row_hash({name: filled(name) for name in names if name in table.column_names}, rows)

        def given(name: str, read: Callable[[pa.Array], Ints | Bools]) -> Ints | Bools | None:
            values = filled(name)
            return None if values is None else read(values)

        origin, page = hashed(ORIGIN_FIELDS), hashed(_PAGE)
        agent, visitor = _text_hash(filled("user_agent"), rows), _text_hash(filled("visitor_id"), rows)
        self._origins.add(origin, part(*ORIGIN_FIELDS))
        self._pages.add(page, part(*_PAGE))
        self._agents.add(agent, part("user_agent"))
        self._visitors.add(visitor, part("visitor_id"))
        self._refusals.add(table)
        clicked = filled("click_id")
        click = None if clicked is None else _text_hash(clicked, rows)
        sessions = filled("session_id")
        alone = self._note(table)
        session = None if sessions is None else _session_hash(sessions, {"visitor": visitor, **alone})
        # null and not 0 where there is none, as in a block in which nobody has one
        key = {"at": filled("at"), "origin": origin, "visitor": visitor, "click": _blanked(click), **alone}
        # which parameters of its address are kept makes it no other view
        key["page"] = page if filled("query") is None else hashed(_PAGE[:2])
        rest = {name: filled(name) for name in ("engaged_seconds", "consent", "purpose")}
        self._columns["at"].add(rows, _whole(table.column("at").chunk(0)))
        self._columns["hash"].add(rows, row_hash(key, rows))
        self._columns["whole"].add(
            rows, row_hash(key | rest | {"agent": agent, "session": _blanked(session)}, rows)
        )
        self._columns["session"].add(rows, session)
        self._columns["click"].add(rows, click)
        self._columns["engaged"].add(rows, given("engaged_seconds", lambda n: _whole(n.fill_null(UNKNOWN))))
        self._columns["consent"].add(rows, _whole(table.column("consent").chunk(0)))
        self._columns["prefetch"].add(rows, given("purpose", lambda early: np.asarray(early.is_valid())))
        if clicked is not None and click is not None:
            _, first = np.unique(click, return_index=True)
            self._clicks.append((click[first], clicked.take(pa.array(first))))
        self._rows += rows

    def _note(self, table: pa.Table) -> dict[str, pa.Array]:
        """Remember who else rows name; returns what tells views apart that have no visitor."""
        found = {}
        for name in TOUCH_IDENTIFIERS:
            values = table.column(name).chunk(0)
            if values.null_count == len(values):  # most files name nobody else
                continue
            there = np.flatnonzero(np.asarray(values.is_valid()))
            parts = self._named.setdefault(name, ([], []))
            parts[0].append(there + self._rows)
            parts[1].append(values.take(pa.array(there)))
            alone = table.column("visitor_id").chunk(0).is_null()
            found[name] = pc.if_else(alone, values, pa.scalar(None, pa.string()))
        return found

    def apply(self, connection: Connection, settings: Settings, batch_id: int) -> Outcome:
        """Write what is new; returns the fate of each row in the order in which they were added."""
        if not self._rows:
            return Outcome(np.empty(0, np.int8))
        file = self._file()
        erased = Erased.of(connection, settings)
        known_before = next_id(connection, schema.identifier.c.identifier_id)
        said = self._whose(connection, settings, file, erased)
        self._number(connection, settings, file)
        note_origins(connection, settings, file.origin_id[file.used(file.origin, len(file.origin_id))])
        status = np.full(self._rows, DUPLICATE, np.int8)
        writer = _Writer(connection, settings, batch_id, known_before, self._known_clicks())
        fingerprint = 0
        for rows in file.chunks():
            status[rows] = writer.write(file.views(rows))
            new = rows[status[rows] != DUPLICATE]
            fingerprint += int(file.columns["whole"][new].sum())
        status[file.told_again] = np.where(file.told_more, UPDATED, DUPLICATE)
        self._tally(connection, file, np.flatnonzero(status == ACCEPTED))
        told = pa.table({name: file.columns[name].astype(np.int64) for name in ("at", "consent")})
        self._refusals.keep(connection, settings, told, status == ACCEPTED, erased)
        warnings = urls_without_host(settings, self._referrers(file))
        phones = said.column("phone") if "phone" in said.column_names else None
        return Outcome(
            status,
            warnings=warnings + ([] if phones is None else phones_without_country(settings, phones)),
            fingerprint=(fingerprint + 2**63) % 2**64 - 2**63,
        )

    def _referrers(self, file: _File) -> list[tuple[str, int]]:
        """Return the referrers of views whose pages have no host, and how many views have each."""
        rows = self._origins.rows
        which = pc.and_(pc.is_null(rows.column("landing_host")), pc.is_valid(rows.column("referrer_host")))
        wanted = np.flatnonzero(np.asarray(which))
        if not len(wanted):
            return []
        views = np.bincount(file.origin, minlength=rows.num_rows)[wanted]
        hosts = rows.column("referrer_host").take(pa.array(wanted)).to_pylist()
        return list(zip(hosts, views.tolist(), strict=True))

    def _tally(self, connection: Connection, file: _File, new: Ints) -> None:
        """Count the visitors of new views that name nobody."""
        values = self._visitors.rows.column("visitor_id")
        nobody = new[file.holder[new] == 0]
        nobody = nobody[np.asarray(values.is_valid())[file.visitor[nobody]]]
        if len(nobody):
            named = values.take(pa.array(file.visitor[nobody]))
            tally_nobody(connection, VISITOR, named, np.ones(len(nobody), np.bool_))

    def _file(self) -> _File:
        def codes(dimension: Distinct) -> Codes:
            return dimension.close()[0]

        columns = {name: column.close() for name, column in self._columns.items()}
        return _File(
            columns, codes(self._visitors), codes(self._origins), codes(self._pages), codes(self._agents),
            np.ones(self._rows, np.bool_),
        )  # fmt: skip

    def _known_clicks(self) -> Clicks:
        hashes = np.concatenate([np.zeros(0, np.int64), *(part for part, _ in self._clicks)])
        texts = pa.concat_arrays([pa.array([], pa.string()), *(texts for _, texts in self._clicks)])
        there = np.flatnonzero(hashes != 0)
        return Clicks.of(hashes[there], texts.take(pa.array(there)))

    def _whose(
        self, connection: Connection, settings: Settings, file: _File, erased: Erased | None
    ) -> pa.Table:
        """Number whose each view is, and keep what rows say of that; returns what they say.

        Views of somebody who was erased are left out: whatever was known of them is none any more, so a
        repeated one cannot be told from a new one.
        """
        named = [part for parts, _ in self._named.values() for part in parts]
        rows = as_set(np.concatenate([np.zeros(0, np.int64), *named]))
        said = pa.table({name: _spread(rows, *parts) for name, parts in self._named.items()})
        if erased is not None:
            said = self._without_the_erased(file, erased, rows, said)
        visitors = self._visitors.numbers(
            file.used(file.visitor, self._visitors.rows.num_rows),
            "visitor_id",
            lambda _, table: intern_identifiers(connection, settings, VISITOR, table.column("visitor_id")),
        )
        file.holder = visitors.astype(np.int32)[file.visitor]
        if not len(rows):
            file.tell_nobody_apart()
            return said
        left = np.flatnonzero(file.kept[rows])
        rows, said = rows[left], said.take(pa.array(left))
        robots = crawlers_among(self._agents.rows.column("user_agent"))[file.agent[rows]]
        spam = spam_among(self._origins.rows.column("referrer_host"))[file.origin[rows]]
        counts = ~robots & ~spam & (file.columns["prefetch"][rows] == 0)
        kind = pa.chunked_array([pa.repeat("session", len(rows))])
        at, visitor = file.columns["at"][rows], file.holder[rows].astype(np.int64)
        file.holder[rows] = identify(connection, settings, said, kind, at, visitor, counts, tally=False)
        file.tell_nobody_apart()
        return said

    def _without_the_erased(self, file: _File, erased: Erased, rows: Ints, said: pa.Table) -> pa.Table:
        at = dated(PAGEVIEWS, pa.table({"at": file.columns["at"]}))
        visitors = self._visitors.rows.column("visitor_id")
        file.kept &= at > erased.when(VISITOR, visitors)[file.visitor]
        nobody = np.asarray(visitors.is_null())[file.visitor[rows]]
        lost = np.zeros(len(rows), np.bool_)
        for name in said.column_names:
            values = said.column(name).combine_chunks()
            gone = erased.among(COLUMN_KINDS[name], values, at[rows])
            left = pc.if_else(pa.array(gone), pa.scalar(None, pa.string()), values)
            said = said.set_column(said.column_names.index(name), name, left)
            lost |= gone
        for name in said.column_names:
            nobody &= np.asarray(said.column(name).is_null())
        file.kept[rows] &= ~(nobody & lost)
        return said

    def _number(self, connection: Connection, settings: Settings, file: _File) -> None:
        """Number where views came from, their pages and browsers."""

        def number(
            dimension: Distinct, codes: Codes, name: str, intern: Callable[[Ints, pa.Table], Ints]
        ) -> Ints:
            return dimension.numbers(file.used(codes, dimension.rows.num_rows), name, intern)

        file.origin_id = number(
            self._origins, file.origin, "kind",
            lambda hashes, rows: intern_origins(connection, hashes, rows, settings),
        )  # fmt: skip
        file.page_id = number(
            self._pages, file.page, "landing_host",
            lambda hashes, rows: intern_pages(connection, hashes, rows),
        )  # fmt: skip
        file.agent_id = number(
            self._agents, file.agent, "user_agent",
            lambda hashes, rows: intern_agents(connection, settings, hashes, rows),
        )  # fmt: skip


@dataclass(eq=False)
class _File:
    """All rows of a file: columns, codes into what repeats, and what those are numbered.

    Attributes:
        columns: n values each.
        visitor, origin, page, agent: int32[n] codes.
        kept: bool[n]; others are of somebody who was erased.
        holder: int32[n] identifiers, 0 for nobody.
        origin_id, page_id, agent_id: int64, the number of each code.
        told_again: rows that say once more what a row before says.
        told_more: bool, which of them say something else besides.
    """

    columns: dict[str, npt.NDArray[Any]]
    visitor: Codes
    origin: Codes
    page: Codes
    agent: Codes
    kept: Bools
    holder: Codes = None  # type: ignore[assignment]  # numbered inside the transaction
    origin_id: Ints = None  # type: ignore[assignment]
    page_id: Ints = None  # type: ignore[assignment]
    agent_id: Ints = None  # type: ignore[assignment]
    told_again: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    told_more: Bools = field(default_factory=lambda: np.zeros(0, np.bool_))

    def used(self, codes: Codes, size: int) -> Bools:
        """Tell which of `size` codes the rows that are kept have."""
        found = np.zeros(size, np.bool_)
        found[codes if self.kept.all() else codes[self.kept]] = True
        return found

    def tell_nobody_apart(self) -> None:
        """Tell nobody's views apart by all that they say: those of one second may be several people's."""
        nobody = self.holder == 0
        if nobody.any():
            self.columns["hash"] = np.where(nobody, self.columns["whole"], self.columns["hash"])

    def chunks(self) -> Iterator[Ints]:
        """Yield the rows that are kept in order of their keys, each key once; a visitor's in one chunk."""
        order = self._order()
        start = 0
        while start < len(order):
            stop = min(start + _AT_ONCE, len(order))
            if stop < len(order):
                whose = self.holder[order[stop - 1]]
                more = self.holder[order[stop:]] != whose
                stop = stop + int(np.argmax(more)) if more.any() else len(order)
            yield order[start:stop]
            start = stop

    def _order(self) -> Ints:
        rows = np.flatnonzero(self.kept)
        at, digest, holder = self.columns["at"], self.columns["hash"], self.holder
        if (np.diff(at) < 0).any():  # files are in order of time as a rule
            rows = rows[np.argsort(at[rows], kind="stable")]
        rows = rows[np.argsort(holder[rows], kind="stable")]
        tied = (holder[rows[1:]] == holder[rows[:-1]]) & (at[rows[1:]] == at[rows[:-1]])
        if not tied.any():
            return rows
        among = np.zeros(len(rows), np.bool_)  # rows of one instant of somebody
        among[1:] |= tied
        among[:-1] |= tied
        some = rows[among]
        rows[among] = some[np.lexsort((digest[some], at[some], holder[some]))]
        same = (holder[rows[1:]] == holder[rows[:-1]]) & (digest[rows[1:]] == digest[rows[:-1]])
        again = np.concatenate([[False], same & (at[rows[1:]] == at[rows[:-1]])])
        if again.any():
            first = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
            self._fold(rows[first[again]], rows[again])
        once: Ints = rows[~again]
        return once

    def _fold(self, first: Ints, again: Ints) -> None:
        """Put what rows say that repeat a view into the first of them; of several the last one counts."""
        known = {
            "engaged": self.columns["engaged"], "session": self.columns["session"],
            "prefetch": self.columns["prefetch"], "agent": self.agent,
        }  # fmt: skip
        blank = {"engaged": UNKNOWN, "session": 0, "prefetch": 0}
        more = np.zeros(len(again), np.bool_)
        for name, values in known.items():
            said = self.agent_id[values[again]] > 0 if name == "agent" else values[again] != blank[name]
            more |= said & (values[again] != values[first])
            if said.any():
                values[first[said]] = values[again[said]]
        consent = self.columns["consent"]
        for shift in range(0, CONSENT_BITS, 2):
            signal = consent[again] >> shift & 0b11
            said = (signal > 0) & (signal != (consent[first] >> shift & 0b11))
            more |= said
            if said.any():
                said = signal > 0
                consent[first[said]] = consent[first[said]] & ~(0b11 << shift) | signal[said] << shift
        self.told_again, self.told_more = again, more

    def views(self, rows: Ints) -> StoredViews:
        """Return some rows as they are stored."""

        def column(name: str) -> Ints:
            taken: Ints = self.columns[name][rows].astype(np.int64, copy=False)
            return taken

        return StoredViews(
            visitor=self.holder[rows].astype(np.int64),
            at=column("at"), hash=column("hash"),
            origin=self.origin_id[self.origin[rows]], page=self.page_id[self.page[rows]],
            agent=self.agent_id[self.agent[rows]],
            session=np.where(self.holder[rows] > 0, column("session"), 0),
            click=column("click"), engaged=column("engaged"), consent=column("consent"),
            prefetch=column("prefetch"),
        )  # fmt: skip


class _Writer:
    """Writes views that are new, and keeps the sessions of their visitors."""

    def __init__(
        self, connection: Connection, settings: Settings, batch_id: int, known_before: int, clicks: Clicks
    ) -> None:
        self._connection, self._settings, self._batch_id = connection, settings, batch_id
        self._known_before, self._clicks = known_before, clicks
        cutting = read_cutting(connection, settings)
        self._cut = SessionCut(cutting, read_crawlers(connection), gap_of(settings))
        self._keys = NewKeys.of(connection)
        self._older = has_older_keys(connection, settings)

    def write(self, views: StoredViews) -> Status:
        """Write views with distinct keys in order; returns the fate of each."""
        stored, clicks = self._stored(views)
        place = stored.places(views, older=self._older)
        known = np.flatnonzero(place >= 0)
        told = views.take(known) if len(known) < len(views) else views
        now, changed = stored.told_more(place[known], told)
        fate = np.full(len(views), ACCEPTED, np.int8)
        fate[known] = np.where(changed, UPDATED, DUPLICATE)
        added = views.take(place < 0) if len(known) else views
        update_views(self._connection, now)
        insert_views(self._connection, added, self._clicks, self._batch_id)
        whose = union(added.visitor, now.visitor)
        theirs = np.isin(stored.visitor, whose)
        before, same = stored.take(theirs), theirs.copy()
        same[place[known[changed]]] = False
        both = StoredViews.concat(stored.take(same), now, added) if len(before) else added
        keep_sessions(
            self._connection, self._settings, self._batch_id, self._cut.sessions(before),
            self._cut.sessions(both), self._clicks.with_more(clicks), self._keys,
        )  # fmt: skip
        return fate

    def _stored(self, views: StoredViews) -> tuple[StoredViews, Clicks]:
        """Read all views of the visitors that the store knew before; of nobody's those of about then."""
        whose = as_set(views.visitor)
        known = whose[(whose < self._known_before) & (whose > 0)]
        found = [read_views(self._connection, known)]
        if len(whose) and whose[0] == 0:
            at = views.at[views.visitor == 0]
            found.append(read_views(self._connection, whose[:1], int(at.min()), int(at.max())))
        clicks = found[0][1]
        for _, more in found[1:]:
            clicks = clicks.with_more(more)
        return StoredViews.concat(*(part for part, _ in found)), clicks


def _text_hash(texts: pa.Array | None, rows: int) -> Ints:
    """Hash texts that repeat; 0 where there is none."""
    if texts is None:
        return np.zeros(rows, np.int64)
    encoded = texts.dictionary_encode()
    hashes = np.append(text_hash(encoded.dictionary), 0)
    codes = encoded.indices.fill_null(-1) if texts.null_count else encoded.indices
    found: Ints = hashes[codes.to_numpy(zero_copy_only=False)]
    return found


def _session_hash(sessions: pa.Array, whose: Mapping[str, Values]) -> Ints:
    """Hash the sessions that an export knows, each somebody's; 0 where it knows none."""
    hashes = row_hash({"session": sessions, **whose}, len(sessions))
    return np.where(np.asarray(sessions.is_valid()), hashes, 0) if sessions.null_count else hashes


def _blanked(hashes: Ints | None) -> pa.Array | None:
    return None if hashes is None else nullable(hashes)


def _whole(numbers: pa.Array) -> Ints:
    whole: Ints = numbers.to_numpy(zero_copy_only=False).astype(np.int64)
    return whole


def _spread(rows: Ints, parts: list[Ints], texts: list[pa.Array]) -> pa.Array:
    """Return the value of each of some rows (ascending) of a column that few rows have."""
    place = np.full(len(rows), -1)
    own = np.concatenate(parts)
    place[np.searchsorted(rows, own)] = np.arange(len(own))
    return pa.concat_arrays(texts).take(pa.array(place, mask=place < 0))
