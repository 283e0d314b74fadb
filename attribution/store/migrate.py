"""Make a store's tables: a new store's as they are declared, an older one's by the migrations of the package.

Tests hold what the two make against each other, to the letter.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert

from attribution.errors import NewerStoreError
from attribution.store.schema import REVISION, metadata


def make_tables(connection: Connection) -> None:
    """Make the tables of a new store, in the caller's transaction: many times faster than migrations do."""
    metadata.create_all(connection)
    version = Table(  # as Alembic makes it
        "alembic_version",
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    version.create(connection)
    connection.execute(insert(version).values(version_num=REVISION))


def upgrade(connection: Connection, label: str) -> None:
    """Bring a store's tables to this version's, inside the caller's transaction.

    Raises:
        NewerStoreError: the store's revision is not among those of this version.
    """
    # imported here: a store that is up to date (the usual case) never pays for Alembic
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise NewerStoreError(
            f"{label} was made by another version of this package ({error}); "
            "upgrade with: pip install --upgrade closed-loop-attribution"
        ) from error
