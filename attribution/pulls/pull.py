"""The loop of a pull: page after page, each stored in one transaction together with how far it came.

So whatever stops a pull, a kill, a cut connection, a full disk: the next one goes on from the last page that
is stored. Records that changed while it ran, and figures that platforms correct, are asked for again, from a
while before the cursor on; what is the same then is counted as a duplicate and changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

from sqlalchemy import Connection

from attribution import clock
from attribution.errors import (
    AttributionEngineError,
    InputError,
    PullAccessError,
    PullError,
    StoreError,
    UnknownNameError,
)
from attribution.loading.importer import ImportOptions, Part, import_page
from attribution.loading.result import COUNTS, FileResult
from attribution.pulls.credentials import load_credentials
from attribution.pulls.cursors import Cursor, Key, OvertakenError, advance, read_cursor
from attribution.pulls.http import Waits
from attribution.pulls.mended import Earlier, page_name
from attribution.pulls.registry import get_source
from attribution.pulls.source import Account, Page, Record, Source, Stream, instant
from attribution.store.database import Database
from attribution.store.settings import Settings

# records become findable a little after they changed, and clocks differ
OVERLAP: Final = timedelta(minutes=10)
RESTATED: Final = 7  # days that platforms still correct
FIRST: Final = 90  # days of figures, where nothing else was asked for

_ROWS: Final = re.compile(r"(.*) \((\d+) rows\)", re.DOTALL)

Progress = Callable[[str, int, int | None], None]
T = TypeVar("T")
State = Literal["done", "failed", "overtaken"]


@dataclass
class StreamResult:
    """What became of one stream of one account."""

    source: str
    account: str
    stream: str
    start: str | None  # instant or day that was asked from; None: everything
    upto: str | None = None  # how far it came, this time or before
    pages: int = 0
    records: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    state: State = "done"
    notes: list[str] = field(default_factory=list)
    error: AttributionEngineError | None = None


def pull(
    db: Database,
    source_name: str,
    *,
    since: str | None = None,
    only: Sequence[str] = (),
    progress: Progress | None = None,
    waits: Waits | None = None,
) -> list[StreamResult]:
    """Pull what changed since the last time.

    Args:
        db: the store.
        source_name: a name of `attribution pull --list`.
        since: a day, YYYY-MM-DD: pull from there, where that is before what would be pulled anyway.
        only: names of streams; all of them by default.
        progress: called with what is pulled and how many records there were.
        waits: how to wait between requests.

    Returns:
        A result for each account and stream, in the order in which they were pulled.

    Raises:
        UnknownNameError: no such source or stream.
        InputError: credentials are missing, or `since` is no day.
        PullAccessError: the credentials are not accepted.
        PullError: the platform does not say what there is to pull from.
    """
    kind = get_source(source_name)
    streams = _chosen(kind, only)
    day = _day(since)
    waits = waits or Waits()
    if progress is not None:
        tell = progress
        waits.tell = lambda words: tell(words, 0, None)
    credentials = load_credentials(source_name, kind.needs)
    results: list[StreamResult] = []
    with closing(kind(credentials, waits)) as source:
        for account in _as_told(source.label, source.accounts()):
            for stream in streams:
                result = _Run(db, source, account, stream, day, progress).run()
                results.append(result)
                if isinstance(result.error, PullAccessError):  # the others would meet the same
                    if not any(one.pages for one in results):
                        raise result.error
                    return results
    return results


def require(source_name: str, *, since: str | None = None, only: Sequence[str] = ()) -> None:
    """Raise what :func:`pull` would raise before its first request."""
    kind = get_source(source_name)
    _chosen(kind, only)
    _day(since)
    load_credentials(source_name, kind.needs)


def _chosen(kind: type[Source], only: Sequence[str]) -> list[Stream]:
    names = [stream.name for stream in kind.streams]
    for name in only:
        if name not in names:
            raise UnknownNameError(f"stream of {kind.name}", name, names)
    return [stream for stream in kind.streams if not only or stream.name in only]


def _day(since: str | None) -> date | None:
    if since is None:
        return None
    try:
        day = date.fromisoformat(since.strip())
    except ValueError:
        raise InputError(f"--since {since!r} is no day; allowed is YYYY-MM-DD, such as 2026-01-31") from None
    if day > clock.now().date():
        raise InputError(f"--since {since} is in the future; give a day that has been")
    return day


class _Run:
    """One stream of one account."""

    def __init__(
        self, db: Database, source: Source, account: Account, stream: Stream, since: date | None,
        progress: Progress | None,
    ) -> None:  # fmt: skip
        self.db, self.source, self.account, self.stream = db, source, account, stream
        self.key = Key(source.name, account.id, stream.name)
        self.progress = progress
        self.told: dict[str, int] = {}  # what was told of rows, with how many of them
        self.bad_rows, self.bad_files = 0, list[Path]()
        self.earlier = Earlier(db, self.key)
        with db.read() as connection:
            self.before = read_cursor(connection, self.key)
            zone = Settings(connection).require("timezone")
        self.start, self.end = _period(stream, self.before, since, zone)
        self.result = StreamResult(source.name, account.id, stream.name, self.start, self.before.upto)

    def run(self) -> StreamResult:
        """Pull and store page after page; one stream that fails leaves the others alone."""
        result = self.result
        if self.stream.by == "day" and self.before.pages == 0:
            result.notes.append(
                f"pulled for the first time: figures from {self.start} on; --since DATE reaches further back"
            )
        try:
            pages = self.source.pages(self.stream.name, self.account, self.start, self.end)
            for page in _as_told(self.source.label, pages):
                self._store(page)
        except OvertakenError:
            result.state = "overtaken"
            result.notes.append(
                "another pull went on from here in the meantime, and what it stored is kept; this one stopped"
            )
        except StoreError:
            raise  # the other streams would meet the same
        except AttributionEngineError as error:
            result.state, result.error = "failed", error
            result.notes.append(str(error))
        result.notes += self._notes()
        return result

    def _store(self, page: Page) -> None:
        name = page_name(self.key, self.before.pages + 1)
        options = ImportOptions(mapping=self.source.name, fixed=dict(self.account.fixed))
        parts = [
            Part(table, _lines(records), options.fitting(table))
            for table, records in page.rows.items()
            if records
        ]
        after: list[Cursor] = []

        def within(connection: Connection) -> None:
            self.earlier.give_way(connection, page.rows)
            after.append(
                advance(
                    connection,
                    self.key,
                    self.before,
                    cursor=page.cursor,
                    since=self.start,
                    records=page.records,
                )
            )

        for result in import_page(self.db, name, parts, within):
            self._count(result)
        (self.before,) = after
        self.result.notes += [note for note in page.notes if note not in self.result.notes]
        self.result.upto = self.before.upto
        self.result.pages += 1
        self.result.records += page.records
        if self.progress is not None:
            done = self.result.records
            self.progress(f"{self.source.label}: {self.stream.name}, {done:,} records", done, None)

    def _count(self, result: FileResult) -> None:
        for name in COUNTS:
            self.result.counts[name] += getattr(result, name)
        for text in result.warnings:
            if "--with " in text:
                continue  # names that the platform's own lists do not have: there is no file to give
            says, rows = _parted(f"{result.table}: {text}")
            self.told[says] = self.told.get(says, 0) + rows
        if result.rejected_file is not None:
            self.bad_rows += result.rejected + result.conflict
            self.bad_files.append(result.rejected_file)

    def _notes(self) -> list[str]:
        """Tell what was told of the rows once for all pages."""
        notes = [f"{says} ({rows} rows)" if rows else says for says, rows in self.told.items()]
        if self.bad_files:
            more = f" and {len(self.bad_files) - 1} more there" if len(self.bad_files) > 1 else ""
            notes.append(
                f"{self.bad_rows} {'row' if self.bad_rows == 1 else 'rows'} did not load; "
                f"each with its reason is in {self.bad_files[0]}{more}"
            )
        return notes


def _as_told(label: str, found: Iterable[T]) -> Iterator[T]:
    """Pass on what a client finds; an answer that is not what its documentation says is told as such."""
    try:
        yield from found
    except AttributionEngineError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise PullError(
            f"{label} answers as this version does not expect ({type(error).__name__}: {str(error)[:80]}); "
            "what was pulled is kept: look for a newer version, or report it"
        ) from error


def _parted(text: str) -> tuple[str, int]:
    """Part a notice from the number of rows at its end.

    >>> _parted("left out: a total (3 rows)"), _parted("as it is")
    (('left out: a total', 3), ('as it is', 0))
    """
    found = _ROWS.fullmatch(text)
    return (text, 0) if found is None else (found[1], int(found[2]))


def _period(stream: Stream, before: Cursor, since: date | None, zone: str) -> tuple[str | None, str]:
    """Return from where to where to pull: from before the cursor on, and further back where that is asked."""
    now = clock.now()
    asked = since.isoformat() if since is not None else None
    if stream.by == "day":
        last = now.date() - timedelta(days=1)  # which has begun everywhere, and is over in most places
        if before.upto is not None:
            usual = (date.fromisoformat(before.upto) - timedelta(days=RESTATED - 1)).isoformat()
            return min(usual, asked or usual), last.isoformat()
        return asked or (last - timedelta(days=FIRST - 1)).isoformat(), last.isoformat()
    end = instant(now.isoformat())
    if since is not None:
        asked = instant(clock.iso(clock.day_bounds(since, zone)[0]))
    if before.upto is None:
        # what was asked for the first time still counts, where nothing came of it
        return asked, end
    usual = instant((datetime.fromisoformat(before.upto) - OVERLAP).isoformat())
    return min(usual, asked or usual), end


def _lines(records: Sequence[Record]) -> bytes:
    """Write records as JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=True) + "\n" for record in records).encode()
