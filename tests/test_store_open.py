"""Opening a store: made where there is none, the same on both databases, one writer and many readers."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from dumps import dump, rows
from sqlalchemy import insert, select, text

from attribution.engine import Store
from attribution.errors import StoreBusyError, StoreError
from attribution.store import database, schema
from attribution.store.database import Database

Csv = Callable[[str, str], Path]


def test_a_store_is_made_where_there_is_none(make_url: Callable[[], str]) -> None:
    """And opened again as it is: empty, at this version's revision."""
    url = make_url()
    for _ in range(2):
        with Store.open(url) as store:
            assert all(not found for found in dump(store).values())
            with store.db.read() as connection:
                found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
            assert found == [schema.REVISION]


def test_a_missing_store_is_not_made_unasked(tmp_path: Path) -> None:
    """A report on a misspelt name must not leave an empty store behind."""
    path = tmp_path / "typo.db"
    with pytest.raises(StoreError, match=r"there is no store at sqlite:///.*typo\.db; make one with"):
        Store.open(f"sqlite:///{path}", create=False)
    path.touch()  # an empty file is no store either
    with pytest.raises(StoreError, match="there is no store at"):
        Store.open(f"sqlite:///{path}", create=False)
    assert path.stat().st_size == 0


def test_sqlite_runs_with_a_log_and_with_foreign_keys(sqlite_store: Store) -> None:
    """WAL lets readers read while the writer writes; foreign keys are off in SQLite unless asked for."""
    with sqlite_store.db.read() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1  # NORMAL


def test_a_store_in_memory(csv: Csv) -> None:
    """It works like any other, and has no file."""
    with Store.open("sqlite://") as store:
        store.import_table("deals", csv("deals", "deal_id,status\nD1,open"))
        assert rows(store, "deal", "key") == [("D1",)]
        assert store.db.path is None


def test_many_open_a_new_store_at_once(make_url: Callable[[], str]) -> None:
    """One makes the tables, the others wait and find them."""
    url = make_url()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            Store.open(url).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with Store.open(url, create=False) as store:
        assert all(not found for found in dump(store).values())


def test_two_writers_wait_for_each_other(store_url: str, tmp_path: Path) -> None:
    """Four threads import ten files each into one store: all succeed, and every row is there once."""
    Store.open(store_url).close()
    failed: list[BaseException] = []

    def work(who: int) -> None:
        try:
            with Store.open(store_url) as store:
                for i in range(10):
                    file = tmp_path / f"{who}-{i}.csv"
                    lines = [f"t{who}-{i}-{k},v{k},2024-05-03" for k in range(5)]
                    file.write_text("touch_id,visitor_id,at\n" + "\n".join(lines))
                    assert store.import_table("touches", file).totals["accepted"] == 5
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with Store.open(store_url) as store:
        assert sorted(n for (n,) in rows(store, "touch", "n")) == list(range(1, 201))
        assert len(rows(store, "identifier", "value")) == 5
        assert sorted(n for (n,) in rows(store, "batch", "batch_id")) == list(range(1, 41))


def test_a_reader_sees_one_state_while_another_writes(store_url: str) -> None:
    """From its first statement to its last, whatever is committed in between."""
    statement = select(schema.setting.c.value)
    with Database.open(store_url) as mine, Database.open(store_url) as theirs:
        with mine.read() as reader:
            assert reader.execute(statement).all() == []
            with theirs.write() as writer:
                writer.execute(insert(schema.setting).values(name="timezone", value="UTC"))
                assert reader.execute(statement).all() == []
            assert reader.execute(statement).all() == []
        with mine.read() as reader:
            assert reader.execute(statement).scalars().all() == ["UTC"]


def test_a_writer_that_waits_too_long_is_told(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence instead of `database is locked`."""
    Database.open(store_url).close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.2 if store_url.startswith("sqlite") else 1)
    with Database.open(store_url) as mine, Database.open(store_url) as theirs:
        waits = pytest.raises(StoreBusyError, match="is being written to by another process; try again")
        with theirs.write(), waits, mine.write():
            raise AssertionError("two writers at once")
        with mine.write() as connection:  # and afterwards it goes on
            connection.execute(insert(schema.setting).values(name="timezone", value="UTC"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_failed_write_leaves_nothing(store_url: str, error: type[BaseException]) -> None:
    """The transaction is taken back as a whole, an interrupt included."""
    with Store.open(store_url) as store:
        with pytest.raises(error), store.db.write() as connection:  # noqa: PT012 - the block is what fails
            connection.execute(insert(schema.setting).values(name="timezone", value="UTC"))
            raise error
        assert dump(store)["setting"] == []
        store.config_set("timezone", "UTC")  # and nothing is locked


def test_every_spelling_of_a_postgresql_url_opens_the_store(make_postgres_url: Callable[[], str]) -> None:
    """With the driver's name, without, and as hosting services write it."""
    url = make_postgres_url()
    rest = url.partition("://")[2]
    for scheme in ("postgresql+psycopg", "postgresql", "postgres"):
        with Store.open(f"{scheme}://{rest}", create=False) as store:
            assert store.db.dialect == "postgresql"
            assert store.db.label.startswith("postgresql+psycopg://")


SECRET = "hunter2"  # a test's, not a person's


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://sam:{SECRET}@127.0.0.1:1/shop",
        f"postgresql://sam@127.0.0.1:1/shop?password={SECRET}",
    ],
)
def test_a_server_that_does_not_answer(url: str) -> None:
    """One sentence that names the server and never the password."""
    with pytest.raises(StoreError, match="cannot reach postgresql") as error:
        Store.open(url)
    assert SECRET not in str(error.value)
    assert "sam" in str(error.value)
    assert "check that the server runs" in str(error.value)


@pytest.mark.parametrize(
    "url", [f"mysql://sam:{SECRET}@host/shop", f"postgresql://sam:{SECRET}@host:port/shop", "shop.db", ""]
)
def test_what_is_no_store_url(url: str) -> None:
    """The allowed spellings are told; a password is not."""
    with pytest.raises(StoreError, match=r"is not a store URL; allowed are sqlite:///FILE\.db and") as error:
        Store.open(url)
    assert SECRET not in str(error.value)


def test_a_password_with_an_at_sign() -> None:
    """Half of it would be taken for the host, and shown: it is asked for in the form that URLs want."""
    with pytest.raises(StoreError, match="write one in a password as %40") as error:
        Store.open(f"postgresql://sam:p@{SECRET}@127.0.0.1:1/shop")
    assert SECRET not in str(error.value)
    with pytest.raises(StoreError, match="cannot reach postgresql") as error:
        Store.open(f"postgresql://sam:p%40{SECRET}@127.0.0.1:1/shop")
    assert SECRET not in str(error.value)


def test_without_the_postgresql_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the extra to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'closed-loop-attribution\[postgres\]'"):
        Store.open("postgresql://sam@host/shop")


def test_a_store_that_may_only_be_read(sqlite_store: Store, csv: Csv) -> None:
    """It is read like any other and refuses to be written to in one sentence.

    The tests may run as root, whom permissions do not stop: SQLite's own `mode=ro` does.
    """
    sqlite_store.import_table("deals", csv("deals", "deal_id,status\nD1,open"))
    with Store.open(f"sqlite:///file:{sqlite_store.db.path}?mode=ro&uri=true", create=False) as store:
        assert store.db.path == sqlite_store.db.path
        assert rows(store, "deal", "key") == [("D1",)]
        with pytest.raises(StoreError, match="cannot be written to; check the permissions"):
            store.import_table("deals", csv("deals", "deal_id,status\nD2,open"))
    assert rows(sqlite_store, "deal", "key") == [("D1",)]


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told before SQLite says `unable to open database file`.

    The tests may run as root, who may write anywhere, so the answer of the system is simulated.
    """
    monkeypatch.setattr(database.os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(
        StoreError, match=r"cannot make sqlite:///.*new\.db: the folder .* cannot be written to"
    ):
        Store.open(f"sqlite:///{tmp_path / 'new.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_was_left_behind_is_taken_up(tmp_path: Path) -> None:
    """Copying a store together with its log loses nothing."""
    path = tmp_path / "a.db"
    with Store.open(f"sqlite:///{path}") as store:
        store.config_set("timezone", "Europe/London")
        for suffix in ("", "-wal"):
            (tmp_path / f"b.db{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    with Store.open(f"sqlite:///{tmp_path / 'b.db'}", create=False) as copy:
        assert rows(copy, "setting", "value") == [("Europe/London",)]
    with sqlite3.connect(tmp_path / "b.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()
