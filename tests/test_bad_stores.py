"""Stores that cannot be used: newer, foreign, damaged, no store at all, a full disk. Nothing is harmed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dumps import counts, dump
from sqlalchemy import create_engine, event, text

from attribution.engine import Store
from attribution.errors import NewerStoreError, StoreError
from attribution.loading import importer
from attribution.store import database
from attribution.store.database import Database

Csv = Callable[[str, str], Path]


def execute(url: str, *statements: str) -> None:
    """Change a database behind the store's back."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_a_newer_store_is_refused(make_url: Callable[[], str]) -> None:
    """It says which version made it and how to go on, and stays as it is."""
    url = make_url()
    Store.open(url).close()
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    for create in (True, False):
        with pytest.raises(NewerStoreError) as error:
            Store.open(url, create=create)
        assert "was made by a newer version (its tables are at 9999" in str(error.value)
        assert "pip install --upgrade closed-loop-attribution" in str(error.value)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE invoice (id INTEGER)"],
        [
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('ae10')",
        ],
        ["CREATE TABLE alembic_version (version_num VARCHAR(32))", "CREATE TABLE touch (id INTEGER)"],
    ],
    ids=["other tables", "migrated by the same tool", "a table of one name"],
)
def test_a_foreign_database_is_refused(
    make_url: Callable[[], str], statements: list[str], tmp_path: Path
) -> None:
    """The data of another program is not ours to add tables to; not a byte of its file changes."""
    url = make_url()
    if url.startswith("postgresql"):  # the fixture hands out stores
        execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    execute(url, *statements)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.db*")}
    with pytest.raises(
        StoreError, match="is a database, but not an attribution store: it holds other tables"
    ):
        Store.open(url)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.db*")} == before


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A CSV named as the store is left alone."""
    path = tmp_path / "touches.csv"
    content = b"touch_id,visitor_id,at\n" * 100
    path.write_bytes(content)
    with pytest.raises(
        StoreError, match=r"touches\.csv is not an attribution store, or it is damaged"
    ) as error:
        Store.open(f"sqlite:///{path}")
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_folder_named_as_the_store(tmp_path: Path) -> None:
    """The sentence says what to type instead."""
    with pytest.raises(StoreError, match=r"is a folder; name the store's file, such as .*/attribution\.db"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_store_in_a_folder_that_is_missing(tmp_path: Path) -> None:
    """Folders are the user's to make."""
    with pytest.raises(StoreError, match=r"there is no folder .*/missing; make it first"):
        Store.open(f"sqlite:///{tmp_path / 'missing' / 'store.db'}")


def test_a_damaged_store(sqlite_store: Store, csv: Csv) -> None:
    """A page of zeros inside the file becomes one sentence, not a trace."""
    lines = [f"t{i},v{i},2024-05-03" for i in range(3000)]
    sqlite_store.import_table("touches", csv("t", "touch_id,visitor_id,at\n" + "\n".join(lines)))
    path = sqlite_store.db.path
    assert path is not None
    sqlite_store.close()
    damaged = path.with_name("damaged.db")
    shutil.copy(path, damaged)
    content = bytearray(damaged.read_bytes())
    content[8 * 4096 :] = b"\x00" * (len(content) - 8 * 4096)
    damaged.write_bytes(content)
    with pytest.raises(StoreError, match="or it is damaged"), Store.open(f"sqlite:///{damaged}") as store:
        dump(store)


TOUCHES = "touch_id,visitor_id,at,url\n" + "\n".join(
    f"touch-{i},visitor-{i % 977},2024-05-{1 + i % 28:02d},https://acme.com/page-{i}?utm_source=s{i % 50}"
    for i in range(6000)
)


@pytest.mark.parametrize("pages", [1, 20, 60, 100, 140])
def test_a_full_disk_leaves_the_store_as_it_was(sqlite_store: Store, csv: Csv, pages: int) -> None:
    """SQLite is given only so many pages more and really runs out of them, early or late in the import."""
    sqlite_store.import_table("deals", csv("deals", "deal_id,status\nD1,open"))
    before = dump(sqlite_store)
    file = csv("touches", TOUCHES)
    url = f"sqlite:///{sqlite_store.db.path}"
    with Store.open(url) as store:
        limit_pages(store.db, pages)
        with pytest.raises(StoreError, match="is full; nothing was changed: free some space and repeat"):
            store.import_table("touches", file)
        assert dump(store) == before
    assert not (file.parent / "rejected").exists()
    with Store.open(url) as store:  # with room again, the same command completes it
        assert counts(store.import_table("touches", file).totals) == (6000, 6000, 0, 0, 0, 0)
    with sqlite3.connect(str(sqlite_store.db.path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    raw.close()


def limit_pages(db: Database, more: int) -> None:
    """Let the store's file grow by so many pages only."""

    def on_connect(connection: Any, _record: object) -> None:
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {used + more}")

    db.engine.dispose()  # connections in the pool were made without the limit
    event.listen(db.engine, "connect", on_connect)


def test_a_full_disk_while_a_store_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt finds no half of a store."""
    real = database._sqlite_connect

    def limited(connection: Any, record: object) -> None:
        real(connection, record)
        connection.execute("PRAGMA max_page_count = 20")

    url = f"sqlite:///{tmp_path / 'store.db'}"
    with monkeypatch.context() as patch:
        patch.setattr(database, "_sqlite_connect", limited)
        with pytest.raises(StoreError, match="is full"):
            Store.open(url)
    with pytest.raises(StoreError, match="there is no store"):
        Store.open(url, create=False)
    with Store.open(url) as store:
        assert all(not found for found in dump(store).values())


def test_an_interrupt_inside_the_transaction_changes_nothing(
    store: Store, csv: Csv, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the last row was written and before the commit: the store is as before the file."""
    store.import_table("touches", csv("a", "touch_id,visitor_id,at\nt0,v,2024-05-03"))
    before = dump(store)
    file = csv("touches", TOUCHES)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importer.rejects, "keep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.import_table("touches", file)
    assert dump(store) == before
    assert counts(store.import_table("touches", file).totals) == (6000, 6000, 0, 0, 0, 0)
