"""The first tables, as they were: what the schema becomes later is told by later migrations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite gives an INTEGER PRIMARY KEY to the row itself: no second tree
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "adjustment",
        sa.Column("adjustment_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("adjustment_id", name=op.f("pk_adjustment")),
        sa.UniqueConstraint("key", name=op.f("uq_adjustment_key")),
    )
    op.create_index(op.f("ix_adjustment_deal_key"), "adjustment", ["deal_key"], unique=False)
    op.create_table(
        "agent",
        sa.Column("agent_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent")),
        sa.UniqueConstraint("hash", name=op.f("uq_agent_hash")),
    )
    op.create_table(
        "batch",
        sa.Column("batch_id", BIG, nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("imported_at", BIG, nullable=False),
        sa.Column("read", BIG, nullable=False),
        sa.Column("accepted", BIG, nullable=False),
        sa.Column("updated", BIG, nullable=False),
        sa.Column("duplicate", BIG, nullable=False),
        sa.Column("conflict", BIG, nullable=False),
        sa.Column("rejected", BIG, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batch")),
    )
    op.create_table(
        "change",
        sa.Column("change_id", BIG, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("ref", BIG, nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_change")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "conversion",
        sa.Column("conversion_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("active", sa.SmallInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("value_minor", BIG, nullable=False),
        sa.Column("reporting_minor", BIG, nullable=True),
        sa.PrimaryKeyConstraint("conversion_id", name=op.f("pk_conversion")),
        sa.UniqueConstraint("kind", "object_id", name=op.f("uq_conversion_kind_object_id")),
    )
    op.create_table(
        "deal",
        sa.Column("deal_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", BIG, nullable=True),
        sa.Column("created_at_end", BIG, nullable=True),
        sa.Column("closed_at", BIG, nullable=True),
        sa.Column("amount_minor", BIG, nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("lead", BIG, nullable=True),
        sa.Column("account", BIG, nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("recurring_minor", BIG, nullable=True),
        sa.Column("recurring_interval", sa.Text(), nullable=True),
        sa.Column("recurring_from", BIG, nullable=True),
        sa.Column("recurring_until", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("deal_id", name=op.f("pk_deal")),
        sa.UniqueConstraint("key", name=op.f("uq_deal_key")),
    )
    op.create_table(
        "deal_contact",
        sa.Column("deal_id", BIG, autoincrement=False, nullable=False),
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("deal_id", "identifier_id", name=op.f("pk_deal_contact")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_deal_contact_identifier_id"), "deal_contact", ["identifier_id"], unique=False)
    op.create_table(
        "edge",
        sa.Column("edge_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("a", BIG, nullable=False),
        sa.Column("b", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("evidence_source_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("edge_id", name=op.f("pk_edge")),
        sa.UniqueConstraint("hash", name=op.f("uq_edge_hash")),
    )
    op.create_index(op.f("ix_edge_a"), "edge", ["a"], unique=False)
    op.create_index(op.f("ix_edge_b"), "edge", ["b"], unique=False)
    op.create_table(
        "email_stat",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("sent", BIG, nullable=True),
        sa.Column("delivered", BIG, nullable=True),
        sa.Column("opens", BIG, nullable=True),
        sa.Column("clicks", BIG, nullable=True),
        sa.Column("forwards", BIG, nullable=True),
        sa.Column("subscribes", BIG, nullable=True),
        sa.Column("unsubscribes", BIG, nullable=True),
        sa.Column("list_size", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_email_stat")),
    )
    op.create_table(
        "entry",
        sa.Column("credit_set_id", BIG, autoincrement=False, nullable=False),
        sa.Column("conversion_id", BIG, autoincrement=False, nullable=False),
        sa.Column("run_id", BIG, autoincrement=False, nullable=False),
        sa.Column("effective_at", BIG, autoincrement=False, nullable=False),
        sa.Column("touch", BIG, autoincrement=False, nullable=False),
        sa.Column("placement_id", BIG, autoincrement=False, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("reporting_minor", BIG, nullable=True),
        sa.Column("share_millionths", BIG, nullable=False),
        sa.Column("reason", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "credit_set_id",
            "conversion_id",
            "run_id",
            "effective_at",
            "touch",
            "placement_id",
            name=op.f("pk_entry"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "evidence_source",
        sa.Column("evidence_source_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("evidence_source_id", name=op.f("pk_evidence_source")),
        sa.UniqueConstraint("hash", name=op.f("uq_evidence_source_hash")),
    )
    op.create_table(
        "identifier",
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_id", name=op.f("pk_identifier")),
        sa.UniqueConstraint("hash", name=op.f("uq_identifier_hash")),
    )
    op.create_table(
        "journey_set",
        sa.Column("journey_set_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lookback", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("journey_set_id", name=op.f("pk_journey_set")),
        sa.UniqueConstraint(
            "kind", "lookback", "scope", "kinds", name=op.f("uq_journey_set_kind_lookback_scope_kinds")
        ),
    )
    op.create_table(
        "journey_touch",
        sa.Column("journey_set_id", BIG, autoincrement=False, nullable=False),
        sa.Column("conversion_id", BIG, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("touch", BIG, nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("placement_id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("journey_set_id", "conversion_id", "position", name=op.f("pk_journey_touch")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lead",
        sa.Column("lead_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("identifier_id", BIG, nullable=False),
        sa.Column("created_at", BIG, nullable=False),
        sa.Column("created_at_end", BIG, nullable=False),
        sa.Column("visitor", BIG, nullable=True),
        sa.Column("email", BIG, nullable=True),
        sa.Column("phone", BIG, nullable=True),
        sa.Column("account", BIG, nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("mql_at", BIG, nullable=True),
        sa.Column("sqo_at", BIG, nullable=True),
        sa.Column("disqualified_at", BIG, nullable=True),
        sa.Column("requested_at", BIG, nullable=True),
        sa.Column("responded_at", BIG, nullable=True),
        sa.Column("response_outcome", sa.Text(), nullable=True),
        sa.Column("consent", sa.SmallInteger(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead")),
        sa.UniqueConstraint("key", name=op.f("uq_lead_key")),
    )
    op.create_index(op.f("ix_lead_identifier_id"), "lead", ["identifier_id"], unique=False)
    op.create_table(
        "meeting",
        sa.Column("meeting_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("lead", BIG, nullable=False),
        sa.Column("booked_at", BIG, nullable=False),
        sa.Column("held_at", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("meeting_id", name=op.f("pk_meeting")),
        sa.UniqueConstraint("key", name=op.f("uq_meeting_key")),
    )
    op.create_table(
        "membership",
        sa.Column("identifier_id", BIG, autoincrement=False, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("identifier_id", name=op.f("pk_membership")),
    )
    op.create_index("ix_membership_person", "membership", ["person_id", "identifier_id"], unique=False)
    op.create_table(
        "page",
        sa.Column("page_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("query", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("page_id", name=op.f("pk_page")),
        sa.UniqueConstraint("hash", name=op.f("uq_page_hash")),
    )
    op.create_table(
        "placement",
        sa.Column("placement_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("medium", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("ad_group", sa.Text(), nullable=True),
        sa.Column("ad", sa.Text(), nullable=True),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("placement_id", name=op.f("pk_placement")),
        sa.UniqueConstraint("hash", name=op.f("uq_placement_hash")),
    )
    op.create_table(
        "rate",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("rate", sa.Text(), nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_rate")),
    )
    op.create_table(
        "run",
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("posted_at", BIG, nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("fingerprint", BIG, nullable=False),
        sa.Column("entries", BIG, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "social_stat",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("likes", BIG, nullable=True),
        sa.Column("comments", BIG, nullable=True),
        sa.Column("shares", BIG, nullable=True),
        sa.Column("clicks", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_social_stat")),
    )
    op.create_table(
        "spend",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("day", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("origin_id", BIG, nullable=False),
        sa.Column("cost_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("impressions", BIG, nullable=True),
        sa.Column("clicks", BIG, nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_spend")),
    )
    op.create_index(op.f("ix_spend_day"), "spend", ["day"], unique=False)
    op.create_table(
        "stage",
        sa.Column("stage_id", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("at", BIG, nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("stage_id", name=op.f("pk_stage")),
        sa.UniqueConstraint("key", name=op.f("uq_stage_key")),
    )
    op.create_index(op.f("ix_stage_object_key"), "stage", ["object_key"], unique=False)
    op.create_table(
        "touch",
        sa.Column("n", BIG, autoincrement=False, nullable=False),
        sa.Column("touch_id", sa.Text(), nullable=False),
        sa.Column("visitor", BIG, nullable=True),
        sa.Column("at", BIG, nullable=False),
        sa.Column("origin_id", BIG, nullable=False),
        sa.Column("page_id", BIG, nullable=True),
        sa.Column("click_id", sa.Text(), nullable=True),
        sa.Column("page_views", BIG, nullable=True),
        sa.Column("engaged_seconds", BIG, nullable=True),
        sa.Column("agent_id", BIG, nullable=True),
        sa.Column("consent", sa.SmallInteger(), nullable=False),
        sa.Column("cost_minor", BIG, nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("batch_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_touch")),
    )
    op.create_index("ix_touch_path", "touch", ["visitor", "at", "n", "origin_id"], unique=False)
    op.create_table(
        "touch_key",
        sa.Column("hash", BIG, autoincrement=False, nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("digest", BIG, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_touch_key")),
    )
    op.create_table(
        "credit_set",
        sa.Column("credit_set_id", BIG, nullable=False),
        sa.Column("journey_set_id", BIG, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("seen_touch", BIG, nullable=False),
        sa.Column("seen_change", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["journey_set_id"], ["journey_set.journey_set_id"], name=op.f("fk_credit_set_journey_set_id")
        ),
        sa.PrimaryKeyConstraint("credit_set_id", name=op.f("pk_credit_set")),
        sa.UniqueConstraint(
            "journey_set_id",
            "model",
            "version",
            "parameters",
            name=op.f("uq_credit_set_journey_set_id_model_version_parameters"),
        ),
    )
    op.create_table(
        "origin",
        sa.Column("origin_id", BIG, autoincrement=False, nullable=False),
        sa.Column("hash", BIG, nullable=False),
        sa.Column("placement_id", BIG, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("medium", sa.Text(), nullable=True),
        sa.Column("campaign", sa.Text(), nullable=True),
        sa.Column("ad_group", sa.Text(), nullable=True),
        sa.Column("ad", sa.Text(), nullable=True),
        sa.Column("keyword", sa.Text(), nullable=True),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("campaign_id", sa.Text(), nullable=True),
        sa.Column("ad_group_id", sa.Text(), nullable=True),
        sa.Column("ad_id", sa.Text(), nullable=True),
        sa.Column("keyword_id", sa.Text(), nullable=True),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("utm_source", sa.Text(), nullable=True),
        sa.Column("utm_medium", sa.Text(), nullable=True),
        sa.Column("utm_campaign", sa.Text(), nullable=True),
        sa.Column("utm_content", sa.Text(), nullable=True),
        sa.Column("utm_term", sa.Text(), nullable=True),
        sa.Column("utm_id", sa.Text(), nullable=True),
        sa.Column("url_campaign_id", sa.Text(), nullable=True),
        sa.Column("url_ad_group_id", sa.Text(), nullable=True),
        sa.Column("url_ad_id", sa.Text(), nullable=True),
        sa.Column("url_keyword", sa.Text(), nullable=True),
        sa.Column("url_match_type", sa.Text(), nullable=True),
        sa.Column("url_network", sa.Text(), nullable=True),
        sa.Column("gad_source", sa.Text(), nullable=True),
        sa.Column("click_id_kinds", sa.Text(), nullable=True),
        sa.Column("referrer_host", sa.Text(), nullable=True),
        sa.Column("landing_host", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["placement_id"], ["placement.placement_id"], name=op.f("fk_origin_placement_id")
        ),
        sa.PrimaryKeyConstraint("origin_id", name=op.f("pk_origin")),
        sa.UniqueConstraint("hash", name=op.f("uq_origin_hash")),
    )
    op.create_table(
        "rejected_row",
        sa.Column("rejected_id", BIG, nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("line", BIG, nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"], name=op.f("fk_rejected_row_batch_id")),
        sa.PrimaryKeyConstraint("rejected_id", name=op.f("pk_rejected_row")),
    )
    op.create_index(op.f("ix_rejected_row_batch_id"), "rejected_row", ["batch_id"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("a store is never taken back to an older version")
