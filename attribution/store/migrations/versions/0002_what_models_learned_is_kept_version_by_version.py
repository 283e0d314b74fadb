"""What models learned is kept, version by version."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "model_fit",
        sa.Column("fit_id", BIG, nullable=False),
        sa.Column("credit_set_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fitted_at", BIG, nullable=False),
        sa.Column("as_of", BIG, nullable=False),
        sa.Column("fingerprint", BIG, nullable=False),
        sa.Column("learned", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credit_set_id"], ["credit_set.credit_set_id"], name=op.f("fk_model_fit_credit_set_id")
        ),
        sa.PrimaryKeyConstraint("fit_id", name=op.f("pk_model_fit")),
        sa.UniqueConstraint("credit_set_id", "number", name=op.f("uq_model_fit_credit_set_id_number")),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
