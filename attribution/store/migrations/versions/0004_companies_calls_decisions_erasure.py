"""Companies, calls, decisions and erasure; e-mails and phones in one table, their hashes keyed."""

from __future__ import annotations

import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EMAIL, PHONE, ACCOUNT = 2, 3, 6
_ROWS = 10_000


def upgrade() -> None:
    op.create_table(
        "affiliation",
        sa.Column("affiliation_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("identifier_id", BIG, nullable=False),
        sa.Column("account", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("evidence_source_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("affiliation_id", name=op.f("pk_affiliation")),
        sa.UniqueConstraint("hash", name=op.f("uq_affiliation_hash")),
    )
    with op.batch_alter_table("affiliation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_affiliation_account"), ["account"], unique=False)
        batch_op.create_index(batch_op.f("ix_affiliation_identifier_id"), ["identifier_id"], unique=False)

    op.create_table(
        "call",
        sa.Column("call_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("caller", BIG, nullable=True),
        sa.Column("visitor", BIG, nullable=True),
        sa.Column("duration_seconds", BIG, nullable=True),
        sa.Column("answered", sa.SmallInteger(), nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call")),
        sa.UniqueConstraint("key", name=op.f("uq_call_key")),
    )
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_caller"), ["caller"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_tracking_number"), ["tracking_number"], unique=False)

    op.create_table(
        "contact",
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_id", name=op.f("pk_contact")),
    )
    op.create_table(
        "decision",
        sa.Column("decision_id", BIG, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("a", BIG, nullable=False),
        sa.Column("b", BIG, nullable=True),
        sa.Column("at", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("undone_at", BIG, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.Column("undone_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision")),
    )
    op.create_table(
        "lease",
        sa.Column("lease_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("tracking_number", sa.Text(), nullable=False),
        sa.Column("visitor", BIG, nullable=False),
        sa.Column("leased_at", BIG, nullable=False),
        sa.Column("released_at", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("lease_id", name=op.f("pk_lease")),
        sa.UniqueConstraint("key", name=op.f("uq_lease_key")),
    )
    with op.batch_alter_table("lease", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lease_tracking_number"), ["tracking_number"], unique=False)
        batch_op.create_index(batch_op.f("ix_lease_visitor"), ["visitor"], unique=False)

    op.create_table(
        "passed_over",
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_passed_over")),
    )
    op.create_table(
        "refusal",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("identifier_hash", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("consent", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_refusal")),
    )
    with op.batch_alter_table("refusal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refusal_identifier_hash"), ["identifier_hash"], unique=False)

    op.create_table(
        "tombstone",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("erased_at", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tombstone")),
    )
    op.create_table(
        "touch_cost",
        sa.Column("day", BIG, autoincrement=False, nullable=False),
        sa.Column("origin_id", BIG, autoincrement=False, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cost_minor", BIG, nullable=False),
        sa.PrimaryKeyConstraint("day", "origin_id", "currency", name=op.f("pk_touch_cost")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "touch_count",
        sa.Column("day", BIG, autoincrement=False, nullable=False),
        sa.Column("origin_id", BIG, autoincrement=False, nullable=False),
        sa.Column("touches", BIG, nullable=False),
        sa.Column("visitors", BIG, nullable=False),
        sa.PrimaryKeyConstraint("day", "origin_id", name=op.f("pk_touch_count")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "touch_holder",
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("identifier_id", name=op.f("pk_touch_holder")),
    )
    op.create_table(
        "tracking_number",
        sa.Column("tracking_number_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("pool", sa.Text(), nullable=True),
        sa.Column("fallback", sa.SmallInteger(), nullable=False),
        sa.Column("origin_id", BIG, nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("tracking_number_id", name=op.f("pk_tracking_number")),
        sa.UniqueConstraint("key", name=op.f("uq_tracking_number_key")),
    )
    op.create_table(
        "unresolved",
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("identifier_id", name=op.f("pk_unresolved")),
    )
    with op.batch_alter_table("conversion", schema=None) as batch_op:
        batch_op.add_column(sa.Column("frozen", sa.SmallInteger(), nullable=True))

    with op.batch_alter_table("deal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deal_account"), ["account"], unique=False)

    with op.batch_alter_table("identifier", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trait", BIG, server_default="0", nullable=False))
        batch_op.add_column(sa.Column("company", BIG, nullable=True))
        batch_op.alter_column("value", existing_type=sa.TEXT(), nullable=True)
        batch_op.create_index(
            "ix_identifier_company",
            ["company", "identifier_id", "trait"],
            unique=False,
            sqlite_where=sa.text("company IS NOT NULL"),
            postgresql_where=sa.text("company IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_identifier_trait",
            ["trait", "identifier_id"],
            unique=False,
            sqlite_where=sa.text("trait != 0"),
            postgresql_where=sa.text("trait != 0"),
        )

    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_cluster_id"))
        batch_op.drop_column("cluster_id")

    _companies()
    _in_the_clear()
    # marks of e-mails and everybody's person are worked out at the next run
    op.execute("DELETE FROM setting WHERE name = '_resolved_rules'")


def _companies() -> None:
    """Evidence that names a company ties nobody: it has a table of its own."""
    accounts = f"(SELECT identifier_id FROM identifier WHERE kind = {ACCOUNT})"
    for person, account in (("a", "b"), ("b", "a")):
        op.execute(
            "INSERT INTO affiliation (affiliation_id, hash, identifier_id, account, at, evidence_source_id) "
            f"SELECT edge_id, hash, {person}, {account}, at, evidence_source_id FROM edge "
            f"WHERE {account} IN {accounts} AND {person} NOT IN {accounts}"
        )
    op.execute(f"DELETE FROM edge WHERE a IN {accounts} OR b IN {accounts}")
    for one, other in (("a", "b"), ("b", "a")):  # covering: who hangs together is found without the edges
        op.drop_index(op.f(f"ix_edge_{one}"), table_name="edge")
        op.create_index(
            op.f(f"ix_edge_{one}"), "edge", [one, other], unique=False, postgresql_include=["edge_id"]
        )


def _in_the_clear() -> None:
    """E-mails and phones are found by a hash under a key of the store's own."""
    connection = op.get_bind()
    chosen = f"FROM identifier WHERE kind IN ({EMAIL}, {PHONE})"
    op.execute(f"INSERT INTO contact (identifier_id, value) SELECT identifier_id, value {chosen}")
    rows = connection.execute(sa.text(f"SELECT identifier_id, kind, value {chosen}")).all()
    if not rows:
        return
    text = secrets.token_hex(32)
    key = bytes.fromhex(text)
    keep = sa.text("INSERT INTO setting (name, value) VALUES (:name, :value)")
    kept = {"_identity_key": text, "_marked_with": "nothing yet"}
    connection.execute(keep, [{"name": name, "value": value} for name, value in kept.items()])
    change = sa.text("UPDATE identifier SET hash = :hash, value = NULL WHERE identifier_id = :number")
    for start in range(0, len(rows), _ROWS):
        connection.execute(
            change,
            [
                {"number": number, "hash": _hash(key, kind, value)}
                for number, kind, value in rows[start : start + _ROWS]
            ],
        )


def _hash(key: bytes, kind: int, value: str) -> int:
    digest = hashlib.blake2b(value.encode(), digest_size=8, key=key, person=bytes([kind]))
    return int.from_bytes(digest.digest(), "little", signed=True)


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
