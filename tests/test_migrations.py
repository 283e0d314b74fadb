"""Migrations make what the schema declares, are frozen once they are out, and travel with the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from attribution.engine import Store
from attribution.errors import StoreError
from attribution.store import migrate, schema
from attribution.store.schema import metadata

FOLDER = Path(migrate.__file__).parent / "migrations"
VERSIONS = sorted(path for path in (FOLDER / "versions").glob("*.py") if path.name != "__init__.py")

SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'"
POSTGRESQL = [
    """SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
]


def test_a_migrated_store_is_what_the_schema_declares(store: Store) -> None:
    """Alembic finds nothing to add; if it does: python tools/new_migration.py "what changed"."""
    with store.db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_migrated_store_is_the_same_to_the_letter(make_url: Callable[[], str]) -> None:
    """Keys, row ids, defaults, indexes and constraints too, which Alembic does not compare."""
    migrated, declared = make_url(), make_url()
    Store.open(migrated).close()
    engine = create_engine(declared)
    if engine.dialect.name == "postgresql":  # the fixture hands out stores
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    metadata.create_all(engine)
    engine.dispose()
    assert described(migrated) == described(declared)


def described(url: str) -> list[tuple[Any, ...]]:
    """Read the catalogue of a database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        queries = [SQLITE] if engine.dialect.name == "sqlite" else POSTGRESQL
        found = [tuple(row) for query in queries for row in connection.execute(text(query))]
    engine.dispose()
    kept = [row for row in found if not any(str(value).startswith("alembic_version") for value in row)]
    return sorted((tuple(map(_in_order, row)) for row in kept), key=repr)


def _in_order(value: Any) -> Any:
    """Sort the lines of a statement: the order of constraints in it means nothing.

    A column that was added later stands on the line of the one before it.
    """
    if not isinstance(value, str):
        return value
    return sorted(re.split(r",?\s*\n\s*|, (?=\w+ (?:INTEGER|SMALLINT|TEXT)\b)", value))


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
