"""Write the migration from the last revision to what `attribution.store.schema` declares.

    python tools/new_migration.py "what changed"

Then read it, amend it (renames, data), set REVISION in the schema, and run tests/test_migrations.py.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from attribution.store import migrate
from attribution.store.schema import metadata

FOLDER = Path(migrate.__file__).parent / "migrations"
BIG = "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')"


def render(connection_url: str = "sqlite://") -> str:
    """Return the statements that bring a migrated store to the schema as declared."""
    with create_engine(connection_url).begin() as connection:
        migrate.upgrade(connection, connection_url)
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        found = produce_migrations(context, metadata).upgrade_ops
        assert found is not None
        code = render_python_code(found, render_as_batch=True, migration_context=context)
    return re.sub(r"^ *#.*\n?", "", code, flags=re.MULTILINE).replace(BIG, "BIG").strip()


def main(what: str) -> None:
    """Write the next numbered file."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    last = ScriptDirectory.from_config(config).get_current_head() or "0000"
    number = f"{int(last) + 1:04d}"
    path = FOLDER / "versions" / f"{number}_{re.sub(r'[^a-z0-9]+', '_', what.lower()).strip('_')}.py"
    down = None if last == "0000" else last
    path.write_text(
        f'"""{what}."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {number!r}\ndown_revision = {down!r}\nbranch_labels = None\ndepends_on = None\n\n"
        f"# SQLite gives an INTEGER PRIMARY KEY to the row itself\nBIG = {BIG}\n\n\n"
        f"def upgrade() -> None:\n    {render()}\n\n\n"
        "def downgrade() -> None:\n"
        '    raise NotImplementedError("a store is never taken back to an older version")\n',
        encoding="utf-8",
    )
    print(f"{path}: read it, then set REVISION = {number!r} in attribution/store/schema.py")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "What changed")
