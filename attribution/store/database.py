"""Open a store, and hold its transactions: the only module that makes a connection.

SQLite runs in WAL mode with foreign keys on. A writer begins IMMEDIATE: a deferred transaction that
reads and then writes is refused at once when another process wrote in between, whatever the time-out.
PostgreSQL serialises writers by an advisory lock, so both databases have one writer at a time and the
same code is right on both.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from attribution.errors import NewerStoreError, StoreBusyError, StoreError
from attribution.store.migrate import make_tables, upgrade
from attribution.store.schema import REVISION

DIALECTS: Final = ("sqlite", "postgresql")
BUSY_TIMEOUT_SECONDS: Final = 120  # longer than the longest write transaction on a full-size import
_WRITER_LOCK: Final = 0x61747472  # "attr": PostgreSQL's advisory lock of the one writer
_MEMO: Final = "attribution_memo"
_OURS: Final = {"alembic_version", "touch", "credit_set"}  # other programs use Alembic too


class _TakenBack(Exception):
    """Ends a trial."""


T = TypeVar("T")


def remembered(connection: Connection, key: Hashable, read: Callable[[], T]) -> T:
    """Return what was read before of the same state of a store, else read it.

    Only of connections of :meth:`Database.read`: what a writer reads changes. Nobody may change what comes
    back.
    """
    memo = connection.get_execution_options().get(_MEMO)
    if memo is None:
        return read()
    if key not in memo:
        memo[key] = read()
    found: T = memo[key]
    return found


class Database:
    """One open store. Use :meth:`open`; close it, or use it as a context manager.

    >>> with Database.open("sqlite://") as db, db.read() as connection:
    ...     connection.execute(text("SELECT count(*) FROM touch")).scalar_one()
    0
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Database:
        """Open a store and bring its tables up to date.

        Args:
            url: a SQLAlchemy URL, `sqlite:///file.db` or `postgresql+psycopg://user@host/name`.
            create: make the store where there is none; otherwise that is an error.

        Raises:
            StoreError: not a URL, not a store, nothing there, or not readable or writable.
            NewerStoreError: made by a newer version of this package.
        """
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            _check_file(parsed, create)
        try:
            db = cls(_engine(parsed))
        except ImportError:
            raise StoreError(
                f"{_label(parsed)} needs the PostgreSQL driver; install it with: "
                "pip install 'closed-loop-attribution[postgres]'"
            ) from None
        try:
            db._prepare(create)
        except DBAPIError as error:
            db.close()
            raise translate(error, _label(parsed)) from error
        except BaseException:
            db.close()
            raise
        return db

    @property
    def label(self) -> str:
        """The URL without its password."""
        return _label(self.engine.url)

    @property
    def path(self) -> Path | None:
        """The file of a SQLite store; None for a server or a store in memory."""
        return _file(self.engine.url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the store from beginning to end."""
        with self._errors(), self.engine.connect() as connection:
            options: dict[str, Any] = {_MEMO: {}}
            if self.dialect == "postgresql":
                options["isolation_level"] = "REPEATABLE READ"
            connection = connection.execution_options(**options)
            with connection.begin():
                yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Yield one state of the store for several questions, which read what they share once."""
        with self.read() as connection:
            yield Snapshot(self.engine, connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the writer's connection: committed as a whole at the end, or rolled back as a whole."""
        with self._errors(), self.engine.connect() as connection:
            connection = connection.execution_options(attribution_writer=True)
            with connection.begin():
                if self.dialect == "postgresql":
                    connection.execute(
                        text(
                            f"SELECT set_config('lock_timeout', '{BUSY_TIMEOUT_SECONDS}s', true), "
                            f"pg_advisory_xact_lock({_WRITER_LOCK})"
                        )
                    )
                yield connection

    @contextmanager
    def trial(self) -> Iterator[Connection]:
        """Yield the writer's connection; whatever is written is taken back at the end."""
        with suppress(_TakenBack), self.write() as connection:
            yield connection
            raise _TakenBack

    def reclaim(self, tables: Sequence[str] = ()) -> str | None:
        """Give back the space of deleted rows, so that nothing of them is left in the store's files.

        SQLite writes its file anew, which takes as much free disk as the store has data and keeps writers
        waiting; PostgreSQL makes the space free to be used again.

        Args:
            tables: those that PostgreSQL is to write anew as well, which keeps readers waiting.

        Returns:
            None, or in a sentence why it could not be done: what was deleted stays deleted.
        """
        try:
            with self._errors():
                if self.dialect == "sqlite":
                    self._rewrite()
                else:
                    with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                        self._vacuum(connection, tables)
        except StoreError as error:
            return f"the space of what was deleted was not given back: {error}; VACUUM the store later"
        return None

    def _rewrite(self) -> None:
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA temp_store=FILE")  # the copy may be larger than memory
            try:
                cursor.execute("VACUUM")  # outside of any transaction: the driver begins none
            finally:
                cursor.execute("PRAGMA temp_store=MEMORY")
            (busy, *_) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() or (0,)
            if busy:
                raise StoreBusyError(f"{self.label} is being read by another process")
            cursor.close()
        finally:
            connection.close()

    def _vacuum(self, connection: Connection, tables: Sequence[str]) -> None:
        if not tables:
            connection.execute(text("VACUUM (ANALYZE)"))
            return
        connection.execute(text(f"SET lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'"))
        names = ", ".join(f'"{name}"' for name in tables)  # the schema's own
        connection.execute(text(f"VACUUM (FULL, ANALYZE) {names}"))
        # samples of columns are kept there; whoever may not do this is told so by a notice
        connection.execute(text("VACUUM (FULL) pg_catalog.pg_statistic"))
        connection.execute(text("RESET lock_timeout"))
        with suppress(DBAPIError):  # for superusers and whom they let; others have the server's own, later
            connection.execute(text("CHECKPOINT"))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise translate(error, self.label) from error
        except sqlite3.Error as error:  # the bulk paths speak to the driver itself
            raise translate(error, self.label) from error
        except Exception as error:
            if type(error).__module__.startswith("psycopg"):
                raise translate(error, self.label) from error
            raise

    def _prepare(self, create: bool) -> None:
        """Migrate an older store, make a new one, refuse a newer or a foreign one."""
        with self.engine.connect() as connection:
            revision, empty = _revision(connection)
        if revision is None and not empty:
            raise StoreError(
                f"{self.label} is a database, but not an attribution store: it holds other tables; "
                "name another store with --store"
            )
        if revision is None and not create:
            raise _nothing_there(self.label)
        if self.dialect == "sqlite":  # only now: the file of another program must stay as it is
            self._use_wal()
        if revision == REVISION:
            return
        with self.write() as connection:
            found, _ = _revision(connection)
            if found is None:
                make_tables(connection)
            elif found != REVISION:  # otherwise another process was first
                upgrade(connection, self.label)

    def _use_wal(self) -> None:
        """Let readers and the writer work side by side; the file remembers it."""
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection  # it cannot change within a transaction
            try:
                driver.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "readonly" not in str(error):
                    raise  # a store that may not be written to can still be read


class Snapshot(Database):
    """One state of a store: every reading sees the same, whatever is written meanwhile."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        super().__init__(engine)
        self._connection = connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield the one connection."""
        yield self._connection


def overwrite_deleted(connection: Connection) -> None:
    """Have SQLite write zeros over what is deleted from now on; PostgreSQL does that when it vacuums."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def translate(error: BaseException, label: str) -> StoreError:
    """Turn a driver's error into a sentence that says what to do."""
    words = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    low = words.lower()
    if any(sign in low for sign in ("is locked", "is busy", "lock timeout")):
        return StoreBusyError(
            f"{label} is being written to by another process; try again when it has finished"
        )
    if "not a database" in low or "malformed" in low:
        return StoreError(
            f"{label} is not an attribution store, or it is damaged ({words}); "
            "name another with --store, or restore a backup"
        )
    if "readonly" in low or "read-only" in low:
        return StoreError(f"{label} cannot be written to; check the permissions of the file and its folder")
    if "disk is full" in low or "no space left" in low:
        return StoreError(
            f"the disk that holds {label} is full; nothing was changed: free some space and repeat"
        )
    if "unable to open" in low:
        return StoreError(f"cannot open {label}; check that its folder exists and that you may write to it")
    if isinstance(error, OperationalError) and ("connect" in low or "resolve host" in low):
        return StoreError(f"cannot reach {label}; check that the server runs and accepts you ({words})")
    return StoreError(f"{label}: {words}")


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name() if parsed.drivername != "postgres" else "postgresql"
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend not in DIALECTS:
        raise StoreError(
            f"{_masked(url)!r} is not a store URL; allowed are "
            "sqlite:///FILE.db and postgresql+psycopg://USER@HOST/NAME"
        )
    if "@" in (parsed.host or ""):  # the rest of a password would be shown, and resolved, as the host
        raise StoreError(f"{_masked(url)!r} has more than one @; write one in a password as %40")
    # whatever the spelling, one driver
    return parsed.set(drivername="sqlite" if backend == "sqlite" else "postgresql+psycopg")


def _masked(url: str) -> str:
    """Hide whatever stands where a password would, in a text that may be no URL."""
    return re.sub(r"(://[^/:@]*:).*(?=@)", r"\1***", url)


def _label(url: URL) -> str:
    if "password" in url.query:
        url = url.update_query_dict({"password": "hidden"})
    return url.render_as_string(hide_password=True)


def _file(url: URL) -> Path | None:
    """Return the file of a SQLite store; None for a server or a store in memory."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name:
        return None
    if name.startswith("file:"):  # an address with options, such as file:/data/store.db?mode=ro&uri=true
        name = unquote(urlsplit(name).path)
    return None if name in ("", ":memory:") else Path(name)


def _nothing_there(label: str) -> StoreError:
    return StoreError(
        f"there is no store at {label}; make one with `attribution import` or `attribution demo`, "
        "or name another with --store"
    )


def _check_file(url: URL, create: bool) -> None:
    path = _file(url)
    if path is None:
        return
    if not path.exists():
        if not create:
            raise _nothing_there(_label(url))
        if not path.parent.is_dir():
            raise StoreError(f"cannot make {_label(url)}: there is no folder {path.parent}; make it first")
        if not os.access(path.parent, os.W_OK):
            raise StoreError(f"cannot make {_label(url)}: the folder {path.parent} cannot be written to")
    elif path.is_dir():
        raise StoreError(f"{path} is a folder; name the store's file, such as {path}/attribution.db")


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the driver must not
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-131072")  # 128 MB of pages: bulk loads touch three trees at once
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA journal_size_limit=67108864")  # a WAL that grew shrinks again to 64 MB
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    writer = connection.get_execution_options().get("attribution_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def _revision(connection: Connection) -> tuple[str | None, bool]:
    """Return the store's revision (None: it has none) and whether the database has no tables at all."""
    names = set(inspect(connection).get_table_names())
    if not names.issuperset(_OURS):
        return None, not names
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and found > REVISION:
        raise NewerStoreError(
            f"{_label(connection.engine.url)} was made by a newer version (its tables are at {found}, this "
            f"version knows {REVISION}); upgrade with: pip install --upgrade closed-loop-attribution"
        )
    return found, False
