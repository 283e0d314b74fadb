"""Migrations make what the schema declares, are frozen once they are out, and travel with the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dumps import rows
from ledger_books import people
from sqlalchemy import Engine, create_engine, text

from attribution.engine import Store
from attribution.errors import StoreError
from attribution.identity.resolve import resolve
from attribution.store import migrate, schema
from attribution.store.identifiers import find_identifiers
from attribution.store.schema import metadata
from attribution.store.settings import Settings

FOLDER = Path(migrate.__file__).parent / "migrations"
VERSIONS = sorted(path for path in (FOLDER / "versions").glob("*.py") if path.name != "__init__.py")

SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master"
POSTGRESQL = [
    """SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
]


def emptied(url: str) -> Engine:
    """Return a database without any table: the fixture hands out stores where it can copy them."""
    engine = create_engine(url)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    return engine


def migrate_from_nothing(url: str) -> Engine:
    """Apply every migration to an empty database."""
    engine = emptied(url)
    with engine.begin() as connection:
        migrate.upgrade(connection, url)
    return engine


def test_a_migrated_store_is_what_the_schema_declares(make_url: Callable[[], str]) -> None:
    """Alembic finds nothing to add; if it does: python tools/new_migration.py "what changed"."""
    engine = migrate_from_nothing(make_url())
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_migrated_store_is_the_same_to_the_letter(make_url: Callable[[], str]) -> None:
    """Keys, row ids, defaults, indexes and constraints too, which Alembic does not compare."""
    migrated, made = make_url(), make_url()
    migrate_from_nothing(migrated).dispose()
    emptied(made).dispose()
    Store.open(made).close()  # a new store's tables are made as they are declared
    assert described(migrated) == described(made)


def described(url: str) -> list[tuple[Any, ...]]:
    """Read the catalogue of a database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        queries = [SQLITE] if engine.dialect.name == "sqlite" else POSTGRESQL
        found = [tuple(row) for query in queries for row in connection.execute(text(query))]
    engine.dispose()
    return sorted((tuple(map(_in_order, row)) for row in found), key=repr)


def _in_order(value: Any) -> Any:
    """Sort the lines of a statement: the order of constraints in it means nothing.

    A column that was added later stands on the line of the one before it, and a table that was made anew has
    its name in quotation marks.
    """
    if not isinstance(value, str):
        return value
    return sorted(re.split(r",?\s*\n\s*|, (?=\w+ (?:INTEGER|SMALLINT|TEXT)\b)", value.replace('"', "")))


def test_the_schema_names_the_last_migration() -> None:
    """One line of revisions, and its end is what a store must be at."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.REVISION]
    assert len(script.get_bases()) == 1
    numbers = sorted(revision.revision for revision in script.walk_revisions())
    assert numbers == [f"{i:04d}" for i in range(1, len(numbers) + 1)]  # they are compared as text


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_is_frozen(path: Path) -> None:
    """It imports nothing of ours: the schema of tomorrow must not change what it does."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    assert [name for name in names if name.startswith("attribution")] == []


def test_a_store_of_an_unknown_revision_is_refused(make_url: Callable[[], str]) -> None:
    """Neither ours nor newer by its number: it is not migrated from somewhere in between."""
    url = make_url()
    Store.open(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    engine.dispose()
    with pytest.raises(StoreError, match="was made by another version of this package"):
        Store.open(url)


def test_migrations_travel_in_the_wheel() -> None:
    """A store can be made from an installed package."""
    builders = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    builder = builders.WheelBuilder(str(Path(__file__).resolve().parents[1]))
    inside = {file.distribution_path for file in builder.recurse_included_files()}
    for path in [FOLDER / "env.py", *VERSIONS]:
        assert f"attribution/store/migrations/{path.relative_to(FOLDER).as_posix()}" in inside


def test_a_store_of_before_keeps_its_people(tmp_path: Path) -> None:
    """From 0003: e-mails move to their table under keyed hashes, evidence of companies to its own."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        identifiers = [
            (1, 11, 5, "L1"),
            (2, 12, 2, "ella@acme.com"),
            (3, 13, 6, "acme"),
            (4, 14, 2, "info@acme.com"),
        ]
        for row in identifiers:
            connection.execute(
                text("INSERT INTO identifier (identifier_id, hash, kind, value) VALUES (:i, :h, :k, :v)"),
                dict(zip("ihkv", row, strict=True)),
            )
        connection.execute(text("INSERT INTO evidence_source VALUES (1, 1, 'CRM lead')"))
        for edge in ((1, 101, 1, 2, 5, 1), (2, 102, 1, 3, 5, 1)):
            connection.execute(
                text(
                    "INSERT INTO edge (edge_id, hash, a, b, at, evidence_source_id) "
                    "VALUES (:e, :h, :a, :b, :t, :s)"
                ),
                dict(zip("ehabts", edge, strict=True)),
            )
        connection.execute(
            text("INSERT INTO setting VALUES ('_resolved_edge', '2'), ('_resolved_rules', 'old')")
        )
    engine.dispose()
    with Store.open(url) as store:
        with store.db.write() as connection:
            settings = Settings(connection)
            resolve(connection, settings)
            assert find_identifiers(
                connection, settings, 2, ["Ella@Acme.com", "nobody@acme.com"]
            ).tolist() == [2, 0]
        assert people(store) == {frozenset({("lead", "L1"), ("email", "ella@acme.com")})}
        assert rows(store, "affiliation", "identifier_id", "account", "hash") == [(1, 3, 102)]
        assert [row[1] for row in rows(store, "identifier", "identifier_id", "trait")] == [0, 0, 0, 1, 0]
        assert rows(store, "contact", "identifier_id", "value") == [
            (2, "ella@acme.com"),
            (4, "info@acme.com"),
        ]
