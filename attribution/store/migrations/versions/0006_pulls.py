"""How far pulls came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pull_cursor",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("since", sa.Text(), nullable=True),
        sa.Column("pages", BIG, nullable=False),
        sa.Column("records", BIG, nullable=False),
        sa.Column("pulled_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("source", "account", "stream", name=op.f("pk_pull_cursor")),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
