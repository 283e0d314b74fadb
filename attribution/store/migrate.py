"""Apply the migrations that travel inside the package."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from attribution.errors import NewerStoreError


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
