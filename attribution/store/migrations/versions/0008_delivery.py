"""What destinations were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("delivery_id", BIG, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column("conversion_id", BIG, nullable=False),
        sa.Column("touch", BIG, nullable=True),
        sa.Column("split", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("value_minor", BIG, nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("share_millionths", BIG, nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", BIG, nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("queued_at", BIG, nullable=False),
        sa.Column("sent_at", BIG, nullable=True),
        sa.Column("settled_at", BIG, nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "destination",
            "account",
            "action",
            "transaction_id",
            "revision",
            name=op.f("uq_delivery_destination_account_action_transaction_id_revision"),
        ),
    )
    op.create_index("ix_delivery_due", "delivery", ["destination", "state", "due_at"])
    op.create_index("ix_delivery_conversion", "delivery", ["conversion_id"])


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
