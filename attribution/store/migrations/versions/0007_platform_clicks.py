"""Clicks that platforms logged are found by their click ids."""

from __future__ import annotations

import sqlalchemy as sa
import xxhash
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
AT_ONCE = 10_000


def upgrade() -> None:
    made = op.create_table(
        "platform_click",
        sa.Column("n", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_platform_click")),
    )
    logged = op.get_bind().execute(
        sa.text(
            "SELECT touch.n, touch.click_id FROM touch JOIN origin ON origin.origin_id = touch.origin_id "
            "WHERE origin.kind IN ('click', 'impression') AND touch.click_id IS NOT NULL ORDER BY touch.n"
        )
    )
    rows = [{"n": n, "hash": _hash(click)} for n, click in logged]
    for start in range(0, len(rows), AT_ONCE):
        op.bulk_insert(made, rows[start : start + AT_ONCE])
    op.create_index(op.f("ix_platform_click_hash"), "platform_click", ["hash"])


def _hash(click: str) -> int:
    small = "".join(one.lower() if one.isascii() else one for one in click)
    number = xxhash.xxh3_64_intdigest(small.encode())
    return number - 2**64 if number >= 2**63 else number


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
