"""People are what the rules of identity allow, and a browser is somebody's from when to when."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EVER = 2**62


def upgrade() -> None:
    op.create_table(
        "demoted_edge",
        sa.Column("edge_id", BIG, autoincrement=False, nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", name=op.f("pk_demoted_edge")),
    )
    # who is who so far, until the next run works it out anew
    op.execute("CREATE TEMPORARY TABLE membership_before AS SELECT identifier_id, person_id FROM membership")
    op.drop_table("membership")
    op.create_table(
        "membership",
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.Column("since", BIG, autoincrement=False, nullable=False),
        sa.Column("until", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("cluster_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("identifier_id", "since", name=op.f("pk_membership")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO membership (identifier_id, since, until, person_id, cluster_id) "
        f"SELECT identifier_id, {-EVER}, {EVER}, person_id, person_id FROM membership_before"
    )
    op.drop_table("membership_before")
    op.create_index(op.f("ix_membership_cluster_id"), "membership", ["cluster_id"])
    op.create_index("ix_membership_person", "membership", ["person_id", "identifier_id", "since", "until"])


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
