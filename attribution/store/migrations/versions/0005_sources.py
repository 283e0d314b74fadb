"""Page views and flags, contacts of deals, names of what platforms number, and how far pulls came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("crawler", sa.SmallInteger(), nullable=True))

    op.create_table(
        "page_view",
        sa.Column("visitor", BIG, autoincrement=False, nullable=False),
        sa.Column("at", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("origin_id", BIG, nullable=False),
        sa.Column("page_id", BIG, nullable=True),
        sa.Column("agent_id", BIG, nullable=True),
        sa.Column("session", BIG, nullable=True),
        sa.Column("click_id", sa.Text(), nullable=True),
        sa.Column("engaged_seconds", BIG, nullable=True),
        sa.Column("consent", sa.SmallInteger(), nullable=False),
        sa.Column("prefetch", sa.SmallInteger(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("visitor", "at", "hash", name=op.f("pk_page_view")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session_origin",
        sa.Column("origin_id", BIG, autoincrement=False, nullable=False),
        sa.Column("placement_id", BIG, nullable=False),
        sa.Column("arrival", sa.SmallInteger(), nullable=False),
        sa.Column("spam", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin_id", name=op.f("pk_session_origin")),
    )
    op.create_table(
        "touch_flag",
        sa.Column("n", BIG, autoincrement=False, nullable=False),
        sa.Column("visitor", BIG, nullable=True),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_touch_flag")),
    )
    with op.batch_alter_table("touch_flag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_touch_flag_visitor"), ["visitor"], unique=False)

    op.create_table(
        "contact_of_deal",
        sa.Column("contact_of_deal_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("identifier_id", BIG, nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("is_primary", sa.SmallInteger(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("contact_of_deal_id", name=op.f("pk_contact_of_deal")),
        sa.UniqueConstraint("key", name=op.f("uq_contact_of_deal_key")),
    )
    with op.batch_alter_table("contact_of_deal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_of_deal_deal_key"), ["deal_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_contact_of_deal_identifier_id"), ["identifier_id"], unique=False)

    with op.batch_alter_table("deal_contact", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_primary", sa.SmallInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.alter_column("lead", existing_type=BIG, new_column_name="holder")
    if op.get_context().dialect.name == "postgresql":  # from 18 on, what may not be null has a name
        op.execute(
            "DO $$ BEGIN "
            "IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'meeting'::regclass "
            "AND conname = 'meeting_lead_not_null') THEN "
            "ALTER TABLE meeting RENAME CONSTRAINT meeting_lead_not_null TO meeting_holder_not_null; "
            "END IF; END $$"
        )

    op.create_table(
        "platform_name",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("reported", sa.SmallInteger(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("by_user", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", "platform", name=op.f("pk_platform_name")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spend_name",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("reported", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_spend_name")),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
