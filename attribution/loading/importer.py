"""One file into the store, as one transaction: afterwards the store is as before the file, or as after it.

Reading, checking and hashing happen before the lock is taken; other processes wait for the writing only.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, insert, update

from attribution import clock
from attribution.errors import InputError, UnknownNameError
from attribution.loading import rejects
from attribution.loading.calls import load_calls, load_leases, load_tracking_numbers
from attribution.loading.deal_contacts import load_deal_contacts
from attribution.loading.measures import (
    load_email_stats,
    load_rates,
    load_social_stats,
    load_spend,
    load_spend_names,
)
from attribution.loading.meetings import load_meetings
from attribution.loading.pageviews import PageViewLoader
from attribution.loading.records import (
    load_adjustments,
    load_deals,
    load_identities,
    load_leads,
    load_stages,
)
from attribution.loading.result import (
    ACCEPTED,
    CONFLICT,
    COUNTS,
    DUPLICATE,
    UPDATED,
    FileResult,
    Outcome,
)
from attribution.loading.tombstones import Erased
from attribution.loading.touches import TouchLoader
from attribution.sources import files
from attribution.sources.layout import Layout
from attribution.sources.mapping.also import tables_named
from attribution.sources.mapping.apply import Applied, LookUps, apply
from attribution.sources.mapping.declared import can_fill
from attribution.sources.mapping.layout import SectionLayout, read_look_ups
from attribution.sources.mapping.read import ACCOUNT_ZONE, get_mapping
from attribution.sources.parse import Parsed, ParseOptions, Rejection, parse
from attribution.sources.tables import Table, get_table
from attribution.store import schema
from attribution.store.columns import next_id
from attribution.store.database import Database
from attribution.store.settings import FINGERPRINT, Settings

_PARSERS: Final = 2
_MAPPING: Final = "mapping: "  # how the codes of what a mapping tells begin

# (what is being done, how much of it, of how much or None where that is not known)
Progress = Callable[[str, int, int | None], None]


class Loader(Protocol):
    """Writes the parsed rows of one file."""

    def __call__(
        self, connection: Connection, settings: Settings, batch_id: int, parsed: Parsed
    ) -> Outcome: ...


_LOADERS: Final[dict[str, Loader]] = {
    "identities": load_identities,
    "leads": load_leads,
    "deals": load_deals,
    "deal_contacts": load_deal_contacts,
    "stages": load_stages,
    "adjustments": load_adjustments,
    "meetings": load_meetings,
    "calls": load_calls,
    "leases": load_leases,
    "tracking_numbers": load_tracking_numbers,
    "spend": load_spend,
    "spend_names": load_spend_names,
    "email_stats": load_email_stats,
    "social_stats": load_social_stats,
    "rates": load_rates,
}

_REDUCED: Final[dict[str, type[TouchLoader] | type[PageViewLoader]]] = {
    "touches": TouchLoader,
    "pageviews": PageViewLoader,
}


@dataclass(frozen=True)
class ImportOptions:
    """How to read the files of one command."""

    timezone: str | None = None  # of naive times
    keep_query: frozenset[str] = frozenset()
    dry_run: bool = False
    mapping: str | None = None  # the name of one, or a file
    further: Mapping[str, str | Path] = field(default_factory=dict)  # files that the mapping looks up in
    fixed: Mapping[str, str] = field(default_factory=dict)  # values for rows that have none
    form: str | None = None  # of the file, whatever its extension says

    def fitting(self, table: str) -> ImportOptions:
        """Return the options for one table of several: without values for columns that it does not have."""
        names = get_table(table).names
        return replace(self, fixed={name: value for name, value in self.fixed.items() if name in names})


class _DryRunEnds(Exception):
    """Takes back what a dry run wrote; never leaves this module."""


def import_file(
    db: Database,
    table_name: str,
    source: str | Path,
    options: ImportOptions | None = None,
    *,
    stdin: BinaryIO | None = None,
    progress: Progress | None = None,
) -> FileResult:
    """Import one file of one canonical table.

    Args:
        db: the store.
        table_name: one of the canonical tables.
        source: a path, or `-` for standard input.
        options: time zone, kept query parameters, dry run, form of the file.
        stdin: what `-` reads.
        progress: called as the work goes on.

    Returns:
        Counts of what became of the rows; `rejected` rows are in the store and in `rejected_file`.

    Raises:
        UnknownNameError: no such table.
        InputError: the file cannot be read as that table; nothing was loaded.
        StoreError: the store cannot be written; nothing was loaded.
    """
    options = options or ImportOptions()
    content = _read(db, table_name, source, options, stdin, progress)
    result = content.result
    if progress is not None:
        progress("writing", 0, None)
    try:
        with db.write() as connection:
            batch_id, bad = _write(connection, content)
            if options.dry_run:
                raise _DryRunEnds
    except _DryRunEnds:
        pass
    else:
        _tell_rejected(db, batch_id, result, bad)
    result.warnings += _reasons(bad)
    return result


@dataclass(frozen=True)
class Part:
    """Rows of one canonical table that came in one page, as JSON Lines."""

    table: str
    content: bytes
    options: ImportOptions


def import_page(
    db: Database, name: str, parts: Sequence[Part], within: Callable[[Connection], None]
) -> list[FileResult]:
    """Import what came in one page, of one table or of several, in one transaction.

    Args:
        db: the store.
        name: of the page, as files have names: no two pages may have the same.
        parts: its rows by table.
        within: writes what belongs to the page, in the same transaction; what it raises takes all back.

    Returns:
        What became of the rows of each part.

    Raises:
        InputError: a part cannot be read as its table; nothing was loaded.
        StoreError: the store cannot be written; nothing was loaded.
    """
    contents = [_read(db, part.table, name, part.options, None, None, part.content) for part in parts]
    with db.write() as connection:
        written = [_write(connection, content) for content in contents]
        within(connection)
    for content, (batch_id, bad) in zip(contents, written, strict=True):
        _tell_rejected(db, batch_id, content.result, bad)
    return [content.result for content in contents]


def _tell_rejected(db: Database, batch_id: int, result: FileResult, bad: Sequence[Rejection]) -> None:
    """Write the rows that did not load beside the store, for people."""
    if not bad:
        return
    folder = (db.path.parent if db.path is not None else Path.cwd()) / "rejected"
    try:
        result.rejected_file = rejects.write_file(folder, batch_id, result.table, result.file, bad)
    except OSError as error:  # the rows are in the store all the same
        result.warnings.append(
            f"the rejected rows could not be written to {folder} ({error.strerror}); see `attribution doctor`"
        )


@dataclass
class _Content:
    """One file, read and checked."""

    result: FileResult  # its counts are complete once the rows are written
    touches: TouchLoader | PageViewLoader | None  # touches are reduced as they are read
    chunks: list[Parsed]  # the rows of any other table
    rejected: list[Rejection]


def _read(
    db: Database,
    table_name: str,
    source: str | Path,
    options: ImportOptions,
    stdin: BinaryIO | None,
    progress: Progress | None,
    page: bytes | None = None,
) -> _Content:
    """Do all that needs no lock."""
    table = get_table(table_name)
    with db.read() as connection:
        zone = Settings(connection).require("timezone")
    parse_options = ParseOptions(options.timezone, zone, options.keep_query)
    mapped = None
    if options.mapping is None:
        _refuse_alone(options)
    else:
        mapped = Mapped.of(table_name, options)
        parse_options = replace(
            parse_options, timezone=options.timezone or mapped.timezone, fine=mapped.is_fine
        )
    file = str(source) if str(source) == "-" or page is not None else str(Path(source))
    result = FileResult(file=file, table=table_name, dry_run=options.dry_run)

    def report(done: int, total: int | None) -> None:
        if progress is not None:
            progress("reading", done, total)

    layout: Layout = table if mapped is None else mapped.layout
    reader: Iterator[files.RawBatch] = (
        files.read(source, layout, stdin=stdin, progress=report, form=options.form)
        if page is None
        else _rows_of_page(file, page, layout)
    )
    touches = _REDUCED[table_name]() if table_name in _REDUCED else None
    chunks: list[Parsed] = []
    rejected: list[Rejection] = []
    warnings: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}  # block by block the same is told of other values
    for parsed in _parse_ahead(reader, table, parse_options, mapped, file):
        result.read += parsed.columns.num_rows + len(parsed.rejected)
        rejected += parsed.rejected
        for code, message, count in parsed.warnings:
            which = (code, "" if code.startswith(_MAPPING) else message)
            first.setdefault(which, message)
            warnings[which] += count
        if touches is not None:
            touches.add(parsed)
        else:
            chunks.append(parsed)
    if mapped is None and isinstance(reader, files.Reader):  # others have many columns that nobody needs
        result.unknown_columns = list(reader.unknown_columns)
    result.warnings = [f"{first[which]} ({count} rows)" for which, count in warnings.items()]
    if mapped is not None and mapped.seen:
        result.warnings += mapped.lacking()
    return _Content(result, touches, chunks, rejected)


def _rows_of_page(name: str, page: bytes, layout: Layout) -> Iterator[files.RawBatch]:
    """Read JSON Lines that are in memory."""
    try:
        yield from files.read("-", layout, stdin=BytesIO(page), form="jsonl")
    except InputError as error:
        raise InputError(str(error).replace("standard input", name, 1)) from None


def layout_of(table_name: str, options: ImportOptions) -> Layout:
    """Return what the files of an import should look like.

    Raises:
        InputError: the table, the mapping, or a file that the mapping looks up in, cannot be used.
    """
    if options.mapping is not None:
        return Mapped.of(table_name, options).layout
    _refuse_alone(options)
    return get_table(table_name)


def options_by_table(tables: str, options: ImportOptions) -> dict[str, ImportOptions]:
    """Return how each of several tables (`leads,identities`) is read from the same files.

    Raises:
        UnknownNameError: a table that does not exist, or a value given for a column that none of them has.
    """
    named = tables_named(tables)
    if len(named) == 1:
        return {named[0]: options}
    if options.mapping is None:
        raise InputError(
            f"{tables} are several tables; a canonical file is of one: name one, or give --mapping"
        )
    for name in named:  # before a file is loaded as one of them
        get_mapping(options.mapping).section(name)
    columns = list(dict.fromkeys(column for name in named for column in get_table(name).names))
    for column in options.fixed:
        if column not in columns:
            raise UnknownNameError(f"column of {tables}", column, columns)
    return {name: options.fitting(name) for name in named}


def _refuse_alone(options: ImportOptions) -> None:
    for name, given in (("--with", options.further), ("--set", options.fixed)):
        if given:
            raise InputError(f"{name} was given without --mapping; a canonical table needs no further values")


@dataclass(frozen=True)
class Mapped:
    """The files of another system: what they look like, and how a block becomes one of the table's."""

    layout: SectionLayout
    look_ups: LookUps
    fixed: Mapping[str, str]
    seen: set[str] = field(default_factory=set)  # columns of the file, once it was read

    @classmethod
    def of(cls, table_name: str, options: ImportOptions) -> Mapped:
        """Read what an import needs before its file is read.

        Raises:
            InputError: the mapping, or a file that it looks up in, cannot be used.
        """
        system = get_mapping(options.mapping or "")
        section = system.section(table_name)
        for name in options.fixed:
            if name not in get_table(table_name).names:
                raise UnknownNameError(f"column of {table_name}", name, get_table(table_name).names)
            column = get_table(table_name).column(name)
            if column.kind == "id" and column.required:
                raise InputError(
                    f"--set {name}={options.fixed[name]} would make all rows of a file one; each needs an id "
                    "of its own, so export that column"
                )
        layout = SectionLayout(system, section, frozenset(options.fixed), frozenset(options.further))
        return cls(layout, read_look_ups(system, options.further), options.fixed)

    @property
    def timezone(self) -> str | None:
        """The zone of times without an offset, where the system has one for all."""
        zone = self.layout.section.timezone
        return None if zone == ACCOUNT_ZONE else zone

    @property
    def is_fine(self) -> bool:
        """Whether amounts may be finer than their currency."""
        return self.layout.section.table == "spend"

    def lacking(self) -> list[str]:
        """Tell of columns that somebody's own mapping takes from where the file has nothing."""
        section = self.layout.section
        return [
            f"{name} stays empty: the file has no column {' or '.join(places)}; mend the mapping or the file"
            for name, takes in section.columns.items()
            if name in section.own and name not in self.fixed and not can_fill(takes, self.seen)
            if (places := [place for take in takes for place in take.names])
        ]

    def rows(self, batch: files.RawBatch) -> Applied:
        """Map a block."""
        self.seen.update(batch.columns.column_names)
        return apply(self.layout.section, batch, self.fixed, self.look_ups)


def _parse_ahead(
    reader: Iterator[files.RawBatch], table: Table, options: ParseOptions, mapped: Mapped | None, file: str
) -> Iterator[Parsed]:
    """Parse blocks on other threads while the caller hashes: most of both runs outside Python's lock."""

    def parsed(batch: files.RawBatch) -> Parsed:
        if mapped is None:
            return parse(batch, table, options)
        try:
            applied = mapped.rows(batch)
        except InputError as error:  # what the rows say refuses the file
            raise InputError(f"{file}: {error}") from None
        found = parse(applied.batch, table, options)
        told = [(_MAPPING + one.says, one.text, one.rows) for one in applied.told]
        return replace(found, warnings=[*found.warnings, *told])

    pending: deque[Future[Parsed]] = deque()
    with ThreadPoolExecutor(_PARSERS, thread_name_prefix="parse") as pool:
        for batch in reader:
            pending.append(pool.submit(parsed, batch))
            if len(pending) > _PARSERS:  # memory holds a few blocks, not the file
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _write(connection: Connection, content: _Content) -> tuple[int, list[Rejection]]:
    """Write the rows; returns the number of the import and the rows that did not load."""
    result = content.result
    batch_id = next_id(connection, schema.batch.c.batch_id)
    which = {"batch_id": batch_id, "table_name": result.table, "file": result.file}
    # the row that others refer to comes first; what became of the rows is known at the end
    connection.execute(
        insert(schema.batch).values(**which, imported_at=clock.now_micros(), **dict.fromkeys(COUNTS, 0))
    )
    settings = Settings(connection)
    erased = Erased.of(connection, settings)
    outcome = (
        content.touches.apply(connection, settings, batch_id)
        if content.touches is not None
        else _load(connection, settings, batch_id, result.table, content.chunks, erased)
    )
    result.accepted, result.updated = outcome.count(ACCEPTED), outcome.count(UPDATED)
    result.duplicate, result.conflict = outcome.count(DUPLICATE), outcome.count(CONFLICT)
    result.rejected = len(content.rejected) + len(outcome.rejected)
    result.warnings += outcome.warnings
    _add_fingerprint(settings, outcome.fingerprint)
    connection.execute(
        update(schema.batch)
        .where(schema.batch.c.batch_id == batch_id)
        .values({name: getattr(result, name) for name in COUNTS})
    )
    bad = sorted([*content.rejected, *outcome.rejected, *outcome.conflicts], key=lambda r: r.line)
    if erased is not None:
        bad = erased.cleared(result.table, bad)
    rejects.keep(connection, batch_id, result.table, result.file, bad)
    return batch_id, bad


def _add_fingerprint(settings: Settings, more: int) -> None:
    """Keep one number that says which content the store was given; runs record it."""
    if more:
        before = int(settings.internal(FINGERPRINT) or 0)
        settings.put_raw(FINGERPRINT, str((before + more + 2**63) % 2**64 - 2**63))


def _reasons(bad: Sequence[Rejection]) -> list[str]:
    """Tell the first row of each fault."""
    first: dict[str, Rejection] = {}
    for row in bad:
        first.setdefault(row.code, row)
    counts = Counter(row.code for row in bad)
    return [
        f"{row.code} ({counts[row.code]} rows), first in line {row.line}: {row.message}"
        for row in first.values()
    ]


def _load(
    connection: Connection, settings: Settings, batch_id: int, table_name: str, chunks: Sequence[Parsed],
    erased: Erased | None,
) -> Outcome:  # fmt: skip
    filled = [chunk for chunk in chunks if chunk.columns.num_rows]
    if not filled:
        return Outcome(np.empty(0, np.int8))
    whole = Parsed(
        columns=pa.concat_tables([c.columns for c in filled], promote_options="permissive").combine_chunks(),
        lines=np.concatenate([c.lines for c in filled]),
        rejected=[],
        warnings=[],
    )
    load = _LOADERS[table_name]
    if erased is None:
        return load(connection, settings, batch_id, whole)
    rest, says = erased.without(table_name, whole)
    # what is nobody's any more says nothing that is not known
    status = np.full(len(says), DUPLICATE, np.int8)
    if not says.any():
        return Outcome(status)
    outcome = load(connection, settings, batch_id, rest)
    status[says] = outcome.status
    return replace(outcome, status=status)
